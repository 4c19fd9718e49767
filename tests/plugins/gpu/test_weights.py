"""Constants in device memory: what stays f32 where tensors are stored in f16 or bf16, and the memory it takes."""

from __future__ import annotations

import numpy as np
import pytest
from plugins.gpu.runtime_models import compile_gpu, parameter, reals

import ovgpu as ov
from ovgpu import opset16 as ops

pytestmark = pytest.mark.gpu_sim

PRECISIONS = pytest.mark.parametrize("precision", ["f16", "bf16"])
#: A number that f16 and bf16 round to 1.
FINE = np.float32(1 + 2.0**-12)


def infer(model: ov.Model, precision: str, *values: np.ndarray) -> np.ndarray:
    (result,) = compile_gpu(model, {"INFERENCE_PRECISION_HINT": precision})(list(values)).to_tuple()
    return result


def weight_bytes(model: ov.Model, precision: str) -> int:
    compiled = compile_gpu(model, {"INFERENCE_PRECISION_HINT": precision})
    return compiled.get_property("OVGPU_MEMORY_STATISTICS")["weights"]


def convolution(x, filters: np.ndarray):
    return ops.convolution(x, ops.constant(filters), [1, 1], [0, 0], [0, 0], [1, 1])


@PRECISIONS
@pytest.mark.parametrize("multiplier", [1, 3])
def test_filters_of_depthwise_convolutions(precision, multiplier):
    """What is left of the filters beside the bias would be lost if they were rounded."""
    x = parameter([1, 4, 5, 6])
    filters = np.full((4, multiplier, 1, 2, 2), FINE)
    out = ops.group_convolution(x, ops.constant(filters), [1, 1], [0, 0], [0, 0], [1, 1])
    model = ov.Model([ops.subtract(out, ops.constant(np.float32(4)))], [x], "depthwise")
    result = infer(model, precision, np.ones((1, 4, 5, 6), np.float32))
    np.testing.assert_allclose(result, 4 * 2.0**-12, rtol=1e-2)


@PRECISIONS
@pytest.mark.parametrize(
    ("kernel", "places"), [((1, 1), 6), ((1, 1), 1), ((3, 3), 6)], ids=["point", "one", "window"]
)
@pytest.mark.parametrize("batch", [1, 12])
def test_bias_of_convolutions(precision, kernel, places, batch):
    """On every way that a convolution takes: as tiles, and as products with many and with few rows."""
    x = parameter([batch, 8, places + kernel[0] - 1, places + kernel[1] - 1])
    filters = np.zeros((4, 8, *kernel), np.float32)
    filters[:, 0, 0, 0] = -1
    bias = ops.constant(np.full((1, 4, 1, 1), FINE))
    model = ov.Model([ops.add(convolution(x, filters), bias)], [x], "bias")
    result = infer(model, precision, np.ones(x.shape, np.float32))
    np.testing.assert_allclose(result, 2.0**-12, rtol=1e-2)


@PRECISIONS
def test_factors_of_elementwise_operations(precision):
    """Alone and in a cluster."""
    x = parameter([3, 64])
    factor = ops.constant(np.full((1, 64), FINE))
    alone = ov.Model([ops.power(factor, x)], [x], "alone")
    result = infer(alone, precision, np.full((3, 64), 2048, np.float32))
    np.testing.assert_allclose(result, np.float64(FINE) ** 2048, rtol=1e-2)
    cluster = ov.Model([ops.subtract(ops.multiply(x, factor), x)], [x], "cluster")
    result = infer(cluster, precision, np.ones((3, 64), np.float32))
    np.testing.assert_allclose(result, 2.0**-12, rtol=1e-2)


@PRECISIONS
def test_compared_constants_are_rounded_like_the_data(precision):
    """Numbers that are equal in f32 stay equal, alone and in a cluster, and so do the smallest ones that masks hold."""
    x = parameter([2, 5])
    lowest = np.finfo(np.float32).min
    for number in (np.float32(0.1), lowest):
        equal = ops.equal(x, ops.constant(number))
        data = np.full((2, 5), number)
        assert infer(ov.Model([equal], [x], "equal"), precision, data).all()
        chosen = ops.select(ops.logical_not(equal), ops.constant(FINE), ops.constant(np.float32(0)))
        np.testing.assert_array_equal(infer(ov.Model([chosen], [x], "c"), precision, data), 0)


def test_a_constant_that_is_read_both_ways():
    """Factors that are also gathered from: f32 for the product, f16 for the copy."""
    x, rows = parameter([64]), parameter([2], ov.Type.i64)
    factors = ops.constant(np.full((64,), FINE))
    product = ops.subtract(ops.multiply(x, factors), x)
    gathered = ops.gather(factors, rows, ops.constant(np.int64(0)))
    model = ov.Model([product, gathered], [x, rows], "both")
    compiled = compile_gpu(model, {"INFERENCE_PRECISION_HINT": "f16"})
    first, second = compiled([np.ones(64, np.float32), np.array([0, 63])]).to_tuple()
    np.testing.assert_allclose(first, 2.0**-12, rtol=1e-2)
    np.testing.assert_array_equal(second, 1)
    held = compiled.get_property("OVGPU_MEMORY_STATISTICS")["weights"]
    assert 64 * (2 + 4) <= held <= 64 * (2 + 4) + 512


def test_large_constants_are_stored_in_half():
    """Dense filters and tables that are added whole take two bytes a number."""
    x = parameter([1, 32, 8, 8])
    dense = ov.Model([convolution(x, reals(32, 32, 3, 3))], [x], "dense")
    assert weight_bytes(dense, "f16") < 32 * 32 * 9 * 2 + 1024
    table = ov.Model([ops.add(x, ops.constant(reals(8, 32, 8, 8)))], [x], "table")
    assert weight_bytes(table, "f16") < 8 * 32 * 8 * 8 * 2 + 1024
    assert weight_bytes(table, "f32") >= 8 * 32 * 8 * 8 * 4
