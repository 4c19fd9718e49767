"""Prior boxes and the final selection of single-shot detectors."""

from __future__ import annotations

from typing import Any, Literal

from ovgpu.graph import dimension as dims
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import check, op
from ovgpu.ops.factory import as_output, custom_factory

CodeType = Literal["caffe.PriorBoxParameter.CORNER", "caffe.PriorBoxParameter.CENTER_SIZE"]


def distinct_ratios(aspect_ratio: list[float], flip: bool) -> list[float]:
    """1, then every other aspect ratio once, each followed by its inverse with ``flip``."""
    result = [1.0]
    for ratio in aspect_ratio:
        if all(abs(ratio - known) >= 1e-6 for known in result):
            result += [ratio, 1 / ratio] if flip else [ratio]
    return result


def prior_count(
    min_size: list[float],
    max_size: list[float],
    aspect_ratio: list[float],
    flip: bool,
    density: list[float],
    fixed_size: list[float],
    fixed_ratio: list[float],
    scale_all_sizes: bool,
) -> int:
    """Number of prior boxes at each position."""
    ratios = len(distinct_ratios(aspect_ratio, flip))
    count = (
        ratios * len(min_size) + len(max_size) if scale_all_sizes else ratios + len(min_size) - 1
    )
    if fixed_size:
        count = ratios * len(fixed_size)
    for value in density:
        extra = int(value) ** 2 - 1
        count += (len(fixed_ratio) if fixed_ratio else ratios) * extra
    return count


def _prior_shape(layer_shape: Value, image_shape: Value, per_position: int) -> PartialShape:
    for value in (layer_shape, image_shape):
        check(value.type.is_integral_number(), "The shapes given to PriorBox must be integers")
        check(value.rank in (None, 1), "The shapes given to PriorBox must be 1-D")
    sizes = layer_shape.ints()
    check(sizes is None or len(sizes) == 2, "PriorBox takes two layer sizes: height and width")
    total = (
        Dimension.dynamic()
        if sizes is None
        else Dimension.static(4 * sizes[0] * sizes[1] * per_position)
    )
    return PartialShape.of([Dimension.static(2), total])


@op("PriorBox", "1", factory="")
def prior_box_1(output_size: Value, image_size: Value, *, min_size: list[float] = [], max_size: list[float] = [],
                aspect_ratio: list[float] = [], density: list[float] = [], fixed_ratio: list[float] = [],
                fixed_size: list[float] = [], clip: bool = False, flip: bool = False, step: float = 0.0,
                offset: float, variance: list[float] = [], scale_all_sizes: bool = True) -> Value:  # fmt: skip
    """PriorBox-1: default boxes around every position of a feature map, and their variances (SSD, 2016)."""
    count = prior_count(
        min_size, max_size, aspect_ratio, flip, density, fixed_size, fixed_ratio, scale_all_sizes
    )
    return Value(Type.f32, _prior_shape(output_size, image_size, count))


@op("PriorBox", "8", factory="")
def prior_box_8(output_size: Value, image_size: Value, *, min_size: list[float] = [], max_size: list[float] = [],
                aspect_ratio: list[float] = [], density: list[float] = [], fixed_ratio: list[float] = [],
                fixed_size: list[float] = [], clip: bool = False, flip: bool = False, step: float = 0.0,
                offset: float, variance: list[float] = [], scale_all_sizes: bool = True,
                min_max_aspect_ratios_order: bool = True) -> Value:  # fmt: skip
    """PriorBox-8: as version 1; ``min_max_aspect_ratios_order`` puts the box of ``max_size`` before the ratios."""
    count = prior_count(
        min_size, max_size, aspect_ratio, flip, density, fixed_size, fixed_ratio, scale_all_sizes
    )
    return Value(Type.f32, _prior_shape(output_size, image_size, count))


@op("PriorBoxClustered", "1", factory="")
def prior_box_clustered(output_size: Value, image_size: Value, *, step: float = 0.0, step_w: float = 0.0,
                        step_h: float = 0.0, width: list[float] = [], height: list[float] = [], clip: bool = True,
                        offset: float, variance: list[float] = []) -> Value:  # fmt: skip
    """PriorBoxClustered-1: boxes of given widths and heights around every position."""
    check(len(width) == len(height), "Number of heights and widths must be the same")
    return Value(Type.f32, _prior_shape(output_size, image_size, len(width)))


def _detections(box_logits: Value, class_preds: Value, proposals: Value, num_classes: int | None, top_k: int,
                keep_top_k: list[int], share_location: bool, normalized: bool,
                variance_encoded: bool) -> Value:  # fmt: skip
    """Shape ``[1, 1, rows, 7]``: as many rows as can be kept for all images."""
    for value, rank in ((box_logits, 2), (class_preds, 2), (proposals, 3)):
        check(
            value.rank in (None, rank),
            f"DetectionOutput: an input should have {rank} dimensions, got {value.shape}",
        )
    batch = Dimension.dynamic()
    for value in (box_logits, class_preds):
        if value.rank is not None:
            merged = dims.merge(batch, value.dims[0])
            check(
                merged is not None,
                "Class predictions' first dimension is not compatible with batch size.",
            )
            batch = batch if merged is None else merged
    if proposals.rank is not None:
        rows = 1 if variance_encoded else 2
        check(dims.merge(proposals.dims[1], Dimension.static(rows)) is not None,
              f"Proposals' second dimension is mismatched, expected: {rows}.")  # fmt: skip
    per_image = Dimension.dynamic()
    check(len(keep_top_k) > 0, "keep_top_k attribute must be provided")
    size = Dimension.static(4 if normalized else 5)
    priors = Dimension.dynamic()
    if proposals.rank is not None and proposals.dims[2].is_static:
        check(
            proposals.dims[2].get_length() % size.get_length() == 0,
            "Proposals' third dimension must hold whole boxes",
        )
        priors = dims.floordiv(proposals.dims[2], size)
    if num_classes is None:
        classes = Dimension.dynamic()
        if class_preds.rank is not None and priors.is_static and priors.get_length() > 0:
            classes = dims.floordiv(class_preds.dims[1], priors)
    else:
        classes = Dimension.static(num_classes)
    if class_preds.rank is not None:
        check(dims.merge(class_preds.dims[1], dims.mul(priors, classes)) is not None,
              "Class predictions' second dimension must be the number of priors times that of classes")  # fmt: skip
    if box_logits.rank is not None:
        places = Dimension.static(1) if share_location else classes
        check(dims.merge(box_logits.dims[1], dims.mul(dims.mul(priors, places), 4)) is not None,
              "Box logits' second dimension must hold 4 numbers for each prior and location class")  # fmt: skip
    if keep_top_k[0] > 0:
        per_image = Dimension.static(keep_top_k[0])
    elif top_k > 0:
        per_image = dims.mul(classes, top_k)
    else:
        per_image = dims.mul(classes, priors)
    one = Dimension.static(1)
    return Value(
        box_logits.type,
        PartialShape.of([one, one, dims.mul(batch, per_image), Dimension.static(7)]),
    )


@op("DetectionOutput", "1", factory="")
def detection_output_1(box_logits: Value, class_preds: Value, proposals: Value, aux_class_preds: Value | None = None,
                       aux_box_preds: Value | None = None, *, num_classes: int, background_label_id: int = 0,
                       top_k: int = -1, variance_encoded_in_target: bool = False, keep_top_k: list[int],
                       code_type: CodeType = "caffe.PriorBoxParameter.CORNER", share_location: bool = True,
                       nms_threshold: float, confidence_threshold: float = 0.0, clip_after_nms: bool = False,
                       clip_before_nms: bool = False, decrease_label_id: bool = False, normalized: bool = False,
                       input_height: int = 1, input_width: int = 1,
                       objectness_score: float = 0.0) -> Value:  # fmt: skip
    """DetectionOutput-1: rows (image, label, score, box) of the detections of an SSD network.

    The first row with image -1 marks the end.
    """
    return _detections(
        box_logits,
        class_preds,
        proposals,
        num_classes,
        top_k,
        keep_top_k,
        share_location,
        normalized,
        variance_encoded_in_target,
    )


@op("DetectionOutput", "8", factory="")
def detection_output_8(box_logits: Value, class_preds: Value, proposals: Value, aux_class_preds: Value | None = None,
                       aux_box_preds: Value | None = None, *, background_label_id: int = 0, top_k: int = -1,
                       variance_encoded_in_target: bool = False, keep_top_k: list[int],
                       code_type: CodeType = "caffe.PriorBoxParameter.CORNER", share_location: bool = True,
                       nms_threshold: float, confidence_threshold: float = 0.0, clip_after_nms: bool = False,
                       clip_before_nms: bool = False, decrease_label_id: bool = False, normalized: bool = False,
                       input_height: int = 1, input_width: int = 1,
                       objectness_score: float = 0.0) -> Value:  # fmt: skip
    """DetectionOutput-8: as version 1; the number of classes follows from the inputs."""
    return _detections(
        box_logits,
        class_preds,
        proposals,
        None,
        top_k,
        keep_top_k,
        share_location,
        normalized,
        variance_encoded_in_target,
    )


def _build(
    type_name: str, opset: int, inputs: list[Any], attrs: dict[str, Any], name: str | None
) -> Node:
    node = make_node(type_name, [as_output(i) for i in inputs if i is not None], opset, **attrs)
    if name is not None:
        node.friendly_name = name
    return node


@custom_factory("prior_box", 1)
def prior_box_factory_1(
    layer_shape: Any, image_shape: Any, attrs: dict, name: str | None = None
) -> Node:
    """PriorBox-1 with a dictionary of attributes; see :func:`prior_box_1`."""
    return _build("PriorBox", 1, [layer_shape, image_shape], attrs, name)


@custom_factory("prior_box", 8)
def prior_box_factory_8(
    layer_shape: Any, image_shape: Any, attrs: dict, name: str | None = None
) -> Node:
    """PriorBox-8 with a dictionary of attributes; see :func:`prior_box_8`."""
    return _build("PriorBox", 8, [layer_shape, image_shape], attrs, name)


@custom_factory("prior_box_clustered", 1)
def prior_box_clustered_factory(
    output_size: Any, image_size: Any, attrs: dict, name: str | None = None
) -> Node:
    """PriorBoxClustered-1 with a dictionary of attributes; see :func:`prior_box_clustered`."""
    return _build("PriorBoxClustered", 1, [output_size, image_size], attrs, name)


@custom_factory("detection_output", 1)
def detection_output_factory_1(box_logits: Any, class_preds: Any, proposals: Any, attrs: dict,
                               aux_class_preds: Any = None, aux_box_preds: Any = None,
                               name: str | None = None) -> Node:  # fmt: skip
    """DetectionOutput-1 with a dictionary of attributes; see :func:`detection_output_1`."""
    inputs = [box_logits, class_preds, proposals, aux_class_preds, aux_box_preds]
    return _build("DetectionOutput", 1, inputs, attrs, name)


@custom_factory("detection_output", 8)
def detection_output_factory_8(box_logits: Any, class_preds: Any, proposals: Any, attrs: dict,
                               aux_class_preds: Any = None, aux_box_preds: Any = None,
                               name: str | None = None) -> Node:  # fmt: skip
    """DetectionOutput-8 with a dictionary of attributes; see :func:`detection_output_8`."""
    inputs = [box_logits, class_preds, proposals, aux_class_preds, aux_box_preds]
    return _build("DetectionOutput", 8, inputs, attrs, name)
