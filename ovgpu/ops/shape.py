"""Operations that read or change shapes: ShapeOf, Reshape, Squeeze, Unsqueeze, Range."""

from __future__ import annotations

import math

import numpy as np

from ovgpu.graph import dimension as dims
from ovgpu.graph.dimension import Dimension, make
from ovgpu.graph.element_type import Type
from ovgpu.graph.interval import Interval
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import dims_as_intervals
from ovgpu.graph.value import Value
from ovgpu.ops.common import (
    check_integer,
    check_rank,
    constant_axes,
    element_count,
    merge_types,
    normalize_axes,
    product,
)
from ovgpu.ops.declaration import OpError, check, op
from ovgpu.ops.value_rules import moving

_ONE = Dimension.static(1)


# ---- ShapeOf --------------------------------------------------------------------------------------------------------
def _shape_values(data: Value, **_: object) -> np.ndarray | None:
    return None if data.rank is None else dims_as_intervals(data.shape)


def _shape_of(data: Value, output_type: Type) -> Value:
    check(
        output_type in (Type.i32, Type.i64),
        "ShapeOf yields i32 or i64, not {}",
        output_type.to_string(),
    )
    rank = Dimension.dynamic() if data.rank is None else Dimension.static(data.rank)
    return Value(output_type, PartialShape.of([rank]))


@op("ShapeOf", "1", factory="shape_of(data)", values=_shape_values)
def shape_of_1(data: Value) -> Value:
    """ShapeOf-1: the shape of ``data`` as a 1-D i64 tensor."""
    return _shape_of(data, Type.i64)


@op("ShapeOf", "3", factory="shape_of(data, output_type='i64')", values=_shape_values)
def shape_of_3(data: Value, *, output_type: Type = Type.i64) -> Value:
    """ShapeOf-3: the shape of ``data`` as a 1-D tensor of ``output_type``."""
    return _shape_of(data, output_type)


# ---- Reshape --------------------------------------------------------------------------------------------------------
def _reshape_values(data: np.ndarray, pattern: np.ndarray, *, special_zero: bool) -> np.ndarray:
    sizes = [int(x) for x in pattern.reshape(-1)]
    if special_zero:
        sizes = [data.shape[i] if n == 0 else n for i, n in enumerate(sizes)]
    return data.reshape(sizes)


@op(
    "Reshape",
    "1",
    factory="reshape(node, output_shape, special_zero)",
    python_names={"node": "data", "output_shape": "pattern"},
    values=moving(1, _reshape_values),
)
def reshape(data: Value, pattern: Value, *, special_zero: bool) -> Value:
    """Reshape-1: the same elements in another shape; -1 stands for the remaining size, 0 copies a dimension
    when ``special_zero``. The pattern is 1-D (``[0]`` elements make a scalar)."""
    check_integer(pattern, "the pattern of Reshape")
    check(
        pattern.rank in (None, 1) or element_count(pattern) == 0,
        "Reshape: the pattern must have rank 1",
    )
    exact, sizes = pattern.ints(), data.shape.static_tuple()
    if exact is not None and sizes is not None:
        reshaped = _reshaped(sizes, exact, special_zero)
        if reshaped is not None:
            return Value(data.type, PartialShape.of(reshaped))
    wanted = pattern.intervals
    if wanted is None:
        count = element_count(pattern) if pattern.rank is not None else None
        return Value(data.type, PartialShape.dynamic(-1 if count is None else count))
    result: list[Dimension | None] = []
    copied: set[int] = set()
    for index, (size, dimension) in enumerate(
        zip(wanted.reshape(-1), pattern.as_dims() or (), strict=True)
    ):
        if size.is_point and size.lower == -1:
            check(None not in result, "Reshape takes at most one -1 in its pattern")
            result.append(None)
        elif special_zero and size.is_point and size.lower == 0:
            check(
                data.rank is None or index < data.rank,
                "Reshape copies a dimension that the input lacks",
            )
            result.append(Dimension.dynamic() if data.rank is None else data.dims[index])
            copied.add(index)
        else:
            check(size.upper >= -1, "Reshape takes sizes of at least -1, got {}", size.upper)
            result.append(Dimension.dynamic() if size.lower < 0 else dimension)
    if None in result:
        others = [d for d in result if d is not None]
        if data.rank is None:
            missing = _remaining_of_anything(others)
        else:  # what is copied is on both sides, whatever its size
            left = [d for i, d in enumerate(data.dims) if i not in copied]
            right = [d for i, d in enumerate(result) if d is not None and i not in copied]
            missing = _remaining(left, right)
        result[result.index(None)] = missing
    output = Value(data.type, PartialShape.of([d for d in result if d is not None]))
    given, made = data.shape.static_tuple(), output.shape.static_tuple()
    if given is not None and made is not None:
        check(
            math.prod(given) == math.prod(made),
            "Reshape: Requested output shape {} is incompatible with input shape {}",
            list(made),
            list(given),
        )
    return output


def _reshaped(sizes: tuple[int, ...], pattern: list[int], special_zero: bool) -> list[int] | None:
    """The new sizes when everything is known; None where the general rule has to say what is wrong."""
    result = list(pattern)
    if special_zero:
        result = [sizes[i] if n == 0 and i < len(sizes) else n for i, n in enumerate(result)]
    if result.count(-1) == 1:
        others = -math.prod(result)
        if others <= 0:
            return None
        result[result.index(-1)] = math.prod(sizes) // others
    fits = all(n >= 0 for n in result) and math.prod(result) == math.prod(sizes)
    return result if fits else None


def _remaining_of_anything(others: list[Dimension]) -> Dimension:
    """The dimension that -1 stands for when not even the rank of the input is known."""
    check(
        product(others) != 0,
        "Reshape: Cannot infer '-1' dimension with zero-size output dimension",
    )
    # OpenVINO says "at least 1" where the other sizes are known.
    return make(1, -1) if all(d.is_static for d in others) else Dimension.dynamic()


def _remaining(given: list[Dimension], others: list[Dimension]) -> Dimension:
    """The dimension that -1 stands for: the input's elements divided by the other dimensions of the output."""
    left: list[Dimension] = list(given)
    right: list[Dimension] = []
    for other in others:  # equal dimensions cancel, so that [?, 8, 4] -> [?, -1] keeps its 32
        match = next((i for i, mine in enumerate(left) if _surely_equal(mine, other)), None)
        if match is None:
            right.append(other)
        else:
            del left[match]
    total, divisor = product(left), product(right)
    if divisor == 0:
        check(
            total == 0,
            "Reshape: Cannot infer '-1' dimension with zero-size output dimension unless at least one input dimension "
            "is also zero-size",
        )
        return _ONE  # 0 elements whatever -1 is; OpenVINO takes 1
    if total.is_static and divisor.is_static:
        check(
            total.get_length() % divisor.get_length() == 0,
            "Reshape: Non-'-1' output dimensions do not evenly divide the input dimensions "
            f"({total.get_length()} by {divisor.get_length()})",
        )
    # Whatever the sizes are, the division leaves no remainder: so the lower bound is rounded up, the upper one down.
    exact = dims.merge(dims.ceildiv(total, divisor), dims.floordiv(total, divisor))
    return Dimension.dynamic() if exact is None else exact


def _surely_equal(a: Dimension, b: Dimension) -> bool:
    if a.is_static and b.is_static:
        return a == b and a != 0
    return a is b or (a.has_symbol() and b.has_symbol() and a.get_symbol() == b.get_symbol())


# ---- Squeeze, Unsqueeze ---------------------------------------------------------------------------------------------
def _squeeze_values(data: np.ndarray, axes: np.ndarray | None = None, **_: object) -> np.ndarray:
    if axes is None or axes.size == 0:
        return np.squeeze(data)
    wanted = normalize_axes(axes.reshape(-1), data.ndim, "Squeeze")
    return np.squeeze(data, tuple({a for a in wanted if data.shape[a] == 1}))


def _squeeze(data: Value, axes: Value | None, allow_axis_skip: bool) -> Value:
    check_integer(axes, "the axes of Squeeze")
    check_rank(axes, (0, 1), "Squeeze: the axes input")
    unknown = Value(data.type, PartialShape.dynamic())
    listed = constant_axes(axes)
    if axes is not None and listed is None:
        # How many axes of size 1 there are to drop is known for a single one only.
        if axes.rank == 0 and data.rank and not allow_axis_skip:
            return Value(data.type, PartialShape.dynamic(data.rank - 1))
        return unknown
    if data.rank is None:
        return unknown
    if not listed:
        wanted = set(range(data.rank))
        undecided = any(d.is_dynamic and d.compatible(_ONE) for d in data.dims)
    else:
        wanted = set(normalize_axes(listed, data.rank, "Squeeze")) if data.rank else set()
        undecided = allow_axis_skip and any(
            data.dims[a].is_dynamic and data.dims[a].compatible(_ONE) for a in wanted
        )
    if undecided:
        return unknown
    # An axis that cannot have size 1 stays, in opset1 too: exporters rely on that.
    kept = [d for i, d in enumerate(data.dims) if i not in wanted or not d.compatible(_ONE)]
    return Value(data.type, PartialShape.of(kept))


@op("Squeeze", "1", factory="squeeze(data, axes)", values=moving(1, _squeeze_values))
def squeeze_1(data: Value, axes: Value | None = None) -> Value:
    """Squeeze-1: without the dimensions of size 1 at ``axes`` (all of them when there are no axes)."""
    return _squeeze(data, axes, False)


@op(
    "Squeeze",
    "15",
    factory="squeeze(data, axes=None, allow_axis_skip=False)",
    values=moving(1, _squeeze_values),
)
def squeeze_15(data: Value, axes: Value | None = None, *, allow_axis_skip: bool = False) -> Value:
    """Squeeze-15: as Squeeze-1; with ``allow_axis_skip`` an axis of another size is left alone even when that is known
    at run time only, so the output rank may be unknown."""
    return _squeeze(data, axes, allow_axis_skip)


def _unsqueeze_values(data: np.ndarray, axes: np.ndarray) -> np.ndarray:
    listed = axes.reshape(-1)
    return np.expand_dims(data, tuple(unsqueezed_axes([int(a) for a in listed], data.ndim)))


def unsqueezed_axes(axes: list[int], rank: int) -> list[int]:
    """Positions of the new dimensions in the output of Unsqueeze, ascending, each once."""
    return sorted(set(normalize_axes(axes, rank + len(axes), "Unsqueeze")))


@op("Unsqueeze", "1", factory="unsqueeze(data, axes)", values=moving(1, _unsqueeze_values))
def unsqueeze(data: Value, axes: Value) -> Value:
    """Unsqueeze-1: with new dimensions of size 1 at ``axes``, which count in the output shape."""
    check_integer(axes, "the axes of Unsqueeze")
    check_rank(axes, (0, 1), "Unsqueeze: the axes input")
    listed = constant_axes(axes)
    if data.rank is None or listed is None:
        return Value(data.type, PartialShape.dynamic())
    result = list(data.dims)
    for axis in unsqueezed_axes(listed, data.rank):
        result.insert(axis, _ONE)
    return Value(data.type, PartialShape.of(result))


# ---- Range ----------------------------------------------------------------------------------------------------------
def range_length(start: float, stop: float, step: float) -> int:
    """Number of elements of Range, computed exactly for ints."""
    if isinstance(start, int) and isinstance(stop, int) and isinstance(step, int):
        return max(0, -((start - stop) // step))
    return max(0, math.ceil((stop - start) / step))


def _range_values(start: np.ndarray, stop: np.ndarray, step: np.ndarray, **_: object) -> np.ndarray:
    first, increment = start.item(), step.item()
    return first + np.arange(range_length(first, stop.item(), increment)) * increment


def _range(start: Value, stop: Value, step: Value, output_type: Type) -> Value:
    for name, value in (("start", start), ("stop", stop), ("step", step)):
        if value.rank is not None:
            check(
                value.rank == 0 or value.shape.static_tuple() == (1,),
                f"Range: '{name}' input is not a scalar",
            )
    bounds = []
    for name, value in (("start", start), ("stop", stop), ("step", step)):
        known = value.intervals
        if known is None:
            return Value(output_type, PartialShape.dynamic(1))
        interval = known.reshape(-1)[0]
        if not output_type.is_real() and output_type.is_static():
            interval = Interval(_truncate(interval.lower), _truncate(interval.upper))
        check(
            not interval.is_point or math.isfinite(interval.lower),
            f"Range: '{name}' cannot be nan or infinite",
        )
        bounds.append(interval)
    first, last, increment = bounds
    if not increment.is_point:
        return Value(output_type, PartialShape.dynamic(1))
    by = increment.lower
    check(by != 0, "Range: 'step' cannot be zero, nan, or infinite.")
    if by < 0:  # count upwards along the mirrored axis
        first, last, by = -first, -last, -by
    shortest = (
        0
        if math.isinf(first.upper) or math.isinf(last.lower)
        else range_length(first.upper, last.lower, by)
    )
    unbounded = math.isinf(first.lower) or math.isinf(last.upper)
    longest = -1 if unbounded else range_length(first.lower, last.upper, by)
    return Value(output_type, PartialShape.of([make(shortest, longest)]))


def _truncate(bound: float) -> float:
    return bound if math.isinf(bound) or math.isnan(bound) else int(bound)


def _same_type(*values: Value) -> Type:
    try:
        return merge_types("Range", *values)
    except OpError:
        raise OpError("Range: Element types for start, stop, and step do not match.") from None


@op("Range", "1", factory="range(start, stop, step)", values=moving(0, _range_values))
def range_1(start: Value, stop: Value, step: Value) -> Value:
    """Range-1: ``start``, ``start + step``, ... before ``stop``, in the type of the inputs (scalars).

    Where ``stop`` is bounded the length is bounded too, so that memory can be planned.
    """
    return _range(start, stop, step, _same_type(start, stop, step))


@op(
    "Range",
    "4",
    factory="range(start, stop, step, output_type)",
    factory_opset=12,
    values=moving(0, _range_values),
)
def range_4(start: Value, stop: Value, step: Value, *, output_type: Type) -> Value:
    """Range-4: as Range-1 in ``output_type``. Inputs of different types are allowed; they are converted (toward zero)
    before the elements are counted."""
    return _range(start, stop, step, output_type)
