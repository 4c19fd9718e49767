"""The type of an operation: its name and the operation set that defines it."""

from __future__ import annotations

from ovgpu.graph.arguments import incompatible_arguments


class DiscreteTypeInfo:
    """The name and version of an operation type, e.g. `Relu` of `opset1`.

    Equality and order are those of name and version; the parent does not count.
    """

    __slots__ = ("_name", "_parent", "_version_id")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str, version_id: str, parent: DiscreteTypeInfo | None = None) -> None:
        if not (isinstance(name, str) and isinstance(version_id, str)):
            raise incompatible_arguments(
                "__init__",
                ["ovgpu.DiscreteTypeInfo(name: str, version_id: str)"],
                (name, version_id),
            )
        self._name = name
        self._version_id = version_id
        self._parent = parent

    @property
    def name(self) -> str:
        """The type's name, e.g. `"Relu"`."""
        return self._name

    @property
    def version_id(self) -> str:
        """The operation set, e.g. `"opset1"`."""
        return self._version_id

    @property
    def parent(self) -> DiscreteTypeInfo | None:
        """The type that this one derives from."""
        return self._parent

    def hash(self) -> int:
        """A 64-bit hash of name and version, the same in every process."""
        # FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/); importing hashlib would cost 5 ms.
        value = 0xCBF29CE484222325
        for byte in f"{self._version_id}::{self._name}".encode():
            value = (value ^ byte) * 0x100000001B3 % 2**64
        return value

    def _sort_key(self) -> tuple[str, str]:
        return self._name, self._version_id

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DiscreteTypeInfo):
            return NotImplemented
        return self._sort_key() == other._sort_key()

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, DiscreteTypeInfo):
            return NotImplemented
        return self._sort_key() < other._sort_key()

    def __le__(self, other: object) -> bool:
        if not isinstance(other, DiscreteTypeInfo):
            return NotImplemented
        return self._sort_key() <= other._sort_key()

    def __gt__(self, other: object) -> bool:
        if not isinstance(other, DiscreteTypeInfo):
            return NotImplemented
        return self._sort_key() > other._sort_key()

    def __ge__(self, other: object) -> bool:
        if not isinstance(other, DiscreteTypeInfo):
            return NotImplemented
        return self._sort_key() >= other._sort_key()

    def __repr__(self) -> str:
        parent = (
            f" Parent({self._parent._name} v{self._parent._version_id})" if self._parent else ""
        )
        return f"<DiscreteTypeInfo: {self._name} {self._version_id}{parent}>"
