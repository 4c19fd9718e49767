"""Reductions on the device against the CPU's kernels."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.axes import split_axes
from ovgpu.plugins.gpu.lower import reduction
from tests.plugins.gpu.lowering_check import compare, numbers

KINDS = ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceProd")

CASES = [
    ((2, 3, 4), (0, 1, 2)),
    ((2, 3, 40), (2,)),
    ((5, 3), (1,)),
    ((64, 7), (-1,)),
    ((300, 3), (0,)),
    ((2, 30, 64), (1,)),
    ((2, 30, 7), (1,)),
    ((2, 3, 4, 5), (0, 2)),
    ((2, 3, 4, 5), (1, 3)),
    ((2, 3, 2, 3, 2, 3), (0, 2, 4)),
    ((3, 2000), (1,)),
    ((3, 1000), (1,)),
    ((3, 500), (1,)),
    ((1, 1), (0,)),
    ((4, 5), ()),
    ((0, 3), (0,)),
    ((3, 0), (0,)),
    ((2, 0, 3), (1,)),
]


def over(axes) -> np.ndarray:
    return np.array(axes, np.int64)


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("precision", [Type.f32, Type.f16], ids=["f32", "f16"])
def test_axes(precision):
    for shape, axes in CASES:
        for keep in (False, True):
            inputs = [numbers(shape), over(axes)]
            compare("ReduceSum", inputs, 1, precision, constant=(1,), keep_dims=keep)


@pytest.mark.gpu_sim
@pytest.mark.parametrize("precision", [Type.f32, Type.f16, Type.bf16], ids=lambda t: t.to_string())
@pytest.mark.parametrize("name", KINDS)
def test_kinds(name, precision):
    data = numbers((4, 6, 16)) * 0.5 + 1
    for axes in ((1,), (2,), (0, 2)):
        compare(name, [data, over(axes)], 4, precision, constant=(1,), keep_dims=True)


@pytest.mark.gpu_sim
@pytest.mark.parametrize(
    "dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64], ids=lambda d: d.__name__
)
def test_integers(dtype):
    signed = np.issubdtype(dtype, np.signedinteger)
    data = np.random.default_rng(0).integers(-9 if signed else 0, 9, (3, 5, 8)).astype(dtype)
    for name in KINDS:
        for axes in ((1,), (2,), (0, 1, 2)):
            compare(name, [data, over(axes)], 4, constant=(1,), keep_dims=False)
    for name in ("ReduceMax", "ReduceMin"):
        compare(name, [data[:0], over([0])], 1, constant=(1,), keep_dims=False)


@pytest.mark.gpu_sim
def test_logic():
    data = np.random.default_rng(0).random((4, 3, 20)) < 0.8
    for name in ("ReduceLogicalAnd", "ReduceLogicalOr"):
        for axes in ((1,), (2,), (0, 1, 2)):
            compare(name, [data, over(axes)], 1, constant=(1,), keep_dims=False)


@pytest.mark.gpu_sim
def test_not_a_number_wins():
    data = numbers((4, 70))
    data[2, 33] = np.nan
    for name in ("ReduceMax", "ReduceMin"):
        result = compare(name, [data, over([1])], 1, constant=(1,), keep_dims=False)
        assert np.isnan(result[0][2])


@pytest.mark.gpu_sim(check=[False, True])
def test_few_outputs_take_two_passes(monkeypatch):
    monkeypatch.setattr(reduction, "SMALLEST_SLICE", 64)
    for shape, axes in [
        ((1000,), (0,)),
        ((3, 777), (1,)),
        ((500, 16), (0,)),
        ((500, 3), (0,)),
        ((9, 4, 50), (0, 2)),
    ]:
        for name in ("ReduceSum", "ReduceMean", "ReduceMax"):
            compare(name, [numbers(shape), over(axes)], 1, constant=(1,), keep_dims=False)


@pytest.mark.gpu_sim(check=[False, True])
def test_cumulative_sums():
    shapes = [
        ((7,), 0),
        ((3, 700), 1),
        ((3, 256), -1),
        ((5, 6, 7), 1),
        ((4, 3), 0),
        ((2, 0), 1),
        ((2, 1), 1),
    ]
    for shape, axis in shapes:
        for exclusive in (False, True):
            for reverse in (False, True):
                compare("CumSum", [numbers(shape), np.array(axis, np.int64)], 3, constant=(1,),
                        exclusive=exclusive, reverse=reverse)  # fmt: skip
    whole = np.random.default_rng(0).integers(-50, 100, (3, 300))
    for dtype in (np.int64, np.int32, np.int8):
        compare("CumSum", [whole.astype(dtype), np.array(1, np.int64)], 3, constant=(1,))
    compare("CumSum", [numbers((2, 40)), np.array(1, np.int64)], 3, Type.f16, constant=(1,))


@pytest.mark.parametrize("large", [np.inf, -np.inf, 3e38])
def test_cumulative_sum_before_and_after_large_numbers(large):
    row = np.arange(1, 301, dtype=np.float32)
    row[[40, 200]] = large
    row[41] = -large if np.isfinite(large) else 0
    sums = np.arange(41).cumsum()
    for exclusive in (False, True):
        inputs = [row[None], np.array(1, np.int64)]
        (actual,) = compare("CumSum", inputs, 3, constant=(1,), exclusive=exclusive)
        np.testing.assert_array_equal(actual[0, : 40 + exclusive], sums[1 - exclusive :])


def test_neighbouring_dimensions_merge():
    split = split_axes((2, 3, 4, 5), (2, 3))
    assert (split.kept, split.gone, split.inner_gone) == (((6, 20),), ((20, 1),), True)
    split = split_axes((2, 3, 1, 5), (1,))
    assert (split.kept, split.gone, split.inner_gone) == (((2, 15), (5, 1)), ((3, 5),), False)
    assert split_axes((1, 1), (0, 1)).count == 1


@pytest.mark.parametrize("operation", ["Sum", "Mean", "Max", "L2"])
def test_static_facts(operation):
    from cudasim import gate

    from ovgpu.plugins.gpu.modules import expand_generated

    for storage in (Type.f32, Type.f16):
        text, name = reduction._source(operation, storage)
        rows = gate.inspect(expand_generated(text), ["75", "90"], options=("--std=c++17",))
        for row in rows:
            assert row.registers <= 64
            assert row.spill_bytes == 0
            if row.kernel in (f"{name}_rows", f"{name}_columns"):
                assert row.loads_16 >= 1
