"""Constant folding: what does not depend on inputs is computed once, with the kernels that would compute it later."""

from __future__ import annotations

import math

import numpy as np

from ovgpu.graph.model import Model
from ovgpu.graph.node import Node
from ovgpu.graph.special import Constant, Parameter, Result
from ovgpu.graph.subgraph import SubgraphNode
from ovgpu.passes.base import ModelPass

#: Operations whose results differ from run to run, or that have effects.
NOT_FOLDABLE = frozenset(
    {"RandomUniform", "Multinomial", "ReadValue", "Assign", "If", "Loop", "TensorIterator"}
)

#: A constant that only repeats small data (Broadcast, Tile, Range) is not stored when it would be larger than this.
LARGEST_GENERATED = 1 << 22


def fold_constants(model: Model, exact: bool = True) -> bool:
    """Replace every node whose outputs are known by constants, in bodies too. Returns whether there was one.

    With ``exact=False`` f16 and bf16 results are not rounded on the way, so that decompressed weights (a product in f16
    that is converted to f32) come out as a device that computes in f32 has them.
    """
    changed = False
    unrounded: dict[Constant, np.ndarray] = {}
    for node in model.get_ordered_ops():
        if isinstance(node, SubgraphNode):
            for body in node.body_models():
                changed |= fold_constants(body, exact)
        if isinstance(node, (Parameter, Constant, Result)) or node.get_type_name() in NOT_FOLDABLE:
            continue
        arrays = _known_outputs(node, exact, unrounded)
        if arrays is None:
            continue
        changed = True
        for output, array in zip(node.outputs(), arrays, strict=True):
            constant = Constant.from_host(output.value.type, array)
            if not exact and constant.host_array().dtype != array.dtype:
                unrounded[constant] = array
            constant.friendly_name = node.get_friendly_name()
            names = output.tensor.names
            output.replace(constant.output(0))
            constant.output(0).tensor.set_names(names)
    if changed:
        model.validate_nodes_and_infer_types()
    return changed


def _known_outputs(
    node: Node, exact: bool, unrounded: dict[Constant, np.ndarray]
) -> list[np.ndarray] | None:
    from ovgpu.plugins.cpu.evaluate import MissingKernel, evaluate

    constants = [s.node for s in node.input_values() if isinstance(s.node, Constant)]
    if constants and len(constants) == node.get_input_size():
        if _generates_much(node):
            return None
        arrays = [unrounded[c] if c in unrounded else c.host_array() for c in constants]
        try:
            return evaluate(node, arrays, exact)
        except MissingKernel:
            return None
    known = [d.value.known if d.value.is_static else None for d in node._outputs]
    if any(k is None for k in known):
        return None
    return [k for k in known if k is not None]


def _generates_much(node: Node) -> bool:
    inputs = sum(math.prod(o.value.upper_sizes or (0,)) for o in node.input_values())
    outputs = sum(math.prod(d.value.upper_sizes or (0,)) for d in node._outputs)
    return outputs > LARGEST_GENERATED and outputs > 4 * inputs


class ConstantFolding(ModelPass):
    """Computes what does not depend on inputs; see :func:`fold_constants`."""

    def run_on_model(self, model: Model) -> bool:
        return fold_constants(model)
