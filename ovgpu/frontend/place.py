"""Places: handles to the inputs and outputs of a model that was loaded."""

from __future__ import annotations

from ovgpu.graph.port import Output
from ovgpu.graph.special import Parameter


class Place:
    """A tensor of a loaded model."""

    def __init__(self, port: Output, is_output: bool) -> None:
        self.port = port
        self._is_output = is_output

    def get_names(self) -> list[str]:
        """The names of the tensor."""
        return sorted(self.port.names)

    def is_input(self) -> bool:
        """Whether the model is fed here."""
        return isinstance(self.port.node, Parameter)

    def is_output(self) -> bool:
        """Whether the model hands this tensor out."""
        return self._is_output

    def is_equal(self, other: Place) -> bool:
        """Whether both are the same place."""
        return self.port == other.port and self._is_output == other._is_output

    def is_equal_data(self, other: Place) -> bool:
        """Whether both are about the same data."""
        return self.port.tensor is other.port.tensor

    def __repr__(self) -> str:
        return f"<Place: {', '.join(self.get_names())}>"
