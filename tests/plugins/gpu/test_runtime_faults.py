"""When CUDA fails: every request ends with an error or a right result, nothing hangs, later requests work."""

from __future__ import annotations

import itertools
import tracemalloc  # noqa: F401 - pytest imports it from several threads at once, when they lose the device

import numpy as np
import pytest
from plugins.gpu.runtime_models import (
    F32,
    accumulated,
    appended,
    assert_same,
    compile_gpu,
    cpu_request,
    dense,
    found,
    reals,
    start_and_lose_device,
    through_host,
)

import ovgpu as ov

pytestmark = [
    pytest.mark.gpu_sim,
    # CuPy frees memory of a lost device in a destructor, which cannot raise
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

MODELS = {
    "dense": (lambda: dense([-1, 8]), [[reals(n, 8)] for n in (2, 5, 2, 2, 40, 2)]),
    "found": (found, [[np.array(v, np.float32)] for v in ([1, -1, 2], [-1, -2], [3, 1, 4], [1, -1, 2])]),
    "host": (through_host, [[reals(n, 4)] for n in (3, 3, 9, 3)]),
}  # fmt: skip

#: Milliseconds after which a request is said to hang.
TIMEOUT = 60_000

POINTS = ("malloc", "host_alloc", "launch", "copy", "synchronize", "graph_launch")


@pytest.mark.gpu_sim(policy=["lazy", "random:2"])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("point", POINTS)
def test_nth_call_fails_once(gpu_problems, model, point):
    """The nth call fails, for many n: the request that had it raises or is right, the others are right."""
    build, inputs = MODELS[model]
    reference = cpu_request(build())
    expected = [reference.infer(values) for values in inputs]
    code = gpu_problems.MEMORY_ALLOCATION if "alloc" in point else gpu_problems.LAUNCH_FAILURE
    compiled = compile_gpu(build())
    for nth in range(1, 12):
        request = compiled.create_infer_request()
        gpu_problems.inject_fault(point, nth, code)
        texts: list[str] = []
        for values, want in zip(inputs, expected, strict=True):
            try:
                result = request.infer(values)
            except RuntimeError as error:
                texts.append(str(error))
            else:
                assert_same(result, want)
        gpu_problems.inject_fault(point, 0)
        assert len(texts) <= 1, nth
        assert all("GPU.0" in text for text in texts)
        for values, want in zip(inputs, expected, strict=True):
            assert_same(request.infer(values), want)


@pytest.mark.parametrize("nth", range(1, 6))
def test_compilation_without_memory(gpu_problems, nth):
    """CuPy's pool asks twice, so one failed call is not noticed."""
    gpu_problems.inject_fault("malloc", nth, gpu_problems.MEMORY_ALLOCATION)
    compiled = compile_gpu(dense([4, 8]))
    assert_same(compiled([reals(4, 8)]), cpu_request(dense([4, 8])).infer([reals(4, 8)]))


def test_full_device(gpu_problems):
    gpu_problems.set_memory_limit(8 << 20)
    try:
        with pytest.raises(
            RuntimeError, match=r"GPU\.0 has not enough memory: .* bytes were asked for"
        ):
            compile_gpu(dense([1 << 20, 8]))
        compiled = compile_gpu(dense([-1, 8]))
        request = compiled.create_infer_request()
        request.infer([reals(4, 8)])
        with pytest.raises(RuntimeError, match="not enough memory"):
            request.infer([reals(1 << 18, 8)])
        for _ in range(3):
            assert_same(
                request.infer([reals(4, 8)]), cpu_request(dense([-1, 8])).infer([reals(4, 8)])
            )
    finally:
        gpu_problems.set_memory_limit(1 << 30)


@pytest.mark.parametrize("build", [accumulated, appended], ids=["fixed", "growing"])
@pytest.mark.parametrize("point", ["malloc", "launch", "copy", "synchronize", "graph_launch"])
def test_variables_survive_failures(gpu_problems, build, point):
    """A failed inference leaves the old value: the next ones continue as if it had not been."""
    code = gpu_problems.MEMORY_ALLOCATION if point == "malloc" else gpu_problems.LAUNCH_FAILURE
    compiled, model = compile_gpu(build()), build()
    for nth in range(1, 14, 2):
        request, reference = compiled.create_infer_request(), cpu_request(model)
        gpu_problems.inject_fault(point, nth, code)
        for step in range(6):
            values = [reals(2, 3, seed=step)]
            try:
                result = request.infer(values)
            except RuntimeError:
                continue
            assert_same(result, reference.infer(values))
        gpu_problems.inject_fault(point, 0)


@pytest.mark.gpu_sim(policy=["lazy", "random:1", "random:2"])
@pytest.mark.parametrize(("point", "nth"), list(itertools.product(POINTS[2:], [1, 3, 8])))
def test_failures_in_a_queue(gpu_problems, point, nth):
    """A failure in one of several jobs that run at once is reported once and leaves the others alone."""
    model = dense([(1, 6), 8])
    reference = cpu_request(model)
    queue = ov.AsyncInferQueue(compile_gpu(model, {"NUM_STREAMS": 4}), 4)
    results: dict[int, np.ndarray] = {}
    queue.set_callback(
        lambda request, index: results.__setitem__(index, request.results.to_tuple()[0])
    )
    gpu_problems.inject_fault(point, nth, gpu_problems.LAUNCH_FAILURE)
    errors = 0
    for index in range(24):
        try:
            queue.start_async([reals(1 + index % 6, 8, seed=index)], index)
        except RuntimeError:
            errors += 1
            queue.start_async([reals(1 + index % 6, 8, seed=index)], index)
    try:
        queue.wait_all()
    except RuntimeError:
        errors += 1
    assert errors == 24 - len(results)
    assert errors <= 1
    for index, result in results.items():
        want = reference.infer([reals(1 + index % 6, 8, seed=index)]).to_tuple()[0]
        np.testing.assert_allclose(result, want, 1e-5, 1e-5)


@pytest.mark.gpu_sim(policy=["lazy", "eager", "random:1", "random:5"])
@pytest.mark.parametrize(
    "build", [lambda: dense([(1, 6), 8]), through_host], ids=["enqueued", "pool"]
)
@pytest.mark.parametrize("after", [0, 3, 8])
def test_device_is_lost_under_running_jobs(gpu_problems, build, after):
    """8 requests, of which ``after`` run already: each ends, with an error or with a right result."""
    model, width = build(), build().inputs[0].partial_shape[1].get_length()
    reference = cpu_request(model)
    values = [reals(4, width, seed=i) for i in range(8)]
    expected = [reference.infer([v]) for v in values]
    compiled = compile_gpu(model, {"NUM_STREAMS": 4})
    requests = [compiled.create_infer_request() for _ in values]
    for request, value in zip(requests, values, strict=True):
        for _ in range(2):
            request.infer([value])
    start_and_lose_device(gpu_problems, requests, values, after)
    texts: list[str] = []
    for request, want in zip(requests, expected, strict=True):
        try:
            assert request.wait_for(TIMEOUT), "the request hangs"
        except RuntimeError as error:
            texts.append(str(error))
        else:
            assert_same(request.results, want)
    # On a stream that runs at once all may have ended before.
    assert texts or after == len(requests)
    assert all("GPU.0" in text for text in texts)
    for request, value in zip(requests, values, strict=True):
        with pytest.raises(RuntimeError, match="device is lost"):
            request.infer([value])
    with pytest.raises(RuntimeError):
        ov.Core().compile_model(model, "GPU.0", F32)
    # The other device of the machine goes on.
    assert_same(compile_gpu(model, device="GPU.1")([values[0]]), expected[0])
    del requests, request, compiled
    gpu_problems.reset()
    assert_same(compile_gpu(model)([values[0]]), expected[0])


def test_capture_that_fails_runs_eagerly(gpu_problems):
    """A segment whose capture fails is right all the same, and is not captured again and again."""
    compiled = compile_gpu(dense([4, 8]))
    request, want = compiled.create_infer_request(), cpu_request(dense([4, 8])).infer([reals(4, 8)])
    assert_same(request.infer([reals(4, 8)]), want)
    gpu_problems.inject_fault("launch", 1, gpu_problems.LAUNCH_FAILURE)
    for _ in range(4):
        assert_same(request.infer([reals(4, 8)]), want)
    assert compiled.get_property("OVGPU_CUDA_GRAPH_COUNT") == 0
