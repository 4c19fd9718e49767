"""A model compiled for one GPU: program, weights in device memory, and the settings that jobs share."""

from __future__ import annotations

import datetime
import threading
import warnings
import weakref
from collections.abc import Sequence
from functools import partial
from io import BytesIO
from typing import Any, TypeGuard

from ovgpu.execution.profiling import ProfilingInfo
from ovgpu.execution.program import Instruction
from ovgpu.execution.workers import WorkerPool
from ovgpu.graph.element_type import Type
from ovgpu.graph.model import Model
from ovgpu.graph.port import ConstOutput
from ovgpu.graph.tensor import Tensor
from ovgpu.plugins.cpu.evaluate import host_program
from ovgpu.plugins.gpu.context import (
    DeviceContext,
    DeviceFailure,
    OutOfDeviceMemory,
    storage_type,
)
from ovgpu.plugins.gpu.device import DEFAULT_GRAPH_LIMIT, cupy
from ovgpu.plugins.gpu.executor import GpuExecutor
from ovgpu.plugins.gpu.lowering import lower_model
from ovgpu.plugins.gpu.registry import DeviceKernel, find_lowering
from ovgpu.plugins.gpu.remote import GpuRemoteTensor, wrap_device_memory
from ovgpu.plugins.gpu.weights import Weights
from ovgpu.plugins.plugin import CompiledPlugin, Job, OnDone, State


class CompiledGpu(CompiledPlugin):
    """Shared by any number of jobs. Weights are uploaded once, when the model is compiled."""

    def __init__(
        self, model: Model, config: dict[str, Any], device: int, from_cache: bool = False
    ) -> None:
        self.model = model.clone()
        self.config = config
        self.from_cache = from_cache
        self.context = DeviceContext.of(device)
        self.precision = precision_of(config)
        self.profile = bool(config.get("PERF_COUNT", False))
        self.use_graphs = bool(config.get("OVGPU_CUDA_GRAPHS", True)) and not self.profile
        self.program = host_program(lower_model(self.model))
        self.inputs = [ConstOutput(p.node, p.index) for p in self.model.inputs]
        self.outputs = [ConstOutput(p.node, p.index) for p in self.model.outputs]
        self.name = self.model.get_friendly_name()
        self.graph_limit = int(config.get("OVGPU_CUDA_GRAPH_LIMIT", DEFAULT_GRAPH_LIMIT))
        #: Held while a job plans.
        self.planning = threading.Lock()
        self._lowerings = {
            id(i): find_lowering(i.node) for i in self.program.instructions if not i.bodies
        }
        with self.context.doing(f"uploading the weights of '{self.name}'"):
            self.weights = Weights(self.context, self.program, self.lowering, self.precision)
        self._jobs: weakref.WeakSet[GpuJob] = weakref.WeakSet()
        #: The job that planned at the upper bounds; the first request takes it over.
        self._first_job: GpuJob | None = self._prepared_job()
        self.streams = self._affordable_streams(_stream_count(config))
        #: Runs what has to wait for the device in the middle: plans for new shapes, operations on the host.
        self.pool = WorkerPool(self.streams, f"ovgpu-gpu{device}")
        #: One thread that waits for enqueued inferences in their order, and calls back.
        self.waiter = WorkerPool(1, f"ovgpu-gpu{device}-done")

    def storage_of(self, element_type: Type) -> Type:
        """Type in which tensors of ``element_type`` lie in device memory."""
        return storage_type(element_type, self.precision)

    def lowering(self, instruction: Instruction) -> DeviceKernel | None:
        return self._lowerings.get(id(instruction))

    def _prepared_job(self) -> GpuJob:
        """A job with plan and memory for the upper bounds, so that the model compiles its kernels now."""
        try:
            with self.context.doing(f"planning '{self.name}'"):
                job = GpuJob(self)
                job.executor.prepare()
        except (OutOfDeviceMemory, DeviceFailure):
            raise
        except Exception:
            # Upper bounds that each are possible need not be possible together, whatever lowerings say to that.
            if not self.model.is_dynamic():
                raise
        return job

    def _affordable_streams(self, asked: int) -> int:
        """The number of jobs whose memory the device holds at once; warns when it is below ``asked``."""
        assert self._first_job is not None
        executor = self._first_job.executor
        needed = executor.arena.nbytes + executor.state_bytes
        if asked == 1 or not needed:
            return asked
        possible = 1 + self.context.free_bytes() // needed
        if possible < asked:
            warnings.warn(
                f"GPU.{self.context.index} holds {possible} jobs of '{self.name}' at once, not {asked}: each needs "
                f"{needed:,} bytes of device memory",
                RuntimeWarning,
                stacklevel=2,
            )
        return min(asked, possible)

    def create_job(self) -> GpuJob:
        with self.planning:
            job, self._first_job = self._first_job, None
        return job if job is not None else GpuJob(self)

    def get_property(self, name: str) -> Any:
        computed: dict[str, Any] = {
            "NETWORK_NAME": self.model.get_friendly_name,
            "OPTIMAL_NUMBER_OF_INFER_REQUESTS": lambda: self.streams,
            "NUM_STREAMS": lambda: self.streams,
            "EXECUTION_DEVICES": lambda: [f"GPU.{self.context.index}"],
            "LOADED_FROM_CACHE": lambda: self.from_cache,
            "INFERENCE_PRECISION_HINT": lambda: self.precision,
            "OVGPU_MEMORY_STATISTICS": self._memory_statistics,
            "OVGPU_CUDA_GRAPH_COUNT": self._graph_count,
            "OVGPU_HOST_OPERATIONS": self._host_operations,
        }
        if name == "SUPPORTED_PROPERTIES":
            kept = [k for k in self.config if k not in ("CACHE_DIR", "WEIGHTS_PATH")]
            return dict.fromkeys(["SUPPORTED_PROPERTIES", *kept, *computed], "RO")
        if name in computed:
            return computed[name]()
        if name in self.config:
            return self.config[name]
        raise RuntimeError(f"Unsupported property: {name}")

    def _memory_statistics(self) -> dict[str, int]:
        """Bytes of device memory for weights, one arena, all arenas and variables; of pinned memory for staging;
        the number of jobs; arena blocks allocated since compilation."""
        executors = [job.executor for job in list(self._jobs)]
        arenas = [e.arena.nbytes for e in executors]
        return {
            "weights": self.weights.nbytes,
            "arena": max(arenas, default=0),
            "arenas": sum(arenas),
            "states": sum(e.state_bytes for e in executors),
            "staging": sum(e.staging_bytes for e in executors),
            "jobs": len(executors),
            "allocations": sum(e.arena.allocations for e in executors),
        }

    def _host_operations(self) -> list[str]:
        """Names of the operations that run on the host in the plans made so far, sorted."""
        found: set[str] = set()
        for job in list(self._jobs):
            for segment in job.executor.segments():
                at = [index for index, tier in segment.tiers.items() if tier == "host"]
                if segment.runs_boundary:
                    at.append(segment.stop)
                found.update(self.program.instructions[index].name for index in at)
        return sorted(found)

    def _graph_count(self) -> int:
        """CUDA graphs that are held for replay, over all jobs."""
        return sum(len(job.executor.runner.graphs) for job in list(self._jobs))

    def runtime_model(self) -> Model:
        from ovgpu.execution.runtime_model import build_runtime_model

        return build_runtime_model(self.program)

    def export_model(self, stream: BytesIO) -> None:
        from ovgpu.execution.blob import write_blob

        write_blob(stream, self.model, "GPU", self.config)

    def release_memory(self) -> None:
        for job in list(self._jobs):
            job.executor.release_memory()
        self.context.release_unused()


def precision_of(config: dict[str, Any]) -> Type:
    """The type in which floating-point tensors are stored: the hint, or f16 for performance and f32 for accuracy."""
    from ovgpu.properties.hint import ExecutionMode

    hint = config.get("INFERENCE_PRECISION_HINT", Type.dynamic)
    if hint in (Type.f32, Type.f16):
        return hint
    if config.get("EXECUTION_MODE_HINT") == ExecutionMode.ACCURACY:
        return Type.f32
    return Type.f16 if hint is not Type.bf16 else Type.bf16


def _stream_count(config: dict[str, Any]) -> int:
    from ovgpu.properties.hint import PerformanceMode

    asked = int(config.get("NUM_STREAMS", 1))
    hint = config.get("PERFORMANCE_HINT")
    if asked < 0 or (
        asked <= 1 and hint in (PerformanceMode.THROUGHPUT, PerformanceMode.CUMULATIVE_THROUGHPUT)
    ):
        asked = 4
    limit = int(config.get("PERFORMANCE_HINT_NUM_REQUESTS", 0))
    return max(1, min(asked, limit) if limit else asked)


def _fill(outputs: Sequence[Tensor], results: Sequence[Any]) -> None:
    for tensor, array in zip(outputs, results, strict=True):
        if array is not None:
            tensor.assign_host(array)


def _is_on_device(tensor: Tensor) -> TypeGuard[GpuRemoteTensor]:
    return isinstance(tensor, GpuRemoteTensor) and tensor.element_type.bitwidth >= 8


def _raise(error: Exception) -> None:
    raise error


class GpuJob(Job):
    """Arena, stream, plans and variables of one request."""

    def __init__(self, compiled: CompiledGpu) -> None:
        self.compiled = compiled
        self.executor = GpuExecutor(compiled)
        compiled._jobs.add(self)

    def run(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        self.executor.cancelled = False
        sources, targets = self._memory_of(inputs, outputs)
        _fill(outputs, self.executor.run(sources, targets))

    def start(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], on_done: OnDone) -> None:
        # Cleared here and not when the job's turn comes: a job may be cancelled while it waits in the queue.
        self.executor.cancelled = False
        sources, targets = self._memory_of(inputs, outputs)
        try:
            wait = self.executor.enqueue(sources, targets)
        except Exception as error:
            self.compiled.waiter.submit(partial(_raise, error), on_done)
            return
        if wait is None:
            executor = self.executor
            self.compiled.pool.submit(
                lambda: _fill(outputs, executor.run(sources, targets)), on_done
            )
        else:
            self.compiled.waiter.submit(lambda: _fill(outputs, wait()), on_done)

    def _memory_of(
        self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[list[Any], list[Any]]:
        """Host or device arrays of the inputs; for each output its tensor if that lies on the device, else None.

        Elements of less than a byte have no array on the device: such tensors go through the host.
        """
        sources: list[Any] = [t.array if _is_on_device(t) else t.host_array() for t in inputs]
        targets = [t if _is_on_device(t) else None for t in outputs]
        remote = [t for t in (*inputs, *outputs) if isinstance(t, GpuRemoteTensor)]
        if remote:
            self._follow_producers(remote)
        return sources, targets

    def _follow_producers(self, remote: Sequence[GpuRemoteTensor]) -> None:
        """Let this job's stream wait for what the calling thread has enqueued on its current stream.

        Raises RuntimeError for memory of another device.
        """
        for tensor in remote:
            if tensor.device != self.compiled.context.index:
                raise RuntimeError(
                    f"A tensor in memory of GPU.{tensor.device} cannot be used on GPU.{self.compiled.context.index}"
                )
        with self.compiled.context.activate():
            self.executor.stream.wait_event(cupy().cuda.get_current_stream().record())

    def wrap(self, value: Any, element_type: Type) -> Tensor | None:
        return wrap_device_memory(value, element_type, self.compiled.context, self.executor.stream)

    def cancel(self) -> None:
        self.executor.cancelled = True

    @property
    def states(self) -> Sequence[State]:
        return list(self.executor.states.values())

    def profiling(self) -> list[ProfilingInfo]:
        infos = []
        runner = self.executor.runner
        tiers = {i: t for segment in runner.ran for i, t in segment.tiers.items()}
        for index, instruction in enumerate(self.executor.program.instructions):
            took = datetime.timedelta(seconds=runner.times.get(index, 0.0))
            status = ProfilingInfo.EXECUTED if index in runner.times else ProfilingInfo.NOT_RUN
            without = "host" if self.compiled.lowering(instruction) is None else "cuda"
            # A lowering may refuse the shapes of a plan, which then runs on the host.
            tier = tiers.get(index, without)
            kind = f"{tier}_{self.compiled.precision.to_string()}"
            infos.append(
                ProfilingInfo(
                    instruction.name, instruction.node.get_type_name(), kind, status, took, took
                )
            )
        return infos
