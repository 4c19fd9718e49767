"""Rotary position embedding as exporters write it becomes one operation (Su et al., "RoFormer", 2021).

Those of query and key, which are parts of one product, are computed together; a value that a cache takes goes with them
to where it belongs.
"""

from __future__ import annotations

import numpy as np

from ovgpu.graph.any import OVAny
from ovgpu.graph.model import Model
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.port import Output
from ovgpu.ops.fused import HEADS_FIRST, LENGTH_FIRST
from ovgpu.passes.graph_editing import constant_array, fused_names, only_consumer, replace_by
from ovgpu.plugins.gpu.lower.rotary import MOST_PARTS

#: Exchanges heads and length.
_EXCHANGE = (0, 2, 1, 3)


def fuse_rotary_embedding(model: Model) -> None:
    """Replace ``x * cosine + concat(-x[half:], x[:half]) * sine`` on 4-D tensors by RotaryEmbedding."""
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Add":
            _fuse(node)


def _fuse(add: Node) -> None:
    if add.output(0).value.rank != 4:
        return
    for index in (0, 1):
        straight, turned = add.input_value(index), add.input_value(1 - index)
        if any(
            s.node.get_type_name() != "Multiply" or only_consumer(s) is not add
            for s in (straight, turned)
        ):
            continue
        found = _parts(straight.node, turned.node)
        if found is None:
            continue
        data, cosine, sine, fused = found
        layout = HEADS_FIRST
        if data.node.get_type_name() == "Transpose":
            order = constant_array(data.node.input_value(1))
            if order is not None and tuple(order.reshape(-1)) == _EXCHANGE:
                data, layout = data.node.input_value(0), LENGTH_FIRST
        made = make_node(
            "RotaryEmbedding", [cosine, sine, data], "ovgpu", layouts=[layout, HEADS_FIRST]
        )
        replace_by(add, made, [*fused, straight.node, turned.node, add])
        return


def _parts(straight: Node, turned: Node) -> tuple[Output, Output, Output, list[Node]] | None:
    """Data, cosine, sine and the nodes between, when ``turned`` multiplies the turned data of ``straight``."""
    for index in (0, 1):
        halves, sine = turned.input_value(index), turned.input_value(1 - index)
        if halves.node.get_type_name() != "Concat" or only_consumer(halves) is not turned:
            continue
        found = _turned(halves.node)
        if found is None:
            continue
        data, fused = found
        for position in (0, 1):
            cosine = straight.input_value(1 - position)
            if (
                straight.input_value(position) == data
                and _is_angle(cosine, data)
                and _is_angle(sine, data)
            ):
                return data, cosine, sine, fused
    return None


def _is_angle(angle: Output, data: Output) -> bool:
    """Whether ``angle`` has a number for each element of a head."""
    value = angle.value
    if value.type is not data.value.type or value.rank is None or not 1 <= value.rank <= 4:
        return False
    last, size = value.dims[-1], data.value.dims[-1]
    return last.is_static and size.is_static and last.get_length() == size.get_length()


def _turned(concat: Node) -> tuple[Output, list[Node]] | None:
    """The data of which ``concat`` is [-second half, first half] along the last axis."""
    rank = concat.output(0).value.rank
    if (
        concat.get_input_size() != 2
        or rank is None
        or concat.attributes["axis"] not in (-1, rank - 1)
    ):
        return None
    negated, first = concat.input_value(0), concat.input_value(1)
    source = _negated(negated)
    if source is None or only_consumer(negated) is not concat:
        return None
    second_half, first_half = _half(source), _half(first)
    if second_half is None or first_half is None or second_half[0] != first_half[0]:
        return None
    if (second_half[1], first_half[1]) != (1, 0):
        return None
    return second_half[0], [source.node, negated.node, first.node, concat]


def _negated(output: Output) -> Output | None:
    """What ``output`` is the negative of."""
    node = output.node
    if node.get_type_name() == "Negative":
        return node.input_value(0)
    if node.get_type_name() != "Multiply":
        return None
    for index in (0, 1):
        array = constant_array(node.input_value(index))
        if array is not None and array.size == 1 and float(array.reshape(-1)[0]) == -1:
            return node.input_value(1 - index)
    return None


def _half(output: Output) -> tuple[Output, int] | None:
    """The tensor of which ``output`` is one half along the last axis, and which one: 0 or 1."""
    node = output.node
    name = node.get_type_name()
    source = node.input_value(0) if node.get_input_size() else output
    rank = source.value.rank
    if rank is None or not rank or source.value.dims[-1].is_dynamic:
        return None
    size = source.value.dims[-1].get_length()
    if size % 2:
        return None
    constants = [constant_array(s) for s in node.input_values()[1:]]
    if any(c is None for c in constants):
        return None
    numbers = [c.reshape(-1) for c in constants if c is not None]
    if name == "Slice" and len(numbers) == 4 and all(n.size == 1 for n in numbers):
        begin, end, step, axis = (int(n[0]) for n in numbers)
        if step == 1 and axis in (-1, rank - 1):
            return _which_half(source, begin, end, size)
    elif name in ("Split", "VariadicSplit") and numbers and numbers[0].size == 1:
        halves = name == "Split" or np.array_equal(numbers[1], [size // 2] * 2)
        parts = node.attributes.get("num_splits", 2)
        if int(numbers[0][0]) in (-1, rank - 1) and halves and parts == 2:
            return source, output.index
    return None


def _which_half(source: Output, begin: int, end: int, size: int) -> tuple[Output, int] | None:
    begin = begin + size if begin < 0 else begin
    end = min(end + size if end < 0 else end, size)
    return {(0, size // 2): (source, 0), (size // 2, size): (source, 1)}.get((begin, end))


# ---- parts of one product -------------------------------------------------------------------------------------------
def merge_rotary_embeddings(model: Model) -> None:
    """Compute the embeddings of parts of one tensor with the same angles together."""
    for node in model.get_ordered_ops():
        if node.get_type_name() == "VariadicSplit":
            _merge(node)


def _merge(split: Node) -> None:
    embeddings: dict[tuple[int, int, int, int], list[Node]] = {}
    values: list[Node] = []
    for output in split.outputs():
        reader = only_consumer(output)
        if reader is None or reader.get_type_name() != "Reshape":
            continue
        follower = only_consumer(reader.output(0))
        if follower is None:
            continue
        name = follower.get_type_name()
        if name == "RotaryEmbedding" and follower.input_value(2).node is reader:
            cosine, sine = follower.input_value(0), follower.input_value(1)
            key = (id(cosine.node), cosine.index, id(sine.node), sine.index)
            embeddings.setdefault(key, []).append(follower)
        elif name == "Transpose" and _is_cached_value(follower):
            values.append(follower)
    for nodes in embeddings.values():
        group = (nodes + values)[:MOST_PARTS]
        alike = len({n.output(0).value.type for n in group}) == 1
        if len(group) > 1 and alike and not _depends(nodes[0].input_values()[:2], split):
            _together(nodes[0], group)
            values = [v for v in values if v not in group]


def _is_cached_value(transpose: Node) -> bool:
    """Whether heads and length are exchanged for a cache, which would copy the rows otherwise."""
    order = constant_array(transpose.input_value(1))
    reader = only_consumer(transpose.output(0))
    return (
        order is not None
        and tuple(order.reshape(-1)) == _EXCHANGE
        and reader is not None
        and reader.get_type_name() == "KeyValueCache"
        and reader.input_value(1).node is transpose
    )


def _depends(outputs: list[Output], on: Node) -> bool:
    """Whether outputs are computed from those of ``on``."""
    seen: set[Node] = set()
    waiting = [o.node for o in outputs]
    while waiting:
        node = waiting.pop()
        if node is on:
            return True
        if node not in seen:
            seen.add(node)
            waiting += [s.node for s in node.input_values()]
    return False


def _together(first: Node, group: list[Node]) -> None:
    layouts: list[str] = []
    turned: list[int] = []
    for node in group:
        turns = node.get_type_name() == "RotaryEmbedding"
        turned.append(int(turns))
        layouts += node.attributes["layouts"] if turns else [LENGTH_FIRST, HEADS_FIRST]
    data = [n.input_value(2) if t else n.input_value(0) for n, t in zip(group, turned)]
    made = make_node(
        "RotaryEmbedding",
        [*first.input_values()[:2], *data],
        "ovgpu",
        layouts=layouts,
        turned=turned,
    )
    made.friendly_name = first.get_friendly_name()
    names = dict.fromkeys(name for node in group for name in fused_names(node))
    made.rt_info["fused_names"] = OVAny(",".join(names))
    for index, node in enumerate(group):
        node.output(0).replace(made.output(index))
