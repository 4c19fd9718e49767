"""Embedding bags, SegmentMax and SparseFillEmptyRows on host arrays."""

from __future__ import annotations

import math

import numpy as np

from ovgpu.plugins.cpu.registry import kernel


def _sum_segments(
    table: np.ndarray,
    indices: np.ndarray,
    segments: np.ndarray,
    count: int,
    default_index: np.ndarray | None,
    weights: np.ndarray | None,
    reduction: str = "sum",
) -> np.ndarray:
    """Rows of ``table`` at ``indices``, summed by the segment of each index."""
    rows = table[indices]
    if weights is not None:
        rows = rows * weights.reshape(-1, *(1,) * (table.ndim - 1))
    result = np.zeros((count, *table.shape[1:]), table.dtype)
    np.add.at(result, segments, rows)
    sizes = np.bincount(segments, minlength=count)
    if reduction == "mean":
        result = result / np.maximum(sizes, 1).reshape(-1, *(1,) * (table.ndim - 1)).astype(
            table.dtype
        )
    default = -1 if default_index is None else int(default_index.reshape(-1)[0])
    if default >= 0:
        result[sizes == 0] = table[default]
    return result


@kernel("EmbeddingBagOffsets")
def embedding_bag_offsets(
    table: np.ndarray,
    indices: np.ndarray,
    offsets: np.ndarray,
    default_index: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    *,
    reduction: str,
) -> np.ndarray:
    bags = np.searchsorted(offsets, np.arange(len(indices)), side="right") - 1
    return _sum_segments(table, indices, bags, len(offsets), default_index, weights, reduction)


@kernel("EmbeddingBagOffsetsSum")
def embedding_bag_offsets_sum(
    table: np.ndarray,
    indices: np.ndarray,
    offsets: np.ndarray,
    default_index: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    return embedding_bag_offsets(table, indices, offsets, default_index, weights, reduction="sum")


@kernel("EmbeddingBagPacked")
def embedding_bag_packed(
    table: np.ndarray, indices: np.ndarray, weights: np.ndarray | None = None, *, reduction: str
) -> np.ndarray:
    rows = table[indices]  # [bags, rows per bag, ...]
    if weights is not None:
        rows = rows * weights.reshape(*weights.shape, *(1,) * (table.ndim - 1))
    return rows.mean(1) if reduction == "mean" else rows.sum(1)


@kernel("EmbeddingBagPackedSum")
def embedding_bag_packed_sum(
    table: np.ndarray, indices: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    return embedding_bag_packed(table, indices, weights, reduction="sum")


@kernel("EmbeddingSegmentsSum")
def embedding_segments_sum(
    table: np.ndarray,
    indices: np.ndarray,
    segment_ids: np.ndarray,
    num_segments: np.ndarray,
    default_index: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    count = int(num_segments.reshape(-1)[0])
    return _sum_segments(table, indices, segment_ids, count, default_index, weights)


@kernel("SegmentMax")
def segment_max(
    x: np.ndarray,
    segment_ids: np.ndarray,
    num_segments: np.ndarray | None = None,
    *,
    fill_mode: str,
) -> np.ndarray:
    if num_segments is not None:
        count = int(num_segments.reshape(-1)[0])
    else:
        count = int(segment_ids[-1]) + 1 if segment_ids.size else 0
    lowest = np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -math.inf
    result = np.full((count, *x.shape[1:]), lowest, x.dtype)
    kept = segment_ids < count
    np.maximum.at(result, segment_ids[kept], x[kept])
    empty = np.ones(count, np.bool_)
    empty[segment_ids[kept]] = False
    if fill_mode == "zero":
        result[empty] = 0
    elif x.dtype.kind == "f":
        result[empty] = np.finfo(x.dtype).min
    return result


@kernel("SparseFillEmptyRows", native=True)
def sparse_fill_empty_rows(
    values: np.ndarray, dense_shape: np.ndarray, indices: np.ndarray, default_value: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    empty = np.ones(int(dense_shape[0]), np.bool_)
    empty[indices[:, 0]] = False
    rows = np.flatnonzero(empty)
    added = np.zeros((len(rows), 2), indices.dtype)
    added[:, 0] = rows
    all_indices = np.concatenate([indices, added])
    all_values = np.concatenate(
        [values, np.full(len(rows), default_value.reshape(()), values.dtype)]
    )
    order = np.lexsort((all_indices[:, 1], all_indices[:, 0]))
    return all_indices[order], all_values[order], empty
