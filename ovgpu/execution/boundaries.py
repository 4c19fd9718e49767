"""Where shapes depend on data: which data, and what is known after it was looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ovgpu.execution.program import Instruction
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value

#: The data of a tensor, or what fetches it for a tensor of static shape.
Data = np.ndarray | Callable[[], np.ndarray]


class Peek(Value):
    """A value backed by the data of this run; remembers whether its elements were looked at."""

    __slots__ = ("data", "seen")

    def __init__(self, value: Value, data: Data) -> None:
        shape = value.shape if callable(data) else PartialShape.of(data.shape)
        super().__init__(value.type, shape)
        self.data = data
        self.seen = False

    @property
    def elements(self) -> np.ndarray:
        self.seen = True
        return self.data() if callable(self.data) else self.data


def peeked_outputs(
    instruction: Instruction, values: Mapping[int, Value], arrays: Sequence[Data]
) -> tuple[tuple[Value, ...], list[Peek]]:
    """Output values of an instruction when its inputs' elements may be looked at, and the inputs that offered them."""
    peeks = [Peek(values[n], a) for n, a in zip(instruction.inputs, arrays, strict=True)]
    node = instruction.node
    return node.declaration.infer_values(list(peeks), node.attributes), peeks


def deciding_inputs(
    instruction: Instruction, values: Mapping[int, Value], arrays: Sequence[Data]
) -> tuple[int, ...] | None:
    """Tensors whose elements decide the shapes of the outputs; None when only running the operation tells them.

    Args:
        instruction: one whose output shapes do not follow from its inputs' shapes.
        values: what is known of all tensors so far, by number.
        arrays: the inputs' data.
    """
    if instruction.bodies:
        return None
    outputs, peeks = peeked_outputs(instruction, values, arrays)
    if not all(v.is_static for v in outputs):
        return None
    return tuple(n for n, p in zip(instruction.inputs, peeks, strict=True) if p.seen)
