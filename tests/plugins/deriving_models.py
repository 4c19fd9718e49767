"""Models whose plans are easily derived wrongly, for both devices."""

from __future__ import annotations

import numpy as np

import ovgpu as ov
from ovgpu import opset16 as ops


def many_known_numbers() -> ov.Model:
    """Three hundred numbers that are known and other ones for each size of x [rows, 8]; one of them is a size."""
    x = ops.parameter([-1, 8], np.float32, "x")
    rows = ops.gather(ops.shape_of(x, "i64"), ops.constant(np.int64(0)), ops.constant(np.int64(0)))
    numbers = ops.range(rows, ops.add(rows, ops.constant(np.int64(300))), np.int64(1), "i64")
    one = ops.reshape(
        ops.gather(numbers, ops.constant(np.int64(2)), ops.constant(np.int64(0))),
        np.array([1]),
        False,
    )
    outputs = [ops.broadcast(ops.constant(np.float32(2)), one), numbers, ops.tanh(x)]
    return ov.Model(outputs, [x], "many")
