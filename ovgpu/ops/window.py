"""Arithmetic of sliding windows, shared by convolutions and pooling.

Along one spatial axis a window of ``kernel`` elements, ``dilation`` apart, covers ``dilation * (kernel - 1) + 1``
positions. It starts ``pad_begin`` before the first element and advances by ``stride``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ovgpu.graph import dimension as dims
from ovgpu.graph.dimension import Dimension
from ovgpu.ops.declaration import check

AutoPad = Literal["explicit", "same_upper", "same_lower", "valid"]
Rounding = Literal["floor", "ceil", "ceil_torch"]


def filled(values: Sequence[int] | None, rank: int, default: int) -> list[int]:
    """``values``, or ``rank`` times ``default`` when there are none: attributes may be left empty."""
    return list(values) if values else [default] * rank


def extent(kernel: int, dilation: int) -> int:
    """Positions that a dilated window covers."""
    return dilation * (kernel - 1) + 1 if kernel > 0 else 0


def extent_dimension(kernel: Dimension, dilation: int) -> Dimension:
    """:func:`extent` of a kernel size that may be unknown; a window has at least one element."""
    lower, upper = kernel.interval()
    return Dimension(extent(max(lower, 1), dilation), -1 if upper < 0 else extent(upper, dilation))


def same_padding(
    size: int, kernel: int, stride: int, dilation: int, lower: bool
) -> tuple[int, int]:
    """Padding before and after one axis such that the output has ``ceil(size / stride)`` elements."""
    steps = -(-size // stride)
    total = max((steps - 1) * stride + extent(kernel, dilation) - size, 0)
    small = total // 2
    return (total - small, small) if lower else (small, total - small)


def resolve_pads(
    auto_pad: str,
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads_begin: Sequence[int],
    pads_end: Sequence[int],
) -> tuple[list[int], list[int]]:
    """Padding before and after each spatial axis once ``auto_pad`` is taken into account."""
    rank = len(sizes)
    if auto_pad == "explicit":
        return filled(pads_begin, rank, 0), filled(pads_end, rank, 0)
    if auto_pad == "valid":
        return [0] * rank, [0] * rank
    pairs = [
        same_padding(size, k, s, d, auto_pad == "same_lower")
        for size, k, s, d in zip(sizes, kernel, strides, dilations, strict=True)
    ]
    return [before for before, _ in pairs], [after for _, after in pairs]


def output_dimension(
    size: Dimension,
    kernel: Dimension,
    stride: int,
    dilation: int,
    pads: tuple[int, int],
    auto_pad: str,
    axis: int,
    rounding: str = "floor",
) -> Dimension:
    """Number of windows along one axis. Raises OpError when a window is larger than the padded data."""
    check(stride > 0, "Strides must be positive, got {} at axis {}", stride, axis)
    check(dilation > 0, "Dilations must be positive, got {} at axis {}", dilation, axis)
    if auto_pad in ("same_upper", "same_lower"):
        return dims.ceildiv(size, stride)
    before, after = (0, 0) if auto_pad == "valid" else pads
    window = extent_dimension(kernel, dilation)
    padded = dims.add(size, before + after)
    if padded.is_static and window.is_static:
        check(
            window.get_length() <= padded.get_length(),
            "Kernel after dilation has size (dim: {}) larger than the data shape after padding (dim: {}) at axis {}.",
            window,
            padded,
            axis,
        )
    slack = dims.sub(padded, window)
    steps = dims.floordiv(slack, stride) if rounding == "floor" else dims.ceildiv(slack, stride)
    count = dims.add(steps, 1)
    return _starting_inside(count, size, stride, before) if rounding == "ceil_torch" else count


def _starting_inside(count: Dimension, size: Dimension, stride: int, before: int) -> Dimension:
    """``count`` without a last window that would start in the padding behind the data."""

    def cut(windows: int, length: int) -> int:
        return windows - 1 if windows > 1 and (windows - 1) * stride >= length + before else windows

    (low, high), (shortest, longest) = count.interval(), size.interval()
    return Dimension(cut(low, shortest), high if high < 0 else cut(high, longest))


def check_spatial_attributes(name: str, rank: int, **attributes: Sequence[int]) -> None:
    """Check that every given list attribute has one entry per spatial axis."""
    for attribute, values in attributes.items():
        check(
            not values or len(values) == rank,
            f"{name}: {attribute} has {len(values)} entries, but there are {rank} spatial dimensions",
        )
