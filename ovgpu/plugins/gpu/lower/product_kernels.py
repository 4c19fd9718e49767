"""Launches of matrix products: walks over the weights for few rows, else cuBLASLt where it can, else tiles of ours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ovgpu.execution.memory import align
from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.cublaslt import EPILOGUES, CublasLt, LtProduct, Matrix, Refused
from ovgpu.plugins.gpu.encoder import Encoder, blocks_for
from ovgpu.plugins.gpu.lower.product import Epilogue, Product
from ovgpu.plugins.gpu.lower.tiles import choose_slices, product_scratch, tile_group, tile_kernel
from ovgpu.plugins.gpu.structs import struct
from ovgpu.plugins.gpu.variants import variant

#: Dimensions of batches, after merging, that a kernel walks through.
BATCH_RANK = 6

#: Rows up to which a product is a walk over the weights and not a matter of tiles.
FEW_ROWS = 8

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


def _dense_groups(
    group: int, itemsize: int, address: int, extent: int, strides: Sequence[int]
) -> bool:
    """Whether groups of ``group`` elements are aligned along a dense direction of ``extent`` elements."""
    return (
        address % (group * itemsize) == 0
        and extent % group == 0
        and all(stride % group == 0 for stride in strides)
    )


def _describe(product: Product, group: int, slices: int, slice_depth: int) -> np.ndarray:
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
        "batch_dims": p.batch,
        "a_batch": p.a_batch,
        "b_batch": p.b_batch,
    }
    return struct(_SHAPE, values)


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
        or p.epilogue.wide_bias
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
    width = 16 // storage.size
    if half % width or product % 16 or out % 16:
        width = 1
    count = rows * half // width
    source = variant("gate.cu", storage, epilogue.activations, epilogue.parameters)
    arguments = [np.uint64(product), np.uint64(out), np.int64(count), np.int32(half)]
    name = "gate_single" if width == 1 else "gate_16"
    encoder.launch(source, name, blocks_for(count), 256, arguments)


def gated_scratch(rows: int, columns: int, batch: int) -> int:
    """Bytes of scratch memory for a gated product: twice as many columns before they are gated."""
    both = align(2 * rows * columns * batch * 4)
    return both + product_scratch(rows, 2 * columns, batch)
