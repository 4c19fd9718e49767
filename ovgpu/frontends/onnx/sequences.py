"""Sequences of tensors whose length is known when the model is read: lists of values, no operations.

This is what exporters write for splits and stacks. Sequences that models take or return, or that grow in a Loop, are
not tensors and cannot be represented.
"""

from __future__ import annotations

import numpy as np

from ovgpu.frontends.onnx.translation import (
    OnnxOp,
    Sequence,
    constant,
    make,
    make_node,
    translates,
)
from ovgpu.graph.port import Output


def _sequence(op: OnnxOp, index: int = 0) -> Sequence:
    found = op.inputs[index] if index < len(op.inputs) else None
    if not isinstance(found, Sequence):
        raise RuntimeError(f"input {index} is no sequence")
    return found


def _position(op: OnnxOp, index: int, default: int) -> int:
    given = op.optional(index)
    return default if given is None else int(op.known(index).reshape(-1)[0])


@translates("SequenceEmpty")
def sequence_empty(op: OnnxOp) -> Sequence:
    return Sequence()


@translates("SequenceConstruct")
def sequence_construct(op: OnnxOp) -> Sequence:
    return Sequence(op.input(i) for i in range(len(op.inputs)))


@translates("SequenceInsert")
def sequence_insert(op: OnnxOp) -> Sequence:
    items = Sequence(_sequence(op))
    items.insert(_position(op, 2, len(items)), op.input(1))
    return items


@translates("SequenceErase")
def sequence_erase(op: OnnxOp) -> Sequence:
    items = Sequence(_sequence(op))
    del items[_position(op, 1, -1)]
    return items


@translates("SequenceAt")
def sequence_at(op: OnnxOp) -> Output:
    return _sequence(op)[_position(op, 1, 0)]


@translates("SequenceLength")
def sequence_length(op: OnnxOp) -> Output:
    return constant(np.int64(len(_sequence(op))))


@translates("ConcatFromSequence")
def concat_from_sequence(op: OnnxOp) -> Output:
    items, axis = list(_sequence(op)), op.attribute("axis")
    if op.attribute("new_axis", 0):
        items = [make("unsqueeze", item, constant([axis])) for item in items]
    return make("concat", items, axis)


@translates("SplitToSequence")
def split_to_sequence(op: OnnxOp) -> Sequence:
    data, axis, given = op.input(0), op.attribute("axis", 0), op.optional(1)
    dimension = data.value.dims[axis]
    if given is not None and given.value.rank == 1:
        parts = op.known(1).astype(np.int64)
        node = make_node("variadic_split", data, constant(axis), constant(parts))
        return Sequence(node.outputs())
    if dimension.is_dynamic:
        raise RuntimeError("the size of the split axis is not known")
    length = dimension.get_length()
    step = 1 if given is None else int(op.known(1))
    sizes = [min(step, length - start) for start in range(0, length, step)]
    node = make_node("variadic_split", data, constant(axis), constant(np.array(sizes, np.int64)))
    if given is None and not op.attribute("keepdims", 1):
        return Sequence(make("squeeze", part, constant([axis])) for part in node.outputs())
    return Sequence(node.outputs())
