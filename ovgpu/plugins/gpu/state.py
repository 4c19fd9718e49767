"""Variables of a job in device memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from ovgpu.execution.memory import align, next_power_of_two
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.tensor import Tensor
from ovgpu.graph.variable import VariableInfo
from ovgpu.plugins.gpu.context import DeviceContext, from_storage, to_storage
from ovgpu.plugins.gpu.device import cupy
from ovgpu.plugins.plugin import State


class DeviceState(State):
    """One variable: its current value, and the one that an inference is about to leave behind.

    Two buffers at fixed addresses: Assign writes ``staged``, and the last records of an inference copy it to ``current``, so
    that a failed inference leaves the old value and CUDA graphs stay valid.
    """

    def __init__(self, context: DeviceContext, info: VariableInfo, storage: Type) -> None:
        self.name = info.variable_id
        self.type = info.data_type
        self.partial_shape = info.data_shape
        self.storage = storage
        self.shape: tuple[int, ...] | None = None
        self.staged_shape: tuple[int, ...] | None = None
        self._context = context
        self._capacity = 0
        self._current: Any = None
        self._staged: Any = None

    @property
    def smallest_shape(self) -> tuple[int, ...]:
        """Shape of a variable that was never written and has no initial value."""
        return tuple(d.get_min_length() for d in self.partial_shape.dims)

    @property
    def current(self) -> int:
        return self._current.ptr

    @property
    def staged(self) -> int:
        return self._staged.ptr

    @property
    def staged_bytes(self) -> int:
        assert self.staged_shape is not None
        return self.storage.storage_bytes(int(np.prod(self.staged_shape, dtype=np.int64)))

    def stage(self, shape: tuple[int, ...], nbytes: int, bound: int | None) -> bool:
        """Announce the next value while planning. Returns whether buffers moved (plans are void then)."""
        self.staged_shape = shape
        return self._grow(nbytes, bound)

    def _grow(self, nbytes: int, bound: int | None) -> bool:
        if self._current is not None and nbytes <= self._capacity:
            return False
        moved = self._current is not None
        kept = self._read_bytes() if moved and self.shape is not None else None
        self._capacity = (
            align(bound)
            if bound is not None and bound >= nbytes
            else max(next_power_of_two(nbytes), 256)
        )
        self._current = self._context.allocate(self._capacity)
        self._staged = self._context.allocate(self._capacity)
        if kept is not None and kept.nbytes:
            cupy().cuda.runtime.memcpy(self._current.ptr, kept.ctypes.data, kept.nbytes, 1)
        return moved

    def _read_bytes(self) -> np.ndarray:
        assert self.shape is not None
        data = np.empty(
            self.storage.storage_bytes(int(np.prod(self.shape, dtype=np.int64))), np.uint8
        )
        if data.nbytes:
            cupy().cuda.runtime.memcpy(data.ctypes.data, self._current.ptr, data.nbytes, 2)
        return data

    def commit(self) -> None:
        if self.staged_shape is not None:
            self.shape, self.staged_shape = self.staged_shape, None

    def discard(self) -> None:
        self.staged_shape = None

    def get(self) -> Tensor:
        if self.shape is None:
            return Tensor.from_host(np.zeros(self.smallest_shape, self.type.host_dtype), self.type)
        with self._context.activate():
            array = from_storage(self._read_bytes(), self.storage, self.shape)
        return Tensor.from_host(array.astype(self.type.host_dtype), self.type)

    def set(self, value: Tensor) -> None:
        if value.element_type is not self.type:
            raise RuntimeError(
                f"The state '{self.name}' holds {self.type.to_string()}, got {value.element_type.to_string()}"
            )
        shape = tuple(value.shape)
        if not self.partial_shape.compatible(PartialShape(list(shape))):
            raise RuntimeError(
                f"Can not clone with new dims. The state '{self.name}' has shape {self.partial_shape}, got {list(shape)}"
            )
        data = to_storage(value.host_array(), self.storage)
        with self._context.activate():
            self._grow(data.nbytes, None)
            if data.nbytes:
                cupy().cuda.runtime.memcpy(self._current.ptr, data.ctypes.data, data.nbytes, 1)
        self.shape = shape

    def reset(self) -> None:
        self.shape = None
        self.staged_shape = None
