"""In what precision inferences run: hints, half precisions, no TF32, and weights that stay packed."""

from __future__ import annotations

import numpy as np
import pytest
from plugins.gpu.runtime_models import compile_gpu, cpu_request, parameter, reals

import ovgpu as ov
from ovgpu import opset16 as ops
from ovgpu.plugins.gpu import cublaslt
from ovgpu.plugins.gpu.compressed import PACKED_TYPES
from ovgpu.properties.hint import ExecutionMode

pytestmark = pytest.mark.gpu_sim

#: Relative distance of neighbouring numbers.
STEP = {"f32": 2.0**-23, "f16": 2.0**-10, "bf16": 2.0**-7}


def block() -> ov.Model:
    """What a layer of a network is made of: two products, a normalisation, a softmax, a residual."""
    x = parameter([-1, 64])
    hidden = ops.gelu(ops.matmul(x, ops.constant(reals(64, 128) / 8), False, False), "erf")
    normal = ops.mvn(hidden, np.array([1]), True, 1e-5, "inside_sqrt")
    back = ops.matmul(normal, ops.constant(reals(128, 64, seed=1) / 11), False, False)
    return ov.Model([ops.softmax(back, 1), ops.add(back, x)], [x], "block")


def distance(config: dict, model: ov.Model, values) -> float:
    """Largest difference to the CPU's f32 results, relative to the largest number of each output."""
    actual = ov.Core().compile_model(model, "GPU", config)(values).to_tuple()
    expected = cpu_request(model).infer(values).to_tuple()
    return max(
        float(np.abs(a - e).max() / np.abs(e).max()) for a, e in zip(actual, expected, strict=True)
    )


@pytest.mark.parametrize(
    ("config", "precision"),
    [
        ({}, "f16"),
        ({"EXECUTION_MODE_HINT": "PERFORMANCE"}, "f16"),
        ({"EXECUTION_MODE_HINT": "ACCURACY"}, "f32"),
        ({"EXECUTION_MODE_HINT": ExecutionMode.ACCURACY}, "f32"),
        ({"INFERENCE_PRECISION_HINT": "bf16"}, "bf16"),
        ({"INFERENCE_PRECISION_HINT": ov.Type.f32}, "f32"),
        ({"INFERENCE_PRECISION_HINT": "f16", "EXECUTION_MODE_HINT": "ACCURACY"}, "f16"),
        ({"INFERENCE_PRECISION_HINT": "f32", "EXECUTION_MODE_HINT": "PERFORMANCE"}, "f32"),
        ({"INFERENCE_PRECISION_HINT": "dynamic", "EXECUTION_MODE_HINT": "ACCURACY"}, "f32"),
    ],
    ids=lambda v: v if isinstance(v, str) else " ".join(map(str, v.values())) or "default",
)
def test_hints(config, precision):
    """The hints choose the precision; the memory of the weights and the results' distance show that it is used."""
    model = block()
    compiled = ov.Core().compile_model(model, "GPU", config)
    assert compiled.get_property("INFERENCE_PRECISION_HINT") == getattr(ov.Type, precision)
    held = compiled.get_property("OVGPU_MEMORY_STATISTICS")["weights"]
    size = 4 if precision == "f32" else 2
    assert 2 * 64 * 128 * size <= held <= 2 * 64 * 128 * size + 2048
    found = distance(config, model, [reals(24, 64, seed=2)])
    # A few roundings of each result, and not exact where numbers are halves.
    assert found < 8 * STEP[precision]
    if precision != "f32":
        assert found > STEP[precision] / 8


@pytest.mark.parametrize("rows", [1, 3, 40])
def test_f32_products_are_no_tf32(rows):
    """Factors that need all bits of f32: with the 10 of TF32 their differences are gone."""
    x = parameter([-1, 32])
    weights = (1 + np.arange(32 * 48).reshape(32, 48) % 61 * 2.0**-18).astype(np.float32)
    model = ov.Model([ops.matmul(x, ops.constant(weights), False, False)], [x], "fine")
    values = (1 + np.arange(rows * 32).reshape(rows, 32) % 53 * 2.0**-17).astype(np.float32)
    exact = values.astype(np.float64) @ weights.astype(np.float64)
    (result,) = compile_gpu(model)([values]).to_tuple()
    np.testing.assert_allclose(result, exact, rtol=4e-7)
    assert np.abs(exact / 32 - 1).min() > 1e-5  # what TF32 gives is all the same


def test_tf32_would_be_noticed(monkeypatch):
    """The library rounds to TF32 when it may: then the test above fails."""
    fast_tf32 = 77
    monkeypatch.setattr(cublaslt, "_COMPUTE_32F", fast_tf32)
    with pytest.raises(AssertionError):
        test_f32_products_are_no_tf32(40)


# ---- weights of less bits --------------------------------------------------------------------------------------------
ROWS, DEPTH, GROUP = 64, 384, 64


def codes(element_type: ov.Type, shape: tuple[int, ...]) -> ov.op.Constant:
    bits = element_type.bitwidth
    drawn = np.random.default_rng(bits).integers(0, 1 << bits, shape)
    if not element_type.is_signed() or element_type is ov.Type.nf4:
        return ov.op.Constant.from_host(element_type, drawn.astype(element_type.host_dtype))
    return ov.op.Constant.from_host(
        element_type, (drawn - (1 << (bits - 1))).astype(element_type.host_dtype)
    )


def compressed(element_type: ov.Type) -> ov.Model:
    """A product with weights [64, 384] in groups of 64, as converters of language models write it."""
    x = parameter([-1, DEPTH])
    groups = (ROWS, DEPTH // GROUP, GROUP)
    numbers = ops.convert(codes(element_type, groups), "f16")
    if element_type in (ov.Type.u4, ov.Type.u8):
        numbers = ops.subtract(numbers, ops.convert(codes(element_type, (*groups[:2], 1)), "f16"))
    scale = (np.abs(reals(*groups[:2], 1)) * 0.1 + 0.01).astype(np.float16)
    scaled = ops.multiply(numbers, ops.constant(scale))
    weights = ops.convert(ops.reshape(scaled, np.array([ROWS, DEPTH]), False), "f32")
    return ov.Model([ops.matmul(x, weights, False, True)], [x], "compressed")


@pytest.mark.parametrize("name", sorted(t.to_string() for t in PACKED_TYPES))
def test_weights_stay_packed(cudasim, name):
    """What is uploaded, held and read by an inference are the packed weights and their scales, nothing wider."""
    element_type = getattr(ov.Type, name)
    model = compressed(element_type)
    packed = element_type.storage_bytes(ROWS * DEPTH)
    assert packed <= ROWS * DEPTH * element_type.bitwidth // 8
    # Scales and zero points in f16, each part of the block aligned to 256 bytes.
    most = packed + 2 * ROWS * (DEPTH // GROUP) * 2 + 3 * 256
    with cudasim.counting() as grown:
        compiled = ov.Core().compile_model(model, "GPU", {"INFERENCE_PRECISION_HINT": "f16"})
        request = compiled.create_infer_request()
    assert packed <= grown["bytes_h2d"] <= most
    assert packed <= compiled.get_property("OVGPU_MEMORY_STATISTICS")["weights"] <= most
    for rows in (1, 5):
        values = [reals(rows, DEPTH, seed=rows)]
        request.infer(values)
        arena = compiled.get_property("OVGPU_MEMORY_STATISTICS")["arena"]
        assert arena < 2 * (1 + 1) * 8 * DEPTH  # data and results, no weights
        (result,) = request.infer(values).to_tuple()
        expected = cpu_request(model).infer(values)[0]
        assert np.abs(result - expected).max() <= 4e-3 * np.abs(expected).max()
    assert compiled.get_property("OVGPU_MEMORY_STATISTICS")["weights"] <= most
