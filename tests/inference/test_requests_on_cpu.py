"""Requests and queues over the real CPU device."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import ovgpu as ov
import ovgpu.opset13 as ops
from tests.inference.fake_plugin import relu_model

ONES = np.ones((2, 3), np.float32)


def heavy_model(size: int = 400, layers: int = 20) -> ov.Model:
    """A chain of matrix products, long enough to be met while it runs."""
    x = ops.parameter([size, size], np.float32, name="x")
    node = x
    for _ in range(layers):
        node = ops.matmul(node, x, False, False)
    return ov.Model([node], [x], "heavy")


def test_thousand_jobs_over_four_requests() -> None:
    model = relu_model([(1, 8), 3])
    compiled = ov.Core().compile_model(model, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"})
    queue = ov.AsyncInferQueue(compiled, 4)
    results: dict[int, tuple[float, int]] = {}

    def collect(request: ov.InferRequest, userdata: int) -> None:
        output = request.get_output_tensor().data
        results[userdata] = (float(output[0, 0]), len(output))

    queue.set_callback(collect)
    for i in range(1000):
        queue.start_async(np.full((1 + i % 8, 3), i, np.float32), userdata=i)
    queue.wait_all()
    assert results == {i: (i, 1 + i % 8) for i in range(1000)}


def test_busy_and_cancel() -> None:
    compiled = ov.Core().compile_model(heavy_model(), "CPU")
    request, queued = compiled.create_infer_request(), compiled.create_infer_request()
    data = np.full((400, 400), 1e-3, np.float32)
    expected = request.infer(data)[0]
    for cancelled in (request, queued):
        request.start_async(data)
        queued.start_async(data)  # with one stream it waits behind the other one
        with pytest.raises(RuntimeError, match="Infer Request is busy"):
            queued.infer(data)
        cancelled.cancel()
        other = queued if cancelled is request else request
        other.wait()
        np.testing.assert_array_equal(other.results[0], expected)
        with pytest.raises(RuntimeError, match="Infer Request was canceled"):
            cancelled.wait()
        np.testing.assert_array_equal(cancelled.infer(data)[0], expected)


def test_other_threads_run_while_a_request_waits() -> None:
    compiled = ov.Core().compile_model(heavy_model(), "CPU")
    request = compiled.create_infer_request()
    data = np.full((400, 400), 1e-3, np.float32)
    ticks, stop = [0], threading.Event()

    def count() -> None:
        while not stop.is_set():
            ticks[0] += 1
            stop.wait(0.0005)

    thread = threading.Thread(target=count)
    thread.start()
    for _ in range(5):
        request.start_async(data)
        request.wait()
    stop.set()
    thread.join()
    assert ticks[0] > 5


def test_profiling() -> None:
    compiled = ov.Core().compile_model(relu_model(), "CPU", {"PERF_COUNT": True})
    request = compiled.create_infer_request()
    request.infer(ONES)
    infos = request.get_profiling_info()
    assert infos
    assert all(info.status == ov.ProfilingInfo.Status.EXECUTED for info in infos)
    assert all(info.real_time.total_seconds() >= 0 for info in infos)


def test_auto_runs_on_the_cpu() -> None:
    compiled = ov.Core().compile_model(relu_model(), "AUTO:CPU")
    queue = ov.AsyncInferQueue(compiled, 2)
    total: list[float] = []
    queue.set_callback(lambda request, userdata: total.append(float(request.results[0].sum())))
    for _ in range(20):
        queue.start_async(ONES)
    queue.wait_all()
    assert total == [6.0] * 20
