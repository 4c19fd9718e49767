"""Sums that are scaled afterwards: which become means, with what values, and which are left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ovgpu as ov
from ovgpu import opset13 as ops
from ovgpu.passes.scaled_sums import restore_means
from ovgpu.plugins.cpu.evaluate import evaluate_graph


def restored(out: Any, x: Any, feed: np.ndarray) -> list[str]:
    """Apply the pass, compare values, and return the operations that are left."""
    model = ov.Model([out], [x], "sums")
    (want,) = evaluate_graph(model.get_results(), {x: feed})
    restore_means(model)
    model.validate_nodes_and_infer_types()
    (got,) = evaluate_graph(model.get_results(), {x: feed})
    np.testing.assert_allclose(got, want, 1e-6, 1e-6)
    hidden = ("Parameter", "Constant", "Result")
    return [n.get_type_name() for n in model.get_ordered_ops() if n.get_type_name() not in hidden]


FEED = np.random.default_rng(0).standard_normal((3, 4, 8)).astype(np.float32)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("divided", [False, True])
def test_a_mean(divided, keep):
    x = ops.parameter([-1, 4, 8], np.float32)
    total = ops.reduce_sum(x, np.array([1, -1]), keep)
    out = ops.divide(total, np.float32(32)) if divided else ops.multiply(total, np.float32(1 / 32))
    assert restored(out, x, FEED) == ["ReduceMean"]


def test_another_factor_is_kept():
    x = ops.parameter([-1, 4, 8], np.float32)
    out = ops.multiply(np.float32(0.5), ops.reduce_sum(x, np.array([2]), False))
    assert restored(out, x, FEED) == ["ReduceMean", "Multiply"]


def near_misses() -> dict[str, Any]:
    def unknown_count(x: Any) -> Any:
        return ops.multiply(ops.reduce_sum(x, np.array([0]), False), np.float32(0.1))

    def larger(x: Any) -> Any:
        return ops.multiply(ops.reduce_sum(x, np.array([2]), False), np.float32(3))

    def divisor(x: Any) -> Any:
        return ops.divide(np.float32(0.5), ops.reduce_sum(x, np.array([2]), False))

    def read_twice(x: Any) -> Any:
        total = ops.reduce_sum(x, np.array([2]), False)
        return ops.add(ops.multiply(total, np.float32(0.1)), total)

    def vector(x: Any) -> Any:
        factors = np.linspace(0.1, 0.4, 4, dtype=np.float32)
        return ops.multiply(ops.reduce_sum(x, np.array([2]), False), factors)

    return {f.__name__: f for f in (unknown_count, larger, divisor, read_twice, vector)}


@pytest.mark.parametrize("name", near_misses())
def test_near_misses_are_left_alone(name):
    x = ops.parameter([-1, 4, 8], np.float32)
    assert "ReduceSum" in restored(near_misses()[name](x), x, FEED)


@pytest.mark.gpu_sim
def test_large_squares_in_f16(cudasim):
    """The sum of the squares is beyond f16, their mean is not."""
    x = ops.parameter([2, 512], np.float32)
    squares = ops.reduce_sum(ops.multiply(x, x), np.array([1]), True)
    model = ov.Model([ops.sqrt(ops.multiply(squares, np.float32(1 / 512)))], [x], "deviation")
    feed = np.random.default_rng(0).standard_normal((2, 512)).astype(np.float32) * 40
    want = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(feed)[0]
    got = ov.compile_model(model, "GPU", {"INFERENCE_PRECISION_HINT": "f16"})(feed)[0]
    np.testing.assert_allclose(got, want, 3e-3)
