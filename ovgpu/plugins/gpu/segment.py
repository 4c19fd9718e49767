"""Plans of the GPU: segments of records, planned once for each set of shapes.

As on the CPU a plan is a chain of segments that ends where shapes depend on data. A boundary is crossed in one of three
ways. Its operation has a lowering with counted outputs: it runs on the device, as the last one of the segment, with
room for the largest outputs, and only their true size is read back. Or shapes follow from the elements of few inputs,
which are read back. Else the operation runs on the host.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.encoder import Record
from ovgpu.plugins.gpu.registry import DeviceKernel, DeviceTensor

#: Key of the records of the model's outputs among the parts of a segment.
OUTPUTS = 1 << 60


@dataclass(frozen=True, slots=True)
class Structure:
    """What a plan decided besides sizes. Plans derived from one another share it, and change nothing in it.

    Attributes:
        kernels, scratch, producers, skipped, unread: as in :class:`~ovgpu.plugins.gpu.choice.Choice`.
        roots, offsets, strides, shown, elsewhere: as in :class:`~ovgpu.plugins.gpu.views.Views`.
        members: other tensors that lie in the block of a root.
        blocks: bytes of each root's block.
        scratch_addresses: where the scratch memory of an instruction lies.
    """

    kernels: dict[int, DeviceKernel | None]
    scratch: dict[int, int]
    producers: dict[int, tuple[int, DeviceKernel, int]]
    skipped: set[int]
    unread: set[int]
    roots: dict[int, int]
    offsets: dict[int, int]
    strides: dict[int, tuple[int, ...]]
    shown: set[int]
    elsewhere: set[int]
    members: dict[int, list[int]]
    blocks: dict[int, int]
    scratch_addresses: dict[int, int]


@dataclass
class GpuSegment:
    """Records from instruction ``start`` up to (not including) ``stop``, and what follows.

    Where ``counted`` is set they include those of instruction ``stop``, whose outputs have their largest sizes here.
    """

    depth: int
    start: int
    stop: int
    values: dict[int, Value]
    tensors: dict[int, DeviceTensor]
    records: list[Record] = field(default_factory=list)
    #: The same by instruction; those of the model's inputs and outputs under -1 and :data:`OUTPUTS`.
    parts: dict[int, list[Record]] = field(default_factory=dict)
    #: From which plans of other sizes may be derived; None when there is a boundary.
    structure: Structure | None = None
    #: Of each variable: whether it has no value yet, and which buffer holds it.
    roles: tuple[tuple[bool, int], ...] = ()
    #: CUDA graph of the records, once captured.
    graph: Any = None
    capture_failed: bool = False
    runs: int = 0
    #: Sizes of the variables that records up to here have written, by name, and whether into the other buffer.
    assigned: dict[str, tuple[tuple[int, ...], bool]] = field(default_factory=dict)
    #: Tensors that are known to be 0, 1, 2 ...: orders of a batch that change nothing.
    identities: frozenset[int] = frozenset()
    #: Inputs (of the first segment) and outputs that are not staged on the host: the user's are in device memory.
    device_inputs: tuple[int, ...] = ()
    #: Staged inputs: index, where its elements go on the host, and the type to pack them in (None: whole bytes).
    staged: list[tuple[int, np.ndarray, Type | None]] = field(default_factory=list)
    #: Staged outputs of whole bytes: where their elements come to lie on the host, by index.
    fetched: dict[int, np.ndarray] = field(default_factory=dict)
    device_outputs: tuple[int, ...] = ()
    deciding: tuple[int, ...] | None = None
    pending: list[np.ndarray] = field(default_factory=list)
    runs_boundary: bool = False
    #: The instruction at the boundary runs on the device; children are found by the number of elements it selects.
    counted: bool = False
    children: dict[Any, GpuSegment] = field(default_factory=dict)

    @property
    def capturable(self) -> bool:
        """Whether all is device work that a stream can take without waiting."""
        return not self.capture_failed and all(record.capturable for record in self.records)

    @property
    def tiers(self) -> dict[int, str]:
        """Who runs each instruction that has records: ``cuda``, ``library`` or ``host``; the last one where several."""
        order = ("cuda", "library", "host")
        found: dict[int, str] = {}
        for record in self.records:
            known = found.get(record.instruction, record.tier)
            found[record.instruction] = max(known, record.tier, key=order.index)
        found.pop(-1, None)  # inputs and outputs of the model
        return found

    def tree(self) -> Iterator[GpuSegment]:
        """This segment and all that were planned behind it."""
        yield self
        for child in list(self.children.values()):
            yield from child.tree()

    def following(self, start: int) -> GpuSegment:
        """An unplanned segment behind this one that begins at instruction ``start``."""
        child = GpuSegment(self.depth + 1, start, start, dict(self.values), dict(self.tensors))
        child.assigned = dict(self.assigned)
        child.identities = self.identities
        child.device_outputs = self.device_outputs
        return child
