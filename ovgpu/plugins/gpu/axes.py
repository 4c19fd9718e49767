"""Tensors as kept dimensions times reduced ones: the arguments of reductions and normalisations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ovgpu.plugins.gpu.broadcasting import MAX_RANK
from ovgpu.plugins.gpu.divisor import DIVISOR, divisor

_AXES = np.dtype(
    [("rank", "<u4"), ("dims", DIVISOR, (MAX_RANK,)), ("strides", "<u8", (MAX_RANK,))], align=True
)
#: ``Reduced`` of groups.cuh.
_REDUCED = np.dtype(
    [("outputs", "<u4"), ("count", "<u4"), ("slice", "<u4"), ("kept", _AXES), ("gone", _AXES)],
    align=True,
)

#: Kernels count outputs and reduced elements with 31 bits.
LARGEST_COUNT = (1 << 31) - 1

Dimensions = list[tuple[int, int]]


@dataclass(frozen=True)
class Split:
    """Dimensions of a dense tensor as (size, stride in elements), neighbours of one kind merged.

    Attributes:
        kept: those that stay, outermost first.
        gone: those that are reduced, outermost first.
        inner_gone: whether the last dimension is a reduced one.
    """

    kept: tuple[tuple[int, int], ...]
    gone: tuple[tuple[int, int], ...]
    inner_gone: bool

    @property
    def outputs(self) -> int:
        return math.prod(size for size, _ in self.kept)

    @property
    def count(self) -> int:
        return math.prod(size for size, _ in self.gone)

    @property
    def contiguous_rows(self) -> bool:
        """Whether the reduced elements of each output are neighbours and outputs follow each other."""
        return self.inner_gone and len(self.gone) == 1 and len(self.kept) <= 1

    @property
    def fits(self) -> bool:
        """Whether kernels can walk it."""
        ranks = len(self.kept) <= MAX_RANK and len(self.gone) <= MAX_RANK
        return ranks and self.outputs <= LARGEST_COUNT and self.count <= LARGEST_COUNT


def split_axes(shape: Sequence[int], axes: Sequence[int]) -> Split:
    """``shape`` divided at ``axes`` (not negative, each once)."""
    kept: Dimensions = []
    gone: Dimensions = []
    previous: Dimensions | None = None
    stride = 1
    inner_gone = False
    for axis in range(len(shape) - 1, -1, -1):
        size = shape[axis]
        if size == 1:
            continue
        group = gone if axis in axes else kept
        if previous is None:
            inner_gone = group is gone
        if group is previous:
            inner_size, inner_stride = group[0]
            group[0] = (inner_size * size, inner_stride)
        else:
            group.insert(0, (size, stride))
        previous = group
        stride *= size
    return Split(tuple(kept), tuple(gone), inner_gone)


def reduced_record(split: Split, lanes: int = 1, slices: int = 1) -> Any:
    """``Reduced`` as a structured array of one element.

    Args:
        split: the dimensions.
        lanes: neighbours along the last kept dimension that count as one output.
        slices: parts into which the reduced elements are divided.
    """
    record = np.zeros(1, _REDUCED)
    kept = list(split.kept)
    if lanes > 1:
        size, stride = kept[-1]
        kept[-1] = (size // lanes, stride * lanes)
    record["outputs"] = math.prod(size for size, _ in kept)
    record["count"] = split.count
    record["slice"] = -(-split.count // slices)
    for name, dimensions in (("kept", kept), ("gone", split.gone)):
        axes: Any = record[name]
        axes["rank"] = max(len(dimensions), 1)
        for index, (size, stride) in enumerate(dimensions):
            axes["dims"][0, index] = divisor(size)
            axes["strides"][0, index] = stride
    return record


def power_of_two(value: int) -> int:
    """The smallest power of two that is at least ``value``."""
    return 1 << max(value - 1, 0).bit_length()
