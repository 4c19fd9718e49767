"""Weights of 1 to 8 bits: the pass that recognises them, and the kernels that multiply them packed."""

from __future__ import annotations

import numpy as np
import pytest
from cudasim import device

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
    Type.f4e2m1: (-6, 7),
    Type.f8e4m3: (-400, 400),
    Type.f8e5m2: (-9, 9),
    Type.u8: (0, 256),
    Type.i8: (-128, 128),
}


def _codes(element_type, shape):
    low, high = RANGES[element_type]
    codes = np.random.default_rng(0).integers(low, high, shape)
    if element_type.is_real() and element_type is not Type.nf4:
        codes = codes * 0.25  # all of the small numbers, some of the larger ones
    return codes.astype(element_type.host_dtype)


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
        (9, 20, 4, 104),  # whole eights, but no whole steps of 32; slices
    ):
        weights = _codes(kind, (columns, groups, group))
        scale = np.abs(numbers((columns, groups), 1, 0.1)) + np.float32(0.01)
        arrays = [numbers((2, rows, groups * group), 2), weights, scale]
        compare("CompressedMatMul", arrays, "ovgpu", precision, [1, 2], {1: kind})
        if kind in (Type.u2, Type.u4, Type.u8):
            zeros = _codes(kind, (columns, groups)).astype(np.float32)
            compare("CompressedMatMul", [*arrays, zeros], "ovgpu", precision, [1, 2, 3], {1: kind})


@pytest.mark.gpu_sim
@pytest.mark.parametrize("precision", [Type.f16, Type.bf16], ids=["f16", "bf16"])
def test_many_rows_go_to_tensor_cores(precision):
    """Tiles of both sizes, with and without slices; groups that are no multiple of eight take the other kernels."""
    expected = {
        (40, 70, 512, 64): "compressed_tensor_64x64",
        (40, 1100, 96, 32): "compressed_tensor_64x64",
        (130, 1024, 64, 64): "compressed_tensor_128x128",
        (40, 70, 36, 12): "compressed_32x32",
    }
    for (rows, columns, depth, group), kernel in expected.items():
        weights = _codes(Type.u4, (columns, depth // group, group))
        scale = np.abs(numbers((columns, depth // group), 1, 0.1)) + np.float32(0.01)
        arrays = [numbers((rows, depth), 2), weights, scale]
        with device.launches() as log:
            compare("CompressedMatMul", arrays, "ovgpu", precision, [1, 2], {1: Type.u4})
        assert [launch.kernel for launch in log] == [kernel]


@pytest.mark.gpu_sim(check=True)
@PRECISIONS
@pytest.mark.parametrize("kind", RANGES, ids=lambda t: t.to_string())
def test_rows_of_a_table(kind, precision):
    """Rows by eights, and element by element where groups are odd; indices from the end, and outside."""
    indices = np.array([[3, -1, 0], [99, 4, -8]])
    for rows, groups, group, kernel in ((7, 2, 24, "eight"), (6, 3, 5, "single")):
        table = _codes(kind, (rows, groups, group))
        scale = np.abs(numbers((rows, groups), 1, 0.1)) + np.float32(0.01)
        options = {"output_type": Type.f32}
        for index_type in (np.int64, np.int32):
            arrays = [table, indices.astype(index_type), scale]
            with device.launches() as log:
                got = compare(
                    "CompressedGather", arrays, "ovgpu", precision, [0, 2], {0: kind}, **options
                )
            assert [launch.kernel for launch in log] == [f"compressed_gather_{kernel}"]
        assert not got[0][1, 0].any()
        assert not got[0][1, 2].any()
        if kind in (Type.u2, Type.u4, Type.u8):
            zeros = _codes(kind, (rows, groups)).astype(np.float32)
            constant = [0, 2, 3]
            compare(
                "CompressedGather",
                [*arrays, zeros],
                "ovgpu",
                precision,
                constant,
                {0: kind},
                **options,
            )


def _weights(kind, groups, zero, by_row=True):
    """Compressed weights as converters of large language models write them: [8, 32], or [32, 8] when not by row."""
    shape = (8, 32) if groups == 0 else (8, groups, 32 // groups)
    small = (*shape[:-1], 1)
    order = range(len(shape)) if by_row else (*range(1, len(shape)), 0)
    turned = lambda array: array.transpose(order)  # noqa: E731
    convert = lambda node: ops.convert(node, "f16")  # noqa: E731
    weights = convert(ov.op.Constant.from_host(kind, turned(_codes(kind, shape))))
    if zero:
        zeros = ov.op.Constant.from_host(kind, turned(_codes(kind, small)))
        weights = ops.subtract(weights, convert(zeros))
    scale = (np.abs(numbers(small, 3)) * 0.1 + 0.01).astype(np.float16)
    weights = ops.multiply(weights, ops.constant(turned(scale)))
    if groups:
        weights = ops.reshape(weights, np.array([8, 32] if by_row else [32, 8]), False)
    return ops.convert(weights, "f32")


def _compare_packed(model, data, packed, plain):
    """The pass replaces ``plain`` by ``packed``, and the results stay."""
    from ovgpu.plugins.cpu.evaluate import evaluate_graph

    expected = evaluate_graph(model.get_results(), {model.get_parameters()[0]: data})[0]
    keep_weights_packed(model)
    names = [node.get_type_name() for node in model.get_ordered_ops()]
    assert packed in names
    assert plain not in names
    actual = evaluate_graph(model.get_results(), {model.get_parameters()[0]: data})[0]
    # The original chain rounds to f16 on its way.
    np.testing.assert_allclose(actual, expected, atol=2e-3 * np.abs(expected).max())


CHAINS = [t for t in RANGES if t is not Type.nf4]  # Convert has no numbers for its codes on the CPU


@pytest.mark.parametrize("by_row", [True, False], ids=["by_row", "by_column"])
@pytest.mark.parametrize("zero", [False, True], ids=["symmetric", "asymmetric"])
@pytest.mark.parametrize("groups", [0, 1, 4])
@pytest.mark.parametrize("kind", CHAINS, ids=lambda t: t.to_string())
def test_recognised(kind, groups, zero, by_row):
    data = ops.parameter([-1, 32], np.float32)
    product = ops.matmul(data, _weights(kind, groups, zero, by_row), False, by_row)
    model = ov.Model([product], [data], "compressed")
    _compare_packed(model, numbers((3, 32), 9), "CompressedMatMul", "MatMul")


@pytest.mark.parametrize("zero", [False, True], ids=["symmetric", "asymmetric"])
@pytest.mark.parametrize("groups", [0, 4])
@pytest.mark.parametrize("kind", CHAINS, ids=lambda t: t.to_string())
def test_table_recognised(kind, groups, zero):
    tokens = ops.parameter([-1, -1], np.int64)
    rows = ops.gather(_weights(kind, groups, zero), tokens, np.int64(0))
    model = ov.Model([rows], [tokens], "embedding")
    _compare_packed(model, np.array([[1, 7, -2]]), "CompressedGather", "Gather")


def test_other_tables_stay():
    tokens = ops.parameter([-1], np.int64)
    for table, axis in (
        (_weights(Type.u8, 0, True), 1),
        (ops.constant(numbers((8, 32))), 0),
    ):
        model = ov.Model([ops.gather(table, tokens, np.int64(axis))], [tokens], "other")
        keep_weights_packed(model)
        assert "Gather" in [node.get_type_name() for node in model.get_ordered_ops()]


@pytest.mark.gpu_sim
def test_table_shared_with_the_last_product():
    """Tied embeddings: both ends of a language model read one packed table."""
    tokens = ops.parameter([-1, -1], np.int64)
    table = _weights(Type.i8, 0, False)
    scores = ops.matmul(ops.gather(table, tokens, np.int64(0)), table, False, True)
    model = ov.Model([scores], [tokens], "tied")
    compiled = ov.compile_model(model, "GPU", {"INFERENCE_PRECISION_HINT": "f32"})
    feed = np.array([[1, 7, 3]])
    want = ov.compile_model(model, "CPU")([feed])[0]
    np.testing.assert_allclose(compiled([feed])[0], want, atol=1e-4 * np.abs(want).max())
    # 256 codes once, and two scales of 8 numbers each, in pieces of 256 bytes.
    assert compiled.get_property("OVGPU_MEMORY_STATISTICS")["weights"] <= 3 * 256


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
