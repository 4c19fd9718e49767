"""What plans for different shapes have in common: inferred values.

A model that generates text has a new shape with every token, but most of its operations see what they saw before, and
equal layers see the same as each other. Values that are equal are one object here, so that "the same inputs" is a
comparison of identities.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import numpy as np

from ovgpu.execution.program import LARGEST_SHAPE_VALUE, Instruction, Program
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value

Entry = TypeVar("Entry")

#: Cases remembered of one instruction or operation; then it starts afresh.
MOST_CASES = 64

#: Values remembered; then it starts afresh.
MOST_VALUES = 1024


class InferenceMemo:
    """Of one job. Entries hold what their keys' identities belong to, so that an identity means one object.

    Args:
        operations: of each instruction what says how it infers, see :func:`operations_of`.
    """

    def __init__(self, operations: Sequence[Hashable]) -> None:
        self._operations = operations
        self._values: dict[tuple[Type, tuple[int, ...]], Value] = {}
        self._known: dict[tuple[Type, tuple[int, ...], bytes], Value] = {}
        self._inferred: dict[
            Hashable, dict[Hashable, tuple[Sequence[Value], tuple[Value, ...]]]
        ] = {}

    def value(self, element_type: Type, shape: tuple[int, ...]) -> Value:
        """The value with this type and shape, and elements that nothing is known about."""
        key = element_type, shape
        found = self._values.get(key)
        if found is None:
            if len(self._values) > MOST_VALUES:
                self._values.clear()
            found = self._values[key] = Value(element_type, PartialShape.of(shape))
        return found

    def unify(self, outputs: Sequence[Value]) -> tuple[Value, ...]:
        """``outputs``, but for equal ones those that were there before."""
        return tuple([self._first_like(value) for value in outputs])

    def _first_like(self, value: Value) -> Value:
        shape, elements = value.shape.static_tuple(), value.elements
        if shape is None:
            return value
        if elements is None:
            return self.value(value.type, shape)
        if elements.dtype.kind == "O" or elements.size > LARGEST_SHAPE_VALUE:
            return value
        key = value.type, shape, elements.tobytes()
        found = self._known.get(key)
        if found is None:
            if len(self._known) > MOST_VALUES:
                self._known.clear()
            found = self._known[key] = value
        return found

    def constants(self, program: Program) -> dict[int, Value]:
        """The values of all constants by number; small ones that are equal are one object."""
        known = {n: t.value for n, t in enumerate(program.tensors) if t.constant is not None}
        small = (n for n, v in known.items() if v.type is not Type.string and _is_small(v))
        return known | {n: self._first_like(known[n]) for n in small}

    def infer(
        self,
        index: int,
        inputs: Sequence[Value],
        compute: Callable[[], tuple[Value, ...] | None],
    ) -> tuple[Value, ...] | None:
        """The output values of instruction ``index`` for these inputs; equal layers of a network ask for the same."""
        known = self._inferred.setdefault(self._operations[index], {})
        key = tuple(map(id, inputs))
        found = known.get(key)
        if found is not None:
            return found[1]
        outputs = compute()
        if outputs is None:
            return None
        outputs = self.unify(outputs)
        keep(known, key, (inputs, outputs))
        return outputs


def keep(cases: dict[Hashable, Entry], key: Hashable, entry: Entry) -> None:
    """Remember a case, and forget all others where there are too many."""
    if len(cases) >= MOST_CASES:
        cases.clear()
    cases[key] = entry


def _is_small(value: Value) -> bool:
    shape = value.shape.static_tuple()
    return shape is not None and math.prod(shape) <= LARGEST_SHAPE_VALUE


def operations_of(program: Program) -> list[Hashable]:
    """Of each instruction what says how it infers: equal where the same inputs have the same outputs."""
    return [_operation(k, i) for k, i in enumerate(program.instructions)]


def _operation(index: int, instruction: Instruction) -> Hashable:
    """Equal for instructions that infer the same from the same inputs."""
    attributes = dict(instruction.node.attributes)
    attributes.pop(
        "variable_id", None
    )  # which variable a cache belongs to has nothing to do with its sizes
    try:
        key = (
            id(instruction.node.declaration),
            tuple([(k, _frozen(v)) for k, v in attributes.items()]),
        )
        hash(key)
    except TypeError:
        return index
    return key


def _frozen(value: Any) -> Any:
    """An attribute as something that can be hashed. Raises TypeError when it cannot be."""
    if isinstance(value, (list, tuple)):
        return tuple([_frozen(v) for v in value])
    if isinstance(value, (bool, int, float, str, Type, np.generic)) or value is None:
        return type(value), value
    raise TypeError(type(value))
