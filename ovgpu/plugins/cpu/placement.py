"""Where the tensors of a segment lie: in memory of their own, in that of a dying input, or as views of others.

All of it is decided on *phantom* arrays, which have the right strides but no memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ovgpu.execution.memory import next_power_of_two
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


def is_dense(array: np.ndarray) -> bool:
    """Whether elements lie side by side, in any order of the axes."""
    steps = [(s, n) for s, n in zip(array.strides, array.shape) if n > 1]
    reach = sum(s * (n - 1) for s, n in steps) + array.itemsize
    return reach <= array.nbytes and all(s > 0 for s, _ in steps)


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
            self.alias(
                instruction.outputs[0], self.seen(instruction.inputs[0]), instruction.inputs[0]
            )
            return
        if instruction.kernel is not None:
            if instruction.kernel.view is not None and self.try_view(instruction):
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

    def seen(self, number: int) -> np.ndarray:
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
        self.renew(number, strides)
        self.first_step[number] = step
        self._extend(number, number)

    def renew(self, number: int, strides: tuple[int, ...] | None) -> None:
        """Let a tensor that has memory of its own lie there with its sizes and these strides (None: dense)."""
        shape = self.shape(number)
        if strides is None:
            strides = dense_strides(
                shape, self.program.tensors[number].dtype.itemsize, range(len(shape))
            )
        self.places[number] = Place(number, 0, shape, strides)
        self.phantoms[number] = self._phantom(number, shape, strides)

    def _extend(self, root: int, number: int) -> None:
        self.root_last[root] = max(self.root_last.get(root, -1), self.program.last_use[number])

    def alias(self, number: int, array: np.ndarray, source: int) -> None:
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

    def try_view(self, instruction: Instruction) -> bool:
        """Make the outputs views of the first input; returns whether they are."""
        kernel = instruction.kernel
        assert kernel is not None
        assert kernel.view is not None
        arrays: list[np.ndarray] = [self.seen(instruction.inputs[0])]
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
            self.alias(number, array, instruction.inputs[0])
        return True

    def _place_output(self, index: int, instruction: Instruction, number: int) -> None:
        source = self.source_of_layout(instruction, number)
        dtype = self.program.tensors[number].dtype
        if source is not None and instruction.kernel.in_place:
            seen = self.seen(source)
            same = seen.shape == self.shape(number) and seen.dtype == dtype
            if (
                same
                and self.program.tensors[source].constant is None
                and self._dies_here(index, source, seen)
            ):
                self.alias(number, seen, source)
                return
        self.new_root(number, index, self.own_strides(instruction, number, source))

    def source_of_layout(self, instruction: Instruction, number: int) -> int | None:
        """The input whose order of axes in memory an output takes over; None when its own is decided otherwise."""
        kernel = instruction.kernel
        if (
            kernel is None
            or kernel.layout != "same"
            or self.program.tensors[number].dtype.kind == "O"
        ):
            return None
        shape = self.shape(number)
        for source in instruction.inputs:
            if self.seen(source).shape == shape and self.program.tensors[source].constant is None:
                return source
        # Another shape, as by resizing: keep the order of the axes of the data.
        first = instruction.inputs[0]
        return first if self.seen(first).ndim == len(shape) else None

    def own_strides(
        self, instruction: Instruction, number: int, source: int | None
    ) -> tuple[int, ...] | None:
        """Strides of an output in memory of its own; None for the usual ones."""
        kernel, shape = instruction.kernel, self.shape(number)
        dtype = self.program.tensors[number].dtype
        if kernel is None or dtype.kind == "O":
            return None
        if kernel.layout == "channels_last" and len(shape) >= 3:
            return dense_strides(shape, dtype.itemsize, [0, *range(2, len(shape)), 1])
        if source is not None:
            return dense_strides(shape, dtype.itemsize, memory_order(self.seen(source)))
        return None

    def _dies_here(self, index: int, number: int, array: np.ndarray) -> bool:
        """Whether the memory of ``number`` is dense, made in this segment and needed by nobody after ``index``."""
        place = self.places.get(number)
        return place is not None and self.root_last[place.root] <= index and is_dense(array)

    def _ask_scratch(self, index: int, instruction: Instruction) -> None:
        nbytes = self.scratch_bytes(instruction)
        if nbytes is not None:
            self.scratch[index] = nbytes

    def scratch_bytes(self, instruction: Instruction) -> int | None:
        """Bytes of scratch memory for an instruction; None for a kernel that wants none."""
        kernel = instruction.kernel
        if kernel is None or kernel.scratch is None:
            return None
        inputs = [self._bounded(n) for n in instruction.inputs]
        outputs = [self._bounded(n) for n in instruction.outputs]
        bounded = all(v is not None for v in [*inputs, *outputs])
        most = int(kernel.scratch(instruction.node, inputs, outputs)) if bounded else 0
        now = int(
            kernel.scratch(
                instruction.node,
                [self.values[n] for n in instruction.inputs],
                [self.values[n] for n in instruction.outputs],
            )
        )
        # As for tensors, what grows without a bound does so in steps: the layout of memory stays what it is between.
        return max(most, now) if bounded else next_power_of_two(now)

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
