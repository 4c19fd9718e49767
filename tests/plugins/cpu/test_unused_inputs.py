"""Inputs that nothing reads must not disturb those that are read."""

from __future__ import annotations

import numpy as np

import ovgpu as ov
import ovgpu.opset13 as ops


def test_an_unused_input_does_not_overwrite_another() -> None:
    used = ops.parameter([1, 3], np.float32, name="used")
    unused = ops.parameter([1, 3], np.float32, name="unused")
    for parameters in ([used, unused], [unused, used]):
        compiled = ov.Core().compile_model(ov.Model([ops.relu(used)], parameters), "CPU")
        ones, fives = np.ones((1, 3), np.float32), np.full((1, 3), 5, np.float32)
        request = compiled.create_infer_request()  # copies inputs into the request's own memory
        np.testing.assert_array_equal(request.infer({"used": ones, "unused": fives})[0], ones)
