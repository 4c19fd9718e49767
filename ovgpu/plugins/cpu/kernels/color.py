"""NV12 and I420 to RGB and BGR on host arrays."""

from __future__ import annotations

import numpy as np

from ovgpu.plugins.cpu.registry import kernel


def _to_colour(y: np.ndarray, u: np.ndarray, v: np.ndarray, reverse: bool) -> np.ndarray:
    """BT.601 in limited range. ``y`` is ``(N, H, W)``; ``u`` and ``v`` have half its height and width."""
    dtype = y.dtype
    full = [
        np.repeat(np.repeat(p.astype(np.float32), 2, 1), 2, 2) - np.float32(128) for p in (u, v)
    ]
    light = (y.astype(np.float32) - np.float32(16)) * np.float32(1.164)
    red = light + np.float32(1.596) * full[1]
    green = light - np.float32(0.813) * full[1] - np.float32(0.391) * full[0]
    blue = light + np.float32(2.018) * full[0]
    result = np.stack([blue, green, red] if reverse else [red, green, blue], -1)
    np.clip(result, 0, 255, result)
    if dtype.kind in "iu":
        np.rint(result, result)
    return result.astype(dtype)


def _split_height(plane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Y rows and the rest of a single plane ``(N, 3/2 H, W, 1)``."""
    height = plane.shape[1] * 2 // 3
    return plane[:, :height, :, 0], plane[:, height:, :, 0]


def _nv12(y: np.ndarray, uv: np.ndarray | None, reverse: bool) -> np.ndarray:
    if uv is None:
        light, rest = _split_height(y)
        return _to_colour(light, rest[..., 0::2], rest[..., 1::2], reverse)
    return _to_colour(y[..., 0], uv[..., 0], uv[..., 1], reverse)


@kernel("NV12toRGB")
def nv12_to_rgb(y: np.ndarray, uv: np.ndarray | None = None) -> np.ndarray:
    return _nv12(y, uv, reverse=False)


@kernel("NV12toBGR")
def nv12_to_bgr(y: np.ndarray, uv: np.ndarray | None = None) -> np.ndarray:
    return _nv12(y, uv, reverse=True)


def _i420(y: np.ndarray, u: np.ndarray | None, v: np.ndarray | None, reverse: bool) -> np.ndarray:
    if u is not None and v is not None:
        return _to_colour(y[..., 0], u[..., 0], v[..., 0], reverse)
    light, rest = _split_height(y)
    batch, height, width = light.shape
    planes = rest.reshape(batch, 2, height // 2, width // 2)
    return _to_colour(light, planes[:, 0], planes[:, 1], reverse)


@kernel("I420toRGB")
def i420_to_rgb(
    y: np.ndarray, u: np.ndarray | None = None, v: np.ndarray | None = None
) -> np.ndarray:
    return _i420(y, u, v, reverse=False)


@kernel("I420toBGR")
def i420_to_bgr(
    y: np.ndarray, u: np.ndarray | None = None, v: np.ndarray | None = None
) -> np.ndarray:
    return _i420(y, u, v, reverse=True)
