"""TopK, NonZero, Unique, Bucketize and SearchSorted against the real OpenVINO."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.ops.sorting import unique_arrays
from ovgpu.plugins.cpu.kernels.sorting import top_k_indices

from .differential import Case, cases, const, data

REPEATED = [3, 1, 2, 3, 3, 1, 0, 2, 3, 1, 1, 0]

CASES = [
    *[
        case
        for mode in ("max", "min")
        for sort in ("value", "index")
        for case in cases(
            "topk", data([3, 5, 4], "T", -100, 100), const(3), 1, mode, sort, T="f32 i32"
        )
    ],
    *cases(
        "topk",
        data([2, 6], "T", -90, 90),
        const(2, "i32"),
        -1,
        "max",
        "value",
        T="f16 bf16 i8 i64 f64",
    ),
    *cases("topk", data([3, 5], low=-50), const(1), 0, "min", "value", opset=1),
    *cases("topk", data([3, 5], low=-50), const(2), 0, "min", "index", "i64", opset=3),
    *cases("topk", data([12], "i32", values=REPEATED), const(5), 0, "max", "value", "i64", True),
    *cases("topk", data([12], "f32", values=REPEATED), const(7), 0, "min", "value", stable=True),
    *cases(
        "non_zero",
        data([3, 4], "T", values=[0, 1, 0, 2, 0, 0, 3, 0, 0, 1, 1, 0]),
        T="f32 f16 i32 i64 u8 boolean",
    ),
    *cases("non_zero", data([12], values=REPEATED), "i32"),
    *cases("non_zero", const([0, 1, 0, 3])),
    *cases("non_zero", data([2, 0])),
    *cases("unique", data([12], "T", values=REPEATED), T="f32 i32 i64 f16 i8"),
    *cases("unique", data([3, 4], "i32", values=REPEATED), sorted=False),
    *cases("unique", data([6, 2], "i32", values=REPEATED), const(0), True, "i32", "i32"),
    *cases("unique", data([2, 6], "i32", values=REPEATED), const([1]), False, values=False),
    *cases("unique", data([6, 2], "i32", values=REPEATED), const([-2]), False),
    *cases("unique", const([[1, 1], [2, 1]], "i32"), const(0)),
    *cases("bucketize", data([3, 4], "T"), const([-2, 0, 1, 5], "T"), T="f32 i32 i64"),
    *cases("bucketize", data([3, 4], "i32"), const([-2, 0, 1, 5], "i32"), "i32", False),
    *cases("bucketize", data([3, 4]), const([], "f32")),
    *cases(
        "search_sorted", data([5], "T", values=[-3, 0, 0, 2, 4]), data([2, 3], "T"), T="f32 i32 i64"
    ),
    *cases(
        "search_sorted",
        data([2, 4], values=[-3, 0, 0, 2, 1, 1, 2, 3]),
        data([2, 3], values=[0, 3, -4, 1, 2, 9]),
        True,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case: Case) -> None:
    case.check()


REFUSED = [
    *cases("topk", data([3]), const(-1), 0, "max", "value"),
    *cases("topk", data([3]), const(1), 1, "max", "value"),
    *cases("topk", data([3]), const(1.0), 0, "max", "value"),
    *cases("topk", data([]), const(1), 0, "max", "value"),
    *cases("unique", data([2, 3]), data([], "i64")),
    *cases("bucketize", data([2]), data([2, 2])),
    *cases("search_sorted", data([2, 4]), data([3, 4])),
    *cases("search_sorted", data([4], "i32"), data([3, 4])),
]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused(case: Case) -> None:
    case.check_refused()


def test_unique_columns() -> None:  # OpenVINO's CPU device overlooks equal columns
    x = np.array([[3, 1, 3, 1], [0, 2, 0, 1]])
    values, first, inverse, counts = unique_arrays(x, 1, False)
    assert values.tolist() == [[3, 1, 1], [0, 2, 1]]
    assert (first.tolist(), inverse.tolist(), counts.tolist()) == (
        [0, 1, 3],
        [0, 1, 0, 2],
        [2, 1, 1],
    )
    assert unique_arrays(x, 1, True)[0].tolist() == [[1, 1, 3], [1, 2, 0]]


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("sort", ["value", "index"])
@pytest.mark.parametrize("k", [2, 60, 125])
def test_selecting_gives_what_sorting_gives(k: int, sort: str, largest: bool) -> None:
    x = (
        np.random.default_rng(k).integers(0, 40, (3, 1000)).astype(np.float32)
    )  # with many equal elements
    ranked = np.argsort(-x if largest else x, -1, kind="stable")[:, :k]
    expected = np.sort(ranked, -1) if sort == "index" else ranked
    np.testing.assert_array_equal(top_k_indices(x, k, largest, sort), expected)


def test_nan_does_not_break_the_selection() -> None:
    x = np.arange(1000, dtype=np.float32)
    x[17] = np.nan
    assert top_k_indices(x, 5, False, "value").tolist() == [0, 1, 2, 3, 4]
