"""Transpose, Concat, Split, Tile, Broadcast, Reverse, Roll on host arrays.

Where the result is a rearrangement that strides can express it is a view, so that the consumer reads the input's
memory; arrays are read-only for consumers, hence stride 0 (Broadcast) and shared parts (Split) are fine.
"""

from __future__ import annotations

import numpy as np

from ovgpu.ops.concat_split import split_lengths
from ovgpu.ops.movement import broadcast_array, reversed_axes
from ovgpu.plugins.cpu.registry import kernel, view

Arrays = tuple[np.ndarray, ...]


@view("Identity")
def identity(x: np.ndarray) -> np.ndarray:
    return x


@view("Transpose")
def transpose_view(x: np.ndarray, order: np.ndarray) -> np.ndarray:
    return x.transpose(order.reshape(-1)) if order.size else x.T


@kernel("Transpose", native=True)
def transpose(x: np.ndarray, order: np.ndarray, *, out: np.ndarray) -> None:
    np.copyto(out, transpose_view(x, order))


@kernel("Concat", native=True, layout="same")
def concat(*inputs: np.ndarray, axis: int, out: np.ndarray) -> None:
    np.concatenate(inputs, axis, out=out)


@view("Split")
def split(x: np.ndarray, axis: np.ndarray, *, num_splits: int) -> Arrays:
    return tuple(np.split(x, num_splits, int(axis.reshape(-1)[0])))


@view("VariadicSplit")
def variadic_split(x: np.ndarray, axis: np.ndarray, lengths: np.ndarray) -> Arrays:
    position = int(axis.reshape(-1)[0])
    ends = np.cumsum(split_lengths(lengths, x.shape[position]))
    return tuple(np.split(x, ends[:-1], position))


@kernel("Split", native=True)
def split_copies(x: np.ndarray, axis: np.ndarray, *, num_splits: int) -> Arrays:
    return split(x, axis, num_splits=num_splits)


@kernel("VariadicSplit", native=True)
def variadic_split_copies(x: np.ndarray, axis: np.ndarray, lengths: np.ndarray) -> Arrays:
    return variadic_split(x, axis, lengths)


@kernel("Tile", native=True)
def tile(x: np.ndarray, repeats: np.ndarray, *, out: np.ndarray) -> None:
    # Every axis is split into (repetition, position), where the input is broadcast along the repetitions.
    sizes = (1,) * (out.ndim - x.ndim) + x.shape
    interleaved: list[int] = []
    for size, total in zip(sizes, out.shape, strict=True):
        interleaved += [total // size if size else 0, size]
    source = x.reshape([n for size in sizes for n in (1, size)])
    np.copyto(out.reshape(interleaved, copy=False), source)


@view("Broadcast")
def broadcast_view(
    x: np.ndarray, target: np.ndarray, axes_mapping: np.ndarray | None = None, *, mode: str
) -> np.ndarray:
    return broadcast_array(x, target, axes_mapping, mode=mode)


@kernel("Broadcast", native=True)
def broadcast(
    x: np.ndarray,
    target: np.ndarray,
    axes_mapping: np.ndarray | None = None,
    *,
    mode: str,
    out: np.ndarray,
) -> None:
    np.copyto(out, broadcast_array(x, target, axes_mapping, mode=mode))


@view("Reverse")
def reverse(x: np.ndarray, axes: np.ndarray, *, mode: str) -> np.ndarray:
    return np.flip(x, tuple(reversed_axes(axes, mode)))


@kernel("ReverseSequence", native=True)
def reverse_sequence(
    x: np.ndarray, seq_lengths: np.ndarray, *, batch_axis: int, seq_axis: int, out: np.ndarray
) -> None:
    batch, sequence = batch_axis % x.ndim, seq_axis % x.ndim
    steps = np.arange(x.shape[sequence])
    lengths = seq_lengths.astype(np.int64)
    if batch == sequence:  # each slice is its own batch entry: nothing is moved across entries
        index = np.where(steps < lengths, lengths - 1 - steps, steps)
        np.copyto(out, np.take(x, np.clip(index, 0, max(x.shape[batch] - 1, 0)), batch))
        return
    table = np.where(
        steps < lengths[:, None], lengths[:, None] - 1 - steps, steps
    )  # [batch, sequence]
    if batch > sequence:
        table = table.T
    sizes = [1] * x.ndim
    sizes[batch], sizes[sequence] = x.shape[batch], x.shape[sequence]
    np.copyto(out, np.take_along_axis(x, table.reshape(sizes), sequence))


@kernel("Roll", native=True)
def roll(x: np.ndarray, shift: np.ndarray, axes: np.ndarray) -> np.ndarray:
    steps, positions = np.broadcast_arrays(shift.reshape(-1), axes.reshape(-1))
    return np.roll(x, tuple(steps.tolist()), tuple(positions.tolist()))
