"""Sums with a whole tensor behind products and convolutions: one launch, the same numbers, and what is left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ovgpu as ov
from ovgpu import opset13 as ops
from ovgpu.plugins.gpu.lowering import lower_model
from ovgpu.plugins.gpu.residual import fuse_residuals


def reals(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def parameter(*shape: int) -> Any:
    return ops.parameter(ov.PartialShape(list(shape)), np.float32)


def kinds(model: ov.Model) -> list[str]:
    hidden = ("Parameter", "Constant", "Result")
    return [n.get_type_name() for n in model.get_ordered_ops() if n.get_type_name() not in hidden]


def convolution(x: Any, channels: int, count: int, kernel: int = 3, groups: int = 1) -> Any:
    pad = [kernel // 2] * 2
    if groups > 1:
        filters = reals(groups, count // groups, channels // groups, kernel, kernel, seed=5)
        return ops.group_convolution(x, filters, [1, 1], pad, pad, [1, 1])
    return ops.convolution(
        x, reals(count, channels, kernel, kernel, seed=5), [1, 1], pad, pad, [1, 1]
    )


def packed(count: int, depth: int) -> Any:
    codes = np.random.default_rng(1).integers(-8, 8, count * depth).tolist()
    constant = ov.op.Constant(ov.Type.i4, ov.Shape([count, depth // 16, 16]), codes)
    scale = ops.constant(np.abs(reals(count, depth // 16, 1, seed=2)).astype(np.float16))
    scaled = ops.multiply(ops.convert(constant, np.float16), scale)
    return ops.convert(ops.reshape(scaled, np.array([count, depth]), False), np.float32)


def matmul(x: Any, weights: Any) -> Any:
    return ops.matmul(x, weights, False, True)


CASES = {
    "convolution": (lambda x, r: ops.add(convolution(x, 8, 24), r), (2, 8, 7, 6), (2, 24, 7, 6)),
    "bias and relu": (
        lambda x, r: ops.relu(ops.add(ops.add(convolution(x, 8, 12), reals(1, 12, 1, 1)), r)),
        (1, 8, 9, 9),
        (1, 12, 9, 9),
    ),
    "points": (lambda x, r: ops.relu(ops.add(r, convolution(x, 8, 12, 1))), (2, 8, 5, 4), (2, 12, 5, 4)),
    "one place": (lambda x, r: ops.add(r, convolution(x, 8, 12, 1)), (3, 8, 1, 1), (3, 12, 1, 1)),
    "deep": (lambda x, r: ops.add(convolution(x, 128, 8), r), (1, 128, 4, 4), (1, 8, 4, 4)),
    "depthwise": (lambda x, r: ops.swish(ops.add(convolution(x, 6, 6, groups=6), r)), (2, 6, 9, 8), (2, 6, 9, 8)),
    "groups": (lambda x, r: ops.add(convolution(x, 16, 32, groups=2), r), (1, 16, 6, 6), (1, 32, 6, 6)),
    "rows": (lambda x, r: ops.add(matmul(x, reals(24, 16, seed=5)), r), (1, 3, 16), (1, 3, 24)),
    "one row": (lambda x, r: ops.gelu(ops.add(matmul(x, reals(24, 16, seed=5)), r), "erf"), (1, 16), (1, 24)),
    "strided": (lambda x, r: ops.add(ops.matmul(x, reals(16, 24), False, False), r), (2, 16), (2, 24)),
    "many rows": (
        lambda x, r: ops.add(ops.add(matmul(x, reals(40, 64, seed=5)), reals(40, seed=6)), r),
        (2, 33, 64),
        (2, 33, 40),
    ),
    "integers as weights": (lambda x, r: ops.add(matmul(x, packed(24, 64)), r), (2, 1, 64), (2, 1, 24)),
    "packed, many rows": (lambda x, r: ops.relu(ops.add(r, matmul(x, packed(40, 64)))), (70, 64), (70, 40)),
}  # fmt: skip


@pytest.mark.gpu_sim
@pytest.mark.parametrize("precision", ["f32", "f16"])
@pytest.mark.parametrize("name", CASES)
def test_sum_is_part_of_the_product(name, precision, cudasim):
    compare_sum(name, precision, cudasim)


@pytest.mark.gpu_sim(check=True)
@pytest.mark.parametrize("name", CASES)
def test_in_check_mode(name, cudasim):
    """In one precision: the kernels are large, and take long to build with checks."""
    compare_sum(name, "f32", cudasim)


def compare_sum(name, precision, cudasim):
    build, shape, residual = CASES[name]
    inputs = [parameter(*shape), parameter(*residual)]
    model = ov.Model([build(*inputs)], inputs, name)
    left = kinds(lower_model(model))
    assert len(left) == 1
    assert left[0].endswith(("BiasActivation", "CompressedMatMul"))
    feeds = [reals(*shape, seed=7), reals(*residual, seed=8) * 3]
    expected = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(feeds)[0]
    compiled = ov.compile_model(model, "GPU", {"INFERENCE_PRECISION_HINT": precision})
    actual = compiled(feeds)[0]
    limit = 2e-5 if precision == "f32" else 1e-2
    np.testing.assert_allclose(actual, expected, 0, limit * np.abs(expected).max())


def test_dynamic_rows_are_added_and_broadcast():
    """The sum is tried where shapes are not known; rows that turn out to be one are repeated, on the host."""
    x, r = parameter(-1, -1, 16), parameter(-1, -1, 24)
    model = ov.Model([ops.relu(ops.add(matmul(x, reals(24, 16)), r))], [x, r], "dynamic")
    assert kinds(lower_model(model)) == ["MatMulBiasActivation"]
    lowered = lower_model(model)
    for rows, others in ((4, 4), (4, 1), (1, 4)):
        feeds = [reals(2, rows, 16), reals(2, others, 24, seed=1)]
        expected = ov.compile_model(model, "CPU")(feeds)[0]
        actual = ov.compile_model(lowered, "CPU")(feeds)[0]
        np.testing.assert_allclose(actual, expected, 1e-5, 1e-5)


def near_misses() -> dict[str, Any]:
    def broadcast(x: Any, r: Any) -> list[Any]:
        return [ops.add(matmul(x, reals(24, 16)), ops.reduce_sum(r, np.array([0]), True))]

    def read_twice(x: Any, r: Any) -> list[Any]:
        y = matmul(x, reals(24, 16))
        return [ops.add(y, r), ops.exp(y)]

    def activated_before(x: Any, r: Any) -> list[Any]:
        return [ops.add(ops.abs(matmul(x, reals(24, 16))), r)]

    def itself(x: Any, r: Any) -> list[Any]:
        y = matmul(x, reals(24, 16))
        return [ops.add(y, y), r]

    return {f.__name__: f for f in (broadcast, read_twice, activated_before, itself)}


@pytest.mark.parametrize("name", near_misses())
def test_near_misses_are_left_alone(name):
    inputs = [parameter(5, 16), parameter(5, 24)]
    model = ov.Model(near_misses()[name](*inputs), inputs, name)
    before = kinds(model)
    fuse_residuals(model)
    assert kinds(model) == before
