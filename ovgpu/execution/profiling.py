"""Per-node times of an inference."""

from __future__ import annotations

import datetime

from ovgpu.enumeration import Enumeration


class Status(Enumeration):
    """What became of a node in the last inference."""

    NOT_RUN = 0
    OPTIMIZED_OUT = 1
    EXECUTED = 2


class ProfilingInfo:
    """What one node of the executed graph took.

    Attributes:
        node_name: friendly name of the node.
        node_type: type of the node as the device executes it, for instance ``MatMul`` or ``Subgraph``.
        exec_type: the implementation chosen, with its precision, for instance ``numpy_f32``.
        status: whether the node ran.
        real_time: wall-clock time.
        cpu_time: processor time.
    """

    Status = Status
    NOT_RUN = Status.NOT_RUN
    OPTIMIZED_OUT = Status.OPTIMIZED_OUT
    EXECUTED = Status.EXECUTED

    __slots__ = ("cpu_time", "exec_type", "node_name", "node_type", "real_time", "status")

    def __init__(
        self,
        node_name: str = "",
        node_type: str = "",
        exec_type: str = "",
        status: Enumeration = Status.NOT_RUN,
        real_time: datetime.timedelta = datetime.timedelta(0),
        cpu_time: datetime.timedelta = datetime.timedelta(0),
    ) -> None:
        self.node_name = node_name
        self.node_type = node_type
        self.exec_type = exec_type
        self.status = status
        self.real_time = real_time
        self.cpu_time = cpu_time

    def __repr__(self) -> str:
        return "<ProfilingInfo>"
