"""Quantised operators of the domain com.microsoft.

Definitions: the contributed operators of ONNX Runtime (docs/ContribOperators.md there).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ovgpu.frontends.onnx.contrib import MICROSOFT
from ovgpu.frontends.onnx.network import _average
from ovgpu.frontends.onnx.quantization import (
    dequantize,
    dequantize_linear,
    dynamic_quantize_linear,
    quantize,
    quantize_linear,
)
from ovgpu.frontends.onnx.translation import (
    OnnxOp,
    add,
    constant,
    convert,
    known,
    make,
    multiply,
    translates,
)
from ovgpu.graph.element_type import Type
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant


@translates("QuantizeLinear", domain=MICROSOFT)
def quantize_linear_contrib(op: OnnxOp) -> Output:
    return quantize_linear(op)


@translates("DequantizeLinear", domain=MICROSOFT)
def dequantize_linear_contrib(op: OnnxOp) -> Output:
    return dequantize_linear(op)


def _real(op: OnnxOp, index: int) -> Output:
    """The numbers of the quantised input ``index``, which its scale and zero point follow."""
    return dequantize(op.input(index), op.input(index + 1), op.optional(index + 2))


def _quantized(op: OnnxOp, x: Output, scale: int, dtype: Type) -> Output:
    """``x`` quantised by the scale at input ``scale`` and the zero point after it."""
    zero = op.optional(scale + 1)
    return quantize(x, op.input(scale), zero, dtype if zero is None else zero.value.type)


@translates("QLinearAdd", "QLinearMul", domain=MICROSOFT)
def qlinear_binary(op: OnnxOp) -> Output:
    function = add if op.name == "QLinearAdd" else multiply
    return _quantized(op, function(_real(op, 0), _real(op, 3)), 6, op.type(0))


@translates(
    "QLinearLeakyRelu",
    "QLinearSigmoid",
    "QLinearAveragePool",
    "QLinearGlobalAveragePool",
    "QLinearSoftmax",
    "QLinearReduceMean",
    domain=MICROSOFT,
)
def qlinear_unary(op: OnnxOp) -> Output:
    x, rank = _real(op, 0), op.rank(0)
    if op.attribute("channels_last", 0):
        raise RuntimeError("channels_last is not supported")
    functions: dict[str, Callable[[], Output]] = {
        "QLinearLeakyRelu": lambda: make(
            "prelu", x, constant(op.attribute("alpha", 0.01), Type.f32)
        ),
        "QLinearSigmoid": lambda: make("sigmoid", x),
        "QLinearAveragePool": lambda: _average(op, x, not op.attribute("count_include_pad", 0)),
        "QLinearGlobalAveragePool": lambda: make(
            "reduce_mean", x, constant(np.arange(2, rank, dtype=np.int64)), True
        ),
        "QLinearSoftmax": lambda: make("softmax", x, op.attribute("axis", -1)),
        "QLinearReduceMean": lambda: make(
            "reduce_mean",
            x,
            constant(np.array(op.attribute("axes"), np.int64)),
            bool(op.attribute("keepdims", 1)),
        ),
    }
    return _quantized(op, functions[op.name](), 3, op.type(0))


@translates("QLinearConcat", domain=MICROSOFT)
def qlinear_concat(op: OnnxOp) -> Output:
    parts = [_real(op, i) for i in range(2, len(op.inputs), 3)]
    return _quantized(op, make("concat", parts, op.attribute("axis")), 0, op.type(2))


@translates("QLinearWhere", domain=MICROSOFT)
def qlinear_where(op: OnnxOp) -> Output:
    chosen = make("select", op.input(0), _real(op, 1), _real(op, 4))
    return _quantized(op, chosen, 7, op.type(1))


@translates("QGemm", domain=MICROSOFT)
def qgemm(op: OnnxOp) -> Output:
    """alpha * A @ B + C; C counts in units of alpha * a_scale * b_scale."""
    transposed = bool(op.attribute("transB", 0))
    scale, zero = op.input(4), op.input(5)
    if transposed:  # one number for each column of the product is one for each row of B
        scale, zero = (
            make("reshape", p, constant([-1, 1]), False) if p.value.rank == 1 else p
            for p in (scale, zero)
        )
    left, right = _real(op, 0), dequantize(op.input(3), scale, zero)
    x = make("matmul", left, right, bool(op.attribute("transA", 0)), transposed)
    bias = op.optional(6)
    if bias is not None:
        unit = multiply(op.input(1), op.input(4))
        x = add(x, multiply(convert(bias, Type.f32), unit))
    alpha = op.attribute("alpha", 1.0)
    if alpha != 1.0:
        x = multiply(x, constant(alpha, Type.f32))
    return x if op.optional(7) is None else _quantized(op, x, 7, op.type(0))


@translates("DynamicQuantizeMatMul", domain=MICROSOFT)
def dynamic_quantize_matmul(op: OnnxOp) -> Output:
    """A product whose left side is quantised to u8 by its own range."""
    left = dequantize(*dynamic_quantize_linear(op))
    right = dequantize(op.input(1), op.input(2), op.optional(3))
    x = make("matmul", left, right, False, False)
    bias = op.optional(4)
    return x if bias is None else add(x, bias)


@translates("MatMulIntegerToFloat", domain=MICROSOFT)
def matmul_integer_to_float(op: OnnxOp) -> Output:
    left = dequantize(op.input(0), op.input(2), op.optional(4))
    right = dequantize(op.input(1), op.input(3), op.optional(5))
    x = make("matmul", left, right, False, False)
    bias = op.optional(6)
    return x if bias is None else add(x, bias)


# ---- weights of few bits ----------------------------------------------------------------------------------------
_PACKED = {2: Type.u2, 4: Type.u4, 8: Type.u8}


def _unpacked(packed: np.ndarray, bits: int) -> np.ndarray:
    """Numbers of ``bits`` bits, the first one in the lowest bits of each byte, along the last axis."""
    per_byte = 8 // bits
    shifts = np.arange(per_byte, dtype=np.uint8) * bits
    numbers = (packed[..., None] >> shifts) & ((1 << bits) - 1)
    return numbers.reshape(*packed.shape[:-1], -1).astype(np.uint8)


@translates("MatMulNBits", domain=MICROSOFT)
def matmul_n_bits(op: OnnxOp) -> Output:
    """A @ dequantised(B)^T: B holds N rows of blocks of the K columns, each block with a scale and a zero point."""
    rows, columns = op.attribute("N"), op.attribute("K")
    bits, block = op.attribute("bits", 4), op.attribute("block_size")
    dtype = _PACKED.get(bits)
    if dtype is None:
        raise RuntimeError(f"weights of {bits} bits are not supported")
    if op.optional(4) is not None:
        raise RuntimeError("reordered columns (g_idx) are not supported")
    blocks = -(-columns // block)
    packed = np.ascontiguousarray(op.known(1)).reshape(-1).view(np.uint8)
    weights = Constant.from_storage(dtype, [rows, blocks, block], packed).output(0)
    work = op.type(0)
    x = convert(weights, work)
    x = make("subtract", x, convert(_zero_points(op, dtype, rows, blocks, bits), work))
    scales = make("reshape", op.input(2), constant([rows, blocks, 1]), False)
    x = multiply(x, convert(scales, work))
    x = make("reshape", x, constant([rows, blocks * block]), False)
    if blocks * block != columns:
        x = make("slice", x, constant([0]), constant([columns]), constant([1]), constant([1]))
    product = make("matmul", op.input(0), x, False, True)
    bias = op.optional(5)
    return product if bias is None else add(product, bias)


def _zero_points(op: OnnxOp, dtype: Type, rows: int, blocks: int, bits: int) -> Output:
    given = op.optional(3)
    if given is None:
        return constant(np.full((1, 1, 1), 1 << (bits - 1), np.uint8), dtype)
    if given.value.type.is_real():
        return make("reshape", given, constant([rows, blocks, 1]), False)
    packed = np.ascontiguousarray(op.known(3)).reshape(rows, -1)
    points = _unpacked(packed, bits)[:, :blocks]
    return constant(points.reshape(rows, blocks, 1), dtype)


@translates("GatherBlockQuantized", domain=MICROSOFT)
def gather_block_quantized(op: OnnxOp) -> Output:
    """Rows of a table whose blocks along one axis have a scale and a zero point each."""
    data, scales, zero = op.input(0), op.input(2), op.optional(3)
    bits, block = op.attribute("bits", 4), op.attribute("block_size", 128)
    if data.value.type is Type.u8 and bits < 8:
        table = known(data)
        if table is None:
            raise RuntimeError("a packed table must be known when the model is read")
        numbers = _unpacked(table, bits)
        data = constant(numbers, _PACKED[bits])
        if zero is None:
            zero = constant(np.uint8(1 << (bits - 1)))
        elif zero.value.type is Type.u8:
            points = _unpacked(op.known(3), bits)
            count = scales.value.shape.static_tuple()
            zero = constant(points if count is None else points[..., : count[-1]])
    axis = op.attribute("quantize_axis", 1) % (data.value.rank or 1)
    indices, gathered = op.input(1), constant(op.attribute("gather_axis", 0))
    if int(op.attribute("gather_axis", 0)) == axis:
        raise RuntimeError("gathering along the quantised axis is not supported")
    parts: list[Output | None] = [make("gather", data, indices, gathered)]
    shift = (indices.value.rank or 0) - 1
    position = axis + shift if axis > op.attribute("gather_axis", 0) else axis
    for parameter in (scales, zero):
        if parameter is None or parameter.value.rank == 0:
            parts.append(parameter)
            continue
        taken = make("gather", parameter, indices, gathered)
        wide = _repeated(taken, block, position, data.value.dims[axis].get_length())
        parts.append(wide)
    rows, scale, point = parts
    assert rows is not None
    assert scale is not None
    return dequantize(rows, scale, point)


def _repeated(x: Output, times: int, axis: int, length: int) -> Output:
    """Each element of an axis repeated, cut to ``length``."""
    index = np.arange(length, dtype=np.int64) // times
    return make("gather", x, constant(index), constant(axis))
