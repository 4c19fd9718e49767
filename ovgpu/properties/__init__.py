"""Properties: what can be asked of, and set on, devices and compiled models.

Every property is a `str`, the key, and can be called with a value to give a (key, value) pair:

    core.set_property("CPU", {hint.performance_mode: hint.PerformanceMode.LATENCY})
    compiled = core.compile_model(model, "CPU", dict([properties.num_streams(streams.Num(2))]))
"""

from __future__ import annotations

from typing import Any

from ovgpu.enumeration import Enumeration
from ovgpu.properties import device as device
from ovgpu.properties import hint as hint
from ovgpu.properties import intel_auto as intel_auto
from ovgpu.properties import intel_cpu as intel_cpu
from ovgpu.properties import intel_gpu as intel_gpu
from ovgpu.properties import log as log
from ovgpu.properties import streams as streams
from ovgpu.properties._property import Property, missing_attribute
from ovgpu.properties._values import (
    BOOL,
    CALLBACKS,
    ELEMENT_TYPE,
    INT32,
    STR,
    UINT32,
    UINT64,
    instance_of,
)
from ovgpu.properties.streams import NUM as _NUM


class CacheMode(Enumeration):
    """What cached models are optimized for."""

    OPTIMIZE_SIZE = 0
    OPTIMIZE_SPEED = 1


class CompatibilityCheck(Enumeration):
    """Whether a compiled blob runs on a device."""

    NOT_APPLICABLE = 0
    SUPPORTED = 1
    UNSUPPORTED = 2


class WorkloadType(Enumeration):
    """Whether inference may take the whole device, or leaves it to others when they need it."""

    DEFAULT = 0
    EFFICIENT = 1


_CACHE_MODE = instance_of(CacheMode, "properties.CacheMode")
_WORKLOAD = instance_of(WorkloadType, "properties.WorkloadType")

auto_batch_timeout = Property("AUTO_BATCH_TIMEOUT", "auto_batch_timeout", UINT32)
available_devices = Property("AVAILABLE_DEVICES", "available_devices")
cache_dir = Property("CACHE_DIR", "cache_dir", STR)
cache_encryption_callbacks = Property(
    "CACHE_ENCRYPTION_CALLBACKS", "cache_encryption_callbacks", CALLBACKS
)
cache_mode = Property("CACHE_MODE", "cache_mode", _CACHE_MODE)
compatibility_check = Property("COMPATIBILITY_CHECK", "compatibility_check")
compilation_num_threads = Property("COMPILATION_NUM_THREADS", "compilation_num_threads", INT32)
enable_mmap = Property("ENABLE_MMAP", "enable_mmap", BOOL)
enable_profiling = Property("PERF_COUNT", "enable_profiling", BOOL)
enable_weightless = Property("ENABLE_WEIGHTLESS", "enable_weightless", BOOL)
execution_devices = Property("EXECUTION_DEVICES", "execution_devices")
force_tbb_terminate = Property("FORCE_TBB_TERMINATE", "force_tbb_terminate", BOOL)
inference_num_threads = Property("INFERENCE_NUM_THREADS", "inference_num_threads", INT32)
key_cache_group_size = Property("KEY_CACHE_GROUP_SIZE", "key_cache_group_size", UINT64)
key_cache_precision = Property("KEY_CACHE_PRECISION", "key_cache_precision", ELEMENT_TYPE)
loaded_from_cache = Property("LOADED_FROM_CACHE", "loaded_from_cache")
max_batch_size = Property("MAX_BATCH_SIZE", "max_batch_size")
model_name = Property("NETWORK_NAME", "model_name")
num_streams = Property("NUM_STREAMS", "num_streams", _NUM)
optimal_batch_size = Property("OPTIMAL_BATCH_SIZE", "optimal_batch_size")
optimal_number_of_infer_requests = Property(
    "OPTIMAL_NUMBER_OF_INFER_REQUESTS", "optimal_number_of_infer_requests"
)
range_for_async_infer_requests = Property(
    "RANGE_FOR_ASYNC_INFER_REQUESTS", "range_for_async_infer_requests"
)
range_for_streams = Property("RANGE_FOR_STREAMS", "range_for_streams")
runtime_requirements = Property("RUNTIME_REQUIREMENTS", "runtime_requirements")
supported_properties = Property("SUPPORTED_PROPERTIES", "supported_properties")
value_cache_group_size = Property("VALUE_CACHE_GROUP_SIZE", "value_cache_group_size", UINT64)
value_cache_precision = Property("VALUE_CACHE_PRECISION", "value_cache_precision", ELEMENT_TYPE)
weights_path = Property("WEIGHTS_PATH", "weights_path", STR)
workload_type = Property("WORKLOAD_TYPE", "workload_type", _WORKLOAD)


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
