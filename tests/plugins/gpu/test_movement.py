"""Rearrangements on the device: exact, for every element size, in shapes that reach every route of the copy kernels."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.graph.element_type import Type
from tests.plugins.gpu.lowering_check import compare, i64, values

DTYPES = [np.float32, np.float16, np.int8, np.int64]


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_transpose(dtype):
    for shape, order in [
        ((33, 50), (1, 0)),
        ((64, 64), (1, 0)),
        ((2, 7, 4, 16), (0, 2, 1, 3)),  # runs of 16 bytes and more
        ((3, 5, 7), (2, 0, 1)),
        ((2, 3, 40, 9), (0, 3, 1, 2)),  # to channels last
        ((2, 20, 3, 31), (3, 0, 2, 1)),
        ((6,), (0,)),
        ((0, 3), (1, 0)),
        ((1, 8, 1, 8), (3, 2, 1, 0)),
    ]:
        compare("Transpose", [values(shape, dtype), i64(*order)], constant=[1])
    compare("Transpose", [values((2, 3, 4), dtype), np.zeros(0, np.int64)], constant=[1])


@pytest.mark.gpu_sim
@pytest.mark.parametrize("dtype", DTYPES)
def test_concat(dtype, cudasim):
    for axis, shapes in [
        (0, [(2, 3), (4, 3)]),
        (1, [(3, 4), (3, 1), (3, 0), (3, 8)]),
        (-1, [(2, 3, 5), (2, 3, 6)]),
        (1, [(2, n % 3 + 1, 4) for n in range(20)]),
    ]:
        compare("Concat", [values(s, dtype, i) for i, s in enumerate(shapes)], axis=axis)
    with cudasim.counting() as grown:
        compare("Concat", [values((2, n + 1, 4), dtype, n) for n in range(16)], axis=1)
    assert grown["launches"] == 1


@pytest.mark.gpu_sim(check=[False, True])
def test_split():
    compare("Split", [values((4, 6, 5)), i64(1)[0]], constant=[1], num_splits=3)
    compare("Split", [values((4, 6), np.int8), i64(-1)[0]], constant=[1], num_splits=6)
    compare("VariadicSplit", [values((4, 9, 5)), i64(1)[0], i64(2, -1, 4, 0)], constant=[1, 2])


@pytest.mark.gpu_sim
@pytest.mark.parametrize("dtype", DTYPES)
def test_repetition(dtype):
    for shape, repeats in [
        ((2, 3), (2, 3)),
        ((1, 4, 1), (3, 1, 5)),
        ((5,), (2, 1)),
        ((2, 3), (1, 0)),
    ]:
        compare("Tile", [values(shape, dtype), i64(*repeats)], constant=[1])
    compare("Broadcast", [values((3, 1), dtype), i64(2, 3, 4)], constant=[1], mode="numpy")
    compare("Broadcast", [values((3, 1), dtype), i64(1, 4)], constant=[1], mode="bidirectional")
    arrays = [values((3,), dtype), i64(2, 3, 4), i64(1)]
    compare("Broadcast", arrays, constant=[1, 2], mode="explicit")
    compare("Reverse", [values((4, 5, 6), dtype), i64(0, 2)], constant=[1], mode="index")


@pytest.mark.gpu_sim
def test_roll():
    x = values((5, 6, 7))
    for shift, axes in [((2,), (0,)), ((-1, 3), (1, 2)), ((2, 2, -9), (0, 0, 2)), ((5,), (0,))]:
        compare("Roll", [x, i64(*shift), i64(*axes)], constant=[1, 2])


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_reverse_sequence(dtype):
    lengths = np.array([1, 4, 0], dtype)
    compare("ReverseSequence", [values((3, 4, 5)), lengths], batch_axis=0, seq_axis=1)
    compare(
        "ReverseSequence", [values((2, 4, 6, 3), np.float16), lengths], batch_axis=3, seq_axis=1
    )
    compare("ReverseSequence", [values((4, 3, 4)), lengths], batch_axis=-2, seq_axis=2)


@pytest.mark.gpu_sim
def test_half_storage_of_single_floats():
    half = Type.f16
    compare("Transpose", [values((5, 40, 9)), i64(2, 0, 1)], constant=[1], precision=half)
    arrays = [values((5, 4)), i64(1, 1), i64(1, 1), np.float32(3)]
    compare("Pad", arrays, constant=[1, 2], precision=half, pad_mode="constant")
