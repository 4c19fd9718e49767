"""The generators of random numbers that other frameworks' seeds refer to.

Philox 4x32-10: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (2011). MT19937: Matsumoto and Nishimura,
"Mersenne Twister" (1998), which numpy has.
"""

from __future__ import annotations

import numpy as np

from ovgpu.graph.element_type import Type

_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_KEY_STEPS = 0x9E3779B9, 0xBB67AE85


def philox_words(key: int, counter: int, first: int, count: int) -> np.ndarray:
    """``count`` uint32 words of the Philox stream, from block number ``first`` (of 4 words) on."""
    index = np.uint64(first & (2**64 - 1)) + np.arange(-(-count // 4), dtype=np.uint64)
    a, b = index & _LOW, index >> _SHIFT
    c, d = (
        np.full_like(index, counter & 0xFFFFFFFF),
        np.full_like(index, counter >> 32 & 0xFFFFFFFF),
    )
    low_key, high_key = key & 0xFFFFFFFF, key >> 32 & 0xFFFFFFFF
    for _ in range(10):
        first_product, second_product = _MULTIPLIERS[0] * a, _MULTIPLIERS[1] * c
        a, b, c, d = (
            (second_product >> _SHIFT) ^ b ^ np.uint64(low_key),
            second_product & _LOW,
            (first_product >> _SHIFT) ^ d ^ np.uint64(high_key),
            first_product & _LOW,
        )
        low_key = (low_key + _KEY_STEPS[0]) & 0xFFFFFFFF
        high_key = (high_key + _KEY_STEPS[1]) & 0xFFFFFFFF
    return np.stack([a, b, c, d], axis=-1).reshape(-1)[:count].astype(np.uint32)


def mersenne_words(seed: int, count: int) -> np.ndarray:
    """The first ``count`` uint32 words of the Mersenne twister."""
    return np.frombuffer(np.random.RandomState(seed & 0xFFFFFFFF).bytes(4 * count), np.uint32)


def words_per_number(element_type: Type, high: float, alignment: str) -> int:
    """How many words of 32 bits one number takes."""
    if element_type is Type.i64 and alignment == "pytorch":
        return 2 if high > 0xFFFFFFFF else 1
    return 2 if element_type in (Type.i64, Type.f64) else 1


#: Bits of the fraction, as stored and with the leading one.
_FRACTION_BITS = {Type.f16: 10, Type.bf16: 7, Type.f32: 23, Type.f64: 52}


def unit_interval(words: np.ndarray, element_type: Type, alignment: str) -> np.ndarray:
    """Words as numbers of [0, 1): float64 for f64, else float32."""
    bits = _FRACTION_BITS[element_type] + (1 if alignment == "pytorch" else 0)
    dtype = np.float64 if element_type is Type.f64 else np.float32
    if element_type is Type.f64:
        words = words[::2].astype(np.uint64) << _SHIFT | words[1::2].astype(np.uint64)
    fraction = words & words.dtype.type((1 << bits) - 1)
    return fraction.astype(dtype) * dtype(2.0**-bits)


def integers(words: np.ndarray, low: int, high: int, per_number: int, alignment: str) -> np.ndarray:
    """Words as integers of [low, high)."""
    if per_number == 2:
        first, second = words[::2].astype(np.uint64), words[1::2].astype(np.uint64)
        words = first << _SHIFT | second if alignment == "pytorch" else second << _SHIFT | first
    return (words.astype(np.uint64) % np.uint64(high - low)).astype(np.int64) + low


def uniform(
    words: np.ndarray, element_type: Type, low: float, high: float, alignment: str
) -> np.ndarray:
    """Words as numbers of [low, high)."""
    if not element_type.is_real():
        per_number = words_per_number(element_type, high, alignment)
        return integers(words, int(low), int(high), per_number, alignment)
    unit = unit_interval(words, element_type, alignment)
    if element_type is Type.f64:
        return unit * (high - low) + low
    # Small types round after every operation, as their own arithmetic does.
    small = element_type.host_dtype.type
    width = (np.array(high, small) - np.array(low, small)).astype(small)
    return (unit.astype(small) * width).astype(small) + np.array(low, small)
