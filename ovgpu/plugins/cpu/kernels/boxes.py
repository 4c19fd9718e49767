"""Geometry of boxes and greedy suppression, shared by the detection operations.

Boxes are arrays ``(..., 4)`` of two opposite corners ``(x1, y1, x2, y2)``; which axis comes first does not matter here.
``border`` 1 is added to widths and heights where coordinates count pixels (boxes that are not normalized).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

#: Overlaps of one box with many: ``overlap(index, others) -> IoU of each``.
Overlap = Callable[[int, np.ndarray], np.ndarray]


def areas(boxes: np.ndarray, border: float = 0.0) -> np.ndarray:
    """Area of every box; boxes with negative sizes have none."""
    width = boxes[..., 2] - boxes[..., 0]
    height = boxes[..., 3] - boxes[..., 1]
    zero = boxes.dtype.type(0)
    valid = (width >= 0) & (height >= 0)
    more = boxes.dtype.type(border)
    return np.where(valid, (width + more) * (height + more), zero)


def overlaps(
    first: np.ndarray, second: np.ndarray, border: float = 0.0, across_gaps: bool = False
) -> np.ndarray:
    """Intersection over union of boxes, broadcast over all axes but the last; 0 where the union is empty.

    ``across_gaps``: boxes less than ``border`` apart overlap too, by what is left of it.
    """
    more, zero = first.dtype.type(border), first.dtype.type(0)
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., 2:], second[..., 2:])
    sizes = high - low
    if across_gaps:
        common = np.maximum(sizes + more, zero).prod(-1)
    else:
        common = np.where((sizes >= 0).all(-1), (np.maximum(sizes, zero) + more).prod(-1), zero)
    union = areas(first, border) + areas(second, border) - common
    return np.divide(common, union, out=np.zeros_like(union), where=union > 0)


def ordered_corners(boxes: np.ndarray) -> np.ndarray:
    """The same boxes with the smaller corner first."""
    first, second = boxes[..., :2], boxes[..., 2:]
    return np.concatenate([np.minimum(first, second), np.maximum(first, second)], -1)


def corners_of_centers(boxes: np.ndarray) -> np.ndarray:
    """``(centre x, centre y, width, height)`` as corners."""
    half = boxes[..., 2:] / boxes.dtype.type(2)
    return np.concatenate([boxes[..., :2] - half, boxes[..., :2] + half], -1)


def descending(scores: np.ndarray) -> np.ndarray:
    """Indices from the highest score to the lowest, equal ones in their order."""
    return np.argsort(-scores, kind="stable")


def greedy_suppression(
    order: np.ndarray,
    overlap: Overlap,
    threshold: float,
    limit: int | None = None,
    eta: float = 1.0,
    inclusive: bool = False,
) -> list[int]:
    """Indices from ``order`` kept when each drops the later ones that overlap it too much.

    Args:
        order: candidate indices, best first.
        overlap: IoU of a box with others.
        threshold: candidates with a larger IoU than this are dropped.
        limit: stop after so many boxes.
        eta: factor on the threshold after each kept box while it is above 0.5.
        inclusive: drop at equality with the threshold too.
    """
    kept: list[int] = []
    while order.size and (limit is None or len(kept) < limit):
        best, order = int(order[0]), order[1:]
        if eta < 1:
            # The threshold of a candidate is the one in force when its turn comes, against all kept so far.
            values = overlap(best, np.array(kept, np.int64)) if kept else np.zeros(0)
            if (values >= threshold if inclusive else values > threshold).any():
                continue
            kept.append(best)
            if threshold > 0.5:
                threshold *= eta
            continue
        kept.append(best)
        values = overlap(best, order)
        order = order[values < threshold if inclusive else values <= threshold]
    return kept


def rotated_corners(boxes: np.ndarray, clockwise: bool) -> np.ndarray:
    """The four corners ``(n, 4, 2)`` of boxes (centre x, centre y, width, height, angle)."""
    angle = boxes[:, 4] if clockwise else -boxes[:, 4]
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x = boxes[:, 2:3] * np.array([-0.5, 0.5, 0.5, -0.5])
    y = boxes[:, 3:4] * np.array([-0.5, -0.5, 0.5, 0.5])
    return np.stack([boxes[:, :1] + x * cos - y * sin, boxes[:, 1:2] + x * sin + y * cos], -1)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _inside(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Which of ``points`` ``(n, p, 2)`` lie in the convex polygons ``(n, 4, 2)``, borders included."""
    edges = np.roll(polygon, -1, 1) - polygon
    side = _cross(edges[:, None], points[:, :, None] - polygon[:, None])
    return np.logical_or((side >= -1e-9).all(-1), (side <= 1e-9).all(-1))


def _crossings(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points ``(n, 16, 2)`` where edges of the polygons cross, and which of them exist."""
    start, move = first[:, :, None], (np.roll(first, -1, 1) - first)[:, :, None]
    other, along = second[:, None], (np.roll(second, -1, 1) - second)[:, None]
    determinant = _cross(move, along)
    parallel = np.abs(determinant) < 1e-14
    safe = np.where(parallel, 1.0, determinant)
    t = _cross(other - start, along) / safe
    u = _cross(other - start, move) / safe
    exists = ~parallel & (t >= 0) & (t <= 1) & (u >= 0) & (u <= 1)
    points = start + t[..., None] * move
    return points.reshape(len(first), 16, 2), exists.reshape(len(first), 16)


def rotated_overlaps(first: np.ndarray, second: np.ndarray, clockwise: bool) -> np.ndarray:
    """IoU of pairs of rotated boxes ``(n, 5)``.

    The intersection of two rectangles is convex; its corners are among the crossings of edges and the corners of one
    that lie in the other. Sorted by their angle around the middle they give the area.
    """
    a = rotated_corners(first.astype(np.float64), clockwise)
    b = rotated_corners(second.astype(np.float64), clockwise)
    crossings, crossing = _crossings(a, b)
    points = np.concatenate([crossings, a, b], 1)
    valid = np.concatenate([crossing, _inside(a, b), _inside(b, a)], 1)
    count = np.maximum(valid.sum(1), 1)[:, None]
    middle = (points * valid[..., None]).sum(1) / count
    chosen = points[np.arange(len(points)), valid.argmax(1)]
    # Unused points become copies of a used one, which adds nothing to the area.
    around = np.where(valid[..., None], points, chosen[:, None]) - middle[:, None]
    order = np.argsort(np.arctan2(around[..., 1], around[..., 0]), 1)
    ring = np.take_along_axis(around, order[..., None], 1)
    common = np.abs(_cross(ring, np.roll(ring, -1, 1)).sum(1)) / 2 * (valid.sum(1) > 2)
    union = first[:, 2] * first[:, 3] + second[:, 2] * second[:, 3] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)
