"""Operations that read or change shapes: ShapeOf, Reshape."""

from __future__ import annotations

import numpy as np

from ovgpu.graph import dimension as dims
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import dims_as_intervals
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import check, op
from ovgpu.ops.value_rules import moving


def _shape_values(data: Value, **_: object) -> np.ndarray | None:
    return None if data.rank is None else dims_as_intervals(data.shape)


def _shape_of(data: Value, output_type: Type) -> Value:
    check(output_type in (Type.i32, Type.i64), f"ShapeOf yields i32 or i64, not {output_type.to_string()}")
    rank = Dimension.dynamic() if data.rank is None else Dimension.static(data.rank)
    return Value(output_type, PartialShape.of([rank]))


@op("ShapeOf", "1", factory="shape_of(data)", values=_shape_values)
def shape_of_1(data: Value) -> Value:
    """ShapeOf-1: the shape of ``data`` as a 1-D i64 tensor."""
    return _shape_of(data, Type.i64)


@op("ShapeOf", "3", factory="shape_of(data, output_type)", values=_shape_values)
def shape_of_3(data: Value, *, output_type: Type = Type.i64) -> Value:
    """ShapeOf-3: the shape of ``data`` as a 1-D tensor of ``output_type``."""
    return _shape_of(data, output_type)


def _reshape_values(data: np.ndarray, pattern: np.ndarray, *, special_zero: bool) -> np.ndarray:
    sizes = [int(x) for x in pattern.reshape(-1)]
    if special_zero:
        sizes = [data.shape[i] if n == 0 else n for i, n in enumerate(sizes)]
    return data.reshape(sizes)


@op("Reshape", "1", factory="reshape(node, output_shape, special_zero)",
    python_names={"node": "data", "output_shape": "pattern"}, values=moving(1, _reshape_values))  # fmt: skip
def reshape(data: Value, pattern: Value, *, special_zero: bool) -> Value:
    """Reshape-1: the same elements in another shape; -1 stands for the remaining size, 0 copies a dimension
    when ``special_zero``."""
    check(pattern.type.is_integral_number(), "Reshape takes an integer pattern")
    rank = pattern.shape.dims if pattern.rank == 1 else ()
    count = rank[0].get_length() if rank and rank[0].is_static else (0 if pattern.rank == 0 else None)
    wanted = pattern.intervals
    if wanted is None:
        return Value(data.type, PartialShape.dynamic(-1 if count is None else count))
    result: list[Dimension | None] = []
    input_dims = data.shape.dims if data.rank is not None else None
    for index, (size, dimension) in enumerate(zip(wanted.reshape(-1), pattern.as_dims() or (), strict=True)):
        if size.is_point and size.lower == -1:
            check(None not in result, "Reshape takes at most one -1 in its pattern")
            result.append(None)
        elif special_zero and size.is_point and size.lower == 0:
            check(input_dims is None or index < len(input_dims), "Reshape copies a dimension that the input lacks")
            result.append(Dimension.dynamic() if input_dims is None else input_dims[index])
        else:
            check(size.upper >= -1, f"Reshape takes sizes of at least -1, got {size.upper}")
            result.append(Dimension.dynamic() if size.lower < 0 else dimension)
    if None in result:
        hole = result.index(None)
        result[hole] = _remaining(data, [d for d in result if d is not None], special_zero)
    output = Value(data.type, PartialShape.of([d for d in result if d is not None]))
    given, made = data.shape.static_tuple(), output.shape.static_tuple()
    if given is not None and made is not None:
        check(np.prod(given, dtype=object) == np.prod(made, dtype=object),
              f"Reshape cannot make {list(made)} from {list(given)}: the numbers of elements differ")  # fmt: skip
    return output


def _remaining(data: Value, others: list[Dimension], special_zero: bool) -> Dimension:
    """The dimension that -1 stands for."""
    if data.rank is None:
        return Dimension.dynamic()
    left, right = list(data.shape.dims), list(others)
    for other in list(right):  # equal dimensions cancel, so that [?, 8, 4] -> [?, -1] keeps its 32
        for mine in left:
            same = other.is_static and mine.is_static and other.interval() == mine.interval() and other.interval()[0] > 0
            marked = other.has_symbol() and mine.has_symbol() and other.get_symbol() == mine.get_symbol()
            if same or marked or (other is mine and other.is_dynamic):
                left.remove(mine)
                right.remove(other)
                break
    total, divisor = Dimension.static(1), Dimension.static(1)
    for d in left:
        total = dims.mul(total, d)
    for d in right:
        divisor = dims.mul(divisor, d)
    if divisor.is_static and divisor.get_length() == 0:
        check(not total.is_static or total.get_length() == 0, "Reshape cannot find -1 beside a dimension of size 0")
        return Dimension.static(0)
    if total.is_static and divisor.is_static:
        check(total.get_length() % divisor.get_length() == 0,
              f"Reshape: {total.get_length()} elements do not divide by {divisor.get_length()}")  # fmt: skip
    return dims.floordiv(total, divisor)
