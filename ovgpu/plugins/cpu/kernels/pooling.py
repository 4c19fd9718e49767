"""Pooling on host arrays in channels-last memory, one spatial axis after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.ops.window import filled, resolve_pads
from ovgpu.plugins.cpu.kernels.windows import (
    Carver,
    Geometry,
    aligned,
    bind_padding,
    channels_last,
    nothing,
    run_all,
    sliding_windows,
)
from ovgpu.plugins.cpu.registry import Call, Step, binder, kernel


def lowest(dtype: np.dtype) -> Any:
    """The smallest finite value of ``dtype``: what a maximum over nothing yields."""
    return dtype.type(np.finfo(dtype).min if dtype.kind == "f" else np.iinfo(dtype).min)


def _tap_range(size: int, count: int, offset: int, stride: int) -> tuple[slice, slice] | None:
    """Windows whose element ``window * stride + offset`` lies in ``[0, size)``, and those elements."""
    first = max(-(offset // stride), 0)
    last = min((size - 1 - offset) // stride, count - 1)
    if last < first:
        return None
    start = first * stride + offset
    return slice(first, last + 1), slice(start, last * stride + offset + 1, stride)


def _bind_axis(
    ufunc: np.ufunc, source: np.ndarray, out: np.ndarray, axis: int, geometry: Geometry, empty: Any
) -> Step:
    """A step that combines the elements of every window along one axis; ``empty`` is the result of no elements.

    Padding is never stored: each tap touches only the windows for which it falls inside the data.
    """
    spatial = axis - 1
    size, count = source.shape[axis], out.shape[axis]
    stride, gap, before = (
        geometry.strides[spatial],
        geometry.dilations[spatial],
        geometry.before[spatial],
    )
    lead = (slice(None),) * axis
    full: list[np.ndarray] = []
    partial: list[tuple[np.ndarray, np.ndarray]] = []
    for tap in range(geometry.kernel[spatial]):
        span = _tap_range(size, count, tap * gap - before, stride)
        if span is None:
            continue
        windows, elements = span
        view = source[(*lead, elements)]
        if windows == slice(0, count):
            full.append(view)
        else:
            partial.append((out[(*lead, windows)], view))

    def run() -> None:
        if len(full) > 1:
            ufunc(full[0], full[1], out=out)
        elif full:
            np.copyto(out, full[0])
        else:
            out.fill(empty)
        for view in full[2:]:
            ufunc(out, view, out=out)
        for place, view in partial:
            ufunc(place, view, out=place)

    return run


def _bind_separable(
    ufunc: np.ufunc,
    data: np.ndarray,
    target: np.ndarray,
    geometry: Geometry,
    area: np.ndarray,
    empty: Any,
) -> Step:
    """Steps for all axes, the last one first: rows shrink before they are combined with each other."""
    carver = Carver(area)
    steps = []
    source = data
    for axis in range(data.ndim - 2, 0, -1):
        shape = (*source.shape[:axis], geometry.counts[axis - 1], *source.shape[axis + 1 :])
        out = target if axis == 1 else carver.take(shape, target.dtype)
        steps.append(_bind_axis(ufunc, source, out, axis, geometry, empty))
        source = out
    return run_all(steps)


def pooling_scratch(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> int:
    """Bytes for the intermediate results after each axis but the first."""
    data, out = inputs[0].shape.static_tuple() or (), outputs[0].shape.static_tuple() or ()
    itemsize = max(inputs[0].type.host_dtype.itemsize, 4)
    total = 0
    for axis in range(len(data) - 1, 2, -1):
        total += aligned(math.prod(data[:axis]) * math.prod(out[axis:]) * itemsize)
    return total


def _geometry(call: Call) -> Geometry:
    data = call.inputs[0]
    assert data is not None
    return Geometry.of(
        call.attributes, data.shape[2:], call.attributes["kernel"], call.outputs[0].shape[2:]
    )


@binder("MaxPool", layout="channels_last", scratch=pooling_scratch)
def max_pool(call: Call) -> Step:
    data, out = call.inputs[0], call.outputs[0]
    assert data is not None
    if out.size == 0:
        return nothing
    geometry = _geometry(call)
    values = _bind_separable(
        np.maximum,
        channels_last(data),
        channels_last(out),
        geometry,
        call.scratch,
        lowest(out.dtype),
    )
    if len(call.outputs) == 1 or not _wants_indices(call.node):
        return values
    return run_all(
        [values, lambda: _fill_indices(data, call.outputs[1], geometry, call.attributes["axis"])]
    )


def _wants_indices(node: Node) -> bool:
    """Positions cost several times what the values do, so they are computed only for somebody."""
    used = [bool(node.output(i).get_target_inputs()) for i in (0, 1)]
    return used[1] or not used[0]


def _fill_indices(data: np.ndarray, out: np.ndarray, geometry: Geometry, axis: int) -> None:
    """Positions of the first largest element of every window, in ``data`` flattened from ``axis`` on."""
    source = channels_last(data)
    padded = np.empty((source.shape[0], *geometry.padded, source.shape[-1]), source.dtype)
    bind_padding(source, padded, geometry.before, lowest(source.dtype))()
    windows = sliding_windows(padded, geometry)
    flat = windows.reshape(*windows.shape[: 1 + len(geometry.counts)], -1, windows.shape[-1])
    best = np.argmax(flat, axis=-2)
    taps = np.array(geometry.taps)
    rank = len(geometry.counts)
    strides = np.cumprod([1, *data.shape[:0:-1]])[::-1]  # elements between neighbours on every axis
    position = np.zeros(best.shape, np.int64)
    for i in range(rank):
        start = np.arange(geometry.counts[i]) * geometry.strides[i] - geometry.before[i]
        along = start.reshape([-1 if a == i + 1 else 1 for a in range(rank + 2)])
        position += (along + taps[:, i][best] * geometry.dilations[i]) * strides[i + 2]
    # A window of nothing but padding has the position of its channel's first element.
    position *= _elements_inside(geometry, [0] * rank, geometry.sizes) > 0
    axis %= data.ndim
    position += np.arange(data.shape[1]) * (strides[1] if axis <= 1 else 0)
    batch = np.arange(data.shape[0]) * (strides[0] if axis == 0 else 0)
    position += batch.reshape([-1] + [1] * (rank + 1))
    if axis > 2:
        position %= strides[axis - 1]
    np.copyto(channels_last(out), position, casting="same_kind")


def _elements_inside(geometry: Geometry, low: Sequence[int], high: Sequence[int]) -> np.ndarray:
    """How many elements of each window lie in ``[low, high)``, of shape ``(1, counts..., 1)``."""
    rank = len(geometry.sizes)
    total = np.ones((1,) * (rank + 2), np.int64)
    for i in range(rank):
        first = np.arange(geometry.counts[i])[:, None] * geometry.strides[i] - geometry.before[i]
        element = first + np.arange(geometry.kernel[i]) * geometry.dilations[i]
        inside = np.sum((element >= low[i]) & (element < high[i]), axis=1)
        total = total * inside.reshape([-1 if a == i + 1 else 1 for a in range(rank + 2)])
    return total


def _window_sizes(call: Call, geometry: Geometry) -> np.ndarray:
    """How many elements each window divides by, of shape ``(1, counts..., 1)``."""
    attributes = call.attributes
    exclude = attributes["exclude_pad"]
    rank = len(geometry.sizes)
    _, after = resolve_pads(
        attributes["auto_pad"],
        geometry.sizes,
        geometry.kernel,
        geometry.strides,
        geometry.dilations,
        filled(attributes["pads_begin"], rank, 0),
        filled(attributes["pads_end"], rank, 0),
    )
    if exclude:
        return np.maximum(_elements_inside(geometry, [0] * rank, geometry.sizes), 1)
    low = [-before for before in geometry.before]
    high = [size + more for size, more in zip(geometry.sizes, after, strict=True)]
    return np.maximum(_elements_inside(geometry, low, high), 1)


@binder("AvgPool", layout="channels_last", scratch=pooling_scratch)
def avg_pool(call: Call) -> Step:
    data, out = call.inputs[0], call.outputs[0]
    assert data is not None
    if out.size == 0:
        return nothing
    geometry = _geometry(call)
    target = channels_last(out)
    if out.dtype.kind != "f":
        return lambda: _integer_average(
            channels_last(data), target, geometry, _window_sizes(call, geometry)
        )
    total = _bind_separable(np.add, channels_last(data), target, geometry, call.scratch, 0)
    sizes = _window_sizes(call, geometry).astype(out.dtype)
    divisor = sizes.reshape(-1)[0] if (sizes == sizes.reshape(-1)[0]).all() else sizes
    return run_all([total, lambda: np.divide(target, divisor, target)])


def _integer_average(
    data: np.ndarray, target: np.ndarray, geometry: Geometry, sizes: np.ndarray
) -> None:
    """Sums in i64, so that they cannot overflow, and division towards zero."""
    total = np.empty(target.shape, np.int64)
    _bind_separable(np.add, data, total, geometry, np.empty(0, np.uint8), 0)()
    np.copyto(target, np.trunc(total / sizes), casting="unsafe")


def _adaptive_bounds(size: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Start and stop of every window along an axis."""
    index = np.arange(count)
    return index * size // count, -(-(index + 1) * size // count)


@kernel("AdaptiveAvgPool")
def adaptive_avg_pool(
    data: np.ndarray, output_shape: np.ndarray, *, out_shape: tuple[int, ...]
) -> np.ndarray:
    result = data
    for axis in range(2, data.ndim):
        start, stop = _adaptive_bounds(data.shape[axis], out_shape[axis])
        element = np.arange(data.shape[axis])
        share = (element >= start[:, None]) & (element < stop[:, None])
        weights = (share / np.maximum(stop - start, 1)[:, None]).astype(data.dtype)
        result = np.moveaxis(np.tensordot(result, weights, axes=(axis, 1)), -1, axis)
    return result


@kernel("AdaptiveMaxPool", native=True)
def adaptive_max_pool(
    data: np.ndarray, output_shape: np.ndarray, *, out_shape: tuple[int, ...], out_types: list[Type]
) -> tuple[np.ndarray, np.ndarray]:
    rank = data.ndim - 2
    windows = data
    position = np.zeros((1,) * (2 * rank), np.int64)
    for i in range(rank):
        size, count = data.shape[2 + i], out_shape[2 + i]
        start, stop = _adaptive_bounds(size, count)
        longest = int(np.max(stop - start, initial=1))
        # Shorter windows repeat their last element, which never wins a tie against the first one.
        element = np.minimum(start[:, None] + np.arange(longest), np.maximum(stop - 1, 0)[:, None])
        windows = np.take(windows, element, axis=2 + 2 * i)
        along = element.reshape(
            [count if a == 2 * i else longest if a == 2 * i + 1 else 1 for a in range(2 * rank)]
        )
        position = position * size + along
    order = [*range(0, 2 * rank, 2), *range(1, 2 * rank, 2)]
    grouped = windows.transpose(0, 1, *(2 + a for a in order))
    flat = grouped.reshape(*grouped.shape[: 2 + rank], -1)
    positions = position.transpose(order)
    flat_positions = positions.reshape(*positions.shape[:rank], -1)
    best = np.argmax(flat, axis=-1)[..., None]
    values = np.take_along_axis(flat, best, axis=-1)[..., 0]
    found = np.take_along_axis(np.broadcast_to(flat_positions, flat.shape), best, axis=-1)[..., 0]
    return values, found.astype(out_types[1].host_dtype)
