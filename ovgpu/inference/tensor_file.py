"""Tensors from files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.tensor import Tensor


def tensor_from_file(path: str | os.PathLike) -> Tensor:
    """The bytes of a file as a u8 tensor of shape ``[size]``.

    Large files are mapped copy-on-write: pages are read when they are used, and writing to the tensor does not change
    the file. Raises FileNotFoundError and other OSErrors as ``open`` does.
    """
    size = Path(path).stat().st_size
    if size == 0:
        return Tensor.empty(Type.u8, (0,))
    return Tensor.over(np.asarray(np.memmap(path, dtype=np.uint8, mode="c")), Type.u8)
