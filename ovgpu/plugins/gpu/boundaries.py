"""What follows a segment whose end is a boundary: found, or planned, once the data of this run has been looked at."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ovgpu.execution.boundaries import deciding_inputs
from ovgpu.execution.program import LARGEST_SHAPE_VALUE, Instruction
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.plugins.cpu.evaluate import evaluate as evaluate_on_host
from ovgpu.plugins.gpu.running import Runner
from ovgpu.plugins.gpu.segment import GpuSegment
from ovgpu.plugins.gpu.transfers import Transfers, wait_for
from ovgpu.plugins.gpu.value_inference import ValueInference

#: Plans kept, and continuations kept per boundary; the least recently used go first.
MAX_PLANS = 64


class _Fetched(dict[int, np.ndarray]):
    """Arrays by the number of their tensor, read when they are asked for."""

    def __init__(self, fetch: Callable[[int], np.ndarray]) -> None:
        self._fetch = fetch

    def __missing__(self, number: int) -> np.ndarray:
        return self.setdefault(number, self._fetch(number))


class Boundaries(Transfers):
    """Going on behind a boundary, for :class:`~ovgpu.plugins.gpu.executor.GpuExecutor`."""

    runner: Runner
    inference: ValueInference

    @abstractmethod
    def _plan(self, segment: GpuSegment, parent: GpuSegment | None) -> GpuSegment:
        """Plan ``segment``, which follows ``parent``. Raises Replan, OutOfDeviceMemory."""

    def _continue(self, segment: GpuSegment) -> GpuSegment:
        """The segment after ``segment`` for the data of this run: read back once, then look up or plan."""
        if segment.counted:
            return self._continue_counted(segment)
        instruction = self.program.instructions[segment.stop]
        # Only what decides about shapes is read, all else stays where it is.
        arrays = _Fetched(lambda n: self._host_array(n, self.tensor(segment, n), self.stream.ptr))
        if segment.deciding is None:
            self._classify(segment, instruction, arrays)
        assert segment.deciding is not None
        key: Any = tuple([(arrays[n].shape, arrays[n].tobytes()) for n in segment.deciding])
        if segment.runs_boundary:
            begun = time.perf_counter()
            operands = [arrays[n] for n in instruction.inputs]
            try:
                segment.pending[:] = evaluate_on_host(instruction.node, operands)
            except Exception as error:
                raise _named(error, instruction) from error
            self.runner.add_time(segment.stop, time.perf_counter() - begun)
            key = (key, tuple([r.shape for r in segment.pending]))
        return self._find(segment, key, lambda: self._plan_child(segment, instruction, arrays))

    def _find(self, segment: GpuSegment, key: Any, plan: Callable[[], GpuSegment]) -> GpuSegment:
        """The continuation that was planned for ``key``, or what ``plan`` returns."""
        children = segment.children
        child = children.pop(key, None)
        if child is None:
            child = plan()
            if len(children) >= MAX_PLANS:
                self.runner.graphs.forget(children.pop(next(iter(children))))
        children[key] = child  # the last one is the one last used
        return child

    def _classify(
        self, segment: GpuSegment, instruction: Instruction, arrays: Mapping[int, np.ndarray]
    ) -> None:
        """Find out whether shapes after a boundary follow from few values, or the operation must run here."""
        data = [partial(arrays.__getitem__, n) for n in instruction.inputs]
        try:
            deciding = deciding_inputs(instruction, segment.values, data)
        except RuntimeError as error:
            raise _named(error, instruction) from error
        segment.deciding, segment.runs_boundary = deciding or (), deciding is None

    def _plan_child(
        self, segment: GpuSegment, instruction: Instruction, arrays: Mapping[int, np.ndarray]
    ) -> GpuSegment:
        child = segment.following(segment.stop)
        values = child.values
        if segment.runs_boundary:
            child.start = child.stop = segment.stop + 1
            for number, array in zip(instruction.outputs, segment.pending, strict=True):
                values[number] = Value(
                    self.program.tensors[number].value.type, PartialShape.of(array.shape)
                )
        else:
            assert segment.deciding is not None
            for number in segment.deciding:
                if self.program.tensors[number].constant is None:
                    known = arrays[number].astype(values[number].type.host_dtype)
                    values[number] = Value(values[number].type, PartialShape.of(known.shape), known)
                    if known.size <= LARGEST_SHAPE_VALUE:
                        # Lowerings see the same as the planner, which chooses them and their scratch memory.
                        child.tensors[number] = replace(segment.tensors[number], known=known)
        return self._plan(child, segment)

    # ---- counted on the device --------------------------------------------------------------------------------------
    def _continue_counted(self, segment: GpuSegment) -> GpuSegment:
        """The segment after one whose last operation has counted its results, which stay where they are."""
        wait_for(self.stream.ptr)
        count = int(self._count.view(4).view(np.uint32)[0])
        return self._find(segment, count, lambda: self._plan_counted(segment, count))

    def _plan_counted(self, segment: GpuSegment, count: int | None) -> GpuSegment:
        """Plan what follows when the device counted so many; None: as many as there can be."""
        instruction = self.program.instructions[segment.stop]
        outputs = self.inference.counted_outputs(instruction, segment.values, count)
        assert outputs is not None
        child = segment.following(segment.stop + 1)
        child.values.update(zip(instruction.outputs, outputs, strict=True))
        for number, value in zip(instruction.outputs, outputs, strict=True):
            shape = value.shape.static_tuple()
            assert shape is not None
            largest = segment.tensors[number]
            made = replace(largest, shape=shape, known=value.known)
            if made.nbytes > largest.nbytes:
                raise RuntimeError(
                    f"'{instruction.name}' counted {count} results, more than {largest.shape} holds"
                )
            child.tensors[number] = made
        return self._plan(child, segment)

    def _plan_largest(self, segment: GpuSegment) -> None:
        """Plan what follows boundaries where the device counts, at the most it can count, where that has bounds."""
        while segment.counted:
            outputs = self.program.instructions[segment.stop].outputs
            if any(self.program.tensors[n].bound is None for n in outputs):
                return
            segment = self._plan_counted(segment, None)


def _named(error: Exception, instruction: Instruction) -> RuntimeError:
    """``error`` with the name of the operation."""
    return RuntimeError(f"'{instruction.name}' failed: {error}")
