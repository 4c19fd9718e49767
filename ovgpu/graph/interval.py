"""Intervals of numbers that are not known yet, with the arithmetic that shape subgraphs use.

An :class:`Interval` is one element of a tensor whose exact value depends on input shapes. Arrays of intervals are
numpy object arrays, so one formula (``a + b``, ``np.take``, ``np.concatenate`` ...) serves exact numbers and
intervals alike. Bounds are Python ints or floats; ``math.inf`` means that no bound is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ovgpu.graph.symbol import Symbol

Number = int | float


def _times(a: Number, b: Number) -> Number:
    """Product in which 0 times infinity is 0: an empty dimension stays empty whatever the other one is."""
    return 0 if a == 0 or b == 0 else a * b


def _trunc_div(a: Number, b: Number) -> Number:
    if math.isinf(a) or math.isinf(b):
        return a / b if not (math.isinf(a) and math.isinf(b)) else math.copysign(math.inf, a * b)
    if isinstance(a, int) and isinstance(b, int):
        quotient = abs(a) // abs(b)
        return quotient if (a < 0) == (b < 0) else -quotient
    return a / b


def _floor_div(a: Number, b: Number) -> Number:
    if math.isinf(a) or math.isinf(b):
        return _trunc_div(a, b)
    return a // b


class Interval:
    """All numbers from ``lower`` to ``upper``, both included, and optionally the symbol that marks equal values."""

    __slots__ = ("lower", "symbol", "upper")

    def __init__(self, lower: Number, upper: Number, symbol: Symbol | None = None) -> None:
        self.lower = lower
        self.upper = upper
        self.symbol = symbol

    @staticmethod
    def of(value: Any) -> Interval:
        """``value`` as an interval: itself, or the single point of a number."""
        if isinstance(value, Interval):
            return value
        point = value.item() if isinstance(value, np.generic) else value
        return Interval(point, point)

    @property
    def is_point(self) -> bool:
        return self.lower == self.upper

    def _corners(self, other: Any, combine: Callable[[Number, Number], Number]) -> Interval:
        """Interval of a function that is monotonic in each argument: its extremes lie at the corners."""
        b = Interval.of(other)
        values = [combine(x, y) for x in (self.lower, self.upper) for y in (b.lower, b.upper)]
        return Interval(min(values), max(values))

    def __add__(self, other: Any) -> Interval:
        b = Interval.of(other)
        keep = self.symbol if b.is_point and b.lower == 0 else b.symbol if self.is_zero else None
        return Interval(self.lower + b.lower, self.upper + b.upper, keep)

    __radd__ = __add__

    @property
    def is_zero(self) -> bool:
        return self.is_point and self.lower == 0

    @property
    def is_one(self) -> bool:
        return self.is_point and self.lower == 1

    def __sub__(self, other: Any) -> Interval:
        b = Interval.of(other)
        return Interval(
            self.lower - b.upper, self.upper - b.lower, self.symbol if b.is_zero else None
        )

    def __rsub__(self, other: Any) -> Interval:
        return Interval.of(other) - self

    def __neg__(self) -> Interval:
        return Interval(-self.upper, -self.lower)

    def __mul__(self, other: Any) -> Interval:
        b = Interval.of(other)
        result = self._corners(b, _times)
        result.symbol = self.symbol if b.is_one else b.symbol if self.is_one else None
        return result

    __rmul__ = __mul__

    def _divide(self, other: Any, divide: Callable[[Number, Number], Number]) -> Interval:
        b = Interval.of(other)
        if b.lower <= 0 <= b.upper:
            # The divisor may be zero. Shape arithmetic divides by sizes, so look at the positive part only.
            if b.upper <= 0:
                return Interval(-math.inf, math.inf)
            b = Interval(1, b.upper)
        result = self._corners(b, divide)
        if b.is_one:
            result.symbol = self.symbol
        return result

    def truncated_divide(self, other: Any) -> Interval:
        """Division as C does it (integers are truncated toward zero)."""
        return self._divide(other, _trunc_div)

    def __floordiv__(self, other: Any) -> Interval:
        return self._divide(other, _floor_div)

    def __rfloordiv__(self, other: Any) -> Interval:
        return Interval.of(other) // self

    def __truediv__(self, other: Any) -> Interval:
        return self._divide(
            other, lambda a, b: a / b if not (math.isinf(a) and math.isinf(b)) else a
        )

    def __mod__(self, other: Any) -> Interval:
        b = Interval.of(other)
        if b.lower <= 0 or self.lower < 0:
            return Interval(-math.inf, math.inf)
        if self.upper < b.lower:
            return Interval(self.lower, self.upper, self.symbol)
        if self.is_point and b.is_point:
            return Interval.of(self.lower % b.lower)
        return Interval(0, min(self.upper, b.upper - 1))

    def minimum(self, other: Any) -> Interval:
        b = Interval.of(other)
        return Interval(min(self.lower, b.lower), min(self.upper, b.upper))

    def maximum(self, other: Any) -> Interval:
        b = Interval.of(other)
        return Interval(max(self.lower, b.lower), max(self.upper, b.upper))

    def map_monotonic(self, function: Callable[[Any], Any]) -> Interval:
        """Image under a non-decreasing function that accepts numbers, infinity excepted."""
        lower = self.lower if math.isinf(self.lower) else function(self.lower)
        upper = self.upper if math.isinf(self.upper) else function(self.upper)
        return Interval(
            lower, upper, self.symbol if (lower, upper) == (self.lower, self.upper) else None
        )

    def union(self, other: Any) -> Interval:
        """Smallest interval that holds both (the result of a choice that is not known yet)."""
        b = Interval.of(other)
        same = self.symbol if self.symbol is not None and self.symbol is b.symbol else None
        return Interval(min(self.lower, b.lower), max(self.upper, b.upper), same)

    def __repr__(self) -> str:
        return f"Interval({self.lower}, {self.upper})"


def as_intervals(array: np.ndarray) -> np.ndarray:
    """``array`` as an object array of :class:`Interval` of the same shape."""
    result = np.empty(array.shape, dtype=object)
    flat, source = result.reshape(-1), array.reshape(-1)
    for i in range(flat.size):
        flat[i] = Interval.of(source[i])
    return result


def wrapped(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """An interval array as elements of an integer type hold it, which wrap round.

    Sizes fit in 32 bits: bounds beyond that are loose ones, and stay; in narrower types they say nothing.
    """
    info = np.iinfo(dtype)
    lowest, highest = info.min, info.max

    def fit(x: Interval) -> Interval:
        if lowest <= x.lower and x.upper <= highest:
            return x
        if x.is_point and not math.isinf(x.lower):
            point = (int(x.lower) - lowest) % (highest - lowest + 1) + lowest
            return Interval(point, point)
        return x if dtype.itemsize >= 4 else Interval(lowest, highest)

    result = np.empty(array.shape, dtype=object)
    result.reshape(-1)[:] = [fit(x) for x in array.reshape(-1)]
    return result


def exact_or_none(array: np.ndarray, dtype: np.dtype) -> np.ndarray | None:
    """The numbers of an interval array when each is a single point, else None."""
    points = [x.lower if x.is_point else None for x in array.reshape(-1)]
    if any(p is None or (isinstance(p, float) and math.isinf(p)) for p in points):
        return None
    return np.array(points, dtype=dtype).reshape(array.shape)
