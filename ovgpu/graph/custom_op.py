"""Operations that users define in Python."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Iterable, Mapping, Sequence
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


#: Python operations by type name, for the readers of model files.
custom_operations: dict[str, type[Op]] = {}


class _AttributeReader(AttributeVisitor):
    """Fills the attributes that an operation shows with the ones of a file."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__()
        self.given = given

    def on_attributes(self, attributes: dict[str, Any]) -> None:
        for name in attributes.keys() & self.given.keys():
            attributes[name] = _as_type_of(self.given[name], attributes[name])
        super().on_attributes(attributes)


def create_operation(kind: type[Op], inputs: Sequence[Output], given: Mapping[str, Any]) -> Op:
    """A Python operation as a model file describes it.

    Attributes go to the parameters of the constructor with these names, and to the dictionary that
    ``visit_attributes`` shows; texts take the type of the value that stands there.

    Args:
        kind: the class.
        inputs: what the operation reads.
        given: attributes of the file: texts of an IR, or numbers, texts and lists.

    Raises:
        RuntimeError: the class cannot be made with these inputs and attributes.
    """
    parameters = inspect.signature(kind).parameters
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    keywords = {}
    for name, value in given.items():
        parameter = parameters.get(name)
        if parameter is None and not anything:
            continue
        default = None if parameter is None else parameter.default
        keywords[name] = _as_type_of(value, None if default is inspect.Parameter.empty else default)
    try:
        node = kind(list(inputs), **keywords)  # type: ignore[arg-type]
        node.visit_attributes(_AttributeReader(given))
        node.constructor_validate_and_infer_types()
    except Exception as error:  # the class is the user's: anything may come out of it
        raise RuntimeError(
            f"The operation {operation_name(kind)} cannot be made by {kind.__name__}: {error}"
        ) from error
    return node


def _as_type_of(value: Any, example: Any) -> Any:
    """A text as the type of ``example``, or as what it looks like when there is none."""
    if not isinstance(value, str):
        return value
    if isinstance(example, str):
        return value
    if isinstance(example, bool):
        return value.lower() in ("true", "1")
    if isinstance(example, int | float):
        return type(example)(value)
    if isinstance(example, list | tuple) or "," in value:
        parts = [part.strip() for part in value.split(",") if part.strip()]
        return [_as_type_of(part, example[0] if example else None) for part in parts]
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    for number in (int, float):
        try:
            return number(value)
        except ValueError:
            continue
    return value
