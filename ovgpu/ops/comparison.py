"""Comparisons, logical operations, and tests for special numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.interval import Interval
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.ops.broadcasting import (
    BROADCAST_NAMES,
    AutoBroadcast,
    broadcast_shapes,
    check_real,
    pair_rule,
    same_types,
    single_rule,
)
from ovgpu.ops.declaration import check, op
from ovgpu.ops.factory import as_output, build_factory, custom_factory
from ovgpu.ops.registry import registry

_FALSE, _TRUE, _EITHER = Interval(0, 0), Interval(1, 1), Interval(0, 1)


# ---- comparisons ----------------------------------------------------------------------------------------------------
def _less(a: Interval, b: Interval) -> Interval:
    return _TRUE if a.upper < b.lower else _FALSE if a.lower >= b.upper else _EITHER


def _equal(a: Interval, b: Interval) -> Interval:
    same = a.symbol is not None and a.symbol is b.symbol
    if same or (a.is_point and b.is_point and a.lower == b.lower):
        return _TRUE
    return _FALSE if a.upper < b.lower or b.upper < a.lower else _EITHER


def _opposite(x: Interval) -> Interval:
    return Interval(1 - x.upper, 1 - x.lower)


def _declare_comparison(
    name: str,
    factory: str,
    symbol: str,
    exact: Any,
    bounded: Callable[[Interval, Interval], Interval],
) -> None:
    def infer(
        a: Value,
        b: Value,
        *,
        auto_broadcast: AutoBroadcast = "numpy",
        auto_broadcast_axis: int | None = None,
    ) -> Value:
        same_types(a, b)
        return Value(
            Type.boolean, broadcast_shapes(a.shape, b.shape, auto_broadcast, auto_broadcast_axis)
        )

    infer.__doc__ = f"{name}-1: whether a {symbol} b, for each pair of elements, with broadcasting."
    op(
        name,
        "1",
        factory=f"{factory}(left_node, right_node, auto_broadcast='NUMPY')",
        python_names={"left_node": "a", "right_node": "b"},
        attribute_names=BROADCAST_NAMES,
        values=pair_rule(exact, bounded),
    )(infer)


_declare_comparison("Equal", "equal", "=", np.equal, _equal)
_declare_comparison(
    "NotEqual", "not_equal", "≠", np.not_equal, lambda a, b: _opposite(_equal(a, b))
)
_declare_comparison("Less", "less", "<", np.less, _less)
_declare_comparison(
    "LessEqual", "less_equal", "≤", np.less_equal, lambda a, b: _opposite(_less(b, a))
)
_declare_comparison("Greater", "greater", ">", np.greater, lambda a, b: _less(b, a))
_declare_comparison(
    "GreaterEqual", "greater_equal", "≥", np.greater_equal, lambda a, b: _opposite(_less(a, b))
)


# ---- logical operations ---------------------------------------------------------------------------------------------
def _declare_logical(
    name: str,
    opset: str,
    formula: str,
    exact: Any,
    bounded: Callable[[Interval, Interval], Interval],
    factory: str,
) -> None:
    def infer(
        a: Value,
        b: Value,
        *,
        auto_broadcast: AutoBroadcast = "numpy",
        auto_broadcast_axis: int | None = None,
    ) -> Value:
        check(
            same_types(a, b) in (Type.boolean, Type.dynamic),
            f"Operands for logical operators must have boolean element type but have {a.type.to_string()}.",
        )
        return Value(
            Type.boolean, broadcast_shapes(a.shape, b.shape, auto_broadcast, auto_broadcast_axis)
        )

    infer.__doc__ = f"{name}-{opset}: {formula} for each pair of booleans, with broadcasting."
    op(
        name,
        opset,
        factory=factory and f"{factory}(left_node, right_node, auto_broadcast='NUMPY')",
        python_names={"left_node": "a", "right_node": "b"},
        attribute_names=BROADCAST_NAMES,
        values=pair_rule(exact, bounded),
    )(infer)


def _either_differs(a: Interval, b: Interval) -> Interval:
    return _opposite(_equal(Interval(a.lower, a.upper), Interval(b.lower, b.upper)))


_declare_logical("LogicalAnd", "1", "a and b", np.logical_and, Interval.minimum, "logical_and")
_declare_logical("LogicalOr", "1", "a or b", np.logical_or, Interval.maximum, "logical_or")
# OpenVINO counts LogicalXor to opset2, though opset1 has it and its factory too; Xor is the name of older IR files.
_declare_logical("LogicalXor", "2", "either a or b", np.logical_xor, _either_differs, "logical_xor")
_declare_logical("LogicalXor", "1", "either a or b", np.logical_xor, _either_differs, "")
_declare_logical("Xor", "1", "either a or b", np.logical_xor, _either_differs, "")


@op("LogicalNot", "1", factory="logical_not(node)", python_names={"node": "data"},
    values=single_rule(np.logical_not, _opposite))  # fmt: skip
def logical_not(data: Value) -> Value:
    """LogicalNot-1: the opposite of a boolean; of a number, whether it is 0, in its own type."""
    return Value(data.type, data.shape)


# ---- special numbers ------------------------------------------------------------------------------------------------
@op("IsNaN", "10", factory="is_nan(data)", values=single_rule(np.isnan))
def is_nan(data: Value) -> Value:
    """IsNaN-10: whether an element is not a number."""
    check_real(data.type, "IsNaN")
    return Value(Type.boolean, data.shape)


@op("IsFinite", "10", factory="is_finite(data)", values=single_rule(np.isfinite))
def is_finite(data: Value) -> Value:
    """IsFinite-10: whether an element is neither infinite nor NaN."""
    check_real(data.type, "IsFinite")
    return Value(Type.boolean, data.shape)


@op("IsInf", "10", factory="")
def is_inf(data: Value, *, detect_negative: bool = True, detect_positive: bool = True) -> Value:
    """IsInf-10: whether an element is infinite, of the signs asked for."""
    check_real(data.type, "IsInf")
    return Value(Type.boolean, data.shape)


@custom_factory("is_inf", 10)
def _is_inf_factory(data: Any, attributes: dict | None = None, name: str | None = None) -> Node:
    """IsInf-10: whether an element is infinite. ``attributes``: ``detect_negative`` and ``detect_positive``."""
    declaration = registry.find("IsInf", 10)
    assert declaration is not None
    node = Node(declaration, [as_output(data)], attributes or {})
    if name is not None:
        node.friendly_name = name
    return node


_xor = registry.find("LogicalXor", 2)
assert _xor is not None
custom_factory("logical_xor", 1)(build_factory(_xor))
