"""The GPU device family: ``GPU``, ``GPU.0``, ``GPU.1`` ..."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ovgpu.graph.element_type import Type
from ovgpu.graph.model import Model
from ovgpu.plugins.gpu.device import (
    DEFAULT_GRAPH_LIMIT,
    DeviceUnavailable,
    device_info,
    usable_devices,
)
from ovgpu.plugins.plugin import CompiledPlugin, Plugin
from ovgpu.plugins.properties import (
    RO,
    Property,
    PropertyTable,
    common_properties,
    parse_bool,
    parse_natural,
    type_parser,
)

if TYPE_CHECKING:
    from ovgpu.inference.remote import RemoteContext


def _device_type() -> Any:
    from ovgpu.properties.device import Type as DeviceType

    return DeviceType.DISCRETE


class GpuPlugin(Plugin):
    """NVIDIA devices through CuPy. Nothing of CUDA is touched until a device is asked for."""

    name = "GPU"

    def __init__(self) -> None:
        self._properties = PropertyTable(
            "GPU",
            [
                *common_properties(),
                # f16 under the performance mode, f32 under the accuracy mode, unless the user says.
                Property(
                    "INFERENCE_PRECISION_HINT",
                    type_parser("bf16", "f16", "f32", "undefined", "dynamic"),
                    Type.dynamic,
                ),
                Property("AVAILABLE_DEVICES", default=self.available_devices, mutability=RO),
                Property("RANGE_FOR_ASYNC_INFER_REQUESTS", default=(1, 16, 1), mutability=RO),
                Property("RANGE_FOR_STREAMS", default=(1, 16), mutability=RO),
                Property(
                    "FULL_DEVICE_NAME",
                    default=lambda: device_info(self._default()).name,
                    mutability=RO,
                ),
                Property("DEVICE_ARCHITECTURE", default=self._architecture, mutability=RO),
                Property(
                    "OPTIMIZATION_CAPABILITIES",
                    default=lambda: ["FP32", "FP16", "EXPORT_IMPORT"],
                    mutability=RO,
                ),
                Property("DEVICE_TYPE", default=_device_type, mutability=RO),
                Property(
                    "GPU_DEVICE_TOTAL_MEM_SIZE",
                    default=lambda: device_info(self._default()).memory_bytes,
                    mutability=RO,
                ),
                # Whether query_model says who runs each operation; not by default: users compare with device names.
                Property("OVGPU_QUERY_TIERS", parse_bool, False),
                Property("OVGPU_CUDA_GRAPHS", parse_bool, True),
                # Graphs that each job keeps, the least recently used go first.
                Property("OVGPU_CUDA_GRAPH_LIMIT", parse_natural, DEFAULT_GRAPH_LIMIT),
            ],
        )

    def available_devices(self) -> list[str]:
        return [str(i) for i in usable_devices()[0]]

    def unavailable_reason(self) -> str | None:
        return usable_devices()[1]

    def _default(self) -> int:
        indices, reason = usable_devices()
        if not indices:
            raise DeviceUnavailable(f"Device GPU cannot be used: {reason}")
        return indices[0]

    def _architecture(self) -> str:
        major, minor = device_info(self._default()).capability
        return f"sm_{major}{minor}"

    @property
    def properties(self) -> PropertyTable:
        return self._properties

    def query_model(self, model: Model, config: Mapping[str, Any]) -> dict[str, str]:
        """Every operation runs: those without a kernel of ours on the host, with their copies.

        With ``OVGPU_QUERY_TIERS`` the names of devices are followed by who does the work, as in ``GPU.0:host``: see
        :func:`ovgpu.plugins.gpu.tiers.query_tiers`. What ran in the end, the compiled model's property
        OVGPU_HOST_OPERATIONS and the profile say.
        """
        device = f"GPU.{self._index(config)}"
        tiers: dict[str, str] = {}
        if config.get("OVGPU_QUERY_TIERS"):
            from ovgpu.plugins.gpu.tiers import query_tiers

            tiers = query_tiers(model)
        names = [node.get_friendly_name() for node in model.get_ordered_ops()]
        return {name: f"{device}:{tiers[name]}" if name in tiers else device for name in names}

    def compile_model(self, model: Model, config: Mapping[str, Any]) -> CompiledPlugin:
        from ovgpu.plugins.gpu.compiled import CompiledGpu

        return CompiledGpu(model, dict(config), self._index(config))

    def create_context(self, properties: Mapping[str, Any]) -> RemoteContext:
        """Device memory for users: the context of the device that ``DEVICE_ID`` names."""
        from ovgpu.plugins.gpu.remote import GpuRemoteContext

        return GpuRemoteContext.of(self._index(properties))

    get_default_context = create_context

    def _index(self, config: Mapping[str, Any]) -> int:
        """The device that the configuration names. Raises DeviceUnavailable with what to do when it cannot be used."""
        given = str(config.get("DEVICE_ID", "") or "")
        if not given:
            return self._default()
        indices, reason = usable_devices()
        if not given.isdigit() or int(given) not in indices:
            found = ", ".join(f"GPU.{i}" for i in indices) or f"none: {reason}"
            raise DeviceUnavailable(f"There is no usable device GPU.{given} (usable: {found})")
        return int(given)

    def import_model(self, blob: bytes, config: Mapping[str, Any]) -> CompiledPlugin:
        from ovgpu.execution.blob import read_blob
        from ovgpu.plugins.gpu.compiled import CompiledGpu

        model, stored = read_blob(blob, "GPU")
        merged = {**self._properties.resolve({}), **stored, **config}
        return CompiledGpu(model, merged, self._index(merged), from_cache=True)
