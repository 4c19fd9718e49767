"""The device-plugin protocol: what stands behind ``Core.compile_model``.

A plugin turns a model into a :class:`CompiledPlugin`, which hands out :class:`Job` objects. Everything a user touches
(InferRequest, AsyncInferQueue, OVDict, input conversions, callbacks) is written once, above this protocol; a device
implements only what differs between devices: planning memory, running steps, and its properties.

Third parties add a device through the entry-point group ``ovgpu.plugins``: the entry's name is the device name and its
object is a :class:`Plugin` subclass (or a factory without arguments that returns one).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ovgpu.execution.profiling import ProfilingInfo
    from ovgpu.graph.element_type import Type
    from ovgpu.graph.model import Model
    from ovgpu.graph.port import ConstOutput
    from ovgpu.graph.tensor import Tensor
    from ovgpu.plugins.properties import PropertyTable
    from ovgpu.plugins.registry import PluginRegistry

OnDone = Callable[[BaseException | None], None]


class Plugin(ABC):
    """One device family, for instance ``CPU`` or ``GPU``. One instance serves one :class:`Core`."""

    #: Device name without an index, as users write it.
    name: str

    @abstractmethod
    def available_devices(self) -> list[str]:
        """Return the device indices: ``[""]`` for a single unnamed device, ``["0", "1"]`` for numbered ones,
        ``[]`` when no device is usable here."""

    def unavailable_reason(self) -> str | None:
        """Say in one sentence for a person why no device is usable and what to do, or None when one is."""
        return None

    def attach(self, registry: PluginRegistry) -> None:  # noqa: B027 - only devices made of others need it
        """Called once after creation with the registry that owns this plugin."""

    @property
    @abstractmethod
    def properties(self) -> PropertyTable:
        """The properties of the device with their types, defaults and current values."""

    @abstractmethod
    def query_model(self, model: Model, config: Mapping[str, Any]) -> dict[str, str]:
        """Map the friendly name of every operation that this device runs to the device's name."""

    @abstractmethod
    def compile_model(self, model: Model, config: Mapping[str, Any]) -> CompiledPlugin:
        """Compile a private copy of ``model``; ``config`` holds properties by name, already typed and checked.

        Raises RuntimeError naming the layer when an operation cannot run.
        """

    @abstractmethod
    def import_model(self, blob: bytes, config: Mapping[str, Any]) -> CompiledPlugin:
        """Rebuild what :meth:`CompiledPlugin.export_model` wrote. Raises RuntimeError for a blob that is not ours."""


class CompiledPlugin(ABC):
    """A model compiled for one device. Shared by any number of jobs; immutable and safe to use from threads."""

    #: Ports with the types, shapes and names that users see, in the model's order.
    inputs: Sequence[ConstOutput]
    outputs: Sequence[ConstOutput]

    @abstractmethod
    def create_job(self) -> Job:
        """Return the execution state that one InferRequest owns."""

    @abstractmethod
    def get_property(self, name: str) -> Any:
        """Value of a property of the compiled model. Raises RuntimeError for unknown names."""

    @abstractmethod
    def runtime_model(self) -> Model:
        """The graph as it is executed, with the rt_info that ``get_runtime_model`` documents."""

    @abstractmethod
    def export_model(self, stream: BytesIO) -> None:
        """Write a blob that :meth:`Plugin.import_model` reads back."""

    def release_memory(self) -> None:  # noqa: B027 - optional for devices that hold no scratch memory
        """Free the memory that is only needed while inferring."""


class State(ABC):
    """One variable of a job (ReadValue/Assign pair)."""

    name: str

    @abstractmethod
    def get(self) -> Tensor:
        """Current value, a tensor that the caller may keep."""

    @abstractmethod
    def set(self, value: Tensor) -> None:
        """Replace the value; copies. Raises RuntimeError for another type or an incompatible shape."""

    @abstractmethod
    def reset(self) -> None:
        """Return to the initial value (the ReadValue's initialiser, or zeros)."""


class Job(ABC):
    """The private execution state of one infer request: arena, stream, variables, caches of plans.

    A job runs one inference at a time; the request above it guarantees that. ``inputs`` and ``outputs`` are tensors in
    the order of the ports. Input tensors hold the final type and a shape that fits the port. Output tensors are
    resized by ``set_shape`` to the shape computed and then filled; an output tensor that cannot be resized makes the
    run fail with its own error, after which the job is usable again.
    """

    @abstractmethod
    def run(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Infer and return when the outputs are complete."""

    @abstractmethod
    def start(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], on_done: OnDone) -> None:
        """Begin an inference and return at once; ``on_done(error or None)`` is called exactly once from a thread
        of the plugin when it has ended."""

    @abstractmethod
    def cancel(self) -> None:
        """Ask the running inference to stop as soon as it can; it then ends with :class:`InferenceCancelled`."""

    def wrap(self, value: Any, element_type: Type) -> Tensor | None:
        """A tensor over device memory that ``value`` exports (CuPy arrays, DLPack, the CUDA array interface), for an
        input of ``element_type``; None when this device cannot read it. Work of this job is ordered after the
        producer's."""
        return None

    @property
    @abstractmethod
    def states(self) -> Sequence[State]:
        """The variables of the model."""

    @abstractmethod
    def profiling(self) -> list[ProfilingInfo]:
        """Per-node times of the last inference (zeros and NOT_RUN unless PERF_COUNT is on)."""


class InferenceCancelled(RuntimeError):
    """The inference was cancelled by the user."""

    def __init__(self) -> None:
        super().__init__("Infer Request was canceled")
