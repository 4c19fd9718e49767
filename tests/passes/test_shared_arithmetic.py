"""Shape arithmetic written down several times: which nodes become one, and which stay apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ovgpu as ov
from ovgpu import opset13 as ops
from ovgpu.passes.shared_arithmetic import share_arithmetic
from ovgpu.plugins.cpu.evaluate import evaluate_graph


def flattened(x: Any, sizes_of: Any = None, factor: int = 1) -> Any:
    """Keep the first axis, flatten the rest: arithmetic as exporters write it for each layer."""
    sizes = ops.shape_of(x if sizes_of is None else sizes_of, "i64")
    batch = ops.gather(sizes, ops.constant(np.array([0])), ops.constant(np.int64(0)))
    if factor != 1:
        batch = ops.multiply(batch, ops.constant(np.array([factor])))
    return ops.reshape(x, ops.concat([batch, ops.constant(np.array([-1]))], 0), False)


def count(model: ov.Model, name: str) -> int:
    return sum(n.get_type_name() == name for n in model.get_ordered_ops())


def test_equal_chains_become_one():
    x = ops.parameter([-1, 3, 4], np.float32)
    model = ov.Model([flattened(ops.relu(x), x), flattened(ops.exp(x), x)], [x], "twice")
    feed = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
    expected = evaluate_graph(model.get_results(), {x: feed})
    assert share_arithmetic(model)
    model.validate_nodes_and_infer_types()
    assert [count(model, n) for n in ("ShapeOf", "Gather", "Concat", "Reshape")] == [1, 1, 1, 2]
    for got, want in zip(evaluate_graph(model.get_results(), {x: feed}), expected, strict=True):
        np.testing.assert_array_equal(got, want)
    assert not share_arithmetic(model)


def test_other_constants_stay_apart():
    x = ops.parameter([-1, 3, 4], np.float32)
    model = ov.Model([flattened(ops.relu(x), x), flattened(ops.exp(x), x, 2)], [x], "others")
    share_arithmetic(model)
    assert [count(model, n) for n in ("ShapeOf", "Gather", "Concat")] == [1, 1, 2]


def test_other_attributes_stay_apart():
    x = ops.parameter([-1, 3], np.float32)
    sizes = [ops.shape_of(x, t) for t in ("i64", "i32", "i64")]
    model = ov.Model([ops.add(sizes[0], sizes[2]), ops.add(sizes[1], sizes[1])], [x], "types")
    share_arithmetic(model)
    assert count(model, "ShapeOf") == 2


@pytest.mark.parametrize("build", [ops.relu, lambda x: ops.multiply(x, np.float32(2))])
def test_activations_stay_apart(build):
    x = ops.parameter([-1, 3], np.float32)
    model = ov.Model([ops.add(build(x), build(x))], [x], "activations")
    assert not share_arithmetic(model)


def test_random_numbers_stay_apart():
    x = ops.parameter([2], np.int64)
    drawn = [ops.random_uniform(x, np.int64(0), np.int64(100), "i64") for _ in range(2)]
    model = ov.Model([ops.add(*drawn)], [x], "random")
    share_arithmetic(model)
    assert count(model, "RandomUniform") == 2
