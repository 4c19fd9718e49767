"""``Divisor`` of the kernels (kernels/divisor.cuh): a number by which many are divided, without divisions."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

#: Memory of a ``Divisor``.
DIVISOR = np.dtype([("divisor", "<u4"), ("multiplier", "<u4"), ("shift", "<u4")])


@lru_cache(maxsize=4096)
def divisor(value: int) -> tuple[int, int, int]:
    """The fields of a ``Divisor`` by ``value`` < 2^31 (Granlund and Montgomery, 1994).

    That by 0 is one by 1: where a size is 0 nothing is divided, but structs are filled all the same.
    """
    value = max(value, 1)
    shift = (value - 1).bit_length()
    multiplier = ((1 << 32) * ((1 << shift) - value)) // value + 1
    return value, multiplier & 0xFFFFFFFF, shift


def divisor_argument(value: int) -> np.ndarray:
    """A ``Divisor`` as a kernel argument."""
    return np.array([divisor(value)], DIVISOR)
