"""Shapes of tensors whose dimensions, or even their number, may not be known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ovgpu.graph import dimension as dimensions
from ovgpu.graph.arguments import INT64_MAX, INTEGER, as_int64, incompatible_arguments
from ovgpu.graph.dimension import Dimension, as_dimension, make, parse_bounds
from ovgpu.graph.shape import Shape

_CONSTRUCTORS = [
    "ovgpu.PartialShape(arg0: ovgpu.Shape)",
    "ovgpu.PartialShape(arg0: ovgpu.PartialShape)",
    "ovgpu.PartialShape(arg0: list)",
    "ovgpu.PartialShape(arg0: tuple)",
    "ovgpu.PartialShape(shape: str)",
]
_GETITEM = [
    f"(self: ovgpu.PartialShape, arg0: {INTEGER}) -> ovgpu.Dimension",
    "(self: ovgpu.PartialShape, arg0: slice) -> ovgpu.PartialShape",
]
_SETITEM = [
    f"(self: ovgpu.PartialShape, arg0: {INTEGER}, arg1: {INTEGER}) -> None",
    f"(self: ovgpu.PartialShape, arg0: {INTEGER}, arg1: ovgpu.Dimension) -> None",
]
_DYNAMIC = [
    "(rank: ovgpu.Dimension = <Dimension: ?>) -> ovgpu.PartialShape",
    f"(rank: {INTEGER}) -> ovgpu.PartialShape",
]
_OUT_OF_RANGE = "Accessing out-of-range dimension"


class PartialShape:
    """A shape of dimensions that may be dynamic; the rank itself may be.

    `PartialShape([-1, 3, (1, 10), "5..", Dimension(2)])` takes for each dimension an int (-1:
    any length), a pair of bounds, a string, or a `Dimension`. A string describes a whole shape:
    `"[?, 3, 1..10]"`, brackets optional; `"..."` is the shape of dynamic rank.

    Raises:
        TypeError: no form of the constructor takes the argument, or an element is no dimension.
        RuntimeError: a string cannot be parsed.
    """

    __slots__ = ("_dims",)
    __hash__ = None  # type: ignore[assignment]

    _dims: tuple[Dimension, ...] | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if kwargs and not args and set(kwargs) == {"shape"} and isinstance(kwargs["shape"], str):
            args, kwargs = (kwargs["shape"],), {}
        source = args[0] if len(args) == 1 and not kwargs else None
        if isinstance(source, PartialShape):
            self._dims = source._dims
        elif isinstance(source, Shape):
            self._dims = tuple(map(Dimension.static, source))
        elif isinstance(source, (list, tuple)):
            self._dims = tuple(map(_element, source))
        elif isinstance(source, str):
            self._dims = _parse(source)
        else:
            raise incompatible_arguments("__init__", _CONSTRUCTORS, args, **kwargs)

    @classmethod
    def of(cls, dims: Iterable[Dimension | int]) -> PartialShape:
        """The shape of these dimensions (ints: lengths, -1 for any). Nothing is checked or copied.

        For shape inference. The dimensions may be shared with other shapes.
        """
        shape = object.__new__(cls)
        shape._dims = tuple(map(as_dimension, dims))
        return shape

    @staticmethod
    def dynamic(rank: Dimension | int = -1) -> PartialShape:
        """The shape of that many dynamic dimensions; of dynamic rank when `rank` is dynamic."""
        length: int | None
        if isinstance(rank, Dimension):
            length = rank._min if rank.is_static else -1
        else:
            length = as_int64(rank)
            if length is None:
                raise incompatible_arguments("dynamic", _DYNAMIC, (rank,))
        shape = object.__new__(PartialShape)
        shape._dims = None if length < 0 else tuple(make(0, -1) for _ in range(length))
        return shape

    # Access without copies or checks, for shape inference.

    @property
    def dims(self) -> tuple[Dimension, ...]:
        """The dimensions themselves, to be read only.

        Raises:
            RuntimeError: the rank is dynamic.
        """
        if self._dims is None:
            raise RuntimeError(
                "Check 'rank().is_static()' failed: the rank of the shape is dynamic"
            )
        return self._dims

    @property
    def rank_length(self) -> int | None:
        """The number of dimensions, None when it is dynamic."""
        return None if self._dims is None else len(self._dims)

    def static_tuple(self) -> tuple[int, ...] | None:
        """The lengths when all are known, else None."""
        if self._dims is None:
            return None
        lengths = []
        for dim in self._dims:
            if dim._min != dim._max:
                return None
            lengths.append(dim._min)
        return tuple(lengths)

    def upper_bound_tuple(self) -> tuple[int, ...] | None:
        """The largest lengths, -1 where there is no bound; None when the rank is dynamic."""
        return None if self._dims is None else tuple(dim._max for dim in self._dims)

    # The public protocol.

    @property
    def rank(self) -> Dimension:
        """The number of dimensions, as a dimension."""
        return make(0, -1) if self._dims is None else make(len(self._dims), len(self._dims))

    @property
    def is_static(self) -> bool:
        """Whether the rank and all dimensions are known."""
        return self._dims is not None and all(dim._min == dim._max for dim in self._dims)

    @property
    def is_dynamic(self) -> bool:
        """Whether the rank or a dimension is not known."""
        return not self.is_static

    @property
    def all_non_negative(self) -> bool:
        """Whether no dimension is negative: always, as dimensions begin at 0."""
        return True

    def to_shape(self) -> Shape:
        """The static shape.

        Raises:
            RuntimeError: the shape is dynamic.
        """
        lengths = self.static_tuple()
        if lengths is None:
            raise RuntimeError("to_shape was called on a dynamic shape.")
        return Shape.of(lengths)

    def get_shape(self) -> Shape:
        """As `to_shape`, with another message."""
        lengths = self.static_tuple()
        if lengths is None:
            raise RuntimeError("get_shape() must be called on a static shape")
        return Shape.of(lengths)

    def get_min_shape(self) -> Shape:
        """The smallest lengths; `[]` when the rank is dynamic."""
        return Shape.of(dim._min for dim in self._dims or ())

    def get_max_shape(self) -> Shape:
        """The largest lengths, 2**63 - 1 where there is no bound; `[]` when the rank is dynamic."""
        return Shape.of(INT64_MAX if dim._max < 0 else dim._max for dim in self._dims or ())

    def get_dimension(self, index: int) -> Dimension:
        """A copy of the dimension at `index`, counted from the front.

        Raises:
            RuntimeError: there is no such dimension.
        """
        position = as_int64(index)
        if position is None or position < 0:
            raise incompatible_arguments(
                "get_dimension",
                [f"(self: ovgpu.PartialShape, index: {INTEGER}) -> ovgpu.Dimension"],
                (self, index),
            )
        if self._dims is None or position >= len(self._dims):
            raise RuntimeError(_OUT_OF_RANGE)
        return self._dims[position].copy()

    def compatible(self, shape: PartialShape) -> bool:
        """Whether there is a static shape that both can have."""
        _check_shape("compatible", self, shape)
        if self._dims is None or shape._dims is None:
            return True
        return len(self._dims) == len(shape._dims) and all(
            a.compatible(b) for a, b in zip(self._dims, shape._dims, strict=True)
        )

    def relaxes(self, shape: PartialShape) -> bool:
        """Whether this shape can have every static shape that `shape` can have."""
        _check_shape("relaxes", self, shape)
        if self._dims is None:
            return True
        if shape._dims is None or len(self._dims) != len(shape._dims):
            return False
        return all(a.relaxes(b) for a, b in zip(self._dims, shape._dims, strict=True))

    def refines(self, shape: PartialShape) -> bool:
        """Whether `shape` can have every static shape that this shape can have."""
        _check_shape("refines", self, shape)
        return shape.relaxes(self)

    def same_scheme(self, shape: PartialShape) -> bool:
        """Whether the ranks are equal (or both dynamic) and all dimensions of the same scheme."""
        _check_shape("same_scheme", self, shape)
        if self._dims is None or shape._dims is None:
            return self._dims is shape._dims
        return len(self._dims) == len(shape._dims) and all(
            a.same_scheme(b) for a, b in zip(self._dims, shape._dims, strict=True)
        )

    def to_string(self) -> str:
        """For instance `"[?,3,1..10]"`; `"[...]"` when the rank is dynamic."""
        if self._dims is None:
            return "[...]"
        return f"[{','.join(map(Dimension.to_string, self._dims))}]"

    __str__ = to_string

    def __repr__(self) -> str:
        return f"<PartialShape: {self.to_string()}>"

    def __len__(self) -> int:
        return len(self.dims)

    def __iter__(self) -> Iterator[Dimension]:
        # Users may mark the dimensions they iterate over, so these must not be shared.
        self._dims = tuple(dim.copy() for dim in self.dims)
        return iter(self._dims)

    def __contains__(self, dim: object) -> bool:
        return self._dims is not None and any(own == dim for own in self._dims)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return PartialShape.of(dim.copy() for dim in self.dims[index])
        position = as_int64(index)
        if position is None:
            raise incompatible_arguments("__getitem__", _GETITEM, (self, index))
        if self._dims is None or not -len(self._dims) <= position < len(self._dims):
            raise RuntimeError(_OUT_OF_RANGE)
        return self._dims[position].copy()

    def __setitem__(self, index: int, value: Dimension | int) -> None:
        position = as_int64(index)
        number = None if isinstance(value, Dimension) else as_int64(value)
        if position is None or position < 0 or (number is None and type(value) is not Dimension):
            raise incompatible_arguments("__setitem__", _SETITEM, (self, index, value))
        if self._dims is None or position >= len(self._dims):
            raise RuntimeError(_OUT_OF_RANGE)
        new = Dimension(number) if number is not None else value.copy()  # type: ignore[union-attr]
        self._dims = (*self._dims[:position], new, *self._dims[position + 1 :])

    def __eq__(self, other: object) -> bool:
        """Equal dimensions; a list or tuple of ints is a static shape.

        Raises:
            TypeError: a dynamic shape is compared with a list or tuple.
        """
        if isinstance(other, PartialShape):
            if self._dims is None or other._dims is None:
                return self._dims is other._dims
            return self._dims == other._dims
        if isinstance(other, Shape):
            return self.static_tuple() == tuple(other)
        if isinstance(other, (list, tuple)):
            lengths = self.static_tuple()
            if lengths is None:
                raise TypeError(f"Cannot compare dynamic shape with {type(other)}")
            return lengths == tuple(other)
        return NotImplemented

    def __copy__(self) -> PartialShape:
        return PartialShape(self)

    def __deepcopy__(self, memo: dict) -> PartialShape:
        return PartialShape(self)

    def __reduce__(self) -> tuple:
        return PartialShape, (self.to_string(),)


def _element(value: Any) -> Dimension:
    """The dimension that one element of the constructor's list stands for."""
    if isinstance(value, Dimension):
        return value.copy()
    if isinstance(value, (int, str)):
        return Dimension(value)
    if isinstance(value, (list, tuple)):
        if len(value) != 2:
            raise TypeError(
                "Two elements are expected in tuple(lower, upper) for dynamic dimension, "
                f"but {len(value)} elements were given."
            )
        if not (isinstance(value[0], int) and isinstance(value[1], int)):
            raise TypeError(
                f"Incorrect pair of types ({type(value[0])}, {type(value[1])}) "
                "for dynamic dimension, ints are expected."
            )
        return Dimension(*value)
    raise TypeError(
        f"Incorrect type {type(value)} for dimension. Expected types are: int, str, "
        "ovgpu.Dimension, list/tuple with lower and upper values for dynamic dimension."
    )


def _parse(text: str) -> tuple[Dimension, ...] | None:
    """The dimensions of a shape written as text, None for dynamic rank."""
    body = text.strip()
    if body.startswith("[") and body.endswith("]"):
        body = body[1:-1].strip()
    if body == "...":
        return None
    if not body:
        return ()
    fields = body.split(",")
    if not all(fields):
        raise RuntimeError(f'Cannot get vector of dimensions! "{text}" is incorrect')
    return tuple(make(*parse_bounds(field)) for field in fields)


def _check_shape(method: str, shape: PartialShape, other: object) -> None:
    if not isinstance(other, PartialShape):
        raise incompatible_arguments(
            method,
            ["(self: ovgpu.PartialShape, shape: ovgpu.PartialShape) -> bool"],
            (shape, other),
        )


def merge(a: PartialShape, b: PartialShape) -> PartialShape | None:
    """The static shapes that both can have; None when there is none."""
    if a._dims is None:
        return b
    if b._dims is None or a is b:
        return a
    if len(a._dims) != len(b._dims):
        return None
    merged = []
    for x, y in zip(a._dims, b._dims, strict=True):
        dim = dimensions.merge(x, y)
        if dim is None:
            return None
        merged.append(dim)
    return PartialShape.of(merged)


def broadcast_numpy(a: PartialShape, b: PartialShape) -> PartialShape | None:
    """The shape of numpy-style broadcasting: aligned at the end, 1 stretches. None: impossible."""
    if a._dims is None or b._dims is None:
        return PartialShape.dynamic()
    if a._dims is b._dims:
        return a
    lead = len(a._dims) - len(b._dims)
    merged = list(a._dims[:lead] if lead > 0 else b._dims[: max(-lead, 0)])
    for x, y in zip(a._dims[max(lead, 0) :], b._dims[max(-lead, 0) :], strict=True):
        dim = dimensions.broadcast_merge(x, y)
        if dim is None:
            return None
        merged.append(dim)
    return PartialShape.of(merged)
