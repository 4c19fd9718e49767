"""Elements of string tensors: object arrays of ``bytes`` (UTF-8), and numpy's fixed-width arrays at the border."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def as_bytes(strings: npt.NDArray[np.object_]) -> npt.NDArray[np.bytes_]:
    """A copy as a fixed-width ``S`` array."""
    return np.array(strings.tolist(), dtype=np.bytes_).reshape(strings.shape)


def as_str(strings: npt.NDArray[np.object_]) -> npt.NDArray[np.str_]:
    """A copy as a fixed-width ``U`` array; bytes that are not UTF-8 become U+FFFD."""
    texts = [s.decode("utf-8", "replace") for s in strings.reshape(-1)]
    return np.array(texts, dtype=np.str_).reshape(strings.shape)


def encode(array: npt.NDArray[Any]) -> npt.NDArray[np.object_]:
    """A ``U`` or ``S`` array as an object array of ``bytes``.

    Raises RuntimeError for arrays of other kinds.
    """
    if array.dtype.kind not in "SU":
        raise RuntimeError("Unknown string kind passed to fill the Tensor's data!")
    encoded = np.empty(array.size, dtype=object)
    flat = array.reshape(-1).tolist()
    encoded[:] = (
        flat if array.dtype.kind == "S" else [s.encode("utf-8", "surrogatepass") for s in flat]
    )
    return encoded.reshape(array.shape)


def fill(target: npt.NDArray[np.object_], value: Any) -> None:
    """Overwrite ``target`` with the strings of a list or array of the same number of elements.

    Raises RuntimeError for other values, other kinds and other counts.
    """
    if not isinstance(value, list | np.ndarray):
        raise RuntimeError("Invalid data to fill String Tensor!")
    array = np.asarray(value)
    if array.size != target.size:
        raise RuntimeError(
            "Passed array must have the same size (number of elements) as the Tensor!"
        )
    target[...] = encode(array).reshape(target.shape)
