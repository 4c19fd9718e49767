"""Depthwise convolutions, where a thread computes a strip of neighbouring results (kernels/depthwise.cu)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

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
    epilogue: Epilogue,
    pointers: Sequence[Any],
    macros: Sequence[str],
) -> None:
    """Launch what computes ``out``, of which ``rows`` channels read the same one of ``data``.

    Args:
        pointers: data, filters, bias, residual and result.
        macros: about the types of constants.
    """
    counts, taps = windows.counts, windows.kernel[2]
    at_once = 16 // out.storage.size
    # Elements of a window before a place where 16 bytes are aligned in every row.
    left = windows.begin[2] % at_once
    # There are kernels for these; more, or more than a window, is rare.
    has_kernel = left < min(taps, 4)
    if has_kernel and data.address % 16 == 0 and windows.sizes[2] % at_once == 0:
        kernel, width = f"depthwise_left_{left}", at_once
    else:
        kernel, width = "depthwise_pairs", 2
    width_bytes = width * out.storage.size
    addresses = out.address | epilogue.residual
    strips = -(-counts[2] // width)
    values = {
        "strips": math.prod((*out.shape[:2], *counts[:2], strips)),
        "in": windows.sizes,
        "out": counts,
        "kernel": windows.kernel[:2],
        "stride": windows.strides[:2],
        "dilation": windows.dilations[:2],
        "pad": windows.begin,
        "out_vector": counts[2] % width == 0 and addresses % width_bytes == 0,
        "by_plane": divisor(counts[0] * counts[1] * strips),
        "by_slice": divisor(counts[1] * strips),
        "by_row": divisor(strips),
        "by_channels": divisor(out.shape[1]),
        "by_multiplier": divisor(rows),
    }
    constants = [f"TAPS {taps}", f"STRIDE {windows.strides[2]}"]
    encoder.launch(
        epilogue.text("depthwise.cu", out.storage, [*macros, *constants]),
        kernel,
        blocks_for(values["strips"], _THREADS),
        _THREADS,
        [*pointers, struct(_SHAPE, values)],
    )
