"""Color conversion in the graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ovgpu.graph.layout import Layout
from ovgpu.graph.node import make_node
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant
from ovgpu.preprocess.context import Context
from ovgpu.preprocess.formats import ColorFormat, color_text
from ovgpu.preprocess.layout_conversion import convert

#: Luma of an RGB pixel, ITU-R BT.601.
LUMA = (0.299, 0.587, 0.114)

_NCHW = Layout("NCHW")


def _int32(*values: int) -> Output:
    return Constant(np.array(values, dtype=np.int32)).output(0)


def axis_of(context: Context, name: str, word: str) -> int:
    """Position of a dimension in the current layout. Raises RuntimeError when it has none of this name."""
    if not context.layout.has_name(name):
        raise RuntimeError(f"Layout {context.layout} doesn't have `{word}` dimension")
    return context.layout.get_index_by_name(name)


def reverse_channels(context: Context) -> None:
    """Swap the first and the last channel (RGB and BGR), for any number of channels."""
    port = context.single("Internal error: can't reverse channels for multi-plane inputs")
    axis = axis_of(context, "C", "channels")
    shape = port.partial_shape
    channels = None if shape.rank_length is None else shape.dims[axis]
    if channels is not None and channels.is_static:
        order = _int32(*reversed(range(channels.get_length())))
    else:
        sizes = make_node("ShapeOf", [port], 3)
        scalar = Constant(np.array(axis, dtype=np.int32)), Constant(np.array(0, dtype=np.int32))
        last, minus = (Constant(np.array(-1, dtype=np.int64)) for _ in range(2))
        count = make_node("Gather", [sizes, *scalar], 8)
        start = make_node("Add", [count, last], 1)
        order = make_node(
            "Range", [start, minus, Constant(np.array(-1, dtype=np.int64))], 4, output_type="i32"
        ).output(0)
    context.port = make_node("Gather", [port, order, _int32(axis)], 8).output(0)


def _drop_padding_channel(context: Context) -> None:
    """RGBX to RGB: cut the last channel."""
    limits = _int32(0), _int32(-1), _int32(1)
    axis = axis_of(context, "C", "channels")
    rank = context.port.partial_shape.rank_length
    axis = axis % rank if rank is not None else axis
    context.port = make_node("Slice", [context.port, *limits, _int32(axis)], 8).output(0)


def _to_gray(context: Context, weights: tuple[float, ...]) -> None:
    """Weighted sum of the channels: a 1x1 convolution, rounded to even for integers."""
    data, element_type, layout = context.port, context.port.element_type, context.layout
    if not element_type.is_real():
        data = make_node("Convert", [data], 1, destination_type="f32").output(0)
    data = convert(data, layout, _NCHW)
    kernel = Constant.from_host(
        data.element_type,
        np.array(weights, data.element_type.host_dtype).reshape(1, len(weights), 1, 1),
    )
    zeros, ones = [0, 0], [1, 1]
    gray = make_node(
        "Convolution",
        [data, kernel.output(0)],
        1,
        strides=ones,
        pads_begin=zeros,
        pads_end=zeros,
        dilations=ones,
    )
    if not element_type.is_real():
        gray = make_node("Round", [gray], 5, mode="half_to_even")
        gray = make_node("Convert", [gray], 1, destination_type=element_type)
    context.port = convert(gray.output(0), _NCHW, layout)


def _luma_plane(context: Context) -> None:
    """The upper two thirds of a single-plane YUV image are its gray values."""
    height = _int32(axis_of(context, "H", "height"))
    sizes = make_node("ShapeOf", [context.port], 3)
    rows = make_node("Gather", [sizes, height, Constant(np.array(0, dtype=np.int32))], 8)
    twice = make_node("Multiply", [rows, Constant(np.array([2], dtype=np.int64))], 1)
    end = make_node("Divide", [twice, Constant(np.array([3], dtype=np.int64))], 1)
    data = [context.port, _int32(0), end.output(0), _int32(1), height]
    context.port = make_node("Slice", data, 8).output(0)


def _yuv_to(operation: str) -> Callable[[Context], None]:
    def apply(context: Context) -> None:
        context.port = make_node(operation, context.ports, 8).output(0)

    return apply


def _first_plane(context: Context) -> None:
    context.port = context.ports[0]


def _rgb_to_gray(context: Context) -> None:
    _to_gray(context, LUMA)


def _bgr_to_gray(context: Context) -> None:
    _to_gray(context, LUMA[::-1])


def _cut_and_reverse(context: Context) -> None:
    _drop_padding_channel(context)
    reverse_channels(context)


_F = ColorFormat
_CONVERSIONS: dict[tuple[ColorFormat, ColorFormat], Callable[[Context], None]] = {
    (_F.RGB, _F.BGR): reverse_channels,
    (_F.BGR, _F.RGB): reverse_channels,
    (_F.RGB, _F.GRAY): _rgb_to_gray,
    (_F.BGR, _F.GRAY): _bgr_to_gray,
    (_F.RGBX, _F.RGB): _drop_padding_channel,
    (_F.BGRX, _F.BGR): _drop_padding_channel,
    (_F.RGBX, _F.BGR): _cut_and_reverse,
    (_F.BGRX, _F.RGB): _cut_and_reverse,
    (_F.NV12_SINGLE_PLANE, _F.RGB): _yuv_to("NV12toRGB"),
    (_F.NV12_SINGLE_PLANE, _F.BGR): _yuv_to("NV12toBGR"),
    (_F.NV12_SINGLE_PLANE, _F.GRAY): _luma_plane,
    (_F.NV12_TWO_PLANES, _F.RGB): _yuv_to("NV12toRGB"),
    (_F.NV12_TWO_PLANES, _F.BGR): _yuv_to("NV12toBGR"),
    (_F.NV12_TWO_PLANES, _F.GRAY): _first_plane,
    (_F.I420_SINGLE_PLANE, _F.RGB): _yuv_to("I420toRGB"),
    (_F.I420_SINGLE_PLANE, _F.BGR): _yuv_to("I420toBGR"),
    (_F.I420_SINGLE_PLANE, _F.GRAY): _luma_plane,
    (_F.I420_THREE_PLANES, _F.RGB): _yuv_to("I420toRGB"),
    (_F.I420_THREE_PLANES, _F.BGR): _yuv_to("I420toBGR"),
    (_F.I420_THREE_PLANES, _F.GRAY): _first_plane,
}


def convert_color(context: Context, target: ColorFormat) -> None:
    """Bring the image to another color format. Raises RuntimeError when there is no such conversion."""
    source = context.color
    if source is target:
        return
    conversion = _CONVERSIONS.get((source, target))
    if conversion is None:
        family = color_text(source).partition(" ")[0]
        if family in ("NV12", "I420"):
            raise RuntimeError(
                f"Unsupported conversion from {family} to '{color_text(target)}' format:"
            )
        raise RuntimeError(
            f"Source color format '{color_text(source)}' is not convertible to '{color_text(target)}'"
        )
    conversion(context)
    context.color = target
