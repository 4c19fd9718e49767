"""What convolutions and pooling tell their kernels: sizes on three spatial axes, and constants for dividing by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ovgpu.ops.window import filled, resolve_pads

#: Most places of a tensor's spatial axes, or of all its windows, that kernels count in 32 bits.
LARGEST_COUNT = (1 << 31) - (1 << 16)


def three(values: Sequence[int], default: int) -> list[int]:
    """One to three values of spatial axes as three: missing leading axes are ``default``."""
    return [default] * (3 - len(values)) + [int(v) for v in values]


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows over up to three spatial axes, each list of length three (leading axes of size 1 are added).

    Attributes:
        sizes: of the data.
        counts: windows along each axis.
        begin, end: padding.
    """

    sizes: list[int]
    counts: list[int]
    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    begin: list[int]
    end: list[int]

    @classmethod
    def of(
        cls,
        attributes: dict[str, Any],
        sizes: Sequence[int],
        kernel: Sequence[int],
        counts: Sequence[int],
    ) -> Windows:
        """Windows of a node, with the padding that its ``auto_pad`` asks for."""
        rank = len(sizes)
        strides = filled(attributes["strides"], rank, 1)
        dilations = filled(attributes.get("dilations"), rank, 1)
        begin, end = resolve_pads(
            attributes["auto_pad"],
            sizes,
            kernel,
            strides,
            dilations,
            attributes["pads_begin"],
            attributes["pads_end"],
        )
        ones, zeros = (sizes, counts, kernel, strides, dilations), (begin, end)
        return cls(*(three(v, 1) for v in ones), *(three(v, 0) for v in zeros))

    @property
    def are_points(self) -> bool:
        """Whether every window is the one element at its own place."""
        return self.kernel == [1, 1, 1] and self.strides == [1, 1, 1] and self.begin == [0, 0, 0]
