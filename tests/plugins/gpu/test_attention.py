"""Scaled dot-product attention on the device."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.graph.element_type import Type
from tests.plugins.gpu.lowering_check import compare, numbers

PRECISIONS = pytest.mark.parametrize("precision", [Type.f32, Type.f16], ids=["f32", "f16"])

#: Query, key and value.
SHAPES = {
    "plain": ((2, 3, 10, 16), (2, 3, 13, 16), (2, 3, 13, 16)),
    "other_value": ((1, 2, 70, 24), (1, 2, 130, 24), (1, 2, 130, 20)),
    "odd_head": ((1, 5, 33), (1, 40, 33), (1, 40, 7)),
    "shared_keys": ((2, 4, 9, 8), (2, 1, 11, 8), (1, 1, 11, 8)),
    "decoding": ((2, 4, 1, 64), (2, 4, 77, 64), (2, 4, 77, 64)),
    "three_rows": ((1, 2, 3, 40), (1, 2, 5, 40), (1, 2, 5, 80)),
    "head_128": ((1, 2, 40, 128), (1, 2, 50, 128), (1, 2, 50, 100)),
    "one_row_32": ((2, 3, 1, 32), (2, 3, 45, 32), (2, 3, 45, 24)),
    "one_row_256": ((1, 2, 2, 256), (1, 2, 45, 256), (1, 2, 45, 256)),
    "long": ((1, 2, 1, 128), (1, 2, 1100, 128), (1, 2, 1100, 128)),
    "long_rows": ((1, 2, 3, 64), (1, 2, 777, 64), (1, 2, 777, 40)),
    "long_odd": ((1, 1, 2, 33), (1, 1, 600, 33), (1, 1, 600, 7)),
    "head_256": ((1, 1, 20, 256), (1, 1, 35, 256), (1, 1, 35, 256)),
}


def _arrays(name):
    return [numbers(shape, i) for i, shape in enumerate(SHAPES[name])]


@pytest.mark.gpu_sim(check=True)
@PRECISIONS
@pytest.mark.parametrize("causal", [False, True], ids=["whole", "causal"])
def test_shapes(causal, precision):
    for name in SHAPES:
        compare("ScaledDotProductAttention", _arrays(name), 13, precision, causal=causal)


@pytest.mark.gpu_sim(check=True)
@PRECISIONS
def test_masks_and_scale(precision):
    for name in ("plain", "shared_keys", "decoding", "three_rows", "long_rows", "long_odd"):
        query, key, _ = SHAPES[name]
        rows, columns = query[-2], key[-2]
        for shape in ((rows, columns), (query[0], 1, rows, columns), (1, 1, 1, columns), (rows, 1)):
            added = numbers(shape, 7)
            seen = numbers(shape, 8) > -0.5
            seen[..., 0] = True
            for mask in (added, seen):
                arrays = [*_arrays(name), mask, np.array([0.3], np.float32)]
                compare("ScaledDotProductAttention", arrays, 13, precision, causal=False)


@pytest.mark.gpu_sim
def test_rows_that_see_nothing_and_scalars():
    for name in ("plain", "decoding", "long_rows", "long_odd"):
        query, key, _ = SHAPES[name]
        mask = numbers((query[-2], key[-2])) > 0
        mask[0] = False
        result = compare("ScaledDotProductAttention", [*_arrays(name), mask], 13, causal=False)
        assert np.isnan(result[0][..., 0, :]).all()
        nothing = np.float32(0).reshape(())
        arrays = [*_arrays(name), nothing, np.array(0.5, np.float32)]
        compare("ScaledDotProductAttention", arrays, 13, causal=False)


@pytest.mark.gpu_sim
def test_large_scores_and_no_keys():
    arrays = [
        numbers((1, 2, 8, 16), 1, 30),
        numbers((1, 2, 90, 16), 2, 30),
        numbers((1, 2, 90, 16), 3),
    ]
    compare("ScaledDotProductAttention", arrays, 13, causal=False)
    empty = [numbers((1, 2, 8, 16)), numbers((1, 2, 0, 16)), numbers((1, 2, 0, 16))]
    compare("ScaledDotProductAttention", empty, 13, causal=False)


@pytest.mark.gpu_sim(check=True)
@PRECISIONS
def test_slices_that_see_nothing(precision):
    """Keys go to several blocks, of which only one has some to look at."""
    for name in ("long", "long_rows", "long_odd"):
        query, key, _ = SHAPES[name]
        for first in (0, 300, key[-2] - 1):
            mask = np.zeros((query[-2], key[-2]), bool)
            mask[:, first : first + 200] = True
            compare(
                "ScaledDotProductAttention", [*_arrays(name), mask], 13, precision, causal=False
            )


@pytest.mark.gpu_sim
def test_long_keys_are_cut_into_slices(cudasim):
    """As many blocks as keep the device busy, no more queries in pieces than it has multiprocessors."""
    with cudasim.launches() as log:
        compare("ScaledDotProductAttention", _arrays("long"), 13, causal=False)
        compare("ScaledDotProductAttention", _arrays("decoding"), 13, causal=False)
        many = [numbers((150, 2, 1, 8)), numbers((150, 2, 600, 8)), numbers((150, 2, 600, 8))]
        compare("ScaledDotProductAttention", many, 13, causal=False)
    assert [(r.kernel, r.grid) for r in log if "attention" in r.kernel] == [
        ("attention_rows_32", (1, 2, 4)),
        ("attention_rows_16", (1, 8, 1)),
        ("attention_rows_8", (1, 300, 1)),
    ]


#: What tiles of 64 queries and keys do not divide, heads that are no multiples of 8, values of another size.
TENSOR = {
    "tiles": ((1, 2, 64, 64), (1, 2, 128, 64), (1, 2, 128, 64)),
    "ends": ((2, 2, 70, 40), (2, 1, 130, 40), (2, 1, 130, 72)),
    "odd": ((1, 5, 33), (1, 65, 33), (1, 65, 7)),
    "head_128": ((1, 1, 90, 128), (1, 1, 100, 128), (1, 1, 100, 120)),
}


@pytest.mark.gpu_sim(arch=[75, 86], check=True)
@pytest.mark.parametrize("precision", [Type.f16, Type.bf16], ids=["f16", "bf16"])
def test_tensor_cores(precision, cudasim, gpu_arch):
    """Before sm_80 there are none for bf16."""
    for query, key, value in TENSOR.values():
        rows, columns = query[-2], key[-2]
        seen = numbers((rows, columns), 8) > -0.5
        seen[:, 0] = True
        arrays = [numbers(shape, i) for i, shape in enumerate((query, key, value))]
        for more in ([], [numbers((1, columns), 7)], [seen]):
            with cudasim.launches() as log:
                compare("ScaledDotProductAttention", [*arrays, *more], 13, precision, causal=False)
            (name,) = [r.kernel for r in log if r.kernel.startswith("attention")]
            old = precision is Type.bf16 and gpu_arch < 80
            assert name.startswith("attention_tensor") != old
        compare("ScaledDotProductAttention", arrays, 13, precision, causal=True)


@pytest.mark.gpu_sim
def test_tensor_cores_keep_large_scores_and_empty_rows():
    """Weights are relative to the largest of their row; a row that sees nothing has none."""
    arrays = [numbers(shape, i, 3.0) for i, shape in enumerate(TENSOR["ends"])]
    compare("ScaledDotProductAttention", arrays, 13, Type.f16, causal=False)
    mask = np.ones((70, 130), bool)
    mask[3] = mask[69] = False
    result = compare("ScaledDotProductAttention", [*arrays, mask], 13, Type.f16, causal=False)
    assert np.isnan(result[0][..., [3, 69], :]).all()
    assert np.isfinite(np.delete(result[0], [3, 69], axis=-2)).all()
