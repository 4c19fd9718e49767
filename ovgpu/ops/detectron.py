"""Operations of Detectron models (opset 6)."""

from __future__ import annotations

from ovgpu.graph import dimension as dims
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import check, op

_FOUR = Dimension.static(4)


def _check_rank(value: Value, rank: int, name: str) -> None:
    check(
        value.rank in (None, rank), f"Input {name} must have {rank} dimensions, got {value.shape}"
    )


@op("ExperimentalDetectronDetectionOutput", "6", factory="")
def detection_output(rois: Value, deltas: Value, scores: Value, image_size: Value, *, score_threshold: float,
                     nms_threshold: float, max_delta_log_wh: float, num_classes: int, post_nms_count: int,
                     max_detections_per_image: int, class_agnostic_box_regression: bool = False,
                     deltas_weights: list[float]) -> tuple[Value, Value, Value]:  # fmt: skip
    """ExperimentalDetectronDetectionOutput-6: boxes, classes and scores of the detections; rows left over are 0."""
    for value, name in (
        (rois, "rois"),
        (deltas, "deltas"),
        (scores, "scores"),
        (image_size, "image size"),
    ):
        _check_rank(value, 2, name)
    count = Dimension.static(max_detections_per_image)
    return (
        Value(rois.type, PartialShape.of([count, _FOUR])),
        Value(Type.i32, PartialShape.of([count])),
        Value(rois.type, PartialShape.of([count])),
    )


@op("ExperimentalDetectronGenerateProposalsSingleImage", "6", factory="")
def generate_proposals_single_image(image_size: Value, anchors: Value, deltas: Value, scores: Value, *,
                                    min_size: float, nms_threshold: float, post_nms_count: int,
                                    pre_nms_count: int) -> tuple[Value, Value]:  # fmt: skip
    """ExperimentalDetectronGenerateProposalsSingleImage-6: the best proposals of one image and their scores."""
    for value, rank, name in ((image_size, 1, "image size"), (anchors, 2, "anchors"), (deltas, 3, "deltas"),
                              (scores, 3, "scores")):  # fmt: skip
        _check_rank(value, rank, name)
    count = Dimension.static(post_nms_count)
    return Value(image_size.type, PartialShape.of([count, _FOUR])), Value(
        image_size.type, PartialShape.of([count])
    )


@op("ExperimentalDetectronPriorGridGenerator", "6", factory="")
def prior_grid_generator(priors: Value, feature_map: Value, image: Value, *, flatten: bool = True, h: int = 0,
                         w: int = 0, stride_x: float = 0.0, stride_y: float = 0.0) -> Value:  # fmt: skip
    """ExperimentalDetectronPriorGridGenerator-6: ``priors`` ``[n, 4]`` moved to every position of a feature map."""
    _check_rank(priors, 2, "priors")
    _check_rank(feature_map, 4, "feature map")
    _check_rank(image, 4, "image")
    count = priors.dims[0] if priors.rank is not None else Dimension.dynamic()
    rows = columns = Dimension.dynamic()
    if feature_map.rank is not None:
        rows, columns = feature_map.dims[2:]
    if flatten:
        return Value(
            priors.type, PartialShape.of([dims.mul(dims.mul(rows, columns), count), _FOUR])
        )
    return Value(priors.type, PartialShape.of([rows, columns, count, _FOUR]))


@op("ExperimentalDetectronROIFeatureExtractor", "6", factory="")
def roi_feature_extractor(rois: Value, *levels: Value, output_size: int, sampling_ratio: int,
                          pyramid_scales: list[int], aligned: bool = False) -> tuple[Value, Value]:  # fmt: skip
    """ExperimentalDetectronROIFeatureExtractor-6: ROIAlign on the pyramid level that suits the size of each region."""
    _check_rank(rois, 2, "rois")
    channels = Dimension.dynamic()
    for level in levels:
        _check_rank(level, 4, "pyramid level")
        if level.rank is not None:
            merged = dims.merge(channels, level.dims[1])
            check(
                merged is not None,
                "The number of channels must be the same for all layers of the pyramid",
            )
            channels = channels if merged is None else merged
    count = rois.dims[0] if rois.rank is not None else Dimension.dynamic()
    size = Dimension.static(output_size)
    return Value(rois.type, PartialShape.of([count, channels, size, size])), Value(
        rois.type, PartialShape.of([count, _FOUR])
    )


@op("ExperimentalDetectronTopKROIs", "6", factory="")
def top_k_rois(rois: Value, scores: Value, *, max_rois: int = 0) -> Value:
    """ExperimentalDetectronTopKROIs-6: the regions with the highest scores."""
    _check_rank(rois, 2, "rois")
    _check_rank(scores, 1, "scores")
    return Value(rois.type, PartialShape.of([Dimension.static(max_rois), _FOUR]))
