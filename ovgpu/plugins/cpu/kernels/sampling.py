"""Reading images at fractional positions, shared by GridSample, deformable convolution and the ROI operations.

Images are ``(N, C, H, W)``; positions have the shape ``(N, points...)``, and the results ``(N, C, points...)``.
"""

from __future__ import annotations

import numpy as np


def gather(images: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Pixels at whole positions; those outside the image are 0."""
    height, width = images.shape[-2:]
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    index = np.where(inside, y, 0) * width + np.where(inside, x, 0)
    flat = images.reshape(*images.shape[:2], -1)
    if flat.shape[-1] == 0:
        return np.zeros((*images.shape[:2], *y.shape[1:]), images.dtype)
    rows = index.reshape(index.shape[0], 1, -1)
    values = np.take_along_axis(flat, rows, -1)
    values *= inside.reshape(rows.shape)
    return values.reshape(*images.shape[:2], *y.shape[1:])


def bilinear(images: np.ndarray, y: np.ndarray, x: np.ndarray, clamp: bool = False) -> np.ndarray:
    """Bilinear interpolation. Neighbours outside are 0, or those at the border with ``clamp``."""
    top, left = np.floor(y), np.floor(x)
    dy, dx = (y - top).astype(images.dtype), (x - left).astype(images.dtype)
    result = np.zeros((*images.shape[:2], *y.shape[1:]), images.dtype)
    for down, weight_y in ((0, 1 - dy), (1, dy)):
        for right, weight_x in ((0, 1 - dx), (1, dx)):
            rows, columns = top.astype(np.int64) + down, left.astype(np.int64) + right
            if clamp:
                rows = np.clip(rows, 0, images.shape[-2] - 1)
                columns = np.clip(columns, 0, images.shape[-1] - 1)
            result += gather(images, rows, columns) * (weight_y * weight_x)[:, None]
    return result
