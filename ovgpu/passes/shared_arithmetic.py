"""Shape arithmetic that is written down several times is computed once.

Exporters write ``ShapeOf -> Gather -> Concat`` anew for every layer. Only integers and what is broadcast from constants
are shared: an activation that two layers compute each for itself may be fused into each of them.
"""

from __future__ import annotations

from collections.abc import Hashable

from ovgpu.graph.element_type import Type
from ovgpu.graph.model import Model
from ovgpu.graph.node import Node
from ovgpu.graph.special import Constant, Parameter, Result
from ovgpu.graph.subgraph import SubgraphNode
from ovgpu.passes.constant_folding import NOT_FOLDABLE
from ovgpu.passes.graph_editing import replace_by

#: Constants of at most so many elements are compared.
_LARGEST_COMPARED = 64

_INTEGERS = frozenset({Type.i32, Type.i64})


def share_arithmetic(model: Model) -> bool:
    """Let equal nodes of shape arithmetic be one node. Returns whether there were any."""
    first: dict[Hashable, Node] = {}
    changed = False
    for node in model.get_ordered_ops():
        key = _key(node)
        if key is None:
            continue
        known = first.setdefault(key, node)
        if known is not node:
            if isinstance(node, Constant):
                node.output(0).replace(known.output(0))
            else:
                name = known.get_friendly_name()
                replace_by(node, known, [known, node])
                known.friendly_name = name
            changed = True
    return changed


def _key(node: Node) -> Hashable | None:
    """What makes nodes equal, None for those that are not shared."""
    if isinstance(node, (Parameter, Result, SubgraphNode)) or node.get_type_name() in NOT_FOLDABLE:
        return None
    if isinstance(node, Constant):
        value = node.output(0).value
        array = None if value.type not in _INTEGERS else node.host_array()
        if array is None or array.size > _LARGEST_COMPARED:
            return None
        return ("Constant", value.type, array.shape, array.tobytes())
    if any(o.value.type not in _INTEGERS for o in node.outputs()) and not _is_filled(node):
        return None
    sources = tuple((id(s.node), s.index) for s in node.input_values())
    attributes = repr(sorted(node.attributes.items()))
    return (id(node.declaration), attributes, sources)


def _is_filled(node: Node) -> bool:
    """Whether a node only repeats a constant, as initial values of variables do."""
    return node.get_type_name() == "Broadcast" and isinstance(node.input_value(0).node, Constant)
