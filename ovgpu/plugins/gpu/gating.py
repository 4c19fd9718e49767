"""Gated layers: two products of one tensor, one of them activated, that are multiplied become one gated product.

Dauphin et al., "Language modeling with gated convolutional networks" (2017); Shazeer, "GLU variants" (2020).
"""

from __future__ import annotations

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.model import Model
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant
from ovgpu.passes.graph_editing import only_consumer, replace_by
from ovgpu.passes.layer_fusion import activation_step
from ovgpu.plugins.gpu.variants import knows_activations

_FLOATS = (Type.f32, Type.f16, Type.bf16)


def fuse_gates(model: Model) -> None:
    """Replace ``activation(x A) * (x B)`` with constant A and B of one shape by one product with both."""
    changed = False
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Multiply":
            changed |= _fuse(node)
    if changed:
        model.validate_nodes_and_infer_types()


def _fuse(multiply: Node) -> bool:
    for index in (0, 1):
        activated, second = multiply.input_value(index), multiply.input_value(1 - index)
        step = activation_step(activated.node)
        if step is None or not knows_activations([step[0]]):
            continue
        first = activated.node.input_value(0)
        if (
            only_consumer(activated) is multiply
            and only_consumer(first) is activated.node
            and only_consumer(second) is multiply
            and _fit(first, second)
        ):
            nodes = [first.node, activated.node, second.node, multiply]
            replace_by(multiply, _gated(first.node, second.node, *step), nodes)
            return True
    return False


def _fit(first: Output, second: Output) -> bool:
    """Whether two products differ in nothing but the values of their weights."""
    one, other = first.node, second.node
    name = one.get_type_name()
    if (
        name not in ("MatMul", "CompressedMatMul")
        or other.get_type_name() != name
        or one.get_input_size() != other.get_input_size()
        or one.input_value(0) != other.input_value(0)
        or one.attributes != other.attributes
        or one.attributes.get("transpose_a")
        or first.value.type not in _FLOATS
        or one.input_value(0).value.rank in (None, 0, 1)
    ):
        return False
    ours, theirs = one.input_values()[1:], other.input_values()[1:]
    alike = all(
        isinstance(a.node, Constant)
        and isinstance(b.node, Constant)
        and a.value.type is b.value.type
        and a.value.shape == b.value.shape
        for a, b in zip(ours, theirs, strict=True)
    )
    return alike and (name == "CompressedMatMul" or ours[0].value.rank == 2)


def _gated(first: Node, second: Node, activation: str, parameters: list[float]) -> Node:
    """One product with the weights of both: by rows where a row of weights makes a column of the result."""
    attributes = dict(first.attributes)
    by_row = first.get_type_name() == "CompressedMatMul" or attributes["transpose_b"]
    inputs = [first.input_value(0)]
    for ours, theirs in zip(first.input_values()[1:], second.input_values()[1:], strict=True):
        arrays = [s.node.host_array() for s in (ours, theirs) if isinstance(s.node, Constant)]
        both = np.concatenate(arrays, 0 if by_row else 1)
        inputs.append(Constant.from_host(ours.value.type, both).output(0))
    if first.get_type_name() == "MatMul":
        name = "MatMulBiasActivation"
    else:
        name = "CompressedMatMul"
    attributes |= {
        "activations": [activation],
        "activation_parameters": parameters,
        "gated": True,
    }
    return make_node(name, inputs, "ovgpu", **attributes)
