"""Bit packing of element types narrower than a byte, in the order of the run time.

This is the order of ``Constant`` data, IR ``.bin`` files, :class:`~ovgpu.graph.tensor.Tensor` and every kernel.
``helpers.pack_data`` of the public API differs for 2-bit and 4-bit types: it starts at the high end of each byte
(``high_first=True`` below; see :mod:`ovgpu.helpers.packing`).

Layouts (value 0 first):

* 1 bit: bit 7, 6, ... of a byte.
* 2 bits: bits 1:0, then 3:2, 5:4, 7:6 (``high_first``: 7:6 first).
* 4 bits: low nibble, then high nibble (``high_first``: high nibble first).
* 3 bits: three bytes hold eight values: the low two bits of values 0-3 (value 0 in bits 7:6), those of values 4-7, and
  the eight top bits (value 0 in bit 7).
* 6 bits: three bytes hold four values: the low nibbles of values 0 and 1 (value 0 on top), those of values 2 and 3, and
  the four 2-bit tops (value 0 in bits 7:6).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

#: Values and bytes of the smallest whole group, by bit width.
_GROUPS = {1: (8, 1), 2: (4, 1), 3: (8, 3), 4: (2, 1), 6: (4, 3)}


def packed_size(bitwidth: int, count: int) -> int:
    """Bytes that ``count`` values of ``bitwidth`` bits take; padding stands at the end only."""
    values, size = _GROUPS[bitwidth]
    return -(-count // values) * size


def unpack_codes(packed: Bytes, bitwidth: int, count: int, high_first: bool = False) -> Bytes:
    """Return the first ``count`` values of ``packed`` (1-d uint8) as unsigned codes, one per uint8 element.

    Raises ValueError when ``packed`` holds fewer than ``count`` values.
    """
    values, size = _GROUPS[bitwidth]
    groups = -(-count // values)
    if packed.size < groups * size:
        raise ValueError(
            f"{count} values of {bitwidth} bits need {groups * size} bytes, got {packed.size}"
        )
    packed = packed[: groups * size]
    if bitwidth == 1:
        return np.unpackbits(packed, count=count)
    codes = np.empty((groups, values), np.uint8)
    if bitwidth == 4:
        first, second = (1, 0) if high_first else (0, 1)
        np.bitwise_and(packed, 0xF, out=codes[:, first])
        np.right_shift(packed, 4, out=codes[:, second])
    elif bitwidth == 2:
        for i in range(4):
            codes[:, 3 - i if high_first else i] = packed >> (2 * i) & 3
    elif bitwidth == 3:
        low_first, low_second, top = packed.reshape(groups, 3).T
        for i in range(4):
            codes[:, i] = low_first >> (6 - 2 * i) & 3
            codes[:, 4 + i] = low_second >> (6 - 2 * i) & 3
        for i in range(8):
            codes[:, i] |= (top >> (7 - i) & 1) << 2
    else:
        low_first, low_second, top = packed.reshape(groups, 3).T
        codes[:, 0] = low_first >> 4
        codes[:, 1] = low_first & 0xF
        codes[:, 2] = low_second >> 4
        codes[:, 3] = low_second & 0xF
        for i in range(4):
            codes[:, i] |= (top >> (6 - 2 * i) & 3) << 4
    return codes.reshape(-1)[:count]


def pack_codes(codes: npt.NDArray[Any], bitwidth: int, high_first: bool = False) -> Bytes:
    """Pack integers (any shape, C order) to a 1-d uint8 array of ``packed_size`` bytes.

    Only the low ``bitwidth`` bits of a value count, so signed values enter as their two's complement; the padding at
    the end is zero.
    """
    values, size = _GROUPS[bitwidth]
    flat: Bytes = np.ascontiguousarray(codes).reshape(-1).astype(np.uint8, copy=False)
    flat = flat & np.uint8((1 << bitwidth) - 1)
    if bitwidth == 1:
        return np.packbits(flat)
    missing = -flat.size % values
    if missing:
        flat = np.concatenate([flat, np.zeros(missing, np.uint8)])
    rows = flat.reshape(-1, values)
    if bitwidth == 4:
        low, high = (1, 0) if high_first else (0, 1)
        return rows[:, low] | rows[:, high] << np.uint8(4)
    if bitwidth == 2:
        shifts = (6, 4, 2, 0) if high_first else (0, 2, 4, 6)
        return _merge(rows, shifts)
    packed = np.empty((len(rows), size), np.uint8)
    if bitwidth == 3:
        packed[:, 0] = _merge(rows[:, :4] & 3, (6, 4, 2, 0))
        packed[:, 1] = _merge(rows[:, 4:] & 3, (6, 4, 2, 0))
        packed[:, 2] = _merge(rows >> 2, tuple(range(7, -1, -1)))
    else:
        packed[:, 0] = _merge(rows[:, :2] & 0xF, (4, 0))
        packed[:, 1] = _merge(rows[:, 2:] & 0xF, (4, 0))
        packed[:, 2] = _merge(rows >> 4, (6, 4, 2, 0))
    return packed.reshape(-1)


def sign_extend(codes: Bytes, bitwidth: int) -> npt.NDArray[np.int8]:
    """Read unsigned codes as two's complement numbers of ``bitwidth`` bits."""
    sign = np.uint8(1 << (bitwidth - 1))
    return ((codes ^ sign) - sign).view(np.int8)


def _merge(columns: npt.NDArray[Any], shifts: tuple[int, ...]) -> npt.NDArray[Any]:
    merged = columns[:, 0] << shifts[0]
    for i, shift in enumerate(shifts[1:], start=1):
        merged |= columns[:, i] << shift
    return merged
