"""Streams, events and host callbacks under all policies; seeded synchronisation bugs."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from cudasim.sync_programs import ADD, PROGRAMS, N, Setting

SEEDS = range(1, 21)
pytestmark = pytest.mark.gpu_sim


@pytest.fixture
def cp():
    import cupy

    return cupy


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
class TestSynchronisationBugs:
    @pytest.mark.gpu_sim(policy=["lazy", "eager", *(f"random:{seed}" for seed in SEEDS)])
    def test_correct_program_is_right(self, cp, program):
        assert program(Setting(cp), True)

    @pytest.mark.gpu_sim(policy="lazy")
    def test_bug_is_found_by_lazy_streams_every_time(self, cp, cudasim, program):
        for _ in range(5):
            assert not program(Setting(cp), False)
            cudasim.finish()

    @pytest.mark.gpu_sim(policy="lazy")
    def test_bug_is_found_by_some_random_seeds(self, cp, cudasim, program):
        wrong = 0
        for seed in SEEDS:
            setting = Setting(cp)
            cudasim.set_policy(f"random:{seed}")
            wrong += not program(setting, False)
            cudasim.finish()
        assert wrong >= 1, f"none of {len(SEEDS)} seeds made the bug visible"


def test_random_policy_repeats_with_its_seed(cp, cudasim):
    def run(seed):
        setting = Setting(cp)
        names = {}
        cudasim.set_policy(f"random:{seed}")
        with cudasim.trace() as lines:
            for _ in range(4):
                setting.add(setting.a, setting.b, 1, setting.s1)
                setting.add(setting.a, setting.c, 1, setting.s2)
            setting.s1.synchronize()
            setting.s2.synchronize()
        # streams are numbered in order of creation: name them by first appearance
        return [
            (verb, names.setdefault(stream, len(names)), *rest)
            for verb, stream, *rest in (line.split() for line in lines)
        ]

    assert run(3) == run(3)
    assert any(run(3) != run(other) for other in range(4, 12))


def test_pageable_input_is_staged_at_the_call(cp):
    s = Setting(cp)
    pageable = np.ones(N, "f")
    s.a.set(pageable, stream=s.s1)
    pageable[:] = 100
    s.add(s.a, s.b, 1, s.s1)
    assert (s.result(s.b, s.s1) == 2).all()


def test_pageable_output_waits(cp, cudasim):
    s = Setting(cp)
    s.add(s.a, s.b, 4, s.s1)
    with cudasim.counting() as grown:
        out = np.zeros(N, "f")
        s.download(s.b, out, s.s1)
        assert (out == 4).all()
    assert grown["synchronizes"] == 1


def test_blocking_streams_are_ordered_with_the_legacy_stream(cp):
    s = Setting(cp)
    blocking = cp.cuda.Stream()
    s.add(s.a, s.b, 1, cp.cuda.Stream.null)
    s.add(s.b, s.c, 1, blocking)
    s.add(s.c, s.a, 1, cp.cuda.Stream.null)
    assert (s.result(s.a, cp.cuda.Stream.null) == 3).all()


def test_per_thread_default_stream_is_a_blocking_stream_of_the_thread(cp, cudasim):
    s = Setting(cp)
    s.add(s.a, s.b, 1, cp.cuda.Stream.null)
    s.add(s.b, s.c, 1, cp.cuda.Stream.ptds)
    assert (s.result(s.c, cp.cuda.Stream.ptds) == 2).all()


def test_query_makes_progress_but_does_not_wait(cp):
    s = Setting(cp)
    for _ in range(3):
        s.add(s.a, s.b, 1, s.s1)
    answers = [s.s1.done for _ in range(4)]
    assert answers == [False, False, False, True]


def test_event_times_and_states(cp):
    runtime = cp.cuda.runtime
    s = Setting(cp)
    start, end, unrecorded = cp.cuda.Event(), cp.cuda.Event(), cp.cuda.Event()
    start.record(s.s1)
    s.add(s.a, s.b, 1, s.s1)
    end.record(s.s1)
    with pytest.raises(runtime.CUDARuntimeError, match="NotReady"):
        cp.cuda.get_elapsed_time(start, end)
    end.synchronize()
    assert 0 <= cp.cuda.get_elapsed_time(start, end) < 1000
    assert unrecorded.done  # an event that was never recorded is complete
    with pytest.raises(runtime.CUDARuntimeError, match="InvalidResourceHandle"):
        cp.cuda.get_elapsed_time(start, unrecorded)
    quick = cp.cuda.Event(disable_timing=True)
    quick.record(s.s1)
    quick.synchronize()
    with pytest.raises(runtime.CUDARuntimeError, match="InvalidResourceHandle"):
        cp.cuda.get_elapsed_time(start, quick)


def test_destroyed_handles_are_refused(cp):
    runtime = cp.cuda.runtime
    stream = runtime.streamCreateWithFlags(1)
    event = runtime.eventCreate()
    runtime.streamDestroy(stream)
    runtime.eventDestroy(event)
    for call in (
        lambda: runtime.streamSynchronize(stream),
        lambda: runtime.eventSynchronize(event),
        lambda: runtime.eventRecord(event, 0),
        lambda: runtime.streamDestroy(stream),
    ):
        with pytest.raises(runtime.CUDARuntimeError, match="InvalidResourceHandle"):
            call()


def test_host_callback_may_not_call_cuda(cp):
    s = Setting(cp)
    caught = []

    def callback(_):
        try:
            cp.cuda.runtime.deviceSynchronize()
        except cp.cuda.runtime.CUDARuntimeError as error:
            caught.append(str(error))

    s.s1.launch_host_func(callback, None)
    s.s1.synchronize()
    assert len(caught) == 1
    assert "NotPermitted" in caught[0]


@pytest.mark.gpu_sim(policy=["lazy", "eager", "random:9"])
def test_four_threads_with_own_streams(cp):
    kernel = cp.RawKernel(ADD, "add")
    wrong, calls = [], []

    def job(number):
        stream = cp.cuda.Stream(non_blocking=True)
        pinned = [np.frombuffer(cp.cuda.alloc_pinned_memory(4 * N), "f", N) for _ in range(2)]
        with stream:
            for step in range(25):
                x, y = cp.empty(N, "f"), cp.empty(N, "f")
                pinned[0][:] = number * 1000 + step
                x.set(pinned[0], stream=stream)
                kernel((1,), (N,), (x, y, np.float32(1), np.int32(N)))
                y.get(stream=stream, out=pinned[1], blocking=False)
                stream.launch_host_func(calls.append, (number, step))
                stream.synchronize()
                if not (pinned[1] == number * 1000 + step + 1).all():
                    wrong.append((number, step))

    threads = [threading.Thread(target=job, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert not any(t.is_alive() for t in threads)
    assert not wrong
    assert len(calls) == 100


def test_slow_stream_does_nothing_before_it_is_waited_for(cp, cudasim):
    s = Setting(cp)
    cudasim.set_policy("eager")
    cudasim.set_slow_stream(s.s1.ptr)
    s.add(s.a, s.b, 1, s.s1)
    s.add(s.a, s.c, 1, s.s2)
    assert cudasim.peek(s.b.data.ptr, 4) == bytes(4)
    assert cudasim.peek(s.c.data.ptr, 4) == np.float32(1).tobytes()
    s.s1.synchronize()
    assert cudasim.peek(s.b.data.ptr, 4) == np.float32(1).tobytes()
