"""Pinned host memory through which inputs and outputs travel."""

from __future__ import annotations

from typing import Any

import numpy as np

from ovgpu.execution.memory import next_power_of_two
from ovgpu.plugins.gpu.context import DeviceContext
from ovgpu.plugins.gpu.device import cupy


class Replan(Exception):
    """Memory had to move: plans that hold its old address are void."""


class Staging:
    """Pinned memory of one input or output, allocated at the bound and grown by powers of two."""

    def __init__(self, context: DeviceContext) -> None:
        self._context = context
        self._memory: Any = None
        self.capacity = 0

    def reserve(self, nbytes: int, bound: int | None) -> int:
        """Address of at least ``nbytes``.

        Raises Replan when the memory moved while plans may use it, DeviceFailure when there is none.
        """
        if nbytes <= self.capacity:
            return self._memory.ptr
        capacity = (
            bound if bound is not None and bound >= nbytes else next_power_of_two(max(nbytes, 256))
        )
        with self._context.doing(f"allocating {capacity:,} bytes of pinned host memory"):
            memory = cupy().cuda.alloc_pinned_memory(capacity)
        moved = self.capacity > 0
        self._memory, self.capacity = memory, capacity
        if moved:
            raise Replan
        return memory.ptr

    def view(self, nbytes: int) -> np.ndarray:
        """The first bytes as a numpy array."""
        return np.frombuffer(self._memory, np.uint8, nbytes)
