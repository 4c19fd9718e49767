"""Operations of Detectron models on host arrays."""

from __future__ import annotations

import numpy as np

from ovgpu.plugins.cpu.kernels.boxes import descending, greedy_suppression, overlaps
from ovgpu.plugins.cpu.kernels.proposal import refine_boxes, select_proposals
from ovgpu.plugins.cpu.kernels.roi import roi_align
from ovgpu.plugins.cpu.registry import kernel


@kernel("ExperimentalDetectronTopKROIs")
def top_k_rois(rois: np.ndarray, scores: np.ndarray, *, max_rois: int) -> np.ndarray:
    best = descending(scores)[:max_rois]
    result = np.zeros((max_rois, 4), rois.dtype)
    result[: len(best)] = rois[best]
    return result


@kernel("ExperimentalDetectronPriorGridGenerator")
def prior_grid_generator(
    priors: np.ndarray,
    feature_map: np.ndarray,
    image: np.ndarray,
    *,
    h: int,
    w: int,
    stride_x: float,
    stride_y: float,
    out_shape: tuple[int, ...],
) -> np.ndarray:
    rows, columns = h or feature_map.shape[2], w or feature_map.shape[3]
    step_x = stride_x or image.shape[3] / columns
    step_y = stride_y or image.shape[2] / rows
    x = (np.arange(columns) + 0.5) * step_x
    y = (np.arange(rows) + 0.5) * step_y
    centre = np.stack(np.broadcast_arrays(x[None], y[:, None], x[None], y[:, None]), -1)
    grid = (centre[:, :, None] + priors).reshape(-1, 4)
    # The shape is that of the feature map also when `h` and `w` ask for fewer positions: the rest is 0.
    result = np.zeros(out_shape, priors.dtype)
    flat = result.reshape(-1, 4)
    flat[: len(grid)] = grid[: len(flat)]
    return result


@kernel("ExperimentalDetectronROIFeatureExtractor")
def roi_feature_extractor(
    rois: np.ndarray,
    *levels: np.ndarray,
    output_size: int,
    sampling_ratio: int,
    pyramid_scales: list[int],
    aligned: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Regions of about 224 pixels use level 2, each doubling the next one (FPN, 2017)."""
    size = np.sqrt(np.maximum(rois[:, 2] - rois[:, 0], 0) * np.maximum(rois[:, 3] - rois[:, 1], 0))
    level = np.floor(2 + np.log2(np.maximum(size, 1e-30) / 224 + 1e-6))
    chosen = np.clip(level, 0, len(levels) - 1).astype(np.int64)
    result = np.zeros((len(rois), levels[0].shape[1], output_size, output_size), rois.dtype)
    for index, features in enumerate(levels):
        mine = np.flatnonzero(chosen == index)
        result[mine] = roi_align(
            features,
            rois[mine],
            np.zeros(len(mine), np.int64),
            (output_size, output_size),
            sampling_ratio,
            1 / pyramid_scales[index],
            "avg",
            "half_pixel_for_nn" if aligned else "asymmetric",
        )
    return result, rois


@kernel("ExperimentalDetectronGenerateProposalsSingleImage")
def generate_proposals_single_image(
    image_size: np.ndarray,
    anchors: np.ndarray,
    deltas: np.ndarray,
    scores: np.ndarray,
    *,
    min_size: float,
    nms_threshold: float,
    post_nms_count: int,
    pre_nms_count: int,
) -> tuple[np.ndarray, np.ndarray]:
    found, values = select_proposals(
        anchors,
        deltas,
        scores,
        image_size[:2],
        (min_size, min_size),
        nms_threshold,
        pre_nms_count,
        post_nms_count,
        border=1.0,
        overlap_border=0.0,
    )
    boxes = np.zeros((post_nms_count, 4), anchors.dtype)
    kept = np.zeros(post_nms_count, anchors.dtype)
    boxes[: len(found)], kept[: len(values)] = found, values
    return boxes, kept


@kernel("ExperimentalDetectronDetectionOutput")
def detection_output(
    rois: np.ndarray,
    deltas: np.ndarray,
    scores: np.ndarray,
    image_size: np.ndarray,
    *,
    score_threshold: float,
    nms_threshold: float,
    max_delta_log_wh: float,
    num_classes: int,
    post_nms_count: int,
    max_detections_per_image: int,
    deltas_weights: list[float],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    changes = deltas.reshape(len(rois), -1, 4) / np.array(deltas_weights, deltas.dtype)
    boxes = refine_boxes(rois[:, None], changes, max_delta_log_wh, border=1.0)
    boxes = np.maximum(boxes, 0)  # OpenVINO does not limit boxes to the image's far edges
    extended = (rois[:, 2] > rois[:, 0]) & (
        rois[:, 3] > rois[:, 1]
    )  # empty regions are not refined
    rows: list[tuple[float, int, np.ndarray]] = []
    for label in range(1, num_classes):
        values = scores[:, label]
        mine = boxes[:, min(label, boxes.shape[1] - 1)]
        order = descending(values)
        order = order[(values[order] > score_threshold) & extended[order]]
        kept = greedy_suppression(
            order,
            lambda box, others, mine=mine: overlaps(mine[box], mine[others], 1.0),  # type: ignore[misc]
            nms_threshold,
            post_nms_count,
        )
        rows += [(float(values[k]), label, mine[k]) for k in kept]
    order = descending(np.array([r[0] for r in rows]))[:max_detections_per_image]
    out_boxes = np.zeros((max_detections_per_image, 4), rois.dtype)
    out_classes = np.zeros(max_detections_per_image, np.int32)
    out_scores = np.zeros(max_detections_per_image, rois.dtype)
    for place, index in enumerate(order.tolist()):
        out_scores[place], out_classes[place], out_boxes[place] = rows[index]
    return out_boxes, out_classes, out_scores
