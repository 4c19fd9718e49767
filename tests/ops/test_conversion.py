"""Conversion of element types against OpenVINO."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.graph.element_conversion import NF4_NUMBERS, convert_elements
from ovgpu.graph.element_type import Type
from tests.ops.differential import Case, cases, data

REALS = [300.7, -5.5, 0.3, -0.3, 1.5, 2.5, 127.9, 7.6, -8.4, 15.2, 20, 500, 1e6, 0.0]
INTEGERS = [300, -5, 2**31 - 1, -(2**31), 0, 1, 128, 255, 256, 16, 17, -9]

CASES: list[Case] = []
for target in (
    "i8", "u8", "i16", "u16", "i32", "u32", "i64", "i4",
    "u4", "u1", "f16", "bf16", "f64", "f8e4m3", "f8e5m2", "f8e8m0", "f4e2m1",
):  # fmt: skip
    CASES += cases("convert", data([14], values=REALS), target, oracle="evaluate")
for target in ["i8", "u8", "i16", "u16", "u32", "i64", "i4", "u4", "u1", "f32"]:
    CASES += cases("convert", data([12], "i32", values=INTEGERS), target, oracle="evaluate")
for source in (
    "f16", "bf16", "f8e4m3", "f8e5m2", "i8", "u8", "i16",
    "u16", "i64", "u4", "i4", "boolean", "nf4", "f4e2m1",
):  # fmt: skip
    CASES += cases("convert", data([16], source), "f32", oracle="evaluate")
CASES += cases("convert", data([2, 3], "T"), "boolean", T="f32 i32 u8 i64")
CASES += cases("convert", data([40], low=-1.1, high=1.1), "nf4")
CASES += cases("convert_like", data([2, 3]), data([5], "T"), T="i32 u8 boolean f16")

TYPES = (
    "f64", "f32", "f16", "bf16", "f8e4m3", "f8e5m2", "boolean", "i4", "i8",
    "i16", "i32", "i64", "u1", "u4", "u8", "u16", "u32", "u64",
)  # fmt: skip
PROMOTIONS: list[Case] = []
for a in TYPES:
    for b in TYPES:
        for unsafe in (False, True):
            PROMOTIONS += cases(
                "convert_promote_types",
                data([2], a),
                data([], b),
                unsafe,
                unsafe,
                "i64",
                values=False,
            )
CASES += cases("convert_promote_types", data([2], "i32"), data([3]), True)
CASES += cases("convert_promote_types", data([2], "u8"), data([], "i8"), True)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case: Case) -> None:
    case.check()


def test_promotions_against_openvino() -> None:
    """Every pair of types, safe and unsafe, with a scalar: same type or both refuse."""
    accepted = 0
    for case in PROMOTIONS:
        try:
            case.build_theirs()
        except RuntimeError:
            case.check_refused()
        else:
            case.check_static()
            accepted += 1
    assert accepted > len(PROMOTIONS) // 2


def test_codes_of_nf4() -> None:
    codes = np.arange(16, dtype=np.uint8)
    numbers = convert_elements(codes, Type.nf4, Type.f32)
    assert numbers.tolist() == NF4_NUMBERS.tolist()
    assert convert_elements(numbers, Type.f32, Type.nf4).tolist() == codes.tolist()


@pytest.mark.parametrize("target", ["u2", "u3", "u6"])
def test_integers_without_oracle(target: str) -> None:
    """OpenVINO crashes on these: the bits above the width are cut off, as for the other integers."""
    bits = Type.from_name(target).bitwidth
    result = convert_elements(np.array(INTEGERS, np.int32), Type.i32, Type.from_name(target))
    assert result.tolist() == [x % (1 << bits) for x in INTEGERS]
    assert convert_elements(result, Type.from_name(target), Type.f32).tolist() == result.tolist()


def test_special_numbers() -> None:
    special = np.array([np.nan, np.inf, -np.inf, -1.0], np.float32)
    as_e8m0 = convert_elements(special, Type.f32, Type.f8e8m0).astype(np.float32)
    np.testing.assert_array_equal(
        as_e8m0, np.array([np.nan, 2.0**127, 2.0**-127, 2.0**-127], np.float32)
    )
    assert convert_elements(special, Type.f32, Type.boolean).all()
    assert convert_elements(special[:1], Type.f32, Type.i32)[0] == -(2**31)
