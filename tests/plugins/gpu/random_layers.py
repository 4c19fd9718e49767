"""Operations of random graphs: layers with weights, attention, variables, and bodies."""

from __future__ import annotations

from typing import Any

import numpy as np
from plugins.gpu.random_elementwise import counter
from plugins.gpu.random_graphs import Builder, Impossible, Made, describe, i64, largest, scalar

import ovgpu as ov
from ovgpu import opset13 as ops


def weights_of(b: Builder, rows: int, columns: int) -> Any:
    """A compressed matrix [rows, columns], with a scale a row or a group."""
    kind = b.pick(["u4", "i4", "u8", "i8", "f16", "nf4"])
    if kind == "f16":
        return ops.convert(ops.constant(b.elements([rows, columns], np.float16)), "f32")
    group = b.pick([g for g in (columns, columns // 2, columns // 4) if g and columns % g == 0])
    shape = (
        [rows, columns] if group == columns and b.chance(0.5) else [rows, columns // group, group]
    )
    low, high = {"u4": (0, 15), "i4": (-8, 7), "u8": (0, 20), "i8": (-9, 9), "nf4": (0, 15)}[kind]
    data = b.rng.integers(low, high + 1, shape)
    if kind == "nf4":
        packed: Any = ops.constant(data.astype(np.float32) / 16, dtype=ov.Type.nf4)
    else:
        packed = ops.constant(data.astype(np.int64), dtype=getattr(ov.Type, kind))
    to = b.pick(["f16", "f32"])
    real = ops.convert(packed, to)
    dtype = np.float16 if to == "f16" else np.float32
    scales = [*shape[:-1], 1]
    if kind in ("u4", "u8") and b.chance(0.6):
        zero = ops.constant(
            b.rng.integers(0, 8, b.pick([scales, []])).astype(np.int64),
            dtype=getattr(ov.Type, kind),
        )
        real = ops.subtract(real, ops.convert(zero, to))
    real = ops.multiply(real, ops.constant(((b.rng.integers(1, 5, scales)) / 8).astype(dtype)))
    if len(shape) == 3:
        real = ops.reshape(real, i64(rows, columns), False)
    return ops.convert(real, "f32") if to == "f16" else real


def compressed(b: Builder) -> None:
    """A product with compressed weights, or rows of them."""
    m = b.take(lambda m: m.real and m.rank >= 1 and bool(m.size(m.rank - 1)))
    inner = m.size(m.rank - 1)
    columns = b.pick([1, 3, 8, 16, 32])
    if b.chance(0.3):
        rows = b.integers(2, 9)
        at = b.take(lambda o: o.dtype in (np.int32, np.int64) and o.rank <= 2)
        b.add(
            ops.gather(
                weights_of(b, rows, 16),
                ops.floor_mod(at.port, ops.constant(np.array(rows, at.dtype.type))),
                scalar(0),
            )
        )
    else:
        b.add(ops.matmul(m.port, weights_of(b, columns, inner), False, True))


def matmul(b: Builder) -> None:
    """Products of tensors and with weights, biased, activated, gated, with a residual."""
    m = b.real(1)
    if b.chance(0.4):
        others = [o for o in b.pool if o.real and o.rank >= 1]
        o = b.pick(others)
        b.add(ops.matmul(m.port, o.port, b.chance(0.3), b.chance(0.4)))
        return
    inner = m.size(m.rank - 1)
    if inner is None or inner == 0:
        raise Impossible
    columns = b.integers(1, 9)
    kind = b.integers(0, 6)
    if kind == 0:
        b.add(ops.matmul(m.port, b.constant([inner]), False, False))
    elif kind == 1:
        b.add(ops.matmul(m.port, b.constant([b.integers(1, 3), inner, columns]), False, False))
    elif kind == 2:
        y = ops.add(
            ops.matmul(m.port, b.constant([columns, inner]), False, True), b.constant([columns])
        )
        b.add(
            b.pick([ops.relu, lambda x: ops.gelu(x, "erf"), ops.sigmoid])(y)
            if b.chance(0.6)
            else y,
            False,
        )
    elif kind == 3:
        dtype = b.pick([np.uint8, np.int8])
        weights = ops.convert(ops.constant(b.elements([columns, inner], dtype)), "f32")
        if b.chance(0.5):
            weights = ops.subtract(
                weights, ops.convert(ops.constant(b.elements([columns, 1], dtype)), "f32")
            )
        weights = ops.multiply(
            weights,
            ops.constant((np.abs(b.elements([columns, 1], np.float32)) + 0.25).astype(np.float32)),
        )
        b.add(ops.matmul(m.port, weights, False, True))
    elif kind == 4:  # gated
        gate, up = (
            ops.matmul(m.port, b.constant([inner, columns]), False, False) for _ in range(2)
        )
        b.add(ops.multiply(ops.swish(gate), up), False)
    elif kind == 5:
        y = ops.matmul(m.port, b.constant([inner, inner]), False, False)
        b.add(ops.add(y, m.port) if b.chance(0.7) else ops.multiply(y, m.port))
    else:
        b.add(ops.matmul(b.constant([columns, inner]), m.port, False, True))


def attention(b: Builder) -> None:
    """One operation, or its parts."""
    q = b.take(lambda m: m.real and m.rank >= 2 and largest(m) < 6)
    k = b.pick(
        [
            o
            for o in b.pool
            if o.real
            and o.rank == q.rank
            and all(x[:-2] == y[:-2] and x[-1] == y[-1] for x, y in zip(o.shapes, q.shapes))
        ]
    )
    v = b.pick(
        [
            o
            for o in b.pool
            if o.real
            and o.rank == q.rank
            and all(x[:-2] == y[:-2] and x[-2] == y[-2] for x, y in zip(o.shapes, k.shapes))
        ]
    )
    if any(0 in s for s in k.shapes) or largest(k) > 6:
        raise Impossible
    if q.rank >= 3 and b.chance(0.5):
        b.add(ops.scaled_dot_product_attention(q.port, k.port, v.port, causal=b.chance(0.4)), False)
        return
    scores = ops.matmul(q.port, k.port, False, True)
    if b.chance(0.6):
        scores = ops.multiply(scores, scalar(0.25, np.float32))
    b.add(ops.matmul(ops.softmax(scores, -1), v.port, False, False), False)


def rope(b: Builder) -> None:
    """Rotary embedding."""
    m = b.take(
        lambda m: (
            m.real and m.rank in (3, 4) and bool(m.size(m.rank - 1)) and m.size(m.rank - 1) % 2 == 0
        )
    )
    width = m.size(m.rank - 1)
    half = width // 2
    length = ops.gather(ops.shape_of(m.port), i64(m.rank - 2), scalar(0))
    at = ops.range(scalar(0), ops.squeeze(length, scalar(0)), scalar(1), "f32")
    angles = ops.multiply(ops.unsqueeze(at, i64(1)), b.constant([1, half]))
    angles = ops.concat([angles, angles], -1)
    if b.chance(0.5):
        first, second = ops.split(m.port, scalar(-1), 2).outputs()
    else:
        first = ops.slice(m.port, i64(0), i64(half), i64(1), i64(-1))
        second = ops.slice(m.port, i64(half), i64(1 << 40), i64(1), i64(-1))
    turned = ops.concat([ops.multiply(second, scalar(-1, np.float32)), first], -1)
    b.add(
        ops.add(ops.multiply(m.port, ops.cos(angles)), ops.multiply(turned, ops.sin(angles))), False
    )


def convolution(b: Builder) -> None:
    m = b.take(lambda m: m.real and m.rank in (3, 4) and bool(m.size(1)) and m.size(1) <= 16)
    spatial = m.rank - 2
    channels, out = m.size(1), b.integers(1, 5)
    kernel = [b.integers(1, 3) for _ in range(spatial)]
    strides = [b.integers(1, 2) for _ in range(spatial)]
    begin, end = ([b.integers(0, 2) for _ in range(spatial)] for _ in range(2))
    ones = [b.integers(1, 2) for _ in range(spatial)]
    kind = b.integers(0, 3)
    if kind == 0:
        filters = b.constant([channels, 1, 1, *kernel])
        y = ops.group_convolution(m.port, filters, strides, begin, end, ones)
    elif kind == 1:
        y = ops.convolution_backprop_data(
            m.port,
            b.constant([channels, out, *kernel]),
            strides,
            pads_begin=[0] * spatial,
            pads_end=[0] * spatial,
        )
    else:
        y = ops.convolution(
            m.port,
            b.constant([out, channels, *kernel]),
            strides,
            begin,
            end,
            ones,
            b.pick(["explicit", "explicit", "same_upper", "valid"]),
        )
        if b.chance(0.5):
            y = ops.add(y, b.constant([1, out, *[1] * spatial]))
            if b.chance(0.6):
                y = b.pick([ops.relu, ops.sigmoid, ops.swish])(y)
    b.add(y)


def pooling(b: Builder) -> None:
    m = b.take(lambda m: m.real and m.rank in (3, 4))
    spatial = m.rank - 2
    kernel = [b.integers(1, 3) for _ in range(spatial)]
    strides = [b.integers(1, 2) for _ in range(spatial)]
    begin, end = ([b.integers(0, k - 1) for k in kernel] for _ in range(2))
    rounding = b.pick(["floor", "ceil"])
    if any(0 in s for s in m.shapes):
        raise Impossible
    if b.chance(0.5):
        b.add(ops.avg_pool(m.port, strides, begin, end, kernel, b.chance(0.5), rounding))
    else:
        b.add(
            ops.max_pool(m.port, strides, [1] * spatial, begin, end, kernel, rounding),
            keep=[0, 1] if m.exact else [0],
        )


def recurrent(b: Builder) -> None:
    m = b.take(
        lambda m: (
            m.real
            and m.rank == 3
            and bool(m.size(2))
            and m.size(2) <= 16
            and m.size(0) is not None
            and m.size(1) is not None
        )
    )
    if any(0 in s for s in m.shapes):
        raise Impossible
    batch, length, inner, hidden = m.size(0), m.size(1), m.size(2), b.integers(1, 4)
    start = ops.constant(b.elements([batch, 1, hidden], np.float32))
    lengths = ops.constant(np.full([batch], length, np.int64))
    w, r, c = (
        ops.constant(b.elements(s, np.float32) / np.float32(4))
        for s in ([1, 3 * hidden, inner], [1, 3 * hidden, hidden], [1, 3 * hidden])
    )
    b.add(
        ops.gru_sequence(m.port, start, lengths, w, r, c, hidden, b.pick(["forward", "reverse"])),
        False,
    )


def resize(b: Builder) -> None:
    m = b.take(lambda m: m.real and m.rank in (3, 4))
    if any(0 in s for s in m.shapes):
        raise Impossible
    axes = [m.rank - 1] if b.chance(0.4) else [m.rank - 2, m.rank - 1]
    if b.chance(0.5):
        target = ops.constant(np.array([b.pick([0.5, 2.0, 1.5]) for _ in axes], np.float32))
        how = "scales"
    else:
        target, how = i64(*[b.integers(1, 9) for _ in axes]), "sizes"
    b.add(
        ops.interpolate(
            m.port, target, b.pick(["nearest", "linear_onnx", "cubic"]), how, axes=i64(*axes)
        ),
        None,
    )


def variable(b: Builder) -> None:
    """A variable that each inference replaces."""
    m = b.take(lambda m: m.real and m.rank >= 1 and m.rank <= 3)
    name = f"v{len(b.sinks)}"
    sizes = [m.size(a) for a in range(m.rank)]
    if any(s is None for s in sizes) and b.chance(0.7):
        raise Impossible
    if m.port.get_partial_shape().is_dynamic and all(s is not None for s in sizes):
        raise Impossible
    if any(s is None for s in sizes):  # replaced each time, nothing accumulates
        shape = ov.PartialShape([ov.Dimension(-1 if s is None else s) for s in sizes])
        read = ops.read_value(
            ops.multiply(m.port, scalar(0.5, np.float32)), name, np.float32, shape
        )
        b.sinks.append(ops.assign(ops.add(m.port, scalar(1, np.float32)), name))
        b.forced.append(Made(read.output(0), []))
        b.text.append(f"# dynamic variable {name}")
        return
    if b.chance(0.5):
        initial = b.constant(sizes)
    else:
        initial = ops.multiply(m.port, scalar(0.5, np.float32))
    read = ops.read_value(initial, name, np.float32, sizes)
    value = b.add(read)
    kind = b.integers(0, 3)
    if kind == 0:
        target = ops.add(ops.multiply(value.port, scalar(0.5, np.float32)), m.port)
    elif kind == 1:
        target = m.port
    elif kind == 2:
        target = ops.tanh(value.port)
    else:
        target = ops.multiply(ops.add(value.port, m.port), scalar(0.5, np.float32))
        b.add(target)
    b.sinks.append(ops.assign(target, name))
    b.text.append(f"# assign {name} <- {describe(target)}")


def growing(b: Builder) -> None:
    """A variable that rows are appended to; what is read from it does not come back into the pool."""
    m = b.take(
        lambda m: (
            m.real and m.rank >= 2 and all(m.size(a) is not None for a in range(m.rank) if a != 1)
        )
    )
    name = f"v{len(b.sinks)}"
    shape = [0 if a == 1 else m.size(a) for a in range(m.rank)]
    partial = ov.PartialShape([ov.Dimension(-1 if a == 1 else m.size(a)) for a in range(m.rank)])
    read = ops.read_value(ops.constant(np.zeros(shape, np.float32)), name, np.float32, partial)
    whole = ops.concat([read, m.port], 1)
    b.sinks.append(ops.assign(whole, name))
    result = whole
    if b.chance(0.7):
        result = b.pick(
            [
                ops.relu,
                lambda x: ops.multiply(x, x),
                lambda x: ops.transpose(x, i64(1, *[a for a in range(m.rank) if a != 1])),
            ]
        )(whole)
    elif b.chance(0.5):
        result = ops.reduce_max(whole, i64(1), False)
    b.forced.append(Made(result.output(0), []))
    b.text.append(f"# growing {name} of {describe(whole)} shown as {describe(result)}")


def cache(b: Builder) -> None:
    """Keys and values that grow, with an order of the batch, as models that generate text have them."""
    m = b.take(
        lambda m: (
            m.real
            and m.rank == 4
            and m.size(1) is not None
            and m.size(3) is not None
            and largest(m) < 6
        )
    )
    batch = m.size(0)
    name = f"v{len(b.sinks)}"
    shape = ov.PartialShape(
        [ov.Dimension(-1 if batch is None else batch), m.size(1), ov.Dimension(-1), m.size(3)]
    )
    if batch is None:
        raise Impossible
    empty = ops.constant(np.zeros([batch, m.size(1), 0, m.size(3)], np.float32))
    read = ops.read_value(empty, name, np.float32, shape)
    past: Any = read
    if b.chance(0.6):
        order = b.parameter(
            [batch],
            np.int32,
            lambda: b.rng.permutation(batch) if b.chance(0.4) else np.arange(batch),
        )
        b.pool.pop()
        past = ops.gather(read, order.port, scalar(0))
    whole = ops.concat([past, m.port], 2)
    b.sinks.append(ops.assign(whole, name))
    kind = b.integers(0, 3)
    if kind == 0:
        result: Any = ops.scaled_dot_product_attention(m.port, whole, whole)
    elif kind == 1:
        result = ops.multiply(whole, scalar(2, np.float32))
    elif kind == 2:
        scores = ops.matmul(m.port, whole, False, True)
        result = ops.matmul(ops.softmax(scores, -1), whole, False, False)
    else:
        result = whole
    b.forced.append(Made(result.output(0), []))
    b.text.append(f"# cache {name} of {describe(whole)} shown as {describe(result)}")


def branches(b: Builder) -> None:
    """If on an input."""
    m = b.take(lambda m: m.dtype != bool)
    flag = b.parameter([] if b.chance(0.5) else [1], bool)
    then_x, else_x = (ops.parameter(m.port.get_partial_shape(), m.dtype.type) for _ in range(2))
    body = b.pick([lambda x: ops.add(x, x), lambda x: ops.abs(x), lambda x: x])
    then_result = ops.result(body(then_x))
    other: Any = ops.multiply(else_x, ops.constant(np.array(2, m.dtype.type)))
    if m.rank >= 1 and b.chance(0.3):
        other = ops.slice(else_x, i64(0), i64(1), i64(1), i64(0))
    else_result = ops.result(other)
    node = ops.if_op(flag.port)
    node.set_then_body(ov.Model([then_result], [then_x]))
    node.set_else_body(ov.Model([else_result], [else_x]))
    node.set_input(m.port, then_x, else_x)
    node.set_output(then_result, else_result)
    b.add(node)


def loops(b: Builder) -> None:
    """A constant number of iterations, or one from an input."""
    m = b.take(lambda m: m.real)
    trips = counter(b, 0) if b.chance(0.6) else scalar(b.integers(0 if b.chance(0.2) else 1, 3))
    body_x = ops.parameter(m.port.get_partial_shape(), np.float32)
    captured = ops.parameter(m.port.get_partial_shape(), np.float32)
    made = ops.add(
        ops.multiply(body_x, scalar(0.5, np.float32)), b.pick([scalar(1, np.float32), captured])
    )
    result, go_on = ops.result(made), ops.result(ops.constant(True))
    node = ops.loop(trips, ops.constant(True))
    uses = captured in [v.get_node() for v in made.input_values()]
    node.set_function(ov.Model([result, go_on], [body_x, captured] if uses else [body_x]))
    node.set_special_body_ports([-1, 1])
    node.set_merged_input(body_x, m.port, result.output(0))
    if uses:
        node.set_invariant_input(captured, m.port)
    node.get_iter_value(result.output(0), -1)
    if b.chance(0.4) and m.rank >= 1:
        node.get_concatenated_slices(result.output(0), 0, 1, 1, -1, 0)
    b.add(node)
