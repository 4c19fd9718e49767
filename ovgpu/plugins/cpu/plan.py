"""Plans: everything that can be decided once the shapes of a run are known.

A plan is a chain of :class:`Segment` objects. A segment is a list of steps (functions without arguments, bound to
arrays that lie in one block of memory) and ends at the end of the program or at a *boundary*: an instruction whose
output shapes depend on data. There the shapes are read from the data once and the next segment is looked up, or
planned.

Planning one segment:

1. infer the shapes of all instructions up to the boundary;
2. decide which tensors are views of others and which take over a dying input's memory, on *phantom* arrays that have
   the right strides but no memory of their own;
3. place the rest in the block, at their upper bounds, so that other shapes inside the bounds keep the same block;
4. make the real arrays and bind the steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ovgpu.execution.memory import Layout, Lifetime, next_power_of_two, plan_memory
from ovgpu.execution.program import Instruction, Program
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.plugins.cpu.evaluate import _view_keywords, widen
from ovgpu.plugins.cpu.registry import Call, Kernel, Step, keyword_arguments

if TYPE_CHECKING:
    from ovgpu.plugins.cpu.executor import Executor

#: Phantom arrays pretend to start here. They are never read or written.
_PHANTOM = np.empty(1, np.uint8)


@dataclass(slots=True)
class Place:
    """Where the data of a tensor lies: in a root tensor's memory, at a byte offset, with these strides."""

    root: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass
class Segment:
    """Steps from instruction ``start`` up to (not including) ``stop``, and what follows."""

    depth: int
    start: int
    stop: int
    values: dict[int, Value]
    arrays: dict[int, np.ndarray]
    steps: list[Step] = field(default_factory=list)
    instruction_of_step: list[int] = field(default_factory=list)
    #: Tensors whose elements decide the shapes at the boundary; None while the boundary was not looked at yet.
    deciding: tuple[int, ...] | None = None
    #: Results of the boundary instruction when it has to be computed to know its shapes.
    pending: list[np.ndarray] = field(default_factory=list)
    runs_boundary: bool = False
    children: dict[Any, Segment] = field(default_factory=dict)


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


class SegmentPlanner:
    """Builds one segment."""

    def __init__(self, executor: Executor, segment: Segment, parent: Segment | None) -> None:
        self.executor = executor
        self.program: Program = executor.program
        self.segment = segment
        self.parent = parent
        self.places: dict[int, Place] = {}
        self.phantoms: dict[int, np.ndarray] = {}
        self.first_step: dict[int, int] = {}
        self.root_last: dict[int, int] = {}
        self.scratch: dict[int, int] = {}
        self.views: set[int] = set()
        self.end = len(self.program.instructions)

    # ---- 1: shapes --------------------------------------------------------------------------------------------------
    def infer(self) -> None:
        """Extend ``segment.values`` up to the first instruction whose output shapes are unknown."""
        segment, tensors = self.segment, self.program.tensors
        values = segment.values
        for index in range(segment.start, self.end):
            instruction = self.program.instructions[index]
            if all(tensors[n].value.is_static for n in instruction.outputs):
                for n in instruction.outputs:
                    values[n] = tensors[n].value
                continue
            try:
                outputs = self.executor.infer_outputs(instruction, values)
            except RuntimeError as error:  # shapes, or elements of inputs, that do not go together
                raise self.executor.layer_error(index, error) from error
            if outputs is None or any(not v.is_static for v in outputs):
                segment.stop = index
                return
            values.update(zip(instruction.outputs, outputs, strict=True))
        segment.stop = self.end

    # ---- 2: structure -----------------------------------------------------------------------------------------------
    def structure(self) -> None:
        """Give every tensor made in this segment a place."""
        segment = self.segment
        if segment.depth == 0:
            for number in self.program.inputs:
                self._new_root(number, segment.start)
        elif self.parent is not None and self.parent.runs_boundary:
            for number in self.program.instructions[self.parent.stop].outputs:
                self._new_root(number, segment.start)
        for index in range(segment.start, segment.stop):
            try:
                self._structure_instruction(index, self.program.instructions[index])
            except (RuntimeError, ValueError, OverflowError, MemoryError) as error:
                # What an operation refuses, and shapes beyond what numpy can address.
                raise self.executor.layer_error(index, error) from error

    def _structure_instruction(self, index: int, instruction: Instruction) -> None:
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

    def _shape(self, number: int) -> tuple[int, ...]:
        shape = self.segment.values[number].shape.static_tuple()
        assert shape is not None
        return shape

    def _seen(self, number: int) -> np.ndarray:
        """The array of a tensor as far as it is known while planning: real, or a phantom."""
        constant = self.program.tensors[number].constant
        if constant is not None:
            return constant
        real = self.segment.arrays.get(number)
        return real if real is not None else self.phantoms[number]

    def _phantom(self, number: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> np.ndarray:
        dtype = self.program.tensors[number].dtype
        holder = _PhantomInterface(shape, strides, dtype)
        return np.asarray(holder)

    def _new_root(self, number: int, step: int, strides: tuple[int, ...] | None = None) -> None:
        shape = self._shape(number)
        dtype = self.program.tensors[number].dtype
        if dtype.kind == "O":
            self.segment.arrays[number] = np.empty(shape, object)
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
            self.segment.arrays[number] = array
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
            known = self.segment.values[number].known
            if known is None:
                return False
            arrays.append(known)
        outputs = [self.segment.values[n] for n in instruction.outputs]
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
        shape = self._shape(number)
        dtype = self.program.tensors[number].dtype
        if kernel is None or dtype.kind == "O":
            self._new_root(number, index)
            return
        if kernel.layout == "channels_last" and len(shape) >= 3:
            order = [0, *range(2, len(shape)), 1]
            self._new_root(number, index, dense_strides(shape, dtype.itemsize, order))
            return
        if kernel.layout == "same":
            for source in instruction.inputs:
                seen = self._seen(source)
                if seen.shape != shape or self.program.tensors[source].constant is not None:
                    continue
                if kernel.in_place and seen.dtype == dtype and self._dies_here(index, source, seen):
                    self._alias(number, seen, source)
                    return
                self._new_root(
                    number, index, dense_strides(shape, dtype.itemsize, memory_order(seen))
                )
                return
            # Another shape, as by resizing: keep the order of the axes of the data.
            seen = self._seen(instruction.inputs[0])
            if seen.ndim == len(shape):
                self._new_root(
                    number, index, dense_strides(shape, dtype.itemsize, memory_order(seen))
                )
                return
        self._new_root(number, index)

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
            [self.segment.values[n] for n in instruction.inputs],
            [self.segment.values[n] for n in instruction.outputs],
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

    # ---- 3: memory --------------------------------------------------------------------------------------------------
    def place(self) -> tuple[np.ndarray, dict[int, int], dict[int, int]]:
        """The block, and the offsets of root tensors and of scratch areas in it."""
        roots = sorted({p.root for p in self.places.values()})
        lifetimes = []
        for root in roots:
            # What a data-dependent operation made is written when the next segment starts: after its
            # last use where nothing reads it.
            last = max(self.root_last[root], self.first_step[root])
            kept = last >= self.segment.stop or root in self.program.outputs
            lifetimes.append(
                Lifetime(self._capacity(root), self.first_step[root], self.end if kept else last)
            )
        for index, nbytes in self.scratch.items():
            lifetimes.append(Lifetime(nbytes, index, index))
        key = tuple(lifetimes)
        layout = self.executor.layouts.get(key)
        if layout is None:
            layout = self.executor.layouts[key] = plan_memory(lifetimes)
        block = self.executor.reserve(self.segment.depth, layout)
        offsets = dict(zip(roots, layout.offsets, strict=False))
        scratch = dict(zip(self.scratch, layout.offsets[len(roots) :], strict=True))
        return block, offsets, scratch

    def _capacity(self, root: int) -> int:
        shape = self._shape(root)
        nbytes = math.prod(shape) * self.program.tensors[root].dtype.itemsize
        bound = self.program.tensors[root].bound
        if bound is not None and nbytes <= bound:
            return bound
        capacities = self.executor.capacities
        capacities[root] = max(capacities.get(root, 0), next_power_of_two(nbytes))
        return capacities[root]

    # ---- 4: binding -------------------------------------------------------------------------------------------------
    def bind(self) -> None:
        """Make the arrays and the steps."""
        segment = self.segment
        block, offsets, scratch = self.place()
        for number, place in self.places.items():
            segment.arrays[number] = np.ndarray(
                place.shape,
                self.program.tensors[number].dtype,
                buffer=block,
                offset=offsets[place.root] + place.offset,
                strides=place.strides,
            )
        if self.parent is not None and self.parent.runs_boundary:
            numbers = self.program.instructions[self.parent.stop].outputs
            targets = [segment.arrays[n] for n in numbers]
            self._add_step(self.parent.stop, partial(_take_pending, self.parent.pending, targets))
        for index in range(segment.start, segment.stop):
            instruction = self.program.instructions[index]
            outputs = [segment.arrays[n] for n in instruction.outputs]
            if instruction.kernel is None:
                self._add_step(index, self.executor.bind_special(instruction, segment))
                continue
            if index in self.views:
                continue
            area = None
            if index in scratch:
                area = block[scratch[index] : scratch[index] + self.scratch[index]]
            inputs = [self._real(n) for n in instruction.inputs]
            self._add_step(
                index, self._bind_kernel(instruction, instruction.kernel, inputs, outputs, area)
            )

    def _real(self, number: int) -> np.ndarray:
        constant = self.program.tensors[number].constant
        return constant if constant is not None else self.segment.arrays[number]

    def _add_step(self, index: int, step: Step) -> None:
        self.segment.steps.append(step)
        self.segment.instruction_of_step.append(index)

    def _bind_kernel(
        self,
        instruction: Instruction,
        kernel: Kernel,
        inputs: list[np.ndarray],
        outputs: list[np.ndarray],
        scratch: np.ndarray | None,
    ) -> Step:
        values = [self.segment.values[n] for n in instruction.outputs]
        small = not kernel.native and any(
            a.dtype.itemsize < 4 and a.dtype.kind in "fV" for a in (*inputs, *outputs)
        )
        if kernel.bind is not None and not small:
            constant = [self.program.tensors[n].constant is not None for n in instruction.inputs]
            return kernel.bind(
                Call(instruction.node, inputs, outputs, constant, instruction.shared, scratch)
            )
        if kernel.compute is None:
            assert kernel.view is not None
            compute: Callable[..., Any] = kernel.view
            keywords = keyword_arguments(_view_keywords(kernel), instruction.node, values)
            return partial(_compute_and_copy, compute, inputs, keywords, outputs)
        keywords = kernel.arguments(instruction.node, values)
        if small:
            return partial(_compute_widened, kernel, inputs, keywords, outputs)
        if kernel.takes_out:
            return partial(kernel.compute, *inputs, out=outputs[0], **keywords)
        return partial(_compute_and_copy, kernel.compute, inputs, keywords, outputs)


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


def _take_pending(pending: list[np.ndarray], targets: list[np.ndarray]) -> None:
    for target, array in zip(targets, pending, strict=True):
        np.copyto(target, array, casting="unsafe")


def _compute_and_copy(
    compute: Callable[..., Any],
    inputs: list[np.ndarray],
    keywords: dict[str, Any],
    outputs: list[np.ndarray],
) -> None:
    result = compute(*inputs, **keywords)
    if len(outputs) == 1 and not isinstance(result, (tuple, list)):
        np.copyto(outputs[0], result, casting="unsafe")
        return
    for out, array in zip(outputs, result, strict=True):
        np.copyto(out, array, casting="unsafe")


def _compute_widened(
    kernel: Kernel, inputs: list[np.ndarray], keywords: dict[str, Any], outputs: list[np.ndarray]
) -> None:
    """Run a kernel on float32 copies of small floats."""
    wide = [widen(a) for a in inputs]
    assert kernel.compute is not None
    if kernel.takes_out:
        out = np.empty(outputs[0].shape, np.result_type(outputs[0].dtype, np.float32))
        kernel.compute(*wide, out=out, **keywords)
        np.copyto(outputs[0], out, casting="unsafe")
    else:
        _compute_and_copy(kernel.compute, wide, keywords, outputs)  # type: ignore[arg-type]


def plan_segment(executor: Executor, segment: Segment, parent: Segment | None) -> Segment:
    """Fill ``segment`` (which holds the values and arrays known so far)."""
    planner = SegmentPlanner(executor, segment, parent)
    planner.infer()
    planner.structure()
    planner.bind()
    return segment


__all__ = ["Layout", "Segment", "plan_segment"]
