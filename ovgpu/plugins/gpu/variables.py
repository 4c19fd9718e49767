"""Variables in a plan: where their values lie, and the records that read, replace and extend them.

A ReadValue is a view of the variable's buffer where its readers allow it. A KeyValueCache writes its rows behind those
that are there, and its result is a view of them all; only a batch in another order is copied, to the other buffer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ovgpu.execution.program import Instruction
from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.encoder import Encoder, blocks_for
from ovgpu.plugins.gpu.registry import DeviceTensor
from ovgpu.plugins.gpu.staging import Replan
from ovgpu.plugins.gpu.strided import encode_copies, place_of
from ovgpu.plugins.gpu.structs import struct

if TYPE_CHECKING:
    from ovgpu.plugins.gpu.planner import GpuSegmentPlanner
    from ovgpu.plugins.gpu.state import DeviceState

#: Operations that this module places and encodes.
VARIABLE_OPS = frozenset({"ReadValue", "Assign", "KeyValueCache"})

#: Memory of a kernel argument ``ReorderShape`` (kernels/reorder.cu).
_REORDER = np.dtype(
    [
        ("batch", "i4"),
        ("blocks", "i4"),
        ("wide", "i4"),
        ("unused", "i4"),
        ("words", "i8"),
        ("count", "i8"),
        ("source_pitch", "i8"),
        ("target_pitch", "i8"),
    ]
)


def variable_of(instruction: Instruction) -> str:
    """Name of the variable that an instruction is about."""
    return str(instruction.node.attributes["variable_id"])


@dataclass(frozen=True, slots=True)
class _Extended:
    """A cache with the rows of this inference.

    Attributes:
        whole: the value after the inference, where it will lie.
        first: rows that are there before.
        brings_past: whether the rows before come from elsewhere: the initial value, or another order of the batch.
        new: whether ``whole`` lies in the other buffer.
    """

    state: DeviceState
    whole: DeviceTensor
    axis: int
    first: int
    brings_past: bool
    new: bool

    @property
    def rows(self) -> np.ndarray:
        """The place of the new rows."""
        return place_of(self.whole)[(slice(None),) * self.axis + (slice(self.first, None),)]

    @property
    def rows_address(self) -> int:
        """Where the new rows begin. What lies there was made there."""
        return (
            self.whole.address + self.first * self.whole.steps[self.axis] * self.whole.storage.size
        )

    @property
    def past(self) -> np.ndarray:
        """The place of the rows before them."""
        return place_of(self.whole)[(slice(None),) * self.axis + (slice(self.first),)]


class Variables:
    """The variables of one segment."""

    def __init__(self, planner: GpuSegmentPlanner) -> None:
        self.planner = planner
        self._extended: dict[int, _Extended] = {}
        #: Whether a buffer moved: what was placed there before is void. Caches of many layers move together.
        self.moved = False

    def _state(self, instruction: Instruction) -> DeviceState:
        return self.planner.executor.states[variable_of(instruction)]

    # ---- places -----------------------------------------------------------------------------------------------------
    def place(self, index: int, instruction: Instruction) -> None:
        """Find a place for the output."""
        name = instruction.node.get_type_name()
        if name == "Assign":
            self.planner.views.alias(instruction.outputs[0], instruction.inputs[0])
            return
        if name == "ReadValue":
            self._place_value(instruction)
        elif self.planner.tensor(instruction.outputs[0], 0).size:
            self.show_cache(instruction)
        self.planner.views.make(instruction.outputs[0], index)

    def _place_value(self, instruction: Instruction) -> None:
        state, number, planner = self._state(instruction), instruction.outputs[0], self.planner
        if state.shape is not None:
            self.show_value(instruction)
        elif instruction.inputs:
            initial = instruction.inputs[0]
            same = planner.executor.storage(initial) is planner.executor.storage(number)
            if same and planner.views.steps_of(initial) is None:
                planner.views.alias(number, initial)

    def show_value(self, instruction: Instruction) -> bool:
        """Let the readers of a ReadValue see the variable's buffer, if they take it; returns whether they do."""
        state, number = self._state(instruction), instruction.outputs[0]
        if state.shape is None:
            return False
        strides = state.strides(state.shape, new=False)
        tensor = self.planner.tensor(number, state.address(new=False), strides=strides)
        return self._show(number, tensor)

    def show_cache(self, instruction: Instruction) -> bool:
        """The same for the readers of a KeyValueCache and the buffer that it extends."""
        return self._show(instruction.outputs[0], self.extended(instruction).whole)

    def _show(self, number: int, tensor: DeviceTensor) -> bool:
        views = self.planner.views
        if not tensor.size:
            return False
        if tensor.strides is not None and not views.all_take(number, place_of(tensor)):
            return False
        views.lies_at(number, tensor)
        views.shown.add(number)
        return True

    def extended(self, instruction: Instruction) -> _Extended:
        """The cache that a KeyValueCache extends."""
        known = self._extended.get(id(instruction))
        if known is not None:
            return known
        planner, state = self.planner, self._state(instruction)
        number, axis = instruction.outputs[0], instruction.node.attributes["axis"]
        shape, before = planner.shape(number), planner.shape(instruction.inputs[0])
        moves = shape[0] != before[0] or any(
            n not in planner.segment.identities for n in instruction.inputs[2:]
        )
        new = moves and state.shape is not None
        if state.reserve_rows(shape, new):
            self.moved = True
        whole = planner.tensor(number, state.address(new), strides=state.strides(shape, new))
        first = before[axis]
        found = _Extended(state, whole, axis, first, new or state.shape is None, new)
        self._extended[id(instruction)] = found
        return found

    def is_extension(self, assign: Instruction) -> bool:
        """Whether the value that is assigned lies in the variable already."""
        producer = self.planner.program.producers.get(assign.inputs[0])
        return (
            producer is not None
            and producer.node.get_type_name() == "KeyValueCache"
            and variable_of(producer) == variable_of(assign)
        )

    # ---- records ----------------------------------------------------------------------------------------------------
    def encode(
        self, encoder: Encoder, instruction: Instruction, inputs: list[DeviceTensor]
    ) -> None:
        """The records of one of :data:`VARIABLE_OPS`."""
        planner = self.planner
        out = planner.segment.tensors[instruction.outputs[0]]
        name = instruction.node.get_type_name()
        if name == "Assign":
            self._encode_assign(encoder, instruction, inputs[0])
        elif name == "KeyValueCache":
            self._encode_cache(encoder, instruction, inputs, out)
        elif instruction.outputs[0] not in planner.views.shown and out.size:
            self._encode_read_value(encoder, instruction, inputs, out)

    def _encode_assign(
        self, encoder: Encoder, instruction: Instruction, source: DeviceTensor
    ) -> None:
        if self.is_extension(instruction):
            return
        planner, state = self.planner, self._state(instruction)
        if state.reserve(source.nbytes, planner.executor.bound(instruction.inputs[0])):
            raise Replan
        planner.segment.assigned[state.name] = source.shape, True
        encoder.copy(state.address(new=True), source.address, source.nbytes)

    def _encode_read_value(
        self,
        encoder: Encoder,
        instruction: Instruction,
        inputs: list[DeviceTensor],
        out: DeviceTensor,
    ) -> None:
        state = self._state(instruction)
        if state.shape is not None:
            strides = state.strides(state.shape, new=False)
            value = self.planner.tensor(
                instruction.outputs[0], state.address(new=False), strides=strides
            )
            encode_copies(encoder, [(place_of(out), place_of(value))])
        elif inputs:
            encode_copies(encoder, [(place_of(out), place_of(inputs[0]))])
        else:
            encoder.fill(out.address, 0, out.nbytes)

    def _encode_cache(
        self,
        encoder: Encoder,
        instruction: Instruction,
        inputs: list[DeviceTensor],
        out: DeviceTensor,
    ) -> None:
        planner = self.planner
        state = self._state(instruction)
        if not out.size:
            planner.segment.assigned[state.name] = out.shape, False
            return
        extended = self.extended(instruction)
        planner.segment.assigned[state.name] = out.shape, extended.new
        past, update, *beams = inputs
        if extended.brings_past and extended.past.size:
            if beams and instruction.inputs[2] not in planner.segment.identities:
                _encode_reorder(encoder, extended, past, beams[0])
            else:
                encode_copies(encoder, [(extended.past, place_of(past))])
        if update.size and update.address != extended.rows_address:
            encode_copies(encoder, [(extended.rows, place_of(update))])
        if instruction.outputs[0] not in planner.views.shown:
            encode_copies(encoder, [(place_of(out), place_of(extended.whole))])


def _encode_reorder(
    encoder: Encoder, extended: _Extended, past: DeviceTensor, beams: DeviceTensor
) -> None:
    """Copy the rows of the past in the order that ``beams`` gives to the batch."""
    axis, target = extended.axis, extended.whole
    itemsize = target.storage.size
    piece = math.prod(past.shape[axis:]) * itemsize
    pitches = [t.steps[axis - 1] * itemsize for t in (past, target)]
    numbers = (piece, *pitches, past.address, target.address)
    unit = next(u for u in (16, 8, 4, 2, 1) if all(n % u == 0 for n in numbers))
    blocks = math.prod(past.shape[1:axis])
    words = piece // unit
    count = target.shape[0] * blocks * words
    values = {
        "batch": past.shape[0],
        "blocks": blocks,
        "wide": beams.storage in (Type.i64, Type.u64),
        "words": words,
        "count": count,
        "source_pitch": pitches[0] // unit,
        "target_pitch": pitches[1] // unit,
    }
    addresses = [np.uint64(t.address) for t in (past, beams, target)]
    arguments = [*addresses, struct(_REORDER, values)]
    encoder.launch("reorder.cu", f"reorder_{unit}", blocks_for(count), 256, arguments)
