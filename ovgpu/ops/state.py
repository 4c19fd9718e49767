"""ReadValue and Assign: variables that live from one inference to the next."""

from __future__ import annotations

from typing import Any

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.state import Assign, ReadValue
from ovgpu.graph.value import Value
from ovgpu.graph.variable import Variable, VariableInfo
from ovgpu.ops.declaration import check, op
from ovgpu.ops.factory import as_output, custom_factory
from ovgpu.ops.registry import registry


@op("ReadValue", "3", factory="read_value(init_value, variable_id)", node_class=ReadValue)
def read_value_3(init_value: Value, *, variable_id: str) -> Value:
    """ReadValue-3: the variable ``variable_id``, which has the type and shape of ``init_value``."""
    return Value(init_value.type, init_value.shape)


@op("ReadValue", "6", factory="", node_class=ReadValue)
def read_value_6(
    init_value: Value | None = None, *, variable_id: str, variable_type: Type, variable_shape: Any
) -> Value:
    """ReadValue-6: the variable ``variable_id``, or ``init_value`` as long as nothing was assigned to it."""
    shape = PartialShape(variable_shape)
    if init_value is not None:
        check(
            variable_type.compatible(init_value.type),
            f"The variable '{variable_id}' is {variable_type.to_string()}, its initial value "
            f"{init_value.type.to_string()}",
        )
        check(
            shape.compatible(init_value.shape),
            f"The initial value {init_value.shape} does not fit the shape {shape} of the variable '{variable_id}'",
        )
    return Value(variable_type, shape)


@op("Assign", "3", factory="assign(new_value, variable_id)", node_class=Assign)
def assign_3(new_value: Value, *, variable_id: str) -> Value:
    """Assign-3: stores ``new_value`` in the variable and hands it out."""
    return Value(new_value.type, new_value.shape)


@op("Assign", "6", factory="", node_class=Assign)
def assign_6(new_value: Value, *, variable_id: str) -> Value:
    """Assign-6: stores ``new_value`` in the variable and hands it out."""
    return Value(new_value.type, new_value.shape)


custom_factory("assign", 6)(Assign)


@custom_factory("read_value", 6)
def read_value(
    init_value: Any,
    variable_id: Any = None,
    variable_type: Any = None,
    variable_shape: Any = None,
    name: str | None = None,
) -> Node:
    """ReadValue-6. Also ``read_value(variable_id, variable_type, variable_shape, name)``, without an initial value.

    Args:
        init_value: what the variable holds at first.
        variable_id: its name.
        variable_type: element type; that of ``init_value`` by default.
        variable_shape: partial shape that admits every later value; that of ``init_value`` by default.
        name: friendly name of the node.
    """
    inputs = []
    if isinstance(init_value, str):
        init_value, variable_id, variable_type, variable_shape, name = (
            None, init_value, variable_id, variable_type, variable_shape if name is None else name,
        )  # fmt: skip
    else:
        inputs = [as_output(init_value)]
    if inputs:
        variable_type = inputs[0].element_type if variable_type is None else variable_type
        variable_shape = inputs[0].partial_shape if variable_shape is None else variable_shape
    declaration = registry.find("ReadValue", 6)
    assert declaration is not None
    element_type = declaration.attributes["variable_type"].convert("ReadValue", variable_type)
    variable = Variable(VariableInfo(PartialShape(variable_shape), element_type, variable_id))
    node = ReadValue(*inputs, variable)
    if name is not None:
        node.friendly_name = name
    return node
