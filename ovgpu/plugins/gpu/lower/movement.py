"""Transpose, Slice, Concat, Split, Tile, Broadcast, Pad, Roll, space and depth: rearrangements of elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.ops.movement import broadcast_array, reversed_axes, split_lengths
from ovgpu.ops.slicing import slice_index, strided_slice_index
from ovgpu.plugins.gpu.divisor import DIVISOR, divisor
from ovgpu.plugins.gpu.encoder import THREADS, Encoder, blocks_for
from ovgpu.plugins.gpu.registry import Lowering, aliases, lowers
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


def sizes_of(value: Value) -> tuple[int, ...]:
    """The static shape of a value."""
    shape = value.shape.static_tuple()
    assert shape is not None
    return shape


def movable(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    """Whether strided copies take these tensors: whole bytes, and no more dimensions than the kernels know."""
    ranks = [len(sizes_of(v)) for v in (inputs[0], *outputs)]
    return is_movable(outputs[0].type) and max(ranks) <= COPY_RANK


def known(op: Lowering, index: int) -> np.ndarray:
    """The elements of an input that ``known_inputs`` names."""
    elements = op.input(index).known
    assert elements is not None
    return elements


def known_or_none(op: Lowering, index: int) -> np.ndarray | None:
    """The elements of an optional input that ``known_inputs`` names."""
    present = index < len(op.inputs) and op.inputs[index] is not None
    return known(op, index) if present else None


def known_numbers(op: Lowering, index: int) -> list[int]:
    return [int(n) for n in known(op, index).reshape(-1)]


# ---- views: rearrangements that cost nothing where readers take strides
def _encode_views(encoder: Encoder, op: Lowering, parts: Sequence[np.ndarray]) -> None:
    """Copy the views to the outputs, but for those that are in place."""
    pairs = zip(op.outputs, parts, strict=True)
    encode_copies(encoder, [(place_of(out), part) for out, part in pairs if out.size])


def _reshaped(op: Lowering) -> list[np.ndarray]:
    return [place_of(op.input(0), op.outputs[0].shape)]


@aliases("Reshape", "Squeeze", "Unsqueeze", "Identity", view=_reshaped)
def reshape(encoder: Encoder, op: Lowering) -> None:
    """For inputs whose elements do not follow each other; else the output is the input's memory."""
    source, out = op.input(0), op.outputs[0]
    if source.strides is None:
        encoder.copy(out.address, source.address, out.nbytes)
    else:
        encode_copy(encoder, place_of(out, source.shape), place_of(source))


def _transposed(op: Lowering) -> list[np.ndarray]:
    order = known(op, 1).reshape(-1)
    source = place_of(op.input(0))
    return [source.transpose(order) if order.size else source.T]


@lowers("Transpose", accepts=movable, known_inputs=(1,), view=_transposed)
def transpose(encoder: Encoder, op: Lowering) -> None:
    _encode_views(encoder, op, _transposed(op))


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
    _encode_views(encoder, op, _split_parts(op))


def _variadic_parts(op: Lowering) -> list[np.ndarray]:
    (axis,) = known_numbers(op, 1)
    return _parts(op, axis, split_lengths(known(op, 2), op.input(0).shape[axis]))


@lowers("VariadicSplit", accepts=movable, known_inputs=(1, 2), view=_variadic_parts)
def variadic_split(encoder: Encoder, op: Lowering) -> None:
    _encode_views(encoder, op, _variadic_parts(op))


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
    _encode_views(encoder, op, _broadcast(op))


def _reversed(op: Lowering) -> list[np.ndarray]:
    axes = reversed_axes(known(op, 1), op.attributes["mode"])
    return [np.flip(place_of(op.input(0)), tuple(axes))]


@lowers("Reverse", accepts=movable, known_inputs=(1,), view=_reversed)
def reverse(encoder: Encoder, op: Lowering) -> None:
    _encode_views(encoder, op, _reversed(op))


# ---- slices
def _slice(op: Lowering) -> list[np.ndarray]:
    source = place_of(op.input(0))
    limits = known(op, 1), known(op, 2), known(op, 3), known_or_none(op, 4)
    return [source[slice_index(source.shape, *limits)]]


@lowers("Slice", accepts=movable, known_inputs=(1, 2, 3, 4), view=_slice)
def slice_(encoder: Encoder, op: Lowering) -> None:
    _encode_views(encoder, op, _slice(op))


def _strided_slice(op: Lowering) -> list[np.ndarray]:
    source = place_of(op.input(0))
    masks = {name: value for name, value in op.attributes.items() if name.endswith("_mask")}
    index = strided_slice_index(
        source.shape, known(op, 1), known(op, 2), known_or_none(op, 3), **masks
    )
    # With an ellipsis numpy returns a view, never a scalar, which it would have to read.
    return [source[index if Ellipsis in index else (*index, Ellipsis)]]


@lowers("StridedSlice", accepts=movable, known_inputs=(1, 2, 3), view=_strided_slice)
def strided_slice(encoder: Encoder, op: Lowering) -> None:
    _encode_views(encoder, op, _strided_slice(op))


@lowers("SliceScatter", accepts=movable, known_inputs=(2, 3, 4, 5))
def slice_scatter(encoder: Encoder, op: Lowering) -> None:
    out = op.outputs[0]
    encoder.copy(out.address, op.input(0).address, out.nbytes)
    if op.input(1).size:
        place = place_of(out)
        limits = known(op, 2), known(op, 3), known(op, 4), known_or_none(op, 5)
        encode_copy(encoder, place[slice_index(place.shape, *limits)], place_of(op.input(1)))


# ---- space and depth
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


# ---- Roll
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


# ---- Pad, ReverseSequence
#: Dimensions of a padded tensor after merging those that are not padded.
_PAD_RANK = 8
_PADDING = np.dtype(
    [
        ("count", "u4"),
        ("rank", "u4"),
        ("mode", "u4"),
        ("dims", DIVISOR, (_PAD_RANK,)),
        ("before", "i4", (_PAD_RANK,)),
        ("sizes", "i4", (_PAD_RANK,)),
        ("strides", "i8", (_PAD_RANK,)),
    ],
    align=True,
)
_PAD_MODES = ("constant", "edge", "reflect", "symmetric")


def fits_kernels(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    """As :func:`movable`, for kernels that count the elements of the output in 31 bits and know eight dimensions."""
    shape = sizes_of(outputs[0])
    small = math.prod(shape) <= LARGEST_COUNT and len(shape) <= _PAD_RANK
    return small and movable(node, inputs, outputs)


@lowers("Pad", accepts=fits_kernels, known_inputs=(1, 2))
def pad(encoder: Encoder, op: Lowering) -> None:
    source, out = op.input(0), op.outputs[0]
    constant = op.attributes["pad_mode"] == "constant"
    value = op.input(3) if constant and len(op.inputs) > 3 else None
    if value is not None and value.known is not None and not value.known.tobytes().strip(b"\0"):
        value = None
    # [size of the target, added before, size of the source]; an axis that is not padded joins the one before it.
    axes: list[list[int]] = []
    for total, before, size in zip(out.shape, known_numbers(op, 1), source.shape, strict=True):
        plain = before == 0 and total == size
        if axes and plain and (constant or (axes[-1][1] == 0 and axes[-1][0] == axes[-1][2])):
            axes[-1] = [n * size for n in axes[-1]]
        else:
            axes.append([total, before, size])
    axes = axes or [[1, 0, 1]]
    word = out.storage.bitwidth // 8
    whole = axes[-1][1] == 0 and axes[-1][0] == axes[-1][2]
    if value is None and (constant or whole):
        wide = math.gcd(16, out.address, source.address, *(n * word for n in axes[-1]))
        axes[-1] = [n * word // wide for n in axes[-1]]
        word = wide
    record = np.zeros(1, _PADDING)
    record["count"], record["rank"] = math.prod(axis[0] for axis in axes), len(axes)
    record["mode"] = _PAD_MODES.index(op.attributes["pad_mode"])
    stride = 1
    for place in reversed(range(len(axes))):
        total, before, size = axes[place]
        record["dims"][0, place] = divisor(total)
        record["before"][0, place], record["sizes"][0, place] = before, size
        record["strides"][0, place] = stride
        stride *= size
    arguments = [
        out.pointer,
        source.pointer,
        np.uint64(0) if value is None else value.pointer,
        record,
    ]
    encoder.launch(SOURCE, f"pad_{word}", blocks_for(int(record["count"][0])), THREADS, arguments)


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
