"""Scaled dot-product attention."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.ops.fused import HEADS_FIRST, heads_first
from ovgpu.plugins.gpu.encoder import Encoder
from ovgpu.plugins.gpu.lower.tiles import LARGEST_PARTIALS
from ovgpu.plugins.gpu.registry import DeviceTensor, Lowering, lowers
from ovgpu.plugins.gpu.structs import struct
from ovgpu.plugins.gpu.variants import variant

BATCH_RANK = 6

#: Largest number of elements of a query or value.
LARGEST_HEAD = 256

#: Queries up to which a block takes one of them.
FEW_ROWS = 4

#: Largest head that tensor cores take, and queries of a block there.
LARGEST_TENSOR_HEAD = 128
TENSOR_ROWS = 64

#: Parts of the keys that different blocks look at where there are few queries: at most so many, each of so many keys.
LARGEST_SLICES = 16
SLICE_COLUMNS = 256

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
        ("slices", "i4"),
        ("slice_columns", "i4"),
        ("unused", "i4"),
        ("query_row", "i8"),
        ("key_row", "i8"),
        ("value_row", "i8"),
        ("out_row", "i8"),
        ("mask_row", "i8"),
        ("mask_column", "i8"),
        ("query_batch", "i8", (BATCH_RANK,)),
        ("key_batch", "i8", (BATCH_RANK,)),
        ("value_batch", "i8", (BATCH_RANK,)),
        ("out_batch", "i8", (BATCH_RANK,)),
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


def _takes_rows(op: Lowering, index: int, tensor: DeviceTensor) -> bool:
    """Queries, keys, values and results may have strides as long as the elements of a row follow each other."""
    inner = len(tensor.shape) >= 2 and (tensor.shape[-1] == 1 or tensor.steps[-1] == 1)
    return inner and index < 3


@dataclass(slots=True)
class _Part:
    """One tensor of attention: strides of the batch dimensions and of a row, in elements."""

    tensor: DeviceTensor
    batch: Sequence[int]
    row: int
    column: int = 1


@dataclass(slots=True)
class _Call:
    """Attention as the kernels see it. Sizes: ``rows`` queries, ``columns`` keys."""

    rows: int
    columns: int
    head: int
    value_head: int
    batch: Sequence[int]
    parts: dict[str, _Part]  # "query", "key", "value", "out", perhaps "mask"
    causal: bool = False
    scale: float = 1.0
    scale_address: int = 0
    scratch: int = 0
    scratch_bytes: int = 0


def _scratch(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> int:
    """Bytes for what blocks have summed over slices of the keys, for few queries."""
    sizes = outputs[0].upper_sizes
    if sizes is None:
        return LARGEST_PARTIALS
    layout = node.attributes["layouts"][3] if "layouts" in node.attributes else HEADS_FIRST
    *batch, rows, head = heads_first(sizes, layout) if len(sizes) == 4 else sizes
    return partial_bytes(math.prod(batch) * min(rows, FEW_ROWS), head)


def partial_bytes(items: int, value_head: int) -> int:
    """Bytes of the sums of all slices of so many queries."""
    return min(LARGEST_PARTIALS, LARGEST_SLICES * items * (value_head + 2) * 4)


def choose_slices(call: _Call, multiprocessors: int) -> tuple[int, int]:
    """Into how many parts the keys are cut so that few queries keep a device busy, and the keys of one.

    There are no more queries than multiprocessors where there is more than one part: each finds a ticket.
    """
    items = call.rows * math.prod(call.batch)
    room = call.scratch_bytes // (items * (call.value_head + 2) * 4) if call.scratch else 0
    wanted = min(2 * multiprocessors // items, call.columns // SLICE_COLUMNS, LARGEST_SLICES, room)
    if wanted < 2 or items > multiprocessors:
        return 1, call.columns
    columns = -(-call.columns // (wanted * 32)) * 32
    return -(-call.columns // columns), columns


def _lanes(call: _Call) -> int:
    """Threads that share a key in steps of 16 bytes, 0 where rows are not aligned for that."""
    itemsize = call.parts["out"].tensor.storage.size
    vector = 16 // itemsize
    numbers = [call.head, call.value_head]
    for name in ("key", "value"):
        part = call.parts[name]
        numbers += [part.tensor.address // itemsize, part.row, *part.batch]
    if any(n % vector for n in numbers):
        return 0
    vectors = max(call.head, call.value_head) // vector
    return 8 if vectors <= 8 else 16 if vectors <= 16 else 32


def _encode(encoder: Encoder, call: _Call) -> None:
    """Launch the kernel that suits the sizes."""
    out, mask = call.parts["out"].tensor, call.parts.get("mask")
    values: dict[str, Any] = {
        "rows": call.rows,
        "columns": call.columns,
        "head": call.head,
        "value_head": call.value_head,
        "causal": call.causal,
        "mask_kind": 0 if mask is None else 1 if mask.tensor.type is Type.boolean else 2,
        "batch": math.prod(call.batch),
        "batch_rank": len(call.batch),
        "batch_dims": call.batch,
        "scale": call.scale,
        "mask_column": 0 if mask is None else mask.column,
    }
    for name, part in call.parts.items():
        values[f"{name}_batch"] = part.batch
        values[f"{name}_row"] = part.row
    addresses = [call.parts[n].tensor.address for n in ("query", "key", "value")]
    addresses += [mask.tensor.address if mask else 0, call.scale_address, out.address]
    pointers = [np.uint64(a) for a in addresses]
    source = variant("attention.cu", out.storage)
    blocks = min(math.prod(call.batch), 65535)
    if call.rows <= FEW_ROWS:
        slices, columns = choose_slices(call, encoder.multiprocessors)
        values["slices"], values["slice_columns"] = slices, columns
        name = f"attention_rows_{_lanes(call) or 'single'}"
        pointers += [np.uint64(call.scratch), np.uint64(encoder.tickets)]
        arguments = [*pointers, struct(_SHAPE, values)]
        encoder.launch(source, name, (call.rows, blocks, slices), 256, arguments)
        return
    head, arguments = max(call.head, call.value_head), [*pointers, struct(_SHAPE, values)]
    if encoder.has_tensor_cores(out.storage) and head <= LARGEST_TENSOR_HEAD:
        size = 64 if head <= 64 else LARGEST_TENSOR_HEAD
        source = variant("attention_tensor.cu", out.storage)
        grid = (-(-call.rows // TENSOR_ROWS), blocks)
        encoder.launch(source, f"attention_tensor_{size}", grid, 128, arguments)
        return
    size, tile, threads = next(t for t in _TILES if head <= t[0])
    grid = (-(-call.rows // tile), blocks)
    encoder.launch(source, f"attention_{size}", grid, threads, arguments)


@lowers(
    "ScaledDotProductAttention",
    accepts=_accepts,
    scratch=_scratch,
    strided_inputs=(0, 1, 2),
    strided_outputs=True,
    strides_fit=_takes_rows,
    output_fits=_takes_rows,
)
def lower_attention(encoder: Encoder, op: Lowering) -> None:
    query, key, value = (op.input(i) for i in range(3))
    mask, scale = ([*op.inputs[3:], None, None])[:2]
    out = op.outputs[0]
    rows, columns = out.shape[-2], key.shape[-2]
    if columns == 0:
        # Also with strides the results fill one block: they are a transposed dense tensor.
        encoder.fill(out.address, 0, out.nbytes)
        return
    batch = out.shape[:-2]
    causal = bool(op.attributes["causal"])
    if causal or (mask is not None and not mask.shape and mask.type is not Type.boolean):
        mask = None
    parts = {}
    for name, tensor in (("query", query), ("key", key), ("value", value), ("out", out)):
        *steps, row, _ = tensor.steps
        sizes = zip(tensor.shape[:-2], steps, strict=True)
        own = [0 if size == 1 else step for size, step in sizes]
        parts[name] = _Part(tensor, [0] * (len(batch) - len(own)) + own, row)
    if mask is not None:
        *strides, row, column = broadcast_strides(mask.shape, (*batch, rows, columns))
        parts["mask"] = _Part(mask, strides, row, column)
    head, default = query.shape[-1], 1 / math.sqrt(query.shape[-1])
    _encode(
        encoder,
        _Call(
            rows, columns, head, value.shape[-1], batch, parts, causal, default,
            scale.address if scale else 0, op.scratch, partial_bytes(math.prod(batch) * rows, value.shape[-1]),
        ),
    )  # fmt: skip


def _accepts_fused(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    sizes = [v.dims[-1].get_max_length() for v in inputs[:3:2]]
    floats = (Type.f32, Type.f16, Type.bf16)
    masks = (outputs[0].type, Type.boolean)
    return (
        outputs[0].type in floats
        and all(0 < size <= LARGEST_HEAD for size in sizes)
        and all(v.type is outputs[0].type for v in inputs[:3])
        and all(v.type in masks for v in inputs[3:])
    )


def _takes_heads(op: Lowering, index: int, tensor: DeviceTensor) -> bool:
    """As :func:`_takes_rows`, for queries, keys and values in the layouts of the operation."""
    return index < 3 and (tensor.shape[-1] == 1 or tensor.steps[-1] == 1)


@lowers(
    "Attention",
    version="ovgpu",
    accepts=_accepts_fused,
    scratch=_scratch,
    strided_inputs=(0, 1, 2),
    strides_fit=_takes_heads,
)
def lower_fused_attention(encoder: Encoder, op: Lowering) -> None:
    """Batch dimensions are the batch, the groups of heads that share a key, and the heads of a group."""
    out, layouts = op.outputs[0], op.attributes["layouts"]
    tensors = dict(zip(("query", "key", "value"), (op.input(i) for i in range(3)))) | {"out": out}
    shapes = {n: heads_first(t.shape, lay) for (n, t), lay in zip(tensors.items(), layouts)}
    batch, heads, rows, value_head = shapes["out"]
    groups, columns = shapes["key"][1:3]
    if columns == 0:
        encoder.fill(out.address, 0, out.nbytes)
        return
    each = heads // groups
    parts = {}
    for (name, tensor), layout in zip(tensors.items(), layouts):
        steps = tensor.steps
        across, head, row, _ = heads_first(steps, layout)
        across = across if shapes[name][0] > 1 else 0
        row = row if shapes[name][2] > 1 else 0
        inside = (head, 0) if name in ("key", "value") else (head * each, head)
        parts[name] = _Part(tensor, (across, *inside), row)
    if len(op.inputs) > 3:
        mask = op.input(3)
        across, head, row, column = broadcast_strides(mask.shape, (batch, heads, rows, columns))
        parts["mask"] = _Part(mask, (across, head * each, head), row, column)
    call = _Call(rows, columns, shapes["query"][3], value_head, (batch, groups, each), parts)
    call.causal, call.scale = op.attributes["causal"], op.attributes["scale"]
    call.scratch = op.scratch
    call.scratch_bytes = partial_bytes(batch * heads * rows, value_head)
    _encode(encoder, call)
