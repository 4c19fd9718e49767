"""The CPU device: numpy kernels, planned once for each set of shapes."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from typing import Any

from ovgpu.execution.program import STATE_OPS, SUBGRAPH_OPS
from ovgpu.graph.element_type import Type
from ovgpu.graph.model import Model
from ovgpu.plugins.cpu.compiled import CompiledCpu
from ovgpu.plugins.cpu.registry import find_kernel
from ovgpu.plugins.plugin import CompiledPlugin, Plugin
from ovgpu.plugins.properties import (
    RO,
    WO,
    Property,
    PropertyTable,
    common_properties,
    parse_bool,
    parse_fraction,
    parse_natural,
    parse_scheduling_core_type,
    parse_text,
    type_parser,
)

_TRUE_NODES = frozenset({"Parameter", "Constant", "Result"}) | SUBGRAPH_OPS | STATE_OPS


def processor_name() -> str:
    """The processor's name as the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _device_type() -> Any:
    from ovgpu.properties.device import Type as DeviceType

    return DeviceType.INTEGRATED


def _tbb_partitioner() -> Any:
    from ovgpu.properties.intel_cpu import TbbPartitioner

    return TbbPartitioner.STATIC


_cache_type = type_parser("f32", "f16", "bf16", "u8", "i8", "u4", "undefined", "dynamic")


def _properties() -> PropertyTable:
    cores = os.cpu_count() or 1
    # Properties of OpenVINO's CPU that have no meaning for numpy kernels (pinning, cache precisions ...) are accepted
    # and kept, so that scripts which set them run; they change nothing.
    return PropertyTable(
        "CPU",
        [
            *common_properties(),
            Property("AVAILABLE_DEVICES", default=lambda: [""], mutability=RO),
            Property("RANGE_FOR_ASYNC_INFER_REQUESTS", default=(1, cores, 1), mutability=RO),
            Property("RANGE_FOR_STREAMS", default=(1, cores), mutability=RO),
            Property("EXECUTION_DEVICES", default=lambda: ["CPU"], mutability=RO),
            Property("FULL_DEVICE_NAME", default=processor_name, mutability=RO),
            Property(
                "OPTIMIZATION_CAPABILITIES",
                default=lambda: ["WINOGRAD", "FP32", "EXPORT_IMPORT"],
                mutability=RO,
            ),
            Property("DEVICE_TYPE", default=_device_type, mutability=RO),
            Property("DEVICE_ARCHITECTURE", default=platform.machine, mutability=RO),
            Property("INFERENCE_NUM_THREADS", parse_natural, 0),
            Property("ENABLE_CPU_PINNING", parse_bool, False),
            Property("ENABLE_CPU_RESERVATION", parse_bool, False),
            Property(
                "SCHEDULING_CORE_TYPE", parse_scheduling_core_type, lambda: _default_core_type()
            ),
            Property("MODEL_DISTRIBUTION_POLICY", default=lambda: set()),
            Property("ENABLE_HYPER_THREADING", parse_bool, True),
            Property("CPU_DENORMALS_OPTIMIZATION", parse_bool, False),
            Property("CPU_SPARSE_WEIGHTS_DECOMPRESSION_RATE", parse_fraction, 1.0),
            Property("ENABLE_TENSOR_PARALLEL", parse_bool, False),
            Property("TBB_PARTITIONER", default=_tbb_partitioner),
            Property("DYNAMIC_QUANTIZATION_GROUP_SIZE", parse_natural, 0),
            Property("KV_CACHE_PRECISION", _cache_type, Type.f32),
            Property("KEY_CACHE_PRECISION", _cache_type, Type.f32),
            Property("VALUE_CACHE_PRECISION", _cache_type, Type.f32),
            Property("KEY_CACHE_GROUP_SIZE", parse_natural, 0),
            Property("VALUE_CACHE_GROUP_SIZE", parse_natural, 0),
            Property("LP_TRANSFORMS_MODE", parse_bool, False),
            Property("ENABLE_MMAP", parse_bool, True),
            Property("ENABLE_WEIGHTLESS", parse_bool, False),
            Property("WEIGHTS_PATH", parse_text, "", WO),
        ],
    )


def _default_core_type() -> Any:
    from ovgpu.properties.hint import SchedulingCoreType

    return SchedulingCoreType.ANY_CORE


class CpuPlugin(Plugin):
    """Runs every operation that has a numpy kernel, on any processor."""

    name = "CPU"

    def __init__(self) -> None:
        self._properties = _properties()

    def available_devices(self) -> list[str]:
        return [""]

    @property
    def properties(self) -> PropertyTable:
        return self._properties

    def query_model(self, model: Model, config: Mapping[str, Any]) -> dict[str, str]:
        return {
            node.get_friendly_name(): "CPU"
            for node in model.get_ordered_ops()
            if node.get_type_name() in _TRUE_NODES or find_kernel(node) is not None
        }

    def compile_model(self, model: Model, config: Mapping[str, Any]) -> CompiledPlugin:
        return CompiledCpu(model, dict(config))

    def import_model(self, blob: bytes, config: Mapping[str, Any]) -> CompiledPlugin:
        from ovgpu.execution.blob import read_blob

        model, stored = read_blob(blob, "CPU")
        return CompiledCpu(
            model, {**self._properties.resolve({}), **stored, **config}, from_cache=True
        )
