"""Properties of the CPU device, under the names that existing scripts use."""

from __future__ import annotations

from typing import Any

from ovgpu.enumeration import Enumeration
from ovgpu.properties._property import Property, missing_attribute
from ovgpu.properties._values import BOOL, FLOAT32, instance_of


class TbbPartitioner(Enumeration):
    """How loops are divided among threads."""

    STATIC = 1
    AUTO = 2


_PARTITIONER = instance_of(TbbPartitioner, "properties.intel_cpu.TbbPartitioner")

denormals_optimization = Property("CPU_DENORMALS_OPTIMIZATION", "denormals_optimization", BOOL)
sparse_weights_decompression_rate = Property(
    "CPU_SPARSE_WEIGHTS_DECOMPRESSION_RATE", "sparse_weights_decompression_rate", FLOAT32
)
tbb_partitioner = Property("TBB_PARTITIONER", "tbb_partitioner", _PARTITIONER)


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
