"""Elementwise arithmetic: binary operations with broadcasting, unary operations, Select and bitwise operations."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.interval import Interval
from ovgpu.graph.value import Value
from ovgpu.ops.broadcasting import (
    BROADCAST_NAMES,
    AutoBroadcast,
    broadcast_shapes,
    check_arithmetic,
    check_real,
    monotonic,
    pair_rule,
    same_types,
    single_rule,
)
from ovgpu.ops.declaration import check, op
from ovgpu.ops.factory import build_factory, custom_factory
from ovgpu.ops.registry import registry
from ovgpu.ops.value_rules import MAX_INTERVALS, ArrayFunction, arrays_of

RoundMode = Literal["half_to_even", "half_away_from_zero"]


# ---- values of shape subgraphs --------------------------------------------------------------------------------------
def _divide_values(a: Value, b: Value, *, m_pythondiv: bool, **broadcast: Any) -> Any:
    if a.type.is_real():
        return pair_rule(np.divide, Interval.__truediv__)(a, b, **broadcast)
    divisor = b.known
    if divisor is not None and not divisor.all():
        return None
    exact = np.floor_divide if m_pythondiv else truncated_divide
    bounded = Interval.__floordiv__ if m_pythondiv else Interval.truncated_divide
    return pair_rule(exact, bounded)(a, b, **broadcast)


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
    def infer(
        a: Value,
        b: Value,
        *,
        auto_broadcast: AutoBroadcast = "numpy",
        auto_broadcast_axis: int | None = None,
    ) -> Value:
        element_type = same_types(a, b)
        check_arithmetic(element_type)
        return Value(
            element_type, broadcast_shapes(a.shape, b.shape, auto_broadcast, auto_broadcast_axis)
        )

    infer.__doc__ = f"{name}-1: {formula} for each pair of elements, with broadcasting."
    factory = f"{_factory_name(name)}({names[0]}, {names[1]}, auto_broadcast='NUMPY')"
    op(
        name,
        "1",
        factory=factory,
        python_names={names[0]: "a", names[1]: "b"},
        attribute_names=BROADCAST_NAMES,
        values=values,
    )(infer)


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
    python_names={"left_node": "a", "right_node": "b"}, attribute_names=BROADCAST_NAMES,
    values=_divide_values)  # fmt: skip
def divide(
    a: Value,
    b: Value,
    *,
    auto_broadcast: AutoBroadcast = "numpy",
    auto_broadcast_axis: int | None = None,
    m_pythondiv: bool = True,
) -> Value:
    """Divide-1: a / b. Integer quotients are rounded down (``m_pythondiv``) or toward zero."""
    element_type = same_types(a, b)
    check_arithmetic(element_type)
    return Value(
        element_type, broadcast_shapes(a.shape, b.shape, auto_broadcast, auto_broadcast_axis)
    )


# ---- bitwise operations ---------------------------------------------------------------------------------------------
def _declare_bitwise(
    name: str, opset: str, formula: str, exact: ArrayFunction, boolean: bool
) -> None:
    names = ("left_node", "right_node") if boolean else ("arg0", "arg1")

    def infer(
        a: Value,
        b: Value,
        *,
        auto_broadcast: AutoBroadcast = "numpy",
        auto_broadcast_axis: int | None = None,
    ) -> Value:
        element_type = same_types(a, b)
        allowed = not element_type.is_real() and (boolean or element_type is not Type.boolean)
        check(
            allowed,
            f"{name} takes integers{' or booleans' if boolean else ''}, got {element_type.to_string()}",
        )
        return Value(
            element_type, broadcast_shapes(a.shape, b.shape, auto_broadcast, auto_broadcast_axis)
        )

    infer.__doc__ = f"{name}-{opset}: {formula} for each pair of elements, with broadcasting."
    factory = f"{_factory_name(name)}({names[0]}, {names[1]}, auto_broadcast='NUMPY')"
    op(
        name,
        opset,
        factory=factory,
        python_names={names[0]: "a", names[1]: "b"},
        attribute_names=BROADCAST_NAMES,
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
def _select_values(
    condition: Value, then: Value, otherwise: Value, *, auto_broadcast: str, **_: Any
) -> Any:
    arrays = arrays_of(then, otherwise)
    if arrays is None or condition.rank is None or auto_broadcast == "pdpd":
        return None
    chosen, (a, b) = condition.elements, arrays
    assert a is not None
    assert b is not None
    if chosen is None:
        # A size of the condition that is not known is that of an alternative: the result's is known.
        sizes = [d.get_length() if d.is_static else 1 for d in condition.dims]
        if max(math.prod(sizes), a.size, b.size) > MAX_INTERVALS:
            # Too many intervals; what is the same in both alternatives is known all the same.
            if a.dtype == object or b.dtype == object or not np.all(a == b):
                return None
            return np.where(np.ones(sizes, bool), a, b)
        chosen = np.full(sizes, Interval(0, 1), dtype=object)
    if chosen.dtype != object:
        return np.where(chosen, a, b)
    choose = np.frompyfunc(_choose, 3, 1)
    return np.asarray(choose(chosen, a, b), dtype=object)


def _choose(condition: Interval, then: Any, otherwise: Any) -> Interval:
    if condition.is_point:
        return Interval.of(then if condition.lower else otherwise)
    return Interval.of(then).union(otherwise)


@op("Select", "1", factory="select(cond, then_node, else_node, auto_broadcast='numpy')",
    python_names={"cond": "condition", "then_node": "then", "else_node": "otherwise"},
    values=_select_values, attribute_names=BROADCAST_NAMES)  # fmt: skip
def select(
    condition: Value,
    then: Value,
    otherwise: Value,
    *,
    auto_broadcast: AutoBroadcast = "numpy",
    auto_broadcast_axis: int | None = None,
) -> Value:
    """Select-1: elements of ``then`` where ``condition`` holds, of ``otherwise`` elsewhere."""
    check(
        condition.type in (Type.boolean, Type.dynamic),
        f"Argument 0 must have boolean element type (element type: {condition.type.to_string()}).",
    )
    element_type = then.type.merge(otherwise.type)
    check(element_type is not None, "Argument 1 and 2 element types must match.")
    assert element_type is not None
    shape = broadcast_shapes(then.shape, otherwise.shape, auto_broadcast, auto_broadcast_axis)
    if auto_broadcast == "pdpd":
        return Value(
            element_type,
            broadcast_shapes(shape, condition.shape, auto_broadcast, auto_broadcast_axis),
        )
    return Value(element_type, broadcast_shapes(condition.shape, shape, auto_broadcast))


# ---- second names of factories --------------------------------------------------------------------------------------
def alias(name: str, operation: str, opset: int = 1) -> None:
    """Offer the factory of ``operation`` under a second name from ``opset`` on."""
    declaration = registry.find(operation, opset)
    assert declaration is not None
    custom_factory(name, opset)(build_factory(declaration))


alias("abs", "Abs")
alias("ceil", "Ceiling")
