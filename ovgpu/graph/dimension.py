"""Dimensions of tensors: a length, an interval of lengths, or anything.

A dimension is an interval `[min, max]` of non-negative integers; `max == -1` says that there is
no upper bound. The functions of this module compute with dimensions as shape inference needs it:
the result holds every length that the operands' lengths can give. `None` stands for "impossible".
"""

from __future__ import annotations

from typing import Any

from ovgpu.graph.arguments import INT64_MAX, INTEGER, as_int64, incompatible_arguments
from ovgpu.graph.symbol import Symbol

_CONSTRUCTORS = [
    "ovgpu.Dimension()",
    f"ovgpu.Dimension(dimension: {INTEGER})",
    f"ovgpu.Dimension(min_dimension: {INTEGER}, max_dimension: {INTEGER})",
    "ovgpu.Dimension(str: str)",
]


class Dimension:
    """A dimension of a tensor.

    `Dimension()` may have any length, `Dimension(5)` has length 5 (-1: any), `Dimension(1, 10)`
    a length of 1 to 10 (-1 as the upper bound: no bound), and a string says the same:
    `"?"`, `"5"`, `"1..10"`, `"..10"`, `"5.."`.

    A lower bound below 0 counts as 0, and an interval that holds no length as any length.

    Raises:
        TypeError: no form of the constructor takes these arguments.
        RuntimeError: the string is none of the above.
    """

    __slots__ = ("_max", "_min", "_symbol")
    __hash__ = None  # type: ignore[assignment]

    _min: int
    _max: int
    _symbol: Symbol | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._symbol = None
        bounds = _bounds_of_arguments(args, kwargs)
        if bounds is None:
            raise incompatible_arguments("__init__", _CONSTRUCTORS, args, **kwargs)
        self._min, self._max = bounds

    @staticmethod
    def dynamic() -> Dimension:
        """A dimension of any length."""
        return make(0, -1)

    @classmethod
    def static(cls, length: int) -> Dimension:
        """The dimension of a known length. Small ones are shared: give them no symbols."""
        if 0 <= length < len(_SMALL):
            return _SMALL[length]
        return make(length, length)

    def interval(self) -> tuple[int, int]:
        """The smallest and the largest length; -1 as the largest when there is no bound."""
        return self._min, self._max

    def copy(self) -> Dimension:
        """A dimension of the same bounds and symbol."""
        return make(self._min, self._max, self._symbol)

    @property
    def is_static(self) -> bool:
        """Whether the length is known."""
        return self._min == self._max

    @property
    def is_dynamic(self) -> bool:
        """Whether the length is not known."""
        return self._min != self._max

    def get_length(self) -> int:
        """The known length.

        Raises:
            RuntimeError: the length is not known.
        """
        if self._min != self._max:
            raise RuntimeError("Cannot get length of dynamic dimension")
        return self._min

    __len__ = get_length

    def get_min_length(self) -> int:
        """The smallest length."""
        return self._min

    def get_max_length(self) -> int:
        """The largest length, -1 when there is no bound."""
        return self._max

    min_length = property(get_min_length, doc="The smallest length.")
    max_length = property(get_max_length, doc="The largest length, -1 when there is no bound.")

    def has_symbol(self) -> bool:
        """Whether a symbol marks this dimension."""
        return self._symbol is not None

    def get_symbol(self) -> Symbol | None:
        """The symbol of this dimension, None without one."""
        return self._symbol

    def set_symbol(self, symbol: Symbol | None) -> None:
        """Mark this dimension with `symbol`: equal to all others with it."""
        if symbol is not None and not isinstance(symbol, Symbol):
            raise incompatible_arguments(
                "set_symbol",
                ["(self: ovgpu.Dimension, symbol: ovgpu.Symbol) -> None"],
                (self, symbol),
            )
        self._symbol = symbol

    def same_scheme(self, dim: Dimension) -> bool:
        """Whether both are dynamic, or both have the same known length."""
        _check_dimension("same_scheme", self, dim)
        if self._min == self._max:
            return self._min == dim._min and self._max == dim._max
        return dim._min != dim._max

    def compatible(self, dim: Dimension) -> bool:
        """Whether there is a length that both can have."""
        _check_dimension("compatible", self, dim)
        return (self._max < 0 or dim._min <= self._max) and (dim._max < 0 or self._min <= dim._max)

    def relaxes(self, dim: Dimension) -> bool:
        """Whether this dimension can have every length that `dim` can have."""
        _check_dimension("relaxes", self, dim)
        return self._min <= dim._min and (self._max < 0 or 0 <= dim._max <= self._max)

    def refines(self, dim: Dimension) -> bool:
        """Whether `dim` can have every length that this dimension can have."""
        _check_dimension("refines", self, dim)
        return dim._min <= self._min and (dim._max < 0 or 0 <= self._max <= dim._max)

    def to_string(self) -> str:
        """`"5"`, `"?"`, `"1..10"`, `"..10"` or `"5.."`."""
        low, high = self._min, self._max
        if low == high:
            return str(low)
        if low == 0:
            return "?" if high < 0 else f"..{high}"
        return f"{low}.." if high < 0 else f"{low}..{high}"

    __str__ = to_string

    def __repr__(self) -> str:
        return f"<Dimension: {self.to_string()}>"

    def __eq__(self, other: object) -> bool:
        """Equal bounds; an int is a known length (-1: any). Symbols do not count."""
        if type(other) is not Dimension:
            length = as_int64(other)
            if length is None:
                return NotImplemented
            low, high = _normalized(length, length) if length != -1 else (0, -1)
            return self._min == low and self._max == high
        return self._min == other._min and self._max == other._max

    __copy__ = copy

    def __deepcopy__(self, memo: dict) -> Dimension:
        # Symbols are identities, so a deep copy refers to the same one.
        return self.copy()

    def __reduce__(self) -> tuple:
        return Dimension, (self._min, self._max)


_new = object.__new__


def make(low: int, high: int, symbol: Symbol | None = None) -> Dimension:
    """A dimension of `low` to `high` (-1: no bound), which must be in order: nothing is checked."""
    dim = _new(Dimension)
    dim._min = low
    dim._max = high
    dim._symbol = symbol
    return dim


_SMALL = tuple(make(length, length) for length in range(1025))


def _normalized(low: int, high: int) -> tuple[int, int]:
    """Bounds in canonical form: no lower bound below 0, no upper bound at the end of int64."""
    if high == -1 or high >= INT64_MAX:
        return (max(low, 0), -1) if low < INT64_MAX else (0, -1)
    return (max(low, 0), max(high, 0)) if low <= high else (0, -1)


def _bounds_of_arguments(args: tuple, kwargs: dict[str, Any]) -> tuple[int, int] | None:
    """The bounds that constructor arguments ask for, None when no form takes them."""
    if kwargs:
        if args or len(kwargs) > 2:
            return None
        if set(kwargs) in ({"dimension"}, {"str"}):
            args = tuple(kwargs.values())
        elif set(kwargs) == {"min_dimension", "max_dimension"}:
            args = kwargs["min_dimension"], kwargs["max_dimension"]
        else:
            return None
    if len(args) == 1:
        if isinstance(args[0], str):
            return parse_bounds(args[0])
        length = as_int64(args[0])
        if length is None:
            return None
        return (0, -1) if length == -1 else _normalized(length, length)
    if len(args) == 2:
        low, high = as_int64(args[0]), as_int64(args[1])
        if low is None or high is None:
            return None
        return _normalized(low, high)
    return None if args else (0, -1)


def parse_bounds(text: str) -> tuple[int, int]:
    """The bounds of a dimension written as in `Dimension.to_string`; `"-1"` is `"?"`.

    Raises:
        RuntimeError: the text is no dimension.
    """
    text = text.strip(" \t\n\r\f\v")
    if text in ("?", "-1"):
        return 0, -1
    low_text, dots, high_text = text.partition("..")
    if not dots:
        length = _parse_length(text, "dimension")
        return _normalized(length, length)
    low = _parse_length(low_text, "min bound") if low_text else 0
    high = _parse_length(high_text, "max bound") if high_text else -1
    return _normalized(low, high)


def _parse_length(text: str, what: str) -> int:
    digits = text.removeprefix("-")
    if digits and not (digits.isascii() and digits.isdigit()):
        raise RuntimeError(f'Cannot parse {what}: "{text}"')
    return int(text) if digits else 0


def _check_dimension(method: str, dim: Dimension, other: object) -> None:
    if not isinstance(other, Dimension):
        raise incompatible_arguments(
            method,
            ["(self: ovgpu.Dimension, dim: ovgpu.Dimension) -> bool"],
            (dim, other),
        )


def as_dimension(value: Dimension | int) -> Dimension:
    """`value` itself or the dimension of that length; an int of -1 is any length."""
    if type(value) is Dimension:
        return value
    return Dimension.static(value) if value >= 0 else make(0, -1)  # type: ignore[arg-type, operator]


def _bounded(low: int, high: int) -> Dimension:
    """A dimension of computed bounds: shared when static, unbounded when past the end of int64."""
    if low == high:
        return Dimension.static(low) if low < INT64_MAX else make(0, -1)
    return make(min(low, INT64_MAX - 1), high if high < INT64_MAX else -1)


def add(a: Dimension, b: Dimension | int) -> Dimension:
    """The dimension of a length of `a` plus one of `b`. An int may be negative; see `sub`."""
    if type(b) is int:
        if b == 0:
            return a
        if b < 0:
            return sub(a, -b)
    b = as_dimension(b)
    if b._min == b._max == 0:
        return a
    if a._min == a._max == 0:
        return b
    return _bounded(a._min + b._min, -1 if a._max < 0 or b._max < 0 else a._max + b._max)


def sub(a: Dimension, b: Dimension | int) -> Dimension:
    """The dimension of a length of `a` minus one of `b`; results below zero count as zero."""
    if type(b) is int and b < 0:
        return add(a, -b)
    b = as_dimension(b)
    if b._min == b._max == 0:
        return a
    low = 0 if b._max < 0 else max(a._min - b._max, 0)
    return _bounded(low, -1 if a._max < 0 else max(a._max - b._min, 0))


def mul(a: Dimension, b: Dimension | int) -> Dimension:
    """The dimension of a length of `a` times one of `b`."""
    b = as_dimension(b)
    if b._min == b._max == 1:
        return a
    if a._min == a._max == 1:
        return b
    if a._max == 0 or b._max == 0:
        return _SMALL[0]
    return _bounded(a._min * b._min, -1 if a._max < 0 or b._max < 0 else a._max * b._max)


def floordiv(a: Dimension, b: Dimension | int) -> Dimension:
    """The dimension of a length of `a` divided by one of `b`, rounded down.

    Raises:
        ZeroDivisionError: `b` is 0 and nothing else. (An interval's 0 is taken out of it.)
    """
    return _divide(a, as_dimension(b), 0)


def ceildiv(a: Dimension, b: Dimension | int) -> Dimension:
    """As `floordiv`, rounded up."""
    return _divide(a, as_dimension(b), 1)


def _divide(a: Dimension, b: Dimension, up: int) -> Dimension:
    if b._min == b._max == 1:
        return a
    if b._max == 0:
        raise ZeroDivisionError("division of a dimension by zero")
    smallest = b._min or 1
    if b._max < 0:
        low = up if a._min else 0
    else:
        low = -(-a._min // b._max) if up else a._min // b._max
    if a._max < 0:
        return make(low, -1)
    return _bounded(low, -(-a._max // smallest) if up else a._max // smallest)


def merge(a: Dimension, b: Dimension) -> Dimension | None:
    """The lengths that both dimensions can have; None when there is none.

    The result has the symbol of `a`, or that of `b` when `a` has none.
    """
    if a is b:
        return a
    low = a._min if a._min >= b._min else b._min
    if a._max < 0:
        high = b._max
    elif b._max < 0 or a._max <= b._max:
        high = a._max
    else:
        high = b._max
    if 0 <= high < low:
        return None
    symbol = a._symbol or b._symbol
    if low == a._min and high == a._max and symbol is a._symbol:
        return a
    if low == b._min and high == b._max and symbol is b._symbol:
        return b
    return make(low, high, symbol)


def broadcast_merge(a: Dimension, b: Dimension) -> Dimension | None:
    """The dimension of numpy-style broadcasting: 1 stretches to the other. None: impossible.

    A dimension that may be 1 but need not be leaves both ways open, which is why a length 1 inside
    an interval counts. Equal symbols mean equal lengths, so nothing is stretched then.
    """
    if a is b:
        return a
    if a._min == a._max == 1:
        return b
    if b._min == b._max == 1:
        return a
    if a._symbol is not None and a._symbol == b._symbol:
        return merge(a, b)
    a_has_one = a._min <= 1 and a._max != 0
    b_has_one = b._min <= 1 and b._max != 0
    if a_has_one and b_has_one:
        low = min(a._min, b._min)
        high = -1 if a._max < 0 or b._max < 0 else max(a._max, b._max)
        # An unmarked dimension does not say that it differs, so the mark of the other one stays.
        symbol = a._symbol or b._symbol
        return make(low, high, symbol if a._symbol is None or b._symbol is None else None)
    if a_has_one:
        return b
    if b_has_one:
        return a
    return merge(a, b)
