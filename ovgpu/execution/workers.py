"""Threads on which asynchronous inferences of host devices run."""

from __future__ import annotations

import atexit
import queue
import threading
import weakref
from collections.abc import Callable

Task = Callable[[], object]
OnDone = Callable[[BaseException | None], object]

_live_pools: weakref.WeakSet[WorkerPool]


class WorkerPool:
    """A fixed number of threads that run tasks in the order of submission.

    Threads start with the first tasks and are daemons: a process never hangs on a pool. At interpreter exit the pools
    are closed first, so that no thread touches a half torn down interpreter.

    Args:
        size: number of threads, for an inference device its number of streams.
        name: prefix of the threads' names, as profilers show them.
    """

    def __init__(self, size: int, name: str = "ovgpu") -> None:
        if size < 1:
            raise ValueError(f"a worker pool needs at least one thread, got {size}")
        self._size = size
        self._name = name
        self._tasks: queue.SimpleQueue[tuple[Task, OnDone] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._unfinished = 0
        self._closed = False
        _live_pools.add(self)

    @property
    def size(self) -> int:
        """Number of threads."""
        return self._size

    def submit(self, task: Task, on_done: OnDone) -> None:
        """Run ``task()`` on a thread of the pool, then ``on_done(error or None)`` on the same thread, exactly once.

        An exception that ``on_done`` itself raises goes to ``threading.excepthook``; the thread lives on.
        Raises RuntimeError when the pool is closed.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("The worker pool is closed")
            self._unfinished += 1
            # One thread per task in flight, up to the size: an idle one takes it, or a new one does.
            if self._unfinished > len(self._threads) < self._size:
                self._start_thread()
            self._tasks.put((task, on_done))

    def _start_thread(self) -> None:
        # The thread holds the queue, not the pool: a pool that nobody refers to can end.
        thread = threading.Thread(
            target=_work,
            args=(self._tasks, weakref.ref(self)),
            name=f"{self._name}-{len(self._threads)}",
            daemon=True,
        )
        self._threads.append(thread)
        thread.start()

    def _finished(self) -> None:
        with self._lock:
            self._unfinished -= 1

    def close(self, timeout: float | None = None) -> None:
        """Refuse further tasks, finish those submitted and end the threads.

        Args:
            timeout: seconds to wait for each thread; None waits as long as it takes.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            threads = self._threads
            for _ in threads:
                self._tasks.put(None)
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(timeout)

    def __del__(self) -> None:
        # Reached without close(): wake the threads so that they end; nobody can wait for them here.
        for _ in self.__dict__.get("_threads", ()):
            self._tasks.put(None)


def _work(
    tasks: queue.SimpleQueue[tuple[Task, OnDone] | None], pool_ref: weakref.ref[WorkerPool]
) -> None:
    while (item := tasks.get()) is not None:
        task, on_done = item
        error: BaseException | None = None
        try:
            task()
        except BaseException as raised:
            error = raised
        # Before on_done: it may submit the next task, which this very thread will be free to take.
        pool = pool_ref()
        if pool is not None:
            pool._finished()
        del pool
        try:
            on_done(error)
        except BaseException as raised:
            threading.excepthook(
                threading.ExceptHookArgs(
                    (type(raised), raised, raised.__traceback__, threading.current_thread())
                )
            )
        del item, task, on_done, error


_live_pools = weakref.WeakSet()


@atexit.register
def close_all_pools() -> None:
    """Close the pools of the process; see :meth:`WorkerPool.close`."""
    for pool in list(_live_pools):
        # A task that does not end within a second is abandoned; its thread is a daemon.
        pool.close(timeout=1.0)
