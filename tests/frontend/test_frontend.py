"""Readers one by one, and converters of users."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import openvino.frontend
import pytest
from onnx import TensorProto, helper

import ovgpu as ov
import ovgpu.opset13 as ops
from ovgpu.frontend import (
    ConversionExtension,
    FrontEndManager,
    GeneralFailure,
    InitializationFailure,
    NodeContext,
)


def _onnx_file(folder: Path, operator: str = "Relu", **attributes: object) -> Path:
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 3]) for n in "xy")
    node = helper.make_node(operator, ["x"], ["y"], **attributes)
    model = helper.make_model(
        helper.make_graph([node], "g", [x], [y]), opset_imports=[helper.make_opsetid("", 17)]
    )
    path = folder / "model.onnx"
    onnx.save(model, path)
    return path


def test_find_a_reader(tmp_path: Path) -> None:
    manager = FrontEndManager()
    assert set(manager.get_available_front_ends()) == {"onnx", "ir"}
    assert repr(manager) == repr(openvino.frontend.FrontEndManager())
    reader = manager.load_by_model(_onnx_file(tmp_path))
    assert reader is not None
    assert reader.get_name() == "onnx"
    assert repr(reader) == repr(openvino.frontend.FrontEndManager().load_by_framework("onnx"))
    assert manager.load_by_framework("ir").get_name() == "ir"
    assert manager.load_by_model(5) is None
    assert manager.load_by_model("model.tflite") is None


def test_errors() -> None:
    manager = FrontEndManager()
    with pytest.raises(InitializationFailure, match="FrontEnd for Framework nope is not found"):
        manager.load_by_framework("nope")
    with pytest.raises(GeneralFailure, match=r"Could not open the file: .nope\.onnx."):
        manager.load_by_model("nope.onnx")
    with pytest.raises(GeneralFailure, match="Could not open the file"):
        manager.load_by_framework("onnx").load("nope.onnx")
    with pytest.raises(TypeError, match="incompatible"):
        manager.load_by_framework("onnx").convert(5)  # type: ignore[arg-type]


def test_change_inputs_before_conversion(tmp_path: Path) -> None:
    reader = FrontEndManager().load_by_framework("onnx")
    loaded = reader.load(_onnx_file(tmp_path))
    (place,) = loaded.get_inputs()
    assert (place.get_names(), place.is_input(), place.is_output()) == (["x"], True, False)
    found = loaded.get_place_by_tensor_name("x")
    assert found is not None
    assert found.is_equal(place)
    assert loaded.get_place_by_tensor_name("nope") is None
    loaded.set_partial_shape(place, ov.PartialShape([2, 3]))
    loaded.set_element_type(place, ov.Type.f16)
    assert loaded.get_partial_shape(place) == [2, 3]
    model = reader.convert(loaded)
    assert model.output("y").shape == [2, 3]
    assert model.output("y").element_type == ov.Type.f16


def test_a_converter_of_the_user(tmp_path: Path) -> None:
    seen: list[object] = []

    def convert(node: NodeContext) -> ov.Node:
        seen.extend([node.get_op_type(), node.get_input_size(), node.get_attribute("gain")])
        assert node.get_attribute("other", 7) == 7
        with pytest.raises(GeneralFailure, match="no attribute other"):
            node.get_attribute("other")
        return ops.multiply(node.get_input(0), np.float32(node.get_attribute("gain")))

    core = ov.Core()
    core.add_extension(ConversionExtension("FrontendTestGain", convert))
    model = core.read_model(_onnx_file(tmp_path, "FrontendTestGain", gain=2.5))
    assert seen == ["FrontendTestGain", 1, 2.5]
    result = core.compile_model(model, "CPU")(np.ones((1, 3), np.float32))[0]
    np.testing.assert_array_equal(result, np.full((1, 3), 2.5, np.float32))


def test_a_converter_is_a_function() -> None:
    with pytest.raises(TypeError, match="function"):
        ConversionExtension("X", 5)  # type: ignore[arg-type]
