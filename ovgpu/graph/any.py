"""Run-time information: values of any type, and the maps that hold them by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from ovgpu.enumeration import Enumeration
from ovgpu.graph.arguments import INTEGER, incompatible_arguments
from ovgpu.graph.element_type import Type

_BOOLS = {"yes": True, "true": True, "on": True, "1": True}
_BOOLS |= {"no": False, "false": False, "off": False, "0": False, "": False}
_LEADING_INT = re.compile(r"\s*[+-]?\d+")
_LEADING_FLOAT = re.compile(
    r"\s*[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|nan)", re.IGNORECASE
)


class OVAny:
    """A value of any type, as attributes of nodes, ports, models and properties hold it.

    Lists must hold values of one of the types bool, int, float, str. Comparison, hash, length and
    items are those of the value, except that an int never equals a float or a bool.

    Raises:
        RuntimeError: a list of mixed or of other types.
    """

    __slots__ = ("_value",)

    def __init__(self, *args: Any) -> None:
        if len(args) != 1:
            raise incompatible_arguments("__init__", ["ovgpu.OVAny(arg0: object)"], args)
        self.set(args[0])

    @property
    def value(self) -> Any:
        """The value."""
        return self._value

    def get(self) -> Any:
        """The value."""
        return self._value

    def set(self, value: Any) -> None:
        """Replace the value."""
        if isinstance(value, OVAny):
            value = value._value
        elif isinstance(value, bytes):
            value = value.decode()
        elif isinstance(value, np.floating):
            value = float(value)
        elif isinstance(value, list):
            value = _checked_list(value)
        self._value: Any = value

    def astype(self, dtype: type) -> Any:
        """The value as `bool`, `int`, `float`, `str` or `dict`; strings are parsed.

        Parsing is that of C: `"1.7"` as an int is 1.

        Raises:
            RuntimeError: the value cannot be converted, or `dtype` is another type.
        """
        value = self._value
        if dtype is str:
            return to_text(value)
        if dtype is dict:
            if not isinstance(value, dict):
                raise RuntimeError("Only ov::AnyMap or ov::Meta are expected here.")
            return as_map(value)
        if dtype not in (bool, int, float):
            raise RuntimeError(f"Unsupported data type : '{dtype}' is passed as an argument.")
        if value is None:
            raise RuntimeError("Any was not initialized.")
        if isinstance(value, str):
            return _parse(value, dtype)
        if dtype is bool:
            if isinstance(value, bool):
                return value
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            return dtype(value)
        raise RuntimeError(f"Bad as from: {type(value).__name__} to: {dtype.__name__}")

    def aslist(self, dtype: type | None = None) -> list:
        """The value as a list; a string is split at blanks and its words parsed as `dtype`.

        A list is returned as it is. Without `dtype` the result is empty.

        Raises:
            RuntimeError: the value is no list and no string, or `dtype` is another type than
                `bool`, `int`, `float` and `str`.
        """
        value = self._value
        if dtype is None:
            return []
        if isinstance(value, list):
            return list(value)
        if dtype not in (bool, int, float, str):
            raise RuntimeError(f"Unsupported data type : '{dtype}' is passed as an argument.")
        if isinstance(value, str):
            return [word if dtype is str else _parse(word, dtype) for word in value.split()]
        if value is None:
            raise RuntimeError("Any was not initialized.")
        raise RuntimeError(f"Bad as from: {type(value).__name__} to: list[{dtype.__name__}]")

    # Items, length and hash are the value's own, with the errors of its type.

    def __getitem__(self, key: Any) -> Any:
        return self._value.__getitem__(key)

    def __setitem__(self, key: Any, value: str | int) -> None:
        if not isinstance(value, (str, int)):
            signatures = [
                "(self: ovgpu.OVAny, arg0: object, arg1: str) -> None",
                f"(self: ovgpu.OVAny, arg0: object, arg1: {INTEGER}) -> None",
            ]
            raise incompatible_arguments("__setitem__", signatures, (self, key, value))
        self._value.__setitem__(key, value)

    def __len__(self) -> int:
        return self._value.__len__()

    def __bool__(self) -> bool:
        return bool(self._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __eq__(self, other: object) -> bool:
        mine, theirs = self._value, other._value if isinstance(other, OVAny) else other
        if isinstance(mine, (bool, int, float)) and type(mine) is not type(theirs):
            return False
        return bool(np.all(mine == theirs))

    def __repr__(self) -> str:
        return "<OVAny class>"


class RTMap:
    """Run-time information by name: any values, given out as `OVAny`, in the order of the names.

    Reading a name that is not there gives an empty `OVAny`.
    """

    __slots__ = ("_items",)

    def __init__(self) -> None:
        self._items: dict[str, OVAny] = {}

    def __getitem__(self, key: str) -> Any:
        """The value as an `OVAny`; of a dict, a dict with `OVAny` values."""
        found = self._items.get(_key("__getitem__", self, key, "object"))
        if found is None:
            return OVAny(None)
        return as_map(found.value) if isinstance(found.value, dict) else found

    def get(self, key: str, default: Any = None) -> Any:
        """As `self[key]`; `default` when the name is not there."""
        return self[key] if key in self else default  # noqa: SIM401 (this is that get)

    def __setitem__(self, key: str, value: Any) -> None:
        key = _key("__setitem__", self, key, "None")
        self._items[key] = value if isinstance(value, OVAny) else OVAny(value)

    def __delitem__(self, key: str) -> None:
        del self._items[_key("__delitem__", self, key, "None")]

    def __contains__(self, key: object) -> bool:
        return _key("__contains__", self, key, "bool") in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._items))

    def keys(self) -> Iterator[str]:
        """The names."""
        return iter(self)

    def values(self) -> Iterator[Any]:
        """The values, in the order of the names."""
        return (self[key] for key in self)

    def items(self) -> Iterator[tuple[str, Any]]:
        """Names and values, in the order of the names."""
        return ((key, self[key]) for key in self)

    def __len__(self) -> int:
        return len(self._items)

    def __bool__(self) -> bool:
        return bool(self._items)

    def __copy__(self) -> RTMap:
        clone = RTMap()
        clone._items.update((key, OVAny(item)) for key, item in self._items.items())
        return clone

    def __repr__(self) -> str:
        return "<RTMap>"


def to_text(value: Any) -> str:
    """A value as IR files and properties spell it: `YES`/`NO`, lists with blanks between.

    Floats have 6 significant digits, or as many as they need to be read back unchanged.
    For instance `[1, 2]` is `"1 2"`, `Type.f32` is `"f32"`, `{"a": 1}` is `"{a:1}"`.
    """
    if isinstance(value, OVAny):
        value = value.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "YES" if value else "NO"
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value or value != value else repr(value)
    if isinstance(value, (list, tuple)):
        return " ".join(str(int(x)) if isinstance(x, bool) else to_text(x) for x in value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{to_text(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, Enumeration):
        return value.name
    return value.to_string() if isinstance(value, Type) else str(value)


def as_map(value: dict) -> dict:
    """A dict whose values are `OVAny`, those that are dicts converted likewise."""
    return {
        key: as_map(item) if isinstance(item, dict) else OVAny(item) for key, item in value.items()
    }


def _checked_list(values: list) -> list:
    kinds = {type(x) for x in values}
    if len(kinds) > 1:
        raise RuntimeError("Incorrect attribute. Mixed types in the container are not allowed.")
    if not all(issubclass(kind, (bool, int, float, str)) for kind in kinds):
        raise RuntimeError("Unsupported attribute type.")
    return list(values)


def _key(method: str, mapping: RTMap, key: object, result: str) -> str:
    if not isinstance(key, str):
        raise incompatible_arguments(
            method, [f"(self: ovgpu.RTMap, arg0: str) -> {result}"], (mapping, key)
        )
    return key


def _parse(text: str, dtype: type) -> Any:
    """The number at the begin of `text`, or the bool that its first word names."""
    if dtype is bool:
        word = text.partition(" ")[0] if not text.startswith(" ") else text
        if word.lower() in _BOOLS:
            return _BOOLS[word.lower()]
        raise RuntimeError(f"Could not convert to bool from string {text.strip()}")
    if not text:
        return dtype(0)
    match = (_LEADING_INT if dtype is int else _LEADING_FLOAT).match(text)
    if match is None:
        raise RuntimeError(f'Could not convert to: {dtype.__name__} from string "{text}"')
    return dtype(match.group())
