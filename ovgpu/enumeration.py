"""The base class of the public enumerations."""

from __future__ import annotations

import enum
from typing import Any


class Enumeration(enum.Enum):
    """An enumeration whose members are ordered and convert to int, yet never equal one.

    Printed as OpenVINO prints its own: `<PerformanceMode.LATENCY: 1>`.
    """

    value: int

    @classmethod
    def _missing_(cls, value: object) -> Any:
        if not isinstance(value, int):
            raise TypeError(f"{cls.__name__} takes an int, not {value!r}")
        return None

    def __int__(self) -> int:
        return self.value

    __index__ = __int__

    def __hash__(self) -> int:
        return self.value

    def _rank(self, other: object) -> int:
        """The value of `other`, which must be a member of the same enumeration."""
        if type(other) is not type(self):
            raise TypeError("Expected an enumeration of matching type!")
        return other.value

    def __lt__(self, other: object) -> bool:
        return self.value < self._rank(other)

    def __le__(self, other: object) -> bool:
        return self.value <= self._rank(other)

    def __gt__(self, other: object) -> bool:
        return self.value > self._rank(other)

    def __ge__(self, other: object) -> bool:
        return self.value >= self._rank(other)
