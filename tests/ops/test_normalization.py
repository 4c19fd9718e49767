"""Normalisations and softmax against OpenVINO."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.graph.node import make_node
from tests.ops.differential import Case, cases, const, data, run_mine

FLOATS = "f32 f16 bf16 f64"

CASES: list[Case] = []
for axis in (0, 1, 2):
    CASES += cases("softmax", data([2, 3, 4], "T"), axis, opset=1, T="f32 f16")
for axis in (0, -1, 1, -3):
    CASES += cases("softmax", data([2, 3, 4], "T"), axis, opset=8, T=FLOATS)
    CASES += cases("log_softmax", data([2, 3, 4], "T"), axis, opset=5, T="f32 f16", atol=2e-3)
CASES += cases("softmax", data([4], values=[1000.0, 999.0, -1000.0, 0.0]), 0, opset=8)
CASES += cases("softmax", data([0, 3]), 1, opset=8, relax=())

for opset in (1, 5):
    for shape in ([2, 3], [2, 3, 4, 5]):
        statistics = [data([3], "T"), data([3], "T"), data([3], "T"), data([3], "T", 0.5, 2)]
        CASES += cases(
            "batch_norm_inference",
            data(shape, "T"),
            *statistics,
            1e-3,
            opset=opset,
            atol=2e-2,
            T="f32 f16",
        )

for across in (False, True):
    for variance in (False, True):
        CASES += cases(
            "mvn",
            data([2, 3, 4, 5]),
            across,
            variance,
            1e-6,
            opset=2,
            rtol=1e-4,
            atol=1e-5,
            attributes=False,
        )
for mode in ("inside_sqrt", "outside_sqrt"):
    for axes in ([1], [2, 3], [-1], [1, 2, 3]):
        CASES += cases(
            "mvn", data([2, 3, 4, 5]), const(axes), True, 1e-3, mode, rtol=1e-4, atol=1e-5
        )
CASES += cases(
    "mvn", data([2, 3, 8], "T"), const([2]), True, 1e-3, "inside_sqrt", T="f16 bf16", atol=2e-2
)
CASES += cases("mvn", data([2, 3, 4]), const([2]), False, 1e-3, "inside_sqrt", atol=1e-5)

# "max" of OpenVINO's factory becomes "add" there, so test_normalize_l2_with_max compares with the formula.
for axes in ([1], [1, 2, 3], []):
    CASES += cases("normalize_l2", data([2, 3, 4, 5]), const(axes, "i64"), 1e-3, "add", rtol=1e-4)
for axes in ([1], [2, 3]):
    CASES += cases("lrn", data([2, 6, 4, 5]), const(axes), 1e-2, 0.75, 2.0, 3, rtol=1e-4)
CASES += cases("lrn", data([2, 6, 4]), const([1]), rtol=1e-4)
CASES += cases("group_normalization", data([2, 6, 4, 5], "T"), data([6], "T"), data([6], "T"), 3, 1e-3,
               T="f32 f16", atol=1e-2)  # fmt: skip
CASES += cases("group_normalization", data([2, 6]), data([6]), data([6]), 2, 1e-3, atol=1e-4)
CASES += cases("grn", data([2, 3, 4, 5]), 0.3, rtol=1e-4)
CASES += cases("grn", data([2, 3]), 0.3, rtol=1e-4)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case: Case) -> None:
    case.check()


REFUSED = [
    *cases("softmax", data([2, 3]), 2, opset=8),
    *cases("softmax", data([2, 3]), 2, opset=1),
    *cases("log_softmax", data([2, 3]), -3, opset=5),
    *cases(
        "batch_norm_inference",
        data([2, 3]),
        data([4]),
        data([3]),
        data([3]),
        data([3]),
        1e-3,
        opset=5,
    ),
    *cases(
        "batch_norm_inference", data([3]), data([3]), data([3]), data([3]), data([3]), 1e-3, opset=5
    ),
    *cases(
        "batch_norm_inference",
        data([2, 3]),
        data([3]),
        data([3]),
        data([3]),
        data([3]),
        -1.0,
        opset=5,
    ),
    *cases("group_normalization", data([2, 6]), data([6]), data([6]), 4, 1e-3),
    *cases("group_normalization", data([2, 6]), data([5]), data([6]), 3, 1e-3),
    *cases("grn", data([2]), 0.1),
    *cases("normalize_l2", data([2, 3]), const([2]), 1e-3, "add"),
]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused_by_both(case: Case) -> None:
    case.check_refused()


def test_root_mean_square() -> None:
    """RMS has no factory in Python: compare with its formula."""
    (case,) = cases("relu", data([2, 5]))
    built = case.build_mine()
    x = built.parameters[0]
    gamma = case.build_mine().parameters[0]
    node = make_node("RMS", [x, gamma], "ie_internal_opset", epsilon=1e-3)
    a, g = np.arange(10, dtype=np.float32).reshape(2, 5), np.full((2, 5), 2, np.float32)
    (result,) = run_mine(node, [x, gamma], [a, g])
    np.testing.assert_allclose(
        result, 2 * a / np.sqrt((a * a).mean(-1, keepdims=True) + 1e-3), rtol=1e-5
    )


def test_normalize_l2_with_max() -> None:
    (case,) = cases(
        "normalize_l2",
        data([2, 3], values=[[3.0, 4.0, 0.0], [0.1, 0.0, 0.0]]),
        const([1]),
        4.0,
        "max",
    )
    built = case.build_mine()
    (result,) = run_mine(built.node, built.parameters, case.draw())
    np.testing.assert_allclose(result, [[0.6, 0.8, 0.0], [0.05, 0.0, 0.0]], rtol=1e-6)
