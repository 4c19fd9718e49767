"""Convolution and GroupConvolution on host arrays in channels-last memory.

Every form ends in matrix products or, for depthwise filters, in multiply-adds of shifted rows. Weights are brought into
``(taps * C_in, C_out)`` once per compiled model. Results of a block are finished (bias, activation) while they are in
the cache: :func:`bind_convolution` takes both, for fused operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.passes.graph_editing import feeds_quantization
from ovgpu.plugins.cpu.kernels import winograd
from ovgpu.plugins.cpu.kernels.epilogue import Activation, make_epilogue
from ovgpu.plugins.cpu.kernels.ordered_product import ordered_matmul
from ovgpu.plugins.cpu.kernels.windows import (
    Carver,
    Epilogue,
    Geometry,
    aligned,
    bind_padding,
    channels_last,
    nothing,
    row_blocks,
    run_all,
    sliding_windows,
)
from ovgpu.plugins.cpu.registry import Call, Step, binder

#: Bytes of gathered windows (im2col) at a time. Larger blocks gain nothing and smaller ones start too many products.
IM2COL_BYTES = 8 << 20
#: Bytes of one block of depthwise results, so that nine passes over it stay in the second-level cache.
DEPTHWISE_BYTES = 192 << 10

Weights = Callable[[], np.ndarray]
#: ``product(a, b, out=...)``: how matrices are multiplied.
Product = Callable[..., object]


def _group_count(
    node: Node, filters: Sequence[int], channels: int
) -> tuple[int, int, int, tuple[int, ...]]:
    """Groups, output and input channels of each group, and kernel sizes."""
    if node.get_type_name().startswith("Group"):
        return filters[0], filters[1], filters[2], tuple(filters[3:])
    return 1, filters[0], filters[1], tuple(filters[2:])


def _compute_itemsize(value: Value) -> int:
    return max(value.type.host_dtype.itemsize, 4 if value.type.is_real() else 1)


def convolution_scratch(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> int:
    """Bytes of scratch memory for any form of convolution of these shapes."""
    data, filters, out = (v.shape.static_tuple() or () for v in (inputs[0], inputs[1], outputs[0]))
    groups, per_group, group_channels, kernel = _group_count(node, filters, data[1])
    itemsize = _compute_itemsize(inputs[0])
    geometry = Geometry.of(node.attributes, data[2:], kernel, out[2:])
    result = aligned(math.prod(out) * itemsize)
    # Depthwise splits the last axis by the remainder of the stride, which rounds it up.
    widest = [*geometry.padded[:-1], geometry.padded[-1] + geometry.strides[-1]]
    padded = aligned(math.prod(widest) * data[0] * data[1] * itemsize)
    taps = math.prod(kernel)
    row = math.prod(out[3:]) * taps * data[1] * itemsize
    columns = aligned(max(min(row * out[0] * out[2], IM2COL_BYTES), row))
    group_row = math.prod(out[3:]) * out[1] * itemsize
    products = aligned(group_row * out[0] * out[2]) if groups > 1 else 0
    wide = 2 if feeds_quantization(node) else 1
    depthwise = wide * aligned(max(DEPTHWISE_BYTES, group_row)) if groups == data[1] else 0
    wino = 0
    if (
        groups == 1
        and kernel == (3, 3)
        and group_channels in winograd.CHANNELS
        and per_group in winograd.CHANNELS
    ):
        wino = winograd.scratch_bytes(data[0], (out[2], out[3]), group_channels, per_group)
    return result + max(padded + columns + products + depthwise, wino)


def bind_convolution(
    call: Call, bias: np.ndarray | None = None, activation: Activation | None = None
) -> Step:
    """The step of one (group) convolution.

    Args:
        call: data ``(N, C, spatial...)`` and filters as inputs, one output, scratch of :func:`convolution_scratch`.
        bias: added to the output channels, shape ``(C_out,)``; None for none.
        activation: changes a block of results in place; None for none.
    """
    source, filters = call.inputs[0], call.inputs[1]
    assert source is not None
    assert filters is not None
    out = call.outputs[0]
    if out.size == 0:
        return nothing
    groups, per_group, group_channels, kernel = _group_count(
        call.node, filters.shape, source.shape[1]
    )
    grouped = filters.reshape(groups, per_group, group_channels, *kernel)
    geometry = Geometry.of(call.attributes, source.shape[2:], kernel, out.shape[2:])
    data, target = channels_last(source), channels_last(out)
    carver = Carver(call.scratch)
    dense = target if target.flags.c_contiguous else carver.take(target.shape, out.dtype)
    epilogue = make_epilogue(bias, activation)
    rest = call.scratch[aligned(dense.nbytes) :] if dense is not target else call.scratch
    if group_channels == 0:
        steps = [lambda: dense.fill(0)]
        if epilogue is not None:
            steps.append(lambda: epilogue(dense))
    elif groups == source.shape[1] and per_group == 1 and group_channels == 1:
        steps = [_bind_depthwise(call, data, filters, dense, geometry, rest, bias, activation)]
    elif (
        groups == 1
        and call.constant[1]
        and not feeds_quantization(call.node)  # transforms round in places of their own
        and winograd.suits(geometry, group_channels, per_group, out.dtype)
    ):
        transformed = call.prepared("winograd", lambda: winograd.transform_filters(filters))
        steps = [winograd.bind(data, lambda: transformed, dense, geometry, rest, epilogue)]
    else:
        weights = _prepared_weights(call, grouped)
        ordered = groups == 1 and out.dtype == np.float32 and feeds_quantization(call.node)
        product = ordered_matmul if ordered else np.matmul
        steps = [_bind_products(data, weights, groups, dense, geometry, rest, epilogue, product)]
    if dense is not target:
        steps.append(lambda: np.copyto(target, dense))
    return run_all(steps)


def _prepared_weights(call: Call, grouped: np.ndarray) -> Weights:
    """Weights as ``(G, taps * C_in/G, C_out/G)``; once for constants, else anew for each run."""

    def prepare() -> np.ndarray:
        groups, count, channels = grouped.shape[:3]
        moved = grouped.reshape(groups, count, channels, -1).transpose(0, 3, 2, 1)
        return np.ascontiguousarray(moved).reshape(groups, -1, count)

    if not call.constant[1]:
        return prepare
    weights = call.prepared("weights", prepare)
    return lambda: weights


def _bind_products(
    data: np.ndarray,
    weights: Weights,
    groups: int,
    dense: np.ndarray,
    geometry: Geometry,
    area: np.ndarray,
    epilogue: Epilogue | None,
    product: Product,
) -> Step:
    """Matrix products of gathered windows with the weights."""
    if groups == 1 and geometry.is_pointwise:
        step = _bind_pointwise(data, weights, dense, epilogue, product)
        if step is not None:
            return step
    carver = Carver(area)
    steps: list[Step] = []
    if geometry.has_padding or (
        data.strides[-1] != data.itemsize and math.prod(geometry.kernel) > 1
    ):
        padded = carver.take((data.shape[0], *geometry.padded, data.shape[-1]), data.dtype)
        steps.append(bind_padding(data, padded, geometry.before))
    else:
        padded = data
    windows = sliding_windows(padded, geometry)
    row_bytes = math.prod(windows.shape[2:]) * data.itemsize
    blocks = row_blocks(windows.shape[0], windows.shape[1], row_bytes, IM2COL_BYTES)
    largest = max((n.stop - n.start) * (r.stop - r.start) for n, r in blocks)
    columns = carver.take((largest * math.prod(windows.shape[2:]),), data.dtype)
    bind_block = _bind_block if groups == 1 else _bind_group_block
    products = carver.take(
        (largest * math.prod(dense.shape[2:]) if groups > 1 else 0,), dense.dtype
    )
    jobs = [
        bind_block(windows[b], columns, products, dense[b], groups, epilogue, product)
        for b in blocks
    ]

    def run() -> None:
        prepared = weights()
        for job in jobs:
            job(prepared)

    steps.append(run)
    return run_all(steps)


def _bind_pointwise(
    data: np.ndarray,
    weights: Weights,
    dense: np.ndarray,
    epilogue: Epilogue | None,
    product: Product,
) -> Step | None:
    """A 1x1 convolution as one product per image, or for all images where memory allows; None when it must copy."""
    lead = () if data.flags.c_contiguous else (data.shape[0],)
    try:
        matrix = data.reshape(*lead, -1, data.shape[-1], copy=False)
    except ValueError:
        return None
    result = dense.reshape(*lead, -1, dense.shape[-1])

    def run() -> None:
        product(matrix, weights()[0], out=result)
        if epilogue is not None:
            epilogue(result)

    return run


def _bind_block(
    windows: np.ndarray,
    columns: np.ndarray,
    products: np.ndarray,
    out: np.ndarray,
    groups: int,
    epilogue: Epilogue | None,
    product: Product,
) -> Callable[[np.ndarray], None]:
    """One block of windows times the weights, ungrouped."""
    gathered = columns[: windows.size].reshape(windows.shape)
    result = out.reshape(-1, out.shape[-1])
    matrix = gathered.reshape(result.shape[0], -1)

    def run(weights: np.ndarray) -> None:
        np.copyto(gathered, windows)
        product(matrix, weights[0], out=result)
        if epilogue is not None:
            epilogue(result)

    return run


def _bind_group_block(
    windows: np.ndarray,
    columns: np.ndarray,
    products: np.ndarray,
    out: np.ndarray,
    groups: int,
    epilogue: Epilogue | None,
    product: Product,
) -> Callable[[np.ndarray], None]:
    """One block of windows times the weights of all groups, as one batched product."""
    spots = math.prod(out.shape[:-1])
    split = windows.reshape(*windows.shape[:-1], groups, windows.shape[-1] // groups)
    by_group = np.moveaxis(split, -2, 0)
    gathered = columns[: windows.size].reshape(by_group.shape)
    matrix = gathered.reshape(groups, spots, windows.size // (groups * spots))
    by_groups = products[: out.size].reshape(groups, spots, out.shape[-1] // groups)
    result = out.reshape(spots, groups, -1)

    def run(weights: np.ndarray) -> None:
        np.copyto(gathered, by_group)
        product(matrix, weights, out=by_groups)
        np.copyto(result, by_groups.transpose(1, 0, 2))
        if epilogue is not None:
            epilogue(out.reshape(spots, -1))

    return run


def _bind_depthwise(
    call: Call,
    data: np.ndarray,
    filters: np.ndarray,
    dense: np.ndarray,
    geometry: Geometry,
    area: np.ndarray,
    bias: np.ndarray | None,
    activation: Activation | None,
) -> Step:
    """One filter per channel: every tap multiplies a shifted view of the padded data and is added up.

    The last spatial axis and the channels are treated as one long row, against weights repeated along it: short inner
    loops over the channels alone would cost more than the arithmetic. A stride along the last axis would tear the
    rows apart, so the padded copy stores the positions of each remainder of the stride next to each other.
    """
    if data.ndim == 3:  # one spatial axis: a single row
        data, dense = data[:, None], dense[:, None]
        geometry = Geometry(*((first, *rest) for first, rest in _with_unit_axis(geometry)))
    batch, channels = data.shape[0], data.shape[-1]
    stride, width = geometry.strides[-1], geometry.counts[-1] * channels
    columns = -(-geometry.padded[-1] // stride)
    carver = Carver(area)
    padded = carver.take((batch, *geometry.padded[:-1], stride, columns, channels), data.dtype)
    pads = [_bind_phase(data, padded, geometry, phase) for phase in range(stride)]
    rows = padded.reshape(*padded.shape[:-2], columns * channels)
    row_bytes = math.prod(geometry.counts[1:]) * channels * data.itemsize
    blocks = row_blocks(batch, geometry.counts[0], row_bytes, DEPTHWISE_BYTES)
    result = dense.reshape(*dense.shape[:-2], width)
    largest = max(result[b].size for b in blocks)
    fused = feeds_quantization(call.node) and data.dtype == np.float32
    scratch = carver.take((largest,), np.dtype(np.float64) if fused else data.dtype)
    jobs = [_depthwise_block(rows, result[b], b, geometry, channels, scratch) for b in blocks]
    repeat = geometry.counts[-1]

    def prepare() -> np.ndarray:
        by_tap = filters.reshape(channels, -1).T
        return np.ascontiguousarray(np.tile(by_tap, (1, repeat)))

    if call.constant[1]:
        prepared = call.prepared(f"depthwise {repeat}", prepare)
        weights: Weights = lambda: prepared  # noqa: E731
    else:
        weights = prepare
    wide_bias = None if bias is None else np.tile(bias, repeat)

    def run() -> None:
        for pad in pads:
            pad()
        taps = weights()
        for views, out, temporary in jobs:
            np.multiply(views[0], taps[0], out)
            for view, weight in zip(views[1:], taps[1:]):
                # In float64 the product is exact, and storing the sum rounds once: a fused multiply-add.
                np.multiply(view, weight, out=temporary, dtype=temporary.dtype)
                np.add(out, temporary, out=out, casting="same_kind")
            if wide_bias is not None:
                np.add(out, wide_bias, out)
            if activation is not None:
                activation(out)

    return run


def _with_unit_axis(geometry: Geometry) -> list[tuple[int, tuple[int, ...]]]:
    """The fields of ``geometry`` with the entry of an axis of size 1 to put in front of each."""
    return [
        (1, geometry.sizes),
        (1, geometry.kernel),
        (1, geometry.strides),
        (1, geometry.dilations),
        (0, geometry.before),
        (0, geometry.after),
        (1, geometry.counts),
    ]


def _bind_phase(data: np.ndarray, padded: np.ndarray, geometry: Geometry, phase: int) -> Step:
    """A step that pads the columns whose padded position has the remainder ``phase`` by the stride."""
    stride, before = geometry.strides[-1], geometry.before[-1]
    first = (phase - before) % stride  # the first column of the data that belongs here
    target = padded[..., phase, :, :]
    start = (first + before) // stride
    return bind_padding(data[..., first::stride, :], target, (*geometry.before[:-1], start))


def _depthwise_block(
    rows: np.ndarray,
    out: np.ndarray,
    block: tuple[slice, slice],
    geometry: Geometry,
    channels: int,
    scratch: np.ndarray,
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Views of the padded rows for every tap, the output block and a buffer of its size."""
    images, lines = block
    lead_counts = [lines.stop - lines.start, *geometry.counts[1:-1]]
    starts = [lines.start * geometry.strides[0]] + [0] * (len(lead_counts) - 1)
    width = geometry.counts[-1] * channels
    views = []
    for tap in geometry.taps:
        index: list[slice | int] = [images]
        for axis, count in enumerate(lead_counts):
            first = starts[axis] + tap[axis] * geometry.dilations[axis]
            index.append(
                slice(
                    first, first + (count - 1) * geometry.strides[axis] + 1, geometry.strides[axis]
                )
            )
        column, phase = divmod(tap[-1] * geometry.dilations[-1], geometry.strides[-1])
        views.append(rows[(*index, phase, slice(column * channels, column * channels + width))])
    return views, out, scratch[: out.size].reshape(out.shape)


@binder("Convolution", layout="channels_last", scratch=convolution_scratch)
def convolution(call: Call) -> Step:
    return bind_convolution(call)


@binder("GroupConvolution", layout="channels_last", scratch=convolution_scratch)
def group_convolution(call: Call) -> Step:
    return bind_convolution(call)
