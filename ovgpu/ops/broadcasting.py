"""What elementwise operations share: broadcasting, checks of element types, and rules for element values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from ovgpu.graph import dimension as dimensions
from ovgpu.graph.element_type import Type
from ovgpu.graph.interval import Interval
from ovgpu.graph.partial_shape import PartialShape, broadcast_numpy, merge
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import OpError, check
from ovgpu.ops.value_rules import ArrayFunction, arrays_of, each, each_pair

AutoBroadcast = Literal["none", "explicit", "numpy", "pdpd"]


# ---- shapes and types -----------------------------------------------------------------------------------------------
#: How IR files and ``get_attributes`` spell the axis, which only ``pdpd`` has.
BROADCAST_NAMES = {"auto_broadcast_axis": "auto_broadcast.auto_broadcast_axis"}


def broadcast_shapes(
    a: PartialShape, b: PartialShape, auto_broadcast: str, axis: int | None = None
) -> PartialShape:
    """Shape of an elementwise result. Raises OpError when the shapes do not fit.

    ``numpy`` aligns at the last dimension and stretches both ways, ``pdpd`` aligns ``b`` at dimension ``axis`` of ``a``
    (0 by default; -1: at the end) and stretches only ``b``, ``none`` and ``explicit`` want equal shapes.
    """
    if auto_broadcast == "numpy":
        result = broadcast_numpy(a, b)
    elif auto_broadcast == "pdpd":
        result = _broadcast_pdpd(a, b, axis)
    else:
        result = merge(a, b)
    if result is None:  # spelled out, because the sentence costs more than the whole inference
        raise OpError(f"Argument shapes are inconsistent: {a} and {b}")
    return result


def pdpd_start(rank: int, other_rank: int, axis: int | None) -> int:
    """The dimension of the first argument at which the second one starts."""
    return rank - other_rank if axis == -1 else axis or 0


def _broadcast_pdpd(a: PartialShape, b: PartialShape, axis: int | None) -> PartialShape | None:
    if a.rank_length is None or b.rank_length is None:
        return PartialShape.dynamic()
    start = pdpd_start(a.rank_length, b.rank_length, axis)
    if start < 0 or start + b.rank_length > a.rank_length:
        return None
    result = list(a.dims)
    for position, dim in enumerate(b.dims, start):
        if dim.is_static and dim.get_length() == 1:
            result[position] = dimensions.make(
                *result[position].interval()
            )  # OpenVINO drops its symbol
            continue
        merged = dimensions.merge(dim, result[position])  # the symbol of b stays
        if merged is None or (result[position].is_static and result[position].get_length() == 1):
            return None
        result[position] = merged
    return PartialShape.of(result)


def align_pdpd(array: np.ndarray, rank: int, axis: int | None) -> np.ndarray:
    """``array`` with ones appended so that numpy's alignment at the end is that of ``pdpd``."""
    start = pdpd_start(rank, array.ndim, axis)
    return array.reshape(array.shape + (1,) * (rank - start - array.ndim))


def same_types(a: Value, b: Value) -> Type:
    """The one element type of two arguments. Raises OpError when they differ."""
    merged = a.type.merge(b.type)
    check(
        merged is not None,
        "Arguments do not have the same element type (arg0 element type: {}, arg1 element type: {}).",
        a.type.to_string(),
        b.type.to_string(),
    )
    assert merged is not None
    return merged


def check_arithmetic(element_type: Type) -> None:
    """Check that numbers of this type can be computed with."""
    check(
        element_type not in (Type.boolean, Type.string),
        "Arguments cannot have {} element type.",
        element_type.to_string(),
    )


def check_real(element_type: Type, name: str) -> None:
    """Check that the type is floating-point, or not known yet."""
    check(
        element_type.is_real() or element_type is Type.dynamic,
        "{} takes floating-point elements, got {}",
        name,
        element_type.to_string(),
    )


# ---- values of shape subgraphs --------------------------------------------------------------------------------------
def pair_rule(
    exact: ArrayFunction, bounded: Callable[[Interval, Interval], Any] | None
) -> Callable[..., Any]:
    """Value rule of a binary operation: ``exact`` on arrays of numbers, ``bounded`` on pairs of intervals."""
    on_intervals = None if bounded is None else each_pair(bounded)

    def rule(
        a: Value,
        b: Value,
        *,
        auto_broadcast: str = "numpy",
        auto_broadcast_axis: int | None = None,
        **_: Any,
    ) -> Any:
        arrays = arrays_of(a, b)
        if arrays is None:
            return None
        left, right = arrays
        assert left is not None
        assert right is not None
        if auto_broadcast == "pdpd":
            right = align_pdpd(right, left.ndim, auto_broadcast_axis)
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
