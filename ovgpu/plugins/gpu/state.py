"""Variables of a job in device memory."""

from __future__ import annotations

import math
from collections.abc import Callable
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
    """One variable: two buffers that change roles with each inference that succeeds.

    ReadValue reads one buffer, Assign writes the other, and the host turns them round when the inference has ended. So
    a failed inference leaves the old value whatever it had already written, and no value is copied to commit it. Plans
    hold the addresses of one of the two roles: :attr:`key` is part of what they are looked up by.

    Args:
        before_move: called before buffers are replaced: waits for work that uses them and drops plans that point there.
    """

    def __init__(
        self,
        context: DeviceContext,
        info: VariableInfo,
        storage: Type,
        before_move: Callable[[], None],
    ) -> None:
        self.name = info.variable_id
        self.type = info.data_type
        self.partial_shape = info.data_shape
        self.storage = storage
        #: Sizes of the current value; None before the first Assign: ReadValue yields its initial value.
        self.shape: tuple[int, ...] | None = None
        self._context = context
        self._before_move = before_move
        self._capacity = 0
        self._buffers: list[Any] = []
        self._front = 0

    @property
    def key(self) -> tuple[Any, ...]:
        """What plans depend on: the sizes, and which buffer holds the value."""
        return (self.shape, self._front)

    @property
    def smallest_shape(self) -> tuple[int, ...]:
        """Shape of a variable that was never written and has no initial value."""
        return tuple(d.get_min_length() for d in self.partial_shape.dims)

    @property
    def current(self) -> int:
        """Address of the value."""
        return self._buffers[self._front].ptr

    @property
    def next(self) -> int:
        """Address where Assign writes."""
        return self._buffers[1 - self._front].ptr

    @property
    def device_bytes(self) -> int:
        return 2 * self._capacity

    def reserve(self, nbytes: int, bound: int | None) -> bool:
        """Make both buffers at least so large. Returns whether they moved (plans are void then)."""
        if self._buffers and nbytes <= self._capacity:
            return False
        capacity = (
            align(bound)
            if bound is not None and bound >= nbytes
            else max(next_power_of_two(nbytes), 256)
        )
        buffers = [self._context.allocate(capacity) for _ in range(2)]
        moved = bool(self._buffers)
        if moved:
            self._before_move()
            data = self._read_bytes() if self.shape is not None else None
            if data is not None and data.nbytes:
                cupy().cuda.runtime.memcpy(
                    buffers[self._front].ptr, data.ctypes.data, data.nbytes, 1
                )
        self._buffers, self._capacity = buffers, capacity
        return moved

    def _read_bytes(self) -> np.ndarray:
        assert self.shape is not None
        data = np.empty(self.storage.storage_bytes(math.prod(self.shape)), np.uint8)
        if data.nbytes:
            cupy().cuda.runtime.memcpy(data.ctypes.data, self.current, data.nbytes, 2)
        return data

    def commit(self, shape: tuple[int, ...]) -> None:
        """What Assign has written is the value now."""
        self._front = 1 - self._front
        self.shape = shape

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
                f"Can not clone with new dims. The state '{self.name}' has shape {self.partial_shape}, "
                f"got {list(shape)}"
            )
        data = to_storage(value.host_array(), self.storage)
        with self._context.activate():
            self.reserve(data.nbytes, None)
            if data.nbytes:
                cupy().cuda.runtime.memcpy(self.current, data.ctypes.data, data.nbytes, 1)
        self.shape = shape

    def reset(self) -> None:
        self.shape = None
