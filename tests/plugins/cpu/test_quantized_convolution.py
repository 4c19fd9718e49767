"""Convolutions before FakeQuantize: every level must be OpenVINO's, since one that flips grows in later layers."""

from __future__ import annotations

import numpy as np
import openvino
import pytest

import ovgpu
from ovgpu.plugins.cpu.kernels.ordered_product import ordered_matmul


def _in_order(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Sequential fused multiply-adds: exact products in float64, each sum rounded to float32."""
    total = np.zeros((a.shape[0], b.shape[1]), np.float32)
    for k in range(a.shape[1]):
        total = (total + np.multiply.outer(a[:, k], b[k], dtype=np.float64)).astype(np.float32)
    return total


@pytest.mark.parametrize("rows", [4, 7, 48, 49])
def test_ordered_product(rows):
    rng = np.random.default_rng(rows)
    a = rng.standard_normal((2, rows, 40), np.float32)
    b = rng.standard_normal((40, 64), np.float32)
    out = np.empty((2, rows, 64), np.float32)
    ordered_matmul(a, b, out)
    np.testing.assert_array_equal(out, [_in_order(part, b) for part in a])


def _results(package, filters, bias, limits, grouped, x):
    opset = __import__(f"{package.__name__}.opset13", fromlist=["opset13"])
    parameter = opset.parameter([1, *x.shape[1:]], np.float32)
    convolution = opset.group_convolution if grouped else opset.convolution
    y = convolution(parameter, filters, [1, 1], [1, 1], [1, 1], [1, 1])
    y = opset.hswish(opset.add(y, bias))
    low, high = limits
    y = opset.fake_quantize(y, low, high, low, high, 256)
    model = package.Model([y], [parameter])
    compiled = package.Core().compile_model(
        model,
        "CPU",
        {"INFERENCE_PRECISION_HINT": "f32"}
        | ({"LP_TRANSFORMS_MODE": False} if package is openvino else {}),
    )
    return np.array(compiled(x)[0])


@pytest.mark.parametrize(("grouped", "by_channel"), [(True, False), (False, False), (False, True)])
def test_levels_of_openvino(grouped, by_channel):
    rng = np.random.default_rng(5)
    channels, count = 32, 32
    shape = (channels, 1, 1, 3, 3) if grouped else (count, channels, 3, 3)
    filters = rng.standard_normal(shape, np.float32) / 3
    bias = rng.standard_normal((1, count, 1, 1), np.float32)
    x = rng.standard_normal((1, channels, 56, 56), np.float32)
    high = rng.uniform(1, 4, (1, count, 1, 1) if by_channel else ()).astype(np.float32)
    limits = (high * np.float32(-128 / 127), high)
    results = [_results(p, filters, bias, limits, grouped, x) for p in (ovgpu, openvino)]
    np.testing.assert_array_equal(*results)
