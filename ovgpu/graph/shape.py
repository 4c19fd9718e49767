"""Static shapes and the other small vectors of integers: strides, coordinates, axes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, ClassVar, Self

from ovgpu.graph.arguments import INTEGER, as_int64, as_uint64, incompatible_arguments
from ovgpu.graph.dimension import Dimension

_ITEMS = (INTEGER, "ovgpu.Dimension")


class _IntegerVector:
    """A vector of integers: made from a sequence, indexed, iterated, changed in place."""

    __slots__ = ("_items",)

    _items: list[int]
    _ARGUMENT: ClassVar[str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        values = self._take(args, kwargs)
        if values is None:
            raise incompatible_arguments("__init__", self._overloads(), args, **kwargs)
        self._items = values

    @classmethod
    def of(cls, values: Iterable[int]) -> Self:
        """A vector of these ints. Nothing is checked."""
        vector = object.__new__(cls)
        vector._items = list(values)
        return vector

    @classmethod
    def _overloads(cls) -> list[str]:
        name = f"ovgpu.{cls.__name__}"
        return [
            f"{name}({cls._ARGUMENT}: collections.abc.Sequence[{INTEGER}])",
            f"{name}({cls._ARGUMENT}: {name})",
        ]

    @staticmethod
    def _integer(value: Any) -> int | None:
        """`value` as an item, None when it cannot be one."""
        return as_uint64(value)

    def _take(self, args: tuple, kwargs: dict[str, Any]) -> list[int] | None:
        """The items that constructor arguments ask for, None when they fit no form."""
        if len(args) + len(kwargs) != 1:
            return None
        if kwargs:
            if self._ARGUMENT not in kwargs or self._ARGUMENT == "arg0":
                return None
            source = kwargs[self._ARGUMENT]
        else:
            source = args[0]
        return self._from_sequence(source)

    def _from_sequence(self, source: Any) -> list[int] | None:
        if isinstance(source, _IntegerVector):
            return list(source._items)
        if isinstance(source, (str, bytes, dict)):
            return None
        if not isinstance(source, (Sequence, AbstractSet)) and not hasattr(source, "__array__"):
            return None
        try:
            items = [self._integer(value) for value in source]
        except TypeError:
            return None
        return None if None in items else items  # type: ignore[return-value]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[int]:
        return iter(self._items)

    def _position(self, method: str, signature: str, index: Any, *value: Any) -> int:
        """`index` as a position from the front.

        Raises:
            TypeError: it is no integer, or negative.
            IndexError: it is past the end.
        """
        position = as_int64(index)
        if position is None or position < 0:
            self_type = f"self: ovgpu.{type(self).__name__}"
            raise incompatible_arguments(
                method, [f"({self_type}, {signature}"], (self, index, *value)
            )
        if position >= len(self._items):
            raise IndexError(f"{type(self).__name__} index out of range")
        return position

    def __getitem__(self, index: Any) -> Any:
        return self._items[self._position("__getitem__", f"arg0: {INTEGER}) -> int", index)]

    def __setitem__(self, index: int, value: int) -> None:
        signature = f"arg0: {INTEGER}, arg1: {INTEGER}) -> None"
        position = self._position("__setitem__", signature, index, value)
        number = self._integer(value)
        if number is None:
            raise incompatible_arguments(
                "__setitem__",
                [f"(self: ovgpu.{type(self).__name__}, {signature}"],
                (self, index, value),
            )
        self._items[position] = number

    def __copy__(self) -> Self:
        return self.of(self._items)

    def __deepcopy__(self, memo: dict) -> Self:
        return self.of(self._items)

    def _joined(self) -> str:
        return ", ".join(map(str, self._items))


class Shape(_IntegerVector):
    """The shape of a tensor: non-negative lengths.

    Made from a sequence of integers, a numpy array, a string such as `"[1, 2]"`, or nothing (`[]`,
    the shape of a scalar).

    Raises:
        TypeError: the argument is none of these, or a length is negative or no integer.
    """

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]
    _ARGUMENT = "axis_lengths"

    @classmethod
    def _overloads(cls) -> list[str]:
        return ["ovgpu.Shape()", *super()._overloads(), "ovgpu.Shape(shape: str)"]

    def _take(self, args: tuple, kwargs: dict[str, Any]) -> list[int] | None:
        if not args and not kwargs:
            return []
        text = kwargs.get("shape") if set(kwargs) == {"shape"} and not args else None
        if len(args) == 1 and not kwargs and isinstance(args[0], str):
            text = args[0]
        return _parse(text) if isinstance(text, str) else super()._take(args, kwargs)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Shape.of(self._items[index])
        position = as_int64(index)
        if position is None:
            raise incompatible_arguments(
                "__getitem__",
                [
                    f"(self: ovgpu.Shape, arg0: {INTEGER}) -> int",
                    "(self: ovgpu.Shape, arg0: slice) -> ovgpu.Shape",
                ],
                (self, index),
            )
        return self._items[position]

    def __setitem__(self, index: int, value: int | Dimension) -> None:
        position = as_int64(index)
        number = value.get_length() if isinstance(value, Dimension) else as_uint64(value)
        if position is None or position < 0 or number is None:
            signatures = [
                f"(self: ovgpu.Shape, arg0: {INTEGER}, arg1: {kind}) -> None" for kind in _ITEMS
            ]
            raise incompatible_arguments("__setitem__", signatures, (self, index, value))
        self._items[position] = number

    def __eq__(self, other: object) -> bool:
        """Equal lengths; lists and tuples of ints compare too."""
        if isinstance(other, Shape):
            return self._items == other._items
        if isinstance(other, (list, tuple)):
            return self._items == list(other)
        return NotImplemented

    def to_string(self) -> str:
        """For instance `"[1,2,3]"`."""
        return f"[{','.join(map(str, self._items))}]"

    __str__ = to_string

    def __repr__(self) -> str:
        return f"<Shape: {self.to_string()}>"


def _parse(text: str) -> list[int]:
    """The lengths of a shape written as text.

    Raises:
        RuntimeError: a field is no non-negative integer.
    """
    body = text.strip()
    if body.startswith("[") and body.endswith("]"):
        body = body[1:-1]
    if not body.strip():
        return []
    lengths = []
    for field in body.split(","):
        digits = field.strip()
        if not (digits.isascii() and digits.isdigit()):
            raise RuntimeError(f'Cannot parse dimension: "{digits}"')
        lengths.append(int(digits))
    return lengths


class Strides(_IntegerVector):
    """The distances between neighbours along each axis, in bytes for tensors."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]
    _ARGUMENT = "axis_strides"

    def __eq__(self, other: object) -> bool:
        """Equal items; lists and tuples of ints compare too."""
        if isinstance(other, Strides):
            return self._items == other._items
        if isinstance(other, (list, tuple)):
            return self._items == list(other)
        return NotImplemented

    def __str__(self) -> str:
        return self._joined()

    def __repr__(self) -> str:
        return f"<Strides: ({self._joined()})>"


class Coordinate(_IntegerVector):
    """The position of an element of a tensor."""

    __slots__ = ()
    _ARGUMENT = "arg0"

    @classmethod
    def _overloads(cls) -> list[str]:
        return ["ovgpu.Coordinate(arg0: ovgpu.Shape)", *super()._overloads()]

    def __repr__(self) -> str:
        return "<Coordinate>"


class CoordinateDiff(_IntegerVector):
    """A difference of two coordinates: its items may be negative. Used for paddings."""

    __slots__ = ()
    _ARGUMENT = "arg0"

    @staticmethod
    def _integer(value: Any) -> int | None:
        return as_int64(value)

    def __str__(self) -> str:
        return self._joined()

    def __repr__(self) -> str:
        return f"<CoordinateDiff: ({self._joined()})>"


class AxisSet:
    """A set of axes, iterated in ascending order."""

    __slots__ = ("_items",)

    _items: tuple[int, ...]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        source = kwargs.get("axes") if kwargs and not args else args[0] if args else None
        items = None
        if len(args) + len(kwargs) == 1:
            if isinstance(source, AxisSet):
                items = list(source._items)
            else:
                items = AxisVector._from_sequence(AxisVector.of(()), source)
        if items is None:
            raise incompatible_arguments(
                "__init__",
                [
                    f"ovgpu.AxisSet(axes: collections.abc.Set[{INTEGER}])",
                    f"ovgpu.AxisSet(axes: collections.abc.Sequence[{INTEGER}])",
                    "ovgpu.AxisSet(axes: ovgpu.AxisSet)",
                ],
                args,
                **kwargs,
            )
        self._items = tuple(sorted(set(items)))

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[int]:
        return iter(self._items)

    def __contains__(self, axis: object) -> bool:
        return axis in self._items

    def __repr__(self) -> str:
        return f"<AxisSet {{{', '.join(map(str, self._items))}}}>"


class AxisVector(_IntegerVector):
    """A sequence of axes."""

    __slots__ = ()
    _ARGUMENT = "axes"

    def __repr__(self) -> str:
        return f"<AxisVector {{{self._joined()}}}>"
