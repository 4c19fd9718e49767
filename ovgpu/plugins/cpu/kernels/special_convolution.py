"""BinaryConvolution and DeformableConvolution on host arrays."""

from __future__ import annotations

import numpy as np

from ovgpu.ops.window import resolve_pads
from ovgpu.plugins.cpu.kernels.sampling import bilinear
from ovgpu.plugins.cpu.kernels.windows import (
    Geometry,
    bind_padding,
    channels_last,
    sliding_windows,
)
from ovgpu.plugins.cpu.registry import kernel


@kernel("BinaryConvolution")
def binary_convolution(
    data: np.ndarray,
    filters: np.ndarray,
    *,
    strides: list[int],
    pads_begin: list[int],
    pads_end: list[int],
    dilations: list[int],
    pad_value: float,
    auto_pad: str,
    out_shape: tuple[int, ...],
) -> np.ndarray:
    """Bits stand for -1 and 1, so that counting equal bits becomes an ordinary convolution."""
    attributes = {
        "strides": strides,
        "pads_begin": pads_begin,
        "pads_end": pads_end,
        "dilations": dilations,
        "auto_pad": auto_pad,
    }
    geometry = Geometry.of(attributes, data.shape[2:], filters.shape[2:], out_shape[2:])
    source = channels_last(np.where(data > 0, np.float32(1), np.float32(-1)))
    padded = np.empty((source.shape[0], *geometry.padded, source.shape[-1]), np.float32)
    bind_padding(source, padded, geometry.before, 1 if pad_value > 0 else -1)()
    windows = sliding_windows(padded, geometry)
    weights = np.where(filters > 0, np.float32(1), np.float32(-1))
    matrix = weights.transpose(*range(2, weights.ndim), 1, 0).reshape(-1, weights.shape[0])
    result = windows.reshape(-1, matrix.shape[0]) @ matrix
    shaped = result.reshape(out_shape[0], *out_shape[2:], out_shape[1])
    return np.moveaxis(shaped, -1, 1)


@kernel("DeformableConvolution")
def deformable_convolution(
    data: np.ndarray,
    offsets: np.ndarray,
    filters: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    strides: list[int],
    pads_begin: list[int],
    pads_end: list[int],
    dilations: list[int],
    auto_pad: str,
    group: int,
    deformable_group: int,
    out_shape: tuple[int, ...],
) -> np.ndarray:
    return _deformable_convolution(
        data, offsets, filters, mask, strides, pads_begin, pads_end, dilations, auto_pad, group, deformable_group,
        False, out_shape,
    )  # fmt: skip


@kernel("DeformableConvolution", version="opset8")
def deformable_convolution_8(
    data: np.ndarray,
    offsets: np.ndarray,
    filters: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    strides: list[int],
    pads_begin: list[int],
    pads_end: list[int],
    dilations: list[int],
    auto_pad: str,
    group: int,
    deformable_group: int,
    bilinear_interpolation_pad: bool,
    out_shape: tuple[int, ...],
) -> np.ndarray:
    return _deformable_convolution(
        data, offsets, filters, mask, strides, pads_begin, pads_end, dilations, auto_pad, group, deformable_group,
        bilinear_interpolation_pad, out_shape,
    )  # fmt: skip


def _deformable_convolution(
    data: np.ndarray,
    offsets: np.ndarray,
    filters: np.ndarray,
    mask: np.ndarray | None,
    strides: list[int],
    pads_begin: list[int],
    pads_end: list[int],
    dilations: list[int],
    auto_pad: str,
    group: int,
    deformable_group: int,
    interpolate_outside: bool,
    out_shape: tuple[int, ...],
) -> np.ndarray:
    """Gather the moved samples of all taps, then multiply with the filters of each group."""
    batch, channels = data.shape[:2]
    kernel_sizes, sizes, counts = filters.shape[2:], data.shape[2:], out_shape[2:]
    before, _ = resolve_pads(
        auto_pad, sizes, kernel_sizes, strides, dilations, pads_begin, pads_end
    )
    taps = kernel_sizes[0] * kernel_sizes[1]
    moved = offsets.reshape(batch * deformable_group, taps, 2, *counts)
    places = []
    for axis in range(2):
        tap = np.arange(kernel_sizes[axis]) * dilations[axis]
        tap = np.repeat(tap, kernel_sizes[1]) if axis == 0 else np.tile(tap, kernel_sizes[0])
        start = np.arange(counts[axis]) * strides[axis] - before[axis]
        base = start[:, None] if axis == 0 else start[None, :]
        places.append((tap[:, None, None] + base) + moved[:, :, axis].astype(np.float64))
    y, x = places
    images = data.reshape(batch * deformable_group, channels // deformable_group, *sizes)
    samples = bilinear(images, y, x, clamp=not interpolate_outside)
    # Without interpolation across the border, a sample outside the image is 0 even when it is close to it.
    low = -1 if interpolate_outside else 0
    inside = (y > low) & (x > low) if interpolate_outside else (y >= 0) & (x >= 0)
    inside &= (y < sizes[0]) & (x < sizes[1])
    samples *= inside[:, None]
    if mask is not None:
        samples *= mask.reshape(batch * deformable_group, 1, taps, *counts)
    columns = samples.reshape(batch, group, (channels // group) * taps, -1)
    weights = filters.reshape(group, filters.shape[0] // group, -1)
    return np.matmul(weights, columns).reshape(out_shape)
