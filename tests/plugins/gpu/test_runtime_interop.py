"""Device memory of others in and out of inferences: no copy by the host, and order with the producer's stream."""

from __future__ import annotations

import numpy as np
import pytest
from plugins.gpu.runtime_models import (
    accumulated,
    assert_same,
    compile_gpu,
    cpu_request,
    dense,
    parameter,
    reals,
)

import ovgpu as ov
from ovgpu import opset16 as ops

pytestmark = pytest.mark.gpu_sim(policy=["lazy", "random:1"])

VALUES = reals(4, 8)


@pytest.fixture
def cp():
    import cupy

    return cupy


def expected():
    return cpu_request(dense([4, 8])).infer([VALUES])


class Dlpack:
    """An array of another library: nothing but the protocol."""

    def __init__(self, array) -> None:
        self._array = array

    def __dlpack__(self, **kwargs):
        return self._array.__dlpack__(**kwargs)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


class ArrayInterface:
    """As numba's and others' arrays: the memory, and the stream on which it was made."""

    def __init__(self, array, stream) -> None:
        self._array = array
        self.__cuda_array_interface__ = {
            **array.__cuda_array_interface__,
            "version": 3,
            "stream": stream.ptr,
        }


def produced(cp, stream):
    """The values, computed late on a stream: whoever does not wait for it reads something else."""
    with stream:
        array = cp.zeros((4, 8), np.float32)
        array += cp.asarray(VALUES)
    return array


FORMS = {
    "cupy": lambda cp, array, stream: array,
    "dlpack": lambda cp, array, stream: Dlpack(array),
    "array interface": lambda cp, array, stream: ArrayInterface(array, stream),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("start", [False, True], ids=["infer", "start_async"])
def test_inputs(cp, form, start):
    request = compile_gpu(dense([4, 8])).create_infer_request()
    for _ in range(4):
        stream = cp.cuda.Stream(non_blocking=True)
        value = FORMS[form](cp, produced(cp, stream), stream)
        with stream:
            if start:
                request.start_async([value])
                request.wait()
            else:
                request.infer({"x": value})
        assert_same(request.results, expected())
    assert_same(request.infer([VALUES]), expected())  # and host arrays again


def test_inputs_make_no_host_copy(cp, cudasim):
    request = compile_gpu(dense([4, 8])).create_infer_request()
    array = cp.asarray(VALUES)
    for _ in range(3):
        request.infer([array])
    with cudasim.counting() as grown:
        request.infer([array])
    assert (grown["copies_h2d"], grown["copies_d2h"], grown["mallocs"]) == (0, 0, 0)
    assert (grown["copies_d2d"], grown["graph_launches"], grown["synchronizes"]) == (1, 1, 1)


@pytest.mark.parametrize("change", ["strides", "dtype", "half"])
def test_inputs_are_converted_on_the_device(cp, change):
    array = cp.asarray(VALUES)
    if change == "strides":
        array = cp.asarray(np.ascontiguousarray(VALUES.T)).T
    elif change == "dtype":
        array = array.astype(np.float64)
    config = {"INFERENCE_PRECISION_HINT": "f16"} if change == "half" else None
    request = compile_gpu(dense([4, 8]), config).create_infer_request()
    for _ in range(3):
        assert_same(request.infer([array]), expected(), 2e-2 if change == "half" else 1e-5)


def test_wrong_inputs(cp):
    request = compile_gpu(dense([4, 8])).create_infer_request()
    with pytest.raises(RuntimeError):
        request.infer([cp.zeros((3, 8), np.float32)])
    with cp.cuda.Device(1):
        other = cp.zeros((4, 8), np.float32)
    with pytest.raises(RuntimeError, match=r"GPU\.1"):
        request.infer([other])
    assert_same(request.infer([VALUES]), expected())
    with pytest.raises(TypeError):
        cpu_request(dense([4, 8])).infer([cp.asarray(VALUES)])


def test_remote_tensors(cp, cudasim):
    """Inputs and outputs in device memory: the host sees neither."""
    core = ov.Core()
    context = core.get_default_context("GPU")
    assert context.get_device_name() == "GPU.0"
    assert {"CONTEXT_TYPE", "DEVICE_ID"} <= set(context.get_params())
    source = context.create_tensor(ov.Type.f32, ov.Shape([4, 8]), {})
    target = context.create_tensor(ov.Type.f32, ov.Shape([4, 4]), {})
    assert isinstance(source, ov.RemoteTensor)
    assert (source.get_device_name(), list(source.get_shape()), source.get_byte_size()) == (
        "GPU.0",
        [4, 8],
        128,
    )
    source.copy_from(ov.Tensor(VALUES))
    request = compile_gpu(dense([4, 8])).create_infer_request()
    request.set_input_tensor(source)
    request.set_output_tensor(target)
    for _ in range(3):
        request.infer()
    with cudasim.counting() as grown:
        results = request.infer()
    assert (grown["copies_h2d"], grown["copies_d2h"], grown["copies_d2d"], grown["mallocs"]) == (
        0,
        0,
        2,
        0,
    )
    assert results[0] is target
    host = ov.Tensor(ov.Type.f32, ov.Shape([4, 4]))
    target.copy_to(host)
    np.testing.assert_allclose(host.data, expected()[0], 1e-5, 1e-5)
    np.testing.assert_allclose(cp.from_dlpack(target).get(), expected()[0], 1e-5, 1e-5)
    np.testing.assert_allclose(cp.asarray(target).get(), expected()[0], 1e-5, 1e-5)
    with pytest.raises(RuntimeError):
        _ = target.data


def test_remote_tensors_over_arrays(cp):
    context = ov.Core().create_context("GPU", {})
    output = cp.zeros((4, 4), np.float32)
    target = context.create_tensor(ov.Type.f32, ov.Shape([4, 4]), {"MEM_HANDLE": output})
    request = compile_gpu(dense([4, 8])).create_infer_request()
    request.set_output_tensor(target)
    for seed in range(4):
        request.start_async([reals(4, 8, seed=seed)])
        request.wait()
        want = cpu_request(dense([4, 8])).infer([reals(4, 8, seed=seed)])[0]
        np.testing.assert_allclose(output.get(), want, 1e-5, 1e-5)
    with pytest.raises(RuntimeError, match="64 bytes cannot share an array of 32 bytes"):
        context.create_tensor(ov.Type.f32, ov.Shape([4, 4]), {"MEM_HANDLE": output[:2]})
    with pytest.raises(RuntimeError, match="not contiguous"):
        context.create_tensor(ov.Type.f32, ov.Shape([4, 4]), {"MEM_HANDLE": output.T})


def test_output_that_does_not_fit(cp):
    x = parameter([-1])
    request = compile_gpu(ov.Model([ops.relu(x)], [x], "any")).create_infer_request()
    request.set_output_tensor(
        ov.Core().get_default_context("GPU").create_tensor(ov.Type.f32, ov.Shape([3]), {})
    )
    with pytest.raises(RuntimeError, match="keeps its shape"):
        request.infer([reals(4)])
    request.infer([reals(3)])


def test_context_of_the_second_device(cp):
    core = ov.Core()
    second = core.get_default_context("GPU.1")
    assert second.get_device_name() == "GPU.1"
    tensor = second.create_tensor(ov.Type.f32, ov.Shape([4, 8]), {})
    tensor.copy_from(ov.Tensor(VALUES))
    request = compile_gpu(dense([4, 8])).create_infer_request()
    request.set_input_tensor(tensor)
    with pytest.raises(RuntimeError, match=r"GPU\.1 cannot be used on GPU\.0"):
        request.infer()
    request = compile_gpu(dense([4, 8]), device="GPU.1").create_infer_request()
    request.set_input_tensor(tensor)
    assert_same(request.infer(), expected())


def test_with_variables(cp):
    request = compile_gpu(accumulated()).create_infer_request()
    ones = cp.ones((2, 3), np.float32)
    for step in range(1, 6):
        assert request.infer([ones])[0][0, 0] == 10 + step


@pytest.mark.parametrize("name", ["f32", "f16", "bf16", "i64", "u8", "boolean", "u4"])
def test_copies_of_every_kind_of_type(name):
    element_type = getattr(ov.Type, name)
    context = ov.Core().get_default_context("GPU")
    host = ov.Tensor(element_type, ov.Shape([2, 6]))
    host.data[...] = np.arange(host.data.size).reshape(host.data.shape).astype(host.data.dtype)
    remote = context.create_tensor(element_type, ov.Shape([2, 6]), {})
    remote.copy_from(host)
    again = context.create_tensor(element_type, ov.Shape([2, 6]), {})
    remote.copy_to(again)
    back = ov.Tensor(element_type, ov.Shape([2, 6]))
    again.copy_to(back)
    np.testing.assert_array_equal(back.data, host.data)
    pinned = context.create_host_tensor(element_type, ov.Shape([2, 6]))
    again.copy_to(pinned)
    np.testing.assert_array_equal(pinned.data, host.data)


def test_what_remote_tensors_refuse(cp):
    context = ov.Core().get_default_context("GPU")
    tensor = context.create_tensor(ov.Type.f32, ov.Shape([2, 3]), {})
    assert tensor.is_continuous()
    assert tensor.get_params()["MEM_HANDLE"].value == tensor.array.data.ptr
    with pytest.raises(TypeError):
        tensor.copy_to("elsewhere")
    with pytest.raises(RuntimeError, match=r"element types are not equal. \(src: i32 != dst: f32"):
        tensor.copy_from(ov.Tensor(np.zeros((2, 3), np.int32)))
    with pytest.raises(RuntimeError, match="keeps its shape"):
        tensor.copy_from(ov.Tensor(np.zeros((3, 2), np.float32)))
    with cp.cuda.Device(1):
        other = cp.zeros((2, 3), np.float32)
    with pytest.raises(RuntimeError, match=r"lies on GPU\.1, not on GPU\.0"):
        context.create_tensor(ov.Type.f32, ov.Shape([2, 3]), {"MEM_HANDLE": other})


def test_device_arrays_of_packed_types(cp):
    """An array of CuPy has no elements of half a byte: a remote tensor is needed."""
    x = parameter([2, 6], ov.Type.u4)
    model = ov.Model([ops.convert(x, "f32"), x], [x], "packed")
    request = compile_gpu(model).create_infer_request()
    with pytest.raises(RuntimeError, match="Device arrays cannot feed inputs of type u4"):
        request.infer([cp.zeros(6, np.uint8)])
    tensor = ov.Tensor(ov.Type.u4, ov.Shape([2, 6]))
    tensor.data[...] = np.arange(tensor.data.size).reshape(tensor.data.shape)
    context = ov.Core().get_default_context("GPU")
    remote, passed = (context.create_tensor(ov.Type.u4, ov.Shape([2, 6]), {}) for _ in range(2))
    remote.copy_from(tensor)
    for _ in range(3):
        assert_same(request.infer([remote]), cpu_request(model).infer([tensor]))
    request.set_output_tensor(1, passed)
    request.infer([remote])
    back = ov.Tensor(ov.Type.u4, ov.Shape([2, 6]))
    passed.copy_to(back)
    np.testing.assert_array_equal(back.data, tensor.data)


def test_remote_tensors_as_inputs_of_another_request(cp):
    """What one request left in device memory is the input of the next: by the tensor itself, in a dictionary too."""
    context = ov.Core().get_default_context("GPU")
    between = context.create_tensor(ov.Type.f32, ov.Shape([4, 4]), {})
    first, x = compile_gpu(dense([4, 8])).create_infer_request(), parameter([4, 4])
    first.set_output_tensor(between)
    first.infer([VALUES])
    second = compile_gpu(ov.Model([ops.negative(x)], [x], "second")).create_infer_request()
    for _ in range(3):
        result = second.infer({"x": between})[0]
        np.testing.assert_allclose(result, -expected()[0], 1e-5, 1e-5)
