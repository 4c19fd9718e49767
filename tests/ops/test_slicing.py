"""Slice, StridedSlice, SliceScatter and Pad against the real OpenVINO."""

from __future__ import annotations

import numpy as np
import pytest

import ovgpu as ov
from ovgpu import opset13 as ops

from .differential import Case, cases, const, data

MOVED = "f32 f16 bf16 f64 i8 i32 i64 u8 boolean"
END = 2**31 - 1


def strided(shape, begin, end, strides, **masks):
    """A StridedSlice case with all masks of the same size."""
    count = len(begin)
    names = ("begin_mask", "end_mask", "new_axis_mask", "shrink_axis_mask", "ellipsis_mask")
    complete = {name: masks.pop(name, [0] * count) for name in names}
    return cases(
        "strided_slice", data(shape), const(begin), const(end), const(strides), **complete, **masks
    )


CASES = [
    # Backwards from before the first element: the first element, unlike in Python.
    *cases(
        "slice", data([4, 5]), const([-9]), const([-END]), const([-1]), const([1]), relax=["rank"]
    ),
    *strided([4, 5], [0, -9], [4, -END], [1, -2]),
    *cases("pad", data([6]), const([4]), const([-7]), "constant", const(5.0), oracle="evaluate"),
    *cases("slice", data([4, 5], "T"), const([1, 0]), const([3, 5]), const([1, 2]), T=MOVED),
    *cases("slice", data([4, 5, 3]), const([-1]), const([-6]), const([-2]), const([1])),
    *cases(
        "slice",
        data([4, 5, 3]),
        const([1, 0]),
        const([END, -1]),
        const([1, 1]),
        const([-1, 0], "i32"),
    ),
    *cases("slice", data([4, 5]), const([0]), const([2**63 - 1]), const([1]), const([1])),
    *cases(
        "slice",
        data([4, 5]),
        const([-1]),
        const([-(2**63)]),
        const([-1]),
        const([1]),
        symbols=False,
        relax=["bounded", "rank", "batch", "last dimension"],
    ),
    *cases("slice", data([4, 5]), const([3]), const([1]), const([1]), const([1])),
    *cases("slice", data([4, 5]), const([10]), const([20]), const([1]), const([1])),
    *cases("slice", data([4, 0]), const([0]), const([2]), const([1]), const([1])),
    *cases(
        "slice",
        data([6]),
        data([1], values=[1], type="i32"),
        data([1], values=[4], type="i32"),
        const([1]),
        const([0]),
    ),
    *strided([4, 5, 6], [1, 0], [3, 4], [1, 2]),
    *strided([4, 5, 6], [1, 0, 2], [3, 4, -1], [1, 2, 1], begin_mask=[1, 0, 0], end_mask=[0, 1, 1]),
    *strided(
        [4, 5, 6], [0, 0, 0], [0, 0, 0], [-1, -2, 1], begin_mask=[1, 1, 1], end_mask=[1, 1, 1]
    ),
    *strided(
        [4, 5, 6], [0, -1, 0], [0, 0, 3], [1, 1, 1], shrink_axis_mask=[0, 1, 0], end_mask=[1, 0, 0]
    ),
    *strided([4, 5, 6], [2, 1, 3], [3, 2, 4], [1, 1, 1], shrink_axis_mask=[1, 1, 1]),
    *strided([4, 5, 6], [0, 1], [0, 3], [1, 1], ellipsis_mask=[1, 0]),
    *strided(
        [4, 5, 6],
        [0, 0, 2],
        [2, 0, 3],
        [1, 1, 1],
        ellipsis_mask=[0, 1, 0],
        shrink_axis_mask=[0, 0, 1],
    ),
    *strided([4, 5], [0, 1, 2], [0, 3, 5], [1, 1, 2], new_axis_mask=[1, 0, 0]),
    *strided(
        [4, 5],
        [0, 0, 0],
        [0, 0, 0],
        [1, 1, 1],
        new_axis_mask=[0, 1, 0],
        begin_mask=[1, 1, 1],
        end_mask=[1, 1, 1],
    ),
    *cases(
        "strided_slice",
        data([4, 5], "T"),
        const([1], "i32"),
        const([3], "i32"),
        const([1], "i32"),
        [0],
        [0],
        T="f32 f16 i64 boolean",
    ),
    *cases(
        "slice_scatter",
        data([4, 5], "T"),
        data([2, 5], "T"),
        const([1]),
        const([3]),
        const([1]),
        const([0]),
        T="f32 f16 i64 boolean",
    ),
    *cases(
        "slice_scatter",
        data([4, 5]),
        data([4, 2]),
        const([-1]),
        const([0]),
        const([-2]),
        const([1]),
    ),
    *cases(
        "pad",
        data([3, 4], "T"),
        const([1, 0]),
        const([0, 2]),
        "constant",
        const(3, "T"),
        T="f32 f16 bf16 i8 i32 u8",
    ),
    *cases("pad", data([3, 4]), const([1, 2]), const([2, 0]), "edge"),
    *cases("pad", data([3, 4]), const([2, 1]), const([1, 3]), "reflect"),
    *cases("pad", data([3, 4]), const([2, 1]), const([3, 4]), "symmetric"),
    *cases("pad", data([3, 4]), const([-1, 1]), const([0, -2]), "constant"),
    *cases("pad", data([3, 4]), const([-1, 1]), const([2, -1]), "edge", relax=["bounded", "rank"]),
    *cases("pad", data([5, 6]), const([-1, 1]), const([2, -1], "i32"), "reflect"),
    *cases("pad", data([3, 4]), const([1, 0]), const([0, 2]), "constant", opset=1),
    *cases(
        "pad",
        data([3, 4]),
        data([2], "i32", values=[1, 0]),
        data([2], "i32", values=[0, 1]),
        "constant",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case: Case) -> None:
    case.check()


REFUSED = [
    *cases("slice", data([4]), const([0]), const([1]), const([0])),
    *cases("slice", data([4]), const([0, 0]), const([1, 1]), const([1, 1])),
    *cases("slice", data([4]), const([0, 0]), const([1, 1]), const([1, 1]), const([0, 0])),
    *cases("slice", data([4]), const([0]), const([1, 1]), const([1])),
    *cases("slice", data([4]), const([0]), const([1]), const([1]), const([2])),
    *cases(
        "slice_scatter", data([3, 4]), data([2, 4]), const([0]), const([1]), const([1]), const([0])
    ),
    *cases("strided_slice", data([4]), const([0, 0]), const([1, 1]), const([1, 1]), [0, 0], [0, 0]),
    *cases("pad", data([3]), const([3]), const([0]), "reflect"),
    *cases("pad", data([3]), const([4]), const([0]), "symmetric"),
    *cases("pad", data([3]), const([4, 4]), const([0]), "constant"),
    *cases("pad", data([3]), const([4]), const([0]), "constant", const(1, "i32")),
]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused(case: Case) -> None:
    case.check_refused()


def test_nothing_to_take():
    data = ops.parameter([-1, 3], np.float32)
    one = [np.array([n]) for n in (0, 1, 1)]
    taken = ops.strided_slice(data, *one, [0], [0], [0], [1], [0])
    compiled = ov.compile_model(ov.Model([taken], [data], "taken"), "CPU")
    with pytest.raises(
        RuntimeError, match=r"Layer .StridedSlice_\d+. .*axis 0 of \[0, 3\] has no element to take"
    ):
        compiled([np.zeros((0, 3), np.float32)])
    assert compiled([np.ones((2, 3), np.float32)])[0].tolist() == [1, 1, 1]
