"""Attention and caches of keys and values.

Exported transformers use few of the operator's forms; those become ScaledDotProductAttention. The others (soft caps,
windows, lengths of padded caches, scores as an output) go through ONNX's own definition.
"""

from __future__ import annotations

import numpy as np

from ovgpu.frontends.onnx.translation import (
    NotCovered,
    OnnxOp,
    add,
    constant,
    convert,
    make,
    multiply,
    shape_of,
    size_of,
    translates,
)
from ovgpu.graph.element_type import Type
from ovgpu.graph.port import Output


@translates("Attention", since=23)
def attention(op: OnnxOp) -> tuple[Output | None, ...]:
    """Grouped attention over 4-D or 3-D inputs, with masks, causal masking and a cache that grows."""
    windows = [op.attribute(f"{side}_window_size", -1) for side in ("left", "right")]
    if op.wants(3) or op.optional(6) is not None or op.attribute("softcap", 0.0):
        raise NotCovered("scores, padded caches and soft caps")
    if any(w >= 0 for w in windows) or op.has("softmax_precision"):
        raise NotCovered("windows and the precision of softmax")
    query, key, value = (op.input(i) for i in range(3))
    flat = op.rank(0) == 3
    if not flat and any(x.value.dims[1].is_dynamic for x in (query, key)):
        raise NotCovered("groups of heads that are not known")
    if flat:
        counts = [op.attribute(name) for name in ("q_num_heads", "kv_num_heads")]
        query = split_heads(query, counts[0])
        key, value = (split_heads(x, counts[1]) for x in (key, value))
    past_key, past_value = op.optional(4), op.optional(5)
    past: Output | None = None
    if past_key is not None and past_value is not None:
        past = size_of(past_key, 2)
        key, value = (make("concat", pair, 2) for pair in ((past_key, key), (past_value, value)))
    scale = op.attribute("scale") if op.has("scale") else None
    mask, causal = op.optional(3), bool(op.attribute("is_causal", 0))
    if mask is not None and not _covers(mask, key):
        raise NotCovered("masks that are shorter than the keys")
    result = attend(query, key, value, mask, scale, causal, past)
    return (join_heads(result) if flat else result), key, value


def _covers(mask: Output, key: Output) -> bool:
    """Whether a mask has an element for every key, as far as the shapes tell."""
    if mask.value.rank is None or key.value.rank is None:
        return True
    width, length = mask.value.dims[-1], key.value.dims[2]
    return width.is_dynamic or length.is_dynamic or width.get_length() in (1, length.get_length())


def attend(
    query: Output,
    key: Output,
    value: Output,
    mask: Output | None = None,
    scale: float | None = None,
    causal: bool = False,
    past: Output | None = None,
) -> Output:
    """softmax(query @ key^T * scale + mask) @ value for [batch, heads, length, size].

    Args:
        query: [batch, heads, length, size].
        key: [batch, key heads, key length, size]; the heads of the query share them in groups.
        value: [batch, key heads, key length, value size].
        mask: boolean (True takes part) or floats to add; broadcasts to [batch, heads, length, key length].
        scale: factor of the products; by default 1 / sqrt(size).
        causal: whether a query attends only keys up to its own position.
        past: how many keys precede the first query, as a 1-D tensor of one element; by default none.
    """
    group = _group_size(query, key)
    if group > 1:
        key, value = (repeat_heads(x, group) for x in (key, value))
    dtype = query.value.type
    if causal and (mask is not None or past is not None):
        mask, causal = _with_causal(mask, query, key, past), False
    factor = None if scale is None else constant(scale, dtype)
    if mask is None and factor is not None:
        mask = constant(0.0, dtype)  # the operation takes a scale only after a mask
    guard = mask if mask is not None and mask.value.type is Type.boolean else None
    result = make("scaled_dot_product_attention", query, key, value, mask, factor, causal)
    if guard is None:
        return result
    # A query that attends no key gives zeros, not the 0 / 0 of its softmax.
    attends = make("reduce_logical_or", guard, constant([-1]), True)
    return make("select", attends, result, constant(0.0, dtype))


def _with_causal(mask: Output | None, query: Output, key: Output, past: Output | None) -> Output:
    """A mask that also hides keys after the query's own position."""
    allowed = causal_mask(size_of(query, 2), size_of(key, 2), past)
    if mask is None:
        return allowed
    if mask.value.type is Type.boolean:
        return make("logical_and", mask, allowed)
    hidden = constant(-np.inf, mask.value.type)
    return make("select", allowed, mask, hidden)


def causal_mask(rows: Output, columns: Output, past: Output | None = None) -> Output:
    """[rows, columns], True where column <= row + past. All sizes are 1-D tensors of one element."""
    row = positions(rows)
    if past is not None:
        row = add(row, past)
    return make(
        "less_equal",
        make("unsqueeze", positions(columns), constant([0])),
        make("unsqueeze", row, constant([1])),
    )


def positions(count: Output) -> Output:
    """[0, 1, ..., count - 1] as i64; ``count`` is 1-D with one element."""
    return make("range", constant(0), make("squeeze", count, constant([0])), constant(1), "i64")


def split_heads(x: Output, count: int) -> Output:
    """[batch, length, count * size] -> [batch, count, length, size]."""
    split = make("reshape", x, constant([0, 0, count, -1]), True)
    return make("transpose", split, constant([0, 2, 1, 3]))


def join_heads(x: Output) -> Output:
    """[batch, heads, length, size] -> [batch, length, heads * size]."""
    return make("reshape", make("transpose", x, constant([0, 2, 1, 3])), constant([0, 0, -1]), True)


def _group_size(query: Output, key: Output) -> int:
    heads = [v.value.dims[1] for v in (query, key)]
    if any(h.is_dynamic for h in heads):
        return 1
    return heads[0].get_length() // max(heads[1].get_length(), 1)


def repeat_heads(x: Output, times: int) -> Output:
    """[batch, heads, length, size] -> [batch, heads * times, length, size], each head repeated."""
    sizes = [size_of(x, i) for i in range(4)]
    wide = make("concat", [*sizes[:2], constant([times]), *sizes[2:]], 0)
    spread = make("broadcast", make("unsqueeze", x, constant([2])), wide)
    joined = make("concat", [sizes[0], multiply(sizes[1], constant([times])), *sizes[2:]], 0)
    return make("reshape", spread, joined, False)


@translates("TensorScatter")
def tensor_scatter(op: OnnxOp) -> Output:
    """Write ``update`` into a cache from a position of its own in every batch element."""
    cache, update, starts = op.input(0), op.input(1), op.optional(2)
    rank = op.rank(0)
    axis = op.attribute("axis", -2) % rank
    index = positions(size_of(update, axis))
    if starts is not None:
        column = make("reshape", convert(starts, Type.i64), constant([-1, 1]), False)
        index = add(column, make("unsqueeze", index, constant([0])))
    else:
        index = make("unsqueeze", index, constant([0]))
    if op.attribute("mode", "linear") == "circular":
        index = make("floor_mod", index, size_of(cache, axis))
    shape = [1] * rank
    shape[axis] = -1
    shape[0] = 0 if starts is not None else 1
    index = make("reshape", index, constant(shape), True)
    everywhere = make("broadcast", index, shape_of(update))
    return make("scatter_elements_update", cache, everywhere, update, constant(axis))
