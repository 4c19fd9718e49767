"""What each kernel may use, and must reach, on every architecture (see gate.py).

A kernel that is not listed has DEFAULT. A limit that differs on some architectures is a dict
{"75": ..., "*": ...}. When a budget is raised, the commit says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cudasim.gate import Facts

Limit = int | dict[str, int]


@dataclass(frozen=True)
class Budget:
    registers: Limit = 128  # two blocks of 256 threads per multiprocessor
    spill_bytes: Limit = 0
    shared_bytes: Limit = 48 * 1024  # static; more must be asked for as dynamic memory
    loads_16: Limit = 0  # at least so many 16-byte global loads
    stores_16: Limit = 0  # at least so many 16-byte global stores
    tensor_core: Limit = 0  # at least so many tensor-core instructions

    def broken(self, facts: Facts) -> list[str]:
        """Sentences about the limits that the facts do not keep."""
        found = []
        for name in ("registers", "spill_bytes", "shared_bytes"):
            limit, value = _limit(getattr(self, name), facts.arch), getattr(facts, name)
            if value > limit:
                found.append(f"{name} {value}, allowed {limit}")
        for name in ("loads_16", "stores_16", "tensor_core"):
            limit, value = _limit(getattr(self, name), facts.arch), getattr(facts, name)
            if value < limit:
                found.append(f"{name} {value}, expected at least {limit}")
        return found


def _limit(limit: Limit, arch: str) -> int:
    return limit if isinstance(limit, int) else limit.get(arch, limit["*"])


DEFAULT = Budget()

BUDGETS: dict[str, Budget] = {
    # the gate's own test kernels (tests/cudasim/kernels/gate.cu)
    "gate_copy_vectors": Budget(registers=32, loads_16=1, stores_16=1),
    "gate_matrix_product": Budget(registers=48, tensor_core={"75": 0, "*": 1}),
    "gate_dequantise_u4": Budget(registers=64, loads_16=1, stores_16=4),
    "gate_shared_tile": Budget(registers=40, shared_bytes=4608),
    # kernels/movement.cu: what moves data moves 16 bytes at a time where it can
    "copy_16": Budget(registers=48, loads_16=4, stores_16=4),
    "copy_parts_16": Budget(registers=56, loads_16=4, stores_16=4),
    "transpose_16": Budget(registers=48, shared_bytes=18 * 1024, loads_16=4, stores_16=4),
    "pad_16": Budget(registers=48, loads_16=1, stores_16=1),
}


def budget_for(kernel: str) -> Budget:
    return BUDGETS.get(kernel, DEFAULT)
