"""Constant folding: what does not depend on inputs is computed once, with the kernels that would compute it later."""

from __future__ import annotations

import math

import numpy as np

from ovgpu.graph.model import Model
from ovgpu.graph.node import Node
from ovgpu.graph.special import Constant, Parameter, Result

#: Operations whose results differ from run to run, or that have effects.
NOT_FOLDABLE = frozenset(
    {"RandomUniform", "Multinomial", "ReadValue", "Assign", "If", "Loop", "TensorIterator"}
)

#: A constant that only repeats small data (Broadcast, Tile, Range) is not stored when it would be larger than this.
LARGEST_GENERATED = 1 << 22


def fold_constants(model: Model) -> None:
    """Replace every node whose outputs are known by constants."""
    for node in model.get_ordered_ops():
        if isinstance(node, (Parameter, Constant, Result)) or node.get_type_name() in NOT_FOLDABLE:
            continue
        arrays = _known_outputs(node)
        if arrays is None:
            continue
        for output, array in zip(node.outputs(), arrays, strict=True):
            constant = Constant.from_host(output.value.type, array)
            constant.friendly_name = node.get_friendly_name()
            names = output.tensor.names
            output.replace(constant.output(0))
            constant.output(0).tensor.set_names(names)
    model.validate_nodes_and_infer_types()


def _known_outputs(node: Node) -> list[np.ndarray] | None:
    from ovgpu.plugins.cpu.evaluate import MissingKernel, evaluate

    sources = node.input_values()
    if sources and all(isinstance(s.node, Constant) for s in sources):
        if _generates_much(node):
            return None
        try:
            return evaluate(node, [_host(s.node) for s in sources])
        except MissingKernel:
            return None
    known = [d.value.known if d.value.is_static else None for d in node._outputs]
    if any(k is None for k in known):
        return None
    return [k for k in known if k is not None]


def _host(node: Node) -> np.ndarray:
    assert isinstance(node, Constant)
    return node.host_array()


def _generates_much(node: Node) -> bool:
    inputs = sum(math.prod(o.value.upper_sizes or (0,)) for o in node.input_values())
    outputs = sum(math.prod(d.value.upper_sizes or (0,)) for d in node._outputs)
    return outputs > LARGEST_GENERATED and outputs > 4 * inputs
