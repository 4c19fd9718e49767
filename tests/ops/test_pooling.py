"""Pooling against OpenVINO."""

from __future__ import annotations

import pytest
from ops.differential import cases, const, data

#: strides, pads_begin, pads_end, kernel
WINDOWS = [
    ([1, 1], [0, 0], [0, 0], [2, 3]),
    ([2, 2], [1, 1], [1, 1], [3, 3]),
    ([3, 2], [0, 1], [2, 0], [3, 2]),
]


def _max_pools():
    for strides, before, after, kernel in WINDOWS:
        yield from cases(
            "max_pool",
            data([2, 3, 9, 10], "T"),
            strides,
            before,
            after,
            kernel,
            opset=1,
            T="f32 f16",
        )
        for dilations in ([1, 1], [2, 1]):
            for rounding in ("floor", "ceil", "ceil_torch"):
                yield from cases(
                    "max_pool",
                    data([2, 3, 9, 10]),
                    strides,
                    dilations,
                    before,
                    after,
                    kernel,
                    rounding,
                )
    for auto_pad in ("same_upper", "same_lower", "valid"):
        yield from cases("max_pool", data([2, 3, 9, 10]), [2, 3], [1, 2], [0, 0], [0, 0], [3, 3], "floor", auto_pad,
                         attributes=False)  # fmt: skip
    yield from cases("max_pool", data([2, 3, 9]), [2], [1], [1], [0], [3], "ceil", opset=8)
    yield from cases(
        "max_pool", data([2, 3, 5, 6, 7]), [2, 1, 2], [1, 1, 1], [1, 0, 1], [0, 1, 0], [2, 3, 2]
    )
    yield from cases("max_pool", data([2, 3, 9, 10], "T"), [2, 2], [1, 1], [0, 0], [0, 0], [3, 3],
                     index_element_type="i32", axis=2, T="f32 i32 u8 i8")  # fmt: skip


def _avg_pools():
    for strides, before, after, kernel in WINDOWS:
        for exclude in (True, False):
            yield from cases("avg_pool", data([2, 3, 9, 10], "T"), strides, before, after, kernel, exclude, opset=1,
                             T="f32 f16")  # fmt: skip
            for rounding in ("floor", "ceil"):
                # Rounding up, OpenVINO's CPU device divides by the whole kernel, its specification by the part of
                # the window that lies in the data and its padding.
                values = rounding == "floor"
                yield from cases("avg_pool", data([2, 3, 9, 10]), strides, before, after, kernel, exclude, rounding,
                                 opset=14, values=values)  # fmt: skip
    for auto_pad in ("same_upper", "same_lower", "valid"):
        yield from cases("avg_pool", data([2, 3, 9, 10]), [2, 3], [0, 0], [0, 0], [3, 3], True, "floor", auto_pad,
                         attributes=False, opset=14)  # fmt: skip
    yield from cases("avg_pool", data([2, 3, 9]), [2], [1], [0], [3], False, opset=14)
    yield from cases(
        "avg_pool",
        data([2, 3, 5, 6, 7]),
        [2, 1, 2],
        [1, 0, 1],
        [0, 1, 0],
        [2, 3, 2],
        True,
        opset=14,
    )


CASES = [
    *_max_pools(),
    *_avg_pools(),
    *cases("avg_pool", data([2, 3, 9, 10]), [2, 1], [1, 0], [0, 1], [2, 3], True, dilations=[2, 3]),
    *cases("adaptive_avg_pool", data([2, 3, 9, 10], "T"), const([4, 5]), opset=8, T="f32 f16"),
    *cases("adaptive_avg_pool", data([2, 3, 9]), const([4]), opset=8),
    *cases("adaptive_avg_pool", data([2, 3, 4, 5, 6]), const([2, 3, 8]), opset=8),
    *cases(
        "adaptive_avg_pool",
        data([2, 3, 9, 10]),
        data([2], "i64", values=[3, 4]),
        opset=8,
        values=False,
    ),
    *cases(
        "adaptive_max_pool", data([2, 3, 9, 10], "T"), const([4, 5]), "i32", opset=8, T="f32 f16"
    ),
    *cases("adaptive_max_pool", data([2, 3, 9]), const([4]), "i32", opset=8),
    *cases("adaptive_max_pool", data([2, 3, 4, 5, 6]), const([2, 3, 8]), "i32", opset=8),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case):
    case.check()
