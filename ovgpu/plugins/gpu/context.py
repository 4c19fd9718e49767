"""What all compiled models on one device share: its information, compiled modules, and memory helpers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.device import DeviceInfo, cupy, device_info
from ovgpu.plugins.gpu.encoder import Encoder
from ovgpu.plugins.gpu.modules import ModuleCache


class OutOfDeviceMemory(RuntimeError):
    """The device has not enough memory; the text says how much was asked for and how much is free."""


class DeviceFailure(RuntimeError):
    """CUDA reported an error; the text names the device and what it was asked to do."""


class DeviceContext:
    """One per device and process."""

    _contexts: dict[int, DeviceContext] = {}  # noqa: RUF012 - a registry, filled by `of`
    _lock = threading.Lock()

    def __init__(self, index: int) -> None:
        self.index = index
        self.info: DeviceInfo = device_info(index)
        self.modules = ModuleCache(index)

    @classmethod
    def of(cls, index: int) -> DeviceContext:
        """The context of a device. Raises DeviceUnavailable when there is no such device."""
        with cls._lock:
            if index not in cls._contexts:
                cls._contexts[index] = cls(index)
            return cls._contexts[index]

    def activate(self) -> Any:
        """A context manager that makes this the current device of the thread."""
        return cupy().cuda.Device(self.index)

    @contextmanager
    def doing(self, action: str) -> Iterator[None]:
        """Errors of CUDA in the block become a RuntimeError (DeviceFailure) that names the device and the action.

        Not for work of every inference: entering costs more than the calls inside.
        """
        driver, runtime = cupy().cuda.driver, cupy().cuda.runtime
        try:
            yield
        except (driver.CUDADriverError, runtime.CUDARuntimeError) as error:
            raise DeviceFailure(f"GPU.{self.index}: {action} failed: {error}") from error

    def encoder(self, tickets: int) -> Encoder:
        """A new, empty encoder for this device; ``tickets`` is the address of what :meth:`tickets` made."""
        return Encoder(
            self.modules, self.info.architecture, self.info.multiprocessors, int(tickets)
        )

    def tickets(self, stream: Any) -> Any:
        """Zeros for :attr:`Encoder.tickets`, which then belong to ``stream``."""
        nbytes = 4 * self.info.multiprocessors
        memory = self.allocate(nbytes)
        # CuPy's pool may hand out memory that work on the current stream still writes to.
        stream.wait_event(cupy().cuda.get_current_stream().record())
        cupy().cuda.runtime.memsetAsync(memory.ptr, 0, nbytes, stream.ptr)
        return memory

    def allocate(self, nbytes: int) -> Any:
        """Device memory of at least ``nbytes`` (an object with ``.ptr``), aligned to 256 bytes.

        Raises OutOfDeviceMemory, or DeviceFailure for other errors of CUDA.
        """
        module = cupy()
        with self.activate(), self.doing(f"allocating {nbytes:,} bytes"):
            try:
                return module.cuda.alloc(max(nbytes, 256))
            except module.cuda.memory.OutOfMemoryError as error:
                free, total = module.cuda.runtime.memGetInfo()
                raise OutOfDeviceMemory(
                    f"GPU.{self.index} has not enough memory: {nbytes:,} bytes were asked for, "
                    f"{free:,} of {total:,} are free"
                ) from error

    def free_bytes(self) -> int:
        """Bytes that can be allocated: free on the device, or held unused by CuPy's pool."""
        with self.activate():
            free, _ = cupy().cuda.runtime.memGetInfo()
            return int(free) + int(cupy().get_default_memory_pool().free_bytes())

    def release_unused(self) -> None:
        """Give the memory that CuPy's pools hold unused back to the driver."""
        with self.activate():
            cupy().get_default_memory_pool().free_all_blocks()
            cupy().get_default_pinned_memory_pool().free_all_blocks()


def storage_type(element_type: Type, precision: Type) -> Type:
    """The type in which a tensor lies in device memory when inferences run in ``precision``."""
    if element_type in (Type.f16, Type.bf16, Type.f32):
        return precision
    return element_type


def to_storage(array: np.ndarray, storage: Type) -> np.ndarray:
    """Host array (one value per element) as the bytes of device memory: a contiguous 1-D uint8 array."""
    from ovgpu.graph.packing import pack_codes

    if storage.bitwidth < 8:
        return pack_codes(np.ascontiguousarray(array).view(np.uint8).reshape(-1), storage.bitwidth)
    with np.errstate(
        over="ignore"
    ):  # the lowest f32, which masks are made of, is minus infinity in f16
        converted = np.ascontiguousarray(array, dtype=storage.host_dtype)
    return converted.reshape(-1).view(np.uint8)


def from_storage(data: np.ndarray, storage: Type, shape: tuple[int, ...]) -> np.ndarray:
    """The reverse of :func:`to_storage`; shares the memory of ``data`` for types of whole bytes."""
    from ovgpu.graph.packing import sign_extend, unpack_codes

    if storage.bitwidth < 8:
        codes = unpack_codes(data, storage.bitwidth, int(np.prod(shape, dtype=np.int64)))
        if storage is Type.i4:
            return sign_extend(codes, 4).reshape(shape)
        return codes.view(storage.host_dtype).reshape(shape)
    return data.view(storage.host_dtype).reshape(shape)
