"""Depthwise convolutions, where a thread computes a strip of neighbouring results (kernels/depthwise.cu)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ovgpu.ops.window import resolve_pads
from ovgpu.plugins.gpu.divisor import DIVISOR, divisor
from ovgpu.plugins.gpu.encoder import Encoder, blocks_for
from ovgpu.plugins.gpu.lower.product import Epilogue
from ovgpu.plugins.gpu.lower.windows import LARGEST_COUNT, Windows
from ovgpu.plugins.gpu.registry import DeviceTensor
from ovgpu.plugins.gpu.structs import struct

#: Windows along a row that are compiled in: their largest size and step.
LARGEST_TAPS, LARGEST_STRIDE = 7, 2

#: Memory of a kernel argument ``DepthwiseShape``.
_SHAPE = np.dtype(
    [
        ("strips", "u4"),
        ("in", "i4", 3),
        ("out", "i4", 3),
        ("kernel", "i4", 2),
        ("stride", "i4", 2),
        ("dilation", "i4", 2),
        ("pad", "i4", 3),
        ("out_vector", "i4"),
        ("by_plane", DIVISOR),
        ("by_slice", DIVISOR),
        ("by_row", DIVISOR),
        ("by_channels", DIVISOR),
        ("by_multiplier", DIVISOR),
    ]
)

_THREADS = 256


def takes_strips(out: DeviceTensor, channels: int, windows: Windows) -> bool:
    """Whether each result reads one input channel, and windows along rows are small and without gaps."""
    return (
        channels == 1
        and windows.counts[2] > 1
        and windows.kernel[2] <= LARGEST_TAPS
        and windows.strides[2] <= LARGEST_STRIDE
        and windows.dilations[2] == 1
        and out.size <= LARGEST_COUNT
    )


def encode_depthwise(
    encoder: Encoder,
    data: DeviceTensor,
    out: DeviceTensor,
    rows: int,
    windows: Windows,
    auto_pad: str,
    epilogue: Epilogue,
    pointers: Sequence[Any],
    macros: Sequence[str],
) -> None:
    """Launch what computes ``out``, of which ``rows`` channels read the same one of ``data``.

    Args:
        pointers: data, filters, bias, residual and result.
        macros: about the types of constants.
    """
    counts = windows.counts
    kernel, width = _kernel(data, windows)
    addresses = out.address | epilogue.residual
    strips = -(-counts[2] // width)
    count = math.prod((*out.shape[:2], *counts[:2], strips))
    values = {
        "strips": count,
        "in": windows.sizes,
        "out": counts,
        "kernel": windows.kernel[:2],
        "stride": windows.strides[:2],
        "dilation": windows.dilations[:2],
        "pad": windows.begin,
        "out_vector": counts[2] % width == 0 and addresses % (width * out.storage.size) == 0,
        "by_plane": divisor(counts[0] * counts[1] * strips),
        "by_slice": divisor(counts[1] * strips),
        "by_row": divisor(strips),
        "by_channels": divisor(out.shape[1]),
        "by_multiplier": divisor(rows),
    }
    constants = [
        f"TAPS {windows.kernel[2]}",
        f"STRIDE {windows.strides[2]}",
        f"PADDING {_padding(windows, auto_pad) % (16 // out.storage.size)}",
    ]
    encoder.launch(
        epilogue.text("depthwise.cu", out.storage, [*macros, *constants]),
        kernel,
        blocks_for(count, _THREADS),
        _THREADS,
        [*pointers, struct(_SHAPE, values)],
    )


def _kernel(data: DeviceTensor, windows: Windows) -> tuple[str, int]:
    """The kernel and how many results its strips have: as many as 16 or 8 bytes hold, or two."""
    size = data.storage.size
    widths = [
        width
        for width in (16 // size, 8 // size)
        if width >= 4 and windows.sizes[2] % width == 0 and data.address % (width * size) == 0
    ]
    if not widths:
        return "depthwise_pairs", 2
    # Narrow strips that are whole store all of their results at once.
    width = next((w for w in widths if windows.counts[2] % w == 0), widths[0])
    return f"depthwise_{width * size}", width


def _padding(windows: Windows, auto_pad: str) -> int:
    """Padding before rows of aligned sizes, the same for rows of another size: that compiles nothing."""
    taps, stride = windows.kernel[2], windows.strides[2]
    # "same" paddings depend on what is left of a size behind whole strides: nothing, of those that are aligned.
    begin, _ = resolve_pads(auto_pad, [64], [taps], [stride], [1], [windows.begin[2]], [0])
    return begin[0]
