"""``pack_data`` and ``unpack_data``, byte for byte as OpenVINO's helpers of these names.

Mind the order: u2, u4, i4, nf4 and f4e2m1 are packed here from the HIGH bits of each byte, while a
:class:`~ovgpu.Tensor`, a ``Constant`` and IR files hold the first value in the LOW bits. A tensor made from packed data
therefore shows its values swapped within each byte when it is inferred, as in OpenVINO. To fill a tensor in the order
of the run time, write ``tensor.data`` from :func:`ovgpu.graph.packing.pack_codes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ovgpu.graph.element_type import Type
from ovgpu.graph.packing import pack_codes, packed_size, sign_extend, unpack_codes

_PACKED = (Type.u1, Type.u2, Type.u3, Type.u4, Type.u6, Type.i4, Type.nf4, Type.f4e2m1)


def pack_data(array: npt.NDArray[Any], type: Type) -> npt.NDArray[np.uint8]:
    """Pack integers into the bits of ``type``, first value in the high bits, zeros at the end.

    Args:
        array: any shape, read in C order. Values beyond the bits of the type are cut.
        type: u1, u2, u3, u4, u6, i4, nf4 or f4e2m1 (for the last two, ``array`` holds codes).

    Returns:
        1-d uint8 array.

    Raises:
        RuntimeError: a value is no whole number of 8 bits.
        AssertionError: ``type`` is not one of these types.
        AttributeError: ``array`` is no numpy array.
    """
    # The two words run together in the original's sentence as well; scripts match on it.
    assert type in _PACKED, "Packing algorithm for thedata types stored in 1, 2 or 4 bits"
    codes = array.astype(np.int8 if type is Type.i4 else np.uint8, casting="unsafe")
    if not np.array_equal(codes, array):
        raise RuntimeError(
            f'The conversion of array "{array}" to dtype "{codes}" results in rounding'
        )
    return pack_codes(codes.view(np.uint8), type.bitwidth, high_first=True)


def unpack_data(
    array: npt.NDArray[Any],
    type: Type,
    shape: Sequence[int],
) -> npt.NDArray[Any]:
    """Unpack what :func:`pack_data` packed.

    Args:
        array: packed bytes, of any shape.
        type: the type that they hold.
        shape: of the result; too few values are repeated and spare ones left out, as by ``np.resize``.

    Returns:
        uint8 array of one value (or code) per element; int8 for i4.

    Raises:
        AssertionError: ``type`` is not one of the packed types.
        AttributeError: ``array`` is no numpy array.
    """
    assert type in _PACKED, "Unpacking algorithm for thedata types stored in 1, 2 or 4 bits"
    packed = array.view(np.uint8).reshape(-1)
    bits = type.bitwidth
    count = packed.size * 8 // bits
    if packed_size(bits, count) > packed.size:  # bytes that fill no whole group of u3 or u6
        count -= count % (8 if bits == 3 else 4)
    codes = unpack_codes(packed, bits, count, high_first=True)
    return np.resize(sign_extend(codes, 4) if type is Type.i4 else codes, list(shape))
