"""Caches of keys and values: which variables become one, and what they hold after appending, reordering and failing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cudasim import device
from plugins.gpu.runtime_models import F32, compile_gpu, cpu_request, reals

import ovgpu as ov
from ovgpu import opset13 as ops
from ovgpu.plugins.cpu.evaluate import evaluate_graph
from ovgpu.plugins.gpu.cache import fuse_caches
from ovgpu.plugins.gpu.lowering import lower_model

HEADS, SIZE = 3, 8


def cached(
    rows: Any, order: Any, name: str = "past", initial: Any = None, shape: Any = None, axis: int = 2
) -> tuple[Any, Any, Any]:
    """The value so far, with ``rows`` behind it, and the Assign that keeps it."""
    shape = [-1, HEADS, -1, SIZE] if shape is None else shape
    if initial is None:
        batch = ops.gather(ops.shape_of(rows, "i64"), np.array([0]), np.int64(0))
        empty = ops.concat([batch, ops.constant(np.array([HEADS, 0, SIZE]))], 0)
        initial = ops.broadcast(ops.constant(np.float32(0)), empty)
    past = ops.read_value(initial, name, np.float32, ov.PartialShape(shape))
    taken = past if order is None else ops.gather(past, order, np.int64(0))
    whole = ops.concat([taken, rows], axis)
    return past, whole, ops.assign(whole, name)


def attention_model(bound: int = -1, order_type: Any = np.int32) -> ov.Model:
    """Queries against all keys so far; nothing but attention reads the cache."""
    x = ops.parameter([-1, HEADS, -1, SIZE], np.float32, name="x")
    order = ops.parameter([-1], order_type, name="order")
    shape = [-1, HEADS, bound if bound < 0 else ov.Dimension(0, bound), SIZE]
    _, keys, assign_keys = cached(x, order, "keys", shape=shape)
    _, values, assign_values = cached(ops.multiply(x, np.float32(2)), order, "values", shape=shape)
    out = ops.scaled_dot_product_attention(x, keys, values)
    return ov.Model([out], [assign_keys, assign_values], [x, order], "attention")


def kinds(model: ov.Model) -> list[str]:
    return [n.get_type_name() for n in model.get_ordered_ops()]


def steps(*sizes: tuple[int, int], seed: int = 0) -> list[list[np.ndarray]]:
    """Inputs for batches and lengths, each batch in its order."""
    return [
        [reals(batch, HEADS, length, SIZE, seed=seed + i), np.arange(batch, dtype=np.int32)]
        for i, (batch, length) in enumerate(sizes)
    ]


def assert_close(got: Any, want: Any, limit: float = 2e-5) -> None:
    for a, b in zip(got.values(), want.values(), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, 0, limit * max(np.abs(b).max(initial=0), 1))


def assert_same_states(got: Any, want: Any, limit: float = 2e-5) -> None:
    for a, b in zip(got.query_state(), want.query_state(), strict=True):
        assert a.name == b.name
        np.testing.assert_allclose(a.state.data, b.state.data, 0, limit)


# ---- which variables ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ordered", [False, True])
def test_a_variable_that_grows_is_found(ordered):
    x = ops.parameter([-1, HEADS, -1, SIZE], np.float32)
    order = ops.parameter([-1], np.int32) if ordered else None
    _, whole, assign = cached(x, order)
    inputs = [x, order] if ordered else [x]
    model = ov.Model([ops.relu(whole)], [assign], inputs, "grows")
    fuse_caches(model)
    assert "KeyValueCache" in kinds(model)
    assert "Concat" not in [
        s.node.get_type_name() for s in model.get_results()[0].input_value(0).node.input_values()
    ]
    assert model.get_variables()[0].info.variable_id == "past"


def test_the_operation_computes_what_it_replaces():
    past, rows = (ops.parameter([-1, HEADS, -1, SIZE], np.float32) for _ in range(2))
    order = ops.parameter([-1], np.int64)
    from ovgpu.graph.node import make_node

    node = make_node("KeyValueCache", [past, rows, order], "ovgpu", axis=2, variable_id="v")
    feeds = {past: reals(2, HEADS, 4, SIZE), rows: reals(3, HEADS, 1, SIZE, seed=1)}
    feeds[order] = np.array([1, 1, 0])
    expected = np.concatenate([feeds[past][feeds[order]], feeds[rows]], 2)
    (actual,) = evaluate_graph([ops.result(node.output(0))], feeds)
    np.testing.assert_array_equal(actual, expected)
    assert str(node.output(0).get_partial_shape()) == "[?,3,?,8]"


def near_misses() -> dict[str, Any]:
    def empty_past() -> Any:
        shape = ov.PartialShape([1, HEADS, -1, SIZE])
        return ops.read_value(ops.constant(reals(1, HEADS, 0, SIZE)), "past", np.float32, shape)

    def rows_come_first(x: Any) -> Any:
        past = empty_past()
        whole = ops.concat([x, past], 2)
        return whole, ops.assign(whole, "past")

    def grows_along_the_batch(x: Any) -> Any:
        initial = ops.constant(reals(0, HEADS, 1, SIZE))
        _, whole, assign = cached(x, None, initial=initial, shape=[-1, 3, 1, 8], axis=0)
        return whole, assign

    def other_value_is_kept(x: Any) -> Any:
        _past, whole, _ = cached(x, None)
        return whole, ops.assign(ops.relu(whole), "past")

    def gathered_along_another_axis(x: Any) -> Any:
        past = empty_past()
        whole = ops.concat([ops.gather(past, np.array([2, 1, 0]), np.int64(1)), x], 2)
        return whole, ops.assign(whole, "past")

    return {
        f.__name__: f
        for f in (
            rows_come_first,
            grows_along_the_batch,
            other_value_is_kept,
            gathered_along_another_axis,
        )
    }


@pytest.mark.parametrize("name", near_misses())
def test_near_misses_are_left_alone(name):
    x = ops.parameter([1, HEADS, 1, SIZE], np.float32)
    out, assign = near_misses()[name](x)
    model = ov.Model([out], [assign], [x], name)
    fuse_caches(model)
    assert "KeyValueCache" not in kinds(model)


# ---- on the device --------------------------------------------------------------------------------------------------
@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("precision", ["f32", "f16"])
@pytest.mark.parametrize("batch", [1, 2])
def test_rows_are_appended(precision, batch, cudasim):
    """More rows than a buffer holds at first, a reset in between, and what the variables hold."""
    model = attention_model()
    assert kinds(lower_model(model)).count("KeyValueCache") == 2
    want = cpu_request(model)
    got = ov.compile_model(model, "GPU", {"INFERENCE_PRECISION_HINT": precision})
    request = got.create_infer_request()
    limit = 2e-5 if precision == "f32" else 1e-2
    for _ in range(2):
        for feed in steps((batch, 5), *[(batch, 1)] * 3, (batch, 30), *[(batch, 1)] * 3):
            assert_close(request.infer(feed), want.infer(feed), limit)
        assert_same_states(request, want, limit)
        request.reset_state()
        want.reset_state()
    assert got.get_property("OVGPU_HOST_OPERATIONS") == []


@pytest.mark.gpu_sim
def test_a_token_moves_its_own_rows_only(cudasim):
    """Neither the past nor the new rows are copied around: what is written is the new rows and the result."""
    request = compile_gpu(attention_model()).create_infer_request()
    for feed in steps((1, 20), (1, 1)):
        request.infer(feed)
    with device.launches() as log:
        request.infer(steps((1, 1))[0])
    row = HEADS * SIZE * 4
    assert sum(x.bytes_written for x in log) <= 5 * row
    assert len(log) <= 4, [x.kernel for x in log]


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("order_type", [np.int32, np.int64])
def test_the_batch_is_reordered(order_type, cudasim):
    model = attention_model(order_type=order_type)
    want, request = cpu_request(model), compile_gpu(model).create_infer_request()
    orders = [[0], [0, 0, 0], [2, 1, 0], [0, 1, 2], [1, 1, -1], [2, 0], [0, 1]]
    for i, order in enumerate(orders):
        length = 4 if i == 0 else 1
        feed = [reals(len(order), HEADS, length, SIZE, seed=i), np.array(order, order_type)]
        assert_close(request.infer(feed), want.infer(feed))
        assert_same_states(request, want)


@pytest.mark.gpu_sim
def test_bounds_make_room_once(cudasim):
    """With an upper bound of rows nothing is allocated after the first inference."""
    model = attention_model(bound=40)
    want, request = cpu_request(model), compile_gpu(model).create_infer_request()
    for i, feed in enumerate(steps(*[(1, 1)] * 40)):
        with device.counting() as counted:
            assert_close(request.infer(feed), want.infer(feed))
        if i > 0:
            assert counted["mallocs"] == 0, i


@pytest.mark.gpu_sim
def test_values_from_outside(cudasim):
    """A state is taken over, also with another batch, and appended to."""
    model = attention_model()
    want, request = cpu_request(model), compile_gpu(model).create_infer_request()
    for batch, length in ((1, 3), (2, 50), (1, 0), (2, 5)):
        for runner in (want, request):
            for i, state in enumerate(runner.query_state()):
                state.state = ov.Tensor(reals(batch, HEADS, length, SIZE, seed=i))
        for feed in steps((batch, 1), (batch, 2)):
            assert_close(request.infer(feed), want.infer(feed))
        assert_same_states(request, want)


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("ordered", [False, True])
def test_readers_that_copy(ordered, cudasim):
    """The value before, the value after, and an operation that takes no strides; an initial value with rows."""
    x = ops.parameter([-1, HEADS, -1, SIZE], np.float32, name="x")
    order = ops.parameter([-1], np.int32, name="order")
    initial = ops.constant(reals(2, HEADS, 3, SIZE, seed=9))
    past, whole, assign = cached(x, order if ordered else None, initial=initial)
    inputs = [x, order] if ordered else [x]
    outputs = [past, whole, ops.cum_sum(whole, np.int64(1))]
    model = ov.Model(outputs, [assign], inputs, "copied")
    want, request = cpu_request(model), compile_gpu(model).create_infer_request()
    for rounds in range(2):
        orders = [[1, 0], [0, 1], [1, 1]] if rounds else [[0, 1], [0, 1], [1, 0]]
        for feed, numbers in zip(steps((2, 1), (2, 40), (2, 1)), orders, strict=True):
            given = [feed[0], np.array(numbers, np.int32)][: len(inputs)]
            assert_close(request.infer(given), want.infer(given))
        assert_same_states(request, want)
        request.reset_state()
        want.reset_state()


@pytest.mark.gpu_sim
def test_only_the_length_is_taken(cudasim):
    """Exporters ask the gathered past for its length: no reason to gather it."""
    x = ops.parameter([-1, HEADS, -1, SIZE], np.float32, name="x")
    order = ops.parameter([-1], np.int32, name="order")
    _past, whole, assign = cached(x, order)
    gathered = whole.input_value(0)
    length = ops.gather(ops.shape_of(gathered, "i64"), np.int64(2), np.int64(0))
    model = ov.Model([ops.relu(whole), length], [assign], [x, order], "length")
    want, request = cpu_request(model), compile_gpu(model).create_infer_request()
    for feed in steps((1, 2), (1, 1), (1, 1)):
        expected = want.infer(feed)
        with device.launches() as log:
            assert_close(request.infer(feed), expected)
    assert not [x for x in log if "gather" in x.kernel]


@pytest.mark.gpu_sim
@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
@pytest.mark.parametrize("point", ["launch", "copy", "synchronize", "malloc"])
def test_a_failed_inference_leaves_the_value(point, order, cudasim):
    model = attention_model()
    want, request = cpu_request(model), compile_gpu(model).create_infer_request()
    first = steps((2, 30))[0]
    assert_close(request.infer(first), want.infer(first))
    for nth in range(1, 6):
        failing = [reals(2, HEADS, 1, SIZE, seed=100 + nth), np.array(order, np.int32)]
        device.inject_fault(point, nth, device.LAUNCH_FAILURE)
        failed = False
        try:
            request.infer(failing)
        except RuntimeError:
            failed = True
        device.inject_fault(point, 0)
        if not failed:
            want.infer(failing)
        assert_same_states(request, want)
        feed = steps((2, 1), seed=nth)[0]
        assert_close(request.infer(feed), want.infer(feed))


@pytest.mark.gpu_sim(policy=["lazy", "random:1"])
def test_requests_have_caches_of_their_own(cudasim):
    model = attention_model()
    compiled = ov.compile_model(model, "GPU", {**F32, "NUM_STREAMS": 2})
    requests = [compiled.create_infer_request() for _ in range(2)]
    references = [cpu_request(model) for _ in range(2)]
    for turn in range(6):
        feeds = [steps((1, 1 + turn % 2), seed=10 * turn + i)[0] for i in range(2)]
        for request, feed in zip(requests, feeds, strict=True):
            request.start_async(feed)
        for request, reference, feed in zip(requests, references, feeds, strict=True):
            request.wait()
            assert_close(request.results, reference.infer(feed))
    for request, reference in zip(requests, references, strict=True):
        assert_same_states(request, reference)
