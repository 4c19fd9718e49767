"""Region proposals: Proposal and GenerateProposals."""

from __future__ import annotations

from typing import Any

from ovgpu.graph import dimension as dims
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import check, op
from ovgpu.ops.factory import as_output, custom_factory


def _proposal_rows(
    class_probs: Value, bbox_deltas: Value, image_shape: Value, post_nms_topn: int
) -> Dimension:
    check(
        class_probs.rank in (None, 4),
        f"Proposal layer shape class_probs should be rank 4 ({class_probs.shape}).",
    )
    check(
        bbox_deltas.rank in (None, 4),
        f"Proposal layer shape bbox_deltas should be rank 4 ({bbox_deltas.shape}).",
    )
    check(
        image_shape.rank in (None, 1),
        f"Proposal layer shape image_shape should be rank 1 ({image_shape.shape}).",
    )
    batch = Dimension.dynamic()
    for value in (class_probs, bbox_deltas):
        if value.rank is not None:
            merged = dims.merge(batch, value.dims[0])
            check(
                merged is not None, "Batch size inconsistent between class_probs and bbox deltas."
            )
            batch = batch if merged is None else merged
    return dims.mul(batch, post_nms_topn)


@op("Proposal", "1", factory="")
def proposal_1(class_probs: Value, bbox_deltas: Value, image_shape: Value, *, base_size: int, pre_nms_topn: int,
               post_nms_topn: int, nms_thresh: float = 0.0, feat_stride: int = 1, min_size: int = 1,
               ratio: list[float] = [], scale: list[float] = [], clip_before_nms: bool = True,
               clip_after_nms: bool = False, normalize: bool = False, box_size_scale: float = 1.0,
               box_coordinate_scale: float = 1.0, framework: str = "") -> Value:  # fmt: skip
    """Proposal-1: rows (image, box) of the most probable regions (Faster R-CNN, 2015)."""
    rows = _proposal_rows(class_probs, bbox_deltas, image_shape, post_nms_topn)
    return Value(class_probs.type, PartialShape.of([rows, Dimension.static(5)]))


@op("Proposal", "4", factory="")
def proposal_4(class_probs: Value, bbox_deltas: Value, image_shape: Value, *, base_size: int, pre_nms_topn: int,
               post_nms_topn: int, nms_thresh: float = 0.0, feat_stride: int = 1, min_size: int = 1,
               ratio: list[float] = [], scale: list[float] = [], clip_before_nms: bool = True,
               clip_after_nms: bool = False, normalize: bool = False, box_size_scale: float = 1.0,
               box_coordinate_scale: float = 1.0, framework: str = "") -> tuple[Value, Value]:  # fmt: skip
    """Proposal-4: as version 1, and the probability of each region."""
    rows = _proposal_rows(class_probs, bbox_deltas, image_shape, post_nms_topn)
    boxes = Value(class_probs.type, PartialShape.of([rows, Dimension.static(5)]))
    return boxes, Value(class_probs.type, PartialShape.of([rows]))


def _proposal(opset: int, inputs: list[Any], attrs: dict, name: str | None) -> Node:
    node = make_node("Proposal", [as_output(i) for i in inputs], opset, **attrs)
    if name is not None:
        node.friendly_name = name
    return node


@custom_factory("proposal", 1)
def proposal_factory_1(class_probs: Any, bbox_deltas: Any, image_shape: Any, attrs: dict,
                       name: str | None = None) -> Node:  # fmt: skip
    """Proposal-1 with a dictionary of attributes; see :func:`proposal_1`."""
    return _proposal(1, [class_probs, bbox_deltas, image_shape], attrs, name)


@custom_factory("proposal", 4)
def proposal_factory_4(class_probs: Any, bbox_deltas: Any, image_shape: Any, attrs: dict,
                       name: str | None = None) -> Node:  # fmt: skip
    """Proposal-4 with a dictionary of attributes; see :func:`proposal_4`."""
    return _proposal(4, [class_probs, bbox_deltas, image_shape], attrs, name)


@op("GenerateProposals", "9", factory="generate_proposals(im_info, anchors, deltas, scores, min_size, nms_threshold, "
    "pre_nms_count, post_nms_count, normalized=True, nms_eta=1.0, roi_num_type='i64')")  # fmt: skip
def generate_proposals(im_info: Value, anchors: Value, deltas: Value, scores: Value, *, min_size: float,
                       nms_threshold: float, post_nms_count: int, pre_nms_count: int, normalized: bool = True,
                       nms_eta: float = 1.0, roi_num_type: Type = Type.i64) -> tuple[Value, Value, Value]:  # fmt: skip
    """GenerateProposals-9: boxes, their scores, and the number of them for each image."""
    for value, rank, name in ((im_info, 2, "im_info"), (anchors, 4, "anchors"), (deltas, 4, "deltas"),
                              (scores, 4, "scores")):  # fmt: skip
        check(
            value.rank in (None, rank),
            f"The '{name}' input is expected to be a {rank}D, got {value.shape}",
        )
    check(roi_num_type in (Type.i32, Type.i64), "The third output type must be int32 or int64.")
    images = Dimension.dynamic()
    for value in (im_info, deltas, scores):
        if value.rank is not None:
            merged = dims.merge(images, value.dims[0])
            check(merged is not None, "The numbers of images of the inputs differ")
            images = images if merged is None else merged
    upper = images.interval()[1]
    rows = Dimension(0, -1 if upper < 0 else upper * post_nms_count)
    return (
        Value(im_info.type, PartialShape.of([rows, Dimension.static(4)])),
        Value(im_info.type, PartialShape.of([rows])),
        Value(roi_num_type, PartialShape.of([images])),
    )
