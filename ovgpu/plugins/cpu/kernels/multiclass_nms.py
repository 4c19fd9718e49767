"""MulticlassNms and MatrixNms on host arrays: the best boxes of all classes of an image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.plugins.cpu.kernels.boxes import descending, greedy_suppression, overlaps
from ovgpu.plugins.cpu.kernels.introsort import introsort
from ovgpu.plugins.cpu.registry import kernel


class _Found:
    """Selected boxes of one image: class, score, box and index of each."""

    def __init__(self) -> None:
        self.classes: list[np.ndarray] = []
        self.scores: list[np.ndarray] = []
        self.boxes: list[np.ndarray] = []
        self.indices: list[np.ndarray] = []

    def add(self, label: int, scores: np.ndarray, boxes: np.ndarray, indices: np.ndarray) -> None:
        self.classes.append(np.full(len(scores), label, np.int64))
        self.scores.append(np.asarray(scores))
        self.boxes.append(boxes)
        self.indices.append(np.asarray(indices, np.int64))

    def rows(self, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
        """Rows (class, score, box) and indices."""
        if not self.classes:
            return np.empty((0, 6), dtype), np.empty(0, np.int64)
        parts = [np.concatenate(p) for p in (self.classes, self.scores, self.boxes)]
        table = np.concatenate([parts[0][:, None], parts[1][:, None], parts[2]], 1).astype(dtype)
        return table, np.concatenate(self.indices)


#: Scores of OpenVINO's MulticlassNms that differ by less than this are equal when it orders detections.
_SAME_SCORE = 1e-6
#: From so many rows on OpenVINO sorts in parallel, in parts that depend on its threads.
_PARALLEL_ROWS = 500

#: Image, class, index and score of one detection.
_Detection = tuple[int, int, int, float]


def _by_score(a: _Detection, b: _Detection) -> bool:
    """Whether a comes before b: by image, then score; by class and index where the scores are nearly equal.

    The higher score still wins over a smaller class or index, so of two detections each may come before the other.
    """
    if a[0] != b[0]:
        return a[0] < b[0]
    return a[3] > b[3] or (abs(a[3] - b[3]) < _SAME_SCORE and a[1:3] < b[1:3])


def _by_class(a: _Detection, b: _Detection) -> bool:
    """The same by image and class before the score."""
    if a[:2] != b[:2]:
        return a[:2] < b[:2]
    return a[3] > b[3] or (abs(a[3] - b[3]) < _SAME_SCORE and a[2] < b[2])


def _detection_order(
    images: np.ndarray, table: np.ndarray, indices: np.ndarray, sort: str
) -> np.ndarray:
    """Rows by image, then by score or class ("classid"), as OpenVINO's CPU device orders them.

    Args:
        images: image of every row, ascending.
        table: rows (class, score, box), those of a class by descending score.
        indices: index of the box of every row.
        sort: "score" or "classid".
    """
    classes, scores = table[:, 0], table[:, 1]
    by_class = sort == "classid"
    first, second = (-scores, classes) if not by_class else (classes, -scores)
    order = np.lexsort((indices, second, first, images))
    by_score = np.lexsort((-scores, images)) if by_class else order
    gaps = -np.diff(scores[by_score].astype(np.float64))
    near = (gaps > 0) & (gaps < _SAME_SCORE) & (np.diff(images[by_score]) == 0)
    if not near.any() or len(order) >= _PARALLEL_ROWS:
        return order
    # Only nearly equal scores make the comparison contradict itself, and the moves of the sort matter.
    detections = list(zip(images.tolist(), classes.tolist(), indices.tolist(), scores.tolist()))
    rows = {detection[:3]: row for row, detection in enumerate(detections)}
    introsort(detections, _by_class if by_class else _by_score)
    return np.array([rows[detection[:3]] for detection in detections])


def _order_across(
    images: np.ndarray, table: np.ndarray, indices: np.ndarray, sort: str
) -> np.ndarray:
    """Rows of all images by score (equal ones by image, class and index), or by class, image and score."""
    if sort == "score":
        return np.lexsort((indices, table[:, 0], images, -table[:, 1]))
    return np.lexsort((indices, -table[:, 1], images, table[:, 0]))


def _joined(
    found: Iterator[_Found], dtype: np.dtype
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Image of every row, rows and indices of all images, and the number of images."""
    parts = [image.rows(dtype) for image in found]
    images = np.repeat(np.arange(len(parts)), [len(indices) for _, indices in parts])
    table = np.concatenate([p[0] for p in parts]) if parts else np.empty((0, 6), dtype)
    indices = np.concatenate([p[1] for p in parts]) if parts else np.empty(0, np.int64)
    return images, table, indices, len(parts)


def _best_of_each(images: np.ndarray, keep: int) -> np.ndarray:
    """Which rows are among the first ``keep`` of their image; all for -1. ``images`` is ascending."""
    if keep < 0:
        return np.ones(len(images), bool)
    place = np.arange(len(images)) - np.searchsorted(images, images)
    return place < keep


def _finish(
    found: Iterator[_Found], attributes: dict[str, Any], dtype: np.dtype, types: list[Type]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keep the best of each image, sort, and put the images together.

    Within an image rows are sorted by score in any case; MatrixNms knows no order by class there, nor near ties.
    """
    sort, across = attributes["sort_result_type"], attributes["sort_result_across_batch"]
    images, table, indices, count = _joined(found, dtype)
    if attributes["tolerant"]:
        order = _detection_order(images, table, indices, "score")
    else:
        order = np.lexsort((-table[:, 1], images))
    order = order[_best_of_each(images, attributes["keep_top_k"])]
    images, table, indices = images[order], table[order], indices[order]
    counts = np.bincount(images, minlength=count).astype(types[2].host_dtype)
    if sort != "none" and across:
        order = _order_across(images, table, indices, sort)
        table, indices = table[order], indices[order]
    elif sort == "classid" and attributes["tolerant"]:
        order = _detection_order(images, table, indices, sort)
        table, indices = table[order], indices[order]
    return table, indices[:, None].astype(types[1].host_dtype), counts


def _first(order: np.ndarray, count: int) -> np.ndarray:
    """The first ``count`` candidates, all for -1."""
    return order[:count] if count >= 0 else order


@kernel("MulticlassNms")
def multiclass_nms(
    boxes: np.ndarray,
    scores: np.ndarray,
    roisnum: np.ndarray | None = None,
    *,
    sort_result_type: str,
    nms_top_k: int,
    keep_top_k: int,
    sort_result_across_batch: bool,
    iou_threshold: float,
    score_threshold: float,
    background_class: int,
    nms_eta: float,
    normalized: bool,
    out_types: list[Type],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    border = 0.0 if normalized else 1.0

    def images() -> Iterator[
        tuple[np.ndarray, np.ndarray, Callable[[int, np.ndarray], np.ndarray]]
    ]:
        """Boxes ``(classes, n, 4)``, scores ``(classes, n)`` and index of a box, image by image."""
        if roisnum is None:
            count = boxes.shape[1]
            for n in range(scores.shape[0]):
                shared = np.broadcast_to(boxes[n], (scores.shape[1], *boxes[n].shape))
                yield shared, scores[n], lambda label, kept, n=n: kept + n * count  # type: ignore[misc]
            return
        start = 0
        for size in roisnum.reshape(-1).tolist():
            part = slice(start, start + size)
            yield (
                boxes[:, part],
                scores[:, part],
                lambda label, kept, first=start: (kept + first) * scores.shape[0] + label,  # type: ignore[misc]
            )
            start += size

    def found() -> Iterator[_Found]:
        for image_boxes, image_scores, index in images():
            result = _Found()
            for label in range(image_scores.shape[0]):
                if label == background_class:
                    continue
                mine, values = image_boxes[label], image_scores[label]
                order = descending(values)
                order = _first(order[values[order] >= score_threshold], nms_top_k)
                kept = np.array(
                    greedy_suppression(
                        order,
                        lambda box, others, mine=mine: overlaps(
                            mine[box], mine[others], border, across_gaps=True
                        ),  # type: ignore[misc]
                        iou_threshold,
                        eta=nms_eta,
                        inclusive=True,
                    ),
                    np.int64,
                )
                result.add(label, values[kept], mine[kept], index(label, kept))
            yield result

    attributes = {
        "sort_result_type": sort_result_type,
        "sort_result_across_batch": sort_result_across_batch,
        "keep_top_k": keep_top_k,
        "tolerant": True,
    }
    return _finish(found(), attributes, boxes.dtype, out_types)


@kernel("MatrixNms")
def matrix_nms(
    boxes: np.ndarray,
    scores: np.ndarray,
    *,
    sort_result_type: str,
    nms_top_k: int,
    keep_top_k: int,
    sort_result_across_batch: bool,
    score_threshold: float,
    background_class: int,
    decay_function: str,
    gaussian_sigma: float,
    post_threshold: float,
    normalized: bool,
    out_types: list[Type],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    border = 0.0 if normalized else 1.0

    def found() -> Iterator[_Found]:
        for image in range(scores.shape[0]):
            result = _Found()
            for label in range(scores.shape[1]):
                if label == background_class:
                    continue
                order = descending(scores[image, label])
                above = scores[image, label, order] > score_threshold
                order = _first(order[above], nms_top_k)
                if order.size == 0:
                    continue
                mine = boxes[image, order]
                iou = np.tril(overlaps(mine[:, None], mine[None], border), -1)
                worst = iou.max(1, initial=0)
                if decay_function == "gaussian":
                    decay = np.exp((worst[None] ** 2 - iou**2) * gaussian_sigma)
                else:
                    decay = (1 - iou) / (1 - worst[None])
                better = np.tri(len(order), len(order), -1, dtype=bool)
                factor = np.where(better, decay, np.inf).min(1, initial=np.inf)
                values = scores[image, label, order] * np.where(np.isinf(factor), 1, factor)
                kept = values > post_threshold
                result.add(label, values[kept], mine[kept], order[kept] + image * boxes.shape[1])
            yield result

    attributes = {
        "sort_result_type": sort_result_type,
        "sort_result_across_batch": sort_result_across_batch,
        "keep_top_k": keep_top_k,
        "tolerant": False,
    }
    return _finish(found(), attributes, boxes.dtype, out_types)
