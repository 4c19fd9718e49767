"""Variables of a job in device memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
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

_TO_DEVICE, _TO_HOST, _ON_DEVICE = 1, 2, 3

#: Rows that a cache has room for at least.
_FEWEST_ROWS = 32

#: Bounds of more rows than this are none.
_MOST_ROWS = 1 << 24


@dataclass(slots=True)
class _Buffer:
    memory: Any = None
    nbytes: int = 0

    @property
    def address(self) -> int:
        return self.memory.ptr if self.memory is not None else 0


class DeviceState(State):
    """One variable: two buffers, of which one holds the value.

    ReadValue reads one buffer, Assign writes the other, and the host turns them round when the inference has ended. So
    a failed inference leaves the old value whatever it had already written, and no value is copied to commit it. Plans
    hold the addresses of one of the two roles: :attr:`key` is part of what they are looked up by.

    A *cache* grows along one axis (keys and values of attention). Its buffer has room for more rows than the value has,
    so that new rows are appended where the old ones lie: they touch no old row, and are not part of the value until the
    inference has ended. The second buffer is used only when the batch is reordered.

    Args:
        axis: along which a cache grows; None for other variables.
        before_move: called before buffers are replaced: waits for work that uses them and drops plans that point there.
    """

    def __init__(
        self,
        context: DeviceContext,
        info: VariableInfo,
        storage: Type,
        before_move: Callable[[], None],
        axis: int | None = None,
    ) -> None:
        self.name = info.variable_id
        self.type = info.data_type
        self.partial_shape = info.data_shape
        self.storage = storage
        self.axis = axis
        #: Sizes of the current value; None before the first Assign: ReadValue yields its initial value.
        self.shape: tuple[int, ...] | None = None
        self._context = context
        self._before_move = before_move
        self._buffers = [_Buffer(), _Buffer()]
        self._front = 0

    @property
    def key(self) -> tuple[Any, ...]:
        """What plans depend on: the sizes, and which buffer holds the value."""
        return (self.shape, self._front)

    @property
    def role(self) -> tuple[bool, int]:
        """Whether the initial value is read, and which buffer holds the value."""
        return (self.shape is None, self._front)

    @property
    def smallest_shape(self) -> tuple[int, ...]:
        """Shape of a variable that was never written and has no initial value."""
        return tuple(d.get_min_length() for d in self.partial_shape.dims)

    @property
    def device_bytes(self) -> int:
        return sum(buffer.nbytes for buffer in self._buffers)

    # ---- places -----------------------------------------------------------------------------------------------------
    def address(self, new: bool) -> int:
        """Address of the value, or of the other buffer."""
        return self._buffers[self._front ^ new].address

    def strides(self, shape: tuple[int, ...], new: bool) -> tuple[int, ...] | None:
        """Strides in elements of a value of ``shape`` in one of the buffers; None where it is dense."""
        if self.axis is None:
            return None
        rows = self._rows(shape, self._buffers[self._front ^ new])
        if rows == shape[self.axis] or math.prod(shape[: self.axis]) == 1:
            return None
        sizes = (*shape[: self.axis], rows, *shape[self.axis + 1 :])
        return tuple(math.prod(sizes[i + 1 :]) for i in range(len(sizes)))

    def _pieces(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Number of the blocks of rows, and bytes of a row."""
        assert self.axis is not None
        row = math.prod(shape[self.axis + 1 :])
        return math.prod(shape[: self.axis]), self.storage.storage_bytes(row)

    def _rows(self, shape: tuple[int, ...], buffer: _Buffer) -> int:
        """Rows that each block of rows has room for: all of the buffer is used."""
        blocks, row = self._pieces(shape)
        return buffer.nbytes // (blocks * row) if blocks * row else 0

    def reserve(self, nbytes: int, bound: int | None) -> bool:
        """Make both buffers at least so large. Returns whether they moved (plans are void then)."""
        if all(b.memory is not None and nbytes <= b.nbytes for b in self._buffers):
            return False
        room = bound is not None and bound >= nbytes
        capacity = align(bound) if room and bound else max(next_power_of_two(nbytes), 256)
        made = [self._allocate(capacity) for _ in range(2)]
        moved = self._buffers[self._front].memory is not None
        if moved:
            self._before_move()
            if self.shape is not None:
                data = self._read_bytes()
                _copy(made[self._front].address, data.ctypes.data, data.nbytes, _TO_DEVICE)
        self._buffers = made
        return moved

    def reserve_rows(self, shape: tuple[int, ...], new: bool) -> bool:
        """Make room for a value of ``shape`` of a cache. Returns whether a buffer moved (plans are void then)."""
        place = self._front ^ new
        old = self._buffers[place]
        assert self.axis is not None
        blocks, row = self._pieces(shape)
        if not blocks * row or self._rows(shape, old) >= shape[self.axis]:
            return False
        made = self._allocate(align(blocks * self._room(shape[self.axis]) * row))
        moved = old.memory is not None
        if moved:
            self._before_move()
        if self.shape is not None and not new:
            pitch, length = self._rows(self.shape, old) * row, self.shape[self.axis] * row
            room = self._rows(shape, made) * row
            for block in range(blocks):
                source, target = old.address + block * pitch, made.address + block * room
                _copy(target, source, length, _ON_DEVICE)
        self._buffers[place] = made
        return moved

    def _room(self, rows: int) -> int:
        """Rows to make room for: as many as there can be, or with no bound some more than there are."""
        assert self.axis is not None
        if self.partial_shape.rank.is_static:
            bound = self.partial_shape.dims[self.axis].get_max_length()
            if rows <= bound <= _MOST_ROWS:
                return bound
        return max(next_power_of_two(rows), _FEWEST_ROWS)

    def _allocate(self, nbytes: int) -> _Buffer:
        return _Buffer(self._context.allocate(nbytes), nbytes)

    def commit(self, shape: tuple[int, ...], new: bool) -> None:
        """What the inference has written is the value now: in the other buffer, or more of it where it lies."""
        self._front ^= new
        self.shape = shape

    # ---- from outside -----------------------------------------------------------------------------------------------
    def _parts(self, shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
        """The value's contiguous pieces: address, first byte of the dense value, bytes."""
        start = self.address(new=False)
        whole = self.storage.storage_bytes(math.prod(shape))
        if self.strides(shape, new=False) is None:
            return [(start, 0, whole)]
        assert self.axis is not None
        blocks, row = self._pieces(shape)
        length, pitch = shape[self.axis] * row, self._rows(shape, self._buffers[self._front]) * row
        return [(start + b * pitch, b * length, length) for b in range(blocks)]

    def _read_bytes(self) -> np.ndarray:
        assert self.shape is not None
        data = np.empty(self.storage.storage_bytes(math.prod(self.shape)), np.uint8)
        for address, first, nbytes in self._parts(self.shape):
            _copy(data.ctypes.data + first, address, nbytes, _TO_HOST)
        return data

    def get(self) -> Tensor:
        if self.shape is None:
            return Tensor.from_host(np.zeros(self.smallest_shape, self.type.host_dtype), self.type)
        with self._context.activate(), self._context.doing(f"reading the variable '{self.name}'"):
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
        with self._context.activate(), self._context.doing(f"writing the variable '{self.name}'"):
            old, self.shape = self.shape, None  # what it held need not move along
            try:
                if self.axis is None:
                    self.reserve(data.nbytes, None)
                else:
                    self.reserve_rows(shape, new=False)
                for address, first, nbytes in self._parts(shape):
                    _copy(address, data.ctypes.data + first, nbytes, _TO_DEVICE)
            except BaseException:
                self.shape = old
                raise
        self.shape = shape

    def reset(self) -> None:
        self.shape = None


def _copy(target: int, source: int, nbytes: int, kind: int) -> None:
    """Copy and wait: one within the device, or to it, may go on after the call, and streams do not wait for it."""
    if nbytes:
        runtime = cupy().cuda.runtime
        runtime.memcpy(target, source, nbytes, kind)
        if kind != _TO_HOST:
            runtime.streamSynchronize(0)
