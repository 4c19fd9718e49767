"""One inference at a time on a compiled model, synchronous or asynchronous."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ovgpu.graph.arguments import as_int64, incompatible_arguments
from ovgpu.graph.port import ConstOutput
from ovgpu.inference.ov_dict import OVDict
from ovgpu.inference.request_errors import callback_error_text, inference_error
from ovgpu.inference.request_inputs import RequestInputs
from ovgpu.inference.variable_state import VariableState

if TYPE_CHECKING:
    from ovgpu.execution.profiling import ProfilingInfo
    from ovgpu.inference.compiled_model import CompiledModel
    from ovgpu.plugins.plugin import Job


class _Run:
    """One asynchronous inference: a lock that is held until it has ended, and its error text."""

    __slots__ = ("cause", "done", "error")

    def __init__(self) -> None:
        self.done = threading.Lock()
        self.done.acquire()
        self.error: str | None = None
        self.cause: BaseException | None = None

    def raise_error(self) -> None:
        if self.error is not None:
            raise RuntimeError(self.error) from self.cause


class InferRequest(RequestInputs):
    """The inputs, outputs and variables of one inference.

    Created by :meth:`CompiledModel.create_infer_request`. While an inference runs, methods that touch its tensors
    raise ``RuntimeError: Infer Request is busy``.
    """

    def __init__(self, other: InferRequest) -> None:
        """Share the state of another request: both names stand for the same inference."""
        if not isinstance(other, InferRequest):
            raise incompatible_arguments(
                "__init__", ["ovgpu.InferRequest(other: ovgpu.InferRequest)"], (other,)
            )
        self.__dict__ = other.__dict__

    @classmethod
    def _create(cls, compiled: CompiledModel) -> InferRequest:
        request = cls.__new__(cls)
        request._compiled = compiled
        request._job = compiled._plugin_model.create_job()
        request._init_tensors(compiled._ports)
        request._run = None
        request._callback = None
        request._userdata = None
        request._started = request._ended = 0
        return request

    _compiled: CompiledModel
    _job: Job
    _run: _Run | None
    _callback: Callable[[Any], Any] | None
    _userdata: Any
    #: Clock readings in nanoseconds; ``_ended`` is 0 while an inference runs.
    _started: int
    _ended: int

    # ---- inference ----
    def infer(
        self,
        inputs: Any = None,
        share_inputs: bool = False,
        share_outputs: bool = False,
        *,
        decode_strings: bool = True,
    ) -> OVDict:
        """Infer and return the results.

        Args:
            inputs: a dict by input index, tensor name or port; a list or tuple by position; one array or Tensor for a
                model with one input. Inputs that are left out keep their data; None keeps all.
            share_inputs: use the memory of arrays where possible, instead of copying.
            share_outputs: return views, which the next inference overwrites, instead of copies.
            decode_strings: return ``str`` instead of ``bytes`` arrays for string outputs.

        Raises:
            RuntimeError: the request is busy, an input is unknown or does not fit, or the inference failed.
            TypeError: a key or value is of a type that cannot be an input.
        """
        if not self._busy.acquire(False):
            raise RuntimeError("Infer Request is busy")
        try:
            if inputs is not None:
                self._bind(inputs, share_inputs)
            self._prepare()
            self._started = time.perf_counter_ns()
            self._job.run(self._inputs, self._outputs)
            self._ended = time.perf_counter_ns()
            self._run = _FINISHED
            return self._collect(share_outputs, decode_strings)
        finally:
            self._busy.release()

    def start_async(
        self, inputs: Any = None, userdata: Any = None, share_inputs: bool = False
    ) -> None:
        """Start an inference and return. ``userdata`` replaces that of the callback, unless it is None.

        Raises as :meth:`infer`; errors of the inference itself are raised by :meth:`wait`.
        """
        if not self._busy.acquire(False):
            raise RuntimeError("Infer Request is busy")
        run = _Run()
        try:
            if inputs is not None:
                self._bind(inputs, share_inputs)
            if userdata is not None:
                self._userdata = userdata
            self._launch(lambda error: self._finish(run, error))
        except BaseException:
            self._busy.release()
            raise
        self._run = run

    def _launch(self, on_done: Callable[[BaseException | None], None]) -> None:
        """Start the job; the caller holds ``_busy`` and ``on_done`` releases it."""
        self._prepare()
        self._started = time.perf_counter_ns()
        self._ended = 0
        self._job.start(self._inputs, self._outputs, on_done)

    def _finish(self, run: _Run, error: BaseException | None) -> None:
        self._ended = time.perf_counter_ns()
        callback, userdata = self._callback, self._userdata
        # Idle before the callback, which may read results and start the next inference.
        self._busy.release()
        if error is not None:
            run.error, run.cause = inference_error(error), error
        elif callback is not None:
            try:
                callback(userdata)
            except BaseException as raised:
                run.error, run.cause = callback_error_text(raised), raised
        run.done.release()

    def wait(self) -> None:
        """Wait for the inference started last, its callback included. Returns at once when there is none.

        Raises RuntimeError with the inference's or the callback's error, at every call until the next start.
        """
        run = self._run
        if run is not None:
            run.done.acquire()
            run.done.release()
            run.raise_error()

    def wait_for(self, timeout: int) -> bool:
        """Wait up to ``timeout`` milliseconds; return whether the inference has ended (False when none started).

        Raises as :meth:`wait`; RuntimeError for a negative timeout; TypeError for one that is not an integer.
        """
        milliseconds = as_int64(timeout)
        if milliseconds is None:
            raise incompatible_arguments(
                "wait_for",
                [
                    "(self: ovgpu.InferRequest, timeout: typing.SupportsInt | typing.SupportsIndex) -> bool"
                ],
                (self, timeout),
            )
        if milliseconds < 0:
            raise RuntimeError("Timeout can't be less than 0 for InferRequest::wait().")
        run = self._run
        if run is None:
            return False
        if not run.done.acquire(timeout=min(milliseconds / 1000, threading.TIMEOUT_MAX)):
            return False
        run.done.release()
        run.raise_error()
        return True

    def cancel(self) -> None:
        """Ask a running inference to stop; waiting for it then raises RuntimeError. No effect on an idle request."""
        if self._busy.locked():
            self._job.cancel()

    def set_callback(self, callback: Callable[[Any], Any], userdata: Any) -> None:
        """Call ``callback(userdata)`` on a worker thread after each asynchronous inference that succeeded.

        An exception of the callback is raised by :meth:`wait`.
        """
        if not callable(callback):
            raise incompatible_arguments(
                "set_callback",
                [
                    "(self: ovgpu.InferRequest, callback: collections.abc.Callable, userdata: object) -> None"
                ],
                (self, callback, userdata),
            )
        self._check_idle()
        self._callback = callback
        self._userdata = userdata

    @property
    def userdata(self) -> Any:
        """What the callback gets."""
        return self._userdata

    @property
    def latency(self) -> float:
        """Milliseconds of the last inference; 0.0 before the first and while one runs."""
        return (self._ended - self._started) / 1e6 if self._ended else 0.0

    # ---- information ----
    @property
    def model_inputs(self) -> list[ConstOutput]:
        """Input ports of the compiled model."""
        return self._compiled.inputs

    @property
    def model_outputs(self) -> list[ConstOutput]:
        """Output ports of the compiled model."""
        return self._compiled.outputs

    def get_compiled_model(self) -> CompiledModel:
        """The compiled model that created this request."""
        return self._compiled

    def get_profiling_info(self) -> list[ProfilingInfo]:
        """Times per node of the last inference; all zero unless the model was compiled with ``PERF_COUNT``."""
        self._check_idle()
        return self._job.profiling()

    @property
    def profiling_info(self) -> list[ProfilingInfo]:
        """As :meth:`get_profiling_info`."""
        return self.get_profiling_info()

    def query_state(self) -> list[VariableState]:
        """The variables of this request."""
        self._check_idle()
        return [VariableState._over(state) for state in self._job.states]

    def reset_state(self) -> None:
        """Return all variables to their initial values."""
        self._check_idle()
        for state in self._job.states:
            state.reset()

    def __repr__(self) -> str:
        return self._compiled._described("InferRequest")


#: Stands for a synchronous inference, which is over when it can be waited for.
_FINISHED = _Run()
_FINISHED.done.release()
