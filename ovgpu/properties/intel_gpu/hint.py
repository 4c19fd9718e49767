"""Hints for the GPU device."""

from __future__ import annotations

from typing import Any

from ovgpu.properties._property import Property, missing_attribute
from ovgpu.properties._values import BOOL, INT64, instance_of
from ovgpu.properties.hint import Priority


class ThrottleLevel:
    """How far the GPU may be slowed down to save energy, as priorities."""

    LOW = Priority.LOW
    MEDIUM = Priority.MEDIUM
    HIGH = Priority.HIGH
    DEFAULT = Priority.DEFAULT

    def __init__(self) -> None:
        raise TypeError("ovgpu.properties.intel_gpu.hint.ThrottleLevel: No constructor defined!")


_PRIORITY = instance_of(Priority, "properties.hint.Priority")

available_device_mem = Property("AVAILABLE_DEVICE_MEM_SIZE", "available_device_mem", INT64)
enable_large_allocations = Property(
    "GPU_ENABLE_LARGE_ALLOCATIONS", "enable_large_allocations", BOOL
)
enable_lora_operation = Property("GPU_ENABLE_LORA_OPERATION", "enable_lora_operation", BOOL)
host_task_priority = Property("GPU_HOST_TASK_PRIORITY", "host_task_priority", _PRIORITY)
queue_priority = Property("GPU_QUEUE_PRIORITY", "queue_priority", _PRIORITY)
queue_throttle = Property("GPU_QUEUE_THROTTLE", "queue_throttle", _PRIORITY)


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
