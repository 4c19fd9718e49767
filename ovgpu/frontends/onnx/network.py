"""Layers: convolution, pooling, matrix products, determinants, sampling at points and in regions."""

from __future__ import annotations

import numpy as np

from ovgpu.frontends.onnx.translation import (
    OnnxOp,
    add,
    constant,
    convert,
    make,
    make_node,
    multiply,
    shape_of,
    size_of,
    translates,
)
from ovgpu.graph.element_type import Type
from ovgpu.graph.port import Output

_AUTO_PAD = {
    "NOTSET": "explicit",
    "VALID": "valid",
    "SAME_UPPER": "same_upper",
    "SAME_LOWER": "same_lower",
}


def auto_pad(op: OnnxOp) -> str:
    return _AUTO_PAD[op.attribute("auto_pad", "NOTSET")]


def window(op: OnnxOp, count: int) -> tuple[list[int], list[int], list[int], list[int]]:
    """Strides, dilations, pads at the beginning and at the end for ``count`` spatial axes."""
    strides = op.attribute("strides", [1] * count)
    dilations = op.attribute("dilations", [1] * count)
    pads = op.attribute("pads", [0] * (2 * count))
    return strides, dilations, pads[:count], pads[count:]


def add_channel_bias(x: Output, bias: Output | None, spatial: int) -> Output:
    """``x`` plus one number for each channel (axis 1)."""
    if bias is None:
        return x
    shape = constant([1, -1] + [1] * spatial)
    return add(x, make("reshape", bias, shape, False))


def grouped_filters(filters: Output, groups: int) -> Output:
    """Filters [groups * m, ...] as [groups, m, ...]."""
    sizes = filters.value.shape.static_tuple()
    if sizes is None:
        raise RuntimeError("the shape of the filters is not known")
    return make("reshape", filters, constant([groups, sizes[0] // groups, *sizes[1:]]), False)


@translates("Conv")
def conv(op: OnnxOp) -> Output:
    data, filters, groups = op.input(0), op.input(1), op.attribute("group", 1)
    spatial = op.rank(1) - 2
    strides, dilations, begin, end = window(op, spatial)
    if groups == 1:
        x = make("convolution", data, filters, strides, begin, end, dilations, auto_pad(op))
    else:
        x = make(
            "group_convolution",
            data,
            grouped_filters(filters, groups),
            strides,
            begin,
            end,
            dilations,
            auto_pad(op),
        )
    return add_channel_bias(x, op.optional(2), spatial)


@translates("ConvTranspose")
def conv_transpose(op: OnnxOp) -> Output:
    data, filters, groups = op.input(0), op.input(1), op.attribute("group", 1)
    spatial = op.rank(1) - 2
    strides, dilations, begin, end = window(op, spatial)
    padding = op.attribute("output_padding", [0] * spatial)
    shape = op.attribute("output_shape")
    name = "convolution_backprop_data" if groups == 1 else "group_convolution_backprop_data"
    weights = filters if groups == 1 else grouped_filters(filters, groups)
    mode = auto_pad(op)
    wanted = None if shape is None else constant(np.array(shape[-spatial:], np.int64))
    if shape is None and mode.startswith("same"):  # every size times its stride
        axes = constant(np.arange(2, 2 + spatial, dtype=np.int64))
        sizes = make("gather", shape_of(data), axes, constant(0))
        wanted = multiply(sizes, constant(np.array(strides, np.int64)))
    if wanted is not None:
        # The names are crossed: an odd padding goes to the end in ONNX's upper, in the runtime's lower mode.
        mode = "same_lower" if mode == "same_upper" else "same_upper"
    x = make(
        name,
        data,
        weights,
        strides,
        output_shape=wanted,
        pads_begin=begin,
        pads_end=end,
        dilations=dilations,
        auto_pad=mode,
        output_padding=padding,
    )
    return add_channel_bias(x, op.optional(2), spatial)


@translates("MaxPool")
def max_pool(op: OnnxOp) -> Output | tuple[Output, Output]:
    kernel = op.attribute("kernel_shape")
    strides, dilations, begin, end = window(op, len(kernel))
    rounding = "ceil_torch" if op.attribute("ceil_mode", 0) else "floor"
    node = make_node(
        "max_pool",
        op.input(0),
        strides,
        dilations,
        begin,
        end,
        kernel,
        rounding,
        auto_pad(op),
        "i64",
        0,
    )
    if not op.wants(1):
        return node.output(0)
    indices = node.output(1)
    if op.attribute("storage_order", 0) and len(kernel) == 2:
        indices = _column_major(op.input(0), indices)
    return node.output(0), indices


def _column_major(data: Output, indices: Output) -> Output:
    """Row-major positions in the planes of ``data`` as column-major ones."""
    height, width = size_of(data, 2), size_of(data, 3)
    within = make("floor_mod", indices, multiply(height, width))
    row, column = make("divide", within, width), make("floor_mod", within, width)
    moved = add(multiply(column, height), row)
    return add(make("subtract", indices, within), moved)


@translates("MaxUnpool")
def max_unpool(op: OnnxOp) -> Output:
    data, indices, wanted = op.input(0), op.input(1), op.optional(2)
    kernel = op.attribute("kernel_shape")
    count = len(kernel)
    strides, _, begin, end = window(op, count)
    sizes = shape_of(data)
    spatial = make("gather", sizes, constant(np.arange(2, 2 + count)), constant(0))
    steps = make("subtract", spatial, constant([1]))
    grown = multiply(steps, constant(np.array(strides, np.int64)))
    grown = add(grown, constant(np.array(kernel) - np.array(begin) - np.array(end)))
    default = make("concat", [make("gather", sizes, constant([0, 1]), constant(0)), grown], 0)
    total = make("reduce_prod", default, constant([0]), True)
    flat = [make("reshape", v, constant([-1]), False) for v in (indices, data)]
    zeros = make("broadcast", op.constant_like(0, 0), total)
    filled = make("scatter_elements_update", zeros, *flat, constant(0))
    result = make("reshape", filled, default, False)
    if wanted is None:
        return result
    nothing = constant(np.zeros(2 + count, np.int64))
    surplus = make("subtract", convert(wanted, Type.i64), default)
    return make("pad", result, nothing, surplus, "constant", op.constant_like(0, 0))


@translates("DeformConv")
def deform_conv(op: OnnxOp) -> Output:
    data, filters, offsets = op.input(0), op.input(1), op.input(2)
    spatial = op.rank(1) - 2
    x = make(
        "deformable_convolution",
        data,
        offsets,
        filters,
        *_deform_window(op, spatial),
        op.optional(4),
        "explicit",
        op.attribute("group", 1),
        op.attribute("offset_group", 1),
        True,
    )
    return add_channel_bias(x, op.optional(3), spatial)


def _deform_window(op: OnnxOp, count: int) -> tuple[list[int], ...]:
    strides, dilations, begin, end = window(op, count)
    return strides, begin, end, dilations


@translates("Det")
def det(op: OnnxOp) -> Output:
    """Determinants by Gaussian elimination with pivots, one column after the other.

    Rows are not swapped but marked as used; a pivot below n unused rows changes the sign n times.
    """
    size = op.input(0).value.dims[-1]
    if size.is_dynamic:
        raise RuntimeError("the size of the matrices is not known")
    count = size.get_length()
    one, zero, two = (op.constant_like(0, v) for v in (1, 0, 2))
    last = constant([-1])
    rest, result = op.input(0), one
    unused = op.constant_like(0, [1.0] * count)
    for column in range(count):
        values = make("gather", rest, constant(column), constant(-1))
        # Used rows get -1, below every magnitude.
        ranked = make("subtract", multiply(add(make("absolute", values), one), unused), one)
        index = make("topk", ranked, constant(1), -1, "max", "none", "i64").node.output(1)
        pivot_row = make("one_hot", make("squeeze", index, last), constant(count), one, zero, -1)
        pivot = make("reduce_sum", multiply(values, pivot_row), last, True)
        above = make("cum_sum", unused, constant(-1), True, False)
        swaps = make("reduce_sum", multiply(above, pivot_row), last, True)
        sign = make("subtract", one, multiply(make("floor_mod", swaps, two), two))
        result = multiply(result, multiply(sign, pivot))
        unused = make("subtract", unused, multiply(unused, pivot_row))
        safe = make("select", make("equal", pivot, zero), one, pivot)
        factors = make("divide", multiply(values, unused), safe)
        row = make("matmul", make("unsqueeze", pivot_row, constant([-2])), rest, False, False)
        rest = make("subtract", rest, multiply(make("unsqueeze", factors, last), row))
    return make("squeeze", result, last)


def _average(op: OnnxOp, data: Output, exclude_pad: bool) -> Output:
    kernel = op.attribute("kernel_shape")
    strides, dilations, begin, end = window(op, len(kernel))
    rounding = "ceil_torch" if op.attribute("ceil_mode", 0) else "floor"
    return make(
        "avg_pool",
        data,
        strides,
        begin,
        end,
        kernel,
        exclude_pad,
        rounding,
        auto_pad(op),
        dilations=dilations,
    )


@translates("AveragePool")
def average_pool(op: OnnxOp) -> Output:
    return _average(op, op.input(0), not op.attribute("count_include_pad", 0))


@translates("GlobalAveragePool", "GlobalMaxPool")
def global_pool(op: OnnxOp) -> Output:
    axes = constant(np.arange(2, op.rank(0), dtype=np.int64))
    return make(
        "reduce_mean" if op.name == "GlobalAveragePool" else "reduce_max", op.input(0), axes, True
    )


@translates("GlobalLpPool")
def global_lp_pool(op: OnnxOp) -> Output:
    axes = constant(np.arange(2, op.rank(0), dtype=np.int64))
    p = op.attribute("p", 2)
    if p in (1, 2):
        return make(f"reduce_l{p}", op.input(0), axes, True)
    powers = make("power", make("absolute", op.input(0)), op.constant_like(0, p))
    return make("power", make("reduce_sum", powers, axes, True), op.constant_like(0, 1 / p))


@translates("LpPool")
def lp_pool(op: OnnxOp) -> Output:
    p = op.attribute("p", 2)
    powers = make("power", make("absolute", op.input(0)), op.constant_like(0, p))
    mean = _average(op, powers, False)
    kernel = op.attribute("kernel_shape")
    total = multiply(mean, op.constant_like(0, float(np.prod(kernel))))
    return make("power", total, op.constant_like(0, 1 / p))


@translates("MatMul")
def matmul(op: OnnxOp) -> Output:
    return make("matmul", op.input(0), op.input(1), False, False)


@translates("Gemm")
def gemm(op: OnnxOp) -> Output:
    x = make(
        "matmul",
        op.input(0),
        op.input(1),
        bool(op.attribute("transA", 0)),
        bool(op.attribute("transB", 0)),
    )
    alpha, beta, c = op.attribute("alpha", 1.0), op.attribute("beta", 1.0), op.optional(2)
    if alpha != 1.0:
        x = multiply(x, op.constant_like(0, alpha))
    if c is None or beta == 0.0:
        return x
    return add(x, c if beta == 1.0 else multiply(c, op.constant_like(0, beta)))


@translates("GridSample")
def grid_sample(op: OnnxOp) -> Output:
    modes = {"linear": "bilinear", "cubic": "bicubic"}
    mode = op.attribute("mode", "linear" if op.opset >= 20 else "bilinear")
    attributes = {
        "align_corners": bool(op.attribute("align_corners", 0)),
        "mode": modes.get(mode, mode),
        "padding_mode": op.attribute("padding_mode", "zeros"),
    }
    return make("grid_sample", op.input(0), op.input(1), attributes)


@translates("RoiAlign")
def roi_align(op: OnnxOp) -> Output:
    mode = (
        "half_pixel_for_nn"
        if op.attribute("coordinate_transformation_mode", "half_pixel") == "half_pixel"
        else "asymmetric"
    )
    if op.opset < 16:
        mode = "asymmetric"
    return make(
        "roi_align",
        op.input(0),
        op.input(1),
        convert(op.input(2), Type.i32),
        op.attribute("output_height", 1),
        op.attribute("output_width", 1),
        op.attribute("sampling_ratio", 0),
        op.attribute("spatial_scale", 1.0),
        op.attribute("mode", "avg"),
        mode,
    )


@translates("MaxRoiPool")
def max_roi_pool(op: OnnxOp) -> Output:
    scale = op.attribute("spatial_scale", 1.0)
    return make("roi_pooling", op.input(0), op.input(1), op.attribute("pooled_shape"), scale, "max")


@translates("Col2Im")
def col2im(op: OnnxOp) -> Output:
    strides, dilations, begin, end = window(op, 2)
    return make("col2im", op.input(0), op.input(1), op.input(2), strides, dilations, begin, end)
