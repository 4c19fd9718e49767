"""The version of the package, and the versions that devices report."""

from __future__ import annotations

__version__ = "0.1.0"


def get_version() -> str:
    """The version of the package; equal to ``ovgpu.__version__``."""
    return __version__


class Version:
    """The version of a device's plugin."""

    __slots__ = ("build_number", "description")

    def __init__(self, description: str, build_number: str = __version__) -> None:
        self.description = description
        self.build_number = build_number

    def _part(self, index: int) -> int:
        parts = self.build_number.split(".")
        digits = parts[index] if index < len(parts) else ""
        return int(digits) if digits.isdigit() else 0

    @property
    def major(self) -> int:
        """First part of the number."""
        return self._part(0)

    @property
    def minor(self) -> int:
        """Second part of the number."""
        return self._part(1)

    @property
    def patch(self) -> int:
        """Third part of the number."""
        return self._part(2)

    def __repr__(self) -> str:
        return f"<Version: {self.build_number} {self.description}>"
