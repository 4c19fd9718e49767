"""Small models that together use every part of the GPU's runtime, and the comparison with the CPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import ovgpu as ov
from ovgpu import opset16 as ops

F32 = {"INFERENCE_PRECISION_HINT": "f32"}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def reals(*shape: int, seed: int = 0) -> np.ndarray:
    return rng(seed).standard_normal(shape).astype(np.float32)


def parameter(shape: Sequence[Any], dtype: Any = np.float32, name: str = "x") -> Any:
    made = ops.parameter(
        ov.PartialShape([ov.Dimension(*d) if isinstance(d, tuple) else d for d in shape]), dtype
    )
    made.set_friendly_name(name)
    made.output(0).set_names({name})
    return made


def dense(shape: Sequence[Any]) -> ov.Model:
    """Two matrix products with activations, over 8 features."""
    x = parameter(shape)
    hidden = ops.relu(
        ops.add(ops.matmul(x, ops.constant(reals(8, 16)), False, False), ops.constant(reals(16)))
    )
    return ov.Model(
        [ops.tanh(ops.matmul(hidden, ops.constant(reals(16, 4)), False, False))], [x], "dense"
    )


def flattened(shape: Sequence[Any]) -> ov.Model:
    """Shape arithmetic: the batch is kept, the rest flattened; the sizes themselves are an output."""
    x = parameter(shape)
    sizes = ops.shape_of(x, "i64")
    batch = ops.gather(sizes, ops.constant(np.array([0], np.int64)), ops.constant(np.int64(0)))
    target = ops.concat([batch, ops.constant(np.array([-1], np.int64))], 0)
    return ov.Model(
        [ops.reshape(ops.exp(x), target, False), ops.multiply(sizes, ops.constant(np.int64(2)))],
        [x],
        "flat",
    )


def found() -> ov.Model:
    """The size depends on the data: positions of positive elements, then work on them."""
    x = parameter([-1])
    at = ops.non_zero(ops.greater(x, ops.constant(np.float32(0))), "i64")
    values = ops.gather(x, ops.squeeze(at, ops.constant(np.int64(0))), ops.constant(np.int64(0)))
    return ov.Model([ops.multiply(values, ops.constant(np.float32(2))), at], [x], "found")


def reshaped_by_input() -> ov.Model:
    """An input says what shape the other takes."""
    x, target = parameter([-1]), parameter([2], np.int64, "target")
    return ov.Model(
        [ops.relu(ops.reshape(ops.negative(x), target, False))], [x, target], "reshaped"
    )


def chosen() -> ov.Model:
    """If: doubled or negated."""
    x, flag = parameter([-1, 3]), parameter([], bool, "flag")
    then_x, else_x = parameter([-1, 3]), parameter([-1, 3])
    then_result = ops.result(ops.multiply(then_x, ops.constant(np.float32(2))))
    else_result = ops.result(ops.negative(else_x))
    node = ops.if_op(flag.output(0))
    node.set_then_body(ov.Model([then_result], [then_x]))
    node.set_else_body(ov.Model([else_result], [else_x]))
    node.set_input(ops.abs(x).output(0), then_x, else_x)
    out = node.set_output(then_result, else_result)
    return ov.Model([ops.add(out, ops.constant(np.float32(1)))], [x, flag], "chosen")


def repeated() -> ov.Model:
    """Loop: the trip count is an input."""
    x, trips = parameter([2, 3]), parameter([], np.int64, "trips")
    body_x = parameter([2, 3])
    body_result = ops.result(ops.add(body_x, ops.constant(np.float32(1.5))))
    go_on = ops.result(ops.constant(True))
    node = ops.loop(trips, ops.constant(True))
    node.set_function(ov.Model([body_result, go_on], [body_x]))
    node.set_special_body_ports([-1, 1])
    node.set_merged_input(body_x, ops.relu(x).output(0), body_result.output(0))
    out = node.get_iter_value(body_result.output(0), -1)
    return ov.Model([ops.multiply(out, ops.constant(np.float32(2)))], [x, trips], "repeated")


def accumulated() -> ov.Model:
    """A variable of fixed shape: the sum of all inputs so far."""
    x = parameter([2, 3])
    start = ops.constant(np.full((2, 3), 10, np.float32))
    total = ops.add(ops.read_value(start, "sum", np.float32, [2, 3]), x)
    out = ops.multiply(total, ops.constant(np.float32(1)))
    return ov.Model([out], [ops.assign(total, "sum")], [x], "sum")


def appended(length: Any = -1) -> ov.Model:
    """A variable that grows: all rows so far."""
    x = parameter([(1, 4), 3])
    start = ops.constant(np.zeros((0, 3), np.float32))
    shape = ov.PartialShape([ov.Dimension(*length) if isinstance(length, tuple) else length, 3])
    rows = ops.concat([ops.read_value(start, "rows", np.float32, shape), x], 0)
    out = ops.multiply(rows, ops.constant(np.float32(2)))
    return ov.Model([out], [ops.assign(rows, "rows")], [x], "rows")


def through_host() -> ov.Model:
    """An operation that runs on the host between two that run on the device."""
    x = parameter([-1, 4])
    unique = ops.cum_sum(ops.relu(x), ops.constant(np.int64(0)), False, True)
    return ov.Model([ops.exp(ops.multiply(unique, ops.constant(np.float32(0.25))))], [x], "host")


def integers() -> ov.Model:
    x, y = parameter([-1], np.int64, "x"), parameter([-1], np.int64, "y")
    return ov.Model(
        [ops.add(ops.multiply(x, y), ops.constant(np.int64(1 << 40)))], [x, y], "integers"
    )


def passed_through() -> ov.Model:
    """Outputs that are an input, a constant, and the same tensor twice."""
    x = parameter([3])
    y = ops.relu(x)
    return ov.Model([x, ops.constant(reals(2, 2)), y, y], [x], "passed")


Case = tuple[str, Callable[[], ov.Model], list[list[Any]]]

CASES: list[Case] = [
    ("static", lambda: dense([4, 8]), [[reals(4, 8, seed=s)] for s in range(3)]),
    ("bounded", lambda: dense([(1, 6), 8]), [[reals(n, 8)] for n in (6, 1, 4, 6, 4, 4)]),
    ("unbounded", lambda: dense([-1, 8]), [[reals(n, 8)] for n in (2, 30, 3, 300, 2, 30)]),
    ("ranks", lambda: dense([-1, -1, 8]), [[reals(*s)] for s in ((2, 2, 8), (1, 5, 8), (2, 2, 8))]),
    ("zero size", lambda: dense([-1, 8]), [[reals(n, 8)] for n in (0, 2, 0)]),
    ("shape arithmetic", lambda: flattened([-1, -1, 3]), [[reals(*s)] for s in ((2, 2, 3), (0, 2, 3), (1, 4, 3))]),
    ("data-dependent", found, [[np.array(v, np.float32)] for v in ([1, -1, 2], [-1, -2], [3, 1, 4], [])]),
    (
        "shape from an input",
        reshaped_by_input,
        [[reals(12), np.array(t, np.int64)] for t in ([3, 4], [4, 3], [3, 4], [-1, 2])],
    ),
    ("if", chosen, [[reals(2, 3), np.array(f)] for f in (True, False, True, False)]),
    ("loop", repeated, [[reals(2, 3), np.array(t, np.int64)] for t in (3, 1, 4, 3)]),
    ("variable", accumulated, [[reals(2, 3, seed=s)] for s in range(5)]),
    ("growing variable", appended, [[reals(n, 3, seed=n)] for n in (1, 2, 4, 1, 1)]),
    ("bounded variable", lambda: appended((0, 16)), [[reals(n, 3, seed=n)] for n in (1, 2, 4, 1, 1)]),
    ("host tier", through_host, [[reals(n, 4)] for n in (3, 3, 1, 3)]),
    ("integers", integers, [[rng(n).integers(-1000, 1000, n), rng(9).integers(-9, 9, n)] for n in (3, 7)]),
    ("scalar", lambda: _scalar(), [[np.float32(v)] for v in (0.5, -2.0, 3.0)]),
    ("passed through", passed_through, [[reals(3)], [reals(3, seed=1)], [reals(3, seed=2)]]),
]  # fmt: skip


def _scalar() -> ov.Model:
    x = parameter([])
    return ov.Model([ops.multiply(ops.exp(x), ops.constant(np.float32(2)))], [x], "scalar")


def assert_same(actual: Any, expected: Any, tolerance: float = 1e-5) -> None:
    """Compare all outputs of two inferences: shapes, dtypes and values."""
    got, want = actual.to_tuple(), expected.to_tuple()
    assert len(got) == len(want)
    for index, (a, b) in enumerate(zip(got, want, strict=True)):
        assert (a.shape, a.dtype) == (b.shape, b.dtype), f"output {index}"
        np.testing.assert_allclose(a, b, tolerance, tolerance, err_msg=f"output {index}")


def compile_gpu(model: ov.Model, config: dict[str, Any] | None = None, device: str = "GPU") -> Any:
    return ov.Core().compile_model(model, device, {**F32, **(config or {})})


def cpu_request(model: ov.Model) -> Any:
    return ov.Core().compile_model(model, "CPU", F32).create_infer_request()


def start_and_lose_device(
    simulated: Any, requests: Sequence[Any], values: Sequence[np.ndarray], after: int
) -> None:
    """Start all requests; device 0 is lost when ``after`` of them have been started."""
    for index, (request, value) in enumerate(zip(requests, values, strict=True)):
        if index == after:
            simulated.lose_device(0)
        request.start_async([value])
    if after == len(requests):
        simulated.lose_device(0)
