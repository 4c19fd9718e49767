"""ShapeOf, Reshape, Squeeze, Unsqueeze and Range on host arrays."""

from __future__ import annotations

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.plugins.cpu.registry import kernel, view


@kernel("ShapeOf", native=True)
def shape_of(x: np.ndarray, *, out_type: Type) -> np.ndarray:
    return np.array(x.shape, dtype=out_type.host_dtype)


@view("Reshape", "Squeeze", "Unsqueeze")
def reshape_view(
    x: np.ndarray, pattern: np.ndarray | None = None, *, out_shape: tuple[int, ...]
) -> np.ndarray | None:
    if x.flags.c_contiguous:
        return x.reshape(out_shape)
    try:
        return x.reshape(out_shape, copy=False)
    except ValueError:
        return None


@kernel("Reshape", "Squeeze", "Unsqueeze", native=True)
def reshape(x: np.ndarray, pattern: np.ndarray | None = None, *, out: np.ndarray) -> None:
    np.copyto(out, x.reshape(out.shape))


@kernel("Range")
def range_(
    start: np.ndarray,
    stop: np.ndarray,
    step: np.ndarray,
    *,
    out_type: Type,
    out_shape: tuple[int, ...],
) -> np.ndarray:
    if out_type.is_real():
        wide = np.float64 if out_type is Type.f64 else np.float32
        return np.arange(out_shape[0], dtype=wide) * step.astype(wide) + start.astype(wide)
    with np.errstate(invalid="ignore"):
        first, increment = start.astype(out_type.host_dtype), step.astype(out_type.host_dtype)
    return np.arange(out_shape[0], dtype=out_type.host_dtype) * increment + first
