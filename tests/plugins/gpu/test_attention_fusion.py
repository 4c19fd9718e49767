"""Attention as models write it: what becomes one operation, what it computes, and what is left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ovgpu as ov
from ovgpu import opset13 as ops
from ovgpu.plugins.cpu.evaluate import evaluate_graph
from ovgpu.plugins.gpu.attention import fuse_attention
from ovgpu.plugins.gpu.lowering import lower_model

HEADS, SIZE = 4, 16


def reals(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def exchanged(x: Any) -> Any:
    return ops.transpose(x, np.array([0, 2, 1, 3]))


def parameters(*shapes: Any) -> list[Any]:
    return [
        ops.parameter(ov.PartialShape(list(s)), np.float32, name=f"p{i}")
        for i, s in enumerate(shapes)
    ]


def products(query: Any, key: Any, value: Any, mask: Any = None, scale: float | None = 0.25) -> Any:
    scores = ops.matmul(query, key, False, True)
    if scale is not None:
        scores = ops.multiply(scores, np.float32(scale))
    if mask is not None:
        scores = ops.add(scores, mask)
    return ops.matmul(ops.softmax(scores, -1), value, False, False)


def kinds(model: ov.Model) -> list[str]:
    shown = (
        "Attention",
        "Transpose",
        "Softmax",
        "MatMul",
        "Broadcast",
        "ScaledDotProductAttention",
    )
    return sorted(n.get_type_name() for n in model.get_ordered_ops() if n.get_type_name() in shown)


def fused(result: Any, inputs: list[Any], feeds: list[np.ndarray]) -> list[str]:
    """Fuse, compare with the graph as it was, and say what is left of it."""
    model = ov.Model([result], inputs, "attention")
    bound = dict(zip(inputs, feeds, strict=True))
    (expected,) = evaluate_graph(model.get_results(), bound)
    fuse_attention(model)
    model.validate_nodes_and_infer_types()
    (actual,) = evaluate_graph(model.get_results(), bound)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, 1e-5, 1e-6)
    return kinds(model)


LENGTH_FIRST = [(2, 5, HEADS, SIZE), (2, 7, HEADS, SIZE), (2, 7, HEADS, SIZE)]
HEADS_FIRST = [(2, HEADS, 5, SIZE), (2, HEADS, 7, SIZE), (2, HEADS, 7, SIZE)]


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("mask", [None, (2, 1, 1, 7), (2, 1, 5, 7), (5, 7), (1, HEADS, 5, 7)])
def test_products_with_transpositions(mask, dynamic):
    shapes = [*LENGTH_FIRST, *([mask] if mask else [])]
    feeds = [reals(*s, seed=i) for i, s in enumerate(shapes)]
    if dynamic:
        shapes = [tuple(n if n in (1, HEADS, SIZE) else -1 for n in s) for s in shapes]
    inputs = parameters(*shapes)
    out = exchanged(products(*map(exchanged, inputs[:3]), *inputs[3:]))
    assert fused(out, inputs, feeds) == ["Attention"]


def test_key_that_is_transposed_at_once_and_scaled_query():
    inputs = parameters(*LENGTH_FIRST)
    query, value = exchanged(inputs[0]), exchanged(inputs[2])
    key = ops.transpose(inputs[1], np.array([0, 2, 3, 1]))
    scores = ops.matmul(ops.divide(query, np.float32(4)), key, False, False)
    out = ops.matmul(ops.softmax(scores, 3), value, False, False)
    assert fused(out, inputs, [reals(*s, seed=i) for i, s in enumerate(LENGTH_FIRST)]) == [
        "Attention"
    ]


@pytest.mark.parametrize("causal", [False, True])
def test_operation_with_repeated_heads(causal):
    """Keys and values of two groups are repeated for the heads, as exporters write it."""
    shapes = [(2, HEADS, 5, SIZE), (2, 2, 7, SIZE), (2, 2, 7, SIZE)]
    feeds = [reals(*s, seed=i) for i, s in enumerate(shapes)]
    inputs = parameters((-1, HEADS, -1, SIZE), (-1, 2, -1, SIZE), (-1, 2, -1, SIZE))

    out = ops.scaled_dot_product_attention(
        inputs[0], repeat_twice(inputs[1]), repeat_twice(inputs[2]), causal=causal
    )
    assert fused(out, inputs, feeds) == ["Attention"]


def test_rows_that_see_nothing_with_a_boolean_mask():
    shapes = [*HEADS_FIRST]
    inputs = [*parameters(*shapes), ops.parameter([2, 1, 5, 7], bool)]
    seen = np.random.default_rng(3).random((2, 1, 5, 7)) < 0.6
    seen[..., 0] = True
    out = ops.scaled_dot_product_attention(*inputs)
    assert fused(out, inputs, [*(reals(*s, seed=i) for i, s in enumerate(shapes)), seen]) == [
        "Attention"
    ]


def left_alone() -> dict[str, Any]:
    def scores_are_read_twice(q: Any, k: Any, v: Any) -> list[Any]:
        weights = ops.softmax(ops.matmul(q, k, False, True), -1)
        return [ops.matmul(weights, v, False, False), weights]

    def wrong_axis(q: Any, k: Any, v: Any) -> list[Any]:
        return [ops.matmul(ops.softmax(ops.matmul(q, k, False, True), 2), v, False, False)]

    def value_is_transposed(q: Any, k: Any, v: Any) -> list[Any]:
        turned = ops.transpose(v, np.array([0, 1, 3, 2]))
        return [ops.matmul(ops.softmax(ops.matmul(q, k, False, True), -1), turned, False, True)]

    def mask_adds_heads(q: Any, k: Any, v: Any) -> list[Any]:
        one = ops.slice(q, *(np.array([n]) for n in (0, 1, 1, 1)))
        keys = ops.slice(k, *(np.array([n]) for n in (0, 1, 1, 1)))
        return [
            products(
                one, keys, ops.slice(v, *(np.array([n]) for n in (0, 1, 1, 1))), reals(1, 3, 5, 7)
            )
        ]

    return {
        f.__name__: f
        for f in (scores_are_read_twice, wrong_axis, value_is_transposed, mask_adds_heads)
    }


@pytest.mark.parametrize("name", left_alone())
def test_near_misses_are_left_alone(name):
    inputs = parameters(*HEADS_FIRST)
    model = ov.Model(left_alone()[name](*inputs), inputs, name)
    before = kinds(model)
    fuse_attention(model)
    assert kinds(model) == before


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("precision", ["f32", "f16"])
@pytest.mark.parametrize("rows", [1, 37])
def test_on_the_device(precision, rows, cudasim):
    """Dynamic sizes, keys of two groups, order of axes as projections give it: one launch."""
    shapes = [(-1, -1, HEADS, SIZE), (-1, -1, 2, SIZE), (-1, -1, 2, SIZE), (-1, 1, -1, -1)]
    inputs = parameters(*shapes)
    node = ops.scaled_dot_product_attention(
        exchanged(inputs[0]), *(repeat_twice(exchanged(x)) for x in inputs[1:3]), inputs[3]
    )
    model = ov.Model([exchanged(node)], inputs, "attention")
    assert kinds(lower_model(model)) == ["Attention"]
    feeds = [reals(2, n, h, SIZE, seed=h + n) for n, h in ((rows, HEADS), (70, 2), (70, 2))]
    feeds.append(np.where(reals(2, 1, rows, 70, seed=9) < 1.5, 0, -1e4).astype(np.float32))
    (expected,) = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(
        feeds
    ).to_tuple()
    request = ov.compile_model(
        model, "GPU", {"INFERENCE_PRECISION_HINT": precision}
    ).create_infer_request()
    request.infer(feeds)
    with cudasim.launches() as log:
        (actual,) = request.infer(feeds).to_tuple()
    assert len(log) == 1
    limit = 1e-5 if precision == "f32" else 5e-3
    np.testing.assert_allclose(actual, expected, 0, limit * np.abs(expected).max())


def same_on_the_device(model: ov.Model, feeds: list[np.ndarray]) -> None:
    f32 = {"INFERENCE_PRECISION_HINT": "f32"}
    expected = ov.compile_model(model, "CPU", f32)(feeds).to_tuple()
    actual = ov.compile_model(model, "GPU", f32)(feeds).to_tuple()
    for got, want in zip(actual, expected, strict=True):
        np.testing.assert_allclose(got, want, 0, 1e-5 * np.abs(want).max())


@pytest.mark.gpu_sim
@pytest.mark.parametrize("mask", [None, (2, 1, 5, 7), (5, 7), (1, HEADS, 5, 7)])
def test_products_on_the_device(mask):
    """As networks without an operation for attention write it, with transpositions around it."""
    shapes = [*LENGTH_FIRST, *([mask] if mask else [])]
    inputs = parameters(*shapes)
    out = exchanged(products(*map(exchanged, inputs[:3]), *inputs[3:]))
    model = ov.Model([out], inputs, "products")
    assert kinds(lower_model(model)) == ["Attention"]
    same_on_the_device(model, [reals(*s, seed=i) for i, s in enumerate(shapes)])


@pytest.mark.gpu_sim
def test_scaled_query_and_turned_key_on_the_device():
    inputs = parameters(*LENGTH_FIRST)
    query, value = exchanged(inputs[0]), exchanged(inputs[2])
    key = ops.transpose(inputs[1], np.array([0, 2, 3, 1]))
    scores = ops.matmul(ops.divide(query, np.float32(4)), key, False, False)
    model = ov.Model([ops.matmul(ops.softmax(scores, 3), value, False, False)], inputs, "turned")
    assert "Attention" in kinds(lower_model(model))
    same_on_the_device(model, [reals(*s, seed=i) for i, s in enumerate(LENGTH_FIRST)])


@pytest.mark.gpu_sim
@pytest.mark.parametrize("name", left_alone())
def test_near_misses_on_the_device(name):
    inputs = parameters(*HEADS_FIRST)
    model = ov.Model(left_alone()[name](*inputs), inputs, name)
    same_on_the_device(model, [reals(*s, seed=i) for i, s in enumerate(HEADS_FIRST)])


def unusual() -> dict[str, Any]:
    """Forms of ScaledDotProductAttention that are decomposed, or whose mask is none."""

    def scale_of_an_input(q: Any, k: Any, v: Any, s: Any) -> Any:
        return ops.scaled_dot_product_attention(q, k, v, np.zeros((5, 7), np.float32), s)

    def no_mask(q: Any, k: Any, v: Any, s: Any) -> Any:
        return ops.scaled_dot_product_attention(q, k, v, np.float32(0), np.float32(0.5))

    def mask_of_other_heads(q: Any, k: Any, v: Any, s: Any) -> Any:
        mask = ops.broadcast(s, np.array([1, HEADS, 5, 7]))
        return ops.scaled_dot_product_attention(q, k, v, mask)

    def three_axes(q: Any, k: Any, v: Any, s: Any) -> Any:
        flat = [ops.squeeze(ops.slice(x, [0], [1], [1], [0]), np.array([0])) for x in (q, k, v)]
        return ops.multiply(ops.scaled_dot_product_attention(*flat), s)

    return {f.__name__: f for f in (scale_of_an_input, no_mask, mask_of_other_heads, three_axes)}


@pytest.mark.gpu_sim
@pytest.mark.parametrize("name", unusual())
def test_unusual_forms_on_the_device(name):
    inputs = parameters(*HEADS_FIRST, ())
    model = ov.Model([unusual()[name](*inputs)], inputs, name)
    feeds = [reals(*s, seed=i) for i, s in enumerate(HEADS_FIRST)]
    same_on_the_device(model, [*feeds, np.array(0.3, np.float32)])


def repeat_twice(y: Any) -> Any:
    sizes = ops.shape_of(y, "i64")
    parts = [ops.gather(sizes, np.array(i), np.int64(0)) for i in ([0, 1], [2, 3])]
    target = ops.concat([parts[0], ops.constant(np.array([2])), parts[1]], 0)
    wide = ops.broadcast(ops.unsqueeze(y, np.array([2])), target)
    return ops.reshape(wide, np.array([0, HEADS, -1, SIZE]), True)
