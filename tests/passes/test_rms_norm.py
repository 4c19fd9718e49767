"""Fusion of root mean square normalisations."""

from __future__ import annotations

import numpy as np
import pytest

import ovgpu as ov
from ovgpu import opset13 as ops
from ovgpu.passes.rms_norm import fuse_rms_norm
from ovgpu.plugins.cpu.evaluate import evaluate_graph

LAST = np.array([-1], np.int64)


def normalised(x, form: str, axis=LAST, keep: bool = True):
    square = ops.multiply(x, x) if "multiply" in form else ops.power(x, np.float32(2))
    total = ops.add(ops.reduce_mean(square, axis, keep), np.float32(1e-5))
    if "power" in form:
        return ops.multiply(x, ops.power(total, np.float32(-0.5)))
    root = ops.sqrt(total)
    return (
        ops.divide(x, root)
        if "divide" in form
        else ops.multiply(x, ops.divide(np.float32(1), root))
    )


@pytest.mark.parametrize("factors", [True, False])
@pytest.mark.parametrize("form", ["inverse", "divide", "power", "multiply"])
def test_forms(form, factors):
    x = ops.parameter([-1, 3, 8], np.float32)
    y = normalised(x, form)
    if factors:
        y = ops.multiply(ops.constant(np.linspace(0, 1, 8, dtype=np.float32)), y)
    result = ops.result(y)
    data = np.random.default_rng(0).standard_normal((2, 3, 8)).astype(np.float32)
    (expected,) = evaluate_graph([result], {x: data})
    model = ov.Model([result], [x], "test")
    fuse_rms_norm(model)
    names = [n.get_type_name() for n in model.get_ordered_ops() if n.get_type_name() != "Constant"]
    assert names == ["Parameter", "RMS", "Result"]
    (actual,) = evaluate_graph([result], {x: data})
    np.testing.assert_allclose(actual, expected, 1e-5, 1e-6)


def unlike(x, y):
    total = ops.add(ops.reduce_mean(ops.multiply(x, x), LAST, True), np.float32(1e-5))
    return ops.divide(y, ops.sqrt(total))


@pytest.mark.parametrize(
    "build",
    [lambda x, y: normalised(x, "inverse", np.array([1], np.int64)), unlike],
    ids=["another axis", "another tensor"],
)
def test_what_is_no_normalisation_stays(build):
    x, y = (ops.parameter([2, 3, 8], np.float32) for _ in range(2))
    model = ov.Model([ops.result(build(x, y))], [x, y], "test")
    before = [n.get_type_name() for n in model.get_ordered_ops()]
    fuse_rms_norm(model)
    assert [n.get_type_name() for n in model.get_ordered_ops()] == before
