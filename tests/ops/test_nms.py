"""Selection of boxes against OpenVINO."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ops.differential import cases, const, data

RNG = np.random.default_rng(7)
BATCH, CLASSES, COUNT = 2, 3, 20
CORNERS = RNG.uniform(0, 1, (BATCH, COUNT, 4))
ORDERED = np.concatenate([
    np.minimum(CORNERS[..., :2], CORNERS[..., 2:]),
    np.maximum(CORNERS[..., :2], CORNERS[..., 2:]),
], -1)  # fmt: skip
SCORES = RNG.permutation(BATCH * CLASSES * COUNT).reshape(BATCH, CLASSES, COUNT) / (
    BATCH * CLASSES * COUNT
)
ROTATED = np.concatenate([RNG.uniform(0, 1, (BATCH, COUNT, 2)), RNG.uniform(0.3, 1, (BATCH, COUNT, 2)),
                          RNG.uniform(-3, 3, (BATCH, COUNT, 1))], -1)  # fmt: skip


def _boxes(values=CORNERS):
    return data(values.shape, values=values)


def _scores():
    return data(SCORES.shape, values=SCORES)


def _non_max_suppressions():
    for opset, encoding, sort in itertools.product(
        (1, 3, 4, 5, 9), ("corner", "center"), (True, False)
    ):
        yield from cases("non_max_suppression", _boxes(), _scores(), const(5), const(0.4), const(0.1), opset=opset,
                         box_encoding=encoding, sort_result_descending=sort, values=opset >= 5)  # fmt: skip
    yield from cases("non_max_suppression", _boxes(), _scores(), const(100), const(0.3), const(0.2), const(0.5),
                     opset=9, output_type="i32")  # fmt: skip
    yield from cases("non_max_suppression", _boxes(), _scores(), opset=9, values=False)
    yield from cases(
        "non_max_suppression", _boxes(), _scores(), data([], "i64"), opset=9, values=False
    )


def _rotated():
    for clockwise, sort in itertools.product((True, False), (True, False)):
        yield from cases("nms_rotated", _boxes(ROTATED), _scores(), const(10), const(0.2), const(0.1), opset=13,
                         clockwise=clockwise, sort_result_descending=sort)  # fmt: skip


def _by_class(name: str, opset: int, **options):
    for sort, across in itertools.product(("score", "classid"), (True, False)):
        yield from cases(name, _boxes(ORDERED), _scores(), sort_result_type=sort, sort_result_across_batch=across,
                         score_threshold=0.1, opset=opset, relax=(), **options)  # fmt: skip
    for limits in (
        {"nms_top_k": 6},
        {"keep_top_k": 7},
        {"nms_top_k": 4, "keep_top_k": 5, "background_class": 1},
    ):
        yield from cases(
            name,
            _boxes(ORDERED),
            _scores(),
            sort_result_type="score",
            opset=opset,
            **limits,
            **options,
        )
    if "nms_eta" not in options:
        yield from cases(name, _boxes(ORDERED), _scores(), sort_result_type="score", normalized=False, opset=opset,
                         output_type="i32", **options)  # fmt: skip


def _near_ties():
    """Scores apart by less than OpenVINO's tolerance, where its comparison contradicts itself and the moves of its sort
    decide. Few rows go through insertion alone, more through quicksort, runs of sorted classes through heap sort."""
    steps = np.random.default_rng(11)
    for images, classes, count, values in (
        (2, 2, 4, 12),
        (1, 1, 40, 400),
        (2, 3, 20, 800),
        (1, 6, 30, 3000),
    ):
        spots = np.arange(count) * 10.0
        boxes = np.stack([spots, spots, spots + 5, spots + 5], -1)[None].repeat(images, 0)
        scores = 0.5 + steps.integers(0, values, (images, classes, count)) * 2.5e-7
        for sort, across, keep in itertools.product(
            ("score", "classid", "none"), (True, False), (-1, count // 2)
        ):
            yield from cases(
                "multiclass_nms",
                data(boxes.shape, values=boxes),
                data(scores.shape, values=scores),
                opset=9,
                sort_result_type=sort,
                sort_result_across_batch=across,
                keep_top_k=keep,
                nms_top_k=15,
                iou_threshold=0.5,
            )


def _at_the_threshold():
    """An overlap of exactly the threshold drops a box."""
    boxes, scores = (
        data([1, 2, 4], values=[[[0, 0, 2, 1], [0, 0, 1, 1]]]),
        data([1, 1, 2], values=[[[0.9, 0.8]]]),
    )
    for eta in (1.0, 0.9):
        yield from cases("multiclass_nms", boxes, scores, opset=9, iou_threshold=0.5, nms_eta=eta)


CASES = [
    *_near_ties(),
    *_at_the_threshold(),
    *_non_max_suppressions(),
    *_rotated(),
    *_by_class("multiclass_nms", 8, iou_threshold=0.3),
    *_by_class("multiclass_nms", 9, iou_threshold=0.6, nms_eta=0.9),
    *_by_class("matrix_nms", 8, post_threshold=0.05),
    *_by_class("matrix_nms", 8, decay_function="gaussian", gaussian_sigma=1.5),
    *cases(
        "multiclass_nms",
        data([3, 10, 4], values=ORDERED.reshape(-1, 10, 4)[:3]),
        data([3, 10], values=SCORES.reshape(-1, 10)[:3]),
        data([2], "i32", values=[4, 6]),
        iou_threshold=0.4,
        sort_result_type="score",
        opset=9,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case):
    case.check()
