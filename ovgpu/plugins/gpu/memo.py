"""What plans for different shapes have in common: inferred values, chosen lowerings and finished records.

The records of an operation are made again only when a shape, a known value or an address that it has to do with is
another (see :mod:`ovgpu.execution.inference_memo` for what "the same" means).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from ovgpu.execution.inference_memo import InferenceMemo, keep
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.encoder import Encoder, Record
from ovgpu.plugins.gpu.registry import DeviceKernel


class PlanMemo(InferenceMemo):
    """Of one job."""

    def __init__(self, operations: Sequence[Hashable]) -> None:
        super().__init__(operations)
        self._tiers: dict[
            int, dict[Hashable, tuple[Sequence[Value], DeviceKernel | None, int]]
        ] = {}
        self._records: dict[int, dict[Hashable, tuple[Sequence[Value], list[Record]]]] = {}

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
            keep(known, key, found)
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
        keep(known, whole, (values, encoder.records[start:]))

    def forget_records(self) -> None:
        """Drop what holds addresses."""
        self._records.clear()
