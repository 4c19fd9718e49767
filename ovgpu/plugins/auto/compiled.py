"""A model compiled for several devices, and the jobs that move between them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any

from ovgpu.execution.profiling import ProfilingInfo
from ovgpu.graph.model import Model
from ovgpu.graph.tensor import Tensor
from ovgpu.plugins.auto.devices import Candidate, warn_once
from ovgpu.plugins.plugin import CompiledPlugin, InferenceCancelled, Job, OnDone, State

#: Compiles the model for one device.
CompileFor = Callable[[Candidate], CompiledPlugin]


class AutoCompiled(CompiledPlugin):
    """The model on the device that is best now, with the others in reserve.

    With several candidates the first may still be compiling: until it is ready, a device that compiles fast serves
    (``EXECUTION_DEVICES`` shows it in parentheses). A device on which compiling or inferring fails is given up for the
    next one, with a warning that says why.

    Args:
        name: the virtual device, for messages.
        candidates: devices, best first.
        compile_for: compiles for one of them; called from a background thread for the best one when another serves.
        properties: values of the properties that are the virtual device's own.
        startup_fallback: let another device serve while the best one compiles.
        runtime_fallback: repeat a failed inference on the next device.
        use_all: infer on all devices at once, in turn.
    """

    def __init__(
        self,
        name: str,
        candidates: Sequence[Candidate],
        compile_for: CompileFor,
        properties: Mapping[str, Any],
        startup_fallback: bool = True,
        runtime_fallback: bool = True,
        use_all: bool = False,
    ) -> None:
        self._name = name
        self._compile_for = compile_for
        self._properties = dict(properties)
        self.runtime_fallback = runtime_fallback
        self.use_all = use_all
        self._lock = threading.RLock()
        self._turn = 0
        #: Devices in the order of preference; those that failed are taken out.
        self._candidates = list(candidates)
        self._compiled: dict[str, CompiledPlugin] = {}
        self._pending: threading.Thread | None = None
        if use_all:
            self._compile_all()
        elif startup_fallback and len(self._candidates) > 1 and self._candidates[-1].name == "CPU":
            self._compile_first_usable(list(reversed(self._candidates)))
            self._pending = threading.Thread(
                target=self._compile_best, name="ovgpu-auto-compile", daemon=True
            )
            self._pending.start()
        else:
            self._compile_first_usable(self._candidates)
        serving = self._compiled[self.active_devices()[0]]
        self.inputs, self.outputs = serving.inputs, serving.outputs

    # ---- compiling ----
    def _compile_first_usable(self, candidates: Sequence[Candidate]) -> None:
        failures = []
        for candidate in list(candidates):
            try:
                self._compiled[candidate.name] = self._compile_for(candidate)
            except Exception as error:
                failures.append((candidate, error))
                continue
            for failed, failure in failures:
                self._give_up(failed, "compile the model", failure)
            return
        text = ";\n".join(f"{candidate.name}: {failure}" for candidate, failure in failures)
        raise RuntimeError(f"[{self._name}] compile model failed, {text}") from failures[0][1]

    def _compile_all(self) -> None:
        failures = []
        for candidate in list(self._candidates):
            try:
                self._compiled[candidate.name] = self._compile_for(candidate)
            except Exception as error:
                failures.append((candidate, error))
        if not self._compiled:
            text = ";\n".join(f"{candidate.name}: {failure}" for candidate, failure in failures)
            raise RuntimeError(f"[{self._name}] compile model failed, {text}")
        for candidate, failure in failures:
            self._give_up(candidate, "compile the model", failure)

    def _compile_best(self) -> None:
        """In the background: compile for the devices before the one that serves, until one succeeds."""
        for candidate in list(self._candidates):
            if candidate.name in self._compiled:
                return
            try:
                compiled = self._compile_for(candidate)
            except Exception as error:
                self._give_up(candidate, "compile the model", error)
                continue
            with self._lock:
                self._compiled[candidate.name] = compiled
            return

    def _give_up(self, candidate: Candidate, action: str, error: BaseException) -> None:
        with self._lock:
            self._candidates = [c for c in self._candidates if c is not candidate]
            self._compiled.pop(candidate.name, None)
        warn_once(f"{self._name} gives up {candidate.name}, which could not {action}: {error}")

    def wait_until_ready(self, timeout: float | None = None) -> None:
        """Wait for the compilation in the background, if there is one."""
        if self._pending is not None:
            self._pending.join(timeout)

    # ---- choice of the device ----
    @property
    def is_temporary(self) -> bool:
        """Whether a better device is still being compiled for."""
        return (
            self._pending is not None
            and self._pending.is_alive()
            and self._candidates[0].name not in self._compiled
        )

    def active_devices(self) -> list[str]:
        """The devices that inferences run on now."""
        with self._lock:
            ready = [c.name for c in self._candidates if c.name in self._compiled]
        return ready if self.use_all else ready[:1]

    def choose(self, exclude: set[str] = frozenset()) -> str | None:  # type: ignore[assignment]
        """The device for the next inference, not one of ``exclude``; None when none is left."""
        with self._lock:
            ready = [
                c.name
                for c in self._candidates
                if c.name in self._compiled and c.name not in exclude
            ]
            if not ready:
                return self._compile_reserve(exclude)
            if not self.use_all:
                return ready[0]
            self._turn += 1
            return ready[self._turn % len(ready)]

    def _compile_reserve(self, exclude: set[str]) -> str | None:
        """Compile for a device that was not needed so far."""
        for candidate in list(self._candidates):
            if candidate.name in exclude or candidate.name in self._compiled:
                continue
            try:
                self._compiled[candidate.name] = self._compile_for(candidate)
            except Exception as error:
                self._give_up(candidate, "compile the model", error)
                continue
            return candidate.name
        return None

    def inference_failed(self, name: str, error: BaseException) -> None:
        """Take a device out of use: an inference failed there and succeeded on another one."""
        for candidate in self._candidates:
            if candidate.name == name:
                self._give_up(candidate, "infer", error)
                return

    def compiled_for(self, name: str) -> CompiledPlugin:
        """The model compiled for one of the devices."""
        return self._compiled[name]

    # ---- CompiledPlugin ----
    def create_job(self) -> Job:
        return AutoJob(self)

    def get_property(self, name: str) -> Any:
        active = self.active_devices()
        first = self._compiled[active[0]]
        if name.startswith("OVGPU_"):
            return first.get_property(name)
        if name == "SUPPORTED_PROPERTIES":
            read_only = [
                "NETWORK_NAME",
                "SUPPORTED_PROPERTIES",
                "EXECUTION_DEVICES",
                "OPTIMAL_NUMBER_OF_INFER_REQUESTS",
                "LOADED_FROM_CACHE",
                "DEVICE_PROPERTIES",
            ]
            return dict.fromkeys(read_only, "RO") | dict.fromkeys(self._properties, "RW")
        if name == "EXECUTION_DEVICES":
            return [f"({device})" for device in active] if self.is_temporary else active
        if name == "OPTIMAL_NUMBER_OF_INFER_REQUESTS":
            return sum(int(self._compiled[device].get_property(name)) for device in active)
        if name == "DEVICE_PROPERTIES":
            return {device: _all_properties(self._compiled[device]) for device in active}
        if name in ("NETWORK_NAME", "LOADED_FROM_CACHE"):
            return first.get_property(name)
        if name in self._properties:
            return self._properties[name]
        raise RuntimeError(f"{self._name}: not supported property {name}")

    def runtime_model(self) -> Model:
        return self._compiled[self.active_devices()[0]].runtime_model()

    def export_model(self, stream: BytesIO) -> None:
        raise RuntimeError("Not Implemented")

    def release_memory(self) -> None:
        for compiled in list(self._compiled.values()):
            compiled.release_memory()


def _all_properties(compiled: CompiledPlugin) -> dict[str, Any]:
    return {
        name: compiled.get_property(name) for name in compiled.get_property("SUPPORTED_PROPERTIES")
    }


class AutoState(State):
    """A variable of whichever device the job is on."""

    def __init__(self, job: AutoJob, index: int, name: str) -> None:
        self._job = job
        self._index = index
        self.name = name

    def _state(self) -> State:
        return self._job.current.states[self._index]

    def get(self) -> Tensor:
        return self._state().get()

    def set(self, value: Tensor) -> None:
        self._job.has_state = True
        self._state().set(value)

    def reset(self) -> None:
        self._job.has_state = False
        self._state().reset()


class AutoJob(Job):
    """A job on each device that it was on so far; variables move along when it changes the device."""

    def __init__(self, compiled: AutoCompiled) -> None:
        self._compiled = compiled
        self._jobs: dict[str, Job] = {}
        #: Whether the variables may differ from their initial values.
        self.has_state = False
        device = compiled.choose()
        assert device is not None
        self._device = device
        self.current = self._job_on(device)

    def _job_on(self, device: str) -> Job:
        job = self._jobs.get(device)
        if job is None:
            job = self._jobs[device] = self._compiled.compiled_for(device).create_job()
        return job

    def _move_to(self, device: str) -> None:
        if device == self._device and device in self._jobs:
            return
        old, new = self.current, self._job_on(device)
        if self.has_state:
            try:
                values = [state.get() for state in old.states]
            except Exception as error:
                raise RuntimeError(
                    f"The values of the variables are lost with {self._device}: reset the state to go on with "
                    f"{device} ({error})"
                ) from error
            for value, target in zip(values, new.states):
                target.set(value)
        self._device, self.current = device, new

    def run(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        self._prepare()
        failures: list[tuple[str, BaseException]] = []
        while True:
            try:
                self.current.run(inputs, outputs)
            except Exception as error:
                self._next_device(error, failures)
                continue
            self._succeeded(failures)
            return

    def start(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], on_done: OnDone) -> None:
        self._prepare()
        failures: list[tuple[str, BaseException]] = []

        def ended(error: BaseException | None) -> None:
            if error is None:
                self._succeeded(failures)
                on_done(None)
                return
            try:
                self._next_device(error, failures)
                self.current.start(inputs, outputs, ended)
            except BaseException as final:
                on_done(final)

        self.current.start(inputs, outputs, ended)

    def _prepare(self) -> None:
        """Move to the device that is best now."""
        device = self._compiled.choose()
        if device is not None:
            self._move_to(device)

    def _next_device(self, error: BaseException, failures: list[tuple[str, BaseException]]) -> None:
        """After a failure: move to the next device, or raise the first failure when there is none."""
        failures.append((self._device, error))
        device = None
        if self._compiled.runtime_fallback and not isinstance(error, InferenceCancelled):
            device = self._compiled.choose({name for name, _ in failures})
        if device is None:
            # All devices refuse: the inputs are at fault, not a device.
            raise failures[0][1]
        self._move_to(device)

    def _succeeded(self, failures: list[tuple[str, BaseException]]) -> None:
        self.has_state = bool(self.current.states)
        for device, error in failures:
            self._compiled.inference_failed(device, error)

    def cancel(self) -> None:
        self.current.cancel()

    @property
    def states(self) -> Sequence[State]:
        return [AutoState(self, i, state.name) for i, state in enumerate(self.current.states)]

    def profiling(self) -> list[ProfilingInfo]:
        return self.current.profiling()
