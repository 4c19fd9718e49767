"""Operations written in Python, in IR files and in ONNX models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import openvino
import pytest
from onnx import TensorProto, helper

import ovgpu as ov
from ovgpu.graph.custom_op import custom_operations


def scaled_relu(package: ModuleType) -> Any:
    """The class ``ScaledRelu`` as an operation of one of the packages: factor * max(x, 0), shifted when it says so."""

    class ScaledRelu(package.Op):  # type: ignore[misc,name-defined]
        class_type_info = package.DiscreteTypeInfo("ScaledRelu", "extension")

        def __init__(self, inputs: Any = None, factor: float = 2.0, shift: bool = False) -> None:
            super().__init__(self, inputs)
            self.settings = {"factor": factor, "shift": shift}
            if inputs is not None:
                self.constructor_validate_and_infer_types()

        def validate_and_infer_types(self) -> None:
            self.set_output_type(0, self.get_input_element_type(0), self.get_input_partial_shape(0))

        def clone_with_new_inputs(self, new_inputs: Any) -> Any:
            return ScaledRelu(new_inputs, **self.settings)

        def get_type_info(self) -> Any:
            return ScaledRelu.class_type_info

        def has_evaluate(self) -> bool:
            return True

        def evaluate(self, outputs: Any, inputs: Any) -> bool:
            outputs[0].shape = inputs[0].shape
            result = np.maximum(inputs[0].data, 0) * self.settings["factor"]
            outputs[0].data[:] = result + self.settings["shift"]
            return True

        def visit_attributes(self, visitor: Any) -> bool:
            visitor.on_attributes(self.settings)
            return True

    return ScaledRelu


X = np.float32([[-1, 0.5, 2], [3, -4, 5]])


def model_of(package: ModuleType, kind: Any, **settings: Any) -> Any:
    opset = __import__(f"{package.__name__}.opset13", fromlist=["parameter"])
    x = opset.parameter([2, 3], np.float32, name="x")
    node = kind([x.output(0)], **settings)
    node.set_friendly_name("mine")
    return package.Model([node.output(0)], [x], "custom")


@pytest.fixture
def core() -> Iterator[ov.Core]:
    core = ov.Core()
    core.add_extension(scaled_relu(ov))
    yield core
    custom_operations.pop("ScaledRelu")


def infer(package: ModuleType, model: Any) -> np.ndarray:
    return package.Core().compile_model(model, "CPU")(X)[0]


@pytest.mark.parametrize("writer", [ov, openvino], ids=["ours", "openvino's"])
def test_ir_files(writer: ModuleType, core: ov.Core, tmp_path: Path) -> None:
    model = model_of(writer, scaled_relu(writer), factor=3.0, shift=True)
    writer.serialize(model, str(tmp_path / "custom.xml"))
    read = core.read_model(tmp_path / "custom.xml")
    node = next(n for n in read.get_ops() if n.friendly_name == "mine")
    assert node.get_attributes() == {"factor": 3.0, "shift": True}
    np.testing.assert_array_equal(infer(ov, read), np.maximum(X, 0) * 3 + 1)


def test_files_that_openvino_reads(tmp_path: Path) -> None:
    ov.serialize(model_of(ov, scaled_relu(ov), factor=1.5), tmp_path / "custom.xml")
    core = openvino.Core()
    core.add_extension(scaled_relu(openvino))
    read = core.read_model(tmp_path / "custom.xml")
    node = next(n for n in read.get_ops() if n.get_friendly_name() == "mine")
    assert node.get_attributes() == {"factor": 1.5, "shift": False}


def test_ir_files_without_the_extension(tmp_path: Path) -> None:
    ov.serialize(model_of(ov, scaled_relu(ov)), tmp_path / "custom.xml")
    with pytest.raises(RuntimeError, match=r"ScaledRelu.*'mine'"):
        ov.Core().read_model(tmp_path / "custom.xml")


def onnx_model(domain: str, **attributes: Any) -> bytes:
    node = helper.make_node("ScaledRelu", ["x"], ["y"], domain=domain, **attributes)
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [2, 3]) for n in "xy")
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(domain or "other", 1)]
    graph = helper.make_graph([node], "custom", [x], [y])
    return helper.make_model(graph, opset_imports=opsets).SerializeToString()


@pytest.mark.parametrize("domain", ["", "my.domain", "com.microsoft"])
def test_onnx_models(domain: str, core: ov.Core) -> None:
    model = core.read_model(onnx_model(domain, factor=5.0, shift=1))
    assert [port.names for port in model.outputs] == [{"y"}]
    np.testing.assert_array_equal(infer(ov, model), np.maximum(X, 0) * 5 + 1)


def test_onnx_models_without_the_extension() -> None:
    with pytest.raises(RuntimeError, match=r"operations: my\.domain\.ScaledRelu$"):
        ov.Core().read_model(onnx_model("my.domain"))


def test_classes_that_fail_are_named() -> None:
    class Stubborn(ov.Op):
        def __init__(self, inputs: Any = None) -> None:
            raise KeyError("nothing works")

    core = ov.Core()
    core.add_extension(Stubborn)
    custom_operations["ScaledRelu"] = custom_operations.pop("Stubborn")
    try:
        with pytest.raises(
            RuntimeError, match=r"ScaledRelu 'y' cannot be converted.*nothing works"
        ):
            core.read_model(onnx_model("my.domain"))
    finally:
        del custom_operations["ScaledRelu"]
