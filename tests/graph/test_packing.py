"""Bit orders of the run time, against byte vectors and against the real packing helpers."""

from __future__ import annotations

import numpy as np
import pytest
from openvino import Type as RealType
from openvino.helpers import pack_data as real_pack_data

from ovgpu.graph.packing import pack_codes, packed_size, sign_extend, unpack_codes

VECTORS = [
    (1, [1, 0, 1, 1, 0, 0, 0, 1, 1, 0, 1], "b1a0"),
    (1, [1, 0, 0, 0, 0, 0, 1, 1], "83"),
    (2, [0, 1, 2, 3], "e4"),
    (3, [0, 1, 2, 3, 4, 5, 6, 7], "1b1b0f"),
    (4, [1, 2, 3, 15], "21f3"),
    (4, [-8, 7, -1, 1], "781f"),
    (4, [2, 15], "f2"),  # the codes of f4e2m1 1 and -6
    (6, [1, 17, 33, 63], "111f1b"),
]


@pytest.mark.parametrize(("bits", "values", "packed"), VECTORS)
def test_packed_bytes(bits: int, values: list[int], packed: str) -> None:
    assert pack_codes(np.array(values, np.int8), bits).tobytes().hex() == packed
    codes = unpack_codes(np.frombuffer(bytes.fromhex(packed), np.uint8), bits, len(values))
    assert codes.tolist() == [v & ((1 << bits) - 1) for v in values]


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("high_first", [False, True])
def test_round_trip_of_any_length(bits: int, high_first: bool) -> None:
    rng = np.random.default_rng(bits)
    for count in range(34):
        values = rng.integers(0, 1 << bits, count).astype(np.uint8)
        packed = pack_codes(values, bits, high_first)
        assert packed.dtype == np.uint8
        assert packed.size == packed_size(bits, count)
        np.testing.assert_array_equal(unpack_codes(packed, bits, count, high_first), values)


@pytest.mark.parametrize(("bits", "name"), [(1, "u1"), (2, "u2"), (3, "u3"), (4, "u4"), (6, "u6")])
def test_high_first_is_the_order_of_the_helpers(bits: int, name: str) -> None:
    rng = np.random.default_rng(7)
    for count in (1, 2, 3, 5, 8, 13, 64, 101):
        values = rng.integers(0, 1 << bits, count).astype(np.uint8)
        expected = real_pack_data(values, getattr(RealType, name))
        np.testing.assert_array_equal(pack_codes(values, bits, high_first=True), expected)


def test_values_beyond_the_bits_are_cut() -> None:
    assert pack_codes(np.array([0x1F, 0x2E], np.uint8), 4).tobytes() == b"\xef"


def test_sign_extension() -> None:
    assert sign_extend(np.arange(16, dtype=np.uint8), 4).tolist() == [*range(8), *range(-8, 0)]


def test_too_few_bytes_are_refused() -> None:
    with pytest.raises(ValueError, match="3 values of 4 bits need 2 bytes, got 1"):
        unpack_codes(np.zeros(1, np.uint8), 4, 3)


def test_non_contiguous_values() -> None:
    grid = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(pack_codes(grid.T, 4), pack_codes(grid.T.copy(), 4))
