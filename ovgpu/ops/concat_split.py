"""Operations that join tensors along an axis or cut them into parts: Concat, Split, VariadicSplit."""

from __future__ import annotations

import itertools

import numpy as np

from ovgpu.graph import dimension as dims
from ovgpu.graph import partial_shape as shapes
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.common import (
    check_integer,
    check_rank,
    element_count,
    merge_types,
    normalize_axis,
    replaced,
)
from ovgpu.ops.declaration import OpError, check, op
from ovgpu.ops.value_rules import moving


def _concat_values(*inputs: np.ndarray, axis: int) -> np.ndarray:
    return np.concatenate(inputs, axis)


@op(
    "Concat",
    "1",
    factory="concat(nodes, axis)",
    python_names={"nodes": "inputs"},
    values=moving(-1, _concat_values),
)
def concat(*inputs: Value, axis: int) -> Value:
    """Concat-1: the inputs one after the other along ``axis``; their other dimensions are equal."""
    check(inputs, "Concat: At least one argument required.")
    output_type = merge_types("Concat", *inputs)
    merged = PartialShape.dynamic()
    length = Dimension.static(0)
    for value in inputs:
        if value.rank is None:
            length = dims.add(length, Dimension.dynamic())
            continue
        check(value.rank > 0, "Concat: the inputs must have at least one axis")
        position = normalize_axis(axis, value.rank, "Concat")
        length = dims.add(length, value.dims[position])
        both = shapes.merge(merged, replaced(value.shape, position, Dimension.dynamic()))
        if both is None:
            raise OpError(
                "Argument shapes are inconsistent; they must have the same rank, and must have equal dimension "
                f"everywhere except on the concatenation axis (axis {axis}): "
                f"{', '.join(str(v.shape) for v in inputs)}"
            )
        merged = both
    if merged.rank_length is None:
        return Value(output_type, merged)
    return Value(
        output_type, replaced(merged, normalize_axis(axis, merged.rank_length, "Concat"), length)
    )


def _split_values(data: np.ndarray, axis: np.ndarray, *, num_splits: int) -> tuple[np.ndarray, ...]:
    return tuple(np.split(data, num_splits, int(axis)))


@op("Split", "1", factory="split(data, axis, num_splits)", values=moving(1, _split_values))
def split(data: Value, axis: Value, *, num_splits: int) -> tuple[Value, ...]:
    """Split-1: ``num_splits`` equal parts along ``axis`` (a scalar)."""
    check_integer(axis, "the axis of Split")
    check(
        axis.rank in (None, 0) or axis.shape.static_tuple() == (1,),
        "Split: 'axis' input must be a scalar",
    )
    check(num_splits > 0, "Split: attribute 'num_splits' must be greater than zero")
    position = axis.scalar()
    if position is None or data.rank is None:
        part = PartialShape.dynamic(-1 if data.rank is None else data.rank)
    else:
        position = normalize_axis(position, data.rank, "Split")
        whole = data.dims[position]
        check(
            whole.is_dynamic or whole.get_length() % num_splits == 0,
            f"Split: Dimension of data input shape along 'axis': {whole} must be evenly divisible by 'num_splits' "
            f"attribute value: {num_splits}",
        )
        part = replaced(data.shape, position, dims.floordiv(whole, num_splits))
        if num_splits == 1 and whole.interval() == (
            0,
            -1,
        ):  # as OpenVINO: the quotient has no symbol
            part = replaced(data.shape, position, Dimension.dynamic())
    return tuple(Value(data.type, part) for _ in range(num_splits))


def _variadic_split_values(
    data: np.ndarray, axis: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, ...]:
    position = int(axis.reshape(-1)[0])
    starts = list(itertools.accumulate(split_lengths(lengths, data.shape[position])))
    return tuple(np.split(data, starts[:-1], position))


def split_lengths(lengths: np.ndarray, whole: int) -> list[int]:
    """The lengths of the parts of VariadicSplit, with -1 resolved."""
    sizes = [int(x) for x in lengths.reshape(-1)]
    rest = whole - sum(n for n in sizes if n != -1)
    return [rest if n == -1 else n for n in sizes]


@op(
    "VariadicSplit",
    "1",
    factory="variadic_split(data, axis, split_lengths)",
    values=moving(1, _variadic_split_values),
)
def variadic_split(data: Value, axis: Value, split_lengths: Value) -> tuple[Value, ...]:
    """VariadicSplit-1: parts of the given lengths along ``axis``; one length may be -1, which takes the rest.

    The part of -1 keeps the bound that the whole has, so that memory can be planned.
    """
    check_integer(axis, "the axis of VariadicSplit")
    check_integer(split_lengths, "the lengths of VariadicSplit")
    check(
        axis.rank in (None, 0) or axis.shape.static_tuple() == (1,),
        "VariadicSplit: 'axis' must be a scalar",
    )
    check_rank(split_lengths, (1,), "VariadicSplit: 'split_lengths'")
    count = element_count(split_lengths)
    if count is None:
        return ()  # the number of outputs is not known yet
    position, lengths = axis.scalar(), split_lengths.ints()
    if data.rank is None:
        return tuple(Value(data.type, PartialShape.dynamic()) for _ in range(count))
    if position is None:
        return tuple(Value(data.type, PartialShape.dynamic(data.rank)) for _ in range(count))
    position = normalize_axis(position, data.rank, "VariadicSplit")
    parts = [Dimension.dynamic()] * count
    if lengths is not None:
        whole = data.dims[position]
        check(all(n >= -1 for n in lengths), "VariadicSplit: Invalid length among split_lengths")
        check(
            lengths.count(-1) <= 1,
            "VariadicSplit: Cannot infer split with multiple -1 values in split_lengths",
        )
        given = sum(n for n in lengths if n != -1)
        fits = given <= whole.get_max_length() if -1 in lengths else given == whole.get_max_length()
        check(
            whole.is_dynamic or fits,
            f"VariadicSplit: Total length of splits: {given} must match the length of the chosen axis: {whole}",
        )
        parts = [dims.sub(whole, given) if n == -1 else Dimension.static(n) for n in lengths]
    return tuple(Value(data.type, replaced(data.shape, position, part)) for part in parts)
