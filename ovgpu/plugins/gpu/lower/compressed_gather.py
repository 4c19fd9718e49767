"""Rows of a table that stays packed in device memory: embeddings of tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.compressed import PACKED_TYPES
from ovgpu.plugins.gpu.divisor import DIVISOR, divisor
from ovgpu.plugins.gpu.encoder import THREADS, Encoder, blocks_for
from ovgpu.plugins.gpu.lower.common import countable
from ovgpu.plugins.gpu.lower.compressed import takes_eights, weights_macro
from ovgpu.plugins.gpu.lower.indexing import INDEX_NAMES
from ovgpu.plugins.gpu.registry import Lowering, lowers
from ovgpu.plugins.gpu.variants import variant

#: Memory of a kernel argument ``CompressedRows`` (kernels/compressed_gather.cu).
_ROWS = np.dtype(
    [
        ("count", "u4"),
        ("groups", "i4"),
        ("rows", "i8"),
        ("depth", DIVISOR),
        ("group", DIVISOR),
    ],
    align=True,
)


def _accepts(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    return (
        outputs[0].type in (Type.f32, Type.f16, Type.bf16)
        and inputs[0].type in PACKED_TYPES
        and inputs[1].type in INDEX_NAMES
        and all(v.type in (Type.f32, Type.f16, Type.bf16) for v in inputs[2:])
        and countable(outputs[0])
    )


@lowers("CompressedGather", accepts=_accepts)
def lower_compressed_gather(encoder: Encoder, op: Lowering) -> None:
    """A thread for eight elements of the result, or for one where groups or addresses are odd."""
    weights, indices, scale = (op.input(i) for i in range(3))
    zero_point = op.inputs[3] if len(op.inputs) > 3 else None
    out = op.outputs[0]
    depth, groups = math.prod(weights.shape[1:]), math.prod(scale.shape[1:])
    group = depth // groups
    eights = takes_eights(weights, group) and out.address % 16 == 0
    each = 8 if eights else 1
    rows = np.zeros(1, _ROWS)
    rows["count"], rows["depth"] = out.size // each, divisor(depth // each)
    rows["groups"], rows["rows"], rows["group"] = groups, weights.shape[0], divisor(group)
    macros = [weights_macro(weights), f"INDEX {INDEX_NAMES[indices.type]}"]
    source = variant("compressed_gather.cu", out.storage, macros=macros)
    tensors = (weights, indices, scale, zero_point, out)
    pointers = [np.uint64(t.address if t else 0) for t in tensors]
    name = "compressed_gather_eight" if eights else "compressed_gather_single"
    encoder.launch(source, name, blocks_for(out.size // each), THREADS, [*pointers, rows])
