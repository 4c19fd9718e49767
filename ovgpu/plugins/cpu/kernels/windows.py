"""Sliding windows over arrays in channels-last memory: padding, im2col, and memory carved from scratch.

Arrays here have the axes ``(N, spatial..., C)``; :func:`channels_last` turns the logical ``(N, C, spatial...)`` of the
graph into that form without copying.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ovgpu.ops.window import extent, filled, resolve_pads
from ovgpu.plugins.cpu.registry import Step

ALIGNMENT = 64


def aligned(nbytes: int) -> int:
    """``nbytes`` rounded up to whole cache lines."""
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


class Carver:
    """Hands out pieces of a scratch area."""

    def __init__(self, area: np.ndarray) -> None:
        self._area = area
        self._used = 0

    def take(self, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
        """An uninitialised array; from the heap when the area is too small (a kernel called outside a plan)."""
        nbytes = math.prod(shape) * dtype.itemsize
        start = self._used
        self._used += aligned(nbytes)
        if start + nbytes > self._area.size:
            return np.empty(shape, dtype)
        return self._area[start : start + nbytes].view(dtype).reshape(shape)


def channels_last(array: np.ndarray) -> np.ndarray:
    """``(N, C, spatial...)`` seen as ``(N, spatial..., C)``."""
    return array.transpose(0, *range(2, array.ndim), 1)


@dataclass(frozen=True)
class Geometry:
    """Sizes of one sliding-window operation, one entry per spatial axis."""

    sizes: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(
        cls,
        attributes: dict[str, Any],
        sizes: Sequence[int],
        kernel: Sequence[int],
        counts: Sequence[int],
    ) -> Geometry:
        """Geometry of a node whose output has ``counts`` windows; padding follows from ``auto_pad``."""
        rank = len(sizes)
        strides = filled(attributes["strides"], rank, 1)
        dilations = filled(attributes.get("dilations"), rank, 1)
        before, _ = resolve_pads(
            attributes["auto_pad"],
            sizes,
            kernel,
            strides,
            dilations,
            attributes["pads_begin"],
            attributes["pads_end"],
        )
        # Rounding up may ask for more than the padding, rounding down for less: what the windows touch counts.
        after = [
            max((count - 1) * s + extent(k, d) - size - b, 0) if count else 0
            for count, s, k, d, size, b in zip(
                counts, strides, kernel, dilations, sizes, before, strict=True
            )
        ]
        return cls(
            tuple(sizes),
            tuple(kernel),
            tuple(strides),
            tuple(dilations),
            tuple(before),
            tuple(after),
            tuple(counts),
        )

    @property
    def padded(self) -> tuple[int, ...]:
        """Sizes with padding."""
        return tuple(b + n + a for b, n, a in zip(self.before, self.sizes, self.after, strict=True))

    @property
    def has_padding(self) -> bool:
        return any(self.before) or any(self.after)

    @property
    def taps(self) -> list[tuple[int, ...]]:
        """Positions inside the window, last axis fastest."""
        return list(itertools.product(*(range(k) for k in self.kernel)))

    @property
    def is_pointwise(self) -> bool:
        """Whether every output element sees exactly the input element at its own place."""
        return (
            all(k == 1 for k in self.kernel)
            and all(s == 1 for s in self.strides)
            and not self.has_padding
        )


def bind_padding(
    source: np.ndarray, target: np.ndarray, before: Sequence[int], fill: Any = 0
) -> Step:
    """A step that copies ``source`` into the middle of ``target`` and writes ``fill`` around it."""
    inner: list[slice] = [slice(None)]
    borders: list[np.ndarray] = []
    for axis, start in enumerate(before, 1):
        stop = start + source.shape[axis]
        for edge in (slice(0, start), slice(stop, target.shape[axis])):
            border = target[(*inner, edge)]
            if border.size:
                borders.append(border)
        inner.append(slice(start, stop))
    middle = target[tuple(inner)]

    def pad() -> None:
        for border in borders:
            border.fill(fill)
        np.copyto(middle, source)

    return pad


def sliding_windows(padded: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Overlapping view ``(N, counts..., kernel..., C)`` of padded data ``(N, spatial..., C)``."""
    spatial = padded.strides[1:-1]
    moves = tuple(step * s for step, s in zip(spatial, geometry.strides, strict=True))
    gaps = tuple(step * d for step, d in zip(spatial, geometry.dilations, strict=True))
    shape = (padded.shape[0], *geometry.counts, *geometry.kernel, padded.shape[-1])
    return as_strided(
        padded, shape, (padded.strides[0], *moves, *gaps, padded.strides[-1]), writeable=False
    )


def row_blocks(batch: int, rows: int, row_bytes: int, budget: int) -> list[tuple[slice, slice]]:
    """Slices over images and over rows of windows such that a block of rows stays within ``budget`` bytes.

    Whole images are taken together while they fit, else an image is cut into blocks of rows.
    """
    image_bytes = max(rows * row_bytes, 1)
    if image_bytes <= budget:
        images = max(budget // image_bytes, 1)
        return [(slice(n, min(n + images, batch)), slice(0, rows)) for n in range(0, batch, images)]
    height = max(budget // max(row_bytes, 1), 1)
    return [
        (slice(n, n + 1), slice(r, min(r + height, rows)))
        for n in range(batch)
        for r in range(0, rows, height)
    ]


def run_all(steps: Sequence[Step]) -> Step:
    """One step that runs ``steps`` in order."""
    if len(steps) == 1:
        return steps[0]

    def run() -> None:
        for step in steps:
            step()

    return run


def nothing() -> None:
    """The step of an operation without elements."""


Epilogue = Callable[[np.ndarray], None]
