"""Scaled dot-product attention."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.encoder import Encoder
from ovgpu.plugins.gpu.registry import Lowering, lowers
from ovgpu.plugins.gpu.variants import variant

BATCH_RANK = 6

#: Largest number of elements of a query or value.
LARGEST_HEAD = 256

#: Queries up to which a block takes one of them.
FEW_ROWS = 4

#: Head sizes that kernels are made for: (largest head, rows of a block, threads).
_TILES = ((64, 48, 256), (128, 32, 128), (256, 16, 128))

#: Memory of a kernel argument ``AttentionShape`` (kernels/attention.cu).
_SHAPE = np.dtype(
    [
        ("rows", "i4"),
        ("columns", "i4"),
        ("head", "i4"),
        ("value_head", "i4"),
        ("causal", "i4"),
        ("mask_kind", "i4"),
        ("batch", "i4"),
        ("batch_rank", "i4"),
        ("batch_dims", "i4", (BATCH_RANK,)),
        ("scale", "f4"),
        ("unused", "i4"),
        ("mask_row", "i8"),
        ("mask_column", "i8"),
        ("query_batch", "i8", (BATCH_RANK,)),
        ("key_batch", "i8", (BATCH_RANK,)),
        ("value_batch", "i8", (BATCH_RANK,)),
        ("mask_batch", "i8", (BATCH_RANK,)),
    ],
    align=True,
)


def _accepts(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    query, key, value = inputs[:3]
    floats = (Type.f32, Type.f16, Type.bf16)
    element_type = outputs[0].type
    mask_type = inputs[3].type if len(inputs) > 3 else Type.boolean
    return (
        element_type in floats
        and all(v.type is element_type for v in (query, key, value, *inputs[4:]))
        and mask_type in (element_type, Type.boolean)
        and len(outputs[0].dims) <= BATCH_RANK + 2
        and all(0 < v.dims[-1].get_max_length() <= LARGEST_HEAD for v in (query, value))
    )


def broadcast_strides(shape: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """Stride of each axis of ``sizes`` in a dense tensor of ``shape`` that broadcasts to it."""
    padded = [1] * (len(sizes) - len(shape)) + list(shape)
    strides, step = [0] * len(sizes), 1
    for axis in reversed(range(len(sizes))):
        strides[axis] = 0 if padded[axis] == 1 else step
        step *= padded[axis]
    return strides


@lowers("ScaledDotProductAttention", accepts=_accepts)
def lower_attention(encoder: Encoder, op: Lowering) -> None:
    query, key, value = (op.input(i) for i in range(3))
    mask, scale = ([*op.inputs[3:], None, None])[:2]
    out = op.outputs[0]
    if not out.size:
        return
    rows, columns = out.shape[-2], key.shape[-2]
    if columns == 0:
        encoder.fill(out.address, 0, out.nbytes)
        return
    batch = out.shape[:-2]
    causal = bool(op.attributes["causal"])
    if causal or (mask is not None and not mask.shape and mask.type is not Type.boolean):
        mask = None
    shape = np.zeros(1, _SHAPE)
    values = {
        "rows": rows,
        "columns": columns,
        "head": query.shape[-1],
        "value_head": value.shape[-1],
        "causal": causal,
        "mask_kind": 0 if mask is None else 1 if mask.type is Type.boolean else 2,
        "batch": math.prod(batch),
        "batch_rank": len(batch),
        "scale": 1 / math.sqrt(query.shape[-1]),
    }
    for name, number in values.items():
        shape[name] = number
    shape["batch_dims"][0, : len(batch)] = batch
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        matrix = tensor.shape[-2] * tensor.shape[-1]
        strides = [s * matrix for s in broadcast_strides(tensor.shape[:-2], batch)]
        shape[f"{name}_batch"][0, : len(batch)] = strides
    if mask is not None:
        *strides, row, column = broadcast_strides(mask.shape, (*batch, rows, columns))
        shape["mask_batch"][0, : len(batch)] = strides
        shape["mask_row"], shape["mask_column"] = row, column
    addresses = (query, key, value, mask, scale, out)
    arguments = [np.uint64(t.address if t else 0) for t in addresses]
    source = variant("attention.cu", out.storage)
    blocks = min(math.prod(batch), 65535)
    if rows <= FEW_ROWS:
        encoder.launch(source, "attention_rows", (rows, blocks), 256, [*arguments, shape])
        return
    head = max(query.shape[-1], value.shape[-1])
    size, tile, threads = next(t for t in _TILES if head <= t[0])
    grid = (-(-rows // tile), blocks)
    encoder.launch(source, f"attention_{size}", grid, threads, [*arguments, shape])
