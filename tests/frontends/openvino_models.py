"""Models made with the real OpenVINO, which tests write to files and read back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import openvino as ov
import openvino.opset13 as ops

#: Element types of constants, with the number of bits of one element.
CONSTANT_TYPES = {
    "f64": 64, "f32": 32, "f16": 16, "bf16": 16, "f8e4m3": 8, "f8e5m2": 8, "f8e8m0": 8, "f4e2m1": 4, "nf4": 4,
    "boolean": 8, "i4": 4, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "u1": 1, "u2": 2, "u3": 3, "u4": 4, "u6": 6,
    "u8": 8, "u16": 16, "u32": 32, "u64": 64,
}  # fmt: skip


def convolution() -> ov.Model:
    """A small image network with layouts, tensor names and run-time information."""
    rng = np.random.default_rng(1)
    image = ops.parameter([1, 3, 12, 12], np.float32, name="image")
    image.set_layout(ov.Layout("NCHW"))
    image.output(0).set_names({"image", "with,comma", "with\\backslash"})
    weights = ops.constant(rng.standard_normal((4, 3, 3, 3)).astype(np.float32))
    features = ops.relu(ops.convolution(image, weights, [1, 1], [1, 1], [1, 1], [1, 1]))
    features.output(0).set_names({"features"})
    pooled = ops.reshape(
        ops.reduce_mean(features, np.array([2, 3], np.int64)), np.array([1, -1]), special_zero=False
    )
    scores = ops.softmax(ops.matmul(pooled, np.eye(4, 5, dtype=np.float32), False, False), 1)
    scores.set_friendly_name('scores <&"quoted">')
    model = ov.Model([ops.result(scores, name="out")], [image], "image network")
    model.set_rt_info("1.0", ["framework", "version"])
    model.set_rt_info([1, 2, 3], "numbers")
    model.set_rt_info("with blanks", "a name with blanks")
    return model


def dynamic() -> ov.Model:
    """Unknown and bounded dimensions, unknown rank."""
    a = ops.parameter(ov.PartialShape("?,3,1..10"), np.float32, name="a")
    b = ops.parameter(ov.PartialShape("..."), np.float32, name="b")
    c = ops.parameter(ov.PartialShape("1..5,?"), np.int64, name="c")
    return ov.Model([ops.relu(a), ops.sigmoid(b), ops.add(c, c)], [a, b, c], "dynamic")


def condition() -> ov.Model:
    """An If whose branches read different inputs."""
    x = ops.parameter([-1, 2], np.float32, name="x")
    y = ops.parameter([-1, 2], np.float32, name="y")
    chosen = ops.parameter([], bool, name="chosen")
    a, b, c = (ops.parameter([-1, 2], np.float32, name=n) for n in "abc")
    then_body = ov.Model([ops.relu(ops.add(a, b))], [a, b], "then")
    else_body = ov.Model([ops.sigmoid(c)], [c], "else")
    node = ops.if_op(chosen)
    node.set_then_body(then_body)
    node.set_else_body(else_body)
    node.set_input(x.output(0), a, None)
    node.set_input(y.output(0), b, c)
    output = node.set_output(then_body.get_results()[0], else_body.get_results()[0])
    return ov.Model([ops.result(output, name="out")], [x, y, chosen], "condition")


def loop() -> ov.Model:
    """A Loop with a carried, an invariant and a sliced value, a counter and an early exit."""
    start = ops.parameter([1, 2], np.float32, name="start")
    steps = ops.parameter([4, 2], np.float32, name="steps")
    limit = ops.parameter([], np.int64, name="limit")
    counter = ops.parameter([], np.int64, name="counter")
    value, step = (ops.parameter([1, 2], np.float32, name=n) for n in ("value", "step"))
    most = ops.parameter([], np.int64, name="most")
    successor = ops.add(ops.multiply(value, np.float32(2)), step)
    body = ov.Model([ops.less(counter, most), successor], [counter, value, step, most], "body")
    node = ops.loop(ops.constant(np.int64(4)), ops.constant(True))
    node.set_function(body)
    node.set_special_body_ports([0, 0])
    result = body.get_results()[1].output(0)
    node.set_merged_input(value, start.output(0), result)
    node.set_sliced_input(step, steps.output(0), 0, 1, 1, -1, 0)
    node.set_invariant_input(most, limit.output(0))
    last = node.get_iter_value(result, -1)
    every = node.get_concatenated_slices(result, 0, 1, 1, -1, 0)
    return ov.Model([last, every], [start, steps, limit], "loop")


def tensor_iterator() -> ov.Model:
    """A TensorIterator that goes backwards over its input."""
    x = ops.parameter([2, 5, 3], np.float32, name="x")
    h = ops.parameter([2, 1, 3], np.float32, name="h")
    part, state = (ops.parameter([2, 1, 3], np.float32, name=n) for n in ("part", "state"))
    total = ops.add(part, state)
    body = ov.Model([total], [part, state], "body")
    node = ops.tensor_iterator()
    node.set_body(body)
    result = body.get_results()[0].output(0)
    node.set_sliced_input(part, x.output(0), -1, -1, 1, 0, 1)
    node.set_merged_input(state, h.output(0), result)
    last = node.get_iter_value(result, -1)
    every = node.get_concatenated_slices(result, -1, -1, 1, 0, 1)
    return ov.Model([last, every], [x, h], "iterator")


def stateful() -> ov.Model:
    """A running sum in a variable."""
    info = ov.op.util.VariableInfo()
    info.data_shape, info.data_type, info.variable_id = ov.PartialShape("?,2"), ov.Type.f32, "total"
    variable = ov.op.util.Variable(info)
    x = ops.parameter([-1, 2], np.float32, name="x")
    before = ov.op.read_value(ops.multiply(x, np.float32(0)), variable)
    after = ops.add(before, x)
    write = ov.op.assign(after, variable)
    return ov.Model([ops.result(after, name="out")], [write], [x], "stateful")


def strings() -> ov.Model:
    """A constant of strings as an output."""
    node = ov.op.Constant(ov.Tensor(["ab", "", "äöü", "a\nb"]))
    x = ops.parameter([1], np.float32, name="x")
    return ov.Model([ops.result(node, name="texts"), ops.result(ops.relu(x))], [x], "strings")


def constants(type_name: str, shape: tuple[int, ...], data: np.ndarray) -> ov.Model:
    """One constant over the given bytes as an output."""
    tensor = ov.Tensor(getattr(ov.Type, type_name), ov.Shape(list(shape)))
    if tensor.byte_size:
        tensor.data.reshape(-1).view(np.uint8)[:] = data[: tensor.byte_size]
    x = ops.parameter([1], np.float32, name="x")
    return ov.Model(
        [ops.result(ov.op.Constant(tensor), name="c"), ops.result(ops.relu(x))], [x], "c"
    )


MODELS: dict[str, Callable[[], ov.Model]] = {
    f.__name__: f
    for f in (convolution, dynamic, condition, loop, tensor_iterator, stateful, strings)
}

#: Inputs for the models that compute something.
INPUTS: dict[str, list[np.ndarray]] = {
    "convolution": [np.linspace(-1, 1, 432, dtype=np.float32).reshape(1, 3, 12, 12)],
    "condition": [
        np.array([[-1, 2], [3, -4]], np.float32), np.array([[0.5, -2], [-5, 6]], np.float32), np.array(False),
    ],
    "loop": [np.ones((1, 2), np.float32), np.arange(8, dtype=np.float32).reshape(4, 2), np.array(1)],
    "tensor_iterator": [
        np.arange(30, dtype=np.float32).reshape(2, 5, 3), np.ones((2, 1, 3), np.float32),
    ],
    "stateful": [np.array([[1, 2]], np.float32)],
}  # fmt: skip
