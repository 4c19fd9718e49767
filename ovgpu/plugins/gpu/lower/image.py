"""Interpolate, GridSample, ReorgYolo and ExtractImagePatches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.ops.interpolate import pad_list
from ovgpu.plugins.gpu.divisor import DIVISOR, divisor
from ovgpu.plugins.gpu.encoder import THREADS, Encoder, blocks_for
from ovgpu.plugins.gpu.lower.common import PLACE_RANK, fits_kernels, sizes_of
from ovgpu.plugins.gpu.lower.indexing import element_source
from ovgpu.plugins.gpu.registry import Lowering, lowers
from ovgpu.plugins.gpu.strided import LARGEST_COUNT, encode_copies, encode_copy, place_of

#: Axes that one launch resamples.
_AXES = 3

_MODES = ("nearest", "linear", "linear_onnx", "cubic", "bilinear_pillow", "bicubic_pillow")
_COORDINATES = (
    "half_pixel",
    "pytorch_half_pixel",
    "asymmetric",
    "tf_half_pixel_for_nn",
    "align_corners",
)
_NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple")
_RESAMPLED = (
    Type.f32,
    Type.f16,
    Type.bf16,
    Type.f64,
    Type.i8,
    Type.u8,
    Type.i16,
    Type.u16,
    Type.i32,
    Type.u32,
)

_AXIS = np.dtype(
    [
        ("out", "i4"),
        ("padded", "i4"),
        ("size", "i4"),
        ("before", "i4"),
        ("scale", "f4"),
        ("reach", "i4"),
        ("identity", "i4"),
        ("unused", "i4"),
        ("factor", "f8"),
        ("stride", "i8"),
    ],
    align=True,
)
_RESAMPLING = np.dtype(
    [
        ("count", "u4"),
        ("rank", "u4"),
        ("dims", DIVISOR, (PLACE_RANK,)),
        ("slots", "i4", (PLACE_RANK,)),
        ("strides", "i8", (PLACE_RANK,)),
        ("axes", _AXIS, (_AXES,)),
        ("mode", "u4"),
        ("coordinates", "u4"),
        ("nearest", "u4"),
        ("rounds_each", "u4"),
        ("cube", "f4"),
    ],
    align=True,
)


def _modern_attributes(node: Node) -> dict[str, Any]:
    """The attributes, those of Interpolate-1 in terms of Interpolate-4."""
    attributes = node.attributes
    if node.declaration.version != "opset1":
        return attributes
    mode = attributes["mode"]
    corners = "align_corners" if attributes["align_corners"] else "asymmetric"
    return {
        **attributes,
        "mode": "linear_onnx" if mode == "linear" and not attributes["antialias"] else mode,
        "coordinate_transformation_mode": corners,
        "nearest_mode": "floor" if mode == "nearest" else "round_prefer_floor",
        "cube_coeff": -0.75,
        "shape_calculation_mode": "sizes",
    }


def _pads(node: Node, rank: int) -> list[tuple[int, int]]:
    begin, end = (pad_list(node.attributes[name], rank) for name in ("pads_begin", "pads_end"))
    return list(zip(begin, end, strict=True))


def _scales(
    node: Node, numbers: Sequence[np.ndarray | None], padded: Sequence[int], out: Sequence[int]
) -> dict[int, float]:
    """The scale of each axis that is resampled; ``numbers`` are the elements of the node's inputs."""
    version = node.declaration.version
    if version == "opset1":
        axes = sorted(node.attributes["axes"])
    else:
        place = 3 if version == "opset4" else 2
        listed = numbers[place] if len(numbers) > place else None
        axes = list(range(len(out))) if listed is None else listed.reshape(-1).tolist()
    if version == "opset1" or node.attributes["shape_calculation_mode"] == "sizes":
        return {axis: out[axis] / padded[axis] for axis in axes}
    scales = numbers[2 if version == "opset4" else 1]
    assert scales is not None
    return {axis: float(s) for axis, s in zip(axes, scales.reshape(-1), strict=False)}


def _stays(attributes: dict[str, Any], scale: float, padded: int, out: int) -> bool:
    """Whether an axis is left as it is: every position is exactly that of a source element."""
    shifted = attributes["coordinate_transformation_mode"] == "tf_half_pixel_for_nn"
    return scale == 1 and padded == out and not shifted


def _resamples(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    attributes = _modern_attributes(node)
    if inputs[0].type not in _RESAMPLED or attributes["mode"] not in _MODES:
        return False
    shape, out = sizes_of(inputs[0]), sizes_of(outputs[0])
    pads = _pads(node, len(shape))
    if min(map(min, pads), default=0) < 0 or not fits_kernels(node, inputs, outputs):
        return False
    padded = [n + a + b for n, (a, b) in zip(shape, pads, strict=True)]
    if 0 in padded:
        return False
    numbers = [None if v.known is None else np.asarray(v.known) for v in inputs]
    if node.declaration.version != "opset1" and any(n is None for n in numbers[1:]):
        return False
    scales = _scales(node, numbers, padded, out)
    active = {a for a, s in scales.items() if not _stays(attributes, s, padded[a], out[a])}
    active |= {axis for axis, pad in enumerate(pads) if any(pad)}
    return len(active) <= _AXES


def _encode_interpolate(encoder: Encoder, op: Lowering) -> None:
    source, out = op.input(0), op.outputs[0]
    attributes = _modern_attributes(op.node)
    pads = _pads(op.node, len(out.shape))
    padded = [n + a + b for n, (a, b) in zip(source.shape, pads, strict=True)]
    numbers = [None if t is None else t.known for t in op.inputs]
    scales = _scales(op.node, numbers, padded, out.shape)
    antialias = attributes["antialias"] and any(scale < 1 for scale in scales.values())
    mode = attributes["mode"]
    r = np.zeros(1, _RESAMPLING)
    r["axes"]["identity"] = 1
    r["axes"]["out"] = r["axes"]["padded"] = r["axes"]["size"] = 1
    # Dimensions of the result from the slowest: [size, axis or None, stride]; untouched neighbours become one.
    dims: list[list[Any]] = []
    stride = math.prod(source.shape)
    for axis, total in enumerate(out.shape):
        stride //= source.shape[axis] or 1
        scale = scales.get(axis)
        touched = any(pads[axis]) or (
            scale is not None and not _stays(attributes, scale, padded[axis], total)
        )
        if touched:
            dims.append([total, axis, stride])
        elif dims and dims[-1][1] is None:
            dims[-1] = [dims[-1][0] * total, None, stride]
        else:
            dims.append([total, None, stride])
    slot = 0
    for place, (total, axis, step) in enumerate(dims):
        r["dims"][0, place], r["strides"][0, place] = divisor(total), step
        r["slots"][0, place] = -1
        if axis is None:
            continue
        r["slots"][0, place] = slot
        record = r["axes"][0, slot]
        slot += 1
        record["out"], record["padded"] = total, padded[axis]
        record["size"], record["before"] = source.shape[axis], pads[axis][0]
        record["stride"], record["identity"] = step, axis not in scales
        scale = scales.get(axis, 1.0)
        factor = scale if antialias else 1.0
        record["scale"], record["factor"] = scale, factor
        record["reach"] = 2 if scale > 1 else math.ceil(2 / factor)
        if mode.endswith("pillow"):
            record["factor"] = padded[axis] / total
    r["count"], r["rank"] = out.size, len(dims)
    r["mode"] = _MODES.index(mode)
    r["coordinates"] = _COORDINATES.index(attributes["coordinate_transformation_mode"])
    r["nearest"] = _NEAREST.index(attributes["nearest_mode"])
    r["rounds_each"] = mode.endswith("pillow") and not out.type.is_real()
    r["cube"] = attributes["cube_coeff"]
    text = element_source("resample.cu", out.storage)
    arguments = [out.pointer, source.pointer, r]
    encoder.launch(text, "interpolate", blocks_for(out.size), THREADS, arguments)


lowers("Interpolate", accepts=_resamples, known_inputs=(1, 2, 3))(_encode_interpolate)
lowers("Interpolate", version="opset1", accepts=_resamples)(_encode_interpolate)


# ---- GridSample
_GRID = np.dtype(
    [
        ("count", "u4"),
        ("mode", "u4"),
        ("padding", "u4"),
        ("align_corners", "u4"),
        ("channels", DIVISOR),
        ("points", DIVISOR),
        ("height", "i4"),
        ("width", "i4"),
    ],
    align=True,
)
_GRID_MODES = ("nearest", "bilinear", "bicubic")
_GRID_PADDINGS = ("zeros", "border", "reflection")
_SMALL_REALS = (Type.f32, Type.f16, Type.bf16)


def _samples(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    reals = inputs[0].type in _SMALL_REALS and inputs[1].type in _SMALL_REALS
    few = math.prod(sizes_of(outputs[0])) <= LARGEST_COUNT
    return reals and few and 0 not in sizes_of(inputs[0])


@lowers("GridSample", accepts=_samples)
def grid_sample(encoder: Encoder, op: Lowering) -> None:
    image, grid, out = op.input(0), op.input(1), op.outputs[0]
    g = np.zeros(1, _GRID)
    g["count"], g["align_corners"] = out.size, op.attributes["align_corners"]
    g["mode"] = _GRID_MODES.index(op.attributes["mode"])
    g["padding"] = _GRID_PADDINGS.index(op.attributes["padding_mode"])
    g["channels"], g["points"] = divisor(out.shape[1]), divisor(out.shape[2] * out.shape[3])
    g["height"], g["width"] = image.shape[2:]
    text = element_source("resample.cu", out.storage)
    arguments = [out.pointer, image.pointer, grid.pointer, g]
    encoder.launch(text, "grid_sample", blocks_for(out.size), THREADS, arguments)


# ---- rearrangements of images
@lowers("ReorgYolo", accepts=fits_kernels)
def reorg_yolo(encoder: Encoder, op: Lowering) -> None:
    # The darknet order: the tensor is read as if it had fewer channels and more pixels.
    step = op.attributes["stride"][0]
    batch, channels, height, width = op.input(0).shape
    source = place_of(op.input(0), (batch, channels // step**2, height, step, width, step))
    moved = source.transpose(0, 3, 5, 1, 2, 4)
    encode_copy(encoder, place_of(op.outputs[0], moved.shape), moved)


@lowers("ExtractImagePatches", accepts=fits_kernels)
def extract_image_patches(encoder: Encoder, op: Lowering) -> None:
    attributes, out, image = op.attributes, op.outputs[0], op.input(0)
    sizes, strides, rates = attributes["sizes"], attributes["strides"], attributes["rates"]
    batch, channels = image.shape[:2]
    places = out.shape[2:]
    before = [0, 0]
    if attributes["auto_pad"] != "valid":
        windows = zip(places, strides, sizes, rates, image.shape[2:], strict=True)
        missing = [max((p - 1) * s + (k - 1) * r + 1 - n, 0) for p, s, k, r, n in windows]
        upper = attributes["auto_pad"] == "same_upper"
        before = [m // 2 if upper else -(-m // 2) for m in missing]
    source = place_of(image)
    target = place_of(out, (batch, *sizes, channels, *places))
    if any(before) or any(
        (p - 1) * s + (k - 1) * r >= n
        for p, s, k, r, n in zip(places, strides, sizes, rates, image.shape[2:], strict=True)
    ):
        encoder.fill(out.address, 0, out.nbytes)
    pairs = []
    for i in range(sizes[0]):
        for j in range(sizes[1]):
            index: list[slice] = []
            reads: list[slice] = []
            for axis, offset in ((0, i * rates[0]), (1, j * rates[1])):
                # Windows whose pixel at this offset lies in the image.
                low = max(-(-(before[axis] - offset) // strides[axis]), 0)
                most = (image.shape[2 + axis] - 1 + before[axis] - offset) // strides[axis]
                high = max(min(most + 1, places[axis]), low)
                start = low * strides[axis] + offset - before[axis]
                index.append(slice(low, high))
                reads.append(slice(start, start + (high - low) * strides[axis], strides[axis]))
            to = target[:, i, j, :, index[0], index[1]]
            if to.size:
                count = tuple(s.stop - s.start for s in index)
                part = source[(slice(None), slice(None), *reads)]
                pairs.append((to, part[:, :, : count[0], : count[1]]))
    encode_copies(encoder, pairs)
