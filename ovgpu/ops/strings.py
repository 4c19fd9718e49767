"""Operations on string tensors: StringTensorPack, StringTensorUnpack."""

from __future__ import annotations

from ovgpu.graph import partial_shape as shapes
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.common import check_rank
from ovgpu.ops.declaration import OpError, check, op


@op("StringTensorPack", "15", factory="string_tensor_pack(begins, ends, symbols)")
def string_tensor_pack(begins: Value, ends: Value, symbols: Value) -> Value:
    """StringTensorPack-15: strings from their first and last positions (not included) in a 1-D tensor of bytes (u8)."""
    for name, value in (("begins", begins), ("ends", ends)):
        check(
            value.type in (Type.i32, Type.i64, Type.dynamic),
            f"StringTensorPack: {name} must be of type i32 or i64, not {value.type.to_string()}",
        )
    check(symbols.type in (Type.u8, Type.dynamic), "StringTensorPack: symbols must be of type u8")
    check_rank(symbols, (1,), "StringTensorPack: symbols")
    merged = shapes.merge(begins.shape, ends.shape)
    if merged is None:
        raise OpError("StringTensorPack: begins and ends must have the same shape")
    return Value(Type.string, merged)


@op("StringTensorUnpack", "15", factory="string_tensor_unpack(data)")
def string_tensor_unpack(data: Value) -> tuple[Value, Value, Value]:
    """StringTensorUnpack-15: first positions, last positions (not included) and bytes of all strings, end to end."""
    check(
        data.type in (Type.string, Type.dynamic),
        "StringTensorUnpack: the input must be of type string",
    )
    length = Dimension.dynamic()
    if data.known is not None:
        length = Dimension.static(sum(map(len, data.known.reshape(-1))))
    return (
        Value(Type.i32, data.shape),
        Value(Type.i32, data.shape),
        Value(Type.u8, PartialShape.of([length])),
    )
