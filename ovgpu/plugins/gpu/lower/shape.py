"""Reshape and its kind, which leave elements where they are, and Range."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.codegen import STORAGE_NAMES
from ovgpu.plugins.gpu.encoder import Encoder
from ovgpu.plugins.gpu.lower.common import countable, known
from ovgpu.plugins.gpu.lower.indexing import element_source, launch_each
from ovgpu.plugins.gpu.registry import Lowering, aliases, lowers
from ovgpu.plugins.gpu.strided import encode_copy, place_of


def _reshaped(op: Lowering) -> list[np.ndarray]:
    return [place_of(op.input(0), op.outputs[0].shape)]


@aliases("Reshape", "Squeeze", "Unsqueeze", "Identity", view=_reshaped)
def reshape(encoder: Encoder, op: Lowering) -> None:
    """For inputs whose elements do not follow each other; else the output is the input's memory."""
    source, out = op.input(0), op.outputs[0]
    if source.strides is None:
        encoder.copy(out.address, source.address, out.nbytes)
    else:
        encode_copy(encoder, place_of(out, source.shape), place_of(source))


def _range_fits(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    fits = outputs[0].type in STORAGE_NAMES and outputs[0].type is not Type.boolean
    return fits and countable(outputs[0])


@lowers("Range", accepts=_range_fits, known_inputs=(0, 1, 2))
def range_(encoder: Encoder, op: Lowering) -> None:
    out = op.outputs[0]
    wide = np.dtype(np.float32) if out.storage in (Type.f16, Type.bf16) else out.storage.host_dtype
    with np.errstate(invalid="ignore", over="ignore"):
        start, step = (known(op, i).reshape(-1)[:1].astype(wide) for i in (0, 2))
    source = element_source("range.cu", out.storage)
    launch_each(
        encoder, source, "fill_range", out.size, [out.pointer, start, step, np.uint32(out.size)]
    )
