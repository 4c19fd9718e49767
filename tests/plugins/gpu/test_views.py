"""Rearrangements that cost nothing: views of their source, and results that are made where they are needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from plugins.gpu.runtime_models import compile_gpu, parameter, reals

import ovgpu as ov
from ovgpu import opset13 as ops

pytestmark = pytest.mark.gpu_sim(check=[False, True])


def numbers(*values: int) -> Any:
    return ops.constant(np.array(values, np.int64))


def infer(model: ov.Model, feeds: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Results on the device, twice (eagerly, and as a graph), which are those of the CPU."""
    expected = ov.compile_model(model, "CPU").create_infer_request().infer(list(feeds))
    request = compile_gpu(model).create_infer_request()
    results = []
    for _ in range(2):
        actual = request.infer(list(feeds))
        results = [np.asarray(actual[i]) for i in range(len(expected))]
        for index, array in enumerate(results):
            np.testing.assert_allclose(array, expected[index], 1e-5, 1e-5)
    return results


def work(cudasim: Any, model: ov.Model, feeds: Sequence[np.ndarray]) -> tuple[int, int]:
    """Check the results; return the kernels and the copies on the device that an inference takes."""
    infer(model, feeds)
    request = compile_gpu(model, {"OVGPU_CUDA_GRAPHS": False}).create_infer_request()
    request.infer(list(feeds))
    with cudasim.counting() as grown:
        request.infer(list(feeds))
    return grown["launches"], grown["copies_d2d"]


def head(x: Any, order: Sequence[int] = (0, 2, 1, 3)) -> Any:
    return ops.transpose(x, numbers(*order))


VIEWS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "transpose": (head, (2, 5, 3, 8)),
    "reversed order": (lambda x: ops.transpose(x, numbers(2, 1, 0)), (3, 4, 5)),
    "slice of inner dimensions": (
        lambda x: ops.slice(x, numbers(1), numbers(6), numbers(2), numbers(1)),
        (3, 7, 4),
    ),
    "strided slice with a new axis": (
        lambda x: ops.strided_slice(
            x, numbers(0, 0, 1), numbers(0, 0, 5), numbers(1, 1, 2), [1, 1, 0], [1, 1, 0], [1, 0, 0]
        ),
        (3, 6),
    ),
    "broadcast": (lambda x: ops.broadcast(x, numbers(4, 3, 5)), (3, 1)),
    "one place": (lambda x: ops.gather(x, ops.constant(np.int64(-2)), numbers(1)), (3, 4, 5)),
    "reshape of a part": (
        lambda x: ops.reshape(
            ops.slice(x, numbers(1), numbers(3), numbers(1), numbers(1)), numbers(2, 2, 2, 4), False
        ),
        (2, 4, 8),
    ),
    "transpose of a part": (
        lambda x: head(
            ops.reshape(
                ops.split(x, ops.constant(np.int64(2)), 3).output(1), numbers(2, 5, 2, 4), False
            )
        ),
        (2, 5, 24),
    ),
}


@pytest.mark.parametrize("name", VIEWS)
def test_elementwise_reads_views(cudasim, name):
    make, shape = VIEWS[name]
    x = parameter(shape)
    assert work(cudasim, ov.Model([ops.exp(make(x))], [x]), [reals(*shape)]) == (1, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8, np.int64])
def test_clusters_read_views(cudasim, dtype):
    """Two views of one tensor in one kernel."""
    x = parameter((4, 6), dtype)
    square = ops.slice(x, numbers(1), numbers(5), numbers(1), numbers(1))
    turned = ops.transpose(square, numbers(1, 0))
    model = ov.Model([ops.add(ops.multiply(square, turned), turned)], [x])
    feed = np.random.default_rng(0).integers(-5, 5, (4, 6)).astype(dtype)
    assert work(cudasim, model, [feed]) == (1, 0)


def test_products_read_views(cudasim):
    """Attention's q and k as parts of one product's result."""
    x = parameter((2, 5, 48))
    parts = ops.variadic_split(x, ops.constant(np.int64(2)), numbers(16, 16, 16))
    q, k, v = (head(ops.reshape(parts.output(i), numbers(0, 0, 2, 8), True)) for i in range(3))
    scores = ops.matmul(q, k, False, True)
    model = ov.Model([ops.matmul(scores, v, False, False)], [x])
    assert work(cudasim, model, [reals(2, 5, 48)]) == (2, 0)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("rows", [1, 3, 20])
def test_products_of_every_direction(cudasim, rows, transposed):
    a, b = parameter((3, rows, 2, 24)), parameter((2, 3, 24, 9))
    left = ops.transpose(a, numbers(2, 0, 1, 3))
    right = ops.transpose(b, numbers(0, 1, 3, 2)) if transposed else b
    model = ov.Model([ops.matmul(left, right, False, transposed)], [a, b])
    launches, copies = work(cudasim, model, [reals(3, rows, 2, 24), reals(2, 3, 24, 9)])
    assert launches <= 2
    assert copies == 0


def test_products_copy_what_has_no_dense_direction(cudasim):
    x, w = parameter((4, 6, 10)), parameter((4, 4, 7))
    sparse = ops.slice(x, numbers(0, 0), numbers(6, 10), numbers(2, 3), numbers(1, 2))
    model = ov.Model([ops.matmul(sparse, w, False, False)], [x, w])
    assert work(cudasim, model, [reals(4, 6, 10), reals(4, 4, 7)]) == (2, 0)


def test_what_needs_dense_inputs_gets_copies(cudasim):
    """Reductions, results and the host read dense tensors; a transposed one that is read twice is copied once."""
    x = parameter((4, 6, 10))
    turned = ops.transpose(x, numbers(2, 0, 1))
    model = ov.Model([ops.reduce_sum(turned, numbers(1), False), turned, ops.exp(turned)], [x])
    assert work(cudasim, model, [reals(4, 6, 10)]) == (3, 0)


def test_outer_parts_are_the_memory_itself(cudasim):
    """Whoever reads it: a part of whole rows is dense."""
    x = parameter((1, 8, 4, 4))
    a, b = ops.split(x, ops.constant(np.int64(1)), 2).outputs()
    model = ov.Model([ops.reduce_max(a, numbers(1), False), b], [x])
    assert work(cudasim, model, [reals(1, 8, 4, 4)]) == (1, 0)


def test_parts_that_are_not_aligned_are_copied(cudasim):
    x = parameter((1, 3, 5))
    a, b, c = ops.split(x, ops.constant(np.int64(1)), 3).outputs()
    model = ov.Model([ops.reduce_max(s, numbers(1), False) for s in (a, b, c)], [x])
    launches, copies = work(cudasim, model, [reals(1, 3, 5)])
    assert launches + copies == 4  # three reductions, one launch for both parts inside


def test_reverse_is_a_copy(cudasim):
    x = parameter((3, 4))
    turned = ops.slice(x, numbers(-1), numbers(-9), numbers(-1), numbers(1))
    assert work(cudasim, ov.Model([ops.exp(turned)], [x]), [reals(3, 4)]) == (2, 0)


@pytest.mark.parametrize("shape", [(0, 3, 4), (3, 0, 4), (2, 3, 4)])
def test_dynamic_bounds_and_no_elements(cudasim, shape):
    x = parameter([(0, 4), (0, 5), 4])
    model = ov.Model([ops.exp(ops.transpose(x, numbers(1, 0, 2)))], [x])
    infer(model, [reals(*shape)])


# ---- results in place
def test_concat_over_channels_costs_nothing(cudasim):
    """As in networks that concatenate what they computed: every part is made in the concatenation."""
    x = parameter((1, 4, 4, 4))
    y = ops.relu(x)
    for _ in range(3):
        y = ops.concat([y, ops.reduce_max(ops.exp(ops.tanh(y)), numbers(1), True).output(0)], 1)
    model = ov.Model([ops.reduce_max(y, numbers(1), False)], [x])
    # relu with the first exp(tanh), two more of them, four maxima.
    assert work(cudasim, model, [reals(1, 4, 4, 4)]) == (7, 0)


def test_concat_of_batches_copies(cudasim):
    x = parameter((2, 4, 4, 4))
    y = ops.concat([ops.reduce_max(x, numbers(1), True), ops.reduce_min(x, numbers(1), True)], 1)
    model = ov.Model([ops.reduce_max(y, numbers(1), False)], [x])
    assert work(cudasim, model, [reals(2, 4, 4, 4)]) == (4, 0)


def test_concat_with_constants_inputs_and_repetitions(cudasim):
    """A constant and a second occurrence are copied; an input is uploaded where it belongs."""
    x = parameter((1, 4, 4))
    part = ops.exp(x)
    constant = ops.constant(reals(1, 4, 4, seed=3))
    nothing = ops.constant(np.zeros((1, 0, 4), np.float32))
    whole = ops.concat([part, constant, nothing, x, part], 1)
    model = ov.Model([whole, part, ops.reduce_sum(whole, numbers(1), False)], [x])
    launches, copies = work(cudasim, model, [reals(1, 4, 4)])
    assert launches + copies <= 4


def test_concat_of_concats_in_other_orders(cudasim):
    x = parameter((1, 4, 8))
    a, b, c = (
        ops.exp(x),
        ops.reduce_max(x, numbers(1), True),
        ops.tanh(ops.reduce_sum(x, numbers(1), True)),
    )
    inner = ops.concat([c, b], 1)
    outer = ops.concat([a, ops.reshape(inner, numbers(1, 2, 8), False), b], 1)
    model = ov.Model([outer, inner], [x])
    launches, copies = work(cudasim, model, [reals(1, 4, 8)])
    assert launches + copies == 5  # exp, maximum, sum, tanh; the second occurrence of the maximum


@pytest.mark.parametrize("length", [1, 5, 9])
def test_concat_within_bounds(cudasim, length):
    x = parameter([1, (1, 9), 8])
    whole = ops.concat([ops.exp(x), ops.tanh(x)], 1)
    model = ov.Model([ops.reduce_max(whole, numbers(2), False)], [x])
    infer(model, [reals(1, length, 8)])


def test_memory_of_parts_lives_as_long_as_the_whole(cudasim):
    """What is made between the parts must not lie over the first of them."""
    x = parameter((1, 64))
    first = ops.exp(x)
    y = x
    for _ in range(4):
        y = ops.matmul(y, ops.constant(reals(64, 64) / 8), False, False)
    model = ov.Model([ops.reduce_sum(ops.concat([first, y], 0), numbers(0), False)], [x])
    infer(model, [reals(1, 64)])


# ---- attention
def attention(x: Any, heads: int, size: int, causal: bool = False) -> Any:
    """Queries, keys and values as parts of one tensor [batch, length, 3 heads size]; the context as such a part."""
    parts = ops.split(x, ops.constant(np.int64(2)), 3).outputs()
    q, k, v = (head(ops.reshape(p, numbers(0, 0, heads, size), True)) for p in parts)
    context = ops.scaled_dot_product_attention(q, k, v, causal=causal)
    return ops.reshape(head(context), numbers(0, 0, heads * size), True)


@pytest.mark.parametrize(("batch", "length"), [(1, 3), (2, 3), (1, 50), (2, 50)])
@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_a_single_launch(cudasim, batch, length, causal):
    """Heads are taken from where a product leaves them, and the context is made as the next product reads it."""
    x = parameter((batch, length, 48))
    model = ov.Model([attention(x, 2, 8, causal)], [x])
    assert work(cudasim, model, [reals(batch, length, 48)]) == (1, 0)


def test_attention_of_odd_heads(cudasim):
    """Rows that start anywhere."""
    x = parameter((2, 9, 45))
    assert work(cudasim, ov.Model([attention(x, 3, 5)], [x]), [reals(2, 9, 45)]) == (1, 0)


def test_attention_whose_context_is_read_otherwise(cudasim):
    """Two readers: the context stays dense, and is copied for the one that wants it transposed."""
    q, k = parameter((2, 3, 5, 8)), parameter((2, 3, 7, 8))
    context = ops.scaled_dot_product_attention(q, k, k, causal=False)
    results = [ops.reshape(head(context), numbers(2, 5, 24), False), context]
    feeds = [reals(2, 3, 5, 8), reals(2, 3, 7, 8)]
    assert work(cudasim, ov.Model(results, [q, k]), feeds) == (2, 0)


def test_attention_takes_rows_only(cudasim):
    """Keys whose elements do not follow each other are copied."""
    q, k, v = parameter((1, 2, 5, 8)), parameter((1, 2, 8, 7)), parameter((1, 2, 7, 8))
    keys = ops.transpose(k, numbers(0, 1, 3, 2))
    context = ops.scaled_dot_product_attention(q, keys, v, causal=False)
    feeds = [reals(1, 2, 5, 8), reals(1, 2, 8, 7), reals(1, 2, 7, 8)]
    assert work(cudasim, ov.Model([context], [q, k, v]), feeds) == (2, 0)


@pytest.mark.parametrize("length", [1, 6])
def test_attention_without_keys_and_within_bounds(cudasim, length):
    q, k = parameter([1, 2, (1, 6), 8]), parameter([1, 2, (0, 4), 8])
    context = ops.scaled_dot_product_attention(q, k, k, causal=False)
    model = ov.Model([ops.reshape(head(context), numbers(1, -1, 16), False)], [q, k])
    for keys in (0, 3):
        infer(model, [reals(1, 2, length, 8), reals(1, 2, keys, 8)])
