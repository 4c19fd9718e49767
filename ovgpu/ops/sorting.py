"""Operations that order, search or deduplicate: TopK, NonZero, Unique, Bucketize, SearchSorted."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ovgpu.graph.dimension import Dimension, make
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import MAX_TRACKED_ELEMENTS, Value
from ovgpu.ops import common
from ovgpu.ops.common import check_rank, merge_types, normalize_axis, replaced
from ovgpu.ops.declaration import OpError, check, op
from ovgpu.ops.value_rules import moving

Mode = Literal["max", "min"]
Sort = Literal["value", "index", "none"]


# ---- TopK
def _top_k(data: Value, k: Value, axis: int, index_type: Type) -> tuple[Value, Value]:
    check(
        k.type.is_integral() and k.type is not Type.boolean,
        "TopK: K input has to be an integer type.",
    )
    check_rank(k, (0,), "TopK: the 'K' input must be a scalar; it")
    check(index_type in (Type.i32, Type.i64), "TopK: Index element type must be i32 or i64.")
    count = k.scalar()
    check(
        count is None or count >= 0,
        f"The value of 'K' must be greater or equal to zero. (got {count}).",
    )
    if data.rank is None:
        return Value(data.type, data.shape), Value(index_type, data.shape)
    check(data.rank > 0, "TopK: Input rank must be greater than 0.")
    position = normalize_axis(axis, data.rank, "TopK")
    size = data.dims[position]
    length = (k.as_dims() or (Dimension.dynamic(),))[0]
    if length.is_dynamic:  # no more than there is
        (low, high), (least, most) = length.interval(), size.interval()
        bounds = [b for b in (high, most) if b >= 0]
        length = make(min(low, least), min(bounds) if bounds else -1)
    shape = replaced(data.shape, position, length)
    return Value(data.type, shape), Value(index_type, shape)


@op("TopK", "1", factory="topk(data, k, axis, mode, sort)")
def topk_1(
    data: Value, k: Value, *, axis: int, mode: Mode, sort: Sort, index_element_type: Type = Type.i32
) -> tuple[Value, Value]:
    """TopK-1: the ``k`` largest or smallest elements along ``axis`` and their indices, ordered by ``sort``."""
    return _top_k(data, k, axis, index_element_type)


@op("TopK", "3", factory="topk(data, k, axis, mode, sort, index_element_type='i32')")
def topk_3(
    data: Value, k: Value, *, axis: int, mode: Mode, sort: Sort, index_element_type: Type = Type.i32
) -> tuple[Value, Value]:
    """TopK-3: as TopK-1 with indices of a chosen type."""
    return _top_k(data, k, axis, index_element_type)


@op("TopK", "11", factory="topk(data, k, axis, mode, sort, index_element_type='i32', stable=False)")
def topk_11(
    data: Value,
    k: Value,
    *,
    axis: int,
    mode: Mode,
    sort: Sort,
    index_element_type: Type = Type.i32,
    stable: bool = False,
) -> tuple[Value, Value]:
    """TopK-11: as TopK-3; ``stable`` keeps equal elements in their order (ours always does)."""
    return _top_k(data, k, axis, index_element_type)


# ---- NonZero, Unique
def _non_zero_values(data: np.ndarray, **_: object) -> np.ndarray | None:
    return np.stack(np.nonzero(data)) if data.ndim else None


@op("NonZero", "3", factory="non_zero(data, output_type='i64')", values=moving(0, _non_zero_values))
def non_zero(data: Value, *, output_type: Type = Type.i64) -> Value:
    """NonZero-3: the indices of all elements other than 0, [rank, count], in the order of the elements."""
    check(output_type in (Type.i32, Type.i64), "NonZero: Output type must be i32 or i64")
    known = data.known
    if known is not None and known.size <= MAX_TRACKED_ELEMENTS and known.ndim:
        return Value(output_type, PartialShape.of([known.ndim, int(np.count_nonzero(known))]))
    if not data.rank:
        return Value(output_type, PartialShape.dynamic(2))
    most = common.product(data.dims).get_max_length()
    return Value(output_type, PartialShape.of([Dimension.static(data.rank), make(0, most)]))


def unique_arrays(
    data: np.ndarray, axis: int | None, sorted_: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Unique elements or slices, the index of the first of each, the number of each input's unique one, and counts."""
    if axis is not None and data.ndim == 0:
        axis = None
    values, first, inverse, counts = np.unique(
        data, return_index=True, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    inverse = inverse.reshape(-1)
    if not sorted_:
        order = np.argsort(first)
        rank = np.empty_like(order)
        rank[order] = np.arange(order.size)
        values = np.take(values, order, 0 if axis is None else axis)
        first, inverse, counts = first[order], rank[inverse], counts[order]
    return values, first, inverse, counts


@op(
    "Unique",
    "10",
    factory="unique(data, axis=None, sorted=True, index_element_type='i64', count_element_type='i64')",
)
def unique(
    data: Value,
    axis: Value | None = None,
    *,
    sorted: bool = True,
    index_element_type: Type = Type.i64,
    count_element_type: Type = Type.i64,
) -> tuple[Value, Value, Value, Value]:
    """Unique-10: the different elements of the flattened ``data``, or slices along ``axis`` (a constant).

    Outputs: the unique elements or slices, ascending when ``sorted`` and in the order of appearance otherwise; the
    index of the first of each; for each input element the index of its unique one; how often each occurs.
    """
    for name, index_type in (("index", index_element_type), ("count", count_element_type)):
        check(
            index_type in (Type.i32, Type.i64),
            f"Unique: the {name} element type must be i32 or i64",
        )
    position = None if axis is None else axis.scalar()
    check(
        axis is None or position is not None,
        "The 'axis' input of the Unique operator must be connected to a Constant.",
    )
    check(
        axis is None or common.element_count(axis) in (None, 1),
        "Unique: 'axis' must have one element",
    )

    def outputs(
        values: PartialShape, found: Dimension, inverse: Dimension
    ) -> tuple[Value, Value, Value, Value]:
        return (
            Value(data.type, values),
            Value(index_element_type, PartialShape.of([found])),
            Value(index_element_type, PartialShape.of([inverse])),
            Value(count_element_type, PartialShape.of([found])),
        )

    known = data.known
    if known is not None and known.size <= MAX_TRACKED_ELEMENTS:
        values, first, inverse, _ = unique_arrays(known, position, sorted)
        return outputs(
            PartialShape.of(values.shape),
            Dimension.static(len(first)),
            Dimension.static(len(inverse)),
        )
    sizes = data.shape.static_tuple()
    total = None if sizes is None else int(np.prod(sizes, dtype=np.int64))
    some = Dimension.dynamic() if not total else make(1, total)
    if position is None:
        return outputs(
            PartialShape.of([some]), some, Dimension.static(total) if total else Dimension.dynamic()
        )
    if data.rank is None:
        return outputs(PartialShape.dynamic(), Dimension.dynamic(), Dimension.dynamic())
    position = normalize_axis(position, data.rank, "Unique")
    size = data.dims[position]
    if size == 0:
        return outputs(data.shape, size, size)
    most = size.get_max_length()
    # As OpenVINO: a bound is carried over, of a dimension of unknown size even the symbol.
    slices = size if size.interval() == (0, -1) else make(1, most)
    return outputs(replaced(data.shape, position, slices), some, size)


# ---- Bucketize, SearchSorted
@op("Bucketize", "3", factory="bucketize(data, buckets, output_type='i64', with_right_bound=True)")
def bucketize(
    data: Value, buckets: Value, *, output_type: Type = Type.i64, with_right_bound: bool = True
) -> Value:
    """Bucketize-3: for each element the index of its bucket between ascending ``buckets`` boundaries; the right one
    belongs to the bucket when ``with_right_bound``."""
    check(
        output_type in (Type.i32, Type.i64),
        "Bucketize: Output type must be i32 or i64. Default is i64",
    )
    check_rank(buckets, (1,), "Buckets input must be a 1D tensor. It")
    return Value(output_type, data.shape)


@op("SearchSorted", "15", factory="search_sorted(sorted_sequence, values, right_mode=False)")
def search_sorted(
    sorted_sequence: Value, values: Value, *, right_mode: bool = False, output_type: Type = Type.i64
) -> Value:
    """SearchSorted-15: for each of ``values`` the first (``right_mode``: last) place in the row of ``sorted_sequence``
    where it could be inserted. The sequence is 1-D, or of the shape of ``values`` but for the last axis."""
    try:
        merge_types("SearchSorted", sorted_sequence, values)
    except OpError:
        raise OpError("Sorted sequence and values must have the same element type.") from None
    check(output_type in (Type.i32, Type.i64), "SearchSorted: output type must be i32 or i64")
    check(sorted_sequence.rank != 0, "SearchSorted: The sorted sequence must not be a scalar")
    rows = sorted_sequence.rank
    if rows in (None, 1):
        return Value(output_type, values.shape)
    assert rows is not None
    if values.rank is None:
        return Value(
            output_type, PartialShape.of([*sorted_sequence.dims[:-1], Dimension.dynamic()])
        )
    check(rows == values.rank, "SearchSorted: the ranks of the sequence and the values differ")
    lead = common.merge_shapes(
        PartialShape.of(sorted_sequence.dims[:-1]),
        PartialShape.of(values.dims[:-1]),
        "All dimensions but the last one have to be compatible.",
    )
    return Value(output_type, PartialShape.of([*lead.dims, values.dims[-1]]))
