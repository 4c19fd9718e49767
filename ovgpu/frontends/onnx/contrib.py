"""Operators of the domain com.microsoft that optimisers write: activations, normalisation, fused products.

Definitions: the contributed operators of ONNX Runtime (docs/ContribOperators.md there).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ovgpu.frontends.onnx.network import conv, gemm
from ovgpu.frontends.onnx.translation import (
    OnnxOp,
    add,
    constant,
    convert,
    make,
    multiply,
    size_of,
    translates,
)
from ovgpu.graph.element_type import Type
from ovgpu.graph.port import Output

MICROSOFT = "com.microsoft"


@translates("Gelu", domain=MICROSOFT)
def gelu(op: OnnxOp) -> Output:
    return make("gelu", op.input(0), "erf")


@translates("FastGelu", domain=MICROSOFT)
def fast_gelu(op: OnnxOp) -> Output:
    data = op.input(0)
    bias = op.optional(1)
    return make("gelu", data if bias is None else add(data, bias), "tanh")


@translates("BiasGelu", domain=MICROSOFT)
def bias_gelu(op: OnnxOp) -> Output:
    return make("gelu", add(op.input(0), op.input(1)), "erf")


@translates("BiasSplitGelu", domain=MICROSOFT)
def bias_split_gelu(op: OnnxOp) -> Output:
    left, right = make("split", add(op.input(0), op.input(1)), constant(-1), 2).node.outputs()
    return multiply(left, make("gelu", right, "erf"))


@translates("QuickGelu", domain=MICROSOFT)
def quick_gelu(op: OnnxOp) -> Output:
    return make("swish", op.input(0), op.constant_like(0, op.attribute("alpha", 1.702)))


@translates("BiasAdd", domain=MICROSOFT)
def bias_add(op: OnnxOp) -> Output:
    return add(add(op.input(0), op.input(1)), op.input(2))


@translates("BiasSoftmax", domain=MICROSOFT)
def bias_softmax(op: OnnxOp) -> Output:
    data, bias = op.input(0), op.input(1)
    if not op.attribute("is_inner_broadcast", 1) and bias.value.rank != data.value.rank:
        raise RuntimeError("a bias that broadcasts over outer axes needs the rank of the data")
    return make("softmax", add(data, bias), op.attribute("axis", 1))


# ---- normalisation ----------------------------------------------------------------------------------------------
def _last() -> Output:
    return constant(np.array([-1], np.int64))


def layer_norm(x: Output, gamma: Output, beta: Output | None, epsilon: float) -> Output:
    """Normalise the last axis to mean 0 and variance 1, then scale and shift."""
    y = multiply(make("mvn", x, _last(), True, epsilon, "inside_sqrt"), gamma)
    return y if beta is None else add(y, beta)


def rms_norm(x: Output, gamma: Output, epsilon: float) -> Output:
    """Divide the last axis by its root mean square, then scale."""
    square = make("reduce_mean", multiply(x, x), _last(), True)
    deviation = make("sqrt", add(square, constant(epsilon, x.value.type)))
    return multiply(make("divide", x, deviation), gamma)


def _skip_sum(op: OnnxOp, bias: int) -> Output:
    x = add(op.input(0), op.input(1))
    extra = op.optional(bias)
    return x if extra is None else add(x, extra)


@translates("SkipLayerNormalization", domain=MICROSOFT)
def skip_layer_normalization(op: OnnxOp) -> tuple[Output | None, ...]:
    x = _skip_sum(op, 4)
    result = layer_norm(x, op.input(2), op.optional(3), op.attribute("epsilon", 1e-12))
    return result, None, None, x


@translates("SkipSimplifiedLayerNormalization", domain=MICROSOFT)
def skip_rms_normalization(op: OnnxOp) -> tuple[Output | None, ...]:
    x = _skip_sum(op, 3)
    return rms_norm(x, op.input(2), op.attribute("epsilon", 1e-12)), None, None, x


@translates("GroupNorm", domain=MICROSOFT)
def group_norm(op: OnnxOp) -> Output:
    data, dtype = op.input(0), op.type(0)
    last = bool(op.attribute("channels_last", 1))
    x = make("transpose", data, constant([0, 3, 1, 2])) if last else data
    gamma, beta = (convert(op.input(i), dtype) for i in (1, 2))
    groups, epsilon = op.attribute("groups"), op.attribute("epsilon", 1e-5)
    x = make("group_normalization", x, gamma, beta, groups, epsilon)
    if op.attribute("activation"):
        x = make("swish", x)
    return make("transpose", x, constant([0, 2, 3, 1])) if last else x


@translates("EmbedLayerNormalization", domain=MICROSOFT)
def embed_layer_normalization(op: OnnxOp) -> tuple[Output | None, ...]:
    """Sum of word, position and segment embeddings, normalised; and how many tokens each row has."""
    words, segments, mask = op.input(0), op.optional(1), op.optional(7)
    ids = op.optional(8)
    total = make("gather", op.input(2), words, constant(0))
    if ids is None:
        count = make("squeeze", size_of(words, 1), constant([0]))
        ids = make("range", constant(0), count, constant(1), "i64")
    total = add(total, make("gather", op.input(3), ids, constant(0)))
    if segments is not None and op.optional(4) is not None:
        total = add(total, make("gather", op.input(4), segments, constant(0)))
    result = layer_norm(total, op.input(5), op.input(6), op.attribute("epsilon", 1e-12))
    if mask is None:
        lengths = make("broadcast", constant(0, Type.i32), size_of(words, 0))
    else:
        lengths = make("reduce_sum", convert(mask, Type.i32), constant([1]), False)
    return result, lengths, total


# ---- products ---------------------------------------------------------------------------------------------------
@translates("FusedMatMul", "TransposeMatMul", domain=MICROSOFT)
def fused_matmul(op: OnnxOp) -> Output:
    sides = []
    for index, side in enumerate("AB"):
        x = op.input(index)
        if op.attribute(
            f"transBatch{side}", 0
        ):  # the first axis moves behind the others of the batch
            rank = op.rank(index)
            order = [*range(1, rank - 1), 0, rank - 1]
            x = make("transpose", x, constant(np.array(order, np.int64)))
        sides.append(x)
    flags = [bool(op.attribute(f"trans{side}", 0)) for side in "AB"]
    x = make("matmul", *sides, *flags)
    alpha = op.attribute("alpha", 1.0)
    return x if alpha == 1.0 else multiply(x, op.constant_like(0, alpha))


def activated(op: OnnxOp, x: Output, parameters: list[float]) -> Output:
    """``x`` after the activation that the attribute ``activation`` names."""
    name = op.attribute("activation", "")

    def parameter(index: int, default: float) -> Output:
        value = parameters[index] if index < len(parameters) else default
        return constant(value, x.value.type)

    known: dict[str, Callable[[], Output]] = {
        "": lambda: x,
        "Relu": lambda: make("relu", x),
        "Tanh": lambda: make("tanh", x),
        "Sigmoid": lambda: make("sigmoid", x),
        "LeakyRelu": lambda: make("prelu", x, parameter(0, 0.01)),
        "HardSigmoid": lambda: make("hard_sigmoid", x, parameter(0, 0.2), parameter(1, 0.5)),
        "HardSwish": lambda: make("hswish", x),
        "Clip": lambda: make("clamp", x, parameters[0], parameters[1]),
    }
    if name not in known:
        raise RuntimeError(f"the activation '{name}' is not supported")
    return known[name]()


@translates("FusedConv", domain=MICROSOFT)
def fused_conv(op: OnnxOp) -> Output:
    x, other = conv(op), op.optional(3)
    if other is not None:
        x = add(x, other)
    return activated(op, x, op.attribute("activation_params", []))


@translates("FusedGemm", domain=MICROSOFT)
def fused_gemm(op: OnnxOp) -> Output:
    names = ("activation_alpha", "activation_beta")
    return activated(op, gemm(op), [op.attribute(n) for n in names if op.has(n)])


@translates("Inverse", domain=MICROSOFT)
def inverse(op: OnnxOp) -> Output:
    return make("inverse", op.input(0), False)


@translates("ExpandDims", domain=MICROSOFT)
def expand_dims(op: OnnxOp) -> Output:
    return make("unsqueeze", op.input(0), op.input(1))


@translates("ComplexMul", "ComplexMulConj", domain=MICROSOFT)
def complex_mul(op: OnnxOp) -> Output:
    """Products of numbers whose real and imaginary parts are the last axis."""
    parts = [make("gather", op.input(i), constant(k), constant(-1)) for i in (0, 1) for k in (0, 1)]
    a, b, c, d = parts
    if op.name == "ComplexMulConj":
        d = make("negative", d)
    real = make("subtract", multiply(a, c), multiply(b, d))
    imaginary = add(multiply(a, d), multiply(b, c))
    return make("concat", [make("unsqueeze", p, constant([-1])) for p in (real, imaginary)], -1)


@translates("Rfft", "Irfft", domain=MICROSOFT)
def real_fourier(op: OnnxOp) -> Output:
    """One-dimensional transforms of the last axis; the inverse is scaled."""
    if op.attribute("signal_ndim", 1) != 1:
        raise RuntimeError("only one signal dimension is supported")
    axis = constant([op.rank(0) - (1 if op.name == "Rfft" else 2)])
    return make("rdft" if op.name == "Rfft" else "irdft", op.input(0), axis)


@translates("NhwcMaxPool", domain=MICROSOFT)
def nhwc_max_pool(op: OnnxOp) -> Output:
    from ovgpu.frontends.onnx.network import auto_pad, window

    x = make("transpose", op.input(0), constant([0, 3, 1, 2]))
    kernel = op.attribute("kernel_shape")
    strides, dilations, begin, end = window(op, len(kernel))
    rounding = "ceil_torch" if op.attribute("ceil_mode", 0) else "floor"
    arguments = (strides, dilations, begin, end, kernel, rounding, auto_pad(op), "i64", 0)
    return make("transpose", make("max_pool", x, *arguments), constant([0, 2, 3, 1]))


@translates("Trilu", domain=MICROSOFT)
def trilu(op: OnnxOp) -> Output:
    from ovgpu.frontends.onnx.movement import trilu as standard

    return standard(op)
