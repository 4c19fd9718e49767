"""Plans made of the plan before: what a model that generates text needs with every token.

A token changes few sizes, those of the caches and of what is counted with them. So the structure of the last plan is
kept (who runs each instruction, which tensors share memory, where the arena has them), and what depends on a changed
size is made again: values, tensors, records. Everything else is the same object as before.

A structure holds for other sizes where each decision does. Tensors with blocks of their own may change as long as the
block holds them; what lies inside of other memory is looked at again. Where the answer is another, or nobody asked the
question before, there is no derived plan and :mod:`ovgpu.plugins.gpu.planner` makes one from the ground up.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

from ovgpu.execution.program import Instruction
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.planner import GpuSegmentPlanner
from ovgpu.plugins.gpu.segment import OUTPUTS, GpuSegment, Structure
from ovgpu.plugins.gpu.staging import Replan
from ovgpu.plugins.gpu.strided import address_of
from ovgpu.plugins.gpu.variables import VARIABLE_OPS
from ovgpu.plugins.gpu.views import strides_of

if TYPE_CHECKING:
    from ovgpu.plugins.gpu.executor import GpuExecutor


class _Differs(Exception):
    """The structure does not hold for these sizes."""


def derive(executor: GpuExecutor, base: GpuSegment, segment: GpuSegment) -> bool:
    """Fill ``segment``, which has the values of its inputs, after the likeness of ``base``.

    Returns False when it must be planned; ``segment`` is as it was then. Raises Replan when memory moved.
    """
    structure = base.structure
    if (
        structure is None
        or base.device_inputs != segment.device_inputs
        or base.device_outputs != segment.device_outputs
        or base.identities != segment.identities
        or base.roles != segment.roles
    ):
        return False
    given = segment.values
    try:
        _Derivation(executor, base, structure, segment).make()
    except _Differs:
        segment.values, segment.tensors = given, {}
        segment.assigned.clear()
        segment.staged.clear()
        segment.fetched.clear()
        return False
    return True


class _Derivation:
    """One plan while it is derived."""

    def __init__(
        self, executor: GpuExecutor, base: GpuSegment, structure: Structure, segment: GpuSegment
    ) -> None:
        self.executor = executor
        self.program = executor.program
        self.base = base
        self.structure = structure
        self.segment = segment
        self.planner = GpuSegmentPlanner(executor, segment, None)
        self.planner.adopt(structure)
        #: Tensors of another value, shape or place than in ``base``; those of them that have their place.
        self.changed: set[int] = set()
        self.placed: set[int] = set()
        #: Instructions that read a changed value, in order.
        self.touched: list[int] = []

    def make(self) -> None:
        """Values, places, records. Raises _Differs or Replan."""
        self._infer()
        for index in self.touched:
            self._check(index)
        self._place()
        if self.planner.variables.moved:
            raise Replan
        self._encode()

    # ---- values -----------------------------------------------------------------------------------------------------
    def _infer(self) -> None:
        """Infer what depends on inputs and variables of other sizes."""
        program, executor = self.program, self.executor
        values = dict(self.base.values)
        for number in program.inputs:
            if values[number] is not self.segment.values[number]:
                values[number] = self.segment.values[number]
                self.changed.add(number)
        waiting = list(executor.reading)
        for number in self.changed:
            waiting += [index for index, _ in executor.readers.get(number, ())]
        waiting = sorted(set(waiting))
        queued = set(waiting)
        while waiting:
            index = heapq.heappop(waiting)
            instruction = program.instructions[index]
            outputs: Sequence[Value] = ()
            if index not in program.settled:
                found = executor.inference.outputs(index, values)
                if found is None or any(not v.is_static for v in found):
                    raise _Differs
                outputs = found
            for number, value in zip(instruction.outputs, outputs, strict=False):
                if values[number] is value:
                    continue
                values[number] = value
                self.changed.add(number)
                for reader, _ in executor.readers.get(number, ()):
                    if reader not in queued:
                        queued.add(reader)
                        heapq.heappush(waiting, reader)
            if not self.changed.isdisjoint((*instruction.inputs, *instruction.outputs)):
                self.touched.append(index)
        self.segment.values = values
        self.segment.stop = self.planner.end

    def _check(self, index: int) -> None:
        """Raise _Differs where somebody else would run the instruction, or run it with more memory."""
        instruction = self.program.instructions[index]
        if instruction.node.get_type_name() in VARIABLE_OPS:
            return
        choice = self.planner.choice
        if choice.is_shape_arithmetic(instruction) != (index in self.structure.skipped):
            raise _Differs
        if index in self.structure.skipped:
            return
        kernel, scratch = choice.lowering_for(index)
        if kernel is not self.structure.kernels[index]:
            raise _Differs
        if scratch > self.structure.scratch.get(index, 0):
            raise _Differs

    # ---- places -----------------------------------------------------------------------------------------------------
    def _place(self) -> None:
        """Find a place for all that changed."""
        base = self.base.tensors
        self.segment.tensors = {n: t for n, t in base.items() if n not in self.changed}
        for number in self.program.inputs:
            if number in self.changed:
                self._keep_block(number)
        for index in self.touched:
            if index in self.structure.unread:
                continue
            instruction = self.program.instructions[index]
            name = instruction.node.get_type_name()
            if name == "KeyValueCache":
                self._extend(instruction)
            elif name == "ReadValue":
                self._read(instruction)
            else:
                for number in instruction.outputs:
                    if number in self.changed:
                        self._place_output(index, instruction, number)
                    elif number in self.structure.shown or self._holds(number, instruction):
                        # As large as before, and cut from elsewhere (the last row of what grows), or put together
                        # of parts that lie elsewhere in it.
                        raise _Differs
        if any(number in base and number not in self.placed for number in self.changed):
            raise _Differs

    def _holds(self, number: int, instruction: Instruction) -> bool:
        """Whether inputs are made inside of this output, as parts of a Concat are."""
        roots = self.structure.roots
        root = roots.get(number)
        return root is not None and any(roots.get(n) == root for n in instruction.inputs)

    def _put(self, number: int, address: int, constant: bool = False) -> None:
        self.segment.tensors[number] = self.planner.tensor(number, address, constant)
        self.placed.add(number)

    def _keep_block(self, number: int) -> None:
        """Leave a tensor in the block of its own that it had, with all that lies there."""
        structure = self.structure
        storage = self.executor.storage(number)
        nbytes = storage.storage_bytes(math.prod(self.planner.shape(number)))
        if (
            structure.roots.get(number) != number
            or number in structure.strides
            or nbytes > structure.blocks[number]
            or not self.changed.issuperset(structure.members.get(number, ()))
        ):
            raise _Differs
        self._put(number, self.base.tensors[number].address)

    def _place_output(self, index: int, instruction: Instruction, number: int) -> None:
        structure, views = self.structure, self.planner.views
        if number not in self.base.tensors:
            return
        if structure.roots.get(number) == number:
            self._keep_block(number)
            return
        source = instruction.inputs[0] if instruction.inputs else -1
        kernel = structure.kernels.get(index)
        is_assign = instruction.node.get_type_name() == "Assign"
        if is_assign or (kernel is not None and kernel.alias and number in structure.shown):
            # The same memory in another shape; a cache that is assigned may have strides.
            if not is_assign and views.steps_of(source) is not None:
                raise _Differs
            tensor = self.executor.tensor(self.segment, source)
            if number in structure.roots and structure.roots[number] != structure.roots.get(source):
                raise _Differs
            self._put(number, tensor.address, tensor.constant)
            return
        if kernel is None or number not in structure.shown or number not in structure.roots:
            raise _Differs
        # A dense part of another tensor must be the part that it was.
        place = views.places_shown(instruction, kernel)[instruction.outputs.index(number)]
        if (
            place is None
            or not place.flags.c_contiguous
            or number in structure.strides
            or address_of(place) != views.described(source).address + self._offset(number, source)
        ):
            raise _Differs
        tensor = self.executor.tensor(self.segment, source)
        self._put(number, tensor.address + self._offset(number, source))

    def _offset(self, number: int, source: int) -> int:
        """Bytes from the start of one tensor to another one in the same block."""
        if self.structure.roots.get(source) != self.structure.roots[number]:
            raise _Differs
        offsets = self.structure.offsets
        return offsets.get(number, 0) - offsets.get(source, 0)

    def _read(self, instruction: Instruction) -> None:
        """A variable's value: its buffer, or a copy of it."""
        number, structure = instruction.outputs[0], self.structure
        if number not in self.base.tensors:
            return
        if structure.roots.get(number) == number:
            self._keep_block(number)
        elif number not in structure.shown or not self.planner.variables.show_value(instruction):
            raise _Differs
        else:
            self.placed.add(number)

    def _extend(self, instruction: Instruction) -> None:
        """A cache that grows, and the place of its new rows."""
        number, structure, variables = (
            instruction.outputs[0],
            self.structure,
            self.planner.variables,
        )
        update = instruction.inputs[1]
        if not math.prod(self.planner.shape(number)):
            raise _Differs
        if update in structure.elsewhere:
            place = (
                None
                if update in structure.shown
                else self.planner.views.rows_of_cache(update, instruction)
            )
            if place is None:
                raise _Differs
            rows = place[1]
            strides = None if rows.flags.c_contiguous else strides_of(rows)
            self.segment.tensors[update] = self.planner.tensor(
                update, address_of(rows), strides=strides
            )
            self.changed.add(update)
            self.placed.add(update)
        if number not in self.base.tensors:
            return
        if structure.roots.get(number) == number:
            self._keep_block(number)
        elif number not in structure.shown or not variables.show_cache(instruction):
            raise _Differs
        else:
            self.placed.add(number)

    # ---- records ----------------------------------------------------------------------------------------------------
    def _encode(self) -> None:
        """Make the records again that have to do with what changed, and take over the others."""
        executor, segment = self.executor, self.segment
        again = set(self.touched)
        for number in self.changed:
            again.update(index for index, _ in executor.readers.get(number, ()))
            if number in executor.makers:
                again.add(executor.makers[number])
        encoder = executor.context.encoder(executor.tickets.ptr)
        parts = segment.parts = dict(self.base.parts)
        encoder.begin(-1, "inputs")
        executor.encode_inputs(encoder, segment)
        parts[-1] = encoder.take()
        segment.assigned = dict(self.base.assigned)
        scratch = self.structure.scratch_addresses
        for index in sorted(again):
            self.planner.encode_instruction(encoder, index, scratch.get(index, 0))
            parts[index] = encoder.take()
        encoder.begin(-1, "outputs")
        executor.encode_outputs(encoder, segment)
        parts[OUTPUTS] = encoder.take()
        segment.records = list(chain.from_iterable(parts.values()))
        segment.structure = self.structure
