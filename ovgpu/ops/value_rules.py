"""Rules that carry element values (numbers or intervals) through operations of shape subgraphs.

A rule takes the same arguments as the operation's inference function and returns an array. The arrays it works on
hold numbers, or :class:`~ovgpu.graph.interval.Interval` objects (dtype object), so one numpy expression serves both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ovgpu.graph.interval import Interval, as_intervals
from ovgpu.graph.value import Value

ArrayFunction = Callable[..., Any]

#: Elements up to which intervals are tracked. Shapes have few dimensions, and each interval is an object; arrays of
#: exact numbers (masks, positions) cost little and may be larger.
MAX_INTERVALS = 64


def arrays_of(*inputs: Value | None) -> list[np.ndarray | None] | None:
    """Elements of all inputs, all as intervals if one of them is.

    None when one is not known at all, and for more intervals than are tracked.
    """
    arrays = [None if v is None else v.elements for v in inputs]
    if any(a is None and v is not None for a, v in zip(arrays, inputs, strict=True)):
        return None
    if any(a is not None and a.dtype == object for a in arrays):
        if any(a is not None and a.size > MAX_INTERVALS for a in arrays):
            return None
        arrays = [a if a is None or a.dtype == object else as_intervals(a) for a in arrays]
    return arrays


def on_arrays(function: ArrayFunction) -> Callable[..., Any]:
    """Rule that applies ``function(*arrays, **attributes)``, for arithmetic written with operators."""

    def rule(*inputs: Value | None, **attributes: Any) -> Any:
        arrays = arrays_of(*inputs)
        return None if arrays is None else function(*arrays, **attributes)

    return rule


def moving(count: int, function: ArrayFunction) -> Callable[..., Any]:
    """Rule for operations that only move elements: the first ``count`` inputs are data, the rest must be exact.

    ``function(*data arrays, *parameter arrays, **attributes)`` may use any numpy indexing, which does not care
    whether the elements are numbers or intervals. ``count`` -1 means that all inputs are data.
    """

    def rule(*inputs: Value | None, **attributes: Any) -> Any:
        data = inputs if count < 0 else inputs[:count]
        arrays = arrays_of(*data)
        if arrays is None:
            return None
        parameters: list[np.ndarray | None] = []
        for value in () if count < 0 else inputs[count:]:
            known = None if value is None else value.known
            if known is None and value is not None:
                return None
            parameters.append(known)
        return function(*arrays, *parameters, **attributes)

    return rule


def each(function: Callable[[Any], Any]) -> ArrayFunction:
    """Apply a function of one :class:`Interval` to every element of an object array."""
    return np.frompyfunc(lambda x: function(Interval.of(x)), 1, 1)


def each_pair(function: Callable[[Interval, Interval], Any]) -> ArrayFunction:
    """Apply a function of two intervals elementwise, with numpy broadcasting."""
    return np.frompyfunc(lambda a, b: function(Interval.of(a), Interval.of(b)), 2, 1)
