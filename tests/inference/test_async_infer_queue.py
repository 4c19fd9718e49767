"""AsyncInferQueue: order, callbacks, errors, and that nothing is lost or stuck."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

import ovgpu as ov
from tests.inference.fake_plugin import FakePlugin

ONES = np.ones((2, 3), np.float32)


def test_size(compiled: ov.CompiledModel) -> None:
    queue = ov.AsyncInferQueue(compiled, 2)
    assert repr(queue) == "<AsyncInferQueue: 2 jobs>"
    assert len(queue) == 2
    assert len(list(queue)) == 2
    assert all(isinstance(request, ov.InferRequest) for request in queue)
    assert queue.userdata == [None, None]
    assert len(ov.AsyncInferQueue(compiled)) == len(ov.AsyncInferQueue(compiled, 0)) == 3
    with pytest.raises(IndexError):
        queue[2]
    for wrong in (-1, "0"):
        with pytest.raises(TypeError):
            queue[wrong]  # type: ignore[index]
    for arguments in ((compiled, -1), (5,), (compiled, "2")):
        with pytest.raises(TypeError, match="incompatible constructor arguments"):
            ov.AsyncInferQueue(*arguments)  # type: ignore[arg-type]


def test_thousand_jobs_over_four_requests(compiled: ov.CompiledModel) -> None:
    queue = ov.AsyncInferQueue(compiled, 4)
    results: dict[int, float] = {}
    threads = set()

    def collect(request: ov.InferRequest, userdata: int) -> None:
        threads.add(threading.current_thread())
        assert request.userdata is None
        results[userdata] = float(request.results[0].sum() + request.get_output_tensor().data[0, 0])

    queue.set_callback(collect)
    buffer = np.empty((2, 3), np.float32)
    for i in range(1000):
        buffer[:] = i  # inputs are copied, so one buffer serves all jobs
        queue.start_async({0: buffer}, userdata=i)
    queue.wait_all()
    assert results == {i: 7.0 * i for i in range(1000)}
    assert threading.current_thread() not in threads


def test_results_by_request_id(compiled: ov.CompiledModel) -> None:
    queue = ov.AsyncInferQueue(compiled, 4)
    for i in range(4):
        queue.start_async({0: ONES * i}, userdata=f"job {i}")
    queue.wait_all()
    assert [queue[i].get_output_tensor().data[0, 0] for i in range(4)] == [0, 1, 2, 3]
    assert queue.userdata == [f"job {i}" for i in range(4)]


def test_idle_requests_rotate(compiled: ov.CompiledModel) -> None:
    queue = ov.AsyncInferQueue(compiled, 3)
    order = []
    for _ in range(7):
        order.append(queue.get_idle_request_id())
        assert queue.get_idle_request_id() == order[-1]
        queue.start_async(ONES)
        queue.wait_all()
    assert order == [0, 1, 2, 0, 1, 2, 0]


def test_start_blocks_while_all_are_busy(compiled: ov.CompiledModel, device: FakePlugin) -> None:
    queue = ov.AsyncInferQueue(compiled, 2)
    device.gate.clear()
    queue.start_async(ONES)
    assert queue.is_ready()
    queue.start_async(ONES)
    assert not queue.is_ready()
    returned = []

    def third() -> None:
        queue.start_async(ONES)
        returned.append(queue.get_idle_request_id())

    thread = threading.Thread(target=third)
    thread.start()
    time.sleep(0.05)
    assert not returned
    device.gate.set()
    thread.join(10)
    assert len(returned) == 1
    queue.wait_all()


def test_request_is_not_reused_before_its_callback_has_ended(compiled: ov.CompiledModel) -> None:
    queue = ov.AsyncInferQueue(compiled, 2)
    inside: set[int] = set()
    collisions = []

    def slow(request: ov.InferRequest, userdata: Any) -> None:
        if id(request) in inside:
            collisions.append(userdata)
        inside.add(id(request))
        time.sleep(0.001)
        inside.remove(id(request))

    queue.set_callback(slow)
    for i in range(40):
        queue.start_async(ONES, i)
    queue.wait_all()
    assert not collisions


@pytest.mark.parametrize("waiting", ["wait_all", "start_async", "is_ready", "get_idle_request_id"])
def test_callback_that_raises_is_reported_once(compiled: ov.CompiledModel, waiting: str) -> None:
    queue = ov.AsyncInferQueue(compiled, 2)
    done: list[int] = []
    ended = threading.Event()

    def sometimes(request: ov.InferRequest, userdata: int) -> None:
        if userdata == 1:
            raise ValueError("bad 1")
        done.append(userdata)
        if userdata == 0:
            ended.set()

    queue.set_callback(sometimes)
    queue.start_async(ONES, 0)
    assert ended.wait(10)
    queue.start_async(ONES, 1)
    while len(queue._idle) < 2:  # whichever call comes next finds the error there
        time.sleep(0.001)
    call = {
        "wait_all": queue.wait_all,
        "start_async": lambda: queue.start_async(ONES, 2),
        "is_ready": queue.is_ready,
        "get_idle_request_id": queue.get_idle_request_id,
    }[waiting]
    with pytest.raises(ValueError, match=r"^bad 1$"):
        call()
    for i in range(3, 9):
        queue.start_async(ONES, i)
    queue.wait_all()
    assert sorted(done) == [0, *range(3, 9)]


def test_other_jobs_finish_when_a_callback_raises(compiled: ov.CompiledModel) -> None:
    queue = ov.AsyncInferQueue(compiled, 4)
    done = []

    def sometimes(request: ov.InferRequest, userdata: int) -> None:
        if userdata % 3 == 0:
            raise ValueError(f"bad {userdata}")
        done.append(userdata)

    queue.set_callback(sometimes)
    raised = 0
    for i in range(60):
        try:
            queue.start_async(ONES, i)
        except ValueError:
            raised += 1
            queue.start_async(ONES, i)
    try:
        queue.wait_all()
    except ValueError:
        raised += 1
    queue.wait_all()
    assert raised
    assert sorted(done) == [i for i in range(60) if i % 3]


def test_failed_inference_is_reported_once(compiled: ov.CompiledModel, device: FakePlugin) -> None:
    queue = ov.AsyncInferQueue(compiled, 2)
    calls: list[Any] = []
    queue.set_callback(lambda request, userdata: calls.append(userdata))
    device.failure = RuntimeError("out of luck")
    queue.start_async(ONES, 1)
    with pytest.raises(RuntimeError, match="out of luck"):
        queue.wait_all()
    device.failure = None
    queue.wait_all()
    assert calls == []
    queue.start_async(ONES, 2)
    queue.wait_all()
    assert calls == [2]


def test_wrong_inputs_leave_the_queue_usable(compiled: ov.CompiledModel) -> None:
    queue = ov.AsyncInferQueue(compiled, 1)
    for inputs in (np.ones((2, 4), np.float32), {"nope": ONES}):
        with pytest.raises(RuntimeError):
            queue.start_async(inputs)
    queue.start_async(ONES)
    queue.wait_all()
    assert queue[0].results[0].tolist() == ONES.tolist()


def test_callback_must_be_callable(compiled: ov.CompiledModel) -> None:
    with pytest.raises(TypeError, match="incompatible function arguments"):
        ov.AsyncInferQueue(compiled, 1).set_callback(5)  # type: ignore[arg-type]


def test_callback_of_a_request_does_not_disturb_the_queue(compiled: ov.CompiledModel) -> None:
    queue = ov.AsyncInferQueue(compiled, 1)
    queue[0].set_callback(lambda userdata: None, None)
    queue.start_async(ONES)
    queue.wait_all()


def one_round(compiled: ov.CompiledModel, number: int) -> None:
    queue = ov.AsyncInferQueue(compiled, 1 + number % 4)
    lock = threading.Lock()
    called, started = [0], [0]

    def callback(request: ov.InferRequest, userdata: int) -> None:
        with lock:
            called[0] += 1
        if userdata % 5 == 4:
            raise ValueError(userdata)

    def feed() -> None:
        for i in range(5):
            try:
                queue.start_async(ONES, i)
            except ValueError:
                continue  # an earlier job's error: this one was not started
            with lock:
                started[0] += 1

    queue.set_callback(callback)
    feeders = [threading.Thread(target=feed) for _ in range(number % 3)]
    for feeder in feeders:
        feeder.start()
    feed()
    for feeder in feeders:
        feeder.join()
    try:
        queue.wait_all()
    except ValueError:
        queue.wait_all()
    assert called == started


def test_interleaved_waiting_never_blocks(compiled: ov.CompiledModel) -> None:
    """200 rounds in which callbacks raise, jobs fail to start and several threads feed one queue."""
    finished = threading.Event()

    def rounds() -> None:
        for number in range(200):
            one_round(compiled, number)
        finished.set()

    thread = threading.Thread(target=rounds, daemon=True)
    thread.start()
    thread.join(60)
    assert finished.is_set()
