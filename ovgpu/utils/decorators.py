"""Decorators of node factories."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from functools import wraps
from typing import Any, Union, get_args, get_origin

from ovgpu.graph.node import Node as Node
from ovgpu.graph.port import Output as Output
from ovgpu.utils.types import NodeInput as NodeInput
from ovgpu.utils.types import as_node as as_node
from ovgpu.utils.types import as_nodes as as_nodes

Factory = Callable[..., Any]


def _named(node: Any, name: str | None) -> Any:
    if name is not None:
        node.friendly_name = name
    return node


def nameable_op(node_factory_function: Factory) -> Factory:
    """Give the node that a factory returns the friendly name of the keyword ``name``."""

    @wraps(node_factory_function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return _named(node_factory_function(*args, **kwargs), kwargs.get("name"))

    return wrapper


def unary_op(node_factory_function: Factory) -> Factory:
    """Let the only input of a factory be a number or array."""

    @wraps(node_factory_function)
    def wrapper(input_value: NodeInput, *args: Any, **kwargs: Any) -> Any:
        input_node = as_node(input_value, name=kwargs.get("name"))
        return _named(node_factory_function(input_node, *args, **kwargs), kwargs.get("name"))

    return wrapper


def binary_op(node_factory_function: Factory) -> Factory:
    """Let both inputs of a factory be numbers or arrays."""

    @wraps(node_factory_function)
    def wrapper(left: NodeInput, right: NodeInput, *args: Any, **kwargs: Any) -> Any:
        nodes = as_nodes(left, right, name=kwargs.get("name"))
        return _named(node_factory_function(*nodes, *args, **kwargs), kwargs.get("name"))

    return wrapper


def custom_preprocess_function(custom_function: Factory) -> Factory:
    """Mark a preprocessing step written in Python: it gets an Output and returns a Node or an Output."""

    @wraps(custom_function)
    def checked(node: Output) -> Output:
        made = custom_function(node)
        return made.output(0) if isinstance(made, Node) else made

    return checked


class MultiMethod:
    """A function with several signatures; the first one whose types fit the arguments is called."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.typemap: dict[tuple, Callable] = {}

    def register(self, types: tuple, function: Callable) -> None:
        """Add a signature. Raises TypeError when it is there already."""
        if types in self.typemap:
            raise TypeError("duplicate registration")
        self.typemap[types] = function

    def matches_optional(self, optional_type: Any, actual_type: type) -> bool:
        """Whether an ``Optional`` annotation takes the type."""
        return self.matches_union(optional_type, actual_type)

    def matches_union(self, union_type: Any, actual_type: type) -> bool:
        """Whether a ``Union`` annotation takes the type."""
        for member in get_args(union_type):
            plain = get_origin(member) or member
            if plain is Any or (isinstance(plain, type) and issubclass(actual_type, plain)):
                return True
        return False

    def check_invoked_types_in_overloaded_funcs(
        self, tuple_to_check: tuple, key_structure: tuple
    ) -> bool:
        """Whether argument types fit the annotations of one signature."""
        for actual, expected in zip(tuple_to_check, key_structure):
            if get_origin(expected) in (Union, types.UnionType):
                if not self.matches_union(expected, actual):
                    return False
                continue
            plain = get_origin(expected) or expected
            if plain is Any:
                continue
            if not isinstance(plain, type) or not issubclass(actual, plain):
                return False
        return True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the signature that fits. Raises TypeError when there is none."""
        for key, function in self.typemap.items():
            try:
                bound = inspect.signature(function).bind(*args, **kwargs)
            except TypeError:
                continue
            names = list(inspect.signature(function).parameters)
            given = [
                (type(value), key[names.index(name)]) for name, value in bound.arguments.items()
            ]
            actual, expected = zip(*given) if given else ((), ())
            if self.check_invoked_types_in_overloaded_funcs(tuple(actual), tuple(expected)):
                return function(*args, **kwargs)
        raise TypeError(f"The necessary overload for {self.name} was not found")


registry: dict[str, MultiMethod] = {}


def overloading(*types: Any) -> Callable[[Callable], MultiMethod]:
    """Register a function under its name for arguments of these types."""

    def register(function: Callable) -> MultiMethod:
        name = function.__name__
        method = registry.setdefault(name, MultiMethod(name))
        parameters = tuple(inspect.signature(function).parameters)
        hints = typing.get_type_hints(function) if len(types) < len(parameters) else {}
        filled = types + tuple(hints.get(parameter, Any) for parameter in parameters[len(types) :])
        method.register(filled, function)
        return method

    return register
