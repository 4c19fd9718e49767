"""The result of a synchronous inference."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ovgpu.graph.port import ConstOutput

Array = npt.NDArray[Any]


class OVDict(Mapping):
    """Results by output port, index or tensor name, in the model's order. Cannot be changed.

    ``results[0]``, ``results["name"]`` (any of the tensor's names) and ``results[compiled.output(0)]`` are the same.

    Raises:
        KeyError: there is no such port, index or name.
        TypeError: the key is neither a port nor an int nor a str.
    """

    __slots__ = ("_dict", "_names")

    def __init__(self, _dict: dict[ConstOutput, Array]) -> None:
        self._dict = _dict
        self._names: dict[str, ConstOutput] | None = None

    def __iter__(self) -> Iterator[ConstOutput]:
        return self._dict.__iter__()

    def __len__(self) -> int:
        return len(self._dict)

    def __repr__(self) -> str:
        return self._dict.__repr__()

    def __getitem__(self, key: ConstOutput | int | str) -> Array:
        if isinstance(key, int):
            try:
                return tuple(self._dict.values())[key]
            except IndexError:
                raise KeyError(key) from None
        if isinstance(key, str):
            return self._dict[self._port_of(key)]
        from ovgpu.graph.port import ConstOutput

        if isinstance(key, ConstOutput):
            return self._dict[key]
        raise TypeError(f"Unknown key type: {type(key)}")

    def _port_of(self, name: str) -> ConstOutput:
        if self._names is None:
            self._names = {}
            for port in self._dict:
                for own in port.names:
                    self._names.setdefault(
                        own, port
                    )  # of duplicated names the first output's counts
        return self._names[name]

    def keys(self) -> KeysView[ConstOutput]:
        """The output ports."""
        return self._dict.keys()

    def values(self) -> ValuesView[Array]:
        """The arrays."""
        return self._dict.values()

    def items(self) -> ItemsView[ConstOutput, Array]:
        """Pairs of port and array."""
        return self._dict.items()

    def names(self) -> tuple[set[str], ...]:
        """The names of each output; an empty set for one without."""
        return tuple(port.names for port in self._dict)

    def to_dict(self) -> dict[ConstOutput, Array]:
        """The underlying dict itself: its arrays and changes to it are shared with this object."""
        return self._dict

    def to_tuple(self) -> tuple[np.ndarray, ...]:
        """The arrays in the model's order."""
        return tuple(self._dict.values())
