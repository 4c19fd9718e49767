"""Proposal and GenerateProposals on host arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.plugins.cpu.kernels.boxes import descending, greedy_suppression, overlaps
from ovgpu.plugins.cpu.registry import Call, Step, binder, kernel

#: Limit of predicted logarithms of sizes, so that exp() stays sensible.
MAX_LOG_SIZE = math.log(1000.0 / 16.0)


def refine_boxes(
    boxes: np.ndarray, deltas: np.ndarray, limit: float = MAX_LOG_SIZE, border: float = 1.0
) -> np.ndarray:
    """Boxes ``(..., 4)`` moved by relative shifts of the centre and logarithms of the size."""
    sizes = boxes[..., 2:] - boxes[..., :2] + border
    centre = boxes[..., :2] + sizes / 2 + deltas[..., :2] * sizes
    half = np.exp(np.minimum(deltas[..., 2:], limit)) * sizes / 2
    return np.concatenate([centre - half, centre + half - border], -1)


def clip_boxes(boxes: np.ndarray, height: float, width: float, border: float) -> np.ndarray:
    """Boxes limited to an image."""
    return np.clip(boxes, 0, np.array([width - border, height - border] * 2, boxes.dtype))


def select_proposals(
    anchors: np.ndarray,
    deltas: np.ndarray,
    scores: np.ndarray,
    image_size: np.ndarray,
    min_sizes: tuple[float, float],
    nms_threshold: float,
    pre_nms_count: int,
    post_nms_count: int,
    border: float,
    eta: float = 1.0,
    overlap_border: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The best boxes of one image and their scores.

    Args:
        anchors: ``(H * W * A, 4)``.
        deltas: ``(A * 4, H, W)``.
        scores: ``(A, H, W)``.
        image_size: height and width.
        min_sizes: smallest height and width.
        border: 1 where coordinates count pixels.
        overlap_border: the same for overlaps; None for ``border``.
    """
    height, width = (float(v) for v in image_size)
    count = scores.shape[0]
    by_position = deltas.reshape(count, 4, *deltas.shape[1:]).transpose(2, 3, 0, 1).reshape(-1, 4)
    values = scores.transpose(1, 2, 0).reshape(-1)
    boxes = clip_boxes(
        refine_boxes(anchors.reshape(-1, 4), by_position, border=border), height, width, border
    )
    sizes = boxes[:, 2:] - boxes[:, :2] + border
    large = (sizes[:, 1] >= min_sizes[0]) & (sizes[:, 0] >= min_sizes[1])
    order = descending(np.where(large, values, -np.inf))[:pre_nms_count]
    order = order[large[order]]
    overlap_more = border if overlap_border is None else overlap_border
    kept = greedy_suppression(
        order,
        lambda box, others: overlaps(boxes[box], boxes[others], overlap_more),
        nms_threshold,
        post_nms_count,
        eta,
    )
    return boxes[kept], values[kept]


@kernel("GenerateProposals")
def generate_proposals(
    im_info: np.ndarray,
    anchors: np.ndarray,
    deltas: np.ndarray,
    scores: np.ndarray,
    *,
    min_size: float,
    nms_threshold: float,
    post_nms_count: int,
    pre_nms_count: int,
    normalized: bool,
    nms_eta: float,
    out_types: list[Type],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    parts = []
    for image, info in enumerate(im_info):
        scales = (info[2], info[3] if info.size > 3 else info[2])
        least = max(min_size, 1.0)
        parts.append(
            select_proposals(
                anchors,
                deltas[image],
                scores[image],
                info[:2],
                (least * float(scales[0]), least * float(scales[1])),
                nms_threshold,
                pre_nms_count,
                post_nms_count,
                0.0 if normalized else 1.0,
                nms_eta,
            )
        )
    boxes = np.concatenate([p[0] for p in parts]) if parts else np.empty((0, 4), anchors.dtype)
    values = np.concatenate([p[1] for p in parts]) if parts else np.empty(0, anchors.dtype)
    return boxes, values, np.array([len(p[1]) for p in parts], out_types[2].host_dtype)


def _anchors(attributes: dict[str, Any]) -> np.ndarray:
    """Anchor boxes ``(ratios * scales, 4)`` around the first position."""
    base, tensorflow = attributes["base_size"], attributes["framework"] == "tensorflow"
    shift = 0.0 if tensorflow else 0.5 * (base - 1)
    centre = base / 2 if tensorflow else shift
    result = []
    for ratio in attributes["ratio"]:
        if tensorflow:
            width, height = base * math.sqrt(1 / ratio), base * math.sqrt(ratio)
        else:
            width = math.floor(math.sqrt(base * base / ratio) + 0.5)
            height = math.floor(width * ratio + 0.5)
        for scale in attributes["scale"]:
            half_width, half_height = width * scale / 2, height * scale / 2
            edge = 0.0 if tensorflow else 0.5
            result.append(
                [centre - half_width + edge, centre - half_height + edge,
                 centre + half_width - edge, centre + half_height - edge]
            )  # fmt: skip
    return np.array(result).reshape(-1, 4)


@binder("Proposal")
def proposal(call: Call) -> Step:
    scores, deltas, image = call.inputs
    assert scores is not None
    assert deltas is not None
    assert image is not None
    attributes = call.attributes
    anchors = _anchors(attributes)

    def run() -> None:
        for out in call.outputs:
            out.fill(0)
        limit = attributes["post_nms_topn"]
        for number in range(scores.shape[0]):
            boxes, values = _propose(scores[number], deltas[number], image, anchors, attributes)
            start = number * limit
            call.outputs[0][start : start + limit, 0] = number
            call.outputs[0][start : start + len(boxes), 1:] = boxes
            if len(call.outputs) > 1:
                call.outputs[1][start : start + len(boxes)] = values
            if len(boxes) < limit:
                call.outputs[0][start + len(boxes), 0] = -1

    return run


def _propose(
    scores: np.ndarray,
    deltas: np.ndarray,
    image: np.ndarray,
    anchors: np.ndarray,
    attributes: dict[str, Any],
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes of one image and their probabilities, from scores ``(2A, H, W)`` and deltas ``(4A, H, W)``."""
    height, width = float(image[0]), float(image[1])
    scale_y = float(image[2])
    scale_x = float(image[3]) if image.size > 3 else scale_y
    count, (rows, columns) = len(anchors), scores.shape[1:]
    tensorflow = attributes["framework"] == "tensorflow"
    values = scores[count:].transpose(1, 2, 0).reshape(-1)
    changes = deltas.reshape(count, 4, rows, columns).transpose(2, 3, 0, 1).astype(np.float64)
    changes[..., :2] /= attributes["box_coordinate_scale"]
    changes[..., 2:] /= attributes["box_size_scale"]
    step = attributes["feat_stride"]
    moves = np.stack(
        np.broadcast_arrays(np.arange(columns)[None] * step, np.arange(rows)[:, None] * step), -1
    )
    placed = anchors + np.tile(moves, 2)[:, :, None]
    if tensorflow:
        changes = changes[..., [1, 0, 3, 2]]
    border = 0.0 if tensorflow else 1.0
    sizes = placed[..., 2:] - placed[..., :2] + border
    centre = placed[..., :2] + sizes / 2 + changes[..., :2] * sizes
    half = np.exp(changes[..., 2:]) * sizes / 2
    boxes = np.concatenate([centre - half, centre + half], -1).reshape(-1, 4)
    limits = np.array([width - border, height - border] * 2)
    if attributes["clip_before_nms"]:
        boxes = np.clip(boxes, 0, limits)
    spans = boxes[:, 2:] - boxes[:, :2] + border
    large = (spans[:, 0] >= attributes["min_size"] * scale_x) & (
        spans[:, 1] >= attributes["min_size"] * scale_y
    )
    # Boxes that are too small keep their place among the candidates, with probability 0.
    values = np.where(large, values, values.dtype.type(0))
    order = descending(values)[: attributes["pre_nms_topn"]]
    kept = greedy_suppression(
        order,
        lambda box, others: overlaps(boxes[box], boxes[others], border),
        attributes["nms_thresh"],
        attributes["post_nms_topn"],
    )
    result = boxes[kept]
    if attributes["clip_after_nms"]:
        result = np.clip(result, 0, limits)
    if attributes["normalize"]:
        result = result / np.array([width, height] * 2)
    return result, values[kept]
