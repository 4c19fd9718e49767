"""Core: devices, properties, compiling, importing, errors; with the CPU device and the steerable one."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest

import ovgpu as ov
from ovgpu.plugins.registry import UnavailableDevice
from tests.inference.fake_plugin import FakePlugin, relu_model

ONES = np.ones((2, 3), np.float32)


def broken_factory() -> FakePlugin:
    raise OSError("libmissing.so: cannot open shared object file")


# ---- devices ----
def test_devices(core: ov.Core) -> None:
    assert "CPU" in core.available_devices
    assert "FAKE" in core.get_available_devices()
    assert "AUTO" not in core.available_devices
    assert repr(core) == f"<Core: available plugins[{', '.join(core.available_devices)}]>"
    assert core.get_property("CPU", "AVAILABLE_DEVICES") == [""]


def test_numbered_devices(core: ov.Core, device: FakePlugin) -> None:
    device.available_devices = lambda: ["0", "1"]  # type: ignore[method-assign]
    assert [d for d in core.available_devices if d.startswith("FAKE")] == ["FAKE.0", "FAKE.1"]
    compiled = core.compile_model(relu_model(), "FAKE.1")
    assert compiled.get_property("DEVICE_ID") == "1"


def test_plugin_by_name_of_its_class() -> None:
    core = ov.Core()
    core.register_plugin("tests.inference.fake_plugin:FakePlugin", "OTHER", {"FAKE_LEVEL": "4"})
    assert core.get_property("OTHER", "FAKE_LEVEL") == 4
    assert core.compile_model(relu_model(), "OTHER")(ONES)[0].tolist() == ONES.tolist()
    with pytest.raises(RuntimeError, match='Device with "OTHER" is already registered'):
        core.register_plugin(FakePlugin, "OTHER")
    core.unload_plugin("OTHER")
    assert core.get_property("OTHER", "FAKE_LEVEL") == 1


def test_plugins_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "plugins.xml"
    path.write_text(
        '<ie><plugins><plugin name="OTHER" location="tests.inference.fake_plugin:FakePlugin"><properties>'
        '<property key="FAKE_LEVEL" value="3"/></properties></plugin></plugins></ie>'
    )
    assert ov.Core(path).get_property("OTHER", "FAKE_LEVEL") == 3
    path.write_text('<!DOCTYPE a [<!ENTITY b "c">]><ie>&b;</ie>')
    with pytest.raises(RuntimeError, match="entities are not allowed"):
        ov.Core(str(path))
    with pytest.raises(RuntimeError, match="Cannot read the plugin list"):
        ov.Core(tmp_path / "missing.xml")


def test_plugin_of_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    from ovgpu.plugins import registry

    class Entry:
        name, value = "THIRD", "tests.inference.fake_plugin:FakePlugin"

    asked = []
    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda group: (asked.append(group), [Entry])[1]
    )
    registry.installed_plugins.cache_clear()
    try:
        core = ov.Core()
        assert "THIRD" in core.available_devices
        assert core.compile_model(relu_model(), "THIRD")(ONES)[0].tolist() == ONES.tolist()
    finally:
        registry.installed_plugins.cache_clear()
    assert asked == ["ovgpu.plugins"]


def test_device_that_cannot_be_loaded() -> None:
    core = ov.Core()
    core.register_plugin(broken_factory, "BROKEN")
    assert "BROKEN" not in core.available_devices
    with pytest.raises(UnavailableDevice, match=r"libmissing.so: cannot open shared object file"):
        core.compile_model(relu_model(), "BROKEN")
    core.set_property("BROKEN", {"PERF_COUNT": True})  # scripts configure before they know


UNKNOWN: list[Callable[[Any, Any], Any]] = [
    lambda core, model: core.compile_model(model, "FOO"),
    lambda core, model: core.compile_model(model, "cpu"),
    lambda core, model: core.compile_model(model, ""),
    lambda core, model: core.query_model(model, "FOO"),
    lambda core, model: core.get_property("FOO", "NUM_STREAMS"),
    lambda core, model: core.set_property("FOO", {"NUM_STREAMS": 1}),
    lambda core, model: core.import_model(b"abc", "FOO"),
    lambda core, model: core.unload_plugin("FOO"),
]


@pytest.mark.parametrize("number", range(len(UNKNOWN)))
def test_unknown_device(core: ov.Core, number: int) -> None:
    with pytest.raises(
        RuntimeError, match=r'^Device with ".*" name is not registered in the OpenVINO Runtime$'
    ):
        UNKNOWN[number](core, relu_model())


def test_versions(core: ov.Core) -> None:
    versions = core.get_versions("CPU")
    assert list(versions) == ["CPU"]
    version = versions["CPU"]
    assert version.build_number == ov.__version__ == ov.get_version()
    assert f"{version.major}.{version.minor}.{version.patch}" == ov.__version__
    assert repr(version) == f"<Version: {ov.__version__} {version.description}>"
    assert core.get_versions("FOO") == {}
    assert set(core.get_versions("AUTO:CPU")) == {"AUTO", "CPU"}


# ---- properties ----
PROPERTY_CALLS: list[Callable[[Any], Any]] = [
    lambda core: core.set_property("CPU", {"PERF_COUNT": True}),
    lambda core: core.set_property("CPU", {"PERF_COUNT": "YES"}),
    lambda core: core.set_property("CPU", {"PERF_COUNT": "true"}),
    lambda core: core.set_property("CPU", {"PERF_COUNT": "maybe"}),
    lambda core: core.set_property("CPU", {"PERF_COUNT": 1}),
    lambda core: core.set_property("CPU", ("NUM_STREAMS", 2)),
    lambda core: core.set_property("CPU", {"NUM_STREAMS": "2"}),
    lambda core: core.set_property("CPU", {"NUM_STREAMS": "x"}),
    lambda core: core.set_property("CPU", {"NUM_STREAMS": -5}),
    lambda core: core.set_property("CPU", {"NUM_STREAMS": "AUTO"}),
    lambda core: core.set_property("CPU", {"INFERENCE_PRECISION_HINT": "f32"}),
    lambda core: core.set_property("CPU", {"INFERENCE_PRECISION_HINT": 5}),
    lambda core: core.set_property("CPU", {"PERFORMANCE_HINT": "THROUGHPUT"}),
    lambda core: core.set_property("CPU", {"PERFORMANCE_HINT": "BOGUS"}),
    lambda core: core.set_property("CPU", {"PERFORMANCE_HINT": 1}),
    lambda core: core.set_property("CPU", {"EXECUTION_MODE_HINT": "foo"}),
    lambda core: core.set_property("CPU", {"SCHEDULING_CORE_TYPE": "x"}),
    lambda core: core.set_property("CPU", {"LOG_LEVEL": "x"}),
    lambda core: core.set_property("CPU", {"LOG_LEVEL": "LOG_DEBUG"}),
    lambda core: core.set_property("CPU", {"INFERENCE_NUM_THREADS": "x"}),
    lambda core: core.set_property("CPU", {"FULL_DEVICE_NAME": "x"}),
    lambda core: core.set_property("CPU", {"NOPE": 1}),
    lambda core: core.set_property("CPU", {"ENABLE_MMAP": False}),
    lambda core: core.set_property("CPU", {"CACHE_MODE": "OPTIMIZE_SPEED"}),
    lambda core: core.set_property("CPU", [("a", 1)]),
    lambda core: core.set_property([1]),
    lambda core: core.set_property({"NOPE": 1}),
    lambda core: core.set_property({"PERF_COUNT": True}),
    lambda core: core.set_property(("PERF_COUNT", True)),
    lambda core: core.set_property(device_name="CPU", properties={"NUM_STREAMS": 1}),
    lambda core: core.get_property("CPU", "NOPE"),
    lambda core: core.get_property("NOPE"),
    lambda core: core.get_property("NUM_STREAMS"),
    lambda core: core.get_property("ENABLE_MMAP"),
    lambda core: core.get_property("CACHE_DIR"),
    lambda core: core.get_property("CPU.3", "NUM_STREAMS"),
    lambda core: core.get_property("CPU", "NUM_STREAMS", {}),
    lambda core: core.get_default_context("CPU"),
    lambda core: core.create_context("CPU", {}),
]


@pytest.mark.parametrize("number", range(len(PROPERTY_CALLS)))
def test_properties_as_openvino_has_them(number: int) -> None:
    outcomes: list[Any] = []
    for package in (openvino, ov):
        core = package.Core()
        core.get_property(
            "CPU", "NUM_STREAMS"
        )  # OpenVINO checks properties only once the plugin is loaded
        try:
            outcomes.append(PROPERTY_CALLS[number](core))
        except Exception as error:
            outcomes.append(error)
    expected, got = outcomes
    assert type(got) is type(expected), outcomes
    if isinstance(expected, RuntimeError):
        sentence = [line for line in str(expected).splitlines() if line.strip()][-1]
        assert str(got).splitlines()[-1].startswith(sentence.replace("; stoi", ""))
    elif not isinstance(expected, Exception):
        assert got == expected


def test_set_values_are_typed_and_used(core: ov.Core) -> None:
    from ovgpu.properties import hint, streams
    from ovgpu.properties.log import Level

    core.set_property(
        "FAKE", {hint.performance_mode: hint.PerformanceMode.THROUGHPUT, "LOG_LEVEL": "LOG_DEBUG"}
    )
    core.set_property("FAKE", ("NUM_STREAMS", streams.Num(4)))
    core.set_property("FAKE", hint.inference_precision(ov.Type.f16))
    assert core.get_property("FAKE", "PERFORMANCE_HINT") == hint.PerformanceMode.THROUGHPUT
    assert core.get_property("FAKE", "LOG_LEVEL") == Level.DEBUG
    assert core.get_property("FAKE", "NUM_STREAMS") == 4
    assert core.get_property("FAKE", hint.inference_precision) is ov.Type.f16
    compiled = core.compile_model(relu_model(), "FAKE", {"NUM_STREAMS": "2"})
    assert compiled.get_property("NUM_STREAMS") == 2
    assert compiled.get_property("INFERENCE_PRECISION_HINT") is ov.Type.f16
    assert core.get_property("FAKE", "NUM_STREAMS") == 4


def test_all_or_none(core: ov.Core) -> None:
    with pytest.raises(RuntimeError, match="NotFound: Unsupported property NOPE by FAKE plugin"):
        core.set_property("FAKE", {"NUM_STREAMS": 3, "NOPE": 1})
    assert core.get_property("FAKE", "NUM_STREAMS") == 1


def test_supported_properties(core: ov.Core) -> None:
    supported = core.get_property("FAKE", "SUPPORTED_PROPERTIES")
    assert supported["SUPPORTED_PROPERTIES"] == "RO"
    assert supported["FAKE_LEVEL"] == "RW"
    for name in core.get_property("CPU", "SUPPORTED_PROPERTIES"):
        core.get_property("CPU", name)


def test_properties_for_all_devices(core: ov.Core) -> None:
    core.get_property("FAKE", "FAKE_LEVEL")
    core.set_property({"PERF_COUNT": True, "ENABLE_MMAP": False})
    assert core.get_property("CPU", "PERF_COUNT")
    assert core.get_property("FAKE", "PERF_COUNT")
    assert core.get_property("ENABLE_MMAP") is False


def test_device_properties(core: ov.Core) -> None:
    config = {"DEVICE_PROPERTIES": {"FAKE": {"FAKE_LEVEL": 7}, "CPU": {"NUM_STREAMS": 2}}}
    assert core.compile_model(relu_model(), "FAKE", config).get_property("FAKE_LEVEL") == 7
    assert core.compile_model(relu_model(), "CPU", config).get_property("NUM_STREAMS") == 2


@pytest.mark.parametrize(
    "config", [{"NOPE": 1}, {"PERF_COUNT": "maybe"}, {"SUPPORTED_PROPERTIES": {}}]
)
def test_wrong_compile_config(core: ov.Core, device: FakePlugin, config: dict) -> None:
    with pytest.raises(RuntimeError):
        core.compile_model(relu_model(), "FAKE", config)
    assert device.compilations == 0
    with pytest.raises(TypeError):
        core.compile_model(relu_model(), "FAKE", [config])  # type: ignore[arg-type]


def test_compiled_properties(compiled: ov.CompiledModel) -> None:
    with pytest.raises(RuntimeError, match="Unsupported property: NOPE"):
        compiled.get_property("NOPE")
    for form in ({"NUM_STREAMS": 1}, ("NUM_STREAMS", 1)):
        with pytest.raises(
            RuntimeError, match="It's not possible to set property of an already compiled model"
        ):
            compiled.set_property(form)
    with pytest.raises(TypeError):
        compiled.set_property([1])  # type: ignore[arg-type]


# ---- compiling and importing ----
def test_ports(compiled: ov.CompiledModel, core: ov.Core) -> None:
    port = compiled.input()
    assert port == compiled.input(0) == compiled.input("x") == compiled.inputs[0]
    assert (
        compiled.output("x_out")
        == compiled.output("x_alias")
        == compiled.output()
        == compiled.outputs[0]
    )
    two = core.compile_model(relu_model(names="ab"), "FAKE")
    for call, message in (
        (
            two.input,
            "CompiledModel::input() must be called on a compiled model with exactly one parameter.",
        ),
        (
            two.output,
            "CompiledModel::output() must be called on a compiled model with exactly one result.",
        ),
        (lambda: compiled.input(5), "Cannot get input for index: 5 inputs size is 1"),
        (lambda: compiled.output(5), "Cannot get output for index: 5 outputs size is 1"),
        (lambda: compiled.input("zz"), "Input for tensor name 'zz' is not found."),
        (lambda: compiled.output("zz"), "Output for tensor name 'zz' is not found."),
    ):
        with pytest.raises(RuntimeError) as caught:
            call()
        assert str(caught.value) == message
    for wrong in (-1, 0.5):
        with pytest.raises(TypeError, match="incompatible function arguments"):
            compiled.input(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not subscriptable"):
        compiled[0]  # type: ignore[index]


@pytest.mark.parametrize("model", [5, None, 1.5])
def test_what_is_no_model(core: ov.Core, model: Any) -> None:
    with pytest.raises(
        RuntimeError, match=rf"Path: '{model}' does not exist. Please provide valid model's path"
    ):
        core.compile_model(model, "FAKE")
    with pytest.raises(TypeError, match="isn't supported as 'model' argument"):
        core.read_model(model)


@pytest.mark.parametrize("name", ["nofile.xml", "nofile.onnx"])
def test_missing_file(core: ov.Core, tmp_path: Path, name: str) -> None:
    for call in (lambda p: core.compile_model(p, "FAKE"), core.read_model):
        for path in (tmp_path / name, str(tmp_path / name)):
            with pytest.raises(RuntimeError, match="Could not open the file"):
                call(path)


def test_export_and_import(core: ov.Core, compiled: ov.CompiledModel) -> None:
    stream = compiled.export_model()
    assert isinstance(stream, BytesIO)
    assert stream.tell() == 0
    filled = BytesIO()
    assert compiled.export_model(filled) is None
    blob = stream.getvalue()
    assert blob.startswith(b"FAKE")
    assert filled.getvalue().startswith(b"FAKE")
    for source in (blob, BytesIO(blob), ov.Tensor(np.frombuffer(blob, np.uint8))):
        imported = core.import_model(source, "FAKE", {"FAKE_LEVEL": 5})
        assert imported(ONES)[0].tolist() == ONES.tolist()
        assert imported.get_property("FAKE_LEVEL") == 5
    with pytest.raises(RuntimeError, match="Cannot import compiled blob"):
        core.import_model(b"nonsense", "FAKE")
    for wrong in ("text", bytearray(blob), 5):
        with pytest.raises(
            TypeError, match=r"`model_stream` must be an io.BytesIO object or bytes but"
        ):
            core.import_model(wrong, "FAKE")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"must be an io.BytesIO"):
        compiled.export_model("file")  # type: ignore[arg-type]


def test_query(core: ov.Core) -> None:
    model = relu_model()
    assert core.query_model(model, "FAKE") == {
        op.get_friendly_name(): "FAKE" for op in model.get_ops()
    }
    assert core.query_model(model, "CPU") == {
        op.get_friendly_name(): "CPU" for op in model.get_ops()
    }


def test_model_on_the_cpu(core: ov.Core) -> None:
    model = relu_model([-1, 3])
    compiled = core.compile_model(model, "CPU")
    assert compiled(np.float32([[-1, 0, 2]]))["x_out"].tolist() == [[0, 0, 2]]
    assert compiled.get_property("EXECUTION_DEVICES") == ["CPU"]
    assert compiled.get_runtime_model().get_ops()
    with pytest.raises(RuntimeError):
        core.import_model(b"nonsense", "CPU")
    blob = compiled.export_model()
    for position in (
        0,
        5,
        len(blob.getvalue()),
    ):  # the whole buffer is read wherever its position is
        blob.seek(position)
        assert core.import_model(blob, "CPU")(ONES)[0].tolist() == ONES.tolist()
        assert blob.tell() == 0


def test_compile_model_without_a_core() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert ov.compile_model(relu_model())(ONES)[0].tolist() == ONES.tolist()
    assert ov.compile_model(relu_model(), "CPU")(ONES)[0].tolist() == ONES.tolist()


# ---- the package ----
def run_python(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return result.stdout


def test_import_is_light() -> None:
    code = "import sys, ovgpu; ovgpu.Core(); print(sorted({'onnx', 'cupy', 'ovgpu.passes'} & set(sys.modules)))"
    assert run_python(code) == "[]\n"


def test_names_of_the_package() -> None:
    assert {"Core", "Tensor", "op", "opset13", "properties"} <= set(dir(ov))
    code = "import ovgpu as ov\ntry: ov.passes\nexcept AttributeError as error: print(error)"
    assert run_python(code) == "module 'ovgpu' has no attribute 'passes'\n"


def test_old_spelling() -> None:
    code = (
        "import ovgpu.runtime.opset12 as old, ovgpu.opset12 as new, ovgpu\n"
        "from ovgpu.runtime import Core, opset13\n"
        "import ovgpu.runtime.properties.hint as hint\n"
        "print(old is new, Core is ovgpu.Core, opset13 is ovgpu.opset13, hint.__name__, new.__spec__.name)"
    )
    assert run_python(code) == "True True True ovgpu.properties.hint ovgpu.opset12\n"
    with pytest.raises(ModuleNotFoundError):
        __import__("ovgpu.runtime.nothing")


def test_shutdown_and_exit_are_clean() -> None:
    code = (
        "import numpy as np, ovgpu as ov\n"
        "from tests.inference.fake_plugin import relu_model\n"
        "compiled = ov.Core().compile_model(relu_model(), 'CPU')\n"
        "queue = ov.AsyncInferQueue(compiled, 2)\n"
        "for i in range(20): queue.start_async(np.ones((2, 3), np.float32))\n"
        "{}print('done')"
    )
    assert run_python(code.format("")) == "done\n"  # jobs may still run at exit
    assert run_python(code.format("queue.wait_all(); ov.shutdown(); ")) == "done\n"


def test_remote_classes() -> None:
    for kind in (ov.RemoteContext, ov.RemoteTensor):
        with pytest.raises(TypeError):
            kind()
