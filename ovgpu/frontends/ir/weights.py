"""The weights of an IR model: the bytes of a ``.bin`` file, mapped or in memory."""

from __future__ import annotations

import io
import math
import mmap
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ovgpu.graph.element_type import Type
from ovgpu.graph.special import Constant

Bytes = npt.NDArray[np.uint8]


class Weights:
    """Read-only bytes that constants point into.

    Args:
        data: 1-D uint8 array, or None when the model came without weights.
        source: where the bytes come from, for messages.
    """

    __slots__ = ("data", "source")

    def __init__(self, data: Bytes | None, source: str) -> None:
        self.data = data
        self.source = source

    def region(self, offset: int, size: int) -> Bytes:
        """A view of ``size`` bytes. Raises RuntimeError when they do not all exist."""
        if self.data is None:
            raise RuntimeError("Empty weights data in bin file or bin file cannot be found!")
        if offset < 0 or size < 0 or offset + size > self.data.size:
            raise RuntimeError(
                f"Incorrect weights in bin file! Bytes {offset} to {offset + size} are wanted, "
                f"{self.source} has {self.data.size}"
            )
        return self.data[offset : offset + size]


def open_weights(weights: Any, model_path: Path | None, use_mmap: bool = True) -> Weights:
    """Weights from a path, a tensor or bytes; None stands for the ``.bin`` file beside the model.

    Files are mapped into memory, so that only the pages that are used get read; with ``use_mmap=False`` they are read
    at once. Raises RuntimeError for a file that cannot be opened, TypeError for other objects.
    """
    from ovgpu.graph.tensor import Tensor

    if weights is None or (isinstance(weights, (str, bytes)) and not weights):
        if model_path is None:
            return Weights(None, "the model")
        path = model_path.with_suffix(".bin")
        return _open_file(path, use_mmap) if path.is_file() else Weights(None, str(path))
    if isinstance(weights, (str, os.PathLike)):
        return _open_file(Path(weights), use_mmap)
    if isinstance(weights, (bytes, bytearray, memoryview)):
        return Weights(np.frombuffer(weights, np.uint8), "the given bytes")
    if isinstance(weights, io.BytesIO):
        return Weights(np.frombuffer(weights.getvalue(), np.uint8), "the given stream")
    if isinstance(weights, Tensor):
        weights = weights.data
    if isinstance(weights, np.ndarray):
        return Weights(np.ascontiguousarray(weights).reshape(-1).view(np.uint8), "the given tensor")
    raise TypeError(f"Weights are a path, a Tensor, bytes or a BytesIO, not {type(weights)}")


def _open_file(path: Path, use_mmap: bool) -> Weights:
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if use_mmap and size:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                return Weights(np.frombuffer(mapped, np.uint8), str(path))
            return Weights(np.fromfile(file, np.uint8), str(path))
    except OSError as error:
        raise RuntimeError(
            f"Can not open file {path} for mapping. Ensure that file exists and has appropriate permissions. "
            f"({error.strerror})"
        ) from error


def read_constant(
    weights: Weights, element_type: Type, shape: list[int], offset: int, size: int
) -> Constant:
    """A constant over ``size`` bytes of the weights, without a copy (strings excepted).

    Raises RuntimeError when shape, type, size and the weights do not fit together.
    """
    if any(d < 0 for d in shape):
        raise RuntimeError(f"A constant cannot have the shape {shape}")
    count = math.prod(shape)
    if element_type is Type.string:
        return Constant.from_storage(
            element_type, shape, _read_strings(weights.region(offset, size), count, shape)
        )
    needed = element_type.storage_bytes(count)
    if size < needed:
        raise RuntimeError(
            "Attribute and shape size are inconsistent for Const op! "
            f"{element_type.to_string()}{shape} takes {needed} bytes, the file says {size}"
        )
    return Constant.from_storage(element_type, shape, weights.region(offset, needed), weights.data)


def _read_strings(data: Bytes, count: int, shape: list[int]) -> npt.NDArray[np.object_]:
    """Strings as ``.bin`` files hold them: their number, the ends of all (after a 0), the characters."""
    header = 4 * (count + 2)
    if data.size < header or int.from_bytes(data[:4].tobytes(), "little") != count:
        raise RuntimeError(
            f"The data of the string constant {shape} is inconsistent: it does not hold {count} strings"
        )
    ends = np.frombuffer(data.tobytes()[4:header], np.uint32).astype(np.int64)
    text = data[header:].tobytes()
    if ends[0] != 0 or np.any(np.diff(ends) < 0) or ends[-1] > len(text):
        raise RuntimeError(
            f"The data of the string constant {shape} is inconsistent: offsets lie outside of the text"
        )
    strings = np.empty(count, dtype=object)
    strings[:] = [text[a:b] for a, b in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]
    return strings.reshape(shape)


def pack_strings(strings: npt.NDArray[np.object_]) -> bytes:
    """The inverse of reading: bytes for a ``.bin`` file from an object array of ``bytes``."""
    flat = strings.reshape(-1).tolist()
    ends = np.cumsum([0, *map(len, flat)]).astype("<u4")
    return struct.pack("<I", len(flat)) + ends.tobytes() + b"".join(flat)
