"""Products with weights that stay packed in device memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ovgpu.execution.memory import align
from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.compressed import PACKED_TYPES
from ovgpu.plugins.gpu.divisor import DIVISOR, divisor
from ovgpu.plugins.gpu.encoder import Encoder, blocks_for
from ovgpu.plugins.gpu.lower.product import Epilogue
from ovgpu.plugins.gpu.lower.product_kernels import FEW_ROWS, encode_gate, gated_scratch
from ovgpu.plugins.gpu.lower.tiles import (
    LARGEST_PARTIALS,
    choose_slices,
    product_scratch,
    tile_group,
    tile_kernel,
)
from ovgpu.plugins.gpu.registry import DeviceTensor, Lowering, lowers
from ovgpu.plugins.gpu.structs import struct
from ovgpu.plugins.gpu.variants import knows_activations

#: Memory of a kernel argument ``CompressedShape`` (kernels/compressed_matmul.cu).
_SHAPE = np.dtype(
    [
        ("m", "i4"),
        ("n", "i4"),
        ("k", "i4"),
        ("groups", "i4"),
        ("group", DIVISOR),
        ("dense_loads", "i4"),
        ("data_vector", "i4"),
        ("packed_fours", "i4"),
        ("out_vector", "i4"),
        ("slices", "i4"),
        ("slice_depth", "i4"),
    ]
)


def weights_macro(weights: DeviceTensor) -> str:
    """What says in kernels/weights.cuh which codes these are."""
    return f"WEIGHTS_{weights.storage.to_string().upper()}"


def takes_eights(weights: DeviceTensor, group: int) -> bool:
    """Whether codes in groups of so many can be taken eight at once: from aligned words, where codes fill words."""
    bits = weights.storage.bitwidth
    return group % 8 == 0 and (32 % bits != 0 or weights.address % bits == 0)


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
    """Memory for the sums of slices, and for both products of a gated one."""
    sizes = outputs[0].upper_sizes
    if sizes is None:
        return LARGEST_PARTIALS
    rows, columns = math.prod(sizes[:-1]), sizes[-1]
    if rows <= FEW_ROWS:
        return 0
    needed = gated_scratch if node.attributes["gated"] else product_scratch
    return needed(rows, columns, 1)


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Rows and columns of a product with packed weights, and how its operands lie in memory."""

    rows: int
    columns: int
    depth: int
    groups: int
    weights: DeviceTensor
    data: DeviceTensor
    out: int

    @property
    def group(self) -> int:
        """Weights of a row that share a scale."""
        return max(self.depth // self.groups, 1)

    def whole(self, count: int, alignment: int = 1) -> bool:
        """Whether ``count`` codes one after the other are of one row and group, and aligned to so many bytes."""
        return (
            self.depth % count == 0
            and self.group % count == 0
            and self.weights.address % alignment == 0
        )

    @property
    def eights(self) -> bool:
        """Whether all codes can be taken by eights."""
        return takes_eights(self.weights, self.group)

    def argument(self, data_group: int, slices: int = 1, slice_depth: int = 0) -> np.ndarray:
        """``CompressedShape``, for kernels that fetch so many elements of the data at once."""
        bits, itemsize = self.weights.storage.bitwidth, self.data.storage.size
        # Codes of one load, as in the kernels; those of 3 and 6 bits fill no words and are taken one by one.
        per_load = min(128 // bits, 32 if itemsize < 4 or bits == 1 else 16)
        loads = 32 % bits == 0 and self.whole(per_load, 16) and self.data.address % 16 == 0
        values = {
            "m": self.rows,
            "n": self.columns,
            "k": self.depth,
            "groups": self.groups,
            "group": divisor(self.group),
            "dense_loads": loads,
            "data_vector": self.depth % data_group == 0
            and self.data.address % (data_group * itemsize) == 0,
            "packed_fours": bits in (2, 4, 8) and self.whole(4, 4),
            "out_vector": self.columns % 4 == 0 and self.out % (4 * itemsize) == 0,
            "slices": slices,
            "slice_depth": slice_depth,
        }
        return struct(_SHAPE, values)


@lowers("CompressedMatMul", accepts=_accepts, scratch=_scratch)
def lower_compressed_matmul(encoder: Encoder, op: Lowering) -> None:
    """A walk over the weights for a few rows; tiles for many, on tensor cores where types and groups suit them."""
    data, weights, scale = (op.input(i) for i in range(3))
    rest = dict(zip(op.attributes["operands"], op.inputs[3:]))
    zero_point, bias, residual = (rest.get(n) for n in ("zero_point", "bias", "residual"))
    out, storage = op.outputs[0], data.storage
    rows, columns = out.size // out.shape[-1], out.shape[-1]
    gated = op.attributes["gated"]
    apart = gated and rows > FEW_ROWS  # both products first, then what becomes of them
    target, sums = out.address, op.scratch
    if apart:
        target, sums = op.scratch, op.scratch + align(2 * rows * columns * storage.size)
    epilogue = Epilogue(
        activations=tuple(op.attributes["activations"]),
        parameters=tuple(op.attributes["activation_parameters"]),
        residual=residual.address if residual else 0,
        gated=gated,
    )
    fused = Epilogue() if apart else epilogue
    source = fused.text("compressed_matmul.cu", storage, [weights_macro(weights)])
    groups = math.prod(scale.shape[1:])
    across = 2 * columns if apart else columns
    sizes = _Sizes(rows, across, data.shape[-1], groups, weights, data, target)
    tensors = (data, weights, scale, zero_point, bias, residual)
    pointers = [*(np.uint64(t.address if t else 0) for t in tensors), np.uint64(target)]
    if rows <= FEW_ROWS:
        count = 1 if rows == 1 else 4
        grid = (blocks_for(columns, 8), -(-rows // count))
        arguments = [*pointers, sizes.argument(4)]
        encoder.launch(source, f"compressed_rows_{count}", grid, 256, arguments)
        return
    _encode_tiles(encoder, source, sizes, pointers, sums)
    if apart:
        encode_gate(encoder, storage, epilogue, target, out.address, rows, columns)


def _encode_tiles(
    encoder: Encoder, source: str, p: _Sizes, pointers: Sequence[np.uint64], sums: int
) -> None:
    """A product of many rows. ``sums`` is scratch memory for slices."""
    name, edge, threads, tiles = tile_kernel(
        encoder, p.data.storage, p.rows, p.columns, 1, tensor=p.eights, largest=64
    )
    room = product_scratch(p.rows, p.columns)
    slices, depth = choose_slices(tiles, edge, p.depth, encoder.multiprocessors, room)
    shape = p.argument(tile_group(name), slices, depth)
    addresses = [np.uint64(sums), np.uint64(encoder.tickets)]
    arguments = [*pointers, *addresses, shape]
    encoder.launch(source, f"compressed_{name}", (tiles, slices), threads, arguments)
