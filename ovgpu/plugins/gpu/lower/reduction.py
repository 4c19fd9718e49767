"""Reductions over any axes, and cumulative sums."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.ops.reduction import normal_axes
from ovgpu.plugins.gpu.axes import LARGEST_COUNT, Split, power_of_two, reduced_record, split_axes
from ovgpu.plugins.gpu.codegen import STORAGE_NAMES
from ovgpu.plugins.gpu.encoder import LARGEST_GRID, THREADS, Encoder, blocks_for
from ovgpu.plugins.gpu.registry import Lowering, lowers

#: Struct of reduction.cuh for each operation.
_OPERATIONS = {
    "ReduceSum": "Sum",
    "ReduceMean": "Mean",
    "ReduceProd": "Product",
    "ReduceMax": "Max",
    "ReduceMin": "Min",
    "ReduceL1": "L1",
    "ReduceL2": "L2",
    "ReduceLogicalAnd": "And",
    "ReduceLogicalOr": "Or",
}

#: Blocks that keep a large device busy; with fewer, reduced elements are divided among several blocks.
BUSY_BLOCKS = 512

#: Reduced elements below which dividing them does not pay.
SMALLEST_SLICE = 2048

#: Outputs that a block of the column kernels has side by side.
COLUMN_THREADS = 32

#: Neighbours of one thread in 16-byte loads, at most.
_MOST_LANES = 8


def constant_axes(value: Value | None, rank: int, name: str) -> tuple[int, ...] | None:
    """Axes from the front, or None when they are not known while planning."""
    known = None if value is None else value.ints()
    return None if known is None else normal_axes(known, rank, name)


def _split(node: Node, data: Value, axes: Value) -> Split | None:
    shape = data.shape.static_tuple()
    if shape is None:
        return None
    over = constant_axes(axes, len(shape), node.get_type_name())
    return None if over is None else split_axes(shape, over)


def accepts_reduction(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    """Known axes, types that kernels compute with."""
    split = _split(node, inputs[0], inputs[1])
    return inputs[0].type in STORAGE_NAMES and split is not None and split.fits


def slices_of(split: Split, blocks: int) -> int:
    """Into how many parts reduced elements are divided when ``blocks`` blocks cover the outputs."""
    return max(1, min(split.count // SMALLEST_SLICE, BUSY_BLOCKS // max(blocks, 1)))


def reduction_scratch(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> int:
    """Partial results of as many blocks as there can be."""
    split = _split(node, inputs[0], inputs[1])
    if split is None or split.count < 2 * SMALLEST_SLICE:
        return 0
    outputs_of_block = 1 if split.inner_gone else COLUMN_THREADS * _MOST_LANES
    return 8 * BUSY_BLOCKS * outputs_of_block


def _source(operation: str, storage: Type) -> tuple[str, str]:
    """Generated text and the stem of its function names."""
    name = f"reduce_{operation.lower()}"
    return (
        f'#include "reduction.cuh"\nREDUCTION({name}, {operation}, {STORAGE_NAMES[storage]})\n',
        name,
    )


@lowers(*_OPERATIONS, accepts=accepts_reduction, scratch=reduction_scratch, known_inputs=(1,))
def lower_reduction(encoder: Encoder, op: Lowering) -> None:
    """Rows or columns in one pass, or in two when there are too few outputs to fill the device."""
    data, output = op.input(0), op.outputs[0]
    known = op.input(1).known
    assert known is not None
    axes = normal_axes(known.reshape(-1).tolist(), len(data.shape), op.node.get_type_name())
    reduce_into(
        encoder,
        _OPERATIONS[op.node.declaration.name],
        data.storage,
        split_axes(data.shape, axes),
        data.address,
        output.address,
        op.scratch,
    )


def reduce_into(
    encoder: Encoder,
    operation: str,
    storage: Type,
    split: Split,
    source: int,
    target: int,
    scratch: int,
) -> None:
    """Record a reduction of dense memory.

    Args:
        encoder: where it is recorded.
        operation: a struct of reduction.cuh (``Sum``, ``Max`` ...).
        storage: element type of source and target.
        split: dimensions.
        source: address of the data.
        target: address of the outputs, in C order.
        scratch: address of :func:`reduction_scratch` bytes.
    """
    outputs = split.outputs
    if not outputs:
        return
    text, name = _source(operation, storage)
    pointers = [np.uint64(source), np.uint64(target), np.uint64(scratch)]
    if split.inner_gone or not split.kept:
        lanes = 1
        threads = min(512, max(1, power_of_two(-(-split.count // 8))))
        block = (threads, 256 // threads if threads <= 32 else 1)
        blocks = -(-outputs // block[1])
        slices = slices_of(split, blocks)
        function = f"{name}_rows"
    else:
        lanes = 8 if storage.size < 2 else 16 // storage.size
        unaligned = (source | target) % min(16, lanes * storage.size) or any(
            stride % lanes for _, stride in (*split.kept[:-1], *split.gone)
        )
        if unaligned or split.kept[-1][0] % lanes:
            lanes = 1
        function = f"{name}_columns" if lanes > 1 else f"{name}_columns_single"
        block = (COLUMN_THREADS, min(8, power_of_two(max(split.count, 1))))
        blocks = -(-outputs // (lanes * COLUMN_THREADS))
        slices = slices_of(split, blocks)
    record = reduced_record(split, lanes, slices)
    slices = math.ceil(split.count / max(int(record["slice"][0]), 1)) if slices > 1 else 1
    grid = (min(blocks, LARGEST_GRID), slices)
    encoder.launch(text, function, grid, block, [record, *pointers])
    if slices > 1:
        arguments = [pointers[2], pointers[1], *map(np.uint32, (outputs, slices, split.count))]
        encoder.launch(text, f"{name}_partial", -(-outputs // 8), (32, 8), arguments)


# ---- cumulative sums ------------------------------------------------------------------------------------------------
def accepts_cum_sum(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    """A known axis; a type that kernels compute with; rows that 31 bits count."""
    shape = inputs[0].shape.static_tuple()
    if not shape or inputs[0].type not in STORAGE_NAMES or inputs[1].ints() is None:
        return False
    return inputs[0].type is not Type.boolean and math.prod(shape) <= LARGEST_COUNT


@lowers("CumSum", accepts=accepts_cum_sum, known_inputs=(1,))
def lower_cum_sum(encoder: Encoder, op: Lowering) -> None:
    """A block scans a row; rows that lie apart have a thread each, neighbours side by side."""
    x, output = op.input(0), op.outputs[0]
    known = op.input(1).known
    assert known is not None
    (axis,) = normal_axes(known.reshape(-1).tolist(), len(x.shape), "CumSum")
    length, inner = x.shape[axis], math.prod(x.shape[axis + 1 :])
    rows = x.size // length
    text = f'#include "cumsum.cuh"\nCUMULATIVE_SUM(cum_sum, {STORAGE_NAMES[x.storage]})\n'
    arguments = [
        x.pointer, output.pointer, *map(np.uint32, (rows, length, inner)),
        np.int32(op.attributes["exclusive"]), np.int32(op.attributes["reverse"]),
    ]  # fmt: skip
    if inner == 1:
        encoder.launch(text, "cum_sum_rows", min(rows, LARGEST_GRID), THREADS, arguments)
    else:
        encoder.launch(text, "cum_sum_columns", blocks_for(rows), THREADS, arguments)
