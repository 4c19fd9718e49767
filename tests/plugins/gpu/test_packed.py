"""Conversion from and to types of at most 8 bits, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.graph.element_conversion import convert_elements
from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.evaluate import evaluate
from tests.plugins.gpu.lowering_check import build, numbers

PACKED = (Type.u1, Type.u2, Type.u3, Type.u4, Type.u6, Type.i4, Type.nf4, Type.f4e2m1)
FLOAT8 = (Type.f8e4m3, Type.f8e5m2, Type.f8e8m0)


def codes(element_type: Type, shape) -> np.ndarray:
    """Every code of the type, in random order, as a host array."""
    count = int(np.prod(shape))
    everything = np.resize(np.arange(1 << element_type.bitwidth, dtype=np.uint8), count)
    drawn = np.random.default_rng(count).permutation(everything).reshape(shape)
    if element_type is Type.i4:
        return ((drawn ^ 8).astype(np.int16) - 8).astype(np.int8)
    return drawn.view(element_type.host_dtype)


def check_conversion(array: np.ndarray, source: Type, target: Type, precision: Type) -> None:
    node = build("Convert", [array], 1, types={0: source}, destination_type=target)
    (actual,) = evaluate(node, [array], precision)
    exact = convert_elements(array, source, precision if target is Type.f32 else target)
    expected = exact.astype(actual.dtype)
    assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype)
    unequal = np.array(
        [a.tobytes() != b.tobytes() for a, b in zip(actual.flat, expected.flat, strict=True)], bool
    )
    if target.is_real():  # NaN has many codes
        unequal &= ~(
            np.isnan(actual.astype(np.float64)) & np.isnan(expected.astype(np.float64))
        ).reshape(-1)
    wrong = np.flatnonzero(unequal)[:5]
    assert not wrong.size, (
        source,
        target,
        array.shape,
        array.flat[wrong],
        actual.flat[wrong],
        expected.flat[wrong],
    )


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("precision", [Type.f32, Type.f16], ids=["f32", "f16"])
@pytest.mark.parametrize("source", [*PACKED, *FLOAT8], ids=lambda t: t.to_string())
def test_unpacking(source, precision):
    # Whole vectors, a tail, less than a byte, nothing.
    for shape in ((1024,), (4, 61), (257,), (5,), (1,), (0,), (2, 3, 16)):
        check_conversion(codes(source, shape), source, Type.f32, precision)


@pytest.mark.gpu_sim
@pytest.mark.parametrize("source", [*PACKED, *FLOAT8], ids=lambda t: t.to_string())
def test_unpacking_to_other_types(source):
    for target in (Type.i32, Type.i64, Type.u8, Type.boolean):
        if source is not Type.f8e8m0:
            finite = codes(source, (64,))
            wide = finite.astype(np.float32)
            finite = finite[np.isfinite(wide) & (np.abs(wide) < 100)]
            check_conversion(finite, source, target, Type.f32)


@pytest.mark.gpu_sim
@pytest.mark.parametrize("target", FLOAT8, ids=lambda t: t.to_string())
def test_rounding_to_float8(target):
    every_code = np.arange(256, dtype=np.uint8).view(target.host_dtype).astype(np.float32)
    exact = np.sort(every_code[np.isfinite(every_code)])
    with np.errstate(over="ignore"):
        middles = (exact[1:] + exact[:-1]) / 2
    near = np.concatenate([np.nextafter(middles, np.float32(s * np.inf)) for s in (-1, 1)])
    special = np.array([0, -0.0, np.inf, -np.inf, np.nan, 1e9, -1e9, 1e-30], np.float32)
    data = np.concatenate([every_code, middles, near, numbers((200,), scale=100), special])
    check_conversion(data.astype(np.float32), Type.f32, target, Type.f32)
