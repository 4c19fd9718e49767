"""ShapeOf and Reshape on host arrays."""

from __future__ import annotations

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.plugins.cpu.registry import kernel, view


@kernel("ShapeOf", native=True)
def shape_of(x: np.ndarray, *, out_type: Type) -> np.ndarray:
    return np.array(x.shape, dtype=out_type.host_dtype)


@view("Reshape")
def reshape_view(x: np.ndarray, pattern: np.ndarray, *, out_shape: tuple[int, ...]) -> np.ndarray | None:
    if x.flags.c_contiguous:
        return x.reshape(out_shape)
    try:
        return x.reshape(out_shape, copy=False)
    except ValueError:
        return None


@kernel("Reshape", native=True)
def reshape(x: np.ndarray, pattern: np.ndarray, *, out: np.ndarray) -> None:
    np.copyto(out, x.reshape(out.shape))
