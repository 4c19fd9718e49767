"""``convert_model`` against OpenVINO's, and what it refuses."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import openvino
import pytest
from onnx import TensorProto, helper

import ovgpu as ov


def two_inputs() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Add", ["a", "b"], ["c"], name="sum"),
        helper.make_node("Identity", ["c"], ["d"], name="same"),
        helper.make_node("Split", ["d"], ["e", "f"], name="halves", axis=1, num_outputs=2),
        helper.make_node("Relu", ["e"], ["g"]),
    ]
    inputs = [
        helper.make_tensor_value_info("a", TensorProto.FLOAT, ["n", 4]),
        helper.make_tensor_value_info("b", TensorProto.FLOAT, [1, 4]),
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in "cfg"]
    graph = helper.make_graph(nodes, "two_inputs", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    onnx.save(two_inputs(), tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def describe(model: Any) -> list[Any]:
    return [
        (
            sorted(port.get_names()),
            str(port.get_partial_shape()),
            port.get_element_type().to_string(),
        )
        for port in [*sorted(model.inputs, key=lambda p: p.get_any_name()), *model.outputs]
    ]


_INPUTS: dict[str, Callable[[ModuleType], Any]] = {
    "nothing": lambda _: None,
    "shapes": lambda _: [[2, 4], [1, 4]],
    "tuple of shapes": lambda _: ([3, 4], [1, 4]),
    "one shape": lambda _: [3, 4],
    "partial shape": lambda o: o.PartialShape([3, -1]),
    "name and shape": lambda _: ("a", [2, 4]),
    "name": lambda _: "a",
    "dict": lambda _: {"a": [2, 4]},
    "triples": lambda _: [("a", [2, 4]), ("b", [1, -1], np.float32)],
    "types": lambda o: {"a": np.int32, "b": o.Type.i32},
    "bounds": lambda o: {"a": [o.Dimension(1, 5), 4]},
    "type and shape": lambda o: {"a": (o.PartialShape([-1, 4]), o.Type.f32)},
}


@pytest.mark.parametrize("form", _INPUTS)
def test_inputs(form: str, path: Path) -> None:
    ours, theirs = (p.convert_model(path, input=_INPUTS[form](p)) for p in (ov, openvino))
    assert describe(ours) == describe(theirs)


@pytest.mark.parametrize("output", ["g", ["g", "c"]])
def test_outputs(output: Any, path: Path) -> None:
    ours, theirs = (p.convert_model(path, output=output) for p in (ov, openvino))
    assert describe(ours) == describe(theirs)


def test_what_no_output_needs_is_left_out(path: Path) -> None:
    nodes = [n.get_type_name() for n in ov.convert_model(path, output="c").get_ordered_ops()]
    assert sorted(nodes) == ["Add", "Parameter", "Parameter", "Result"]


@pytest.mark.parametrize("form", ["ModelProto", "bytes", "stream", "list", "string"])
def test_sources(form: str, path: Path) -> None:
    content = path.read_bytes()
    source = {
        "ModelProto": two_inputs(),
        "bytes": content,
        "stream": io.BytesIO(content),
        "list": [path],
        "string": str(path),
    }[form]
    model = ov.convert_model(source, share_weights=False, example_input=np.zeros((2, 4)))
    result = ov.compile_model(model, "CPU")([np.ones((2, 4), np.float32), np.ones((1, 4))])
    assert result["g"].tolist() == [[2, 2], [2, 2]]


def test_a_python_operation_for_the_file(path: Path) -> None:
    class Nothing(ov.Op):
        def __init__(self, inputs: Any = None) -> None:
            super().__init__(self, inputs)

        def validate_and_infer_types(self) -> None:
            self.set_output_type(0, self.get_input_element_type(0), self.get_input_partial_shape(0))

    proto = two_inputs()
    proto.graph.node[0].op_type = "Nothing"
    with pytest.raises(RuntimeError, match="operations: Nothing-18"):
        ov.convert_model(proto)
    model = ov.convert_model(proto, extension=[Nothing])
    assert "Nothing" in {node.get_type_name() for node in model.get_ops()}


def test_refusals(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match=r'but ".*gone\.onnx" does not exist'):
        ov.convert_model(tmp_path / "gone.onnx")
    for wrong in ({"zz": [2, 4]}, ("zz", [2, 4])):
        with pytest.raises(RuntimeError, match="No node with name zz"):
            ov.convert_model(path, input=wrong)
    with pytest.raises(RuntimeError, match="No node with name zz"):
        ov.convert_model(path, output=["g", "zz"])
    with pytest.raises(RuntimeError, match="3 inputs are described, the model has 2"):
        ov.convert_model(path, input=[[1, 4]] * 3)
    with pytest.raises(TypeError, match="Got unknown object"):
        ov.convert_model(path, input={"a": {1: 2}})
    for wrong_model in (5, lambda x: x, np.zeros(3)):
        with pytest.raises(TypeError, match="Unknown model type.*export the model to ONNX"):  # noqa: RUF043
            ov.convert_model(wrong_model)
    ov.convert_model(path, verbose=True)
    assert "two_inputs" in capsys.readouterr().out
