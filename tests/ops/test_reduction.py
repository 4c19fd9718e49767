"""Reductions against OpenVINO."""

from __future__ import annotations

import pytest

from tests.ops.differential import Case, cases, const, data

NUMERIC = (
    "reduce_sum",
    "reduce_mean",
    "reduce_max",
    "reduce_min",
    "reduce_prod",
    "reduce_l1",
    "reduce_l2",
)
LOGICAL = ("reduce_logical_and", "reduce_logical_or")
AXES = [[0], [1, 2], [-1], [0, 1, 2], [2, 0]]

CASES: list[Case] = []
for name in NUMERIC:
    for axes in AXES:
        for keep in (False, True):
            CASES += cases(name, data([2, 3, 4]), const(axes), keep_dims=keep, atol=1e-5)
    CASES += cases(name, data([2, 3, 4]), const(1), atol=1e-5)
    CASES += cases(name, data([3]), const([0]), atol=1e-5)
    # Axes that are not known: only the rank may be.
    CASES += cases(name, data([2, 3]), data([1], "i64", values=[1]), keep_dims=True, values=False)
    CASES += cases(name, data([2, 3]), data([1], "i32", values=[1]), values=False)
for name in LOGICAL:
    for axes in AXES:
        CASES += cases(name, data([2, 3, 4], "boolean"), const(axes), keep_dims=True)
        CASES += cases(name, data([2, 3, 4], "boolean"), const(axes, "i32"))
for name in ("reduce_sum", "reduce_max", "reduce_min"):
    CASES += cases(name, data([2, 3, 4], "T"), const([1]), T="i32 i64 f16 bf16 u8", atol=0.1)
CASES += cases("reduce_prod", data([2, 3], "i32", 1, 5), const([1]))
CASES += cases("reduce_sum", data([2, 3]), const([], "i64"), oracle="evaluate")
CASES += cases("reduce_l1", data([2, 3], "i32"), const([1]))
CASES += cases("reduce_sum", data([0, 3]), const([0]))
CASES += cases("reduce_prod", data([0, 3]), const([0]))

for exclusive in (False, True):
    for reverse in (False, True):
        for axis in (0, 1, -1):
            CASES += cases("cum_sum", data([2, 3, 4]), const(axis), exclusive, reverse, atol=1e-5)
CASES += cases("cum_sum", data([5], "T"), const(0), T="i32 i64 f16", atol=0.02)
CASES += cases("cumsum", data([0, 3]), const(1), opset=3)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case: Case) -> None:
    case.check()


REFUSED = [
    *cases("reduce_sum", data([2, 3]), const([2])),
    *cases("reduce_sum", data([2, 3]), const([-3])),
    *cases("reduce_sum", data([2, 3], "boolean"), const([1])),
    *cases("reduce_logical_and", data([2, 3]), const([1])),
    *cases("reduce_max", data([2, 3]), const([1.0])),
    *cases("cum_sum", data([2]), const(0.0)),
]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused_by_both(case: Case) -> None:
    case.check_refused()
