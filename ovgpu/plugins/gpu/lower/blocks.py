"""Operations that move blocks between axes: SpaceToDepth, SpaceToBatch and their inverses, ShuffleChannels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.encoder import Encoder
from ovgpu.plugins.gpu.lower.common import known_numbers, movable, sizes_of
from ovgpu.plugins.gpu.registry import Lowering, lowers
from ovgpu.plugins.gpu.strided import COPY_RANK, encode_copies, encode_copy, is_movable, place_of


@lowers("SpaceToDepth", accepts=movable)
def space_to_depth(encoder: Encoder, op: Lowering) -> None:
    block = op.attributes["block_size"]
    batch, channels, *_ = op.input(0).shape
    small = op.outputs[0].shape[2:]
    count = len(small)
    split_shape = [batch, channels, *(n for d in small for n in (d, block))]
    blocks, places = [3 + 2 * i for i in range(count)], [2 + 2 * i for i in range(count)]
    first = op.attributes["mode"] == "blocks_first"
    order = [0, *blocks, 1, *places] if first else [0, 1, *blocks, *places]
    moved = place_of(op.input(0), split_shape).transpose(order)
    encode_copy(encoder, place_of(op.outputs[0], moved.shape), moved)


@lowers("DepthToSpace", accepts=movable)
def depth_to_space(encoder: Encoder, op: Lowering) -> None:
    block = op.attributes["block_size"]
    batch, depth = op.outputs[0].shape[:2]
    small = op.input(0).shape[2:]
    count = len(small)
    blocks = (block,) * count
    if op.attributes["mode"] == "blocks_first":
        split_shape, first, channel = (batch, *blocks, depth, *small), 1, count + 1
    else:
        split_shape, first, channel = (batch, depth, *blocks, *small), 2, 1
    order = [0, channel, *(n for i in range(count) for n in (count + 2 + i, first + i))]
    moved = place_of(op.input(0), split_shape).transpose(order)
    encode_copy(encoder, place_of(op.outputs[0], moved.shape), moved)


@lowers("ShuffleChannels", accepts=movable)
def shuffle_channels(encoder: Encoder, op: Lowering) -> None:
    shape = op.input(0).shape
    axis, group = op.attributes["axis"] % len(shape), op.attributes["group"]
    split_shape = (
        math.prod(shape[:axis]),
        group,
        shape[axis] // group,
        math.prod(shape[axis + 1 :]),
    )
    moved = place_of(op.input(0), split_shape).swapaxes(1, 2)
    encode_copy(encoder, place_of(op.outputs[0], moved.shape), moved)


def _blocks_fit(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    # Each axis but the batch becomes two.
    return is_movable(outputs[0].type) and 2 * len(sizes_of(inputs[0])) - 1 <= COPY_RANK


def _block_pieces(block: int, low: int, high: int) -> list[tuple[slice, slice, slice]]:
    """Positions ``low <= p < high`` of an axis as rectangles of (p // block, p % block).

    Each piece is (p - low, quotients, remainders) as slices: whole blocks, and partial ones at both ends.
    """
    pieces = []
    position = low
    while position < high:
        number, place = divmod(position, block)
        count = (high - position) // block if place == 0 else 0
        if count:
            length, numbers, places = count * block, slice(number, number + count), slice(0, block)
        else:
            length = min(block - place, high - position)
            numbers, places = slice(number, number + 1), slice(place, place + length)
        pieces.append((slice(position - low, position - low + length), numbers, places))
        position += length
    return pieces


def _encode_blocks(
    encoder: Encoder,
    spread: np.ndarray,
    flat: np.ndarray,
    starts: Sequence[int],
    blocks: Sequence[int],
    to_flat: bool,
) -> None:
    """Copy between ``flat[batch, space...]`` and ``spread[blocks..., batch, small space...]``.

    Along each axis, element i of the space lies in block ``(start + i) % block`` at ``(start + i) // block``.
    """
    axes = range(len(blocks))
    per_axis = [
        _block_pieces(block, start, start + size)
        for size, block, start in zip(flat.shape[1:], blocks, starts, strict=True)
    ]
    pairs = []
    for pieces in product(*per_axis):
        positions, numbers, places = zip(*pieces, strict=True)
        part = spread[(*places, slice(None), *numbers)]
        part = part.transpose([len(blocks), *(n for i in axes for n in (len(blocks) + 1 + i, i))])
        other = flat[(slice(None), *positions)].reshape(part.shape, copy=False)
        pairs.append((other, part) if to_flat else (part, other))
    encode_copies(encoder, pairs)


@lowers("BatchToSpace", accepts=_blocks_fit, known_inputs=(1, 2, 3))
def batch_to_space(encoder: Encoder, op: Lowering) -> None:
    blocks = known_numbers(op, 1)[1:]
    starts = known_numbers(op, 2)[1:]
    out = place_of(op.outputs[0])
    spread = place_of(op.input(0), (*blocks, out.shape[0], *op.input(0).shape[1:]))
    _encode_blocks(encoder, spread, out, starts, blocks, to_flat=True)


@lowers("SpaceToBatch", accepts=_blocks_fit, known_inputs=(1, 2, 3))
def space_to_batch(encoder: Encoder, op: Lowering) -> None:
    blocks = known_numbers(op, 1)[1:]
    starts = known_numbers(op, 2)[1:]
    out = op.outputs[0]
    if out.size > op.input(0).size:
        encoder.fill(out.address, 0, out.nbytes)
    if op.input(0).size:
        source = place_of(op.input(0))
        spread = place_of(out, (*blocks, source.shape[0], *out.shape[1:]))
        _encode_blocks(encoder, spread, source, starts, blocks, to_flat=False)
