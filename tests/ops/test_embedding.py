"""Embedding bags, SegmentMax and SparseFillEmptyRows against the real OpenVINO."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ovgpu import opset16
from ovgpu.plugins.cpu.evaluate import evaluate

from .differential import Case, cases, const, data


def ids(values, shape=None):
    return data(shape or [len(values)], "i32", values=values)


TABLE = data([5, 3], "T")
ROWS = [0, 2, 4, 1, 0, 3]

CASES = [
    *cases(
        "embedding_bag_offsets_sum", TABLE, ids(ROWS), ids([0, 2, 2, 5]), opset=3, T="f32 f16 f64"
    ),
    *cases(
        "embedding_bag_offsets_sum", TABLE, ids(ROWS), ids([0, 2, 2, 5]), const(4, "i32"), opset=3
    ),
    *cases(
        "embedding_bag_offsets_sum",
        data([5, 2, 2]),
        ids(ROWS),
        ids([0, 2, 2, 5]),
        const(-1, "i32"),
        data([6]),
    ),
    *cases(
        "embedding_bag_offsets",
        data([5, 3]),
        ids(ROWS),
        ids([0, 2, 2, 5]),
        const(0, "i32"),
        reduction="mean",
    ),
    *cases(
        "embedding_bag_offsets",
        data([5, 3]),
        ids(ROWS),
        ids([0, 2, 2, 5]),
        per_sample_weights=data([6]),
    ),
    *cases("embedding_bag_packed_sum", TABLE, ids(ROWS, [3, 2]), opset=3, T="f32 f64"),
    *cases("embedding_bag_packed_sum", data([5, 3]), ids(ROWS, [3, 2]), data([3, 2]), opset=3),
    *cases("embedding_bag_packed", data([5, 3]), ids(ROWS, [2, 3]), reduction="mean"),
    *cases(
        "embedding_segments_sum",
        TABLE,
        ids(ROWS),
        ids([0, 0, 2, 2, 3, 3]),
        const(5, "i32"),
        const(1, "i32"),
        opset=3,
        T="f32 f64",
    ),
    *cases(
        "embedding_segments_sum",
        data([5, 3]),
        ids(ROWS),
        ids([0, 0, 2, 2, 3, 3]),
        const(4, "i32"),
        const(-1, "i32"),
        data([6]),
        opset=3,
        values=False,
    ),
    *cases(
        "segment_max",
        data([6, 3], "T"),
        const([0, 0, 2, 2, 3, 3], "i32"),
        fill_mode="ZERO",
        values=False,
        T="f32 i32",
    ),
    *cases(
        "segment_max",
        data([6, 3], "T"),
        const([0, 0, 2, 2, 3, 3], "i32"),
        fill_mode="LOWEST",
        values=False,
        T="f32 i32",
    ),
    *cases(
        "segment_max",
        data([6]),
        ids([0, 0, 2, 2, 3, 3]),
        const(6, "i32"),
        fill_mode="ZERO",
        values=False,
    ),
    *cases(
        "segment_max",
        data([6]),
        ids([0, 0, 2, 2, 3, 3]),
        const(2, "i32"),
        fill_mode="LOWEST",
        values=False,
    ),
    *cases(
        "sparse_fill_empty_rows",
        data([3]),
        const([5, 4], "i32"),
        const([[0, 1], [2, 0], [2, 3]], "i32"),
        const(7.0),
        values=False,
        relax=(),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case: Case) -> None:
    case.check()


def computed(factory: str, *arguments: Any, **attributes: Any) -> list[list[Any]]:
    """The outputs of an operation on constants."""
    node = getattr(opset16, factory)(*map(np.asarray, arguments), **attributes)
    return [a.tolist() for a in evaluate(node, [v.node.host_array() for v in node.input_values()])]


# OpenVINO's CPU device crashes on these two operations, so the expected values are written out.
def test_segment_max() -> None:
    data = np.array([[1, 9], [3, 4], [-5, 6], [7, -8]], np.float32)
    ids = np.array([0, 0, 2, 2])
    assert computed("segment_max", data, ids, fill_mode="ZERO") == [[[3, 9], [0, 0], [7, 6]]]
    lowest = float(np.finfo(np.float32).min)
    assert computed("segment_max", data, ids, np.int64(2), fill_mode="LOWEST") == [
        [[3, 9], [lowest] * 2]
    ]
    assert computed("segment_max", data.astype(np.int8), ids, np.int64(4), fill_mode="LOWEST") == [
        [[3, 9], [-128, -128], [7, 6], [-128, -128]]
    ]


def test_sparse_fill_empty_rows() -> None:
    values, shape = np.array([1.0, 2.0, 3.0], np.float32), np.array([5, 4])
    indices = np.array([[0, 1], [2, 0], [2, 3]])
    assert computed("sparse_fill_empty_rows", values, shape, indices, np.float32(7)) == [
        [[0, 1], [1, 0], [2, 0], [2, 3], [3, 0], [4, 0]],
        [1, 7, 2, 3, 7, 7],
        [False, True, False, True, True],
    ]


def test_a_segment_without_rows_and_default_is_zero() -> None:
    table = np.array([[1, 2], [3, 4], [5, 6]], np.float32)  # OpenVINO leaves this row uninitialised
    ids, segments, weights = (
        np.array([0, 2, 1]),
        np.array([0, 0, 2]),
        np.array([1, 2, 3], np.float32),
    )
    given = (table, ids, segments, np.int64(3), np.int64(-1), weights)
    assert computed("embedding_segments_sum", *given) == [[[11, 14], [0, 0], [9, 12]]]


REFUSED = [
    *cases("embedding_bag_offsets_sum", data([5, 2]), ids([1, 2]), data([2], "i64"), opset=3),
    *cases(
        "embedding_bag_offsets_sum",
        data([5, 2]),
        ids([1, 2]),
        ids([0]),
        const(0, "i32"),
        data([3]),
        opset=3,
    ),
    *cases(
        "embedding_bag_offsets",
        data([5, 2]),
        ids([1, 2]),
        ids([0]),
        const(0, "i32"),
        data([2]),
        "mean",
    ),
    *cases("embedding_bag_packed_sum", data([5, 2]), ids([1, 2]), opset=3),
    *cases("embedding_segments_sum", data([5, 2]), ids([1, 2]), ids([0]), const(1, "i32"), opset=3),
    *cases("segment_max", data([3, 4]), const([0, 0]), fill_mode="ZERO"),
    *cases("segment_max", data([3, 4]), const([0, 2, 1]), fill_mode="ZERO"),
    *cases("sparse_fill_empty_rows", data([3]), const([2, 2]), data([4, 2], "i64"), const(1.0)),
]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused(case: Case) -> None:
    case.check_refused()
