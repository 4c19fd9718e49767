"""Conversion of element types: Convert, ConvertLike, ConvertPromoteTypes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ovgpu.graph.element_conversion import convert_elements
from ovgpu.graph.element_type import Type
from ovgpu.graph.interval import Interval
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import check, op
from ovgpu.ops.value_rules import each


def _converted(data: Value, target: Type) -> Any:
    elements = data.elements
    if elements is None or Type.dynamic in (target, data.type):
        return None
    if elements.dtype != object:
        return convert_elements(elements, data.type, target)
    if target is Type.boolean:
        return None
    if data.type.is_real() and not target.is_real():
        return np.asarray(each(lambda x: x.map_monotonic(math.trunc))(elements), dtype=object)
    if target.is_real():
        return np.asarray(each(_as_float)(elements), dtype=object)
    return elements


def _as_float(x: Interval) -> Interval:
    return Interval(float(x.lower), float(x.upper), x.symbol)


def _check_convertible(source: Type, target: Type) -> None:
    check(
        source is target or Type.string not in (source, target),
        f"No conversion from {source.to_string()} to {target.to_string()}",
    )


@op("Convert", "1", factory="convert(data, destination_type)",
    values=lambda data, *, destination_type: _converted(data, destination_type))  # fmt: skip
def convert(data: Value, *, destination_type: Type) -> Value:
    """Convert-1: the elements in another type; see :mod:`ovgpu.graph.element_conversion`."""
    return Value(destination_type, data.shape)


@op("ConvertLike", "1", factory="convert_like(data, like)",
    values=lambda data, like: _converted(data, like.type))  # fmt: skip
def convert_like(data: Value, like: Value) -> Value:
    """ConvertLike-1: the elements of ``data`` in the type of ``like``."""
    return Value(like.type, data.shape)


# ---- promotion ------------------------------------------------------------------------------------------------------
def _promote_real(a: Type, b: Type, unsafe: bool) -> Type:
    if a.bitwidth != b.bitwidth:
        return a if a.bitwidth > b.bitwidth else b
    # Two formats of one size: neither holds all numbers of the other.
    check(unsafe, "Unsupported input element types for ConvertPromoteTypes with given attributes.")
    return Type.f16 if a.bitwidth == 8 else Type.f32


def _promote_integers(a: Type, b: Type, unsafe: bool, u64_target: Type) -> Type:
    if a.is_signed() == b.is_signed():
        return a if a.bitwidth >= b.bitwidth else b
    signed, unsigned = (a, b) if a.is_signed() else (b, a)
    if unsigned is Type.u64:
        check(
            unsafe,
            "Unsigned integer input cannot be safely promoted into any supported signed integer.",
        )
        return u64_target
    if signed.bitwidth > unsigned.bitwidth:
        return signed
    check(
        unsafe,
        "Unsigned integer input cannot be safely promoted into any supported signed integer.",
    )
    wider = (
        t
        for t in (Type.i4, Type.i8, Type.i16, Type.i32, Type.i64)
        if t.bitwidth > unsigned.bitwidth
    )
    return next(wider)


def _category(element_type: Type) -> int:
    return 0 if element_type is Type.boolean else 2 if element_type.is_real() else 1


def _promoted(a: Value, b: Value, unsafe: bool, scalar_rule: bool, u64_target: Type) -> Type:
    if a.type is b.type:
        return a.type
    if Type.dynamic in (a.type, b.type):
        return Type.dynamic
    if scalar_rule and a.rank is not None and b.rank is not None and (a.rank == 0) != (b.rank == 0):
        scalar, tensor = (a.type, b.type) if a.rank == 0 else (b.type, a.type)
        if _category(scalar) <= _category(tensor):
            return tensor
    if Type.boolean in (a.type, b.type):
        return b.type if a.type is Type.boolean else a.type
    if a.type.is_real() != b.type.is_real():
        real, whole = (a.type, b.type) if a.type.is_real() else (b.type, a.type)
        check(
            unsafe or real.bitwidth >= 2 * whole.bitwidth,
            "Integer input cannot be safely promoted to floating-point.",
        )
        return real
    if a.type.is_real():
        return _promote_real(a.type, b.type, unsafe)
    return _promote_integers(a.type, b.type, unsafe, u64_target)


def _promoted_values(a: Value, b: Value, **attributes: Any) -> Any:
    target = _promoted(
        a, b, attributes["promote_unsafe"], attributes["pytorch_scalar_promotion"],
        attributes["u64_integer_promotion_target"],
    )  # fmt: skip
    return _converted(a, target), _converted(b, target)


@op("ConvertPromoteTypes", "14",
    factory="convert_promote_types(left_node, right_node, promote_unsafe=False, pytorch_scalar_promotion=False, "
            "u64_integer_promotion_target='f32')",
    python_names={"left_node": "a", "right_node": "b"}, values=_promoted_values)  # fmt: skip
def convert_promote_types(
    a: Value,
    b: Value,
    *,
    promote_unsafe: bool = False,
    pytorch_scalar_promotion: bool = False,
    u64_integer_promotion_target: Type = Type.f32,
) -> tuple[Value, Value]:
    """ConvertPromoteTypes-14: both inputs in one type that holds the numbers of both."""
    target = _promoted(a, b, promote_unsafe, pytorch_scalar_promotion, u64_integer_promotion_target)
    return Value(target, a.shape), Value(target, b.shape)
