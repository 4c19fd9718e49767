"""The virtual devices: AUTO chooses one device, MULTI uses all, HETERO and BATCH run on the first usable one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ovgpu.graph.model import Model
from ovgpu.plugins.auto.compiled import AutoCompiled
from ovgpu.plugins.auto.devices import Candidate, select_candidates
from ovgpu.plugins.device_name import DeviceName
from ovgpu.plugins.model_cache import ModelCache
from ovgpu.plugins.plugin import CompiledPlugin, Plugin
from ovgpu.plugins.properties import (
    RO,
    Property,
    PropertyTable,
    common_properties,
    parse_bool,
    parse_text,
    plain_config,
)
from ovgpu.plugins.registry import PluginRegistry

#: Taken from the virtual device's configuration for the device itself, where that knows them.
_NOT_PASSED_ON = {
    "NUM_STREAMS",
    "DEVICE_ID",
    "LOG_LEVEL",
    "MODEL_PRIORITY",
    "CACHE_DIR",
    "SUPPORTED_PROPERTIES",
}


class VirtualProperties(PropertyTable):
    """Properties with the sentences of virtual devices; unknown ones are left to the devices behind."""

    def parse(self, config: Mapping[str, Any]) -> dict[str, Any]:
        typed: dict[str, Any] = {}
        for name, value in config.items():
            if name not in self or self.supported()[name] == RO:
                raise RuntimeError(f"property: {name}: not supported")
            try:
                typed |= super().parse({name: value})
            except RuntimeError as error:
                raise RuntimeError(f"Invalid value for property {name}: {value}") from error
        return typed


def _parse_mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise RuntimeError(f"Invalid value for property {name}: {value}")
    return dict(value)


def _parse_priorities(name: str, value: Any) -> str:
    text = value if isinstance(value, str) else ",".join(map(str, value))
    return text.rstrip(",")


def _parse_schedule_policy(name: str, value: Any) -> Any:
    from ovgpu.properties.intel_auto import SchedulePolicy

    found = (
        value if isinstance(value, SchedulePolicy) else SchedulePolicy.__members__.get(str(value))
    )
    if found is None:
        raise RuntimeError(f"Invalid value for property {name}: {value}")
    return found


def _default_schedule_policy() -> Any:
    from ovgpu.properties.intel_auto import SchedulePolicy

    return SchedulePolicy.DEVICE_PRIORITY


def _virtual_properties(name: str) -> VirtualProperties:
    shared = (
        "PERFORMANCE_HINT",
        "PERFORMANCE_HINT_NUM_REQUESTS",
        "EXECUTION_MODE_HINT",
        "PERF_COUNT",
    )
    kept = [p for p in common_properties() if p.name in (*shared, "LOG_LEVEL", "MODEL_PRIORITY")]
    return VirtualProperties(
        name,
        [
            *kept,
            Property("FULL_DEVICE_NAME", default=name, mutability=RO),
            Property("OPTIMIZATION_CAPABILITIES", default=lambda: ["FP32"], mutability=RO),
            Property("MULTI_DEVICE_PRIORITIES", _parse_priorities, ""),
            Property("DEVICE_BIND_BUFFER", parse_bool, False),
            Property("SCHEDULE_POLICY", _parse_schedule_policy, _default_schedule_policy),
            *([] if name != "AUTO" else _auto_properties()),
        ],
    )


def _auto_properties() -> list[Property]:
    return [
        Property("ENABLE_STARTUP_FALLBACK", parse_bool, True),
        Property("ENABLE_RUNTIME_FALLBACK", parse_bool, True),
        Property("LOW_POWER_DEVICE", parse_text, ""),
        Property("DEVICES_UTILIZATION_THRESHOLD", _parse_mapping, dict),
        Property("PERF_CURVE_TABLE", _parse_mapping, dict),
    ]


class VirtualPlugin(Plugin):
    """What the virtual devices share: properties, the list of devices, configurations for these."""

    def __init__(self) -> None:
        self._properties = _virtual_properties(self.name)
        self._registry = PluginRegistry()

    def attach(self, registry: PluginRegistry) -> None:
        self._registry = registry

    def available_devices(self) -> list[str]:
        return []  # made of others: never listed as a device of its own

    @property
    def properties(self) -> PropertyTable:
        return self._properties

    def import_model(self, blob: bytes, config: Mapping[str, Any]) -> CompiledPlugin:
        raise RuntimeError("Not Implemented")

    def _split(self, config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The virtual device's own properties, complete and typed, and what is left for the devices."""
        own = {k: v for k, v in config.items() if self._properties.supported().get(k, RO) != RO}
        return self._properties.resolve(own), {k: v for k, v in config.items() if k not in own}

    def _candidates(self, own: Mapping[str, Any]) -> list[Candidate]:
        return select_candidates(self._registry, own["MULTI_DEVICE_PRIORITIES"], self.name)

    def _device_config(self, candidate: Candidate, config: Mapping[str, Any]) -> dict[str, Any]:
        """The complete configuration for one device: what the user gave for all, then what for it alone."""
        table = candidate.plugin.properties
        given = {
            name: value
            for name, value in config.items()
            if table.supported().get(name, RO) != RO and name not in _NOT_PASSED_ON
        }
        per_device = config.get("DEVICE_PROPERTIES") or {}
        for key in (candidate.plugin.name, candidate.name):
            given |= plain_config(per_device.get(key, {}))
        if candidate.device_id:
            given["DEVICE_ID"] = candidate.device_id
        return table.resolve(given)

    def _compile_for(
        self, candidate: Candidate, model: Model, config: Mapping[str, Any]
    ) -> CompiledPlugin:
        device_config = self._device_config(candidate, config)
        cache = ModelCache.from_config(config)
        if cache is None:
            return candidate.plugin.compile_model(model, device_config)
        device = DeviceName.parse(candidate.name)
        compiled, _ = cache.compile(
            candidate.plugin, device, model, None, lambda: model, device_config
        )
        return compiled


class AutoPlugin(VirtualPlugin):
    """Chooses the device: the GPU when it is usable, else the CPU.

    Inferences begin on the CPU while the GPU compiles, unless ``ENABLE_STARTUP_FALLBACK`` is off.
    """

    name = "AUTO"

    def query_model(self, model: Model, config: Mapping[str, Any]) -> dict[str, str]:
        own, rest = self._split(config)
        if not own["MULTI_DEVICE_PRIORITIES"]:
            raise RuntimeError(f"{self.name}: cannot parse valid device from ")
        runnable: set[str] = set()
        for candidate in self._candidates(own):
            runnable |= set(
                candidate.plugin.query_model(model, self._device_config(candidate, rest))
            )
        return dict.fromkeys(sorted(runnable), self.name)

    def compile_model(self, model: Model, config: Mapping[str, Any]) -> CompiledPlugin:
        from ovgpu.properties.hint import PerformanceMode

        own, rest = self._split(config)
        candidates = self._candidates(own)
        own["MULTI_DEVICE_PRIORITIES"] = own["MULTI_DEVICE_PRIORITIES"] or ",".join(
            c.name for c in candidates
        )
        use_all = own["PERFORMANCE_HINT"] is PerformanceMode.CUMULATIVE_THROUGHPUT
        return self._compiled(model, own, rest, candidates, use_all)

    def _compiled(
        self,
        model: Model,
        own: dict[str, Any],
        rest: Mapping[str, Any],
        candidates: list[Candidate],
        use_all: bool,
    ) -> CompiledPlugin:
        passed = dict(rest)
        for name in (
            "PERFORMANCE_HINT",
            "PERFORMANCE_HINT_NUM_REQUESTS",
            "EXECUTION_MODE_HINT",
            "PERF_COUNT",
        ):
            passed.setdefault(name, own[name])
        if len(candidates) > 1:
            model = (
                model.clone()
            )  # the user may change the model while another device still compiles it
        shown = ("PERFORMANCE_HINT", "MULTI_DEVICE_PRIORITIES", "MODEL_PRIORITY", "PERF_COUNT")
        return AutoCompiled(
            self.name,
            candidates,
            lambda candidate: self._compile_for(candidate, model, passed),
            {name: own[name] for name in shown},
            startup_fallback=own.get("ENABLE_STARTUP_FALLBACK", True),
            runtime_fallback=own.get("ENABLE_RUNTIME_FALLBACK", True),
            use_all=use_all,
        )


class MultiPlugin(AutoPlugin):
    """Infers on all the devices listed, in turn."""

    name = "MULTI"

    def compile_model(self, model: Model, config: Mapping[str, Any]) -> CompiledPlugin:
        from ovgpu.properties.hint import PerformanceMode

        own, rest = self._split(config)
        if not own["MULTI_DEVICE_PRIORITIES"]:
            raise RuntimeError("KEY_MULTI_DEVICE_PRIORITIES key is not set for MULTI")
        if "PERFORMANCE_HINT" not in config and not self._properties.is_set("PERFORMANCE_HINT"):
            own["PERFORMANCE_HINT"] = PerformanceMode.THROUGHPUT
        return self._compiled(model, own, rest, self._candidates(own), use_all=True)


class FirstDevicePlugin(VirtualPlugin):
    """Runs on the first usable device of the list, and shows that device's properties."""

    missing_list = ""

    def _listed(self, config: Mapping[str, Any]) -> tuple[list[Candidate], dict[str, Any]]:
        own, rest = self._split(config)
        listed = own["MULTI_DEVICE_PRIORITIES"]
        if not listed:
            raise RuntimeError(self.missing_list)
        for name in filter(None, listed.split(",")):
            self._registry.check_known(DeviceName.parse(name.partition("(")[0]).plugin)
        return self._candidates(own), {**rest, **{k: v for k, v in config.items() if k in own}}

    def compile_model(self, model: Model, config: Mapping[str, Any]) -> CompiledPlugin:
        candidates, rest = self._listed(config)
        return self._compile_for(candidates[0], model, rest)

    def query_model(self, model: Model, config: Mapping[str, Any]) -> dict[str, str]:
        candidates, rest = self._listed(config)
        found: dict[str, str] = {}
        for candidate in candidates:
            config_here = self._device_config(candidate, rest)
            for name, device in candidate.plugin.query_model(model, config_here).items():
                found.setdefault(name, device)
        return found


class HeteroPlugin(FirstDevicePlugin):
    """Runs the whole model on the first device that can: our devices run every operation themselves."""

    name = "HETERO"
    missing_list = "MULTI_DEVICE_PRIORITIES is not set for HETERO device"


class BatchPlugin(FirstDevicePlugin):
    """Accepts ``BATCH:DEVICE(size)``; requests are not joined, the device runs them side by side."""

    name = "BATCH"
    missing_list = "ov::device::priorities key for AUTO BATCH is not set for BATCH device"
