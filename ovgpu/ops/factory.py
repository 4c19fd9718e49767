"""Factories of ``ovgpu.opsetN``: Python functions that build nodes, made from the declarations."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ovgpu.exceptions import OVTypeError, UserInputError
from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.port import ConstOutput, Output
from ovgpu.graph.special import Constant
from ovgpu.ops.declaration import OpDeclaration
from ovgpu.ops.registry import registry

Factory = Callable[..., Node]

#: The last opset that holds every operation; later ones hold only what they add.
LAST_FULL_OPSET = 16


def as_output(value: Any) -> Output:
    """A node input: an output, a node's only output, or a number/array, which becomes a Constant.

    Python ints become i64 and floats f64; numpy values keep their type. Raises OVTypeError for anything else.
    """
    if isinstance(value, Output):
        return value
    if isinstance(value, ConstOutput):
        return value.node.output(value.index)
    if isinstance(value, Node):
        return value.output(0)
    if isinstance(value, (bool, int, float, np.generic, np.ndarray, list, tuple)):
        array = np.asarray(value)
        if array.dtype.kind in "biuf" or array.dtype.name == "bfloat16":
            return Constant(array).output(0)
    raise OVTypeError(
        f"Expected a Node, an Output, a number or an array of numbers as input, got {type(value)}"
    )


def snake_name(name: str) -> str:
    """``LSTMCell`` -> ``lstm_cell``, ``MatMul`` -> ``mat_mul``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


class _FactoryParameter:
    """One parameter of a factory: where it goes and its default."""

    __slots__ = ("default", "is_input", "is_variadic", "name", "target")

    def __init__(
        self, name: str, target: str, is_input: bool, is_variadic: bool, default: Any
    ) -> None:
        self.name = name
        self.target = target
        self.is_input = is_input
        self.is_variadic = is_variadic
        self.default = default


def _factory_text(declaration: OpDeclaration) -> str:
    if declaration.factory is not None:
        return declaration.factory
    inputs = [n.lstrip("*") for n in declaration.input_names]
    required = [a.name for a in declaration.attributes.values() if a.required]
    optional = [a.name for a in declaration.attributes.values() if not a.required]
    return f"{snake_name(declaration.name)}({', '.join([*inputs, *required, *optional])})"


def factory_name(declaration: OpDeclaration) -> str | None:
    """Name of the factory in the opset namespaces, or None when the operation has none."""
    text = _factory_text(declaration)
    return text.partition("(")[0] or None


def _parameters(declaration: OpDeclaration) -> tuple[str, list[_FactoryParameter]]:
    text = _factory_text(declaration)
    function = ast.parse(f"def {text}: pass").body[0]
    assert isinstance(function, ast.FunctionDef)
    names = [a.arg for a in function.args.args]
    defaults = [inspect.Parameter.empty] * (len(names) - len(function.args.defaults)) + [
        ast.literal_eval(d) for d in function.args.defaults
    ]
    inputs = {n.lstrip("*"): n.startswith("*") for n in declaration.input_names}
    derived = (
        declaration.factory is None
    )  # a factory that is written out says itself what is optional
    parameters = []
    for name, default in zip(names, defaults, strict=True):
        target = declaration.python_names.get(name, name)
        if target in inputs:
            optional = declaration.signature.parameters[target].default
            if derived and optional is None:
                default = None
            parameters.append(_FactoryParameter(name, target, True, inputs[target], default))
        elif target in declaration.attributes:
            if derived:
                default = declaration.attributes[target].default
            parameters.append(_FactoryParameter(name, target, False, False, default))
        else:
            raise TypeError(
                f"factory of {declaration!r}: {name!r} is neither an input nor an attribute"
            )
    seen_default = False
    for parameter in parameters:  # Python wants defaults last
        if parameter.default is not inspect.Parameter.empty:
            seen_default = True
        elif seen_default:
            parameter.default = None
    return function.name, parameters


def build_factory(declaration: OpDeclaration) -> Factory:
    """The factory of one declaration, with a real signature and the declaration's documentation."""
    name, parameters = _parameters(declaration)
    empty = inspect.Parameter.empty
    signature = inspect.Signature(
        [
            inspect.Parameter(p.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=p.default)
            for p in parameters
        ]
        + [inspect.Parameter("name", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)]
    )

    def factory(*args: Any, **kwargs: Any) -> Node:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        by_target = {p.target: given[p.name] for p in parameters}
        inputs: list[Output] = []
        missing: str | None = None
        for raw in declaration.input_names:
            target = raw.lstrip("*")
            if raw.startswith("*"):
                inputs.extend(as_output(v) for v in by_target.get(target) or ())
                continue
            value = by_target.get(target)
            if value is None:
                missing = missing or target
                continue
            if missing is not None:
                raise UserInputError(
                    f"{name}: the input '{target}' needs the input '{missing}' before it"
                )
            inputs.append(as_output(value))
        attributes = {
            p.target: given[p.name]
            for p in parameters
            if not p.is_input and not (given[p.name] is None and p.default is None)
        }
        node_class = declaration.node_class or Node
        node = node_class(declaration, inputs, attributes)
        if given["name"] is not None:
            node.friendly_name = given["name"]
        return node

    factory.__name__ = factory.__qualname__ = name
    factory.__doc__ = declaration.infer.__doc__
    factory.__signature__ = signature  # type: ignore[attr-defined]
    assert empty is inspect.Parameter.empty
    return factory


def custom_factory(name: str, opset: int = 1) -> Callable[[Factory], Factory]:
    """Register a hand-written factory under ``name`` from ``opset`` on, until a newer one replaces it."""

    def register(function: Factory) -> Factory:
        registry.custom_factories[(opset, name)] = function
        return function

    return register


@cache
def opset_namespace(opset: int) -> dict[str, Factory | OpDeclaration]:
    """Factory names of one opset; declarations stand for factories that are built at first use."""
    registry.load()
    found: dict[str, tuple[int, Any]] = {}
    first = opset if opset > LAST_FULL_OPSET else 1
    for declaration in registry.declarations():
        since = declaration.factory_opset
        if declaration.domain != "opset" or not first <= since <= opset:
            continue
        if declaration.until is not None and opset >= declaration.until:
            continue
        name = factory_name(declaration)
        if name and (name not in found or found[name][0] <= since):
            found[name] = (since, declaration)
    for (version, name), function in registry.custom_factories.items():
        if first <= version <= opset and (name not in found or found[name][0] <= version):
            found[name] = (version, function)
    return {name: item for name, (_, item) in sorted(found.items())}


@cache
def opset_factory(opset: int, name: str) -> Factory | None:
    """The factory ``name`` of ``opset``, or None."""
    item = opset_namespace(opset).get(name)
    return build_factory(item) if isinstance(item, OpDeclaration) else item


def namespace_getattr(opset: int) -> Callable[[str], Factory]:
    """A module-level ``__getattr__`` for ``ovgpu.opsetN``."""

    def getattr_(name: str) -> Factory:
        factory = None if name.startswith("__") else opset_factory(opset, name)
        if factory is None:
            raise AttributeError(f"module 'ovgpu.opset{opset}' has no attribute '{name}'")
        return factory

    return getattr_


__all__ = [
    "Type",
    "as_output",
    "custom_factory",
    "make_node",
    "namespace_getattr",
    "opset_namespace",
]
