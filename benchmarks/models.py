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


def _rms_norm(x: Any, size: int) -> Any:
    squares = ops.reduce_mean(ops.power(x, np.float32(2)), np.array([-1]), True)
    root = ops.sqrt(ops.add(squares, np.float32(1e-5)))
    return ops.multiply(ops.multiply(x, ops.divide(np.float32(1), root)), np.ones(size, np.float32))


def _packed(weights: _Weights, inputs: int, outputs: int, group: int) -> Any:
    """Weights [outputs, inputs] of four bits with a scale for each group, as compression tools write them."""
    codes = np.clip(np.round(weights(outputs, inputs, fan_in=1) * 3), -8, 7)
    shape = [outputs, inputs // group, group]
    constant = ov.op.Constant(ov.Type.i4, ov.Shape(shape), codes.reshape(-1).astype(int).tolist())
    scale = np.full((outputs, inputs // group, 1), 0.3 / math.sqrt(inputs), np.float16)
    scaled = ops.multiply(ops.convert(constant, np.float16), ops.constant(scale))
    return ops.convert(ops.reshape(scaled, np.array([outputs, inputs]), False), np.float32)


def llama(
    layers: int = 4,
    hidden: int = 256,
    heads: int = 8,
    kv_heads: int = 4,
    intermediate: int = 768,
    vocabulary: int = 1000,
    group: int = 0,
) -> ov.Model:
    """A decoder like Llama (Touvron et al. 2023) with its past in variables, the arithmetic as exporters write it.

    Inputs ``input_ids`` and ``position_ids`` i64 [batch, length] and ``beam_idx`` i32 [batch], output ``logits`` f32
    [batch, length, vocabulary]. Attention is causal. ``group`` > 0: weights of four bits with a scale for so many.
    """
    weights = _Weights()
    size = hidden // heads
    ids = ops.parameter([-1, -1], np.int64, name="input_ids")
    positions = ops.parameter([-1, -1], np.int64, name="position_ids")
    beams = ops.parameter([-1], np.int32, name="beam_idx")
    table = weights(vocabulary, hidden, fan_in=1)
    x = ops.gather(ops.constant(table), ids, np.int64(0))

    def dense(y: Any, inputs: int, outputs: int) -> Any:
        if group:
            return ops.matmul(y, _packed(weights, inputs, outputs, group), False, True)
        return ops.matmul(y, weights(outputs, inputs), False, True)

    frequencies = (10000.0 ** (-np.arange(0, size, 2) / size)).astype(np.float32)
    angles = ops.multiply(
        ops.convert(ops.unsqueeze(positions, np.array([1, 3])), np.float32),
        ops.constant(frequencies.reshape(1, 1, 1, -1)),
    )
    both = ops.concat([angles, angles], -1)
    cosine, sine = ops.cos(both), ops.sin(both)

    def split(y: Any, count: int) -> Any:
        y = ops.reshape(y, np.array([0, 0, count, size]), True)
        return ops.transpose(y, np.array([0, 2, 1, 3]))

    def rotate(y: Any) -> Any:
        def part(begin: int, end: int) -> Any:
            return ops.slice(y, *(np.array([v]) for v in (begin, end, 1, 3)))

        turned = ops.concat(
            [ops.multiply(part(size // 2, size), np.float32(-1)), part(0, size // 2)], -1
        )
        return ops.add(ops.multiply(y, cosine), ops.multiply(turned, sine))

    sinks: list[Any] = []

    def cached(y: Any, name: str) -> Any:
        batch = ops.gather(ops.shape_of(ids, "i64"), np.array([0]), np.int64(0))
        empty = ops.concat([batch, ops.constant(np.array([kv_heads, 0, size]))], 0)
        start = ops.broadcast(ops.constant(np.float32(0)), empty)
        past = ops.read_value(start, name, np.float32, ov.PartialShape([-1, kv_heads, -1, size]))
        rows = ops.concat([ops.gather(past, beams, np.int64(0)), y], 2)
        sinks.append(ops.assign(rows, name))
        return rows

    def repeated(y: Any) -> Any:
        if heads == kv_heads:
            return y
        sizes = ops.shape_of(y, "i64")
        target = ops.concat(
            [
                ops.gather(sizes, np.array([0, 1]), np.int64(0)),
                ops.constant(np.array([heads // kv_heads])),
                ops.gather(sizes, np.array([2, 3]), np.int64(0)),
            ],
            0,
        )
        wide = ops.broadcast(ops.unsqueeze(y, np.array([2])), target)
        return ops.reshape(wide, np.array([0, heads, -1, size]), True)

    length = ops.gather(ops.shape_of(ids, "i64"), np.int64(1), np.int64(0))
    mask = None
    for layer in range(layers):
        y = _rms_norm(x, hidden)
        query = rotate(split(dense(y, hidden, hidden), heads))
        key = cached(rotate(split(dense(y, hidden, kv_heads * size), kv_heads)), f"key.{layer}")
        value = cached(split(dense(y, hidden, kv_heads * size), kv_heads), f"value.{layer}")
        if mask is None:
            total = ops.gather(ops.shape_of(key, "i64"), np.int64(2), np.int64(0))
            columns = ops.range(np.int64(0), total, np.int64(1), "i64")
            rows = ops.range(ops.subtract(total, length), total, np.int64(1), "i64")
            seen = ops.less_equal(columns, ops.unsqueeze(rows, np.array([1])))
            mask = ops.select(seen, np.float32(0), np.float32(-65504))
        context = ops.scaled_dot_product_attention(query, repeated(key), repeated(value), mask)
        context = ops.reshape(
            ops.transpose(context, np.array([0, 2, 1, 3])), np.array([0, 0, hidden]), True
        )
        x = ops.add(x, dense(context, hidden, hidden))
        y = _rms_norm(x, hidden)
        gate = ops.swish(dense(y, hidden, intermediate))
        x = ops.add(
            x, dense(ops.multiply(gate, dense(y, hidden, intermediate)), intermediate, hidden)
        )
    logits = ops.matmul(_rms_norm(x, hidden), weights(vocabulary, hidden), False, True)
    return ov.Model([logits], sinks, [ids, positions, beams], "llama")
