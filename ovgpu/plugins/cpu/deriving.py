"""Plans made of the plan before: what a model that generates text needs with every token.

A token changes few sizes, those of the past and of what is counted with it. The structure of the last plan is kept
(which tensors share memory, where the block has them), and only instructions that read something that changed are
looked at: their shapes, the arrays of what they make, their steps. All other arrays and steps are the same objects as
before.

Where a tensor needs more memory than it had, or would lie elsewhere, there is no derived plan, and
:mod:`ovgpu.plugins.cpu.plan` makes one from the ground up.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ovgpu.execution.program import Instruction
from ovgpu.graph.value import Value
from ovgpu.plugins.cpu.placement import is_dense
from ovgpu.plugins.cpu.plan import Segment, SegmentPlanner, Structure

if TYPE_CHECKING:
    from ovgpu.plugins.cpu.executor import Executor


class _Differs(Exception):
    """The structure does not hold for these sizes."""


def derive(executor: Executor, base: Segment, values: dict[int, Value]) -> Segment | None:
    """A plan for inputs of other sizes after the likeness of ``base``; None when it must be planned.

    ``values`` holds those of the constants and inputs. Raises RuntimeError naming the layer that refuses the sizes.
    """
    if base.structure is None:
        return None
    try:
        return _Derivation(executor, base, base.structure, values).make()
    except _Differs:
        return None


class _Derivation:
    """One plan while it is derived."""

    def __init__(
        self,
        executor: Executor,
        base: Segment,
        structure: Structure,
        given: dict[int, Value],
    ) -> None:
        self.executor = executor
        self.program = executor.program
        self.base = base
        self.structure = structure
        self.given = given
        self.values = dict(base.values)
        old = structure.placement
        # Views of constants; what has a place in the block is looked at there.
        arrays = {n: a for n, a in base.arrays.items() if n not in old.places}
        self.segment = Segment(0, 0, base.stop, self.values, arrays)
        self.planner = SegmentPlanner(executor, self.segment, None)
        new = self.planner.placement
        new.places, new.phantoms = dict(old.places), dict(old.phantoms)
        new.first_step, new.root_last = old.first_step, old.root_last
        new.scratch, new.views = old.scratch, old.views
        self.placement = new
        #: Tensors of another value or array than in ``base``; instructions that read or make one, in order.
        self.changed: set[int] = set()
        self.touched: list[int] = []

    def make(self) -> Segment:
        for number in self.program.inputs:
            if not _same(self.values[number], self.given[number]):
                self.values[number] = self.given[number]
                self._renew(number, None)
        waiting = set(self.executor.reading)
        for number in self.changed:
            waiting.update(self.executor.readers.get(number, ()))
        queue = sorted(waiting)
        while queue:
            index = heapq.heappop(queue)
            for number in self._visit(index):
                for reader in self.executor.readers.get(number, ()):
                    if reader not in waiting:
                        waiting.add(reader)
                        heapq.heappush(queue, reader)
        self._bind()
        return self.segment

    def _visit(self, index: int) -> list[int]:
        """Infer and place the outputs of an instruction; returns those that changed."""
        instruction = self.program.instructions[index]
        try:
            other = self._infer(index, instruction)
            reads = not self.changed.isdisjoint(instruction.inputs)
            if not (other or reads):
                return []  # a variable of the size that it had
            self.touched.append(index)
            wanted = self.placement.scratch_bytes(instruction) if reads else None
            if wanted is not None and wanted > self.structure.placement.scratch[index]:
                raise _Differs
            return self._place(index, instruction, other)
        except (RuntimeError, ValueError, OverflowError, MemoryError) as error:
            raise self.executor.layer_error(index, error) from error

    def _infer(self, index: int, instruction: Instruction) -> set[int]:
        """Outputs whose value is another one than in the base."""
        if index in self.program.settled:
            return set()
        outputs = self.executor.infer_outputs(index, self.values)
        if outputs is None or any(not v.is_static for v in outputs):
            raise _Differs
        other = set()
        for number, value in zip(instruction.outputs, outputs, strict=True):
            if not _same(self.values[number], value):
                self.values[number] = value
                other.add(number)
        return other

    # ---- places -----------------------------------------------------------------------------------------------------
    def _place(self, index: int, instruction: Instruction, other: set[int]) -> list[int]:
        """Outputs that are new, or lie elsewhere than in the base."""
        placement, old = self.placement, self.structure.placement
        if instruction.node.get_type_name() == "Assign":
            number, source = instruction.outputs[0], instruction.inputs[0]
            placement.alias(number, placement.seen(source), source)
            return self._moved(instruction.outputs, other)
        if index in old.views:
            if not placement.try_view(instruction):
                raise _Differs
            return self._moved(instruction.outputs, other)
        made: list[int] = []
        for number in instruction.outputs:
            place = old.places.get(number)
            if place is None:
                raise _Differs  # strings
            if place.root == number:
                if number in other:
                    self._renew(number, instruction)
                    made.append(number)
                continue
            # In the memory of an input that dies here.
            dying = placement.source_of_layout(instruction, number)
            if dying is None or dying not in placement.places:
                raise _Differs
            seen = placement.seen(dying)
            if (
                placement.places[dying].root != place.root
                or seen.shape != placement.shape(number)
                or not is_dense(seen)
            ):
                raise _Differs
            placement.alias(number, seen, dying)
            made += self._moved([number], other)
        return made

    def _moved(self, numbers: Sequence[int], other: set[int]) -> list[int]:
        """Which of these aliases are other arrays than in the base. Raises _Differs for another block of memory."""
        moved = []
        for number in numbers:
            old, new = (
                self.structure.placement.places.get(number),
                self.placement.places.get(number),
            )
            if (old is None) != (new is None):
                raise _Differs
            if old is None or new is None:
                moved.append(number)  # over a constant: a view that was made anew
                continue
            if old.root != new.root:
                raise _Differs
            if number in other or old != new:
                moved.append(number)
        self.changed.update(moved)
        return moved

    def _renew(self, number: int, instruction: Instruction | None) -> None:
        """Give a tensor of another size the memory of its own that it had."""
        placement = self.placement
        old = self.structure.placement.places.get(number)
        if old is None or old.root != number:
            raise _Differs
        shape = placement.shape(number)
        dtype = self.program.tensors[number].dtype
        if math.prod(shape) * dtype.itemsize > self.structure.capacities[number]:
            raise _Differs
        strides = None
        if instruction is not None:
            source = placement.source_of_layout(instruction, number)
            strides = placement.own_strides(instruction, number, source)
        placement.renew(number, strides)
        self.changed.add(number)

    # ---- steps ------------------------------------------------------------------------------------------------------
    def _bind(self) -> None:
        structure, segment, planner = self.structure, self.segment, self.planner
        for number in self.placement.places:
            segment.arrays[number] = (
                planner.make_array(number, structure.block, structure.offsets)
                if number in self.changed
                else self.base.arrays[number]
            )
        again = set(self.touched)
        for number in self.changed:
            again.update(self.executor.readers.get(number, ()))
        steps = dict(structure.steps)
        for index in sorted(again):
            steps[index] = planner.step_of(index, structure.block, structure.scratch)
        made = [(index, step) for index, step in steps.items() if step is not None]
        segment.instruction_of_step = [index for index, _ in made]
        segment.steps = [step for _, step in made]
        segment.structure = Structure(
            self.placement,
            structure.block,
            structure.offsets,
            structure.capacities,
            structure.scratch,
            steps,
        )


def _same(a: Value, b: Value) -> bool:
    """Whether plans are the same for both: shape, and all that is known of the elements."""
    if a is b:
        return True
    if a.shape.static_tuple() != b.shape.static_tuple():
        return False
    first, second = a.elements, b.elements
    if first is None or second is None:
        return first is second
    if first.dtype.kind == "O" or second.dtype.kind == "O":
        return False  # bounds; nobody asks whether they are equal
    return np.array_equal(first, second, equal_nan=first.dtype.kind == "f")
