"""Small helpers that lowerings of several families share."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.encoder import Encoder
from ovgpu.plugins.gpu.registry import Lowering
from ovgpu.plugins.gpu.strided import COPY_RANK, LARGEST_COUNT, encode_copies, is_movable, place_of

#: Dimensions that kernels know which find the place of every element (``kernels/places.cuh``, ``movement.cu``).
PLACE_RANK = 8


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


def countable(*values: Value) -> bool:
    """Whether kernels can count the elements of each value in 31 bits."""
    return all(math.prod(sizes_of(value)) <= LARGEST_COUNT for value in values)


def fits_kernels(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    """As :func:`movable`, for kernels that count the output's elements in 31 bits, in :data:`PLACE_RANK` dimensions."""
    small = countable(outputs[0]) and len(sizes_of(outputs[0])) <= PLACE_RANK
    return small and movable(node, inputs, outputs)


def encode_views(encoder: Encoder, op: Lowering, parts: Sequence[np.ndarray]) -> None:
    """Copy views of the first input to the outputs, but for those that are in place."""
    pairs = zip(op.outputs, parts, strict=True)
    encode_copies(encoder, [(place_of(out), part) for out, part in pairs if out.size])
