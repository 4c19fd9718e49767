"""NonMaxSuppression and NMSRotated on host arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.plugins.cpu.kernels.boxes import (
    Overlap,
    corners_of_centers,
    descending,
    greedy_suppression,
    ordered_corners,
    overlaps,
    rotated_overlaps,
)
from ovgpu.plugins.cpu.registry import kernel


def _number(value: np.ndarray | None, default: float) -> float:
    return default if value is None or value.size == 0 else float(value.reshape(-1)[0])


def _soft_suppression(
    scores: np.ndarray,
    overlap: Overlap,
    limit: int,
    iou_threshold: float,
    score_threshold: float,
    sigma: float,
) -> tuple[list[int], list[float]]:
    """Soft-NMS: each kept box multiplies the others' scores by ``exp(-iou² / (2 sigma))``, or by 0 above
    the threshold."""
    left = np.flatnonzero(scores > score_threshold)
    values = scores.astype(np.float64)
    kept: list[int] = []
    results: list[float] = []
    while left.size and len(kept) < limit:
        position = int(np.argmax(values[left]))
        best = int(left[position])
        kept.append(best)
        results.append(float(values[best]))
        left = np.delete(left, position)
        iou = overlap(best, left).astype(np.float64)
        values[left] *= np.exp(-0.5 / sigma * iou * iou)
        left = left[values[left] > score_threshold]
    return kept, results


def _select(
    scores: np.ndarray,
    overlap_in: Callable[[int], Overlap],
    limit: int,
    iou_threshold: float,
    score_threshold: float,
    sigma: float,
    sort: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows (batch, class, box) of the selected boxes and their scores, for scores ``[batch, classes, boxes]``."""
    rows: list[np.ndarray] = []
    values: list[np.ndarray] = []
    for image in range(scores.shape[0]):
        overlap = overlap_in(image)
        for label in range(scores.shape[1]):
            mine = scores[image, label]
            if sigma > 0:
                kept, chosen = _soft_suppression(
                    mine, overlap, limit, iou_threshold, score_threshold, sigma
                )
            else:
                order = descending(mine)
                order = order[mine[order] > score_threshold]
                kept = greedy_suppression(order, overlap, iou_threshold, limit)
                chosen = mine[kept]
            triples = np.empty((len(kept), 3), np.int64)
            triples[:] = image, label, 0
            triples[:, 2] = kept
            rows.append(triples)
            values.append(np.asarray(chosen, np.float32))
    table = np.concatenate(rows) if rows else np.empty((0, 3), np.int64)
    found = np.concatenate(values) if values else np.empty(0, np.float32)
    if sort:
        order = descending(found)
        table, found = table[order], found[order]
    return table, found


def _non_max_suppression(
    boxes: np.ndarray,
    scores: np.ndarray,
    max_output: np.ndarray | None,
    iou_threshold: np.ndarray | None,
    score_threshold: np.ndarray | None,
    sigma: np.ndarray | None,
    box_encoding: str,
    sort: bool,
) -> tuple[np.ndarray, np.ndarray]:
    corners = ordered_corners(boxes) if box_encoding == "corner" else corners_of_centers(boxes)

    def overlap_in(image: int) -> Overlap:
        mine = corners[image]
        return lambda box, others: overlaps(mine[box], mine[others])

    limit = max(int(_number(max_output, 0)), 0)
    return _select(
        scores,
        overlap_in,
        limit,
        _number(iou_threshold, 0),
        _number(score_threshold, 0),
        _number(sigma, 0),
        sort,
    )


def _three_outputs(
    rows: np.ndarray, scores: np.ndarray, types: list[Type]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = np.empty((len(rows), 3), np.float32)
    table[:, :2] = rows[:, :2]
    table[:, 2] = scores
    return rows.astype(types[0].host_dtype), table, np.array([len(rows)], types[2].host_dtype)


@kernel("NonMaxSuppression")
def non_max_suppression(
    boxes: np.ndarray,
    scores: np.ndarray,
    max_output: np.ndarray | None = None,
    iou_threshold: np.ndarray | None = None,
    score_threshold: np.ndarray | None = None,
    soft_nms_sigma: np.ndarray | None = None,
    *,
    box_encoding: str,
    sort_result_descending: bool,
    out_types: list[Type],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows, found = _non_max_suppression(
        boxes,
        scores,
        max_output,
        iou_threshold,
        score_threshold,
        soft_nms_sigma,
        box_encoding,
        sort_result_descending,
    )
    return _three_outputs(rows, found, out_types)


def _fixed_rows(
    boxes: np.ndarray,
    scores: np.ndarray,
    max_output: np.ndarray | None = None,
    iou_threshold: np.ndarray | None = None,
    score_threshold: np.ndarray | None = None,
    *,
    box_encoding: str,
    sort_result_descending: bool,
    out_type: Type,
    out_shape: tuple[int, ...],
) -> np.ndarray:
    """The first versions: as many rows as shape inference says, those left over filled with -1."""
    rows, _ = _non_max_suppression(
        boxes,
        scores,
        max_output,
        iou_threshold,
        score_threshold,
        None,
        box_encoding,
        sort_result_descending,
    )
    if out_shape is None:
        return rows.astype(out_type.host_dtype)
    result = np.full(out_shape, -1, out_type.host_dtype)
    count = min(len(rows), out_shape[0])
    result[:count] = rows[:count]
    return result


for _version in ("opset1", "opset3", "opset4"):
    kernel("NonMaxSuppression", version=_version)(_fixed_rows)


@kernel("NMSRotated")
def nms_rotated(
    boxes: np.ndarray,
    scores: np.ndarray,
    max_output: np.ndarray,
    iou_threshold: np.ndarray,
    score_threshold: np.ndarray,
    *,
    sort_result_descending: bool,
    clockwise: bool,
    out_types: list[Type],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    def overlap_in(image: int) -> Overlap:
        mine = boxes[image]

        def overlap(box: int, others: np.ndarray) -> np.ndarray:
            second = mine[others]
            return rotated_overlaps(np.broadcast_to(mine[box], second.shape), second, clockwise)

        return overlap

    rows, found = _select(
        scores,
        overlap_in,
        max(int(_number(max_output, 0)), 0),
        _number(iou_threshold, 0),
        _number(score_threshold, 0),
        0.0,
        sort_result_descending,
    )
    return _three_outputs(rows, found, out_types)
