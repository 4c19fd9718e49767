"""Normalisation: by statistics of batches, instances, groups, layers, and of neighbouring channels."""

from __future__ import annotations

import numpy as np

from ovgpu.frontends.onnx.translation import (
    OnnxOp,
    add,
    constant,
    convert,
    make,
    multiply,
    translates,
)
from ovgpu.graph.port import Output


@translates("BatchNormalization")
def batch_normalization(op: OnnxOp) -> tuple[Output, ...]:
    data, scale, bias, mean, variance = (op.input(i) for i in range(5))
    running: tuple[Output, ...] = ()
    if op.attribute("training_mode", 0):
        old = mean, variance
        mean, variance = _batch_statistics(data, op.rank(0))
        running = tuple(
            _blend(o, convert(n, o.value.type), op.attribute("momentum", 0.9))
            for o, n in zip(old, (mean, variance), strict=True)
        )
    dtype = scale.value.type
    if mean.value.type is not dtype:
        mean, variance = convert(mean, dtype), convert(variance, dtype)
    x = convert(data, dtype)
    normalized = make(
        "batch_norm_inference", x, scale, bias, mean, variance, op.attribute("epsilon", 1e-5)
    )
    return (convert(normalized, data.value.type), *running)


def _batch_statistics(data: Output, rank: int) -> tuple[Output, Output]:
    """Mean and variance of each channel."""
    axes = constant(np.array([a for a in range(rank) if a != 1], np.int64))
    centred = make("subtract", data, make("reduce_mean", data, axes, True))
    variance = make("reduce_mean", multiply(centred, centred), axes, False)
    return make("reduce_mean", data, axes, False), variance


def _blend(old: Output, new: Output, momentum: float) -> Output:
    dtype = old.value.type
    kept = multiply(old, constant(momentum, dtype))
    return add(kept, multiply(new, constant(1 - momentum, dtype)))


@translates("InstanceNormalization")
def instance_normalization(op: OnnxOp) -> Output:
    data, rank = op.input(0), op.rank(0)
    axes = constant(np.arange(2, rank, dtype=np.int64))
    x = make("mvn", data, axes, True, op.attribute("epsilon", 1e-5), "inside_sqrt")
    shape = constant([1, -1] + [1] * (rank - 2))
    scale, bias = (make("reshape", op.input(i), shape, False) for i in (1, 2))
    return add(multiply(x, scale), bias)


@translates("GroupNormalization")
def group_normalization(op: OnnxOp) -> Output:
    data, scale, bias = op.input(0), op.input(1), op.input(2)
    groups = op.attribute("num_groups")
    if op.opset < 21:  # one number for each group, repeated for its channels
        channels = data.value.dims[1]
        if channels.is_dynamic:
            raise RuntimeError("the number of channels is not known")
        repeats = channels.get_length() // groups
        shape = constant([groups, repeats])
        spread = [
            make("broadcast", make("unsqueeze", v, constant([1])), shape) for v in (scale, bias)
        ]
        scale, bias = (make("reshape", v, constant([-1]), False) for v in spread)
    return make("group_normalization", data, scale, bias, groups, op.attribute("epsilon", 1e-5))


def _trailing_axes(op: OnnxOp, default: int) -> Output:
    rank, axis = op.rank(0), op.attribute("axis", default)
    return constant(np.arange(axis % rank, rank, dtype=np.int64))


@translates("LayerNormalization")
def layer_normalization(op: OnnxOp) -> Output | tuple[Output | None, ...]:
    data = op.input(0)
    x = make(
        "mvn", data, _trailing_axes(op, -1), True, op.attribute("epsilon", 1e-5), "inside_sqrt"
    )
    x = multiply(x, op.input(1))
    bias = op.optional(2)
    result = x if bias is None else add(x, bias)
    if not (op.wants(1) or op.wants(2)):
        return result
    axes = _trailing_axes(op, -1)
    mean = make("reduce_mean", data, axes, True)
    centred = make("subtract", data, mean)
    variance = make("reduce_mean", multiply(centred, centred), axes, True)
    deviation = make("sqrt", add(variance, op.constant_like(0, op.attribute("epsilon", 1e-5))))
    return result, mean, make("divide", op.constant_like(0, 1), deviation)


@translates("RMSNormalization", "SimplifiedLayerNormalization")
def rms_normalization(op: OnnxOp) -> Output:
    data = op.input(0)
    squares = make("reduce_mean", multiply(data, data), _trailing_axes(op, -1), True)
    deviation = make("sqrt", add(squares, op.constant_like(0, op.attribute("epsilon", 1e-5))))
    return multiply(make("divide", data, deviation), op.input(1))


@translates("LRN")
def lrn(op: OnnxOp) -> Output:
    alpha, beta = op.attribute("alpha", 1e-4), op.attribute("beta", 0.75)
    return make(
        "lrn",
        op.input(0),
        constant([1]),
        alpha,
        beta,
        op.attribute("bias", 1.0),
        op.attribute("size"),
    )
