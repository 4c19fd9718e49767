"""Names, functions, external data and broken files, with OpenVINO where it has something to compare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import openvino
import pytest
from onnx import TensorProto, helper

import ovgpu as ov

FLOAT = TensorProto.FLOAT


def info(name: str, shape: Any = (2, 4), kind: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def model_of(nodes: list[Any], inputs: list[Any], outputs: list[Any], **more: Any) -> Any:
    opsets = more.pop("opsets", [helper.make_opsetid("", 18)])
    functions = more.pop("functions", [])
    graph = helper.make_graph(nodes, "graph", inputs, outputs, **more)
    return helper.make_model(graph, opset_imports=opsets, functions=functions)


def names(model: Any) -> list[Any]:
    return sorted(
        (
            node.get_type_name(),
            node.get_friendly_name(),
            [sorted(p.get_names()) for p in node.outputs()],
        )
        for node in model.get_ordered_ops()
        if node.get_type_name() != "Constant"
    )


def dense() -> Any:
    weights = np.arange(8, dtype=np.float32).reshape(4, 2)
    return model_of(
        [
            helper.make_node("MatMul", ["x", "w"], ["h"], name="/layer/MatMul"),
            helper.make_node("Relu", ["h"], ["r"], name="/layer/Relu"),
            helper.make_node("Identity", ["r"], ["i"], name="copy"),
            helper.make_node(
                "Split", ["i"], ["left", "right"], name="halves", axis=1, num_outputs=2
            ),
            helper.make_node("Sigmoid", ["left"], ["y"], name="last"),
        ],
        [info("x", ["batch", 4])],
        [info("y", None), info("right", None)],
        initializer=[onnx.numpy_helper.from_array(weights, "w")],
    )


def test_names_are_openvinos() -> None:
    content = dense().SerializeToString()
    assert names(ov.Core().read_model(content)) == names(openvino.Core().read_model(content))


def test_dimensions_with_names_are_dynamic_and_the_graphs_name_is_kept() -> None:
    model = ov.Core().read_model(dense().SerializeToString())
    assert str(model.input("x").partial_shape) == "[?,4]"
    assert model.friendly_name == "graph"
    assert model.outputs[0].node.friendly_name == "y/sink_port_0"


def function_model(**attributes: Any) -> Any:
    """``Affine(x) = x * factor + 1``, called twice: the function has the names of its caller inside."""
    scale = onnx.AttributeProto(
        name="value_float", ref_attr_name="factor", type=onnx.AttributeProto.FLOAT
    )
    constant = helper.make_node("Constant", [], ["x_factor"])
    constant.attribute.append(scale)
    affine = helper.make_function(
        "own",
        "Affine",
        ["x"],
        ["y"],
        [
            constant,
            helper.make_node("Mul", ["x", "x_factor"], ["h"]),
            helper.make_node("Constant", [], ["one"], value_float=1.0),
            helper.make_node("Add", ["h", "one"], ["y"]),
        ],
        [helper.make_opsetid("", 18)],
        attributes=["factor"],
    )
    nodes = [
        helper.make_node("Affine", ["x"], ["h"], domain="own", name="first", factor=2.0),
        helper.make_node("Affine", ["h"], ["y"], domain="own", name="second", factor=3.0),
    ]
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    return model_of(nodes, [info("x")], [info("y")], functions=[affine], opsets=opsets)


def infer(model: Any, *inputs: np.ndarray) -> np.ndarray:
    return ov.Core().compile_model(model, "CPU")(list(inputs))[0]


def test_functions_of_the_model() -> None:
    model = ov.Core().read_model(function_model().SerializeToString())
    x = np.float32([[1, 2, 3, 4], [5, 6, 7, 8]])
    np.testing.assert_array_equal(infer(model, x), (x * 2 + 1) * 3 + 1)
    assert model.inputs[0].names == {"x"}
    assert model.outputs[0].names == {"y"}


def test_a_function_that_calls_itself() -> None:
    model = function_model()
    model.functions[0].node[1].domain = "own"
    model.functions[0].node[1].op_type = "Affine"
    with pytest.raises(RuntimeError, match="'Affine' calls itself"):
        ov.Core().read_model(model.SerializeToString())


def test_a_branch_that_is_always_taken_replaces_the_if() -> None:
    """The other branch does not even fit the shape."""
    good = helper.make_graph([helper.make_node("Neg", ["x"], ["n"])], "good", [], [info("n", None)])
    shape = onnx.numpy_helper.from_array(np.array([9, 9]), "s")
    bad = helper.make_graph(
        [helper.make_node("Reshape", ["x", "s"], ["b"])], "bad", [], [info("b", None)], [shape]
    )
    nodes = [
        helper.make_node(
            "Constant", [], ["c"], value=helper.make_tensor("v", TensorProto.BOOL, [], [1])
        ),
        helper.make_node("If", ["c"], ["y"], then_branch=good, else_branch=bad),
    ]
    model = ov.Core().read_model(model_of(nodes, [info("x")], [info("y")]).SerializeToString())
    assert sorted(n.get_type_name() for n in model.get_ops()) == ["Negative", "Parameter", "Result"]
    x = np.float32([[1, 2, 3, 4], [5, 6, 7, 8]])
    np.testing.assert_array_equal(infer(model, x), -x)


# ---- external data ----------------------------------------------------------------------------------------------
def save_external(folder: Path) -> Path:
    onnx.save(
        dense(),
        folder / "model.onnx",
        save_as_external_data=True,
        location="weights.data",
        size_threshold=0,
    )
    return folder / "model.onnx"


def test_external_data(tmp_path: Path) -> None:
    path = save_external(tmp_path)
    x = np.ones((1, 4), np.float32)
    inside = infer(ov.Core().read_model(dense().SerializeToString()), x)
    np.testing.assert_array_equal(infer(ov.Core().read_model(path), x), inside)


def test_external_data_that_is_missing_short_or_elsewhere(tmp_path: Path) -> None:
    path = save_external(tmp_path)
    data = tmp_path / "weights.data"
    content = data.read_bytes()
    data.write_bytes(content[:-1])
    with pytest.raises(RuntimeError, match="'w' is too short or of the wrong size: 32 bytes"):
        ov.Core().read_model(path)
    data.unlink()
    with pytest.raises(RuntimeError, match="'w' is missing"):
        ov.Core().read_model(path)
    proto = onnx.load(path, load_external_data=False)
    proto.graph.initializer[0].external_data[0].value = "../outside.data"
    path.write_bytes(proto.SerializeToString())
    (tmp_path.parent / "outside.data").write_bytes(content)
    with pytest.raises(RuntimeError, match="'w' lies outside the model's folder"):
        ov.Core().read_model(path)


# ---- broken models ----------------------------------------------------------------------------------------------
def change(function: Callable[[Any], None]) -> bytes:
    proto = dense()
    function(proto)
    return proto.SerializeToString()


_BROKEN: dict[str, tuple[Callable[[Any], None], str]] = {
    "unknown operator": (
        lambda m: setattr(m.graph.node[0], "op_type", "NopeOp"),
        "No conversion rule found for operations: NopeOp-18$",
    ),
    "unknown domain": (
        lambda m: setattr(m.graph.node[0], "domain", "some.where"),
        r"operations: some\.where\.MatMul$",
    ),
    "dangling input": (
        lambda m: m.graph.node[1].input.__setitem__(0, "nowhere"),
        "reads 'nowhere', which nothing defines",
    ),
    "dangling output": (
        lambda m: m.graph.output.append(info("nowhere", None)),
        "reads 'nowhere', which nothing defines",
    ),
    "missing input": (
        lambda m: m.graph.node[1].input.__setitem__(0, ""),
        "Relu '/layer/Relu' cannot be converted: input 0 is missing",
    ),
    "wrong shapes": (
        lambda m: m.graph.initializer[0].dims.__setitem__(slice(None), [8, 1]),
        "MatMul '/layer/MatMul' cannot be converted",
    ),
    "bad attribute": (
        lambda m: m.graph.node[3].attribute[0].CopyFrom(helper.make_attribute("axis", 7)),
        "Split 'halves' cannot be converted",
    ),
    "attribute of another type": (
        lambda m: m.graph.node[3].attribute[0].CopyFrom(helper.make_attribute("axis", "one")),
        "Split 'halves' cannot be converted",
    ),
    "data of the wrong size": (
        lambda m: setattr(m.graph.initializer[0], "raw_data", b"123"),
        "The data of the tensor 'w' cannot be read",
    ),
    "unknown element type": (
        lambda m: setattr(m.graph.initializer[0], "data_type", 99),
        r"'w' has an element type that is not supported \(99\)",
    ),
    "no graph": (lambda m: m.ClearField("graph"), "holds no graph"),
}


@pytest.mark.parametrize("name", _BROKEN)
def test_broken_models(name: str) -> None:
    function, sentence = _BROKEN[name]
    core = ov.Core()
    with pytest.raises(RuntimeError, match=sentence):
        core.read_model(change(function))
    assert len(core.read_model(dense().SerializeToString()).outputs) == 2


def test_damaged_bytes_never_raise_anything_else() -> None:
    content = bytearray(dense().SerializeToString())
    rng = np.random.default_rng(0)
    read = 0
    for _ in range(300):
        damaged = bytearray(content)
        for position in rng.integers(1, len(damaged), 3):
            damaged[position] = rng.integers(0, 256)
        cut = int(rng.integers(1, len(damaged))) if rng.random() < 0.3 else len(damaged)
        try:
            ov.Core().read_model(bytes(damaged[:cut]))
            read += 1
        except RuntimeError:
            continue
    assert 0 < read < 300
