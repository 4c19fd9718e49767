"""Elementwise arithmetic against OpenVINO."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.differential import Case, cases, const, data

FLOATS = "f32 f16 bf16 f64"
NUMBERS = "f32 f16 i32 i64 i8 u8"

#: Pairs of shapes: equal, stretched both ways, of unequal rank, scalar, empty.
SHAPES = [([2, 3], [2, 3]), ([2, 1, 4], [3, 1]), ([3], [4, 2, 3]), ([2, 3], []), ([0, 3], [3])]

CASES: list[Case] = []
for a, b in SHAPES:
    for name in ("add", "subtract", "multiply", "maximum", "minimum", "squared_difference"):
        CASES += cases(name, data(a, "T", 0, 9), data(b, "T", 0, 3), T="f32 i32", atol=1e-5)
    CASES += cases("divide", data(a, "T"), data(b, "T", 1, 5))
    CASES += cases("divide", data(a, "T", 0, 20), data(b, "T", 1, 5), T="i32")
    for name in ("mod", "floor_mod"):
        CASES += cases(name, data(a, "T", -9, 9), data(b, "T", 1, 4), T="f32 i32", atol=1e-5)
    CASES += cases("power", data(a, "T", 0, 4), data(b, "T", 0, 3), T="f32 i32", rtol=1e-4)
    CASES += cases("select", data(a, "boolean"), data(b, "T"), data(a, "T"), T="f32 i32")
    CASES += cases("bitwise_and", data(a, "T"), data(b, "T"), T="i32 u8 boolean")
    CASES += cases("bitwise_xor", data(a, "T"), data(b, "T"), T="i32 i8")
    CASES += cases("bitwise_left_shift", data(a, "T", 0, 9), data(b, "T", 0, 3), T="i32 u8")

for name in ("add", "subtract", "multiply", "maximum", "minimum"):
    # Small numbers only: overflow of 8-bit types saturates on the CPU device, but wraps in the specification.
    CASES += cases(
        name,
        data([2, 3], "T", 4, 9),
        data([3], "T", 0, 4),
        T=NUMBERS + " bf16 f64 i16 u16 u64",
        atol=1e-2,
    )
CASES += cases("divide", data([7], "i32", values=[-7, -7, 7, 7, 0, 5, 100]), const([2, -2, 2, -2, 3, 3, 7], "i32"),
               oracle="evaluate")  # fmt: skip
CASES += cases(
    "mod", data([4], "i32", values=[-7, -7, 7, 7]), data([4], "i32", values=[2, -2, 2, -2])
)
CASES += cases(
    "floor_mod", data([4], "i32", values=[-7, -7, 7, 7]), data([4], "i32", values=[2, -2, 2, -2])
)
CASES += cases(
    "power", data([4], "i32", values=[-7, -7, 7, 1]), data([4], "i32", values=[2, -2, 3, -1])
)
CASES += cases("power", data([2, 3]), const(2.0))
CASES += cases("power", data([2, 3], low=0.1), const(-1.0))
CASES += cases("bitwise_or", data([2, 3], "T"), data([3], "T"), T="i32 i64 u8 boolean")
CASES += cases("bitwise_right_shift", data([2, 3], "T", 0, 9), data([3], "T", 0, 3), T="i32 i64 u8")
CASES += cases("bitwise_not", data([2, 3], "T"), T="i32 i8 u8 boolean")

# The axis of "pdpd" is no attribute here: Python's factories cannot set it, it is always 0.
PDPD = [
    ([2, 3, 4], [2, 1, 1]),
    ([2, 3, 4], [2, 3]),
    ([2, 3, 4], []),
    ([2, 3, 4], [1, 3, 1]),
    ([2, 3], [2, 3]),
]
for a, b in PDPD:
    CASES += cases(
        "add",
        data(a),
        data(b),
        auto_broadcast="PDPD",
        relax=("dynamic", "rank", "first input"),
        attributes=False,
    )
    CASES += cases("maximum", data(a), data(b), auto_broadcast="pdpd", relax=(), attributes=False)
CASES += cases("add", data([2, 3]), data([2, 3]), auto_broadcast="NONE")
CASES += cases("multiply", data([2, 3]), data([2, 3]), auto_broadcast="explicit", attributes=False)
CASES += cases("select", data([2, 3], "boolean"), data([2, 3]), data([2, 3]), auto_broadcast="none")
CASES += cases(
    "select",
    data([1], "boolean"),
    data([3]),
    data([3]),
    auto_broadcast="pdpd",
    relax=(),
    attributes=False,
    values=False,
)
CASES += cases(
    "select", data([2, 1], "boolean"), data([3], "T"), data([2, 3], "T"), T="i64 boolean u8 bf16"
)

for name in ("sin", "cos", "tan", "atan", "sinh", "cosh", "tanh", "asinh", "erf", "exp"):
    CASES += cases(
        name, data([2, 3, 4], "T", -1.4, 1.4), T=FLOATS, rtol=2e-2 if name == "tan" else None
    )
for name in ("absolute", "abs", "negative", "sign", "floor", "ceiling", "ceil"):
    CASES += cases(name, data([2, 3], "T"), T="f32 f16 i32", opset=1)
for name in ("asin", "acos", "atanh"):
    CASES += cases(name, data([3, 4], low=-0.95, high=0.95), rtol=1e-4)
for name in ("log", "sqrt"):
    CASES += cases(name, data([3, 4], "T", 0.01, 20), T=FLOATS)
CASES += cases("acosh", data([3, 4], low=1.01, high=20), rtol=1e-4)
CASES += cases("erfinv", data([40], low=-0.999, high=0.999), opset=17, rtol=1e-4)
CASES += cases("erf", data([100], low=-6, high=6))
for name in ("exp", "sqrt", "log", "tanh", "cos", "cosh", "sinh", "atanh", "acosh"):
    CASES += cases(name, data([6], "i32", 1, 5), relax=(), oracle="evaluate")
HALVES = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49, -0.2]
for mode in ("half_to_even", "half_away_from_zero"):
    CASES += cases("round", data([8], values=HALVES), mode)
    CASES += cases("round", data([2, 3], "T"), mode, T="f16 i32", relax=())
CASES += cases("identity", data([2, 3], "T"), T="f32 i64 boolean bf16 u4")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case: Case) -> None:
    case.check()


REFUSED = [
    *cases("add", data([2, 3]), data([2])),
    *cases("add", data([2, 3]), data([2, 3], "i32")),
    *cases("add", data([2, 3], "boolean"), data([2, 3], "boolean")),
    *cases("add", data([2, 3, 4]), data([3, 4]), auto_broadcast="pdpd"),
    *cases("multiply", data([2, 3]), data([3]), auto_broadcast="none"),
    *cases("select", data([2, 3]), data([2, 3]), data([2, 3])),
    *cases("select", data([2], "boolean"), data([2], "i32"), data([2])),
    *cases("select", data([2, 3], "boolean"), data([3]), data([3]), auto_broadcast="pdpd"),
    *cases("bitwise_and", data([2]), data([2])),
    *cases("bitwise_left_shift", data([2], "boolean"), data([2], "boolean")),
    *cases("erfinv", data([2], "i32"), opset=17),
]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused_by_both(case: Case) -> None:
    case.check_refused()


def test_special_numbers() -> None:
    """Infinities and NaN pass through as IEEE 754 says; halves of -0 keep their sign."""
    from tests.ops.differential import run_mine

    numbers = np.array([np.nan, np.inf, -np.inf, -0.0], np.float32)
    for name, expected in {
        "erf": [np.nan, 1, -1, -0.0],
        "round": [np.nan, np.inf, -np.inf, -0.0],
        "sign": [np.nan, 1, -1, 0],
    }.items():
        (case,) = cases(name, data([4]))
        built = case.build_mine()
        (result,) = run_mine(built.node, built.parameters, [numbers])
        np.testing.assert_array_equal(result, np.array(expected, np.float32))
