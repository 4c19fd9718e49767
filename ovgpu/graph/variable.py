"""Variables: the memory that ReadValue and Assign share between inferences."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape

if TYPE_CHECKING:
    from ovgpu.graph.state import ReadValue


@dataclass(slots=True)
class VariableInfo:
    """Shape, type and id of a variable."""

    data_shape: PartialShape = field(default_factory=PartialShape.dynamic)
    data_type: Type = Type.dynamic
    variable_id: str = ""

    def __repr__(self) -> str:
        return "<VariableInfo>"


class Variable:
    """One variable of a model, identified by ``info.variable_id``."""

    def __init__(self, info: VariableInfo) -> None:
        self._info = VariableInfo(info.data_shape, info.data_type, info.variable_id)
        #: The ReadValue nodes: Assign must come after them in every order of execution.
        self._readers: weakref.WeakSet[ReadValue] = weakref.WeakSet()

    @property
    def info(self) -> VariableInfo:
        return self._info

    def get_info(self) -> VariableInfo:
        return self._info

    def update(self, info: VariableInfo) -> None:
        """Replace shape, type and id."""
        self._info = VariableInfo(info.data_shape, info.data_type, info.variable_id)

    def set_shape(self, shape: PartialShape) -> None:
        """Change only the shape."""
        self._info.data_shape = PartialShape(shape)

    def __repr__(self) -> str:
        return "<Variable>"
