"""Elementwise arithmetic: binary operations with broadcasting, unary operations, Select and bitwise operations."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from ovgpu.graph import dimension as dimensions
from ovgpu.graph.element_type import Type
from ovgpu.graph.interval import Interval
from ovgpu.graph.partial_shape import PartialShape, broadcast_numpy, merge
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import check, op, registry
from ovgpu.ops.factory import build_factory, custom_factory
from ovgpu.ops.value_rules import ArrayFunction, arrays_of, each, each_pair

AutoBroadcast = Literal["none", "explicit", "numpy", "pdpd"]
RoundMode = Literal["half_to_even", "half_away_from_zero"]


# ---- shapes and types -----------------------------------------------------------------------------------------------
def broadcast_shapes(a: PartialShape, b: PartialShape, auto_broadcast: str) -> PartialShape:
    """Shape of an elementwise result. Raises OpError when the shapes do not fit.

    ``numpy`` aligns at the last dimension and stretches both ways, ``pdpd`` aligns at the first one and stretches only
    ``b``, ``none`` and ``explicit`` want equal shapes.
    """
    if auto_broadcast == "numpy":
        result = broadcast_numpy(a, b)
    elif auto_broadcast == "pdpd":
        result = _broadcast_pdpd(a, b)
    else:
        result = merge(a, b)
    check(result is not None, f"Argument shapes are inconsistent: {a} and {b}")
    assert result is not None
    return result


def _broadcast_pdpd(a: PartialShape, b: PartialShape) -> PartialShape | None:
    if a.rank_length is None or b.rank_length is None:
        return PartialShape.dynamic()
    if b.rank_length > a.rank_length:
        return None
    result = list(a.dims)
    for axis, dim in enumerate(b.dims):
        if dim.is_static and dim.get_length() == 1:
            result[axis] = dimensions.make(*result[axis].interval())  # OpenVINO drops its symbol
            continue
        merged = dimensions.merge(dim, result[axis])  # the symbol of b stays
        if merged is None or (result[axis].is_static and result[axis].get_length() == 1):
            return None
        result[axis] = merged
    return PartialShape.of(result)


def same_types(a: Value, b: Value) -> Type:
    """The one element type of two arguments. Raises OpError when they differ."""
    merged = a.type.merge(b.type)
    check(
        merged is not None,
        "Arguments do not have the same element type "
        f"(arg0 element type: {a.type.to_string()}, arg1 element type: {b.type.to_string()}).",
    )
    assert merged is not None
    return merged


def check_arithmetic(element_type: Type) -> None:
    """Check that numbers of this type can be computed with."""
    check(
        element_type not in (Type.boolean, Type.string),
        f"Arguments cannot have {element_type.to_string()} element type.",
    )


def check_real(element_type: Type, name: str) -> None:
    """Check that the type is floating-point, or not known yet."""
    check(
        element_type.is_real() or element_type is Type.dynamic,
        f"{name} takes floating-point elements, got {element_type.to_string()}",
    )


# ---- values of shape subgraphs --------------------------------------------------------------------------------------
def pair_rule(
    exact: ArrayFunction, bounded: Callable[[Interval, Interval], Any] | None
) -> Callable[..., Any]:
    """Value rule of a binary operation: ``exact`` on arrays of numbers, ``bounded`` on pairs of intervals."""
    on_intervals = None if bounded is None else each_pair(bounded)

    def rule(a: Value, b: Value, *, auto_broadcast: str = "numpy", **_: Any) -> Any:
        arrays = arrays_of(a, b)
        if arrays is None:
            return None
        left, right = arrays
        assert left is not None
        assert right is not None
        if auto_broadcast == "pdpd":
            right = right.reshape(right.shape + (1,) * (left.ndim - right.ndim))
        if left.dtype != object:
            with np.errstate(all="ignore"):
                return np.asarray(exact(left, right))
        return None if on_intervals is None else np.asarray(on_intervals(left, right), dtype=object)

    return rule


def single_rule(
    exact: ArrayFunction, bounded: Callable[[Interval], Any] | None = None
) -> Callable[..., Any]:
    """Value rule of a unary operation: ``exact`` on an array of numbers, ``bounded`` on each interval."""
    on_intervals = None if bounded is None else each(bounded)

    def rule(x: Value, **_: Any) -> Any:
        elements = x.elements
        if elements is None:
            return None
        if elements.dtype != object:
            with np.errstate(all="ignore"):
                return np.asarray(exact(elements))
        return None if on_intervals is None else np.asarray(on_intervals(elements), dtype=object)

    return rule


def monotonic(function: Callable[[Any], Any]) -> Callable[[Interval], Interval]:
    """The image of an interval under a non-decreasing function of numbers."""
    return lambda x: x.map_monotonic(function)


def _divide_values(a: Value, b: Value, *, auto_broadcast: str, m_pythondiv: bool) -> Any:
    if a.type.is_real():
        return pair_rule(np.divide, Interval.__truediv__)(a, b, auto_broadcast=auto_broadcast)
    divisor = b.known
    if divisor is not None and not divisor.all():
        return None
    exact = np.floor_divide if m_pythondiv else truncated_divide
    bounded = Interval.__floordiv__ if m_pythondiv else Interval.truncated_divide
    return pair_rule(exact, bounded)(a, b, auto_broadcast=auto_broadcast)


def truncated_divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Integer quotient rounded toward zero, as in C."""
    quotient = np.floor_divide(a, b)
    inexact_negative = (np.remainder(a, b) != 0) & ((a < 0) != (b < 0))
    return quotient + inexact_negative.astype(quotient.dtype)


def power(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a to the power b; integers too, where negative exponents give the truncated fraction."""
    if a.dtype.kind == "i" and (b < 0).any():
        return np.power(a.astype(np.float64), b).astype(a.dtype)
    return np.power(a, b)


def _bounded_power(a: Interval, b: Interval) -> Interval:
    if a.lower < 0 or not b.is_point or b.lower < 0:
        return Interval(-math.inf, math.inf)
    return Interval(a.lower**b.lower, a.upper**b.lower, a.symbol if b.is_one else None)


def _bounded_abs(x: Interval) -> Interval:
    if x.lower >= 0:
        return x
    return Interval(0 if x.upper > 0 else -x.upper, max(-x.lower, x.upper))


def _bounded_squared_difference(a: Interval, b: Interval) -> Interval:
    size = _bounded_abs(a - b)
    return size * size


# ---- binary operations ----------------------------------------------------------------------------------------------
def _declare_binary(
    name: str,
    formula: str,
    values: Callable[..., Any] | None,
    names: tuple[str, str] = ("left_node", "right_node"),
) -> None:
    def infer(a: Value, b: Value, *, auto_broadcast: AutoBroadcast = "numpy") -> Value:
        element_type = same_types(a, b)
        check_arithmetic(element_type)
        return Value(element_type, broadcast_shapes(a.shape, b.shape, auto_broadcast))

    infer.__doc__ = f"{name}-1: {formula} for each pair of elements, with broadcasting."
    factory = f"{_factory_name(name)}({names[0]}, {names[1]}, auto_broadcast='NUMPY')"
    op(name, "1", factory=factory, python_names={names[0]: "a", names[1]: "b"}, values=values)(
        infer
    )


def _factory_name(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


_declare_binary("Add", "a + b", pair_rule(np.add, operator.add))
_declare_binary("Subtract", "a - b", pair_rule(np.subtract, operator.sub))
_declare_binary("Multiply", "a * b", pair_rule(np.multiply, operator.mul))
_declare_binary("Power", "a to the power b", pair_rule(power, _bounded_power))
_declare_binary("Maximum", "the larger of a and b", pair_rule(np.maximum, Interval.maximum))
_declare_binary("Minimum", "the smaller of a and b", pair_rule(np.minimum, Interval.minimum))
_declare_binary("Mod", "remainder of a / b with the sign of a", pair_rule(np.fmod, operator.mod))
_declare_binary(
    "FloorMod", "remainder of a / b with the sign of b", pair_rule(np.mod, operator.mod)
)
_declare_binary(
    "SquaredDifference", "(a - b) squared",
    pair_rule(lambda a, b: np.square(a - b), _bounded_squared_difference), ("x1", "x2"),
)  # fmt: skip


@op("Divide", "1", factory="divide(left_node, right_node, auto_broadcast='NUMPY')",
    python_names={"left_node": "a", "right_node": "b"}, values=_divide_values)  # fmt: skip
def divide(
    a: Value, b: Value, *, auto_broadcast: AutoBroadcast = "numpy", m_pythondiv: bool = True
) -> Value:
    """Divide-1: a / b. Integer quotients are rounded down (``m_pythondiv``) or toward zero."""
    element_type = same_types(a, b)
    check_arithmetic(element_type)
    return Value(element_type, broadcast_shapes(a.shape, b.shape, auto_broadcast))


# ---- bitwise operations ---------------------------------------------------------------------------------------------
def _declare_bitwise(
    name: str, opset: str, formula: str, exact: ArrayFunction, boolean: bool
) -> None:
    names = ("left_node", "right_node") if boolean else ("arg0", "arg1")

    def infer(a: Value, b: Value, *, auto_broadcast: AutoBroadcast = "numpy") -> Value:
        element_type = same_types(a, b)
        allowed = not element_type.is_real() and (boolean or element_type is not Type.boolean)
        check(
            allowed,
            f"{name} takes integers{' or booleans' if boolean else ''}, got {element_type.to_string()}",
        )
        return Value(element_type, broadcast_shapes(a.shape, b.shape, auto_broadcast))

    infer.__doc__ = f"{name}-{opset}: {formula} for each pair of elements, with broadcasting."
    factory = f"{_factory_name(name)}({names[0]}, {names[1]}, auto_broadcast='NUMPY')"
    op(
        name,
        opset,
        factory=factory,
        python_names={names[0]: "a", names[1]: "b"},
        values=pair_rule(exact, None),
    )(infer)


_declare_bitwise("BitwiseAnd", "13", "a AND b", np.bitwise_and, True)
_declare_bitwise("BitwiseOr", "13", "a OR b", np.bitwise_or, True)
_declare_bitwise("BitwiseXor", "13", "a XOR b", np.bitwise_xor, True)
_declare_bitwise("BitwiseLeftShift", "15", "a shifted left by b bits", np.left_shift, False)
_declare_bitwise("BitwiseRightShift", "15", "a shifted right by b bits", np.right_shift, False)


@op(
    "BitwiseNot",
    "13",
    factory="bitwise_not(node)",
    python_names={"node": "data"},
    values=single_rule(np.invert),
)
def bitwise_not(data: Value) -> Value:
    """BitwiseNot-13: all bits inverted; of booleans the opposite."""
    check(
        not data.type.is_real(),
        f"BitwiseNot takes integers or booleans, got {data.type.to_string()}",
    )
    return Value(data.type, data.shape)


# ---- unary operations -----------------------------------------------------------------------------------------------
def declare_unary(
    name: str,
    opset: str,
    factory: str,
    formula: str,
    values: Callable[..., Any] | None = None,
    real: bool = False,
) -> None:
    """Declare an operation of one tensor without attributes whose output has the input's type and shape.

    ``real``: only floating-point elements are allowed; else all but boolean and string.
    """

    def infer(data: Value) -> Value:
        if real:
            check_real(data.type, name)
        else:
            check_arithmetic(data.type)
        return Value(data.type, data.shape)

    infer.__doc__ = f"{name}-{opset}: {formula} for each element."
    parameter = factory.partition("(")[2].rstrip(")")
    op(name, opset, factory=factory, python_names={parameter: "data"}, values=values)(infer)


declare_unary("Abs", "1", "absolute(node)", "|x|", single_rule(np.abs, _bounded_abs))
declare_unary("Negative", "1", "negative(node)", "-x", single_rule(np.negative, operator.neg))
declare_unary(
    "Sign",
    "1",
    "sign(node)",
    "-1, 0 or 1",
    single_rule(np.sign, monotonic(lambda x: (x > 0) - (x < 0))),
)
declare_unary(
    "Floor", "1", "floor(node)", "x rounded down", single_rule(np.floor, monotonic(math.floor))
)
declare_unary(
    "Ceiling", "1", "ceiling(node)", "x rounded up", single_rule(np.ceil, monotonic(math.ceil))
)
declare_unary(
    "Sqrt", "1", "sqrt(node)", "square root",
    single_rule(np.sqrt, monotonic(lambda x: math.sqrt(max(x, 0)))),
)  # fmt: skip
declare_unary("Exp", "1", "exp(node)", "e to the power x", single_rule(np.exp))
declare_unary("Log", "1", "log(node)", "natural logarithm", single_rule(np.log))
declare_unary("Sin", "1", "sin(node)", "sine of x in radians")
declare_unary("Cos", "1", "cos(node)", "cosine of x in radians")
declare_unary("Tan", "1", "tan(node)", "tangent of x in radians")
declare_unary("Asin", "1", "asin(node)", "arc sine in radians")
declare_unary("Acos", "1", "acos(node)", "arc cosine in radians")
declare_unary("Atan", "1", "atan(node)", "arc tangent in radians")
declare_unary("Sinh", "1", "sinh(node)", "hyperbolic sine")
declare_unary("Cosh", "1", "cosh(node)", "hyperbolic cosine")
declare_unary("Tanh", "1", "tanh(node)", "hyperbolic tangent")
declare_unary("Asinh", "4", "asinh(node)", "inverse hyperbolic sine")
declare_unary("Acosh", "4", "acosh(node)", "inverse hyperbolic cosine")
declare_unary("Atanh", "4", "atanh(node)", "inverse hyperbolic tangent")
declare_unary("Erf", "1", "erf(node)", "Gauss error function")
declare_unary("ErfInv", "17", "erfinv(node)", "inverse of the Gauss error function", real=True)


def _round_values(data: Value, *, mode: str) -> Any:
    exact = np.rint if mode == "half_to_even" else round_half_away
    return single_rule(exact, monotonic(lambda x: exact(np.array(x, np.float64)).item()))(data)


def round_half_away(x: np.ndarray) -> np.ndarray:
    """The nearest integer, the one farther from zero of two equally near."""
    whole = np.trunc(x)
    return whole + np.copysign(np.abs(x - whole) >= 0.5, x)


@op("Round", "5", factory="round(data, mode='half_to_even')", values=_round_values)
def round_(data: Value, *, mode: RoundMode = "half_to_even") -> Value:
    """Round-5: the nearest integer; ``mode`` says where halves go."""
    return Value(data.type, data.shape)


@op("Identity", "16", factory="identity(data)", values=lambda data: data.elements)
def identity(data: Value) -> Value:
    """Identity-16: the input."""
    return Value(data.type, data.shape)


# ---- Select ---------------------------------------------------------------------------------------------------------
def _select_values(condition: Value, then: Value, otherwise: Value, *, auto_broadcast: str) -> Any:
    arrays = arrays_of(then, otherwise)
    if arrays is None or auto_broadcast == "pdpd":
        return None
    chosen, (a, b) = condition.known, arrays
    assert a is not None
    assert b is not None
    if chosen is not None:
        return np.where(chosen, a, b)
    return np.asarray(
        np.broadcast_arrays(
            each_pair(Interval.union)(a, b), np.empty(condition.shape.static_tuple())
        )[0]
    )


@op("Select", "1", factory="select(cond, then_node, else_node, auto_broadcast='numpy')",
    python_names={"cond": "condition", "then_node": "then", "else_node": "otherwise"},
    values=_select_values)  # fmt: skip
def select(
    condition: Value, then: Value, otherwise: Value, *, auto_broadcast: AutoBroadcast = "numpy"
) -> Value:
    """Select-1: elements of ``then`` where ``condition`` holds, of ``otherwise`` elsewhere."""
    check(
        condition.type in (Type.boolean, Type.dynamic),
        f"Argument 0 must have boolean element type (element type: {condition.type.to_string()}).",
    )
    element_type = then.type.merge(otherwise.type)
    check(element_type is not None, "Argument 1 and 2 element types must match.")
    assert element_type is not None
    shape = broadcast_shapes(then.shape, otherwise.shape, auto_broadcast)
    if auto_broadcast == "pdpd":
        return Value(element_type, broadcast_shapes(shape, condition.shape, auto_broadcast))
    return Value(element_type, broadcast_shapes(condition.shape, shape, auto_broadcast))


# ---- second names of factories --------------------------------------------------------------------------------------
def alias(name: str, operation: str, opset: int = 1) -> None:
    """Offer the factory of ``operation`` under a second name from ``opset`` on."""
    declaration = registry.find(operation, opset)
    assert declaration is not None
    custom_factory(name, opset)(build_factory(declaration))


alias("abs", "Abs")
alias("ceil", "Ceiling")
