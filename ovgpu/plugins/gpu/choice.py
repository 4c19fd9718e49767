"""Who runs each instruction of a segment: a lowering, the host, or nobody, because all that is read of it is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ovgpu.execution.program import Instruction
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.registry import DeviceKernel
from ovgpu.plugins.gpu.variables import VARIABLE_OPS

if TYPE_CHECKING:
    from ovgpu.plugins.gpu.planner import GpuSegmentPlanner


class Choice:
    """What was chosen for the instructions of one segment.

    Attributes:
        kernels: the lowering that takes each instruction; None where the host computes.
        scratch: bytes of scratch memory, by instruction.
        producers: for tensors that lowerings make: instruction, its kernel, and which of its outputs they are.
        skipped: shape arithmetic, whose results are known.
        unread: instructions whose results nothing on the device reads.
    """

    def __init__(self, planner: GpuSegmentPlanner) -> None:
        self.planner = planner
        self.kernels: dict[int, DeviceKernel | None] = {}
        self.scratch: dict[int, int] = {}
        self.producers: dict[int, tuple[int, DeviceKernel, int]] = {}
        self.skipped: set[int] = set()
        self.unread: set[int] = set()

    def choose(self) -> None:
        """Choose for all instructions from the segment's start up to its stop."""
        segment = self.planner.segment
        for index in range(segment.start, segment.stop):
            self._choose(index)
        for index in reversed(range(segment.start, segment.stop)):
            self._drop_unread(index)

    def leaves_out(self, index: int) -> bool:
        """Whether nothing of an instruction runs, and so nothing reads its inputs."""
        return index in self.skipped or index in self.unread

    def _choose(self, index: int) -> None:
        instruction = self.planner.program.instructions[index]
        if instruction.node.get_type_name() in VARIABLE_OPS:
            return
        if self.is_shape_arithmetic(instruction):
            self.skipped.add(index)
            return
        self.choose_lowering(index)
        kernel = self.kernels[index]
        if kernel is not None:
            for position, number in enumerate(instruction.outputs):
                self.producers[number] = index, kernel, position

    def _values(self, numbers: Sequence[int]) -> list[Value]:
        return [self.planner.segment.values[n] for n in numbers]

    def choose_lowering(self, index: int) -> None:
        """Choose for an instruction that does work."""
        kernel, scratch = self.lowering_for(index)
        self.kernels[index] = kernel
        if scratch:
            self.scratch[index] = scratch

    def lowering_for(self, index: int) -> tuple[DeviceKernel | None, int]:
        """The lowering that takes an instruction, None for the host, and its bytes of scratch memory."""
        instruction = self.planner.program.instructions[index]
        values = [*self._values(instruction.inputs), *self._values(instruction.outputs)]
        memo = self.planner.executor.memo
        return memo.tier(index, values, lambda: self._lowering_and_scratch(instruction))

    def _drop_unread(self, index: int) -> None:
        """Leave an instruction out when only shapes are taken from its results, which are known."""
        instruction = self.planner.program.instructions[index]
        if (
            index in self.skipped
            or instruction.bodies
            or instruction.node.get_type_name() == "Assign"
        ):
            return
        for number in instruction.outputs:
            readers = self.planner.executor.readers.get(number, ())
            if number in self.planner.program.outputs or not all(
                self.leaves_out(i) for i, _ in readers
            ):
                return
        self.unread.add(index)

    def is_shape_arithmetic(self, instruction: Instruction) -> bool:
        """Whether all results of an instruction are known while planning."""
        if instruction.bodies or instruction.node.get_type_name() == "ReadValue":
            return False
        return all(self.planner.known(n) is not None for n in instruction.outputs)

    def _lowering_and_scratch(self, instruction: Instruction) -> tuple[DeviceKernel | None, int]:
        """The lowering that takes this instruction, or None (the host runs it), and its bytes of scratch memory."""
        kernel = self._lowering(instruction)
        if kernel is None or kernel.scratch is None:
            return kernel, 0
        return kernel, self._scratch_bytes(instruction, kernel)

    def _lowering(self, instruction: Instruction) -> DeviceKernel | None:
        kernel = self.planner.executor.compiled.lowering(instruction)
        tensors = (*instruction.inputs, *instruction.outputs)
        if any(self.planner.executor.storage(n) is Type.string for n in tensors):
            return None  # strings never leave the host
        if kernel is None:
            return None
        takes = kernel.takes(
            instruction.node,
            self._values(instruction.inputs),
            self._values(instruction.outputs),
            lambda index: self.planner.known(instruction.inputs[index]) is not None,
        )
        return kernel if takes else None

    def _scratch_bytes(self, instruction: Instruction, kernel: DeviceKernel) -> int:
        assert kernel.scratch is not None
        node = instruction.node
        inputs, outputs = self._values(instruction.inputs), self._values(instruction.outputs)
        nbytes = kernel.scratch(node, inputs, outputs)
        bounded = [self._bounded(n) for n in (*instruction.inputs, *instruction.outputs)]
        if all(v is not None for v in bounded):
            count = len(inputs)
            nbytes = max(nbytes, kernel.scratch(node, bounded[:count], bounded[count:]))  # type: ignore[arg-type]
        return nbytes

    def _bounded(self, number: int) -> Value | None:
        info = self.planner.program.tensors[number]
        if info.constant is not None:
            return info.value
        upper = info.bound_sizes
        return None if upper is None else Value(info.value.type, PartialShape.of(upper))
