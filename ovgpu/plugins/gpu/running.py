"""Running the records of a segment: one after the other, with the clock in hand, or as a CUDA graph."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any

from ovgpu.execution.ranges import pop_range, push_range
from ovgpu.plugins.gpu.device import cupy
from ovgpu.plugins.gpu.encoder import Record
from ovgpu.plugins.gpu.segment import GpuSegment
from ovgpu.plugins.gpu.staging import Replan
from ovgpu.plugins.gpu.transfers import wait_for
from ovgpu.plugins.plugin import InferenceCancelled


class GraphCache:
    """The CUDA graphs of one job's segments, at most ``limit``: the least recently launched one goes first."""

    def __init__(self, stream: Any, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        #: Segments with a graph, the least recently launched first.
        self._segments: OrderedDict[int, GpuSegment] = OrderedDict()

    def __len__(self) -> int:
        return len(self._segments)

    def launch(self, segment: GpuSegment) -> None:
        """Replay the graph of a segment that has one. Raises RuntimeError."""
        self._segments.move_to_end(id(segment))
        try:
            segment.graph.launch(self._stream)
        except Exception as error:
            raise RuntimeError(f"replaying the CUDA graph failed: {error}") from error

    def capture(self, segment: GpuSegment) -> bool:
        """Make the graph of a segment. Returns False when it cannot have one; nothing has run then."""
        if not segment.capturable or self._limit < 1:
            return False
        self._stream.begin_capture()
        try:
            for record in segment.records:
                record.run(self._stream.ptr)
        except Exception:
            self._abandon_capture()
            segment.capture_failed = True
            return False
        try:
            segment.graph = self._stream.end_capture()
        except Exception:
            segment.capture_failed = True
            return False
        self._segments[id(segment)] = segment
        if len(self._segments) > self._limit:
            _, oldest = self._segments.popitem(last=False)
            oldest.graph, oldest.runs = None, 0
        return True

    def _abandon_capture(self) -> None:
        try:
            self._stream.end_capture()
        except Exception:
            return  # the capture was invalidated, which is why it is abandoned

    def forget(self, segment: GpuSegment) -> None:
        """Drop the graphs of a plan that goes, and of what follows it."""
        for found in segment.tree():
            self._segments.pop(id(found), None)

    def clear(self) -> None:
        """Drop the graphs of all plans, which go with them."""
        self._segments.clear()


class Runner:
    """Enqueues segments on a job's stream.

    Args:
        stream: a CuPy stream.
        profile: whether to measure what each instruction takes.
        graph_limit: CUDA graphs to keep; 0 for none.
    """

    def __init__(self, stream: Any, profile: bool, graph_limit: int) -> None:
        self.graphs = GraphCache(stream, graph_limit)
        #: Seconds that instructions took in the last inference, where it was profiled.
        self.times: dict[int, float] = {}
        #: Segments of that inference.
        self.ran: list[GpuSegment] = []
        self._stream = stream
        self._profile = profile

    def run(self, segment: GpuSegment) -> None:
        """Run a segment; from the second time on as a graph, if it can have one."""
        if segment.graph is not None:
            self.graphs.launch(segment)
        elif self._profile:
            self._run_timed(segment)
        else:
            segment.runs += 1
            if segment.runs > 1 and self.graphs.capture(segment):
                self.graphs.launch(segment)
            else:
                for record in segment.records:
                    self._run_record(record)

    def _run_record(self, record: Record) -> None:
        """The one place where records run eagerly, hence the range that profilers show for an operation."""
        push_range(record.name, "op")
        try:
            record.run(self._stream.ptr)
        except (InferenceCancelled, Replan):
            raise
        except Exception as error:
            raise RuntimeError(f"'{record.name}' failed: {error}") from error
        finally:
            pop_range()

    # ---- profiles ---------------------------------------------------------------------------------------------------
    def _run_timed(self, segment: GpuSegment) -> None:
        """Run and add up what each instruction takes: device time by events, host work by the clock."""
        self.ran.append(segment)
        module = cupy()
        timed: list[tuple[int, Any, Any]] = []
        for record in segment.records:
            begun = time.perf_counter()
            before, after = module.cuda.Event(), module.cuda.Event()
            before.record(self._stream)
            self._run_record(record)
            after.record(self._stream)
            if record.capturable:
                timed.append((record.instruction, before, after))
            else:
                self.add_time(record.instruction, time.perf_counter() - begun)
        wait_for(self._stream.ptr)
        for instruction, before, after in timed:
            self.add_time(instruction, module.cuda.get_elapsed_time(before, after) / 1e3)

    def add_time(self, instruction: int, seconds: float) -> None:
        """Note for profiles what an instruction took."""
        if self._profile:
            self.times[instruction] = self.times.get(instruction, 0.0) + seconds

    def forget_times(self) -> None:
        """An inference begins."""
        self.times.clear()
        self.ran.clear()
