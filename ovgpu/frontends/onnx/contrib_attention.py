"""Attention operators of the domain com.microsoft.

Definitions: the contributed operators of ONNX Runtime (docs/ContribOperators.md there). Shapes in comments: B batch,
S new tokens, T all tokens, N heads, K heads of keys and values, h size of a head.
"""

from __future__ import annotations

import numpy as np

from ovgpu.frontends.onnx.attention import (
    attend,
    join_heads,
    positions,
    split_heads,
)
from ovgpu.frontends.onnx.contrib import MICROSOFT, rms_norm
from ovgpu.frontends.onnx.quantization import dequantize
from ovgpu.frontends.onnx.translation import (
    OnnxOp,
    add,
    constant,
    convert,
    make,
    make_node,
    multiply,
    shape_of,
    size_of,
    translates,
)
from ovgpu.graph.element_type import Type
from ovgpu.graph.port import Output


def _added_mask(op: OnnxOp, mask: Output | None, keys: Output) -> Output | None:
    """A padding mask as numbers to add to the scores, [B, 1, 1 or S, T].

    The mask is [B, T] or [B, S, T] or [B, 1, S, T], 1 for tokens that take part; or [B], the count of these.
    """
    if mask is None:
        return None
    if mask.value.rank == 1:
        columns = make("unsqueeze", positions(size_of(keys, 2)), constant([0]))
        mask = make("less", columns, make("unsqueeze", convert(mask, Type.i64), constant([1])))
    for axis in range(1, 5 - (mask.value.rank or 4)):
        mask = make("unsqueeze", mask, constant([axis]))
    dtype = keys.value.type
    hidden = op.attribute("mask_filter_value", -10000.0)
    takes_part = convert(mask, Type.boolean)
    return make("select", takes_part, constant(0.0, dtype), constant(hidden, dtype))


def _with_bias(mask: Output | None, bias: Output | None) -> Output | None:
    if mask is None or bias is None:
        return bias if mask is None else mask
    return add(mask, bias)


def _grown(past: Output | None, new: Output) -> Output:
    return new if past is None else make("concat", [past, new], 2)


@translates("Attention", domain=MICROSOFT)
def attention(op: OnnxOp) -> tuple[Output | None, ...]:
    """Self-attention with the projection of queries, keys and values in one matrix."""
    x = make("matmul", op.input(0), op.input(1), False, False)
    bias = op.optional(2)
    return _projected(op, x if bias is None else add(x, bias), op.optional(3), op.optional(4), 5)


@translates("QAttention", domain=MICROSOFT)
def quantized_attention(op: OnnxOp) -> tuple[Output | None, ...]:
    """Attention whose input and weights are quantised."""
    left = dequantize(op.input(0), op.input(3), op.optional(6))
    right = dequantize(op.input(1), op.input(4), op.optional(7))
    x = add(make("matmul", left, right, False, False), op.input(2))
    return _projected(op, x, op.optional(5), op.optional(8), 9)


def _projected(
    op: OnnxOp, x: Output, mask: Output | None, past: Output | None, bias_index: int
) -> tuple[Output | None, ...]:
    if op.attribute("do_rotary", 0):
        raise RuntimeError("do_rotary is not supported")
    heads, sizes = op.attribute("num_heads"), op.attribute("qkv_hidden_sizes")
    if sizes:
        lengths = constant(np.array(sizes, np.int64))
        parts = make_node("variadic_split", x, constant(-1), lengths).outputs()
    else:
        parts = make_node("split", x, constant(-1), 3).outputs()
    query, key, value = (split_heads(p, heads) for p in parts)
    before: Output | None = None
    if past is not None:  # [2, B, N, P, h]
        before = size_of(past, 3)
        key, value = (
            _grown(make("gather", past, constant(i), constant(0)), new)
            for i, new in enumerate((key, value))
        )
    added = _with_bias(_added_mask(op, mask, key), op.optional(bias_index))
    causal = bool(op.attribute("unidirectional", 0))
    scale = op.attribute("scale", 0.0) or None
    result = join_heads(attend(query, key, value, added, scale, causal, before))
    if not op.wants(1):
        return (result,)
    pair = [make("unsqueeze", x, constant([0])) for x in (key, value)]
    return result, make("concat", pair, 0)


@translates("MultiHeadAttention", domain=MICROSOFT)
def multi_head_attention(op: OnnxOp) -> tuple[Output | None, ...]:
    """Attention of projected queries, keys and values, with a cache that grows."""
    if op.wants(3) or op.optional(8) is not None:
        raise RuntimeError("scores as an output and shared caches are not supported")
    heads = op.attribute("num_heads")
    query, key, value = _separate(op, heads)
    past_key, past_value = op.optional(6), op.optional(7)
    before = None if past_key is None else size_of(past_key, 2)
    key, value = _grown(past_key, key), _grown(past_value, value)
    added = _with_bias(_added_mask(op, op.optional(4), key), op.optional(5))
    causal = bool(op.attribute("unidirectional", 0))
    scale = op.attribute("scale", 0.0) or None
    result = attend(query, key, value, added, scale, causal, before)
    return join_heads(result), key, value


def _separate(op: OnnxOp, heads: int) -> tuple[Output, Output, Output]:
    """Queries, keys and values as [B, N, length, h], biases added."""
    query, key, value = op.input(0), op.optional(1), op.optional(2)
    bias = op.optional(3)
    biases: list[Output] | None = None
    if bias is not None:
        biases = make_node("split", bias, constant(0), 3).outputs()
    if query.value.rank == 5:  # [B, S, N, 3, h]
        parts = [make("gather", query, constant(i), constant(3)) for i in range(3)]
        if biases is not None:
            shape = constant([heads, -1])
            parts = [
                add(p, make("reshape", b, shape, False)) for p, b in zip(parts, biases, strict=True)
            ]
        q, k, v = (make("transpose", p, constant([0, 2, 1, 3])) for p in parts)
        return q, k, v
    if biases is not None:
        query = add(query, biases[0])
    query = split_heads(query, heads)
    if key is None:
        raise RuntimeError("keys are missing")
    if key.value.rank == 5:  # [B, T, N, 2, h]
        pair = [make("gather", key, constant(i), constant(3)) for i in range(2)]
        k, v = (make("transpose", p, constant([0, 2, 1, 3])) for p in pair)
        return query, k, v
    if value is None:
        raise RuntimeError("values are missing")
    if key.value.rank == 4:  # keys and values of an encoder, projected before
        return query, key, value
    if biases is not None:
        key, value = add(key, biases[1]), add(value, biases[2])
    return query, split_heads(key, heads), split_heads(value, heads)


def rotated(x: Output, cosine: Output, sine: Output, interleaved: bool, size: int) -> Output:
    """Rotary position embedding of [B, N, S, h].

    Args:
        x: queries or keys.
        cosine: [B or 1, 1, S, size / 2], as ``sine``.
        interleaved: whether pairs lie side by side, rather than in the two halves.
        size: how many elements of a head are rotated; 0 for all.
    """
    rest: Output | None = None
    if size:
        last, everything = constant([-1]), constant(np.array([np.iinfo(np.int64).max]))
        one = constant([1])
        rest = make("slice", x, constant([size]), everything, one, last)
        x = make("slice", x, constant([0]), constant([size]), one, last)
    if interleaved:
        pairs = make("reshape", x, constant([0, 0, 0, -1, 2]), True)
        first, second = (make("gather", pairs, constant(i), constant(-1)) for i in (0, 1))
    else:
        first, second = make_node("split", x, constant(-1), 2).outputs()
    real = make("subtract", multiply(first, cosine), multiply(second, sine))
    imaginary = add(multiply(second, cosine), multiply(first, sine))
    if interleaved:
        pair = [make("unsqueeze", p, constant([-1])) for p in (real, imaginary)]
        turned = make("reshape", make("concat", pair, -1), constant([0, 0, 0, -1]), True)
    else:
        turned = make("concat", [real, imaginary], -1)
    return turned if rest is None else make("concat", [turned, rest], -1)


def _angles(cache: Output, ids: Output) -> Output:
    """Rows of a table of cosines or sines as [B, 1, S, size / 2]."""
    return make("unsqueeze", make("gather", cache, ids, constant(0)), constant([1]))


@translates("RotaryEmbedding", domain=MICROSOFT)
def rotary_embedding(op: OnnxOp) -> Output:
    data, ids = op.input(0), convert(op.input(1), Type.i64)
    if op.attribute("is_packed_batching", 0) or op.attribute("scale", 1.0) != 1.0:
        raise RuntimeError("packed batches and scales are not supported")
    flat, size = op.rank(0) == 3, op.attribute("rotary_embedding_dim", 0)
    x = data
    if flat:
        heads = op.attribute("num_heads", 0)
        width = op.input(2).value.dims[1]
        if heads:
            x = split_heads(data, heads)
        elif width.is_static:  # heads are as wide as the whole table
            split = constant([0, 0, -1, 2 * width.get_length()])
            x = make("transpose", make("reshape", data, split, True), constant([0, 2, 1, 3]))
    if ids.value.rank == 1:  # the position of the first token
        ids = make("unsqueeze", add(positions(size_of(x, 2)), ids), constant([0]))
    tables = [_angles(op.input(i), ids) for i in (2, 3)]
    turned = rotated(x, tables[0], tables[1], bool(op.attribute("interleaved", 0)), size)
    return join_heads(turned) if flat else turned


@translates("GroupQueryAttention", domain=MICROSOFT)
def group_query_attention(op: OnnxOp) -> tuple[Output | None, ...]:
    """Causal attention of decoders, with rotary embedding and a cache whose rows are filled to different lengths."""
    for index in (11, 12, 13):
        if op.optional(index) is not None:
            raise RuntimeError("sinks and quantised caches are not supported")
    if op.attribute("smooth_softmax", 0) > 0 or op.attribute("softcap", 0.0) or op.wants(3):
        raise RuntimeError("soft caps, smooth softmax and scores as an output are not supported")
    heads, shared = op.attribute("num_heads"), op.attribute("kv_num_heads")
    query, key, value = _grouped(op, heads, shared)
    length = size_of(query, 2)
    # seqlens_k is the index of the last token of each row: the new tokens start S - 1 before it.
    last = make("reshape", convert(op.input(5), Type.i64), constant([-1, 1]), False)
    starts = make("subtract", add(last, constant(1)), length)
    starts = make("maximum", starts, constant([0]))  # [B, 1]
    rows = add(starts, make("unsqueeze", positions(length), constant([0])))  # [B, S]
    if op.attribute("do_rotary", 0):
        given = op.optional(9)
        ids = rows if given is None else convert(given, Type.i64)
        tables = [_angles(op.input(i), ids) for i in (7, 8)]
        interleaved = bool(op.attribute("rotary_interleaved", 0))
        size = _rotary_size(op)
        query, key = (rotated(x, tables[0], tables[1], interleaved, size) for x in (query, key))
    total = make("reshape", convert(op.input(6), Type.i64), constant([1]), False)
    present = [_written(op.optional(i), new, rows, total) for i, new in ((3, key), (4, value))]
    columns = positions(size_of(present[0], 2))
    mask = make("less_equal", columns, make("unsqueeze", rows, constant([2])))  # [B, S, T]
    window = op.attribute("local_window_size", -1)
    if window > 0:
        first = make("subtract", make("unsqueeze", rows, constant([2])), constant(window))
        mask = make("logical_and", mask, make("greater", columns, first))
    mask = make("unsqueeze", mask, constant([1]))
    bias = op.optional(10)
    if bias is not None:
        mask = make("select", mask, bias, constant(-np.inf, bias.value.type))
    scale = op.attribute("scale", 0.0) or None
    result = attend(query, present[0], present[1], mask, scale)
    return join_heads(result), *present


def _grouped(op: OnnxOp, heads: int, shared: int) -> tuple[Output, Output, Output]:
    """Queries [B, N, S, h], keys and values [B, K, S, h], packed or not, normalised where the model says so."""
    query, key, value = op.input(0), op.optional(1), op.optional(2)
    if key is None or value is None:
        every = split_heads(query, heads + 2 * shared)
        lengths = constant(np.array([heads, shared, shared], np.int64))
        query, key, value = make_node("variadic_split", every, constant(1), lengths).outputs()
    else:
        query = split_heads(query, heads)
        key, value = split_heads(key, shared), split_heads(value, shared)
    epsilon = op.attribute("qk_norm_epsilon", 1e-6)
    norms = [op.optional(i) for i in (14, 15)]
    query, key = (
        x if norm is None else rms_norm(x, norm, epsilon)
        for x, norm in zip((query, key), norms, strict=True)
    )
    return query, key, value


def _rotary_size(op: OnnxOp) -> int:
    """How many elements the table rotates: all of a head, or fewer."""
    width = op.input(7).value.dims[1]
    return 2 * width.get_length() if width.is_static else 0


def _written(past: Output | None, new: Output, rows: Output, total: Output) -> Output:
    """The cache [B, K, T, h] with the new tokens at their rows; T is the total, or the cache's own length if longer."""
    if past is None:
        return new
    batch, heads, size = (size_of(new, i) for i in (0, 1, 3))
    lack = make("maximum", make("subtract", total, size_of(past, 2)), constant([0]))
    room = make(
        "broadcast", constant(0, new.value.type), make("concat", [batch, heads, lack, size], 0)
    )
    wide = make("concat", [past, room], 2)
    index = make("unsqueeze", rows, constant([1, 3]))  # [B, 1, S, 1]
    everywhere = make("broadcast", index, shape_of(new))
    return make("scatter_elements_update", wide, everywhere, new, constant(2))
