"""Where the tensors of a segment lie: in memory of their own, in that of a dying input, or as views of others.

All of it is decided on *phantom* arrays, which have the right strides but no memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ovgpu.execution.program import Instruction, Program
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.plugins.cpu.evaluate import _view_keywords
from ovgpu.plugins.cpu.registry import keyword_arguments

#: Phantom arrays pretend to start here. They are never read or written.
_PHANTOM = np.empty(1, np.uint8)


@dataclass(slots=True)
class Place:
    """Where the data of a tensor lies: in a root tensor's memory, at a byte offset, with these strides."""

    root: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def dense_strides(shape: Sequence[int], itemsize: int, order: Sequence[int]) -> tuple[int, ...]:
    """Byte strides of a dense array whose axes lie in memory from slowest to fastest in ``order``."""
    strides = [0] * len(shape)
    step = itemsize
    for axis in reversed(order):
        strides[axis] = step
        step *= max(shape[axis], 1)
    return tuple(strides)


def memory_order(array: np.ndarray) -> list[int]:
    """Axes of ``array`` from the largest stride to the smallest."""
    return sorted(
        range(array.ndim),
        key=lambda axis: -abs(array.strides[axis]) if array.shape[axis] > 1 else 0,
    )


class Placement:
    """The places of one segment's tensors, decided while its instructions are visited in order.

    Attributes:
        values: every tensor's type and shape.
        arrays: arrays that are real already: of earlier segments, of strings, and views of these and of constants.
        places: of the tensors made in the segment.
        phantoms: their arrays, without memory.
        first_step, root_last: first and last instruction that needs the memory of each root tensor.
        scratch: bytes of scratch memory, for instructions that want some.
        views: instructions whose outputs are views and need no step.
    """

    def __init__(
        self, program: Program, values: dict[int, Value], arrays: dict[int, np.ndarray]
    ) -> None:
        self.program = program
        self.values = values
        self.arrays = arrays
        self.places: dict[int, Place] = {}
        self.phantoms: dict[int, np.ndarray] = {}
        self.first_step: dict[int, int] = {}
        self.root_last: dict[int, int] = {}
        self.scratch: dict[int, int] = {}
        self.views: set[int] = set()

    def visit(self, index: int, instruction: Instruction) -> None:
        """Give every output of the next instruction a place."""
        if instruction.node.get_type_name() == "Assign":
            self._alias(
                instruction.outputs[0], self._seen(instruction.inputs[0]), instruction.inputs[0]
            )
            return
        if instruction.kernel is not None:
            if instruction.kernel.view is not None and self._try_view(instruction):
                self.views.add(index)
                return
            self._ask_scratch(index, instruction)
        for number in instruction.outputs:
            self._place_output(index, instruction, number)

    def shape(self, number: int) -> tuple[int, ...]:
        """The sizes of a tensor."""
        shape = self.values[number].shape.static_tuple()
        assert shape is not None
        return shape

    def _seen(self, number: int) -> np.ndarray:
        """The array of a tensor as far as it is known while planning: real, or a phantom."""
        constant = self.program.tensors[number].constant
        if constant is not None:
            return constant
        real = self.arrays.get(number)
        return real if real is not None else self.phantoms[number]

    def _phantom(self, number: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> np.ndarray:
        dtype = self.program.tensors[number].dtype
        holder = _PhantomInterface(shape, strides, dtype)
        return np.asarray(holder)

    def new_root(self, number: int, step: int, strides: tuple[int, ...] | None = None) -> None:
        """Give a tensor that is made at ``step`` memory of its own, dense unless ``strides`` say otherwise."""
        shape = self.shape(number)
        dtype = self.program.tensors[number].dtype
        if dtype.kind == "O":
            self.arrays[number] = np.empty(shape, object)
            return
        if strides is None:
            strides = dense_strides(shape, dtype.itemsize, range(len(shape)))
        self.places[number] = Place(number, 0, shape, strides)
        self.phantoms[number] = self._phantom(number, shape, strides)
        self.first_step[number] = step
        self._extend(number, number)

    def _extend(self, root: int, number: int) -> None:
        self.root_last[root] = max(self.root_last.get(root, -1), self.program.last_use[number])

    def _alias(self, number: int, array: np.ndarray, source: int) -> None:
        """Record that tensor ``number`` is ``array``, a view of ``source``'s memory."""
        place = self.places.get(source)
        if place is None:  # over a constant or an array of an earlier segment: already real
            self.arrays[number] = array
            return
        offset = array.ctypes.data - _PHANTOM.ctypes.data if array.size else 0
        # Phantoms all start at the same address; the source's own offset is part of its place.
        source_start = (
            self.phantoms[source].ctypes.data - _PHANTOM.ctypes.data
            if self.phantoms[source].size
            else 0
        )
        self.places[number] = Place(
            place.root, place.offset + offset - source_start, array.shape, array.strides
        )
        self.phantoms[number] = array
        self._extend(place.root, number)

    def _try_view(self, instruction: Instruction) -> bool:
        kernel = instruction.kernel
        assert kernel is not None
        assert kernel.view is not None
        arrays: list[np.ndarray] = [self._seen(instruction.inputs[0])]
        if arrays[0].dtype != self.program.tensors[instruction.outputs[0]].dtype:
            return False
        for number in instruction.inputs[1:]:
            known = self.values[number].known
            if known is None:
                return False
            arrays.append(known)
        outputs = [self.values[n] for n in instruction.outputs]
        keywords = keyword_arguments(_view_keywords(kernel), instruction.node, outputs)
        result = kernel.view(*arrays, **keywords)
        if result is None:
            return False
        views = result if isinstance(result, (tuple, list)) else (result,)
        for number, array in zip(instruction.outputs, views, strict=True):
            self._alias(number, array, instruction.inputs[0])
        return True

    def _place_output(self, index: int, instruction: Instruction, number: int) -> None:
        kernel = instruction.kernel
        shape = self.shape(number)
        dtype = self.program.tensors[number].dtype
        if kernel is None or dtype.kind == "O":
            self.new_root(number, index)
            return
        if kernel.layout == "channels_last" and len(shape) >= 3:
            order = [0, *range(2, len(shape)), 1]
            self.new_root(number, index, dense_strides(shape, dtype.itemsize, order))
            return
        if kernel.layout == "same":
            for source in instruction.inputs:
                seen = self._seen(source)
                if seen.shape != shape or self.program.tensors[source].constant is not None:
                    continue
                if kernel.in_place and seen.dtype == dtype and self._dies_here(index, source, seen):
                    self._alias(number, seen, source)
                    return
                self.new_root(
                    number, index, dense_strides(shape, dtype.itemsize, memory_order(seen))
                )
                return
            # Another shape, as by resizing: keep the order of the axes of the data.
            seen = self._seen(instruction.inputs[0])
            if seen.ndim == len(shape):
                self.new_root(
                    number, index, dense_strides(shape, dtype.itemsize, memory_order(seen))
                )
                return
        self.new_root(number, index)

    def _dies_here(self, index: int, number: int, array: np.ndarray) -> bool:
        """Whether the memory of ``number`` is dense, made in this segment and needed by nobody after ``index``."""
        place = self.places.get(number)
        if place is None or self.root_last[place.root] > index:
            return False
        return sum(
            s * (n - 1) for s, n in zip(array.strides, array.shape) if n > 1
        ) + array.itemsize <= array.nbytes and (
            all(s > 0 for s, n in zip(array.strides, array.shape) if n > 1)
        )

    def _ask_scratch(self, index: int, instruction: Instruction) -> None:
        kernel = instruction.kernel
        assert kernel is not None
        if kernel.scratch is None:
            return
        inputs = [self._bounded(n) for n in instruction.inputs]
        outputs = [self._bounded(n) for n in instruction.outputs]
        nbytes = 0
        if all(v is not None for v in [*inputs, *outputs]):
            nbytes = kernel.scratch(instruction.node, inputs, outputs)
        exact = kernel.scratch(
            instruction.node,
            [self.values[n] for n in instruction.inputs],
            [self.values[n] for n in instruction.outputs],
        )
        self.scratch[index] = max(nbytes, exact)

    def _bounded(self, number: int) -> Value | None:
        """The tensor at its upper bound, or None when it has none."""
        info = self.program.tensors[number]
        if info.constant is not None:
            return info.value
        if info.bound is None:
            return None
        upper = info.value.upper_sizes
        return None if upper is None else Value(info.value.type, PartialShape.of(upper))


class _PhantomInterface:
    """Array interface of memory that is never touched."""

    __slots__ = ("__array_interface__",)

    def __init__(
        self, shape: tuple[int, ...], strides: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        self.__array_interface__ = {
            "shape": shape,
            "strides": strides,
            "typestr": dtype.str if dtype.isbuiltin == 1 else f"|V{dtype.itemsize}",
            "data": (_PHANTOM.ctypes.data, False),
            "version": 3,
        }
