"""Small helpers that declarations of several families share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from ovgpu.graph import dimension as dims
from ovgpu.graph import partial_shape as shapes
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import OpError, check


def normalize_axis(axis: int, rank: int, what: str) -> int:
    """``axis`` counted from the front.

    A scalar has the axis 0, as OpenVINO allows it. Raises OpError, with ``what`` naming the operation, when the axis is
    not in [-rank, rank - 1].
    """
    last = max(rank - 1, 0)
    if not -rank <= axis <= last:
        raise OpError(f"{what}: axis {axis} is out of the tensor rank range [{-rank}, {last}]")
    return axis + rank if axis < 0 else axis


def normalize_axes(axes: Iterable[int], rank: int, what: str) -> list[int]:
    """Each of ``axes`` counted from the front; see :func:`normalize_axis`."""
    return [normalize_axis(int(a), rank, what) for a in axes]


def constant_axes(value: Value | None) -> list[int] | None:
    """Axes given as a 0-D or 1-D integer input, or None when there is no such input or it is not known exactly."""
    return None if value is None else value.ints()


def merge_types(what: str, *values: Value | None) -> Type:
    """The one element type of all inputs; an unknown type fits every other. Raises OpError when they differ."""
    merged = Type.dynamic
    for value in values:
        if value is None:
            continue
        both = merged.merge(value.type)
        if both is None:
            raise OpError(
                f"{what}: element types do not match ({', '.join(v.type.to_string() for v in values if v is not None)})"
            )
        merged = both
    return merged


def check_integer(value: Value | None, what: str) -> None:
    """Raise OpError unless ``value`` is absent, of an integer type, or of unknown type."""
    if value is not None:
        check(
            value.type.is_integral_number() and value.type is not Type.string,
            "{} takes an integer type, not {}",
            what,
            value.type.to_string(),
        )


def check_rank(value: Value | None, ranks: Sequence[int], what: str) -> None:
    """Raise OpError unless the rank of ``value`` is unknown or one of ``ranks``."""
    if value is not None and value.rank is not None and value.rank not in ranks:
        raise OpError(f"{what} takes rank {' or '.join(map(str, ranks))}, not {value.rank}")


def element_count(value: Value) -> int | None:
    """Number of elements of a 0-D or 1-D input, or None when it is not known."""
    sizes = value.shape.static_tuple()
    return None if sizes is None else math.prod(sizes)


def product(dimensions: Iterable[Dimension]) -> Dimension:
    """The number of elements that ``dimensions`` span."""
    total = Dimension.static(1)
    for dimension in dimensions:
        total = dims.mul(total, dimension)
    return total


def replaced(shape: PartialShape, index: int, dimension: Dimension) -> PartialShape:
    """``shape`` with another dimension at ``index``; the rank must be known."""
    changed = list(shape.dims)
    changed[index] = dimension
    return PartialShape.of(changed)


def merge_shapes(a: PartialShape, b: PartialShape, message: str) -> PartialShape:
    """The shapes that both allow. Raises OpError with ``message`` when there is none."""
    merged = shapes.merge(a, b)
    if merged is None:
        raise OpError(f"{message} Got: {a} and {b}")
    return merged
