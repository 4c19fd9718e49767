"""A device that tests steer: it waits at a gate, fails on demand and counts what it is asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np

import ovgpu as ov
from ovgpu.execution.profiling import ProfilingInfo
from ovgpu.execution.workers import WorkerPool
from ovgpu.graph.node import make_node
from ovgpu.graph.port import ConstOutput
from ovgpu.graph.special import Parameter
from ovgpu.graph.tensor import Tensor
from ovgpu.plugins.plugin import CompiledPlugin, InferenceCancelled, Job, OnDone, Plugin, State
from ovgpu.plugins.properties import Property, PropertyTable, common_properties, parse_natural

Compute = Callable[[list[np.ndarray]], list[np.ndarray]]


def relu_model(
    shape: Any = (2, 3), element_type: ov.Type = ov.Type.f32, names: str = "x"
) -> ov.Model:
    """One Relu (nothing for strings) for each letter of ``names``; input ``x`` gives output ``x_out``."""
    parameters, results = [], []
    for name in names:
        parameter = Parameter(element_type, shape)
        parameter.set_friendly_name(name)
        parameter.output(0).set_names({name})
        if element_type is ov.Type.string:
            return ov.Model([parameter], [parameter], "strings")
        relu = make_node("Relu", [parameter])
        relu.output(0).set_names({f"{name}_out", f"{name}_alias"})
        parameters.append(parameter)
        results.append(relu)
    return ov.Model(results, parameters, "relu")


class FakeState(State):
    """A variable that starts at zero."""

    name = "counter"

    def __init__(self) -> None:
        self.reset()

    def get(self) -> Tensor:
        return Tensor(self.value)

    def set(self, value: Tensor) -> None:
        if value.dims != (1,):
            raise RuntimeError(
                f"Can not clone with new dims: the state takes [1], got {value.shape}"
            )
        self.value = value.data.copy()

    def reset(self) -> None:
        self.value = np.zeros(1, np.float32)


class FakeJob(Job):
    """Computes after the plugin's gate has opened; fails with the plugin's ``failure``."""

    def __init__(self, plugin: FakePlugin, pool: WorkerPool) -> None:
        self._plugin = plugin
        self._pool = pool
        self._cancelled = threading.Event()
        self._states = [FakeState()]

    def run(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        plugin = self._plugin
        plugin.running.release()
        while not plugin.gate.wait(0.002):
            if self._cancelled.is_set():
                self._cancelled.clear()
                raise InferenceCancelled
        if plugin.failure is not None:
            raise plugin.failure
        for tensor, array in zip(
            outputs, plugin.compute([t.host_array() for t in inputs]), strict=True
        ):
            tensor.assign_host(array)

    def start(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], on_done: OnDone) -> None:
        self._pool.submit(lambda: self.run(inputs, outputs), on_done)

    def cancel(self) -> None:
        self._cancelled.set()

    @property
    def states(self) -> Sequence[State]:
        return self._states

    def profiling(self) -> list[ProfilingInfo]:
        return [ProfilingInfo("relu", "Relu", "fake_f32")]


class FakeCompiled(CompiledPlugin):
    def __init__(self, plugin: FakePlugin, model: ov.Model, config: Mapping[str, Any]) -> None:
        self._plugin = plugin
        self.inputs = [ConstOutput(p.node, p.index) for p in model.inputs]
        self.outputs = [ConstOutput(p.node, p.index) for p in model.outputs]
        self._model = model
        self.config = dict(config)
        self._pool = WorkerPool(4, "fake")

    def create_job(self) -> Job:
        return FakeJob(self._plugin, self._pool)

    def get_property(self, name: str) -> Any:
        if name == "OPTIMAL_NUMBER_OF_INFER_REQUESTS":
            return 3
        if name == "EXECUTION_DEVICES":
            return [self._plugin.name]
        if name in self.config:
            return self.config[name]
        raise RuntimeError(f"Unsupported property: {name}")

    def runtime_model(self) -> ov.Model:
        return self._model

    def export_model(self, stream: BytesIO) -> None:
        stream.write(b"FAKE" + self._plugin.remember(self._model))


class FakePlugin(Plugin):
    """``gate`` holds inferences back until it is set; ``running`` counts those that have begun."""

    name = "FAKE"

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.running = threading.Semaphore(0)
        self.failure: Exception | None = None
        self.compute: Compute = lambda arrays: [np.maximum(a, 0) for a in arrays]
        self.compilations = 0
        self.imports = 0
        self.compile_failure: Exception | None = None
        self._models: dict[bytes, ov.Model] = {}
        self._table = PropertyTable(
            self.name, [*common_properties(), Property("FAKE_LEVEL", parse_natural, 1)]
        )

    def remember(self, model: ov.Model) -> bytes:
        key = str(len(self._models)).encode()
        self._models[key] = model
        return key

    def available_devices(self) -> list[str]:
        return [""]

    @property
    def properties(self) -> PropertyTable:
        return self._table

    def query_model(self, model: ov.Model, config: Mapping[str, Any]) -> dict[str, str]:
        return {node.get_friendly_name(): self.name for node in model.get_ops()}

    def compile_model(self, model: ov.Model, config: Mapping[str, Any]) -> CompiledPlugin:
        self.compilations += 1
        if self.compile_failure is not None:
            raise self.compile_failure
        return FakeCompiled(self, model, config)

    def import_model(self, blob: bytes, config: Mapping[str, Any]) -> CompiledPlugin:
        if not blob.startswith(b"FAKE"):
            raise RuntimeError("[FAKE] Cannot import compiled blob")
        self.imports += 1
        return FakeCompiled(self, self._models[blob[4:]], config)
