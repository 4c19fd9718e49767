"""ShapeOf, Reshape, Squeeze, Unsqueeze and Range against the real OpenVINO."""

from __future__ import annotations

import pytest

from .differential import Case, cases, const, data

MOVED = "f32 f16 bf16 f64 i8 i32 i64 u8 u16 boolean i4 u4 f8e4m3"

CASES = [
    *cases("reshape", data([0, 0]), const([0, -1]), True),
    *cases("reshape", data([2, 0, 0]), const([-1, 0, 0]), True),
    *cases("reshape", data([2, 0, 3]), const([0, -1]), True),
    *cases("shape_of", data([2, 3, 4]), opset=1),
    *cases("shape_of", data([2, 0, 4]), "i32"),
    *cases("shape_of", data([]), "i64", opset=3),
    *cases("reshape", data([2, 6], "T"), const([3, -1]), False, T=MOVED),
    *cases("reshape", data([2, 3, 4]), const([0, -1], "i32"), True),
    *cases("reshape", data([2, 3, 4]), const([0, 0, 2, -1]), True),
    *cases("reshape", data([2, 3, 4]), const([4, 6]), False),
    *cases("reshape", data([2, 3, 4]), const([-1, 3, 4]), False),
    *cases("reshape", data([1, 1]), const([], "i64"), False),
    *cases("reshape", data([]), const([1, 1]), False),
    *cases("reshape", data([0, 3]), const([-1, 3]), False),
    *cases("reshape", data([0, 3]), const([0, 5]), False),
    # Beside a size of 0, -1 is 1 for OpenVINO, but another size with a dynamic dimension in the input; for us always 1.
    *cases("reshape", data([0, 3]), const([0, -1]), False, relax=["dynamic", "rank", "batch"]),
    *cases("squeeze", data([1, 3, 1, 2], "T"), const([0, 2]), opset=1, T="f32 f16 i64 boolean u4"),
    *cases("squeeze", data([1, 3, 1, 2]), const([], "i64"), opset=1),
    *cases("squeeze", data([1, 3, 1, 2]), const(-2, "i32"), opset=1),
    *cases("squeeze", data([1, 3, 1, 2]), const([0, 0, -4]), opset=1),
    *cases("squeeze", data([1, 3, 1, 2]), const([0, 1]), opset=1, relax=["rank"]),
    *cases("squeeze", data([1, 3, 1, 2]), opset=15),
    *cases("squeeze", data([1, 3, 1, 2]), const([0, 2]), opset=15),
    *cases("squeeze", data([1, 3, 1, 2]), const([0, 1]), True, opset=15),
    *cases("squeeze", data([1]), opset=15),
    *cases("unsqueeze", data([3, 2], "T"), const([0, 2]), T="f32 f16 i64 boolean u4"),
    *cases("unsqueeze", data([3, 2]), const(-1)),
    *cases("unsqueeze", data([3, 2]), const([0, 3], "i32")),
    *cases("unsqueeze", data([3, 2]), const([-1, -2])),
    *cases("unsqueeze", data([]), const([0])),
    *cases(
        "range", const(0, "T"), const(7, "T"), const(2, "T"), opset=1, T="i32 i64 f32 f16 f64 u8"
    ),
    *cases("range", const(5), const(-3), const(-3), "i32"),
    *cases("range", const(5), const(-3), const(3), "f32"),
    *cases("range", const(0.5), const(3.7), const(0.25), "f32"),
    *cases("range", const(1.5), const(6.7), const(1.5), "i64"),
    *cases("range", const(1, "i32"), const(6, "i64"), const(1.0, "f32"), "f16", oracle="evaluate"),
    *cases(
        "range",
        data([], "i32", values=2),
        data([], "i32", values=9),
        data([], "i32", values=3),
        "i32",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case: Case) -> None:
    case.check()


REFUSED = [
    *cases("reshape", data([2, 3]), const([4, 2]), False),
    *cases("reshape", data([2, 3]), const([4, -1]), False),
    *cases("reshape", data([2, 3]), const([-1, -1]), False),
    *cases("reshape", data([2, 3]), const([1, 2, 0]), True),
    *cases("reshape", data([2, 3]), const([[2, 3]]), True),
    *cases("reshape", data([2, 3]), const([2.0, 3.0]), True),
    *cases("squeeze", data([2, 1]), const([2]), opset=1),
    *cases("unsqueeze", data([2, 1]), const([4])),
    *cases("range", const(0), const(3), const(0), "i64"),
    *cases("range", const([0, 1]), const(3), const(1), "i64"),
    *cases("range", const(0), const(3, "i32"), const(1), opset=1),
]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused(case: Case) -> None:
    case.check_refused()
