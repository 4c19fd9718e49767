"""Products of matrices against OpenVINO."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.differential import Case, cases, const, data, run_mine

CASES: list[Case] = []
for a, b in (
    ([3, 4], [4, 5]),
    ([2, 3, 4], [4, 5]),
    ([2, 3, 4], [2, 4, 5]),
    ([2, 1, 3, 4], [3, 4, 5]),
    ([4], [4, 5]),
    ([3, 4], [4]),
    ([2, 3, 4], [4]),
    ([4], [2, 4, 5]),
    ([4], [4]),
    ([1, 4], [4, 1]),
    ([1, 3, 4], [4, 5]),
):
    CASES += cases("matmul", data(a), data(b), False, False, atol=1e-5)
    CASES += cases(
        "matmul", data(a), data(b[:-2] + b[:-3:-1] if len(b) > 1 else b), False, True, atol=1e-5
    )
    CASES += cases(
        "matmul", data(a[:-2] + a[:-3:-1] if len(a) > 1 else a), data(b), True, False, atol=1e-5
    )
CASES += cases("matmul", data([2, 4, 3]), data([2, 5, 4]), True, True, atol=1e-5)
CASES += cases(
    "matmul", data([2, 3, 4]), const(np.arange(20.0).reshape(5, 4) / 9), False, True, atol=1e-5
)
CASES += cases(
    "matmul", data([2, 3, 4], "T"), data([4, 5], "T"), False, False, T="f16 bf16 i32", atol=0.1
)
CASES += cases("matmul", data([0, 4]), data([4, 5]), False, False, relax=())

for equation, *shapes in (
    ("ab,bc->ac", [2, 3], [3, 4]),
    ("abc,abd->acd", [2, 3, 4], [2, 3, 5]),
    ("ab->ba", [2, 3]),
    ("ab->", [2, 3]),
    ("aab->ab", [3, 3, 2]),
    ("ab,bc", [2, 3], [3, 4]),
    ("b...,bc->...c", [3, 2, 5], [3, 4]),
    ("a...b,b...->a...", [2, 4, 3], [3, 4]),
    ("ab,cd,bd->ac", [2, 3], [4, 5], [3, 5]),
    ("bhqd,bhkd->bhqk", [2, 2, 3, 4], [2, 2, 5, 4]),
):
    CASES += cases("einsum", [data(s) for s in shapes], equation, atol=1e-5)
CASES += cases(
    "einsum", [data([2, 3], "T"), data([3, 4], "T")], "ab,bc->ac", T="f16 i32", atol=0.05
)

WELL_CONDITIONED = np.eye(3) * 4 + np.arange(18).reshape(2, 3, 3) % 5
CASES += cases(
    "inverse", data([2, 3, 3], "T", values=WELL_CONDITIONED), T="f32 f16", rtol=1e-2, atol=1e-3
)
CASES += cases(
    "inverse", data([2, 3, 3], values=WELL_CONDITIONED), adjoint=True, rtol=1e-3, atol=1e-4
)

GROUPED = [
    *cases(
        "grouped_matmul",
        data([5, 3]),
        data([2, 4, 3]),
        data([2], "i32", values=[2, 5]),
        opset=17,
        values=False,
    ),
    *cases("grouped_matmul", data([2, 5, 3]), data([2, 4, 3]), opset=17, values=False),
]


@pytest.mark.parametrize("case", CASES + GROUPED, ids=str)
def test_against_openvino(case: Case) -> None:
    case.check()


REFUSED = [
    *cases("matmul", data([2, 3]), data([4, 5]), False, False),
    *cases("matmul", data([2, 3]), data([]), False, False),
    *cases("matmul", data([2, 3, 4]), data([3, 4, 5]), False, False),
    *cases("matmul", data([2, 3]), data([3, 4], "f16"), False, False),
    *cases("einsum", [data([2, 3])], "abc->a"),
    *cases("einsum", [data([2, 3])], "ab,bc->ac"),
    *cases("einsum", [data([2, 3])], "ab->ad"),
    *cases("inverse", data([2, 3])),
    *cases("inverse", data([3, 3], "i32")),
    *cases("grouped_matmul", data([4, 3]), data([2, 3, 5]), data([2], "i32"), opset=17),
    *cases("grouped_matmul", data([4, 3]), data([3, 5]), data([2], "i32"), opset=17),
]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused_by_both(case: Case) -> None:
    case.check_refused()


@pytest.mark.parametrize("case", GROUPED, ids=str)
def test_grouped_products(case: Case) -> None:
    """OpenVINO has no kernel for this one: compare with the product of each group."""
    built, arrays = case.build_mine(), case.draw()
    (result,) = run_mine(built.node, built.parameters, arrays)
    a, b = arrays[:2]
    groups = a if a.ndim == 3 else np.split(a, arrays[2][:-1])
    parts = [rows @ weights.T for rows, weights in zip(groups, b, strict=True)]
    expected = np.stack(parts) if a.ndim == 3 else np.concatenate(parts)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)


def test_singular_matrices_have_no_inverse() -> None:
    (case,) = cases("inverse", data([2, 2, 2]))
    built = case.build_mine()
    matrices = np.array([[[1, 2], [2, 4]], [[2, 0], [0, 4]]], np.float32)
    (result,) = run_mine(built.node, built.parameters, [matrices])
    np.testing.assert_array_equal(result, [[[np.nan] * 2] * 2, [[0.5, 0], [0, 0.25]]])
