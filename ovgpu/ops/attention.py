"""Scaled dot-product attention."""

from __future__ import annotations

from ovgpu.graph import dimension as dimensions
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape, broadcast_numpy
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import check, op


@op(
    "ScaledDotProductAttention",
    "13",
    factory="scaled_dot_product_attention(query, key, value, attention_mask=None, scale=None, causal=False)",
)
def scaled_dot_product_attention(
    query: Value,
    key: Value,
    value: Value,
    attention_mask: Value | None = None,
    scale: Value | None = None,
    *,
    causal: bool,
) -> Value:
    """ScaledDotProductAttention-13: softmax(query @ key^T * scale + mask) @ value.

    Args:
        query: [..., L, E].
        key: [..., S, E].
        value: [..., S, Ev].
        attention_mask: broadcasts to [..., L, S]; added, or where boolean, False shuts out. 0-D for none.
        scale: scalar or [1]; 1 / sqrt(E) when absent.
        causal: row i sees columns up to i, and the mask is not used.

    Returns:
        [..., L, Ev].
    """
    element_type = query.type
    others = [key, value, *((scale,) if scale is not None else ())]
    if attention_mask is not None and attention_mask.type is not Type.boolean:
        others.append(attention_mask)
    for other in others:
        merged = element_type.merge(other.type)
        check(merged is not None, "Mixed input types are not supported.")
        assert merged is not None
        element_type = merged
    check(
        element_type.is_real() or element_type is Type.dynamic,
        "The element type of the input tensor must be a floating-point.",
    )
    if scale is not None and scale.rank is not None:
        single = scale.rank == 0 or (
            scale.rank == 1 and scale.dims[0].compatible(dimensions.make(1, 1))
        )
        check(
            single,
            f"Scale input accepts only scalar or 1D tensor with 1 element, got {scale.shape}",
        )
    for name, given in (("Query", query), ("Key", key), ("Value", value)):
        check(
            given.rank is None or given.rank >= 3,
            f"{name} input rank length must be at least 3 or more.",
        )
    return Value(element_type, _attended_shape(query, key, value, attention_mask, causal))


def _attended_shape(
    query: Value, key: Value, value: Value, mask: Value | None, causal: bool
) -> PartialShape:
    if query.rank is None or key.rank is None or value.rank is None:
        return PartialShape.dynamic()
    batch = broadcast_numpy(PartialShape.of(query.dims[:-2]), PartialShape.of(key.dims[:-2]))
    check(
        batch is not None and query.dims[-1].compatible(key.dims[-1]),
        "Key input shape not compatible with other inputs.",
    )
    assert batch is not None
    batch = broadcast_numpy(batch, PartialShape.of(value.dims[:-2]))
    length = dimensions.merge(key.dims[-2], value.dims[-2])
    check(
        batch is not None and length is not None,
        "Value input shape not compatible with other inputs.",
    )
    assert batch is not None
    assert length is not None
    rows = query.dims[-2]
    if mask is not None and not causal and mask.rank not in (None, 0):
        fits = 2 <= len(mask.dims) <= len(batch.dims) + 2
        whole = broadcast_numpy(PartialShape.of([*batch.dims, rows, length]), mask.shape)
        check(
            fits and whole is not None,
            "Attention mask input shape not compatible with other inputs.",
        )
        assert whole is not None
        batch = PartialShape.of(whole.dims[:-2])
        # OpenVINO merges the rows twice, which decides whose symbol stays.
        again = dimensions.broadcast_merge(whole.dims[-2], mask.dims[-2])
        rows = rows if again is None else again
    return PartialShape.of([*batch.dims, rows, value.dims[-1]])
