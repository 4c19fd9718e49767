"""Records of the executor itself: copies between host and arena, variables, operations that the host computes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ovgpu.execution.memory import align
from ovgpu.execution.program import Instruction
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.plugins.cpu.evaluate import evaluate as evaluate_on_host
from ovgpu.plugins.gpu.context import from_storage, to_storage
from ovgpu.plugins.gpu.device import cupy
from ovgpu.plugins.gpu.encoder import Encoder
from ovgpu.plugins.gpu.registry import DeviceTensor
from ovgpu.plugins.gpu.segment import GpuSegment
from ovgpu.plugins.gpu.staging import Staging

if TYPE_CHECKING:
    from ovgpu.execution.program import Program
    from ovgpu.plugins.gpu.state import DeviceState

#: Bytes of known values that one launch carries as arguments.
INLINE_BYTES = 1024

HOST_TO_DEVICE, DEVICE_TO_HOST, DEVICE_TO_DEVICE = 1, 2, 3
_DIRECTION = ("", "to the device", "to the host", "on the device")


def copy_async(target: int, source: int, nbytes: int, kind: int, stream: int) -> None:
    """Enqueue a copy. Raises RuntimeError that says which kind failed."""
    try:
        cupy().cuda.runtime.memcpyAsync(target, source, nbytes, kind, stream)
    except Exception as error:
        raise RuntimeError(
            f"copying {nbytes:,} bytes {_DIRECTION[kind]} failed: {error}"
        ) from error


def wait_for(stream: int) -> None:
    """Wait for the work on a stream. Raises RuntimeError that says so."""
    try:
        cupy().cuda.runtime.streamSynchronize(stream)
    except Exception as error:
        raise RuntimeError(f"waiting for the device failed: {error}") from error


def view_of(tensor: DeviceTensor, owner: Any) -> Any:
    """A CuPy array over a tensor's memory, which ``owner`` keeps alive."""
    module = cupy()
    memory = module.cuda.UnownedMemory(tensor.address, max(tensor.nbytes, 1), owner)
    pointer = module.cuda.MemoryPointer(memory, 0)
    return module.ndarray(tensor.shape, tensor.storage.host_dtype, pointer)


class Transfers(ABC):
    """What :class:`~ovgpu.plugins.gpu.executor.GpuExecutor` puts between the records of operations."""

    program: Program
    stream: Any
    states: dict[str, DeviceState]
    #: String tensors of this inference, by number: they never leave the host.
    strings: dict[int, np.ndarray]
    _inputs: list[Staging]
    _outputs: list[Staging]
    #: Where counts arrive on the host, one at a time: the segments of an inference follow each other.
    _count: Staging

    @abstractmethod
    def storage(self, number: int) -> Type:
        """Element type of a tensor in device memory."""

    @abstractmethod
    def tensor(self, segment: GpuSegment, number: int) -> DeviceTensor:
        """A tensor as instructions read it."""

    # ---- inputs and outputs -----------------------------------------------------------------------------------------
    def encode_inputs(self, encoder: Encoder, segment: GpuSegment) -> None:
        """Copies of the inputs from staging memory to the arena, but for those that come from device memory."""
        for index, (staging, number) in enumerate(
            zip(self._inputs, self.program.inputs, strict=True)
        ):
            tensor = segment.tensors[number]
            if tensor.nbytes and index not in segment.device_inputs:
                source = staging.reserve(tensor.nbytes, self.bound(number))
                place, packed = staging.view(tensor.nbytes), tensor.storage.bitwidth < 8
                if not packed:
                    place = place.view(tensor.storage.host_dtype).reshape(tensor.shape)
                segment.staged.append((index, place, tensor.storage if packed else None))
                encoder.enqueue(
                    "upload",
                    partial(copy_async, tensor.address, source, tensor.nbytes, HOST_TO_DEVICE),
                )

    def encode_outputs(self, encoder: Encoder, segment: GpuSegment) -> None:
        """Copies of the outputs to staging memory, but for those that stay in device memory."""
        for index, (staging, number) in enumerate(
            zip(self._outputs, self.program.outputs, strict=True)
        ):
            tensor = self.tensor(segment, number)
            weight = self.program.tensors[number].constant is not None
            if tensor.nbytes and not weight and index not in segment.device_outputs:
                target = staging.reserve(tensor.nbytes, self.bound(number))
                if tensor.storage.bitwidth >= 8:
                    place = staging.view(tensor.nbytes)
                    segment.fetched[index] = from_storage(place, tensor.storage, tensor.shape)
                encoder.enqueue(
                    "download",
                    partial(copy_async, target, tensor.address, tensor.nbytes, DEVICE_TO_HOST),
                )

    def bound(self, number: int) -> int | None:
        """Bytes of a tensor in device memory at its upper bounds; None when it has none."""
        upper = self.program.tensors[number].bound_sizes
        if upper is None:
            return None
        return align(max(self.storage(number).storage_bytes(math.prod(upper)), 256))

    def _take_device_inputs(self, segment: GpuSegment, inputs: Sequence[Any]) -> None:
        """Enqueue the copies of inputs that lie in device memory to their places in the arena."""
        for index in segment.device_inputs:
            tensor = segment.tensors[self.program.inputs[index]]
            if tensor.nbytes:
                self._copy_on_device(view_of(tensor, self), inputs[index])

    def _give_device_outputs(self, segment: GpuSegment, targets: Sequence[Any]) -> None:
        """Enqueue the copies of outputs to the user's device memory.

        Raises RuntimeError when the memory has another shape than the result.
        """
        for index in segment.device_outputs:
            tensor = self.tensor(segment, self.program.outputs[index])
            target = targets[index].resized(tensor.shape)
            if tensor.nbytes:
                self._copy_on_device(target, view_of(tensor, self))

    def _copy_on_device(self, target: Any, source: Any) -> None:
        same = target.dtype == source.dtype
        if same and target.flags.c_contiguous and source.flags.c_contiguous:
            copy_async(
                target.data.ptr, source.data.ptr, target.nbytes, DEVICE_TO_DEVICE, self.stream.ptr
            )
        else:
            with self.stream:
                cupy().copyto(target, source.reshape(target.shape), casting="unsafe")

    def _output(self, index: int, segment: GpuSegment) -> np.ndarray:
        """Elements of an output, in the host dtype of its storage."""
        staged = segment.fetched.get(index)
        if staged is not None:
            return staged
        number = self.program.outputs[index]
        constant = self.program.tensors[number].constant
        if constant is not None:
            return constant
        tensor = segment.tensors[number]
        if tensor.storage is Type.string:
            return self.strings[number]
        if not tensor.nbytes:
            return np.empty(tensor.shape, tensor.type.host_dtype)
        place = self._outputs[index].view(tensor.nbytes)
        return from_storage(place, tensor.storage, tensor.shape)

    # ---- values that the host knows ---------------------------------------------------------------------------------
    def encode_known(self, encoder: Encoder, tensor: DeviceTensor) -> None:
        """Write a value that is known while planning to its place: as kernel arguments, so that graphs hold it."""
        assert tensor.known is not None
        data = to_storage(tensor.known, tensor.storage)
        for start in range(0, data.nbytes, INLINE_BYTES):
            part = np.zeros(INLINE_BYTES, np.uint8)
            piece = data[start : start + INLINE_BYTES]
            part[: piece.nbytes] = piece
            packed = part.view([("bytes", np.uint8, INLINE_BYTES)])
            encoder.launch(
                "store.cu",
                "store_bytes",
                1,
                256,
                (np.uint64(tensor.address + start), packed, np.int32(piece.nbytes)),
            )

    def encode_pending(
        self,
        encoder: Encoder,
        parent: GpuSegment,
        instruction: Instruction,
        targets: Sequence[DeviceTensor],
    ) -> None:
        """Upload what the boundary before this segment computed on the host."""

        def upload(stream: int) -> None:
            for number, tensor, array in zip(
                instruction.outputs, targets, parent.pending, strict=True
            ):
                self._upload(number, tensor, array, stream)

        encoder.host("upload", upload)

    def encode_count(self, encoder: Encoder, address: int) -> None:
        """Copy the number of selected elements to the host."""
        target = self._count.reserve(4, None)
        encoder.enqueue("count", partial(copy_async, target, address, 4, DEVICE_TO_HOST))

    # ---- operations on the host -------------------------------------------------------------------------------------
    def encode_host(
        self,
        encoder: Encoder,
        instruction: Instruction,
        inputs: Sequence[DeviceTensor],
        outputs: Sequence[DeviceTensor],
    ) -> None:
        """Let the CPU compute an operation that has no lowering: copies there and back."""
        values = [Value(t.type, PartialShape.of(t.shape)) for t in outputs]

        def run(stream: int) -> None:
            arrays = [
                self._host_array(n, t, stream)
                for n, t in zip(instruction.inputs, inputs, strict=True)
            ]
            results = evaluate_on_host(instruction.node, arrays, outputs=values)
            for number, tensor, array in zip(instruction.outputs, outputs, results, strict=True):
                self._upload(number, tensor, array, stream)

        encoder.host("host", run)

    def _host_array(self, number: int, tensor: DeviceTensor, stream: int) -> np.ndarray:
        """A tensor's elements on the host, in the host dtype of its type; waits unless they are known."""
        constant = self.program.tensors[number].constant
        known = constant if constant is not None else tensor.known
        if known is not None:
            return known.astype(tensor.type.host_dtype, copy=False)
        if tensor.storage is Type.string:
            return self.strings[number]
        data = np.empty(tensor.nbytes, np.uint8)
        if data.nbytes:
            copy_async(data.ctypes.data, tensor.address, data.nbytes, DEVICE_TO_HOST, stream)
            wait_for(stream)
        array = from_storage(data, tensor.storage, tensor.shape)
        return array.astype(tensor.type.host_dtype, copy=False)

    def _upload(self, number: int, tensor: DeviceTensor, array: np.ndarray, stream: int) -> None:
        if tensor.storage is Type.string:
            self.strings[number] = array
            return
        data = to_storage(array, tensor.storage)
        if data.nbytes:
            copy_async(tensor.address, data.ctypes.data, data.nbytes, HOST_TO_DEVICE, stream)
            # `data` must live until the copy has read it.
            wait_for(stream)
