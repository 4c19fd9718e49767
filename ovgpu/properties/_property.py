"""Property objects: the keys of devices' and compiled models' properties, callable with a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from ovgpu.graph.any import OVAny
from ovgpu.graph.arguments import incompatible_arguments
from ovgpu.properties._values import Kind


class Property(str):
    """The key of a property: a `str` that, called with a value, gives the pair to configure with.

    `hint.performance_mode()` is the key; `hint.performance_mode(hint.PerformanceMode.LATENCY)` is
    `("PERFORMANCE_HINT", OVAny(...))`, after a check of the value's type.

    Raises:
        TypeError: the value is of a type that the property does not take, or it takes none
            because it can only be read.
    """

    _name: str
    _kinds: tuple[Kind, ...]

    def __new__(cls, key: str, name: str, *kinds: Kind) -> Self:
        """A property of this key.

        Args:
            key: the key, e.g. `"PERFORMANCE_HINT"`.
            name: its attribute in the module, for messages, e.g. `"performance_mode"`.
            kinds: the kinds of values it takes, tried in order; none for one that is only read.
        """
        self = super().__new__(cls, key)
        self._name = name
        self._kinds = kinds
        return self

    def __call__(self, *args: Any) -> str | tuple[str, OVAny]:
        if not args:
            return str(self)
        if len(args) == 1:
            for kind in self._kinds:
                converted = kind.convert(args[0])
                if converted is not None:
                    return str(self), OVAny(converted)
        pair = "tuple[str, ovgpu.OVAny]"
        signatures = ["() -> str", *(f"(arg0: {kind.text}) -> {pair}" for kind in self._kinds)]
        raise incompatible_arguments(self._name, signatures, args)

    @property
    def is_writable(self) -> bool:
        """Whether the property takes a value; otherwise it can only be read."""
        return bool(self._kinds)

    def __reduce__(self) -> tuple:
        # A configuration that is pickled or copied keeps equal keys.
        return str, (str(self),)


class VariadicProperty(Property):
    """A property whose value is made of any number of arguments by a function of its own."""

    _combine: Callable[..., Any]

    def __new__(cls, key: str, name: str, combine: Callable[..., Any]) -> Self:
        self = super().__new__(cls, key, name)
        self._combine = combine
        return self

    def __call__(self, *args: Any) -> str | tuple[str, OVAny]:
        return (str(self), OVAny(self._combine(*args))) if args else str(self)

    @property
    def is_writable(self) -> bool:
        """True: the property takes values."""
        return True


def missing_attribute(module: str, name: str) -> AttributeError:
    """The error for a property that a module does not have."""
    return AttributeError(f"Module '{module}' doesn't have the attribute with name '{name}'.")
