"""Pooling over fixed and adaptive windows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.divisor import DIVISOR, divisor
from ovgpu.plugins.gpu.encoder import Encoder, blocks_for
from ovgpu.plugins.gpu.lower.windows import LARGEST_COUNT, Windows, three
from ovgpu.plugins.gpu.registry import Lowering, lowers
from ovgpu.plugins.gpu.structs import struct
from ovgpu.plugins.gpu.variants import STORAGE_MACROS, variant

#: Memory of a kernel argument ``PoolingShape`` (kernels/pooling.cu).
_SHAPE = np.dtype(
    [
        ("planes", "i4"),
        ("channels", "i4"),
        ("in", "i4", 3),
        ("out", "i4", 3),
        ("kernel", "i4", 3),
        ("stride", "i4", 3),
        ("dilation", "i4", 3),
        ("pad", "i4", 3),
        ("windows", "i4"),
        ("high", "i4", 3),
        ("include_pad", "i4"),
        ("by_plane", DIVISOR),
        ("by_row", DIVISOR),
        ("channel_step", "i8"),
        ("image_step", "i8"),
        ("position_modulus", "i8"),
    ],
    align=True,
)


def _fits(value: Value) -> bool:
    sizes = value.upper_sizes
    return 3 <= len(value.dims) <= 5 and (sizes is None or math.prod(sizes[2:]) <= LARGEST_COUNT)


def _accepts(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    return inputs[0].type in STORAGE_MACROS and _fits(inputs[0]) and _fits(outputs[0])


def _accepts_reals(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    return inputs[0].type is not Type.i32 and _accepts(node, inputs, outputs)


def _describe(op: Lowering, windows: Windows) -> np.ndarray:
    """Everything but what only positions need."""
    data = op.input(0)
    counts = windows.counts
    values = {
        "planes": data.shape[0] * data.shape[1],
        "channels": data.shape[1],
        "in": windows.sizes,
        "out": counts,
        "kernel": windows.kernel,
        "stride": windows.strides,
        "dilation": windows.dilations,
        "pad": windows.begin,
        "windows": math.prod(counts),
        "high": windows.end,
        "include_pad": not op.attributes.get("exclude_pad", True),
        "by_plane": divisor(counts[1] * counts[2]),
        "by_row": divisor(counts[2]),
    }
    return struct(_SHAPE, values)


def _grid(shape: np.ndarray, width: int = 1) -> tuple[tuple[int, int], int]:
    """Blocks and threads: a thread for ``width`` windows, blocks of planes in y."""
    strips, planes = int(shape["windows"][0]) // width, int(shape["planes"][0])
    threads = 256 if strips > 128 else 64
    return (blocks_for(strips, threads), min(planes, 65535)), threads


def _strip(op: Lowering, windows: Windows) -> int:
    """Windows along the last axis that a thread takes: 1, or as many as 16 bytes hold where ``pool_strips`` can."""
    data, out = op.input(0), op.outputs[0]
    width = 16 // out.storage.size
    kernel, stride, begin = windows.kernel[2], windows.strides[2], windows.begin[2]
    fits = (
        stride in (1, 2)
        and begin in (0, 1)
        and begin < kernel <= begin + 1 + stride
        and windows.dilations[2] == 1
        and windows.sizes[2] == stride * windows.counts[2]
        and windows.counts[2] % width == 0
        and data.address % 16 == 0
        and out.address % 16 == 0
    )
    return width if fits else 1


def _fixed_windows(op: Lowering) -> Windows:
    return Windows.of(
        op.attributes, op.input(0).shape[2:], op.attributes["kernel"], op.outputs[0].shape[2:]
    )


def _encode_fixed(encoder: Encoder, op: Lowering, name: str) -> None:
    """Fixed windows, without positions."""
    data, out, windows = op.input(0), op.outputs[0], _fixed_windows(op)
    width = _strip(op, windows)
    shape = _describe(op, windows)
    grid, threads = _grid(shape, width)
    function = name if width == 1 else f"{name}_16"
    source = variant("pooling.cu", out.storage)
    encoder.launch(source, function, grid, threads, [data.pointer, out.pointer, shape])


def _adaptive_windows(op: Lowering) -> Windows:
    sizes, counts = three(op.input(0).shape[2:], 1), three(op.outputs[0].shape[2:], 1)
    ones, zeros = [1, 1, 1], [0, 0, 0]
    return Windows(sizes, counts, ones, ones, ones, zeros, zeros)


@lowers("MaxPool", accepts=_accepts)
def lower_max_pool(encoder: Encoder, op: Lowering) -> None:
    data, out = op.input(0), op.outputs[0]
    if len(op.outputs) == 1:
        _encode_fixed(encoder, op, "max_pool")
        return
    shape = _describe(op, _fixed_windows(op))
    grid, threads = _grid(shape)
    source = variant("pooling.cu", out.storage)
    # Positions count elements of the data flattened from `axis` on.
    axis = op.attributes["axis"] % len(data.shape)
    plane = math.prod(data.shape[2:])
    shape["channel_step"] = plane if axis <= 1 else 0
    shape["image_step"] = plane * data.shape[1] if axis == 0 else 0
    shape["position_modulus"] = math.prod(data.shape[axis:]) if axis > 2 else 0
    name = f"max_pool_{op.outputs[1].storage.to_string()}"
    arguments = [data.pointer, out.pointer, op.outputs[1].pointer, shape]
    encoder.launch(source, name, grid, threads, arguments)


@lowers("AvgPool", accepts=_accepts_reals)
def lower_average_pool(encoder: Encoder, op: Lowering) -> None:
    _encode_fixed(encoder, op, "average_pool")


@lowers("AdaptiveAvgPool", accepts=_accepts_reals)
def lower_adaptive_average_pool(encoder: Encoder, op: Lowering) -> None:
    data, out = op.input(0), op.outputs[0]
    shape = _describe(op, _adaptive_windows(op))
    source = variant("pooling.cu", out.storage)
    arguments = [data.pointer, out.pointer, shape]
    encoder.launch(source, "adaptive_average_pool", blocks_for(out.size, 8), 256, arguments)


@lowers("AdaptiveMaxPool", accepts=_accepts)
def lower_adaptive_max_pool(encoder: Encoder, op: Lowering) -> None:
    data, (out, positions) = op.input(0), op.outputs
    shape = _describe(op, _adaptive_windows(op))
    grid, threads = _grid(shape)
    source = variant("pooling.cu", out.storage)
    name = f"adaptive_max_pool_{positions.storage.to_string()}"
    arguments = [data.pointer, out.pointer, positions.pointer, shape]
    encoder.launch(source, name, grid, threads, arguments)
