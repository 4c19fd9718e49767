"""Pooling on the device."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.lower import pooling
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


#: Kernel, stride, padding before and behind of the last axis, which strips of windows take.
STRIPS = [(2, 2, 0, 0), (3, 2, 1, 0), (3, 2, 0, 1), (4, 2, 1, 1)]
STRIPS += [(3, 1, 1, 1), (2, 1, 0, 1), (2, 1, 1, 0), (1, 1, 0, 0)]


def _along_last_axis(kernel, stride, begin, end, rounding_type="ceil", **more):
    """Windows of two axes; with "ceil" the last ones of the first axis begin behind the data and have no elements."""
    more["rounding_type"] = rounding_type
    return _attributes([2, kernel], [3, stride], [0, begin], [1, end], **more)


def _launched(log):
    return [r.kernel for r in log if "_pool" in r.kernel]


@pytest.mark.gpu_sim(check=True)
@PRECISIONS
@pytest.mark.parametrize("name", ["MaxPool", "AvgPool"])
def test_strips_of_windows(name, precision, cudasim, monkeypatch):
    """The same numbers as a window at a time."""
    function = "max_pool" if name == "MaxPool" else "average_pool"
    # The maximum of no elements is the lowest number of the type, which the reference does not know for f16.
    rounding = "floor" if (name, precision) == ("MaxPool", Type.f16) else "ceil"
    for kernel, stride, begin, end in STRIPS:
        data = numbers((2, 3, 5, 16 * stride), kernel)
        if name == "MaxPool":
            data[0, 0, 1, :6] = -np.inf
            data[0, 1, 2, 7], data[1, 1, 0, 0] = np.nan, np.inf
        for excluded in [True] if name == "MaxPool" else [True, False]:
            more = {} if name == "MaxPool" else {"exclude_pad": excluded}
            attributes = _along_last_axis(kernel, stride, begin, end, rounding, **more)
            with cudasim.launches() as log:
                (strips,) = compare(name, [data], 1, precision, **attributes)
            assert _launched(log) == [f"{function}_16"]
            with monkeypatch.context() as patch, cudasim.launches() as log:
                patch.setattr(pooling, "_strip", lambda op, windows: 1)
                (single,) = compare(name, [data], 1, precision, **attributes)
            assert _launched(log) == [function]
            np.testing.assert_array_equal(strips, single)


@pytest.mark.gpu_sim
def test_strips_of_other_ranks_and_types():
    line = _attributes([3], [2], [1], [0])
    compare("MaxPool", [numbers((2, 3, 24))], 1, **line)
    compare("AvgPool", [numbers((2, 3, 32))], 1, Type.bf16, exclude_pad=True, **line)
    volume = _attributes([2, 3, 3], [1, 2, 1], [0, 1, 1], [0, 1, 1])
    compare("MaxPool", [numbers((1, 2, 4, 5, 8))], 1, **volume)
    compare("AvgPool", [numbers((1, 2, 4, 5, 8))], 1, exclude_pad=True, **volume)
    integers = np.random.default_rng(0).integers(-(2**31), 2**31, (1, 2, 6, 8)).astype(np.int32)
    compare("MaxPool", [integers], 1, **_attributes([2, 2], [2, 2], [0, 0], [0, 0]))


@pytest.mark.gpu_sim
@pytest.mark.parametrize(
    ("width", "window", "more"),
    [
        (12, (2, 2, 0, 0), {}),  # results are no whole 16 bytes
        (17, (3, 2, 1, 0), {}),
        (32, (3, 2, 2, 0), {}),  # further before the window's own place than one
        (16, (3, 1, 0, 2), {}),  # further behind
        (48, (3, 3, 0, 0), {}),
        (16, (2, 1, 1, 1), {"dilations": [1, 2]}),
    ],
)
def test_windows_that_are_taken_one_by_one(width, window, more, cudasim):
    attributes = _along_last_axis(*window, **more)
    with cudasim.launches() as log:
        compare(
            "MaxPool", [numbers((1, 2, 5, width))], 14 if more else 1, outputs=[0], **attributes
        )
    assert not [name for name in _launched(log) if name.endswith("_16")]
