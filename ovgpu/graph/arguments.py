"""Argument checks and the `TypeError` that OpenVINO's Python API raises when no overload fits.

The public classes imitate overloaded C++ constructors and methods: several signatures under one
name, and a `TypeError` that lists them all when the arguments fit none.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

INT64_MAX = 2**63 - 1
UINT64_MAX = 2**64 - 1

INTEGER = "typing.SupportsInt | typing.SupportsIndex"
"""How signatures in messages spell "an integer"."""


def incompatible_arguments(
    name: str, overloads: Sequence[str], args: Iterable[Any] = (), **kwargs: Any
) -> TypeError:
    """The error for a call that fits none of `overloads`; the caller raises it.

    Args:
        name: what was called; `"__init__"` words the message as a constructor.
        overloads: the signatures on offer, e.g. `"(self: ovgpu.Dimension) -> int"`.
        args: the positional arguments as given (with `self` first for methods).
        kwargs: the keyword arguments as given.
    """
    what = "constructor" if name == "__init__" else "function"
    listing = "".join(f"\n    {i}. {text}" for i, text in enumerate(overloads, 1))
    given = ", ".join(repr(arg) for arg in args)
    if kwargs:
        given += "; " if given else ""
        given += "kwargs: " + ", ".join(f"{key}={value!r}" for key, value in kwargs.items())
    return TypeError(
        f"{name}(): incompatible {what} arguments. The following argument types are supported:"
        f"{listing}\n\nInvoked with: {given}"
    )


def as_int64(value: Any) -> int | None:
    """`value` as an int when it is an integer (bool and numpy integers too) of 64 bits, else None.

    Floats and strings are no integers, even when their value is whole.
    """
    if type(value) is not int:
        try:
            value = operator.index(value)
        except TypeError:
            return None
    return value if -INT64_MAX - 1 <= value <= INT64_MAX else None


def as_uint64(value: Any) -> int | None:
    """As `as_int64`, for the unsigned 64-bit range."""
    if type(value) is not int:
        try:
            value = operator.index(value)
        except TypeError:
            return None
    return value if 0 <= value <= UINT64_MAX else None


def dims_of(shape: Any) -> tuple[int, ...] | None:
    """A Shape, list, tuple or array of non-negative integers as a tuple of ints; None for anything else."""
    if isinstance(shape, str | bytes) or not isinstance(shape, Iterable):
        return None
    try:
        dims = tuple(operator.index(d) for d in shape)
    except (TypeError, RuntimeError):
        return None
    return dims if all(d >= 0 for d in dims) else None


def checked_index(index: int, size: int, function: str) -> int:
    """The index that a node's method `input` or `output` was given.

    Raises TypeError for what is no index and RuntimeError for one from `size` on.
    """
    if type(index) is int and 0 <= index < size:
        return index
    position = as_int64(index)
    if position is None or position < 0:
        raise incompatible_arguments(
            function, [f"(self: ovgpu.Node, {function}_index: int)"], (index,)
        )
    if position >= size:
        raise RuntimeError("node index is out of range")
    return position
