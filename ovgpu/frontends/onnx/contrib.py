"""Operators of the domain com.microsoft that exported transformers use."""

from __future__ import annotations

import numpy as np

from ovgpu.frontends.onnx.translation import (
    OnnxOp,
    add,
    constant,
    make,
    multiply,
    translates,
)
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


@translates("QuickGelu", domain=MICROSOFT)
def quick_gelu(op: OnnxOp) -> Output:
    return make("swish", op.input(0), op.constant_like(0, op.attribute("alpha", 1.702)))


@translates("SkipLayerNormalization", domain=MICROSOFT)
def skip_layer_normalization(op: OnnxOp) -> Output:
    x = add(op.input(0), op.input(1))
    extra = op.optional(4)
    if extra is not None:
        x = add(x, extra)
    axes = constant(np.array([-1], np.int64))
    y = multiply(
        make("mvn", x, axes, True, op.attribute("epsilon", 1e-12), "inside_sqrt"), op.input(2)
    )
    beta = op.optional(3)
    return y if beta is None else add(y, beta)


@translates("FusedMatMul", domain=MICROSOFT)
def fused_matmul(op: OnnxOp) -> Output:
    x = make(
        "matmul",
        op.input(0),
        op.input(1),
        bool(op.attribute("transA", 0)),
        bool(op.attribute("transB", 0)),
    )
    alpha = op.attribute("alpha", 1.0)
    return x if alpha == 1.0 else multiply(x, op.constant_like(0, alpha))
