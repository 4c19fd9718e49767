"""Operations that write elements at computed indices: Scatter..., OneHot, Eye.

Those that read them are in :mod:`ovgpu.ops.gather`.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.common import check_integer, check_rank, element_count, merge_types, normalize_axis
from ovgpu.ops.declaration import OpError, check, op
from ovgpu.ops.value_rules import moving


def along_axis(indices: np.ndarray, axis: int) -> tuple[np.ndarray, ...]:
    """Index arrays, of the shape of ``indices``, of the elements that they select along ``axis``.

    Unlike ``np.put_along_axis`` this lets the other axes be shorter than those of the indexed array.
    """
    index = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    index[axis] = indices
    return tuple(np.broadcast_arrays(*index))


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
