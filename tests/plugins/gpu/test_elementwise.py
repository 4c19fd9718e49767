"""Elementwise operations on the device against the CPU's kernels."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu import broadcasting, codegen
from ovgpu.plugins.gpu.codegen import Expression, emit
from ovgpu.plugins.gpu.encoder import Encoder
from ovgpu.plugins.gpu.registry import DeviceTensor
from tests.plugins.gpu.lowering_check import compare, numbers

NAN, INF = np.nan, np.inf
SPECIAL = np.array(
    [0, -0.0, 1, -1, 2.5, -2.5, 0.5, 3, 100, -100, INF, -INF, NAN, 1e-30], np.float32
)

BINARY = (
    "Add",
    "Subtract",
    "Multiply",
    "Divide",
    "Maximum",
    "Minimum",
    "Mod",
    "FloorMod",
    "SquaredDifference",
)
UNARY = (
    "Abs", "Negative", "Sign", "Floor", "Ceiling", "Exp", "Sin", "Cos", "Atan", "Sinh", "Cosh", "Tanh", "Asinh", "Erf",
    "Relu", "Sigmoid", "HSwish", "HSigmoid", "Mish", "SoftPlus", "SoftSign",
)  # fmt: skip
POSITIVE = ("Sqrt", "Log")
INSIDE_ONE = ("Asin", "Acos", "Atanh", "ErfInv", "Tan")
INTEGERS = (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64)


def integers(shape, dtype, seed: int = 0, low: int | None = None, high: int = 100) -> np.ndarray:
    least = (-100 if np.issubdtype(dtype, np.signedinteger) else 0) if low is None else low
    return np.random.default_rng(seed).integers(least, high, shape).astype(dtype)


# ---- formulas -------------------------------------------------------------------------------------------------------
@pytest.mark.gpu_sim
@pytest.mark.parametrize("precision", [Type.f32, Type.f16], ids=["f32", "f16"])
def test_arithmetic(precision):
    for name in BINARY:
        compare(name, [numbers((6, 40)), numbers((6, 40), 1) + 3], precision=precision)
    compare("Power", [np.abs(numbers((40,))) + 0.1, numbers((40,), 1)], precision=precision)
    compare("Power", [numbers((40,)), np.array(2, np.float32)], precision=precision)


@pytest.mark.gpu_sim
@pytest.mark.parametrize("precision", [Type.f32, Type.f16], ids=["f32", "f16"])
def test_functions(precision):
    data = numbers((3, 37), scale=2)
    for name in UNARY:
        compare(name, [data], precision=precision)
    for name in POSITIVE:
        compare(name, [np.abs(data) + 0.01], precision=precision)
    for name in INSIDE_ONE:
        compare(
            name, [np.linspace(-0.95, 0.95, 41, dtype=np.float32)], opset=17, precision=precision
        )
    compare("Acosh", [np.abs(data) + 1.01], precision=precision)
    for mode in ("ERF", "TANH"):
        compare("Gelu", [data], precision=precision, approximation_mode=mode)


@pytest.mark.gpu_sim
def test_not_a_number_and_infinity():
    for name in ("Abs", "Negative", "Sign", "Floor", "Ceiling", "Relu", "Erf", "Tanh", "SoftSign"):
        data = SPECIAL if name != "SoftSign" else SPECIAL[:10]
        compare(name, [data])
    for name in ("Maximum", "Minimum", "FloorMod", "Divide", "Less", "GreaterEqual", "NotEqual"):
        compare(name, [SPECIAL[:, None], SPECIAL[None, 2:10]])
        if name not in ("Divide", "FloorMod"):
            compare(name, [SPECIAL[:, None], SPECIAL])
    compare("Clamp", [SPECIAL], min=-1.5, max=INF)
    for name in ("IsNaN", "IsFinite"):
        compare(name, [SPECIAL])
    for negative in (True, False):
        for positive in (True, False):
            compare("IsInf", [SPECIAL], detect_negative=negative, detect_positive=positive)


@pytest.mark.gpu_sim
def test_activations_with_parameters():
    x = numbers((2, 3, 9), scale=3)
    compare("Clamp", [x], min=-0.5, max=1.25)
    compare("Elu", [x], alpha=0.7)
    compare("Swish", [x])
    compare("Swish", [x, np.array(1.5, np.float32)])
    compare("Selu", [x, np.array([1.67], np.float32), np.array([1.05], np.float32)])
    compare("HardSigmoid", [x, np.array(0.2, np.float32), np.array(0.5, np.float32)])
    for slope in (numbers((3,)), numbers((1,)), numbers((9,)), numbers((3, 1))):
        compare("PRelu", [x, slope])
    halves = np.arange(-3, 3, 0.25, dtype=np.float32)
    for mode in ("half_to_even", "half_away_from_zero"):
        compare("Round", [halves], mode=mode, tolerance=0)


@pytest.mark.gpu_sim
@pytest.mark.parametrize("dtype", INTEGERS, ids=lambda d: d.__name__)
def test_integers(dtype):
    a, b = integers((9, 20), dtype), integers((20,), dtype, 1)
    for name in ("Add", "Subtract", "Multiply", "Maximum", "Minimum", "SquaredDifference"):
        compare(name, [a, b])
    wrapping = np.array([np.iinfo(dtype).max, np.iinfo(dtype).min, 1], dtype)
    for name in ("Add", "Multiply", "Negative", "Abs"):
        compare(name, [wrapping, wrapping] if name in ("Add", "Multiply") else [wrapping])
    divisors = np.where(b == 0, np.array(3, dtype), b)
    for name in ("Mod", "FloorMod"):
        compare(name, [a, divisors])
    for flag in (True, False):
        compare("Divide", [a, divisors], m_pythondiv=flag)
    for name in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        compare(name, [a, b])
    compare("BitwiseNot", [a])
    for name in ("BitwiseLeftShift", "BitwiseRightShift"):
        compare(name, [a, integers((20,), dtype, 2, 0, 10)])
    for name in ("Less", "Equal"):
        compare(name, [a, b])
    compare("Sign", [a])
    compare("Clamp", [a], min=-7.5, max=33.3)
    compare("Power", [integers((20,), dtype, 3, 0, 6), integers((20,), dtype, 4, 0, 3)])


@pytest.mark.gpu_sim
def test_real_functions_of_integers():
    data = integers((50,), np.int32, 0, 0, 12)
    for name in ("Sqrt", "Tanh", "Erf", "Sigmoid", "HSwish", "Cosh"):
        compare(name, [data])
    for name in ("Exp", "Sin"):
        compare(name, [data])
    compare("Atanh", [integers((9,), np.int32, 1, -2, 3)])
    compare("Power", [np.array([2, -2, 3], np.int32), np.array([-1, -1, 2], np.int32)])


@pytest.mark.gpu_sim
def test_logic():
    a, b = (np.random.default_rng(seed).random((5, 40)) < 0.5 for seed in (0, 1))
    for name in (
        "LogicalAnd",
        "LogicalOr",
        "LogicalXor",
        "BitwiseAnd",
        "BitwiseXor",
        "Equal",
        "Less",
    ):
        compare(name, [a, b[:1]])
    compare("LogicalNot", [a])
    compare("BitwiseNot", [a])
    compare("Select", [a[:, :1], numbers((40,)), numbers((5, 40), 1)])
    compare("Select", [a, integers((40,), np.int64), integers((), np.int64, 1)], precision=Type.f16)


@pytest.mark.gpu_sim
def test_batch_normalisation():
    x, gamma, beta, mean = (
        numbers((2, 3, 4, 5)),
        numbers((3,), 1),
        numbers((3,), 2),
        numbers((3,), 3),
    )
    variance = np.abs(numbers((3,), 4)) + 0.1
    for precision in (Type.f32, Type.f16):
        inputs = [x, gamma, beta, mean, variance]
        compare("BatchNormInference", inputs, 5, precision, epsilon=1e-3)
        compare("BatchNormInference", [gamma, beta, x, mean, variance], 1, precision, epsilon=1e-3)


# ---- conversion -----------------------------------------------------------------------------------------------------
@pytest.mark.gpu_sim
@pytest.mark.parametrize(
    "target",
    sorted(codegen.STORAGE_NAMES, key=lambda t: t.to_string()),
    ids=lambda t: t.to_string(),
)
def test_conversion(target):
    reals = np.array(
        [0, 0.4, -0.6, 1.5, -2.5, 44.9, 300.7, -300.7, 65504, 3e9, -3e9, 1e19], np.float32
    )
    if target is not Type.u64:
        reals = np.append(reals, np.array([1e30, NAN], np.float32))
    if not (target.is_real() or target is Type.boolean):
        compare("Convert", [reals], destination_type=target)
    compare(
        "Convert",
        [reals[:9]],
        destination_type=target,
        tolerance=1e-2 if target is Type.bf16 else None,
    )
    for dtype in (*INTEGERS, np.float64, np.bool_):
        data = np.array([0, 1, 2, 77, 0, 5], dtype)
        compare("Convert", [data], destination_type=target)
    compare(
        "Convert", [np.array([-1, -129, 70000], np.int32)], destination_type=target, tolerance=1e-2
    )


@pytest.mark.gpu_sim
def test_conversion_between_floats_of_one_storage_copies():
    x = numbers((33,))
    compare("Convert", [x], destination_type=Type.f16, tolerance=1e-3)
    compare("Convert", [x], destination_type=Type.f16, precision=Type.f16)
    compare("ConvertLike", [integers((5,), np.int32), x])
    compare("ConvertPromoteTypes", [integers((5,), np.int32), integers((3,), np.int64)])


@pytest.mark.gpu_sim
def test_fake_quantize():
    x = numbers((2, 3, 8), scale=2)
    low, high = np.array(-1.5, np.float32), np.array(2, np.float32)
    compare("FakeQuantize", [x, low, high, low, high], levels=256, tolerance=1e-6)
    per_channel = [
        np.sort(numbers((2, 3, 1), s), axis=0)[i : i + 1] for s in (1, 2) for i in (0, 1)
    ]
    compare("FakeQuantize", [x, *per_channel], levels=16, tolerance=1e-6)
    compare("FakeQuantize", [x, low, high, low, high], levels=4, precision=Type.f16)


@pytest.mark.gpu_sim
def test_fake_convert():
    x = np.concatenate([numbers((200,), scale=30), np.linspace(-600, 600, 99, dtype=np.float32)])
    x = np.concatenate([x, x * 1e-4, np.zeros(1, np.float32)]).astype(np.float32)
    scale, shift = np.array([1.5], np.float32), np.array([0.25], np.float32)
    for target in ("f8e4m3", "f8e5m2"):
        compare("FakeConvert", [x, scale], destination_type=target, tolerance=1e-7)
        compare("FakeConvert", [x, scale, shift], destination_type=target, tolerance=1e-7)


# ---- clusters -------------------------------------------------------------------------------------------------------
def _cluster():
    """relu(a * b + c) and whether it is positive."""
    expressions = (
        Expression("multiply", Type.f32, (0, 1)),
        Expression("add", Type.f32, (3, 2)),
        Expression("relu", Type.f32, (4,)),
        Expression("greater", Type.boolean, (5, 2)),
    )
    return emit(expressions, (Type.f32, Type.f16, Type.f32), (5, 6))


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("shape", [(4, 3, 16), (4, 3, 5)], ids=["vectors", "single"])
def test_clusters_have_several_inputs_and_outputs(shape):
    import cupy

    from ovgpu.plugins.gpu.context import DeviceContext

    rng = np.random.default_rng(0)
    a = rng.standard_normal(shape).astype(np.float32)
    b = rng.standard_normal((shape[1], 1)).astype(np.float16)
    c = np.float32(0.25)
    on_device = [cupy.asarray(x) for x in (a, b, c)]
    results = [cupy.empty(shape, np.float32), cupy.empty(shape, np.bool_)]
    kernel = _cluster()

    def tensor(array, element_type) -> DeviceTensor:
        return DeviceTensor(array.data.ptr, array.shape, element_type, element_type)

    encoder: Encoder = DeviceContext.of(0).encoder(tickets=0)
    inputs = [tensor(x, t) for x, t in zip(on_device, kernel.inputs, strict=True)]
    aligned = [shape, (1, shape[1], 1), (1, 1, 1)]
    outputs = [tensor(x, t) for x, t in zip(results, kernel.outputs, strict=True)]
    broadcasting.launch(encoder, kernel, list(zip(inputs, aligned, strict=True)), outputs)
    (record,) = encoder.records
    record.run(cupy.cuda.get_current_stream().ptr)
    expected = np.maximum(a * b.astype(np.float32) + c, 0)
    np.testing.assert_allclose(results[0].get(), expected, 1e-6, 1e-6)
    np.testing.assert_array_equal(results[1].get(), results[0].get() > c)


def test_text_depends_on_formulas_and_types_alone():
    emit.cache_clear()
    first = _cluster()
    emit.cache_clear()
    assert _cluster() == first
    assert "half_t" in first.source


def test_static_facts_of_generated_kernels():
    from cudasim import gate

    from ovgpu.plugins.gpu.modules import expand_generated

    add = emit((Expression("add", Type.f16, (0, 1)),), (Type.f16, Type.f16), (2,))
    options = ("--std=c++17",)
    for kernel, loads in ((add, 2), (_cluster(), 2)):
        rows = gate.inspect(expand_generated(kernel.source), ["75", "90"], options=options)
        vectors = [r for r in rows if r.kernel == kernel.name]
        assert len(vectors) == 2
        for row in vectors:
            assert row.registers <= 64
            assert row.spill_bytes == 0
            assert row.loads_16 >= loads
            assert row.stores_16 >= 1
