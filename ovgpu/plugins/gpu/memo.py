"""What plans for different shapes have in common: inferred values, chosen lowerings and finished records.

A model that generates text has a new shape with every token, but most of its operations see what they saw before.
Values that are equal are one object here, so that "the same inputs" is a comparison of identities, and the records of
an operation are made again only when a shape, a known value or an address that it has to do with is another.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.encoder import Encoder, Record
from ovgpu.plugins.gpu.registry import DeviceKernel

Entry = TypeVar("Entry")

#: Cases remembered of one instruction or operation; then it starts afresh.
_MOST_CASES = 64


class PlanMemo:
    """Of one job. Entries hold what their keys' identities belong to, so that an identity means one object."""

    def __init__(self) -> None:
        self._values: dict[tuple[Type, tuple[int, ...]], Value] = {}
        self._inferred: dict[
            Hashable, dict[Hashable, tuple[Sequence[Value], tuple[Value, ...]]]
        ] = {}
        self._tiers: dict[
            int, dict[Hashable, tuple[Sequence[Value], DeviceKernel | None, int]]
        ] = {}
        self._records: dict[int, dict[Hashable, tuple[Sequence[Value], list[Record]]]] = {}

    def value(self, element_type: Type, shape: tuple[int, ...]) -> Value:
        """The value with this type and shape, and elements that nothing is known about."""
        key = element_type, shape
        found = self._values.get(key)
        if found is None:
            if len(self._values) > _MOST_CASES * 64:
                self._values.clear()
            found = self._values[key] = Value(element_type, PartialShape.of(shape))
        return found

    def unify(self, outputs: Sequence[Value]) -> tuple[Value, ...]:
        """``outputs``, but for equal ones those that were there before."""
        unified = []
        for value in outputs:
            shape = value.shape.static_tuple()
            plain = shape is not None and value.elements is None
            unified.append(self.value(value.type, shape) if plain and shape is not None else value)
        return tuple(unified)

    def infer(
        self,
        operation: Hashable,
        inputs: Sequence[Value],
        compute: Callable[[], tuple[Value, ...] | None],
    ) -> tuple[Value, ...] | None:
        """The output values of ``operation`` for these inputs; equal layers of a network ask for the same."""
        known = self._inferred.setdefault(operation, {})
        key = tuple(map(id, inputs))
        found = known.get(key)
        if found is not None:
            return found[1]
        outputs = compute()
        if outputs is None:
            return None
        outputs = self.unify(outputs)
        _keep(known, key, (inputs, outputs))
        return outputs

    def tier(
        self,
        index: int,
        values: Sequence[Value],
        compute: Callable[[], tuple[DeviceKernel | None, int]],
    ) -> tuple[DeviceKernel | None, int]:
        """The lowering of instruction ``index`` for these inputs and outputs, and its bytes of scratch memory."""
        known = self._tiers.setdefault(index, {})
        key = tuple(map(id, values))
        found = known.get(key)
        if found is None:
            kernel, scratch = compute()
            found = values, kernel, scratch
            _keep(known, key, found)
        return found[1], found[2]

    def encode(
        self,
        index: int,
        key: Hashable,
        values: Sequence[Value],
        encoder: Encoder,
        lower: Callable[[], None],
    ) -> None:
        """Add the records of instruction ``index``: those made for the same key, or what ``lower`` makes now."""
        known = self._records.setdefault(index, {})
        whole = (key, tuple(map(id, values)))
        found = known.get(whole)
        if found is not None:
            encoder.records += found[1]
            return
        start = len(encoder.records)
        lower()
        _keep(known, whole, (values, encoder.records[start:]))

    def forget_records(self) -> None:
        """Drop what holds addresses."""
        self._records.clear()


def _keep(cases: dict[Hashable, Entry], key: Hashable, entry: Entry) -> None:
    if len(cases) >= _MOST_CASES:
        cases.clear()
    cases[key] = entry
