"""Simulated quantisation on host arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.ops.broadcasting import align_pdpd
from ovgpu.plugins.cpu.registry import Call, Step, binder, kernel

_LARGEST = {"f8e4m3": 448.0, "f8e5m2": 57344.0}

#: Channels whose zero points differ by less share the first one in a convolution of OpenVINO, in levels.
SAME_SHIFT = 1e-4


def _wide_scratch(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> int:
    """Room for the output in float64."""
    return math.prod(outputs[0].shape.static_tuple() or ()) * 8


@binder("FakeQuantize", layout="same", scratch=_wide_scratch)
def bind_fake_quantize(call: Call) -> Step:
    x, *limits = (a for a in call.inputs if a is not None)
    out = call.outputs[0]
    if call.attributes["auto_broadcast"] == "pdpd":
        axis = call.attributes["auto_broadcast_axis"]
        limits = [align_pdpd(limit, x.ndim, axis) for limit in limits]
    exact = out.dtype.kind == "f"
    wide = call.scratch.view(np.float64)[: out.size].reshape(out.shape)
    level = out if exact else np.empty(out.shape)
    number = level.dtype.type
    steps = number(call.attributes["levels"] - 1)
    by_channel = limits[0].size > 1
    separately = by_channel and follows_convolution(call.node)

    def run() -> None:
        input_low, input_high, output_low, output_high = limits
        # Each rounding as OpenVINO's CPU device has it: whether a value near the middle of two levels goes up or down,
        # and all that later layers make of it, depends on the last bit. float64 and one rounding at the end stand for a
        # fused multiply-add.
        span = input_high - input_low
        scale = steps / span
        if not by_channel:
            shift = -input_low * steps / span
        elif not separately:
            shift = -input_low * scale
        else:
            shift = -input_low * steps / span
            if np.ptp(shift) < SAME_SHIFT:
                shift = shift.reshape(-1)[0]
        low, high = np.minimum(input_low, input_high), np.maximum(input_low, input_high)
        rising = bool((input_low < input_high).all())
        np.clip(x, low, high, level)
        if separately:
            np.multiply(level, scale, level)
            np.add(level, shift, level)
        else:
            np.multiply(level, scale, out=wide, dtype=np.float64)
            np.add(wide, shift, out=level, casting="same_kind")
        np.rint(level, level)
        step = (output_high - output_low) / steps
        if separately and rising:
            np.multiply(level, step, level)
            np.add(level, output_low, level)
            return
        np.multiply(level, step, out=wide, dtype=np.float64)
        np.add(wide, output_low, wide)
        if not rising:
            np.copyto(wide, output_high, where=x > high)
            np.copyto(wide, output_low, where=x <= low)
        np.copyto(out, wide if exact else np.trunc(wide), casting="unsafe")

    return run


def follows_convolution(node: Node) -> bool:
    """Whether OpenVINO makes this part of a convolution, where it rounds the product before it adds."""
    return "Convolution" in node.input_value(0).get_node().get_type_name()


@kernel("FakeConvert")
def fake_convert(
    x: np.ndarray, scale: np.ndarray, shift: np.ndarray | None = None, *, destination_type: str
) -> np.ndarray:
    largest = x.dtype.type(_LARGEST[destination_type])
    scaled = x * scale
    if shift is not None:
        scaled -= shift
    rounded = np.clip(scaled, -largest, largest).astype(Type.from_name(destination_type).host_dtype)
    back = rounded.astype(x.dtype)
    return (back if shift is None else back + shift) / scale
