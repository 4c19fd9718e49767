"""Hints: what matters to the user, from which devices derive their own settings."""

from __future__ import annotations

from typing import Any

from ovgpu.enumeration import Enumeration
from ovgpu.properties._property import Property, missing_attribute
from ovgpu.properties._values import (
    BOOL,
    ELEMENT_TYPE,
    FLOAT32,
    UINT32,
    UINT64,
    instance_of,
    public_class,
    set_of,
)


class Priority(Enumeration):
    """How urgent a model is compared with others on the same device."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2
    DEFAULT = 1


class SchedulingCoreType(Enumeration):
    """The CPU cores that inference may run on."""

    ANY_CORE = 0
    PCORE_ONLY = 1
    ECORE_ONLY = 2


class ModelDistributionPolicy(Enumeration):
    """How one model is spread over several devices."""

    TENSOR_PARALLEL = 0
    PIPELINE_PARALLEL = 1


class ExecutionMode(Enumeration):
    """Whether precision may be reduced for speed, or is kept."""

    PERFORMANCE = 1
    ACCURACY = 2


class PerformanceMode(Enumeration):
    """What to optimize: one inference's time, or the number of inferences per second."""

    LATENCY = 1
    THROUGHPUT = 2
    CUMULATIVE_THROUGHPUT = 3


_MODE = instance_of(PerformanceMode, "properties.hint.PerformanceMode")
_EXECUTION = instance_of(ExecutionMode, "properties.hint.ExecutionMode")
_PRIORITY = instance_of(Priority, "properties.hint.Priority")
_CORES = instance_of(SchedulingCoreType, "properties.hint.SchedulingCoreType")
_POLICIES = set_of(ModelDistributionPolicy, "properties.hint.ModelDistributionPolicy")

activations_scale_factor = Property("ACTIVATIONS_SCALE_FACTOR", "activations_scale_factor", FLOAT32)
allow_auto_batching = Property("ALLOW_AUTO_BATCHING", "allow_auto_batching", BOOL)
compiled_blob = Property("COMPILED_BLOB", "compiled_blob", public_class("Tensor"))
dynamic_quantization_group_size = Property(
    "DYNAMIC_QUANTIZATION_GROUP_SIZE", "dynamic_quantization_group_size", UINT64
)
enable_cpu_pinning = Property("ENABLE_CPU_PINNING", "enable_cpu_pinning", BOOL)
enable_cpu_reservation = Property("ENABLE_CPU_RESERVATION", "enable_cpu_reservation", BOOL)
enable_hyper_threading = Property("ENABLE_HYPER_THREADING", "enable_hyper_threading", BOOL)
execution_mode = Property("EXECUTION_MODE_HINT", "execution_mode", _EXECUTION)
inference_precision = Property("INFERENCE_PRECISION_HINT", "inference_precision", ELEMENT_TYPE)
kv_cache_precision = Property("KV_CACHE_PRECISION", "kv_cache_precision", ELEMENT_TYPE)
model = Property("MODEL_PTR", "model", public_class("Model"))
model_distribution_policy = Property(
    "MODEL_DISTRIBUTION_POLICY", "model_distribution_policy", _POLICIES
)
model_priority = Property("MODEL_PRIORITY", "model_priority", _PRIORITY)
num_requests = Property("PERFORMANCE_HINT_NUM_REQUESTS", "num_requests", UINT32)
performance_mode = Property("PERFORMANCE_HINT", "performance_mode", _MODE)
scheduling_core_type = Property("SCHEDULING_CORE_TYPE", "scheduling_core_type", _CORES)


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
