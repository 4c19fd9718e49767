"""Structs of kernel arguments."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.plugins.gpu.divisor import DIVISOR, divisor
from ovgpu.plugins.gpu.structs import struct

SHAPE = np.dtype(
    [("rows", "i4"), ("sizes", "i8", 3), ("by_row", DIVISOR), ("scale", "f4")], align=True
)


def test_fields_and_what_is_left_out():
    made = struct(SHAPE, {"rows": 7, "sizes": (2, 1 << 40), "by_row": divisor(10)})
    assert (made.shape, made.dtype) == ((1,), SHAPE)
    assert made["rows"][0] == 7
    assert made["sizes"][0].tolist() == [2, 1 << 40, 0]
    assert made["by_row"][0].item() == divisor(10)
    assert made["scale"][0] == 0
    assert not struct(SHAPE, {}).view(np.uint8).any()


@pytest.mark.parametrize(
    ("values", "error", "sentence"),
    [
        ({"columns": 1, "rows": 2}, KeyError, "columns"),
        ({"sizes": [1, 2, 3, 4]}, ValueError, "4 elements for 'sizes', which has 3"),
        ({"rows": 1 << 31}, OverflowError, "too large|out of bounds"),
    ],
)
def test_what_does_not_fit(values, error, sentence):
    with pytest.raises(error, match=sentence):
        struct(SHAPE, values)
