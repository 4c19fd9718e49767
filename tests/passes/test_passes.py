"""The passes of the runtime and those of users, compared with what OpenVINO makes of the same model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import openvino.opset13
import openvino.passes
import openvino.utils
import pytest

import ovgpu
import ovgpu.opset13
import ovgpu.passes
import ovgpu.utils

BOTH = pytest.mark.parametrize("package", [ovgpu, openvino], ids=["ovgpu", "openvino"])


def _types(model: Any) -> list[str]:
    return [n.get_type_name() for n in model.get_ordered_ops()]


def _small(package: Any) -> Any:
    ops = package.opset13
    x = ops.parameter([1, 3], np.float32, name="x")
    relu = ops.relu(x, name="relu")
    return package.Model([ops.add(relu, np.float32([1, 2, 3]), name="add")], [x], "m")


def _run(package: Any, model: Any, *passes: Any) -> Any:
    manager = package.passes.Manager()
    for item in passes:
        assert manager.register_pass(item) is item
    assert manager.run_passes(model) is None
    return model


def _relu_to_exp(package: Any, calls: list[str] | None = None) -> Any:
    class Replace(package.passes.MatcherPass):
        def __init__(self) -> None:
            package.passes.MatcherPass.__init__(self)
            matcher = package.passes.Matcher(package.passes.WrapType("opset13.Relu"), "ReluToExp")
            self.register_matcher(matcher, self.callback)

        def callback(self, matcher: Any) -> bool:
            root = matcher.get_match_root()
            exp = package.opset13.exp(root.input(0).get_source_output())
            self.register_new_node(exp)
            package.utils.replace_node(root, exp)
            if calls is not None:
                calls.append(root.get_friendly_name())
            return True

    return Replace()


@BOTH
def test_matcher_pass(package: Any) -> None:
    model, item = _small(package), _relu_to_exp(package)
    assert item.get_name() == "ReluToExp"
    assert repr(item) == "<Replace>"
    _run(package, model, item)
    assert _types(model) == ["Parameter", "Exp", "Constant", "Add", "Result"]


@BOTH
def test_apply_on_one_node(package: Any) -> None:
    model = _small(package)
    relu, add = (n for n in model.get_ordered_ops() if n.get_type_name() in ("Relu", "Add"))
    assert not _relu_to_exp(package).apply(add)
    assert _relu_to_exp(package).apply(relu)


@BOTH
def test_new_nodes_are_tried_too(package: Any) -> None:
    ops, passes = package.opset13, package.passes

    class Chain(passes.MatcherPass):
        """Exp becomes Sin, Sin becomes Cos."""

        def __init__(self) -> None:
            passes.MatcherPass.__init__(self)
            wrap = passes.WrapType(["opset13.Relu", "opset13.Sin"])
            self.register_matcher(passes.Matcher(wrap, "Chain"), self.callback)

        def callback(self, matcher: Any) -> bool:
            root = matcher.get_match_root()
            make = ops.sin if root.get_type_name() == "Relu" else ops.cos
            package.utils.replace_node(root, self.register_new_node(make(root.input_value(0))))
            return True

    model = _run(package, _small(package), Chain())
    assert _types(model) == ["Parameter", "Cos", "Constant", "Add", "Result"]


@BOTH
@pytest.mark.parametrize("kind", ["GraphRewrite", "BackwardGraphRewrite"])
def test_order_of_rewrites(package: Any, kind: str) -> None:
    ops = package.opset13
    x = ops.parameter([2], np.float32, name="x")
    first = ops.relu(x, name="first")
    model = package.Model([ops.relu(first, name="second")], [x], "m")
    calls: list[str] = []
    rewrite = getattr(package.passes, kind)()
    item = _relu_to_exp(package, calls)
    assert rewrite.add_matcher(item) is item
    _run(package, model, rewrite)
    expected = ["first", "second"]
    assert calls == (expected if kind == "GraphRewrite" else expected[::-1])


@BOTH
def test_model_pass(package: Any) -> None:
    seen = []

    class Look(package.passes.ModelPass):
        def run_on_model(self, model: Any) -> None:
            seen.append(model.get_friendly_name())

    _run(package, _small(package), Look())
    assert seen == ["m"]


@BOTH
def test_errors_of_passes_go_through(package: Any) -> None:
    class Fail(package.passes.ModelPass):
        def run_on_model(self, model: Any) -> bool:
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        _run(package, _small(package), Fail())


def test_bodies_are_rewritten() -> None:
    ops = ovgpu.opset13
    condition = ops.parameter([], bool, name="condition")
    x = ops.parameter([2], np.float32, name="x")
    node = ops.if_op(condition)
    bodies = []
    for _ in range(2):
        inner = ops.parameter([2], np.float32)
        bodies.append(ovgpu.Model([ops.relu(inner)], [inner]))
    node.set_then_body(bodies[0])
    node.set_else_body(bodies[1])
    node.set_input(x.output(0), bodies[0].get_parameters()[0], bodies[1].get_parameters()[0])
    node.set_output(bodies[0].get_results()[0], bodies[1].get_results()[0])
    _run(ovgpu, ovgpu.Model([node.output(0)], [condition, x]), _relu_to_exp(ovgpu))
    assert all("Exp" in _types(body) for body in bodies)


@BOTH
def test_constant_folding(package: Any) -> None:
    ops = package.opset13
    x = ops.parameter([2, 3], np.float32, name="x")
    two = ops.add(np.float32([1, 2, 3]), np.float32(1))
    shape = ops.shape_of(x)
    model = package.Model([ops.multiply(x, two, name="y"), ops.multiply(shape, shape)], [x], "m")
    _run(package, model, package.passes.ConstantFolding())
    assert sorted(_types(model)) == [
        *("Constant", "Constant", "Multiply", "Parameter", "Result", "Result")
    ]


@BOTH
def test_convert_to_f16(package: Any) -> None:
    model = _run(package, _small(package), package.passes.ConvertFP32ToFP16())
    outputs = [n.get_output_element_type(0).to_string() for n in model.get_ordered_ops()]
    assert set(outputs) == {"f16"}
    assert model.input("x").get_element_type() == package.Type.f16


def _accumulator(package: Any) -> Any:
    ops = package.opset13
    a, b = (ops.parameter([1, 3], np.float32, name=name) for name in "ab")
    total = ops.add(a, b, name="s")
    total.output(0).tensor.set_names({"s_o"})
    return package.Model([total, ops.relu(total)], [a, b], "m")


@BOTH
def test_make_stateful_by_names(package: Any) -> None:
    model = _run(package, _accumulator(package), package.passes.MakeStateful({"a": "s_o"}))
    assert [p.get_friendly_name() for p in model.get_parameters()] == ["b"]
    assert len(model.get_results()) == 1
    assert len(model.get_sinks()) == 1
    info = model.get_variables()[0].info
    assert (info.variable_id, info.data_shape) == ("as_o", [1, 3])


@BOTH
def test_make_stateful_by_nodes(package: Any) -> None:
    model = _accumulator(package)
    pair = model.get_parameters()[0], model.get_results()[0]
    _run(package, model, package.passes.MakeStateful([pair]))
    assert re.fullmatch(r"aResult_\d+", model.get_variables()[0].info.variable_id)


@BOTH
def test_make_stateful_refuses_unknown_names(package: Any) -> None:
    with pytest.raises(RuntimeError, match="nope is not associated with any of Results"):
        _run(package, _accumulator(package), package.passes.MakeStateful({"a": "nope"}))


def test_stateful_model_adds_up() -> None:
    model = _run(ovgpu, _accumulator(ovgpu), ovgpu.passes.MakeStateful({"a": "s_o"}))
    request = ovgpu.Core().compile_model(model, "CPU").create_infer_request()
    ones = np.ones((1, 3), np.float32)
    sums = [request.infer({"b": ones})[0][0, 0] for _ in range(3)]
    assert sums == [1, 2, 3]


def _iterator(package: Any, steps: int) -> Any:
    """Running sums of ``X`` along its first axis, from ``H`` on."""
    ops = package.opset13
    x = ops.parameter([steps, 2, 3], np.float32, name="X")
    h = ops.parameter([1, 3], np.float32, name="H")
    part = ops.parameter([1, 2, 3], np.float32, name="part")
    state = ops.parameter([1, 3], np.float32, name="state")
    total = ops.add(ops.reduce_sum(part, np.array([1]), False), state, name="total")
    body = package.Model([ops.result(total, name="r")], [part, state], "body")
    node = ops.tensor_iterator()
    node.set_body(body)
    result = body.get_results()[0].output(0)
    node.set_sliced_input(part, x.output(0), 0, 1, 1, -1, 0)
    node.set_merged_input(state, h.output(0), result)
    last, every = (
        node.get_iter_value(result, -1),
        node.get_concatenated_slices(result, 0, 1, 1, -1, 0),
    )
    node.friendly_name = "T"
    return package.Model([ops.relu(last), ops.relu(every)], [x, h], "m")


@pytest.mark.parametrize("zeros", [True, False])
@pytest.mark.parametrize("steps", [1, 3])
def test_low_latency(steps: int, zeros: bool) -> None:
    rng = np.random.default_rng(steps)
    start = rng.random((1, 3), np.float32)
    parts = [rng.random((steps, 2, 3), np.float32) for _ in range(3)]
    outcomes = []
    for package in (ovgpu, openvino):
        model = _run(package, _iterator(package, steps), package.passes.LowLatency2(zeros))
        assert [v.info.variable_id for v in model.get_variables()] == ["T/state/variable_1"]
        assert ("TensorIterator" in _types(model)) == (steps > 1)
        compiled = package.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        request = compiled.create_infer_request()
        results = [request.infer({"X": part, "H": start}).to_tuple() for part in parts]
        outcomes.append(np.concatenate([np.ravel(r) for pair in results for r in pair]))
    np.testing.assert_allclose(*outcomes, rtol=1e-5)


def test_serialize_and_draw(tmp_path: Path) -> None:
    passes = ovgpu.passes
    marked = []

    def mark(node: ovgpu.Node, attributes: list[str]) -> None:
        marked.append(node.get_type_name())
        attributes.append("color=red")

    _run(
        ovgpu,
        _small(ovgpu),
        passes.Serialize(tmp_path / "m.xml", tmp_path / "m.bin"),
        passes.VisualizeTree(tmp_path / "m.dot"),
        passes.VisualizeTree(tmp_path / "m.svg", mark, True),
    )
    assert openvino.Core().read_model(tmp_path / "m.xml").input("x").shape == [1, 3]
    plain, colored = (tmp_path / "m.dot").read_text(), (tmp_path / "m.svg.dot").read_text()
    assert plain.startswith("digraph")
    assert plain.count("->") == 4
    assert colored.count("color=red") == len(marked) == 5


def test_serialize_refuses_unknown_versions() -> None:
    with pytest.raises(RuntimeError, match="wrong version"):
        ovgpu.passes.Serialize("m.xml", "m.bin", "IR_V3")


def test_passes_without_a_pattern() -> None:
    with pytest.raises(RuntimeError, match="has no matcher"):
        _run(ovgpu, _small(ovgpu), ovgpu.passes.MatcherPass())
    with pytest.raises(RuntimeError, match="pure virtual"):
        _run(ovgpu, _small(ovgpu), ovgpu.passes.ModelPass())
