"""Slices and borders on the device: exact, for every element size."""

from __future__ import annotations

import numpy as np
import pytest

from tests.plugins.gpu.lowering_check import compare, i64, values

DTYPES = [np.float32, np.float16, np.int8, np.int64]


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_slices(dtype):
    x = values((6, 10, 16), dtype)
    for start, stop, step, axes in [
        ((1,), (5,), (1,), (0,)),
        ((0, 8), (10, 16), (2, 1), (1, 2)),
        ((-1,), (-100,), (-1,), (2,)),
        ((9, 5), (0, 0), (-3, -1), (1, 0)),
        ((4,), (4,), (1,), (1,)),
        ((1, 1, 1), (100, 100, 100), (1, 2, 3), (0, 1, 2)),
    ]:
        arrays = [x, i64(*start), i64(*stop), i64(*step), i64(*axes)]
        compare("Slice", arrays, constant=[1, 2, 3, 4])
    masks = {
        "begin_mask": [0, 0, 1],
        "end_mask": [0, 1, 0],
        "new_axis_mask": [0, 0, 0],
        "shrink_axis_mask": [1, 0, 0],
        "ellipsis_mask": [0, 0, 0],
    }
    compare(
        "StridedSlice", [x, i64(2, 3, 0), i64(3, 0, 9), i64(1, 2, 1)], constant=[1, 2, 3], **masks
    )
    masks["new_axis_mask"], masks["ellipsis_mask"] = [1, 0, 0], [0, 1, 0]
    masks["shrink_axis_mask"] = [0, 0, 1]
    compare(
        "StridedSlice", [x, i64(0, 0, 3), i64(0, 0, 4), i64(1, 1, 1)], constant=[1, 2, 3], **masks
    )
    arrays = [x, values((6, 4, 16), dtype, 1), i64(1), i64(9), i64(2), i64(1)]
    compare("SliceScatter", arrays, constant=[2, 3, 4, 5])


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
def test_pad(mode, dtype):
    for shape, before, after in [
        ((3, 4), (1, 2), (2, 1)),
        ((2, 4, 8), (0, 1, 0), (0, 2, 0)),
        ((2, 3, 5, 5), (0, 0, 1, 2), (0, 0, 2, 1)),
        ((5, 6), (-1, 2), (2, -3)),
        ((4, 16), (0, 16), (0, 0)) if mode == "constant" else ((4, 16), (0, 15), (0, 0)),
        ((4,), (0,), (0,)),
    ]:
        arrays = [values(shape, dtype), i64(*before), i64(*after)]
        compare("Pad", arrays, constant=[1, 2], pad_mode=mode)
        if mode == "constant":
            for fill in (0, 7):
                compare("Pad", [*arrays, np.array(fill, dtype)], constant=[1, 2, 3], pad_mode=mode)
            compare("Pad", [*arrays, np.array(7, dtype)], constant=[1, 2], pad_mode=mode)
