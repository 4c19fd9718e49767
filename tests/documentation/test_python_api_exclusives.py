"""The snippets of the page "Python API exclusives", in its order and with ``ovgpu`` for ``openvino``.

The page is written for releases before 2025 (``openvino.runtime.opset12``); both spellings of the opset run.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import ovgpu as ov


@pytest.fixture(params=["ovgpu.opset12", "ovgpu.runtime.opset12"])
def ops(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(request.param)


def absolute_model(ops: ModuleType) -> ov.Model:
    input_a = ops.parameter([8], name="input_a")
    res = ops.absolute(input_a)
    return ov.Model(res, [input_a])


def test_easier_model_compilation(ops: ModuleType, recwarn: pytest.WarningsRecorder) -> None:
    compiled_model = ov.compile_model(absolute_model(ops))
    assert compiled_model(np.float32([-1] * 8))[0].tolist() == [1] * 8
    # AUTO is the default; where it cannot use a GPU it says so.
    assert all("AUTO does not use GPU but CPU" in str(w.message) for w in recwarn)


def test_model_and_compiled_model_inputs_and_outputs(ops: ModuleType) -> None:
    core = ov.Core()

    input_a = ops.parameter([8], name="input_a")
    res = ops.absolute(input_a)
    model = ov.Model(res, [input_a])
    compiled = core.compile_model(model, "CPU")
    model.outputs[0].tensor.set_names({"result_0"})  # Add name for Output

    assert [repr(port) for port in model.inputs] == ["<Output: names[input_a] shape[8] type: f32>"]
    assert [repr(port) for port in model.outputs] == [
        "<Output: names[result_0] shape[8] type: f32>"
    ]
    assert [repr(port) for port in compiled.inputs] == [
        "<ConstOutput: names[input_a] shape[8] type: f32>"
    ]
    # The name was set after compiling: the compiled model keeps its own.
    assert "result_0" not in compiled.outputs[0].names


def test_working_with_tensors() -> None:
    data_float64 = np.ones(shape=(2, 8))

    tensor = ov.Tensor(data_float64)
    assert tensor.element_type == ov.Type.f64

    data_int32 = np.ones(shape=(2, 8), dtype=np.int32)

    tensor = ov.Tensor(data_int32)
    assert tensor.element_type == ov.Type.i32


def test_shared_memory_mode() -> None:
    data_to_share = np.ones(shape=(2, 8))

    shared_tensor = ov.Tensor(data_to_share, shared_memory=True)

    # Editing of the numpy array affects Tensor's data
    data_to_share[0][2] = 6.0
    assert shared_tensor.data[0][2] == 6.0

    # Editing of Tensor's data affects the numpy array
    shared_tensor.data[0][2] = 0.6
    assert data_to_share[0][2] == 0.6


@pytest.fixture
def compiled_model(ops: ModuleType) -> ov.CompiledModel:
    model = absolute_model(ops)
    model.outputs[0].tensor.set_names({"result_0"})
    return ov.Core().compile_model(model, "CPU")


def test_running_inference(compiled_model: ov.CompiledModel) -> None:
    infer_request = compiled_model.create_infer_request()
    compiled = compiled_model
    data = np.float32([-3] * 8)

    # Passing inputs data in form of a dictionary
    infer_request.infer(inputs={0: data})
    # Passing inputs data in form of a list
    infer_request.infer(inputs=[data])

    # Get output tensor
    results: Any = infer_request.get_output_tensor().data
    assert results.tolist() == [3] * 8

    # Get tensor with CompiledModel's output node
    results = infer_request.get_tensor(compiled.outputs[0]).data
    assert results.tolist() == [3] * 8

    # Get all results with special helper property
    results = list(infer_request.results.values())
    assert [r.tolist() for r in results] == [[3] * 8]


def test_synchronous_mode(compiled_model: ov.CompiledModel) -> None:
    infer_request = compiled_model.create_infer_request()
    data = np.float32([-3] * 8)

    # Simple call to InferRequest
    results = infer_request.infer(inputs={0: data})
    assert results[0].tolist() == [3] * 8
    # Extra feature: calling CompiledModel directly
    results = compiled_model(inputs={0: data})
    assert results[0].tolist() == [3] * 8


def test_inference_results_ov_dict(compiled_model: ov.CompiledModel) -> None:
    data = np.float32([-3] * 8)
    results = compiled_model(inputs={0: data})

    accesses = [
        # Access via string
        results["result_0"],
        # Access via index
        results[0],
        # Access via output port
        results[compiled_model.outputs[0]],
        # Use iterator over keys
        results[next(iter(results))],
        # Iterate over values
        next(iter(results.values())),
    ]
    assert all(access is accesses[0] for access in accesses)
    assert accesses[0].tolist() == [3] * 8

    # to_dict(): native, without access by string and int, and a shallow copy
    native = results.to_dict()
    assert type(native) is dict
    with pytest.raises(KeyError):
        native["result_0"]  # type: ignore[index]
    assert next(iter(native.values())) is accesses[0]


def test_async_infer_queue(ops: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    core = ov.Core()

    # Simple model that adds two inputs together
    input_a = ops.parameter([8])
    input_b = ops.parameter([8])
    res = ops.add(input_a, input_b)
    model = ov.Model(res, [input_a, input_b])
    compiled = core.compile_model(model, "CPU")

    # Number of InferRequests that AsyncInferQueue holds
    jobs = 4
    infer_queue = ov.AsyncInferQueue(compiled, jobs)

    # Create data
    data = [np.array([i] * 8, dtype=np.float32) for i in range(jobs)]

    # Run all jobs
    for i in range(len(data)):
        infer_queue.start_async({0: data[i], 1: data[i]})
    infer_queue.wait_all()

    # Acquiring results from requests
    results = infer_queue[3].get_output_tensor().data
    assert results.tolist() == [6] * 8

    # Setting callbacks
    data_done = [False for _ in range(jobs)]

    def f(request: ov.InferRequest, userdata: int) -> None:
        print(f"Done! Result: {request.get_output_tensor().data}")
        data_done[userdata] = True

    infer_queue.set_callback(f)

    for i in range(len(data)):
        infer_queue.start_async({0: data[i], 1: data[i]}, userdata=i)
    infer_queue.wait_all()

    assert all(data_done)
    assert sorted(capsys.readouterr().out.splitlines()) == [
        f"Done! Result: [{' '.join([f'{2 * i}.'] * 8)}]" for i in range(jobs)
    ]


@pytest.mark.parametrize("name", ["u1", "u4", "i4"])
def test_low_precision_element_types(name: str) -> None:
    from ovgpu.helpers import pack_data, unpack_data

    element_type = getattr(ov.Type, name)
    low, high = {"u1": (0, 2), "u4": (0, 16), "i4": (-8, 8)}[name]
    dtype = np.int8 if name == "i4" else np.uint8
    data = np.random.default_rng(0).integers(low, high, 100).astype(dtype)

    packed_buffer = pack_data(data, element_type)
    # Create tensor with shape in element types
    t = ov.Tensor(packed_buffer, [100], element_type)

    unpacked_data = unpack_data(t.data, t.element_type, t.shape)
    assert np.array_equal(unpacked_data, data)


def test_release_of_gil(ops: ModuleType, tmp_path: Path) -> None:
    model_path = tmp_path / "model.xml"
    ov.save_model(absolute_model(ops), model_path)
    image = np.float32([-1, 2])

    input_data: list[np.ndarray] = []

    # Processing input data will be done in a separate thread
    # while compilation of the model and creation of the infer request
    # is going to be executed in the main thread.
    def prepare_data(input: Any, image: np.ndarray) -> None:
        shape = list(input.shape)
        resized_img = np.resize(image, shape)
        input_data.append(resized_img)

    core = ov.Core()
    model = core.read_model(model_path)
    # Create thread with prepare_data function as target and start it
    thread = Thread(target=prepare_data, args=[model.input(), image])
    thread.start()
    compiled = core.compile_model(model, "CPU")
    request = compiled.create_infer_request()
    # Join the thread to make sure the input_data is ready
    thread.join()
    # running the inference
    assert request.infer(input_data)[0].tolist() == [1, 2] * 4
