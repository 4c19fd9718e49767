"""Networks of well-known shapes with random weights, built with the Python factories, for benchmarks and tests."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import ovgpu as ov
from ovgpu import opset13 as ops


class _Weights:
    """Random weights scaled so that activations neither vanish nor explode."""

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)

    def __call__(self, *shape: int, fan_in: int | None = None) -> np.ndarray:
        fan = fan_in or int(np.prod(shape[1:])) or 1
        return (self._random.standard_normal(shape) / math.sqrt(fan)).astype(np.float32)


def _convolution(
    weights: _Weights, x: Any, channels: int, count: int, kernel: int, stride: int, act: bool
) -> Any:
    pad = kernel // 2
    filters = weights(count, channels, kernel, kernel)
    x = ops.convolution(x, filters, [stride] * 2, [pad] * 2, [pad] * 2, [1, 1])
    x = ops.batch_norm_inference(
        x,
        np.ones(count, np.float32),
        np.zeros(count, np.float32),
        np.zeros(count, np.float32),
        np.ones(count, np.float32),
        1e-5,
    )
    return ops.relu(x) if act else x


def resnet50(batch: int = 1, size: int = 224) -> ov.Model:
    """ResNet-50 (He et al. 2015), input f32 [batch, 3, size, size], output f32 [batch, 1000]."""
    weights = _Weights()
    data = ops.parameter([batch, 3, size, size], np.float32, name="data")
    x = _convolution(weights, data, 3, 64, 7, 2, True)
    x = ops.max_pool(
        x, [2, 2], [1, 1], [1, 1], [1, 1], [3, 3], "floor", "explicit", "i64", 0
    ).output(0)
    channels = 64
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            step = stride if block == 0 else 1
            y = _convolution(weights, x, channels, width, 1, 1, True)
            y = _convolution(weights, y, width, width, 3, step, True)
            y = _convolution(weights, y, width, width * 4, 1, 1, False)
            if block == 0:
                x = _convolution(weights, x, channels, width * 4, 1, step, False)
            channels = width * 4
            x = ops.relu(ops.add(x, y))
    x = ops.reduce_mean(x, np.array([2, 3]), False)
    x = ops.add(ops.matmul(x, weights(1000, 2048), False, True), np.zeros((1, 1000), np.float32))
    return ov.Model([ops.softmax(x, 1)], [data], "resnet50")


def _layer_norm(x: Any, size: int) -> Any:
    x = ops.mvn(x, np.array([-1]), True, 1e-12, "INSIDE_SQRT")
    return ops.add(ops.multiply(x, np.ones(size, np.float32)), np.zeros(size, np.float32))


def _dense(weights: _Weights, x: Any, inputs: int, outputs: int) -> Any:
    product = ops.matmul(x, weights(outputs, inputs), False, True)
    return ops.add(product, np.zeros((1, 1, outputs), np.float32))


def bert(
    layers: int = 12, hidden: int = 768, heads: int = 12, sequence: int | Any = 128, batch: int = 1
) -> ov.Model:
    """The encoder of BERT (Devlin et al. 2018): embeddings f32 [batch, sequence, hidden] and a mask f32
    [batch, 1, 1, sequence] (0, or a large negative number) to hidden states f32 [batch, sequence, hidden]."""
    weights = _Weights()
    data = ops.parameter(ov.PartialShape([batch, sequence, hidden]), np.float32, name="embeddings")
    mask = ops.parameter(ov.PartialShape([batch, 1, 1, sequence]), np.float32, name="mask")
    x = _layer_norm(data, hidden)
    size = hidden // heads

    def split(y: Any) -> Any:
        y = ops.reshape(y, np.array([0, 0, heads, size]), True)
        return ops.transpose(y, np.array([0, 2, 1, 3]))

    for _ in range(layers):
        query, key, value = (split(_dense(weights, x, hidden, hidden)) for _ in range(3))
        scores = ops.multiply(ops.matmul(query, key, False, True), np.float32(1 / math.sqrt(size)))
        probabilities = ops.softmax(ops.add(scores, mask), -1)
        context = ops.transpose(
            ops.matmul(probabilities, value, False, False), np.array([0, 2, 1, 3])
        )
        context = ops.reshape(context, np.array([0, 0, hidden]), True)
        x = _layer_norm(ops.add(x, _dense(weights, context, hidden, hidden)), hidden)
        y = ops.gelu(_dense(weights, x, hidden, 4 * hidden), "erf")
        x = _layer_norm(ops.add(x, _dense(weights, y, 4 * hidden, hidden)), hidden)
    return ov.Model([x], [data, mask], "bert")


def tiny_chain(groups: int = 30) -> ov.Model:
    """300 tiny operations in a row: what is measured is the cost of a step, not of arithmetic."""
    weights = _Weights()
    data = ops.parameter([1, 64], np.float32, name="data")
    x: Any = data
    for _ in range(groups):
        x = ops.matmul(x, weights(64, 64), False, False)
        for _ in range(4):
            x = ops.add(ops.sigmoid(x), weights(1, 64, fan_in=1))
        x = ops.sigmoid(x)
    return ov.Model([x], [data], "tiny_chain")
