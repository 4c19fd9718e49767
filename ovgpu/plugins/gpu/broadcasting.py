"""Launches of generated kernels on broadcast tensors: few merged dimensions, whole vectors where they are aligned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.codegen import PACKED_NAMES, ElementwiseKernel
from ovgpu.plugins.gpu.divisor import DIVISOR, divisor
from ovgpu.plugins.gpu.encoder import THREADS, Encoder, blocks_for
from ovgpu.plugins.gpu.registry import DeviceTensor

#: Most dimensions after merging; ``MAX_RANK`` of elementwise.cuh.
MAX_RANK = 6

#: Elements of one launch; larger tensors take several, so that kernels index with 32 bits.
LARGEST_LAUNCH = 1 << 30


def merge_dimensions(
    shape: Sequence[int],
    operands: Sequence[Sequence[int]],
    given: Sequence[Sequence[int] | None] = (),
) -> tuple[list[int], list[list[int]]]:
    """Output shape and element strides of operands that broadcast to it, with as few dimensions as possible.

    Args:
        shape: of the output.
        operands: shapes of the same rank, each dimension equal to the output's or 1.
        given: for each operand its strides in elements, None for a dense one; empty when all are dense.

    Returns:
        The merged shape (at least one dimension) and for each operand its strides, 0 where it is broadcast.
    """
    merged: list[int] = []
    strides: list[list[int]] = [[] for _ in operands]
    running = [1] * len(operands)
    for axis in range(len(shape) - 1, -1, -1):
        size = shape[axis]
        if size == 1:
            continue
        steps = []
        for k, operand in enumerate(operands):
            own = given[k] if given else None
            step = running[k] if own is None else own[axis]
            steps.append(step if operand[axis] != 1 else 0)
            running[k] *= operand[axis]
        if merged and all(
            step == stride[0] * merged[0] for step, stride in zip(steps, strides, strict=True)
        ):
            merged[0] *= size
            continue
        merged.insert(0, size)
        for stride, step in zip(strides, steps, strict=True):
            stride.insert(0, step)
    if not merged:
        return [1], [[0] for _ in operands]
    return merged, strides


@lru_cache(maxsize=64)
def _geometry_dtype(inputs: int) -> np.dtype:
    return np.dtype(
        [
            ("items", "<u4"),
            ("tail", "<u4"),
            ("rank", "<u4"),
            ("inner_stride", "<u4"),
            ("dims", DIVISOR, (MAX_RANK,)),
            ("strides", "<u4", (max(inputs, 1), MAX_RANK)),
        ]
    )


def _geometry(
    shape: Sequence[int], strides: Sequence[Sequence[int]], lanes: int
) -> tuple[np.ndarray, int]:
    """``Geometry`` as a structured array of one element, and the number of threads with work."""
    record: Any = np.zeros(1, _geometry_dtype(len(strides)))
    dims = list(shape)
    whole, tail = divmod(dims[-1], lanes)
    dims[-1] = whole
    record["items"], record["rank"] = math.prod(dims), len(dims)
    record["tail"] = tail
    for axis, size in enumerate(dims):
        record["dims"][0, axis] = divisor(size)
    for k, steps in enumerate(strides):
        record["inner_stride"] |= np.uint32((steps[-1] != 0) << k)
        record["strides"][0, k, : len(steps)] = [*steps[:-1], steps[-1] * lanes]
    return record, max(math.prod(dims), tail)


def fits(shape: Sequence[int], operands: Sequence[Sequence[int]]) -> bool:
    """Whether a generated kernel can walk these broadcast shapes."""
    return len(merge_dimensions(shape, operands)[0]) <= MAX_RANK


def launch(
    encoder: Encoder,
    kernel: ElementwiseKernel,
    inputs: Sequence[tuple[DeviceTensor, Sequence[int]]],
    outputs: Sequence[DeviceTensor],
) -> None:
    """Launch a generated kernel on broadcast tensors.

    Args:
        encoder: where the launch is recorded.
        kernel: from :func:`emit`.
        inputs: tensors, dense or with strides, each with its shape aligned to the output's rank (ones inserted).
        outputs: tensors of one and the same shape.
    """
    shape = outputs[0].shape
    given = [_strides(tensor, aligned) for tensor, aligned in inputs]
    merged, strides = merge_dimensions(shape, [aligned for _, aligned in inputs], given)
    addresses = [tensor.address for tensor, _ in inputs]
    targets = [tensor.address for tensor in outputs]
    _launch_box(encoder, kernel, merged, strides, addresses, targets)


def _strides(tensor: DeviceTensor, aligned: Sequence[int]) -> tuple[int, ...] | None:
    """Strides of a tensor in a shape with ones inserted, None when it is dense."""
    if tensor.strides is None:
        return None
    # All dimensions but those of size 1 stay, in order.
    steps = iter([n for n, size in zip(tensor.strides, tensor.shape, strict=True) if size != 1])
    return tuple(0 if size == 1 else next(steps) for size in aligned)


def _launch_box(
    encoder: Encoder,
    kernel: ElementwiseKernel,
    shape: list[int],
    strides: list[list[int]],
    inputs: list[int],
    outputs: list[int],
) -> None:
    if math.prod(shape) > LARGEST_LAUNCH:
        # Halves along the first dimension, until indices fit.
        first = max(1, shape[0] // 2 // 64 * 64 or shape[0] // 2)
        below = math.prod(shape[1:])
        for start, size in ((0, first), (first, shape[0] - first)):
            rest = [size, *shape[1:]] if size > 1 or len(shape) == 1 else shape[1:]
            steps = strides if len(rest) == len(shape) else [s[1:] for s in strides]
            moved = [
                address + start * step[0] * t.bitwidth // 8
                for address, step, t in zip(inputs, strides, kernel.inputs, strict=True)
            ]
            written = [
                address + start * below * t.size
                for address, t in zip(outputs, kernel.outputs, strict=True)
            ]
            _launch_box(encoder, kernel, rest, steps, moved, written)
        return
    lanes = kernel.lanes
    vectors = _vectors(kernel, shape, strides, inputs, outputs)
    record, threads = _geometry(shape, strides, lanes if vectors else 1)
    arguments = [record, *map(np.uint64, inputs), *map(np.uint64, outputs)]
    name = kernel.name if vectors else f"{kernel.name}_single"
    encoder.launch(kernel.source, name, blocks_for(threads), THREADS, arguments)


def _vectors(
    kernel: ElementwiseKernel,
    shape: list[int],
    strides: list[list[int]],
    inputs: list[int],
    outputs: list[int],
) -> bool:
    """Whether all vectors of the last dimension start at multiples of their size."""
    lanes = kernel.lanes
    if shape[-1] < lanes or (len(shape) > 1 and shape[-1] % lanes):
        return False
    for address, steps, t in zip(inputs, strides, kernel.inputs, strict=True):
        if steps[-1] == 0:
            continue
        if steps[-1] != 1:
            return False
        if address % _vector_alignment(t, lanes) or any(step % lanes for step in steps[:-1]):
            return False
    return all(
        address % _vector_alignment(t, lanes) == 0
        for address, t in zip(outputs, kernel.outputs, strict=True)
    )


def _vector_alignment(element_type: Type, lanes: int) -> int:
    """What addresses of vectors must be multiples of."""
    size = lanes * element_type.bitwidth // 8
    if element_type in PACKED_NAMES:
        return size if size & (size - 1) == 0 else 1  # odd sizes are read byte by byte
    return min(16, size)
