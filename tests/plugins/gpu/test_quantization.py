"""FakeQuantize behind convolutions: both devices choose the same levels, to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ovgpu as ov
from ovgpu import opset13 as ops


def reals(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def quantized(y: Any, channels: int, spread: float) -> Any:
    """Levels with limits for each channel; with a small spread the channels share their shift."""
    high = (1 + spread * np.abs(reals(1, channels, 1, 1, seed=4))).astype(np.float32)
    low = np.float32(-0.5) * high
    return ops.fake_quantize(y, low, high, low, high, 256)


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("spread", [0.0, 0.7])
@pytest.mark.parametrize("kind", ["pointwise", "window", "depthwise", "one place"])
def test_levels_behind_convolutions(kind, spread):
    channels, count, size = 24, 24, 1 if kind == "one place" else 9
    x = ops.parameter([1, channels, size, size], np.float32)
    if kind == "depthwise":
        filters = reals(channels, 1, 1, 3, 3, seed=1)
        y = ops.group_convolution(x, filters, [1, 1], [1, 1], [1, 1], [1, 1])
    else:
        kernel = 3 if kind == "window" else 1
        filters = reals(count, channels, kernel, kernel, seed=1) / np.float32(kernel * 5)
        y = ops.convolution(x, filters, [1, 1], [kernel // 2] * 2, [kernel // 2] * 2, [1, 1])
    y = ops.hswish(ops.add(y, reals(1, count, 1, 1, seed=2)))
    model = ov.Model([quantized(y, count, spread)], [x], kind)
    feed = [reals(1, channels, size, size, seed=3)]
    config = {"INFERENCE_PRECISION_HINT": "f32"}
    expected, actual = (ov.compile_model(model, d, config)(feed)[0] for d in ("CPU", "GPU"))
    np.testing.assert_array_equal(actual, expected)
