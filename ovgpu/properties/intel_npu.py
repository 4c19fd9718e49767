"""Keys of NPU devices, so that scripts which mention them run; there is no such device here."""

from __future__ import annotations

from typing import Any

from ovgpu.enumeration import Enumeration
from ovgpu.properties._property import Property, missing_attribute
from ovgpu.properties._values import BOOL, INT64, STR, instance_of


class CompilerType(Enumeration):
    """Which compiler makes the device's code."""

    DRIVER = 1
    PLUGIN = 0
    PREFER_PLUGIN = 2


_COMPILER = instance_of(CompilerType, "properties.intel_npu.CompilerType")

bypass_umd_caching = Property("NPU_BYPASS_UMD_CACHING", "bypass_umd_caching", BOOL)
compilation_mode_params = Property("NPU_COMPILATION_MODE_PARAMS", "compilation_mode_params", STR)
compiler_dynamic_quantization = Property(
    "NPU_COMPILER_DYNAMIC_QUANTIZATION", "compiler_dynamic_quantization", BOOL
)
compiler_type = Property("NPU_COMPILER_TYPE", "compiler_type", _COMPILER)
compiler_version = Property("NPU_COMPILER_VERSION", "compiler_version")
defer_weights_load = Property("NPU_DEFER_WEIGHTS_LOAD", "defer_weights_load", BOOL)
device_alloc_mem_size = Property("NPU_DEVICE_ALLOC_MEM_SIZE", "device_alloc_mem_size")
device_total_mem_size = Property("NPU_DEVICE_TOTAL_MEM_SIZE", "device_total_mem_size")
disable_idle_memory_prunning = Property(
    "NPU_DISABLE_IDLE_MEMORY_PRUNING", "disable_idle_memory_prunning", BOOL
)
driver_version = Property("NPU_DRIVER_VERSION", "driver_version")
enable_strides_for = Property("NPU_ENABLE_STRIDES_FOR", "enable_strides_for", STR)
max_tiles = Property("NPU_MAX_TILES", "max_tiles")
platform = Property("NPU_PLATFORM", "platform", STR)
qdq_optimization = Property("NPU_QDQ_OPTIMIZATION", "qdq_optimization", BOOL)
qdq_optimization_aggressive = Property(
    "NPU_QDQ_OPTIMIZATION_AGGRESSIVE", "qdq_optimization_aggressive", BOOL
)
run_inferences_sequentially = Property(
    "NPU_RUN_INFERENCES_SEQUENTIALLY", "run_inferences_sequentially", BOOL
)
tiles = Property("NPU_TILES", "tiles", INT64)
turbo = Property("NPU_TURBO", "turbo", BOOL)


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
