"""Selection of boxes: non-maximum suppression in all its forms.

Boxes are ``[batch, boxes, 4]`` and scores ``[batch, classes, boxes]``. How many boxes are selected depends on the data;
shape inference gives an upper bound.
"""

from __future__ import annotations

from typing import Literal

from ovgpu.graph import dimension as dims
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import check, op

BoxEncoding = Literal["corner", "center"]
SortResult = Literal["none", "score", "classid"]
Decay = Literal["gaussian", "linear"]

_NMS5 = ("non_max_suppression(boxes, scores, max_output_boxes_per_class=None, iou_threshold=None, "
         "score_threshold=None, "
         "soft_nms_sigma=None, box_encoding='corner', sort_result_descending=True, output_type='i64')")  # fmt: skip
_NMS3 = ("non_max_suppression(boxes, scores, max_output_boxes_per_class=None, iou_threshold=None, "
         "score_threshold=None, "
         "box_encoding='corner', sort_result_descending=True, output_type='i64')")  # fmt: skip


def _check_boxes(boxes: Value, scores: Value, size: int) -> None:
    """Check ranks and that boxes and scores agree on batch and number of boxes."""
    check(
        boxes.rank in (None, 3), f"Expected a 3D tensor for the 'boxes' input. Got: {boxes.shape}"
    )
    check(
        scores.rank in (None, 3),
        f"Expected a 3D tensor for the 'scores' input. Got: {scores.shape}",
    )
    if boxes.rank is None or scores.rank is None:
        return
    check(dims.merge(boxes.dims[0], scores.dims[0]) is not None,
          "The first dimension of both 'boxes' and 'scores' must match. "
          f"Boxes: {boxes.dims[0].to_string()}; Scores: {scores.dims[0].to_string()}")  # fmt: skip
    check(dims.merge(boxes.dims[1], scores.dims[2]) is not None,
          "'boxes' and 'scores' input shapes must match at the second and third dimension respectively. "
          f"Boxes: {boxes.dims[1].to_string()}; Scores: {scores.dims[2].to_string()}")  # fmt: skip
    check(dims.merge(boxes.dims[2], Dimension.static(size)) is not None,
          f"The last dimension of the 'boxes' input must be equal to {size}. "
          f"Got: {boxes.dims[2].to_string()}")  # fmt: skip


def _check_output_type(output_type: Type) -> None:
    check(output_type in (Type.i32, Type.i64), "Output type must be i32 or i64")


def _upper(dimension: Dimension) -> int | None:
    upper = dimension.interval()[1]
    return None if upper < 0 else upper


def _most_selected(boxes: Value, scores: Value, limit: Value | None) -> int | None:
    """Largest number of selected boxes: per class and image at most ``limit`` and never more than there are boxes."""
    per_class = 0 if limit is None else limit.scalar()
    if per_class is None or boxes.rank is None or scores.rank is None or per_class < 0:
        return None
    sizes = _upper(boxes.dims[1]), _upper(scores.dims[0]), _upper(scores.dims[1])
    if per_class == 0 and sizes[0] is not None and sizes[2] is not None:
        return 0
    if any(s is None for s in sizes):
        return None
    count, batch, classes = (s for s in sizes if s is not None)
    return min(count, int(per_class)) * batch * classes


def _fixed_selection(
    boxes: Value, scores: Value, limit: Value | None, output_type: Type, by_class: bool
) -> Value:
    """Result of the first versions, which have a fixed number of rows, unused ones filled with -1."""
    _check_boxes(boxes, scores, 4)
    _check_output_type(output_type)
    rows = Dimension.dynamic()
    per_class = 0 if limit is None else limit.scalar()
    if (
        per_class is not None
        and boxes.rank is not None
        and scores.rank is not None
        and per_class >= 0
    ):
        count, classes, batch = boxes.dims[1], scores.dims[1], scores.dims[0]
        if all(d.is_static for d in (count, classes, batch)) or (not by_class and count.is_static):
            least = min(
                count.get_length(),
                int(per_class) * (classes.get_length() if classes.is_static else 1),
            )
            rows = Dimension.static(least)
            if by_class:
                rows = Dimension.static(
                    min(count.get_length(), int(per_class))
                    * classes.get_length()
                    * batch.get_length()
                )
    return Value(output_type, PartialShape.of([rows, Dimension.static(3)]))


@op("NonMaxSuppression", "1", factory="non_max_suppression(boxes, scores, max_output_boxes_per_class=None, "
    "iou_threshold=None, score_threshold=None, box_encoding='corner', sort_result_descending=True)")  # fmt: skip
def non_max_suppression_1(boxes: Value, scores: Value, max_output_boxes_per_class: Value | None = None,
                          iou_threshold: Value | None = None, score_threshold: Value | None = None, *,
                          box_encoding: BoxEncoding = "corner", sort_result_descending: bool = True
                          ) -> Value:  # fmt: skip
    """NonMaxSuppression-1: rows of (batch, class, box) indices."""
    return _fixed_selection(boxes, scores, max_output_boxes_per_class, Type.i64, by_class=False)


@op("NonMaxSuppression", "3", factory=_NMS3)
def non_max_suppression_3(boxes: Value, scores: Value, max_output_boxes_per_class: Value | None = None,
                          iou_threshold: Value | None = None, score_threshold: Value | None = None, *,
                          box_encoding: BoxEncoding = "corner", sort_result_descending: bool = True,
                          output_type: Type = Type.i64) -> Value:  # fmt: skip
    """NonMaxSuppression-3: as version 1 with a choice of the index type."""
    return _fixed_selection(boxes, scores, max_output_boxes_per_class, output_type, by_class=False)


@op("NonMaxSuppression", "4", factory=_NMS3)
def non_max_suppression_4(boxes: Value, scores: Value, max_output_boxes_per_class: Value | None = None,
                          iou_threshold: Value | None = None, score_threshold: Value | None = None, *,
                          box_encoding: BoxEncoding = "corner", sort_result_descending: bool = True,
                          output_type: Type = Type.i64) -> Value:  # fmt: skip
    """NonMaxSuppression-4: the limit counts per class, so there are rows for every class of every image."""
    return _fixed_selection(boxes, scores, max_output_boxes_per_class, output_type, by_class=True)


def _selection(boxes: Value, scores: Value, limit: Value | None, output_type: Type,
               size: int) -> tuple[Value, Value, Value]:  # fmt: skip
    _check_boxes(boxes, scores, size)
    _check_output_type(output_type)
    most = _most_selected(boxes, scores, limit)
    rows = Dimension(0, -1 if most is None else most)
    table = PartialShape.of([rows, Dimension.static(3)])
    return (
        Value(output_type, table),
        Value(Type.f32, table),
        Value(output_type, PartialShape.of([1])),
    )


@op("NonMaxSuppression", "5", factory=_NMS5)
def non_max_suppression_5(boxes: Value, scores: Value, max_output_boxes_per_class: Value | None = None,
                          iou_threshold: Value | None = None, score_threshold: Value | None = None,
                          soft_nms_sigma: Value | None = None, *, box_encoding: BoxEncoding = "corner",
                          sort_result_descending: bool = True,
                          output_type: Type = Type.i64) -> tuple[Value, Value, Value]:  # fmt: skip
    """NonMaxSuppression-5: selected (batch, class, box) indices, rows (batch, class, score), and their number.

    ``soft_nms_sigma`` above 0 lowers scores by overlap instead of dropping boxes (Bodla et al., 2017).
    """
    return _selection(boxes, scores, max_output_boxes_per_class, output_type, 4)


@op("NonMaxSuppression", "9", factory=_NMS5)
def non_max_suppression_9(boxes: Value, scores: Value, max_output_boxes_per_class: Value | None = None,
                          iou_threshold: Value | None = None, score_threshold: Value | None = None,
                          soft_nms_sigma: Value | None = None, *, box_encoding: BoxEncoding = "corner",
                          sort_result_descending: bool = True,
                          output_type: Type = Type.i64) -> tuple[Value, Value, Value]:  # fmt: skip
    """NonMaxSuppression-9: as version 5; the number of rows is that of the selected boxes."""
    return _selection(boxes, scores, max_output_boxes_per_class, output_type, 4)


@op("NMSRotated", "13", factory="nms_rotated(boxes, scores, max_output_boxes_per_class, iou_threshold, "
    "score_threshold, sort_result_descending=True, output_type='i64', clockwise=True)")  # fmt: skip
def nms_rotated(boxes: Value, scores: Value, max_output_boxes_per_class: Value, iou_threshold: Value,
                score_threshold: Value, *, sort_result_descending: bool = True, output_type: Type = Type.i64,
                clockwise: bool = True) -> tuple[Value, Value, Value]:  # fmt: skip
    """NMSRotated-13: boxes are (centre x, centre y, width, height, angle in radians)."""
    return _selection(boxes, scores, max_output_boxes_per_class, output_type, 5)


def _table(boxes: Value, output_type: Type, nms_top_k: int, keep_top_k: int, images: Dimension,
           classes: Dimension, count: Dimension) -> tuple[Value, Value, Value]:  # fmt: skip
    """Outputs of MatrixNms and MulticlassNms: rows (class, score, box), box indices, rows per image."""
    most = None
    sizes = _upper(count), _upper(images), _upper(classes)
    if all(s is not None for s in sizes):
        boxes_limit, image_limit, class_limit = (s for s in sizes if s is not None)
        per_class = min(boxes_limit, nms_top_k) if nms_top_k >= 0 else boxes_limit
        per_image = per_class * class_limit
        most = image_limit * (min(per_image, keep_top_k) if keep_top_k >= 0 else per_image)
    rows = Dimension(0, -1 if most is None else most)
    return (
        Value(boxes.type, PartialShape.of([rows, Dimension.static(6)])),
        Value(output_type, PartialShape.of([rows, Dimension.static(1)])),
        Value(output_type, PartialShape.of([images])),
    )


def _batched_table(boxes: Value, scores: Value, output_type: Type, nms_top_k: int,
                   keep_top_k: int) -> tuple[Value, Value, Value]:  # fmt: skip
    _check_boxes(boxes, scores, 4)
    _check_output_type(output_type)
    images = classes = count = Dimension.dynamic()
    if boxes.rank is not None and scores.rank is not None:
        images, classes, count = boxes.dims[0], scores.dims[1], boxes.dims[1]
    return _table(boxes, output_type, nms_top_k, keep_top_k, images, classes, count)


@op("MatrixNms", "8", factory="matrix_nms(boxes, scores, sort_result_type='none', sort_result_across_batch=False, "
    "output_type='i64', score_threshold=0.0, nms_top_k=-1, keep_top_k=-1, background_class=-1, "
    "decay_function='linear', gaussian_sigma=2.0, post_threshold=0.0, normalized=True)")  # fmt: skip
def matrix_nms(boxes: Value, scores: Value, *, sort_result_type: SortResult = "none", output_type: Type = Type.i64,
               nms_top_k: int = -1, keep_top_k: int = -1, sort_result_across_batch: bool = False,
               score_threshold: float = 0.0, background_class: int = -1, decay_function: Decay = "linear",
               gaussian_sigma: float = 2.0, post_threshold: float = 0.0,
               normalized: bool = True) -> tuple[Value, Value, Value]:  # fmt: skip
    """MatrixNms-8: scores are lowered by the overlap with better boxes, all pairs at once (SOLOv2, 2020)."""
    return _batched_table(boxes, scores, output_type, nms_top_k, keep_top_k)


_MULTICLASS = ("sort_result_type='none', sort_result_across_batch=False, output_type='i64', iou_threshold=0.0, "
               "score_threshold=0.0, nms_top_k=-1, keep_top_k=-1, background_class=-1, nms_eta=1.0, "
               "normalized=True)")  # fmt: skip


@op("MulticlassNms", "8", factory=f"multiclass_nms(boxes, scores, {_MULTICLASS}")
def multiclass_nms_8(boxes: Value, scores: Value, *, sort_result_type: SortResult = "none",
                     output_type: Type = Type.i64, nms_top_k: int = -1, keep_top_k: int = -1,
                     sort_result_across_batch: bool = False, iou_threshold: float = 0.0, score_threshold: float = 0.0,
                     background_class: int = -1, nms_eta: float = 1.0,
                     normalized: bool = True) -> tuple[Value, Value, Value]:  # fmt: skip
    """MulticlassNms-8: suppression per class, then the best ``keep_top_k`` of each image."""
    return _batched_table(boxes, scores, output_type, nms_top_k, keep_top_k)


@op("MulticlassNms", "9", factory=f"multiclass_nms(boxes, scores, roisnum=None, {_MULTICLASS}")
def multiclass_nms_9(boxes: Value, scores: Value, roisnum: Value | None = None, *,
                     sort_result_type: SortResult = "none", output_type: Type = Type.i64, nms_top_k: int = -1,
                     keep_top_k: int = -1, sort_result_across_batch: bool = False, iou_threshold: float = 0.0,
                     score_threshold: float = 0.0, background_class: int = -1, nms_eta: float = 1.0,
                     normalized: bool = True) -> tuple[Value, Value, Value]:  # fmt: skip
    """MulticlassNms-9: as version 8, or with boxes ``[classes, boxes, 4]``, scores ``[classes, boxes]`` and
    ``roisnum``, the number of boxes of each image."""
    if roisnum is None:
        return _batched_table(boxes, scores, output_type, nms_top_k, keep_top_k)
    _check_output_type(output_type)
    check(
        boxes.rank in (None, 3), f"Expected a 3D tensor for the 'boxes' input. Got: {boxes.shape}"
    )
    check(
        scores.rank in (None, 2),
        f"Expected a 2D tensor for the 'scores' input. Got: {scores.shape}",
    )
    check(
        roisnum.rank in (None, 1),
        f"Expected a 1D tensor for the 'roisnum' input. Got: {roisnum.shape}",
    )
    if boxes.rank is not None and scores.rank is not None:
        for axis, name in ((0, "first"), (1, "second")):
            check(dims.merge(boxes.dims[axis], scores.dims[axis]) is not None,
                  f"'boxes' and 'scores' input shapes must match at the {name} dimension")  # fmt: skip
    images = classes = count = Dimension.dynamic()
    if boxes.rank is not None and scores.rank is not None and roisnum.rank is not None:
        images, classes, count = roisnum.dims[0], boxes.dims[0], boxes.dims[1]
    return _table(boxes, output_type, nms_top_k, keep_top_k, images, classes, count)
