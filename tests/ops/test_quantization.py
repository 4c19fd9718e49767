"""Simulated quantisation against OpenVINO."""

from __future__ import annotations

import pytest

from tests.ops.differential import Case, cases, const, data

CASES: list[Case] = []
LIMITS = (
    (-1.0, 1.0, 0.0, 1.0),
    (-0.7, 1.3, -2.0, 3.0),
    (1.0, -1.0, 0.0, 1.0),
    (-0.5, 0.5, 1.0, -1.0),
)
for limits in LIMITS:
    for levels in (2, 16, 255):
        CASES += cases(
            "fake_quantize",
            data([2, 3, 4]),
            *map(const, limits),
            levels,
            atol=1e-5,
            oracle="evaluate",
        )
PER_CHANNEL = [data([1, 3, 1], low=a, high=b) for a, b in ((-2, -1), (1, 2), (-2, -1), (1, 2))]
CASES += cases("fake_quantize", data([2, 3, 4]), *PER_CHANNEL, 16, atol=1e-5)
ONE_EACH = [data([3, 1], low=-2, high=-1), const(1.0), const(-1.0), const(1.0)]
CASES += cases("fake_quantize", data([2, 3, 4]), *ONE_EACH, 16)
CASES += cases(
    "fake_quantize", data([2, 3, 4], "f16"), *(const(x, "f16") for x in (-1.0, 1.0, 0.0, 1.0)), 16
)

WIDE = [-1000.0, -500.0, -3.3, -0.1, 0.0, 0.1, 1.23, 3.3, 447.0, 449.0, 480.0, 60000.0]
for target in ("f8e4m3", "f8e5m2"):
    for scale in (1.0, 2.0, 0.5):
        CASES += cases(
            "fake_convert", data([12], values=WIDE), const(scale), destination_type=target
        )
        CASES += cases("fake_convert", data([12], values=WIDE), const(scale), const(0.5), target)
    CASES += cases(
        "fake_convert", data([2, 3], "T"), data([3], "T", 1, 2), data([3], "T"), target, T="f32 f16"
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case: Case) -> None:
    case.check()


REFUSED = [
    *cases("fake_quantize", data([2, 3]), data([2]), *map(const, LIMITS[0][1:]), 4),
    *cases("fake_convert", data([2, 3]), const(1.0), destination_type="f16"),
    *cases("fake_convert", data([2, 3], "f64"), const(1.0, "f64")),
    *cases("fake_convert", data([2, 3]), data([2])),
]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused_by_both(case: Case) -> None:
    case.check_refused()
