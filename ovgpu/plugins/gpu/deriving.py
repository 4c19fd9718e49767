"""Plans made of the plan before: what a model that generates text needs with every token.

A token changes few sizes, those of the caches and of what is counted with them. So the structure of the last plan is
kept (who runs each instruction, which tensors share memory, where the arena has them), and what depends on a changed
size is made again: values, tensors, records. Everything else is the same object as before.

A structure holds for other sizes where each decision does. Tensors with blocks of their own may change as long as the
block holds them; what lies inside of other memory is looked at again. Where the answer is another, or nobody asked the
question before, there is no derived plan and :mod:`ovgpu.plugins.gpu.planner` makes one from the ground up.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ovgpu.execution.program import Instruction
from ovgpu.plugins.gpu.planner import GpuSegmentPlanner, is_settled
from ovgpu.plugins.gpu.segment import GpuSegment, Structure
from ovgpu.plugins.gpu.staging import Replan
from ovgpu.plugins.gpu.strided import address_of
from ovgpu.plugins.gpu.variables import VARIABLE_OPS

if TYPE_CHECKING:
    from ovgpu.plugins.gpu.executor import GpuExecutor


class _Differs(Exception):
    """The structure does not hold for these sizes."""


def derive(executor: GpuExecutor, base: GpuSegment, segment: GpuSegment) -> bool:
    """Fill ``segment``, which has the values of its inputs, after the likeness of ``base``.

    Returns False when it must be planned; ``segment`` is as it was then. Raises Replan when memory moved.
    """
    structure = base.structure
    if (
        structure is None
        or base.device_inputs != segment.device_inputs
        or base.device_outputs != segment.device_outputs
        or base.identities != segment.identities
    ):
        return False
    given = segment.values
    try:
        _Derivation(executor, base, structure, segment).make()
    except _Differs:
        segment.values, segment.tensors = given, {}
        segment.assigned.clear()
        segment.staged.clear()
        segment.fetched.clear()
        return False
    return True
