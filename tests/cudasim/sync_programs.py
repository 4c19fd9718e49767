"""Small programs with one synchronisation each: with it they are right, without it they are wrong.

Each takes a Setting and `correct`; it returns True if its result is the expected one. Left out the
synchronisation, the program is wrong on hardware too, though there it may go unnoticed for years.
"""

from __future__ import annotations

import types
from collections.abc import Callable

import numpy as np

N = 256
ADD = """extern "C" __global__ void add(const float* x, float* y, float c, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = x[i] + c;
}"""


class Setting:
    """Two non-blocking streams, three device arrays of zeros, two pinned host arrays."""

    def __init__(self, cupy: types.ModuleType) -> None:
        self.cp = cupy
        self.kernel = cupy.RawKernel(ADD, "add")
        self.s1, self.s2 = (cupy.cuda.Stream(non_blocking=True) for _ in range(2))
        self.a, self.b, self.c = (cupy.zeros(N, "f") for _ in range(3))
        self.host_in, self.host_out = self.pinned(), self.pinned()
        cupy.cuda.Device().synchronize()

    def pinned(self) -> np.ndarray:
        array = np.frombuffer(self.cp.cuda.alloc_pinned_memory(4 * N), "f", N)
        array[:] = 0
        return array

    def add(self, x, y, c: float, stream) -> None:
        self.kernel((1,), (N,), (x, y, np.float32(c), np.int32(N)), stream=stream)

    def upload(self, array, host: np.ndarray, stream) -> None:
        """As array.set(), which CuPy refuses while capturing."""
        runtime = self.cp.cuda.runtime
        runtime.memcpyAsync(
            array.data.ptr, host.ctypes.data, host.nbytes, runtime.memcpyHostToDevice, stream.ptr
        )

    def download(self, array, host: np.ndarray, stream) -> None:
        """As array.get(blocking=False), which CuPy refuses while capturing."""
        runtime = self.cp.cuda.runtime
        runtime.memcpyAsync(
            host.ctypes.data, array.data.ptr, host.nbytes, runtime.memcpyDeviceToHost, stream.ptr
        )

    def event(self, stream):
        event = self.cp.cuda.Event(disable_timing=True)
        event.record(stream)
        return event

    def result(self, array, stream) -> np.ndarray:
        """The array as `stream` sees it, and nothing else waited for."""
        array.get(stream=stream, out=self.host_out, blocking=False)
        stream.synchronize()
        return self.host_out


def event_between_streams(s: Setting, correct: bool) -> bool:
    s.add(s.a, s.b, 1, s.s1)
    if correct:
        s.s2.wait_event(s.event(s.s1))
    s.add(s.b, s.c, 1, s.s2)
    return bool((s.result(s.c, s.s2) == 2).all())


def event_recorded_after_the_work(s: Setting, correct: bool) -> bool:
    early = s.event(s.s1)
    s.add(s.a, s.b, 1, s.s1)
    s.s2.wait_event(s.event(s.s1) if correct else early)
    s.add(s.b, s.c, 1, s.s2)
    return bool((s.result(s.c, s.s2) == 2).all())


def wait_before_overwriting_what_another_stream_reads(s: Setting, correct: bool) -> bool:
    s.add(s.a, s.b, 1, s.s1)  # reads a
    if correct:
        s.s2.wait_event(s.event(s.s1))
    s.add(s.c, s.a, 9, s.s2)  # overwrites a
    s.s2.synchronize()
    return bool((s.result(s.b, s.s1) == 1).all())


def pinned_input_reused(s: Setting, correct: bool) -> bool:
    s.host_in[:] = 1
    s.a.set(s.host_in, stream=s.s1)
    if correct:
        s.s1.synchronize()
    s.host_in[:] = 100
    s.add(s.a, s.b, 1, s.s1)
    return bool((s.result(s.b, s.s1) == 2).all())


def pinned_output_read(s: Setting, correct: bool) -> bool:
    s.add(s.a, s.b, 5, s.s1)
    s.b.get(stream=s.s1, out=s.host_out, blocking=False)
    if correct:
        s.s1.synchronize()
    return bool((s.host_out == 5).all())


def synchronised_with_the_right_stream(s: Setting, correct: bool) -> bool:
    s.add(s.a, s.b, 5, s.s1)
    s.b.get(stream=s.s1, out=s.host_out, blocking=False)
    (s.s1 if correct else s.s2).synchronize()
    return bool((s.host_out == 5).all())


def default_stream_and_non_blocking_stream(s: Setting, correct: bool) -> bool:
    with s.cp.cuda.Stream.null:
        s.add(s.a, s.b, 3, s.cp.cuda.Stream.null)
    if correct:
        s.cp.cuda.Stream.null.synchronize()
    s.add(s.b, s.c, 1, s.s1)
    return bool((s.result(s.c, s.s1) == 4).all())


def host_callback_waited_for(s: Setting, correct: bool) -> bool:
    seen: list[int] = []
    s.add(s.a, s.b, 1, s.s1)
    s.s1.launch_host_func(seen.append, 7)
    if correct:
        s.s1.synchronize()
    return seen == [7]


def event_queried_until_done(s: Setting, correct: bool) -> bool:
    s.add(s.a, s.b, 2, s.s1)
    s.b.get(stream=s.s1, out=s.host_out, blocking=False)
    event = s.event(s.s1)
    while correct and not event.done:
        pass
    return bool((s.host_out == 2).all())


def graph_input_ordered_before_replay(s: Setting, correct: bool) -> bool:
    with s.s1:
        s.s1.begin_capture()
        s.add(s.a, s.b, 1, s.s1)
        graph = s.s1.end_capture()
    s.add(s.c, s.a, 10, s.s2)  # the input of the replay, on another stream
    if correct:
        s.s1.wait_event(s.event(s.s2))
    graph.launch(s.s1)
    return bool((s.result(s.b, s.s1) == 11).all())


def branches_of_a_graph_joined_in_order(s: Setting, correct: bool) -> bool:
    s.s1.begin_capture()
    s.add(s.a, s.c, 0, s.s1)
    fork = s.event(s.s1)
    s.s2.wait_event(fork)
    s.add(s.a, s.b, 1, s.s1)
    if correct:
        s.s2.wait_event(s.event(s.s1))
    s.add(s.b, s.c, 1, s.s2)  # reads what the other branch writes
    s.s1.wait_event(s.event(s.s2))
    graph = s.s1.end_capture()
    right = True
    for _ in range(8):  # the order of unordered branches changes from replay to replay
        s.b.data.memset_async(0, s.b.nbytes, s.s1)
        graph.launch(s.s1)
        right &= bool((s.result(s.c, s.s1) == 2).all())
    return right


def staging_buffer_of_a_pipeline_waited_for(s: Setting, correct: bool) -> bool:
    copied = None
    seen = []
    for step in range(4):
        if copied and correct:
            copied.synchronize()  # the previous copy has left the staging buffer
        s.host_in[:] = step
        s.a.set(s.host_in, stream=s.s1)
        copied = s.event(s.s1)
        s.add(s.a, s.b, 0, s.s1)
        s.s1.launch_host_func(lambda _: None, None)
        out = s.pinned()
        s.b.get(stream=s.s1, out=out, blocking=False)
        seen.append(out)
    s.s1.synchronize()
    return [o[0] for o in seen] == [0, 1, 2, 3]


PROGRAMS: list[Callable[[Setting, bool], bool]] = [
    event_between_streams,
    event_recorded_after_the_work,
    wait_before_overwriting_what_another_stream_reads,
    pinned_input_reused,
    pinned_output_read,
    synchronised_with_the_right_stream,
    default_stream_and_non_blocking_stream,
    host_callback_waited_for,
    event_queried_until_done,
    graph_input_ordered_before_replay,
    branches_of_a_graph_joined_in_order,
    staging_buffer_of_a_pipeline_waited_for,
]
