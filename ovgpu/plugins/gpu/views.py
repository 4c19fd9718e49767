"""Where tensors lie: blocks of their own, views of other tensors, and places inside what is made of them later.

Forward, rearrangements (Transpose, Split, slices, Broadcast ...) become views of their source when all their readers
take strides, or when the view is dense. Backward, a tensor is made where its reader would copy it to: as a part of a
Concat, or transposed. Both are decided while instructions are visited in order: a tensor that is made looks ahead to
its readers, and gives their results a place before they are reached.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ovgpu.plugins.gpu.broadcasting import MAX_RANK
from ovgpu.plugins.gpu.registry import DeviceKernel, DeviceTensor, Lowering
from ovgpu.plugins.gpu.strided import COPY_RANK, address_of, is_movable, place_of

if TYPE_CHECKING:
    from ovgpu.execution.program import Instruction, Program
    from ovgpu.plugins.gpu.planner import GpuSegmentPlanner

#: What stands for the address of a block that has no place in the arena yet.
_UNPLACED = 1 << 20

#: Kernels read words of up to so many bytes: a dense part starts at a multiple, or is copied.
ALIGNMENT = 16

#: Kernels count strides in 31 bits.
_LARGEST_REACH = (1 << 31) - 1

#: A tensor and a view of it; None and a view of memory that is not the segment's.
Destination = tuple[int | None, np.ndarray]

Readers = dict[int, list[tuple[int, int]]]


def readers_of(program: Program) -> Readers:
    """For every tensor the instructions that read it, and as which input."""
    readers: Readers = {}
    for index, instruction in enumerate(program.instructions):
        for position, number in enumerate(instruction.inputs):
            readers.setdefault(number, []).append((index, position))
    return readers


class _Described(Sequence[DeviceTensor]):
    """Tensors as :meth:`Views.described` has them, one by one."""

    def __init__(self, views: Views, numbers: Sequence[int]) -> None:
        self._views = views
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: Any) -> Any:
        return self._views.described(self._numbers[index])


class Views:
    """The places of one segment's tensors.

    Attributes:
        roots: tensor made in the segment -> tensor whose block it lies in.
        offsets: bytes from the start of that block, where not 0.
        strides: in elements, for tensors that are not dense.
        first, last: first and last instruction that touches each root's block.
        shown: outputs of rearrangements that need no work.
        elsewhere: tensors that lie in memory that is not the segment's: a variable's.
    """

    def __init__(self, planner: GpuSegmentPlanner) -> None:
        self.planner = planner
        self.roots: dict[int, int] = {}
        self.offsets: dict[int, int] = {}
        self.strides: dict[int, tuple[int, ...]] = {}
        self.first: dict[int, int] = {}
        self.last: dict[int, int] = {}
        self.shown: set[int] = set()
        self.elsewhere: set[int] = set()

    def has_place(self, number: int) -> bool:
        """Whether it is decided where a tensor of this segment lies."""
        return number in self.roots or number in self.elsewhere

    # ---- blocks -----------------------------------------------------------------------------------------------------
    def own(self, number: int, step: int) -> None:
        """Give a tensor a block of its own from ``step`` on."""
        self.roots[number] = number
        self.first[number] = self.last[number] = step  # even if nothing reads it
        self._extend(number)

    def make(self, number: int, step: int) -> None:
        """Find a place for a tensor that is made at ``step``: where a reader wants it, or a block of its own."""
        if self.has_place(number):
            return
        target = self._destination(number, step)
        if target is None:
            self.own(number, step)
            return
        source, place = target
        if source is not None:
            self._lies_in(number, source, place)
            return
        strides = None if place.flags.c_contiguous else strides_of(place)
        self.lies_at(number, self.planner.tensor(number, address_of(place), strides=strides))

    def lies_at(self, number: int, tensor: DeviceTensor) -> None:
        """Let a tensor lie in memory that is not the segment's."""
        self.planner.segment.tensors[number] = tensor
        self.elsewhere.add(number)

    def alias(self, number: int, source: int) -> None:
        """Let a tensor be the same (dense) memory as ``source`` in another shape."""
        self.shown.add(number)
        if source in self.roots:
            self.roots[number] = self.roots[source]
            if source in self.offsets:
                self.offsets[number] = self.offsets[source]
            self._extend(number)
            return
        # Memory of the weights or of an earlier segment.
        planner = self.planner
        base = planner.executor.tensor(planner.segment, source)
        self.lies_at(number, planner.tensor(number, base.address, base.constant))

    def _lies_in(self, number: int, source: int, place: np.ndarray) -> None:
        """Let a tensor be ``place``, a view of the tensor ``source``."""
        strides = None if place.flags.c_contiguous else strides_of(place)
        if source in self.roots:
            self.roots[number] = self.roots[source]
            self.offsets[number] = address_of(place) - _UNPLACED
            if strides is not None:
                self.strides[number] = strides
            self._extend(number)
            return
        planner = self.planner
        constant = planner.executor.tensor(planner.segment, source).constant
        self.lies_at(number, planner.tensor(number, address_of(place), constant, strides))

    def _extend(self, number: int) -> None:
        root = self.roots[number]
        self.last[root] = max(self.last.get(root, -1), self.planner.program.last_use[number])

    def described(self, number: int) -> DeviceTensor:
        """A tensor before the arena has its place; offsets count from a stand-in for its block."""
        planner = self.planner
        if number not in self.roots:
            weight = planner.executor.compiled.weights.get(number)
            known = planner.segment.tensors.get(number) if weight is None else weight
            # What is made later is taken to be dense.
            return planner.tensor(number, _UNPLACED) if known is None else known
        address = _UNPLACED + self.offsets.get(number, 0)
        return planner.tensor(number, address, strides=self.strides.get(number))

    def _operation(self, instruction: Instruction) -> Lowering:
        return Lowering(
            instruction.node,
            [self.described(n) for n in instruction.inputs],
            [self.described(n) for n in instruction.outputs],
            instruction.shared,
        )

    def _asked(self, instruction: Instruction) -> Lowering:
        """The same for a question that looks at few of the tensors: each is described when it is."""
        inputs, outputs = (
            _Described(self, instruction.inputs),
            _Described(self, instruction.outputs),
        )
        return Lowering(instruction.node, inputs, outputs, instruction.shared)

    # ---- forward ----------------------------------------------------------------------------------------------------
    def show(self, instruction: Instruction, kernel: DeviceKernel) -> None:
        """Make those outputs of a rearrangement views of its input that can be."""
        source = instruction.inputs[0]
        if kernel.alias and self.steps_of(source) is None:
            self.alias(instruction.outputs[0], source)
            return
        if not is_movable(self.planner.executor.storage(source)):
            return
        places = self.places_shown(instruction, kernel)
        for number, place in zip(instruction.outputs, places, strict=True):
            if place is None or self.has_place(number) or not place.size:
                continue
            if place.flags.c_contiguous:
                fits = address_of(place) % ALIGNMENT == 0
            else:
                fits = self.all_take(number, place)
            if fits:
                self._lies_in(number, source, place)
                self.shown.add(number)

    def places_shown(
        self, instruction: Instruction, kernel: DeviceKernel
    ) -> Sequence[np.ndarray | None]:
        """The outputs of a rearrangement as views of its input, None for those that are none."""
        return _views(kernel, self._operation(instruction))

    def steps_of(self, number: int) -> tuple[int, ...] | None:
        """Strides of a tensor that has its place, None when it is dense."""
        if number in self.roots:
            return self.strides.get(number)
        planner = self.planner
        return planner.executor.tensor(planner.segment, number).strides

    def all_take(self, number: int, place: np.ndarray) -> bool:
        """Whether all that read a tensor take it with the strides of ``place``."""
        planner = self.planner
        if number in planner.program.outputs or not _is_walkable(place):
            return False
        tensor = planner.tensor(number, address_of(place), strides=strides_of(place))
        return all(
            self._takes(index, position, tensor) for index, position in self._readers(number)
        )

    def _readers(self, number: int) -> Sequence[tuple[int, int]]:
        return self.planner.executor.readers.get(number, ())

    def _takes(self, index: int, position: int, tensor: DeviceTensor) -> bool:
        planner = self.planner
        if not planner.segment.start <= index < planner.segment.stop:
            return False  # what other segments read is dense
        if planner.choice.leaves_out(index):
            return True
        instruction = planner.program.instructions[index]
        name = instruction.node.get_type_name()
        if name == "KeyValueCache":
            return position < 2
        if name == "Assign":
            read = instruction.outputs[0] in planner.program.outputs or self._readers(
                instruction.outputs[0]
            )
            return planner.variables.is_extension(instruction) and not read
        kernel = planner.choice.kernels.get(index)
        if kernel is None:
            return False
        if kernel.view is None and not kernel.strided_inputs:
            return False
        return kernel.takes_strided(self._asked(instruction), position, tensor)

    # ---- backward ---------------------------------------------------------------------------------------------------
    def _destination(self, number: int, step: int) -> Destination | None:
        """Where readers want a tensor that is made at ``step``."""
        planner = self.planner
        tensor = planner.tensor(number, _UNPLACED)
        if not tensor.size or not is_movable(tensor.storage):
            return None
        for index, position in self._readers(number):
            if not planner.segment.start <= index < planner.segment.stop:
                continue
            instruction = planner.program.instructions[index]
            name = instruction.node.get_type_name()
            kernel = planner.choice.kernels.get(index)
            found: Destination | None = None
            if name == "KeyValueCache" and position == 1:
                found = self.rows_of_cache(number, instruction)
            elif kernel is None:
                continue
            elif name == "Concat":
                found = self._part(instruction, position, step)
            elif position == 0 and kernel.alias and not self.has_place(instruction.outputs[0]):
                found = self._destination(instruction.outputs[0], step)
                if found is not None and not found[1].flags.c_contiguous:
                    found = None
            elif name == "Transpose" and position == 0:
                found = self._transposed(number, instruction, step)
            if found is not None:
                return found[0], found[1].reshape(tensor.shape, copy=False)
        return None

    def rows_of_cache(self, number: int, instruction: Instruction) -> Destination | None:
        """The rows of a cache that a tensor becomes, for one that nothing else reads."""
        if len(self._readers(number)) > 1 or number in self.planner.program.outputs:
            return None
        rows = self.planner.variables.extended(instruction).rows
        if rows.flags.c_contiguous:
            fits = address_of(rows) % ALIGNMENT == 0
        else:
            fits = self._is_made_with(number, rows)
        return (None, rows) if fits else None

    def _is_made_with(self, number: int, place: np.ndarray) -> bool:
        """Whether what makes a tensor stores it with the strides of ``place``."""
        planner = self.planner
        producer = planner.choice.producers.get(number)
        if producer is None or not producer[1].strided_outputs or not _is_walkable(place):
            return False
        made, kernel, position = producer
        tensor = planner.tensor(number, address_of(place), strides=strides_of(place))
        return kernel.gives_strided(
            self._asked(planner.program.instructions[made]), position, tensor
        )

    def _part(self, instruction: Instruction, position: int, step: int) -> Destination | None:
        """The part of a Concat's output that its input ``position`` is, when that is dense and aligned."""
        planner, whole = self.planner, instruction.outputs[0]
        axis = instruction.node.attributes["axis"]
        out = planner.tensor(whole, _UNPLACED)
        axis %= len(out.shape)
        if math.prod(out.shape[:axis]) != 1:
            return None
        lengths = [planner.shape(n)[axis] for n in instruction.inputs]
        start = sum(lengths[:position])
        index = (slice(None),) * axis + (slice(start, start + lengths[position]),)
        if address_of(place_of(out)[index]) % ALIGNMENT:
            return None
        self.make(whole, step)
        part = place_of(self.described(whole))[index]
        return (whole, part) if part.flags.c_contiguous else None

    def _transposed(self, number: int, instruction: Instruction, step: int) -> Destination | None:
        """The result of a Transpose, transposed back, for a tensor that nothing else reads and is made with strides."""
        planner = self.planner
        result = instruction.outputs[0]
        order = planner.known(instruction.inputs[1])
        if (
            order is None
            or len(self._readers(number)) > 1
            or number in planner.program.outputs
            or self.has_place(result)
        ):
            return None
        out = planner.tensor(result, _UNPLACED)
        axes = order.reshape(-1) if order.size else np.arange(len(out.shape))[::-1]
        back = np.argsort(axes % max(len(out.shape), 1))
        trial = place_of(out).transpose(back)
        if not self._is_made_with(number, trial):
            return None
        self.make(result, step)
        if self.steps_of(result) is not None:
            return None
        return result, place_of(self.described(result)).transpose(back)


def _views(kernel: DeviceKernel, op: Lowering) -> Sequence[np.ndarray | None]:
    try:
        places = None if kernel.view is None or not op.input(0).size else kernel.view(op)
    except ValueError:  # numpy has no such view
        places = None
    return places if places is not None else [None] * len(op.outputs)


def strides_of(place: np.ndarray) -> tuple[int, ...]:
    """Strides in elements."""
    return tuple(n // place.itemsize for n in place.strides)


def _is_walkable(place: np.ndarray) -> bool:
    """Whether kernels that take strides take these."""
    if min(place.strides, default=0) < 0 or place.ndim > min(MAX_RANK, COPY_RANK):
        return False
    reach = sum(
        (size - 1) * step // place.itemsize
        for size, step in zip(place.shape, place.strides, strict=True)
    )
    return reach <= _LARGEST_REACH and all(n % place.itemsize == 0 for n in place.strides)
