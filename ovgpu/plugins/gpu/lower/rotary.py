"""Rotary position embedding."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.ops.fused import heads_first
from ovgpu.plugins.gpu.encoder import Encoder, blocks_for
from ovgpu.plugins.gpu.lower.attention import broadcast_strides
from ovgpu.plugins.gpu.registry import DeviceTensor, Lowering, lowers
from ovgpu.plugins.gpu.variants import variant

#: Memory of a kernel argument ``RotaryShape`` (kernels/rotary.cu).
_SHAPE = np.dtype(
    [
        ("heads", "i4"),
        ("length", "i4"),
        ("half", "i4"),
        ("count", "i8"),
        ("x_batch", "i8"),
        ("x_head", "i8"),
        ("x_row", "i8"),
        ("angle_batch", "i8"),
        ("angle_head", "i8"),
        ("angle_row", "i8"),
        ("out_batch", "i8"),
        ("out_head", "i8"),
        ("out_row", "i8"),
    ],
    align=True,
)


def _accepts(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    data, cosine, sine = inputs
    return (
        data.type in (Type.f32, Type.f16, Type.bf16)
        and all(v.type is data.type for v in (cosine, sine, outputs[0]))
        and cosine.shape.static_tuple() == sine.shape.static_tuple()
        and cosine.dims[-1] == data.dims[-1]
    )


def _takes_rows(op: Lowering, index: int, tensor: DeviceTensor) -> bool:
    """Whether the elements of a head lie side by side."""
    return tensor.steps[-1] == 1


@lowers(
    "RotaryEmbedding",
    version="ovgpu",
    accepts=_accepts,
    strided_inputs=(0,),
    strides_fit=_takes_rows,
)
def lower_rotary_embedding(encoder: Encoder, op: Lowering) -> None:
    """A thread for each pair of elements, or for four of them where they are aligned."""
    data, cosine, sine, out = *(op.input(i) for i in range(3)), op.outputs[0]
    if not out.size:
        return
    layouts = op.attributes["layouts"]
    batch, heads, length, size = heads_first(out.shape, layouts[1])
    half, four = size // 2, 4 * out.storage.size
    given = heads_first(data.shape, layouts[0])
    steps = [s if n > 1 else 0 for s, n in zip(heads_first(data.steps, layouts[0]), given)]
    angles = broadcast_strides(cosine.shape, (batch, heads, length, size))
    results = heads_first(out.steps, layouts[1])
    strides = (*steps[:3], *angles[:3], *results[:3])
    addresses = (data.address, cosine.address, sine.address, out.address)
    vector = half % 4 == 0 and all(a % four == 0 for a in addresses)
    vector = vector and all(s % 4 == 0 for s in strides)
    count = math.prod(out.shape) // 2 // (4 if vector else 1)
    shape = np.zeros(1, _SHAPE)
    sizes = {"heads": heads, "length": length, "half": half, "count": count}
    names = [
        f"{part}_{axis}" for part in ("x", "angle", "out") for axis in ("batch", "head", "row")
    ]
    for name, value in (sizes | dict(zip(names, strides))).items():
        shape[name] = value
    function = "rotary_four" if vector else "rotary_single"
    arguments = [*(np.uint64(a) for a in addresses), shape]
    encoder.launch(variant("rotary.cu", out.storage), function, blocks_for(count), 256, arguments)
