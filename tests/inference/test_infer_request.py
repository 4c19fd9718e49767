"""InferRequest: inputs of every form, sharing, outputs, errors, compared with OpenVINO where that can be asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import openvino
import openvino.opset13 as real_ops
import pytest

import ovgpu as ov
from tests.inference.fake_plugin import FakePlugin, relu_model

ONES = np.ones((2, 3), np.float32)


def sentence(error: BaseException) -> str:
    """The human sentence of an error, without the C++ frames of the real package."""
    lines = [line for line in str(error).splitlines() if line.strip() and not line.startswith("  ")]
    return lines[-1].removeprefix("ParameterMismatch: ")


@pytest.fixture(scope="module")
def real() -> openvino.CompiledModel:
    """The model of the fixture ``compiled`` on OpenVINO's CPU, in f32."""
    x = real_ops.parameter([2, 3], np.float32, name="x")
    relu = real_ops.relu(x)
    relu.output(0).tensor.set_names({"x_out", "x_alias"})
    model = openvino.Model([relu], [x], "relu")
    return openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


# ---- forms of inputs ----
INPUTS: list[Callable[[Any, Any], Any]] = [
    lambda p, c: {0: ONES},
    lambda p, c: {"x": ONES},
    lambda p, c: {c.input(): ONES},
    lambda p, c: [ONES],
    lambda p, c: (ONES,),
    lambda p, c: ONES,
    lambda p, c: p.Tensor(ONES),
    lambda p, c: {0: p.Tensor(ONES)},
    lambda p, c: ONES.astype(np.float64),
    lambda p, c: -2 * ONES.astype(np.int32),
    lambda p, c: np.ones((3, 2), np.float32).T,
    lambda p, c: {},
    lambda p, c: (),
    lambda p, c: None,
    lambda p, c: {"nope": ONES},
    lambda p, c: {5: ONES},
    lambda p, c: {True: ONES},
    lambda p, c: {0.5: ONES},
    lambda p, c: {0.0: ONES},
    lambda p, c: {b"x": ONES},
    lambda p, c: {(0,): ONES},
    lambda p, c: {np.int64(0): ONES},
    lambda p, c: {0: None},
    lambda p, c: {0: object()},
    lambda p, c: object(),
    lambda p, c: [ONES, ONES],
    lambda p, c: [],
    lambda p, c: [[1.0, 2.0], [3.0, 4.0]],
    lambda p, c: {0: [[1, 2, 3], [4, 5, 6]]},
    lambda p, c: p.Tensor(ONES.astype(np.float64)),
    lambda p, c: p.Tensor(np.ones((2, 4), np.float32)),
    lambda p, c: np.ones((2, 4), np.float32),
    lambda p, c: np.ones(3, np.float32),
    lambda p, c: np.ones((1, 3), np.float32),
    lambda p, c: 5,
    lambda p, c: np.float32(3),
    lambda p, c: "abc",
]


@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize("number", range(len(INPUTS)))
def test_inputs_as_openvino_takes_them(
    real: openvino.CompiledModel, compiled: ov.CompiledModel, number: int, share: bool
) -> None:
    outcomes: list[Any] = []
    for package, model in ((openvino, real), (ov, compiled)):
        request = model.create_infer_request()
        request.infer(ONES)
        try:
            result = request.infer(INPUTS[number](package, model), share_inputs=share)
            outcomes.append(result[0].tolist())
        except Exception as error:
            outcomes.append(error)
    expected, got = outcomes
    if not isinstance(expected, Exception):
        assert got == expected
        return
    assert type(got) is type(expected), (got, expected)
    if "<object object" not in str(expected) and number != INPUTS.index(INPUTS[-1]):
        # Ours adds which input it was.
        ours, theirs = sentence(got).replace("ovgpu", "openvino"), sentence(expected)
        assert ours.startswith(theirs.rstrip(".")), (ours, theirs)


@pytest.mark.parametrize("share", [False, True])
def test_negative_index(request_: ov.InferRequest, share: bool) -> None:
    with pytest.raises(TypeError, match="incompatible function arguments"):
        request_.infer({-1: ONES}, share_inputs=share)


@pytest.mark.parametrize("share", [False, True])
def test_port_of_the_model_is_no_key(core: ov.Core, share: bool) -> None:
    model = relu_model()
    request = core.compile_model(model, "FAKE").create_infer_request()
    message = "Unsupported key type" if share else "Incompatible key type for input"
    with pytest.raises(TypeError, match=message):
        request.infer({model.input(): ONES}, share_inputs=share)
    request.set_tensor(model.input(), ov.Tensor(ONES))
    assert request.get_tensor(model.input()).data.tolist() == ONES.tolist()
    assert request.infer()[0].tolist() == ONES.tolist()


def test_output_name_is_no_input(request_: ov.InferRequest) -> None:
    with pytest.raises(RuntimeError, match="Port for tensor name x_out was not found"):
        request_.infer({"x_out": ONES})


def test_missing_inputs_keep_their_data(core: ov.Core) -> None:
    request = core.compile_model(relu_model([2], names="ab"), "FAKE").create_infer_request()
    request.infer({"a": np.float32([1, 2]), 1: np.float32([3, 4])})
    results = request.infer({"b": np.float32([5, 6])})
    assert [r.tolist() for r in results.values()] == [[1, 2], [5, 6]]


def test_one_array_for_two_inputs(core: ov.Core) -> None:
    compiled = core.compile_model(relu_model([2], names="ab"), "FAKE")
    for function in (compiled.create_infer_request().infer, compiled):
        with pytest.raises(
            RuntimeError, match="must be called on a function with exactly one parameter"
        ):
            function(np.float32([1, 2]))


def test_object_with_array_protocol(request_: ov.InferRequest) -> None:
    class Wrapper:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return 4 * ONES

    assert request_.infer(Wrapper())[0].tolist() == (4 * ONES).tolist()
    assert request_.infer({0: Wrapper()}, share_inputs=True)[0].tolist() == (4 * ONES).tolist()


def test_results_of_another_model_by_position(
    request_: ov.InferRequest, compiled: ov.CompiledModel
) -> None:
    assert request_.infer(compiled(3 * ONES))[0].tolist() == (3 * ONES).tolist()


def test_float64_to_integers(core: ov.Core) -> None:
    request = core.compile_model(relu_model([2], ov.Type.u8), "FAKE").create_infer_request()
    assert request.infer(np.array([-2.2, 3.9]))[0].tolist() == [254, 3]


def test_bf16_inputs(core: ov.Core, device: FakePlugin) -> None:
    device.compute = lambda arrays: [a.astype(np.float32).astype(a.dtype) for a in arrays]
    request = core.compile_model(relu_model([2], ov.Type.bf16), "FAKE").create_infer_request()
    bits = [0x3FC0, 0xC000]  # 1.5 and -2.0
    for value in (np.float32([1.5, -2]), np.array([1.5, -2]), np.array(bits, np.uint16)):
        for share in (False, True):
            result = request.infer(value, share_inputs=share)[0]
            assert result.dtype == np.float16
            assert result.view(np.uint16).tolist() == bits
    assert (
        request.infer(np.array(bits, np.uint16).view(np.float16))[0].view(np.uint16).tolist()
        == bits
    )


def test_arrays_cannot_feed_packed_inputs(core: ov.Core) -> None:
    request = core.compile_model(relu_model([4], ov.Type.u4), "FAKE").create_infer_request()
    with pytest.raises(
        ValueError, match=r"could not broadcast input array from shape \(4,\) into shape \(2,\)"
    ):
        request.infer(np.zeros(4, np.uint8))
    with pytest.raises(
        RuntimeError, match="precision: u8, since the model input tensor precision is: u4"
    ):
        request.infer(np.zeros(4, np.uint8), share_inputs=True)
    packed = np.array([0x21, 0xF3], np.uint8)
    assert request.infer(ov.Tensor(packed, [4], ov.Type.u4))[0].tolist() == [0x21, 0xF3]


def test_strings(core: ov.Core, device: FakePlugin) -> None:
    device.compute = lambda arrays: arrays
    request = core.compile_model(relu_model([-1], ov.Type.string), "FAKE").create_infer_request()
    for value in (np.array(["ab", "é"]), ["ab", "é"], ov.Tensor(["ab", "é"])):
        for share in (False, True):
            assert request.infer({0: value}, share)[0].tolist() == ["ab", "é"]
    assert request.infer({0: ["a"]}, decode_strings=False)[0].dtype == np.dtype("S1")
    with pytest.warns(RuntimeWarning, match="Result of a string type will be copied to OVDict!"):
        request.infer({0: ["a"]}, share_outputs=True)


# ---- sharing ----
def test_shared_inputs_are_not_copied(request_: ov.InferRequest) -> None:
    array = ONES.copy()
    request_.infer(array, share_inputs=True)
    assert np.shares_memory(request_.get_input_tensor().data, array)
    request_.infer(array)
    assert not np.shares_memory(request_.get_input_tensor().data, array)


@pytest.mark.parametrize(
    "make", [lambda: ONES.astype(np.float64), lambda: np.ones((3, 2), np.float32).T]
)
def test_what_cannot_be_shared_is_copied(
    request_: ov.InferRequest, make: Callable[[], np.ndarray]
) -> None:
    array = make()
    assert request_.infer(array, share_inputs=True)[0].tolist() == ONES.tolist()
    assert not np.shares_memory(request_.get_input_tensor().data, array)
    frozen = ONES.copy()
    frozen.flags.writeable = False
    request_.infer(frozen, share_inputs=True)
    assert not np.shares_memory(request_.get_input_tensor().data, frozen)


def test_copying_never_writes_into_an_array_shared_before(request_: ov.InferRequest) -> None:
    shared = ONES.copy()
    request_.infer(shared, share_inputs=True)
    request_.infer(3 * ONES)
    assert shared.tolist() == ONES.tolist()


def test_results_are_copies_or_views(request_: ov.InferRequest) -> None:
    copied = request_.infer(ONES)[0]
    view = request_.infer(ONES, share_outputs=True)[0]
    assert copied.flags.owndata
    assert not view.flags.owndata
    assert view.flags.writeable
    request_.infer(2 * ONES)
    assert copied.tolist() == ONES.tolist()
    assert view.tolist() == (2 * ONES).tolist()
    assert not np.shares_memory(request_.results[0], view)


def test_views_outlive_request_and_model(core: ov.Core) -> None:
    request = core.compile_model(relu_model(), "FAKE").create_infer_request()
    view = request.infer(ONES, share_outputs=True)[0]
    del request
    assert view.tolist() == ONES.tolist()


# ---- dynamic shapes ----
def test_shapes_before_the_first_inference(
    dynamic: ov.InferRequest, request_: ov.InferRequest
) -> None:
    assert repr(dynamic.get_input_tensor()) == "<Tensor: shape[0,3] type: f32>"
    assert repr(dynamic.get_output_tensor()) == "<Tensor: shape[0,3] type: f32>"
    assert dynamic.results[0].shape == (0, 3)
    assert repr(request_.get_output_tensor()) == "<Tensor: shape[2,3] type: f32>"


def test_shapes_within_bounds(dynamic: ov.InferRequest) -> None:
    output = dynamic.get_output_tensor()
    for rows in (4, 8, 1, 0):
        for share in (False, True):
            assert dynamic.infer(np.ones((rows, 3), np.float32), share)[0].shape == (rows, 3)
        assert output.data.shape == (rows, 3)


@pytest.mark.parametrize("shape", [(9, 3), (2, 4), (3,), (2, 3, 1), ()])
def test_shapes_outside_bounds(dynamic: ov.InferRequest, shape: tuple[int, ...]) -> None:
    dynamic.infer(np.ones((2, 3), np.float32))
    if shape:
        dims = ", ".join(map(str, shape))
        with pytest.raises(RuntimeError) as caught:
            dynamic.infer(np.ones(shape, np.float32))
        expected = "Can not clone with new dims. Descriptor's shape: {1 - 8, 3} is incompatible with provided "
        assert expected + f"dimensions: {{{dims}}}." in str(caught.value)
        assert "Input 'x'" in str(caught.value)
        assert "[1..8,3]" in str(caught.value)
    given = ".".join(map(str, shape))
    expected = f"the model input (shape=[1..8,3]) and the tensor (shape=({given})) are incompatible"
    for value in (np.ones(shape, np.float32), ov.Tensor(np.ones(shape, np.float32))):
        with pytest.raises(RuntimeError) as caught:
            dynamic.infer(value, share_inputs=True)
        assert expected in str(caught.value)
        assert "'x'" in str(caught.value)
    assert dynamic.infer()[0].tolist() == ONES.tolist()


def test_tensor_resized_to_a_wrong_shape(request_: ov.InferRequest) -> None:
    request_.get_input_tensor().set_shape([5, 3])
    with pytest.raises(RuntimeError, match=r"got \[5,3\] expecting \[2,3\]"):
        request_.infer()
    assert request_.infer(ONES)[0].tolist() == ONES.tolist()


# ---- output tensors ----
def test_output_tensor_is_used_in_place(request_: ov.InferRequest) -> None:
    array = np.zeros((2, 3), np.float32)
    request_.set_output_tensor(ov.Tensor(array, shared_memory=True))
    request_.infer(ONES)
    assert array.tolist() == ONES.tolist()


def test_output_tensor_is_resized(dynamic: ov.InferRequest) -> None:
    tensor = ov.Tensor(ov.Type.f32, [0])
    dynamic.set_output_tensor(tensor)
    dynamic.infer(np.ones((7, 3), np.float32))
    assert list(tensor.shape) == [7, 3]


def test_shared_output_must_be_large_enough(dynamic: ov.InferRequest) -> None:
    array = np.zeros((6, 3), np.float32)
    tensor = ov.Tensor(array, shared_memory=True)
    dynamic.set_output_tensor(tensor)
    assert dynamic.infer(np.ones((2, 3), np.float32))[0].shape == (2, 3)
    with pytest.raises(RuntimeError, match=r"Could set new shape: \[7,3\]"):
        dynamic.infer(np.ones((7, 3), np.float32))
    assert dynamic.infer(np.ones((3, 3), np.float32))[0].shape == (3, 3)
    assert list(tensor.shape) == [3, 3]


def test_outputs_that_do_not_fit(request_: ov.InferRequest) -> None:
    with pytest.raises(RuntimeError) as caught:
        request_.set_output_tensor(ov.Tensor(np.ones((5, 3), np.float32)))
    expected = "Can't set the output tensor with index: 0, because the model output tensor (shape=[2,3]) and the "
    assert expected + "current tensor (shape=(5.3)) are incompatible" in str(caught.value)
    with pytest.raises(
        RuntimeError,
        match="for output with precision: f16, if model output tensor precision is: f32",
    ):
        request_.set_output_tensor(ov.Tensor(ONES.astype(np.float16)))


# ---- setters and getters ----
def test_setters(request_: ov.InferRequest, compiled: ov.CompiledModel) -> None:
    tensor, other = ov.Tensor(ONES), ov.Tensor(ONES)
    request_.set_input_tensor(tensor)
    assert request_.get_input_tensor() is tensor
    assert request_.get_input_tensor(0) is tensor
    request_.set_input_tensor(0, other)
    assert request_.input_tensors == [other]
    request_.set_tensor("x", tensor)
    assert request_.get_tensor(compiled.input()) is tensor
    request_.set_tensor(compiled.input(), other)
    assert request_.get_tensor("x") is other
    request_.set_tensor("x_alias", tensor)
    assert request_.get_output_tensor() is tensor
    assert request_.output_tensors == [tensor]
    for key in (0, "x", compiled.input()):
        request_.set_tensors({key: tensor})
        assert request_.get_input_tensor() is tensor
        request_.set_tensors({key: other})
        assert request_.get_input_tensor() is other
    request_.set_input_tensors({0: tensor})
    assert request_.get_input_tensor() is tensor
    request_.set_output_tensors({0: other})
    assert request_.get_output_tensor() is other
    request_.set_input_tensors([other])
    assert request_.get_input_tensor() is other


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda r: r.set_input_tensor(3, ov.Tensor(ONES)),
            RuntimeError,
            "Input port for index 3 was not found! The m",
        ),
        (
            lambda r: r.set_output_tensor(2, ov.Tensor(ONES)),
            RuntimeError,
            "Output port for index 2 was not found! The",
        ),
        (lambda r: r.set_input_tensor(ONES), TypeError, "incompatible function arguments"),
        (
            lambda r: r.set_input_tensor("x", ov.Tensor(ONES)),
            TypeError,
            "incompatible function arguments",
        ),
        (
            lambda r: r.set_tensor("nope", ov.Tensor(ONES)),
            RuntimeError,
            "Port for tensor name nope was not found",
        ),
        (lambda r: r.get_tensor("nope"), RuntimeError, "Port for tensor name nope was not found"),
        (lambda r: r.get_tensor(0), TypeError, "incompatible function arguments"),
        (
            lambda r: r.get_input_tensor(4),
            RuntimeError,
            r"__n \(which is 4\) >= this->size\(\) \(which is 1\)",
        ),
        (
            lambda r: r.get_output_tensor(4),
            RuntimeError,
            r"__n \(which is 4\) >= this->size\(\) \(which is 1\)",
        ),
        (
            lambda r: r.set_input_tensors({"x": ov.Tensor(ONES)}),
            TypeError,
            "incompatible function arguments!",
        ),
        (
            lambda r: r.set_output_tensors({"x": ov.Tensor(ONES)}),
            TypeError,
            "incompatible function arguments!",
        ),
        (lambda r: r.set_tensors({"x": ONES}), TypeError, "Unable to cast"),
        (
            lambda r: r.set_tensors({0.5: ov.Tensor(ONES)}),
            TypeError,
            "incompatible function arguments!",
        ),
        (
            lambda r: r.set_input_tensors([ov.Tensor(ONES)] * 2),
            RuntimeError,
            r"only for inputs with N\(batch\)",
        ),
    ],
)
def test_wrong_arguments_of_setters(
    request_: ov.InferRequest,
    call: Callable[[ov.InferRequest], Any],
    kind: type[Exception],
    message: str,
) -> None:
    with pytest.raises(kind, match=message):
        call(request_)


def test_setters_without_index_need_one_port(core: ov.Core) -> None:
    request = core.compile_model(relu_model([2], names="ab"), "FAKE").create_infer_request()
    for call in (
        request.get_input_tensor,
        lambda: request.set_input_tensor(ov.Tensor(np.ones(2, np.float32))),
    ):
        with pytest.raises(
            RuntimeError, match="must be called on a function with exactly one parameter"
        ):
            call()


def test_batch_of_tensors(core: ov.Core) -> None:
    model = relu_model([-1, 3])
    model.get_parameters()[0].set_layout(ov.Layout("NC"))
    request = core.compile_model(model, "FAKE").create_infer_request()
    rows = [ov.Tensor(np.full((1, 3), i, np.float32)) for i in range(4)]
    request.set_input_tensors(rows)
    assert request.infer()[0].tolist() == [[i] * 3 for i in range(4)]
    rows[1].data[:] = 9
    assert request.infer()[0].tolist()[1] == [9, 9, 9]
    request.set_tensors("x", rows[:2])
    assert request.infer()[0].shape == (2, 3)
    assert request.infer(np.ones((1, 3), np.float32))[0].tolist() == [[1, 1, 1]]
    with pytest.raises(RuntimeError, match="batch 1"):
        request.set_input_tensors([ov.Tensor(np.ones((2, 3), np.float32))] * 2)


def test_information(request_: ov.InferRequest, compiled: ov.CompiledModel) -> None:
    assert request_.latency == 0.0
    request_.infer(ONES)
    assert request_.latency > 0
    assert request_.model_inputs == compiled.inputs
    assert request_.model_outputs == compiled.outputs
    assert request_.get_compiled_model() is compiled
    ports = "inputs[\n<ConstOutput: names[x] shape[2,3] type: f32>\n]\noutputs[\n<ConstOutput: names[x_alias, x_out] "
    assert repr(request_) == f"<InferRequest:\n{ports}shape[2,3] type: f32>\n]>"
    (info,) = request_.get_profiling_info()
    assert repr(info) == "<ProfilingInfo>"
    assert info.status == ov.ProfilingInfo.Status.NOT_RUN
    assert request_.profiling_info[0].node_type == "Relu"
    assert ov.InferRequest(request_).results[0].tolist() == ONES.tolist()


def test_failed_inference_leaves_the_request_usable(
    request_: ov.InferRequest, device: FakePlugin
) -> None:
    device.failure = RuntimeError("out of luck")
    with pytest.raises(RuntimeError, match="out of luck"):
        request_.infer(ONES)
    device.failure = None
    assert request_.infer(ONES)[0].tolist() == ONES.tolist()


# ---- variables ----
def test_variables(request_: ov.InferRequest, compiled: ov.CompiledModel) -> None:
    (state,) = request_.query_state()
    assert repr(state) == "<VariableState>"
    assert state.name == "counter"
    state.state = ov.Tensor(np.float32([5]))
    assert request_.query_state()[0].state.data.tolist() == [5]
    with pytest.raises(TypeError, match="incompatible function arguments"):
        state.state = np.float32([1])  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="Can not clone with new dims"):
        state.state = ov.Tensor(np.zeros(2, np.float32))
    state.reset()
    assert state.state.data.tolist() == [0]
    state.state = ov.Tensor(np.float32([6]))
    request_.reset_state()
    assert state.state.data.tolist() == [0]
    compiled.query_state()[0].state = ov.Tensor(np.float32([7]))
    assert compiled.query_state()[0].state.data.tolist() == [7]
    assert state.state.data.tolist() == [0]
    compiled.reset_state()
    assert compiled.query_state()[0].state.data.tolist() == [0]
