"""Products that read one tensor become one product with all their weights: query, key and value; gate and projection.

The results are parts of a row of the larger one. So this is done only where readers take parts of rows as they lie:
others would copy them first, which costs what was saved.
"""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from ovgpu.graph.any import OVAny
from ovgpu.graph.element_type import Type
from ovgpu.graph.model import Model
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant
from ovgpu.passes.graph_editing import fused_names

_PRODUCTS = frozenset({"MatMul", "MatMulBiasActivation", "CompressedMatMul"})

#: Rearrangements that keep rows where they are, and operations that read them there.
_PASSING = frozenset({"Reshape", "Transpose", "Unsqueeze", "Squeeze"})
_READERS = frozenset(
    {
        "Attention",
        "RotaryEmbedding",
        "Concat",
        "Multiply",
        "Add",
        "Swish",
        "Gelu",
        "Sigmoid",
        "Relu",
    }
)


def merge_products(model: Model) -> None:
    """Merge products of one tensor with constant weights that differ in nothing but the weights."""
    groups: dict[Hashable, list[Node]] = {}
    for node in model.get_ordered_ops():
        key = _key(node)
        if key is not None:
            groups.setdefault(key, []).append(node)
    merged = False
    for nodes in groups.values():
        if len(nodes) > 1:
            _merge(nodes)
            merged = True
    if merged:
        model.validate_nodes_and_infer_types()


def _key(node: Node) -> Hashable | None:
    """What products that can be merged have in common; None for other nodes."""
    name = node.get_type_name()
    if name not in _PRODUCTS or node.attributes.get("gated"):
        return None
    inputs, attributes = node.input_values(), node.attributes
    data, constants = inputs[0], [s.node for s in inputs[1:]]
    if data.value.rank in (None, 0, 1) or not all(isinstance(c, Constant) for c in constants):
        return None
    if not _readers_take_parts(node.output(0)):
        return None
    common = (id(data.node), data.index, name, len(inputs))
    activation = (
        tuple(attributes.get("activations", ())),
        tuple(attributes.get("activation_parameters", ())),
    )
    types = tuple(c.get_element_type().to_string() for c in constants)
    shapes = [tuple(c.get_output_shape(0)) for c in constants]
    if name == "CompressedMatMul":
        # Rows of weights come first everywhere.
        return (
            *common,
            activation,
            types,
            tuple(attributes["operands"]),
            tuple(s[1:] for s in shapes),
        )
    if len(shapes[0]) != 2 or attributes["transpose_a"] or inputs[1].value.type is Type.i32:
        return None
    if len(shapes) > 1 and shapes[1] != (shapes[0][0 if attributes["transpose_b"] else 1],):
        return None
    return (*common, activation, types, attributes["transpose_b"])


def _readers_take_parts(output: Output) -> bool:
    waiting, found = [output], False
    while waiting:
        for target in waiting.pop().get_target_inputs():
            reader = target.get_node()
            name = reader.get_type_name()
            if name in _PASSING and target.get_index() == 0:
                waiting.append(reader.output(0))
            elif name in _READERS:
                found = True
            elif name != "ShapeOf":
                return False
    return found


def _merge(nodes: list[Node]) -> None:
    first = nodes[0]
    name, attributes = first.get_type_name(), first.attributes
    by_row = name == "CompressedMatMul" or attributes["transpose_b"]
    inputs = [first.input_value(0)]
    for index in range(1, first.get_input_size()):
        parts = [node.input_value(index).node for node in nodes]
        assert all(isinstance(part, Constant) for part in parts)
        arrays = [part.host_array() for part in parts if isinstance(part, Constant)]
        axis = 0 if by_row or index > 1 else 1
        inputs.append(
            Constant.from_host(parts[0].get_element_type(), np.concatenate(arrays, axis)).output(0)
        )
    counts = [node.output(0).value.dims[-1].get_length() for node in nodes]
    made = make_node(name, inputs, _version(first), **attributes)
    made.friendly_name = first.get_friendly_name()
    names = dict.fromkeys(n for node in nodes for n in fused_names(node))
    made.rt_info["fused_names"] = OVAny(",".join(names))
    last = Constant.from_host(Type.i64, np.array(-1, np.int64))
    lengths = Constant.from_host(Type.i64, np.array(counts, np.int64))
    split = make_node("VariadicSplit", [made, last, lengths])
    for index, node in enumerate(nodes):
        node.output(0).replace(split.output(index))


def _version(node: Node) -> str:
    return "opset1" if node.get_type_name() == "MatMul" else "ovgpu"
