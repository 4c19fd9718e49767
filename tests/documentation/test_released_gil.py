"""The page's list of functions that leave other Python threads running while they work.

Functions that wait for an inference are called while that inference waits for the other thread: kept from running,
neither would ever end. Functions that work themselves are watched by a thread that counts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ovgpu as ov
import ovgpu.opset12 as ops

#: How long an inference waits for the other thread before it gives up.
PATIENCE = 20.0
DATA = np.ones(4, np.float32)


class Gate(ov.Op):
    """Passes its input on when the event is set; afterwards it says whether that happened in time."""

    opened = threading.Event()
    in_time: bool | None = None

    def __init__(self, inputs: Any = None) -> None:
        super().__init__(self, inputs)
        self.constructor_validate_and_infer_types()

    def validate_and_infer_types(self) -> None:
        self.set_output_type(0, self.get_input_element_type(0), self.get_input_partial_shape(0))

    def has_evaluate(self) -> bool:
        return True

    def evaluate(self, outputs: Any, inputs: Any) -> bool:
        Gate.in_time = Gate.opened.wait(PATIENCE)
        outputs[0].data[:] = inputs[0].data
        return True


@pytest.fixture
def compiled() -> ov.CompiledModel:
    x = ops.parameter([4], np.float32, name="x")
    model = ov.Model([Gate([x.output(0)]).output(0)], [x], "gated")
    return ov.Core().compile_model(model, "CPU")


@contextmanager
def opened_by_another_thread() -> Iterator[None]:
    """Another Python thread counts for a while, then opens the gate."""
    Gate.opened.clear()
    Gate.in_time = None

    def work() -> None:
        sum(range(200_000))
        time.sleep(0.02)
        Gate.opened.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    assert Gate.in_time is True


def _infer(compiled: ov.CompiledModel) -> None:
    compiled.create_infer_request().infer([DATA])


def _start_and_wait(compiled: ov.CompiledModel) -> None:
    request = compiled.create_infer_request()
    request.start_async([DATA])
    request.wait()


def _start_and_wait_for(compiled: ov.CompiledModel) -> None:
    request = compiled.create_infer_request()
    request.start_async([DATA])
    assert request.wait_for(int(PATIENCE * 1000))


def _queue_start_when_full(compiled: ov.CompiledModel) -> None:
    queue = ov.AsyncInferQueue(compiled, 1)
    queue.start_async([DATA])
    queue.start_async([DATA])  # waits for the first
    queue.wait_all()


def _queue_wait_all(compiled: ov.CompiledModel) -> None:
    queue = ov.AsyncInferQueue(compiled, 2)
    queue.start_async([DATA])
    queue.wait_all()


def _queue_idle_request(compiled: ov.CompiledModel) -> None:
    queue = ov.AsyncInferQueue(compiled, 1)
    queue.start_async([DATA])
    assert queue.get_idle_request_id() == 0


def _queue_is_ready(compiled: ov.CompiledModel) -> None:
    queue = ov.AsyncInferQueue(compiled, 1)
    queue.start_async([DATA])
    while not queue.is_ready():  # no pause: the call itself has to let the other thread run
        pass


@pytest.mark.parametrize(
    "function",
    [
        _infer,
        _start_and_wait,
        _start_and_wait_for,
        _queue_start_when_full,
        _queue_wait_all,
        _queue_idle_request,
        _queue_is_ready,
        lambda compiled: compiled([DATA]),
        lambda compiled: compiled.infer_new_request([DATA]),
    ],
    ids=[
        "InferRequest.infer",
        "InferRequest.start_async and wait",
        "InferRequest.wait_for",
        "AsyncInferQueue.start_async",
        "AsyncInferQueue.wait_all",
        "AsyncInferQueue.get_idle_request_id",
        "AsyncInferQueue.is_ready",
        "CompiledModel.__call__",
        "CompiledModel.infer_new_request",
    ],
)
def test_inference(function: Callable[[Any], Any], compiled: ov.CompiledModel) -> None:
    with opened_by_another_thread():
        function(compiled)


# ---- functions that work themselves -----------------------------------------------------------------------------
def chain(length: int = 150) -> ov.Model:
    x = ops.parameter([-1, 8], np.float32, name="x")
    y: Any = x
    for index in range(length):
        y = ops.add(ops.relu(y), ops.constant(np.full((1, 8), index, np.float32)))
    return ov.Model([y], [x], "chain")


def _preprocessed() -> Any:
    processor = ov.preprocess.PrePostProcessor(chain())
    processor.input().tensor().set_element_type(ov.Type.u8)
    return processor.build()


@pytest.fixture(scope="module")
def working(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Callable[[], Any]]:
    core, model = ov.Core(), chain()
    path: Path = tmp_path_factory.mktemp("models") / "chain.xml"
    ov.save_model(model, path)
    compiled = core.compile_model(model, "CPU")
    blob = compiled.export_model()
    request = compiled.create_infer_request()
    request.infer([np.ones((2, 8), np.float32)])
    sizes = iter(range(1, 1_000_000))
    return {
        "CompiledModel.create_infer_request": compiled.create_infer_request,
        "CompiledModel.export_model": compiled.export_model,
        "CompiledModel.get_runtime_model": compiled.get_runtime_model,
        "Core.compile_model": lambda: core.compile_model(model, "CPU"),
        "Core.read_model": lambda: core.read_model(path),
        "Core.import_model": lambda: core.import_model(blob, "CPU"),
        "Core.query_model": lambda: core.query_model(model, "CPU"),
        "Core.get_available_devices": core.get_available_devices,
        "InferRequest.get_profiling_info": request.get_profiling_info,
        "InferRequest.query_state": request.query_state,
        "Model.reshape": lambda: model.reshape([next(sizes), 8]),
        "PrePostProcessor.build": _preprocessed,
    }


@pytest.mark.parametrize(
    "name",
    [
        "CompiledModel.create_infer_request",
        "CompiledModel.export_model",
        "CompiledModel.get_runtime_model",
        "Core.compile_model",
        "Core.read_model",
        "Core.import_model",
        "Core.query_model",
        "Core.get_available_devices",
        "InferRequest.get_profiling_info",
        "InferRequest.query_state",
        "Model.reshape",
        "PrePostProcessor.build",
    ],
)
def test_work(name: str, working: dict[str, Callable[[], Any]]) -> None:
    """A thread that counts gets on while one thread does nothing but call the function."""
    function, counted, stop = working[name], [0], threading.Event()

    def count() -> None:
        while not stop.is_set():
            counted[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        before, deadline = counted[0], time.monotonic() + PATIENCE
        while counted[0] < before + 10 and time.monotonic() < deadline:
            function()
        assert counted[0] >= before + 10
    finally:
        stop.set()
        thread.join()
