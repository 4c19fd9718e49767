"""AUTO with the GPU plugin: hand-over, loss of the device, and machines without CUDA."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from plugins.gpu.runtime_models import (
    F32,
    accumulated,
    assert_same,
    cpu_request,
    dense,
    reals,
    start_and_lose_device,
)

import ovgpu as ov
from ovgpu.plugins.auto import devices as auto_devices
from ovgpu.plugins.gpu.context import DeviceContext
from ovgpu.plugins.gpu.plugin import GpuPlugin

VALUES = [reals(4, 8)]


@pytest.fixture(autouse=True)
def fresh_warnings(monkeypatch):
    """Each test sees the warnings that AUTO issues once per process."""
    monkeypatch.setattr(auto_devices, "_warned", set())


@pytest.fixture
def gate(monkeypatch):
    """The GPU compiles only when this is set."""
    opened, compile_model = threading.Event(), GpuPlugin.compile_model

    def wait_and_compile(self, model, config):
        assert opened.wait(60)
        return compile_model(self, model, config)

    monkeypatch.setattr(GpuPlugin, "compile_model", wait_and_compile)
    yield opened
    opened.set()


def compile_auto(model: ov.Model, device: str = "AUTO", ready: bool = True):
    compiled = ov.Core().compile_model(model, device, F32)
    if ready:
        compiled._plugin_model.wait_until_ready(60)
    return compiled


def expected() -> object:
    return cpu_request(dense([4, 8])).infer(VALUES)


@pytest.mark.gpu_sim
def test_cpu_serves_until_the_gpu_is_ready(gate, cudasim):
    compiled = compile_auto(dense([4, 8]), ready=False)
    request = compiled.create_infer_request()
    assert compiled.get_property("EXECUTION_DEVICES") == ["(CPU)"]
    with cudasim.counting() as grown:
        assert_same(request.infer(VALUES), expected())
    assert grown["launches"] == 0
    gate.set()
    compiled._plugin_model.wait_until_ready(60)
    assert compiled.get_property("EXECUTION_DEVICES") == ["GPU"]
    with cudasim.counting() as grown:
        assert_same(request.infer(VALUES), expected())
    assert grown["launches"] > 0


@pytest.mark.gpu_sim
def test_variables_move_to_the_gpu(gate):
    compiled = compile_auto(accumulated(), ready=False)
    request, ones = compiled.create_infer_request(), np.ones((2, 3), np.float32)
    assert request.infer([ones])[0][0, 0] == 11
    gate.set()
    compiled._plugin_model.wait_until_ready(60)
    for step in range(2, 6):
        assert request.infer([ones])[0][0, 0] == 10 + step
    assert compiled.get_property("EXECUTION_DEVICES") == ["GPU"]


@pytest.mark.gpu_sim
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("start", [False, True], ids=["infer", "start_async"])
def test_lost_gpu(gpu_problems, start):
    """The inference that fails on the GPU is repeated on the CPU, with a warning that says why; so are later ones."""
    compiled = compile_auto(dense([4, 8]))
    requests = [compiled.create_infer_request() for _ in range(4)]
    for request in requests:
        for _ in range(2):
            assert_same(request.infer(VALUES), expected())
    gpu_problems.lose_device(0)
    with warnings.catch_warnings(record=True) as issued:
        warnings.simplefilter("always")
        for _ in range(2):
            for request in requests:
                if start:
                    request.start_async(VALUES)
                else:
                    request.infer(VALUES)
            for request in requests:
                request.wait()
                assert_same(request.results, expected())
    texts = [str(w.message) for w in issued if "gives up GPU" in str(w.message)]
    assert texts
    assert all("could not infer" in text for text in texts)
    assert compiled.get_property("EXECUTION_DEVICES") == ["CPU"]


@pytest.mark.gpu_sim(policy=["lazy", "eager", "random:1", "random:2"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:.*gives up GPU")
@pytest.mark.parametrize("after", [0, 4, 8])
def test_gpu_is_lost_under_running_requests(gpu_problems, after):
    """8 requests, of which ``after`` run on the GPU when it is lost: each ends with the CPU's result."""
    compiled = compile_auto(dense([4, 8]))
    reference = cpu_request(dense([4, 8]))
    values = [reals(4, 8, seed=seed) for seed in range(8)]
    requests = [compiled.create_infer_request() for _ in values]
    for request in requests:
        for _ in range(2):
            request.infer(VALUES)
    assert compiled.get_property("EXECUTION_DEVICES") == ["GPU"]
    start_and_lose_device(gpu_problems, requests, values, after)
    for request, value in zip(requests, values, strict=True):
        assert request.wait_for(60_000), "the request hangs"
        assert_same(request.results, reference.infer([value]))
    for request, value in zip(requests, values, strict=True):
        assert_same(request.infer([value]), reference.infer([value]))
    assert compiled.get_property("EXECUTION_DEVICES") == ["CPU"]


@pytest.mark.gpu_sim
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:.*gives up GPU")
def test_gpu_is_lost_under_a_queue(gpu_problems):
    compiled = compile_auto(dense([4, 8]))
    reference = cpu_request(dense([4, 8]))
    queue = ov.AsyncInferQueue(compiled, 4)
    results: dict[int, np.ndarray] = {}
    queue.set_callback(
        lambda request, index: results.__setitem__(index, request.results.to_tuple()[0])
    )
    for index in range(40):
        if index == 17:
            gpu_problems.lose_device(0)
        queue.start_async([reals(4, 8, seed=index)], index)
    queue.wait_all()
    assert sorted(results) == list(range(40))
    for index, result in results.items():
        want = reference.infer([reals(4, 8, seed=index)])[0]
        np.testing.assert_allclose(result, want, 1e-5, 1e-5)


@pytest.mark.gpu_sim
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_variables_of_a_lost_gpu(gpu_problems):
    """What only the lost device knew cannot be had: the request says so, and works again after a reset."""
    compiled = compile_auto(accumulated())
    request, ones = compiled.create_infer_request(), np.ones((2, 3), np.float32)
    request.infer([ones])
    gpu_problems.lose_device(0)
    with pytest.raises(RuntimeError, match="variables are lost with GPU"):
        request.infer([ones])
    request.reset_state()
    with pytest.warns(RuntimeWarning, match="gives up GPU"):
        assert request.infer([ones])[0][0, 0] == 11
    assert request.infer([ones])[0][0, 0] == 12


@pytest.mark.gpu_sim
def test_gpu_that_cannot_compile(cudasim):
    gc.collect()
    DeviceContext.of(0).release_unused()  # CuPy's pool would serve from what others left
    cudasim.set_memory_limit(1 << 20)
    try:
        with pytest.warns(
            RuntimeWarning, match="gives up GPU, which could not compile.*not enough memory"
        ):
            compiled = compile_auto(dense([1 << 16, 8]), "AUTO:GPU,CPU")
        assert compiled.get_property("EXECUTION_DEVICES") == ["CPU"]
    finally:
        cudasim.set_memory_limit(1 << 30)


@pytest.mark.gpu_sim
@pytest.mark.parametrize(
    ("device", "serves"),
    [("AUTO:GPU.1,CPU", "GPU.1"), ("AUTO:-GPU", "CPU"), ("AUTO:CPU,GPU", "CPU")],
)
def test_lists_of_devices(device, serves):
    compiled = compile_auto(dense([4, 8]), device)
    assert compiled.get_property("EXECUTION_DEVICES") == [serves]
    assert_same(compiled(VALUES), expected())


WITHOUT_CUPY = """
import sys, warnings
sys.modules["cupy"] = None  # as if it were not installed
import numpy as np
import ovgpu as ov
from ovgpu import opset16 as ops
x = ops.parameter([2], np.float32)
model = ov.Model([ops.relu(x)], [x])
with warnings.catch_warnings(record=True) as issued:
    warnings.simplefilter("always")
    for _ in range(3):
        compiled = ov.Core().compile_model(model, "AUTO")
        assert compiled.get_property("EXECUTION_DEVICES") == ["CPU"]
        assert list(compiled([np.array([-1, 2], np.float32)])[0]) == [0, 2]
print(*[str(w.message) for w in issued], sep="\\n")
assert ov.Core().available_devices == ["CPU"]
for name in ("GPU", "GPU.0"):
    try:
        ov.Core().compile_model(model, name)
    except RuntimeError as error:
        print(error)
"""


def test_without_cupy():
    """AUTO warns once and runs on the CPU; a pinned GPU raises; both say what to install."""
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_CUPY], capture_output=True, text=True, check=True
    )
    warned, *raised = ended.stdout.strip().splitlines()
    assert warned.startswith("AUTO does not use GPU but CPU")
    assert "pip install 'ovgpu[cuda12]'" in warned
    assert len(raised) == 2
    assert all("pip install 'ovgpu[cuda12]'" in text for text in raised)
