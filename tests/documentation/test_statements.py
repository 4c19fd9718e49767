"""What both pages say in words, beside their snippets."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest

import ovgpu as ov
import ovgpu.opset12 as ops


def doubled(shape: Any = (4,)) -> ov.Model:
    x = ops.parameter(list(shape), np.float32, name="x")
    node = ops.multiply(x, ops.constant(np.float32(2)))
    node.output(0).tensor.set_names({"y"})
    return ov.Model([node], [x], "doubled")


@pytest.fixture
def compiled() -> ov.CompiledModel:
    return ov.Core().compile_model(doubled(), "CPU")


# ---- dynamic shapes -----------------------------------------------------------------------------------------------
def test_dynamic_dimensions_of_a_framework_are_kept(tmp_path: Path) -> None:
    """By ``read_model`` and by ``convert_model``, which can also set them."""
    from onnx import TensorProto, helper, save

    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", 3]) for n in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    opsets = [helper.make_opsetid("", 17)]
    path = tmp_path / "model.onnx"
    save(helper.make_model(graph, opset_imports=opsets), path)
    for model in (ov.Core().read_model(path), ov.convert_model(path)):
        assert str(model.input().partial_shape) == "[?,3]"
        assert str(model.output().partial_shape) == "[?,3]"
    assert str(ov.convert_model(path, input=[ov.Dimension(1, 8), 3]).output().partial_shape) == (
        "[1..8,3]"
    )


def test_a_dimension_stays_dynamic_while_inferring() -> None:
    compiled = ov.Core().compile_model(doubled([-1, 3]), "CPU")
    request = compiled.create_infer_request()
    for size in (1, 5, 2):
        request.infer([np.ones((size, 3), np.float32)])
        assert list(request.get_output_tensor().shape) == [size, 3]
        assert str(compiled.input().partial_shape) == "[?,3]"
        assert str(compiled.output().partial_shape) == "[?,3]"


def test_static_and_dynamic_dimensions_combine() -> None:
    model = doubled([1, 2, 3])
    for shape in ([-1, 2, 3], [1, -1, (2, 5)], [-1, -1, -1], [1, 2, 3]):
        model.reshape(shape)
        assert model.output().partial_shape == model.input().partial_shape
        assert model.is_dynamic() is any(d == -1 or isinstance(d, tuple) for d in shape)


@pytest.mark.parametrize("shape", [[-1], [-1, 3], [(2, 5), 3], [-1, -1]])
def test_outputs_before_the_first_inference(shape: list[Any]) -> None:
    """Nothing is allocated, and the shapes are those that OpenVINO shows."""
    ours = ov.Core().compile_model(doubled(shape), "CPU").create_infer_request()
    x = openvino.opset12.parameter(shape, np.float32)
    node = openvino.opset12.multiply(x, openvino.opset12.constant(np.float32(2)))
    theirs = openvino.Core().compile_model(openvino.Model([node], [x], "m"), "CPU")
    wanted = list(theirs.create_infer_request().get_output_tensor().shape)
    assert list(ours.get_output_tensor().shape) == wanted
    assert ours.get_output_tensor().byte_size == 0


def test_an_output_tensor_in_advance_gets_the_computed_shape() -> None:
    request = ov.Core().compile_model(doubled([-1]), "CPU").create_infer_request()
    tensor = ov.Tensor(ov.Type.f32, [100])
    request.set_output_tensor(tensor)
    for size in (10, 100, 3):
        request.infer([np.ones(size, np.float32)])
        assert list(tensor.shape) == [size]
        assert tensor.data.tolist() == [2] * size


# ---- tensors and results ------------------------------------------------------------------------------------------
def test_a_tensor_holds_a_copy_and_knows_the_type() -> None:
    for dtype in (np.float16, np.float32, np.float64, np.int8, np.uint64, np.bool_):
        data = np.ones((2, 3), dtype)
        tensor = ov.Tensor(data)
        data[:] = 0
        assert tensor.data.all()
        assert tensor.data.dtype == dtype
        assert tensor.element_type == ov.Type(dtype)


def test_results_are_frozen(compiled: ov.CompiledModel) -> None:
    results: Any = compiled([np.ones(4)])
    for change in (
        lambda: results.__setitem__(0, 1),
        lambda: results.__delitem__(0),
        lambda: results.update({0: 1}),
        lambda: results.pop(0),
    ):
        with pytest.raises((TypeError, AttributeError)):
            change()
    native = results.to_dict()
    # Changes of what to_dict returns may reach the results: the arrays are the same.
    native[compiled.output(0)][:] = 9
    assert results["y"].tolist() == [9] * 4


# ---- AsyncInferQueue ----------------------------------------------------------------------------------------------
def test_jobs_have_ids_from_zero(compiled: ov.CompiledModel) -> None:
    queue = ov.AsyncInferQueue(compiled, 3)
    assert len(queue) == 3
    assert len({id(request) for request in queue}) == 3
    assert {queue.get_idle_request_id()} <= {0, 1, 2}
    for index, request in enumerate(queue):
        assert request is queue[index]
    with pytest.raises(IndexError):
        queue[3]


def test_start_async_waits_for_a_free_job(compiled: ov.CompiledModel) -> None:
    queue = ov.AsyncInferQueue(compiled, 2)
    inside, go = [], threading.Event()

    def hold(request: ov.InferRequest, userdata: int) -> None:
        inside.append(userdata)
        go.wait(20)

    queue.set_callback(hold)
    queue.start_async([np.ones(4)], 0)
    queue.start_async([np.ones(4)], 1)
    assert not queue.is_ready()
    third = threading.Thread(target=queue.start_async, args=([np.ones(4)], 2))
    third.start()
    third.join(0.1)
    assert third.is_alive()
    assert 2 not in inside
    go.set()
    third.join(20)
    queue.wait_all()
    assert sorted(inside) == [0, 1, 2]
    assert queue.is_ready()


def test_wait_all_makes_every_result_safe_to_read(compiled: ov.CompiledModel) -> None:
    queue = ov.AsyncInferQueue(compiled, 4)
    for number in range(4):
        queue.start_async({"x": np.full(4, number, np.float32)})
    queue.wait_all()
    results = sorted(request.get_output_tensor().data[0] for request in queue)
    assert results == [0, 2, 4, 6]


def test_a_callback_serves_all_jobs_with_request_and_userdata(compiled: ov.CompiledModel) -> None:
    queue = ov.AsyncInferQueue(compiled, 3)
    seen: dict[Any, float] = {}

    def collect(request: ov.InferRequest, userdata: Any) -> None:
        seen[userdata] = float(request.get_output_tensor().data[0])

    queue.set_callback(collect)
    for number in range(50):
        queue.start_async([np.full(4, number, np.float32)], ("job", number))
    queue.wait_all()
    assert seen == {("job", number): 2.0 * number for number in range(50)}


# ---- low precision ------------------------------------------------------------------------------------------------
def test_a_packed_buffer_has_as_many_bytes_as_the_elements_need() -> None:
    data = np.arange(100, dtype=np.uint8) % 16
    for name, nbytes in (("u4", 50), ("u1", 13)):
        packed = ov.helpers.pack_data(data % 2, getattr(ov.Type, name))
        assert packed.nbytes == nbytes
        tensor = ov.Tensor(packed, [100], getattr(ov.Type, name))
        assert list(tensor.shape) == [100]
        assert tensor.byte_size == nbytes
