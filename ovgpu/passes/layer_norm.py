"""Layer normalisation: MVN over the last axis, times gamma, plus beta, becomes one operation."""

from __future__ import annotations

import numpy as np

from ovgpu.graph.model import Model
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.special import Constant
from ovgpu.passes.graph_editing import (
    constant_array,
    only_consumer,
    other_operand,
    per_channel,
    replace_by,
)


def fuse_layer_norm(model: Model) -> None:
    """Fuse every MVN over the last axis with the multiplication and addition of constants after it."""
    for node in model.get_ordered_ops():
        epsilon = _last_axis_epsilon(node)
        if epsilon is None:
            continue
        fused = [node]
        vectors: list[np.ndarray] = []
        for name in ("Multiply", "Add"):
            found = _constant_after(fused[-1], name)
            if found is None:
                break
            fused.append(found[0])
            vectors.append(found[1])
        if len(vectors) < 2:
            continue
        element_type = node.output(0).value.type
        constants = [Constant.from_host(element_type, np.ascontiguousarray(v)) for v in vectors]
        made = make_node("LayerNorm", [node.input_value(0), *constants], "ovgpu", epsilon=epsilon)
        replace_by(fused[-1], made, fused)


def _last_axis_epsilon(node: Node) -> float | None:
    """Epsilon of an MVN that normalises the last axis with the variance under the root, else None."""
    if node.get_type_name() != "MVN" or node.get_type_info().version_id != "opset6":
        return None
    rank = node.input_value(0).value.rank
    axes = constant_array(node.input_value(1))
    attributes = node.attributes
    if (
        rank is None
        or axes is None
        or axes.size != 1
        or int(axes.reshape(-1)[0]) % rank != rank - 1
    ):
        return None
    if str(attributes["eps_mode"]).upper() != "INSIDE_SQRT" or not attributes["normalize_variance"]:
        return None
    return attributes["eps"] if node.output(0).value.type.is_real() else None


def _constant_after(node: Node, name: str) -> tuple[Node, np.ndarray] | None:
    """The only consumer, when it is a ``name`` with a constant along the last axis, and that constant as a vector."""
    output = node.output(0)
    follower = only_consumer(output)
    if follower is None or follower.get_type_name() != name:
        return None
    found = other_operand(follower, output)
    array = None if found is None else constant_array(found[1])
    last = output.value.dims[-1]
    if array is None or last.is_dynamic or output.value.rank is None:
        return None
    rank = output.value.rank
    vector = per_channel(array, rank, rank - 1, last.get_length())
    return None if vector is None else (follower, vector)
