"""Softmax and normalisations on the device against the CPU's kernels."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.lower import normalization
from tests.plugins.gpu.lowering_check import compare, numbers

PRECISIONS = pytest.mark.parametrize(
    "precision", [Type.f32, Type.f16, Type.bf16], ids=lambda t: t.to_string()
)

#: Shape and axis: rows of all lengths (short, a warp, many threads, unaligned), columns, nothing.
AXES = [
    ((5, 1), 1), ((6, 3), 1), ((9, 8), -1), ((3, 64), 1), ((2, 3, 77), 2), ((2, 1000), 1), ((1, 4096), 1),
    ((700, 16), 1), ((2, 5, 16), 1), ((2, 5, 7), 1), ((2, 3, 4, 8), 1), ((40, 3), 0),
    ((7,), 0), ((0, 4), 1), ((4, 0), 1), ((4, 0), 0),
]  # fmt: skip


def over(axes) -> np.ndarray:
    return np.array(axes, np.int64)


# ---- softmax --------------------------------------------------------------------------------------------------------
@pytest.mark.gpu_sim(check=[False, True])
@PRECISIONS
def test_softmax(precision):
    for shape, axis in AXES:
        compare("Softmax", [numbers(shape, scale=3)], 8, precision, axis=axis)


@pytest.mark.gpu_sim
@PRECISIONS
def test_log_softmax(precision):
    for shape, axis in AXES[::2]:
        compare("LogSoftmax", [numbers(shape, scale=3)], 5, precision, axis=axis)


@pytest.mark.gpu_sim
def test_softmax_of_large_numbers_and_double():
    compare("Softmax", [numbers((4, 20), scale=1e4)], 8, axis=1)
    compare("Softmax", [numbers((4, 20)).astype(np.float64)], 8, axis=1, tolerance=1e-12)
    masked = numbers((3, 40))
    masked[:, 7:] = -np.inf
    compare("Softmax", [masked], 8, axis=1)


@pytest.mark.gpu_sim(check=[False, True])
def test_rows_longer_than_the_registers(monkeypatch):
    monkeypatch.setattr(normalization, "_MOST_THREADS", 64)
    for width in (64 * 16 + 4, 64 * 8 + 1):
        compare("Softmax", [numbers((3, width))], 8, axis=1)
        compare(
            "LayerNorm",
            [numbers((3, width)), numbers((width,), 1), numbers((width,), 2)],
            "ovgpu",
            epsilon=1e-5,
        )


def test_threads_of_rows():
    assert normalization.row_threads(10_000, 768, 8, 3) == 32
    assert normalization.row_threads(1, 4096, 8, 3) == 512
    assert normalization.row_threads(10_000, 8, 4, 4) == 1
    assert normalization.row_threads(10_000, 1024 * 6 + 1, 1, 6) is None


# ---- means and variances --------------------------------------------------------------------------------------------
@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("precision", [Type.f32, Type.f16], ids=["f32", "f16"])
def test_mvn(precision):
    data = numbers((2, 3, 4, 8)) + 1
    for axes in ((2, 3), (1, 2, 3), (0, 2, 3), (1,), (0, 1), (0, 3), (0, 1, 2, 3), (-1,)):
        for mode in ("INSIDE_SQRT", "OUTSIDE_SQRT"):
            compare("MVN", [data, over(axes)], 6, precision, constant=(1,),
                    eps=1e-5, normalize_variance=True, eps_mode=mode)  # fmt: skip
    compare("MVN", [data, over((2, 3))], 6, precision, constant=(1,),
            eps=1e-5, normalize_variance=False, eps_mode="INSIDE_SQRT")  # fmt: skip
    compare("MVN", [data], 2, precision, eps=1e-5, across_channels=False, normalize_variance=True)


@pytest.mark.gpu_sim
def test_variance_does_not_cancel():
    data = numbers((4, 256), scale=1e-2) + 1000
    compare("MVN", [data, over([1])], 6, constant=(1,), tolerance=1e-2,
            eps=1e-9, normalize_variance=True, eps_mode="INSIDE_SQRT")  # fmt: skip


@pytest.mark.gpu_sim(check=[False, True])
@PRECISIONS
def test_layer_norm(precision):
    for shape in ((2, 3, 64), (5, 33), (2, 768), (3, 1), (0, 8)):
        width = shape[-1]
        inputs = [numbers(shape) + 2, numbers((width,), 1), numbers((width,), 2)]
        compare("LayerNorm", inputs, "ovgpu", precision, epsilon=1e-5)


@pytest.mark.gpu_sim
@PRECISIONS
def test_rms(precision):
    for shape in ((2, 3, 64), (5, 33), (1, 2048)):
        for gamma in ([], [numbers((shape[-1],), 1)], [numbers((1,), 2)]):
            compare("RMS", [numbers(shape), *gamma], "ie_internal_opset", precision, epsilon=1e-5)


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("precision", [Type.f32, Type.f16], ids=["f32", "f16"])
def test_group_normalization(precision):
    for shape, groups in (((2, 6, 4, 5), 3), ((2, 8, 16), 2), ((1, 4, 7), 4), ((3, 6), 2)):
        inputs = [numbers(shape) + 1, numbers((shape[1],), 1), numbers((shape[1],), 2)]
        compare("GroupNormalization", inputs, 12, precision, num_groups=groups, epsilon=1e-4)


@pytest.mark.gpu_sim
def test_normalize_l2_and_grn():
    data = numbers((2, 5, 4, 3))
    for mode in ("add", "max"):
        for axes in ((1,), (1, 2, 3), (3,), (0, 2)):
            compare("NormalizeL2", [data, over(axes)], 1, constant=(1,), eps=1e-3, eps_mode=mode)
    compare("GRN", [data], 1, bias=0.5)


@pytest.mark.gpu_sim(check=[False, True])
def test_local_response():
    data = numbers((2, 7, 4, 5))
    for axes, size in (((1,), 5), ((1,), 4), ((2, 3), 3), ((), 1)):
        compare(
            "LRN", [data, over(axes)], 1, constant=(1,), alpha=0.9, beta=0.75, bias=1.5, size=size
        )
    compare(
        "LRN", [data, over([1])], 1, Type.f16, constant=(1,), alpha=0.9, beta=0.75, bias=1.5, size=5
    )


@pytest.mark.parametrize("storage", ["float", "half_t"])
@pytest.mark.parametrize("operation", ["Softmax", "DeviationInside", "MeanSquare"])
def test_static_facts(operation, storage):
    from cudasim import gate

    from ovgpu.plugins.gpu.modules import expand_generated

    for part in ("ROWS", "AXES"):
        text = f'#include "normalization.cuh"\nNORMALIZATION_{part}(k, {operation}, {storage})\n'
        for row in gate.inspect(expand_generated(text), ["75", "90"], options=("--std=c++17",)):
            assert row.registers <= 64, row
            assert row.spill_bytes == 0, row
            if row.kernel in ("k_rows", "k_long_rows", "k_columns"):
                assert row.loads_16 >= 1
                assert row.stores_16 >= 1
