"""Planning a segment: shapes up to where they depend on data, places for tensors, and the records.

What differs from the CPU: tensors are blocks of device memory at fixed addresses or views of them (see views.py), shape
arithmetic never reaches the device, and an operation without a lowering (or whose lowering does not take its shapes)
runs on the host, with its copies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from ovgpu.execution.memory import Lifetime, align
from ovgpu.execution.program import LARGEST_PLANNED_TENSOR, LARGEST_SHAPE_VALUE, Instruction
from ovgpu.plugins.gpu.choice import Choice
from ovgpu.plugins.gpu.encoder import Encoder
from ovgpu.plugins.gpu.evaluate import LARGEST_KNOWN
from ovgpu.plugins.gpu.registry import DeviceKernel, DeviceTensor, Lowering
from ovgpu.plugins.gpu.segment import OUTPUTS, GpuSegment, Structure
from ovgpu.plugins.gpu.staging import Replan
from ovgpu.plugins.gpu.variables import VARIABLE_OPS, Variables
from ovgpu.plugins.gpu.views import Views

if TYPE_CHECKING:
    from ovgpu.plugins.gpu.executor import GpuExecutor

#: Bytes of device memory for the number of elements that an operation with counted outputs selects.
COUNT_BYTES = 256


class GpuSegmentPlanner:
    """Builds one segment: shapes, places in the arena, records."""

    def __init__(
        self, executor: GpuExecutor, segment: GpuSegment, parent: GpuSegment | None
    ) -> None:
        self.executor = executor
        self.program = executor.program
        self.segment = segment
        self.parent = parent
        self.end = len(self.program.instructions)
        self.views = Views(self)
        self.choice = Choice(self)
        self.variables = Variables(self)
        #: Bytes of the blocks of memory, by root.
        self.blocks: dict[int, int] = {}
        self._shapes: dict[int, tuple[int, ...]] = {}
        self._known: dict[int, np.ndarray | None] = {}

    def adopt(self, structure: Structure) -> None:
        """Take over the decisions of another plan instead of making them."""
        choice, views = self.choice, self.views
        choice.kernels, choice.scratch = structure.kernels, structure.scratch
        choice.producers = structure.producers
        choice.skipped, choice.unread = structure.skipped, structure.unread
        views.roots, views.offsets, views.strides = (
            structure.roots,
            structure.offsets,
            structure.strides,
        )
        views.shown, views.elsewhere = structure.shown, structure.elsewhere

    # ---- shapes -----------------------------------------------------------------------------------------------------
    def infer(self) -> None:
        """Extend the values up to the first instruction whose output shapes are unknown."""
        segment, tensors = self.segment, self.program.tensors
        for index in range(segment.start, self.end):
            instruction = self.program.instructions[index]
            if index in self.program.settled:
                for n in instruction.outputs:
                    segment.values[n] = tensors[n].value
                continue
            outputs = self.executor.inference.outputs(index, segment.values)
            if outputs is None or any(not v.is_static for v in outputs):
                segment.stop = index
                segment.counted = self._counts(index)
                return
            segment.values.update(zip(instruction.outputs, outputs, strict=True))
        segment.stop = self.end

    def _counts(self, index: int) -> bool:
        """Whether the device runs the instruction at the boundary; its outputs get their largest sizes then."""
        instruction = self.program.instructions[index]
        outputs = self.executor.inference.counted_outputs(instruction, self.segment.values, None)
        if outputs is None:
            return False
        for number, value in zip(instruction.outputs, outputs, strict=True):
            nbytes = self.executor.storage(number).storage_bytes(math.prod(value.upper_sizes or ()))
            if nbytes > LARGEST_PLANNED_TENSOR:
                return False
        self.segment.values.update(zip(instruction.outputs, outputs, strict=True))
        self.choice.choose_lowering(index)
        return self.choice.kernels[index] is not None

    def shape(self, number: int) -> tuple[int, ...]:
        """Sizes of a tensor in this plan."""
        shape = self._shapes.get(number)
        if shape is None:
            shape = self.segment.values[number].shape.static_tuple()
            assert shape is not None
            self._shapes[number] = shape
        return shape

    def known(self, number: int) -> np.ndarray | None:
        """Elements that are known while planning, for small tensors."""
        if number not in self._known:
            self._known[number] = self._find_known(number)
        return self._known[number]

    def _find_known(self, number: int) -> np.ndarray | None:
        constant = self.program.tensors[number].constant
        if constant is not None:
            return constant if constant.size <= LARGEST_KNOWN else None
        value = self.segment.values[number]
        if math.prod(self.shape(number)) > LARGEST_SHAPE_VALUE:
            return None
        return value.known

    # ---- places -----------------------------------------------------------------------------------------------------
    def structure(self) -> None:
        """Decide for every instruction who runs it and where its outputs lie.

        Raises Replan when memory that the plan has to do with moved.
        """
        self.choice.choose()
        self._place_given()
        for index in range(self.segment.start, self.segment.stop):
            self._place_outputs(index)
        if self.segment.counted:
            self._place_counted()
        if self.variables.moved:
            raise Replan

    def _place_counted(self) -> None:
        """Keep room for the largest outputs of the boundary's instruction, and for its count and scratch memory."""
        stop = self.segment.stop
        scratch = self.choice.scratch
        scratch[stop] = COUNT_BYTES + scratch.get(stop, 0)
        for number in self.program.instructions[stop].outputs:
            self.views.own(number, stop)

    def _place_given(self) -> None:
        """Place what comes from outside: inputs, and what the boundary before this segment computed."""
        segment = self.segment
        given: Sequence[int] = ()
        if segment.depth == 0:
            given = self.program.inputs
        elif self.parent is not None and self.parent.runs_boundary:
            given = self.program.instructions[self.parent.stop].outputs
        for number in given:
            self.views.make(number, segment.start)

    def _place_outputs(self, index: int) -> None:
        instruction, views = self.program.instructions[index], self.views
        if index in self.choice.unread:
            return
        if instruction.node.get_type_name() in VARIABLE_OPS:
            self.variables.place(index, instruction)
            return
        if index in self.choice.skipped:
            for number in instruction.outputs:
                if number not in views.roots:
                    views.own(number, index)
            return
        kernel = self.choice.kernels[index]
        if kernel is not None and self._rearranges(instruction, kernel):
            views.show(instruction, kernel)
        for number in instruction.outputs:
            if number not in views.shown:
                views.make(number, index)

    def _rearranges(self, instruction: Instruction, kernel: DeviceKernel) -> bool:
        """Whether outputs may be views of the first input; not when their reader already gave them a place."""
        if self.views.has_place(instruction.outputs[0]):
            return False
        return self._aliasable(instruction) if kernel.alias else kernel.view is not None

    def _aliasable(self, instruction: Instruction) -> bool:
        source = instruction.inputs[0]
        return self.executor.storage(source) is self.executor.storage(instruction.outputs[0])

    def tensor(
        self,
        number: int,
        address: int,
        constant: bool = False,
        strides: tuple[int, ...] | None = None,
    ) -> DeviceTensor:
        """A tensor of this plan at an address."""
        element_type = self.program.tensors[number].value.type
        storage = self.executor.storage(number)
        return DeviceTensor(
            address,
            self.shape(number),
            element_type,
            storage,
            self.known(number),
            constant,
            strides,
        )

    # ---- memory -----------------------------------------------------------------------------------------------------
    def place(self) -> dict[int, int]:
        """Give every root an address; returns addresses of scratch areas by instruction."""
        views = self.views
        roots = sorted(set(views.roots.values()))
        lifetimes = []
        for root in roots:
            last = views.last[root]
            kept = last >= self.segment.stop or root in self.program.outputs
            nbytes = self.blocks[root] = self._capacity(root)
            lifetimes.append(Lifetime(nbytes, views.first[root], self.end if kept else last))
        scratch = self.choice.scratch
        lifetimes += [Lifetime(nbytes, index, index) for index, nbytes in scratch.items()]
        placed = self.executor.arena.place(self.segment.depth, lifetimes, self.executor.drop_plans)
        addresses = dict(zip(roots, placed, strict=False))
        for number, root in views.roots.items():
            self.segment.tensors[number] = self.tensor(
                number,
                addresses[root] + views.offsets.get(number, 0),
                strides=views.strides.get(number),
            )
        return dict(zip(scratch, placed[len(roots) :], strict=True))

    def _capacity(self, root: int) -> int:
        storage = self.executor.storage(root)
        nbytes = storage.storage_bytes(math.prod(self.shape(root)))
        upper = self.program.tensors[root].bound_sizes
        if upper is not None:
            return align(max(nbytes, storage.storage_bytes(math.prod(upper))))
        return self.executor.arena.capacity(root, nbytes)

    # ---- records ----------------------------------------------------------------------------------------------------
    def encode(self) -> None:
        """Make the records of this segment."""
        segment, executor = self.segment, self.executor
        scratch = self.place()
        encoder = executor.context.encoder(executor.tickets.ptr)
        if segment.depth == 0:
            encoder.begin(-1, "inputs")
            executor.encode_inputs(encoder, segment)
        elif self.parent is not None and self.parent.runs_boundary:
            encoder.begin(self.parent.stop, "boundary")
            boundary = self.program.instructions[self.parent.stop]
            targets = [segment.tensors[n] for n in boundary.outputs]
            executor.encode_pending(encoder, self.parent, boundary, targets)
        segment.parts[-1] = encoder.take()
        for index in range(segment.start, segment.stop):
            self.encode_instruction(encoder, index, scratch.get(index, 0))
            segment.parts[index] = encoder.take()
        if segment.counted:
            count = scratch[segment.stop]
            self.encode_instruction(encoder, segment.stop, count + COUNT_BYTES, count)
            executor.encode_count(encoder, count)
            segment.parts[segment.stop] = encoder.take()
        if segment.stop == self.end:
            encoder.begin(-1, "outputs")
            executor.encode_outputs(encoder, segment)
            segment.parts[OUTPUTS] = encoder.take()
        segment.records = list(chain.from_iterable(segment.parts.values()))
        if segment.depth == 0 and segment.stop == self.end:
            segment.structure = self._structure(scratch)

    def _structure(self, scratch_addresses: dict[int, int]) -> Structure:
        choice, views = self.choice, self.views
        members: dict[int, list[int]] = {}
        for number, root in views.roots.items():
            if number != root:
                members.setdefault(root, []).append(number)
        return Structure(
            choice.kernels,
            choice.scratch,
            choice.producers,
            choice.skipped,
            choice.unread,
            views.roots,
            views.offsets,
            views.strides,
            views.shown,
            views.elsewhere,
            members,
            self.blocks,
            scratch_addresses,
        )

    def encode_instruction(
        self, encoder: Encoder, index: int, scratch: int, count: int = 0
    ) -> None:
        """Make the records of one instruction."""
        segment, executor = self.segment, self.executor
        instruction = self.program.instructions[index]
        if index in self.choice.unread:
            return
        encoder.begin(index, instruction.name)
        outputs = [segment.tensors[n] for n in instruction.outputs]
        if index in self.choice.skipped:
            for tensor, number in zip(outputs, instruction.outputs, strict=True):
                if self._device_reads(number):
                    executor.encode_known(encoder, tensor)
            return
        inputs = executor.operands(segment, index)
        if instruction.node.get_type_name() in VARIABLE_OPS:
            self.variables.encode(encoder, instruction, inputs)
        else:
            kernel = self.choice.kernels[index]
            if kernel is None:
                executor.encode_host(encoder, instruction, inputs, outputs)
            elif count or (
                any(t.size for t in outputs)
                and not self.views.shown.issuperset(instruction.outputs)
            ):
                places = tuple([(t.address, t.strides) for t in (*inputs, *outputs)])
                values = [segment.values[n] for n in (*instruction.inputs, *instruction.outputs)]

                def lower() -> None:
                    node, shared = instruction.node, instruction.shared
                    kernel.lower(encoder, Lowering(node, inputs, outputs, shared, scratch, count))

                executor.memo.encode(index, (scratch, count, places), values, encoder, lower)

    def _device_reads(self, number: int) -> bool:
        """Whether anything but host arithmetic reads a tensor that is known: a kernel, or the model's output."""
        if number in self.program.outputs:
            return True
        for index, position in self.executor.readers.get(number, ()):
            if index < self.segment.start or self.choice.leaves_out(index):
                continue
            instruction = self.program.instructions[index]
            kernel = self.choice.kernels.get(index)
            # A view (Reshape) reads the tensor it shows, never the shape.
            in_place = self.views.shown.issuperset(instruction.outputs)
            shows = kernel is not None and (kernel.alias or in_place)
            if position == 0 or not shows:
                return True
        return False


def plan_gpu_segment(
    executor: GpuExecutor, segment: GpuSegment, parent: GpuSegment | None
) -> GpuSegment:
    """Fill ``segment`` (which holds the values and tensors known so far)."""
    planner = GpuSegmentPlanner(executor, segment, parent)
    planner.infer()
    planner.structure()
    planner.encode()
    return segment
