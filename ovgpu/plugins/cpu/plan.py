"""Plans: everything that can be decided once the shapes of a run are known.

A plan is a chain of :class:`Segment` objects. A segment is a list of steps (functions without arguments, bound to
arrays that lie in one block of memory) and ends at the end of the program or at a *boundary*: an instruction whose
output shapes depend on data. There the shapes are read from the data once and the next segment is looked up, or
planned.

Planning one segment:

1. infer the shapes of all instructions up to the boundary;
2. decide which tensors are views of others and which take over a dying input's memory
   (:mod:`~ovgpu.plugins.cpu.placement`);
3. place the rest in the block, at their upper bounds, so that other shapes inside the bounds keep the same block;
4. make the real arrays and bind the steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ovgpu.execution.memory import Layout, Lifetime, next_power_of_two, plan_memory
from ovgpu.execution.program import Instruction, Program
from ovgpu.graph.value import Value
from ovgpu.plugins.cpu.evaluate import _view_keywords, widen
from ovgpu.plugins.cpu.placement import Placement
from ovgpu.plugins.cpu.registry import Call, Kernel, Step, keyword_arguments

if TYPE_CHECKING:
    from ovgpu.plugins.cpu.executor import Executor


@dataclass
class Segment:
    """Steps from instruction ``start`` up to (not including) ``stop``, and what follows."""

    depth: int
    start: int
    stop: int
    values: dict[int, Value]
    arrays: dict[int, np.ndarray]
    steps: list[Step] = field(default_factory=list)
    instruction_of_step: list[int] = field(default_factory=list)
    #: Tensors whose elements decide the shapes at the boundary; None while the boundary was not looked at yet.
    deciding: tuple[int, ...] | None = None
    #: Results of the boundary instruction when it has to be computed to know its shapes.
    pending: list[np.ndarray] = field(default_factory=list)
    runs_boundary: bool = False
    children: dict[Any, Segment] = field(default_factory=dict)
    #: What plans of other sizes may be derived from; None where there is a boundary.
    structure: Structure | None = None


@dataclass(frozen=True, slots=True)
class Structure:
    """What a plan decided, and where its memory lies.

    Attributes:
        placement: the places of tensors.
        block: memory of the segment.
        offsets: where the memory of each root tensor begins in the block.
        capacities: bytes that each has there.
        scratch: where scratch memory begins, by instruction.
        steps: by instruction, in order; None for one that needs no step.
    """

    placement: Placement
    block: np.ndarray
    offsets: dict[int, int]
    capacities: dict[int, int]
    scratch: dict[int, int]
    steps: dict[int, Step | None]


class SegmentPlanner:
    """Builds one segment."""

    def __init__(self, executor: Executor, segment: Segment, parent: Segment | None) -> None:
        self.executor = executor
        self.program: Program = executor.program
        self.segment = segment
        self.parent = parent
        self.placement = Placement(self.program, segment.values, segment.arrays)
        self.end = len(self.program.instructions)
        self.capacities: dict[int, int] = {}

    # ---- 1: shapes --------------------------------------------------------------------------------------------------
    def infer(self) -> None:
        """Extend ``segment.values`` up to the first instruction whose output shapes are unknown."""
        segment, tensors = self.segment, self.program.tensors
        values = segment.values
        for index in range(segment.start, self.end):
            instruction = self.program.instructions[index]
            if index in self.program.settled:
                for n in instruction.outputs:
                    values[n] = tensors[n].value
                continue
            try:
                outputs = self.executor.infer_outputs(index, values)
            except RuntimeError as error:  # shapes, or elements of inputs, that do not go together
                raise self.executor.layer_error(index, error) from error
            if outputs is None or any(not v.is_static for v in outputs):
                segment.stop = index
                return
            values.update(zip(instruction.outputs, outputs, strict=True))
        segment.stop = self.end

    # ---- 2: structure -----------------------------------------------------------------------------------------------
    def structure(self) -> None:
        """Give every tensor made in this segment a place."""
        segment = self.segment
        if segment.depth == 0:
            for number in self.program.inputs:
                self.placement.new_root(number, segment.start)
        elif self.parent is not None and self.parent.runs_boundary:
            for number in self.program.instructions[self.parent.stop].outputs:
                self.placement.new_root(number, segment.start)
        for index in range(segment.start, segment.stop):
            try:
                self.placement.visit(index, self.program.instructions[index])
            except (RuntimeError, ValueError, OverflowError, MemoryError) as error:
                # What an operation refuses, and shapes beyond what numpy can address.
                raise self.executor.layer_error(index, error) from error

    # ---- 3: memory --------------------------------------------------------------------------------------------------
    def place(self) -> tuple[np.ndarray, dict[int, int], dict[int, int]]:
        """The block, and the offsets of root tensors and of scratch areas in it."""
        placement = self.placement
        roots = sorted({p.root for p in placement.places.values()})
        lifetimes = []
        for root in roots:
            # What a data-dependent operation made is written when the next segment starts: after its
            # last use where nothing reads it.
            last = max(placement.root_last[root], placement.first_step[root])
            kept = last >= self.segment.stop or root in self.program.outputs
            nbytes = self.capacities[root] = self._capacity(root)
            lifetimes.append(
                Lifetime(nbytes, placement.first_step[root], self.end if kept else last)
            )
        for index, nbytes in placement.scratch.items():
            lifetimes.append(Lifetime(nbytes, index, index))
        key = tuple(lifetimes)
        layout = self.executor.layouts.get(key)
        if layout is None:
            layout = self.executor.layouts[key] = plan_memory(lifetimes)
        block = self.executor.reserve(self.segment.depth, layout)
        offsets = dict(zip(roots, layout.offsets, strict=False))
        scratch = dict(zip(placement.scratch, layout.offsets[len(roots) :], strict=True))
        return block, offsets, scratch

    def _capacity(self, root: int) -> int:
        shape = self.placement.shape(root)
        nbytes = math.prod(shape) * self.program.tensors[root].dtype.itemsize
        bound = self.program.tensors[root].bound
        if bound is not None and nbytes <= bound:
            return bound
        capacities = self.executor.capacities
        capacities[root] = max(capacities.get(root, 0), next_power_of_two(nbytes))
        return capacities[root]

    # ---- 4: binding -------------------------------------------------------------------------------------------------
    def bind(self) -> None:
        """Make the arrays and the steps."""
        segment = self.segment
        block, offsets, scratch = self.place()
        for number in self.placement.places:
            segment.arrays[number] = self.make_array(number, block, offsets)
        if self.parent is not None and self.parent.runs_boundary:
            numbers = self.program.instructions[self.parent.stop].outputs
            targets = [segment.arrays[n] for n in numbers]
            self._add_step(self.parent.stop, partial(_take_pending, self.parent.pending, targets))
        steps: dict[int, Step | None] = {}
        for index in range(segment.start, segment.stop):
            step = steps[index] = self.step_of(index, block, scratch)
            if step is not None:
                self._add_step(index, step)
        if segment.depth == 0 and segment.stop == self.end:
            segment.structure = Structure(
                self.placement, block, offsets, self.capacities, scratch, steps
            )

    def make_array(self, number: int, block: np.ndarray, offsets: dict[int, int]) -> np.ndarray:
        """The array of a tensor that has its place."""
        place = self.placement.places[number]
        return np.ndarray(
            place.shape,
            self.program.tensors[number].dtype,
            buffer=block,
            offset=offsets[place.root] + place.offset,
            strides=place.strides,
        )

    def step_of(self, index: int, block: np.ndarray, scratch: dict[int, int]) -> Step | None:
        """What runs an instruction on the arrays of the segment; None for a view."""
        instruction = self.program.instructions[index]
        if instruction.kernel is None:
            return self.executor.bind_special(instruction, self.segment)
        if index in self.placement.views:
            return None
        area = None
        if index in scratch:
            area = block[scratch[index] : scratch[index] + self.placement.scratch[index]]
        inputs = [self._real(n) for n in instruction.inputs]
        outputs = [self.segment.arrays[n] for n in instruction.outputs]
        return self._bind_kernel(instruction, instruction.kernel, inputs, outputs, area)

    def _real(self, number: int) -> np.ndarray:
        constant = self.program.tensors[number].constant
        return constant if constant is not None else self.segment.arrays[number]

    def _add_step(self, index: int, step: Step) -> None:
        self.segment.steps.append(step)
        self.segment.instruction_of_step.append(index)

    def _bind_kernel(
        self,
        instruction: Instruction,
        kernel: Kernel,
        inputs: list[np.ndarray],
        outputs: list[np.ndarray],
        scratch: np.ndarray | None,
    ) -> Step:
        values = [self.segment.values[n] for n in instruction.outputs]
        small = not kernel.native and any(
            a.dtype.itemsize < 4 and a.dtype.kind in "fV" for a in (*inputs, *outputs)
        )
        if kernel.bind is not None and not small:
            constant = [self.program.tensors[n].constant is not None for n in instruction.inputs]
            return kernel.bind(
                Call(instruction.node, inputs, outputs, constant, instruction.shared, scratch)
            )
        if kernel.compute is None:
            assert kernel.view is not None
            compute: Callable[..., Any] = kernel.view
            keywords = keyword_arguments(_view_keywords(kernel), instruction.node, values)
            return partial(_compute_and_copy, compute, inputs, keywords, outputs)
        keywords = kernel.arguments(instruction.node, values)
        if small:
            return partial(_compute_widened, kernel, inputs, keywords, outputs)
        if kernel.takes_out:
            return partial(kernel.compute, *inputs, out=outputs[0], **keywords)
        return partial(_compute_and_copy, kernel.compute, inputs, keywords, outputs)


def _take_pending(pending: list[np.ndarray], targets: list[np.ndarray]) -> None:
    for target, array in zip(targets, pending, strict=True):
        np.copyto(target, array, casting="unsafe")


def _compute_and_copy(
    compute: Callable[..., Any],
    inputs: list[np.ndarray],
    keywords: dict[str, Any],
    outputs: list[np.ndarray],
) -> None:
    result = compute(*inputs, **keywords)
    if len(outputs) == 1 and not isinstance(result, (tuple, list)):
        np.copyto(outputs[0], result, casting="unsafe")
        return
    for out, array in zip(outputs, result, strict=True):
        np.copyto(out, array, casting="unsafe")


def _compute_widened(
    kernel: Kernel, inputs: list[np.ndarray], keywords: dict[str, Any], outputs: list[np.ndarray]
) -> None:
    """Run a kernel on float32 copies of small floats."""
    wide = [widen(a) for a in inputs]
    assert kernel.compute is not None
    if kernel.takes_out:
        out = np.empty(outputs[0].shape, np.result_type(outputs[0].dtype, np.float32))
        kernel.compute(*wide, out=out, **keywords)
        np.copyto(outputs[0], out, casting="unsafe")
    else:
        _compute_and_copy(kernel.compute, wide, keywords, outputs)  # type: ignore[arg-type]


def plan_segment(executor: Executor, segment: Segment, parent: Segment | None) -> Segment:
    """Fill ``segment`` (which holds the values and arrays known so far)."""
    planner = SegmentPlanner(executor, segment, parent)
    planner.infer()
    planner.structure()
    planner.bind()
    return segment


__all__ = ["Layout", "Segment", "plan_segment"]
