"""Variables of one job on the CPU."""

from __future__ import annotations

import numpy as np

from ovgpu.execution.memory import next_power_of_two
from ovgpu.graph.value import Value
from ovgpu.plugins.cpu.evaluate import compute_dtype


class StateBuffer:
    """Storage of one variable: two growing buffers, so that a failed inference leaves the old value intact."""

    def __init__(self, name: str, value: Value) -> None:
        self.name = name
        self.type = value.type
        self.partial_shape = value.shape
        self.dtype = compute_dtype(value.type)
        self.array: np.ndarray | None = None
        self._buffers = [np.empty(0, self.dtype), np.empty(0, self.dtype)]
        self._active = 0
        self._staged: np.ndarray | None = None

    def stage(self, array: np.ndarray) -> None:
        """Keep ``array`` as the value that :meth:`commit` makes current."""
        spare = 1 - self._active
        if self._buffers[spare].size < array.size or self.dtype == object:
            self._buffers[spare] = np.empty(next_power_of_two(array.size), self.dtype)
        target = self._buffers[spare][: array.size].reshape(array.shape)
        np.copyto(target, array, casting="unsafe")
        self._staged = target

    def commit(self) -> None:
        if self._staged is not None:
            self.array, self._staged = self._staged, None
            self._active = 1 - self._active

    def discard(self) -> None:
        self._staged = None

    def reset(self) -> None:
        """Back to the initialiser."""
        self.array = None
        self._staged = None


def read_state(state: StateBuffer, initial: np.ndarray | None, out: np.ndarray) -> None:
    """Copy the value to ``out``: the current one, else the initial one, else zeros."""
    if state.array is not None:
        np.copyto(out, state.array)
    elif initial is not None:
        np.copyto(out, initial, casting="unsafe")
    else:
        out.fill(0)
