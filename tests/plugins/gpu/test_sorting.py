"""TopK, NonZero, Bucketize and SearchSorted on the device."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.graph.element_type import Type
from tests.plugins.gpu.lowering_check import compare

DTYPES = [np.float32, np.float16, np.int8, np.uint8, np.int32, np.int64, np.float64]


def values(shape, dtype=np.float32, seed=0):
    """Few different numbers, so that many are equal."""
    return np.random.default_rng(seed).integers(-20, 20, shape).astype(dtype)


def top_k(x, k, precision=Type.f32, opset="opset11", **attributes):
    attributes = {"axis": -1, "mode": "max", "sort": "value", **attributes}
    compare("TopK", [x, np.int64(k)], opset, precision, constant=[1], **attributes)


@pytest.mark.gpu_sim
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", ["max", "min"])
def test_short_rows(mode, dtype):
    precision = Type.f16 if dtype is np.float16 else Type.f32
    for shape, axis, k in [
        ((3, 40), 1, 5),
        ((3, 40), 1, 40),
        ((3, 40), 1, 1),
        ((7, 3, 5), 0, 4),
        ((2, 9, 4), -2, 3),
        ((5,), 0, 2),
        ((1, 700), 1, 600),
    ]:
        for sort in ("value", "index"):
            for kind in (Type.i32, Type.i64):
                top_k(
                    values(shape, dtype),
                    k,
                    precision,
                    axis=axis,
                    mode=mode,
                    sort=sort,
                    index_element_type=kind,
                )


@pytest.mark.gpu_sim(check=True)
@pytest.mark.parametrize("sort", ["value", "index"])
def test_in_check_mode(sort, monkeypatch):
    from ovgpu.plugins.gpu.lower import sorting

    top_k(values((2, 21, 2)), 6, axis=1, sort=sort)
    monkeypatch.setattr(sorting, "_KEY_BYTES", 512)
    monkeypatch.setattr(sorting, "_SORT_THREADS", 32)
    for dtype in (np.float32, np.int64, np.float16):
        top_k(values((2, 150), dtype), 9, sort=sort)
    if sort == "value":
        top_k(values((2, 200, 2)), 100, axis=1)


@pytest.mark.gpu_sim
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", ["max", "min"])
def test_long_rows(mode, dtype):
    precision = Type.f16 if dtype is np.float16 else Type.f32
    for k in (1, 3, 200):
        for sort in ("value", "index"):
            top_k(values((2, 5000), dtype), k, precision, mode=mode, sort=sort)
    if np.dtype(dtype).kind == "f":
        noise = np.random.default_rng(2).standard_normal((3, 6000, 2)).astype(dtype)
        top_k(noise, 50, precision, axis=1, mode=mode)


@pytest.mark.gpu_sim
@pytest.mark.parametrize("dtype", [np.float32, np.int64])
@pytest.mark.parametrize("mode", ["max", "min"])
def test_sort_in_global_memory(mode, dtype):
    top_k(values((2, 9001), dtype), 9001, mode=mode)
    top_k(values((5000, 3), dtype), 4500, mode=mode, axis=0)


@pytest.mark.gpu_sim
def test_special_numbers():
    x = np.array([[0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, np.nan, -1e-40]], np.float32)
    for k in (3, 8):
        top_k(x, k)
        top_k(x, k, mode="min")
    top_k(np.array([[-128, 127, 0, -1]], np.int8), 4, opset="opset1")
    top_k(np.array([[2**63 - 1, -(2**63), 0, -1]], np.int64), 4, opset="opset3")


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
def test_searches(dtype):
    edges = np.sort(values((9,), dtype, 1))
    for right in (False, True):
        for out in (Type.i32, Type.i64):
            compare(
                "Bucketize",
                [values((4, 5), dtype), edges],
                "opset3",
                with_right_bound=right,
                output_type=out,
            )
        compare("SearchSorted", [edges, values((4, 5), dtype)], "opset15", right_mode=right)
        rows = np.sort(values((3, 2, 7), dtype, 2), -1)
        compare("SearchSorted", [rows, values((3, 2, 11), dtype)], "opset15", right_mode=right)
    compare("Bucketize", [values((4,), dtype), edges[:0]], "opset3", with_right_bound=True)


def non_zero(x, precision=Type.f32, kind=Type.i64):
    compare("NonZero", [x], "opset3", precision, output_type=kind)


@pytest.mark.gpu_sim
@pytest.mark.parametrize("dtype", [*DTYPES, np.bool_, np.uint16, np.uint64])
def test_non_zero(dtype):
    precision = Type.f16 if dtype is np.float16 else Type.f32
    rng = np.random.default_rng(3)
    for shape in ((), (1,), (7,), (4097,), (3, 50, 40), (2, 3, 1, 5), (5, 1, 2, 1, 3, 2)):
        for share in (0, 0.1, 0.6, 1):
            x = np.where(rng.random(shape) < share, rng.integers(1, 100, shape), 0).astype(dtype)
            non_zero(x, precision, Type.i32 if len(shape) % 2 else Type.i64)
    non_zero(np.zeros((2, 0, 3), dtype), precision)


@pytest.mark.gpu_sim
def test_non_zero_is_decided_by_bits():
    non_zero(np.array([0.0, -0.0, np.nan, np.inf, 1e-45, -1e-40], np.float32))
    non_zero(np.array([0.0, -0.0, np.nan, 5e-324], np.float64))
    non_zero(np.array([0.0, -0.0, np.nan, 6e-8], np.float16), Type.f16)


@pytest.mark.gpu_sim
def test_non_zero_of_many_parts():
    """More parts than a block sums at once, more elements than one launch has threads."""
    x = (np.random.default_rng(4).random((1100, 4100)) < 0.01).astype(np.uint8)
    non_zero(x)


@pytest.mark.gpu_sim(check=True)
@pytest.mark.parametrize("dtype", [np.bool_, np.float32, np.int64])
def test_non_zero_in_check_mode(dtype):
    for size in (5, 4096, 9001):
        non_zero(values((size,), dtype) // 8)
    non_zero(values((3, 7, 11), dtype))
