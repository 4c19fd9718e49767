"""What is known about one tensor before it is computed: type, partial shape, and bounds of its elements.

Shape inference is a pure function from input :class:`Value` objects to output ones. The elements are looked at
lazily: only when an operation asks (Reshape asks for its pattern, Slice for its limits), the rule of the producing
operation is applied to the producer's own inputs, and the answer is kept. So an ordinary graph pays nothing for
shape subgraphs, and the same code gives bounds at compile time and exact numbers when the shapes of a run are known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.interval import Interval, as_intervals, exact_or_none, wrapped
from ovgpu.graph.partial_shape import PartialShape

if TYPE_CHECKING:
    from ovgpu.ops.declaration import OpDeclaration

#: Larger tensors never describe shapes; their elements are not tracked.
MAX_TRACKED_ELEMENTS = 4096


class _Origin:
    """The producing operation of a value, kept to derive its elements on demand."""

    __slots__ = ("attributes", "declaration", "inputs")

    def __init__(
        self, declaration: OpDeclaration, inputs: Sequence[Value | None], attributes: dict[str, Any]
    ) -> None:
        self.declaration = declaration
        self.inputs = inputs
        self.attributes = attributes


class Value:
    """Type, shape and, where they can be known, element values of a tensor.

    Args:
        type: element type.
        shape: partial shape.
        known: exact elements as an array in ``type.host_dtype`` (constants), or None.
    """

    __slots__ = ("_elements", "_index", "_origin", "shape", "type")

    def __init__(self, type: Type, shape: PartialShape, known: np.ndarray | None = None) -> None:
        self.type = type
        self.shape = shape
        self._elements = known
        self._origin: _Origin | None = None
        self._index = 0

    def set_origin(
        self,
        declaration: OpDeclaration,
        inputs: Sequence[Value | None],
        attributes: dict[str, Any],
        index: int,
    ) -> None:
        """Remember how this value is made, so that :attr:`elements` can be derived when somebody asks."""
        self._origin = _Origin(declaration, inputs, attributes)
        self._index = index

    # ---- shape ----------------------------------------------------------------------------------------------------
    @property
    def rank(self) -> int | None:
        """Number of dimensions, or None when it is unknown."""
        return self.shape.rank_length

    @property
    def dims(self) -> tuple[Dimension, ...]:
        """The dimensions; raises when the rank is unknown."""
        return self.shape.dims

    @property
    def is_static(self) -> bool:
        return self.shape.static_tuple() is not None

    @property
    def upper_sizes(self) -> tuple[int, ...] | None:
        """The largest length of each dimension, or None when one has no bound."""
        sizes = self.shape.upper_bound_tuple()
        return None if sizes is None or any(n < 0 for n in sizes) else sizes

    # ---- elements -------------------------------------------------------------------------------------------------
    @property
    def elements(self) -> np.ndarray | None:
        """Elements as an array of numbers when exact, an object array of :class:`Interval` when bounded, else None."""
        origin = self._origin
        if self._elements is None and origin is not None:
            # Jobs plan in several threads: the origin goes only when the elements are there. Two may derive the same.
            self._derive(origin)
            self._origin = None
        return self._elements

    def _derive(self, origin: _Origin) -> None:
        rule = origin.declaration.values
        if rule is None:
            return
        sizes = self.shape.static_tuple()
        if sizes is None or math.prod(sizes) > MAX_TRACKED_ELEMENTS:
            return
        if 0 in sizes:  # no elements, which numpy's functions do not always make a shape of
            self._elements = np.empty(sizes, self.type.host_dtype)
            return
        result = rule(*origin.inputs, **origin.attributes)
        if isinstance(result, tuple):
            result = result[self._index]
        if result is None:
            return
        if isinstance(result, Interval):  # arithmetic on 0-D object arrays yields the bare element
            element, result = result, np.empty((), object)
            result[()] = element
        dtype = self.type.host_dtype
        if result.dtype.kind == "O" and dtype.kind != "O":
            if dtype.kind in "iu":
                result = wrapped(result, dtype)
            exact = exact_or_none(result, dtype)
            self._elements = result if exact is None else exact
        else:
            self._elements = np.asarray(result, dtype=dtype)

    @property
    def known(self) -> np.ndarray | None:
        """Exact elements (an array in ``type.host_dtype``), or None when they are not known exactly."""
        elements = self.elements
        if elements is None or (elements.dtype.kind == "O" and self.type is not Type.string):
            return None
        return elements

    @property
    def intervals(self) -> np.ndarray | None:
        """Elements as an object array of :class:`Interval`, or None when nothing is known."""
        elements = self.elements
        if elements is None or elements.dtype.kind == "O":
            return elements
        return as_intervals(elements)

    def ints(self) -> list[int] | None:
        """Exact elements of a 0-D or 1-D integer tensor as Python ints, or None."""
        known = self.known
        return None if known is None else [int(x) for x in known.reshape(-1)]

    def scalar(self) -> Any:
        """The exact single element as a Python number, or None when it is not known."""
        known = self.known
        return None if known is None or known.size == 0 else known.reshape(-1)[0].item()

    def as_dims(self) -> tuple[Dimension, ...] | None:
        """Elements of a 1-D tensor as dimensions (a shape given as data), or None when nothing is known.

        Negative lower bounds are cut at 0, as sizes cannot be negative.
        """
        intervals = self.intervals
        if intervals is None:
            return None
        return tuple(dimension_of(x) for x in intervals.reshape(-1))

    def __repr__(self) -> str:
        return f"Value({self.type.to_string()}, {self.shape})"


def dimension_of(interval: Interval) -> Dimension:
    """A dimension with the bounds and the symbol of ``interval``."""
    lower = 0 if interval.lower < 0 or math.isinf(interval.lower) else int(interval.lower)
    upper = -1 if math.isinf(interval.upper) else max(int(interval.upper), 0)
    if lower == upper:
        return Dimension.static(lower)
    dimension = Dimension(lower, upper)
    if interval.symbol is not None:
        dimension.set_symbol(interval.symbol)
    return dimension


def interval_of(dimension: Dimension) -> Interval:
    """The sizes that ``dimension`` may have, with its symbol."""
    lower, upper = dimension.interval()
    symbol = dimension.get_symbol() if dimension.has_symbol() else None
    return Interval(lower, math.inf if upper < 0 else upper, symbol)
