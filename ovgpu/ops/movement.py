"""Operations that reorder and repeat whole axes: Transpose, Tile, Broadcast, Reverse, ReverseSequence, Roll."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ovgpu.graph import dimension as dims
from ovgpu.graph import partial_shape as shapes
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.common import (
    check_integer,
    check_rank,
    element_count,
    normalize_axes,
    normalize_axis,
    replaced,
)
from ovgpu.ops.declaration import OpError, check, op
from ovgpu.ops.value_rules import moving


# ---- Transpose ------------------------------------------------------------------------------------------------------
def _transpose_values(data: np.ndarray, order: np.ndarray) -> np.ndarray:
    return data.transpose(order.reshape(-1)) if order.size else data.T


@op("Transpose", "1", factory="transpose(data, input_order)", values=moving(1, _transpose_values))
def transpose(data: Value, input_order: Value) -> Value:
    """Transpose-1: output axis i is input axis ``input_order[i]``; an empty order reverses the axes."""
    check_integer(input_order, "the order of Transpose")
    check_rank(input_order, (1,), "Transpose: the order input")
    count = element_count(input_order)
    check(
        count is None or data.rank is None or count in (0, data.rank),
        "Transpose: Input order must have shape [n], where n is the rank of arg ({}), not {}",
        data.rank,
        count,
    )
    order = input_order.ints()
    if order is None:
        return Value(data.type, PartialShape.dynamic(-1 if data.rank is None else data.rank))
    if data.rank is None:
        return Value(data.type, PartialShape.dynamic(len(order)))
    order = order or list(range(data.rank))[::-1]
    check(
        sorted(order) == list(range(data.rank)),
        "Permutation {} is not valid for input shape {}",
        order,
        data.shape,
    )
    return Value(data.type, PartialShape.of([data.dims[i] for i in order]))


# ---- Tile, Broadcast ------------------------------------------------------------------------------------------------
def _tile_values(data: np.ndarray, repeats: np.ndarray) -> np.ndarray:
    return np.tile(data, [max(int(n), 0) for n in repeats.reshape(-1)])


@op("Tile", "1", factory="tile(data, repeats)", values=moving(1, _tile_values))
def tile(data: Value, repeats: Value) -> Value:
    """Tile-1: ``data`` repeated ``repeats[i]`` times along axis i; the shorter of shape and repeats is extended by
    leading ones. Negative repeats count as 0."""
    check_integer(repeats, "the repeats of Tile")
    check_rank(repeats, (1,), "Tile: 'repeats'")
    count = element_count(repeats)
    if data.rank is None or count is None:
        return Value(data.type, PartialShape.dynamic())
    rank = max(data.rank, count)
    factors = repeats.as_dims()
    if factors is None:
        return Value(data.type, PartialShape.dynamic(rank))
    one = Dimension.static(1)
    lengths = [one] * (rank - data.rank) + list(data.dims)
    times = [one] * (rank - count) + list(factors)
    return Value(
        data.type, PartialShape.of([dims.mul(d, n) for d, n in zip(lengths, times, strict=True)])
    )


def broadcast_array(
    data: np.ndarray, target: np.ndarray, axes_mapping: np.ndarray | None = None, *, mode: str
) -> np.ndarray:
    """``data`` as Broadcast stretches it: a view with stride 0 along the new axes."""
    shape = tuple(int(x) for x in target.reshape(-1))
    if mode in ("explicit", "none"):
        positions = [] if axes_mapping is None else [int(a) for a in axes_mapping.reshape(-1)]
        sizes = [1] * len(shape)
        for position, length in zip(positions, data.shape, strict=False):
            sizes[position] = length
        data = data.reshape(sizes)
    elif mode == "bidirectional":
        shape = np.broadcast_shapes(data.shape, shape)
    return np.broadcast_to(data, shape)


def _target_shape(target_shape: Value) -> PartialShape:
    check_integer(target_shape, "the target shape of Broadcast")
    check_rank(target_shape, (1,), "Broadcast: the target shape")
    lengths = target_shape.as_dims()
    if lengths is not None:
        return PartialShape.of(lengths)
    count = element_count(target_shape)
    return PartialShape.dynamic(-1 if count is None else count)


def _broadcast(data: Value, target_shape: Value, axes_mapping: Value | None, mode: str) -> Value:
    target = _target_shape(target_shape)
    if mode == "bidirectional":
        result = shapes.broadcast_numpy(target, data.shape)
        if result is None:
            raise OpError(
                f"Broadcast incorrect target shape: {data.shape} and {target} do not stretch to one another"
            )
        return Value(data.type, result)
    if target.rank_length is None or data.rank is None:
        return Value(data.type, target)
    if mode in ("explicit", "none"):
        _check_mapping(data, target, axes_mapping)
    else:
        lead = target.rank_length - data.rank
        check(
            lead >= 0,
            f"Broadcast target_shape has smaller rank {target.rank_length} than arg shape {data.rank}",
        )
        for mine, wanted in zip(data.dims, target.dims[lead:], strict=True):
            check(
                mine.is_dynamic or wanted.is_dynamic or mine == 1 or mine == wanted,
                f"Input shape dimension equal {mine} cannot be broadcasted (numpy mode) to {wanted}. Allowed input "
                f"dimension value would be 1 or {wanted}",
            )
    return Value(data.type, target)


def _check_mapping(data: Value, target: PartialShape, axes_mapping: Value | None) -> None:
    positions = None if axes_mapping is None else axes_mapping.ints()
    if positions is None:
        return
    check(
        len(positions) == data.rank,
        f"Broadcast axes_mapping {positions} does not match the rank {data.rank}",
    )
    check(
        positions == sorted(positions),
        f"Broadcast doesn't permit transposes. axes_mapping {positions} not in sorted order",
    )
    for position, mine in zip(positions, data.dims, strict=True):
        check(
            0 <= position < len(target.dims),
            f"Broadcast axes_mapping {position} is outside of the target {target}",
        )
        check(
            mine.compatible(target.dims[position]) or mine == 1,
            f"Broadcast target[axes_mapping] Expected {mine}. Got {target.dims[position]}",
        )


@op(
    "Broadcast",
    "1",
    factory="broadcast(data, target_shape, axes_mapping=None, mode='NUMPY')",
    values=moving(1, broadcast_array),
)
def broadcast_1(
    data: Value,
    target_shape: Value,
    axes_mapping: Value | None = None,
    *,
    mode: Literal["numpy", "none", "explicit", "pdpd"] = "numpy",
) -> Value:
    """Broadcast-1: ``data`` stretched to ``target_shape``, aligned at the last axes, or (``explicit``, also written
    ``none``) with axis i of ``data`` placed at axis ``axes_mapping[i]`` of the target."""
    return _broadcast(data, target_shape, axes_mapping, mode)


@op(
    "Broadcast",
    "3",
    factory="broadcast(data, target_shape, axes_mapping=None, broadcast_spec='NUMPY')",
    python_names={"broadcast_spec": "mode"},
    values=moving(1, broadcast_array),
)
def broadcast_3(
    data: Value,
    target_shape: Value,
    axes_mapping: Value | None = None,
    *,
    mode: Literal["numpy", "explicit", "bidirectional"] = "numpy",
) -> Value:
    """Broadcast-3: as Broadcast-1; ``bidirectional`` stretches dimensions of 1 of both ``data`` and the target."""
    return _broadcast(data, target_shape, axes_mapping, mode)


# ---- Reverse, ReverseSequence, Roll ---------------------------------------------------------------------------------
def reversed_axes(axes: np.ndarray, mode: str) -> list[int]:
    """The axes that Reverse flips, from its second input."""
    if mode == "mask":
        return [int(i) for i in np.flatnonzero(axes)]
    return [int(i) for i in axes.reshape(-1)]


def _reverse_values(data: np.ndarray, axes: np.ndarray, *, mode: str) -> np.ndarray:
    return np.flip(data, tuple(reversed_axes(axes, mode)))


@op("Reverse", "1", factory="", values=moving(1, _reverse_values))
def reverse(data: Value, axes: Value, *, mode: Literal["index", "mask"]) -> Value:
    """Reverse-1: flipped along some axes: their numbers (``index``), or a flag for each axis (``mask``)."""
    check_rank(axes, (1,), "Reverse: the reversed axes input")
    known = axes.known
    if mode == "mask":
        check(
            axes.type in (Type.boolean, Type.dynamic),
            "Reverse: in 'mask' mode the second input must be boolean",
        )
        count = element_count(axes)
        check(
            data.rank is None or count in (None, data.rank),
            "Reverse: the mask needs a flag for each axis",
        )
    else:
        check_integer(axes, "Reverse: in 'index' mode the second input")
        if known is not None and data.rank is not None:
            normalize_axes(known.reshape(-1), data.rank, "Reverse")
            check(known.min(initial=0) >= 0, "Reverse: axes must not be negative")
    return Value(data.type, data.shape)


@op(
    "ReverseSequence",
    "1",
    factory="reverse_sequence(input, seq_lengths, batch_axis, seq_axis)",
    python_names={"input": "data"},
)
def reverse_sequence(
    data: Value, seq_lengths: Value, *, batch_axis: int = 0, seq_axis: int = 1
) -> Value:
    """ReverseSequence-1: for each index b of ``batch_axis`` the first ``seq_lengths[b]`` slices along ``seq_axis`` in
    reverse order, the others as they are."""
    check_rank(seq_lengths, (1,), "ReverseSequence: Sequence lengths")
    if data.rank is None:
        return Value(data.type, data.shape)
    check(data.rank >= 2, "ReverseSequence: Data input rank should be equal or greater than 2.")
    batch = normalize_axis(batch_axis, data.rank, "ReverseSequence")
    normalize_axis(seq_axis, data.rank, "ReverseSequence")
    if seq_lengths.rank is None:
        return Value(data.type, data.shape)
    merged = dims.merge(data.dims[batch], seq_lengths.dims[0])
    if merged is None:
        raise OpError(
            f"Sequence lengths input size ({seq_lengths.dims[0]}) is not equal to batch axis dimension of data input "
            f"({data.dims[batch]}) (argument shape: {data.shape}, sequence indices shape: {seq_lengths.shape})."
        )
    return Value(data.type, replaced(data.shape, batch, merged))


def _roll_values(data: np.ndarray, shift: np.ndarray, axes: np.ndarray) -> np.ndarray:
    steps, positions = np.broadcast_arrays(shift.reshape(-1), axes.reshape(-1))
    return np.roll(data, [int(s) for s in steps], [int(a) for a in positions])


@op("Roll", "7", factory="roll(data, shift, axes)", values=moving(1, _roll_values))
def roll(data: Value, shift: Value, axes: Value) -> Value:
    """Roll-7: shifted by ``shift`` positions along ``axes``; what leaves at one end enters at the other."""
    check_integer(shift, "the shift of Roll")
    check_integer(axes, "the axes of Roll")
    check_rank(shift, (0, 1), "Roll: Shift")
    check_rank(axes, (0, 1), "Roll: Axes")
    if shift.rank == 1 and axes.rank is not None:
        fits = shapes.merge(shift.shape, axes.shape) is not None or element_count(shift) == 1
        check(fits, "If shift is a 1D vector, axes must be a 1D tensor of the same size.")
    listed = axes.ints()
    if listed is not None and data.rank is not None:
        normalize_axes(listed, data.rank, "Roll")
    return Value(data.type, data.shape)
