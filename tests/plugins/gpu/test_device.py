"""Finding devices, compiling sources, describing launches: what is said when something is missing or wrong."""

from __future__ import annotations

import types

import numpy as np
import pytest
from plugins.gpu.runtime_models import compile_gpu, dense, reals

import ovgpu as ov
from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu import cublaslt, device, modules, registry
from ovgpu.plugins.gpu.context import DeviceContext
from ovgpu.plugins.gpu.evaluate import evaluate
from ovgpu.plugins.gpu.variants import float_literal
from tests.plugins.gpu.lowering_check import build, numbers

pytestmark = pytest.mark.gpu_sim


@pytest.fixture
def runtime(monkeypatch):
    """CuPy's runtime module, with functions that a test replaces; nothing is remembered."""
    import cupy

    made = types.SimpleNamespace(**vars(cupy.cuda.runtime))
    fake = types.SimpleNamespace(cuda=types.SimpleNamespace(runtime=made))
    monkeypatch.setattr(device, "cupy", lambda: fake)
    device.device_info.cache_clear()
    yield made
    device.device_info.cache_clear()


def test_no_driver(runtime):
    def fail():
        raise runtime.CUDARuntimeError(35)

    runtime.getDeviceCount = fail
    usable, reason = device.usable_devices()
    assert usable == []
    assert "InsufficientDriver" in reason
    assert "nvidia-smi" in reason


def test_no_device(runtime):
    runtime.getDeviceCount = lambda: 0
    assert device.usable_devices() == (
        [],
        "CUDA finds no device; see nvidia-smi and CUDA_VISIBLE_DEVICES",
    )


def test_devices_that_are_too_old(runtime):
    properties = {
        "name": b"GTX 1080",
        "major": 6,
        "minor": 1,
        "totalGlobalMem": 1,
        "multiProcessorCount": 1,
    }
    runtime.getDeviceProperties = lambda index: {**properties, "major": 6 + 2 * index}
    assert device.usable_devices() == ([1], None)
    runtime.getDeviceCount = lambda: 1
    usable, reason = device.usable_devices()
    assert usable == []
    assert "7.5 or newer, found GTX 1080 (6.1)" in reason


def test_index_without_a_device():
    with pytest.raises(device.DeviceUnavailable, match=r"no GPU\.5: CUDA sees 2 device"):
        device.device_info(5)


def test_plugin_without_devices(monkeypatch):
    from ovgpu.plugins.gpu import plugin

    monkeypatch.setattr(plugin, "usable_devices", lambda: ([], "nothing is plugged in"))
    core = ov.Core()
    assert not [name for name in core.available_devices if name.startswith("GPU")]
    for name in ("GPU", "GPU.0"):
        with pytest.raises(RuntimeError, match="nothing is plugged in"):
            core.compile_model(dense([2, 8]), name)


def test_properties_of_the_device():
    core = ov.Core()
    assert core.get_property("GPU", "DEVICE_ARCHITECTURE").startswith("sm_")
    assert core.get_property("GPU", "FULL_DEVICE_NAME")
    assert core.get_property("GPU", "GPU_DEVICE_TOTAL_MEM_SIZE") > 0
    assert {"FP16", "EXPORT_IMPORT"} <= set(core.get_property("GPU", "OPTIMIZATION_CAPABILITIES"))
    assert core.get_property("GPU", "DEVICE_TYPE") == ov.properties.device.Type.DISCRETE


def test_properties_of_a_compiled_model():
    compiled = compile_gpu(dense([4, 8]), {"OVGPU_CUDA_GRAPH_LIMIT": 7})
    assert compiled.get_property("OVGPU_CUDA_GRAPH_LIMIT") == 7
    assert compiled.get_property("NETWORK_NAME") == "dense"
    assert "OVGPU_MEMORY_STATISTICS" in compiled.get_property("SUPPORTED_PROPERTIES")
    with pytest.raises(RuntimeError, match="Unsupported property: NOTHING"):
        compiled.get_property("NOTHING")
    nodes = compiled.get_runtime_model().get_ops()
    assert "MatMulBiasActivation" in {str(n.get_rt_info()["layerType"].value) for n in nodes}


@pytest.mark.parametrize(
    ("config", "streams"),
    [
        ({}, 1),
        ({"PERFORMANCE_HINT": "THROUGHPUT"}, 4),
        ({"PERFORMANCE_HINT": "THROUGHPUT", "PERFORMANCE_HINT_NUM_REQUESTS": 2}, 2),
        ({"NUM_STREAMS": "AUTO"}, 4),
        ({"NUM_STREAMS": 3, "PERFORMANCE_HINT": "THROUGHPUT"}, 3),
    ],
)
def test_number_of_streams(config, streams):
    compiled = compile_gpu(dense([4, 8]), config)
    assert compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS") == streams


def test_missing_sources(monkeypatch, tmp_path):
    monkeypatch.setattr(modules.ovgpu, "__file__", str(tmp_path / "ovgpu" / "__init__.py"))
    modules.kernel_folder.cache_clear()
    try:
        with pytest.raises(RuntimeError, match="CUDA sources of ovgpu are missing"):
            modules.kernel_folder()
    finally:
        modules.kernel_folder.cache_clear()


def test_python_numbers_are_no_arguments():
    encoder = DeviceContext.of(0).encoder(0)
    with pytest.raises(TypeError, match="argument 1 is int; kernels take numpy scalars"):
        encoder.launch("store.cu", "store_bytes", 1, 256, (np.uint64(0), 3))


def test_one_lowering_for_each_operation():
    registry.load_lowerings()
    with pytest.raises(ValueError, match="two lowerings for MatMul"):
        registry.lowers("MatMul")(lambda encoder, op: None)


def test_evaluate_says_what_it_does_not_do():
    with pytest.raises(RuntimeError, match="Unique has no lowering"):
        evaluate(build("Unique", [numbers((3,))], 10), [numbers((3,))])
    arrays = [np.ones((2, 3), np.uint8), np.array([1, 0])]
    packed = build("Transpose", arrays, 1, [1], {0: Type.u4})  # elements of half a byte
    with pytest.raises(RuntimeError, match="the lowering does not take"):
        evaluate(packed, arrays)


def test_literals():
    values = (1.5, 2.0, 1e-20, float("inf"), float("-inf"), float("nan"))
    assert [float_literal(v) for v in values] == [
        "1.5f",
        "2.0f",
        "1e-20f",
        "__int_as_float(0x7f800000)",
        "__int_as_float(0xff800000)",
        "__int_as_float(0x7fc00000)",
    ]


def test_library_beside_the_wheels(monkeypatch):
    """Where the loader does not find cuBLASLt, NVIDIA's finder is asked; without it there is none."""
    import sys

    load = cublaslt.ctypes.CDLL
    finder = types.ModuleType("cuda.pathfinder")
    finder.load_nvidia_dynamic_lib = lambda name: types.SimpleNamespace(abs_path=f"/found/{name}")
    monkeypatch.setitem(sys.modules, "cuda", types.ModuleType("cuda"))
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", finder)
    asked = []

    def cdll(name):
        asked.append(name)
        if not name.startswith("/found"):
            raise OSError(name)
        return load(None)

    monkeypatch.setattr(cublaslt.ctypes, "CDLL", cdll)
    assert cublaslt._load() is not None
    assert asked[-1] == "/found/cublasLt"
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", None)
    assert cublaslt._load() is None


def test_a_library_call_that_fails(monkeypatch):
    """The status of a product is the error of the inference, and a library that refuses a descriptor is not used."""
    compiled = compile_gpu(dense([40, 8]), {"OVGPU_CUDA_GRAPHS": False})
    request = compiled.create_infer_request()
    request.infer([reals(40, 8)])
    library = cublaslt.CublasLt.current()._library
    monkeypatch.setattr(library, "cublasLtMatmulDescCreate", lambda *arguments: 7)
    again = compile_gpu(dense([40, 8]), {"PERF_COUNT": True}).create_infer_request()
    again.infer([reals(40, 8)])
    tiers = {i.exec_type.partition("_")[0] for i in again.get_profiling_info()}
    assert "library" not in tiers
    np.testing.assert_allclose(again.results[0], request.results[0], 1e-5, 1e-5)
