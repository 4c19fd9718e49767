"""Elementwise operations: which formula of :mod:`ovgpu.plugins.gpu.codegen` each one is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ovgpu.graph.node import Node
from ovgpu.graph.special import Constant
from ovgpu.graph.value import Value
from ovgpu.ops.broadcasting import pdpd_start
from ovgpu.plugins.cpu.kernels.quantization import SAME_SHIFT, follows_convolution
from ovgpu.plugins.gpu import broadcasting, codegen
from ovgpu.plugins.gpu.codegen import FLOAT8_NAMES, PACKED_NAMES, STORAGE_NAMES, Expression
from ovgpu.plugins.gpu.encoder import Encoder
from ovgpu.plugins.gpu.registry import DeviceTensor, Lowering, lowers
from ovgpu.plugins.gpu.strided import encode_copy, is_movable, place_of

Literals = tuple[float | int | bool, ...]


@dataclass(frozen=True)
class Elementwise:
    """An operation as an expression: formula, literals, and which inputs of the node are its operands."""

    formula: str
    literals: Literals = ()
    order: tuple[int, ...] | None = None


#: Operations that are one formula, whatever their attributes say.
_PLAIN = {
    "Add": "add", "Subtract": "subtract", "Multiply": "multiply", "Power": "power", "Maximum": "maximum",
    "Minimum": "minimum", "Mod": "mod", "FloorMod": "floor_mod", "SquaredDifference": "squared_difference",
    "BitwiseAnd": "bitwise_and", "BitwiseOr": "bitwise_or", "BitwiseXor": "bitwise_xor", "BitwiseNot": "bitwise_not",
    "BitwiseLeftShift": "left_shift", "BitwiseRightShift": "right_shift", "Abs": "abs", "Negative": "negative",
    "Sign": "sign", "Floor": "floor", "Ceiling": "ceil", "Sqrt": "sqrt", "Exp": "exp", "Log": "log", "Sin": "sin",
    "Cos": "cos", "Tan": "tan", "Asin": "asin", "Acos": "acos", "Atan": "atan", "Sinh": "sinh", "Cosh": "cosh",
    "Tanh": "tanh", "Asinh": "asinh", "Acosh": "acosh", "Atanh": "atanh", "Erf": "erf", "ErfInv": "erf_inverse",
    "Relu": "relu", "Sigmoid": "sigmoid", "HSwish": "hswish", "HSigmoid": "hsigmoid", "HardSigmoid": "hard_sigmoid",
    "Mish": "mish", "SoftPlus": "softplus", "SoftSign": "softsign", "Selu": "selu", "PRelu": "prelu",
    "Equal": "equal", "NotEqual": "not_equal", "Less": "less", "LessEqual": "less_equal", "Greater": "greater",
    "GreaterEqual": "greater_equal", "LogicalAnd": "logical_and", "LogicalOr": "logical_or",
    "LogicalXor": "logical_xor", "Xor": "logical_xor", "LogicalNot": "logical_not", "IsNaN": "is_nan",
    "IsFinite": "is_finite", "Select": "select",
}  # fmt: skip


def _clamp(node: Node) -> Elementwise:
    low, high = node.attributes["min"], node.attributes["max"]
    if not node.get_output_element_type(0).is_real():
        limits = np.iinfo(node.get_output_element_type(0).host_dtype)
        low = math.ceil(min(max(low, limits.min), limits.max))
        high = math.floor(min(max(high, limits.min), limits.max))
    return Elementwise("clamp", (low, high))


def _gelu(node: Node) -> Elementwise:
    tanh = node.attributes.get("approximation_mode", "ERF") == "TANH"
    return Elementwise("gelu_tanh" if tanh else "gelu")


def _batch_norm(node: Node) -> Elementwise:
    order = (2, 0, 1, 3, 4) if node.declaration.version == "opset1" else (0, 1, 2, 3, 4)
    return Elementwise("batch_norm", (node.attributes["epsilon"],), order)


def _fake_quantize(node: Node) -> Elementwise:
    limit = node.get_input_partial_shape(1).static_tuple()
    by_channel = limit is None or math.prod(limit) > 1
    steps = float(node.attributes["levels"] - 1)
    if by_channel and quantizes_convolution(node):
        # As kernels/quantization.py of the CPU rounds: the last bit decides between two levels.
        low, high = (node.input_value(i).node.host_array() for i in (1, 2))
        shift = -low * low.dtype.type(steps) / (high - low)
        shares = bool(np.ptp(shift) < SAME_SHIFT)
        literals = (steps, float(shift.reshape(-1)[0]), shares, bool((low < high).all()))
        return Elementwise("fake_quantize_separately", literals)
    return Elementwise("fake_quantize", (steps, by_channel))


def quantizes_convolution(node: Node) -> bool:
    """Whether a FakeQuantize with constant limits reads a convolution, where rounding has places of its own."""
    if not isinstance(node, Node):  # a step of a cluster; those stay out of clusters
        return False
    return follows_convolution(node) and all(
        isinstance(node.input_value(i).node, Constant) for i in (1, 2)
    )


#: Mantissa bits, step of the smallest numbers and largest number of the 8-bit float types.
_FLOAT8 = {"f8e4m3": (3, 2.0**-9, 448.0), "f8e5m2": (2, 2.0**-16, 57344.0)}


def _fake_convert(node: Node) -> Elementwise:
    formula = "fake_convert" if node.get_input_size() == 2 else "fake_convert_shifted"
    return Elementwise(formula, _FLOAT8[node.attributes["destination_type"]])


#: Operations whose formula depends on their attributes or inputs.
_SPECIAL: dict[str, Callable[[Node], Elementwise]] = {
    "Divide": lambda node: Elementwise(
        "divide" if node.attributes["m_pythondiv"] else "divide_toward_zero"
    ),
    "Round": lambda node: Elementwise(
        "round_half_to_even" if node.attributes["mode"] == "half_to_even" else "round_half_away"
    ),
    "Clamp": _clamp,
    "Elu": lambda node: Elementwise("elu", (float(node.attributes["alpha"]),)),
    "Gelu": _gelu,
    "Swish": lambda node: Elementwise("swish" if node.get_input_size() == 1 else "swish_beta"),
    "IsInf": lambda node: Elementwise(
        "is_inf", (node.attributes["detect_negative"], node.attributes["detect_positive"])
    ),
    "Convert": lambda node: Elementwise("convert"),
    "ConvertLike": lambda node: Elementwise("convert", (), (0,)),
    "BatchNormInference": _batch_norm,
    "FakeQuantize": _fake_quantize,
    "FakeConvert": _fake_convert,
}

#: Names of all operations that :func:`describe` knows.
OPERATIONS = frozenset(_PLAIN) | frozenset(_SPECIAL)

#: Operations that compare numbers.
COMPARISONS = frozenset({"Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual"})

#: Elements of a constant up to which it stays f32 where tensors are stored in f16 or bf16.
LARGEST_FACTOR = 4096

#: Operations whose inputs after the first are vectors over channels (dimension 1).
_PER_CHANNEL = frozenset({"BatchNormInference"})


def describe(node: Node) -> Elementwise | None:
    """The node as an expression, or None when it is not elementwise."""
    name = node.declaration.name
    plain = _PLAIN.get(name)
    if plain is not None:
        return Elementwise(plain)
    special = _SPECIAL.get(name)
    return None if special is None else special(node)


def align(node: Node, shape: Sequence[int], position: int, rank: int) -> tuple[int, ...]:
    """The shape of an operand with ones inserted so that it lines up with an output of ``rank`` dimensions.

    Args:
        node: says how it broadcasts.
        shape: of the operand.
        position: of the operand in the expression (0 is the data).
        rank: of the output.
    """
    shape = tuple(shape)
    name = node.declaration.name
    if math.prod(shape) == 1:
        return (1,) * rank
    if len(shape) == rank:
        return shape
    if position and name in _PER_CHANNEL:
        return (1, *shape) + (1,) * (rank - 2)
    if position and node.attributes.get("auto_broadcast") == "pdpd":
        start = pdpd_start(rank, len(shape), node.attributes["auto_broadcast_axis"])
        return (1,) * start + shape + (1,) * (rank - start - len(shape))
    return (1,) * (rank - len(shape)) + shape


def align_slope(shape: Sequence[int], data: Sequence[int]) -> tuple[int, ...]:
    """The slope of PRelu: a vector as long as dimension 1 of the data goes along that one."""
    rank = len(data)
    if len(shape) == 1 and rank > 1 and shape[0] not in (1,) and shape[0] == data[1]:
        return tuple(shape[0] if axis == 1 else 1 for axis in range(rank))
    return (1,) * (rank - len(shape)) + tuple(shape)


def aligned_operands(
    node: Node, shapes: Sequence[Sequence[int]], output: Sequence[int]
) -> list[tuple[int, ...]]:
    """Shapes of all operands, in the expression's order, lined up with the output."""
    rank = len(output)
    if node.declaration.name == "PRelu":
        return [align(node, shapes[0], 0, rank), align_slope(shapes[1], output)]
    return [align(node, shape, position, rank) for position, shape in enumerate(shapes)]


def operand_inputs(node: Node, description: Elementwise) -> tuple[int, ...]:
    """Which inputs of the node are the operands."""
    if description.order is not None:
        return description.order
    return tuple(range(node.get_input_size()))


def _shape_of(value: Value) -> tuple[int, ...]:
    shape = value.shape.static_tuple()
    assert shape is not None
    return shape


def types_fit(description: Elementwise, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    """Whether kernels compute with these element types; conversions know more of them."""
    if description.formula == "convert":
        readable = inputs[0].type in _READABLE
        # Packed elements are found by their number, so the start of a part must not lie inside a byte.
        whole = (
            inputs[0].type not in PACKED_NAMES
            or math.prod(_shape_of(inputs[0])) <= broadcasting.LARGEST_LAUNCH
        )
        return readable and whole and outputs[0].type in _WRITABLE
    return all(value.type in STORAGE_NAMES for value in (*inputs, *outputs))


_WRITABLE = frozenset(STORAGE_NAMES) | frozenset(FLOAT8_NAMES)
_READABLE = _WRITABLE | frozenset(PACKED_NAMES)


def accepts_elementwise(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    """Types that kernels compute with, and shapes of at most :data:`broadcasting.MAX_RANK` dimensions after merging."""
    description = describe(node)
    if description is None:
        return False
    if not types_fit(description, inputs, outputs):
        return False
    shapes = [_shape_of(inputs[i]) for i in operand_inputs(node, description)]
    output = _shape_of(outputs[0])
    operands = aligned_operands(node, shapes, output)
    return all(len(o) == len(output) for o in operands) and broadcasting.fits(output, operands)


def takes_strides(op: Lowering, index: int, tensor: DeviceTensor) -> bool:
    """Whole bytes, and no more dimensions than kernels walk through when none can be merged."""
    return is_movable(tensor.storage) and len(op.outputs[0].shape) <= broadcasting.MAX_RANK


def is_factor(shape: Sequence[int]) -> bool:
    """Whether a constant is so small, beside what it is combined with, that it may stay f32."""
    return math.prod(shape) <= LARGEST_FACTOR


def stays_wide(node: Node, index: int, shape: tuple[int, ...]) -> bool:
    """Small constants do, unless they are compared: numbers that are equal in f32 are then equal in f16 too."""
    return is_factor(shape) and node.get_type_name() not in COMPARISONS


@lowers(
    *sorted(OPERATIONS),
    accepts=accepts_elementwise,
    strided_inputs=range(codegen.MAX_TENSORS),
    strides_fit=takes_strides,
    wide_inputs=stays_wide,
)
def lower_elementwise(encoder: Encoder, op: Lowering) -> None:
    """One generated kernel."""
    description = describe(op.node)
    assert description is not None
    operands = [op.input(i) for i in operand_inputs(op.node, description)]
    output = op.outputs[0]
    if description.formula == "convert" and operands[0].storage is output.storage:
        if operands[0].strides is None:
            encoder.copy(output.address, operands[0].address, output.nbytes)
        elif output.size:
            encode_copy(encoder, place_of(output), place_of(operands[0]))
        return
    expression = Expression(
        description.formula, output.storage, tuple(range(len(operands))), description.literals
    )
    kernel = codegen.emit((expression,), tuple(t.storage for t in operands), (len(operands),))
    shapes = aligned_operands(op.node, [t.shape for t in operands], output.shape)
    broadcasting.launch(encoder, kernel, list(zip(operands, shapes, strict=True)), [output])


def accepts_promotion(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    return all(t.type in STORAGE_NAMES for t in (*inputs, *outputs))


@lowers("ConvertPromoteTypes", accepts=accepts_promotion)
def lower_convert_promote_types(encoder: Encoder, op: Lowering) -> None:
    """Two conversions."""
    for index, output in enumerate(op.outputs):
        source: Any = op.input(index)
        if source.storage is output.storage:
            encoder.copy(output.address, source.address, output.nbytes)
            continue
        kernel = codegen.emit(
            (Expression("convert", output.storage, (0,)),), (source.storage,), (1,)
        )
        broadcasting.launch(encoder, kernel, [(source, source.shape)], [output])
