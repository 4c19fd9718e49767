"""Products with weights that stay packed in device memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.compressed import PACKED_TYPES
from ovgpu.plugins.gpu.encoder import Encoder, blocks_for
from ovgpu.plugins.gpu.lower.product import Epilogue
from ovgpu.plugins.gpu.lower.product_kernels import FEW_ROWS, encode_gate
from ovgpu.plugins.gpu.registry import Lowering, lowers
from ovgpu.plugins.gpu.variants import knows_activations

#: Memory of a kernel argument ``CompressedShape`` (kernels/compressed_matmul.cu).
_SHAPE = np.dtype(
    [
        ("m", "i4"),
        ("n", "i4"),
        ("k", "i4"),
        ("group", "i4"),
        ("groups", "i4"),
        ("dense_loads", "i4"),
        ("data_vector", "i4"),
        ("packed_fours", "i4"),
        ("out_vector", "i4"),
    ]
)


def _accepts(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    residual = dict(zip(node.attributes["operands"], inputs[3:])).get("residual")
    if residual and residual.shape.static_tuple() != outputs[0].shape.static_tuple():
        return False  # it is broadcast
    return (
        outputs[0].type in (Type.f32, Type.f16, Type.bf16)
        and inputs[1].type in PACKED_TYPES
        and all(v.type in (Type.f32, Type.f16, Type.bf16) for v in inputs[2:])
        and knows_activations(node.attributes["activations"])
    )


def _scratch(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> int:
    """Memory for both products of a gated one."""
    if not node.attributes["gated"]:
        return 0
    sizes = outputs[0].upper_sizes
    return 0 if sizes is None else 2 * 4 * math.prod(sizes)


@lowers("CompressedMatMul", accepts=_accepts, scratch=_scratch)
def lower_compressed_matmul(encoder: Encoder, op: Lowering) -> None:
    data, weights, scale = (op.input(i) for i in range(3))
    rest = dict(zip(op.attributes["operands"], op.inputs[3:]))
    zero_point, bias, residual = (rest.get(n) for n in ("zero_point", "bias", "residual"))
    out = op.outputs[0]
    rows, columns, depth = out.size // out.shape[-1], out.shape[-1], data.shape[-1]
    gated = op.attributes["gated"]
    apart = gated and rows > FEW_ROWS  # both products first, then what becomes of them
    if apart:
        columns *= 2
    target = op.scratch if apart else out.address
    groups = math.prod(scale.shape[1:])
    group = max(depth // groups, 1)
    bits, itemsize = weights.storage.bitwidth, data.storage.size
    # Codes of one load, as in the kernels; those of 3 and 6 bits fill no words and are taken one by one.
    per_load, four = 32 if bits < 4 else 128 // bits, 4 * itemsize
    shape = np.zeros(1, _SHAPE)
    values = {
        "m": rows,
        "n": columns,
        "k": depth,
        "group": group,
        "groups": groups,
        "dense_loads": 32 % bits == 0
        and depth % per_load == 0
        and group % per_load == 0
        and weights.address % 16 == 0
        and data.address % 16 == 0,
        "data_vector": depth % 4 == 0 and data.address % four == 0,
        "packed_fours": bits in (2, 4, 8)
        and depth % 4 == 0
        and group % 4 == 0
        and weights.address % 4 == 0,
        "out_vector": columns % 4 == 0 and target % four == 0,
    }
    for name, value in values.items():
        shape[name] = value
    macro = f"WEIGHTS_{weights.storage.to_string().upper()}"
    epilogue = Epilogue(
        activations=tuple(op.attributes["activations"]),
        parameters=tuple(op.attributes["activation_parameters"]),
        residual=residual.address if residual else 0,
        gated=gated,
    )
    fused = Epilogue() if apart else epilogue
    source = fused.text("compressed_matmul.cu", data.storage, [macro])
    tensors = (data, weights, scale, zero_point, bias, residual)
    arguments = [*(np.uint64(t.address if t else 0) for t in tensors), np.uint64(target)]
    if rows <= FEW_ROWS:
        count = 1 if rows == 1 else 4
        grid = (blocks_for(columns, 8), -(-rows // count))
        encoder.launch(source, f"compressed_rows_{count}", grid, 256, [*arguments, shape])
        return
    tiles = -(-rows // 64) * -(-columns // 64)
    edge = 64 if rows > 32 and tiles >= encoder.multiprocessors else 32
    grid = (-(-rows // edge) * -(-columns // edge), 1)
    threads = (edge // 4) ** 2
    encoder.launch(source, f"compressed_{edge}x{edge}", grid, threads, [*arguments, shape])
    if apart:
        encode_gate(encoder, data.storage, epilogue, target, out.address, rows, columns // 2)
