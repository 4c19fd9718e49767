"""Variables of stateful models, as requests show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovgpu.graph.arguments import incompatible_arguments
from ovgpu.graph.tensor import Tensor

if TYPE_CHECKING:
    from ovgpu.plugins.plugin import State


class VariableState:
    """One variable (a ReadValue/Assign pair) of one infer request."""

    __slots__ = ("_state",)

    _state: State

    def __init__(self) -> None:
        raise TypeError("ovgpu.VariableState: No constructor defined!")

    @classmethod
    def _over(cls, state: State) -> VariableState:
        variable = cls.__new__(cls)
        variable._state = state
        return variable

    @property
    def name(self) -> str:
        """Name of the variable."""
        return self._state.name

    def get_name(self) -> str:
        """Name of the variable."""
        return self._state.name

    @property
    def state(self) -> Tensor:
        """The current value; assigning copies a tensor of the variable's type and a compatible shape."""
        return self._state.get()

    @state.setter
    def state(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise incompatible_arguments(
                "state", ["(self: ovgpu.VariableState, arg1: ovgpu.Tensor) -> None"], (self, value)
            )
        self._state.set(value)

    def reset(self) -> None:
        """Return to the initial value."""
        self._state.reset()

    def __repr__(self) -> str:
        return "<VariableState>"
