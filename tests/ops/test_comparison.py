"""Comparisons and logical operations against OpenVINO."""

from __future__ import annotations

import pytest

from tests.ops.differential import Case, cases, const, data

COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
SHAPES = [([2, 3], [2, 3]), ([2, 1, 4], [3, 1]), ([2, 3], []), ([0, 3], [3])]

CASES: list[Case] = []
for a, b in SHAPES:
    for name in COMPARISONS:
        CASES += cases(name, data(a, "T", 0, 2), data(b, "T", 0, 2), T="f32 i32")
    for name in ("logical_and", "logical_or", "logical_xor"):
        CASES += cases(name, data(a, "boolean"), data(b, "boolean"))
for name in COMPARISONS:
    CASES += cases(name, data([9], "T", 0, 2), const([1], "T"), T="f16 bf16 i64 u8 i8", relax=())
CASES += cases("equal", data([9], "boolean"), data([9], "boolean"))
CASES += cases("logical_xor", data([4], "boolean"), data([4], "boolean"), opset=1)
CASES += cases("logical_not", data([2, 3], "T", 0, 1), T="boolean i32")
SPECIAL = [1.0, float("nan"), float("inf"), float("-inf"), 0.0, -2.0]
for name in ("is_nan", "is_finite", "is_inf"):
    CASES += cases(name, data([6], "T", values=SPECIAL), T="f32 f16")
CASES += cases("is_inf", data([6], values=SPECIAL), {"detect_negative": False})
CASES += cases("is_inf", data([6], values=SPECIAL), {"detect_positive": False})


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case: Case) -> None:
    case.check()


REFUSED = [
    *cases("equal", data([2, 3]), data([2])),
    *cases("less", data([2]), data([2], "i32")),
    *cases("logical_and", data([2], "i32"), data([2], "i32")),
    *cases("is_nan", data([2], "i32")),
]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused_by_both(case: Case) -> None:
    case.check_refused()
