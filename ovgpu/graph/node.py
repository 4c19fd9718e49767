"""Nodes of a model graph.

A :class:`Node` is one operation: its declaration, its attributes, its inputs (slots that point at outputs of other
nodes) and its outputs (tensor descriptors). Nodes keep their producers alive; producers know their consumers only
weakly, so a node that nothing reaches from a Result disappears together with its connections.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from ovgpu.graph.any import OVAny, RTMap
from ovgpu.graph.arguments import checked_index, incompatible_arguments
from ovgpu.graph.element_type import Type
from ovgpu.graph.operators import Operators
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import DescriptorTensor, Input, Output
from ovgpu.graph.shape import Shape
from ovgpu.graph.type_info import DiscreteTypeInfo
from ovgpu.graph.type_parents import type_info_of
from ovgpu.graph.value import Value

if TYPE_CHECKING:
    from ovgpu.ops.declaration import OpDeclaration

_instance_ids = itertools.count(1)


class _InputSlot:
    """One input of a node: which output feeds it."""

    __slots__ = ("__weakref__", "index", "node_ref", "source")

    def __init__(self, node: Node, index: int, source: Output) -> None:
        # The slot is owned by its node; a weak reference back keeps reference counting able to free both at once.
        self.node_ref = weakref.ref(node)
        self.index = index
        self.connect(source)

    def connect(self, source: Output) -> None:
        self.source = source
        source.node._consumers[source.index][id(self)] = weakref.ref(self)

    def disconnect(self) -> None:
        self.source.node._consumers[self.source.index].pop(id(self), None)


def public_attribute(value: Any) -> Any:
    """An attribute as ``get_attributes`` shows it."""
    if isinstance(value, Type):
        return value.to_string()
    if isinstance(value, PartialShape):
        dims = value.dims if value.rank_length is not None else ()
        return [d.get_length() if d.is_static else -1 for d in dims]
    return value


class Node(Operators):
    """One operation of a model. Built by the factories of ``ovgpu.opsetN`` or by :func:`make_node`.

    Args:
        declaration: schema and shape inference of the operation.
        inputs: outputs of other nodes, in the declared order.
        attributes: attribute values; defaults are filled in and types converted.
    """

    def __init__(
        self,
        declaration: OpDeclaration,
        inputs: Iterable[Output],
        attributes: dict[str, Any] | None = None,
    ) -> None:
        self._setup(declaration, inputs, attributes)
        self.validate_and_infer_types()

    def _setup(
        self,
        declaration: OpDeclaration,
        inputs: Iterable[Output],
        attributes: dict[str, Any] | None,
    ) -> None:
        """Everything but inference, which operations written in Python start themselves."""
        self._declaration = declaration
        self._id = next(_instance_ids)
        self._friendly_name: str | None = None
        self._rt_info: RTMap | None = None
        self._port_rt_info: dict[int, RTMap] = {}
        self._outputs: list[DescriptorTensor] = []
        #: For each output the slots that read it, by id: cheaper than a WeakKeyDictionary, of which every node would
        #: need one. Slots that are gone are dropped when somebody asks for the consumers.
        self._consumers: list[dict[int, weakref.ref[_InputSlot]]] = []
        self.attributes = declaration.complete_attributes(attributes or {})
        self._input_slots = [_InputSlot(self, i, source) for i, source in enumerate(inputs)]

    # ---- inference of types and shapes -----------------------------------------------------------------------------
    def validate_and_infer_types(self) -> None:
        """Recompute the types and shapes of the outputs. Raises RuntimeError naming this node."""
        inputs = [slot.source.value for slot in self._input_slots]
        try:
            values = self._declaration.infer_values(
                cast("list[Value | None]", inputs), self.attributes
            )
        except RuntimeError as error:
            raise RuntimeError(self._validation_message(error)) from error
        self._set_values(values)

    def constructor_validate_and_infer_types(self) -> None:
        self.validate_and_infer_types()

    def _validation_message(self, error: Exception) -> str:
        return f"While validating node '{self.describe()}' with friendly_name '{self.get_friendly_name()}':\n{error}"

    def describe(self) -> str:
        """Type, name, inputs and outputs as messages show them: ``opset1::Relu r (...) -> (f32[1,3])``."""
        arguments = ", ".join(
            f"{s.source.node.get_type_info().version_id}::{s.source.node.get_type_name()} "
            f"{s.source.node.get_friendly_name()}[{s.source.index}]:{s.source.value.type.to_string()}"
            f"{s.source.value.shape}"
            for s in self._input_slots
        )
        results = ", ".join(f"{d.value.type.to_string()}{d.value.shape}" for d in self._outputs)
        kind = f"{self._declaration.version}::{self.get_type_name()}"
        return f"{kind} {self.get_friendly_name()} ({arguments}) -> ({results})"

    def _set_values(self, values: Sequence[Value]) -> None:
        for index, value in enumerate(values):
            if index < len(self._outputs):
                self._outputs[index].value = value
            else:
                self._outputs.append(DescriptorTensor(value))
                self._consumers.append({})
        del self._outputs[len(values) :]
        del self._consumers[len(values) :]

    def _source_changed(self, index: int) -> None:
        """Called after input ``index`` was connected to another output."""

    # ---- identity ---------------------------------------------------------------------------------------------------
    @property
    def declaration(self) -> OpDeclaration:
        return self._declaration

    def get_type_name(self) -> str:
        """Operation name, for instance ``MatMul``."""
        return self._declaration.name

    def get_type_info(self) -> DiscreteTypeInfo:
        return type_info_of(self._declaration.name, self._declaration.version)

    @property
    def type_info(self) -> DiscreteTypeInfo:
        return self.get_type_info()

    def get_instance_id(self) -> int:
        return self._id

    def get_name(self) -> str:
        """Unique name: type and a counter."""
        return f"{self.get_type_name()}_{self._id}"

    @property
    def name(self) -> str:
        return self.get_name()

    def get_friendly_name(self) -> str:
        """Name given by the user or the model file; the unique name when none was given."""
        return self._friendly_name or self.get_name()

    def set_friendly_name(self, name: str) -> None:
        if not isinstance(name, str):
            raise incompatible_arguments(
                "set_friendly_name", ["(self: ovgpu.Node, name: str)"], (self, name)
            )
        self._friendly_name = name

    @property
    def friendly_name(self) -> str:
        return self.get_friendly_name()

    @friendly_name.setter
    def friendly_name(self, name: str) -> None:
        self.set_friendly_name(name)

    # ---- attributes -------------------------------------------------------------------------------------------------
    def get_attributes(self) -> dict[str, Any]:
        """Attributes by name (a copy); element types as their names, shapes as lists with -1 for what is unknown."""
        spelling = self._declaration.attribute_names
        return {
            spelling.get(k, k): public_attribute(v)
            for k, v in self.attributes.items()
            if v is not None
        }

    def set_attribute(self, name: str, value: Any) -> None:
        """Change one attribute; unknown names are ignored, as attribute visitors do."""
        attribute = self._declaration.attributes.get(name)
        if attribute is not None:
            self.attributes[name] = attribute.convert(self.get_type_name(), value)

    def visit_attributes(self, visitor: Any) -> bool:
        visitor.on_attributes(self.attributes)
        return True

    def __getattr__(self, name: str) -> Callable[..., Any]:
        # get_axis() / set_axis(3) for every attribute. Only reached when normal look-up fails.
        if not name.startswith("_"):
            prefix, _, attribute = name.partition("_")
            if prefix in ("get", "set") and attribute in self._attribute_names():
                if prefix == "get":
                    return lambda: self.get_attributes()[attribute]
                return lambda value: self.set_attribute(attribute, value)
        raise AttributeError(f"'openvino.{type(self).__name__}' object has no attribute '{name}'")

    def _attribute_names(self) -> Iterable[str]:
        return self.get_attributes() if "attributes" in self.__dict__ else ()

    def __copy__(self) -> Node:
        raise TypeError(f"cannot pickle 'openvino.{type(self).__name__}' object")

    def __deepcopy__(self, memo: dict[int, Any]) -> Node:
        raise TypeError(f"cannot pickle 'openvino.{type(self).__name__}' object")

    # ---- inputs -----------------------------------------------------------------------------------------------------
    def get_input_size(self) -> int:
        return len(self._input_slots)

    def _checked_input(self, index: int) -> _InputSlot:
        return self._input_slots[checked_index(index, len(self._input_slots), "input")]

    def input(self, input_index: int) -> Input:
        self._checked_input(input_index)
        return Input(self, input_index)

    def inputs(self) -> list[Input]:
        return [Input(self, i) for i in range(len(self._input_slots))]

    def input_value(self, index: int) -> Output:
        """The output that feeds input ``index``."""
        return self._checked_input(index).source

    def input_values(self) -> list[Output]:
        return [slot.source for slot in self._input_slots]

    def _source(self, index: int) -> Output:
        if type(index) is int and index >= len(self._input_slots):
            raise RuntimeError(f"index '{index}' out of range")
        return self._checked_input(index).source

    def get_input_element_type(self, index: int) -> Type:
        return self._source(index).value.type

    def get_input_partial_shape(self, index: int) -> PartialShape:
        return self._source(index).partial_shape

    def get_input_shape(self, index: int) -> Shape:
        return self._source(index).shape

    def get_input_tensor(self, index: int) -> DescriptorTensor:
        return self._source(index).tensor

    def set_argument(self, position: int, argument: Output) -> None:
        """Replace (or append) one input."""
        argument = argument if isinstance(argument, Output) else argument.output(0)
        if position == len(self._input_slots):
            self._input_slots.append(_InputSlot(self, position, argument))
            return
        Input(self, position).replace_source_output(argument)

    def set_arguments(self, arguments: Sequence[Node | Output]) -> None:
        """Replace all inputs."""
        for slot in self._input_slots:
            slot.disconnect()
        sources = [a if isinstance(a, Output) else a.output(0) for a in arguments]
        self._input_slots = [_InputSlot(self, i, source) for i, source in enumerate(sources)]

    def _input_rt_info(self, index: int) -> RTMap:
        return self._port_rt_info.setdefault(index, RTMap())

    # ---- outputs ----------------------------------------------------------------------------------------------------
    def get_output_size(self) -> int:
        return len(self._outputs)

    def _checked_output(self, index: int) -> DescriptorTensor:
        if type(index) is int and index >= len(self._outputs):
            raise RuntimeError(f"index '{index}' out of range")
        return self._outputs[checked_index(index, len(self._outputs), "output")]

    def output(self, output_index: int) -> Output:
        return Output(self, checked_index(output_index, len(self._outputs), "output"))

    def outputs(self) -> list[Output]:
        return [Output(self, i) for i in range(len(self._outputs))]

    def get_output_element_type(self, index: int) -> Type:
        return self._checked_output(index).value.type

    def get_output_partial_shape(self, index: int) -> PartialShape:
        return self._checked_output(index).partial_shape

    def get_output_shape(self, index: int) -> Shape:
        return self._checked_output(index).shape

    def get_output_tensor(self, index: int) -> DescriptorTensor:
        return self._checked_output(index)

    def get_element_type(self) -> Type:
        return self._single_output("get_element_type").value.type

    @property
    def shape(self) -> Shape:
        return self._single_output("get_shape").shape

    def _single_output(self, function: str) -> DescriptorTensor:
        if len(self._outputs) != 1:
            raise RuntimeError(f"{function}() must be called on a node with exactly one output.")
        return self._outputs[0]

    def set_output_size(self, size: int) -> None:
        """Fix the number of outputs (for operations defined in Python)."""
        dynamic = [Value(Type.dynamic, PartialShape.dynamic()) for _ in range(size)]
        self._set_values([d.value for d in self._outputs[:size]] + dynamic[len(self._outputs) :])

    def set_output_type(self, index: int, element_type: Type, shape: PartialShape) -> None:
        self._checked_output(index).value = Value(element_type, PartialShape(shape))

    def _ordering_sources(self) -> list[Node]:
        """Nodes that must come before this one: its producers (and, for Assign, its ReadValue)."""
        return [slot.source.node for slot in self._input_slots]

    def _target_inputs(self, index: int) -> Iterator[Input]:
        consumers = self._consumers[index]
        for key, reference in list(consumers.items()):
            slot = reference()
            node = slot.node_ref() if slot is not None else None
            if slot is not None and node is not None:
                yield Input(node, slot.index)
            elif consumers.get(key) is reference:
                del consumers[key]

    # ---- information ------------------------------------------------------------------------------------------------
    @property
    def rt_info(self) -> RTMap:
        """Run-time information attached to the node."""
        if self._rt_info is None:
            self._rt_info = RTMap()
        return self._rt_info

    def get_rt_info(self) -> RTMap:
        return self.rt_info

    def set_rt_info(self, value: Any, key: str) -> None:
        self.rt_info[key] = value if isinstance(value, OVAny) else OVAny(value)

    def evaluate(
        self,
        output_values: Any,
        input_values: Any,
        evaluationContext: Any = None,  # noqa: N803
    ) -> bool:
        """Compute this operation on tensors; False when no kernel exists. Outputs are resized."""
        from ovgpu.plugins.cpu.evaluate import evaluate_node

        return evaluate_node(self, output_values, input_values)

    def __repr__(self) -> str:
        shapes = ", ".join(f"({d.value.shape})".strip("()") for d in self._outputs)
        return f"<{self.get_type_name()}: '{self.get_friendly_name()}' ({shapes})>"


def make_node(
    name: str, inputs: Iterable[Output | Node], opset: int | str = 16, **attributes: Any
) -> Node:
    """Build a node of operation ``name`` in its newest version within ``opset``.

    Raises RuntimeError for an unknown operation, wrong inputs or attributes.
    """
    from ovgpu.ops.registry import registry

    declaration = registry.find(name, opset)
    if declaration is None:
        raise RuntimeError(f"Unknown operation {name!r} in {opset}")
    outputs = [i if isinstance(i, Output) else i.output(0) for i in inputs]
    node_class = declaration.node_class or Node
    return node_class(declaration, outputs, attributes)
