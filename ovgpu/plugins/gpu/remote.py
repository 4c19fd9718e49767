"""Device memory in users' hands: remote contexts and tensors, and arrays of CuPy and other libraries."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ovgpu.graph.any import OVAny
from ovgpu.graph.element_type import Type
from ovgpu.graph.shape import Shape
from ovgpu.graph.tensor import Tensor
from ovgpu.inference.conversion import exports_device_memory
from ovgpu.inference.remote import RemoteContext, RemoteTensor
from ovgpu.plugins.gpu.context import DeviceContext, from_storage, to_storage
from ovgpu.plugins.gpu.device import cupy


class GpuRemoteContext(RemoteContext):
    """The memory of one GPU. Made by ``Core.get_default_context("GPU")``."""

    _context: DeviceContext

    @classmethod
    def of(cls, index: int) -> GpuRemoteContext:
        """The context of a device. Raises DeviceUnavailable when there is no such device."""
        made = cls.__new__(cls)
        made._context = DeviceContext.of(index)
        return made

    def get_device_name(self) -> str:
        return f"GPU.{self._context.index}"

    def get_params(self) -> dict[str, OVAny]:
        return {"CONTEXT_TYPE": OVAny("CUDA"), "DEVICE_ID": OVAny(str(self._context.index))}

    def create_tensor(
        self, type: Type, shape: Shape, properties: Mapping[str, Any]
    ) -> RemoteTensor:
        """Allocate device memory, or share an array's: ``properties={"MEM_HANDLE": array}``.

        ``array`` is a CuPy array or exports ``__dlpack__`` or ``__cuda_array_interface__``, is C-contiguous, and has
        as many bytes as the tensor.

        Raises RuntimeError when the memory cannot be shared, or not be allocated.
        """
        dims = tuple(int(d) for d in shape)
        handle = properties.get("MEM_HANDLE")
        with self._context.activate():
            if handle is None:
                return GpuRemoteTensor.allocated(self._context, type, dims)
            array = _as_cupy(handle, cupy().cuda.get_current_stream())
            return GpuRemoteTensor.sharing(self._context, type, dims, array)

    def create_host_tensor(self, type: Type, shape: Shape) -> Tensor:
        """Pinned host memory, which the device copies without a detour."""
        dims = tuple(int(d) for d in shape)
        if type.bitwidth < 8 or type is Type.string:
            return Tensor.empty(type, dims)
        count = math.prod(dims)
        with self._context.activate():
            memory = cupy().cuda.alloc_pinned_memory(max(type.storage_bytes(count), 1))
        return Tensor.over(np.frombuffer(memory, type.to_dtype(), count).reshape(dims), type)


class GpuRemoteTensor(RemoteTensor):
    """A tensor over a CuPy array. ``array`` has the host dtype of the type; packed types are a 1-d array of bytes."""

    array: Any
    device: int
    _context: DeviceContext

    @classmethod
    def allocated(
        cls, context: DeviceContext, element_type: Type, dims: tuple[int, ...]
    ) -> GpuRemoteTensor:
        """New device memory, not initialised."""
        module = cupy()
        nbytes = element_type.storage_bytes(math.prod(dims))
        array = module.ndarray((nbytes,), np.uint8, context.allocate(nbytes))
        return cls.sharing(context, element_type, dims, array)

    @classmethod
    def sharing(
        cls, context: DeviceContext, element_type: Type, dims: tuple[int, ...], array: Any
    ) -> GpuRemoteTensor:
        """A tensor over a C-contiguous CuPy array. Raises RuntimeError when its size or device does not fit."""
        nbytes = element_type.storage_bytes(math.prod(dims))
        if array.nbytes != nbytes or not array.flags.c_contiguous:
            raise RuntimeError(
                f"A remote tensor of {nbytes} bytes cannot share an array of {array.nbytes} bytes"
                + ("" if array.flags.c_contiguous else ", which is not contiguous")
            )
        made = cls._of(context, element_type, dims, array)
        flat = array.reshape(-1).view(np.uint8)
        made.array = (
            flat if element_type.bitwidth < 8 else flat.view(element_type.host_dtype).reshape(dims)
        )
        return made

    @classmethod
    def _of(
        cls, context: DeviceContext, element_type: Type, dims: tuple[int, ...], array: Any
    ) -> GpuRemoteTensor:
        if array.device.id != context.index:
            raise RuntimeError(
                f"The array lies on GPU.{array.device.id}, not on GPU.{context.index}"
            )
        made = cls.__new__(cls)
        made._type, made._dims = element_type, dims
        made._owning, made._store, made._limits, made._host = False, None, None, None
        made._context, made.device, made.array = context, context.index, array
        return made

    @classmethod
    def strided(cls, context: DeviceContext, element_type: Type, array: Any) -> GpuRemoteTensor:
        """An input over any CuPy array: it may have strides, or a dtype that is converted on the device."""
        return cls._of(context, element_type, tuple(array.shape), array)

    # ---- what RemoteTensor offers -----------------------------------------------------------------------------------
    def get_device_name(self) -> str:
        return f"GPU.{self.device}"

    def get_params(self) -> dict[str, OVAny]:
        return {"MEM_HANDLE": OVAny(int(self.array.data.ptr)), "SHARED_MEM_TYPE": OVAny("CUDA")}

    def set_shape(self, shape: Iterable[int]) -> None:
        dims = tuple(int(d) for d in shape)
        if dims != self._dims:
            raise RuntimeError(
                f"A tensor in device memory keeps its shape {Shape(self._dims)}, got {Shape(dims)}"
            )

    def resized(self, dims: tuple[int, ...]) -> Any:
        """The array to write a result of this shape to. Raises RuntimeError when the shape is another one."""
        self.set_shape(dims)
        return self.array

    def host_array(self) -> Any:
        """A copy on the host, one element per value."""
        with self._context.activate():
            copied = cupy().ascontiguousarray(self.array).get()
        if self._type.bitwidth < 8:
            return from_storage(copied, self._type, self._dims)
        return copied.astype(self._type.host_dtype, copy=False)

    def assign_host(self, array: Any) -> None:
        self.set_shape(array.shape)
        data = to_storage(array, self._type)
        if data.nbytes:
            with self._context.activate():
                cupy().cuda.runtime.memcpy(self.array.data.ptr, data.ctypes.data, data.nbytes, 1)

    def copy_to(self, target_tensor: Tensor) -> None:
        if isinstance(target_tensor, Tensor):
            target_tensor._receive(self)
        else:
            super().copy_to(target_tensor)  # which says what is wrong

    def _receive(self, source: Tensor) -> None:
        if source.element_type is not self._type:
            raise RuntimeError(
                "Tensor element types are not equal. "
                f"(src: {source.element_type.to_string()} != dst: {self._type.to_string()})"
            )
        self.set_shape(source.dims)
        if isinstance(source, GpuRemoteTensor):
            with self._context.activate():
                cupy().copyto(self.array, source.array)
        else:
            self.assign_host(source.host_array())

    def is_continuous(self) -> bool:
        return bool(self.array.flags.c_contiguous)

    @property
    def _view(self) -> Any:  # type: ignore[override]
        """What a host tensor copies from: the elements as they would lie in one."""
        return Tensor.from_host(self.host_array(), self._type)._view

    # ---- for other libraries ----------------------------------------------------------------------------------------
    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.array.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[Any, int]:
        return self.array.__dlpack_device__()

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return self.array.__cuda_array_interface__


def wrap_device_memory(
    value: Any, element_type: Type, context: DeviceContext, stream: Any
) -> GpuRemoteTensor | None:
    """A tensor over what ``value`` exports, or None when that is not memory of a CUDA device.

    Work on ``stream`` is ordered after what the producer says it has enqueued.
    Raises RuntimeError for memory of another device, and for types that have no elements of whole bytes.
    """
    if not exports_device_memory(value):
        return None
    if element_type.bitwidth < 8:
        raise RuntimeError(
            f"Device arrays cannot feed inputs of type {element_type.to_string()}; use RemoteContext.create_tensor"
        )
    with context.activate():
        return GpuRemoteTensor.strided(context, element_type, _as_cupy(value, stream))


def _as_cupy(value: Any, stream: Any) -> Any:
    """A CuPy array over exported memory; ``stream`` waits for the producer, the host does not."""
    module = cupy()
    if isinstance(value, module.ndarray):
        return value
    if isinstance(value, GpuRemoteTensor):
        return value.array
    if hasattr(value, "__dlpack__"):
        # CuPy asks the producer for its current stream: being inside `stream` names the one that will read.
        with stream:
            return module.from_dlpack(value)
    described = dict(value.__cuda_array_interface__)
    producer = described.pop("stream", None)
    if producer is not None and int(producer) != stream.ptr:
        # 1 and 2 stand for the legacy and the per-thread default stream; CUDA takes these numbers as handles.
        event = module.cuda.Event(disable_timing=True)
        module.cuda.runtime.eventRecord(event.ptr, int(producer))
        stream.wait_event(event)
    return module.asarray(_Described(value, described))


class _Described:
    """An exporter without its stream, which was waited for; keeps the owner alive."""

    def __init__(self, owner: Any, described: Mapping[str, Any]) -> None:
        self.owner = owner
        self.__cuda_array_interface__ = dict(described)
