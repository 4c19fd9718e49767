"""Gather, scatter, OneHot and Eye: elements that go to or come from places that are computed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.codegen import STORAGE_NAMES
from ovgpu.plugins.gpu.divisor import DIVISOR, divisor, divisor_argument
from ovgpu.plugins.gpu.encoder import Encoder
from ovgpu.plugins.gpu.lower.common import PLACE_RANK, countable, known_numbers, sizes_of
from ovgpu.plugins.gpu.lower.indexing import (
    INDEX_NAMES,
    Argument,
    axis_places,
    element_source,
    launch_each,
    tuple_places,
    word_source,
)
from ovgpu.plugins.gpu.registry import DeviceTensor, Lowering, lowers
from ovgpu.plugins.gpu.strided import encode_copy, is_movable, place_of

#: Up to so many indices ScatterUpdate lets every thread look through them.
_FEW = 8

_PICKS = np.dtype(
    [
        ("count", "u4"),
        ("before", DIVISOR),
        ("picks", DIVISOR),
        ("after", DIVISOR),
        ("axis_size", "i8"),
    ],
    align=True,
)
_ROWS = np.dtype(
    [
        ("count", "u4"),
        ("places", DIVISOR),
        ("after", DIVISOR),
        ("updates", "i8"),
        ("same_update", "u4"),
    ],
    align=True,
)


def _itemsize(tensor: DeviceTensor) -> int:
    return tensor.storage.bitwidth // 8


def _word(run: int, *tensors: DeviceTensor) -> int:
    """Bytes of the widest words for moving runs of so many bytes of these tensors."""
    return math.gcd(16, run, *(tensor.address for tensor in tensors))


def _gathers(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    """Whether the kernels take a tensor and indices as the first two inputs."""
    ranks = [len(sizes_of(value)) for value in (*inputs[:2], outputs[0])]
    return (
        is_movable(inputs[0].type)
        and inputs[1].type in INDEX_NAMES
        and max(ranks) <= PLACE_RANK
        and countable(inputs[1], outputs[0])
    )


# ---- Gather
def _picked(op: Lowering) -> list[np.ndarray] | None:
    """What a Gather takes from a single place that is known: a slice."""
    data, out = op.input(0), op.outputs[0]
    if not _picks_one(op, 0, data):
        return None
    axis = known_numbers(op, 2)[0] % len(data.shape)
    (at,) = known_numbers(op, 1)
    start = at % data.shape[axis]
    part = place_of(data)[(slice(None),) * axis + (slice(start, start + 1),)]
    return [part.reshape(out.shape, copy=False)]


def _picks_one(op: Lowering, index: int, data: DeviceTensor) -> bool:
    """Whether a Gather takes a single place that is known: such a one takes data with any strides."""
    indices = op.input(1)
    if index or indices.known is None or indices.size != 1:
        return False
    size = data.shape[known_numbers(op, 2)[0] % len(data.shape)]
    return -size <= int(indices.known.reshape(-1)[0]) < size


@lowers("Gather", accepts=_gathers, known_inputs=(2,), view=_picked, strides_fit=_picks_one)
def gather(encoder: Encoder, op: Lowering) -> None:
    data, indices, out = op.input(0), op.input(1), op.outputs[0]
    picked = _picked(op)
    if picked is not None:
        encode_copy(encoder, place_of(out), picked[0])
        return
    axis = known_numbers(op, 2)[0] % len(data.shape)
    batch = op.attributes.get("batch_dims", 0)
    if batch < 0:
        batch += len(indices.shape)
    size = data.shape[axis]
    run = math.prod(data.shape[axis + 1 :]) * _itemsize(data)
    word = _word(run, data, out)
    picks = np.zeros(1, _PICKS)
    count = out.nbytes // word
    picks["count"], picks["axis_size"] = count, size
    picks["before"] = divisor(math.prod(data.shape[batch:axis]))
    picks["picks"] = divisor(math.prod(indices.shape[batch:]))
    picks["after"] = divisor(run // word)
    arguments: list[Argument] = [out.pointer, data.pointer, indices.pointer, picks]
    launch_each(encoder, word_source("gather.cu", word, indices.type), "gather", count, arguments)


@lowers("GatherElements", accepts=_gathers)
def gather_elements(encoder: Encoder, op: Lowering) -> None:
    data, indices, out = op.input(0), op.input(1), op.outputs[0]
    axis = op.attributes["axis"] % len(data.shape)
    source = word_source("gather.cu", _itemsize(data), indices.type)
    arguments: list[Argument] = [
        out.pointer,
        data.pointer,
        indices.pointer,
        axis_places(indices, data.shape, axis),
    ]
    launch_each(encoder, source, "gather_elements", out.size, arguments)


@lowers("GatherND", accepts=_gathers)
def gather_nd(encoder: Encoder, op: Lowering) -> None:
    data, indices, out = op.input(0), op.input(1), op.outputs[0]
    batch = op.attributes["batch_dims"]
    run = math.prod(data.shape[batch + indices.shape[-1] :]) * _itemsize(data)
    word = _word(run, data, out)
    count = out.nbytes // word
    places = tuple_places(indices, data.shape, batch)
    slices = divisor_argument(run // word)
    arguments: list[Argument] = [
        out.pointer,
        data.pointer,
        indices.pointer,
        places,
        slices,
        np.uint32(count),
    ]
    launch_each(
        encoder, word_source("gather.cu", word, indices.type), "gather_nd", count, arguments
    )


# ---- scatter
def _encode_winners(
    encoder: Encoder, op: Lowering, word: int, before: int, places: int, after: int, updates: int
) -> None:
    """The result [before, places, after] from the winners in scratch memory; ``after`` in words."""
    out, source, update = op.outputs[0], op.input(0), op.input(2)
    rows = _rows(before, places, after, updates, update.size == 1 and not update.shape)
    arguments: list[Argument] = [
        out.pointer,
        source.pointer,
        update.pointer,
        np.uint64(op.scratch),
        rows,
    ]
    count = before * places * after
    launch_each(encoder, word_source("scatter.cu", word), "scatter_winners", count, arguments)


def _rows(before: int, places: int, after: int, updates: int, same: bool) -> np.ndarray:
    rows = np.zeros(1, _ROWS)
    rows["count"], rows["updates"], rows["same_update"] = before * places * after, updates, same
    rows["places"], rows["after"] = divisor(places), divisor(after)
    return rows


def _encode_unchanged(encoder: Encoder, op: Lowering) -> None:
    encoder.copy(op.outputs[0].address, op.input(0).address, op.outputs[0].nbytes)


def _updates_rows(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    """Whether the updates of ScatterUpdate have the shape that the axis demands, or are one number."""
    if not _gathers(node, inputs, outputs) or inputs[3].known is None:
        return False
    data, indices, updates = (sizes_of(value) for value in inputs[:3])
    axis = int(np.asarray(inputs[3].known).reshape(-1)[0]) % len(data)
    return updates == () or updates == (*data[:axis], *indices, *data[axis + 1 :])


def _largest_axis_scratch(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> int:
    return 4 * max(sizes_of(outputs[0]), default=1)


@lowers("ScatterUpdate", accepts=_updates_rows, scratch=_largest_axis_scratch, known_inputs=(3,))
def scatter_update(encoder: Encoder, op: Lowering) -> None:
    data, indices, updates, out = op.input(0), op.input(1), op.input(2), op.outputs[0]
    if not indices.size:
        _encode_unchanged(encoder, op)
        return
    axis = known_numbers(op, 3)[0] % len(data.shape)
    size, before = data.shape[axis], math.prod(data.shape[:axis])
    run = math.prod(data.shape[axis + 1 :]) * _itemsize(data)
    same = not updates.shape
    word = _itemsize(data) if same else _word(run, data, updates, out)
    after = run // word
    if indices.size <= _FEW:
        rows = _rows(before, size, after, indices.size, same)
        tensors: list[Argument] = [t.pointer for t in (out, data, updates, indices)]
        source = word_source("scatter.cu", word, indices.type)
        arguments: list[Argument] = [*tensors, np.uint32(indices.size), rows]
        launch_each(encoder, source, "scatter_few", before * size * after, arguments)
        return
    encoder.fill(op.scratch, 0xFF, 4 * size)
    arguments = [np.uint64(op.scratch), indices.pointer, np.int64(size), np.uint32(indices.size)]
    source = word_source("scatter.cu", word, indices.type)
    launch_each(encoder, source, "mark_rows", indices.size, arguments)
    _encode_winners(encoder, op, word, before, size, after, indices.size)


_REDUCTIONS = {"none": 0, "sum": 1, "mean": 1, "sub": 2, "prod": 3, "min": 4, "max": 5}


def _reduction(node: Node) -> str:
    return str(node.attributes.get("reduction", "none")).lower()


def _reduces(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    """As :func:`_gathers`; with a reduction only numbers."""
    plain = _reduction(node) == "none"
    numeric = outputs[0].type in STORAGE_NAMES and outputs[0].type is not Type.boolean
    return (plain or numeric) and _gathers(node, inputs, outputs)


def _per_element_scratch(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> int:
    return 4 * math.prod(sizes_of(outputs[0]))


def _neutral(reduction: str, storage: Type) -> np.ndarray:
    """What a reduction starts with where the old value does not count, as one element of the storage type."""
    dtype = np.dtype(storage.host_dtype)
    if reduction in ("min", "max"):
        sign = 1 if reduction == "min" else -1
        if storage.is_real():
            return np.array([sign * math.inf]).astype(dtype)
        limits = np.iinfo(dtype)
        return np.array([limits.max if sign > 0 else limits.min], dtype)
    return np.array([1 if reduction == "prod" else 0]).astype(dtype)


@lowers("ScatterElementsUpdate", accepts=_reduces, scratch=_per_element_scratch, known_inputs=(3,))
def scatter_elements_update(encoder: Encoder, op: Lowering) -> None:
    data, indices, updates, out = op.input(0), op.input(1), op.input(2), op.outputs[0]
    if not indices.size:
        _encode_unchanged(encoder, op)
        return
    axis = known_numbers(op, 3)[0] % len(data.shape)
    places = axis_places(indices, data.shape, axis)
    reduction = _reduction(op.node)
    scratch = np.uint64(op.scratch)
    if reduction == "none":
        encoder.fill(op.scratch, 0xFF, 4 * out.size)
        word = _itemsize(data)
        source = word_source("scatter.cu", word, indices.type)
        launch_each(
            encoder, source, "mark_elements", indices.size, [scratch, indices.pointer, places]
        )
        _encode_winners(encoder, op, word, 1, out.size, 1, indices.size)
        return
    _encode_unchanged(encoder, op)
    source = element_source("scatter_reduce.cu", out.storage, indices.type)
    neutral = _neutral(reduction, out.storage)
    nothing = np.uint64(0)

    def reduce(values: np.uint64, counts: np.uint64, how: int) -> None:
        arguments: list[Argument] = [
            out.pointer,
            values,
            indices.pointer,
            counts,
            neutral,
            np.uint32(how),
            places,
        ]
        launch_each(encoder, source, "scatter_reduce_elements", indices.size, arguments)

    old_counts = bool(op.attributes["use_init_val"])
    if not old_counts:
        reduce(nothing, nothing, _REDUCTIONS["none"])
    mean = reduction == "mean"
    if mean:
        encoder.fill(op.scratch, 0, 4 * out.size)
    reduce(updates.pointer, scratch if mean else nothing, _REDUCTIONS[reduction])
    if mean:
        arguments: list[Argument] = [
            out.pointer,
            scratch,
            np.uint32(old_counts),
            np.uint32(out.size),
        ]
        launch_each(encoder, source, "divide_by_counts", out.size, arguments)


def _tuple_scratch(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> int:
    length = sizes_of(inputs[1])[-1]
    return 4 * math.prod(sizes_of(outputs[0])[:length])


@lowers("ScatterNDUpdate", accepts=_reduces, scratch=_tuple_scratch)
def scatter_nd_update(encoder: Encoder, op: Lowering) -> None:
    data, indices, updates, out = op.input(0), op.input(1), op.input(2), op.outputs[0]
    if not indices.size and indices.shape[-1]:
        _encode_unchanged(encoder, op)
        return
    length = indices.shape[-1]
    places = tuple_places(indices, data.shape, 0)
    slices, tuples = math.prod(data.shape[:length]), math.prod(indices.shape[:-1])
    run = math.prod(data.shape[length:])
    reduction = _reduction(op.node)
    if reduction != "none":
        _encode_unchanged(encoder, op)
        source = element_source("scatter_reduce.cu", out.storage, indices.type)
        tensors: list[Argument] = [out.pointer, updates.pointer, indices.pointer]
        how = np.uint32(_REDUCTIONS[reduction])
        count = tuples * run
        arguments: list[Argument] = [*tensors, how, places, divisor_argument(run), np.uint32(count)]
        launch_each(encoder, source, "scatter_reduce_tuples", count, arguments)
        return
    encoder.fill(op.scratch, 0xFF, 4 * slices)
    word = _word(run * _itemsize(data), data, updates, out)
    source = word_source("scatter.cu", word, indices.type)
    marks: list[Argument] = [np.uint64(op.scratch), indices.pointer, places]
    launch_each(encoder, source, "mark_tuples", tuples, marks)
    _encode_winners(encoder, op, word, 1, slices, run * _itemsize(data) // word, tuples)


# ---- OneHot, Eye
def _one_hot_fits(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    fits = is_movable(outputs[0].type) and inputs[0].type in INDEX_NAMES
    return fits and countable(outputs[0])


@lowers("OneHot", accepts=_one_hot_fits)
def one_hot(encoder: Encoder, op: Lowering) -> None:
    indices, on, off, out = op.input(0), op.input(2), op.input(3), op.outputs[0]
    axis = op.attributes["axis"] % len(out.shape)
    wraps = op.attributes.get("negative_indices_mode", "ignore_negative") == "normalize"
    arguments: list[Argument] = [t.pointer for t in (out, indices, on, off)]
    sizes = [divisor_argument(n) for n in (out.shape[axis], math.prod(out.shape[axis + 1 :]))]
    source = word_source("gather.cu", _itemsize(out), indices.type)
    arguments += [*sizes, np.uint32(wraps), np.uint32(out.size)]
    launch_each(encoder, source, "one_hot", out.size, arguments)


def _eye_fits(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    return is_movable(outputs[0].type) and countable(outputs[0])


@lowers("Eye", accepts=_eye_fits, known_inputs=(0, 1, 2, 3))
def eye(encoder: Encoder, op: Lowering) -> None:
    out = op.outputs[0]
    one = np.ones(1).astype(out.storage.host_dtype).tobytes().ljust(8, b"\0")
    rows, columns = (divisor_argument(n) for n in out.shape[-2:])
    offset = np.int64(known_numbers(op, 2)[0])
    arguments: list[Argument] = [out.pointer, np.frombuffer(one, np.uint64), rows, columns, offset]
    source = word_source("gather.cu", _itemsize(out))
    launch_each(encoder, source, "diagonal", out.size, [*arguments, np.uint32(out.size)])
