"""Copies of models."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ovgpu.graph.model import Model
from ovgpu.graph.node import Node
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant, Parameter, Result
from ovgpu.graph.state import Assign, ReadValue
from ovgpu.graph.variable import Variable


def clone_model(model: Model) -> Model:
    """An independent copy of ``model``: names, run-time information, bodies and variables are copied, the memory of
    constants is shared."""
    return _clone(model, {})


def clone_node(
    node: Node, inputs: list[Output], variables: Mapping[str, Variable] | None = None
) -> Node:
    """A copy of one node on other inputs, with its names and run-time information.

    Args:
        node: the node to copy.
        inputs: what feeds the copy.
        variables: for ReadValue and Assign, the variable of the copy by id; that of ``node`` by default.
    """
    if isinstance(node, Constant):
        made: Node = Constant._over(node._type, node._shape, node._storage, node._owner)
    elif isinstance(node, Parameter):
        made = Parameter(node._type, node._partial_shape)
    elif isinstance(node, Result):
        made = Result(inputs[0])
    else:
        made = _make(node, inputs, variables)
    made._friendly_name = node.get_friendly_name()
    if node._rt_info is not None:
        made._rt_info = copy.copy(node._rt_info)
    made._port_rt_info = {i: copy.copy(info) for i, info in node._port_rt_info.items()}
    if not isinstance(node, Result):  # its tensor is that of its source
        for source, target in zip(node._outputs, made._outputs, strict=True):
            target._names = set(source._names)
            if source._rt_info is not None:
                target._rt_info = copy.copy(source._rt_info)
    return made


def _make(node: Node, inputs: list[Output], variables: Mapping[str, Variable] | None) -> Node:
    attributes: dict[str, Any] = {}
    for name, value in node.attributes.items():
        attributes[name] = _copied_attribute(value, variables)
    kind = type(node)
    if isinstance(node, (ReadValue, Assign)):
        known = variables or {}
        made = kind(node.declaration, inputs, attributes)
        assert isinstance(made, (ReadValue, Assign))
        made.variable = known.get(node.variable_id, node.variable)
        return made
    if hasattr(node, "clone_with_new_inputs"):  # operations defined in Python
        return node.clone_with_new_inputs(inputs)
    return kind(node.declaration, inputs, attributes)


def _copied_attribute(value: Any, variables: Mapping[str, Variable] | None) -> Any:
    if isinstance(value, Model):
        return _clone(value, dict(variables or {}))
    if isinstance(value, list):
        return [_copied_attribute(item, variables) for item in value]
    return copy.copy(value)


def _clone(model: Model, known_variables: dict[str, Variable]) -> Model:
    """A copy whose variables are ``known_variables``, or new ones that are added to it."""
    variables = known_variables
    for variable in model.get_variables():
        variables.setdefault(variable.info.variable_id, Variable(variable.info))
    made: dict[int, Node] = {}
    for node in model.get_ordered_ops():
        inputs = [made[id(s.node)].output(s.index) for s in node.input_values()]
        made[id(node)] = clone_node(node, inputs, variables)
    copied = Model.__new__(Model)
    copied._build(
        [_as(Result, made[id(r)]) for r in model.get_results()],
        [made[id(s)] for s in model.get_sinks()],
        [_as(Parameter, made[id(p)]) for p in model.get_parameters()],
        [variables[v.info.variable_id] for v in model.get_variables()],
        model.get_friendly_name(),
    )
    for original, port in zip(
        [*model.get_parameters(), *model.get_results()],
        [*copied.get_parameters(), *copied.get_results()],
        strict=True,
    ):
        port.output(0).set_names(original.output(0).names)  # those without a name stay so
    copied._rt_info = copy.copy(model._rt_info)
    return copied


def _as(kind: type[Any], node: Node) -> Any:
    assert isinstance(node, kind)
    return node
