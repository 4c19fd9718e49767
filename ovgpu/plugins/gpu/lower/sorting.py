"""TopK, NonZero, Bucketize and SearchSorted."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ovgpu.execution.memory import next_power_of_two
from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.codegen import STORAGE_NAMES
from ovgpu.plugins.gpu.divisor import DIVISOR, divisor, divisor_argument
from ovgpu.plugins.gpu.encoder import LARGEST_GRID, THREADS, Encoder, blocks_for
from ovgpu.plugins.gpu.lower.common import PLACE_RANK, sizes_of
from ovgpu.plugins.gpu.lower.indexing import INDEX_NAMES, Argument, element_source
from ovgpu.plugins.gpu.registry import Lowering, lowers
from ovgpu.plugins.gpu.strided import LARGEST_COUNT

#: Shared memory for the keys of a block, and its threads.
_KEY_BYTES = 32 * 1024
_SORT_THREADS = 512

_TOPK = np.dtype(
    [
        ("rows", "u4"),
        ("size", "u4"),
        ("k", "u4"),
        ("smallest", "u4"),
        ("by_index", "u4"),
        ("capacity", "u4"),
        ("inner", DIVISOR),
    ],
    align=True,
)


def _key_size(element_type: Type) -> int:
    """Bytes of a key of ``kernels/topk.cu``: the value's bits and the index."""
    return 16 if element_type.bitwidth == 64 else 8


def _rows(node: Node, shape: Sequence[int]) -> tuple[int, int]:
    """Number of rows, and their length."""
    size = shape[node.attributes["axis"] % len(shape)]
    return math.prod(shape) // size if size else 0, size


def _sorts_globally(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    """Whether more elements are wanted than a block sorts."""
    _, size = _rows(node, sizes_of(inputs[0]))
    _, k = _rows(node, sizes_of(outputs[0]))
    capacity = _KEY_BYTES // _key_size(inputs[0].type)
    return size > capacity and k > capacity


def _topk_fits(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    shape = sizes_of(inputs[0])
    known = inputs[0].type in STORAGE_NAMES and outputs[1].type in INDEX_NAMES
    if not shape or not known or math.prod(shape) > LARGEST_COUNT:
        return False
    if not _sorts_globally(node, inputs, outputs):
        return True
    rows, size = _rows(node, shape)
    return node.attributes["sort"] != "index" and rows * next_power_of_two(size) <= LARGEST_COUNT


def _topk_scratch(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> int:
    if not sizes_of(inputs[0]) or not _sorts_globally(node, inputs, outputs):
        return 0
    rows, size = _rows(node, sizes_of(inputs[0]))
    return rows * next_power_of_two(size) * _key_size(inputs[0].type)


@lowers("TopK", accepts=_topk_fits, scratch=_topk_scratch, known_inputs=(1,))
def topk(encoder: Encoder, op: Lowering) -> None:
    source, (values, indices) = op.input(0), op.outputs
    rows, size = _rows(op.node, source.shape)
    _, k = _rows(op.node, values.shape)
    axis = op.attributes["axis"] % len(source.shape)
    key_size = _key_size(source.type)
    limit = _KEY_BYTES // key_size
    t = np.zeros(1, _TOPK)
    t["rows"], t["size"], t["k"] = rows, size, k
    t["smallest"] = op.attributes["mode"] == "min"
    t["by_index"] = op.attributes["sort"] == "index"
    t["inner"] = divisor(math.prod(source.shape[axis + 1 :]))
    text = element_source("topk.cu", source.storage, indices.type)
    if size > limit and k > limit:
        _encode_sort(encoder, op, text, t, limit, limit * key_size)
        return
    capacity = next_power_of_two(max(size if size <= limit else k, 2))
    t["capacity"] = capacity
    threads = min(_SORT_THREADS, max(capacity // 2, 32)) if size <= limit else _SORT_THREADS
    arguments = [values.pointer, indices.pointer, source.pointer, t]
    encoder.launch(text, "topk_rows", min(rows, 1 << 20), threads, arguments, capacity * key_size)


def _encode_sort(
    encoder: Encoder, op: Lowering, text: str, t: np.ndarray, part: int, shared_bytes: int
) -> None:
    """Sort whole rows in scratch memory; ``part`` keys fit a block."""
    source, (values, indices) = op.input(0), op.outputs
    rows, k = int(t["rows"][0]), int(t["k"][0])
    padded = next_power_of_two(int(t["size"][0]))
    count = rows * padded
    keys = np.uint64(op.scratch)
    arguments: list[Argument] = [keys, source.pointer, divisor_argument(padded), t]
    encoder.launch(text, "topk_keys", blocks_for(count), THREADS, arguments)

    def sort_parts(first_run: int, last_run: int) -> None:
        numbers = [np.uint32(n) for n in (first_run, last_run, part, padded, count)]
        grid = min(count // part, 1 << 20)
        encoder.launch(text, "topk_sort_parts", grid, _SORT_THREADS, [keys, *numbers], shared_bytes)

    sort_parts(2, part)
    run = 2 * part
    while run <= padded:
        distance = run // 2
        while distance >= part:
            numbers = [np.uint32(n) for n in (run, distance, padded, count // 2)]
            encoder.launch(
                text, "topk_sort_step", blocks_for(count // 2), THREADS, [keys, *numbers]
            )
            distance //= 2
        sort_parts(run, run)
        run *= 2
    results = [values.pointer, indices.pointer, source.pointer, keys]
    arguments = [*results, np.uint32(padded), divisor_argument(k), t]
    encoder.launch(text, "topk_write", blocks_for(rows * k), THREADS, arguments)


# ---- elements other than 0
#: Neighbours that a thread looks at (``kernels/nonzero.cu``).
_PER_THREAD = 16

_NONZERO = np.dtype(
    [
        ("count", "u4"),
        ("parts", "u4"),
        ("rank", "u4"),
        ("vector", "u4"),
        ("dims", DIVISOR, (PLACE_RANK,)),
    ],
    align=True,
)


def encode_sums(encoder: Encoder, text: str, counts: int, parts: int, total: int) -> None:
    """Turn the counts of so many parts into the sums before them, and store the sum of all at ``total`` (0: nowhere).

    The counts are followed by room for their sum. ``text`` includes ``kernels/selection.cuh``.
    """
    threads = 1024 if parts > THREADS else THREADS
    arguments = [np.uint64(counts), np.uint32(parts), np.uint64(total)]
    encoder.launch(text, "selected_before", 1, threads, arguments)


def _parts(size: int) -> int:
    return -(-size // (THREADS * _PER_THREAD))


def _nonzero_fits(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    shape = sizes_of(inputs[0])
    return (
        inputs[0].type in STORAGE_NAMES
        and outputs[0].type in INDEX_NAMES
        and len(shape) <= PLACE_RANK
        and math.prod(shape) <= LARGEST_COUNT
    )


def _nonzero_scratch(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> int:
    return 4 * (_parts(math.prod(sizes_of(inputs[0]))) + 1)


def _nonzero_outputs(node: Node, inputs: Sequence[Value], count: int | None) -> Sequence[Value]:
    """Coordinates for every axis; a scalar has one."""
    shape = sizes_of(inputs[0])
    found = math.prod(shape) if count is None else count
    return [Value(node.attributes["output_type"], PartialShape.of([max(len(shape), 1), found]))]


@lowers("NonZero", accepts=_nonzero_fits, scratch=_nonzero_scratch, counted=_nonzero_outputs)
def non_zero(encoder: Encoder, op: Lowering) -> None:
    """Count in parts, sum the counts, write the coordinates of each part behind those of the parts before."""
    x, out = op.input(0), op.outputs[0]
    shape = x.shape or (1,)
    n = np.zeros(1, _NONZERO)
    n["count"], n["parts"], n["rank"] = x.size, _parts(x.size), len(shape)
    n["vector"] = x.address % 16 == 0
    for axis, size in enumerate(shape):
        n["dims"][0, axis] = divisor(size)
    counts = np.uint64(op.scratch)
    text = element_source("nonzero.cu", x.storage, out.type)
    grid = min(_parts(x.size), LARGEST_GRID)
    encoder.launch(text, "nonzero_count", grid, THREADS, [counts, x.pointer, n])
    encode_sums(encoder, text, op.scratch, _parts(x.size), op.count)
    encoder.launch(text, "nonzero_write", grid, THREADS, [out.pointer, x.pointer, counts, n])


# ---- searching
def _search_fits(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    return (
        inputs[0].type is inputs[1].type
        and inputs[0].type in STORAGE_NAMES
        and outputs[0].type in INDEX_NAMES
        and max(math.prod(sizes_of(value)) for value in (*inputs, outputs[0])) <= LARGEST_COUNT
    )


def _encode_search(
    encoder: Encoder, op: Lowering, boundaries: int, values: int, or_equal: bool
) -> None:
    edges, wanted, out = op.input(boundaries), op.input(values), op.outputs[0]
    row = wanted.shape[-1] if len(edges.shape) > 1 else 0
    numbers = [np.uint32(n) for n in (edges.shape[-1], row, or_equal, out.size)]
    text = element_source("search.cu", edges.storage, out.type)
    arguments = [out.pointer, edges.pointer, wanted.pointer, *numbers]
    encoder.launch(text, "search_sorted", blocks_for(out.size), THREADS, arguments)


@lowers("Bucketize", accepts=_search_fits)
def bucketize(encoder: Encoder, op: Lowering) -> None:
    _encode_search(encoder, op, 1, 0, or_equal=not op.attributes["with_right_bound"])


@lowers("SearchSorted", accepts=_search_fits)
def search_sorted(encoder: Encoder, op: Lowering) -> None:
    _encode_search(encoder, op, 0, 1, or_equal=op.attributes["right_mode"])
