"""Rearrangements of tensors as strided copies.

A lowering describes what goes where with numpy views: :func:`place_of` gives a numpy array whose address *is*
the device address of a tensor. Its elements must never be touched, but it can be sliced, transposed, broadcast
and reshaped (with ``copy=False``) by the same functions that the CPU's kernels use; :func:`encode_copy` then
reads addresses and strides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.divisor import DIVISOR, divisor
from ovgpu.plugins.gpu.encoder import Encoder, blocks_for
from ovgpu.plugins.gpu.registry import DeviceTensor

SOURCE = "movement.cu"

#: Dimensions of a single copy, and of copies that share a launch; parts of such a launch (``kernels/movement.cu``).
COPY_RANK = 10
PART_RANK = 5
MOST_PARTS = 16
_TRANSPOSE_RANK = 6

#: Kernels count words in 31 bits.
LARGEST_COUNT = (1 << 31) - 1

#: Words that a thread of a copy moves at a time.
_IN_FLIGHT = 4

#: Both sides must be at least this long for a transposition through shared memory.
_SHORTEST_TILE = 8


def _box(rank: int) -> np.dtype:
    return np.dtype(
        [
            ("target", "u8"),
            ("source", "u8"),
            ("count", "u4"),
            ("rank", "u4"),
            ("dims", DIVISOR, (rank,)),
            ("target_strides", "i8", (rank,)),
            ("source_strides", "i8", (rank,)),
        ],
        align=True,
    )


_BOX = _box(COPY_RANK)
_PART = _box(PART_RANK)
_TRANSPOSITION = np.dtype(
    [
        ("target", "u8"),
        ("source", "u8"),
        ("rows", "u4"),
        ("columns", "u4"),
        ("target_row", "i8"),
        ("source_column", "i8"),
        ("row_tiles", DIVISOR),
        ("column_tiles", DIVISOR),
        ("tiles", "u8"),
        ("rank", "u4"),
        ("dims", DIVISOR, (_TRANSPOSE_RANK,)),
        ("target_strides", "i8", (_TRANSPOSE_RANK,)),
        ("source_strides", "i8", (_TRANSPOSE_RANK,)),
    ],
    align=True,
)


def is_movable(element_type: Type) -> bool:
    """Whether elements take whole bytes in device memory (packed and string types do not)."""
    return element_type.bitwidth >= 8 and element_type is not Type.string


class _DeviceMemory:
    """What numpy needs to know to make an array of a place in memory."""

    def __init__(
        self,
        address: int,
        shape: tuple[int, ...],
        itemsize: int,
        strides: tuple[int, ...] | None = None,
    ) -> None:
        self.__array_interface__ = {
            "version": 3,
            "shape": shape,
            "typestr": f"|V{itemsize}",
            "data": (address, False),
            "strides": None if strides is None else tuple(n * itemsize for n in strides),
        }


def place_of(tensor: DeviceTensor, shape: Sequence[int] | None = None) -> np.ndarray:
    """A numpy array that stands for ``tensor`` (which has elements), optionally in another shape.

    Only its address, shape and strides mean anything: the elements lie in device memory. Raises ValueError when a
    tensor with strides has no view of that shape.
    """
    itemsize = tensor.storage.bitwidth // 8
    if tensor.strides is not None:
        place = np.asarray(
            _DeviceMemory(tensor.address, tensor.shape, itemsize, tuple(tensor.strides))
        )
        return place if shape is None else place.reshape(tuple(shape), copy=False)
    return np.asarray(
        _DeviceMemory(tensor.address, tuple(tensor.shape if shape is None else shape), itemsize)
    )


def address_of(place: np.ndarray) -> int:
    """The device address of a place."""
    address: int = place.__array_interface__["data"][0]
    return address


@dataclass(frozen=True, slots=True)
class Walk:
    """A box of words of ``unit`` bytes with byte strides at both places, slowest dimension of the target first."""

    unit: int
    target: int
    source: int
    dims: tuple[int, ...]
    target_strides: tuple[int, ...]
    source_strides: tuple[int, ...]

    @property
    def count(self) -> int:
        return math.prod(self.dims)

    @property
    def in_place(self) -> bool:
        """Whether every word lies already where it should."""
        return self.target == self.source and self.target_strides == self.source_strides


def simplify(target: np.ndarray, source: np.ndarray, largest_unit: int = 16) -> Walk:
    """The copy of ``source`` to ``target`` with the fewest dimensions and the widest words.

    The shapes are equal and have elements; words take at most ``largest_unit`` bytes.
    """
    assert target.shape == source.shape, f"{target.shape} is not {source.shape}"
    to, origin, unit = address_of(target), address_of(source), target.itemsize
    rows: list[list[int]] = []
    for size, a, b in zip(target.shape, target.strides, source.strides, strict=True):
        if size == 1:
            continue
        if a < 0:  # walk the target forwards
            to, origin, a, b = to + (size - 1) * a, origin + (size - 1) * b, -a, -b
        rows.append([size, a, b])
    rows.sort(key=lambda row: -row[1])
    merged: list[list[int]] = []
    for size, a, b in rows:
        if merged and merged[-1][1] == a * size and merged[-1][2] == b * size:
            merged[-1] = [merged[-1][0] * size, a, b]
        else:
            merged.append([size, a, b])
    if merged and merged[-1][1] == unit == merged[-1][2]:
        size = merged.pop()[0]
        step = size * unit
        for number in (to, origin, *(n for row in merged for n in row[1:])):
            step = math.gcd(step, number)
        wide = max(min(step & -step, largest_unit), unit)
        if size * unit > wide:
            merged.append([size * unit // wide, wide, wide])
        unit = wide
    dims, a_strides, b_strides = (tuple(row[i] for row in merged) for i in range(3))
    return Walk(unit, to, origin, dims, a_strides, b_strides)


def encode_copy(encoder: Encoder, target: np.ndarray, source: np.ndarray) -> None:
    """Copy between two places given as :func:`place_of` and views of it; equal shapes and element sizes."""
    if target.size == 0:
        return
    if target.size > LARGEST_COUNT:
        axis = max(range(target.ndim), key=target.shape.__getitem__)
        middle = target.shape[axis] // 2
        for part in (slice(None, middle), slice(middle, None)):
            index = (slice(None),) * axis + (part,)
            encode_copy(encoder, target[index], source[index])
        return
    walk = simplify(target, source)
    if walk.in_place:
        return
    if not walk.dims or (
        len(walk.dims) == 1 and walk.target_strides == walk.source_strides == (walk.unit,)
    ):
        encoder.copy(walk.target, walk.source, walk.count * walk.unit)
    elif not _encode_transposition(encoder, walk):
        box = np.zeros(1, _BOX)
        _fill_box(box[0], walk)
        grid = blocks_for(walk.count, per_thread=_IN_FLIGHT)
        encoder.launch(SOURCE, f"copy_{walk.unit}", grid, 256, [box])


def encode_copies(encoder: Encoder, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    """Copies from the second to the first place of each pair, as few launches as possible; no order between them.

    Pairs that are one and the same place cost nothing.
    """
    pairs = [pair for pair in pairs if pair[0].size and not simplify(*pair).in_place]
    walks = [simplify(*pair) for pair in pairs]
    unit = min((walk.unit for walk in walks), default=1)
    walks = [
        walk if walk.unit == unit else simplify(*pair, unit)
        for walk, pair in zip(walks, pairs, strict=True)
    ]
    fits = [len(walk.dims) <= PART_RANK and walk.count <= LARGEST_COUNT for walk in walks]
    if len(pairs) == 1 or not all(fits):
        for pair in pairs:
            encode_copy(encoder, *pair)
        return
    for start in range(0, len(walks), MOST_PARTS):
        group = walks[start : start + MOST_PARTS]
        boxes = np.zeros(MOST_PARTS, _PART)
        for box, walk in zip(boxes, group, strict=False):
            _fill_box(box, walk)
        grid = blocks_for(max(walk.count for walk in group), per_thread=_IN_FLIGHT)
        whole = boxes.view(np.dtype((np.void, boxes.nbytes)))
        encoder.launch(SOURCE, f"copy_parts_{unit}", (grid, len(group)), 256, [whole])


def _fill_box(box: np.void, walk: Walk) -> None:
    rank = len(walk.dims)
    assert rank <= box["target_strides"].size, f"a copy of {rank} dimensions"
    box["target"], box["source"] = walk.target, walk.source
    box["count"], box["rank"] = walk.count, rank
    for d in range(rank):
        box["dims"][d] = divisor(walk.dims[d])
    box["target_strides"][:rank] = walk.target_strides
    box["source_strides"][:rank] = walk.source_strides


def _encode_transposition(encoder: Encoder, walk: Walk) -> bool:
    """Launch the kernel that moves tiles through shared memory, where the fastest dimensions of both places differ."""
    dims, unit = walk.dims, walk.unit
    last = len(dims) - 1
    if walk.target_strides[last] != unit or unit not in walk.source_strides[:last]:
        return False
    row = walk.source_strides.index(unit)
    rest = [d for d in range(last) if d != row]
    if min(dims[row], dims[last]) < _SHORTEST_TILE or len(rest) > _TRANSPOSE_RANK:
        return False
    row_tiles, column_tiles = -(-dims[row] // 32), -(-dims[last] // 32)
    t = np.zeros(1, _TRANSPOSITION)
    t["target"], t["source"] = walk.target, walk.source
    t["rows"], t["columns"] = dims[row], dims[last]
    t["target_row"], t["source_column"] = walk.target_strides[row], walk.source_strides[last]
    t["row_tiles"], t["column_tiles"] = divisor(row_tiles), divisor(column_tiles)
    tiles = row_tiles * column_tiles * math.prod(dims[d] for d in rest)
    t["tiles"], t["rank"] = tiles, len(rest)
    for place, d in enumerate(rest):
        t["dims"][0, place] = divisor(dims[d])
        t["target_strides"][0, place] = walk.target_strides[d]
        t["source_strides"][0, place] = walk.source_strides[d]
    encoder.launch(SOURCE, f"transpose_{unit}", min(tiles, 1 << 20), (32, 8), [t])
    return True
