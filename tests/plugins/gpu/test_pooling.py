"""Pooling on the device."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.graph.element_type import Type
from tests.plugins.gpu.lowering_check import compare, numbers

PRECISIONS = pytest.mark.parametrize("precision", [Type.f32, Type.f16], ids=["f32", "f16"])

SHAPES = {
    "1d": ((2, 3, 17), [3], [2], [1], [0]),
    "2d": ((1, 5, 9, 12), [3, 2], [2, 1], [1, 0], [1, 1]),
    "3d": ((1, 2, 5, 6, 7), [2, 3, 2], [1, 2, 2], [0, 1, 0], [1, 0, 1]),
    "global": ((2, 3, 7, 7), [7, 7], [1, 1], [0, 0], [0, 0]),
    "empty": ((0, 3, 8), [2], [2], [0], [0]),
}


def _attributes(kernel, strides, begin, end, **more):
    return {"kernel": kernel, "strides": strides, "pads_begin": begin, "pads_end": end, **more}


@pytest.mark.gpu_sim(check=True)
@PRECISIONS
@pytest.mark.parametrize("rounding", ["floor", "ceil"])
def test_largest(rounding, precision):
    for shape, *window in SHAPES.values():
        # Half precision knows all of these numbers, so that positions agree.
        data = np.round(numbers(shape, 1) * 8)
        attributes = _attributes(*window, rounding_type=rounding)
        compare("MaxPool", [data], 1, precision, **attributes)
        for axis in range(len(shape)):
            compare("MaxPool", [data], 8, precision, axis=axis, **attributes)
    torch = _attributes(*SHAPES["2d"][1:], rounding_type="ceil_torch", dilations=[2, 1])
    compare("MaxPool", [numbers((1, 3, 9, 12))], 14, precision, index_element_type="i32", **torch)


@pytest.mark.gpu_sim
def test_largest_of_special_numbers():
    data = numbers((1, 2, 6, 6))
    data[0, 0, 2, 2], data[0, 1] = np.nan, -np.inf
    attributes = _attributes([2, 2], [2, 2], [0, 0], [0, 0])
    compare("MaxPool", [data], 1, **attributes)
    integers = np.random.default_rng(0).integers(-(2**31), 2**31, (1, 2, 6, 6)).astype(np.int32)
    compare("MaxPool", [integers], 8, **attributes)


@pytest.mark.gpu_sim(check=True)
@PRECISIONS
@pytest.mark.parametrize("exclude_pad", [False, True])
def test_means(exclude_pad, precision):
    for shape, *window in SHAPES.values():
        for rounding in ("floor", "ceil"):
            attributes = _attributes(*window, rounding_type=rounding, exclude_pad=exclude_pad)
            compare("AvgPool", [numbers(shape, 1)], 1, precision, **attributes)
    same = _attributes([3, 3], [2, 2], [], [], auto_pad="same_upper", exclude_pad=exclude_pad)
    compare("AvgPool", [numbers((1, 2, 8, 9))], 14, precision, **same)
    dilated = _attributes([3, 2], [1, 1], [2, 1], [0, 1], dilations=[2, 3], exclude_pad=exclude_pad)
    compare("AvgPool", [numbers((1, 2, 8, 9))], 16, precision, **dilated)


@pytest.mark.gpu_sim(check=True)
@PRECISIONS
def test_adaptive(precision):
    for shape, counts in (((2, 3, 7), [3]), ((1, 4, 9, 5), [1, 1]), ((1, 2, 4, 7, 6), [2, 3, 8])):
        arrays = [np.round(numbers(shape, 1) * 8), np.array(counts, np.int64)]
        compare("AdaptiveAvgPool", arrays, 8, precision, constant=[1])
        compare("AdaptiveMaxPool", arrays, 8, precision, constant=[1], index_element_type="i32")
        compare("AdaptiveMaxPool", arrays, 8, precision, constant=[1])
