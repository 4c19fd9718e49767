"""Gather..., Scatter..., OneHot and Eye on host arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.ops.gather_scatter import along_axis, one_hot_array
from ovgpu.plugins.cpu.registry import kernel


def _in_range(indices: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray | None]:
    """``indices`` as int64 in [0, size), and a mask of those that were out of range (None: all were fine)."""
    indices = indices.astype(np.int64, copy=False)
    if not indices.size:
        return indices, None
    least, most = indices.min(), indices.max()
    if least < 0:
        indices = np.where(indices < 0, indices + size, indices)
    if least >= -size and most < size:
        return indices, None
    outside = (indices < 0) | (indices >= size)
    return np.where(outside, 0, indices), outside


# ---- Gather
@kernel("Gather", native=True)
def gather(
    x: np.ndarray, indices: np.ndarray, axis: np.ndarray, *, batch_dims: int, out: np.ndarray
) -> None:
    position = int(axis.reshape(-1)[0]) % x.ndim
    batch = batch_dims % indices.ndim if batch_dims < 0 else batch_dims
    size = x.shape[position]
    if not out.size:
        return
    safe, outside = _in_range(indices, size)
    if size == 0:
        out[...] = 0
        return
    if batch == 0:
        # mode="clip" skips numpy's own check, and with it the copy that `out` costs otherwise.
        np.take(x, safe, position, out=out, mode="clip")
        if outside is not None:
            out[(slice(None),) * position + (outside,)] = 0
        return
    count = math.prod(x.shape[:batch])
    rows = x.reshape(
        count, math.prod(x.shape[batch:position]), size, math.prod(x.shape[position + 1 :])
    )
    table = safe.reshape(count, -1)
    picked = rows[np.arange(count)[:, None], :, table]  # [count, index, before axis, after axis]
    if outside is not None:
        picked[outside.reshape(count, -1)] = 0
    np.copyto(out, picked.swapaxes(1, 2).reshape(out.shape))


@kernel("Gather", version="opset1", native=True)
def gather_1(x: np.ndarray, indices: np.ndarray, axis: np.ndarray, *, out: np.ndarray) -> None:
    gather(x, indices, axis, batch_dims=0, out=out)


@kernel("GatherElements", native=True)
def gather_elements(x: np.ndarray, indices: np.ndarray, *, axis: int) -> np.ndarray:
    safe, outside = _in_range(indices, x.shape[axis])
    if x.shape[axis] == 0:
        return np.zeros(indices.shape, x.dtype)
    picked = np.take_along_axis(x, safe, axis)
    if outside is not None:
        picked[outside] = 0
    return picked


@kernel("GatherND", native=True)
def gather_nd(
    x: np.ndarray, indices: np.ndarray, *, batch_dims: int, out_shape: tuple[int, ...]
) -> np.ndarray:
    length = indices.shape[-1]
    sizes = np.array(x.shape[batch_dims : batch_dims + length])
    index = indices.astype(np.int64)
    index = np.where(index < 0, index + sizes, index)
    outside = ((index < 0) | (index >= sizes)).any(-1)
    if outside.any() and 0 in sizes:
        return np.zeros(out_shape, x.dtype)
    index[outside] = 0
    batch = np.meshgrid(*(np.arange(n) for n in indices.shape[:batch_dims]), indexing="ij")
    inner = indices.ndim - 1 - batch_dims
    lead = tuple(b.reshape(b.shape + (1,) * inner) for b in batch)
    picked = np.array(x[lead + tuple(np.moveaxis(index, -1, 0))])
    if outside.any():
        picked[outside] = 0
    return picked.reshape(out_shape)


@kernel("GatherTree")
def gather_tree(
    step_ids: np.ndarray, parent_idx: np.ndarray, max_seq_len: np.ndarray, end_token: np.ndarray
) -> np.ndarray:
    steps, batches, beams = step_ids.shape
    end = end_token.reshape(-1)[0]
    result = np.full(step_ids.shape, end, step_ids.dtype)
    lengths = np.minimum(steps, max_seq_len.astype(np.int64))[:, None]
    parent = np.tile(np.arange(beams), (batches, 1))
    rows = np.arange(batches)[:, None]
    parents = parent_idx.astype(np.int64)
    for step in range(steps - 1, -1, -1):  # every beam is followed from its last step to its first
        active = step < lengths
        result[step] = np.where(active, step_ids[step][rows, parent], end)
        parent = np.where(active, parents[step][rows, parent], parent)
    # After its first end token a beam consists of end tokens.
    ended = np.logical_or.accumulate(result == end, axis=0)
    result[ended] = end
    return result


# ---- Scatter
@kernel("ScatterUpdate", native=True)
def scatter_update(
    x: np.ndarray, indices: np.ndarray, updates: np.ndarray, axis: np.ndarray, *, out: np.ndarray
) -> None:
    np.copyto(out, x)
    position = int(axis.reshape(-1)[0]) % x.ndim
    places = indices.astype(np.int64).reshape(-1)
    exact = (*x.shape[:position], *indices.shape, *x.shape[position + 1 :])
    if updates.ndim == 0:
        out[(slice(None),) * position + (places,)] = updates
    elif updates.shape == exact:
        flat = updates.reshape(*x.shape[:position], indices.size, *x.shape[position + 1 :])
        out[(slice(None),) * position + (places,)] = flat
    else:
        # An axis that is not constant leaves the shape of the updates unchecked. Other shapes are read as OpenVINO's
        # reference does: update k, flattened, fills the slice of index k, flattened, as far as both go.
        rank = indices.ndim
        rows = np.moveaxis(updates, range(position, position + rank), range(rank))
        rows = rows.reshape(math.prod(rows.shape[:rank]), -1)
        places = places[: len(rows)]
        target = np.moveaxis(out, position, 0)
        slices = target[places].reshape(len(places), -1)
        length = min(slices.shape[1], rows.shape[1])
        slices[:, :length] = rows[: len(places), :length]
        target[places] = slices.reshape(len(places), *target.shape[1:])


_REDUCTIONS: dict[str, np.ufunc] = {
    "sum": np.add,
    "mean": np.add,
    "sub": np.subtract,
    "prod": np.multiply,
    "min": np.minimum,
    "max": np.maximum,
}


def _reducing(reduction: str, dtype: np.dtype) -> np.ufunc:
    """The ufunc of a reduction; on booleans sums are "or" and products "and", as numpy has no boolean subtraction."""
    if dtype == np.bool_ and reduction == "sub":
        return np.logical_xor
    return _REDUCTIONS[reduction]


def _extreme(dtype: np.dtype, largest: bool) -> Any:
    """The largest or smallest value of ``dtype``: the neutral element of min or max."""
    if dtype.kind in "iu":
        return np.iinfo(dtype).max if largest else np.iinfo(dtype).min
    if dtype.kind == "b":
        return largest
    return math.inf if largest else -math.inf


@kernel("ScatterElementsUpdate")
def scatter_elements_update_12(
    x: np.ndarray,
    indices: np.ndarray,
    updates: np.ndarray,
    axis: np.ndarray,
    *,
    reduction: str,
    use_init_val: bool,
    out: np.ndarray,
) -> None:
    np.copyto(out, x)
    if not indices.size:
        return
    position = int(axis.reshape(-1)[0]) % x.ndim
    place, _ = _in_range(indices, x.shape[position])
    where = along_axis(place, position)
    if reduction == "none":
        out[where] = updates
        return
    if not use_init_val:
        neutral: Any = {"sum": 0, "mean": 0, "prod": 1}.get(reduction)
        out[where] = _extreme(out.dtype, reduction == "min") if neutral is None else neutral
    _reducing(reduction, out.dtype).at(out, where, updates)
    if reduction == "mean":
        count = np.full(x.shape, int(use_init_val), np.int64)
        np.add.at(count, where, 1)
        touched = np.zeros(x.shape, np.bool_)
        touched[where] = True
        mean = out[touched] / count[touched]
        out[touched] = np.trunc(mean) if out.dtype.kind in "iu" else mean


@kernel("ScatterElementsUpdate", version="opset3", native=True)
def scatter_elements_update_3(
    x: np.ndarray, indices: np.ndarray, updates: np.ndarray, axis: np.ndarray, *, out: np.ndarray
) -> None:
    scatter_elements_update_12(
        x, indices, updates, axis, reduction="none", use_init_val=True, out=out
    )


@kernel("ScatterNDUpdate")
def scatter_nd_update_15(
    x: np.ndarray, indices: np.ndarray, updates: np.ndarray, *, reduction: str, out: np.ndarray
) -> None:
    np.copyto(out, x)
    index = tuple(np.moveaxis(indices.astype(np.int64), -1, 0))
    if reduction == "none":
        out[index] = updates
    else:
        _reducing(reduction, out.dtype).at(out, index, updates)


@kernel("ScatterNDUpdate", version="opset4", native=True)
def scatter_nd_update_4(
    x: np.ndarray, indices: np.ndarray, updates: np.ndarray, *, out: np.ndarray
) -> None:
    scatter_nd_update_15(x, indices, updates, reduction="none", out=out)


# ---- OneHot, Eye
@kernel("OneHot", native=True)
def one_hot(
    indices: np.ndarray,
    depth: np.ndarray,
    on_value: np.ndarray,
    off_value: np.ndarray,
    *,
    axis: int,
    negative_indices_mode: str,
) -> np.ndarray:
    return one_hot_array(
        indices,
        depth,
        on_value,
        off_value,
        axis=axis,
        negative_indices_mode=negative_indices_mode,
    )


@kernel("OneHot", version="opset1", native=True)
def one_hot_1(
    indices: np.ndarray,
    depth: np.ndarray,
    on_value: np.ndarray,
    off_value: np.ndarray,
    *,
    axis: int,
) -> np.ndarray:
    return one_hot_array(indices, depth, on_value, off_value, axis=axis)


@kernel("Eye", native=True)
def eye(
    num_rows: np.ndarray,
    num_columns: np.ndarray,
    diagonal_index: np.ndarray,
    batch_shape: np.ndarray | None = None,
    *,
    out_type: Type,
    out_shape: tuple[int, ...],
) -> np.ndarray:
    rows, columns = out_shape[-2:]
    matrix = np.eye(rows, columns, int(diagonal_index.reshape(-1)[0])).astype(out_type.host_dtype)
    return np.broadcast_to(matrix, out_shape)
