"""Copies of models share constants and nothing else."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import ovgpu
import ovgpu.opset13 as ops
from ovgpu.graph.special import Constant
from ovgpu.graph.state import Assign, ReadValue
from ovgpu.graph.subgraph import SubgraphNode
from ovgpu.plugins.cpu.evaluate import evaluate_graph


def model_with_everything() -> ovgpu.Model:
    """Names, run-time information, a variable and a loop."""
    x = ops.parameter([-1, 2], np.float32, name="x")
    x.output(0).set_names({"x", "alias"})
    x.set_layout(ovgpu.Layout("NC"))
    info = ovgpu.op.util.VariableInfo(ovgpu.PartialShape("?,2"), ovgpu.Type.f32, "memory")
    variable = ovgpu.op.util.Variable(info)
    before = ovgpu.op.read_value(ops.multiply(x, np.float32(0)), variable)
    after = ops.add(before, x)
    after.set_friendly_name("sum")
    after.set_rt_info("kept", "note")
    after.output(0).set_names({"sum tensor"})
    write = ovgpu.op.assign(after, variable)
    value = ops.parameter([-1, 2], np.float32, name="value")
    body = ovgpu.Model(
        [ops.result(ops.constant(True)), ops.result(ops.add(value, value))], [value], "body"
    )
    loop = ops.loop(ops.constant(np.int64(3)), ops.constant(True))
    loop.set_function(body)
    loop.set_special_body_ports([-1, 0])
    loop.set_merged_input(value, after.output(0), body.get_results()[1].output(0))
    last = loop.get_iter_value(body.get_results()[1].output(0), -1)
    weights = ops.constant(np.full((2, 2), 0.5, np.float32))
    product = ops.matmul(last, weights, False, False)
    model = ovgpu.Model([ops.result(product, name="out")], [write], [x], "everything")
    model.set_rt_info("1", ["nested", "key"])
    return model


def run(model: ovgpu.Model, x: np.ndarray) -> np.ndarray:
    return evaluate_graph(model.get_results(), {model.get_parameters()[0]: x})[0]


@pytest.mark.parametrize("how", ["clone", "deepcopy"])
def test_a_copy_is_equal_and_independent(how: str) -> None:
    model = model_with_everything()
    other = model.clone() if how == "clone" else copy.deepcopy(model)
    assert other.get_friendly_name() == "everything"
    assert other.get_name() != model.get_name()
    nodes, others = model.get_ordered_ops(), other.get_ordered_ops()
    assert [n.get_friendly_name() for n in others] == [n.get_friendly_name() for n in nodes]
    assert [n.get_type_info() for n in others] == [n.get_type_info() for n in nodes]
    assert not {id(n) for n in nodes} & {id(n) for n in others}
    assert other.inputs[0].get_names() == {"x", "alias"}
    assert other.get_parameters()[0].layout == ovgpu.Layout("NC")
    assert other.get_rt_info(["nested", "key"]).value == "1"
    total = next(n for n in others if n.get_friendly_name() == "sum")
    assert total.rt_info["note"].value == "kept"
    assert total.output(0).get_names() == {"sum tensor"}
    x = np.array([[1, 2]], np.float32)
    np.testing.assert_array_equal(run(other, x), run(model, x))

    other.reshape([3, 2])
    other.set_rt_info("2", ["nested", "key"])
    total.set_friendly_name("other")
    total.rt_info["note"] = "changed"
    assert model.inputs[0].partial_shape == ovgpu.PartialShape([-1, 2])
    assert model.get_rt_info(["nested", "key"]).value == "1"
    original = next(n for n in nodes if n.get_friendly_name() == "sum")
    assert original.rt_info["note"].value == "kept"


def test_constants_share_memory() -> None:
    model = model_with_everything()
    pairs = zip(model.get_ordered_ops(), model.clone().get_ordered_ops(), strict=True)
    shared = [(a, b) for a, b in pairs if isinstance(a, Constant)]
    assert len(shared) == 4
    assert all(a._storage is b._storage for a, b in shared)


def test_variables_and_bodies_are_copied() -> None:
    model = model_with_everything()
    other = model.clone()
    (mine,), (its,) = model.get_variables(), other.get_variables()
    assert mine is not its
    assert its.info.variable_id == "memory"
    states = [n for n in other.get_ordered_ops() if isinstance(n, (ReadValue, Assign))]
    assert all(n.variable is its for n in states)
    assert len(other.get_sinks()) == 1
    mine.set_shape(ovgpu.PartialShape([7, 2]))
    assert str(its.info.data_shape) == "[?,2]"
    loop, copied = (
        next(n for n in m.get_ordered_ops() if isinstance(n, SubgraphNode)) for m in (model, other)
    )
    assert loop.body_models()[0] is not copied.body_models()[0]
    assert loop.get_input_descriptions()[0] is not copied.get_input_descriptions()[0]


def test_ports_without_names_stay_without() -> None:
    x = ops.parameter([1], np.float32, name="x")
    model = ovgpu.Model([ops.result(ops.relu(x))], [x], "m")
    model.inputs[0].set_names(set())
    assert model.clone().inputs[0].get_names() == set()


def test_a_large_chain() -> None:
    x = ops.parameter([1], np.float32, name="x")
    node = x
    for _ in range(3000):
        node = ops.relu(node)
    assert len(ovgpu.Model([ops.result(node)], [x], "chain").clone().get_ops()) == 3002
