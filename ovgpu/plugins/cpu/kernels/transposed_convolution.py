"""Transposed convolutions: ConvolutionBackpropData and GroupConvolutionBackpropData."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.ops.window import extent, filled
from ovgpu.plugins.cpu.kernels.epilogue import Activation, make_epilogue
from ovgpu.plugins.cpu.kernels.windows import Carver, aligned, channels_last, nothing
from ovgpu.plugins.cpu.registry import Call, Step, binder


def _filter_layout(node: Node, filters: Sequence[int]) -> tuple[int, int, int, tuple[int, ...]]:
    """Groups, input and output channels of each group, and kernel sizes."""
    if node.get_type_name().startswith("Group"):
        return filters[0], filters[1], filters[2], tuple(filters[3:])
    return 1, filters[0], filters[1], tuple(filters[2:])


def _begin_pads(
    call: Call, sizes: Sequence[int], kernel: Sequence[int], counts: Sequence[int]
) -> list[int]:
    """Rows cut off at the start of each axis of the full result.

    With a requested output shape, ``same_upper`` and ``same_lower`` split what is too much; the larger half goes to
    the start for ``same_upper``, contrary to the forward convolution.
    """
    attributes, rank = call.attributes, len(sizes)
    if attributes["auto_pad"] == "explicit":
        return filled(attributes["pads_begin"], rank, 0)
    if attributes["auto_pad"] == "valid" or len(call.inputs) < 3 or call.inputs[2] is None:
        return [0] * rank
    strides = filled(attributes["strides"], rank, 1)
    dilations = filled(attributes["dilations"], rank, 1)
    extra = filled(attributes["output_padding"], rank, 0)
    pads = []
    for size, k, stride, dilation, more, count in zip(
        sizes, kernel, strides, dilations, extra, counts, strict=True
    ):
        total = max((size - 1) * stride + extent(k, dilation) + more - count, 0)
        small = total // 2
        pads.append(total - small if attributes["auto_pad"] == "same_upper" else small)
    return pads


def _overlap(size: int, count: int, offset: int, stride: int) -> tuple[slice, slice] | None:
    """Input positions whose contribution ``position * stride + offset`` falls into ``[0, count)``, and those places."""
    first = max(-(offset // stride), 0)
    last = min((count - 1 - offset) // stride, size - 1)
    if last < first:
        return None
    start = first * stride + offset
    return slice(first, last + 1), slice(start, last * stride + offset + 1, stride)


def transposed_scratch(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> int:
    """Bytes of scratch: products of every input position with all taps, and a dense copy of data and result."""
    data, filters, out = (v.shape.static_tuple() or () for v in (inputs[0], inputs[1], outputs[0]))
    itemsize = max(inputs[0].type.host_dtype.itemsize, 4)
    taps = math.prod(_filter_layout(node, filters)[3])
    spots = data[0] * math.prod(data[2:])
    return (
        aligned(spots * taps * out[1] * itemsize)
        + aligned(math.prod(out) * itemsize)
        + aligned(math.prod(data) * itemsize)
    )


def bind_transposed_convolution(
    call: Call, bias: np.ndarray | None = None, activation: Activation | None = None
) -> Step:
    """The step of one transposed convolution: one matrix product, then a shifted addition for each tap.

    Args:
        call: data ``(N, C_in, spatial...)`` and filters as inputs, one output.
        bias: added to the output channels, shape ``(C_out,)``; None for none.
        activation: changes the result in place; None for none.
    """
    source, filters = call.inputs[0], call.inputs[1]
    assert source is not None
    assert filters is not None
    out = call.outputs[0]
    if out.size == 0:
        return nothing
    groups, channels, count, kernel = _filter_layout(call.node, filters.shape)
    data, target = channels_last(source), channels_last(out)
    carver = Carver(call.scratch)
    spots = math.prod(data.shape[:-1])
    taps = math.prod(kernel)
    products = carver.take((groups, spots, taps * count), out.dtype)
    dense = target if target.flags.c_contiguous else carver.take(target.shape, out.dtype)
    matrix, gather = _group_matrix(data, groups, carver)
    by_tap = products.reshape(groups, *data.shape[:-1], taps, count)
    grouped = dense.reshape(*dense.shape[:-1], groups, count)
    moves = _scatter(call, by_tap, grouped, data.shape[1:-1], kernel)
    epilogue = make_epilogue(bias, activation)

    def prepare() -> np.ndarray:
        flat = filters.reshape(groups, channels, count, taps).transpose(0, 1, 3, 2)
        return np.ascontiguousarray(flat).reshape(groups, channels, taps * count)

    constant = call.prepared("transposed weights", prepare) if call.constant[1] else None

    def run() -> None:
        if gather is not None:
            gather()
        np.matmul(matrix, prepare() if constant is None else constant, products)
        dense.fill(0)
        for place, contribution in moves:
            np.add(place, contribution, place)
        if epilogue is not None:
            epilogue(dense)
        if dense is not target:
            np.copyto(target, dense)

    return run


def _group_matrix(data: np.ndarray, groups: int, carver: Carver) -> tuple[np.ndarray, Step | None]:
    """``data`` as ``(G, positions, C/G)`` and the step that copies it there, where a view does not do."""
    spots, channels = math.prod(data.shape[:-1]), data.shape[-1]
    if data.flags.c_contiguous:
        return data.reshape(spots, groups, channels // max(groups, 1)).transpose(1, 0, 2), None
    copy = carver.take(data.shape, data.dtype)
    view = copy.reshape(spots, groups, channels // max(groups, 1)).transpose(1, 0, 2)
    return view, lambda: np.copyto(copy, data)


def _scatter(
    call: Call,
    by_tap: np.ndarray,
    grouped: np.ndarray,
    sizes: Sequence[int],
    kernel: Sequence[int],
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For every tap that reaches the output: places ``(N, spatial..., G, K)`` and what is added to them."""
    rank = len(sizes)
    counts = grouped.shape[1:-2]
    strides = filled(call.attributes["strides"], rank, 1)
    dilations = filled(call.attributes["dilations"], rank, 1)
    pads = _begin_pads(call, sizes, kernel, counts)
    values = np.moveaxis(by_tap, 0, -2)  # (N, spatial..., taps, G, K)
    moves = []
    for index, tap in enumerate(np.ndindex(*kernel)):
        offsets = [t * d - p for t, d, p in zip(tap, dilations, pads, strict=True)]
        spans = [_overlap(*item) for item in zip(sizes, counts, offsets, strides, strict=True)]
        if all(s is not None for s in spans):
            places: tuple[Any, ...] = (slice(None), *(s[1] for s in spans if s is not None))
            inputs: tuple[Any, ...] = (slice(None), *(s[0] for s in spans if s is not None), index)
            moves.append((grouped[places], values[inputs]))
    return moves


@binder("ConvolutionBackpropData", layout="channels_last", scratch=transposed_scratch)
def convolution_backprop_data(call: Call) -> Step:
    return bind_transposed_convolution(call)


@binder("GroupConvolutionBackpropData", layout="channels_last", scratch=transposed_scratch)
def group_convolution_backprop_data(call: Call) -> Step:
    return bind_transposed_convolution(call)
