"""The kinds of values that properties take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Any, NamedTuple

import numpy as np

from ovgpu.graph.arguments import INTEGER, as_int64, as_uint64
from ovgpu.graph.element_type import Type

_FLOAT = "typing.SupportsFloat | typing.SupportsIndex"


class Kind(NamedTuple):
    """A kind of value: its spelling in signatures, and its conversion (None: not of the kind)."""

    text: str
    convert: Callable[[Any], Any]


def _bool(value: Any) -> bool | None:
    # As in C++, everything that has a truth value of its own counts; strings and lists do not.
    return bool(value) if value is None or hasattr(value, "__bool__") else None


def _text(value: Any) -> str | None:
    return value.decode() if isinstance(value, bytes) else value if isinstance(value, str) else None


def _float(value: Any) -> float | None:
    return float(value) if hasattr(value, "__float__") or hasattr(value, "__index__") else None


def _float32(value: Any) -> float | None:
    number = _float(value)
    return None if number is None else float(np.float32(number))


def _within(low: int, high: int) -> Callable[[Any], int | None]:
    def convert(value: Any) -> int | None:
        number = as_uint64(value) if low == 0 else as_int64(value)
        return number if number is not None and low <= number <= high else None

    return convert


BOOL = Kind("bool", _bool)
STR = Kind("str", _text)
FLOAT = Kind(_FLOAT, _float)
FLOAT32 = Kind(_FLOAT, _float32)
INT32 = Kind(INTEGER, _within(-(2**31), 2**31 - 1))
INT64 = Kind(INTEGER, as_int64)
UINT32 = Kind(INTEGER, _within(0, 2**32 - 1))
UINT64 = Kind(INTEGER, as_uint64)


def instance_of(cls: type, name: str) -> Kind:
    """Objects of a class, spelled `ovgpu.<name>`."""
    return Kind(f"ovgpu.{name}", lambda value: value if isinstance(value, cls) else None)


def public_class(name: str) -> Kind:
    """Objects of `ovgpu.<name>`, looked up when needed: its module imports this package."""

    def convert(value: Any) -> Any:
        import ovgpu

        return value if isinstance(value, getattr(ovgpu, name)) else None

    return Kind(f"ovgpu.{name}", convert)


def set_of(cls: type, name: str) -> Kind:
    """Sets of objects of a class."""

    def convert(value: Any) -> set | None:
        fits = isinstance(value, Set) and all(isinstance(item, cls) for item in value)
        return set(value) if fits else None

    return Kind(f"collections.abc.Set[ovgpu.{name}]", convert)


def mapping_of(key: Kind, item: Kind) -> Kind:
    """Mappings from values of one kind to those of another."""

    def convert(value: Any) -> dict | None:
        if not isinstance(value, Mapping):
            return None
        converted = {key.convert(k): item.convert(v) for k, v in value.items()}
        return None if None in converted or None in converted.values() else converted

    return Kind(f"collections.abc.Mapping[{key.text}, {item.text}]", convert)


def _callbacks(value: Any) -> tuple | None:
    fits = isinstance(value, (list, tuple)) and len(value) == 2 and all(map(callable, value))
    return tuple(value) if fits else None


ELEMENT_TYPE = instance_of(Type, "Type")
CALLBACKS = Kind("list of two functions, bytes -> bytes", _callbacks)
