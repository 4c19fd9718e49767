"""The worker pool: order, errors, ends."""

from __future__ import annotations

import gc
import threading
import time

import pytest

from ovgpu.execution.workers import WorkerPool


class Results:
    """Collects what ``on_done`` gets."""

    def __init__(self) -> None:
        self.errors: list[BaseException | None] = []
        self._arrived = threading.Semaphore(0)

    def __call__(self, error: BaseException | None) -> None:
        self.errors.append(error)
        self._arrived.release()

    def wait(self, count: int = 1) -> None:
        for _ in range(count):
            assert self._arrived.acquire(timeout=10)


def test_tasks_run_in_order_on_one_thread() -> None:
    pool, results, order = WorkerPool(1), Results(), []
    for i in range(100):
        pool.submit(lambda i=i: order.append((i, threading.current_thread())), results)
    results.wait(100)
    assert [i for i, _ in order] == list(range(100))
    assert len({thread for _, thread in order}) == 1
    assert results.errors == [None] * 100


def test_threads_start_when_needed_and_are_daemons() -> None:
    pool, results, gate = WorkerPool(3, "named"), Results(), threading.Event()
    before = threading.active_count()
    pool.submit(lambda: None, results)
    results.wait()
    time.sleep(0.01)
    pool.submit(lambda: None, results)
    results.wait()
    assert threading.active_count() <= before + 2
    for _ in range(8):
        pool.submit(gate.wait, results)
    threads = [t for t in threading.enumerate() if t.name.startswith("named-")]
    assert len(threads) == 3 == pool.size
    assert all(t.daemon for t in threads)
    gate.set()
    results.wait(8)
    pool.close()
    assert not any(t.is_alive() for t in threads)


def test_errors_reach_on_done() -> None:
    pool, results = WorkerPool(1), Results()

    def fail() -> None:
        raise KeyboardInterrupt("even this")

    pool.submit(fail, results)
    pool.submit(lambda: None, results)
    results.wait(2)
    assert isinstance(results.errors[0], KeyboardInterrupt)
    assert results.errors[1] is None


def test_error_of_on_done_is_reported_and_the_thread_lives_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported, arrived = [], threading.Event()

    def hook(arguments: threading.ExceptHookArgs) -> None:
        reported.append(arguments.exc_value)
        arrived.set()

    monkeypatch.setattr(threading, "excepthook", hook)
    pool, results = WorkerPool(1), Results()

    def fail(error: BaseException | None) -> None:
        raise ValueError("lost?")

    pool.submit(lambda: None, fail)
    assert arrived.wait(10)
    pool.submit(lambda: None, results)
    results.wait()
    assert [str(error) for error in reported] == ["lost?"]


def test_on_done_may_submit() -> None:
    pool, done, count = WorkerPool(1), threading.Event(), [0]

    def again(error: BaseException | None) -> None:
        count[0] += 1
        if count[0] == 50:
            done.set()
        else:
            pool.submit(lambda: None, again)

    pool.submit(lambda: None, again)
    assert done.wait(10)


def test_close_finishes_what_was_submitted() -> None:
    pool, results = WorkerPool(2), Results()
    for _ in range(20):
        pool.submit(lambda: time.sleep(0.001), results)
    pool.close()
    assert len(results.errors) == 20
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(lambda: None, results)
    pool.close()


def test_forgotten_pool_ends_its_threads() -> None:
    pool, results = WorkerPool(2, "forgotten"), Results()
    pool.submit(lambda: None, results)
    results.wait()
    threads = [t for t in threading.enumerate() if t.name.startswith("forgotten-")]
    assert threads
    del pool
    gc.collect()
    for thread in threads:
        thread.join(10)
    assert not any(t.is_alive() for t in threads)


def test_size_must_be_positive() -> None:
    with pytest.raises(ValueError, match="at least one thread"):
        WorkerPool(0)
