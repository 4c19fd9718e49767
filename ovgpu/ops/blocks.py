"""Operations that move blocks between axes: SpaceToDepth, SpaceToBatch, ShuffleChannels, Col2Im, patches."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ovgpu.graph import dimension as dims
from ovgpu.graph.dimension import Dimension, make
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.common import check_integer, check_rank, element_count, normalize_axis, replaced
from ovgpu.ops.declaration import check, op

BlockOrder = Literal["blocks_first", "depth_first"]


def _exact_quotient(size: Dimension, divisor: int, what: str) -> Dimension:
    """``size / divisor`` for sizes that the divisor divides: a bound that it does not divide moves inwards."""
    low, high = size.interval()
    if divisor == 1 and (low, high) != (0, -1):
        return size
    smallest, largest = -(-low // divisor), high if high < 0 else high // divisor
    check(
        high < 0 or smallest <= largest,
        f"{what}: Dimension value: [ {low}, {high}] must be a multiple of divisor: {divisor}",
    )
    return make(smallest, largest)


def _check_block_size(data: Value, block_size: int, what: str) -> None:
    check(block_size > 0, f"{what}: the block size must begin to 1, not {block_size}")
    check(data.rank is None or data.rank >= 3, f"{what}: the input must have at least rank 3")


@op("SpaceToDepth", "1", factory="space_to_depth(data, mode, block_size=1)")
def space_to_depth(data: Value, *, mode: BlockOrder, block_size: int = 1) -> Value:
    """SpaceToDepth-1: blocks of ``block_size`` along each spatial axis of [N, C, D1, ...] become channels:
    [N, C * block_size ** K, D1 / block_size, ...]."""
    _check_block_size(data, block_size, "SpaceToDepth")
    if data.rank is None:
        return Value(data.type, data.shape)
    batch, channels, *spatial = data.dims
    depth = dims.mul(channels, block_size ** len(spatial))
    small = [_exact_quotient(d, block_size, "SpaceToDepth") for d in spatial]
    return Value(data.type, PartialShape.of([batch, depth, *small]))


@op(
    "DepthToSpace",
    "1",
    factory="depth_to_space(node, mode, block_size=1)",
    python_names={"node": "data"},
)
def depth_to_space(data: Value, *, mode: BlockOrder, block_size: int = 1) -> Value:
    """DepthToSpace-1: the inverse of SpaceToDepth."""
    _check_block_size(data, block_size, "DepthToSpace")
    if data.rank is None:
        return Value(data.type, data.shape)
    batch, channels, *spatial = data.dims
    depth = _exact_quotient(channels, block_size ** len(spatial), "DepthToSpace")
    return Value(
        data.type, PartialShape.of([batch, depth, *(dims.mul(d, block_size) for d in spatial)])
    )


@op("ShuffleChannels", "1", factory="shuffle_channels(data, axis, group)", factory_opset=3)
def shuffle_channels(data: Value, *, axis: int = 1, group: int = 1) -> Value:
    """ShuffleChannels-1: ``axis`` seen as [group, size / group] and transposed."""
    check(group >= 1, "The 'group' parameter must be greater or equal to 1.")
    if data.rank is None:
        return Value(data.type, data.shape)
    check(data.rank >= 1, "ShuffleChannels: the input must have at least one axis")
    position = normalize_axis(axis, data.rank, "ShuffleChannels")
    size = data.dims[position]
    check(
        size.is_dynamic or size.get_length() % group == 0,
        "The channel dimension size has to be a multiple of the groups parameter value.",
    )
    # The size stays, but OpenVINO computes it anew (size / group * group), so its symbol goes.
    return Value(data.type, replaced(data.shape, position, make(*size.interval())))


def _block_inputs(what: str, data: Value, *inputs: Value) -> None:
    for value in inputs:
        check_integer(value, f"{what}: the block shape, pads and crops")
        check_rank(value, (0, 1), f"{what}: the block shape, pads and crops")
        count = element_count(value)
        check(
            data.rank is None or count in (None, data.rank),
            f"{what}: block shape, pads and crops need {data.rank} elements, not {count}",
        )
    check(data.rank is None or data.rank >= 2, f"{what}: Data input must have rank >= 2")


@op("BatchToSpace", "2", factory="batch_to_space(data, block_shape, crops_begin, crops_end)")
def batch_to_space(data: Value, block_shape: Value, crops_begin: Value, crops_end: Value) -> Value:
    """BatchToSpace-2: entries of the batch become blocks of the other axes, which are then cropped."""
    _block_inputs("BatchToSpace", data, block_shape, crops_begin, crops_end)
    if data.rank is None:
        return Value(data.type, data.shape)
    blocks, before, after = block_shape.ints(), crops_begin.ints(), crops_end.ints()
    if blocks is None:
        return Value(data.type, PartialShape.dynamic(data.rank))
    check(
        all(n >= 1 for n in blocks),
        "BatchToSpace: Elements of block_shape must be at least 1.",
    )
    result = [_exact_quotient(data.dims[0], int(np.prod(blocks)), "BatchToSpace")]
    if before is None or after is None:
        result += [Dimension.dynamic()] * (data.rank - 1)
        return Value(data.type, PartialShape.of(result))
    check(
        all(a >= 0 and b >= 0 for a, b in zip(before, after, strict=True)),
        "BatchToSpace: Elements of crops_begin and crops_end inputs must be greater or equal to zero.",
    )
    for size, block, a, b in zip(data.dims[1:], blocks[1:], before[1:], after[1:], strict=True):
        whole = dims.mul(size, block)
        check(
            whole.is_dynamic or a + b <= whole.get_length(),
            "BatchToSpace: crops_begin[i] + crops_end[i] must be less or equal to block_shape[i] * input_shape[i]",
        )
        result.append(dims.sub(whole, a + b))
    return Value(data.type, PartialShape.of(result))


@op("SpaceToBatch", "2", factory="space_to_batch(data, block_shape, pads_begin, pads_end)")
def space_to_batch(data: Value, block_shape: Value, pads_begin: Value, pads_end: Value) -> Value:
    """SpaceToBatch-2: padded with zeros, then blocks of the other axes become entries of the batch."""
    _block_inputs("SpaceToBatch", data, block_shape, pads_begin, pads_end)
    if data.rank is None:
        return Value(data.type, data.shape)
    blocks, before, after = block_shape.ints(), pads_begin.ints(), pads_end.ints()
    if blocks is None:
        return Value(data.type, PartialShape.dynamic(data.rank))
    check(
        all(n >= 1 for n in blocks),
        "SpaceToBatch: Elements of block_shape must be at least 1.",
    )
    result = [dims.mul(data.dims[0], int(np.prod(blocks)))]
    if before is None or after is None:
        result += [Dimension.dynamic()] * (data.rank - 1)
        return Value(data.type, PartialShape.of(result))
    for size, block, a, b in zip(data.dims[1:], blocks[1:], before[1:], after[1:], strict=True):
        padded = dims.add(size, a + b)
        result.append(_exact_quotient(padded, block, "SpaceToBatch"))
    return Value(data.type, PartialShape.of(result))


@op("Col2Im", "15", factory="col2im(data, output_size, kernel_size, strides=None, dilations=None, "
                            "pads_begin=None, pads_end=None)")  # fmt: skip
def col2im(
    data: Value,
    output_size: Value,
    kernel_size: Value,
    *,
    strides: list[int] = [1, 1],
    dilations: list[int] = [1, 1],
    pads_begin: list[int] = [0, 0],
    pads_end: list[int] = [0, 0],
) -> Value:
    """Col2Im-15: sliding blocks added up at their places in an image.

    ``data``: [N, C * prod(kernel_size), L] or without N; output: [N, C, *output_size].
    """
    check_rank(data, (2, 3), "Col2Im: input data")
    for name, value in (("output_size", output_size), ("kernel_size", kernel_size)):
        check_integer(value, f"Col2Im: {name}")
        check_rank(value, (1,), f"Col2Im: {name}")
        check(element_count(value) in (None, 2), f"Col2Im: {name} must have 2 elements")
    for name, pair in (("strides", strides), ("dilations", dilations)):
        check(len(pair) == 2 and min(pair) > 0, f"Col2Im: {name} must be two positive numbers")
    check(len(pads_begin) == 2 and len(pads_end) == 2, "Col2Im: pads must be two numbers each")
    if data.rank is None:
        return Value(data.type, PartialShape.dynamic())
    kernel, image = kernel_size.ints(), output_size.as_dims()
    channels, count = data.dims[-2:]
    if kernel is None:
        channels = Dimension.dynamic()
    else:
        area = kernel[0] * kernel[1]
        check(
            channels.is_dynamic or channels.get_length() % area == 0,
            "First non-batch dimension is not evenly divisible by Product(kernel_shape)",
        )
        channels = dims.floordiv(channels, area)
        exact = output_size.ints()
        if exact is not None and count.is_static:
            steps = col2im_steps(exact, kernel, strides, dilations, pads_begin, pads_end)
            check(
                count == steps[0] * steps[1],
                "For given inputs and parameters the total number of data blocks must be equal to "
                f"{steps[0] * steps[1]}. Got: {count}",
            )
    spatial = image or (Dimension.dynamic(), Dimension.dynamic())
    return Value(data.type, PartialShape.of([*data.dims[:-2], channels, *spatial]))


def col2im_steps(
    image: list[int],
    kernel: list[int],
    strides: list[int],
    dilations: list[int],
    pads_begin: list[int],
    pads_end: list[int],
) -> list[int]:
    """Number of positions of the sliding block along height and width."""
    return [
        (image[i] + pads_begin[i] + pads_end[i] - (dilations[i] * (kernel[i] - 1) + 1))
        // strides[i]
        + 1
        for i in range(2)
    ]


def _patch_count(size: Dimension, kernel: int, stride: int, rate: int, auto_pad: str) -> Dimension:
    """Number of patches along an axis."""
    span = kernel + (kernel - 1) * (rate - 1)

    def count(length: int) -> int:
        return (
            max((length - span) // stride + 1, 0) if auto_pad == "valid" else -(-length // stride)
        )

    low, high = size.interval()
    return make(count(low), high if high < 0 else count(high))


@op("ExtractImagePatches", "3", factory="extract_image_patches(image, sizes, strides, rates, auto_pad)",
    python_names={"image": "data"})  # fmt: skip
def extract_image_patches(
    data: Value,
    *,
    sizes: list[int],
    strides: list[int],
    rates: list[int],
    auto_pad: Literal["valid", "same_upper", "same_lower"],
) -> Value:
    """ExtractImagePatches-3: patches of [N, C, H, W], each laid along the channels of its place in the output
    [N, sizes[0] * sizes[1] * C, rows, columns] in the order height, width, channel."""
    for name, pair in (("sizes", sizes), ("strides", strides), ("rates", rates)):
        check(
            len(pair) == 2 and min(pair) > 0,
            f"ExtractImagePatches: Attribute {name} should have size 2 and be > 0.",
        )
    check_rank(data, (4,), "ExtractImagePatches: the input tensor")
    if data.rank is None:
        return Value(data.type, PartialShape.dynamic(4))
    spatial = [
        _patch_count(data.dims[2 + i], sizes[i], strides[i], rates[i], auto_pad) for i in range(2)
    ]
    depth = dims.mul(data.dims[1], sizes[0] * sizes[1])
    return Value(data.type, PartialShape.of([data.dims[0], depth, *spatial]))
