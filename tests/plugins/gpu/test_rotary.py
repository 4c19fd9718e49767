"""Rotary position embedding: which arithmetic becomes one operation, and what it computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ovgpu as ov
from ovgpu import opset13 as ops
from ovgpu.plugins.cpu.evaluate import evaluate_graph
from ovgpu.plugins.gpu.lowering import lower_model
from ovgpu.plugins.gpu.rotary import fuse_rotary_embedding

SIZE = 16


def reals(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def part(x: Any, begin: int, end: int, axis: int = 3) -> Any:
    return ops.slice(x, *(np.array([v]) for v in (begin, end, 1, axis)))


def sliced(x: Any) -> Any:
    """Slices and a multiplication by -1."""
    return ops.concat(
        [
            ops.multiply(part(x, SIZE // 2, np.iinfo(np.int64).max), np.float32(-1)),
            part(x, 0, SIZE // 2),
        ],
        -1,
    )


def split(x: Any) -> Any:
    halves = ops.split(x, np.int64(-1), 2)
    return ops.concat([ops.negative(halves.output(1)), halves.output(0)], 3)


def split_by_lengths(x: Any) -> Any:
    halves = ops.variadic_split(x, np.int64(3), np.array([SIZE // 2, SIZE // 2]))
    return ops.concat([ops.negative(halves.output(1)), halves.output(0)], 3)


def embedded(x: Any, cosine: Any, sine: Any, turn: Any) -> Any:
    return ops.add(ops.multiply(x, cosine), ops.multiply(turn(x), sine))


def kinds(model: ov.Model) -> list[str]:
    hidden = ("Parameter", "Constant", "Result")
    return [n.get_type_name() for n in model.get_ordered_ops() if n.get_type_name() not in hidden]


def parameters(*shapes: Any) -> list[Any]:
    return [ops.parameter(ov.PartialShape(list(s)), np.float32) for s in shapes]


@pytest.mark.parametrize("turn", [sliced, split, split_by_lengths])
@pytest.mark.parametrize("transposed", [False, True])
def test_forms(turn, transposed):
    shape = (2, 5, 3, SIZE) if transposed else (2, 3, 5, SIZE)
    inputs = parameters([-1, -1, -1, SIZE], [-1, 1, -1, SIZE], [-1, 1, -1, SIZE])
    feeds = [reals(*shape), reals(2, 1, 5, SIZE, seed=1), reals(2, 1, 5, SIZE, seed=2)]
    x = ops.transpose(inputs[0], np.array([0, 2, 1, 3])) if transposed else inputs[0]
    model = ov.Model([embedded(x, inputs[1], inputs[2], turn)], inputs, "rotary")
    bound = dict(zip(inputs, feeds, strict=True))
    (expected,) = evaluate_graph(model.get_results(), bound)
    fuse_rotary_embedding(model)
    assert kinds(model) == ["RotaryEmbedding"]
    (actual,) = evaluate_graph(model.get_results(), bound)
    np.testing.assert_allclose(actual, expected, 1e-6, 1e-6)


def near_misses() -> dict[str, Any]:
    def wrong_sign(x: Any, c: Any, s: Any) -> Any:
        halves = ops.split(x, np.int64(3), 2)
        return embedded(
            x, c, s, lambda _: ops.concat([ops.negative(halves.output(0)), halves.output(1)], 3)
        )

    def other_axis(x: Any, c: Any, s: Any) -> Any:
        halves = ops.split(x, np.int64(2), 2)
        return embedded(
            x, c, s, lambda _: ops.concat([ops.negative(halves.output(1)), halves.output(0)], 2)
        )

    def another_tensor(x: Any, c: Any, s: Any) -> Any:
        return ops.add(ops.multiply(x, c), ops.multiply(sliced(ops.abs(x)), s))

    def uneven(x: Any, c: Any, s: Any) -> Any:
        return embedded(
            x, c, s, lambda y: ops.concat([ops.negative(part(y, 4, SIZE)), part(y, 0, 4)], 3)
        )

    return {f.__name__: f for f in (wrong_sign, other_axis, another_tensor, uneven)}


@pytest.mark.parametrize("name", near_misses())
def test_near_misses_are_left_alone(name):
    inputs = parameters([2, 3, 6, SIZE], [2, 1, 6, SIZE], [2, 1, 6, SIZE])
    model = ov.Model([near_misses()[name](*inputs)], inputs, name)
    before = kinds(model)
    fuse_rotary_embedding(model)
    assert kinds(model) == before


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("precision", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("size", [SIZE, 24, 10])
def test_on_the_device(precision, size, cudasim):
    """Angles for each position, data in the order of a projection, batch and length found out when it runs."""
    inputs = parameters([-1, -1, 3, size], [-1, 1, -1, size], [-1, 1, -1, size])
    x = ops.transpose(inputs[0], np.array([0, 2, 1, 3]))
    halves = ops.split(x, np.int64(-1), 2)
    turned = ops.concat([ops.negative(halves.output(1)), halves.output(0)], -1)
    y = ops.add(ops.multiply(x, inputs[1]), ops.multiply(turned, inputs[2]))
    model = ov.Model([y], inputs, "rotary")
    assert kinds(lower_model(model)) == ["RotaryEmbedding"]
    compiled = ov.compile_model(model, "GPU", {"INFERENCE_PRECISION_HINT": precision})
    reference = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    limit = {"f32": 1e-6, "f16": 2e-3, "bf16": 2e-2}[precision]
    for batch, length, angles in ((2, 7, 2), (2, 7, 1), (1, 1, 1), (1, 0, 1)):
        feeds = [reals(batch, length, 3, size), reals(angles, 1, length, size, seed=1)]
        feeds.append(reals(angles, 1, length, size, seed=2))
        with cudasim.launches() as log:
            expected, actual = reference(feeds)[0], compiled(feeds)[0]
        assert actual.shape == expected.shape
        largest = np.abs(expected).max(initial=1)
        np.testing.assert_allclose(actual, expected, 0, limit * largest)
        if length:
            half = size // 2 * (4 if precision == "f32" else 2)
            name = "rotary_single" if half % 16 else "rotary_16"
            assert [x.kernel for x in log if "rotary" in x.kernel] == [name]


# ---- query, key and value together ----------------------------------------------------------------------------------
HIDDEN, HEADS, KEYS = 32, 4, 2


def decoder(own_angles: bool = False) -> ov.Model:
    """Query, key and value of one tensor; keys and values go to caches, or keys have angles of their own."""
    x = ops.parameter([-1, -1, HIDDEN], np.float32, name="x")
    angles = parameters(*[[-1, 1, -1, SIZE]] * (4 if own_angles else 2))

    def projected(heads: int, seed: int) -> Any:
        y = ops.matmul(x, reals(heads * SIZE, HIDDEN, seed=seed) / 4, False, True)
        y = ops.reshape(y, np.array([0, 0, heads, SIZE]), True)
        return ops.transpose(y, np.array([0, 2, 1, 3]))

    def cached(y: Any, name: str) -> tuple[Any, Any]:
        batch = ops.gather(ops.shape_of(x, "i64"), np.array([0]), np.int64(0))
        empty = ops.concat([batch, ops.constant(np.array([KEYS, 0, SIZE]))], 0)
        start = ops.broadcast(ops.constant(np.float32(0)), empty)
        past = ops.read_value(start, name, np.float32, ov.PartialShape([-1, KEYS, -1, SIZE]))
        whole = ops.concat([past, y], 2)
        return whole, ops.assign(whole, name)

    query = embedded(projected(HEADS, 1), angles[0], angles[1], sliced)
    key, keep_key = cached(embedded(projected(KEYS, 2), angles[-2], angles[-1], split), "key")
    value, keep_value = cached(projected(KEYS, 3), "value")

    def repeated(y: Any) -> Any:
        sizes = ops.shape_of(y, "i64")
        first, last = (ops.gather(sizes, np.array(i), np.int64(0)) for i in ([0, 1], [2, 3]))
        target = ops.concat([first, ops.constant(np.array([HEADS // KEYS])), last], 0)
        wide = ops.broadcast(ops.unsqueeze(y, np.array([2])), target)
        return ops.reshape(wide, np.array([0, HEADS, -1, SIZE]), True)

    out = ops.scaled_dot_product_attention(query, repeated(key), repeated(value))
    return ov.Model([out], [keep_key, keep_value], [x, *angles], "decoder")


def test_query_key_and_value_go_together():
    left = kinds(lower_model(decoder()))
    assert left.count("RotaryEmbedding") == 1
    assert left.count("Transpose") == 0
    assert kinds(lower_model(decoder(own_angles=True))).count("RotaryEmbedding") == 2


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("precision", ["f32", "f16"])
@pytest.mark.parametrize("own_angles", [False, True])
def test_decoding_on_the_device(own_angles, precision, cudasim):
    """A prompt, then a token at a time: product, embedding with both caches, attention."""
    model = decoder(own_angles)
    request = ov.compile_model(
        model, "GPU", {"INFERENCE_PRECISION_HINT": precision}
    ).create_infer_request()
    reference = ov.compile_model(
        model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    ).create_infer_request()
    for step, (batch, length) in enumerate([(2, 5), (2, 1), (2, 40), (2, 1)]):
        feeds = [reals(batch, length, HIDDEN, seed=step)]
        feeds += [reals(batch, 1, length, SIZE, seed=step + i) for i in range(1, len(model.inputs))]
        expected = reference.infer(feeds)[0]
        with cudasim.launches() as log:
            actual = request.infer(feeds)[0]
        limit = 2e-5 if precision == "f32" else 2e-2
        np.testing.assert_allclose(actual, expected, 0, limit * np.abs(expected).max())
    assert len(log) == (4 if own_angles else 3), [x.kernel for x in log]


@pytest.mark.gpu_sim
@pytest.mark.parametrize("turn", [sliced, split, split_by_lengths])
def test_forms_on_the_device(turn):
    inputs = parameters([2, 3, 5, SIZE], [2, 1, 5, SIZE], [2, 1, 5, SIZE])
    model = ov.Model([embedded(*inputs, turn)], inputs, "rotary")
    assert kinds(lower_model(model)) == ["RotaryEmbedding"]
    same_on_the_device(model)


@pytest.mark.gpu_sim
@pytest.mark.parametrize("name", near_misses())
def test_near_misses_on_the_device(name):
    inputs = parameters([2, 3, 6, SIZE], [2, 1, 6, SIZE], [2, 1, 6, SIZE])
    same_on_the_device(ov.Model([near_misses()[name](*inputs)], inputs, name))


def same_on_the_device(model):
    feeds = [reals(*i.get_shape(), seed=n) for n, i in enumerate(model.inputs)]
    f32 = {"INFERENCE_PRECISION_HINT": "f32"}
    (expected,) = ov.compile_model(model, "CPU", f32)(feeds).to_tuple()
    (actual,) = ov.compile_model(model, "GPU", f32)(feeds).to_tuple()
    np.testing.assert_allclose(actual, expected, 1e-5, 1e-6)
