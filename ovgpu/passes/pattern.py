"""Nodes of patterns: they stand for nodes of a model in a Matcher."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ovgpu.graph.arguments import incompatible_arguments
from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import Output
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import OpDeclaration
from ovgpu.ops.registry import registry
from ovgpu.passes.predicates import Predicate


def _any_value(*inputs: Value) -> Value:
    """A value of which nothing is known."""
    return Value(Type.dynamic, PartialShape.dynamic())


class PatternNode(Node):
    """A node that occurs in patterns only. Its output has no type and shape."""

    _operation = "patternLabel"

    def __init__(self, inputs: Iterable[Output], predicate: Predicate | None) -> None:
        self.predicate = predicate or Predicate()
        declaration = OpDeclaration(self._operation, 0, _any_value, factory="", domain="util")
        super().__init__(declaration, inputs, {})

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def _predicate(value: Any) -> Predicate | None:
    if value is None or isinstance(value, Predicate):
        return value
    if callable(value) and not isinstance(value, Node):
        return Predicate(value)
    return None


class AnyInput(PatternNode):
    """Matches everything for which the predicate holds: ``AnyInput()``, ``AnyInput(predicate)``."""

    def __init__(self, predicate: Predicate | Callable[..., bool] | None = None) -> None:
        checked = _predicate(predicate)
        if predicate is not None and checked is None:
            raise incompatible_arguments(
                "__init__",
                ["ovgpu.passes.AnyInput()", "ovgpu.passes.AnyInput(predicate)"],
                (predicate,),
            )
        super().__init__([], checked)


def _as_outputs(value: Any) -> list[Output] | None:
    items = value if isinstance(value, (list, tuple)) else [value]
    if not all(isinstance(i, (Node, Output)) for i in items):
        return None
    return [i if isinstance(i, Output) else i.output(0) for i in items]


class _TypedPattern(PatternNode):
    """What WrapType and Optional share: operation types, inputs and a predicate."""

    def __init__(self, type_names: Sequence[str], *args: Any, **kwargs: Any) -> None:
        self.declarations = [_declaration(name) for name in type_names]
        named = {"input": "inputs", "pred": "predicate"}
        given = {named.get(k, k): v for k, v in kwargs.items()}
        rest = list(args)
        inputs: list[Output] | None = []
        if rest and _predicate(rest[0]) is None:
            inputs = _as_outputs(rest.pop(0))
        elif "inputs" in given:
            inputs = _as_outputs(given.pop("inputs"))
        raw = rest.pop(0) if rest else given.pop("predicate", None)
        predicate = _predicate(raw)
        if inputs is None or rest or given or (raw is not None and predicate is None):
            name = type(self).__name__
            forms = ("", ", predicate", ", inputs", ", inputs, predicate")
            raise incompatible_arguments(
                "__init__",
                [f"ovgpu.passes.{name}(type_names{form})" for form in forms],
                (type_names, *args),
                **kwargs,
            )
        super().__init__(inputs, predicate)

    def fits_type(self, node: Node) -> bool:
        """Whether the operation of ``node`` is one of those listed."""
        return any(node.declaration is d for d in self.declarations)


def _declaration(name: str) -> OpDeclaration:
    opset, separator, operation = name.replace("::", ".").partition(".")
    number = opset.removeprefix("opset")
    if not separator or not number.isdigit() or not 1 <= int(number) <= 17:
        raise RuntimeError(f"Unsupported opset type: {opset}")
    found = registry.find(operation, int(number))
    if found is None:
        raise RuntimeError(f"Unrecognized operation type: {operation}")
    return found


class WrapType(_TypedPattern):
    """Matches nodes of some types.

    ``WrapType(types[, inputs][, predicate])``: ``types`` is a text such as ``"opset13.Relu"`` or a list of them,
    ``inputs`` a pattern or a list of patterns (without: any inputs).

    Raises RuntimeError for an opset or operation that does not exist.
    """

    _operation = "WrapType"

    def __init__(self, type_name: str | Sequence[str], *args: Any, **kwargs: Any) -> None:
        names = [type_name] if isinstance(type_name, str) else type_name
        if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
            raise incompatible_arguments(
                "__init__",
                [
                    "ovgpu.passes.WrapType(type_name: str, ...)",
                    "ovgpu.passes.WrapType(type_names: Sequence[str], ...)",
                ],
                (type_name, *args),
            )
        super().__init__(names, *args, **kwargs)


class Optional(_TypedPattern):
    """Matches a node of some types, or, where there is none, what its first input would match.

    ``Optional(types[, inputs][, predicate])`` as for :class:`WrapType`, with a list of types.
    """

    _operation = "Optional"


class Or(PatternNode):
    """Matches what one of several patterns matches; the first that fits counts."""

    _operation = "Or"

    def __init__(self, inputs: Sequence[Output | Node]) -> None:
        outputs = _as_outputs(list(inputs))
        if not outputs:
            raise incompatible_arguments(
                "__init__", ["ovgpu.passes.Or(inputs: Sequence[ovgpu.Output])"], (inputs,)
            )
        super().__init__(outputs, None)
