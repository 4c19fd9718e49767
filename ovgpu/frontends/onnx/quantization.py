"""Quantised operators, computed as ONNX defines them."""

from __future__ import annotations

import numpy as np

from ovgpu.frontends.onnx.arithmetic import saturated
from ovgpu.frontends.onnx.network import add_channel_bias, auto_pad, grouped_filters, window
from ovgpu.frontends.onnx.translation import (
    OnnxOp,
    add,
    constant,
    convert,
    make,
    multiply,
    scalar,
    translates,
)
from ovgpu.graph.element_type import Type
from ovgpu.graph.port import Output


def _along(op: OnnxOp, parameter: Output, axis: int, rank: int | None) -> Output:
    """A per-axis parameter shaped so that it broadcasts along ``axis``."""
    sizes = parameter.value.shape.static_tuple()
    if parameter.value.rank == 1 and sizes == (1,):
        return make("squeeze", parameter, constant([0]))
    if parameter.value.rank != 1 or rank is None:
        return parameter
    shape = [1] * rank
    shape[axis % rank] = -1
    return make("reshape", parameter, constant(shape), False)


def _limits(dtype: Type) -> tuple[int, int]:
    bits = dtype.bitwidth
    return (
        (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if dtype.is_signed() else (0, (1 << bits) - 1)
    )


def _blocked(op: OnnxOp, data: Output, parameter: Output, axis: int) -> Output:
    """A blocked parameter repeated to the size of ``data``."""
    block = op.attribute("block_size", 0)
    if not block or parameter.value.rank != data.value.rank:
        return parameter
    sizes = parameter.value.shape.static_tuple()
    whole = data.value.shape.static_tuple()
    if sizes is None or whole is None:
        raise RuntimeError("blocked quantisation needs static shapes")
    axis %= len(sizes)
    spread = [*sizes[: axis + 1], block, *sizes[axis + 1 :]]
    wide = make(
        "broadcast",
        make("unsqueeze", parameter, constant([axis + 1])),
        constant(np.array(spread, np.int64)),
    )
    joined = [*sizes[:axis], sizes[axis] * block, *sizes[axis + 1 :]]
    repeated = make("reshape", wide, constant(np.array(joined, np.int64)), False)
    return make(
        "slice", repeated, constant([0]), constant([whole[axis]]), constant([1]), constant([axis])
    )


def quantize(x: Output, scale: Output, zero: Output | None, target: Type) -> Output:
    """saturate(round(x / scale) + zero) as ``target``."""
    work = Type.f32 if x.value.type.is_integral_number() else x.value.type
    scaled = make("divide", convert(x, work), convert(scale, work))
    if target.is_real():
        return saturated(scaled if zero is None else add(scaled, convert(zero, work)), target)
    rounded = make("round", scaled, "half_to_even")
    if zero is not None:
        rounded = add(rounded, convert(zero, work))
    low, high = _limits(target)
    return make("convert", make("clamp", rounded, low, high), target)


def dequantize(x: Output, scale: Output, zero: Output | None) -> Output:
    """(x - zero) * scale in the type of ``scale``."""
    y = convert(x, scale.value.type)
    if zero is not None:
        y = make("subtract", y, convert(zero, scale.value.type))
    return multiply(y, scale)


@translates("QuantizeLinear")
def quantize_linear(op: OnnxOp) -> Output:
    axis, rank = op.attribute("axis", 1), op.input(0).value.rank
    zero = op.optional(2)
    target = Type.u8 if zero is None else zero.value.type
    if zero is None and op.attribute("output_dtype", 0):
        from ovgpu.frontends.onnx.translation import ELEMENT_TYPES

        target = ELEMENT_TYPES[op.attribute("output_dtype")]
    scale = _along(op, _blocked(op, op.input(0), op.input(1), axis), axis, rank)
    if zero is not None:
        zero = _along(op, _blocked(op, op.input(0), zero, axis), axis, rank)
    return quantize(op.input(0), scale, zero, target)


@translates("DequantizeLinear")
def dequantize_linear(op: OnnxOp) -> Output:
    axis, rank = op.attribute("axis", 1), op.input(0).value.rank
    scale = _along(op, _blocked(op, op.input(0), op.input(1), axis), axis, rank)
    zero = op.optional(2)
    if zero is not None:
        zero = _along(op, _blocked(op, op.input(0), zero, axis), axis, rank)
    return dequantize(op.input(0), scale, zero)


@translates("DynamicQuantizeLinear")
def dynamic_quantize_linear(op: OnnxOp) -> tuple[Output, Output, Output]:
    """The range of the data, widened to hold 0, as u8."""
    data = op.input(0)
    axes = constant(np.arange(op.rank(0), dtype=np.int64))
    zero = scalar(0, Type.f32)
    high = make("maximum", make("reduce_max", data, axes, False), zero)
    low = make("minimum", make("reduce_min", data, axes, False), zero)
    scale = make("divide", make("subtract", high, low), scalar(255, Type.f32))
    # A constant zero range would divide by 0; any scale gives 0 there.
    safe = make("select", make("equal", scale, zero), scalar(1, Type.f32), scale)
    start = make("divide", make("subtract", zero, low), safe)
    zero_point = make(
        "convert", make("clamp", make("round", start, "half_to_even"), 0, 255), Type.u8
    )
    return quantize(data, safe, zero_point, Type.u8), scale, zero_point


def _centred(x: Output, zero: Output | None, axis_shape: list[int] | None = None) -> Output:
    """``x`` minus its zero point as i32."""
    wide = convert(x, Type.i32)
    if zero is None:
        return wide
    shift = convert(zero, Type.i32)
    if axis_shape is not None and zero.value.rank == 1 and zero.value.shape.static_tuple() != (1,):
        shift = make("reshape", shift, constant(axis_shape), False)
    return make("subtract", wide, shift)


@translates("MatMulInteger")
def matmul_integer(op: OnnxOp) -> Output:
    left = _centred(op.input(0), op.optional(2), [-1, 1])
    right = _centred(op.input(1), op.optional(3))
    return make("matmul", left, right, False, False)


@translates("ConvInteger")
def conv_integer(op: OnnxOp) -> Output:
    spatial = op.rank(1) - 2
    data = _centred(op.input(0), op.optional(2))
    filters = _centred(op.input(1), op.optional(3), [-1] + [1] * (spatial + 1))
    return convert(
        _convolve(op, convert(data, Type.f32), convert(filters, Type.f32), spatial), Type.i32
    )


def _convolve(op: OnnxOp, data: Output, filters: Output, spatial: int) -> Output:
    strides, dilations, begin, end = window(op, spatial)
    groups = op.attribute("group", 1)
    if groups == 1:
        return make("convolution", data, filters, strides, begin, end, dilations, auto_pad(op))
    grouped = grouped_filters(filters, groups)
    return make("group_convolution", data, grouped, strides, begin, end, dilations, auto_pad(op))


@translates("QLinearMatMul")
def qlinear_matmul(op: OnnxOp) -> Output:
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = (op.input(i) for i in range(8))
    left = dequantize(a, _column(a_scale), _column(a_zero))
    right = dequantize(b, b_scale, b_zero)
    return quantize(make("matmul", left, right, False, False), y_scale, y_zero, y_zero.value.type)


def _column(parameter: Output) -> Output:
    if parameter.value.rank == 1 and parameter.value.shape.static_tuple() != (1,):
        return make("reshape", parameter, constant([-1, 1]), False)
    return parameter


@translates("QLinearConv")
def qlinear_conv(op: OnnxOp) -> Output:
    x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero = (op.input(i) for i in range(8))
    spatial = op.rank(3) - 2
    channel = [-1] + [1] * (spatial + 1)
    scale, zero = (
        p
        if p.value.rank != 1 or p.value.shape.static_tuple() == (1,)
        else make("reshape", p, constant(channel), False)
        for p in (w_scale, w_zero)
    )
    y = _convolve(op, dequantize(x, x_scale, x_zero), dequantize(w, scale, zero), spatial)
    bias = op.optional(8)
    if bias is not None:
        y = add_channel_bias(
            y, multiply(convert(bias, Type.f32), multiply(x_scale, w_scale)), spatial
        )
    return quantize(y, y_scale, y_zero, y_zero.value.type)
