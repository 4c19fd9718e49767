"""Products of one tensor: which become one product, what it computes, and which are left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ovgpu as ov
from ovgpu import opset13 as ops
from ovgpu.plugins.cpu.evaluate import evaluate_graph
from ovgpu.plugins.gpu.compressed import keep_weights_packed
from ovgpu.plugins.gpu.merging import merge_products

HIDDEN = 32


def reals(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def packed(count: int, seed: int) -> Any:
    codes = np.random.default_rng(seed).integers(-8, 8, count * HIDDEN).tolist()
    constant = ov.op.Constant(ov.Type.i4, ov.Shape([count, HIDDEN // 16, 16]), codes)
    scale = ops.constant(np.abs(reals(count, HIDDEN // 16, 1, seed=seed)).astype(np.float16))
    scaled = ops.multiply(ops.convert(constant, np.float16), scale)
    return ops.convert(ops.reshape(scaled, np.array([count, HIDDEN]), False), np.float32)


def products(model: ov.Model) -> list[str]:
    return sorted(
        n.get_type_name() for n in model.get_ordered_ops() if "MatMul" in n.get_type_name()
    )


def gated(x: Any, weights: Any, transposed: bool) -> Any:
    """Three products of different widths, of which two meet again."""
    a, b, c = (ops.matmul(x, w, False, transposed) for w in weights)
    return [ops.multiply(ops.sigmoid(a), b), ops.multiply(c, np.float32(2))]


def merged(
    results: list[Any], x: Any, feed: np.ndarray, passes: Any = (), tolerance: float = 1e-5
) -> list[str]:
    model = ov.Model(results, [x], "merged")
    expected = evaluate_graph(model.get_results(), {x: feed})
    for transform in (*passes, merge_products):
        transform(model)
    for want, got in zip(expected, evaluate_graph(model.get_results(), {x: feed}), strict=True):
        np.testing.assert_allclose(got, want, 0, tolerance * np.abs(want).max())
    return products(model)


@pytest.mark.parametrize("transposed", [False, True])
def test_weights_are_put_together(transposed):
    x = ops.parameter([-1, -1, HIDDEN], np.float32)
    shapes = [(n, HIDDEN) if transposed else (HIDDEN, n) for n in (24, 24, 8)]
    weights = [reals(*s, seed=i) for i, s in enumerate(shapes)]
    assert merged(gated(x, weights, transposed), x, reals(2, 3, HIDDEN)) == ["MatMul"]


def test_packed_weights_stay_packed():
    x = ops.parameter([-1, HIDDEN], np.float32)
    weights = [packed(n, seed) for seed, n in enumerate((24, 24, 8))]
    # The graph as it was unpacks in f16.
    left = merged(gated(x, weights, True), x, reals(3, HIDDEN), [keep_weights_packed], 2e-3)
    assert left == ["CompressedMatMul"]


def near_misses() -> dict[str, Any]:
    def other_data(x: Any) -> list[Any]:
        return [
            ops.multiply(
                ops.matmul(x, reals(HIDDEN, 8), False, False),
                ops.matmul(ops.abs(x), reals(HIDDEN, 8), False, False),
            )
        ]

    def other_orientation(x: Any) -> list[Any]:
        return [
            ops.multiply(
                ops.matmul(x, reals(HIDDEN, 8), False, False),
                ops.matmul(x, reals(8, HIDDEN), False, True),
            )
        ]

    def readers_copy(x: Any) -> list[Any]:
        return [
            ops.softmax(ops.matmul(x, reals(HIDDEN, 8, seed=s), False, False), -1) for s in range(2)
        ]

    def weights_are_no_constants(x: Any) -> list[Any]:
        return [ops.multiply(ops.matmul(x, x, False, True), ops.matmul(x, ops.abs(x), False, True))]

    return {
        f.__name__: f
        for f in (other_data, other_orientation, readers_copy, weights_are_no_constants)
    }


@pytest.mark.parametrize("name", near_misses())
def test_near_misses_are_left_alone(name):
    x = ops.parameter([5, HIDDEN], np.float32)
    assert len(merged(near_misses()[name](x), x, reals(5, HIDDEN))) == 2


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("precision", ["f32", "f16"])
@pytest.mark.parametrize("rows", [1, 20])
@pytest.mark.parametrize("compressed", [False, True])
def test_attention_on_the_device(precision, rows, compressed, cudasim):
    """Query, key and value: one product, and attention reads its rows where they lie."""
    heads, size = 4, 8
    x = ops.parameter([-1, -1, HIDDEN], np.float32)

    def projected(seed: int) -> Any:
        weights = (
            packed(heads * size, seed) if compressed else reals(heads * size, HIDDEN, seed=seed)
        )
        y = ops.matmul(x, weights, False, True)
        y = ops.reshape(y, np.array([0, 0, heads, size]), True)
        return ops.transpose(y, np.array([0, 2, 1, 3]))

    context = ops.scaled_dot_product_attention(*(projected(i) for i in range(3)), causal=True)
    context = ops.reshape(
        ops.transpose(context, np.array([0, 2, 1, 3])), np.array([0, 0, HIDDEN]), True
    )
    model = ov.Model([context], [x], "attention")
    feed = [reals(2, rows, HIDDEN, seed=9) / 4]
    expected = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(feed)[0]
    request = ov.compile_model(
        model, "GPU", {"INFERENCE_PRECISION_HINT": precision}
    ).create_infer_request()
    request.infer(feed)
    with cudasim.launches() as log:
        actual = request.infer(feed)[0]
    assert len(log) == 2
    limit = 2e-5 if precision == "f32" else 2e-2
    np.testing.assert_allclose(actual, expected, 0, limit * np.abs(expected).max())
