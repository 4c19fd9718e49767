"""Finding NVIDIA devices, and the one place where cupy is imported."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

#: Oldest compute capability that the kernels are written for.
OLDEST_CAPABILITY = (7, 5)

#: CUDA graphs that each job keeps, unless OVGPU_CUDA_GRAPH_LIMIT says otherwise.
DEFAULT_GRAPH_LIMIT = 32

INSTALL_HINT = "pip install 'ovgpu[cuda12]' (or 'ovgpu[cuda13]' for CUDA 13)"


class DeviceUnavailable(RuntimeError):
    """No NVIDIA device can be used; the text says why and what to do."""


@lru_cache(maxsize=1)
def cupy() -> Any:
    """The module cupy. Raises DeviceUnavailable when it is not installed or broken."""
    # CuPy's own reductions instead of CUB's precompiled ones: compiled from source, they capture and simulate alike.
    os.environ.setdefault("CUPY_ACCELERATORS", "")
    try:
        import cupy
    except ImportError as error:
        raise DeviceUnavailable(
            f"CuPy is not installed or cannot be loaded ({error}): {INSTALL_HINT}"
        ) from error
    return cupy


@dataclass(frozen=True)
class DeviceInfo:
    """What is known about one device without using it."""

    index: int
    name: str
    capability: tuple[int, int]
    memory_bytes: int
    multiprocessors: int

    @property
    def architecture(self) -> int:
        """Compute capability as one number: 8.6 is 86."""
        return self.capability[0] * 10 + self.capability[1]


def device_count() -> int:
    """Number of devices. Raises DeviceUnavailable when CUDA cannot be used."""
    runtime = cupy().cuda.runtime
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        raise DeviceUnavailable(
            f"CUDA reports: {error}. Is an NVIDIA driver installed and a GPU visible (nvidia-smi)?"
        ) from error
    if count == 0:
        raise DeviceUnavailable("CUDA finds no device; see nvidia-smi and CUDA_VISIBLE_DEVICES")
    return count


@lru_cache(maxsize=16)
def device_info(index: int) -> DeviceInfo:
    """Properties of a device. Raises DeviceUnavailable for an index that does not exist."""
    count = device_count()
    if not 0 <= index < count:
        raise DeviceUnavailable(
            f"There is no GPU.{index}: CUDA sees {count} device(s), GPU.0 to GPU.{count - 1}"
        )
    found = cupy().cuda.runtime.getDeviceProperties(index)
    name = found["name"]
    return DeviceInfo(
        index,
        name.decode() if isinstance(name, bytes) else str(name),
        (int(found["major"]), int(found["minor"])),
        int(found["totalGlobalMem"]),
        int(found["multiProcessorCount"]),
    )


def usable_devices() -> tuple[list[int], str | None]:
    """Indices of usable devices, and when there is none the reason for a person."""
    try:
        infos = [device_info(i) for i in range(device_count())]
    except DeviceUnavailable as error:
        return [], str(error)
    usable = [info.index for info in infos if info.capability >= OLDEST_CAPABILITY]
    if usable:
        return usable, None
    old = ", ".join(f"{i.name} ({i.capability[0]}.{i.capability[1]})" for i in infos)
    return [], f"the kernels need compute capability 7.5 or newer, found {old}"
