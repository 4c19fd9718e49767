"""A pool of infer requests that keeps a device busy."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from ovgpu.graph.arguments import as_int64, incompatible_arguments
from ovgpu.inference.compiled_model import CompiledModel
from ovgpu.inference.infer_request import InferRequest


class AsyncInferQueue:
    """A pool of ``jobs`` infer requests; :meth:`start_async` uses the next idle one and blocks while there is none.

    Requests that ``queue[i]`` or iteration give are for reading results; starting them directly is not supported.

    Args:
        model: the compiled model.
        jobs: number of requests; 0 takes the device's ``OPTIMAL_NUMBER_OF_INFER_REQUESTS``.

    An exception in a callback, or of an inference, is raised once, by the next :meth:`wait_all`, :meth:`start_async`
    or :meth:`is_ready`; the other jobs still finish and the queue stays usable.
    """

    def __init__(self, model: CompiledModel, jobs: int = 0) -> None:
        count = as_int64(jobs)
        if not isinstance(model, CompiledModel) or count is None or count < 0:
            raise incompatible_arguments(
                "__init__",
                ["ovgpu.AsyncInferQueue(model: ovgpu.CompiledModel, jobs: typing.SupportsInt = 0)"],
                (model, jobs),
            )
        if count == 0:
            count = int(model.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self._requests = [model.create_infer_request() for _ in range(count)]
        self._userdata: list[Any] = [None] * count
        self._callback: Callable[[InferRequest, Any], Any] | None = None
        self._errors: deque[BaseException] = deque()
        self._idle: deque[int] = deque(range(count))
        self._changed = threading.Condition(threading.Lock())

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[InferRequest]:
        return iter(self._requests)

    def __getitem__(self, i: int) -> InferRequest:
        """The request with id ``i``. Raises IndexError beyond the last one, TypeError for a negative id."""
        index = as_int64(i)
        if index is None or index < 0:
            raise incompatible_arguments(
                "__getitem__",
                ["(self: ovgpu.AsyncInferQueue, arg0: typing.SupportsInt) -> ovgpu.InferRequest"],
                (self, i),
            )
        if index >= len(self._requests):
            raise IndexError(f"request {index} of a queue with {len(self._requests)} jobs")
        return self._requests[index]

    @property
    def userdata(self) -> list[Any]:
        """The userdata last given for each request."""
        return list(self._userdata)

    def set_callback(self, callback: Callable[[InferRequest, Any], Any]) -> None:
        """Call ``callback(request, userdata)`` on a worker thread after each job that succeeded."""
        if not callable(callback):
            raise incompatible_arguments(
                "set_callback",
                ["(self: ovgpu.AsyncInferQueue, arg0: collections.abc.Callable) -> None"],
                (self, callback),
            )
        self._callback = callback

    def start_async(
        self, inputs: Any = None, userdata: Any = None, share_inputs: bool = False
    ) -> None:
        """Start a job on an idle request, waiting for one if need be.

        Inputs are copied before this returns, unless ``share_inputs``. Raises as :meth:`InferRequest.infer`, and the
        pending error of an earlier job.
        """
        with self._changed:
            self._wait_for_idle()
            self._raise_pending()
            index = self._idle.popleft()
        request = self._requests[index]
        try:
            self._start(index, request, inputs, userdata, share_inputs)
        except BaseException:
            self._release(index, front=True)
            raise

    def _start(
        self, index: int, request: InferRequest, inputs: Any, userdata: Any, share: bool
    ) -> None:
        if not request._busy.acquire(False):
            raise RuntimeError("Infer Request is busy")
        try:
            if inputs is not None:
                request._bind(inputs, share)
            self._userdata[index] = userdata
            request._launch(lambda error: self._finish(index, request, userdata, error))
        except BaseException:
            request._busy.release()
            raise

    def _finish(
        self, index: int, request: InferRequest, userdata: Any, error: BaseException | None
    ) -> None:
        request._ended = time.perf_counter_ns()
        # The callback may read the request, but nobody gets it as an idle one before the callback has ended.
        request._busy.release()
        if error is None and self._callback is not None:
            try:
                self._callback(request, userdata)
            except BaseException as raised:
                error = raised
        self._release(index, error)

    def _release(self, index: int, error: BaseException | None = None, front: bool = False) -> None:
        with self._changed:
            if error is not None:
                self._errors.append(error)
            if front:
                self._idle.appendleft(index)
            else:
                self._idle.append(index)
            self._changed.notify_all()

    def _wait_for_idle(self) -> None:
        while not self._idle:
            self._changed.wait()

    def _raise_pending(self) -> None:
        if self._errors:
            first = self._errors.popleft()
            self._errors.clear()
            raise first

    def wait_all(self) -> None:
        """Wait until all jobs have ended, their callbacks included. Raises the first pending error, once."""
        with self._changed:
            while len(self._idle) < len(self._requests):
                self._changed.wait()
            self._raise_pending()

    def is_ready(self) -> bool:
        """Whether a request is idle. Raises the pending error of an earlier job."""
        with self._changed:
            self._raise_pending()
            return bool(self._idle)

    def get_idle_request_id(self) -> int:
        """Wait until a request is idle and return its id; the next :meth:`start_async` uses that one."""
        with self._changed:
            self._wait_for_idle()
            self._raise_pending()
            return self._idle[0]

    def __repr__(self) -> str:
        return f"<AsyncInferQueue: {len(self._requests)} jobs>"
