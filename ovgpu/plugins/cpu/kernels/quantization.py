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
    steps = level.dtype.type(call.attributes["levels"] - 1)

    def run() -> None:
        input_low, input_high, output_low, output_high = limits
        # Each rounding as OpenVINO's CPU device has it, a fused multiply-add at the end: whether a value just at the
        # middle of two levels goes up or down, and all that later layers make of it, depends on the last bit.
        scale = steps / (input_high - input_low)
        np.multiply(x, scale, out=level)
        np.subtract(level, input_low * scale, out=level)
        np.rint(level, out=level)
        np.multiply(level, (output_high - output_low) / steps, out=wide, dtype=np.float64)
        np.add(wide, output_low, out=wide)
        np.copyto(wide, output_high, where=x > np.maximum(input_low, input_high))
        np.copyto(wide, output_low, where=x <= np.minimum(input_low, input_high))
        np.copyto(out, wide if exact else np.trunc(wide), casting="unsafe")

    return run


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
