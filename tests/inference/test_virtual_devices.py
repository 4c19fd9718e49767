"""AUTO, MULTI, HETERO and BATCH over the CPU and a steerable device that plays the GPU."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

import ovgpu as ov
from ovgpu.plugins.auto import devices
from ovgpu.plugins.plugin import CompiledPlugin
from tests.inference.fake_plugin import FakePlugin, relu_model

ONES = np.ones((2, 3), np.float32)


class SlowDevice(FakePlugin):
    """Its results are marked, and its compilation waits for a signal."""

    name = "SLOW"

    def __init__(self) -> None:
        super().__init__()
        self.compile_gate = threading.Event()
        self.compile_gate.set()
        self.compute = lambda arrays: [np.maximum(a, 0) + 100 for a in arrays]
        self.configs: list[dict[str, Any]] = []
        self.usable = True

    def available_devices(self) -> list[str]:
        return [""] if self.usable else []

    def unavailable_reason(self) -> str | None:
        return None if self.usable else "the driver is asleep; wake it"

    def compile_model(self, model: ov.Model, config: Mapping[str, Any]) -> CompiledPlugin:
        self.configs.append(dict(config))
        assert self.compile_gate.wait(10)
        return super().compile_model(model, config)


@pytest.fixture
def slow() -> Iterator[SlowDevice]:
    plugin = SlowDevice()
    yield plugin
    plugin.gate.set()
    plugin.compile_gate.set()


@pytest.fixture
def core(slow: SlowDevice, monkeypatch: pytest.MonkeyPatch) -> ov.Core:
    monkeypatch.setattr(devices, "_warned", set())
    core = ov.Core()
    core.register_plugin(slow, "SLOW")
    return core


def devices_of(compiled: ov.CompiledModel) -> list[str]:
    return compiled.get_property("EXECUTION_DEVICES")


def ready(compiled: ov.CompiledModel) -> ov.CompiledModel:
    compiled._plugin_model.wait_until_ready(10)  # type: ignore[attr-defined]
    return compiled


# ---- choice ----
@pytest.mark.parametrize(
    "name", ["AUTO:CPU", "AUTO:-GPU", "AUTO:CPU,-GPU", "AUTO:CPU,FOO", "MULTI:CPU", "HETERO:CPU"]
)
def test_names_that_mean_the_cpu(core: ov.Core, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled = core.compile_model(relu_model(), name)
    assert devices_of(compiled) == ["CPU"]
    assert compiled(-ONES)[0].tolist() == (0 * ONES).tolist()


@pytest.mark.parametrize("name", ["BATCH:CPU", "BATCH:CPU(4)", "MULTI:CPU(2)", "AUTO:CPU,"])
def test_other_forms_of_names(core: ov.Core, name: str) -> None:
    assert devices_of(core.compile_model(relu_model(), name)) == ["CPU"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("AUTO:-CPU,-GPU", "Please, check environment due to no supported devices can be used"),
        ("AUTO:FOO", "No available device to filter AUTO plugin"),
        ("AUTO:cpu", "No available device to filter AUTO plugin"),
        ("MULTI:FOO", "No available device to filter MULTI plugin"),
        ("MULTI", "KEY_MULTI_DEVICE_PRIORITIES key is not set for MULTI"),
        ("BATCH", "ov::device::priorities key for AUTO BATCH is not set for BATCH device"),
        ("HETERO:FOO,CPU", 'Device with "FOO" name is not registered in the OpenVINO Runtime'),
        ("BATCH:FOO", 'Device with "FOO" name is not registered in the OpenVINO Runtime'),
    ],
)
def test_names_without_a_usable_device(
    core: ov.Core, slow: SlowDevice, name: str, message: str
) -> None:
    slow.usable = False
    with pytest.raises(RuntimeError) as caught:
        core.compile_model(relu_model(), name)
    assert str(caught.value).startswith(message)


def test_one_warning_names_the_reason(core: ov.Core, slow: SlowDevice) -> None:
    slow.usable = False
    with pytest.warns(RuntimeWarning) as caught:  # noqa: PT031 - the second must not warn again
        compiled = core.compile_model(relu_model(), "AUTO:SLOW,CPU")
        core.compile_model(relu_model(), "AUTO:SLOW,CPU")
    texts = [str(w.message) for w in caught]
    assert texts == ["AUTO does not use SLOW but CPU: the driver is asleep; wake it"]
    assert devices_of(compiled) == ["CPU"]


def test_pinned_device_fails_loudly(core: ov.Core, slow: SlowDevice) -> None:
    slow.usable = False
    with pytest.raises(RuntimeError, match="SLOW: the driver is asleep; wake it"):
        core.compile_model(relu_model(), "AUTO:SLOW")


# ---- properties ----
def test_properties(core: ov.Core) -> None:
    compiled = core.compile_model(
        relu_model(), "AUTO:CPU", {"NOPE": 1, "NUM_STREAMS": 3, "PERF_COUNT": "YES"}
    )
    assert compiled.get_property("MULTI_DEVICE_PRIORITIES") == "CPU"
    assert compiled.get_property("PERF_COUNT") is True
    assert compiled.get_property("NETWORK_NAME") == "relu"
    assert compiled.get_property("LOADED_FROM_CACHE") is False
    assert compiled.get_property("DEVICE_PROPERTIES")["CPU"]["NUM_STREAMS"] == 1
    with pytest.raises(RuntimeError, match=r"^AUTO: not supported property NUM_STREAMS$"):
        compiled.get_property("NUM_STREAMS")
    assert set(compiled.get_property("SUPPORTED_PROPERTIES")) == {
        "NETWORK_NAME",
        "SUPPORTED_PROPERTIES",
        "EXECUTION_DEVICES",
        "PERFORMANCE_HINT",
        "OPTIMAL_NUMBER_OF_INFER_REQUESTS",
        "MULTI_DEVICE_PRIORITIES",
        "DEVICE_PROPERTIES",
        "MODEL_PRIORITY",
        "LOADED_FROM_CACHE",
        "PERF_COUNT",
    }
    assert len(core.get_property("AUTO", "SUPPORTED_PROPERTIES")) == 17
    for name in core.get_property("AUTO", "SUPPORTED_PROPERTIES"):
        core.get_property("AUTO", name)


def test_wrong_properties(core: ov.Core) -> None:
    with pytest.raises(RuntimeError, match="property: NOPE: not supported"):
        core.set_property("AUTO", {"NOPE": 1})
    for name, value in (
        ("PERF_COUNT", "x"),
        ("SCHEDULE_POLICY", "x"),
        ("DEVICES_UTILIZATION_THRESHOLD", 5),
    ):
        with pytest.raises(RuntimeError, match=f"^Invalid value for property {name}: {value}$"):
            core.set_property("AUTO", {name: value})


def test_configuration_of_the_devices(core: ov.Core, slow: SlowDevice) -> None:
    config = {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "FAKE_LEVEL": 2,
        "DEVICE_PROPERTIES": {"SLOW": {"NUM_STREAMS": 5}, "CPU": {"NUM_STREAMS": 2}},
    }
    ready(core.compile_model(relu_model(), "AUTO:SLOW,CPU", config))
    (given,) = slow.configs
    assert given["NUM_STREAMS"] == 5
    assert given["FAKE_LEVEL"] == 2
    assert given["PERFORMANCE_HINT"].name == "THROUGHPUT"


def test_what_virtual_devices_do_not_offer(core: ov.Core) -> None:
    compiled = core.compile_model(relu_model(), "AUTO:CPU")
    for call in (compiled.export_model, lambda: core.import_model(b"x", "AUTO")):
        with pytest.raises(RuntimeError, match="Not Implemented"):
            call()
    with pytest.raises(RuntimeError, match=r"^AUTO: cannot parse valid device from $"):
        core.query_model(relu_model(), "AUTO")


def test_query(core: ov.Core) -> None:
    model = relu_model()
    names = {op.get_friendly_name() for op in model.get_ops()}
    for name, device in (
        ("AUTO:CPU", "AUTO"),
        ("MULTI:CPU", "MULTI"),
        ("HETERO:SLOW,CPU", "SLOW"),
        ("HETERO:CPU", "CPU"),
    ):
        assert core.query_model(model, name) == dict.fromkeys(names, device)


# ---- starting on another device ----
def test_cpu_serves_while_the_best_device_compiles(core: ov.Core, slow: SlowDevice) -> None:
    slow.compile_gate.clear()
    compiled = core.compile_model(relu_model(), "AUTO:SLOW,CPU")
    request = compiled.create_infer_request()
    assert devices_of(compiled) == ["(CPU)"]
    assert request.infer(ONES)[0].tolist() == ONES.tolist()
    slow.compile_gate.set()
    ready(compiled)
    assert devices_of(compiled) == ["SLOW"]
    assert request.infer(ONES)[0].tolist() == (ONES + 100).tolist()
    request.start_async(ONES)
    request.wait()
    assert request.results[0].tolist() == (ONES + 100).tolist()
    assert compiled.create_infer_request().infer(ONES)[0].tolist() == (ONES + 100).tolist()


def test_model_may_change_while_the_best_device_compiles(core: ov.Core, slow: SlowDevice) -> None:
    slow.compile_gate.clear()
    model = relu_model()
    compiled = core.compile_model(model, "AUTO:SLOW,CPU")
    model.reshape([7, 7])
    slow.compile_gate.set()
    assert ready(compiled)(ONES)[0].tolist() == (ONES + 100).tolist()


def test_without_startup_fallback(core: ov.Core, slow: SlowDevice) -> None:
    compiled = core.compile_model(relu_model(), "AUTO:SLOW,CPU", {"ENABLE_STARTUP_FALLBACK": False})
    assert devices_of(compiled) == ["SLOW"]
    assert compiled(ONES)[0].tolist() == (ONES + 100).tolist()


def test_best_device_cannot_compile(core: ov.Core, slow: SlowDevice) -> None:
    slow.compile_failure = RuntimeError("too large for me")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        compiled = ready(core.compile_model(relu_model(), "AUTO:SLOW,CPU"))
    assert devices_of(compiled) == ["CPU"]
    assert compiled(ONES)[0].tolist() == ONES.tolist()
    assert [str(w.message) for w in caught] == [
        "AUTO gives up SLOW, which could not compile the model: too large for me"
    ]
    with pytest.raises(
        RuntimeError, match=r"\[AUTO\] compile model failed, SLOW: too large for me"
    ):
        core.compile_model(relu_model(), "AUTO:SLOW")


# ---- falling back while running ----
@pytest.mark.parametrize(
    "infer",
    [
        lambda request: request.infer(ONES),
        lambda request: (request.start_async(ONES), request.wait()),
    ],
)
def test_failed_inference_is_repeated_on_the_next_device(
    core: ov.Core, slow: SlowDevice, infer: Callable[[ov.InferRequest], Any]
) -> None:
    compiled = ready(core.compile_model(relu_model(), "AUTO:SLOW,CPU"))
    request = compiled.create_infer_request()
    slow.failure = RuntimeError("fell off the bus")
    with pytest.warns(RuntimeWarning, match="AUTO gives up SLOW, which could not infer: fell off"):
        infer(request)
    assert request.results[0].tolist() == ONES.tolist()
    assert devices_of(compiled) == ["CPU"]


def test_without_runtime_fallback(core: ov.Core, slow: SlowDevice) -> None:
    config = {"ENABLE_RUNTIME_FALLBACK": False}
    compiled = ready(core.compile_model(relu_model(), "AUTO:SLOW,CPU", config))
    slow.failure = RuntimeError("fell off the bus")
    with pytest.raises(RuntimeError, match="fell off the bus"):
        compiled(ONES)
    assert devices_of(compiled) == ["SLOW"]


def test_wrong_inputs_cost_no_device(core: ov.Core) -> None:
    compiled = ready(core.compile_model(relu_model([-1, 3]), "AUTO:SLOW,CPU"))
    request = compiled.create_infer_request()
    request.set_output_tensor(ov.Tensor(np.zeros((1, 3), np.float32), shared_memory=True))
    with pytest.raises(RuntimeError, match="Could set new shape"):
        request.infer(ONES)
    assert devices_of(compiled) == ["SLOW"]


def test_cancelling_is_no_failure(core: ov.Core, slow: SlowDevice) -> None:
    compiled = ready(core.compile_model(relu_model(), "AUTO:SLOW,CPU"))
    request = compiled.create_infer_request()
    slow.gate.clear()
    request.start_async(ONES)
    assert slow.running.acquire(timeout=10)
    request.cancel()
    with pytest.raises(RuntimeError, match="Infer Request was canceled"):
        request.wait()
    assert devices_of(compiled) == ["SLOW"]


# ---- several devices at once ----
@pytest.mark.parametrize(
    ("name", "config"),
    [("MULTI:SLOW,CPU", {}), ("AUTO:SLOW,CPU", {"PERFORMANCE_HINT": "CUMULATIVE_THROUGHPUT"})],
)
def test_all_devices_take_part(core: ov.Core, name: str, config: dict) -> None:
    compiled = core.compile_model(relu_model(), name, config)
    assert devices_of(compiled) == ["SLOW", "CPU"]
    assert compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS") >= 4
    queue = ov.AsyncInferQueue(compiled, 4)
    sums: list[float] = []
    queue.set_callback(lambda request, userdata: sums.append(float(request.results[0].sum())))
    for _ in range(40):
        queue.start_async(ONES)
    queue.wait_all()
    assert len(sums) == 40
    assert set(sums) == {6.0, 606.0}


def test_multi_survives_the_loss_of_a_device(core: ov.Core, slow: SlowDevice) -> None:
    compiled = core.compile_model(relu_model(), "MULTI:SLOW,CPU")
    slow.failure = RuntimeError("fell off the bus")
    request = compiled.create_infer_request()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(4):
            assert request.infer(ONES)[0].tolist() == ONES.tolist()
    assert devices_of(compiled) == ["CPU"]


def test_variables_move_along(core: ov.Core, slow: SlowDevice) -> None:
    second = SlowDevice()
    second.name = "SECOND"
    core.register_plugin(second, "SECOND")
    config = {"ENABLE_STARTUP_FALLBACK": False}
    compiled = core.compile_model(relu_model(), "AUTO:SLOW,SECOND", config)
    request = compiled.create_infer_request()
    request.query_state()[0].state = ov.Tensor(np.float32([5]))
    slow.failure = RuntimeError("fell off the bus")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        request.infer(ONES)
    assert devices_of(compiled) == ["SECOND"]
    assert request.query_state()[0].state.data.tolist() == [5]
    request.reset_state()
    assert request.query_state()[0].state.data.tolist() == [0]


def test_caching_of_the_devices(core: ov.Core, slow: SlowDevice, tmp_path: Any) -> None:
    model = relu_model()
    config = {"CACHE_DIR": str(tmp_path)}
    for expected in (False, True):
        compiled = core.compile_model(model, "AUTO:SLOW", config)
        assert compiled(ONES)[0].tolist() == (ONES + 100).tolist()
        assert (slow.imports > 0) is expected
    assert slow.compilations == 1


def test_jobs_started_while_the_device_changes(core: ov.Core, slow: SlowDevice) -> None:
    slow.compile_gate.clear()
    compiled = core.compile_model(relu_model(), "AUTO:SLOW,CPU")
    queue = ov.AsyncInferQueue(compiled, 3)
    sums: list[float] = []
    queue.set_callback(lambda request, userdata: sums.append(float(request.results[0].sum())))
    for i in range(200):
        if i == 100:
            slow.compile_gate.set()
            time.sleep(0.02)
        queue.start_async(ONES)
    queue.wait_all()
    assert len(sums) == 200
    assert set(sums) == {6.0, 606.0}
    assert sums.count(6.0) >= 100  # all that began before the device was ready
