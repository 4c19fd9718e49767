"""Rotary position embedding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.ops.fused import heads_first
from ovgpu.plugins.gpu.encoder import Encoder, blocks_for
from ovgpu.plugins.gpu.lower.attention import broadcast_strides
from ovgpu.plugins.gpu.registry import DeviceTensor, Lowering, lowers
from ovgpu.plugins.gpu.structs import struct
from ovgpu.plugins.gpu.variants import variant

#: Tensors of one launch.
MOST_PARTS = 3

_AXES = ("batch", "head", "row")

#: Memory of a kernel argument ``RotaryPart`` (kernels/rotary.cu).
_PART = np.dtype(
    [
        ("x", "u8"),
        ("out", "u8"),
        ("first", "i4"),
        ("turned", "i4"),
        *((f"x_{axis}", "i8") for axis in _AXES),
        *((f"out_{axis}", "i8") for axis in _AXES),
    ],
    align=True,
)

#: Memory of a kernel argument ``RotaryShape``.
_SHAPE = np.dtype(
    [
        ("heads", "i4"),
        ("length", "i4"),
        ("half", "i4"),
        ("unused", "i4"),
        ("count", "i8"),
        *((f"angle_{axis}", "i8") for axis in _AXES),
        ("parts", _PART, (MOST_PARTS,)),
    ],
    align=True,
)

#: A part behind all heads.
_NO_PART = (0, 0, (1 << 31) - 1, 0, *[0] * 6)


def _accepts(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    cosine, sine, *data = inputs
    layouts = node.attributes["layouts"]
    sizes = {tuple(_sizes(v, la)) for v, la in zip(outputs, layouts[1::2], strict=True)}
    per_head = len(cosine.dims) >= 3 and cosine.dims[-3].get_max_length() != 1
    return (
        len(data) <= MOST_PARTS
        and outputs[0].type in (Type.f32, Type.f16, Type.bf16)
        and all(v.type is outputs[0].type for v in inputs)
        and cosine.shape.static_tuple() == sine.shape.static_tuple()
        and all(v.dims[-1] == cosine.dims[-1] for v in data)
        and len(sizes) == 1
        and not (per_head and len(data) > 1)
    )


def _sizes(value: Value, layout: str) -> list[int]:
    """Batch, length and size of a head."""
    batch, _, length, size = heads_first(value.dims, layout)
    return [d.get_length() for d in (batch, length, size)]


def _takes_rows(op: Lowering, index: int, tensor: DeviceTensor) -> bool:
    """Whether the elements of a head lie side by side."""
    return tensor.steps[-1] == 1


@lowers(
    "RotaryEmbedding",
    version="ovgpu",
    accepts=_accepts,
    strided_inputs=range(2, 2 + MOST_PARTS),
    strided_outputs=True,
    strides_fit=_takes_rows,
    output_fits=_takes_rows,
)
def lower_rotary_embedding(encoder: Encoder, op: Lowering) -> None:
    """A thread for each pair of elements, or for 16 bytes of both halves where all of them are aligned."""
    cosine, sine, *data = (op.input(i) for i in range(len(op.inputs)))
    layouts, first = op.attributes["layouts"], op.outputs[0]
    if not any(out.size for out in op.outputs):
        return
    batch, heads, length, size = heads_first(first.shape, layouts[1])
    angles = broadcast_strides(cosine.shape, (batch, heads, length, size))[:3]
    numbers = [*angles, cosine.address // first.storage.size, sine.address // first.storage.size]
    total = 0
    rows = []
    parts = zip(data, op.outputs, layouts[::2], layouts[1::2], op.attributes["turned"], strict=True)
    for x, out, given, wanted, turned in parts:
        sizes = heads_first(x.shape, given)
        steps = [s if n > 1 else 0 for s, n in zip(heads_first(x.steps, given), sizes)][:3]
        results = heads_first(out.steps, wanted)[:3]
        rows.append((x.address, out.address, total, turned, *steps, *results))
        numbers += [*steps, *results, *(t.address // first.storage.size for t in (x, out))]
        total += heads_first(out.shape, wanted)[1]
    width = 16 // first.storage.size
    if any(n % width for n in (size // 2, *numbers)):
        width = 1
    count = batch * total * length * (size // 2) // width
    if not count:
        return
    rows += [_NO_PART] * (MOST_PARTS - len(rows))
    whole = {"heads": total, "length": length, "half": size // 2, "count": count, "parts": rows}
    whole |= {f"angle_{axis}": s for axis, s in zip(_AXES, angles)}
    shape = struct(_SHAPE, whole)
    function = "rotary_single" if width == 1 else "rotary_16"
    arguments = [np.uint64(cosine.address), np.uint64(sine.address), shape]
    source = variant("rotary.cu", first.storage)
    encoder.launch(source, function, blocks_for(count), 256, arguments)
