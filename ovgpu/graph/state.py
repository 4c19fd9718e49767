"""Nodes that read and write variables: ReadValue and Assign."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ovgpu.graph.node import Node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import Output
from ovgpu.graph.variable import Variable, VariableInfo
from ovgpu.ops.declaration import OpDeclaration
from ovgpu.ops.registry import registry


class _StateNode(Node):
    """What ReadValue and Assign share: the variable."""

    _operation: str
    _python_name: str
    _variable: Variable

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and isinstance(args[0], OpDeclaration):
            self._from_declaration(*args, **kwargs)
        else:
            self._from_user(*args, **kwargs)

    def _from_declaration(
        self,
        declaration: OpDeclaration,
        inputs: Iterable[Output],
        attributes: dict[str, Any] | None = None,
    ) -> None:
        info = VariableInfo(variable_id=str((attributes or {}).get("variable_id", "")))
        # Where one is missing the declaration says so below.
        if attributes and {"variable_shape", "variable_type"} <= attributes.keys():
            info.data_shape = PartialShape(attributes["variable_shape"])
            info.data_type = declaration.attributes["variable_type"].convert(
                declaration.name, attributes["variable_type"]
            )
        self._variable = Variable(info)
        super().__init__(declaration, inputs, attributes)
        self.variable = self._variable

    def _from_user(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError

    def _construct(self, inputs: list[Output], variable: Variable, name: str) -> None:
        declaration = registry.find(self._operation)
        assert declaration is not None
        self._variable = variable
        info = variable.info
        known = {
            "variable_id": info.variable_id,
            "variable_type": info.data_type,
            "variable_shape": info.data_shape,
        }
        super().__init__(
            declaration, inputs, {k: v for k, v in known.items() if k in declaration.attributes}
        )
        self.variable = variable
        if name:
            self.set_friendly_name(name)

    @property
    def variable(self) -> Variable:
        """The variable that is read or written."""
        return self._variable

    @variable.setter
    def variable(self, variable: Variable) -> None:
        self._variable = variable

    @property
    def variable_id(self) -> str:
        return self._variable.info.variable_id

    def get_variable_id(self) -> str:
        """Name of the variable."""
        return self._variable.info.variable_id

    def _take_variable_attributes(self) -> None:
        info = self._variable.info
        self.attributes["variable_id"] = info.variable_id
        if "variable_shape" in self.attributes:
            self.attributes["variable_type"] = info.data_type
            self.attributes["variable_shape"] = info.data_shape

    def validate_and_infer_types(self) -> None:
        self._take_variable_attributes()
        super().validate_and_infer_types()

    def __repr__(self) -> str:
        return super().__repr__().replace(f"<{self.get_type_name()}:", f"<{self._python_name}:", 1)


class ReadValue(_StateNode):
    """The value of a variable, or the initial value while nothing was assigned.

    ``ReadValue(initial_value, variable)``, or ``ReadValue(variable)`` for a variable that starts with zeros.
    """

    _operation = "ReadValue"
    _python_name = "read_value"

    def _from_user(self, *args: Any, **kwargs: Any) -> None:
        from ovgpu.ops.factory import as_output

        values = [*args]
        variable = kwargs.pop("variable", None)
        if variable is None and values and isinstance(values[-1], Variable):
            variable = values.pop()
        if "new_value" in kwargs:
            values.insert(0, kwargs.pop("new_value"))
        if not isinstance(variable, Variable) or len(values) > 1 or kwargs:
            raise TypeError("read_value takes (new_value, variable) or (variable)")
        self._construct([as_output(v) for v in values], variable, "")

    @property
    def variable(self) -> Variable:
        return self._variable

    @variable.setter
    def variable(self, variable: Variable) -> None:
        self._variable._readers.discard(self)
        self._variable = variable
        variable._readers.add(self)

    def validate_and_infer_types(self) -> None:
        super().validate_and_infer_types()
        if "variable_shape" not in self.attributes:  # the first version takes both from its input
            value = self._outputs[0].value
            self._variable.update(VariableInfo(value.shape, value.type, self.variable_id))


class Assign(_StateNode):
    """Stores a value in a variable. ``Assign(new_value, variable or its id, name="")``; a sink of the model."""

    _operation = "Assign"
    _python_name = "assign"

    def _from_user(self, new_value: Any, *args: Any, **kwargs: Any) -> None:
        from ovgpu.ops.factory import as_output

        values = [*args]
        name = kwargs.pop("name", None) or (values.pop() if len(values) == 2 else "")
        variable = (
            kwargs.pop("variable", None)
            or kwargs.pop("variable_id", None)
            or (values.pop() if values else None)
        )
        if not isinstance(variable, (str, Variable)) or values or kwargs:
            raise TypeError(
                "assign takes (new_value, variable, name='') or (new_value, variable_id, name='')"
            )
        source = as_output(new_value)
        if isinstance(variable, str):
            variable = _variable_above(source, variable) or Variable(
                VariableInfo(source.partial_shape, source.element_type, variable)
            )
        self._construct([source], variable, name)

    def _ordering_sources(self) -> list[Node]:
        readers = [r for r in self._variable._readers if not _depends_on(r, self)]
        return [*super()._ordering_sources(), *readers]


def _depends_on(node: Node, producer: Node) -> bool:
    """Whether ``producer`` is among the direct and indirect inputs of ``node``."""
    seen = {id(node)}
    stack = [node]
    while stack:
        for source in stack.pop().input_values():
            if source.node is producer:
                return True
            if id(source.node) not in seen:
                seen.add(id(source.node))
                stack.append(source.node)
    return False


def _variable_above(source: Output, variable_id: str) -> Variable | None:
    """The variable of the ReadValue with this id among the producers of ``source``."""
    seen = {id(source.node)}
    stack = [source.node]
    while stack:
        node = stack.pop()
        if isinstance(node, ReadValue) and node.variable_id == variable_id:
            return node.variable
        for producer in node._ordering_sources():
            if id(producer) not in seen:
                seen.add(id(producer))
                stack.append(producer)
    return None
