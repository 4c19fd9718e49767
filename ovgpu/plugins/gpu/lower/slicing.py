"""Operations that cut a box out of a tensor or put a border around it: Slice, StridedSlice, SliceScatter, Pad."""

from __future__ import annotations

import math

import numpy as np

from ovgpu.ops.slicing import slice_index, strided_slice_index
from ovgpu.plugins.gpu.divisor import DIVISOR, divisor
from ovgpu.plugins.gpu.encoder import THREADS, Encoder, blocks_for
from ovgpu.plugins.gpu.lower.common import (
    PLACE_RANK,
    encode_views,
    fits_kernels,
    known,
    known_numbers,
    known_or_none,
    movable,
)
from ovgpu.plugins.gpu.registry import Lowering, lowers
from ovgpu.plugins.gpu.strided import SOURCE, encode_copy, place_of


def _slice(op: Lowering) -> list[np.ndarray]:
    source = place_of(op.input(0))
    limits = known(op, 1), known(op, 2), known(op, 3), known_or_none(op, 4)
    return [source[slice_index(source.shape, *limits)]]


@lowers("Slice", accepts=movable, known_inputs=(1, 2, 3, 4), view=_slice)
def slice_(encoder: Encoder, op: Lowering) -> None:
    encode_views(encoder, op, _slice(op))


def _strided_slice(op: Lowering) -> list[np.ndarray]:
    source = place_of(op.input(0))
    masks = {name: value for name, value in op.attributes.items() if name.endswith("_mask")}
    index = strided_slice_index(
        source.shape, known(op, 1), known(op, 2), known_or_none(op, 3), **masks
    )
    # With an ellipsis numpy returns a view, never a scalar, which it would have to read.
    return [source[index if Ellipsis in index else (*index, Ellipsis)]]


@lowers("StridedSlice", accepts=movable, known_inputs=(1, 2, 3), view=_strided_slice)
def strided_slice(encoder: Encoder, op: Lowering) -> None:
    encode_views(encoder, op, _strided_slice(op))


@lowers("SliceScatter", accepts=movable, known_inputs=(2, 3, 4, 5))
def slice_scatter(encoder: Encoder, op: Lowering) -> None:
    out = op.outputs[0]
    encoder.copy(out.address, op.input(0).address, out.nbytes)
    if op.input(1).size:
        place = place_of(out)
        limits = known(op, 2), known(op, 3), known(op, 4), known_or_none(op, 5)
        encode_copy(encoder, place[slice_index(place.shape, *limits)], place_of(op.input(1)))


_PADDING = np.dtype(
    [
        ("count", "u4"),
        ("rank", "u4"),
        ("mode", "u4"),
        ("dims", DIVISOR, (PLACE_RANK,)),
        ("before", "i4", (PLACE_RANK,)),
        ("sizes", "i4", (PLACE_RANK,)),
        ("strides", "i8", (PLACE_RANK,)),
    ],
    align=True,
)
_PAD_MODES = ("constant", "edge", "reflect", "symmetric")


@lowers("Pad", accepts=fits_kernels, known_inputs=(1, 2))
def pad(encoder: Encoder, op: Lowering) -> None:
    source, out = op.input(0), op.outputs[0]
    constant = op.attributes["pad_mode"] == "constant"
    value = op.input(3) if constant and len(op.inputs) > 3 else None
    if value is not None and value.known is not None and not value.known.tobytes().strip(b"\0"):
        value = None
    # [size of the target, added before, size of the source]; an axis that is not padded joins the one before it.
    axes: list[list[int]] = []
    for total, before, size in zip(out.shape, known_numbers(op, 1), source.shape, strict=True):
        plain = before == 0 and total == size
        if axes and plain and (constant or (axes[-1][1] == 0 and axes[-1][0] == axes[-1][2])):
            axes[-1] = [n * size for n in axes[-1]]
        else:
            axes.append([total, before, size])
    axes = axes or [[1, 0, 1]]
    word = out.storage.bitwidth // 8
    whole = axes[-1][1] == 0 and axes[-1][0] == axes[-1][2]
    if value is None and (constant or whole):
        wide = math.gcd(16, out.address, source.address, *(n * word for n in axes[-1]))
        axes[-1] = [n * word // wide for n in axes[-1]]
        word = wide
    record = np.zeros(1, _PADDING)
    record["count"], record["rank"] = math.prod(axis[0] for axis in axes), len(axes)
    record["mode"] = _PAD_MODES.index(op.attributes["pad_mode"])
    stride = 1
    for place in reversed(range(len(axes))):
        total, before, size = axes[place]
        record["dims"][0, place] = divisor(total)
        record["before"][0, place], record["sizes"][0, place] = before, size
        record["strides"][0, place] = stride
        stride *= size
    arguments = [
        out.pointer,
        source.pointer,
        np.uint64(0) if value is None else value.pointer,
        record,
    ]
    encoder.launch(SOURCE, f"pad_{word}", blocks_for(int(record["count"][0])), THREADS, arguments)
