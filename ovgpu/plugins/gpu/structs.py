"""Structs that kernels take by value."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np


@lru_cache(maxsize=256)
def _fields(dtype: np.dtype) -> tuple[tuple[str, Any, int], ...]:
    """For each field its name, what it is without a value, and the length of a sub-array or 0."""
    found = []
    for name in dtype.names or ():
        field = dtype[name]
        nothing = np.zeros((1,), field)[0].tolist() if field.shape else np.zeros((), field).item()
        found.append((name, nothing, field.shape[0] if field.shape else 0))
    return tuple(found)


def struct(dtype: np.dtype, values: Mapping[str, Any]) -> np.ndarray:
    """A struct as a kernel argument: an array of one element with these fields, all others 0.

    A field that is a struct takes a tuple, a sub-array of one dimension takes a list or tuple, which zeros follow where
    it is shorter. One conversion for all fields: a plan for new sizes makes one struct for most of its launches.

    Raises KeyError for a field that is not there, OverflowError for a number that its field does not hold, ValueError
    for more elements than a sub-array has.
    """
    row, given = [], 0
    for name, nothing, length in _fields(dtype):
        value = values.get(name)
        if value is None:
            row.append(nothing)
            continue
        given += 1
        if length:
            if len(value) > length:
                raise ValueError(f"{len(value)} elements for '{name}', which has {length}")
            value = [*value, *nothing[len(value) :]]
        row.append(value)
    if given < len(values):
        raise KeyError(", ".join(sorted(values.keys() - set(dtype.names or ()))))
    made = np.zeros(1, dtype)  # padding too: equal structs are equal bytes
    made[0] = tuple(row)
    return made
