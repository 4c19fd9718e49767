"""Softmax and normalisations over rows or any axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.ops.reduction import normal_axes
from ovgpu.plugins.cpu.kernels.normalization import mean_variance_axes
from ovgpu.plugins.gpu.axes import Split, power_of_two, reduced_record, split_axes
from ovgpu.plugins.gpu.broadcasting import MAX_RANK
from ovgpu.plugins.gpu.codegen import STORAGE_NAMES
from ovgpu.plugins.gpu.divisor import DIVISOR, divisor
from ovgpu.plugins.gpu.encoder import LARGEST_GRID, THREADS, Encoder, blocks_for
from ovgpu.plugins.gpu.registry import DeviceTensor, Lowering, lowers

#: ``Affine`` and ``Window`` of normalization.cuh.
_AFFINE = np.dtype(
    [("per_channel", "<u4"), ("groups", "<u4"), ("channels", "<u4"), ("spatial", DIVISOR)]
)
_WINDOW = np.dtype(
    [
        ("total", "<u4"), ("rank", "<u4"), ("before", "<i4"), ("after", "<i4"),
        ("dims", DIVISOR, (MAX_RANK,)), ("over", "<u4"), ("strides", "<u8", (MAX_RANK,)),
    ],
    align=True,
)  # fmt: skip

#: Threads of the largest blocks.
_MOST_THREADS = 1024

#: Rows above which each gets no more threads than its registers need.
_MANY_ROWS = 512


def _real(*values: Value) -> bool:
    return all(v.type in STORAGE_NAMES and v.type.is_real() for v in values)


def _one_class(*values: Value) -> bool:
    """Whether all are f64, or none: then all have one type in memory."""
    return len({v.type is Type.f64 for v in values}) == 1


def _number(value: float, storage: Type) -> np.generic:
    """A kernel argument of the arithmetic type."""
    return np.float64(value) if storage is Type.f64 else np.float32(value)


# ---- launches -------------------------------------------------------------------------------------------------------
def normalize(
    encoder: Encoder,
    operation: str,
    source: DeviceTensor,
    target: DeviceTensor,
    split: Split,
    epsilon: float = 0.0,
    gamma: DeviceTensor | None = None,
    beta: DeviceTensor | None = None,
    channels: tuple[int, int, int] | None = None,
) -> None:
    """Record a normalisation.

    Args:
        encoder: where it is recorded.
        operation: a struct of normalization.cuh (``Softmax``, ``DeviationInside`` ...).
        source: data.
        target: result, of the same shape and storage; may be the same memory.
        split: kept and reduced dimensions. With ``gamma`` the rows must be contiguous.
        epsilon: what the operation adds to its statistic.
        gamma: factors; None for none.
        beta: summands; only with ``gamma``.
        channels: (groups, channels of a group, elements of a channel) when gamma is per channel, else it is per column.
    """
    if split.contiguous_rows or not split.kept:
        _launch_rows(encoder, operation, source, target, split, epsilon, gamma, beta, channels)
        return
    assert gamma is None
    storage = source.storage
    name = f"normalize_{operation.lower()}"
    text = f'#include "normalization.cuh"\nNORMALIZATION_AXES({name}, {operation}, {STORAGE_NAMES[storage]})\n'
    arguments = [source.pointer, target.pointer, _number(epsilon, storage)]
    if split.inner_gone:
        threads = min(512, max(32, power_of_two(split.count)))
        blocks = min(split.outputs, LARGEST_GRID)
        record = reduced_record(split)
        encoder.launch(text, f"{name}_scattered", blocks, threads, [record, *arguments])
        return
    lanes = 16 // storage.size
    strides = [stride for _, stride in (*split.kept[:-1], *split.gone)]
    if (
        (source.address | target.address) % 16
        or any(stride % lanes for stride in strides)
        or (split.kept[-1][0] % lanes if split.kept else True)
    ):
        lanes = 1
    function = f"{name}_columns" if lanes > 1 else f"{name}_columns_single"
    blocks = min(-(-split.outputs // (32 * lanes)), LARGEST_GRID)
    block = (32, min(8, power_of_two(split.count)))
    encoder.launch(text, function, blocks, block, [reduced_record(split, lanes), *arguments])


def row_threads(rows: int, width: int, lanes: int, cached: int) -> int | None:
    """Threads for each row so that registers hold it, a power of two; None when it is too long for that."""
    vectors = width // lanes
    if vectors > _MOST_THREADS * cached:
        return None
    needed = power_of_two(-(-vectors // cached))
    return needed if rows > _MANY_ROWS else min(_MOST_THREADS, max(needed, power_of_two(vectors)))


def _launch_rows(
    encoder: Encoder,
    operation: str,
    source: DeviceTensor,
    target: DeviceTensor,
    split: Split,
    epsilon: float,
    gamma: DeviceTensor | None,
    beta: DeviceTensor | None,
    channels: tuple[int, int, int] | None,
) -> None:
    storage = source.storage
    rows, width = split.outputs, split.count
    addresses = [source.address, target.address]
    if channels is None:
        addresses += [t.address for t in (gamma, beta) if t is not None]
    lanes = 16 // storage.size
    if width % lanes or any(address % 16 for address in addresses):
        lanes = 1
    cached = 6 if lanes == 1 else 3 if storage.size < 4 else 4  # as in NORMALIZATION_ROWS
    threads = row_threads(rows, width, lanes, cached)
    name = f"normalize_{operation.lower()}"
    text = f'#include "normalization.cuh"\nNORMALIZATION_ROWS({name}, {operation}, {STORAGE_NAMES[storage]})\n'
    function = f"{name}_rows" if threads else f"{name}_long_rows"
    if lanes == 1:
        function += "_single"
    threads = threads or _MOST_THREADS
    block = (threads, THREADS // threads if threads <= 32 else 1)
    groups, per_group, spatial = channels or (1, 1, 1)
    affine: Any = np.zeros(1, _AFFINE)
    affine["per_channel"], affine["groups"] = channels is not None, groups
    affine["channels"], affine["spatial"][0] = per_group, divisor(spatial)
    arguments = [
        np.uint32(rows), np.uint32(width), source.pointer, target.pointer,
        gamma.pointer if gamma is not None else np.uint64(0),
        beta.pointer if beta is not None else np.uint64(0),
        affine, _number(epsilon, storage),
    ]  # fmt: skip
    encoder.launch(text, function, min(-(-rows // block[1]), LARGEST_GRID), block, arguments)


# ---- softmax --------------------------------------------------------------------------------------------------------
def _axis_split(shape: Sequence[int], axis: int) -> Split:
    return split_axes(shape, (axis % len(shape),))


def accepts_softmax(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    shape = inputs[0].shape.static_tuple()
    if not shape or not _real(inputs[0]):
        return False
    return _axis_split(shape, node.attributes["axis"]).fits


@lowers("Softmax", "LogSoftmax", accepts=accepts_softmax)
def lower_softmax(encoder: Encoder, op: Lowering) -> None:
    """Largest element, sum of exponentials, quotient."""
    x = op.input(0)
    split = _axis_split(x.shape, op.attributes["axis"])
    normalize(encoder, op.node.declaration.name, x, op.outputs[0], split)


# ---- mean and variance ----------------------------------------------------------------------------------------------
def _axes_split(node: Node, data: Value, axes: Value | None) -> Split | None:
    """Kept and averaged dimensions of MVN and NormalizeL2; None when they are not known while planning."""
    shape = data.shape.static_tuple()
    if shape is None:
        return None
    known = None
    if axes is not None:
        ints = axes.ints()
        if ints is None:
            return None
        known = np.array(ints, np.int64)
    return split_axes(shape, _axes(node, known, len(shape)))


def _axes(node: Node, known: np.ndarray | None, rank: int) -> tuple[int, ...]:
    name = node.declaration.name
    if name == "MVN":
        return mean_variance_axes(node, known, rank)
    if name == "GRN":
        return (1,)
    assert known is not None
    return normal_axes(known.reshape(-1).tolist(), rank, name)


def accepts_axes(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    """Floats and known axes; NormalizeL2 without axes divides by something else."""
    if not _real(inputs[0]):
        return False
    split = _axes_split(node, inputs[0], inputs[1] if len(inputs) > 1 else None)
    if split is None or not split.fits:
        return False
    return node.declaration.name != "NormalizeL2" or bool(inputs[1].ints())


def _lower_axes(encoder: Encoder, op: Lowering, operation: str, epsilon: float) -> None:
    x = op.input(0)
    known = op.input(1).known if len(op.inputs) > 1 else None
    split = split_axes(x.shape, _axes(op.node, known, len(x.shape)))
    normalize(encoder, operation, x, op.outputs[0], split, epsilon)


@lowers("MVN", accepts=accepts_axes, known_inputs=(1,))
def lower_mvn(encoder: Encoder, op: Lowering) -> None:
    """Mean, then variance of the differences from it."""
    inside = op.attributes.get("eps_mode", "OUTSIDE_SQRT") == "INSIDE_SQRT"
    operation = "DeviationInside" if inside else "DeviationOutside"
    if not op.attributes["normalize_variance"]:
        operation = "Centre"
    _lower_axes(encoder, op, operation, op.attributes["eps"])


@lowers("NormalizeL2", accepts=accepts_axes, known_inputs=(1,))
def lower_normalize_l2(encoder: Encoder, op: Lowering) -> None:
    operation = "NormMax" if op.attributes["eps_mode"] == "max" else "NormAdd"
    _lower_axes(encoder, op, operation, op.attributes["eps"])


@lowers("GRN", accepts=accepts_axes)
def lower_grn(encoder: Encoder, op: Lowering) -> None:
    _lower_axes(encoder, op, "NormAdd", op.attributes["bias"])


# ---- last dimension, with factors -----------------------------------------------------------------------------------
def accepts_last(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    """Floats; factors that are one number or as many as the last dimension is long."""
    shape = inputs[0].shape.static_tuple()
    if not shape or not _real(*inputs, *outputs) or not _one_class(*inputs, *outputs):
        return False
    sizes = [math.prod(v.shape.static_tuple() or ()) for v in inputs[1:]]
    if any(size not in (1, shape[-1]) for size in sizes) or len(set(sizes)) > 1:
        return False
    return split_axes(shape, (len(shape) - 1,)).fits


def _lower_last(
    encoder: Encoder,
    op: Lowering,
    operation: str,
    gamma: DeviceTensor | None,
    beta: DeviceTensor | None,
) -> None:
    x = op.input(0)
    width = x.shape[-1]
    whole = gamma is not None and gamma.size == 1 and width != 1
    split = split_axes(x.shape, (len(x.shape) - 1,))
    if width == 1:  # a row of one element: nothing is left to merge
        split = Split(split.kept, ((1, 1),), True)
    normalize(
        encoder, operation, x, op.outputs[0], split, op.attributes["epsilon"], gamma, beta,
        (1, 1, width) if whole else None,
    )  # fmt: skip


@lowers("LayerNorm", version="ovgpu", accepts=accepts_last)
def lower_layer_norm(encoder: Encoder, op: Lowering) -> None:
    _lower_last(encoder, op, "DeviationInside", op.input(1), op.input(2))


@lowers("RMS", accepts=accepts_last)
def lower_rms(encoder: Encoder, op: Lowering) -> None:
    _lower_last(encoder, op, "MeanSquare", op.inputs[1] if len(op.inputs) > 1 else None, None)


def accepts_groups(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    shape = inputs[0].shape.static_tuple()
    return shape is not None and _real(*inputs) and math.prod(shape) < 1 << 31


@lowers("GroupNormalization", accepts=accepts_groups)
def lower_group_normalization(encoder: Encoder, op: Lowering) -> None:
    """Groups are contiguous rows; scale and bias go by channel."""
    x = op.input(0)
    batch, total, *spatial = x.shape
    groups = op.attributes["num_groups"]
    channels, area = total // groups, math.prod(spatial)
    split = Split(((batch * groups, channels * area),), ((channels * area, 1),), True)
    normalize(
        encoder, "DeviationInside", x, op.outputs[0], split, op.attributes["epsilon"],
        op.input(1), op.input(2), (groups, channels, area),
    )  # fmt: skip


# ---- LRN ------------------------------------------------------------------------------------------------------------
def accepts_lrn(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    shape = inputs[0].shape.static_tuple()
    if shape is None or not _real(inputs[0]) or inputs[1].ints() is None:
        return False
    return len(shape) <= MAX_RANK and math.prod(shape) < 1 << 31


@lowers("LRN", accepts=accepts_lrn, known_inputs=(1,))
def lower_lrn(encoder: Encoder, op: Lowering) -> None:
    """A thread for each element walks its window, which the cache holds."""
    x, output = op.input(0), op.outputs[0]
    known = op.input(1).known
    assert known is not None
    axes = normal_axes(known.reshape(-1).tolist(), len(x.shape), "LRN")
    size = op.attributes["size"]
    window: Any = np.zeros(1, _WINDOW)
    window["total"], window["rank"] = x.size, len(x.shape)
    window["before"], window["after"] = (size - 1) // 2, size - 1 - (size - 1) // 2
    window["over"] = sum(1 << axis for axis in axes)
    stride = 1
    for axis in range(len(x.shape) - 1, -1, -1):
        window["dims"][0, axis] = divisor(x.shape[axis])
        window["strides"][0, axis] = stride
        stride *= x.shape[axis]
    numbers = (
        op.attributes["alpha"] / size ** len(axes),
        op.attributes["beta"],
        op.attributes["bias"],
    )
    arguments = [window, x.pointer, output.pointer, *(_number(n, x.storage) for n in numbers)]
    text = f'#include "normalization.cuh"\nLOCAL_RESPONSE(local_response, {STORAGE_NAMES[x.storage]})\n'
    encoder.launch(text, "local_response", blocks_for(x.size), THREADS, arguments)
