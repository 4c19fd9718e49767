"""Simulated quantisation on host arrays."""

from __future__ import annotations

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.ops.broadcasting import align_pdpd
from ovgpu.plugins.cpu.registry import kernel

_LARGEST = {"f8e4m3": 448.0, "f8e5m2": 57344.0}


@kernel("FakeQuantize", layout="same")
def fake_quantize(
    x: np.ndarray,
    input_low: np.ndarray,
    input_high: np.ndarray,
    output_low: np.ndarray,
    output_high: np.ndarray,
    *,
    levels: int,
    auto_broadcast: str,
    auto_broadcast_axis: int | None,
    out: np.ndarray,
) -> None:
    limits = [input_low, input_high, output_low, output_high]
    if auto_broadcast == "pdpd":
        limits = [align_pdpd(limit, x.ndim, auto_broadcast_axis) for limit in limits]
    input_low, input_high, output_low, output_high = limits
    exact = out.dtype.kind == "f"
    result = out if exact else np.empty(out.shape)
    steps = result.dtype.type(levels - 1)
    # The order of these operations is that of the specification: it decides where halves of a step go.
    np.subtract(x, input_low, out=result)
    np.divide(result, input_high - input_low, out=result)
    np.multiply(result, steps, out=result)
    np.rint(result, out=result)
    np.divide(result, steps, out=result)
    np.multiply(result, output_high - output_low, out=result)
    np.add(result, output_low, out=result)
    np.copyto(result, output_high, where=x > np.maximum(input_low, input_high))
    np.copyto(result, output_low, where=x <= np.minimum(input_low, input_high))
    if not exact:
        np.copyto(out, np.trunc(result), casting="unsafe")


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
