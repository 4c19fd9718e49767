"""GridSample, ReorgYolo and RegionYolo on host arrays."""

from __future__ import annotations

import numpy as np

from ovgpu.plugins.cpu.kernels.interpolate import cubic_filter
from ovgpu.plugins.cpu.kernels.sampling import bilinear, gather
from ovgpu.plugins.cpu.registry import kernel


def _denormalised(coordinate: np.ndarray, size: int, align_corners: bool) -> np.ndarray:
    """[-1, 1] to pixels."""
    if align_corners:
        return (coordinate + 1) / 2 * (size - 1)
    return ((coordinate + 1) * size - 1) / 2


def _reflected(index: np.ndarray, size: int, align_corners: bool) -> np.ndarray:
    """Positions outside mirrored back: at the centre of the border pixels, or at their outer edge."""
    if align_corners:
        period = max(2 * (size - 1), 1)
        folded = np.mod(np.abs(index), period)
        return np.where(folded >= size, period - folded, folded) if size > 1 else index * 0
    folded = np.mod(index, 2 * size)
    return np.where(folded >= size, 2 * size - 1 - folded, folded)


class _Padded:
    """Reads pixels of images at whole positions with a rule for those outside."""

    def __init__(self, images: np.ndarray, padding_mode: str, align_corners: bool) -> None:
        self.images, self.padding_mode, self.align_corners = images, padding_mode, align_corners

    def __call__(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        height, width = self.images.shape[-2:]
        if self.padding_mode == "border":
            y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
        elif self.padding_mode == "reflection":
            y = _reflected(y, height, self.align_corners)
            x = _reflected(x, width, self.align_corners)
        return gather(self.images, y, x)


@kernel("GridSample")
def grid_sample(
    data: np.ndarray, grid: np.ndarray, *, align_corners: bool, mode: str, padding_mode: str
) -> np.ndarray:
    wide = grid.astype(data.dtype, copy=False)
    x = _denormalised(wide[..., 0], data.shape[3], align_corners)
    y = _denormalised(wide[..., 1], data.shape[2], align_corners)
    read = _Padded(data, padding_mode, align_corners)
    if mode == "nearest":
        return read(np.rint(y).astype(np.int64), np.rint(x).astype(np.int64))
    if mode == "bilinear" and padding_mode == "zeros":
        return bilinear(data, y, x)
    top, left = np.floor(y), np.floor(x)
    reach = range(2) if mode == "bilinear" else range(-1, 3)
    weights_y = _weights(y - top, mode)
    weights_x = _weights(x - left, mode)
    rows, columns = top.astype(np.int64), left.astype(np.int64)
    result = np.zeros((*data.shape[:2], *grid.shape[1:3]), data.dtype)
    for i, down in enumerate(reach):
        for j, right in enumerate(reach):
            weight = (weights_y[i] * weights_x[j]).astype(data.dtype)
            result += read(rows + down, columns + right) * weight[:, None]
    return result


def _weights(fraction: np.ndarray, mode: str) -> list[np.ndarray]:
    """Weights of the neighbours of a position ``fraction`` past one of them."""
    if mode == "bilinear":
        return [1 - fraction, fraction]
    return [cubic_filter(np.abs(offset - fraction), -0.75) for offset in (-1, 0, 1, 2)]


@kernel("ReorgYolo", native=True)
def reorg_yolo(data: np.ndarray, *, stride: list[int]) -> np.ndarray:
    """The darknet order: the tensor is read as if it had fewer channels and more pixels."""
    step = stride[0]
    batch, channels, height, width = data.shape
    groups = channels // (step * step)
    # Channel c of the input lies at block offset c // groups of the image with C / stride² channels.
    image = np.ascontiguousarray(data).reshape(batch, -1)
    c, h, w = np.ix_(range(channels), range(height), range(width))
    offset, channel = c // groups, c % groups
    column, row = w * step + offset % step, h * step + offset // step
    position = column + width * step * (row + height * step * channel)
    result = image[:, position.reshape(-1)]
    return result.reshape(batch, channels * step * step, height // step, width // step)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@kernel("RegionYolo")
def region_yolo(
    data: np.ndarray,
    *,
    coords: int,
    classes: int,
    num: int,
    do_softmax: bool,
    mask: list[int],
    out_shape: tuple[int, ...],
) -> np.ndarray:
    batch, _, height, width = data.shape
    boxes = num if do_softmax else len(mask)
    entries = data[:, : boxes * (coords + classes + 1)]
    result = entries.reshape(batch, boxes, coords + classes + 1, height, width).copy()
    result[:, :, :2] = _sigmoid(result[:, :, :2])
    if do_softmax:
        result[:, :, coords] = _sigmoid(result[:, :, coords])
        scores = result[:, :, coords + 1 :]
        scores = np.exp(scores - scores.max(2, keepdims=True))
        result[:, :, coords + 1 :] = scores / scores.sum(2, keepdims=True)
    else:
        result[:, :, coords:] = _sigmoid(result[:, :, coords:])
    return result.reshape(out_shape)
