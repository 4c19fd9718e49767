"""Plans that are derived from the plan before: they are what planning from the ground up makes, or are not made."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plugins.deriving_models import many_known_numbers
from plugins.gpu.runtime_models import F32, assert_same, compile_gpu, cpu_request, parameter, reals

import ovgpu as ov
from ovgpu import opset16 as ops
from ovgpu.plugins.gpu import executor as executors
from ovgpu.plugins.gpu.encoder import Copy, Fill, Launch, Record
from ovgpu.plugins.gpu.planner import plan_gpu_segment
from ovgpu.plugins.gpu.segment import GpuSegment

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
import models

pytestmark = pytest.mark.gpu_sim

EAGER = {**F32, "OVGPU_CUDA_GRAPHS": False}


def described(record: Record) -> tuple[Any, ...]:
    """What a record does, so that equal ones do the same."""
    if isinstance(record, Launch):
        return (record.name, record.grid, record.block, record.shared_bytes, bytes(record._keep[1]))
    if isinstance(record, Copy):
        return (record.name, record.target, record.source, record.nbytes)
    if isinstance(record, Fill):
        return (record.name, record.target, record.value, record.nbytes)
    call = getattr(record, "_call", None)
    return (record.name, getattr(call, "args", None))


class Watched:
    """Derivations of the executors, each beside a plan for the same sizes from the ground up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.derived = self.planned = 0
        self._derive = executors.derive
        monkeypatch.setattr(executors, "derive", self)

    def __call__(self, executor: Any, base: GpuSegment, segment: GpuSegment) -> bool:
        given = dict(segment.values)
        if not self._derive(executor, base, segment):
            self.planned += 1
            assert segment.values == given
            return False
        self.derived += 1
        fresh = GpuSegment(0, 0, 0, given, {})
        fresh.device_inputs, fresh.device_outputs = segment.device_inputs, segment.device_outputs
        fresh.identities, fresh.roles = segment.identities, segment.roles
        plan_gpu_segment(executor, fresh, None)
        assert [described(r) for r in segment.records] == [described(r) for r in fresh.records]
        assert segment.assigned == fresh.assigned
        assert segment.tensors.keys() == fresh.tensors.keys()
        for number, tensor in fresh.tensors.items():
            assert segment.tensors[number].shape == tensor.shape
            assert segment.tensors[number].address == tensor.address
            assert segment.tensors[number].strides == tensor.strides
        return True


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def tokens(past: int, count: int, batch: int = 1) -> list[np.ndarray]:
    ids = np.random.default_rng(past).integers(0, 90, (batch, count))
    positions = np.broadcast_to(np.arange(past, past + count), (batch, count))
    return [ids, positions, np.arange(batch, dtype=np.int32)]


def decoder(layers: int = 2, **more: Any) -> ov.Model:
    return models.llama(
        layers=layers, hidden=64, heads=4, kv_heads=2, intermediate=96, vocabulary=90, **more
    )


@pytest.mark.parametrize("group", [0, 32], ids=["dense", "u4"])
@pytest.mark.parametrize("batch", [1, 2])
def test_tokens_of_a_decoder(batch, group, watched):
    """All but the first token and those for which memory grows; what is computed is what the CPU computes."""
    model = decoder(group=group)
    request, reference = compile_gpu(model, EAGER).create_infer_request(), cpu_request(model)
    past = 0
    for count in [5] + [1] * 40 + [3, 1, 1]:
        values = tokens(past, count, batch)
        assert_same(request.infer(values), reference.infer(values), 1e-4)
        past += count
    assert watched.derived >= 34
    assert watched.planned <= 10


def test_a_new_sequence_and_another_order_of_the_batch(watched):
    """What plans were made for is part of what they may be derived from."""
    model = decoder(1)
    request, reference = compile_gpu(model, EAGER).create_infer_request(), cpu_request(model)
    for turn in range(2):
        past = 0
        for step, count in enumerate([4 + turn, 1, 1, 1, 1]):
            values = tokens(past, count, 2)
            if step == 3:
                values[2] = np.array([1, 0], np.int32)
            assert_same(request.infer(values), reference.infer(values), 1e-4)
            past += count
        request.reset_state()
        reference.reset_state()
    assert watched.derived


def lengths(model: ov.Model, shapes: list[Any], watched: Watched, *fixed: np.ndarray) -> None:
    request, reference = compile_gpu(model, EAGER).create_infer_request(), cpu_request(model)
    for seed, shape in enumerate(shapes):
        values = [reals(*shape, seed=seed), *fixed]
        assert_same(request.infer(values), reference.infer(values))


def test_independent_work_keeps_its_records(watched):
    x, y = parameter([-1, 8]), parameter([4, 8], name="y")
    weights = ops.constant(reals(8, 8))
    outputs = [
        ops.tanh(ops.matmul(x, weights, False, False)),
        ops.softmax(ops.matmul(y, weights, False, False), 1),
    ]
    lengths(ov.Model(outputs, [x, y], "two"), [(6, 8), (7, 8), (5, 8)], watched, reals(4, 8))
    assert watched.derived == 2


def test_blocks_that_grow_are_planned(watched):
    """A block holds the next power of two; nothing is written behind it."""
    x = parameter([-1, 8])
    lengths(
        ov.Model([ops.exp(ops.tanh(x))], [x], "grows"),
        [(5, 8), (8, 8), (9, 8), (16, 8), (70, 8), (60, 8)],
        watched,
    )
    assert 0 < watched.derived < 5


def test_parts_of_a_joined_tensor_move(watched):
    """Where a part lies depends on the sizes before it."""
    x, y = parameter([-1, 8]), parameter([4, 8], name="y")
    joined = ops.concat([ops.tanh(x), ops.exp(y), ops.abs(x)], 0)
    model = ov.Model([ops.multiply(joined, np.float32(2)), ops.relu(joined)], [x, y], "joined")
    lengths(model, [(6, 8), (7, 8), (5, 8), (6, 8), (8, 8)], watched, reals(4, 8))


def test_views_that_depend_on_a_size(watched):
    """Halves of a dynamic axis, and all but its first row."""
    x = parameter([-1, 16])
    first, second = ops.split(ops.tanh(x), ops.constant(np.int64(0)), 2).outputs()
    rest = ops.slice(x, np.array([1]), np.array([1 << 40]), np.array([1]), np.array([0]))
    model = ov.Model(
        [ops.add(first, second), ops.exp(rest), ops.transpose(rest, np.array([1, 0]))], [x], "views"
    )
    lengths(model, [(6, 16), (8, 16), (4, 16), (10, 16)], watched)


def test_what_is_known_of_sizes_is_looked_at(watched):
    """Known numbers are stored where the device reads them, and skipped where it does not."""
    x = parameter([-1, 4])
    rows = ops.gather(ops.shape_of(x, "i64"), ops.constant(np.int64(0)), ops.constant(np.int64(0)))
    count = ops.convert(rows, np.float32)
    ranged = ops.range(np.int64(0), rows, np.int64(1), "f32")
    outputs = [
        ops.divide(ops.reduce_sum(x, np.array([0]), False), count),
        ops.multiply(ranged, count),
        rows,
    ]
    lengths(ov.Model(outputs, [x], "known"), [(6, 4), (7, 4), (5, 4), (3, 4)], watched)
    assert watched.derived


def test_many_known_numbers_of_one_shape(watched):
    lengths(many_known_numbers(), [(6, 8), (7, 8), (5, 8), (3, 8)], watched)
    assert watched.derived


def test_empty_and_full(watched):
    x = parameter([-1, 4])
    model = ov.Model([ops.reduce_sum(ops.exp(x), np.array([0]), False), ops.tanh(x)], [x], "empty")
    lengths(model, [(6, 4), (0, 4), (7, 4), (0, 4), (1, 4)], watched)


def test_an_error_leaves_the_plans_as_they_are(watched):
    """Sizes that an operation refuses raise as they do from the ground up, and the next inference is right."""
    x, y = parameter([-1, 4]), parameter([-1, 4], name="y")
    model = ov.Model([ops.add(ops.tanh(x), y)], [x, y], "sizes")
    request = compile_gpu(model, EAGER).create_infer_request()
    reference = cpu_request(model)
    for rows, others in [(3, 3), (4, 4), (2, 2)]:
        with pytest.raises(RuntimeError, match="Add"):
            request.infer([reals(5, 4), reals(3, 4)])
        values = [reals(rows, 4), reals(others, 4, seed=1)]
        assert_same(request.infer(values), reference.infer(values))
    assert watched.derived


def test_outputs_on_the_device_are_another_plan(watched):
    """A plan that leaves its output to the user's memory is no base for one that fetches it."""
    x = parameter([-1, 8])
    compiled = compile_gpu(ov.Model([ops.tanh(x)], [x], "device"), EAGER)
    request = compiled.create_infer_request()
    context = ov.Core().get_default_context("GPU")
    request.infer([reals(4, 8)])
    place = context.create_tensor(ov.Type.f32, ov.Shape([5, 8]), {})
    request.set_output_tensor(place)
    request.infer([reals(5, 8)])
    assert watched.derived == 0


def test_the_last_row_of_a_cache_is_another_one_each_time(watched):
    """A view of one shape that moves with what it is cut from."""
    x = parameter([1, -1, 8])
    beams = parameter([1], np.int32, name="beams")
    shape = ov.PartialShape([1, -1, 8])
    past = ops.read_value(ops.constant(np.ones((1, 2, 8), np.float32)), "rows", np.float32, shape)
    whole = ops.concat([ops.gather(past, beams, ops.constant(np.int64(0))), ops.tanh(x)], 1)

    def last(rows: Any) -> Any:
        cut = [np.array([n]) for n in (-1, 1 << 40, 1, 1)]
        return ops.exp(ops.slice(rows, *cut))

    sink = ops.assign(whole, "rows")
    outputs = [last(past), last(whole), ops.reduce_sum(whole, np.array([1]), False)]
    model = ov.Model(outputs, [sink], [x, beams], "last")
    request, reference = compile_gpu(model, EAGER).create_infer_request(), cpu_request(model)
    for step in range(12):
        values = [reals(1, 1, 8, seed=step), np.zeros(1, np.int32)]
        assert_same(request.infer(values), reference.infer(values))


def test_parts_that_move_inside_of_a_whole_that_does_not(watched):
    """What is made in its place between two others lies elsewhere when one grows and the other shrinks."""
    x, y, z = parameter([-1, 8]), parameter([-1, 8], name="y"), parameter([4, 8], name="z")
    joined = ops.concat([x, ops.tanh(z), y], 0)
    model = ov.Model([ops.exp(joined)], [x, y, z], "moving")
    request, reference = compile_gpu(model, EAGER).create_infer_request(), cpu_request(model)
    for rows in (3, 5, 2, 4, 6):
        values = [reals(rows, 8), reals(8 - rows, 8, seed=1), reals(4, 8, seed=rows)]
        assert_same(request.infer(values), reference.infer(values))
