"""Activation functions against OpenVINO."""

from __future__ import annotations

import pytest

from tests.ops.differential import Case, cases, const, data

FLOATS = "f32 f16 bf16 f64"
WIDE = [-30.0, -10.0, -3.0, -1.0, -1e-3, 0.0, 1e-3, 1.0, 3.0, 10.0, 30.0, 90.0]

CASES: list[Case] = []
for name, opset in (
    ("relu", 1), ("sigmoid", 1), ("gelu", 2), ("hswish", 4), ("mish", 4), ("softplus", 4),
    ("hsigmoid", 5), ("softsign", 9),
):  # fmt: skip
    CASES += cases(name, data([2, 3, 4], "T"), opset=opset, T=FLOATS)
    CASES += cases(name, data([12], values=WIDE), opset=opset, rtol=1e-4, relax=())
    CASES += cases(name, data([2, 0]), opset=opset, relax=())
for mode in ("erf", "tanh"):
    CASES += cases("gelu", data([2, 3], "T"), mode, opset=7, T=FLOATS)
    CASES += cases("gelu", data([12], values=WIDE), mode, opset=7, rtol=1e-4)
CASES += cases("relu", data([2, 3], "T"), T="i32 i64 i8")
CASES += cases("clamp", data([2, 3, 4], "T"), -1.5, 2.5, T="f32 f16 i32 i64 i8")
CASES += cases("clamp", data([2, 3], "u8"), 2, 400.0)
CASES += cases("elu", data([2, 3], "T"), 1.5, T=FLOATS)
CASES += cases("selu", data([2, 3], "T"), const([1.5], "T"), const([1.1], "T"), T="f32 f16")
CASES += cases("selu", data([2, 3]), const(1.5), const(1.1))
CASES += cases("hard_sigmoid", data([2, 3], "T"), const(0.3, "T"), const(0.4, "T"), T="f32 f16")
CASES += cases("swish", data([2, 3]), opset=4)
CASES += cases("swish", data([2, 3], "T"), data([], "T"), opset=4, T="f32 f16")
for slope in ([1], [3], [1, 3, 1], [2, 3, 4], []):
    CASES += cases("prelu", data([2, 3, 4]), data(slope))
CASES += cases("prelu", data([2, 3, 3]), data([3]))
CASES += cases("prelu", data([4]), data([4]))
CASES += cases("prelu", data([]), data([1]))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case: Case) -> None:
    case.check()


REFUSED = [
    *cases("gelu", data([2], "i32"), "erf", opset=7),
    *cases("clamp", data([2], "boolean"), 0, 1),
    *cases("clamp", data([2]), 2, 1),
    *cases("swish", data([2]), data([1]), opset=4),
    *cases("hard_sigmoid", data([2]), data([1]), data([])),
    *cases("selu", data([2], "i32"), data([1], "i32"), data([1], "i32")),
]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused_by_both(case: Case) -> None:
    case.check_refused()
