"""What kernels that read indices have in common: texts for a type of indices, and where indices point."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.codegen import STORAGE_NAMES
from ovgpu.plugins.gpu.divisor import DIVISOR, divisor
from ovgpu.plugins.gpu.encoder import THREADS, Encoder, blocks_for
from ovgpu.plugins.gpu.lower.common import PLACE_RANK
from ovgpu.plugins.gpu.registry import DeviceTensor

#: Types of indices that the kernels read.
INDEX_NAMES = {Type.i32: "int", Type.i64: "long long"}

Argument = np.generic | np.ndarray

_AXIS_PLACES = np.dtype(
    [
        ("count", "u4"),
        ("rank", "u4"),
        ("axis", "u4"),
        ("axis_size", "i4"),
        ("dims", DIVISOR, (PLACE_RANK,)),
        ("strides", "i8", (PLACE_RANK,)),
    ],
    align=True,
)
_TUPLE_PLACES = np.dtype(
    [
        ("count", "u4"),
        ("length", "u4"),
        ("per_batch", DIVISOR),
        ("batch_stride", "i8"),
        ("sizes", "i8", (PLACE_RANK,)),
        ("strides", "i8", (PLACE_RANK,)),
    ],
    align=True,
)


def word_source(file: str, word: int, indices: Type = Type.i64) -> str:
    """The text that compiles ``file`` for words of so many bytes and a type of indices."""
    return f'#define WORD {word}\n#define INDEX {INDEX_NAMES[indices]}\n#include "{file}"\n'


def element_source(file: str, storage: Type, indices: Type = Type.i64) -> str:
    """The text that compiles ``file`` for a storage type and a type of indices."""
    element = STORAGE_NAMES[storage]
    return f'#define ELEMENT {element}\n#define INDEX {INDEX_NAMES[indices]}\n#include "{file}"\n'


def launch_each(
    encoder: Encoder, source: str, name: str, count: int, arguments: Sequence[Argument]
) -> None:
    """One thread for each of ``count`` items."""
    if count:
        encoder.launch(source, name, blocks_for(count), THREADS, arguments)


def axis_places(indices: DeviceTensor, data_shape: Sequence[int], axis: int) -> np.ndarray:
    """Where each index points along ``axis``, as a kernel argument."""
    places = np.zeros(1, _AXIS_PLACES)
    rank = len(data_shape)
    places["count"], places["rank"], places["axis"] = indices.size, rank, axis
    places["axis_size"] = data_shape[axis]
    stride = 1
    for d in reversed(range(rank)):
        places["dims"][0, d], places["strides"][0, d] = divisor(indices.shape[d]), stride
        stride *= data_shape[d]
    return places


def tuple_places(indices: DeviceTensor, data_shape: Sequence[int], batch: int) -> np.ndarray:
    """Where tuples of indices point, after ``batch`` dimensions that they share, as a kernel argument."""
    length = indices.shape[-1]
    count = math.prod(indices.shape[:-1])
    places = np.zeros(1, _TUPLE_PLACES)
    places["count"], places["length"] = count, length
    places["per_batch"] = divisor(max(math.prod(indices.shape[batch:-1]), 1))
    sizes = data_shape[batch : batch + length]
    stride = 1
    for d in reversed(range(length)):
        places["sizes"][0, d], places["strides"][0, d] = sizes[d], stride
        stride *= sizes[d]
    places["batch_stride"] = stride if batch else 0
    return places
