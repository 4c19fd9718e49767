"""Constants in device memory: uploaded once, each in the storage types that those who read it ask for.

Inferences in f16 or bf16 keep most weights in that type, which halves the bytes that a kernel reads. Of few numbers
that are used many times (biases, filters of depthwise convolutions, per-channel factors) nothing is saved by rounding,
and their errors are the same at every place of the result: where a lowering says so they stay f32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ovgpu.execution.memory import align
from ovgpu.execution.program import Instruction, Program
from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.context import DeviceContext, storage_type, to_storage
from ovgpu.plugins.gpu.device import cupy
from ovgpu.plugins.gpu.evaluate import LARGEST_KNOWN
from ovgpu.plugins.gpu.registry import DeviceKernel, DeviceTensor


class Weights:
    """The constants of a program.

    Attributes:
        nbytes: device memory that they take.
        wide: by the index of an instruction, the inputs that it reads in f32 although inferences store less.

    Raises OutOfDeviceMemory.
    """

    def __init__(
        self,
        context: DeviceContext,
        program: Program,
        lowering: Callable[[Instruction], DeviceKernel | None],
        precision: Type,
    ) -> None:
        self._program = program
        self._precision = precision
        #: Where each constant lies in each storage type.
        self._places: dict[tuple[int, Type], DeviceTensor] = {}
        self._plain: dict[int, DeviceTensor] = {}
        self.wide: dict[int, list[tuple[int, DeviceTensor]]] = {}
        positions = self._wide_positions(lowering)
        offsets, self.nbytes = self._lay_out(positions)
        self._memory = context.allocate(self.nbytes)
        with context.activate():
            self._upload(offsets)
        for index, position in positions:
            number = program.instructions[index].inputs[position]
            self.wide.setdefault(index, []).append((position, self._places[number, Type.f32]))

    def get(self, number: int) -> DeviceTensor | None:
        """A constant as most instructions read it; None for a tensor that is none."""
        return self._plain.get(number)

    def _wide_positions(
        self, lowering: Callable[[Instruction], DeviceKernel | None]
    ) -> set[tuple[int, int]]:
        """Instructions and inputs that stay f32 where others are stored in less."""
        if self._precision is Type.f32:
            return set()
        found = set()
        for index, instruction in enumerate(self._program.instructions):
            kernel = None if instruction.bodies else lowering(instruction)
            if kernel is None or kernel.wide_inputs is None:
                continue
            for position, number in enumerate(instruction.inputs):
                info = self._program.tensors[number]
                if info.constant is None or info.value.type is not Type.f32:
                    continue
                if kernel.wide_inputs(instruction.node, position, info.constant.shape):
                    found.add((index, position))
        return found

    def _lay_out(self, wide: set[tuple[int, int]]) -> tuple[dict[tuple[int, Type], int], int]:
        """Offsets of the constants by number and storage type, and the bytes of all."""
        wanted: dict[int, set[Type]] = {}
        for index, instruction in enumerate(self._program.instructions):
            for position, number in enumerate(instruction.inputs):
                element_type = self._program.tensors[number].value.type
                plain = storage_type(element_type, self._precision)
                storage = Type.f32 if (index, position) in wide else plain
                wanted.setdefault(number, set()).add(storage)
        offsets: dict[tuple[int, Type], int] = {}
        total = 0
        for number, info in enumerate(self._program.tensors):
            if info.constant is None:
                continue
            plain = storage_type(info.value.type, self._precision)
            storages = wanted.get(number, set())
            if not storages or number in self._program.outputs:
                storages.add(plain)
            for storage in sorted(storages, key=lambda s: s is not plain):
                offsets[number, storage] = total
                if storage is not Type.string:
                    total += align(storage.storage_bytes(info.constant.size))
        return offsets, total

    def _upload(self, offsets: dict[tuple[int, Type], int]) -> None:
        memcpy: Any = cupy().cuda.runtime.memcpy
        for (number, storage), offset in offsets.items():
            info = self._program.tensors[number]
            constant = info.constant
            assert constant is not None
            address = self._memory.ptr + offset
            known = constant if constant.size <= LARGEST_KNOWN else None
            tensor = DeviceTensor(
                address, constant.shape, info.value.type, storage, known, constant=True
            )
            self._places[number, storage] = tensor
            self._plain.setdefault(number, tensor)
            if storage is Type.string:
                continue
            data = to_storage(constant, storage)
            if data.nbytes:
                memcpy(address, data.ctypes.data, data.nbytes, 1)
