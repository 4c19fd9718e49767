"""Properties of the GPU device, under the names that existing scripts use."""

from __future__ import annotations

from typing import Any

from ovgpu.properties._property import Property, missing_attribute
from ovgpu.properties._values import BOOL


class CapabilityGPU:
    """What GPUs list under `device.capabilities` besides the common ones."""

    HW_MATMUL = "GPU_HW_MATMUL"
    USM_MEMORY = "GPU_USM_MEMORY"

    def __init__(self) -> None:
        raise TypeError("ovgpu.properties.intel_gpu.CapabilityGPU: No constructor defined!")


class MemoryType:
    """Kinds of device memory that can be shared."""

    buffer = "GPU_BUFFER"
    surface = "GPU_SURFACE"

    def __init__(self) -> None:
        raise TypeError("ovgpu.properties.intel_gpu.MemoryType: No constructor defined!")


device_max_alloc_mem_size = Property("GPU_DEVICE_MAX_ALLOC_MEM_SIZE", "device_max_alloc_mem_size")
device_total_mem_size = Property("GPU_DEVICE_TOTAL_MEM_SIZE", "device_total_mem_size")
disable_winograd_convolution = Property(
    "GPU_DISABLE_WINOGRAD_CONVOLUTION", "disable_winograd_convolution", BOOL
)
enable_loop_unrolling = Property("GPU_ENABLE_LOOP_UNROLLING", "enable_loop_unrolling", BOOL)
execution_units_count = Property("GPU_EXECUTION_UNITS_COUNT", "execution_units_count")
memory_statistics = Property("GPU_MEMORY_STATISTICS", "memory_statistics")
uarch_version = Property("GPU_UARCH_VERSION", "uarch_version")


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
