"""Embedding bags: rows of a table, summed or averaged."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.divisor import DIVISOR, divisor
from ovgpu.plugins.gpu.encoder import THREADS, Encoder, blocks_for
from ovgpu.plugins.gpu.lower.common import sizes_of
from ovgpu.plugins.gpu.lower.indexing import INDEX_NAMES, element_source
from ovgpu.plugins.gpu.registry import DeviceTensor, Lowering, lowers
from ovgpu.plugins.gpu.strided import LARGEST_COUNT

_OFFSETS, _PACKED, _SEGMENTS = range(3)

_BAGS = np.dtype(
    [
        ("count", "u4"),
        ("kind", "u4"),
        ("width", DIVISOR),
        ("bags", "u4"),
        ("total", "u4"),
        ("per_bag", "u4"),
        ("mean", "u4"),
        ("rows", "i8"),
    ],
    align=True,
)


def _fits(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    return (
        inputs[0].type in (Type.f32, Type.f16, Type.bf16)
        and inputs[1].type in INDEX_NAMES
        and math.prod(sizes_of(outputs[0])) <= LARGEST_COUNT
        and math.prod(sizes_of(inputs[1])) <= LARGEST_COUNT
    )


def _pointer(op: Lowering, index: int) -> np.uint64:
    """Where an input lies; 0 for an optional one that is absent."""
    tensor: DeviceTensor | None = op.inputs[index] if index < len(op.inputs) else None
    return np.uint64(0) if tensor is None else tensor.pointer


def _encode(
    encoder: Encoder,
    op: Lowering,
    kind: int,
    limits: np.uint64,
    default: np.uint64,
    weights: np.uint64,
    per_bag: int = 0,
) -> None:
    table, indices, out = op.input(0), op.input(1), op.outputs[0]
    bags = np.zeros(1, _BAGS)
    bags["count"], bags["kind"], bags["bags"] = out.size, kind, out.shape[0]
    bags["width"] = divisor(math.prod(table.shape[1:]))
    bags["total"], bags["per_bag"], bags["rows"] = indices.size, per_bag, table.shape[0]
    bags["mean"] = op.attributes.get("reduction", "sum") == "mean"
    tensors = [out.pointer, table.pointer, indices.pointer, limits, weights, default]
    source = element_source("embedding.cu", table.storage, indices.type)
    encoder.launch(source, "embedding_bags", blocks_for(out.size), THREADS, [*tensors, bags])


@lowers("EmbeddingBagOffsets", "EmbeddingBagOffsetsSum", accepts=_fits)
def embedding_bag_offsets(encoder: Encoder, op: Lowering) -> None:
    _encode(encoder, op, _OFFSETS, _pointer(op, 2), _pointer(op, 3), _pointer(op, 4))


@lowers("EmbeddingBagPacked", "EmbeddingBagPackedSum", accepts=_fits)
def embedding_bag_packed(encoder: Encoder, op: Lowering) -> None:
    nothing = np.uint64(0)
    _encode(encoder, op, _PACKED, nothing, nothing, _pointer(op, 2), op.input(1).shape[1])


@lowers("EmbeddingSegmentsSum", accepts=_fits)
def embedding_segments_sum(encoder: Encoder, op: Lowering) -> None:
    _encode(encoder, op, _SEGMENTS, _pointer(op, 2), _pointer(op, 4), _pointer(op, 5))
