"""Interpolate on host arrays.

Every mode is separable: along one axis each output element is a weighted sum of a few input elements. A
:class:`Resampler` holds their positions and weights; ``nearest`` has one position and no weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ovgpu.ops.interpolate import pad_list
from ovgpu.plugins.cpu.registry import Call, Step, binder

#: Sums of more terms than this are done as a product with a dense matrix.
MOST_TAPS = 8


@dataclass
class Resampler:
    """Positions ``(out, taps)`` along one axis and their weights, None when there is one tap of weight 1."""

    index: np.ndarray
    weights: np.ndarray | None

    @property
    def is_identity(self) -> bool:
        index = self.index[:, 0]
        return self.weights is None and bool((index == np.arange(index.size)).all())

    def repetition(self, size: int) -> int:
        """n when every one of ``size`` elements is simply repeated n times, else 0."""
        index = self.index[:, 0]
        if self.weights is not None or size == 0 or index.size % size:
            return 0
        times = index.size // size
        return times if bool((index == np.arange(index.size) // times).all()) else 0


def source_coordinates(mode: str, count: int, size: int, scale: float) -> np.ndarray:
    """Position in the input of each of ``count`` outputs, in float32 as the reference computes it."""
    x = np.arange(count, dtype=np.float32)
    scale32, half = np.float32(scale), np.float32(0.5)
    if mode == "align_corners":
        return x * np.float32(0) if count == 1 else x * np.float32(size - 1) / np.float32(count - 1)
    if mode == "asymmetric":
        return x / scale32
    if mode == "tf_half_pixel_for_nn":
        return (x + half) / scale32
    if mode == "pytorch_half_pixel" and count <= 1:
        return x * np.float32(0)
    return (x + half) / scale32 - half


def _nearest_index(x: np.ndarray, mode: str, scale: float) -> np.ndarray:
    if mode == "round_prefer_floor":
        return np.ceil(x - np.float32(0.5))
    if mode == "round_prefer_ceil":
        return np.floor(x + np.float32(0.5))
    if mode == "floor":
        return np.floor(x)
    if mode == "ceil" or scale < 1:
        return np.ceil(x)
    return np.trunc(x)  # simple


def nearest(x: np.ndarray, size: int, scale: float, nearest_mode: str) -> Resampler:
    index = np.clip(_nearest_index(x, nearest_mode, scale).astype(np.int64), 0, size - 1)
    return Resampler(index[:, None], None)


def linear(x: np.ndarray, size: int, scale: float, antialias: bool) -> Resampler:
    """A triangle filter, stretched by the scale with ``antialias``; neighbours outside do not count."""
    factor = scale if antialias else 1.0
    reach = 2 if scale > 1 else math.ceil(2 / factor)
    centre = np.floor(x + np.float32(0.5)).astype(np.int64)
    index = centre[:, None] + np.arange(-reach, reach + 1)
    distance = np.abs(factor * (x[:, None].astype(np.float64) - index))
    weights = np.where((index >= 0) & (index < size), np.maximum(1 - distance, 0), 0)
    return _normalised(index, weights, size)


def linear_onnx(x: np.ndarray, size: int) -> Resampler:
    """Between the two neighbours, positions outside moved to the border."""
    inside = np.clip(x, 0, size - 1)
    first = np.minimum(inside.astype(np.int64), size - 1)
    second = np.minimum(first + 1, size - 1)
    share = (inside - first).astype(np.float64)
    return Resampler(np.stack([first, second], 1), np.stack([1 - share, share], 1))


def cubic(x: np.ndarray, size: int, a: float) -> Resampler:
    """Keys' cubic convolution; neighbours outside are those at the border."""
    base = np.floor(x)
    m = (x - base).astype(np.float64)
    weights = np.stack([cubic_filter(np.abs(offset - m), a) for offset in (-1, 0, 1, 2)], 1)
    index = np.clip(base.astype(np.int64)[:, None] + np.arange(-1, 3), 0, size - 1)
    return Resampler(index, weights)


def cubic_filter(distance: np.ndarray, a: float) -> np.ndarray:
    """The cubic convolution kernel at ``distance`` >= 0."""
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return np.where(distance < 1, near, np.where(distance < 2, far, 0.0))


def triangle_filter(distance: np.ndarray) -> np.ndarray:
    return np.maximum(1 - distance, 0)


def pillow(
    count: int, size: int, support: float, shape: Callable[[np.ndarray], np.ndarray]
) -> Resampler:
    """Resampling as Pillow does it: the filter is stretched by the reduction, so that it never skips elements."""
    scale = size / count
    stretch = max(scale, 1.0)
    radius = support * stretch
    centre = (np.arange(count) + 0.5) * scale
    first = np.maximum((centre - radius + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + radius + 0.5).astype(np.int64), size)
    index = first[:, None] + np.arange(int(np.max(last - first, initial=1)))
    weights = shape(np.abs(index - centre[:, None] + 0.5) / stretch) * (index < last[:, None])
    return _normalised(index, weights, size)


def _normalised(index: np.ndarray, weights: np.ndarray, size: int) -> Resampler:
    """Weights that add up to 1, over taps that matter for at least one output."""
    total = weights.sum(1, keepdims=True)
    weights = np.divide(weights, total, out=np.zeros_like(weights), where=total != 0)
    used = (weights != 0).any(0)
    used[0] |= not used.any()
    return Resampler(np.clip(index[:, used], 0, size - 1), weights[:, used])


def make_resampler(attributes: dict[str, Any], count: int, size: int, scale: float) -> Resampler:
    """The resampler of one axis for the attributes of Interpolate-4 and -11."""
    mode = attributes["mode"]
    if mode == "bilinear_pillow":
        return pillow(count, size, 1.0, triangle_filter)
    if mode == "bicubic_pillow":
        return pillow(count, size, 2.0, lambda d: cubic_filter(d, attributes["cube_coeff"]))
    x = source_coordinates(attributes["coordinate_transformation_mode"], count, size, scale)
    if mode == "nearest":
        return nearest(x, size, scale, attributes["nearest_mode"])
    if mode == "linear":
        return linear(x, size, scale, attributes["antialias"])
    if mode == "linear_onnx":
        return linear_onnx(x, size)
    return cubic(x, size, attributes["cube_coeff"])


def resample_axis(data: np.ndarray, axis: int, resampler: Resampler) -> np.ndarray:
    """``data`` resampled along one axis."""
    weights = resampler.weights
    if weights is None:
        return np.take(data, resampler.index[:, 0], axis)
    weights = weights.astype(data.dtype)
    if weights.shape[1] > MOST_TAPS:
        matrix = np.zeros((weights.shape[0], data.shape[axis]), data.dtype)
        np.add.at(matrix, (np.arange(weights.shape[0])[:, None], resampler.index), weights)
        return np.moveaxis(np.moveaxis(data, axis, -1) @ matrix.T, -1, axis)
    shape = [-1 if a == axis else 1 for a in range(data.ndim)]
    result = np.take(data, resampler.index[:, 0], axis)
    result *= weights[:, 0].reshape(shape)
    for tap in range(1, weights.shape[1]):
        term = np.take(data, resampler.index[:, tap], axis)
        term *= weights[:, tap].reshape(shape)
        result += term
    return result


def _modern_attributes(attributes: dict[str, Any]) -> dict[str, Any]:
    """Interpolate-1 in terms of Interpolate-4."""
    mode = attributes["mode"]
    return {
        "mode": "linear_onnx" if mode == "linear" and not attributes["antialias"] else mode,
        "coordinate_transformation_mode": "align_corners"
        if attributes["align_corners"]
        else "asymmetric",
        "nearest_mode": "floor" if mode == "nearest" else "round_prefer_floor",
        "antialias": attributes["antialias"],
        "cube_coeff": -0.75,
    }


def _axes_and_scales(
    call: Call, padded: list[int]
) -> tuple[list[int], list[float], dict[str, Any]]:
    """Axes to resample, their scales, and attributes in the terms of Interpolate-4."""
    version, attributes = call.node.declaration.opset, call.attributes
    out = call.outputs[0].shape
    if version == 1:
        axes = sorted(attributes["axes"])
        return axes, [out[a] / padded[a] for a in axes], _modern_attributes(attributes)
    axes_input = call.inputs[3] if version == 4 and len(call.inputs) > 3 else None
    if version == 11 and len(call.inputs) > 2:
        axes_input = call.inputs[2]
    axes = list(range(len(out))) if axes_input is None else [int(a) for a in axes_input.reshape(-1)]
    if attributes["shape_calculation_mode"] == "sizes":
        return axes, [out[a] / padded[a] for a in axes], attributes
    scales = call.inputs[2 if version == 4 else 1]
    assert scales is not None
    return axes, [float(s) for s in scales.reshape(-1)[: len(axes)]], attributes


@binder("Interpolate", layout="same")
def interpolate(call: Call) -> Step:
    data, out = call.inputs[0], call.outputs[0]
    assert data is not None
    pads = list(
        zip(
            pad_list(call.attributes["pads_begin"], data.ndim),
            pad_list(call.attributes["pads_end"], data.ndim),
            strict=True,
        )
    )

    def run() -> None:
        if out.size == 0:
            return
        source = np.pad(data, pads) if any(map(any, pads)) else data
        axes, scales, attributes = _axes_and_scales(call, list(source.shape))
        shrinks = any(scale < 1 for scale in scales)
        attributes = {**attributes, "antialias": attributes["antialias"] and shrinks}
        todo = {}
        for axis, scale in zip(axes, scales, strict=True):
            resampler = make_resampler(attributes, out.shape[axis], source.shape[axis], scale)
            if not (resampler.is_identity and out.shape[axis] == source.shape[axis]):
                todo[axis] = resampler
        _resample(source, todo, out, attributes["mode"].endswith("pillow"))

    return run


def _resample(
    source: np.ndarray, todo: dict[int, Resampler], out: np.ndarray, rounds_each: bool
) -> None:
    """Resample the axes in ``todo`` and write the result to ``out``.

    Works in the memory order of the source, so that the fastest axis stays the fastest.
    """
    order = sorted(
        range(source.ndim), key=lambda a: -abs(source.strides[a]) if source.shape[a] > 1 else 0
    )
    data, target = source.transpose(order), out.transpose(order)
    axes = {order.index(axis): resampler for axis, resampler in todo.items()}
    if all(r.repetition(data.shape[a]) for a, r in axes.items()) and _repeat(data, axes, target):
        return
    if source.dtype.kind == "f" or all(r.weights is None for r in axes.values()):
        for axis in sorted(axes, key=lambda a: target.shape[a] / data.shape[a]):
            data = resample_axis(data, axis, axes[axis])
        np.copyto(target, data)
        return
    # Pillow rounds after each pass and starts with the last axis.
    passes = (
        [{order.index(a): todo[a]} for a in sorted(todo, reverse=True)] if rounds_each else [axes]
    )
    _resample_integers(data, passes, target)


def _repeat(data: np.ndarray, axes: dict[int, Resampler], target: np.ndarray) -> bool:
    """Nearest neighbours of a whole-number enlargement: one broadcast copy. False when strides prevent it."""
    split: list[int] = []
    index: list[slice | None] = []
    for axis, size in enumerate(data.shape):
        split.append(size)
        index.append(slice(None))
        if axis in axes:
            split.append(axes[axis].repetition(size))
            index.append(None)
    try:
        places = target.reshape(split, copy=False)
    except ValueError:
        return False
    np.copyto(places, data[tuple(index)])
    return True


def _resample_integers(
    data: np.ndarray, passes: list[dict[int, Resampler]], target: np.ndarray
) -> None:
    """Weighted sums of integers in float64; after each pass rounded to the nearest and limited to the range."""
    limits = np.iinfo(target.dtype)
    result = data.astype(np.float64)
    for axes in passes:
        for axis in sorted(axes):
            result = resample_axis(result, axis, axes[axis])
        rounded = np.copysign(np.floor(np.abs(result) + 0.5), result)  # halves away from zero
        result = np.clip(rounded, limits.min, limits.max)
    np.copyto(target, result, casting="unsafe")
