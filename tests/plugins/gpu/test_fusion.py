"""Clusters of elementwise operations: which are made, and what they compute."""

from __future__ import annotations

import numpy as np
import pytest

import ovgpu as ov
from ovgpu import opset13 as ops
from ovgpu.graph.element_type import Type
from ovgpu.plugins.cpu.evaluate import evaluate_graph
from ovgpu.plugins.gpu.evaluate import evaluate
from ovgpu.plugins.gpu.fusion import fuse_elementwise
from tests.plugins.gpu.lowering_check import TOLERANCE, numbers


def clusters(model: ov.Model) -> list:
    return [n for n in model.get_ordered_ops() if n.get_type_name() == "ElementwiseCluster"]


def steps(cluster) -> list[str]:
    return [s.declaration.name for s in cluster.attributes["steps"]]


def check_values(results, parameters, feeds, precision=Type.f32, expected_clusters=1) -> list:
    """Fuse, run each cluster on the device with the arrays that the unfused graph gives it, compare its results."""
    model = ov.Model(results, parameters, "test")
    bound = dict(zip(parameters, feeds, strict=True))
    expected = evaluate_graph(results, bound)
    assert fuse_elementwise(model)
    for want, got in zip(
        expected, evaluate_graph(results, bound), strict=True
    ):  # the host's kernel of clusters
        np.testing.assert_allclose(got, want, 1e-6, 1e-6)
    made = clusters(model)
    assert len(made) == expected_clusters
    for cluster in made:
        arrays = evaluate_graph([ops.result(source) for source in cluster.input_values()], bound)
        actual = evaluate(cluster, arrays, precision)
        for index, array in enumerate(actual):
            readers = [t.get_node() for t in cluster.output(index).get_target_inputs()]
            for position, result in enumerate(model.get_results()):
                if any(reader is result for reader in readers):
                    want = expected[position]
                    assert array.dtype == want.dtype
                    np.testing.assert_allclose(
                        array, want, 0, TOLERANCE[precision] * np.abs(want).max()
                    )
    return made


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("precision", [Type.f32, Type.f16], ids=["f32", "f16"])
def test_chain_with_broadcasts(precision):
    x, scale = ops.parameter([2, 3, 8], np.float32), ops.parameter([8], np.float32)
    bias = ops.parameter([3, 1], np.float32)
    y = ops.relu(ops.add(ops.multiply(x, scale), bias))
    feeds = [numbers((2, 3, 8)), numbers((8,), 1), numbers((3, 1), 2)]
    (cluster,) = check_values([ops.result(y)], [x, scale, bias], feeds, precision)
    assert steps(cluster) == ["Multiply", "Add", "Relu"]
    assert cluster.get_input_size() == 3


@pytest.mark.gpu_sim
def test_value_that_others_need_is_written_too():
    x = ops.parameter([4, 8], np.float32)
    total = ops.add(x, np.float32(1))
    gate = ops.sigmoid(total)
    results = [ops.result(ops.multiply(total, gate)), ops.result(ops.softmax(total, 1))]
    (cluster,) = check_values(results, [x], [numbers((4, 8))])
    assert steps(cluster) == ["Add", "Sigmoid", "Multiply"]
    assert cluster.get_output_size() == 2


@pytest.mark.gpu_sim
def test_types_change_inside_a_cluster():
    x, y = ops.parameter([5, 6], np.float32), ops.parameter([5, 6], np.int32)
    positive = ops.logical_and(ops.greater(x, np.float32(0)), ops.less(y, np.int32(3)))
    chosen = ops.select(positive, x, ops.convert(y, Type.f32))
    feeds = [numbers((5, 6)), np.arange(30, dtype=np.int32).reshape(5, 6) % 7]
    (cluster,) = check_values([ops.result(ops.convert(chosen, Type.i64))], [x, y], feeds)
    assert len(steps(cluster)) == 6


@pytest.mark.gpu_sim
def test_channels_line_up():
    x, slope = ops.parameter([2, 3, 5], np.float32), ops.parameter([3], np.float32)
    y = ops.prelu(ops.exp(x), slope)
    z = ops.add(y, ops.constant(numbers((5,), 4)))
    check_values([ops.result(z)], [x, slope], [numbers((2, 3, 5)), numbers((3,), 1)])


def test_no_path_leads_out_and_back():
    x = ops.parameter([4, 8], np.float32)
    total = ops.abs(ops.add(x, np.float32(1)))
    mean = ops.softmax(total, 1)
    y = ops.exp(ops.subtract(total, mean))
    model = ov.Model([ops.result(y)], [x], "test")
    assert fuse_elementwise(model)
    assert [steps(c) for c in clusters(model)] == [["Add", "Abs"], ["Subtract", "Exp"]]


def test_clusters_do_not_need_each_other():
    """Two clusters with two results each must not exchange values in both directions."""
    x, y = (ops.parameter([4, 8], np.float32) for _ in range(2))
    a = ops.exp(x)
    b = ops.sigmoid(ops.add(y, ops.softmax(a, 1)))
    c = ops.tanh(y)
    d = ops.multiply(a, ops.softmax(c, 1))
    model = ov.Model(
        [ops.result(ops.abs(b)), ops.result(ops.abs(d)), ops.result(ops.add(b, c))], [x, y], "test"
    )
    fuse_elementwise(model)
    assert len(model.get_ordered_ops()) > 5  # topological order exists


def test_shape_arithmetic_and_weights_are_left_alone():
    x = ops.parameter([-1, 8], np.float32)
    size = ops.multiply(ops.add(ops.shape_of(x), np.int64(1)), np.int64(2))
    weights = ops.multiply(
        ops.convert(ops.constant(np.ones((8, 8), np.int8)), Type.f32), np.float32(0.5)
    )
    results = [ops.result(size), ops.result(ops.matmul(x, weights, False, False))]
    assert not fuse_elementwise(ov.Model(results, [x], "test"))


def test_dynamic_dimensions_stay_the_same():
    x = ops.parameter([-1, -1, 8], np.float32)
    total = ops.add(x, ops.constant(numbers((8,))))
    gate = ops.sigmoid(ops.multiply(total, np.float32(2)))
    results = [ops.result(ops.multiply(total, gate)), ops.result(ops.softmax(total, 1))]
    model = ov.Model(results, [x], "test")
    assert fuse_elementwise(model)
    (cluster,) = clusters(model)
    assert steps(cluster) == ["Add", "Multiply", "Sigmoid", "Multiply"]
    assert cluster.get_output_size() == 2


def test_dynamic_dimensions_that_may_be_broadcast_are_not_written():
    x, y = (ops.parameter([-1, 8], np.float32) for _ in range(2))
    gate = ops.sigmoid(x)
    results = [ops.result(ops.multiply(gate, ops.exp(y))), ops.result(ops.softmax(gate, 1))]
    model = ov.Model(results, [x, y], "test")
    fuse_elementwise(model)
    (cluster,) = clusters(model)
    assert steps(cluster) == ["Exp", "Multiply"]


def test_small_operands_are_not_computed_again():
    x, gate = ops.parameter([64, 8], np.float32), ops.parameter([1, 8], np.float32)
    y = ops.multiply(ops.exp(x), ops.sigmoid(gate))
    model = ov.Model([ops.result(y)], [x, gate], "test")
    assert fuse_elementwise(model)
    (cluster,) = clusters(model)
    assert steps(cluster) == ["Exp", "Multiply"]


def test_shapes_are_inferred_from_the_steps():
    x = ops.parameter([-1, 1, 8], np.float32)
    y = ops.parameter([4, 1], np.float32)
    model = ov.Model([ops.result(ops.relu(ops.add(x, y)))], [x, y], "test")
    fuse_elementwise(model)
    (cluster,) = clusters(model)
    assert str(cluster.get_output_partial_shape(0)) == "[?,4,8]"
    assert cluster.rt_info["fused_names"] is not None
