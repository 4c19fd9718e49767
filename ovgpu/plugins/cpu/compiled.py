"""A model compiled for the CPU, its jobs and their variables."""

from __future__ import annotations

import datetime
import os
import weakref
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np

from ovgpu.execution.blas_threads import blas_threads
from ovgpu.execution.profiling import ProfilingInfo
from ovgpu.execution.workers import WorkerPool
from ovgpu.graph.element_type import Type
from ovgpu.graph.model import Model
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import ConstOutput
from ovgpu.graph.tensor import Tensor
from ovgpu.plugins.cpu.evaluate import compute_dtype, host_program
from ovgpu.plugins.cpu.executor import Executor
from ovgpu.plugins.cpu.lowering import lower_model
from ovgpu.plugins.cpu.state import StateBuffer
from ovgpu.plugins.plugin import CompiledPlugin, Job, OnDone, State


class CompiledCpu(CompiledPlugin):
    """Program and settings, shared by all jobs."""

    def __init__(self, model: Model, config: dict[str, Any], from_cache: bool = False) -> None:
        self.model = model.clone()
        self.config = config
        self.from_cache = from_cache
        self.program = host_program(lower_model(self.model))
        self.inputs = [ConstOutput(p.node, p.index) for p in self.model.inputs]
        self.outputs = [ConstOutput(p.node, p.index) for p in self.model.outputs]
        self.streams = self._stream_count()
        self._pool: WorkerPool | None = None
        self._jobs: weakref.WeakSet[CpuJob] = weakref.WeakSet()

    def _stream_count(self) -> int:
        from ovgpu.properties.hint import PerformanceMode

        cores = os.cpu_count() or 1
        asked = int(self.config.get("NUM_STREAMS", 1))
        hint = self.config.get("PERFORMANCE_HINT")
        if asked < 0 or (
            asked <= 1
            and hint in (PerformanceMode.THROUGHPUT, PerformanceMode.CUMULATIVE_THROUGHPUT)
        ):
            asked = cores
        limit = int(self.config.get("PERFORMANCE_HINT_NUM_REQUESTS", 0))
        return max(1, min(asked, limit) if limit else asked)

    @property
    def threads_per_stream(self) -> int:
        """BLAS threads while an inference runs; 0 leaves BLAS as the user set it."""
        threads = int(self.config.get("INFERENCE_NUM_THREADS", 0))
        if threads:
            return max(1, threads // self.streams)
        return max(1, (os.cpu_count() or 1) // self.streams) if self.streams > 1 else 0

    @property
    def pool(self) -> WorkerPool:
        if self._pool is None:
            self._pool = WorkerPool(self.streams, "ovgpu-cpu")
        return self._pool

    def create_job(self) -> CpuJob:
        return CpuJob(self)

    def get_property(self, name: str) -> Any:
        computed: dict[str, Any] = {
            "NETWORK_NAME": self.model.get_friendly_name(),
            "OPTIMAL_NUMBER_OF_INFER_REQUESTS": self.streams,
            "NUM_STREAMS": self.streams,
            "EXECUTION_DEVICES": ["CPU"],
            "LOADED_FROM_CACHE": self.from_cache,
            "INFERENCE_NUM_THREADS": self.config.get("INFERENCE_NUM_THREADS", 0)
            or (os.cpu_count() or 1),
            "INFERENCE_PRECISION_HINT": Type.f32,
            "OVGPU_MEMORY_STATISTICS": self._memory_statistics,
        }
        if name == "SUPPORTED_PROPERTIES":
            kept = [k for k in self.config if k not in ("CACHE_DIR", "WEIGHTS_PATH")]
            return dict.fromkeys(["SUPPORTED_PROPERTIES", *kept, *computed], "RO")
        if name in computed:
            value = computed[name]
            return value() if callable(value) else value
        if name in self.config:
            return self.config[name]
        raise RuntimeError(f"Unsupported property: {name}")

    def _memory_statistics(self) -> dict[str, int]:
        """Bytes of weights, of one arena and of all, and how many blocks were allocated since compilation."""
        weights = sum(t.constant.nbytes for t in self.program.tensors if t.constant is not None)
        arenas = [job.executor.arena_bytes for job in list(self._jobs)]
        return {
            "weights": weights,
            "arena": max(arenas, default=0),
            "arenas": sum(arenas),
            "jobs": len(arenas),
            "allocations": sum(job.executor.allocations for job in list(self._jobs)),
        }

    def runtime_model(self) -> Model:
        from ovgpu.execution.runtime_model import build_runtime_model

        return build_runtime_model(self.program)

    def export_model(self, stream: BytesIO) -> None:
        from ovgpu.execution.blob import write_blob

        write_blob(stream, self.model, "CPU", self.config)

    def release_memory(self) -> None:
        for job in list(self._jobs):
            job.executor.release_memory()


class CpuState(State):
    """A variable of a CPU job as the request above sees it."""

    def __init__(self, buffer: StateBuffer) -> None:
        self.name = buffer.name
        self._buffer = buffer

    def get(self) -> Tensor:
        buffer = self._buffer
        array = buffer.array
        if array is None:
            shape = [d.get_min_length() for d in buffer.partial_shape.dims]
            array = np.zeros(shape, buffer.dtype)
        return Tensor.from_host(array.astype(buffer.type.host_dtype), buffer.type)

    def set(self, value: Tensor) -> None:
        buffer = self._buffer
        if value.element_type is not buffer.type:
            raise RuntimeError(
                f"The state '{self.name}' holds {buffer.type.to_string()}, got {value.element_type.to_string()}"
            )
        if not buffer.partial_shape.compatible(PartialShape(list(value.shape))):
            raise RuntimeError(
                f"Can not clone with new dims. The state '{self.name}' has shape {buffer.partial_shape}, "
                f"got {list(value.shape)}"
            )
        buffer.stage(value.host_array().astype(compute_dtype(buffer.type)))
        buffer.commit()

    def reset(self) -> None:
        self._buffer.reset()


class CpuJob(Job):
    """Arena, plans and variables of one request."""

    def __init__(self, compiled: CompiledCpu) -> None:
        self.compiled = compiled
        self.executor = Executor(compiled.program, bool(compiled.config.get("PERF_COUNT", False)))
        self._states = [CpuState(b) for b in self.executor.states.values()]
        self._threads = compiled.threads_per_stream
        compiled._jobs.add(self)

    def run(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        self.executor.cancelled = False
        self._run(inputs, outputs)

    def _run(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        arrays = [t.host_array() for t in inputs]
        if self._threads:
            with blas_threads(self._threads):
                results = self.executor.run(arrays)
        else:
            results = self.executor.run(arrays)
        for tensor, array in zip(outputs, results, strict=True):
            tensor.assign_host(array)

    def start(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], on_done: OnDone) -> None:
        # Cleared here and not when the job's turn comes: a job may be cancelled while it waits in the queue.
        self.executor.cancelled = False
        self.compiled.pool.submit(lambda: self._run(inputs, outputs), on_done)

    def cancel(self) -> None:
        self.executor.cancelled = True

    @property
    def states(self) -> Sequence[State]:
        return self._states

    def profiling(self) -> list[ProfilingInfo]:
        executor = self.executor
        infos = []
        for index, instruction in enumerate(executor.program.instructions):
            took = datetime.timedelta(seconds=executor.times[index])
            status = ProfilingInfo.EXECUTED if executor.executed[index] else ProfilingInfo.NOT_RUN
            dtype = (
                executor.program.tensors[instruction.outputs[0]].dtype
                if instruction.outputs
                else np.dtype("f4")
            )
            infos.append(
                ProfilingInfo(
                    instruction.name,
                    instruction.node.get_type_name(),
                    f"numpy_{dtype.name}",
                    status,
                    took,
                    took,
                )
            )
        return infos
