"""Asynchronous inference: waiting, callbacks, errors, cancelling, and what a busy request refuses."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ovgpu as ov
from tests.inference.fake_plugin import FakePlugin, relu_model

ONES = np.ones((2, 3), np.float32)


def test_waiting_without_a_start(request_: ov.InferRequest) -> None:
    assert request_.wait() is None
    assert request_.wait_for(0) is False
    request_.infer(ONES)
    assert request_.wait() is None
    assert request_.wait_for(0) is True


def test_wait_for(request_: ov.InferRequest, device: FakePlugin) -> None:
    device.gate.clear()
    request_.start_async(ONES)
    started = time.perf_counter()
    assert request_.wait_for(20) is False
    assert time.perf_counter() - started >= 0.019
    device.gate.set()
    assert request_.wait_for(10_000) is True
    with pytest.raises(RuntimeError, match="Timeout can't be less than 0 for InferRequest::wait"):
        request_.wait_for(-1)
    with pytest.raises(TypeError, match="incompatible function arguments"):
        request_.wait_for(1.5)  # type: ignore[arg-type]


def test_start_copies_the_inputs(request_: ov.InferRequest, device: FakePlugin) -> None:
    device.gate.clear()
    array = ONES.copy()
    request_.start_async(array)
    array[:] = 7
    device.gate.set()
    request_.wait()
    assert request_.results[0].tolist() == ONES.tolist()


def test_inference_runs_on_another_thread(request_: ov.InferRequest, device: FakePlugin) -> None:
    threads = []

    def compute(arrays: list[np.ndarray]) -> list[np.ndarray]:
        threads.append(threading.current_thread())
        return arrays

    device.compute = compute
    request_.infer(ONES)
    request_.start_async(ONES)
    request_.wait()
    assert threads[0] is threading.current_thread()
    assert threads[1] is not threading.current_thread()
    assert threads[1].daemon


BUSY: dict[str, Callable[[ov.InferRequest], Any]] = {
    "infer": lambda r: r.infer(ONES),
    "start_async": lambda r: r.start_async(ONES),
    "get_input_tensor": lambda r: r.get_input_tensor(),
    "get_output_tensor": lambda r: r.get_output_tensor(0),
    "set_input_tensor": lambda r: r.set_input_tensor(ov.Tensor(ONES)),
    "set_output_tensor": lambda r: r.set_output_tensor(0, ov.Tensor(ONES)),
    "set_input_tensors": lambda r: r.set_input_tensors({0: ov.Tensor(ONES)}),
    "set_output_tensors": lambda r: r.set_output_tensors({0: ov.Tensor(ONES)}),
    "set_tensors": lambda r: r.set_tensors({"x": ov.Tensor(ONES)}),
    "set_tensor": lambda r: r.set_tensor("x", ov.Tensor(ONES)),
    "get_tensor": lambda r: r.get_tensor("x"),
    "input_tensors": lambda r: r.input_tensors,
    "output_tensors": lambda r: r.output_tensors,
    "results": lambda r: r.results,
    "query_state": lambda r: r.query_state(),
    "reset_state": lambda r: r.reset_state(),
    "get_profiling_info": lambda r: r.get_profiling_info(),
    "profiling_info": lambda r: r.profiling_info,
    "set_callback": lambda r: r.set_callback(print, None),
}
NOT_BUSY: dict[str, Callable[[ov.InferRequest], Any]] = {
    "latency": lambda r: r.latency,
    "userdata": lambda r: r.userdata,
    "get_compiled_model": lambda r: r.get_compiled_model(),
    "model_inputs": lambda r: r.model_inputs,
    "model_outputs": lambda r: r.model_outputs,
    "wait_for": lambda r: r.wait_for(0),
    "repr": repr,
}


@pytest.mark.parametrize("name", BUSY)
def test_refused_while_running(request_: ov.InferRequest, device: FakePlugin, name: str) -> None:
    device.gate.clear()
    request_.start_async(ONES)
    with pytest.raises(RuntimeError, match=r"^Infer Request is busy$"):
        BUSY[name](request_)
    device.gate.set()
    request_.wait()
    BUSY[name](request_)
    request_.wait()


@pytest.mark.parametrize("name", NOT_BUSY)
def test_allowed_while_running(request_: ov.InferRequest, device: FakePlugin, name: str) -> None:
    device.gate.clear()
    request_.start_async(ONES)
    NOT_BUSY[name](request_)
    device.gate.set()
    request_.wait()


def test_tensor_handle_stays_usable_while_running(
    request_: ov.InferRequest, device: FakePlugin
) -> None:
    tensor = request_.get_output_tensor()
    device.gate.clear()
    request_.start_async(ONES)
    assert tensor.data.shape == (2, 3)
    device.gate.set()
    request_.wait()
    assert tensor.data.tolist() == ONES.tolist()


def test_failed_start_leaves_the_request_idle(request_: ov.InferRequest) -> None:
    with pytest.raises(
        RuntimeError, match="The input tensor size is not equal to the model input type"
    ):
        request_.start_async(np.ones((2, 4), np.float32))
    with pytest.raises(RuntimeError, match="Port for tensor name nope"):
        request_.start_async({"nope": ONES})
    assert request_.wait() is None
    assert request_.infer(ONES)[0].tolist() == ONES.tolist()


# ---- callbacks ----
def test_callback(request_: ov.InferRequest) -> None:
    seen: list[Any] = []
    request_.set_callback(lambda userdata: seen.append((userdata, threading.current_thread())), 7)
    request_.infer(ONES)
    assert seen == []
    for userdata in (None, 8, None):
        request_.start_async(ONES, userdata)
        request_.wait()
    assert [userdata for userdata, _ in seen] == [7, 8, 8]
    assert all(thread is not threading.current_thread() for _, thread in seen)
    assert request_.userdata == 8


def test_callback_reads_results(request_: ov.InferRequest) -> None:
    seen = []
    request_.set_callback(lambda request: seen.append(request.results[0].tolist()), request_)
    request_.start_async(ONES)
    request_.wait()
    assert seen == [ONES.tolist()]


def test_callback_starts_the_next_inference(request_: ov.InferRequest) -> None:
    done = threading.Event()
    rounds = []

    def again(userdata: Any) -> None:
        rounds.append(request_.results[0][0, 0])
        if len(rounds) < 50:
            request_.start_async(ONES * len(rounds))
        else:
            done.set()

    request_.set_callback(again, None)
    request_.start_async(ONES * 0)
    assert done.wait(20)
    request_.wait()
    assert rounds == list(range(50))


def test_callback_that_raises(request_: ov.InferRequest) -> None:
    def fail(userdata: Any) -> None:
        raise ValueError("boom")

    request_.set_callback(fail, None)
    request_.start_async(ONES)
    for wait in (request_.wait, request_.wait, lambda: request_.wait_for(100)):
        with pytest.raises(
            RuntimeError, match=r"ValueError: boom\n\nAt:\n  .*test_async\.py\(\d+\): fail"
        ) as caught:
            wait()
        assert isinstance(caught.value.__cause__, ValueError)
    request_.set_callback(lambda userdata: None, None)
    request_.start_async(ONES)
    assert request_.wait() is None


@pytest.mark.parametrize("arguments", [(print,), (5, None), (None, None)])
def test_wrong_callbacks(request_: ov.InferRequest, arguments: tuple) -> None:
    with pytest.raises(TypeError):
        request_.set_callback(*arguments)


def test_failed_inference_does_not_call_back(request_: ov.InferRequest, device: FakePlugin) -> None:
    calls: list[Any] = []
    request_.set_callback(calls.append, 1)
    device.failure = RuntimeError("out of luck")
    request_.start_async(ONES)
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"^Caught exception: out of luck$"):
            request_.wait()
    assert calls == []
    device.failure = None
    request_.start_async(ONES)
    request_.wait()
    assert calls == [1]


# ---- cancelling ----
@pytest.mark.parametrize("with_callback", [False, True])
def test_cancel(request_: ov.InferRequest, device: FakePlugin, with_callback: bool) -> None:
    calls: list[Any] = []
    if with_callback:
        request_.set_callback(calls.append, 1)
    assert request_.cancel() is None
    device.gate.clear()
    request_.start_async(ONES)
    device.running.acquire(timeout=10)
    assert request_.cancel() is None
    for wait in (request_.wait, lambda: request_.wait_for(100)):
        with pytest.raises(RuntimeError, match=r"^Caught exception: Infer Request was canceled$"):
            wait()
    assert calls == []
    device.gate.set()
    assert request_.infer(ONES)[0].tolist() == ONES.tolist()


def test_cancel_of_a_synchronous_inference(request_: ov.InferRequest, device: FakePlugin) -> None:
    device.gate.clear()

    def cancel() -> None:
        device.running.acquire(timeout=10)
        request_.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(RuntimeError, match=r"^Infer Request was canceled$"):
        request_.infer(ONES)
    thread.join()


# ---- threads ----
def test_calling_the_compiled_model_from_two_threads(
    compiled: ov.CompiledModel, device: FakePlugin
) -> None:
    compiled(ONES)
    device.running.acquire(timeout=10)
    device.gate.clear()
    thread = threading.Thread(target=lambda: compiled(ONES))
    thread.start()
    assert device.running.acquire(timeout=10)
    with pytest.raises(RuntimeError, match="Infer Request is busy"):
        compiled(ONES)
    device.gate.set()
    thread.join()
    assert compiled.infer_new_request(2 * ONES)[0].tolist() == (2 * ONES).tolist()


def test_hidden_request_is_made_once(core: ov.Core) -> None:
    def call(compiled: ov.CompiledModel, found: list[Any]) -> None:
        found.append(compiled._request())

    for _ in range(20):
        compiled = core.compile_model(relu_model(), "FAKE")
        found: list[Any] = []
        threads = [threading.Thread(target=call, args=(compiled, found)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(request) for request in found}) == 1


def test_compiled_model_is_freed_at_once(core: ov.Core) -> None:
    compiled = core.compile_model(relu_model(), "FAKE")
    request = compiled.create_infer_request()
    compiled(ONES)
    request.start_async(ONES)
    request.wait()
    jobs = [weakref.ref(compiled._request()._job), weakref.ref(request._job)]
    gc.disable()
    try:
        del compiled, request
        for _ in range(200):  # the worker may be about to let go of the finished job
            if not any(job() for job in jobs):
                break
            time.sleep(0.005)
        assert [job() for job in jobs] == [None, None]
    finally:
        gc.enable()


def test_requests_run_side_by_side(compiled: ov.CompiledModel, device: FakePlugin) -> None:
    device.gate.clear()
    requests = [compiled.create_infer_request() for _ in range(4)]
    for i, request in enumerate(requests):
        request.start_async(ONES * i)
    for _ in requests:
        assert device.running.acquire(timeout=10)
    device.gate.set()
    for i, request in enumerate(requests):
        request.wait()
        assert request.results[0].tolist() == (ONES * i).tolist()
