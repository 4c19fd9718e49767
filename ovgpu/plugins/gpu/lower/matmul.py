"""MatMul, with bias and activations where a fusion added them: by cuBLASLt where it can, else by kernels of ours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from ovgpu.execution.memory import align
from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.cublaslt import EPILOGUES, CublasLt, LtProduct, Matrix, Refused
from ovgpu.plugins.gpu.encoder import Encoder, blocks_for
from ovgpu.plugins.gpu.registry import DeviceTensor, Lowering, lowers
from ovgpu.plugins.gpu.variants import STORAGE_MACROS, knows_activations, variant

#: Dimensions of batches, after merging, that a kernel walks through.
BATCH_RANK = 6

#: Edges of the square tiles of results that a block makes, the largest first.
TILE_EDGES = (128, 64, 32)

#: Rows up to which a product is a walk over the weights and not a matter of tiles.
FEW_ROWS = 8

#: Parts of the inner dimension that different blocks sum, at most, and bytes of their sums.
LARGEST_SLICES = 16
LARGEST_PARTIALS = 4 << 20

#: Memory of a kernel argument ``MatmulShape`` (kernels/matmul.cu).
_SHAPE = np.dtype(
    [
        ("m", "i4"),
        ("n", "i4"),
        ("k", "i4"),
        ("a_vector", "i4"),
        ("b_vector", "i4"),
        ("out_vector", "i4"),
        ("bias_row_step", "i4"),
        ("bias_step", "i4"),
        ("slices", "i4"),
        ("slice_depth", "i4"),
        ("batch", "i4"),
        ("batch_rank", "i4"),
        ("batch_dims", "i4", (BATCH_RANK,)),
        ("a_row", "i8"),
        ("a_k", "i8"),
        ("b_column", "i8"),
        ("b_k", "i8"),
        ("a_batch", "i8", (BATCH_RANK,)),
        ("b_batch", "i8", (BATCH_RANK,)),
    ],
    align=True,
)


@dataclass(frozen=True, slots=True)
class Epilogue:
    """What happens to results before they are stored.

    Attributes:
        bias: device address of the summands, 0 for none.
        bias_axis: which results get one of their own: "column", "row", or "" when there is one for all.
        activations: names of a chain, as in MatMulBiasActivation.
        parameters: of all its steps, one after the other.
        residual: device address of a tensor like the result that is added before the activations, 0 for none.
        gated: the second operand holds the columns of two matrices, and the activated product with the first is
            multiplied by the product with the second.
    """

    bias: int = 0
    bias_axis: Literal["", "row", "column"] = ""
    activations: tuple[str, ...] = ()
    parameters: tuple[float, ...] = ()
    residual: int = 0
    gated: bool = False

    def text(self, file: str, storage: Type, macros: Sequence[str] = ()) -> str:
        """What compiles ``file`` with this epilogue."""
        wanted = {"WITH_RESIDUAL": self.residual, "GATED": self.gated}
        macros = [*macros, *(name for name, value in wanted.items() if value)]
        return variant(file, storage, self.activations, self.parameters, macros)


@dataclass(frozen=True, slots=True)
class Product:
    """``out[batch, m, n] = sum over k of a[batch, m, k] b[batch, k, n]``; strides in elements, ``out`` dense.

    Attributes:
        a_row, a_k, b_column, b_k: strides; one of each pair is 1.
        batch: sizes of the batch dimensions, with the strides of both operands (0 where one is repeated).
    """

    storage: Type
    m: int
    n: int
    k: int
    a: int
    b: int
    out: int
    a_row: int
    a_k: int
    b_column: int
    b_k: int
    batch: tuple[int, ...] = ()
    a_batch: tuple[int, ...] = ()
    b_batch: tuple[int, ...] = ()
    epilogue: Epilogue = field(default_factory=Epilogue)

    @property
    def count(self) -> int:
        """Number of results."""
        return math.prod(self.batch) * self.m * self.n

    @property
    def scratch_bytes(self) -> int:
        """Bytes of scratch memory that it may use."""
        return product_scratch(self.m, self.n, math.prod(self.batch))

    def simplified(self) -> Product:
        """The same product with as few batch dimensions as possible, and a single column as a single row."""
        made = _merge_batch(self)
        rows_follow = made.a_k == 1 and made.a_row == made.k
        by_rows = made.epilogue.bias_axis == "row"
        if (
            rows_follow
            and not by_rows
            and made.a_batch == (made.m * made.k,)
            and made.b_batch == (0,)
        ):
            made = replace(made, m=made.m * made.batch[0], batch=(), a_batch=(), b_batch=())
        if made.n == 1 and made.m > 1 and not made.epilogue.gated:
            axis = made.epilogue.bias_axis
            made = replace(
                made,
                m=1,
                n=made.m,
                a=made.b,
                b=made.a,
                a_row=made.b_column,
                a_k=made.b_k,
                b_column=made.a_row,
                b_k=made.a_k,
                a_batch=made.b_batch,
                b_batch=made.a_batch,
                epilogue=replace(made.epilogue, bias_axis="column" if axis == "row" else ""),
            )
        return made


def _merge_batch(product: Product) -> Product:
    """Drop batch dimensions of size 1 and merge neighbours that both operands walk through evenly."""
    merged: list[list[int]] = []
    for size, a, b in zip(product.batch, product.a_batch, product.b_batch, strict=True):
        if size == 1:
            continue
        if merged and merged[-1][1] == a * size and merged[-1][2] == b * size:
            merged[-1] = [merged[-1][0] * size, a, b]
        else:
            merged.append([size, a, b])
    sizes, a_strides, b_strides = (tuple(row[i] for row in merged) for i in range(3))
    return replace(product, batch=sizes, a_batch=a_strides, b_batch=b_strides)


def _dense_groups(
    group: int, itemsize: int, address: int, extent: int, strides: Sequence[int]
) -> bool:
    """Whether groups of ``group`` elements are aligned along a dense direction of ``extent`` elements."""
    return (
        address % (group * itemsize) == 0
        and extent % group == 0
        and all(stride % group == 0 for stride in strides)
    )


def product_scratch(rows: int, columns: int, batch: int = 1) -> int:
    """Bytes of scratch memory for a product: the sums of all slices of its tiles, which are kept whole."""
    tiles = -(-rows // TILE_EDGES[1]) * -(-columns // TILE_EDGES[1]) * batch
    return min(LARGEST_PARTIALS, LARGEST_SLICES * tiles * TILE_EDGES[1] ** 2 * 4)


def _describe(product: Product, group: int, slices: int, slice_depth: int) -> np.ndarray:
    shape = np.zeros(1, _SHAPE)
    p, itemsize = product, product.storage.size
    values = {
        "m": p.m,
        "n": p.n,
        "k": p.k,
        "a_vector": _dense_groups(group, itemsize, p.a, p.k, (p.a_row, *p.a_batch))
        if p.a_k == 1
        else _dense_groups(group, itemsize, p.a, p.m, (p.a_k, *p.a_batch)),
        "b_vector": _dense_groups(group, itemsize, p.b, p.k, (p.b_column, *p.b_batch))
        if p.b_k == 1
        else _dense_groups(group, itemsize, p.b, p.n, (p.b_k, *p.b_batch)),
        "out_vector": _dense_groups(4, itemsize, p.out, p.n, ()),
        "bias_row_step": p.epilogue.bias_axis == "row",
        "bias_step": p.epilogue.bias_axis == "column",
        "slices": slices,
        "slice_depth": slice_depth,
        "batch": math.prod(p.batch),
        "batch_rank": len(p.batch),
        "a_row": p.a_row,
        "a_k": p.a_k,
        "b_column": p.b_column,
        "b_k": p.b_k,
    }
    for name, value in values.items():
        shape[name] = value
    for name, sizes in (("batch_dims", p.batch), ("a_batch", p.a_batch), ("b_batch", p.b_batch)):
        shape[name][0, : len(sizes)] = sizes
    return shape


def choose_tile(rows: int, columns: int, batch: int, multiprocessors: int) -> tuple[int, int]:
    """Edge of the tiles, and their number: the largest tiles that are well filled and give every multiprocessor one."""
    count = 0
    for edge in TILE_EDGES:
        count = -(-rows // edge) * -(-columns // edge) * batch
        if count >= multiprocessors and min(rows, columns) > edge // 2:
            return edge, count
    return TILE_EDGES[-1], count


def tile_kernel(
    encoder: Encoder, storage: Type, rows: int, columns: int, batch: int
) -> tuple[str, int, int, int]:
    """Which tiled kernel to take: end of its name, edge of its tiles, threads of a block, number of tiles."""
    edge, tiles = choose_tile(rows, columns, batch, encoder.multiprocessors)
    tensor = (storage is Type.f16 and encoder.architecture >= 75) or (
        storage is Type.bf16 and encoder.architecture >= 80
    )
    if not tensor:
        return f"{edge}x{edge}", edge, 256 if edge > 32 else 64, tiles
    edge = max(edge, 64)
    tiles = -(-rows // edge) * -(-columns // edge) * batch
    return f"tensor_{edge}x{edge}", edge, 256 if edge == 128 else 128, tiles


def tile_group(name: str) -> int:
    """Elements that a tiled kernel of :func:`tile_kernel` fetches at once: four for sums, 16 bytes for tensor cores."""
    return 8 if name.startswith("tensor_") else 4


def choose_slices(
    tiles: int, edge: int, depth: int, multiprocessors: int, scratch_bytes: int
) -> tuple[int, int]:
    """Into how many parts the inner dimension is cut so that few tiles keep a device busy, and their depth.

    There are no more tiles than multiprocessors where there is more than one part: each finds a ticket.
    """
    wanted = min(
        2 * multiprocessors // max(tiles, 1),
        depth // 128,
        LARGEST_SLICES,
        scratch_bytes // max(tiles * edge**2 * 4, 1),
    )
    if wanted < 2:
        return 1, max(depth, 1)
    slice_depth = -(-depth // (wanted * 32)) * 32
    return -(-depth // slice_depth), slice_depth


def _library_product(p: Product) -> LtProduct | None:
    """The product as cuBLASLt computes it, or None when it has a batch or an epilogue that the library lacks.

    The library's matrices are column-major, so it computes ``out' = b' a'``; a bias of our columns is one of its rows.
    """
    activation = "".join(p.epilogue.activations) if len(p.epilogue.activations) < 2 else "a chain"
    bias = p.epilogue.bias
    if (
        p.storage is Type.i32
        or p.k == 0
        or len(p.batch) > 1
        or (bool(bias), activation) not in EPILOGUES
        or (bias and p.epilogue.bias_axis != "column")
    ):
        return None
    a_stride, b_stride, batch = (*p.a_batch, 0)[0], (*p.b_batch, 0)[0], math.prod(p.batch)
    if p.b_k == 1:
        left = Matrix(p.b, p.k, p.n, p.b_column, b_stride, transposed=True)
    else:
        left = Matrix(p.b, p.n, p.k, p.b_k, b_stride)
    if p.a_k == 1:
        right = Matrix(p.a, p.k, p.m, p.a_row, a_stride)
    else:
        right = Matrix(p.a, p.m, p.k, p.a_k, a_stride, transposed=True)
    out = Matrix(p.out, p.n, p.m, p.n, p.m * p.n)
    return LtProduct(p.storage, left, right, out, batch, bias, activation, p.epilogue.residual)


def _encode_with_library(encoder: Encoder, p: Product, scratch: int) -> bool:
    """Let cuBLASLt compute the product; False when the library is not there or does not take it."""
    product = _library_product(p)
    library = CublasLt.current() if product is not None else None
    if product is None or library is None:
        return False
    try:
        enqueue = library.prepare(product, scratch, p.scratch_bytes if scratch else 0)
    except Refused:
        return False
    encoder.enqueue("cublasLtMatmul", enqueue, tier="library")
    return True


def encode_product(encoder: Encoder, product: Product, scratch: int) -> None:
    """Launch the kernel of a product. ``scratch`` holds :func:`product_scratch` bytes."""
    if not product.count:
        return
    p = product.simplified()
    if p.epilogue.gated and p.m > FEW_ROWS:
        _encode_gated(encoder, p, scratch)
        return
    epilogue = p.epilogue
    source = epilogue.text("matmul.cu", p.storage)
    pointers = [np.uint64(x) for x in (p.a, p.b, epilogue.bias, epilogue.residual, p.out)]
    batch = math.prod(p.batch)
    if p.m <= FEW_ROWS:
        rows = 1 if p.m == 1 else 4
        across = min(-(-p.m // rows), 65535), min(batch, 65535)
        if p.b_k == 1:
            shape = _describe(p, 16 // p.storage.size, 1, p.k)
            grid = (blocks_for(p.n, 8), *across)
            encoder.launch(source, f"matmul_dense_{rows}", grid, 256, [*pointers, shape])
        else:
            shape = _describe(p, 4, 1, p.k)
            grid = (-(-p.n // 32), *across)
            encoder.launch(source, f"matmul_strided_{rows}", grid, (32, 16), [*pointers, shape])
        return
    if _encode_with_library(encoder, p, scratch):
        return
    name, edge, threads, tiles = tile_kernel(encoder, p.storage, p.m, p.n, batch)
    slices, depth = choose_slices(tiles, edge, p.k, encoder.multiprocessors, p.scratch_bytes)
    shape = _describe(p, tile_group(name), slices, depth)
    grid = (-(-p.m // edge) * -(-p.n // edge), slices, min(batch, 65535))
    encoder.launch(
        source,
        f"matmul_{name}",
        grid,
        threads,
        [*pointers, np.uint64(scratch), np.uint64(encoder.tickets), shape],
    )


def _encode_gated(encoder: Encoder, p: Product, scratch: int) -> None:
    """Both products side by side in scratch memory, then what becomes of them."""
    both = replace(p, n=2 * p.n, out=scratch, epilogue=Epilogue())
    rows = p.count // p.n
    encode_product(encoder, both, scratch + align(2 * p.count * p.storage.size))
    encode_gate(encoder, p.storage, p.epilogue, scratch, p.out, rows, p.n)


def encode_gate(
    encoder: Encoder,
    storage: Type,
    epilogue: Epilogue,
    product: int,
    out: int,
    rows: int,
    half: int,
) -> None:
    """activation(first half) * second half of ``rows`` rows with 2 * ``half`` elements."""
    vector = half % 4 == 0 and product % (4 * storage.size) == 0 and out % (4 * storage.size) == 0
    count = rows * half // (4 if vector else 1)
    source = variant("gate.cu", storage, epilogue.activations, epilogue.parameters)
    arguments = [np.uint64(product), np.uint64(out), np.int64(count), np.int32(half)]
    name = "gate_four" if vector else "gate_single"
    encoder.launch(source, name, blocks_for(count), 256, arguments)


def gated_scratch(rows: int, columns: int, batch: int) -> int:
    """Bytes of scratch memory for a gated product: twice as many columns before they are gated."""
    both = align(2 * rows * columns * batch * 4)
    return both + product_scratch(rows, 2 * columns, batch)


def _steps(tensor: DeviceTensor) -> tuple[int, int]:
    """Strides of rows and columns; where a size is 1 the stride is that of a dense matrix."""
    rows, columns = tensor.shape[-2:]
    if tensor.strides is None:
        return columns, 1
    row, column = tensor.strides[-2:]
    if columns == 1:
        column = 1 if rows == 1 or row != 1 else rows
    if rows == 1:
        row = columns if column == 1 else 1
    return row, column


def takes_strides(op: Lowering, index: int, tensor: DeviceTensor) -> bool:
    """Whether products walk through a tensor: matrices dense in one direction, whose rows do not overlap."""
    if len(tensor.shape) < 2:
        return False
    (rows, columns), (row, column) = tensor.shape[-2:], _steps(tensor)
    return (column == 1 and row >= columns) or (row == 1 and column >= rows)


def _matrix_strides(
    tensor: DeviceTensor, shape: Sequence[int], transposed: bool
) -> tuple[int, int, int, int]:
    """Rows, columns and their strides of the matrices in the last two dimensions, after a transposition."""
    rows, columns = shape[-2:]
    row, column = _steps(tensor) if len(tensor.shape) > 1 else (columns, 1)
    return (columns, rows, column, row) if transposed else (rows, columns, row, column)


def _batch_strides(
    tensor: DeviceTensor, shape: Sequence[int], batch: Sequence[int]
) -> tuple[int, ...]:
    """Stride of every batch dimension, 0 where the matrices of ``shape`` are repeated."""
    if tensor.strides is not None:
        sizes = zip(tensor.shape[:-2], tensor.strides[:-2], strict=True)
        own = [0 if size == 1 else step for size, step in sizes]
        return (0,) * (len(batch) - len(own)) + tuple(own)
    padded = [1] * (len(batch) - len(shape) + 2) + list(shape[:-2])
    strides = []
    step = shape[-1] * shape[-2]
    for size in reversed(padded):
        strides.append(0 if size == 1 else step)
        step *= size
    return tuple(reversed(strides))


def matmul_product(
    a: DeviceTensor, b: DeviceTensor, out: DeviceTensor, transpose_a: bool, transpose_b: bool
) -> Product:
    """MatMul-1 on device tensors as a :class:`Product`."""
    a_shape = (1, *a.shape) if len(a.shape) == 1 else a.shape
    b_shape = (*b.shape, 1) if len(b.shape) == 1 else b.shape
    m, k, a_row, a_k = _matrix_strides(a, a_shape, transpose_a and len(a.shape) > 1)
    _, n, b_k, b_column = _matrix_strides(b, b_shape, transpose_b and len(b.shape) > 1)
    batch = np.broadcast_shapes(a_shape[:-2], b_shape[:-2])
    # A matrix of one row or column is dense in both directions; kernels prefer the inner dimension.
    if n == 1 and b_k != 1 and b_column == 1:
        b_k, b_column = (1, k) if b_k == n else (b_k, b_column)
    if m == 1 and a_k != 1 and a_row == 1:
        a_k, a_row = (1, k) if a_k == m else (a_k, a_row)
    return Product(
        out.storage,
        m,
        n,
        k,
        a.address,
        b.address,
        out.address,
        a_row,
        a_k,
        b_column,
        b_k,
        tuple(batch),
        _batch_strides(a, a_shape, batch),
        _batch_strides(b, b_shape, batch),
    )


def lowered_epilogue(op: Lowering, bias_axis: Literal["row", "column"] = "column") -> Epilogue:
    """Bias (third input), residual (fourth) and activations of an operation that a fusion made."""
    bias = op.inputs[2] if len(op.inputs) > 2 else None
    residual = op.inputs[3] if len(op.inputs) > 3 else None
    if residual is not None and residual.shape != op.outputs[0].shape:
        raise RuntimeError(
            f"{op.node.get_friendly_name()}: {list(residual.shape)} is added to a result of shape "
            f"{list(op.outputs[0].shape)}, which must be equal"
        )
    return Epilogue(
        bias.address if bias else 0,
        bias_axis if bias and bias.size > 1 else "",
        tuple(op.attributes.get("activations", ())),
        tuple(op.attributes.get("activation_parameters", ())),
        residual.address if residual else 0,
        op.attributes.get("gated", False),
    )


def takes_types(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    """Whether all tensors are of one type that the tiled kernels know, and all activations have formulas."""
    element_type = outputs[0].type
    activations = node.attributes.get("activations", ())
    return (
        element_type in STORAGE_MACROS
        and all(value.type is element_type for value in inputs)
        and knows_activations(activations)
        and not (element_type is Type.i32 and activations)
    )


def _accepts(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    if len(inputs) > 3 and inputs[3].shape.static_tuple() != outputs[0].shape.static_tuple():
        return False  # a residual that is broadcast
    return takes_types(node, inputs, outputs) and len(outputs[0].dims) <= BATCH_RANK + 2


def _scratch(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> int:
    sizes = outputs[0].upper_sizes
    if sizes is None:
        return LARGEST_PARTIALS
    rows, columns = (1, 1, *sizes)[-2:]
    batch = math.prod(sizes[:-2])
    if rows * batch <= FEW_ROWS:
        return 0
    needed = gated_scratch if node.attributes.get("gated") else product_scratch
    return needed(rows, columns, batch)


@lowers(
    "MatMul",
    "MatMulBiasActivation",
    accepts=_accepts,
    scratch=_scratch,
    strided_inputs=(0, 1),
    strides_fit=takes_strides,
)
def lower_matmul(encoder: Encoder, op: Lowering) -> None:
    transposed = op.attributes["transpose_a"], op.attributes["transpose_b"]
    product = matmul_product(op.input(0), op.input(1), op.outputs[0], *transposed)
    epilogue = lowered_epilogue(op)
    columns = product.n // 2 if epilogue.gated else product.n
    encode_product(encoder, replace(product, n=columns, epilogue=epilogue), op.scratch)
