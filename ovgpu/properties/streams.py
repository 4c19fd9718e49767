"""The number of inferences that a device runs side by side."""

from __future__ import annotations

from typing import Any, ClassVar

from ovgpu.graph.arguments import INTEGER, as_int64, incompatible_arguments
from ovgpu.properties._property import Property, missing_attribute
from ovgpu.properties._values import INT32, Kind


class Num:
    """A number of streams. `Num.AUTO` leaves it to the device, `Num.NUMA` is one a NUMA node."""

    __slots__ = ("_count",)

    AUTO: ClassVar[Num]
    NUMA: ClassVar[Num]

    def __init__(self, *args: Any) -> None:
        count = -1 if not args else as_int64(args[0])
        if count is None or len(args) > 1:
            name = "ovgpu.properties.streams.Num"
            raise incompatible_arguments(
                "__init__", [f"{name}()", f"{name}(arg0: {INTEGER})"], args
            )
        self._count = count

    def to_integer(self) -> int:
        """The number; -1 for `AUTO`, -2 for `NUMA`."""
        return self._count

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Num) and self._count == other._count

    def __hash__(self) -> int:
        return hash(self._count)


Num.AUTO = Num(-1)
Num.NUMA = Num(-2)

NUM = Kind(
    "ovgpu.properties.streams.Num",
    lambda value: value.to_integer() if isinstance(value, Num) else None,
)

num = Property("NUM_STREAMS", "num", NUM, INT32)


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
