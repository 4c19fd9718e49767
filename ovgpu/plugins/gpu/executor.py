"""Running plans on a device: arena, staging memory, variables, CUDA graphs."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ovgpu.execution.memory import Layout, Lifetime, align, next_power_of_two
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.plugins.cpu.evaluate import evaluate as evaluate_on_host
from ovgpu.plugins.cpu.plan import _Peek
from ovgpu.plugins.cpu.program import Instruction
from ovgpu.plugins.gpu.context import from_storage, to_storage
from ovgpu.plugins.gpu.device import cupy
from ovgpu.plugins.gpu.encoder import Encoder
from ovgpu.plugins.gpu.registry import DeviceTensor
from ovgpu.plugins.gpu.segment import GpuSegment, plan_gpu_segment
from ovgpu.plugins.gpu.state import DeviceState
from ovgpu.plugins.plugin import InferenceCancelled

if TYPE_CHECKING:
    from ovgpu.plugins.gpu.compiled import CompiledGpu

#: Plans kept, and continuations kept per boundary; the least recently used go first.
MAX_PLANS = 64

#: Bytes of known values that one launch carries as arguments.
INLINE_BYTES = 1024

_HOST_TO_DEVICE, _DEVICE_TO_HOST = 1, 2


class _Replan(Exception):
    """Memory had to move: plans that point into it are void."""


class _Staging:
    """Pinned host memory of one input or output, allocated at the bound and grown by powers of two."""

    def __init__(self) -> None:
        self._memory: Any = None
        self.capacity = 0

    def reserve(self, nbytes: int, bound: int | None) -> int:
        """Address of at least ``nbytes``. Raises _Replan when the memory moved while plans may use it."""
        if nbytes <= self.capacity:
            return self._memory.ptr
        moved = self.capacity > 0
        self.capacity = (
            bound if bound is not None and bound >= nbytes else next_power_of_two(max(nbytes, 256))
        )
        self._memory = cupy().cuda.alloc_pinned_memory(self.capacity)
        if moved:
            raise _Replan
        return self._memory.ptr

    def view(self, nbytes: int) -> np.ndarray:
        """The first bytes as a numpy array."""
        return np.frombuffer(self._memory, np.uint8, nbytes)


class GpuExecutor:
    """One job's plans, memory and stream. Used by one inference at a time."""

    def __init__(self, compiled: CompiledGpu) -> None:
        self.compiled = compiled
        self.program = compiled.program
        self.context = compiled.context
        self.layouts: dict[tuple[Lifetime, ...], Layout] = {}
        self.capacities: dict[int, int] = {}
        self.cancelled = False
        self.allocations = 0
        self.graph_launches = 0
        self.times: dict[int, float] = {}
        with self.context.activate():
            self.stream = cupy().cuda.Stream(non_blocking=True)
        self._blocks: list[tuple[Any, int]] = []
        self._roots: OrderedDict[Any, GpuSegment] = OrderedDict()
        self._inputs = [_Staging() for _ in self.program.inputs]
        self._outputs = [_Staging() for _ in self.program.outputs]
        self.states = {
            name: DeviceState(self.context, v.info, self.storage_of(v.info.data_type))
            for name, v in self.program.variables.items()
        }

    # ---- what planners ask ------------------------------------------------------------------------------------------
    def storage_of(self, element_type: Type) -> Type:
        return self.compiled.storage_of(element_type)

    def storage(self, number: int) -> Type:
        """Element type of a tensor in device memory."""
        return self.storage_of(self.program.tensors[number].value.type)

    def tensor(self, segment: GpuSegment, number: int) -> DeviceTensor:
        """A tensor as instructions read it: a weight, or one made by this plan."""
        weight = self.compiled.weights.get(number)
        return weight if weight is not None else segment.tensors[number]

    def reserve(self, depth: int, nbytes: int) -> int:
        """Address of the arena's block for segments at ``depth``. Raises _Replan when it had to move."""
        while len(self._blocks) <= depth:
            self._blocks.append((None, 0))
        memory, capacity = self._blocks[depth]
        if memory is not None and capacity >= nbytes:
            return memory.ptr
        wanted = nbytes if memory is None else next_power_of_two(nbytes)
        self._blocks[depth] = (self.context.allocate(wanted), wanted)
        self.allocations += 1
        if memory is not None:
            self._roots.clear()
            raise _Replan
        return self._blocks[depth][0].ptr

    @property
    def arena_bytes(self) -> int:
        return sum(nbytes for _, nbytes in self._blocks)

    @property
    def graph_count(self) -> int:
        """CUDA graphs that are held for replay."""

        def count(segment: GpuSegment) -> int:
            return (segment.graph is not None) + sum(map(count, segment.children.values()))

        return sum(map(count, self._roots.values()))

    def release_memory(self) -> None:
        """Free arena, staging and plans; the next inference makes them anew."""
        self.stream.synchronize()
        self._roots.clear()
        self._blocks.clear()
        self._inputs = [_Staging() for _ in self.program.inputs]
        self._outputs = [_Staging() for _ in self.program.outputs]

    def infer_outputs(
        self, instruction: Instruction, values: Mapping[int, Value]
    ) -> tuple[Value, ...] | None:
        """Output values of one instruction for the values known while planning; None when data is needed."""
        name = instruction.node.get_type_name()
        if name == "ReadValue":
            state = self.states[instruction.node.variable_id]  # type: ignore[attr-defined]
            shape = state.shape
            if shape is None and instruction.inputs:
                return (Value(state.type, values[instruction.inputs[0]].shape),)
            sizes = shape if shape is not None else state.smallest_shape
            return (Value(state.type, PartialShape.of(sizes)),)
        if name == "Assign":
            return (values[instruction.inputs[0]],)
        if instruction.bodies:
            return None
        inputs: list[Value | None] = [values[n] for n in instruction.inputs]
        return instruction.node.declaration.infer_values(inputs, instruction.node.attributes)

    # ---- records of the executor itself -----------------------------------------------------------------------------
    def encode_inputs(self, encoder: Encoder, segment: GpuSegment) -> None:
        """Copies of the inputs from staging memory to the arena."""
        for staging, number in zip(self._inputs, self.program.inputs, strict=True):
            tensor = segment.tensors[number]
            if tensor.nbytes:
                source = staging.reserve(tensor.nbytes, self._bound(number))
                encoder.enqueue(
                    "upload", partial(_copy, tensor.address, source, tensor.nbytes, _HOST_TO_DEVICE)
                )

    def encode_outputs(self, encoder: Encoder, segment: GpuSegment) -> None:
        """Copies of the outputs to staging memory, and new values of variables."""
        for staging, number in zip(self._outputs, self.program.outputs, strict=True):
            tensor = self.tensor(segment, number)
            if tensor.nbytes and not tensor.constant:
                target = staging.reserve(tensor.nbytes, self._bound(number))
                encoder.enqueue(
                    "download",
                    partial(_copy, target, tensor.address, tensor.nbytes, _DEVICE_TO_HOST),
                )
        for state in self.states.values():
            if state.staged_shape is not None:
                encoder.copy(state.current, state.staged, state.staged_bytes)

    def _bound(self, number: int) -> int | None:
        info = self.program.tensors[number]
        upper = info.value.upper_sizes if info.bound is not None else None
        if upper is None:
            return None
        return align(
            max(self.storage(number).storage_bytes(int(np.prod(upper, dtype=np.int64))), 256)
        )

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
        self, encoder: Encoder, parent: GpuSegment, targets: Sequence[DeviceTensor]
    ) -> None:
        """Upload what the boundary before this segment computed on the host."""

        def upload(stream: int) -> None:
            for tensor, array in zip(targets, parent.pending, strict=True):
                self._upload(tensor, array, stream)

        encoder.host("upload", upload)

    def encode_assign(
        self, encoder: Encoder, instruction: Instruction, source: DeviceTensor
    ) -> None:
        state = self.states[instruction.node.variable_id]  # type: ignore[attr-defined]
        if state.stage(source.shape, source.nbytes, self._bound(instruction.inputs[0])):
            self._roots.clear()
            raise _Replan
        encoder.copy(state.staged, source.address, source.nbytes)

    def encode_read_value(
        self,
        encoder: Encoder,
        instruction: Instruction,
        inputs: Sequence[DeviceTensor],
        out: DeviceTensor,
    ) -> None:
        state = self.states[instruction.node.variable_id]  # type: ignore[attr-defined]
        if state.shape is not None:
            encoder.copy(out.address, state.current, out.nbytes)
        elif inputs:
            encoder.copy(out.address, inputs[0].address, out.nbytes)
        else:
            encoder.fill(out.address, 0, out.nbytes)

    def encode_host(
        self,
        encoder: Encoder,
        instruction: Instruction,
        inputs: Sequence[DeviceTensor],
        outputs: Sequence[DeviceTensor],
    ) -> None:
        """Let the CPU compute an operation that has no lowering: copies there and back."""

        def run(stream: int) -> None:
            arrays = [self._host_array(t, stream) for t in inputs]
            results = evaluate_on_host(instruction.node, arrays)
            for tensor, array in zip(outputs, results, strict=True):
                self._upload(tensor, array, stream)

        encoder.host("host", run)

    def _host_array(self, tensor: DeviceTensor, stream: int) -> np.ndarray:
        """A tensor's elements on the host, in the host dtype of its type; waits for the stream."""
        if tensor.known is not None:
            return tensor.known.astype(tensor.type.host_dtype, copy=False)
        data = np.empty(tensor.nbytes, np.uint8)
        if data.nbytes:
            _copy(data.ctypes.data, tensor.address, data.nbytes, _DEVICE_TO_HOST, stream)
            cupy().cuda.runtime.streamSynchronize(stream)
        array = from_storage(data, tensor.storage, tensor.shape)
        return array.astype(tensor.type.host_dtype, copy=False)

    def _upload(self, tensor: DeviceTensor, array: np.ndarray, stream: int) -> None:
        data = to_storage(array, tensor.storage)
        if data.nbytes:
            _copy(tensor.address, data.ctypes.data, data.nbytes, _HOST_TO_DEVICE, stream)
            cupy().cuda.runtime.streamSynchronize(
                stream
            )  # `data` must live until the copy has read it

    # ---- running ----------------------------------------------------------------------------------------------------
    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Compute the outputs; arrays in host dtypes that stay valid until the next run.

        Raises InferenceCancelled, or RuntimeError naming the layer or the CUDA error.
        """
        with self.context.activate():
            while True:
                try:
                    return self._run(inputs)
                except _Replan:
                    continue

    def _run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        key: tuple[Any, ...] = tuple([a.shape for a in inputs])
        key += tuple([s.shape for s in self.states.values()])
        segment = self._roots.get(key)
        if segment is None:
            segment = self._plan_root(key, inputs)
        else:
            self._roots.move_to_end(key)
        for staging, number, array in zip(self._inputs, self.program.inputs, inputs, strict=True):
            tensor = segment.tensors[number]
            if tensor.nbytes:
                self._stage_input(staging, tensor, array)
        try:
            self._run_records(segment)
            while segment.stop < len(self.program.instructions):
                segment = self._continue(segment)
                self._run_records(segment)
            self.stream.synchronize()
        except BaseException:
            for state in self.states.values():
                state.discard()
            raise
        for state in self.states.values():
            state.commit()
        return [
            self._output(staging, segment, n)
            for staging, n in zip(self._outputs, self.program.outputs, strict=True)
        ]

    @staticmethod
    def _stage_input(staging: _Staging, tensor: DeviceTensor, array: np.ndarray) -> None:
        view = staging.view(tensor.nbytes)
        if tensor.storage.bitwidth < 8:
            view[:] = to_storage(array, tensor.storage)
        else:
            np.copyto(
                view.view(tensor.storage.host_dtype).reshape(tensor.shape), array, casting="unsafe"
            )

    def _output(self, staging: _Staging, segment: GpuSegment, number: int) -> np.ndarray:
        constant = self.program.tensors[number].constant
        if constant is not None:
            return constant
        tensor = segment.tensors[number]
        if not tensor.nbytes:
            return np.empty(tensor.shape, tensor.type.host_dtype)
        return from_storage(staging.view(tensor.nbytes), tensor.storage, tensor.shape)

    def _run_records(self, segment: GpuSegment) -> None:
        if self.cancelled:
            raise InferenceCancelled
        stream = self.stream.ptr
        if self.compiled.profile:
            self._run_timed(segment, stream)
            return
        if segment.graph is not None:
            segment.graph.launch(self.stream)
            self.graph_launches += 1
            return
        segment.runs += 1
        if segment.runs == 2 and self.compiled.use_graphs and segment.capturable:
            self._capture(segment, stream)
            segment.graph.launch(self.stream)
            self.graph_launches += 1
            return
        for record in segment.records:
            try:
                record.run(stream)
            except (InferenceCancelled, _Replan):
                raise
            except Exception as error:
                raise self._failed(record, error) from error

    def _capture(self, segment: GpuSegment, stream: int) -> None:
        self.stream.begin_capture()
        try:
            for record in segment.records:
                record.run(stream)
        finally:
            graph = self.stream.end_capture()
        segment.graph = graph

    def _run_timed(self, segment: GpuSegment, stream: int) -> None:
        for record in segment.records:
            begin = time.perf_counter()
            try:
                record.run(stream)
                self.stream.synchronize()
            except (InferenceCancelled, _Replan):
                raise
            except Exception as error:
                raise self._failed(record, error) from error
            took = time.perf_counter() - begin
            if record.instruction >= 0:
                self.times[record.instruction] = self.times.get(record.instruction, 0.0) + took

    def _failed(self, record: Any, error: Exception) -> RuntimeError:
        return RuntimeError(f"GPU.{self.context.index}: '{record.name}' failed: {error}")

    def _plan_root(self, key: Any, inputs: Sequence[np.ndarray]) -> GpuSegment:
        values: dict[int, Value] = {}
        for number, info in enumerate(self.program.tensors):
            if info.constant is not None:
                values[number] = info.value
        for number, array in zip(self.program.inputs, inputs, strict=True):
            values[number] = Value(
                self.program.tensors[number].value.type, PartialShape.of(array.shape)
            )
        segment = plan_gpu_segment(self, GpuSegment(0, 0, 0, values, {}), None)
        self._roots[key] = segment
        if len(self._roots) > MAX_PLANS:
            self._roots.popitem(last=False)
        return segment

    # ---- boundaries -------------------------------------------------------------------------------------------------
    def _continue(self, segment: GpuSegment) -> GpuSegment:
        """The segment after ``segment`` for the data of this run: read back once, then look up or plan."""
        instruction = self.program.instructions[segment.stop]
        arrays = [
            self._host_array(self.tensor(segment, n), self.stream.ptr) for n in instruction.inputs
        ]
        if segment.deciding is None:
            self._classify(segment, instruction, arrays)
        assert segment.deciding is not None
        key: Any = tuple(
            [
                (a.shape, a.tobytes())
                for n, a in zip(instruction.inputs, arrays)
                if n in segment.deciding
            ]
        )
        if segment.runs_boundary:
            segment.pending[:] = evaluate_on_host(instruction.node, arrays)
            key = (key, tuple([r.shape for r in segment.pending]))
        child = segment.children.get(key)
        if child is None:
            child = self._plan_child(segment, instruction, arrays)
            if len(segment.children) >= MAX_PLANS:
                segment.children.pop(next(iter(segment.children)))
            segment.children[key] = child
        return child

    def _classify(
        self, segment: GpuSegment, instruction: Instruction, arrays: Sequence[np.ndarray]
    ) -> None:
        segment.deciding, segment.runs_boundary = (), True
        if instruction.bodies:
            return
        peeks = [
            _Peek(segment.values[n], a) for n, a in zip(instruction.inputs, arrays, strict=True)
        ]
        outputs = instruction.node.declaration.infer_values(
            list(peeks), instruction.node.attributes
        )
        if all(v.is_static for v in outputs):
            segment.deciding = tuple(
                n for n, p in zip(instruction.inputs, peeks, strict=True) if p.seen
            )
            segment.runs_boundary = False

    def _plan_child(
        self, segment: GpuSegment, instruction: Instruction, arrays: Sequence[np.ndarray]
    ) -> GpuSegment:
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
            for number, array in zip(instruction.inputs, arrays, strict=True):
                if number in segment.deciding and self.program.tensors[number].constant is None:
                    known = array.astype(values[number].type.host_dtype)
                    values[number] = Value(values[number].type, PartialShape.of(array.shape), known)
        child = GpuSegment(segment.depth + 1, start, start, values, dict(segment.tensors))
        return plan_gpu_segment(self, child, segment)


def _copy(target: int, source: int, nbytes: int, kind: int, stream: int) -> None:
    cupy().cuda.runtime.memcpyAsync(target, source, nbytes, kind, stream)
