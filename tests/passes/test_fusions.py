"""Fusions: what they fuse shows in the executed graph, what they must leave alone stays, the numbers are equal."""

import numpy as np
import openvino
import openvino.opset13 as theirs
import pytest

import ovgpu as ov
from ovgpu import opset13 as mine

RANDOM = np.random.default_rng(0)


def weights(*shape: int) -> np.ndarray:
    return (RANDOM.standard_normal(shape) * 0.2).astype(np.float32)


def executed(compiled: ov.CompiledModel) -> list[str]:
    """Layer types of the executed graph, without inputs, constants and outputs."""
    ops = compiled.get_runtime_model().get_ordered_ops()
    kinds = [node.rt_info["layerType"].value for node in ops]
    return [k for k in kinds if k not in ("Parameter", "Const", "Result")]


def run_both(build, shape, **options):
    """Build the same model in both packages, compare the numbers, return the layer types that ovgpu executes."""
    data = weights(*shape) * 10
    state = RANDOM.bit_generator.state
    results = []
    for package, ops in ((ov, mine), (openvino, theirs)):
        RANDOM.bit_generator.state = state  # the same weights for both
        x = ops.parameter(list(shape), np.float32)
        model = package.Model([build(ops, x)], [x], "m")
        config = {"INFERENCE_PRECISION_HINT": "f32"}
        compiled = package.Core().compile_model(model, "CPU", config)
        results.append((compiled, compiled(data)[0]))
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=2e-5, atol=2e-5)
    return executed(results[0][0])


def conv(ops, x, channels=8, count=6, kernel=3):
    pad = kernel // 2
    return ops.convolution(
        x, weights(count, channels, kernel, kernel), [1, 1], [pad] * 2, [pad] * 2, [1, 1]
    )


ACTIVATIONS = {
    "relu": lambda ops, x: ops.relu(x),
    "sigmoid": lambda ops, x: ops.sigmoid(x),
    "tanh": lambda ops, x: ops.tanh(x),
    "clamp": lambda ops, x: ops.clamp(x, -0.5, 0.75),
    "elu": lambda ops, x: ops.elu(x, 0.7),
    "gelu": lambda ops, x: ops.gelu(x, "erf"),
    "gelu_tanh": lambda ops, x: ops.gelu(x, "tanh"),
    "hswish": lambda ops, x: ops.hswish(x),
    "hsigmoid": lambda ops, x: ops.hsigmoid(x),
    "mish": lambda ops, x: ops.mish(x),
    "softplus": lambda ops, x: ops.softplus(x),
    "swish": lambda ops, x: ops.multiply(x, ops.sigmoid(x)),
    "leaky_relu": lambda ops, x: ops.prelu(x, np.array([0.1], np.float32)),
    "hard_sigmoid": lambda ops, x: ops.hard_sigmoid(x, np.float32(0.3), np.float32(0.4)),
    "written hswish": lambda ops, x: ops.divide(
        ops.multiply(x, ops.clamp(ops.add(x, np.float32(3)), 0, 6)), np.float32(6)
    ),
    "written gelu": lambda ops, x: ops.multiply(
        ops.multiply(x, np.float32(0.5)),
        ops.add(ops.erf(ops.divide(x, np.float32(np.sqrt(2)))), np.float32(1)),
    ),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_convolution_takes_bias_and_activation(name):
    kinds = run_both(
        lambda ops, x: ACTIVATIONS[name](ops, ops.add(conv(ops, x), weights(1, 6, 1, 1))),
        (2, 8, 9, 11),
    )
    assert kinds == ["ConvolutionBiasActivation"]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_matrix_product_takes_bias_and_activation(name):
    kinds = run_both(
        lambda ops, x: ACTIVATIONS[name](
            ops, ops.add(ops.matmul(x, weights(5, 16), False, True), weights(1, 1, 5))
        ),
        (2, 7, 16),
    )
    assert kinds == ["MatMulBiasActivation"]


def test_scales_fold_into_the_weights():
    def build(ops, x):
        y = ops.multiply(conv(ops, x), weights(6, 1, 1) + 1)
        y = ops.subtract(y, weights(1, 6, 1, 1))
        y = ops.divide(y, np.float32(1.5))
        return ops.add(weights(1, 6, 1, 1), y)

    assert run_both(build, (1, 8, 6, 6)) == ["ConvolutionBiasActivation"]


def test_grouped_and_depthwise():
    def build(ops, x):
        y = ops.group_convolution(x, weights(8, 1, 1, 3, 3), [2, 2], [1, 1], [1, 1], [1, 1])
        y = ops.relu(ops.multiply(y, weights(1, 8, 1, 1)))
        y = ops.group_convolution(y, weights(2, 3, 4, 3, 3), [1, 1], [1, 1], [1, 1], [1, 1])
        return ops.add(y, weights(1, 6, 1, 1))

    assert run_both(build, (2, 8, 9, 9)) == ["GroupConvolutionBiasActivation"] * 2


def test_batch_norm_disappears():
    def build(ops, x):
        vectors = [weights(6) + 1, weights(6), weights(6), np.abs(weights(6)) + 0.5]
        return ops.relu(ops.batch_norm_inference(conv(ops, x), *vectors, 1e-3))

    assert run_both(build, (1, 8, 6, 6)) == ["ConvolutionBiasActivation"]


def test_affine_after_an_activation():
    def build(ops, x):
        y = ops.hswish(ops.add(conv(ops, x), weights(1, 6, 1, 1)))
        return ops.add(ops.multiply(y, np.float32(1.25)), np.float32(-0.5))

    assert run_both(build, (1, 8, 6, 6)) == ["ConvolutionBiasActivation"]


def test_layer_norm():
    def build(ops, x):
        y = ops.mvn(x, np.array([-1]), True, 1e-6, "INSIDE_SQRT")
        return ops.add(ops.multiply(y, weights(16)), weights(16))

    assert run_both(build, (3, 5, 16)) == ["LayerNorm"]


def test_a_result_that_is_read_twice_is_not_fused_away():
    def build(ops, x):
        y = conv(ops, x)
        return ops.add(ops.relu(y), y)

    kinds = run_both(build, (1, 8, 6, 6))
    assert kinds == ["Convolution", "Relu", "Add"]


def test_a_bias_along_another_axis_is_not_a_bias():
    kinds = run_both(lambda ops, x: ops.add(conv(ops, x), weights(1, 1, 1, 6)), (1, 8, 6, 6))
    assert kinds == ["Convolution", "Add"]


def test_division_of_a_constant_by_the_result_stays():
    def build(ops, x):
        return ops.divide(
            np.ones((1, 6, 1, 1), np.float32), ops.add(ops.absolute(conv(ops, x)), np.float32(1))
        )

    assert "Divide" in run_both(build, (1, 8, 6, 6))


def test_names_of_fused_layers_are_kept():
    x = mine.parameter([1, 8, 6, 6], np.float32)
    y = conv(mine, x)
    y.friendly_name = "conv"
    z = mine.relu(y)
    z.friendly_name = "act"
    compiled = ov.compile_model(ov.Model([z], [x]), "CPU")
    node = next(
        n for n in compiled.get_runtime_model().get_ordered_ops() if n.friendly_name == "act"
    )
    assert node.rt_info["originalLayersNames"].value == "conv,act"


def test_dynamic_shapes_fuse_as_well():
    x = mine.parameter([-1, 8, -1, -1], np.float32)
    y = mine.relu(mine.add(conv(mine, x), weights(1, 6, 1, 1)))
    compiled = ov.compile_model(ov.Model([y], [x]), "CPU")
    assert executed(compiled) == ["ConvolutionBiasActivation"]
    for shape in ((1, 8, 5, 5), (3, 8, 7, 4), (0, 8, 4, 4)):
        assert compiled(weights(*shape))[0].shape == (shape[0], 6, *shape[2:])
