"""Conversion of video colours to RGB and BGR."""

from __future__ import annotations

from ovgpu.graph import dimension as dims
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import check, op
from ovgpu.ops.image import divided


def _even(size: Dimension) -> bool:
    return size.is_dynamic or size.get_length() % 2 == 0


def _merged(first: Dimension, second: Dimension, what: str) -> Dimension:
    merged = dims.merge(first, second)
    check(
        merged is not None,
        f"The {what} of the colour planes do not fit: {first.to_string()}, {second.to_string()}",
    )
    assert merged is not None
    return merged


def _converted(planes: list[Value], channels: list[int]) -> Value:
    """Shape ``[N, H, W, 3]`` from one plane of height ``3/2 H``, or from planes, all but the first of half size."""
    element_type = planes[0].type
    check(element_type.is_dynamic() or element_type.is_real() or element_type is Type.u8,
          f"Y input shall have u8 or floating-point precision, got {element_type.to_string()}")  # fmt: skip
    check(
        all(p.type is element_type for p in planes),
        "All colour planes must have the same element type",
    )
    batch = height = width = Dimension.dynamic()
    for index, (plane, depth) in enumerate(zip(planes, channels, strict=True)):
        if plane.rank is None:
            continue
        check(plane.rank == 4, f"Colour planes have the shape [N, H, W, C], got {plane.shape}")
        _merged(plane.dims[3], Dimension.static(depth), "channels")
        batch = _merged(batch, plane.dims[0], "batch sizes")
        scale = 2 if index else 1
        height = _merged(height, dims.mul(plane.dims[1], scale), "heights")
        width = _merged(width, dims.mul(plane.dims[2], scale), "widths")
    if len(planes) == 1:
        check(height.is_dynamic or height.get_length() % 3 == 0,
              f"Image height shall be divisible by 3, got {height.to_string()}")  # fmt: skip
        height = divided(dims.mul(height, 2), 3)
    check(_even(height) and _even(width), "Image height and width must be even")
    return Value(element_type, PartialShape.of([batch, height, width, Dimension.static(3)]))


@op("NV12toRGB", "8", factory="nv12_to_rgb(arg, arg_uv=None)")
def nv12_to_rgb(arg: Value, arg_uv: Value | None = None) -> Value:
    """NV12toRGB-8: one plane ``[N, 3/2 H, W, 1]``, or Y ``[N, H, W, 1]`` and UV ``[N, H/2, W/2, 2]``, to
    ``[N, H, W, 3]`` (BT.601, limited range)."""
    return _converted([arg], [1]) if arg_uv is None else _converted([arg, arg_uv], [1, 2])


@op("NV12toBGR", "8", factory="nv12_to_bgr(arg, arg_uv=None)")
def nv12_to_bgr(arg: Value, arg_uv: Value | None = None) -> Value:
    """NV12toBGR-8: as NV12toRGB-8 with the channels reversed."""
    return _converted([arg], [1]) if arg_uv is None else _converted([arg, arg_uv], [1, 2])


def _i420(arg: Value, arg_u: Value | None, arg_v: Value | None) -> Value:
    if arg_u is None or arg_v is None:
        check(arg_u is None and arg_v is None, "I420 conversion takes one or three inputs")
        return _converted([arg], [1])
    return _converted([arg, arg_u, arg_v], [1, 1, 1])


@op("I420toRGB", "8", factory="i420_to_rgb(arg, arg_u=None, arg_v=None)")
def i420_to_rgb(arg: Value, arg_u: Value | None = None, arg_v: Value | None = None) -> Value:
    """I420toRGB-8: one plane ``[N, 3/2 H, W, 1]``, or Y, U and V planes, to ``[N, H, W, 3]``."""
    return _i420(arg, arg_u, arg_v)


@op("I420toBGR", "8", factory="i420_to_bgr(arg, arg_u=None, arg_v=None)")
def i420_to_bgr(arg: Value, arg_u: Value | None = None, arg_v: Value | None = None) -> Value:
    """I420toBGR-8: as I420toRGB-8 with the channels reversed."""
    return _i420(arg, arg_u, arg_v)
