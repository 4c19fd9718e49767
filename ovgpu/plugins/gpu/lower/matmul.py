"""MatMul, with bias and activations where a fusion added them, as a matrix product of device tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.encoder import Encoder
from ovgpu.plugins.gpu.lower.product import Product, lowered_epilogue, takes_types
from ovgpu.plugins.gpu.lower.product_kernels import (
    BATCH_RANK,
    FEW_ROWS,
    encode_product,
    gated_scratch,
)
from ovgpu.plugins.gpu.lower.tiles import LARGEST_PARTIALS, product_scratch
from ovgpu.plugins.gpu.registry import DeviceTensor, Lowering, lowers


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
