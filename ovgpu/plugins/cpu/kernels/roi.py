"""Pooling of regions of interest on host arrays."""

from __future__ import annotations

import math

import numpy as np

from ovgpu.plugins.cpu.kernels.sampling import bilinear
from ovgpu.plugins.cpu.registry import kernel


@kernel("ROIPooling")
def roi_pooling(
    data: np.ndarray,
    rois: np.ndarray,
    *,
    spatial_scale: float,
    method: str,
    out_shape: tuple[int, ...],
) -> np.ndarray:
    result = np.zeros(out_shape, data.dtype)
    pool = _pool_largest if method == "max" else _pool_bilinear
    for index, roi in enumerate(rois):
        image = int(roi[0])
        if image < 0:  # a row that marks the end of the regions
            break
        result[index] = pool(data[image], roi[1:], spatial_scale, out_shape[2:])
    return result


def _pool_largest(
    image: np.ndarray, roi: np.ndarray, scale: float, counts: tuple[int, ...]
) -> np.ndarray:
    """Largest elements of the bins; 0 for empty ones."""
    height, width = image.shape[1:]
    result = np.zeros((image.shape[0], *counts), image.dtype)
    x1, y1, x2, y2 = (math.floor(v * np.float32(scale) + np.float32(0.5)) for v in roi)
    sizes = max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1)

    def bounds(i: int, count: int, size: int, start: int, limit: int) -> tuple[int, int]:
        first = i * size // count + start
        last = -(-(i + 1) * size // count) + start
        return min(max(first, 0), limit), min(max(last, 0), limit)

    for i in range(counts[0]):
        top, bottom = bounds(i, counts[0], sizes[0], y1, height)
        for j in range(counts[1]):
            left, right = bounds(j, counts[1], sizes[1], x1, width)
            if bottom > top and right > left:
                result[:, i, j] = image[:, top:bottom, left:right].max((1, 2))
    return result


def _pool_bilinear(
    image: np.ndarray, roi: np.ndarray, scale: float, counts: tuple[int, ...]
) -> np.ndarray:
    """One sample per bin; coordinates of the region are relative to the image."""
    height, width = image.shape[1:]
    x1, y1, x2, y2 = (float(v) for v in roi)

    def positions(low: float, high: float, count: int, size: int) -> np.ndarray:
        if count == 1:
            return np.array([0.5 * (low + high) * (size - 1)])
        return np.arange(count) * ((high - low) * (size - 1) / (count - 1)) + low * (size - 1)

    y = positions(y1, y2, counts[0], height)[:, None]
    x = positions(x1, x2, counts[1], width)[None]
    y, x = np.broadcast_arrays(y, x)
    inside = (y >= 0) & (y <= height - 1) & (x >= 0) & (x <= width - 1)
    return bilinear(image[None], y[None], x[None], clamp=True)[0] * inside


@kernel("PSROIPooling")
def psroi_pooling(
    data: np.ndarray,
    rois: np.ndarray,
    *,
    output_dim: int,
    group_size: int,
    spatial_scale: float,
    mode: str,
    spatial_bins_x: int,
    spatial_bins_y: int,
    out_shape: tuple[int, ...],
) -> np.ndarray:
    result = np.zeros(out_shape, data.dtype)
    for index, roi in enumerate(rois):
        image = data[int(roi[0])]
        if mode == "average":
            result[index] = _ps_average(image, roi[1:], spatial_scale, output_dim, group_size)
        else:
            bins = spatial_bins_y, spatial_bins_x
            result[index] = _ps_bilinear(
                image, roi[1:], spatial_scale, output_dim, group_size, bins
            )
    return result


def _ps_average(
    image: np.ndarray, roi: np.ndarray, scale: float, output_dim: int, group_size: int
) -> np.ndarray:
    """Mean of each bin, from the channels ``(output, bin row, bin column)``."""
    height, width = image.shape[1:]
    maps = image.reshape(output_dim, group_size, group_size, height, width)
    result = np.zeros((output_dim, group_size, group_size), image.dtype)
    x1, y1 = (np.floor(v + 0.5) * scale for v in roi[:2])
    x2, y2 = ((np.floor(v + 0.5) + 1) * scale for v in roi[2:])
    bin_height, bin_width = max(y2 - y1, 0.1) / group_size, max(x2 - x1, 0.1) / group_size
    for i in range(group_size):
        top = min(max(math.floor(i * bin_height + y1), 0), height)
        bottom = min(max(math.ceil((i + 1) * bin_height + y1), 0), height)
        for j in range(group_size):
            left = min(max(math.floor(j * bin_width + x1), 0), width)
            right = min(max(math.ceil((j + 1) * bin_width + x1), 0), width)
            if bottom > top and right > left:
                result[:, i, j] = maps[:, i, j, top:bottom, left:right].mean((1, 2))
    return result


def _ps_bilinear(
    image: np.ndarray,
    roi: np.ndarray,
    scale: float,
    output_dim: int,
    group_size: int,
    bins: tuple[int, int],
) -> np.ndarray:
    """Mean over the spatial bins of one bilinear sample from the channels of each bin."""
    height, width = image.shape[1:]
    x1, y1, x2, y2 = (float(v) * scale for v in roi)
    maps = image.reshape(bins[0], bins[1], output_dim, height, width)
    total = np.zeros((output_dim, group_size, group_size), image.dtype)
    for row in range(bins[0]):
        for column in range(bins[1]):
            total += _ps_samples(
                maps[row, column],
                (y1, y2, row, bins[0]),
                (x1, x2, column, bins[1]),
                group_size,
            )
    return total / (bins[0] * bins[1])


def _ps_samples(
    maps: np.ndarray,
    vertical: tuple[float, float, int, int],
    horizontal: tuple[float, float, int, int],
    group_size: int,
) -> np.ndarray:
    """One sample per output cell inside one spatial bin, each axis given as (start, stop, bin, bins)."""
    places = []
    for (low, high, index, count), size in ((vertical, maps.shape[1]), (horizontal, maps.shape[2])):
        bin_size = (high - low) / count
        start = low + index * bin_size
        if group_size > 1:
            step = bin_size * (size - 1) / (group_size - 1)
            places.append(np.arange(group_size) * step + start * (size - 1))
        else:
            places.append(np.array([(2 * start + bin_size) * (size - 1) / 2]))
    y, x = np.broadcast_arrays(places[0][:, None], places[1][None])
    inside = (y >= 0) & (y <= maps.shape[1] - 1) & (x >= 0) & (x <= maps.shape[2] - 1)
    return bilinear(maps[None], y[None], x[None], clamp=True)[0] * inside


@kernel("DeformablePSROIPooling")
def deformable_psroi_pooling(
    data: np.ndarray,
    rois: np.ndarray,
    offsets: np.ndarray | None = None,
    *,
    output_dim: int,
    spatial_scale: float,
    group_size: int,
    spatial_bins_x: int,
    spatial_bins_y: int,
    trans_std: float,
    part_size: int,
    out_shape: tuple[int, ...],
) -> np.ndarray:
    result = np.zeros(out_shape, data.dtype)
    height, width = data.shape[2:]
    for index, roi in enumerate(rois):
        number = int(roi[0])
        if number < 0:
            break
        used = data[number, : output_dim * group_size * group_size]
        maps = used.reshape(output_dim, group_size, group_size, height, width)
        x1, y1 = (np.floor(v + 0.5) * spatial_scale - 0.5 for v in roi[1:3])
        x2, y2 = ((np.floor(v + 0.5) + 1) * spatial_scale - 0.5 for v in roi[3:5])
        roi_width, roi_height = max(x2 - x1, 0.1), max(y2 - y1, 0.1)
        for i in range(group_size):
            for j in range(group_size):
                result[index, :, i, j] = _deformed_bin(
                    maps[:, i, j],
                    None if offsets is None else offsets[index],
                    (i, j),
                    (y1, x1, roi_height, roi_width),
                    (group_size, part_size, trans_std, output_dim),
                    (spatial_bins_y, spatial_bins_x),
                )
    return result


def _deformed_bin(
    maps: np.ndarray,
    offsets: np.ndarray | None,
    cell: tuple[int, int],
    region: tuple[float, float, float, float],
    sizes: tuple[int, int, float, int],
    bins: tuple[int, int],
) -> np.ndarray:
    """Mean of the samples of one cell inside the image, for every output channel; 0 when there are none."""
    group_size, part_size, trans_std, output_dim = sizes
    y1, x1, roi_height, roi_width = region
    height, width = maps.shape[1:]
    shift_x = shift_y = np.zeros(output_dim)
    if offsets is not None:
        part = tuple(int(c * part_size // group_size) for c in cell)
        classes = offsets.shape[0] // 2
        label = np.arange(output_dim) // max(output_dim // classes, 1)
        shift_x = offsets[label * 2, part[0], part[1]] * trans_std
        shift_y = offsets[label * 2 + 1, part[0], part[1]] * trans_std
    bin_height, bin_width = roi_height / group_size, roi_width / group_size
    y = (y1 + cell[0] * bin_height + shift_y * roi_height)[:, None]
    x = (x1 + cell[1] * bin_width + shift_x * roi_width)[:, None]
    rows = np.repeat(np.arange(bins[0]), bins[1]) * (bin_height / bins[0])
    columns = np.tile(np.arange(bins[1]), bins[0]) * (bin_width / bins[1])
    y, x = y + rows, x + columns
    inside = (y >= -0.5) & (y <= height - 0.5) & (x >= -0.5) & (x <= width - 0.5)
    y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
    samples = bilinear(maps[:, None], y, x, clamp=True)[:, 0] * inside
    count = inside.sum(1)
    return np.divide(samples.sum(1), count, out=np.zeros(output_dim, maps.dtype), where=count > 0)


def _sample_grid(
    sizes: tuple[float, float], counts: tuple[int, int], sampling_ratio: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Offsets ``(bins, samples)`` of the samples along both axes, and the number of samples of a bin."""
    offsets = []
    total = 1
    for size, count in zip(sizes, counts, strict=True):
        samples = sampling_ratio if sampling_ratio > 0 else max(math.ceil(size / count), 1)
        step = size / count
        place = (np.arange(samples) + 0.5) * (step / samples)
        offsets.append(np.arange(count)[:, None] * step + place)
        total *= samples
    return offsets[0], offsets[1], total


def align_region(image: np.ndarray, y: np.ndarray, x: np.ndarray, mode: str) -> np.ndarray:
    """Bilinear samples at ``(bins_h, bins_w, samples)`` positions, averaged over the samples or their maximum.

    Positions up to one pixel outside count as at the border, those farther away as 0.
    """
    height, width = image.shape[1:]
    inside = (y >= -1) & (y <= height) & (x >= -1) & (x <= width)
    clipped_y, clipped_x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
    top, left = np.floor(clipped_y), np.floor(clipped_x)
    dy, dx = (clipped_y - top).astype(image.dtype), (clipped_x - left).astype(image.dtype)
    rows, columns = top.astype(np.int64), left.astype(np.int64)
    below, right = np.minimum(rows + 1, height - 1), np.minimum(columns + 1, width - 1)
    weights = [((1 - dy) * (1 - dx)), (1 - dy) * dx, dy * (1 - dx), dy * dx]
    corners = [(rows, columns), (rows, right), (below, columns), (below, right)]
    terms = [image[:, r, c] * (w * inside) for (r, c), w in zip(corners, weights, strict=True)]
    values = sum(terms[1:], terms[0])
    return (
        values.max(-1, initial=0) if mode == "max" else values.mean(-1)
    )  # OpenVINO's maximum starts at 0


def _bin_positions(y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions ``(bins_h, bins_w, samples)`` from those along each axis ``(bins, samples)``."""
    shape = (y.shape[0], x.shape[0], y.shape[1], x.shape[1])
    rows = np.broadcast_to(y[:, None, :, None], shape).reshape(*shape[:2], -1)
    columns = np.broadcast_to(x[None, :, None, :], shape).reshape(*shape[:2], -1)
    return rows, columns


def roi_align(
    data: np.ndarray,
    rois: np.ndarray,
    batch_indices: np.ndarray,
    pooled: tuple[int, int],
    sampling_ratio: int,
    spatial_scale: float,
    mode: str,
    aligned_mode: str = "asymmetric",
) -> np.ndarray:
    """ROIAlign of regions (x1, y1, x2, y2)."""
    result = np.zeros((len(rois), data.shape[1], *pooled), data.dtype)
    before = 0.5 if aligned_mode == "half_pixel" else 0.0
    after = 0.0 if aligned_mode == "asymmetric" else 0.5
    for index, (roi, image) in enumerate(zip(rois, batch_indices.reshape(-1), strict=True)):
        x1, y1, x2, y2 = ((float(v) + before) * spatial_scale - after for v in roi)
        height, width = y2 - y1, x2 - x1
        if aligned_mode == "asymmetric":
            height, width = max(height, 1.0), max(width, 1.0)
        rows, columns, _ = _sample_grid((height, width), pooled, sampling_ratio)
        y, x = _bin_positions(y1 + rows, x1 + columns)
        result[index] = align_region(data[int(image)], y, x, mode)
    return result


@kernel("ROIAlign", version="opset3")
def roi_align_3(
    data: np.ndarray,
    rois: np.ndarray,
    batch_indices: np.ndarray,
    *,
    pooled_h: int,
    pooled_w: int,
    sampling_ratio: int,
    spatial_scale: float,
    mode: str,
) -> np.ndarray:
    return roi_align(
        data, rois, batch_indices, (pooled_h, pooled_w), sampling_ratio, spatial_scale, mode
    )


@kernel("ROIAlign")
def roi_align_9(
    data: np.ndarray,
    rois: np.ndarray,
    batch_indices: np.ndarray,
    *,
    pooled_h: int,
    pooled_w: int,
    sampling_ratio: int,
    spatial_scale: float,
    mode: str,
    aligned_mode: str,
) -> np.ndarray:
    return roi_align(
        data,
        rois,
        batch_indices,
        (pooled_h, pooled_w),
        sampling_ratio,
        spatial_scale,
        mode,
        aligned_mode,
    )


@kernel("ROIAlignRotated")
def roi_align_rotated(
    data: np.ndarray,
    rois: np.ndarray,
    batch_indices: np.ndarray,
    *,
    pooled_h: int,
    pooled_w: int,
    sampling_ratio: int,
    spatial_scale: float,
    clockwise_mode: bool,
) -> np.ndarray:
    result = np.zeros((len(rois), data.shape[1], pooled_h, pooled_w), data.dtype)
    for index, (roi, image) in enumerate(zip(rois, batch_indices.reshape(-1), strict=True)):
        centre_x, centre_y = (float(v) * spatial_scale - 0.5 for v in roi[:2])
        width, height = (float(v) * spatial_scale for v in roi[2:4])
        angle = -float(roi[4]) if clockwise_mode else float(roi[4])
        rows, columns, _ = _sample_grid((height, width), (pooled_h, pooled_w), sampling_ratio)
        y, x = _bin_positions(rows - height / 2, columns - width / 2)
        cos, sin = math.cos(angle), math.sin(angle)
        turned_y, turned_x = y * cos - x * sin + centre_y, y * sin + x * cos + centre_x
        result[index] = align_region(data[int(image)], turned_y, turned_x, "avg")
    return result
