"""Conversion of elements between all element types, as OpenVINO's Convert does it.

* real to integer: the fraction is dropped and the bits above the target's width are cut off (300.7 is 44 as u8);
  NaN and what does not fit the machine's integer give its smallest number before the cut.
* anything to boolean: whether it is not 0.
* real to real: to the nearest, ties to even. f8e4m3 has no infinity and gives NaN; f4e2m1 stays at 6; f8e8m0 (a power
  of two) takes the smallest one for what is not positive.
* to nf4: the code of the nearest of its 16 numbers.
"""

from __future__ import annotations

import numpy as np

from ovgpu.graph.element_type import Type

#: The numbers that the codes of nf4 stand for: quantiles of the normal distribution, scaled to [-1, 1] (Dettmers et
#: al., "QLoRA", 2023).
NF4_NUMBERS = np.array(
    [
        -1.0,
        -0.6961928009986877,
        -0.5250730514526367,
        -0.39491748809814453,
        -0.28444138169288635,
        -0.18477343022823334,
        -0.09105003625154495,
        0.0,
        0.07958029955625534,
        0.16093020141124725,
        0.24611230194568634,
        0.33791524171829224,
        0.44070982933044434,
        0.5626170039176941,
        0.7229568362236023,
        1.0,
    ],
    np.float32,
)
_NF4_LIMITS = (NF4_NUMBERS[1:] + NF4_NUMBERS[:-1]) / 2


def is_plain(source: Type, target: Type) -> bool:
    """Whether numpy's own cast of host arrays is the conversion: no wrapping, tables or special rounding."""
    if Type.nf4 in (source, target) or target is Type.boolean:
        return source is target
    if target in (Type.f8e8m0, Type.f4e2m1) or target.bitwidth < 8:
        return source is target
    return target.is_real() or not source.is_real()


def convert_elements(array: np.ndarray, source: Type, target: Type) -> np.ndarray:
    """The elements of ``array`` (in ``source.host_dtype``) in ``target.host_dtype``; a copy unless the types agree.

    Raises TypeError for strings, which have no numbers.
    """
    if source is target:
        return array
    if Type.string in (source, target):
        raise TypeError(f"No conversion from {source.to_string()} to {target.to_string()}")
    with np.errstate(all="ignore"):
        if source is Type.nf4:
            array, source = NF4_NUMBERS[array], Type.f32
        if target is Type.boolean:
            return array.astype(np.float32) != 0 if array.dtype.kind == "V" else array != 0
        if target is Type.nf4:
            return np.searchsorted(_NF4_LIMITS, array.astype(np.float32)).astype(np.uint8)
        if target is Type.f8e8m0:
            return _to_power_of_two(array.astype(np.float32))
        if target is Type.f4e2m1:
            wide = array.astype(np.float32)
            return np.where(np.isnan(wide), np.copysign(6, wide), wide).astype(target.host_dtype)
        if target.is_real():
            return array.astype(target.host_dtype)
        if source.is_real():
            array = _truncated(array, target)
        return _cut(array, target)


def _truncated(array: np.ndarray, target: Type) -> np.ndarray:
    """Real numbers without their fraction, in an integer type that holds the target's numbers."""
    if array.dtype.itemsize < 4:
        array = array.astype(np.float32)
    if target is Type.u64:  # too large for int64 above 2^63, and undefined in C below 0
        return np.where(
            array < 2.0**63, array.astype(np.int64).astype(np.uint64), array.astype(np.uint64)
        )
    return array.astype(np.int64 if target.bitwidth == 64 or target is Type.u32 else np.int32)


def _cut(array: np.ndarray, target: Type) -> np.ndarray:
    """Integers reduced to the target's number of bits."""
    if target.bitwidth >= 8:
        return array.astype(target.host_dtype)
    low_bits = array.astype(np.uint8) & np.uint8((1 << target.bitwidth) - 1)
    if target is Type.i4:
        return ((low_bits ^ np.uint8(8)) - np.uint8(8)).view(np.int8)  # bit 3 is the sign
    return low_bits


def _to_power_of_two(array: np.ndarray) -> np.ndarray:
    """The nearest power of two as f8e8m0: the exponent of the float32, rounded by its fraction, ties to even."""
    bits = np.ascontiguousarray(array).view(np.uint32).reshape(array.shape)
    exponent, fraction = bits >> 23 & 0xFF, bits & 0x7FFFFF
    half = 0x400000
    up = (fraction > half) | ((fraction == half) & (exponent & 1 == 1))
    code = np.minimum(exponent + up, 254)
    code = np.where((bits >> 31 == 1) | (array == 0), 0, code)
    code = np.where(np.isnan(array), 255, code).astype(np.uint8)
    return code.view(Type.f8e8m0.host_dtype)
