"""Elementwise arithmetic and activations on host arrays."""

from __future__ import annotations

import numpy as np

from ovgpu.plugins.cpu.registry import kernel


@kernel("Add", layout="same", in_place=True)
def add(a: np.ndarray, b: np.ndarray, *, out: np.ndarray) -> None:
    np.add(a, b, out=out)


@kernel("Relu", layout="same", in_place=True)
def relu(x: np.ndarray, *, out: np.ndarray) -> None:
    np.maximum(x, x.dtype.type(0), out=out)
