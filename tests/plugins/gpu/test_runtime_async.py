"""Requests side by side on the device: streams of their own, callbacks, cancelling, waiting."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from plugins.gpu.runtime_models import (
    accumulated,
    assert_same,
    compile_gpu,
    cpu_request,
    dense,
    found,
    parameter,
    reals,
    through_host,
)

import ovgpu as ov
from ovgpu import opset16 as ops

pytestmark = pytest.mark.gpu_sim

BUILDS = pytest.mark.parametrize(
    "build", [lambda: dense([(1, 6), 8]), through_host, found], ids=["dense", "host", "found"]
)


def check_queue(build) -> None:
    """4 jobs, 100 requests of changing shapes: each result is that of its own input."""
    model = build()
    reference = cpu_request(model)
    queue = ov.AsyncInferQueue(compile_gpu(model, {"NUM_STREAMS": 4}), 4)
    width = model.inputs[0].partial_shape
    results: dict[int, np.ndarray] = {}
    queue.set_callback(
        lambda request, index: results.__setitem__(index, request.results.to_tuple()[0])
    )
    values = []
    for index in range(100):
        shape = [1 + index % 6, *(d.get_length() for d in width[1:])] if len(width) > 1 else [5]
        values.append(reals(*shape, seed=index))
        queue.start_async([values[-1]], index)
    queue.wait_all()
    assert sorted(results) == list(range(100))
    for index, value in enumerate(values):
        np.testing.assert_allclose(
            results[index], reference.infer([value]).to_tuple()[0], 1e-5, 1e-5
        )


@pytest.mark.gpu_sim(policy=["lazy", "random:1", "random:2", "random:3"])
@BUILDS
def test_queue(build):
    check_queue(build)


@pytest.mark.slow
@pytest.mark.gpu_sim(policy=[f"random:{seed}" for seed in range(4, 21)])
@BUILDS
def test_queue_in_many_orders(build):
    """With those of test_queue 20 orders of the streams' work."""
    check_queue(build)


def prepared(build=lambda: dense([4, 8]), config=None):
    """A compiled model and a request that knows its shape, so that it enqueues."""
    compiled = compile_gpu(build(), config)
    request = compiled.create_infer_request()
    for _ in range(2):
        request.infer([reals(4, 8)])
    return compiled, request


def test_start_returns_before_the_device_has_worked(cudasim):
    compiled, request = prepared()
    with hold(compiled):
        with cudasim.counting() as grown:
            request.start_async([reals(4, 8)])
        assert (grown["graph_launches"], grown["operations_run"], grown["synchronizes"]) == (
            1,
            0,
            0,
        )
        assert not request.wait_for(20)
        with pytest.raises(RuntimeError, match="busy"):
            request.infer([reals(4, 8)])
    request.wait()
    assert_same(request.results, cpu_request(dense([4, 8])).infer([reals(4, 8)]))


class hold:
    """Keeps the thread that completes requests from doing so."""

    def __init__(self, compiled) -> None:
        self._gate = threading.Event()
        compiled._plugin_model.waiter.submit(self._gate.wait, lambda error: None)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *details: object) -> None:
        self._gate.set()


def test_no_thread_per_job():
    compiled = compile_gpu(dense([4, 8]), {"NUM_STREAMS": 2})
    requests = [compiled.create_infer_request() for _ in range(8)]
    for request in requests:
        for _ in range(2):
            request.infer([reals(4, 8)])
    before = threading.active_count()
    for _ in range(3):
        for request in requests:
            request.start_async([reals(4, 8)])
        for request in requests:
            request.wait()
    assert threading.active_count() <= before + 1


def test_callback_may_start_the_next():
    _, request = prepared()
    done, seen = threading.Event(), []

    def again(step: int) -> None:
        seen.append(request.results.to_tuple()[0])
        if step == 4:
            done.set()
            return
        request.set_callback(again, step + 1)
        request.start_async([reals(4, 8, seed=step + 1)])

    request.set_callback(again, 0)
    request.start_async([reals(4, 8, seed=0)])
    assert done.wait(30)
    request.wait()
    reference = cpu_request(dense([4, 8]))
    for step, result in enumerate(seen):
        np.testing.assert_allclose(result, reference.infer([reals(4, 8, seed=step)])[0], 1e-5, 1e-5)


def test_cancel_an_enqueued_inference():
    compiled, request = prepared()
    with hold(compiled):
        request.start_async([reals(4, 8)])
        request.cancel()
    with pytest.raises(RuntimeError, match="cancel"):
        request.wait()
    assert_same(request.infer([reals(4, 8)]), cpu_request(dense([4, 8])).infer([reals(4, 8)]))


def test_cancelled_variables_are_consistent():
    """What the device had begun is done: the variable has either value, and all later steps follow from it."""
    compiled = compile_gpu(accumulated())
    request, ones = compiled.create_infer_request(), np.ones((2, 3), np.float32)
    for _ in range(4):
        request.infer([ones])
    with hold(compiled):
        request.start_async([ones])
        request.cancel()
    with pytest.raises(RuntimeError, match="cancel"):
        request.wait()
    (state,) = request.query_state()
    before = float(state.state.data[0, 0])
    assert before in (14, 15)
    assert request.infer([ones])[0][0, 0] == before + 1


def test_inputs_may_change_after_start():
    compiled, request = prepared()
    values = reals(4, 8)
    expected = cpu_request(dense([4, 8])).infer([values])
    with hold(compiled):
        request.start_async([values], share_inputs=True)
        values[:] = 0  # staged already
    request.wait()
    assert_same(request.results, expected)


def test_error_of_an_output_that_does_not_fit():
    x = parameter([-1])
    model = ov.Model([ops.relu(x)], [x], "resized")
    request = compile_gpu(model).create_infer_request()
    for _ in range(2):
        request.infer([reals(4)])
    request.set_output_tensor(ov.Tensor(np.zeros(2, np.float32), shared_memory=True))
    request.start_async([reals(4)])
    with pytest.raises(RuntimeError):
        request.wait()
    request.set_output_tensor(ov.Tensor(ov.Type.f32, ov.Shape([4])))
    request.start_async([reals(4)])
    request.wait()
    np.testing.assert_array_equal(request.results[0], np.maximum(reals(4), 0))


@pytest.mark.gpu_sim(policy=["lazy", "random:3"])
def test_threads_infer_at_once():
    """Synchronous inferences of several threads on one compiled model, planning included."""
    compiled, failures = compile_gpu(dense([-1, 8])), []
    reference = cpu_request(dense([-1, 8]))
    expected = {n: reference.infer([reals(n, 8)]).to_tuple()[0] for n in range(1, 12)}

    def work(seed: int) -> None:
        request = compiled.create_infer_request()
        for step in range(25):
            rows = 1 + (step * 5 + seed) % 11
            got = request.infer([reals(rows, 8)]).to_tuple()[0]
            if not np.allclose(got, expected[rows], 1e-5, 1e-5):
                failures.append((seed, step))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert not any(thread.is_alive() for thread in threads)
