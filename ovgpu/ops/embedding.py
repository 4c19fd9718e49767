"""Sums of embedding rows and other operations on segments and sparse rows."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.special import Constant
from ovgpu.graph.value import MAX_TRACKED_ELEMENTS, Value
from ovgpu.ops.common import check_integer, check_rank, merge_types
from ovgpu.ops.declaration import check, op
from ovgpu.ops.factory import as_output, custom_factory

Reduction = Literal["sum", "mean"]


def _rows_of(table: Value, count: Dimension) -> PartialShape:
    """Shape of ``count`` rows of the embedding table."""
    if table.rank is None:
        return PartialShape.dynamic()
    check(table.rank >= 1, "The embedding table must have at least one axis")
    return PartialShape.of([count, *table.dims[1:]])


def _check_weights(table: Value, indices: Value, weights: Value | None, reduction: str) -> Type:
    if weights is None:
        return table.type
    check(reduction == "sum", "Per sample weights can only be used in Reduction::SUM mode.")
    check(
        indices.shape.compatible(weights.shape),
        f"INDICES and PER_SAMPLE_WEIGHTS shape must be same. Got: {indices.shape} and {weights.shape}",
    )
    return merge_types("The embedding table and the weights", table, weights)


def _bag_offsets(
    table: Value,
    indices: Value,
    offsets: Value,
    default_index: Value | None,
    weights: Value | None,
    reduction: str,
) -> Value:
    for name, value in (
        ("INDICES", indices),
        ("OFFSETS", offsets),
        ("DEFAULT_INDEX", default_index),
    ):
        check_integer(value, f"{name} of the embedding bag")
    merge_types("INDICES, OFFSETS and DEFAULT_INDEX", indices, offsets, default_index)
    check_rank(indices, (1,), "INDICES")
    check_rank(offsets, (1,), "OFFSETS")
    check_rank(default_index, (0,), "DEFAULT_INDEX")
    output_type = _check_weights(table, indices, weights, reduction)
    bags = Dimension.dynamic() if offsets.rank is None else offsets.dims[0]
    return Value(output_type, _rows_of(table, bags))


def _bag_packed(table: Value, indices: Value, weights: Value | None, reduction: str) -> Value:
    check_integer(indices, "INDICES of the embedding bag")
    check_rank(indices, (2,), "INDICES")
    output_type = _check_weights(table, indices, weights, reduction)
    bags = Dimension.dynamic() if indices.rank is None else indices.dims[0]
    return Value(output_type, _rows_of(table, bags))


@op("EmbeddingBagOffsetsSum", "3",
    factory="embedding_bag_offsets_sum(emb_table, indices, offsets, default_index=None, "
            "per_sample_weights=None)")  # fmt: skip
def embedding_bag_offsets_sum(
    emb_table: Value,
    indices: Value,
    offsets: Value,
    default_index: Value | None = None,
    per_sample_weights: Value | None = None,
) -> Value:
    """EmbeddingBagOffsetsSum-3: bag i is the sum of the rows at ``indices[offsets[i]:offsets[i + 1]]``.

    An empty bag gives row ``default_index``, or zeros when there is none or it is -1. ``per_sample_weights`` has a
    factor for each index.
    """
    return _bag_offsets(emb_table, indices, offsets, default_index, per_sample_weights, "sum")


@op("EmbeddingBagOffsets", "15", factory="")
def embedding_bag_offsets(
    emb_table: Value,
    indices: Value,
    offsets: Value,
    default_index: Value | None = None,
    per_sample_weights: Value | None = None,
    *,
    reduction: Reduction = "sum",
) -> Value:
    """EmbeddingBagOffsets-15: as EmbeddingBagOffsetsSum-3, or the mean of the rows."""
    return _bag_offsets(emb_table, indices, offsets, default_index, per_sample_weights, reduction)


@custom_factory("embedding_bag_offsets", 15)
def _embedding_bag_offsets_factory(
    emb_table: Any,
    indices: Any,
    offsets: Any,
    default_index: Any = None,
    per_sample_weights: Any = None,
    reduction: str = "sum",
    name: str | None = None,
) -> Node:
    """EmbeddingBagOffsets-15; weights without a default index get the default index -1 (an empty bag is zero)."""
    inputs = [as_output(v) for v in (emb_table, indices, offsets)]
    if default_index is not None:
        inputs.append(as_output(default_index))
    elif per_sample_weights is not None:
        dtype = inputs[1].get_element_type().host_dtype
        inputs.append(Constant(np.array(-1, dtype)).output(0))
    if per_sample_weights is not None:
        inputs.append(as_output(per_sample_weights))
    node = make_node("EmbeddingBagOffsets", inputs, 15, reduction=reduction)
    if name is not None:
        node.friendly_name = name
    return node


@op(
    "EmbeddingBagPackedSum",
    "3",
    factory="embedding_bag_packed_sum(emb_table, indices, per_sample_weights=None)",
)
def embedding_bag_packed_sum(
    emb_table: Value, indices: Value, per_sample_weights: Value | None = None
) -> Value:
    """EmbeddingBagPackedSum-3: the sum of the rows at each row of ``indices`` [bags, rows per bag]."""
    return _bag_packed(emb_table, indices, per_sample_weights, "sum")


@op("EmbeddingBagPacked", "15",
    factory="embedding_bag_packed(emb_table, indices, per_sample_weights=None, reduction='sum')")  # fmt: skip
def embedding_bag_packed(
    emb_table: Value,
    indices: Value,
    per_sample_weights: Value | None = None,
    *,
    reduction: Reduction = "sum",
) -> Value:
    """EmbeddingBagPacked-15: as EmbeddingBagPackedSum-3, or the mean of the rows."""
    return _bag_packed(emb_table, indices, per_sample_weights, reduction)


@op("EmbeddingSegmentsSum", "3",
    factory="embedding_segments_sum(emb_table, indices, segment_ids, num_segments=None, default_index=None, "
            "per_sample_weights=None)")  # fmt: skip
def embedding_segments_sum(
    emb_table: Value,
    indices: Value,
    segment_ids: Value,
    num_segments: Value,
    default_index: Value | None = None,
    per_sample_weights: Value | None = None,
) -> Value:
    """EmbeddingSegmentsSum-3: row s is the sum of the table's rows at the indices whose ``segment_ids`` are s.

    ``segment_ids`` are sorted; a segment without indices gives row ``default_index`` (-1 or absent: zeros).
    """
    for name, value in (
        ("INDICES", indices),
        ("SEGMENT_IDS", segment_ids),
        ("NUM_SEGMENTS", num_segments),
        ("DEFAULT_INDEX", default_index),
    ):
        check_integer(value, f"{name} of EmbeddingSegmentsSum")
    merge_types(
        "INDICES, SEGMENT_IDS, NUM_SEGMENTS", indices, segment_ids, num_segments, default_index
    )
    check_rank(indices, (1,), "INDICES")
    check_rank(segment_ids, (1,), "SEGMENT_IDS")
    check_rank(num_segments, (0,), "NUM_SEGMENTS")
    check(indices.shape.compatible(segment_ids.shape), "INDICES and SEGMENT_IDS shape must be same")
    output_type = _check_weights(emb_table, indices, per_sample_weights, "sum")
    segments = (num_segments.as_dims() or (Dimension.dynamic(),))[0]
    return Value(output_type, _rows_of(emb_table, segments))


@op("SegmentMax", "16", factory="segment_max(data, segment_ids, num_segments=None, fill_mode=None)")
def segment_max(
    data: Value,
    segment_ids: Value,
    num_segments: Value | None = None,
    *,
    fill_mode: Literal["zero", "lowest"],
) -> Value:
    """SegmentMax-16: the largest slices of ``data`` [N, ...] among those with the same segment id.

    ``segment_ids`` [N] are sorted. A segment without slices is filled with 0 or with the type's lowest value. The
    number of segments is ``num_segments``, or one more than the largest id.
    """
    check_integer(segment_ids, "segment_ids")
    check_rank(segment_ids, (1,), "segment_ids")
    check_rank(num_segments, (0,), "num_segments")
    known = segment_ids.ints()
    check(known is None or known == sorted(known), "segment_ids must be sorted.")
    if data.rank is None:
        return Value(data.type, PartialShape.dynamic())
    check(data.rank >= 1, "SegmentMax: The data input cannot be a scalar.")
    check(
        segment_ids.rank is None or data.dims[0].compatible(segment_ids.dims[0]),
        "The number of elements in segment_ids must match the first dimension of data.",
    )
    segments = Dimension.dynamic()
    if num_segments is not None:
        segments = (num_segments.as_dims() or (segments,))[0]
    elif known is not None:
        segments = Dimension.static(known[-1] + 1 if known else 0)
    return Value(data.type, PartialShape.of([segments, *data.dims[1:]]))


@op(
    "SparseFillEmptyRows",
    "16",
    factory="sparse_fill_empty_rows(values, dense_shape, indices, default_value)",
)
def sparse_fill_empty_rows(
    values: Value, dense_shape: Value, indices: Value, default_value: Value
) -> tuple[Value, Value, Value]:
    """SparseFillEmptyRows-16: a sparse matrix in which every row has a value.

    ``values`` [n] at ``indices`` [n, 2] of a matrix of ``dense_shape`` [2]. Rows without one get ``default_value`` in
    column 0. Outputs: indices [m, 2] and values [m], ordered by row, and a boolean for each row: whether it was empty.
    """
    check_integer(dense_shape, "SparseFillEmptyRows: dense_shape")
    check_integer(indices, "SparseFillEmptyRows: indices")
    index_type = merge_types("SparseFillEmptyRows: indices and dense_shape", indices, dense_shape)
    value_type = merge_types("SparseFillEmptyRows: values and default_value", values, default_value)
    check_rank(values, (1,), "SparseFillEmptyRows: values")
    check_rank(dense_shape, (1,), "SparseFillEmptyRows: dense_shape")
    check_rank(default_value, (0,), "SparseFillEmptyRows: default_value")
    expected = PartialShape.of([Dimension.dynamic() if values.rank is None else values.dims[0], 2])
    check(
        indices.shape.compatible(expected),
        "The indices input must be a 2D tensor with the first dimension matching the size of values and the second "
        f"dimension having 2 elements. {indices.shape}",
    )
    rows = (dense_shape.as_dims() or (Dimension.dynamic(),))[0]
    count = Dimension.dynamic()
    known = indices.known
    if rows.is_static and known is not None and known.size <= MAX_TRACKED_ELEMENTS:
        count = Dimension.static(len(known) + rows.get_length() - len(np.unique(known[:, 0])))
    return (
        Value(index_type, PartialShape.of([count, 2])),
        Value(value_type, PartialShape.of([count])),
        Value(Type.boolean, PartialShape.of([rows])),
    )
