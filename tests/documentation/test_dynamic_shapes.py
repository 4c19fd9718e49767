"""The Python snippets of the page "Dynamic shapes", in its order, and what the page says about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ovgpu as ov
import ovgpu.opset13 as ops


@pytest.fixture
def model() -> ov.Model:
    """A small image model: [1,3,224,224] -> the mean of each channel."""
    image = ops.parameter([1, 3, 224, 224], np.float32, name="image")
    pooled = ops.reduce_mean(image, ops.constant([2, 3]), keep_dims=False)
    return ov.Model([ops.relu(pooled)], [image], "image_model")


@pytest.fixture
def text_model() -> ov.Model:
    """Two inputs of one length, as language models have them."""
    ids = ops.parameter([1, 128], np.float32, name="ids")
    mask = ops.parameter([1, 128], np.float32, name="mask")
    return ov.Model([ops.multiply(ids, mask)], [ids, mask], "text_model")


def input_shape(model: ov.Model) -> str:
    return str(model.input().partial_shape)


def test_configuring_the_model(model: ov.Model) -> None:
    # Set first dimension to be dynamic while keeping others static
    model.reshape([-1, 3, 224, 224])
    assert input_shape(model) == "[?,3,224,224]"

    # Or, set third and fourth dimensions as dynamic
    model.reshape([1, 3, -1, -1])
    assert input_shape(model) == "[1,3,?,?]"

    # The dimensions as a string, and ov.Dimension()
    model.reshape("1, 3, ?, ?")
    assert input_shape(model) == "[1,3,?,?]"
    model.reshape([ov.Dimension(), 3, 224, 224])
    assert input_shape(model) == "[?,3,224,224]"


def test_every_input_layer(text_model: ov.Model) -> None:
    model = text_model
    # Assign dynamic shapes to second dimension in every input layer
    shapes = {}
    for input_layer in model.inputs:
        shapes[input_layer] = input_layer.partial_shape
        shapes[input_layer][1] = -1
    model.reshape(shapes)
    assert [str(port.partial_shape) for port in model.inputs] == ["[1,?]", "[1,?]"]
    assert str(model.output().partial_shape) == "[1,?]"


def test_dimensions_undefined_out_of_the_box(
    model: ov.Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.reshape([-1, 3, 224, 224])
    ov.save_model(model, tmp_path / "model.xml")
    model = ov.Core().read_model(tmp_path / "model.xml")

    # Print model input layer info
    for input_layer in model.inputs:
        print(input_layer.names, input_layer.partial_shape)
    assert capsys.readouterr().out == "{'image'} [?,3,224,224]\n"

    model.reshape([1, 3, 224, 224])
    assert model.input().partial_shape.is_static


@pytest.mark.parametrize(
    "bounds", [[(1, 10), (8, 512)], [ov.Dimension(1, 10), (8, 512)], "1..10, 8..512"]
)
def test_dimension_bounds_are_equivalent(text_model: ov.Model, bounds: Any) -> None:
    text_model.reshape(dict.fromkeys(range(2), bounds if isinstance(bounds, str) else list(bounds)))
    assert [str(p.partial_shape) for p in text_model.inputs] == ["[1..10,8..512]"] * 2
    assert str(text_model.output().partial_shape) == "[1..10,8..512]"


def test_dimension_bounds(model: ov.Model) -> None:
    # Example 1 - set first dimension as dynamic (no bounds) and third and fourth to range of 112..448
    model.reshape([-1, 3, (112, 448), (112, 448)])
    assert input_shape(model) == "[?,3,112..448,112..448]"

    # Example 2 - Set first dimension to a range of 1..8 and third and fourth to range of 112..448
    model.reshape([(1, 8), 3, (112, 448), (112, 448)])
    assert input_shape(model) == "[1..8,3,112..448,112..448]"

    request = ov.Core().compile_model(model, "CPU").create_infer_request()
    assert request.infer(np.ones((8, 3, 112, 448), np.float32))[0].shape == (8, 3)
    for shape in (
        (9, 3, 112, 112),
        (1, 3, 111, 112),
        (1, 3, 112, 449),
        (1, 4, 112, 112),
        (3, 112, 112),
    ):
        with pytest.raises(RuntimeError) as caught:
            request.infer(np.ones(shape, np.float32))
        # A refusal names the port, the shape given and the bounds.
        text = str(caught.value)
        assert "'image'" in text
        assert str(list(shape)).replace(" ", "") in text
        assert "[1..8,3,112..448,112..448]" in text
    assert request.infer(np.ones((1, 3, 112, 112), np.float32))[0].tolist() == [[1, 1, 1]]


def test_preparing_and_inferring_dynamic_data(text_model: ov.Model) -> None:
    text_model.reshape({"ids": [1, -1], "mask": [1, -1]})
    infer_request = ov.Core().compile_model(text_model, "CPU").create_infer_request()
    input_tensor_name = "ids"

    # For first inference call, prepare an input tensor with 1x128 shape and run inference request
    input_data1 = np.ones(shape=[1, 128])
    infer_request.infer({input_tensor_name: input_data1, "mask": input_data1})

    # Get resulting outputs
    output_tensor1 = infer_request.get_output_tensor()
    output_data1 = output_tensor1.data[:]
    assert output_data1.shape == (1, 128)

    # For second inference call, prepare a 1x200 input tensor and run inference request
    input_data2 = np.ones(shape=[1, 200])
    infer_request.infer({input_tensor_name: input_data2, "mask": input_data2})

    # Get resulting outputs
    output_tensor2 = infer_request.get_output_tensor()
    output_data2 = output_tensor2.data[:]
    assert output_data2.shape == (1, 200)
    # The tensor queried after the first call is valid here too; its memory may be another.
    assert output_tensor1.data.shape == (1, 200)


def test_dynamic_shapes_of_outputs(model: ov.Model, capsys: pytest.CaptureFixture[str]) -> None:
    model.reshape([(1, 10), 3, -1, -1])
    # Print output partial shape
    print(model.output().partial_shape)

    # Print input partial shape
    print(model.input().partial_shape)
    assert capsys.readouterr().out == "[1..10,3]\n[1..10,3,?,?]\n"

    assert model.input(0).partial_shape.is_dynamic
    assert model.output(0).partial_shape.is_dynamic
    assert not model.output(0).partial_shape[1].is_dynamic
    assert model.output(0).partial_shape[0].is_dynamic


def test_memory_of_dynamic_outputs(model: ov.Model) -> None:
    model.reshape([-1, 3, 8, 8])
    request = ov.Core().compile_model(model, "CPU").create_infer_request()
    # No memory before the first inference
    assert request.get_output_tensor().size == 0

    # Memory given in advance is used
    memory = np.zeros((4, 3), np.float32)
    tensor = ov.Tensor(memory, shared_memory=True)
    request.set_output_tensor(tensor)
    request.infer(np.full((2, 3, 8, 8), 5, np.float32))
    assert list(tensor.shape) == [2, 3]
    assert memory[:2].tolist() == [[5, 5, 5], [5, 5, 5]]
