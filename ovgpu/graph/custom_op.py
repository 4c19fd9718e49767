"""Operations that users define in Python."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from typing import Any

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import Output
from ovgpu.graph.tensor import Tensor
from ovgpu.graph.type_info import DiscreteTypeInfo
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import OpDeclaration


class AttributeVisitor:
    """Collects the attributes that an operation shows in ``visit_attributes``."""

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}

    def on_attributes(self, attributes: dict[str, Any]) -> None:
        """Take the operation's attributes by name."""
        self.attributes.update(attributes)


class Op(Node):
    """Base class of operations written in Python.

    A subclass calls ``super().__init__(self, inputs)``, then ``self.constructor_validate_and_infer_types()``, and
    defines

    * ``validate_and_infer_types(self)``, which calls ``self.set_output_type(index, type, shape)``;
    * ``clone_with_new_inputs(self, new_inputs)``, which returns a new object;
    * ``evaluate(self, outputs, inputs) -> bool`` and ``has_evaluate(self) -> bool`` to compute;
    * ``visit_attributes(self, visitor) -> bool``, which calls ``visitor.on_attributes(dict)``, when it has attributes.

    Its type name is ``class_type_info.name`` when the class has that attribute, else the class's name.
    """

    def __init__(
        self, py_obj: Op | None = None, inputs: Sequence[Node | Output] | None = None
    ) -> None:
        if not isinstance(py_obj, Op | None):
            raise TypeError(
                f"Op takes the object itself and its inputs, got {type(py_obj).__name__}"
            )
        sources: list[Output] = []
        for source in inputs or ():
            sources += source.outputs() if isinstance(source, Node) else [source]
        self._setup(_declaration_of(self), sources, {})

    def get_type_info(self) -> DiscreteTypeInfo:
        """Name and version of the operation."""
        own = getattr(type(self), "class_type_info", None)
        return own if own is not None else DiscreteTypeInfo(self._declaration.name, "extension")

    def set_output_type(self, index: int, element_type: Type, shape: PartialShape) -> None:
        """Set what output ``index`` holds; an operation has as many outputs as were set."""
        if index >= self.get_output_size():
            self.set_output_size(index + 1)
        super().set_output_type(index, element_type, shape)

    def clone_with_new_inputs(self, new_inputs: Sequence[Output]) -> Op:
        """A new object on other inputs; subclasses with more arguments than the inputs override this."""
        return type(self)(new_inputs)  # type: ignore[arg-type]

    def get_attributes(self) -> dict[str, Any]:
        """The attributes that ``visit_attributes`` shows."""
        visitor = AttributeVisitor()
        self.visit_attributes(visitor)
        return visitor.attributes

    def has_evaluate(self) -> bool:
        """Whether :meth:`evaluate` computes something."""
        return type(self).evaluate is not Op.evaluate

    def evaluate(  # type: ignore[override]
        self, outputs: Sequence[Tensor], inputs: Sequence[Tensor]
    ) -> bool:
        """Fill ``outputs``; subclasses override this. Returns whether it did."""
        return False


def operation_name(kind: type[Op]) -> str:
    """The type name of a Python operation, as model files spell it."""
    own = getattr(kind, "class_type_info", None)
    return own.name if own is not None else kind.__name__


def _declaration_of(node: Op) -> OpDeclaration:
    """The declaration of one object: what its outputs are depends on attributes that only it knows."""
    reference = weakref.ref(node)

    def infer(*inputs: Value) -> tuple[Value, ...]:
        """As the class's ``validate_and_infer_types`` says, for a copy on inputs of these types and shapes."""
        from ovgpu.graph.special import Parameter

        origin = reference()
        assert origin is not None
        sources = [Parameter(value.type, value.shape).output(0) for value in inputs]
        copied = origin.clone_with_new_inputs(sources)
        return tuple(output.value for output in copied.outputs())

    return OpDeclaration(operation_name(type(node)), 0, infer, factory="", domain="extension")


def operations_of(extension: Any) -> Iterable[type[Op]]:
    """The Python operations that an extension brings."""
    if isinstance(extension, type) and issubclass(extension, Op):
        return [extension]
    return getattr(extension, "operations", [])
