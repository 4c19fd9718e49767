"""Scaled dot-product attention on host arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.ops.fused import HEADS_FIRST
from ovgpu.plugins.cpu.kernels.normalization import row_sum
from ovgpu.plugins.cpu.registry import Call, Step, binder, kernel


def _scores_shape(query: tuple[int, ...], key: tuple[int, ...]) -> tuple[int, ...]:
    return (*np.broadcast_shapes(query[:-2], key[:-2]), query[-2], key[-2])


def _scratch(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> int:
    query, key = (v.shape.static_tuple() or (0, 0) for v in inputs[:2])
    return math.prod(_scores_shape(query, key)) * max(4, outputs[0].type.host_dtype.itemsize)


@binder("ScaledDotProductAttention", scratch=_scratch)
def bind_attention(call: Call) -> Step:
    query, key, value, *rest = call.inputs
    assert query is not None
    assert key is not None
    assert value is not None
    mask, scale = (*rest, None, None)[:2]
    out = call.outputs[0]
    if not out.size or not key.shape[-2]:
        return lambda: out.fill(0)
    shape = _scores_shape(query.shape, key.shape)
    scores = call.scratch[: math.prod(shape) * out.itemsize].view(out.dtype).reshape(shape)
    row = np.empty((*shape[:-1], 1), out.dtype)
    add_up = row_sum(scores, -1, row)
    transposed = key.swapaxes(-1, -2)
    default_scale = out.dtype.type(1 / math.sqrt(max(query.shape[-1], 1)))
    hidden: np.ndarray | None = None  # positions that a row may not see
    added: np.ndarray | None = None
    if call.attributes["causal"]:
        hidden = np.triu(np.ones(shape[-2:], bool), 1)
    elif mask is not None and mask.dtype == bool:
        hidden = np.empty(mask.shape, bool)
    elif mask is not None and mask.ndim:
        added = mask
    boolean_mask = mask if hidden is not None and not call.attributes["causal"] else None

    def step() -> None:
        np.matmul(query, transposed, scores)
        np.multiply(scores, default_scale if scale is None else scale.reshape(()), scores)
        if added is not None:
            np.add(scores, added, scores)
        if boolean_mask is not None:
            np.logical_not(boolean_mask, hidden)
        if hidden is not None:
            np.copyto(scores, -np.inf, where=hidden)
        np.maximum.reduce(scores, axis=-1, keepdims=True, out=row)
        np.subtract(scores, row, scores)
        np.exp(scores, scores)
        add_up()
        if row.ndim == out.ndim and row.shape[:-1] == out.shape[:-1]:
            np.matmul(scores, value, out)
            np.divide(out, row, out)  # fewer numbers than the scores have
        else:
            np.divide(scores, row, scores)
            np.matmul(scores, value, out)

    return step


@kernel("Attention")
def compute_fused_attention(
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    scale: float,
    causal: bool,
    layouts: Sequence[str],
) -> np.ndarray:
    """Attention of :mod:`ovgpu.ops.fused`, step by step; fusions for this device do not make it."""
    order = [(0, 1, 2, 3) if layout == HEADS_FIRST else (0, 2, 1, 3) for layout in layouts]
    query, key, value = (a.transpose(o) for a, o in zip((query, key, value), order))
    key, value = (a.repeat(query.shape[1] // a.shape[1], axis=1) for a in (key, value))
    scores = np.matmul(query, key.swapaxes(-1, -2)) * query.dtype.type(scale)
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:]) > 0, scores, -np.inf)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    largest = scores.max(-1, keepdims=True, initial=-np.inf)
    weights = np.exp(scores - largest)
    weights /= weights.sum(-1, keepdims=True)
    return np.matmul(weights, value).astype(query.dtype).transpose(order[3])


@kernel("KeyValueCache")
def compute_key_value_cache(
    past: np.ndarray,
    update: np.ndarray,
    beams: np.ndarray | None = None,
    *,
    axis: int,
    variable_id: str,
) -> np.ndarray:
    """KeyValueCache of :mod:`ovgpu.ops.fused`; fusions for this device do not make it."""
    return np.concatenate([past if beams is None else past[beams], update], axis)


@kernel("RotaryEmbedding")
def compute_rotary_embedding(
    cosine: np.ndarray,
    sine: np.ndarray,
    *data: np.ndarray,
    layouts: Sequence[str],
    turned: Sequence[int],
) -> list[np.ndarray]:
    """RotaryEmbedding of :mod:`ovgpu.ops.fused`; fusions for this device do not make it."""
    order = [(0, 1, 2, 3) if layout == HEADS_FIRST else (0, 2, 1, 3) for layout in layouts]
    results = []
    for index, (x, turns) in enumerate(zip(data, turned, strict=True)):
        result = x = x.transpose(order[2 * index])
        if turns:
            first, second = np.split(x, 2, axis=-1)
            result = (x * cosine + np.concatenate([-second, first], -1) * sine).astype(x.dtype)
        results.append(result.transpose(order[2 * index + 1]))
    return results
