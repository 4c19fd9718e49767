"""Properties of the AUTO and MULTI devices, under the names that existing scripts use."""

from __future__ import annotations

from typing import Any

from ovgpu.enumeration import Enumeration
from ovgpu.properties._property import Property, missing_attribute
from ovgpu.properties._values import BOOL, FLOAT, INT64, STR, UINT32, instance_of, mapping_of


class SchedulePolicy(Enumeration):
    """How requests are distributed over the devices."""

    ROUND_ROBIN = 0
    DEVICE_PRIORITY = 1
    DEFAULT = 1


_POLICY = instance_of(SchedulePolicy, "properties.intel_auto.SchedulePolicy")

device_bind_buffer = Property("DEVICE_BIND_BUFFER", "device_bind_buffer", BOOL)
devices_utilization_threshold = Property(
    "DEVICES_UTILIZATION_THRESHOLD", "devices_utilization_threshold", mapping_of(STR, UINT32)
)
enable_runtime_fallback = Property("ENABLE_RUNTIME_FALLBACK", "enable_runtime_fallback", BOOL)
enable_startup_fallback = Property("ENABLE_STARTUP_FALLBACK", "enable_startup_fallback", BOOL)
low_power_device = Property("LOW_POWER_DEVICE", "low_power_device", STR)
perf_curve_table = Property(
    "PERF_CURVE_TABLE", "perf_curve_table", STR, mapping_of(STR, mapping_of(INT64, FLOAT))
)
schedule_policy = Property("SCHEDULE_POLICY", "schedule_policy", _POLICY)


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
