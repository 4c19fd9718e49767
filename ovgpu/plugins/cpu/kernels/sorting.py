"""TopK, NonZero, Unique, Bucketize and SearchSorted on host arrays."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.ops.sorting import unique_arrays
from ovgpu.plugins.cpu.registry import kernel


def _ordered(x: np.ndarray, largest: bool) -> np.ndarray:
    """Indices that sort the last axis, equal elements in their order."""
    if not largest:
        return np.argsort(x, -1, kind="stable")
    # Sorting the mirrored array and mirroring the result keeps equal elements in their order; negating would not do
    # for unsigned types.
    return x.shape[-1] - 1 - np.argsort(x[..., ::-1], -1, kind="stable")[..., ::-1]


def _selected(x: np.ndarray, k: int, largest: bool) -> np.ndarray | None:
    """Ascending indices of the k best of the last axis, the first ones among equals; None when NaNs prevent it."""
    size = x.shape[-1]
    limit = np.take(
        np.partition(x, size - k if largest else k - 1, -1), [size - k if largest else k - 1], -1
    )
    better = x > limit if largest else x < limit
    equal = x == limit
    room = k - np.count_nonzero(better, axis=-1, keepdims=True)
    chosen = better | (equal & (np.cumsum(equal, -1) <= room))
    if not (np.count_nonzero(chosen, axis=-1) == k).all():
        return None
    return np.nonzero(chosen)[-1].reshape(*x.shape[:-1], k)


def top_k_indices(x: np.ndarray, k: int, largest: bool, sort: str) -> np.ndarray:
    """Indices of the k largest or smallest elements of the last axis."""
    if k == 1 and x.shape[-1]:
        index = np.argmax(x, -1) if largest else np.argmin(x, -1)
        return index[..., None]
    # Selecting before sorting pays when few of many are wanted.
    index = _selected(x, k, largest) if 0 < k <= x.shape[-1] // 8 and x.shape[-1] > 512 else None
    if index is None:
        index = _ordered(x, largest)[..., :k]
    elif sort != "index":
        index = np.take_along_axis(index, _ordered(np.take_along_axis(x, index, -1), largest), -1)
    return np.sort(index, -1) if sort == "index" else index


@kernel("TopK", native=True)
def topk(
    x: np.ndarray, k: np.ndarray, *, axis: int, mode: str, sort: str
) -> tuple[np.ndarray, np.ndarray]:
    moved = np.moveaxis(x, axis, -1)
    index = top_k_indices(moved, int(k.reshape(-1)[0]), mode == "max", sort)
    values = np.take_along_axis(moved, index, -1)
    return np.moveaxis(values, -1, axis), np.moveaxis(index, -1, axis)


@kernel("NonZero", native=True)
def non_zero(x: np.ndarray, *, out_type: Type) -> np.ndarray:
    if x.ndim == 0:
        return np.zeros((1, int(x != 0)), out_type.host_dtype)
    return np.stack(np.nonzero(x)).astype(out_type.host_dtype)


@kernel("Unique")
def unique(
    x: np.ndarray, axis: np.ndarray | None = None, *, sorted: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return unique_arrays(x, None if axis is None else int(axis.reshape(-1)[0]), sorted)


@kernel("Bucketize")
def bucketize(x: np.ndarray, buckets: np.ndarray, *, with_right_bound: bool) -> np.ndarray:
    return np.searchsorted(buckets, x, "left" if with_right_bound else "right")


@kernel("SearchSorted")
def search_sorted(sequence: np.ndarray, values: np.ndarray, *, right_mode: bool) -> np.ndarray:
    side: Literal["left", "right"] = "right" if right_mode else "left"
    if sequence.ndim == 1:
        return np.searchsorted(sequence, values, side)
    rows = sequence.reshape(-1, sequence.shape[-1])
    wanted = values.reshape(-1, values.shape[-1])
    found = [
        np.searchsorted(row, row_values, side) for row, row_values in zip(rows, wanted, strict=True)
    ]
    return np.array(found, np.int64).reshape(values.shape)
