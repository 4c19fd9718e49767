"""Running a program: blocks of memory, the cache of plans, cancellation, per-step times."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ovgpu.execution.boundaries import deciding_inputs, peeked_outputs
from ovgpu.execution.inference_memo import InferenceMemo, operations_of
from ovgpu.execution.memory import Layout, Lifetime, next_power_of_two
from ovgpu.execution.program import Instruction, Program
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.state import Assign, ReadValue
from ovgpu.graph.value import Value
from ovgpu.plugins.cpu.deriving import derive
from ovgpu.plugins.cpu.plan import Segment, plan_segment
from ovgpu.plugins.cpu.registry import Step
from ovgpu.plugins.cpu.state import StateBuffer, read_state
from ovgpu.plugins.plugin import InferenceCancelled

#: Plans kept per executor, and continuations kept per boundary; the least recently used go first.
MAX_PLANS = 64

#: Bytes of memory of this machine.
_PHYSICAL_MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

#: Steps between two looks at the cancel flag.
CANCEL_INTERVAL = 16


class _Replan(Exception):
    """A block had to grow: plans that point into the old one are void."""


class Executor:
    """Runs one program; used by one inference at a time.

    Attributes:
        blocks: memory by segment depth, allocated once at the upper bounds of the shapes and grown only when those
            are unknown.
        allocations: how many blocks were ever allocated (for tests and memory statistics).
        cancelled: set from another thread to stop the run; the job above clears it before the next one.
    """

    def __init__(self, program: Program, profile: bool = False) -> None:
        self.program = program
        self.profile = profile
        self.times = [0.0] * len(program.instructions)
        self.executed = [False] * len(program.instructions)
        self.blocks: list[np.ndarray] = []
        self.allocations = 0
        self.layouts: dict[tuple[Lifetime, ...], Layout] = {}
        self.capacities: dict[int, int] = {}
        self.cancelled = False
        self.states = {
            name: StateBuffer(name, Value(v.info.data_type, v.info.data_shape))
            for name, v in program.variables.items()
        }
        self.memo = InferenceMemo(operations_of(program))
        self._constants = self.memo.constants(program)
        self._roots: OrderedDict[Any, Segment] = OrderedDict()
        #: Instructions that read each tensor, and those that read variables.
        self.readers: dict[int, list[int]] = {}
        self.reading: list[int] = []
        for index, instruction in enumerate(program.instructions):
            for number in set(instruction.inputs):
                self.readers.setdefault(number, []).append(index)
            if instruction.node.get_type_name() == "ReadValue":
                self.reading.append(index)
        self._bodies: dict[int, list[Executor]] = {}

    # ---- memory -----------------------------------------------------------------------------------------------------
    def reserve(self, depth: int, layout: Layout) -> np.ndarray:
        """The block of segments at ``depth``, large enough for ``layout``. Raises _Replan when it had to move."""
        while len(self.blocks) <= depth:
            self.blocks.append(np.empty(0, np.uint8))
        block = self.blocks[depth]
        if block.size >= layout.nbytes:
            return block
        nbytes = layout.nbytes if block.size == 0 else next_power_of_two(layout.nbytes)
        try:
            self.blocks[depth] = _aligned_block(nbytes)
        except (MemoryError, ValueError, OverflowError):
            raise RuntimeError(
                f"Not enough memory: the shapes given need a block of {nbytes:,} bytes"
            ) from None
        self.allocations += 1
        if block.size:
            self._roots.clear()
            raise _Replan
        return self.blocks[depth]

    def release_memory(self) -> None:
        """Drop blocks and plans; the next inference makes them anew."""
        self._roots.clear()
        self.blocks.clear()
        for bodies in self._bodies.values():
            for body in bodies:
                body.release_memory()

    @property
    def arena_bytes(self) -> int:
        """Bytes of all blocks."""
        own = sum(b.size for b in self.blocks)
        return own + sum(body.arena_bytes for bodies in self._bodies.values() for body in bodies)

    # ---- running ----------------------------------------------------------------------------------------------------
    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Compute the outputs; the arrays returned stay valid until the next run.

        Raises InferenceCancelled, or RuntimeError naming the layer that failed.
        """
        while True:
            try:
                return self._run(inputs)
            except _Replan:
                continue

    def _run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        key: tuple[Any, ...] = tuple([a.shape for a in inputs])
        if self.states:
            key += tuple(None if s.array is None else s.array.shape for s in self.states.values())
        segment = self._roots.get(key)
        if segment is None:
            segment = self._plan_root(key, inputs)
        else:
            self._roots.move_to_end(key)
        for number, array in zip(self.program.inputs, inputs, strict=True):
            np.copyto(segment.arrays[number], array, casting="unsafe")
        try:
            with np.errstate(all="ignore"):
                self._run_steps(segment)
                while segment.stop < len(self.program.instructions):
                    segment = self._continue(segment)
                    self._run_steps(segment)
        except BaseException:
            for state in self.states.values():
                state.discard()
            raise
        for state in self.states.values():
            state.commit()
        return [self._array(segment, n) for n in self.program.outputs]

    def _run_steps(self, segment: Segment) -> None:
        if self.profile:
            self._run_timed(segment)
            return
        steps = segment.steps
        step: Step | None = None
        try:
            for start in range(0, len(steps), CANCEL_INTERVAL):
                if self.cancelled:
                    raise InferenceCancelled
                for step in steps[start : start + CANCEL_INTERVAL]:
                    step()
        except (InferenceCancelled, _Replan):
            raise
        except Exception as error:
            index = next(i for i, s in enumerate(steps) if s is step)
            raise self.layer_error(segment.instruction_of_step[index], error) from error

    def _run_timed(self, segment: Segment) -> None:
        for index, step in zip(segment.instruction_of_step, segment.steps, strict=True):
            if self.cancelled:
                raise InferenceCancelled
            begin = time.perf_counter()
            try:
                step()
            except (InferenceCancelled, _Replan):
                raise
            except Exception as error:
                raise self.layer_error(index, error) from error
            self.times[index] = time.perf_counter() - begin
            self.executed[index] = True

    def layer_error(self, index: int, error: Exception) -> RuntimeError:
        node = self.program.instructions[index].node
        shapes = ", ".join(
            f"{s.value.type.to_string()}{s.value.shape}" for s in node.input_values()
        )
        return RuntimeError(
            f"Layer '{node.get_friendly_name()}' ({node.get_type_name()} of {shapes}) failed: {error}"
        )

    # ---- plans ------------------------------------------------------------------------------------------------------
    def _plan_root(self, key: Any, inputs: Sequence[np.ndarray]) -> Segment:
        values = dict(self._constants)
        for number, array in zip(self.program.inputs, inputs, strict=True):
            values[number] = self.memo.value(self.program.tensors[number].value.type, array.shape)
        base = self._roots[next(reversed(self._roots))] if self._roots else None
        segment = None if base is None else derive(self, base, values)
        if segment is None:
            segment = plan_segment(self, Segment(0, 0, 0, values, {}), None)
        self._roots[key] = segment
        if len(self._roots) > MAX_PLANS:
            self._roots.popitem(last=False)
        return segment

    def infer_outputs(self, index: int, values: Mapping[int, Value]) -> tuple[Value, ...] | None:
        """Output values of one instruction for the values known while planning; None when data is needed."""
        instruction = self.program.instructions[index]
        name = instruction.node.get_type_name()
        if name == "ReadValue":
            return self._infer_state(instruction, values)
        if name == "Assign":
            return (values[instruction.inputs[0]],)
        if instruction.bodies:
            return None
        inputs, node = [values[n] for n in instruction.inputs], instruction.node
        return self.memo.infer(
            index, inputs, lambda: node.declaration.infer_values([*inputs], node.attributes)
        )

    def _state_of(self, instruction: Instruction) -> StateBuffer:
        node = instruction.node
        assert isinstance(node, (ReadValue, Assign))
        return self.states[node.variable_id]

    def _infer_state(
        self, instruction: Instruction, values: Mapping[int, Value]
    ) -> tuple[Value, ...]:
        state = self._state_of(instruction)
        if state.array is not None:
            return (self.memo.value(state.type, state.array.shape),)
        if instruction.inputs:
            shape = values[instruction.inputs[0]].shape
        else:
            shape = PartialShape.of([d.get_min_length() for d in state.partial_shape.dims])
        return (Value(state.type, shape),)

    def bind_special(self, instruction: Instruction, segment: Segment) -> Step:
        """The step of an instruction that has no kernel: variables and control flow."""
        name = instruction.node.get_type_name()
        arrays = [self._array(segment, n) for n in instruction.inputs]
        if name == "Assign":
            return partial(self._state_of(instruction).stage, arrays[0])
        outputs = [segment.arrays[n] for n in instruction.outputs]
        if name == "ReadValue":
            state = self._state_of(instruction)
            return partial(read_state, state, arrays[0] if arrays else None, outputs[0])
        return partial(self._run_subgraph_into, instruction, arrays, outputs)

    def _array(self, segment: Segment, number: int) -> np.ndarray:
        constant = self.program.tensors[number].constant
        return constant if constant is not None else segment.arrays[number]

    # ---- control flow -----------------------------------------------------------------------------------------------
    def _run_subgraph(
        self, instruction: Instruction, arrays: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        from ovgpu.plugins.cpu.subgraph import run_subgraph

        key = id(instruction)
        if key not in self._bodies:
            self._bodies[key] = [Executor(body) for body in instruction.bodies]
        bodies = self._bodies[key]

        def run_body(index: int, feeds: Sequence[np.ndarray]) -> list[np.ndarray]:
            if self.cancelled:
                raise InferenceCancelled
            return bodies[index].run(feeds)

        return run_subgraph(instruction.node, arrays, run_body)

    def _run_subgraph_into(
        self, instruction: Instruction, arrays: Sequence[np.ndarray], outputs: Sequence[np.ndarray]
    ) -> None:
        for out, array in zip(outputs, self._run_subgraph(instruction, arrays), strict=True):
            np.copyto(out, array, casting="unsafe")

    # ---- boundaries -------------------------------------------------------------------------------------------------
    def _continue(self, segment: Segment) -> Segment:
        """The segment after ``segment`` for the data of this run."""
        instruction = self.program.instructions[segment.stop]
        inputs = [self._array(segment, n) for n in instruction.inputs]
        if segment.deciding is None:
            self._classify(segment, instruction, inputs)
        assert segment.deciding is not None
        key: Any = tuple(
            [
                (a.shape, a.tobytes())
                for n, a in zip(instruction.inputs, inputs)
                if n in segment.deciding
            ]
        )
        if segment.runs_boundary:
            results = self._compute_boundary(segment, instruction, inputs)
            segment.pending[:] = results
            key = (key, tuple([r.shape for r in results]))
        child = segment.children.get(key)
        if child is None:
            child = self._plan_child(segment, instruction, inputs)
            if len(segment.children) >= MAX_PLANS:
                segment.children.pop(next(iter(segment.children)))
            segment.children[key] = child
        return child

    def _classify(
        self, segment: Segment, instruction: Instruction, inputs: Sequence[np.ndarray]
    ) -> None:
        """Find out whether the data of some inputs decides the shapes, or only the operation itself does."""
        deciding = deciding_inputs(instruction, segment.values, inputs)
        segment.deciding, segment.runs_boundary = deciding or (), deciding is None

    def _compute_boundary(
        self, segment: Segment, instruction: Instruction, inputs: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        from ovgpu.plugins.cpu.evaluate import compute

        begin = time.perf_counter()
        try:
            if instruction.bodies:
                results = self._run_subgraph(instruction, inputs)
            else:
                outputs, _ = peeked_outputs(instruction, segment.values, inputs)
                assert instruction.kernel is not None
                results = compute(instruction.node, instruction.kernel, inputs, outputs)
        except (InferenceCancelled, _Replan):
            raise
        except Exception as error:
            raise self.layer_error(segment.stop, error) from error
        self.times[segment.stop] = time.perf_counter() - begin
        self.executed[segment.stop] = True
        return results

    def _plan_child(
        self, segment: Segment, instruction: Instruction, inputs: Sequence[np.ndarray]
    ) -> Segment:
        values = dict(segment.values)
        start = segment.stop
        if segment.runs_boundary:
            start += 1
            for number, array in zip(instruction.outputs, segment.pending, strict=True):
                values[number] = Value(
                    self.program.tensors[number].value.type, PartialShape.of(array.shape)
                )
        else:
            assert segment.deciding is not None
            for number, array in zip(instruction.inputs, inputs, strict=True):
                if number in segment.deciding and self.program.tensors[number].constant is None:
                    known = array.astype(values[number].type.host_dtype)
                    values[number] = Value(values[number].type, PartialShape.of(array.shape), known)
        child = Segment(segment.depth + 1, start, start, values, dict(segment.arrays))
        return plan_segment(self, child, segment)


def _aligned_block(nbytes: int) -> np.ndarray:
    """Uninitialised bytes that start at a cache line. Raises MemoryError when the machine has not that many."""
    if (
        nbytes > _PHYSICAL_MEMORY
    ):  # systems that overcommit would grant it, and kill the process that uses it
        raise MemoryError
    raw = np.empty(nbytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + nbytes]
