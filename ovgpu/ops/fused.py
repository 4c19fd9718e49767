"""Operations that only fusions make. They belong to no opset; their version is ``ovgpu``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape, broadcast_numpy
from ovgpu.graph.value import Value
from ovgpu.ops.concat_split import concat
from ovgpu.ops.convolution import convolution, group_convolution
from ovgpu.ops.declaration import OpDeclaration, check, op
from ovgpu.ops.matmul import matmul
from ovgpu.ops.window import AutoPad


@op("ConvolutionBiasActivation", "1", factory="", domain="ovgpu")
def convolution_bias_activation(
    data: Value,
    filters: Value,
    bias: Value | None = None,
    residual: Value | None = None,
    *,
    strides: list[int],
    dilations: list[int],
    pads_begin: list[int],
    pads_end: list[int],
    auto_pad: AutoPad = "explicit",
    activations: list[str] = [],
    activation_parameters: list[float] = [],
) -> Value | tuple[Value, ...]:
    """activation(Convolution-1(data, filters) + bias + residual); a residual has the result's shape.

    Activations: :mod:`ovgpu.plugins.cpu.kernels.epilogue`.
    """
    return convolution(
        data,
        filters,
        strides=strides,
        dilations=dilations,
        pads_begin=pads_begin,
        pads_end=pads_end,
        auto_pad=auto_pad,
    )


@op("GroupConvolutionBiasActivation", "1", factory="", domain="ovgpu")
def group_convolution_bias_activation(
    data: Value,
    filters: Value,
    bias: Value | None = None,
    residual: Value | None = None,
    *,
    strides: list[int],
    dilations: list[int],
    pads_begin: list[int],
    pads_end: list[int],
    auto_pad: AutoPad = "explicit",
    activations: list[str] = [],
    activation_parameters: list[float] = [],
) -> Value | tuple[Value, ...]:
    """activation(GroupConvolution-1(data, filters) + bias + residual)."""
    return group_convolution(
        data,
        filters,
        strides=strides,
        dilations=dilations,
        pads_begin=pads_begin,
        pads_end=pads_end,
        auto_pad=auto_pad,
    )


@op("MatMulBiasActivation", "1", factory="", domain="ovgpu")
def matmul_bias_activation(
    a: Value,
    b: Value,
    bias: Value | None = None,
    residual: Value | None = None,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    activations: list[str] = [],
    activation_parameters: list[float] = [],
    gated: bool = False,
) -> Value | tuple[Value, ...]:
    """activation(MatMul-1(a, b) + bias + residual); sums broadcast as in Add-1.

    ``gated``: ``b`` holds the columns of two matrices, first those of the one and then as many of the other, and the
    result is activation(a @ first) * (a @ second); there is neither bias nor residual.
    """
    made = matmul(a, b, transpose_a=transpose_a, transpose_b=transpose_b)
    product = made[0] if isinstance(made, tuple) else made
    return _gated(product) if gated else _summed(product, residual)


def _gated(product: Value) -> Value:
    """Half of the columns."""
    if product.rank is None:
        return product
    last = product.dims[-1]
    check(last.is_dynamic or last.get_length() % 2 == 0, f"a gate needs an even number, got {last}")
    half = last.get_length() // 2 if last.is_static else -1
    return Value(product.type, PartialShape.of([*product.dims[:-1], half]))


def _summed(product: Value, residual: Value | None) -> Value:
    if residual is None:
        return product
    shape = broadcast_numpy(product.shape, residual.shape)
    check(shape is not None, f"{residual.shape} cannot be added to a product of {product.shape}")
    assert shape is not None
    return Value(product.type, shape)


@op("LayerNorm", "1", factory="", domain="ovgpu")
def layer_norm(data: Value, gamma: Value, beta: Value, *, epsilon: float) -> Value:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta over the last axis.

    Ba, Kiros and Hinton, "Layer Normalization" (2016).
    """
    return Value(data.type, data.shape)


@op("CompressedMatMul", "1", factory="", domain="ovgpu")
def compressed_matmul(
    data: Value,
    weights: Value,
    scale: Value,
    *rest: Value,
    operands: list[str] = ["zero_point"],
    activations: list[str] = [],
    activation_parameters: list[float] = [],
    gated: bool = False,
) -> Value:
    """activation(MatMul-1(data, ((weights - zero_point) * scale) as [O, I], transpose_b=True) + residual).

    Args:
        data: [..., I], real.
        weights: [O, I] or [O, groups, group], I = groups * group, of u1, u2, u3, u4, i4, nf4, f4e2m1, u6, u8, i8,
            f8e4m3 or f8e5m2.
        scale: [O, groups], real.
        rest: what ``operands`` names, perhaps less: "zero_point" [O, groups], real, is what the code of zero is; "bias"
            [O]; "residual" [..., O].
        gated: as in MatMulBiasActivation; the first half of the O rows belongs to the first matrix.

    Returns:
        [..., O] of the type of ``data``, [..., O / 2] if gated.
    """
    if data.rank is None:
        return Value(data.type, data.shape)
    product = Value(data.type, PartialShape.of([*data.dims[:-1], weights.dims[0]]))
    return _gated(product) if gated else _summed(product, dict(zip(operands, rest)).get("residual"))


@op("CompressedGather", "1", factory="", domain="ovgpu")
def compressed_gather(
    weights: Value,
    indices: Value,
    scale: Value,
    zero_point: Value | None = None,
    *,
    output_type: Type,
) -> Value:
    """Gather-8 of ((weights - zero_point) * scale) as [O, I] along its first axis.

    Args:
        weights, scale, zero_point: as in CompressedMatMul.
        indices: i32 or i64 of any shape; negative ones count from the end, those outside give zeros.
        output_type: f32, f16 or bf16.

    Returns:
        [*indices.shape, I] of ``output_type``; dynamic while one of the shapes is not known.
    """
    sizes = weights.shape.static_tuple()
    if indices.rank is None or sizes is None:
        return Value(output_type, PartialShape.dynamic())
    return Value(output_type, PartialShape.of([*indices.dims, math.prod(sizes[1:])]))


#: Orders of the axes of 4-D tensors of attention: batch, heads, length, size of a head.
HEADS_FIRST, LENGTH_FIRST = "bhld", "blhd"


def heads_first(value: Sequence[Any], layout: str) -> list[Any]:
    """Four things by axis, reordered to batch, heads, length, size; the same function turns them back."""
    batch, second, third, size = value
    return [batch, second, third, size] if layout == HEADS_FIRST else [batch, third, second, size]


@op("Attention", "1", factory="", domain="ovgpu")
def attention(
    query: Value,
    key: Value,
    value: Value,
    mask: Value | None = None,
    *,
    scale: float,
    causal: bool = False,
    layouts: list[str] = [HEADS_FIRST] * 4,
) -> Value:
    """softmax(query @ key^T * scale + mask) @ value for heads, of which several may share a key and a value.

    Vaswani et al., "Attention is all you need" (2017); shared keys: Ainslie et al., "GQA" (2023).

    Args:
        query: [batch, H, L, E].
        key: [batch, G, S, E]; head h of H uses the key of head h // (H / G). A batch of 1 is repeated.
        value: [batch, G, S, Ev].
        mask: broadcasts with [batch, H, L, S] (batch and L may be what it has when they are 1); added, or where
            boolean, False shuts out.
        scale: factor of the products.
        causal: row i sees columns up to i.
        layouts: order of axes in memory of query, key, value and the result: "bhld" or "blhd".

    Returns:
        [batch, H, L, Ev] of the type of ``query``.
    """
    if query.rank is None or key.rank is None or value.rank is None:
        return Value(query.type, PartialShape.dynamic())
    queries, keys, values = (
        heads_first(v.dims, layout) for v, layout in zip((query, key, value), layouts)
    )
    batch = broadcast_numpy(PartialShape.of(queries[:1]), PartialShape.of(keys[:1]))
    rows = PartialShape.of(queries[2:3])
    if mask is not None and mask.rank is not None:
        if mask.rank >= 4:
            batch = batch and broadcast_numpy(batch, PartialShape.of(mask.dims[:1]))
        if mask.rank >= 2:
            merged = broadcast_numpy(rows, PartialShape.of(mask.dims[-2:-1]))
            check(merged is not None, f"a mask of shape {mask.shape} does not fit {rows} rows")
            rows = merged or rows
    check(batch is not None, f"batches of {query.shape} and {key.shape} differ")
    assert batch is not None
    result = [batch.dims[0], queries[1], rows.dims[0], values[3]]
    return Value(query.type, PartialShape.of(heads_first(result, layouts[3])))


@op("KeyValueCache", "1", factory="", domain="ovgpu")
def key_value_cache(
    past: Value, update: Value, beams: Value | None = None, *, axis: int, variable_id: str
) -> Value:
    """Concat-1 of Gather-8(past, beams, 0) and ``update``: what a variable will hold after the inference.

    Args:
        past: the value of the variable ``variable_id``.
        update: its new rows.
        beams: [batch], integers: which sequence of ``past`` each one goes on from; its own when absent.
        axis: along which rows follow each other; not 0.
    """
    if beams is not None and past.rank is not None:
        batch = beams.dims[0] if beams.rank == 1 else Dimension.dynamic()
        past = Value(past.type, PartialShape.of([batch, *past.dims[1:]]))
    made = concat(past, update, axis=axis)
    return made[0] if isinstance(made, tuple) else made


@op("RotaryEmbedding", "1", factory="", domain="ovgpu")
def rotary_embedding(
    cosine: Value,
    sine: Value,
    *data: Value,
    layouts: list[str] = [HEADS_FIRST] * 2,
    turned: list[int] = [1],
) -> tuple[Value, ...]:
    """x * cosine + concat(-second half, first half) * sine over the last axis: a turn of pairs of elements.

    Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding" (2021).

    Args:
        cosine: broadcasts with [batch, heads, length, size] and has the last size; a batch, or a length of 1 of the
            data, is stretched.
        sine: of the same shape.
        data: any number of [batch, heads, length, size], size even; the number of heads may differ.
        layouts: order of axes in memory of each data and of its result, one after the other: "bhld" or "blhd".
        turned: 1 for data that are turned, 0 for those that only get the layout of their result.

    Returns:
        [batch, heads, length, size] of the type of the data for each of them.
    """
    pairs = zip(layouts[::2], layouts[1::2], strict=True)
    return tuple(
        _embedded(x, (cosine, sine) if turns else (), *pair)
        for x, pair, turns in zip(data, pairs, turned, strict=True)
    )


def _embedded(data: Value, angles: Sequence[Value], given: str, wanted: str) -> Value:
    if data.rank is None:
        return Value(data.type, PartialShape.dynamic())
    shape: PartialShape | None = PartialShape.of(heads_first(data.dims, given))
    for angle in angles:
        if shape is not None and angle.rank is not None:
            shape = broadcast_numpy(shape, angle.shape)
    check(
        shape is not None,
        f"angles of {', '.join(str(a.shape) for a in angles)} do not fit {data.shape}",
    )
    assert shape is not None
    if shape.rank.is_dynamic:
        return Value(data.type, PartialShape.dynamic())
    return Value(data.type, PartialShape.of(heads_first(shape.dims, wanted)))


# ---- clusters -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class ClusterStep:
    """One operation of an ElementwiseCluster.

    Attributes:
        declaration: the operation.
        attributes: all of its attributes.
        operands: its inputs, as numbers of values: those of the cluster come first, then the results of its steps.
    """

    declaration: OpDeclaration
    attributes: dict[str, Any]
    operands: tuple[int, ...]


def cluster_values(steps: Sequence[ClusterStep], inputs: Sequence[Value]) -> list[Value]:
    """Types and shapes of all values of a cluster: its inputs, then the result of each step."""
    values = list(inputs)
    for step in steps:
        operands: list[Value | None] = [values[i] for i in step.operands]
        values += step.declaration.infer_values(operands, step.attributes)
    return values


@op("ElementwiseCluster", "1", factory="", domain="ovgpu")
def elementwise_cluster(*inputs: Value, steps: Any, results: list[int]) -> tuple[Value, ...]:
    """Elementwise operations that are computed together, element by element.

    ``steps`` are :class:`ClusterStep` objects in order, ``results`` numbers of the values that leave the cluster; all
    of these have one shape.
    """
    values = cluster_values(steps, inputs)
    return tuple(values[i] for i in results)
