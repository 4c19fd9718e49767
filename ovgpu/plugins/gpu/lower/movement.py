"""Transpose, Concat, Split, Tile, Broadcast, Reverse, Roll: whole axes that are reordered, joined and repeated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.ops.concat_split import split_lengths
from ovgpu.ops.movement import broadcast_array, reversed_axes
from ovgpu.plugins.gpu.divisor import DIVISOR, divisor
from ovgpu.plugins.gpu.encoder import THREADS, Encoder, blocks_for
from ovgpu.plugins.gpu.lower.common import (
    encode_views,
    fits_kernels,
    known,
    known_numbers,
    known_or_none,
    movable,
    sizes_of,
)
from ovgpu.plugins.gpu.registry import Lowering, lowers
from ovgpu.plugins.gpu.strided import (
    COPY_RANK,
    LARGEST_COUNT,
    MOST_PARTS,
    SOURCE,
    encode_copies,
    encode_copy,
    is_movable,
    place_of,
)


def _transposed(op: Lowering) -> list[np.ndarray]:
    order = known(op, 1).reshape(-1)
    source = place_of(op.input(0))
    return [source.transpose(order) if order.size else source.T]


@lowers("Transpose", accepts=movable, known_inputs=(1,), view=_transposed)
def transpose(encoder: Encoder, op: Lowering) -> None:
    encode_views(encoder, op, _transposed(op))


@lowers("Concat", accepts=movable, strided_inputs=range(LARGEST_COUNT))
def concat(encoder: Encoder, op: Lowering) -> None:
    axis = op.attributes["axis"]
    out = place_of(op.outputs[0])
    axis %= out.ndim
    pairs, start = [], 0
    for index in range(len(op.inputs)):
        tensor = op.input(index)
        stop = start + tensor.shape[axis]
        if tensor.size:
            pairs.append((out[(slice(None),) * axis + (slice(start, stop),)], place_of(tensor)))
        start = stop
    encode_copies(encoder, pairs)


def _parts(op: Lowering, axis: int, lengths: Sequence[int]) -> list[np.ndarray]:
    source = place_of(op.input(0))
    axis %= source.ndim
    parts, start = [], 0
    for length in lengths:
        parts.append(source[(slice(None),) * axis + (slice(start, start + length),)])
        start += length
    return parts


def _split_parts(op: Lowering) -> list[np.ndarray]:
    (axis,) = known_numbers(op, 1)
    count = op.attributes["num_splits"]
    return _parts(op, axis, [op.input(0).shape[axis] // count] * count)


@lowers("Split", accepts=movable, known_inputs=(1,), view=_split_parts)
def split(encoder: Encoder, op: Lowering) -> None:
    encode_views(encoder, op, _split_parts(op))


def _variadic_parts(op: Lowering) -> list[np.ndarray]:
    (axis,) = known_numbers(op, 1)
    return _parts(op, axis, split_lengths(known(op, 2), op.input(0).shape[axis]))


@lowers("VariadicSplit", accepts=movable, known_inputs=(1, 2), view=_variadic_parts)
def variadic_split(encoder: Encoder, op: Lowering) -> None:
    encode_views(encoder, op, _variadic_parts(op))


def _tile_fits(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    before, after = sizes_of(inputs[0]), sizes_of(outputs[0])
    before = (1,) * (len(after) - len(before)) + before
    repeated = sum(a != b for a, b in zip(before, after, strict=True))
    return is_movable(outputs[0].type) and 2 * repeated + 1 <= COPY_RANK


@lowers("Tile", accepts=_tile_fits)
def tile(encoder: Encoder, op: Lowering) -> None:
    # Every axis is (repetition, position); the input is broadcast along the repetitions. Axes that are not repeated are
    # merged first, so that the copy stays within the kernel's dimensions.
    total = op.outputs[0].shape
    sizes = (1,) * (len(total) - len(op.input(0).shape)) + op.input(0).shape
    split_sizes: list[int] = []
    repetitions: list[int] = []
    for size, whole in zip(sizes, total, strict=True):
        times = whole // size
        if times == 1 and repetitions:
            split_sizes[-1] *= size
        else:
            repetitions.append(times)
            split_sizes.append(size)
    interleaved = [n for pair in zip(repetitions, split_sizes, strict=True) for n in pair]
    spread = [n for size in split_sizes for n in (1, size)]
    source = np.broadcast_to(place_of(op.input(0), spread), interleaved)
    encode_copy(encoder, place_of(op.outputs[0], interleaved), source)


def _broadcast(op: Lowering) -> list[np.ndarray]:
    target, axes = known(op, 1), known_or_none(op, 2)
    return [broadcast_array(place_of(op.input(0)), target, axes, mode=op.attributes["mode"])]


@lowers("Broadcast", accepts=movable, known_inputs=(1, 2), view=_broadcast)
def broadcast(encoder: Encoder, op: Lowering) -> None:
    encode_views(encoder, op, _broadcast(op))


def _reversed(op: Lowering) -> list[np.ndarray]:
    axes = reversed_axes(known(op, 1), op.attributes["mode"])
    return [np.flip(place_of(op.input(0)), tuple(axes))]


@lowers("Reverse", accepts=movable, known_inputs=(1,), view=_reversed)
def reverse(encoder: Encoder, op: Lowering) -> None:
    encode_views(encoder, op, _reversed(op))


def _roll_fits(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    axes = sizes_of(inputs[2])
    few = math.prod(axes) <= MOST_PARTS.bit_length() - 1 if axes else True
    return few and movable(node, inputs, outputs)


@lowers("Roll", accepts=_roll_fits, known_inputs=(1, 2))
def roll(encoder: Encoder, op: Lowering) -> None:
    source, out = place_of(op.input(0)), place_of(op.outputs[0])
    shifts, axes = np.broadcast_arrays(known(op, 1).reshape(-1), known(op, 2).reshape(-1))
    total = dict.fromkeys(range(source.ndim), 0)
    for shift, axis in zip(shifts.tolist(), axes.tolist(), strict=True):
        total[axis % source.ndim] += shift
    # Along each rolled axis two parts change places: what moves past the end, and the rest.
    per_axis = []
    for axis, size in enumerate(source.shape):
        cut = total[axis] % size
        whole = [(slice(None), slice(None))]
        halves = [
            (slice(cut, None), slice(0, size - cut)),
            (slice(0, cut), slice(size - cut, None)),
        ]
        per_axis.append(halves if cut else whole)
    encode_copies(
        encoder,
        [
            (out[tuple(p[0] for p in parts)], source[tuple(p[1] for p in parts)])
            for parts in product(*per_axis)
        ],
    )


_SEQUENCES = np.dtype(
    [
        ("count", "u4"),
        ("first", DIVISOR),
        ("middle", DIVISOR),
        ("second", DIVISOR),
        ("inner", DIVISOR),
        ("batch_first", "u4"),
        ("same", "u4"),
    ],
    align=True,
)


def _sequences_fit(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    return inputs[1].type in (Type.i32, Type.i64) and fits_kernels(node, inputs, outputs)


@lowers("ReverseSequence", accepts=_sequences_fit)
def reverse_sequence(encoder: Encoder, op: Lowering) -> None:
    source, out, lengths = op.input(0), op.outputs[0], op.input(1)
    shape = source.shape
    batch, sequence = (op.attributes[name] % len(shape) for name in ("batch_axis", "seq_axis"))
    first, second = min(batch, sequence), max(batch, sequence)
    same = first == second
    inner = math.prod(shape[second + 1 :])
    word = math.gcd(16, inner * out.storage.bitwidth // 8, out.address, source.address)
    inner = inner * (out.storage.bitwidth // 8) // word
    record = np.zeros(1, _SEQUENCES)
    record["first"] = divisor(shape[first])
    record["middle"] = divisor(math.prod(shape[first + 1 : second]))
    record["second"] = divisor(1 if same else shape[second])
    record["inner"] = divisor(inner)
    record["count"] = math.prod(shape[: second + 1]) * inner
    record["batch_first"], record["same"] = batch < sequence, same
    kind = "i32" if lengths.type is Type.i32 else "i64"
    arguments = [out.pointer, source.pointer, lengths.pointer, record]
    grid = blocks_for(int(record["count"][0]))
    encoder.launch(SOURCE, f"reverse_sequence_{word}_{kind}", grid, THREADS, arguments)
