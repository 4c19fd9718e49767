"""Plans that are derived from the plan before compute what plans from the ground up compute, bit for bit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plugins.deriving_models import many_known_numbers

import ovgpu as ov
from ovgpu import opset16 as ops
from ovgpu.plugins.cpu import executor as executors

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
import models

F32 = {"INFERENCE_PRECISION_HINT": "f32"}


class Derivations:
    """How often plans were derived; whether they may be."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.derived = self.planned = 0
        self.allowed = True
        self._derive = executors.derive
        monkeypatch.setattr(executors, "derive", self)

    def __call__(self, executor: Any, base: Any, values: Any) -> Any:
        if not self.allowed:
            return None
        made = self._derive(executor, base, values)
        self.derived += made is not None
        self.planned += made is None
        return made


@pytest.fixture
def derivations(monkeypatch: pytest.MonkeyPatch) -> Derivations:
    return Derivations(monkeypatch)


def parameter(shape: list[int], dtype: Any = np.float32, name: str = "x") -> Any:
    return ops.parameter(ov.PartialShape(shape), dtype, name)


def reals(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def check(model: ov.Model, feeds: list[list[np.ndarray]], derivations: Derivations) -> None:
    """Both ways must give equal bits; each size comes back in between, from the plans that are kept."""
    requests = [ov.Core().compile_model(model, "CPU", F32).create_infer_request() for _ in range(2)]
    for feed in feeds:
        results = []
        for request, allowed in zip(requests, (True, False), strict=True):
            derivations.allowed = allowed
            results.append([a.copy() for a in request.infer(feed).to_tuple()])
        for a, b in zip(*results, strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("group", [0, 32], ids=["dense", "u4"])
@pytest.mark.parametrize("batch", [1, 2])
def test_tokens_of_a_decoder(batch, group, derivations):
    model = models.llama(
        layers=2, hidden=64, heads=4, kv_heads=2, intermediate=96, vocabulary=90, group=group
    )
    feeds, past = [], 0
    for count in [5] + [1] * 30 + [3, 1, 1]:
        ids = np.random.default_rng(past).integers(0, 90, (batch, count))
        positions = np.broadcast_to(np.arange(past, past + count), (batch, count)).copy()
        beams = np.arange(batch, dtype=np.int32)
        feeds.append([ids, positions, beams if past != 9 else beams[::-1].copy()])
        past += count
    check(model, feeds, derivations)
    assert derivations.derived >= 20


def test_no_boundary_where_sizes_are_known(derivations):
    """What a Broadcast makes follows from sizes: a plan is one segment."""
    model = models.llama(layers=1, hidden=64, heads=4, kv_heads=2, intermediate=96, vocabulary=90)
    request = ov.Core().compile_model(model, "CPU", F32).create_infer_request()
    request.infer([np.zeros((1, 3), np.int64), np.arange(3)[None], np.zeros(1, np.int32)])
    for segment in request._job.executor._roots.values():
        assert segment.stop == len(request._job.executor.program.instructions)
        assert not segment.children


def lengths(model: ov.Model, shapes: list[tuple[int, ...]], *fixed: np.ndarray) -> Any:
    return [[reals(*shape, seed=seed), *fixed] for seed, shape in enumerate(shapes)]


SIZES = [(6, 8), (7, 8), (5, 8), (6, 8), (0, 8), (8, 8), (9, 8), (40, 8), (1, 8)]


def test_in_place_and_views(derivations):
    """Elementwise work in a dying input's memory, halves of a dynamic axis, all but the first row, transposed."""
    x = parameter([-1, 8])
    y = ops.exp(ops.abs(ops.tanh(x)))
    first, second = ops.split(y, ops.constant(np.int64(1)), 2).outputs()
    rest = ops.slice(y, np.array([1]), np.array([1 << 40]), np.array([1]), np.array([0]))
    outputs = [
        ops.add(first, second),
        ops.negative(rest),
        ops.relu(ops.transpose(y, np.array([1, 0]))),
        ops.reduce_sum(rest, np.array([0]), False),
    ]
    model = ov.Model(outputs, [x], "views")
    check(model, lengths(model, SIZES), derivations)
    assert derivations.derived >= 2


def test_independent_work_and_joined_parts(derivations):
    x, y = parameter([-1, 8]), parameter([4, 8], name="y")
    weights = ops.constant(reals(8, 8))
    joined = ops.concat([ops.tanh(x), ops.exp(y), ops.abs(x)], 0)
    outputs = [
        ops.matmul(joined, weights, False, False),
        ops.softmax(ops.matmul(y, weights, False, False), 1),
    ]
    model = ov.Model(outputs, [x, y], "joined")
    check(model, lengths(model, SIZES, reals(4, 8)), derivations)
    assert derivations.derived >= 2


def test_pictures_of_any_size(derivations):
    """Convolutions keep channels last, and want scratch memory."""
    x = parameter([1, 3, -1, -1])
    filters = [ops.constant(reals(*shape) / 8) for shape in ((16, 3, 3, 3), (16, 16, 3, 3))]
    y = x
    for f in filters:
        y = ops.relu(ops.convolution(y, f, [1, 1], [1, 1], [1, 1], [1, 1]))
    pooled = ops.max_pool(y, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0)
    model = ov.Model([pooled, ops.reduce_mean(y, np.array([2, 3]), False)], [x], "pictures")
    shapes = [(1, 3, 12, 12), (1, 3, 12, 10), (1, 3, 9, 12), (1, 3, 32, 30), (1, 3, 31, 30)]
    check(model, lengths(model, shapes), derivations)
    assert derivations.derived


def test_sizes_that_are_used_as_numbers(derivations):
    x = parameter([-1, 8])
    rows = ops.gather(ops.shape_of(x, "i64"), ops.constant(np.int64(0)), ops.constant(np.int64(0)))
    count = ops.convert(rows, np.float32)
    ranged = ops.range(np.int64(0), rows, np.int64(1), "f32")
    tiled = ops.broadcast(ops.constant(np.float32(2)), ops.shape_of(x, "i64"))
    outputs = [
        ops.divide(ops.reduce_sum(x, np.array([0]), False), count),
        ops.multiply(ranged, count),
        rows,
        tiled,
    ]
    model = ov.Model(outputs, [x], "numbers")
    check(model, lengths(model, SIZES), derivations)
    assert derivations.derived


def test_many_known_numbers_of_one_shape(derivations):
    model = many_known_numbers()
    check(model, lengths(model, SIZES), derivations)
    assert derivations.derived


def test_sizes_that_are_refused(derivations):
    """The error names the layer, and the next inference is right."""
    x, y = parameter([-1, 4]), parameter([-1, 4], name="y")
    model = ov.Model([ops.add(ops.tanh(x), y)], [x, y], "sizes")
    request = ov.Core().compile_model(model, "CPU", F32).create_infer_request()
    for rows in (3, 4, 2):
        with pytest.raises(RuntimeError, match="Layer 'Add"):
            request.infer([reals(5, 4), reals(3, 4)])
        a, b = reals(rows, 4), reals(rows, 4, seed=1)
        np.testing.assert_allclose(request.infer([a, b])[0], np.tanh(a) + b, rtol=1e-5, atol=1e-6)
    assert derivations.derived
