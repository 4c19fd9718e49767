"""Operations that read elements at computed indices: Gather, GatherElements, GatherND, GatherTree."""

from __future__ import annotations

import numpy as np

from ovgpu.graph import dimension as dims
from ovgpu.graph import partial_shape as shapes
from ovgpu.graph.dimension import Dimension, make
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.common import (
    check_integer,
    check_rank,
    merge_types,
    normalize_axis,
    product,
    replaced,
)
from ovgpu.ops.declaration import OpError, check, op
from ovgpu.ops.value_rules import moving


def _merged(a: Dimension, b: Dimension, message: str) -> Dimension:
    both = dims.merge(a, b)
    if both is None:
        raise OpError(message)
    return both


def _intersection(a: Dimension, b: Dimension, message: str) -> Dimension:
    """As :func:`_merged`, but a symbol is kept only when both have it, as OpenVINO does for batch axes."""
    both = _merged(a, b, message)
    return both if a.get_symbol() == b.get_symbol() else make(*both.interval())


def _gather_values(
    data: np.ndarray, indices: np.ndarray, axis: np.ndarray, *, batch_dims: int = 0
) -> np.ndarray | None:
    position = int(axis.reshape(-1)[0]) % data.ndim
    size = data.shape[position]
    if batch_dims % (indices.ndim or 1) or (
        indices.size and not -size <= indices.min() <= indices.max() < size
    ):
        return None
    return np.take(data, indices.astype(np.int64), position)


def _gather(data: Value, indices: Value, axis: Value, batch_dims: int) -> Value:
    check_integer(indices, "the indices of Gather")
    check_integer(axis, "the axis of Gather")
    check(
        axis.rank in (None, 0) or axis.shape.static_tuple() == (1,),
        "Gather: axis input must be a scalar",
    )
    if indices.rank is None:
        _check_gather_axis(data, axis)
        return Value(data.type, PartialShape.dynamic())
    batch = (
        normalize_axis(batch_dims, indices.rank + 1, "Gather batch_dims")
        if batch_dims >= 0
        else None
    )
    if batch is None:
        batch = batch_dims + indices.rank
        check(
            batch >= 0,
            f"Gather: batch_dims {batch_dims} is out of range for indices of rank {indices.rank}",
        )
    check(batch <= indices.rank, "Gather: batch_dims must not exceed the rank of the indices")
    if data.rank is None:
        return Value(data.type, PartialShape.dynamic())
    position = _check_gather_axis(data, axis)
    if position is None:
        return Value(data.type, PartialShape.dynamic(data.rank + indices.rank - 1 - batch))
    check(
        batch <= position,
        "Gather: After normalization batch_dims must be <= axis. "
        f"But instead got: batch_dims = {batch}, axis = {position}",
    )
    message = (
        f"Shapes {data.shape} and {indices.shape} are not consistent. data and indices must have equal or "
        "intersecting sizes until batch_dims"
    )
    leading = [
        _intersection(a, b, message)
        for a, b in zip(data.dims[:batch], indices.dims[:batch], strict=True)
    ]
    inner = (*data.dims[batch:position], *indices.dims[batch:], *data.dims[position + 1 :])
    return Value(data.type, PartialShape.of([*leading, *inner]))


def _check_gather_axis(data: Value, axis: Value) -> int | None:
    position = axis.scalar()
    if position is None or data.rank is None:
        return None
    check(data.rank > 0, "Gather: the data must not be a scalar")
    return normalize_axis(position, data.rank, "Gather")


@op("Gather", "1", factory="gather(data, indices, axis)", values=moving(1, _gather_values))
def gather_1(data: Value, indices: Value, axis: Value) -> Value:
    """Gather-1: slices of ``data`` along ``axis`` (a scalar) at ``indices``."""
    return _gather(data, indices, axis, 0)


@op(
    "Gather",
    "7",
    factory="gather(data, indices, axis, batch_dims=0)",
    values=moving(1, _gather_values),
)
def gather_7(data: Value, indices: Value, axis: Value, *, batch_dims: int = 0) -> Value:
    """Gather-7: as Gather-1 for each entry of the first ``batch_dims`` axes, which data and indices share."""
    return _gather(data, indices, axis, batch_dims)


@op(
    "Gather",
    "8",
    factory="gather(data, indices, axis, batch_dims=0)",
    values=moving(1, _gather_values),
)
def gather_8(data: Value, indices: Value, axis: Value, *, batch_dims: int = 0) -> Value:
    """Gather-8: as Gather-7; negative indices count from the end, those out of range give zeros."""
    return _gather(data, indices, axis, batch_dims)


def _gather_elements_values(
    data: np.ndarray, indices: np.ndarray, *, axis: int
) -> np.ndarray | None:
    size = data.shape[axis]
    if indices.size and not -size <= indices.min() <= indices.max() < size:
        return None
    return np.take_along_axis(data, indices.astype(np.int64), axis)


@op(
    "GatherElements",
    "6",
    factory="gather_elements(data, indices, axis=0)",
    values=moving(1, _gather_elements_values),
)
def gather_elements(data: Value, indices: Value, *, axis: int) -> Value:
    """GatherElements-6: ``out[i][j][k] = data[i][indices[i][j][k]][k]`` for axis 1; negative indices count from the
    end."""
    check_integer(indices, "the indices of GatherElements")
    if data.rank is None:
        return Value(data.type, indices.shape)
    position = normalize_axis(axis, data.rank, "GatherElements")
    if indices.rank is None:
        return Value(data.type, replaced(data.shape, position, Dimension.dynamic()))
    check(
        data.rank == indices.rank,
        f"data and indices rank must be equal. But instead got: {data.rank} and {indices.rank}",
    )
    message = (
        f"Shapes {data.shape} and {indices.shape} are not consistent, `data` and `indices` must have equal or "
        f"intersecting dimensions, except for the dimension at axis index.{position}"
    )
    return Value(
        data.type,
        PartialShape.of(
            b if i == position else _merged(a, b, message)
            for i, (a, b) in enumerate(zip(data.dims, indices.dims, strict=True))
        ),
    )


def _gather_nd(data: Value, indices: Value, batch_dims: int, flatten_batch: bool) -> Value:
    check_integer(indices, "the indices of GatherND")
    check(data.rank is None or data.rank > 0, "GatherND: the data must have at least one axis")
    check(
        indices.rank is None or indices.rank > 0,
        "GatherND: the indices must have at least one axis",
    )
    if data.rank is None or indices.rank is None:
        return Value(data.type, PartialShape.dynamic())
    check(0 <= batch_dims < data.rank, "Number of batch dimensions must not exceed a rank of data.")
    check(
        batch_dims < indices.rank, "Number of batch dimensions must not exceed a rank of indices."
    )
    message = "Batch dimensions of data and indices must be the same."
    batch = [
        _merged(a, b, message)
        for a, b in zip(data.dims[:batch_dims], indices.dims[:batch_dims], strict=True)
    ]
    length = indices.dims[-1]
    if length.is_dynamic:
        return Value(data.type, PartialShape.dynamic())
    first = batch_dims + length.get_length()
    check(
        first <= data.rank,
        "Length of a tuple with indices must not exceed a rank of data tensor excluding batch dimensions.",
    )
    if flatten_batch and batch:
        batch = [product(batch)]
    return Value(
        data.type, PartialShape.of([*batch, *indices.dims[batch_dims:-1], *data.dims[first:]])
    )


def _gather_nd_values(
    data: np.ndarray, indices: np.ndarray, *, batch_dims: int
) -> np.ndarray | None:
    sizes = np.array(data.shape[: indices.shape[-1]])
    if batch_dims or not ((indices >= -sizes) & (indices < sizes)).all():
        return None
    return np.asarray(data[(*np.moveaxis(indices, -1, 0), ...)])


@op(
    "GatherND",
    "5",
    factory="gather_nd(data, indices, batch_dims=0)",
    values=moving(1, _gather_nd_values),
)
def gather_nd_5(data: Value, indices: Value, *, batch_dims: int = 0) -> Value:
    """GatherND-5: slices of ``data`` at index tuples along the last axis of ``indices``; the first ``batch_dims`` axes
    are shared and merged into one in the output."""
    return _gather_nd(data, indices, batch_dims, True)


@op(
    "GatherND",
    "8",
    factory="gather_nd(data, indices, batch_dims=0)",
    values=moving(1, _gather_nd_values),
)
def gather_nd_8(data: Value, indices: Value, *, batch_dims: int = 0) -> Value:
    """GatherND-8: as GatherND-5, with the batch axes kept; negative indices count from the end."""
    return _gather_nd(data, indices, batch_dims, False)


@op("GatherTree", "1", factory="gather_tree(step_ids, parent_idx, max_seq_len, end_token)")
def gather_tree(step_ids: Value, parent_idx: Value, max_seq_len: Value, end_token: Value) -> Value:
    """GatherTree-1: the beams of a beam search from the ids and parents of each step.

    ``step_ids``, ``parent_idx``: [max_time, batch, beams]; ``max_seq_len``: [batch]; ``end_token``: scalar.
    """
    output_type = merge_types("GatherTree", step_ids, parent_idx, max_seq_len, end_token)
    merged = shapes.merge(step_ids.shape, parent_idx.shape)
    if merged is None:
        raise OpError("GatherTree: step_ids and parent_idx inputs must have the same shape")
    check(
        merged.rank_length in (None, 3),
        "GatherTree: step_ids and parent_idx input rank must equal to 3",
    )
    check_rank(max_seq_len, (1,), "GatherTree: max_seq_len")
    check_rank(end_token, (0,), "GatherTree: end_token")
    if merged.rank_length is not None and max_seq_len.rank is not None:
        message = (
            "GatherTree: Number of elements of max_seq_len input must match BATCH_SIZE dimension"
        )
        merged = replaced(merged, 1, _merged(merged.dims[1], max_seq_len.dims[0], message))
    return Value(output_type, merged)
