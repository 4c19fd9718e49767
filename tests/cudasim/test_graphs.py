"""Stream capture and replay, with CUDA's rules."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from cudasim.sync_programs import Setting

pytestmark = pytest.mark.gpu_sim(policy=["lazy", "eager", "random:3"])


@pytest.fixture
def s():
    import cupy

    return Setting(cupy)


@pytest.fixture
def error():
    import cupy

    return cupy.cuda.runtime.CUDARuntimeError


def capture(s, work, mode=None):
    s.s1.begin_capture(mode)
    work()
    return s.s1.end_capture()


GLOBAL, THREAD_LOCAL, RELAXED = 0, 1, 2


def test_capture_runs_nothing_and_replays_repeat(s, cudasim):
    def work():
        s.add(s.a, s.b, 1, s.s1)
        s.add(s.b, s.a, 1, s.s1)

    graph = capture(s, work)
    assert not s.result(s.a, s.s1).any()
    with cudasim.counting() as grown:
        for _ in range(3):
            graph.launch(s.s1)
        assert (s.result(s.a, s.s1) == 6).all()
    assert (grown["graph_launches"], grown["launches"], grown["graph_kernel_nodes_run"]) == (
        3,
        0,
        6,
    )
    assert grown["mallocs"] == 0


def test_arguments_are_those_of_the_capture(s):
    value = np.float32(5)
    graph = capture(s, lambda: s.add(s.a, s.b, value, s.s1))
    value += 1
    graph.launch(s.s1)
    assert (s.result(s.b, s.s1) == 5).all()


def test_copies_memsets_and_callbacks_are_nodes(s):
    calls = []

    def work():
        s.upload(s.a, s.host_in, s.s1)
        s.b.data.memset_async(0, s.b.nbytes, s.s1)
        s.add(s.a, s.b, 1, s.s1)
        s.s1.launch_host_func(calls.append, "x")
        s.download(s.b, s.host_out, s.s1)

    graph = capture(s, work)
    assert not calls
    for value in (3, 7):  # pinned memory is read when the graph runs
        s.host_in[:] = value
        graph.launch(s.s1)
        s.s1.synchronize()
        assert (s.host_out == value + 1).all()
    assert calls == ["x", "x"]


def test_fork_and_join(s):
    def work():
        s.add(s.a, s.b, 1, s.s1)
        s.s2.wait_event(s.event(s.s1))
        s.add(s.b, s.c, 1, s.s2)
        s.add(s.b, s.a, 5, s.s1)
        s.s1.wait_event(s.event(s.s2))
        s.add(s.c, s.b, 0, s.s1)

    graph = capture(s, work)
    graph.launch(s.s2)
    assert (s.result(s.b, s.s2) == 2).all()
    assert (s.result(s.a, s.s2) == 6).all()


def test_graph_as_child_of_another(s):
    inner = capture(s, lambda: s.add(s.a, s.a, 1, s.s1))

    def work():
        inner.launch(s.s1)
        inner.launch(s.s1)

    outer = capture(s, work)
    outer.launch(s.s1)
    assert (s.result(s.a, s.s1) == 2).all()


def test_launches_of_one_graph_follow_each_other(s):
    graph = capture(s, lambda: s.add(s.a, s.a, 1, s.s1))
    for _ in range(4):
        graph.launch(s.s1)
        graph.launch(s.s2)  # another stream: ordered after the first by the graph itself
    assert (s.result(s.a, s.s2) == 8).all()


# ---- illegal calls: the capture is invalidated, and end_capture says so
def invalidated(s, error, action, match, mode=RELAXED):
    s.s1.begin_capture(mode)
    s.add(s.a, s.b, 1, s.s1)
    with pytest.raises(error, match=match):
        action()
    with pytest.raises(error, match="StreamCaptureInvalidated"):
        s.cp.cuda.runtime.memsetAsync(s.a.data.ptr, 0, 4, s.s1.ptr)
    with pytest.raises(error, match="StreamCaptureInvalidated"):
        s.cp.cuda.runtime.streamEndCapture(s.s1.ptr)
    s.add(s.a, s.b, 2, s.s1)  # the stream is an ordinary one again
    assert (s.result(s.b, s.s1) == 2).all()


def test_synchronising_the_capturing_stream(s, error):
    invalidated(s, error, s.s1.synchronize, "StreamCaptureUnsupported")


def test_synchronising_the_device(s, error):
    invalidated(s, error, s.cp.cuda.Device().synchronize, "StreamCaptureUnsupported")


def test_querying_the_capturing_stream(s, error):
    runtime = s.cp.cuda.runtime

    def query():
        runtime.check_status(runtime.streamQuery(s.s1.ptr))

    invalidated(s, error, query, "StreamCaptureUnsupported")


def test_waiting_for_a_captured_event_on_the_host(s, error):
    def wait():
        s.event(s.s1).synchronize()

    invalidated(s, error, wait, "CapturedEvent")


def test_copy_with_pageable_memory(s, error):
    pageable = np.zeros(len(s.a), "f")
    invalidated(s, error, lambda: s.upload(s.a, pageable, s.s1), "StreamCaptureUnsupported")


def test_waiting_for_an_event_from_outside(s, error):
    outside = s.event(s.s2)
    invalidated(s, error, lambda: s.s1.wait_event(outside), "StreamCaptureIsolation")


def test_stream_callback(s, error):
    runtime = s.cp.cuda.runtime
    invalidated(
        s,
        error,
        lambda: runtime.streamAddCallback(s.s1.ptr, lambda *a: None, 0),
        "StreamCaptureUnsupported",
    )


@pytest.mark.parametrize("mode", [GLOBAL, THREAD_LOCAL])
def test_allocation_while_capturing(s, error, mode):
    invalidated(s, error, lambda: s.cp.cuda.runtime.malloc(64), "StreamCaptureUnsupported", mode)


def test_allocation_is_allowed_in_relaxed_mode(s):
    pointers = []
    capture(s, lambda: pointers.append(s.cp.cuda.runtime.malloc(64)), RELAXED)
    s.cp.cuda.runtime.free(pointers[0])


@pytest.mark.parametrize(
    ("mode", "allowed"), [(GLOBAL, False), (THREAD_LOCAL, True), (RELAXED, True)]
)
def test_allocation_in_another_thread(s, error, mode, allowed):
    outcome = []

    def allocate():
        try:
            s.cp.cuda.runtime.free(s.cp.cuda.runtime.malloc(64))
            outcome.append(True)
        except error:
            outcome.append(False)

    s.s1.begin_capture(mode)
    thread = threading.Thread(target=allocate)
    thread.start()
    thread.join(30)
    assert outcome == [allowed]
    if allowed:
        s.s1.end_capture()
    else:
        with pytest.raises(error, match="Invalidated"):
            s.cp.cuda.runtime.streamEndCapture(s.s1.ptr)


def test_legacy_stream_while_a_blocking_stream_captures(s, error):
    blocking = s.cp.cuda.Stream()
    blocking.begin_capture()
    with pytest.raises(Exception, match=r"(?i)capture_?implicit"):
        s.add(s.a, s.b, 1, s.cp.cuda.Stream.null)
    with pytest.raises(error, match="Invalidated"):
        s.cp.cuda.runtime.streamEndCapture(blocking.ptr)


def test_legacy_stream_while_a_non_blocking_stream_captures(s):
    s.s1.begin_capture()
    s.add(s.a, s.b, 3, s.cp.cuda.Stream.null)
    graph = s.s1.end_capture()
    graph.launch(s.s1)
    assert (s.result(s.b, s.cp.cuda.Stream.null) == 3).all()


def test_unjoined_stream(s, error):
    s.s1.begin_capture()
    s.add(s.a, s.b, 1, s.s1)
    s.s2.wait_event(s.event(s.s1))
    s.add(s.b, s.c, 1, s.s2)
    with pytest.raises(error, match="StreamCaptureUnjoined"):
        s.cp.cuda.runtime.streamEndCapture(s.s1.ptr)
    assert not s.s2.is_capturing()


def test_ending_on_another_stream(s, error):
    s.s1.begin_capture()
    s.add(s.a, s.b, 1, s.s1)
    s.s2.wait_event(s.event(s.s1))
    with pytest.raises(error, match="StreamCaptureUnmatched"):
        s.cp.cuda.runtime.streamEndCapture(s.s2.ptr)
    with pytest.raises(error, match="Invalidated"):
        s.cp.cuda.runtime.streamEndCapture(s.s1.ptr)


def test_ending_in_another_thread(s, error):
    s.s1.begin_capture(THREAD_LOCAL)
    outcome = []

    def end():
        try:
            s.cp.cuda.runtime.streamEndCapture(s.s1.ptr)
        except error as e:
            outcome.append(str(e))

    thread = threading.Thread(target=end)
    thread.start()
    thread.join(30)
    assert "StreamCaptureWrongThread" in outcome[0]
    s.s1.end_capture()


def test_merging_two_captures(s, error):
    s.s1.begin_capture()
    s.s2.begin_capture()
    s.add(s.a, s.b, 1, s.s1)
    with pytest.raises(error, match="StreamCaptureMerge"):
        s.s2.wait_event(s.event(s.s1))
    for stream in (s.s1, s.s2):
        with pytest.raises(error, match="Invalidated"):
            s.cp.cuda.runtime.streamEndCapture(stream.ptr)


def test_states_that_do_not_fit(s, error):
    runtime = s.cp.cuda.runtime
    with pytest.raises(error, match="IllegalState"):
        runtime.streamEndCapture(s.s1.ptr)
    with pytest.raises(error, match="StreamCaptureUnsupported"):
        runtime.streamBeginCapture(0)
    s.s1.begin_capture()
    assert s.s1.is_capturing()
    assert not s.s2.is_capturing()
    with pytest.raises(error, match="IllegalState"):
        runtime.streamBeginCapture(s.s1.ptr)
    s.s1.end_capture()


def test_destroyed_graphs_are_refused(s, error):
    runtime = s.cp.cuda.runtime
    runtime.streamBeginCapture(s.s1.ptr)
    s.add(s.a, s.b, 1, s.s1)
    graph = runtime.streamEndCapture(s.s1.ptr)
    executable = runtime.graphInstantiate(graph)
    runtime.graphDestroy(graph)
    runtime.graphLaunch(executable, s.s1.ptr)  # an instance of its own
    runtime.graphExecDestroy(executable)
    with pytest.raises(error, match="InvalidValue"):
        runtime.graphLaunch(executable, s.s1.ptr)
    assert (s.result(s.b, s.s1) == 1).all()  # what was in flight is finished


def test_debug_print(s, tmp_path):
    def work():
        s.add(s.a, s.b, 1, s.s1)
        s.add(s.b, s.c, 1, s.s1)

    text = capture(s, work).debug_dot_str()
    text = text.decode() if isinstance(text, bytes) else text
    assert text.count('[label="add"]') == 2
    assert "n0 -> n1" in text
