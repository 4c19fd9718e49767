"""Operations of random graphs: elementwise ones, reductions, normalisations, sorting, and sizes as data."""

from __future__ import annotations

from typing import Any

import numpy as np
from plugins.gpu.random_graphs import Builder, Impossible, Made, fits, i64, largest, scalar

from ovgpu import opset13 as ops


def partner(b: Builder, m: Made) -> Any:
    """An operand that is broadcast with ``m``: another tensor, the same, or a constant."""
    others = [
        o
        for o in b.pool
        if o.dtype == m.dtype and all(fits(x, y) for x, y in zip(o.shapes, m.shapes))
    ]
    if others and b.chance(0.6):
        return b.pick(others).port
    rank = b.integers(0, m.rank)
    shape = []
    for axis in range(m.rank - rank, m.rank):
        size = m.size(axis)
        shape.append(size if size is not None and b.chance(0.7) else 1)
    if b.chance(0.1):
        shape = [b.integers(1, 3), *[1] * (m.rank - len(shape)), *shape]
    return b.constant(shape, m.dtype.type)


def unary(b: Builder) -> None:
    """A function of one tensor."""
    m = b.take()
    if m.dtype == bool:
        b.add(ops.logical_not(m.port))
        return
    if m.integer:
        name = b.pick(["abs", "negative", "clamp", "sign", "square", "bitwise_not", "relu"])
        if name == "negative" and m.dtype.kind == "u":
            raise Impossible
    elif m.exact and b.chance(0.3):
        name = b.pick(["floor", "ceiling", "sign", "round", "abs", "negative", "clamp", "relu"])
    else:
        name = b.pick(
            ["relu", "tanh", "sigmoid", "exp", "abs", "negative", "sqrt", "erf", "gelu", "hswish", "swish", "mish",
             "softplus", "elu", "hsigmoid", "clamp", "log", "sin", "cos", "square", "softsign", "power", "prelu",
             "selu"]
        )  # fmt: skip
    x = m.port
    if name == "prelu" and not m.rank:
        raise Impossible
    if name == "clamp":
        b.add(ops.clamp(x, -2, 3) if m.dtype.kind != "u" else ops.clamp(x, 1, 6))
    elif name == "square":
        b.add(ops.multiply(x, x))
    elif name == "sqrt":
        b.add(ops.sqrt(ops.add(ops.abs(x), scalar(0.5, np.float32))), False)
    elif name == "log":
        b.add(ops.log(ops.add(ops.abs(x), scalar(1, np.float32))), False)
    elif name == "elu":
        b.add(ops.elu(x, 0.75), False)
    elif name == "selu":
        b.add(ops.selu(x, scalar(1.5, np.float32), scalar(0.75, np.float32)), False)
    elif name == "prelu" and m.rank:
        b.add(ops.prelu(x, ops.constant(np.array([0.25], np.float32))))
    elif name == "power":
        b.add(ops.power(ops.abs(x), scalar(b.pick([2, 3, 1.0]), np.float32)))
    elif name == "round":
        b.add(ops.round(x, b.pick(["half_to_even", "half_away_from_zero"])))
    elif name == "gelu":
        b.add(ops.gelu(x, b.pick(["erf", "tanh"])), False)
    elif name == "exp":
        b.add(ops.exp(ops.clamp(x, -6, 4)), False)
    else:
        b.add(getattr(ops, name)(x), None)


def binary(b: Builder) -> None:
    """Arithmetic, comparisons and logic, with broadcasting."""
    m = b.take()
    if m.dtype == bool:
        name = b.pick(["logical_and", "logical_or", "logical_xor", "equal", "not_equal"])
    elif m.integer:
        name = b.pick(
            ["add", "subtract", "multiply", "maximum", "minimum", "less", "equal", "greater_equal",
             "squared_difference", "bitwise_and", "bitwise_or", "bitwise_xor", "mod", "floor_mod", "divide"]
        )  # fmt: skip
    else:
        name = b.pick(
            [
                "add",
                "subtract",
                "multiply",
                "maximum",
                "minimum",
                "squared_difference",
                "divide",
                "compare",
            ]
        )
    if name in ("mod", "floor_mod", "divide") and m.integer:
        divisor = ops.constant(np.array([b.pick([1, 2, 3, 7])], m.dtype.type))
        b.add(getattr(ops, name)(m.port, divisor))
        return
    other = partner(b, m)
    if name == "divide":
        b.add(ops.divide(m.port, ops.add(ops.abs(other), scalar(1, np.float32))), False)
        return
    if name == "compare":
        (o,) = (
            b.evaluated(other)
            if not any(p.port is other for p in b.pool)
            else [p for p in b.pool if p.port is other][:1]
        )
        if not m.exact or not o.exact:
            raise Impossible
        name = b.pick(["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"])
    x, y = (m.port, other) if b.chance(0.5) else (other, m.port)
    b.add(getattr(ops, name)(x, y))


def convert(b: Builder) -> None:
    """Another element type; floats are cut to its range before."""
    m = b.take()
    target = b.pick(["f32", "i32", "i64", "u8", "boolean", "i8", "f16"])
    x = m.port
    if m.real and target != "f16":
        if not m.exact:
            raise Impossible
        if target == "boolean":
            b.add(ops.convert(x, target))
            return
        low = 0 if target == "u8" else -100
        x = ops.clamp(x, low, 100)
    if target == "f16":  # rounded on the way
        b.add(ops.convert(ops.convert(x, "f16"), "f32"))
        return
    b.add(ops.convert(x, target))


def select(b: Builder) -> None:
    """A choice between two tensors."""
    c = b.take(lambda m: m.dtype == bool)
    m = b.take(lambda m: all(fits(x, y) for x, y in zip(m.shapes, c.shapes)))
    b.add(
        ops.select(c.port, m.port, partner(b, m))
        if b.chance(0.5)
        else ops.select(c.port, partner(b, m), m.port)
    )


def cluster(b: Builder) -> None:
    """Many elementwise operations on each other."""
    mark = len(b.pool)
    for _ in range(b.integers(3, 9)):
        operation = b.pick([unary, unary, binary, binary, binary, select, convert])
        pool = b.pool
        try:
            operation(b)
        except (Impossible, RuntimeError):
            b.pool = pool
    if len(b.pool) == mark:
        raise Impossible


def reduce(b: Builder) -> None:
    m = b.any()
    axes = b.rng.permutation(m.rank)[: b.integers(0 if b.chance(0.1) else 1, max(m.rank, 1))]
    axes = [b.signed(int(a), m.rank) for a in axes]
    keep = b.chance(0.5)
    if m.dtype == bool:
        name = b.pick(["reduce_logical_and", "reduce_logical_or"])
    elif m.integer:
        name = b.pick(["reduce_sum", "reduce_max", "reduce_min", "reduce_prod"])
    else:
        name = b.pick(
            [
                "reduce_sum",
                "reduce_max",
                "reduce_min",
                "reduce_mean",
                "reduce_l1",
                "reduce_l2",
                "reduce_prod",
            ]
        )
    if name in ("reduce_mean", "reduce_max", "reduce_min") and any(0 in s for s in m.shapes):
        raise Impossible
    b.add(getattr(ops, name)(m.port, i64(*axes), keep), None if name != "reduce_l2" else False)


def softmax(b: Builder) -> None:
    m = b.take(lambda m: m.real and m.rank >= 1 and largest(m) < 40)
    axis = b.axis(m)
    if b.chance(0.3):
        b.add(ops.log_softmax(m.port, axis), False)
    else:
        b.add(ops.softmax(m.port, b.signed(axis, m.rank)), False)


def layer_norm(b: Builder) -> None:
    """LayerNorm and RMSNorm as models spell them."""
    m = b.real(1)
    last = m.size(m.rank - 1)
    if not last:
        raise Impossible
    axis = b.pick([i64(-1), i64(m.rank - 1)])
    x = m.port
    rms = b.chance(0.5)
    if not rms:
        x = ops.subtract(x, ops.reduce_mean(x, axis, True))
    square = ops.multiply(x, x) if b.chance(0.5) else ops.power(x, scalar(2, np.float32))
    variance = ops.add(ops.reduce_mean(square, axis, True), scalar(0.5, np.float32))
    kind = b.integers(0, 2)
    if kind == 0:
        y = ops.divide(x, ops.sqrt(variance))
    elif kind == 1:
        y = ops.multiply(x, ops.power(variance, scalar(-0.5, np.float32)))
    else:
        y = ops.multiply(x, ops.divide(scalar(1, np.float32), ops.sqrt(variance)))
    if b.chance(0.7):
        y = ops.multiply(y, b.constant([last]))
    if b.chance(0.5):
        y = ops.add(y, b.constant([last]))
    b.add(y, False)


def normalize(b: Builder) -> None:
    m = b.real(2)
    kind = b.integers(0, 2)
    if any(0 in s for s in m.shapes):
        raise Impossible
    if kind == 0:
        b.add(
            ops.mvn(
                m.port,
                i64(*range(b.integers(1, m.rank - 1), m.rank)),
                b.chance(0.7),
                0.5,
                "inside_sqrt",
            ),
            False,
        )
    elif kind == 1:
        b.add(ops.normalize_l2(m.port, i64(b.axis(m)), 0.5, b.pick(["add", "max"])), False)
    else:
        channels = m.size(1)
        if not channels:
            raise Impossible
        c = [b.constant([channels]) for _ in range(3)]
        variance = ops.constant(np.abs(b.elements([channels], np.float32)) + np.float32(0.5))
        b.add(ops.batch_norm_inference(m.port, *c, variance, 1e-3), False)


def sorting(b: Builder) -> None:
    """TopK with a constant or a computed number."""
    m = b.take(lambda m: m.rank >= 1 and m.dtype != bool and (m.exact or m.integer))
    axis = b.axis(m)
    smallest = min(s[axis] for s in m.shapes)
    if not smallest:
        raise Impossible
    k: Any = scalar(b.integers(1, smallest))
    if b.chance(0.2):
        k = ops.squeeze(ops.minimum(counter(b), i64(smallest)), scalar(0))
    elif b.chance(0.3):
        k = ops.squeeze(ops.gather(ops.shape_of(m.port), i64(axis), scalar(0)), scalar(0))
    b.add(
        ops.topk(
            m.port,
            k,
            axis,
            b.pick(["max", "min"]),
            b.pick(["value", "index"]),
            index_element_type=b.pick(["i32", "i64"]),
            stable=True,
        )
    )


def cumulate(b: Builder) -> None:
    m = b.take(lambda m: m.rank >= 1 and m.dtype in (np.float32, np.int32, np.int64))
    axis = b.axis(m)
    b.add(ops.cum_sum(m.port, scalar(b.signed(axis, m.rank)), b.chance(0.3), b.chance(0.3)))


def one_hot(b: Builder) -> None:
    m = b.take(lambda m: m.dtype in (np.int32, np.int64) and m.rank <= 3)
    depth = b.integers(1, 5)
    value = b.pick([np.float32, np.int32, bool])
    b.add(
        ops.one_hot(
            m.port,
            scalar(depth),
            ops.constant(np.array(1, value)),
            ops.constant(np.array(0, value)),
            b.integers(-1, m.rank),
        )
    )


def ranges(b: Builder) -> None:
    """As long as a dimension, or as an input says."""
    m = b.any(1)
    size = ops.squeeze(ops.gather(ops.shape_of(m.port), i64(b.axis(m)), scalar(0)), scalar(0))
    if b.chance(0.3):
        size = counter(b, 0)
    b.add(ops.range(scalar(0), size, scalar(b.pick([1, 2])), b.pick(["i64", "f32", "i32"])))


def sizes(b: Builder) -> None:
    b.add(ops.shape_of(b.any().port, b.pick(["i64", "i32"])))


def non_zero(b: Builder) -> None:
    m = b.take(lambda m: m.rank in (1, 2) and (m.exact or not m.real))
    found = ops.non_zero(m.port, b.pick(["i32", "i64"]))
    b.add(ops.transpose(found, i64(1, 0)) if b.chance(0.4) else found)


def counter(b: Builder, rank: int = 1) -> Any:
    """A small number that is an input."""
    if b.counters and b.chance(0.5):
        m = b.pick(b.counters)
    else:
        m = b.parameter([1], np.int64, lambda: [b.integers(1, 4)])
        b.counters.append(m)
    return m.port if rank else ops.squeeze(m.port, scalar(0))
