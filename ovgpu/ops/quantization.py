"""Simulated quantisation: FakeQuantize and FakeConvert."""

from __future__ import annotations

from typing import Literal

from ovgpu.graph.element_type import Type
from ovgpu.graph.value import Value
from ovgpu.ops.broadcasting import (
    BROADCAST_NAMES,
    AutoBroadcast,
    broadcast_shapes,
    same_types,
)
from ovgpu.ops.declaration import check, op

Float8 = Literal["f8e4m3", "f8e5m2"]


@op(
    "FakeQuantize",
    "1",
    factory="fake_quantize(data, input_low, input_high, output_low, output_high, levels, auto_broadcast='NUMPY')",
    attribute_names=BROADCAST_NAMES,
)
def fake_quantize(
    data: Value,
    input_low: Value,
    input_high: Value,
    output_low: Value,
    output_high: Value,
    *,
    levels: int,
    auto_broadcast: AutoBroadcast = "numpy",
    auto_broadcast_axis: int | None = None,
) -> Value:
    """FakeQuantize-1: the nearest of ``levels`` equidistant numbers.

    ``[input_low, input_high]`` is divided into ``levels - 1`` steps, each element goes to the nearest end of a step,
    and the steps are laid over ``[output_low, output_high]``. What is outside goes to the end. The limits broadcast to
    the data.
    """
    for limit in (input_low, input_high, output_low, output_high):
        broadcast_shapes(data.shape, limit.shape, auto_broadcast, auto_broadcast_axis)
    return Value(data.type, data.shape)


@op("FakeConvert", "13", factory="fake_convert(data, scale, shift=None, destination_type='f8e4m3')")
def fake_convert(
    data: Value, scale: Value, shift: Value | None = None, *, destination_type: Float8 = "f8e4m3"
) -> Value:
    """FakeConvert-13: data * scale - shift, rounded and limited to numbers of an 8-bit float type, and back."""
    element_type = same_types(data, scale)
    if shift is not None:
        element_type = same_types(Value(element_type, data.shape), shift)
    check(
        element_type in (Type.f32, Type.f16, Type.bf16, Type.dynamic),
        f"The element type of the input tensor must be a bf16, f16, f32 but got: {element_type.to_string()}",
    )
    if shift is not None:
        broadcast_shapes(scale.shape, shift.shape, "none")
    return Value(element_type, broadcast_shapes(data.shape, scale.shape, "numpy"))
