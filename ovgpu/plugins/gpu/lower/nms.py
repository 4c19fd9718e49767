"""NonMaxSuppression, hard and soft, in all its versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ovgpu.execution.memory import align, next_power_of_two
from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.divisor import DIVISOR, divisor
from ovgpu.plugins.gpu.encoder import LARGEST_GRID, THREADS, Encoder, blocks_for
from ovgpu.plugins.gpu.lower.common import sizes_of
from ovgpu.plugins.gpu.lower.indexing import INDEX_NAMES, element_source
from ovgpu.plugins.gpu.lower.sorting import encode_sums
from ovgpu.plugins.gpu.registry import Lowering, lowers
from ovgpu.plugins.gpu.strided import LARGEST_COUNT

#: Threads of a block that selects boxes.
_MOST_THREADS = 512

#: Versions with a fixed number of rows, unused ones filled with -1; the others say how many they found.
_FIXED_VERSIONS = ("opset1", "opset3", "opset4")

#: Inputs that may be absent.
_LIMIT, _OVERLAP, _SCORE, _SIGMA = 2, 3, 4, 5

_FLOATS = (Type.f32, Type.f16, Type.bf16)

_THRESHOLD = np.dtype([("input", "u8"), ("known", "f4")], align=True)
_SUPPRESSION = np.dtype(
    [
        ("rows", "u4"),
        ("boxes", "u4"),
        ("classes", DIVISOR),
        ("room", DIVISOR),
        ("sorted", "u4"),
        ("limit_is_wide", "u4"),
        ("limit", "u8"),
        ("overlap", _THRESHOLD),
        ("score", _THRESHOLD),
        ("sigma", _THRESHOLD),
    ],
    align=True,
)


@dataclass(frozen=True)
class _Sizes:
    """Images, classes, boxes of an image, and how many of them are selected for a class at most."""

    images: int
    classes: int
    boxes: int
    room: int

    @property
    def rows(self) -> int:
        return self.images * self.classes

    @property
    def most(self) -> int:
        """The largest number of selected boxes."""
        return self.rows * self.room

    def scratch(self, score_bytes: int) -> tuple[dict[str, int], int]:
        """Offsets of what ``kernels/nms.cu`` keeps between its steps, and bytes of all of it."""
        parts = {
            "corners": 16 * self.images * self.boxes,
            "candidates": 4 * self.rows * self.boxes,
            "values": score_bytes * self.rows * self.boxes,
            "counts": 4 * (self.rows + 1),
            "kept": 4 * self.most,
            "scores": 4 * self.most,
        }
        offsets, total = {}, 0
        for name, nbytes in parts.items():
            offsets[name] = total
            total += align(nbytes, 16)
        return offsets, total


def _sizes(boxes: Sequence[int], scores: Sequence[int], limit: np.ndarray | None) -> _Sizes:
    """``limit``: boxes to select for each class, when known (without elements: 0)."""
    room = boxes[1]
    if limit is not None:
        room = min(room, max(int(limit.reshape(-1)[0]), 0) if limit.size else 0)
    return _Sizes(scores[0], scores[1], boxes[1], room)


def _sizes_of_values(inputs: Sequence[Value]) -> _Sizes:
    limit = inputs[_LIMIT].known if len(inputs) > _LIMIT else np.zeros(0)
    return _sizes(sizes_of(inputs[0]), sizes_of(inputs[1]), limit)


def _is_read(inputs: Sequence[Value], index: int) -> bool:
    """Whether the kernels read this input, because it is not known while planning."""
    return index < len(inputs) and inputs[index].known is None


def _fits(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    read = [i for i in (_OVERLAP, _SCORE, _SIGMA) if _is_read(inputs, i)]
    if any(inputs[i].type not in _FLOATS for i in (0, 1, *read)):
        return False
    if _is_read(inputs, _LIMIT) and inputs[_LIMIT].type not in INDEX_NAMES:
        return False
    sizes = _sizes_of_values(inputs)
    largest = max(sizes.images, sizes.rows) * sizes.boxes
    return outputs[0].type in INDEX_NAMES and largest <= LARGEST_COUNT


def _scratch(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> int:
    soft = len(inputs) > _SIGMA
    return _sizes_of_values(inputs).scratch(8 if soft else 4)[1]


def _outputs(node: Node, inputs: Sequence[Value], count: int | None) -> Sequence[Value]:
    """Selected (image, class, box), (image, class, score), and their number, which is known once they were counted."""
    table = PartialShape.of([_sizes_of_values(inputs).most if count is None else count, 3])
    kind = node.attributes["output_type"]
    number = None if count is None else np.array([count], kind.host_dtype)
    return [
        Value(kind, table),
        Value(Type.f32, table),
        Value(kind, PartialShape.of([1]), number),
    ]


def _known(op: Lowering, index: int) -> np.ndarray | None:
    """Elements of an optional input; those of an absent one are none."""
    tensor = op.inputs[index] if index < len(op.inputs) else None
    return np.zeros(0) if tensor is None or not tensor.size else tensor.known


def _threshold(op: Lowering, index: int) -> np.ndarray:
    """A number for the kernels, 0 when it is absent."""
    known = _known(op, index)
    threshold = np.zeros(1, _THRESHOLD)
    if known is None:
        threshold["input"] = op.input(index).address
    elif known.size:
        threshold["known"] = known.reshape(-1)[0]
    return threshold


def _is_soft(op: Lowering) -> bool:
    sigma = _known(op, _SIGMA)
    return sigma is None or bool((sigma.reshape(-1)[:1] > 0).any())


def _suppression(op: Lowering, sizes: _Sizes) -> np.ndarray:
    s = np.zeros(1, _SUPPRESSION)
    s["rows"], s["boxes"] = sizes.rows, sizes.boxes
    s["classes"], s["room"] = divisor(sizes.classes), divisor(sizes.room)
    s["sorted"] = op.attributes["sort_result_descending"]
    if _known(op, _LIMIT) is None:
        limit = op.input(_LIMIT)
        s["limit"], s["limit_is_wide"] = limit.address, limit.type is Type.i64
    s["overlap"], s["score"] = _threshold(op, _OVERLAP), _threshold(op, _SCORE)
    s["sigma"] = _threshold(op, _SIGMA)
    return s


def _encode(encoder: Encoder, op: Lowering) -> None:
    """Select the boxes of each row in a block of its own, then write the rows behind each other or by score."""
    boxes, scores, indices = op.input(0), op.input(1), op.outputs[0]
    table, number = op.outputs[1:] if len(op.outputs) > 1 else (None, None)
    sizes = _sizes(boxes.shape, scores.shape, _known(op, _LIMIT))
    if not sizes.most:
        encoder.fill(op.count, 0, 4 if op.count else 0)
        if number is not None:
            encoder.fill(number.address, 0, number.nbytes)
        return
    soft = _is_soft(op)
    offsets, _ = sizes.scratch(8 if soft else 4)
    at = {name: np.uint64(op.scratch + offset) for name, offset in offsets.items()}
    s = _suppression(op, sizes)
    text = "#define SOFT\n" * soft + element_source("nms.cu", scores.storage, indices.type)
    count = sizes.images * sizes.boxes
    vector = boxes.address % (4 * boxes.storage.size) == 0
    options = [np.uint32(n) for n in (count, op.attributes["box_encoding"] == "center", vector)]
    arguments = [at["corners"], boxes.pointer, *options]
    encoder.launch(text, "nms_corners", blocks_for(count), THREADS, arguments)
    # A thread has several candidates rather than none, since all threads meet for each selected box.
    threads = min(_MOST_THREADS, max(32, next_power_of_two(sizes.boxes) // 4))
    places = [at[name] for name in ("counts", "kept", "scores", "candidates", "values", "corners")]
    grid = min(sizes.rows, LARGEST_GRID)
    encoder.launch(text, "nms_select", grid, threads, [*places, scores.pointer, s])
    encode_sums(encoder, text, int(at["counts"]), sizes.rows, op.count)
    results = [np.uint64(t.address if t is not None else 0) for t in (indices, table, number)]
    made = [at["counts"], at["kept"], at["scores"], np.uint32(indices.shape[0]), s]
    encoder.launch(text, "nms_write", blocks_for(sizes.most), THREADS, [*results, *made])


@lowers("NonMaxSuppression", accepts=_fits, scratch=_scratch, counted=_outputs)
def non_max_suppression(encoder: Encoder, op: Lowering) -> None:
    """As many rows as boxes are selected, and their number."""
    _encode(encoder, op)


def _lower_fixed(encoder: Encoder, op: Lowering) -> None:
    """Rows that are left over are -1, that is all bits set."""
    encoder.fill(op.outputs[0].address, 0xFF, op.outputs[0].nbytes)
    _encode(encoder, op)


for _version in _FIXED_VERSIONS:
    lowers("NonMaxSuppression", version=_version, accepts=_fits, scratch=_scratch)(_lower_fixed)
