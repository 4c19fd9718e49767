"""One job on a device: its plans, its inferences from the inputs to the outputs, and what happens when one fails."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ovgpu.execution.inference_memo import operations_of
from ovgpu.execution.ranges import marked
from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.arena import Arena
from ovgpu.plugins.gpu.boundaries import MAX_PLANS, Boundaries
from ovgpu.plugins.gpu.context import DeviceFailure, OutOfDeviceMemory, to_storage
from ovgpu.plugins.gpu.deriving import derive
from ovgpu.plugins.gpu.device import cupy
from ovgpu.plugins.gpu.memo import PlanMemo
from ovgpu.plugins.gpu.planner import plan_gpu_segment
from ovgpu.plugins.gpu.registry import DeviceTensor
from ovgpu.plugins.gpu.running import Runner
from ovgpu.plugins.gpu.segment import GpuSegment
from ovgpu.plugins.gpu.staging import Replan, Staging
from ovgpu.plugins.gpu.state import DeviceState
from ovgpu.plugins.gpu.transfers import wait_for
from ovgpu.plugins.gpu.value_inference import ValueInference
from ovgpu.plugins.gpu.variables import variable_of
from ovgpu.plugins.gpu.views import readers_of
from ovgpu.plugins.plugin import InferenceCancelled

if TYPE_CHECKING:
    from ovgpu.plugins.gpu.compiled import CompiledGpu

_CACHE = "KeyValueCache"

#: Results of an inference: an array per output, None for one that was written to the user's device memory.
Results = list[np.ndarray | None]


class GpuExecutor(Boundaries):
    """One job's plans, memory and stream. Used by one inference at a time.

    Inputs are host arrays in the host dtypes of their types, or CuPy arrays; ``targets`` holds for each output
    None, or an object with ``resized(shape)`` that gives the CuPy array to fill.
    """

    def __init__(self, compiled: CompiledGpu) -> None:
        self.compiled = compiled
        self.program = compiled.program
        self.context = compiled.context
        self.readers = readers_of(self.program)
        #: Instructions that read variables.
        self.reading = [
            k
            for k, i in enumerate(self.program.instructions)
            if i.node.get_type_name() == "ReadValue"
        ]
        #: The instruction that makes each tensor.
        self.makers = {n: k for k, i in enumerate(self.program.instructions) for n in i.outputs}
        self.memo = PlanMemo(operations_of(self.program))
        self._constants = self.memo.constants(self.program)
        self._storages = [self.storage_of(t.value.type) for t in self.program.tensors]
        self.arena = Arena(self.context)
        self.cancelled = False
        self.strings = {}
        with self.context.activate():
            self.stream = cupy().cuda.Stream(non_blocking=True)
            self._done = cupy().cuda.Event(block=True, disable_timing=True)
            #: What kernels count arriving blocks in; its address outlives all plans.
            self.tickets = self.context.tickets(self.stream)
        graph_limit = compiled.graph_limit if compiled.use_graphs else 0
        self.runner = Runner(self.stream, compiled.profile, graph_limit)
        self._roots: OrderedDict[Any, GpuSegment] = OrderedDict()
        self._inputs = [Staging(self.context) for _ in self.program.inputs]
        self._outputs = [Staging(self.context) for _ in self.program.outputs]
        self._count = Staging(self.context)
        self._string_inputs = [
            i
            for i, n in enumerate(self.program.inputs)
            if self.program.tensors[n].value.type is Type.string
        ]
        caches = {
            variable_of(i): i for i in self.program.instructions if i.node.get_type_name() == _CACHE
        }
        self.states = {
            name: DeviceState(
                self.context,
                v.info,
                self.storage_of(v.info.data_type),
                self.drop_plans,
                caches[name].node.attributes["axis"] if name in caches else None,
            )
            for name, v in self.program.variables.items()
        }
        self.inference = ValueInference(compiled, self.memo, self.states)
        #: Inputs that say in which order caches take their batch, by the number of their tensor.
        orders = {n for i in caches.values() for n in i.inputs[2:]}
        self._orders = [i for i, n in enumerate(self.program.inputs) if n in orders]
        #: Held from the first record of an inference until its results were read; not by a thread, by the inference.
        self._in_use = threading.Lock()
        self._release_when_idle = False

    # ---- what planners ask ------------------------------------------------------------------------------------------
    def storage_of(self, element_type: Type) -> Type:
        """Type in which tensors of ``element_type`` lie in device memory."""
        return self.compiled.storage_of(element_type)

    def storage(self, number: int) -> Type:
        return self._storages[number]

    def tensor(self, segment: GpuSegment, number: int) -> DeviceTensor:
        """A tensor as most instructions read it: a weight, or one made by this plan."""
        weight = self.compiled.weights.get(number)
        return weight if weight is not None else segment.tensors[number]

    def operands(self, segment: GpuSegment, index: int) -> list[DeviceTensor]:
        """The inputs of an instruction as it reads them."""
        tensors = [self.tensor(segment, n) for n in self.program.instructions[index].inputs]
        for position, tensor in self.compiled.weights.wide.get(index, ()):
            tensors[position] = tensor
        return tensors

    # ---- plans and memory -------------------------------------------------------------------------------------------
    def drop_plans(self) -> None:
        """Forget all plans, after the work that was enqueued from them has ended."""
        self._settle()
        self.runner.graphs.clear()
        self._roots.clear()
        self.memo.forget_records()
        self.arena.forget_old_layouts()

    def _settle(self) -> bool:
        """Wait for the stream whatever state it is in. Returns False when the device is lost."""
        try:
            self.stream.synchronize()
        except Exception:
            return False
        return True

    @property
    def staging_bytes(self) -> int:
        """Bytes of pinned host memory."""
        return sum(s.capacity for s in (*self._inputs, *self._outputs, self._count))

    @property
    def state_bytes(self) -> int:
        """Bytes of device memory for variables."""
        return sum(s.device_bytes for s in self.states.values())

    def segments(self) -> Iterator[GpuSegment]:
        """All segments of the plans that are held."""
        for root in list(self._roots.values()):
            yield from root.tree()

    def release_memory(self) -> None:
        """Free arena, staging and plans, after the running inference if there is one; the next makes them anew."""
        if not self._in_use.acquire(blocking=False):
            self._release_when_idle = True
            return
        try:
            self._release()
        finally:
            self._in_use.release()

    def _release(self) -> None:
        self._release_when_idle = False
        with self.context.activate():
            self.drop_plans()
            self.arena.release()
            self._inputs = [Staging(self.context) for _ in self.program.inputs]
            self._outputs = [Staging(self.context) for _ in self.program.outputs]
            self._count = Staging(self.context)

    def _end(self) -> None:
        """The inference has ended, well or badly."""
        try:
            if self._release_when_idle:
                self._release()
        finally:
            self._in_use.release()

    # ---- running ----------------------------------------------------------------------------------------------------
    def run(self, inputs: Sequence[Any], targets: Sequence[Any]) -> Results:
        """Compute the outputs; arrays in host dtypes that stay valid until the next run.

        Raises InferenceCancelled, or RuntimeError naming the layer or the CUDA error.
        """
        self._in_use.acquire()
        try:
            with self.context.activate(), marked(self.compiled.name, "request"):
                while True:
                    try:
                        return self._run(inputs, targets)
                    except Replan:
                        self.drop_plans()
        except BaseException as error:
            raise self._after_failure(error) from error
        finally:
            self._end()

    def enqueue(
        self, inputs: Sequence[Any], targets: Sequence[Any]
    ) -> Callable[[], Results] | None:
        """Enqueue an inference without waiting for it, when a plan without host work exists for these shapes.

        Returns the function that waits for the end and returns the results (call it exactly once), or None when there
        is no such plan and :meth:`run` must do it. Raises as :meth:`run`.
        """
        segment = self._roots.get(self._key(inputs, targets))
        if (
            segment is None
            or segment.stop < len(self.program.instructions)
            or not segment.capturable
            or self.compiled.profile
            or not self._in_use.acquire(blocking=False)
        ):
            return None
        try:
            with self.context.activate(), marked(self.compiled.name, "request"):
                self._begin(segment, inputs)
                self._run_segment(segment)
                self._give_device_outputs(segment, targets)
                self._done.record(self.stream)
        except BaseException as error:
            failure = self._after_failure(error)
            self._end()
            raise failure from error
        return lambda: self._complete(segment)

    def _complete(self, segment: GpuSegment) -> Results:
        try:
            with self.context.activate():
                self._wait_until_done()
            results = self._finish(segment)
            if self.cancelled:
                # The device cannot stop what it has begun: variables have their new values.
                raise InferenceCancelled
            return results
        except BaseException as error:
            raise self._after_failure(error) from error
        finally:
            self._end()

    def _wait_until_done(self) -> None:
        try:
            self._done.synchronize()
        except Exception as error:
            raise RuntimeError(f"waiting for the device failed: {error}") from error

    def _run(self, inputs: Sequence[Any], targets: Sequence[Any]) -> Results:
        key = self._key(inputs, targets)
        segment = self._roots.get(key)
        if segment is None:
            segment = self._plan_root(key, inputs, targets)
        else:
            self._roots.move_to_end(key)
        self.runner.forget_times()
        self._begin(segment, inputs)
        self._run_segment(segment)
        while segment.stop < len(self.program.instructions):
            segment = self._continue(segment)
            self._run_segment(segment)
        self._give_device_outputs(segment, targets)
        wait_for(self.stream.ptr)
        return self._finish(segment)

    def _key(self, inputs: Sequence[Any], targets: Sequence[Any]) -> tuple[Any, ...]:
        """What a plan depends on: sizes, which inputs and outputs lie in device memory, and variables."""
        key: tuple[Any, ...] = tuple([a.shape for a in inputs])
        key += tuple([type(a) is np.ndarray for a in inputs])
        key += tuple([t is None for t in targets])
        key += tuple([_is_identity(inputs[i]) for i in self._orders])
        return key + tuple([s.key for s in self.states.values()])

    def _begin(self, segment: GpuSegment, inputs: Sequence[Any]) -> None:
        """Bring the inputs to where the records expect them."""
        for index, place, packed in segment.staged:
            if packed is None:
                np.copyto(place, inputs[index], casting="unsafe")
            else:
                place[:] = to_storage(inputs[index], packed)
        for index in self._string_inputs:
            self.strings[self.program.inputs[index]] = inputs[index].copy()
        if segment.device_inputs:
            self._take_device_inputs(segment, inputs)

    def _finish(self, segment: GpuSegment) -> Results:
        """After the device has ended: new values of variables, and the outputs."""
        for name, (shape, new) in segment.assigned.items():
            self.states[name].commit(shape, new)
        return [
            None if i in segment.device_outputs else self._output(i, segment)
            for i in range(len(self.program.outputs))
        ]

    def _run_segment(self, segment: GpuSegment) -> None:
        if self.cancelled:
            raise InferenceCancelled
        self.runner.run(segment)

    def _after_failure(self, error: BaseException) -> BaseException:
        """Bring the job back to rest and say what users are told."""
        alive = self._settle()
        if isinstance(error, InferenceCancelled) or not isinstance(error, Exception):
            return error
        text = str(error)
        if not isinstance(error, (OutOfDeviceMemory, DeviceFailure)):
            text = f"GPU.{self.context.index}: {text}"
        if not alive:
            # Graphs and plans belong to a context that CUDA has given up.
            self.runner.graphs.clear()
            self._roots.clear()
            text += " (the device is lost; CUDA needs a new process to use it again)"
        return RuntimeError(text)

    # ---- planning ---------------------------------------------------------------------------------------------------
    def _plan_root(self, key: Any, inputs: Sequence[Any], targets: Sequence[Any]) -> GpuSegment:
        values = dict(self._constants)
        for number, array in zip(self.program.inputs, inputs, strict=True):
            element_type = self.program.tensors[number].value.type
            values[number] = self.memo.value(element_type, array.shape)
        root = GpuSegment(0, 0, 0, values, {})
        root.device_inputs = tuple(
            i for i, array in enumerate(inputs) if type(array) is not np.ndarray
        )
        root.device_outputs = tuple(i for i, target in enumerate(targets) if target is not None)
        root.identities = frozenset(
            self.program.inputs[i] for i in self._orders if _is_identity(inputs[i])
        )
        root.roles = tuple(s.role for s in self.states.values())
        segment = self._derived(root) or self._plan(root, None)
        self._roots[key] = segment
        if len(self._roots) > MAX_PLANS:
            self.runner.graphs.forget(self._roots.popitem(last=False)[1])
        return segment

    def _derived(self, root: GpuSegment) -> GpuSegment | None:
        """``root`` made of the plan used last, when its structure holds for these sizes."""
        if not self._roots:
            return None
        with self.compiled.planning, marked(self.compiled.name, "model"):
            base = self._roots[next(reversed(self._roots))]
            return root if derive(self, base, root) else None

    def _plan(self, segment: GpuSegment, parent: GpuSegment | None) -> GpuSegment:
        # One job at a time: lowerings prepare weights that all jobs share.
        capacities = dict(self.arena.capacities)
        with self.compiled.planning, marked(self.compiled.name, "model"):
            try:
                return plan_gpu_segment(self, segment, parent)
            except OutOfDeviceMemory:
                # What did not fit must not make the plans of smaller shapes larger.
                self.arena.capacities = capacities
                raise

    def prepare(self) -> None:
        """Plan at the upper bounds: allocates what inferences need, and compiles the kernels.

        Goes on behind boundaries where the device counts, as if all elements were selected.
        Does nothing for a model whose inputs have no upper bounds.
        Raises OutOfDeviceMemory; RuntimeError when the operations do not take all bounds together.
        """
        shapes = [self.program.tensors[n].value.upper_sizes for n in self.program.inputs]
        bounds = [self.program.tensors[n].bound for n in self.program.inputs]
        if any(s is None for s in shapes) or any(b is None for b in bounds):
            return
        inputs = [np.broadcast_to(np.uint8(0), s) for s in shapes if s is not None]
        targets = [None] * len(self.program.outputs)
        with self.context.activate():
            for _ in range(2):  # the second time if memory moved
                try:
                    segment = self._plan_root(self._key(inputs, targets), inputs, targets)
                    self._plan_largest(segment)
                    return
                except Replan:
                    self.drop_plans()


def _is_identity(order: Any) -> bool:
    """Whether a batch stays in its order. One in device memory is not looked at, and has none but that when it is 1."""
    if type(order) is not np.ndarray:
        return bool(order.shape == (1,))
    return bool(np.array_equal(order, np.arange(order.size)))
