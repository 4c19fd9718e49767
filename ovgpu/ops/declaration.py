"""How an operation is declared: one function whose signature is the schema.

::

    @op("Clamp", opsets="1", factory="clamp(data, min_value, max_value)",
        python_names={"min_value": "min", "max_value": "max"})
    def clamp(data: Value, *, min: float, max: float) -> Value:
        \"\"\"Clamp-1: every element limited to [min, max].\"\"\"
        return Value(data.type, data.shape)

Positional parameters are the inputs (``x: Value | None = None`` is optional, ``*xs`` takes any number), keyword-only
parameters are the attributes with their types and defaults, and the body infers output types and shapes from
:class:`~ovgpu.graph.value.Value` objects. It must be pure: the same function checks a graph with unknown dimensions,
computes upper bounds for planning, and gives the exact shapes of a run.

Attribute types: ``bool``, ``int``, ``float``, ``str``, ``Type``, ``list[int]``, ``list[float]``, ``list[str]`` (each
may be ``| None``) and ``Literal["a", "b"]`` for choices, which compare without case.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.value import Value
from ovgpu.ops.registry import registry

if TYPE_CHECKING:
    from ovgpu.graph.node import Node

InferFunction = Callable[..., "Value | tuple[Value, ...]"]
ValuesFunction = Callable[..., "np.ndarray | tuple[np.ndarray | None, ...] | None"]


class OpError(RuntimeError):
    """An operation was given inputs or attributes that its specification does not allow."""


def check(condition: object, message: str, *details: object) -> None:
    """Raise :class:`OpError` with ``message`` unless ``condition`` holds.

    ``details`` fill the ``{}`` of the message, and only when it is needed: operations of which models have many should
    pass shapes and dimensions this way.
    """
    if not condition:
        raise OpError(message.format(*details) if details else message)


def _parse_list(text: str, convert: Callable[[str], Any]) -> list[Any]:
    return [convert(part.strip()) for part in text.split(",") if part.strip()]


def _to_bool(value: Any) -> bool:
    if isinstance(value, str):
        lowered = value.strip().lower()
        if lowered in ("true", "1", "yes"):
            return True
        if lowered in ("false", "0", "no"):
            return False
        raise ValueError(value)
    return bool(value)


def _to_int(value: Any) -> int:
    if isinstance(value, str):
        return int(value.strip(), 0)
    if isinstance(value, (float, np.floating)) and not float(value).is_integer():
        raise ValueError(value)
    return int(value)


def _to_float(value: Any) -> float:
    return float(value.strip()) if isinstance(value, str) else float(value)


def _to_type(value: Any) -> Type:
    if isinstance(value, Type):
        return value
    if isinstance(value, str):
        return Type.from_name(value)
    return Type(value)


def _to_list(convert: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    def to_list(value: Any) -> list[Any]:
        if isinstance(value, str):
            return _parse_list(value, convert)
        if isinstance(value, (int, float, np.number)):
            return [convert(value)]
        return [convert(x) for x in value]

    return to_list


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "bool": _to_bool,
    "int": _to_int,
    "float": _to_float,
    "str": str,
    "Type": _to_type,
    "list[int]": _to_list(_to_int),
    "list[float]": _to_list(_to_float),
    "list[str]": _to_list(str),
    "Any": lambda value: value,
}


def _annotation_text(annotation: Any) -> str:
    """An annotation as written; modules without postponed evaluation have the type itself."""
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__name__
    return str(annotation).replace("typing.", "")


class Attribute:
    """One attribute of an operation: its name, type, default and allowed values."""

    __slots__ = ("_convert", "choices", "default", "kind", "name", "nullable")

    def __init__(
        self, name: str, annotation: str, default: Any, names: dict[str, Any] | None = None
    ) -> None:
        self.name = name
        self.default = default
        self.choices: tuple[str, ...] | None = None
        kind = annotation.strip()
        self.nullable = kind.endswith("| None")
        self.kind = kind = kind.removesuffix("| None").strip()
        alias = (names or {}).get(kind)
        if get_origin(alias) is Literal:  # a module-level ``Rounding = Literal["floor", "ceil"]``
            self.choices = get_args(alias)
            self.kind = " | ".join(map(repr, self.choices))
            self._convert: Callable[[Any], Any] = self._choose
        elif kind.startswith("Literal["):
            parsed = ast.literal_eval(kind.removeprefix("Literal"))
            self.choices = tuple(parsed) if isinstance(parsed, (list, tuple)) else (parsed,)
            self._convert = self._choose
        elif kind in _CONVERTERS:
            self._convert = _CONVERTERS[kind]
        else:
            raise TypeError(f"attribute {name!r} has the unsupported type {annotation!r}")

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty

    def _choose(self, value: Any) -> str:
        text = str(value).strip().lower()
        assert self.choices is not None
        for choice in self.choices:
            if choice.lower() == text:
                return choice
        raise ValueError(f"{value!r} is not one of {', '.join(self.choices)}")

    def convert(self, op_name: str, value: Any) -> Any:
        """``value`` in the attribute's own type. Raises OpError naming operation and attribute."""
        if value is None and (self.nullable or self.default is None):
            return None
        try:
            return self._convert(value)
        except (ValueError, TypeError, RuntimeError) as error:
            raise OpError(
                f"{op_name}: attribute '{self.name}' takes {self.kind}, but got {value!r} ({error})"
            ) from error


class OpDeclaration:
    """Everything that is known about one version of one operation, independent of devices."""

    def __init__(
        self,
        name: str,
        opset: int,
        infer: InferFunction,
        *,
        until: int | None = None,
        factory: str | None = None,
        factory_opset: int | None = None,
        python_names: dict[str, str] | None = None,
        ir_names: Iterable[str] = (),
        values: ValuesFunction | None = None,
        domain: str = "opset",
        attribute_names: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self.opset = opset
        self.until = until
        self.infer = infer
        self.values = values
        self.factory = factory
        self.factory_opset = opset if factory_opset is None else factory_opset
        self.python_names = python_names or {}
        self.ir_names = tuple(ir_names)
        self.domain = domain
        self.attribute_names = attribute_names or {}
        self.node_class: type[Node] | None = None

    @property
    def version(self) -> str:
        """``opset1`` and so on: the opset in which this version of the operation first appeared."""
        return f"{self.domain}{self.opset}" if self.domain == "opset" else self.domain

    @cached_property
    def signature(self) -> inspect.Signature:
        return inspect.signature(self.infer)

    @cached_property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs in order; a variadic one is last and shown as ``*name``."""
        kinds = inspect.Parameter
        return tuple(
            f"*{p.name}" if p.kind is kinds.VAR_POSITIONAL else p.name
            for p in self.signature.parameters.values()
            if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD, kinds.VAR_POSITIONAL)
        )

    @cached_property
    def input_range(self) -> tuple[int, int | None]:
        """Fewest and most inputs (None: any number)."""
        kinds = inspect.Parameter
        parameters = self.signature.parameters.values()
        positional = [
            p for p in parameters if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
        ]
        fewest = sum(p.default is kinds.empty for p in positional)
        variadic = any(p.kind is kinds.VAR_POSITIONAL for p in parameters)
        return fewest, None if variadic else len(positional)

    @cached_property
    def attributes(self) -> dict[str, Attribute]:
        return {
            p.name: Attribute(
                p.name, _annotation_text(p.annotation), p.default, self.infer.__globals__
            )
            for p in self.signature.parameters.values()
            if p.kind is inspect.Parameter.KEYWORD_ONLY
        }

    @cached_property
    def file_attributes(self) -> frozenset[str]:
        """Names of the attributes, as parameters and as files spell them."""
        return frozenset([*self.attributes, *self.attribute_names.values()])

    def complete_attributes(self, given: dict[str, Any]) -> dict[str, Any]:
        """All attributes in their own types, defaults filled in. Raises OpError for unknown or missing ones."""
        complete: dict[str, Any] = {}
        if not given and not self.attributes:
            return complete
        for name, public_name in self.attribute_names.items():
            if public_name in given:
                given = {**given, name: given[public_name]}
                del given[public_name]
        for name, attribute in self.attributes.items():
            if name in given:
                complete[name] = attribute.convert(self.name, given[name])
            elif attribute.required:
                raise OpError(
                    f"{self.name} ({self.version}) needs the attribute '{name}' ({attribute.kind})"
                )
            else:
                default = attribute.default
                complete[name] = list(default) if isinstance(default, (list, tuple)) else default
        if not given.keys() <= complete.keys():
            unknown = given.keys() - complete.keys()
            raise OpError(
                f"{self.name} ({self.version}) has no attribute {', '.join(sorted(map(repr, unknown)))}; "
                f"it has {', '.join(self.attributes) or 'none'}"
            )
        return complete

    def infer_values(
        self, inputs: list[Value | None], attributes: dict[str, Any]
    ) -> tuple[Value, ...]:
        """Output values for ``inputs``, able to derive their elements on demand."""
        fewest, most = self.input_range
        if not fewest <= len(inputs) or (most is not None and len(inputs) > most):
            expected = (
                str(fewest)
                if fewest == most
                else f"{fewest} to {'any number' if most is None else most}"
            )
            raise OpError(
                f"{self.name} takes {expected} inputs ({', '.join(self.input_names)}), got {len(inputs)}"
            )
        result = self.infer(*inputs, **attributes)
        outputs = result if isinstance(result, tuple) else (result,)
        if self.values is not None:
            for index, output in enumerate(outputs):
                output.set_origin(self, inputs, attributes, index)
        return outputs

    def __repr__(self) -> str:
        return f"<OpDeclaration {self.version}::{self.name}>"


def op(
    name: str,
    opsets: str = "1",
    *,
    until: int | None = None,
    factory: str | None = None,
    factory_opset: int | None = None,
    python_names: dict[str, str] | None = None,
    ir_names: Iterable[str] = (),
    values: ValuesFunction | None = None,
    domain: str = "opset",
    node_class: type[Node] | None = None,
    attribute_names: dict[str, str] | None = None,
) -> Callable[[InferFunction], InferFunction]:
    """Declare an operation; see the module's docstring.

    Args:
        name: type name in the operation's specification (``MatMul``).
        opsets: number of the opset in which this version appeared.
        until: first opset that has the operation no more (None: still there, or replaced by a newer declaration).
        factory: signature of the Python factory in ``ovgpu.opsetN``; ``name=None`` is always added. None derives it
            from inputs and attributes; an empty string makes no factory.
        factory_opset: first opset whose namespace has the factory, where that is not the opset of the version.
        python_names: factory parameter -> input or attribute name, where they differ.
        ir_names: further spellings found in IR files (``ReLU`` for ``Relu``).
        values: rule for element values: takes the input Values and the attributes like the function itself, returns
            an array of numbers or intervals (a tuple for several outputs), or None when nothing is known. The rules in
            :mod:`ovgpu.ops.value_rules` cover most operations.
        domain: ``opset``, or another version string for operations outside the opsets.
        node_class: class of its nodes; None for :class:`~ovgpu.graph.node.Node`.
        attribute_names: parameter -> attribute name as IR files and ``get_attributes`` spell it, where that is no
            Python name (``exclude-pad``).
    """

    def declare(infer: InferFunction) -> InferFunction:
        declaration = OpDeclaration(
            name,
            int(opsets),
            infer,
            until=until,
            factory=factory,
            factory_opset=factory_opset,
            python_names=python_names,
            ir_names=ir_names,
            values=values,
            domain=domain,
            attribute_names=attribute_names,
        )
        declaration.node_class = node_class
        registry.add(declaration)
        return infer

    return declare
