"""Convolutions and transposed convolutions, with bias and activations where a fusion added them.

A 1x1 convolution is a product of matrices; groups that make few channels are summed window by window, or strip by strip
of windows where they read one channel; everything else is a product with windows that are gathered on the fly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.ops.window import extent, filled
from ovgpu.passes.graph_editing import feeds_quantization
from ovgpu.plugins.gpu.divisor import DIVISOR, divisor
from ovgpu.plugins.gpu.encoder import Encoder, blocks_for
from ovgpu.plugins.gpu.lower.depthwise import encode_depthwise, takes_strips
from ovgpu.plugins.gpu.lower.product import Epilogue, Product, lowered_epilogue, takes_types
from ovgpu.plugins.gpu.lower.product_kernels import encode_product
from ovgpu.plugins.gpu.lower.tiles import (
    LARGEST_PARTIALS,
    choose_slices,
    product_scratch,
    tile_group,
    tile_kernel,
)
from ovgpu.plugins.gpu.lower.windows import LARGEST_COUNT, Windows, three
from ovgpu.plugins.gpu.registry import DeviceTensor, Lowering, lowers
from ovgpu.plugins.gpu.structs import struct
from ovgpu.plugins.gpu.variants import variant

#: Channels of a group up to which a tile would be mostly empty.
FEW_CHANNELS = 4

#: Memory of a kernel argument ``ConvolutionShape`` (kernels/convolution.cu).
_SHAPE = np.dtype(
    [
        ("images", "i4"),
        ("groups", "i4"),
        ("group_channels", "i4"),
        ("group_rows", "i4"),
        ("in", "i4", 3),
        ("out", "i4", 3),
        ("kernel", "i4", 3),
        ("stride", "i4", 3),
        ("dilation", "i4", 3),
        ("pad", "i4", 3),
        ("depth", "i4"),
        ("columns", "i4"),
        ("windows", "i4"),
        ("filters_vector", "i4"),
        ("out_vector", "i4"),
        ("slices", "i4"),
        ("slice_depth", "i4"),
        ("by_windows", DIVISOR),
        ("by_plane", DIVISOR),
        ("by_row", DIVISOR),
        ("by_taps", DIVISOR),
        ("by_tap_plane", DIVISOR),
        ("by_tap_row", DIVISOR),
    ]
)

#: Memory of a kernel argument ``TransposedShape`` (kernels/transposed_convolution.cu).
_TRANSPOSED_SHAPE = np.dtype(
    [
        ("images", "i4"),
        ("groups", "i4"),
        ("group_channels", "i4"),
        ("group_rows", "i4"),
        ("in", "i4", 3),
        ("out", "i4", 3),
        ("kernel", "i4", 3),
        ("stride", "i4", 3),
        ("dilation", "i4", 3),
        ("pad", "i4", 3),
        ("tap_step", "i4", 3),
    ]
)


def _group_sizes(node: Node, filters: Sequence[int]) -> tuple[int, int, int, tuple[int, ...]]:
    """Groups, the two channel counts of a group in the filters' order, and kernel sizes."""
    if node.get_type_name().startswith("Group"):
        return filters[0], filters[1], filters[2], tuple(filters[3:])
    return 1, filters[0], filters[1], tuple(filters[2:])


def _accepts(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    if not takes_types(node, [v for v in inputs if v.type is not None][:2], outputs):
        return False
    rank = len(outputs[0].dims) - 2
    if not 1 <= rank <= 3:
        return False
    counts = []
    for value in (inputs[0], outputs[0]):
        sizes = value.upper_sizes
        if sizes is not None:
            counts.append(math.prod((sizes[0], *sizes[2:])))
    return all(count <= LARGEST_COUNT for count in counts)


def _scratch(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> int:
    sizes, filters = outputs[0].upper_sizes, inputs[1].upper_sizes
    if sizes is None or filters is None:
        return LARGEST_PARTIALS
    groups, rows, *_ = _group_sizes(node, filters)
    # Tiles may span images, and there are fewer then.
    return product_scratch(rows, math.prod(sizes[2:]), groups * sizes[0])


def _is_direct(groups: int, rows: int) -> bool:
    """Whether groups make so few channels that windows are summed one by one."""
    return groups > 1 and rows <= FEW_CHANNELS


def _stays_wide(node: Node, index: int, shape: tuple[int, ...]) -> bool:
    """The bias, and filters of which each is used at every place by itself."""
    if index == 1:
        groups, rows, *_ = _group_sizes(node, shape)
        return _is_direct(groups, rows)
    return index == 2


@lowers(
    "Convolution",
    "GroupConvolution",
    "ConvolutionBiasActivation",
    "GroupConvolutionBiasActivation",
    accepts=_accepts,
    scratch=_scratch,
    wide_inputs=_stays_wide,
)
def lower_convolution(encoder: Encoder, op: Lowering) -> None:
    data, filters, out = op.input(0), op.input(1), op.outputs[0]
    groups, rows, channels, kernel = _group_sizes(op.node, filters.shape)
    windows = Windows.of(op.attributes, data.shape[2:], kernel, out.shape[2:])
    epilogue = lowered_epilogue(op, "row")
    # Quantized next, in full precision: the last bit decides between two levels, so sums have one order.
    ordered = out.storage is Type.f32 and feeds_quantization(op.node)
    if groups == 1 and windows.are_points and windows.sizes == windows.counts and not ordered:
        encode_product(
            encoder, _pointwise(data, filters, out, rows, channels, epilogue), op.scratch
        )
        return
    macros = ["WIDE_FILTERS"] if filters.storage is not out.storage else []
    added = np.uint64(epilogue.bias), np.uint64(epilogue.residual)
    pointers = [data.pointer, filters.pointer, *added, out.pointer]
    in_order = ordered or _is_direct(groups, rows)
    if in_order and takes_strips(out, channels, windows):
        auto_pad = op.attributes["auto_pad"]
        encode_depthwise(encoder, data, out, rows, windows, auto_pad, epilogue, pointers, macros)
        return
    shape = _describe(data, filters, out, (groups, rows, channels), windows)
    source = epilogue.text("convolution.cu", out.storage, macros)
    count = math.prod(windows.counts)
    if in_order:
        planes = min(out.shape[0] * out.shape[1], 65535)
        threads = 256 if count > 128 else 64
        grid = (blocks_for(count, threads), planes)
        encoder.launch(source, "convolution_direct", grid, threads, [*pointers, shape])
        return
    columns, depth = out.shape[0] * count, channels * math.prod(kernel)
    name, edge, threads, tiles = tile_kernel(encoder, out.storage, rows, columns, groups)
    scratch_bytes = product_scratch(rows, columns, groups)
    slices, slice_depth = choose_slices(tiles, edge, depth, encoder.multiprocessors, scratch_bytes)
    shape["slices"], shape["slice_depth"] = slices, slice_depth
    group = tile_group(name)
    shape["filters_vector"] = (
        depth % group == 0 and filters.address % (group * filters.storage.size) == 0
    )
    encoder.launch(
        source,
        f"convolution_{name}",
        (-(-rows // edge) * -(-columns // edge), slices, min(groups, 65535)),
        threads,
        [*pointers, np.uint64(op.scratch), np.uint64(encoder.tickets), shape],
    )


def _pointwise(
    data: DeviceTensor,
    filters: DeviceTensor,
    out: DeviceTensor,
    rows: int,
    channels: int,
    epilogue: Epilogue,
) -> Product:
    """A 1x1 convolution as filters times the channels of each image, or, of single places, as data times filters."""
    images, places = out.shape[0], math.prod(out.shape[2:])
    if places == 1:
        by_column = replace(epilogue, bias_axis="column" if epilogue.bias_axis else "")
        sizes, operands = (images, rows, channels), (data.address, filters.address, out.address)
        return Product(out.storage, *sizes, *operands, channels, 1, channels, 1, epilogue=by_column)
    return Product(
        out.storage,
        rows,
        places,
        channels,
        filters.address,
        data.address,
        out.address,
        channels,
        1,
        1,
        places,
        (images,),
        (0,),
        (channels * places,),
        epilogue,
    )


def _describe(
    data: DeviceTensor,
    filters: DeviceTensor,
    out: DeviceTensor,
    sizes: tuple[int, int, int],
    windows: Windows,
) -> np.ndarray:
    groups, rows, channels = sizes
    counts, kernel = windows.counts, windows.kernel
    depth, itemsize = channels * math.prod(kernel), out.storage.size
    values = {
        "images": out.shape[0],
        "groups": groups,
        "group_channels": channels,
        "group_rows": rows,
        "in": windows.sizes,
        "out": counts,
        "kernel": kernel,
        "stride": windows.strides,
        "dilation": windows.dilations,
        "pad": windows.begin,
        "depth": depth,
        "columns": out.shape[0] * math.prod(counts),
        "windows": math.prod(counts),
        "out_vector": math.prod(counts) % 4 == 0 and out.address % (4 * itemsize) == 0,
        "slices": 1,
        "slice_depth": max(depth, 1),
        "by_windows": divisor(math.prod(counts)),
        "by_plane": divisor(counts[1] * counts[2]),
        "by_row": divisor(counts[2]),
        "by_taps": divisor(math.prod(kernel)),
        "by_tap_plane": divisor(kernel[1] * kernel[2]),
        "by_tap_row": divisor(kernel[2]),
    }
    return struct(_SHAPE, values)


def _begin_pads(op: Lowering, kernel: Sequence[int]) -> list[int]:
    """Places cut off at the start of each axis of the full result of a transposed convolution.

    With a requested output shape, ``same_upper`` puts the larger half of what is too much at the start, ``same_lower``
    at the end, contrary to the forward convolution.
    """
    attributes, rank = op.attributes, len(kernel)
    if attributes["auto_pad"] == "explicit":
        return filled(attributes["pads_begin"], rank, 0)
    if attributes["auto_pad"] == "valid" or len(op.inputs) < 3 or op.inputs[2] is None:
        return [0] * rank
    pads = []
    for axis in range(rank):
        stride = filled(attributes["strides"], rank, 1)[axis]
        reached = (op.input(0).shape[2 + axis] - 1) * stride
        reached += extent(kernel[axis], filled(attributes["dilations"], rank, 1)[axis])
        reached += filled(attributes["output_padding"], rank, 0)[axis]
        total = max(reached - op.outputs[0].shape[2 + axis], 0)
        small = total // 2
        pads.append(total - small if attributes["auto_pad"] == "same_upper" else small)
    return pads


@lowers("ConvolutionBackpropData", "GroupConvolutionBackpropData", accepts=_accepts)
def lower_transposed_convolution(encoder: Encoder, op: Lowering) -> None:
    data, filters, out = op.input(0), op.input(1), op.outputs[0]
    groups, channels, rows, kernel = _group_sizes(op.node, filters.shape)
    rank = len(kernel)
    strides = three(filled(op.attributes["strides"], rank, 1), 1)
    dilations = three(filled(op.attributes["dilations"], rank, 1), 1)
    counts = three(out.shape[2:], 1)
    values = {
        "images": out.shape[0],
        "groups": groups,
        "group_channels": channels,
        "group_rows": rows,
        "in": three(data.shape[2:], 1),
        "out": counts,
        "kernel": three(kernel, 1),
        "stride": strides,
        "dilation": dilations,
        "pad": three(_begin_pads(op, kernel), 0),
        "tap_step": [s // math.gcd(s, d) for s, d in zip(strides, dilations, strict=True)],
    }
    shape = struct(_TRANSPOSED_SHAPE, values)
    places = math.prod(-(-n // s) for n, s in zip(counts, strides, strict=True))
    grid = (
        -(-rows // 64) * -(-(out.shape[0] * places) // 64),
        math.prod(strides),
        min(groups, 65535),
    )
    pointers = [data.pointer, filters.pointer, np.uint64(0), out.pointer]
    source = variant("transposed_convolution.cu", out.storage)
    encoder.launch(source, "transposed_convolution", grid, 256, [*pointers, shape])
