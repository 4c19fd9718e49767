"""Operations that read or write elements at computed indices: Gather..., Scatter..., OneHot, Eye."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ovgpu.graph import dimension as dims
from ovgpu.graph import partial_shape as shapes
from ovgpu.graph.dimension import Dimension, make
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.common import (
    check_integer,
    check_rank,
    element_count,
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


def along_axis(indices: np.ndarray, axis: int) -> tuple[np.ndarray, ...]:
    """Index arrays, of the shape of ``indices``, of the elements that they select along ``axis``.

    Unlike ``np.put_along_axis`` this lets the other axes be shorter than those of the indexed array.
    """
    index = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    index[axis] = indices
    return tuple(np.broadcast_arrays(*index))


# ---- Gather
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


# ---- Scatter
def _check_indices(indices: Value, what: str) -> None:
    check_integer(indices, f"the indices of {what}")


def _scatter_update_values(data: np.ndarray, *rest: Any) -> np.ndarray:
    updates, indices, axis = rest
    result = data.copy()
    position = int(axis.reshape(-1)[0]) % data.ndim
    flat = updates.reshape(*data.shape[:position], -1, *data.shape[position + 1 :])
    result[(slice(None),) * position + (indices.reshape(-1),)] = flat
    return result


def _scatter_update_rule(
    data: Value, indices: Value, updates: Value, axis: Value
) -> np.ndarray | None:
    # The rule helper takes data inputs first; the updates are data here and come after the indices.
    return moving(2, _scatter_update_values)(data, updates, indices, axis)


@op(
    "ScatterUpdate",
    "3",
    factory="scatter_update(data, indices, updates, axis)",
    values=_scatter_update_rule,
)
def scatter_update(data: Value, indices: Value, updates: Value, axis: Value) -> Value:
    """ScatterUpdate-3: ``data`` with the slices at ``indices`` along ``axis`` replaced by ``updates``."""
    _check_indices(indices, "ScatterUpdate")
    check_integer(axis, "the axis of ScatterUpdate")
    output_type = merge_types("ScatterUpdate", data, updates)
    check(
        axis.rank in (None, 0) or axis.shape.static_tuple() == (1,),
        "ScatterUpdate: axis must be a scalar",
    )
    position = axis.scalar()
    if data.rank is not None and indices.rank is not None and updates.rank is not None:
        check(
            updates.rank in (data.rank + indices.rank - 1, 0),
            f"Updates rank is expected to be indices rank + data rank - 1, or 0, not {updates.rank}",
        )
        if position is not None and updates.rank:
            position = normalize_axis(position, data.rank, "ScatterUpdate")
            expected = (*data.dims[:position], *indices.dims, *data.dims[position + 1 :])
            check(
                updates.shape.compatible(PartialShape.of(expected)),
                "Updates shape must have appropriate dimensions equal to indices and data dimensions. Updates shape: "
                f"{updates.shape}, data shape: {data.shape}, indices_shape: {indices.shape}, axis: {position}",
            )
    return Value(output_type, data.shape)


def _scatter_elements(data: Value, indices: Value, updates: Value, axis: Value) -> Value:
    _check_indices(indices, "ScatterElementsUpdate")
    check_integer(axis, "the axis of ScatterElementsUpdate")
    output_type = merge_types("ScatterElementsUpdate", data, updates)
    check(
        axis.rank in (None, 0) or axis.shape.static_tuple() == (1,),
        "ScatterElementsUpdate: axis must be a scalar",
    )
    check(
        indices.shape.compatible(updates.shape),
        f"Indices and updates input shapes are required to be equal. Got: {indices.shape} and: {updates.shape}",
    )
    check(
        indices.rank is None or data.rank is None or indices.rank == data.rank,
        f"Indices rank and data rank are required to be equal. Got: {indices.rank} and: {data.rank}",
    )
    position = axis.scalar()
    if position is not None and data.rank is not None:
        normalize_axis(position, data.rank, "ScatterElementsUpdate")
    return Value(output_type, data.shape)


def _scatter_elements_values(
    data: np.ndarray,
    updates: np.ndarray,
    indices: np.ndarray,
    axis: np.ndarray,
    *,
    reduction: str = "none",
    use_init_val: bool = True,
) -> np.ndarray | None:
    if reduction != "none":
        return None
    result = data.copy()
    result[along_axis(indices.astype(np.int64), int(axis.reshape(-1)[0]))] = updates
    return result


def _scatter_elements_rule(
    data: Value, indices: Value, updates: Value, axis: Value, **attributes: Any
) -> Any:
    return moving(2, _scatter_elements_values)(data, updates, indices, axis, **attributes)


@op("ScatterElementsUpdate", "3", factory="scatter_elements_update(data, indices, updates, axis)",
    values=_scatter_elements_rule)  # fmt: skip
def scatter_elements_update_3(data: Value, indices: Value, updates: Value, axis: Value) -> Value:
    """ScatterElementsUpdate-3: ``data`` with ``out[i][indices[i][j]] = updates[i][j]`` (for axis 1)."""
    return _scatter_elements(data, indices, updates, axis)


@op("ScatterElementsUpdate", "12", values=_scatter_elements_rule,
    factory="scatter_elements_update(data, indices, updates, axis, reduction='None', use_init_val=True)")  # fmt: skip
def scatter_elements_update_12(
    data: Value,
    indices: Value,
    updates: Value,
    axis: Value,
    *,
    reduction: Literal["none", "sum", "prod", "min", "max", "mean"] = "none",
    use_init_val: bool = True,
) -> Value:
    """ScatterElementsUpdate-12: as version 3; updates of the same element are reduced, together with its first value
    when ``use_init_val``."""
    return _scatter_elements(data, indices, updates, axis)


def _scatter_nd(data: Value, indices: Value, updates: Value) -> Value:
    _check_indices(indices, "ScatterNDUpdate")
    output_type = merge_types("ScatterNDUpdate", data, updates)
    check(data.rank != 0, "ScatterNDUpdate: the data must have at least one axis")
    check(indices.rank != 0, "ScatterNDUpdate: the indices must have at least one axis")
    if (
        data.rank is None
        or indices.rank is None
        or updates.rank is None
        or indices.dims[-1].is_dynamic
    ):
        return Value(output_type, data.shape)
    length = indices.dims[-1].get_length()
    check(length <= data.rank, "Last dimension of indices can be at most the rank of inputs")
    expected = PartialShape.of([*indices.dims[:-1], *data.dims[length:]])
    if updates.rank != 0 or expected.rank_length == 0:
        check(
            updates.shape.compatible(expected),
            "updates_shape[indices_rank-1:] shape must be input_shape[indices_shape[-1]:]: "
            f"got {updates.shape}, expected {expected}",
        )
    return Value(output_type, data.shape)


def _scatter_nd_values(
    data: np.ndarray, updates: np.ndarray, indices: np.ndarray, *, reduction: str = "none"
) -> np.ndarray | None:
    if reduction != "none":
        return None
    result = data.copy()
    result[tuple(np.moveaxis(indices, -1, 0))] = updates
    return result


def _scatter_nd_rule(data: Value, indices: Value, updates: Value, **attributes: Any) -> Any:
    return moving(2, _scatter_nd_values)(data, updates, indices, **attributes)


@op(
    "ScatterNDUpdate",
    "4",
    factory="scatter_nd_update(data, indices, updates)",
    values=_scatter_nd_rule,
)
def scatter_nd_update_4(data: Value, indices: Value, updates: Value) -> Value:
    """ScatterNDUpdate-4: ``data`` with the slices at the index tuples of ``indices`` replaced by ``updates``."""
    return _scatter_nd(data, indices, updates)


@op("ScatterNDUpdate", "15", factory="scatter_nd_update(data, indices, updates, reduction=None)",
    values=_scatter_nd_rule)  # fmt: skip
def scatter_nd_update_15(
    data: Value,
    indices: Value,
    updates: Value,
    *,
    reduction: Literal["none", "sum", "sub", "prod", "min", "max"] = "none",
) -> Value:
    """ScatterNDUpdate-15: as version 4; with a ``reduction`` the updates are combined with what is there."""
    return _scatter_nd(data, indices, updates)


# ---- OneHot, Eye
def _one_hot(indices: Value, depth: Value, on_value: Value, off_value: Value, axis: int) -> Value:
    check(not indices.type.is_real(), "OneHot: Indices must be integral element type.")
    check(not depth.type.is_real(), "OneHot: Depth must be integral element type.")
    try:
        output_type = merge_types("OneHot", on_value, off_value)
    except OpError:
        raise OpError(
            "OneHot: on_value element type must be compatible with off_value element type."
        ) from None
    for name, value in (("depth", depth), ("on_value", on_value), ("off_value", off_value)):
        check_rank(value, (0,), f"OneHot: {name}")
    known = depth.scalar()
    check(known is None or known >= 0, f"OneHot depth value can't be negative. Got: {known}")
    if indices.rank is None:
        return Value(output_type, PartialShape.dynamic())
    position = normalize_axis(axis, indices.rank + 1, "OneHot")
    length = (depth.as_dims() or (Dimension.dynamic(),))[0]
    return Value(
        output_type, PartialShape.of([*indices.dims[:position], length, *indices.dims[position:]])
    )


def one_hot_array(
    indices: np.ndarray,
    depth: np.ndarray,
    on_value: np.ndarray,
    off_value: np.ndarray,
    *,
    axis: int,
    negative_indices_mode: str = "ignore_negative",
) -> np.ndarray:
    """The result of OneHot."""
    position = axis % (indices.ndim + 1)
    size = int(depth.reshape(-1)[0])
    indices = indices.astype(np.int64)
    if negative_indices_mode == "normalize":
        indices = np.where(indices < 0, indices + size, indices)
    places = np.arange(size).reshape([-1 if i == position else 1 for i in range(indices.ndim + 1)])
    hot = np.expand_dims(indices, position) == places
    return np.where(hot, on_value.reshape(()), off_value.reshape(()))


@op(
    "OneHot",
    "1",
    factory="one_hot(indices, depth, on_value, off_value, axis)",
    values=moving(0, one_hot_array),
)
def one_hot_1(
    indices: Value, depth: Value, on_value: Value, off_value: Value, *, axis: int
) -> Value:
    """OneHot-1: a new axis of size ``depth`` with ``on_value`` at the index, ``off_value`` elsewhere.

    An index that is negative or too large gives a row of ``off_value``.
    """
    return _one_hot(indices, depth, on_value, off_value, axis)


@op("OneHot", "16", values=moving(0, one_hot_array),
    factory="one_hot(indices, depth, on_value, off_value, axis, negative_indices_mode=None)")  # fmt: skip
def one_hot_16(
    indices: Value,
    depth: Value,
    on_value: Value,
    off_value: Value,
    *,
    axis: int,
    negative_indices_mode: Literal["ignore_negative", "normalize"] = "ignore_negative",
) -> Value:
    """OneHot-16: as OneHot-1; ``normalize`` makes indices of -depth to -1 count from the end."""
    return _one_hot(indices, depth, on_value, off_value, axis)


@op("Eye", "9", factory="eye(num_rows, num_columns, diagonal_index, output_type, batch_shape=None)")
def eye(
    num_rows: Value,
    num_columns: Value,
    diagonal_index: Value,
    batch_shape: Value | None = None,
    *,
    output_type: Type,
) -> Value:
    """Eye-9: matrices with ones on diagonal ``diagonal_index`` (above the main one when positive), repeated for
    ``batch_shape``."""
    sizes = []
    for name, value in (
        ("num_rows", num_rows),
        ("num_columns", num_columns),
        ("diagonal_index", diagonal_index),
    ):
        check_integer(value, f"Eye: '{name}'")
        check_rank(value, (0, 1), f"Eye: '{name}'")
        check(
            element_count(value) in (None, 1),
            f"Eye: '{name}' value must be a scalar or 1D tensor of one element",
        )
    for name, value in (("num_rows", num_rows), ("num_columns", num_columns)):
        known = value.scalar()
        check(known is None or known >= 0, f"Eye: '{name}' {known} must be non-negative value")
        sizes.append((value.as_dims() or (Dimension.dynamic(),))[0])
    if batch_shape is None:
        return Value(output_type, PartialShape.of(sizes))
    check_integer(batch_shape, "Eye: 'batch_shape'")
    check_rank(batch_shape, (1,), "Eye: 'batch_shape' input must be 1D; it")
    batch = batch_shape.as_dims()
    if batch is None:
        count = element_count(batch_shape)
        return Value(output_type, PartialShape.dynamic(-1 if count is None else count + 2))
    return Value(output_type, PartialShape.of([*batch, *sizes]))
