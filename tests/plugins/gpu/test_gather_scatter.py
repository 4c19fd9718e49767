"""Gather, scatter, OneHot, Eye and Range on the device."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.graph.element_type import Type
from tests.plugins.gpu.lowering_check import compare, values

INDICES = [np.int32, np.int64]
DTYPES = [np.float32, np.float16, np.int8, np.int64]


def picks(shape, low, high, dtype=np.int64, seed=1):
    return np.random.default_rng(seed).integers(low, high, shape).astype(dtype)


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_gather(dtype, index):
    for shape, indices, axis, batch in [
        ((20, 8), (3, 5), 0, 0),
        ((4, 7, 3), (2,), 1, 0),
        ((4, 7, 3), (2, 2), -1, 0),
        ((3, 4, 5, 2), (3, 6), 2, 1),
        ((2, 3, 5, 4), (2, 3, 2), 2, 2),
        ((2, 3, 5), (2, 3, 2, 2), 2, -2),
        ((6, 5), (), 0, 0),
        ((6, 5), (0,), 0, 0),
    ]:
        size = shape[axis]
        arrays = [values(shape, dtype), picks(indices, -size, size, index), np.int64(axis)]
        compare("Gather", arrays, constant=[2], batch_dims=batch)
    known = [values((3, 4, 8), dtype), np.array(-2, index), np.int64(1)]
    compare("Gather", known, constant=[1, 2], batch_dims=0)
    compare(
        "Gather",
        [values((9, 4), dtype), picks((5,), 0, 9, index), np.int64(0)],
        "opset1",
        constant=[2],
    )


@pytest.mark.gpu_sim(check=True)
def test_indices_outside_give_zeros():
    arrays = [values((4, 3)), np.array([0, 9, -9, 3]), np.int64(0)]
    (result,) = compare("Gather", arrays, constant=[2], batch_dims=0)
    assert not result[1:3].any()
    compare("GatherElements", [values((2, 3)), np.array([[0, 7, -1], [2, -8, 1]])], axis=1)
    compare("GatherND", [values((3, 4, 5)), np.array([[0, 9], [-1, -1], [5, 0]])], batch_dims=0)


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_gather_elements_and_tuples(dtype, index):
    for shape, indices, axis in [((5, 6), (5, 4), 1), ((4, 3, 5), (9, 3, 5), 0), ((7,), (3,), -1)]:
        arrays = [values(shape, dtype), picks(indices, -shape[axis], shape[axis], index)]
        compare("GatherElements", arrays, axis=axis)
    for shape, indices, batch in [
        ((4, 5, 8), (6, 2), 0),
        ((4, 5, 3), (2, 3, 1), 0),
        ((4, 5), (3, 2), 0),
        ((3, 4, 5, 2), (3, 2, 2), 1),
        ((2, 3, 4, 6), (2, 3, 5, 1), 2),
    ]:
        limit = min(shape[batch : batch + indices[-1]])
        compare(
            "GatherND",
            [values(shape, dtype), picks(indices, -limit, limit, index)],
            batch_dims=batch,
        )


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_scatter_update(dtype, index):
    for shape, indices, axis in [
        ((20, 8), (3,), 0),
        ((20, 8), (4, 10), 0),  # more updates than rows: the last one wins
        ((3, 9, 5), (2, 2), 1),
        ((3, 30, 4), (20,), 1),
        ((3, 4), (0,), 0),
        ((6, 5), (1,), -1),
    ]:
        axis %= len(shape)
        updates = (*shape[:axis], *indices, *shape[axis + 1 :])
        arrays = [
            values(shape, dtype),
            picks(indices, 0, shape[axis], index),
            values(updates, dtype, 2),
            np.int64(axis),
        ]
        compare("ScatterUpdate", arrays, constant=[3])
    for count in (2, 20):
        arrays = [
            values((30, 3), dtype),
            picks((count,), 0, 30, index),
            np.array(5, dtype),
            np.int64(0),
        ]
        compare("ScatterUpdate", arrays, constant=[3])


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int64])
def test_scatter_without_reduction(dtype, index):
    for shape, indices, axis in [((5, 6), (3, 20), 1), ((4, 3, 5), (9, 3, 2), 0)]:
        arrays = [
            values(shape, dtype),
            picks(indices, -shape[axis], shape[axis], index),
            values(indices, dtype, 2),
            np.int64(axis),
        ]
        compare("ScatterElementsUpdate", arrays, constant=[3], reduction="none", use_init_val=True)
        compare("ScatterElementsUpdate", arrays, "opset3", constant=[3])
    for shape, indices in [
        ((4, 5, 8), (6, 2)),
        ((4, 5, 3), (2, 9, 1)),
        ((4, 5), (30, 2)),
        ((4, 5), (0, 2)),
    ]:
        updates = (*indices[:-1], *shape[indices[-1] :])
        arrays = [values(shape, dtype), picks(indices, 0, 4, index), values(updates, dtype, 2)]
        compare("ScatterNDUpdate", arrays, "opset4")


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("reduction", ["sum", "mean", "prod", "min", "max"])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int32, np.uint8, np.int64])
def test_scatter_with_reduction(reduction, dtype):
    def small(shape, seed):
        return np.random.default_rng(seed).integers(1, 4, shape).astype(dtype)

    precision = Type.f16 if dtype is np.float16 else Type.f32
    for initial in (False, True):
        for shape, indices, axis in [((5, 6), (3, 9), 1), ((7, 3), (12, 2), 0)]:
            arrays = [
                small(shape, 0),
                picks(indices, -shape[axis], shape[axis]),
                small(indices, 2),
                np.int64(axis),
            ]
            how = {"reduction": reduction, "use_init_val": initial}
            compare("ScatterElementsUpdate", arrays, precision=precision, constant=[3], **how)
    if reduction != "mean":
        for how in (reduction, "sub"):
            arrays = [small((4, 5, 3), 0), picks((9, 2), 0, 4), small((9, 3), 2)]
            compare("ScatterNDUpdate", arrays, "opset15", precision=precision, reduction=how)


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("index", INDICES)
def test_one_hot(index):
    for shape, axis, dtype in [
        ((5,), -1, np.float32),
        ((3, 4), 1, np.int64),
        ((2, 3), 0, np.bool_),
        ((), 0, np.int8),
    ]:
        arrays = [picks(shape, -2, 7, index), np.int64(6), np.array(1, dtype), np.array(0, dtype)]
        compare("OneHot", arrays, "opset1", constant=[1], axis=axis)
        compare(
            "OneHot", arrays, "opset16", constant=[1], axis=axis, negative_indices_mode="normalize"
        )


@pytest.mark.gpu_sim
@pytest.mark.parametrize("out", [Type.f32, Type.f16, Type.i32, Type.u8, Type.i64, Type.f64])
def test_generators(out):
    for offset, batch in [(0, None), (2, [2, 3]), (-3, [4])]:
        arrays = [np.int64(5), np.int64(7), np.int64(offset)]
        arrays += [] if batch is None else [np.array(batch)]
        compare("Eye", arrays, constant=range(len(arrays)), output_type=out)
    compare("Range", [np.int64(3), np.int64(700), np.int64(7)], constant=[0, 1, 2], output_type=out)
    arrays = [np.float32(1.5), np.float32(-40), np.float32(-0.1)]
    if out.is_real():
        compare("Range", arrays, constant=[0, 1, 2], output_type=out)
