"""The device memory in which the tensors of one job lie between operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ovgpu.execution.memory import Layout, Lifetime, next_power_of_two, plan_memory
from ovgpu.plugins.gpu.context import DeviceContext
from ovgpu.plugins.gpu.staging import Replan

#: Memory layouts remembered; only models with unbounded dimensions have more than a few.
MAX_LAYOUTS = 256


class Arena:
    """A block of memory for each depth of segments: those of an inference keep what the ones before have left."""

    def __init__(self, context: DeviceContext) -> None:
        #: Blocks allocated so far.
        self.allocations = 0
        #: Bytes of tensors without bounds, by their number.
        self.capacities: dict[int, int] = {}
        self._context = context
        self._blocks: list[tuple[Any, int]] = []
        self._layouts: dict[tuple[Lifetime, ...], Layout] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of device memory in all blocks."""
        return sum(nbytes for _, nbytes in self._blocks)

    def capacity(self, number: int, nbytes: int) -> int:
        """Bytes to keep for a tensor without bounds that has ``nbytes`` now: what the largest so far needed."""
        found = max(self.capacities.get(number, 0), next_power_of_two(nbytes))
        self.capacities[number] = found
        return found

    def place(
        self, depth: int, lifetimes: Sequence[Lifetime], before_move: Callable[[], None]
    ) -> list[int]:
        """Addresses for what has these lifetimes, in the block for segments at ``depth``.

        Raises Replan when the block had to move; ``before_move`` waits for work that uses the old one and drops plans
        that point there. (It is not kept here: jobs would hold themselves, and their memory until they are collected.)
        Raises OutOfDeviceMemory.
        """
        key = tuple(lifetimes)
        if key not in self._layouts:
            self._layouts[key] = plan_memory(lifetimes)
        layout = self._layouts[key]
        base = self._reserve(depth, layout.nbytes, before_move)
        return [base + offset for offset in layout.offsets]

    def _reserve(self, depth: int, nbytes: int, before_move: Callable[[], None]) -> int:
        """Address of the block for segments at ``depth``."""
        while len(self._blocks) <= depth:
            self._blocks.append((None, 0))
        memory, capacity = self._blocks[depth]
        if memory is not None and capacity >= nbytes:
            return memory.ptr
        if memory is not None:
            # The old block goes before the new one comes: both together may not fit.
            before_move()
            self._blocks[depth] = (None, 0)
            del memory
            capacity = next_power_of_two(nbytes)
        wanted = max(nbytes, capacity)
        moved = bool(capacity)
        self._blocks[depth] = (self._context.allocate(wanted), wanted)
        self.allocations += 1
        if moved:
            raise Replan
        return self._blocks[depth][0].ptr

    def forget_old_layouts(self) -> None:
        """Start afresh where there are too many."""
        if len(self._layouts) > MAX_LAYOUTS:
            self._layouts.clear()

    def release(self) -> None:
        """Free the memory; plans that point there must be gone."""
        self._blocks.clear()
