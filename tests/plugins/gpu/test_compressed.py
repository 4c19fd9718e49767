"""Weights of 1 to 8 bits: the pass that recognises them, and the kernels that multiply them packed."""

from __future__ import annotations

import numpy as np
import pytest

import ovgpu as ov
from ovgpu import opset13 as ops
from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.compressed import keep_weights_packed
from tests.plugins.gpu.lowering_check import compare, numbers

PRECISIONS = pytest.mark.parametrize("precision", [Type.f32, Type.f16], ids=["f32", "f16"])
RANGES = {
    Type.u1: (0, 2),
    Type.u2: (0, 4),
    Type.u3: (0, 8),
    Type.u6: (0, 64),
    Type.u4: (0, 16),
    Type.i4: (-8, 8),
    Type.nf4: (0, 16),
    Type.u8: (0, 256),
    Type.i8: (-128, 128),
}


def _codes(element_type, shape):
    low, high = RANGES[element_type]
    return np.random.default_rng(0).integers(low, high, shape).astype(element_type.host_dtype)


@pytest.mark.gpu_sim(check=True)
@PRECISIONS
@pytest.mark.parametrize("kind", RANGES, ids=lambda t: t.to_string())
def test_products(kind, precision):
    # Groups of whole 16-byte loads; odd groups; odd rows that share a byte.
    for rows, columns, groups, group in (
        (1, 20, 3, 64),
        (6, 9, 2, 12),
        (70, 36, 2, 32),
        (12, 7, 1, 13),
    ):
        weights = _codes(kind, (columns, groups, group))
        scale = np.abs(numbers((columns, groups), 1, 0.1)) + np.float32(0.01)
        arrays = [numbers((2, rows, groups * group), 2), weights, scale]
        compare("CompressedMatMul", arrays, "ovgpu", precision, [1, 2], {1: kind})
        if kind in (Type.u2, Type.u4, Type.u8):
            zeros = _codes(kind, (columns, groups)).astype(np.float32)
            compare("CompressedMatMul", [*arrays, zeros], "ovgpu", precision, [1, 2, 3], {1: kind})


def _model(kind, groups, zero):
    """A product with compressed weights [8, 32] as converters of large language models write it."""
    data = ops.parameter([-1, 32], np.float32)
    shape = (8, 32) if groups == 0 else (8, groups, 32 // groups)
    small = (*shape[:-1], 1)
    convert = lambda node: ops.convert(node, "f16")  # noqa: E731
    weights = convert(ov.op.Constant.from_host(kind, _codes(kind, shape)))
    if zero:
        weights = ops.subtract(
            weights, convert(ov.op.Constant.from_host(kind, _codes(kind, small)))
        )
    scale = (np.abs(numbers(small, 3)) * 0.1 + 0.01).astype(np.float16)
    weights = ops.multiply(weights, ops.constant(scale))
    if groups:
        weights = ops.reshape(weights, np.array([8, 32]), False)
    product = ops.matmul(data, ops.convert(weights, "f32"), False, True)
    return ov.Model([product], [data], "compressed")


@pytest.mark.parametrize("zero", [False, True], ids=["symmetric", "asymmetric"])
@pytest.mark.parametrize("groups", [0, 1, 4])
@pytest.mark.parametrize(
    "kind", [t for t in RANGES if t is not Type.nf4], ids=lambda t: t.to_string()
)
def test_recognised(kind, groups, zero):
    from ovgpu.plugins.cpu.evaluate import evaluate_graph

    model = _model(kind, groups, zero)
    data = numbers((3, 32), 9)
    expected = evaluate_graph(model.get_results(), {model.get_parameters()[0]: data})[0]
    keep_weights_packed(model)
    names = [node.get_type_name() for node in model.get_ordered_ops()]
    assert "CompressedMatMul" in names
    assert "MatMul" not in names
    actual = evaluate_graph(model.get_results(), {model.get_parameters()[0]: data})[0]
    # The original chain rounds to f16 on its way.
    np.testing.assert_allclose(actual, expected, atol=2e-3 * np.abs(expected).max())


def test_other_weights_stay():
    data = ops.parameter([-1, 32], np.float32)
    inside = ops.multiply(
        ops.convert(ov.op.Constant.from_host(Type.u8, _codes(Type.u8, (8, 32))), "f32"),
        ops.constant(numbers((1, 32))),
    )
    for product in (
        ops.matmul(data, inside, False, True),
        ops.matmul(data, ops.constant(numbers((8, 32))), False, True),
    ):
        model = ov.Model([product], [data], "other")
        keep_weights_packed(model)
        assert "MatMul" in [node.get_type_name() for node in model.get_ordered_ops()]
