"""Gated layers: which products become one, what it computes, and which are left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cudasim import device

import ovgpu as ov
from ovgpu import opset13 as ops
from ovgpu.plugins.cpu.evaluate import evaluate_graph
from ovgpu.plugins.gpu.compressed import keep_weights_packed
from ovgpu.plugins.gpu.gating import fuse_gates
from tests.plugins.gpu.lowering_check import numbers

HIDDEN, WIDE = 32, 24

ACTIVATIONS: dict[str, Any] = {
    "swish": ops.swish,
    "sigmoid": ops.sigmoid,
    "relu": ops.relu,
    "gelu": lambda x: ops.gelu(x, "erf"),
    "gelu_tanh": lambda x: ops.gelu(x, "tanh"),
}


def packed(count: int, seed: int) -> Any:
    codes = np.random.default_rng(seed).integers(-8, 8, count * HIDDEN).tolist()
    constant = ov.op.Constant(ov.Type.i4, ov.Shape([count, HIDDEN // 16, 16]), codes)
    scale = ops.constant(np.abs(numbers((count, HIDDEN // 16, 1), seed)).astype(np.float16) / 8)
    scaled = ops.multiply(ops.convert(constant, np.float16), scale)
    return ops.convert(ops.reshape(scaled, np.array([count, HIDDEN]), False), np.float32)


def layer(x: Any, weights: list[Any], transposed: bool, activation: str, swapped: bool) -> Any:
    gate, up = (ops.matmul(x, w, False, transposed) for w in weights)
    factors = [ACTIVATIONS[activation](gate), up]
    return ops.multiply(*reversed(factors)) if swapped else ops.multiply(*factors)


def weights_of(transposed: bool, width: int = WIDE) -> list[np.ndarray]:
    shape = (width, HIDDEN) if transposed else (HIDDEN, width)
    return [numbers(shape, seed, 0.3) for seed in (1, 2)]


def fused(out: Any, x: Any, feed: np.ndarray, passes: Any = (), tolerance: float = 1e-5) -> bool:
    """Apply the fusion, compare values, and say whether a gated product is left."""
    model = ov.Model([out], [x], "gated")
    (want,) = evaluate_graph(model.get_results(), {x: feed})
    for transform in (*passes, fuse_gates):
        transform(model)
    (got,) = evaluate_graph(model.get_results(), {x: feed})
    np.testing.assert_allclose(got, want, 0, tolerance * np.abs(want).max())
    products = [n for n in model.get_ordered_ops() if "MatMul" in n.get_type_name()]
    return len(products) == 1 and products[0].attributes.get("gated", False)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gates_are_found(activation, transposed, swapped):
    x = ops.parameter([-1, -1, HIDDEN], np.float32)
    out = layer(x, weights_of(transposed), transposed, activation, swapped)
    assert fused(out, x, numbers((2, 3, HIDDEN)))


def test_packed_weights_stay_packed():
    x = ops.parameter([-1, HIDDEN], np.float32)
    out = layer(x, [packed(WIDE, 1), packed(WIDE, 2)], True, "swish", False)
    assert fused(out, x, numbers((3, HIDDEN)), [keep_weights_packed], 2e-3)


def near_misses() -> dict[str, Any]:
    def other_data(x: Any) -> Any:
        a, b = weights_of(False)
        return ops.multiply(
            ops.sigmoid(ops.matmul(x, a, False, False)), ops.matmul(ops.abs(x), b, False, False)
        )

    def other_width(x: Any) -> Any:
        a, b = numbers((HIDDEN, 1)), numbers((HIDDEN, WIDE))
        return ops.multiply(
            ops.sigmoid(ops.matmul(x, a, False, False)), ops.matmul(x, b, False, False)
        )

    def activation_is_read_elsewhere(x: Any) -> Any:
        a, b = (ops.matmul(x, w, False, False) for w in weights_of(False))
        gate = ops.sigmoid(a)
        return ops.add(ops.multiply(gate, b), gate)

    def product_is_read_elsewhere(x: Any) -> Any:
        a, b = (ops.matmul(x, w, False, False) for w in weights_of(False))
        return ops.add(ops.multiply(ops.sigmoid(a), b), b)

    def no_activation(x: Any) -> Any:
        a, b = (ops.matmul(x, w, False, False) for w in weights_of(False))
        return ops.multiply(a, b)

    def square(x: Any) -> Any:
        a = ops.sigmoid(ops.matmul(x, weights_of(False)[0], False, False))
        return ops.multiply(a, a)

    return {
        f.__name__: f
        for f in (
            other_data,
            other_width,
            activation_is_read_elsewhere,
            product_is_read_elsewhere,
            no_activation,
            square,
        )
    }


@pytest.mark.parametrize("name", near_misses())
def test_near_misses_are_left_alone(name):
    x = ops.parameter([5, HIDDEN], np.float32)
    assert not fused(near_misses()[name](x), x, numbers((5, HIDDEN)))


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("precision", ["f32", "f16"])
@pytest.mark.parametrize("rows", [1, 3, 20])
@pytest.mark.parametrize("kind", ["plain", "transposed", "packed"])
@pytest.mark.parametrize("width", [WIDE, 12, 7, 1])
def test_on_the_device(kind, rows, width, precision, cudasim):
    x = ops.parameter([-1, HIDDEN], np.float32)
    weights = (
        [packed(width, 1), packed(width, 2)]
        if kind == "packed"
        else weights_of(kind == "transposed", width)
    )
    out = layer(x, weights, kind != "plain", "swish", False)
    model = ov.Model([out], [x], "gated")
    feed = numbers((rows, HIDDEN))
    (want,) = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(feed).values()
    request = ov.compile_model(
        model, "GPU", {"INFERENCE_PRECISION_HINT": precision}
    ).create_infer_request()
    with device.launches() as log:
        (got,) = request.infer(feed).values()
    limit = {"f32": 2e-5, "f16": 2e-2}[precision] * float(np.abs(want).max())
    np.testing.assert_allclose(got, want, 0, limit)
    kernels = [x.kernel for x in log]
    if rows <= 8:
        assert len(kernels) == 1, kernels
    else:
        whole = width * {"f32": 4, "f16": 2}[precision] % 16 == 0
        assert ("gate_16" if whole else "gate_single") in kernels, kernels
