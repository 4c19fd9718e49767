"""PriorBox, PriorBoxClustered and DetectionOutput on host arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ovgpu.ops.detection import distinct_ratios
from ovgpu.plugins.cpu.kernels.boxes import descending, greedy_suppression, overlaps
from ovgpu.plugins.cpu.registry import Call, Step, binder, kernel

#: One prior relative to its position: shift x, shift y, half width, half height, cut at the image's border.
Prior = tuple[float, float, float, float, bool]


def _density_priors(attributes: dict[str, Any]) -> list[Prior]:
    """Boxes of fixed sizes, repeated on a grid of ``density`` x ``density`` points."""
    priors: list[Prior] = []
    densities = attributes["density"]
    for index, size in enumerate(attributes["fixed_size"]):
        density = int(densities[index]) if index < len(densities) else 1
        shift = size / density
        grid = [-size / 2 + shift / 2 + i * shift for i in range(density)]
        ratios = attributes["fixed_ratio"]
        if not ratios:
            others = distinct_ratios(attributes["aspect_ratio"], attributes["flip"])[1:]
            ratios = [1.0, *others] if densities else others
        for ratio in ratios:
            half = size * 0.5
            root = math.sqrt(ratio)
            priors += [(x, y, half * root, half / root, True) for y in grid for x in grid]
    return priors


def _scaled_priors(attributes: dict[str, Any]) -> list[Prior]:
    """Boxes of ``min_size``, of its geometric mean with ``max_size``, and of the aspect ratios."""
    priors: list[Prior] = []
    sizes, largest = attributes["min_size"], attributes["max_size"]
    everywhere = attributes["scale_all_sizes"]
    ratios = distinct_ratios(attributes["aspect_ratio"], attributes["flip"])[1:]
    for index, size in enumerate(sizes):
        priors.append((0, 0, size / 2, size / 2, False))
        between: list[Prior] = []
        if index < len(largest):
            half = math.sqrt(size * largest[index]) / 2
            between = [(0, 0, half, half, False)]
        stretched: list[Prior] = []
        if everywhere or index == len(sizes) - 1:
            base = (size if everywhere else sizes[0]) / 2
            stretched = [(0, 0, base * math.sqrt(r), base / math.sqrt(r), False) for r in ratios]
        first = attributes.get("min_max_aspect_ratios_order", True)
        priors += between + stretched if first else stretched + between
    return priors


def _with_variances(boxes: np.ndarray, variance: list[float]) -> np.ndarray:
    """Boxes ``(n, 4)`` and their variances as two rows."""
    if len(variance) == 4:
        second = np.tile(np.array(variance, np.float32), len(boxes))
    else:
        second = np.full(boxes.size, variance[0] if variance else 0.1, np.float32)
    return np.stack([boxes.reshape(-1).astype(np.float32), second])


@binder("PriorBox")
def prior_box(call: Call) -> Step:
    layer, image = call.inputs
    assert layer is not None
    assert image is not None

    def run() -> None:
        rows, columns = (int(n) for n in layer)
        height, width = (int(n) for n in image)
        attributes = call.attributes
        step, offset = attributes["step"], attributes["offset"]
        if not attributes["scale_all_sizes"]:  # sizes and steps are relative to the image's height
            step = height / rows if step == -1 else step * height
            attributes = {**attributes, "min_size": [s * height for s in attributes["min_size"]]}
        priors = _density_priors(attributes) + _scaled_priors(attributes)
        if step == 0:
            x, y = (
                (np.arange(columns) + 0.5) * (width / columns),
                (np.arange(rows) + 0.5) * (height / rows),
            )
        else:
            x, y = (np.arange(columns) + offset) * step, (np.arange(rows) + offset) * step
        centre = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), -1)[:, :, None]
        shift = np.array([p[:2] for p in priors]).reshape(-1, 2)
        half = np.array([p[2:4] for p in priors]).reshape(-1, 2)
        scale = np.array([width, height])
        boxes = np.concatenate([centre + shift - half, centre + shift + half], -1) / np.tile(
            scale, 2
        )
        cut = np.array([p[4] for p in priors], bool) | attributes["clip"]
        boxes = np.where(cut[:, None], np.clip(boxes, 0, 1), boxes)
        # More than one fixed ratio makes more boxes than the operation's shape has room for.
        count = call.outputs[0].shape[1] // max(4 * rows * columns, 1)
        kept = boxes[:, :, :count].reshape(-1, 4)
        np.copyto(call.outputs[0], _with_variances(kept, attributes["variance"]))

    return run


@kernel("PriorBoxClustered")
def prior_box_clustered(
    layer: np.ndarray,
    image: np.ndarray,
    *,
    step: float,
    step_w: float,
    step_h: float,
    width: list[float],
    height: list[float],
    clip: bool,
    offset: float,
    variance: list[float],
) -> np.ndarray:
    rows, columns = (int(n) for n in layer)
    image_height, image_width = (int(n) for n in image)
    move_x = step_w or step or image_width / columns
    move_y = step_h or step or image_height / rows
    x, y = np.broadcast_arrays(
        ((np.arange(columns) + offset) * move_x)[None, :],
        ((np.arange(rows) + offset) * move_y)[:, None],
    )
    centre = np.stack([x, y], -1)[:, :, None]
    half = np.stack([width, height], -1) / 2
    scale = np.array([image_width, image_height] * 2)
    boxes = np.concatenate([centre - half, centre + half], -1) / scale
    if clip:
        boxes = np.clip(boxes, 0, 1)
    return _with_variances(boxes.reshape(-1, 4), variance)


def _decode(
    priors: np.ndarray, variances: np.ndarray, deltas: np.ndarray, centered: bool
) -> np.ndarray:
    """Boxes ``(..., 4)`` from priors ``(..., 4)`` and predicted changes."""
    scaled = deltas * variances
    if not centered:
        return priors + scaled
    size = priors[..., 2:] - priors[..., :2]
    centre = (priors[..., 2:] + priors[..., :2]) / 2 + scaled[..., :2] * size
    half = np.exp(scaled[..., 2:]) * size / 2
    return np.concatenate([centre - half, centre + half], -1)


class _Detector:
    """DetectionOutput for one call: shapes and attributes in one place."""

    def __init__(self, attributes: dict[str, Any], inputs: list[np.ndarray | None]) -> None:
        logits, scores, proposals = inputs[:3]
        assert logits is not None
        assert scores is not None
        assert proposals is not None
        self.attributes = attributes
        self.width = 4 if attributes["normalized"] else 5
        self.priors = proposals.shape[2] // self.width
        self.scores = scores.reshape(scores.shape[0], self.priors, -1)
        self.classes = self.scores.shape[2]
        places = 1 if attributes["share_location"] else self.classes
        self.deltas = logits.reshape(logits.shape[0], self.priors, places, 4)
        self.proposals = proposals
        self.first_deltas = None
        if len(inputs) > 4 and inputs[3] is not None and inputs[4] is not None:
            self.first_deltas = inputs[4].reshape(self.deltas.shape)
            objectness = inputs[3].reshape(logits.shape[0], self.priors, 2)[..., 1]
            weak = objectness < attributes["objectness_score"]
            background = np.arange(self.classes) == attributes["background_label_id"]
            self.scores = np.where(weak[..., None], background, self.scores)

    def boxes(self, image: int) -> np.ndarray:
        """Decoded boxes ``(priors, location classes, 4)`` of one image."""
        attributes = self.attributes
        rows = self.proposals[min(image, self.proposals.shape[0] - 1)]
        priors = rows[0].reshape(-1, self.width)[:, self.width - 4 :]
        if not attributes["normalized"]:
            priors = priors / np.tile([attributes["input_width"], attributes["input_height"]], 2)
        variances = np.ones_like(priors)
        if not attributes["variance_encoded_in_target"]:
            variances = rows[1].reshape(-1)[: self.priors * 4].reshape(-1, 4)
        centered = attributes["code_type"].endswith("CENTER_SIZE")
        start, scale = priors[:, None], variances[:, None]
        if self.first_deltas is not None:
            start = _decode(start, scale, self.first_deltas[image], centered)
        decoded = _decode(start, scale, self.deltas[image], centered)
        return np.clip(decoded, 0, 1) if attributes["clip_before_nms"] else decoded

    def detect(self, image: int) -> list[tuple[int, float, np.ndarray]]:
        """Rows (label, score, box) of one image, by label and falling score."""
        attributes = self.attributes
        boxes = self.boxes(image)
        shared = boxes.shape[1] == 1
        chosen = (
            self._best_labels(image) if attributes["decrease_label_id"] else self._by_class(image)
        )
        found: list[tuple[int, int]] = []
        for label, order in chosen.items():
            mine = boxes[:, 0 if shared else label]
            kept = greedy_suppression(
                order,
                lambda box, others, mine=mine: overlaps(mine[box], mine[others]),  # type: ignore[misc]
                attributes["nms_threshold"],
            )
            found += [(label, box) for box in kept]
        keep = attributes["keep_top_k"][0]
        values = np.array([self.scores[image, box, label] for label, box in found])
        if 0 < keep < len(found):
            best = set(descending(values)[:keep].tolist())
            found = [item for index, item in enumerate(found) if index in best]
        return [
            (label, float(self.scores[image, box, label]), boxes[box, 0 if shared else label])
            for label, box in found
        ]

    def _by_class(self, image: int) -> dict[int, np.ndarray]:
        """Candidates of each class, best first."""
        result = {}
        for label in range(self.classes):
            if label == self.attributes["background_label_id"]:
                continue
            order = descending(self.scores[image, :, label])
            order = order[
                self.scores[image, order, label] > self.attributes["confidence_threshold"]
            ]
            result[label] = (
                order[: self.attributes["top_k"]] if self.attributes["top_k"] >= 0 else order
            )
        return result

    def _best_labels(self, image: int) -> dict[int, np.ndarray]:
        """Every prior counts only for its best class; ``top_k`` limits all classes together."""
        scores = self.scores[image].copy()
        background = self.attributes["background_label_id"]
        if 0 <= background < self.classes:
            scores[:, background] = -np.inf
        labels = scores.argmax(1)
        values = scores.max(1)
        order = descending(values)
        order = order[values[order] > self.attributes["confidence_threshold"]]
        if self.attributes["top_k"] >= 0:
            order = order[: self.attributes["top_k"]]
        return {int(label): order[labels[order] == label] for label in np.unique(labels[order])}


@binder("DetectionOutput")
def detection_output(call: Call) -> Step:
    out = call.outputs[0]

    def run() -> None:
        detector = _Detector(call.attributes, call.inputs)
        out.fill(0)
        rows = out.reshape(-1, 7)
        count = 0
        for image in range(detector.scores.shape[0]):
            for label, score, box in detector.detect(image):
                if call.attributes["clip_after_nms"]:
                    box = np.clip(box, 0, 1)
                shown = label - 1 if call.attributes["decrease_label_id"] else label
                rows[count] = [image, shown, score, *box]
                count += 1
        if count < len(rows):
            rows[count, 0] = -1

    return run
