"""Elementwise operators: arithmetic, comparisons, logic, activations, conversion."""

from __future__ import annotations

import math

import numpy as np

from ovgpu.frontends.onnx.attention import positions
from ovgpu.frontends.onnx.translation import (
    ELEMENT_TYPES,
    OnnxOp,
    add,
    constant,
    convert,
    make,
    multiply,
    scalar,
    shape_of,
    size_of,
    translates,
)
from ovgpu.graph.element_type import Type
from ovgpu.graph.port import Output

#: Operators that are one operation of ours on the same inputs.
_SAME = {
    "Abs": "absolute",
    "Acos": "acos",
    "Acosh": "acosh",
    "Asin": "asin",
    "Asinh": "asinh",
    "Atan": "atan",
    "Atanh": "atanh",
    "Ceil": "ceiling",
    "Cos": "cos",
    "Cosh": "cosh",
    "Erf": "erf",
    "Exp": "exp",
    "Floor": "floor",
    "HardSwish": "hswish",
    "IsNaN": "is_nan",
    "Log": "log",
    "Mish": "mish",
    "Neg": "negative",
    "Not": "logical_not",
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Sign": "sign",
    "Sin": "sin",
    "Sinh": "sinh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Sqrt": "sqrt",
    "Tan": "tan",
    "Tanh": "tanh",
    "BitwiseNot": "bitwise_not",
    "Add": "add",
    "Sub": "subtract",
    "Mul": "multiply",
    "Equal": "equal",
    "Greater": "greater",
    "GreaterOrEqual": "greater_equal",
    "Less": "less",
    "LessOrEqual": "less_equal",
    "And": "logical_and",
    "Or": "logical_or",
    "Xor": "logical_xor",
    "BitwiseAnd": "bitwise_and",
    "BitwiseOr": "bitwise_or",
    "BitwiseXor": "bitwise_xor",
}


@translates(*_SAME)
def same(op: OnnxOp) -> Output:
    return make(_SAME[op.name], *(op.input(i) for i in range(len(op.inputs))))


@translates("Div")
def div(op: OnnxOp) -> Output:
    # ONNX truncates integer quotients as C does, OpenVINO's default floors them.
    node = op.make_node("divide", op.input(0), op.input(1))
    if op.type(0).is_integral_number():
        node.set_attribute("m_pythondiv", False)
    return node.output(0)


@translates("Pow")
def power(op: OnnxOp) -> Output:
    base, exponent = op.input(0), op.input(1)
    if base.value.type.is_real() or not exponent.value.type.is_real():
        return make("power", base, convert(exponent, base.value.type))
    return convert(make("power", convert(base, exponent.value.type), exponent), base.value.type)


@translates("Mod")
def mod(op: OnnxOp) -> Output:
    return make("mod" if op.attribute("fmod", 0) else "floor_mod", op.input(0), op.input(1))


@translates("BitShift")
def bit_shift(op: OnnxOp) -> Output:
    name = "bitwise_left_shift" if op.attribute("direction") == "LEFT" else "bitwise_right_shift"
    return make(name, op.input(0), op.input(1))


@translates("Max", "Min", "Sum", "Mean")
def variadic(op: OnnxOp) -> Output:
    name = {"Max": "maximum", "Min": "minimum"}.get(op.name, "add")
    result = op.input(0)
    for index in range(1, len(op.inputs)):
        result = make(name, result, op.input(index))
    if op.name == "Mean":
        result = make("divide", result, scalar(len(op.inputs), op.type(0)))
    if len(op.inputs) == 1:  # a node of its own, so that the output can carry its name
        result = make("add", result, scalar(0, op.type(0)))
    return result


@translates("Reciprocal")
def reciprocal(op: OnnxOp) -> Output:
    return make("divide", op.constant_like(0, 1), op.input(0))


@translates("Round")
def round_half_even(op: OnnxOp) -> Output:
    return make("round", op.input(0), "half_to_even")


@translates("Identity")
def identity(op: OnnxOp) -> Output:
    return make("identity", op.input(0))


@translates("Dropout", "OptionalGetElement")
def pass_through(op: OnnxOp) -> Output | tuple[Output | None, ...]:
    data = op.input(0)
    if op.output_count > 1 and op.wants(1):
        ones = make("broadcast", constant(True), shape_of(data))
        return data, ones
    return data


@translates("Cast", "CastLike")
def cast(op: OnnxOp) -> Output:
    if op.name == "CastLike":
        if op.attribute("saturate", 1) and op.type(1) in _LARGEST:
            return saturated(op.input(0), op.type(1))
        return make("convert_like", op.input(0), op.input(1))
    target = ELEMENT_TYPES.get(op.attribute("to"))
    if target is None:
        raise RuntimeError(f"the element type {op.attribute('to')} is not supported")
    if op.attribute("saturate", 1):
        return saturated(op.input(0), target)
    return make("convert", op.input(0), target)


#: Largest finite numbers of types into which conversion saturates.
_LARGEST = {Type.f8e4m3: 448.0, Type.f8e5m2: 57344.0}


def saturated(data: Output, target: Type) -> Output:
    """``data`` in another type; numbers too large for an 8-bit float become its largest."""
    limit = _LARGEST.get(target)
    if limit is None or not data.value.type.is_real():
        return make("convert", data, target)
    return make("convert", make("clamp", data, -limit, limit), target)


@translates("Where")
def where(op: OnnxOp) -> Output:
    return make("select", op.input(0), op.input(1), op.input(2))


@translates("Clip")
def clip(op: OnnxOp) -> Output:
    data = op.input(0)
    low, high = op.optional(1), op.optional(2)
    if op.has("min"):
        low = op.constant_like(0, op.attribute("min"))
    if op.has("max"):
        high = op.constant_like(0, op.attribute("max"))
    exact = [None if bound is None else bound.value.known for bound in (low, high)]
    bounds = [math.inf if b is None else float(b.reshape(-1)[0]) for b in exact]
    known = all(bound is None or e is not None for bound, e in zip((low, high), exact, strict=True))
    if data.value.type.is_real() and known and low is not None and high is not None:
        return make("clamp", data, *bounds)
    result = data
    if low is not None:
        result = make("maximum", result, low)
    if high is not None:
        result = make("minimum", result, high)
    return result if result is not data else add(data, op.constant_like(0, 0))


@translates("LeakyRelu")
def leaky_relu(op: OnnxOp) -> Output:
    return make("prelu", op.input(0), constant([op.attribute("alpha", 0.01)], op.type(0)))


@translates("PRelu")
def prelu(op: OnnxOp) -> Output:
    data, slope = op.input(0), op.input(1)
    if slope.value.rank == 1 and op.rank(0) > 1 and _fits_last_axis(data, slope):
        # ONNX aligns the slope with the last axis; PReLU would take a 1-D one for the channels.
        shape = [1] * (op.rank(0) - 1) + [-1]
        slope = make("reshape", slope, constant(shape), False)
    return make("prelu", data, slope)


def _fits_last_axis(data: Output, slope: Output) -> bool:
    """Not so in old exports, which mean the channels by a 1-D slope."""
    sizes = [data.value.dims[-1], slope.value.dims[0]]
    return any(s.is_dynamic for s in sizes) or sizes[1].get_length() in (1, sizes[0].get_length())


@translates("Elu")
def elu(op: OnnxOp) -> Output:
    return make("elu", op.input(0), op.attribute("alpha", 1.0))


@translates("Selu")
def selu(op: OnnxOp) -> Output:
    alpha, gamma = (
        op.attribute("alpha", 1.67326319217681884765625),
        op.attribute("gamma", 1.05070102214813232421875),
    )
    return make("selu", op.input(0), constant([alpha], op.type(0)), constant([gamma], op.type(0)))


@translates("Celu")
def celu(op: OnnxOp) -> Output:
    alpha = op.attribute("alpha", 1.0)
    scaled = make("divide", op.input(0), op.constant_like(0, alpha))
    return (
        multiply(make("elu", scaled, 1.0), op.constant_like(0, alpha))
        if alpha != 1.0
        else make("elu", op.input(0), 1.0)
    )


@translates("HardSigmoid")
def hard_sigmoid(op: OnnxOp) -> Output:
    alpha, beta = op.attribute("alpha", 0.2), op.attribute("beta", 0.5)
    return make("hard_sigmoid", op.input(0), op.constant_like(0, alpha), op.constant_like(0, beta))


@translates("ThresholdedRelu")
def thresholded_relu(op: OnnxOp) -> Output:
    data = op.input(0)
    above = make("greater", data, op.constant_like(0, op.attribute("alpha", 1.0)))
    return make("select", above, data, op.constant_like(0, 0))


@translates("Shrink")
def shrink(op: OnnxOp) -> Output:
    data, lambd, bias = op.input(0), op.attribute("lambd", 0.5), op.attribute("bias", 0.0)
    below = make("less", data, op.constant_like(0, -lambd))
    above = make("greater", data, op.constant_like(0, lambd))
    zero = op.constant_like(0, 0)
    high = make("select", above, make("subtract", data, op.constant_like(0, bias)), zero)
    return make("select", below, add(data, op.constant_like(0, bias)), high)


@translates("Gelu")
def gelu(op: OnnxOp) -> Output:
    return make(
        "gelu", op.input(0), "tanh" if op.attribute("approximate", "none") == "tanh" else "erf"
    )


@translates("Swish")
def swish(op: OnnxOp) -> Output:
    alpha = op.attribute("alpha", 1.0)
    return (
        make("swish", op.input(0))
        if alpha == 1.0
        else make("swish", op.input(0), op.constant_like(0, alpha))
    )


@translates("IsInf")
def is_inf(op: OnnxOp) -> Output:
    flags = {
        "detect_negative": bool(op.attribute("detect_negative", 1)),
        "detect_positive": bool(op.attribute("detect_positive", 1)),
    }
    return make("is_inf", op.input(0), flags)


@translates("CumProd")
def cum_prod(op: OnnxOp) -> Output:
    """Products of growing parts of an axis: the axis against itself, with ones where a part does not reach."""
    data, rank = op.input(0), op.rank(0)
    axis = int(op.known(1).reshape(-1)[0]) % rank
    count = positions(size_of(data, axis))
    shapes = [[1] * (rank + 1) for _ in range(2)]
    for offset, shape in enumerate(shapes):
        shape[axis + offset] = -1
    results, taken = (make("reshape", count, constant(s), False) for s in shapes)
    names = ("greater", "greater_equal"), ("less", "less_equal")
    name = names[bool(op.attribute("reverse", 0))][not op.attribute("exclusive", 0)]
    wide = make("unsqueeze", data, constant([axis]))
    parts = make("select", make(name, results, taken), wide, op.constant_like(0, 1))
    return make("reduce_prod", parts, constant([axis + 1]), False)


@translates("OptionalHasElement")
def optional_has_element(op: OnnxOp) -> Output:
    return constant(op.optional(0) is not None)


@translates("ArrayFeatureExtractor", domain="ai.onnx.ml")
def array_feature_extractor(op: OnnxOp) -> Output:
    return make(
        "gather", op.input(0), make("reshape", op.input(1), constant([-1]), False), constant(-1)
    )


@translates("Binarizer", domain="ai.onnx.ml")
def binarizer(op: OnnxOp) -> Output:
    above = make("greater", op.input(0), op.constant_like(0, op.attribute("threshold", 0.0)))
    return make("convert", above, op.type(0))


@translates("CumSum")
def cum_sum(op: OnnxOp) -> Output:
    axis = op.input(1)
    if axis.value.rank == 1:
        axis = make("squeeze", axis, constant([0]))
    return make(
        "cum_sum",
        op.input(0),
        axis,
        bool(op.attribute("exclusive", 0)),
        bool(op.attribute("reverse", 0)),
    )


@translates("Constant")
def constant_operator(op: OnnxOp) -> Output:
    if op.has("value"):
        proto = op.tensor_attribute("value")
        assert proto is not None
        return op.graph._constant(proto)
    if op.has("sparse_value"):
        return constant(op.graph._dense(op._attributes["sparse_value"].sparse_tensor))
    for name, dtype in (
        ("value_float", np.float32),
        ("value_floats", np.float32),
        ("value_int", np.int64),
        ("value_ints", np.int64),
    ):
        if op.has(name):
            return constant(np.array(op.attribute(name), dtype))
    for name in ("value_string", "value_strings"):
        if op.has(name):
            texts = np.atleast_1d(np.array(op.attribute(name), object))
            encoded = np.array([t.encode() for t in texts] + [None], object)[:-1]
            return constant(
                encoded if name.endswith("s") else encoded[0:1].reshape(()), Type.string
            )
    raise RuntimeError("it has no value")
