"""Scaled dot-product attention against OpenVINO."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.differential import Case, cases, const, data

NAME = "scaled_dot_product_attention"
VISIBLE = np.tril(np.ones((3, 5), bool), 1)

CASES: list[Case] = []
for query, key, value in (
    ([2, 3, 4], [2, 5, 4], [2, 5, 6]),
    ([2, 2, 3, 4], [2, 2, 5, 4], [2, 2, 5, 6]),
    ([2, 3, 4], [1, 5, 4], [1, 5, 6]),
    ([1, 3, 4], [2, 5, 4], [2, 5, 6]),
):
    CASES += cases(NAME, data(query), data(key), data(value), atol=1e-5)
    CASES += cases(NAME, data(query), data(key), data(value), data([3, 5]), atol=1e-5)
    CASES += cases(NAME, data(query), data(key), data(value), causal=True, atol=1e-5)
QKV = [data([2, 2, 3, 4], "T"), data([2, 2, 5, 4], "T"), data([2, 2, 5, 6], "T")]
CASES += cases(NAME, *QKV, data([2, 1, 3, 5], "T"), T="f32 f16 bf16", atol=2e-2)
CASES += cases(NAME, *QKV, data([3, 5], "boolean", values=VISIBLE), atol=1e-5)
CASES += cases(NAME, *QKV, data([3, 5], "T"), data([], "T", 0.1, 1), atol=1e-5)
CASES += cases(NAME, *QKV, data([3, 5], "T"), const([0.3], "T"), atol=1e-5)
CASES += cases(NAME, *QKV, const(0.0, "T"), const(0.3, "T"), causal=True, atol=1e-5)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case: Case) -> None:
    case.check()


Q, K, V = data([2, 3, 4]), data([2, 5, 4]), data([2, 5, 6])
REFUSED = [
    *cases(NAME, Q, data([2, 5, 7]), V),
    *cases(NAME, Q, K, data([2, 6, 6])),
    *cases(NAME, Q, K, V, data([3, 6])),
    *cases(NAME, Q, K, V, data([3, 5], "i32")),
    *cases(NAME, data([4]), data([5, 4]), data([5, 6])),
    *cases(NAME, Q, K, data([2, 5, 6], "f16")),
]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused_by_both(case: Case) -> None:
    case.check_refused()
