"""The enumerations of the preprocessing API, and what each color format means for tensors."""

from __future__ import annotations

from dataclasses import dataclass

from ovgpu.enumeration import Enumeration
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.layout import Layout
from ovgpu.graph.partial_shape import PartialShape


class ColorFormat(Enumeration):
    """How the pixels of an image are coded."""

    UNDEFINED = 0
    NV12_SINGLE_PLANE = 1
    NV12_TWO_PLANES = 2
    I420_SINGLE_PLANE = 3
    I420_THREE_PLANES = 4
    RGB = 5
    BGR = 6
    GRAY = 7
    RGBX = 8
    BGRX = 9


class PaddingMode(Enumeration):
    """What ``PreProcessSteps.pad`` fills the border with."""

    CONSTANT = 0
    REFLECT = 2
    SYMMETRIC = 3


class ResizeAlgorithm(Enumeration):
    """How ``PreProcessSteps.resize`` interpolates."""

    RESIZE_LINEAR = 0
    RESIZE_CUBIC = 1
    RESIZE_NEAREST = 2
    RESIZE_BILINEAR_PILLOW = 3
    RESIZE_BICUBIC_PILLOW = 4

    @property
    def mode(self) -> str:
        """The ``mode`` attribute of Interpolate-11."""
        return self.name.removeprefix("RESIZE_").lower()


@dataclass(frozen=True)
class Plane:
    """One tensor of an image: its channels, and its size relative to the image as (numerator, divisor)."""

    channels: int
    height: tuple[int, int] = (1, 1)
    width: tuple[int, int] = (1, 1)


#: The planes of the formats that fix the number of channels.
PLANES = {
    ColorFormat.RGB: (Plane(3),),
    ColorFormat.BGR: (Plane(3),),
    ColorFormat.RGBX: (Plane(4),),
    ColorFormat.BGRX: (Plane(4),),
    ColorFormat.NV12_SINGLE_PLANE: (Plane(1, height=(3, 2)),),
    ColorFormat.I420_SINGLE_PLANE: (Plane(1, height=(3, 2)),),
    ColorFormat.NV12_TWO_PLANES: (Plane(1), Plane(2, (1, 2), (1, 2))),
    ColorFormat.I420_THREE_PLANES: (Plane(1), Plane(1, (1, 2), (1, 2)), Plane(1, (1, 2), (1, 2))),
}

_TEXTS = {
    ColorFormat.UNDEFINED: "Unknown",
    ColorFormat.NV12_SINGLE_PLANE: "NV12 (single plane)",
    ColorFormat.NV12_TWO_PLANES: "NV12 (multi-plane)",
    ColorFormat.I420_SINGLE_PLANE: "I420 (single plane)",
    ColorFormat.I420_THREE_PLANES: "I420 (multi-plane)",
}


def color_text(color: ColorFormat) -> str:
    """The format as printed and in messages."""
    return _TEXTS.get(color, color.name)


def plane_count(color: ColorFormat) -> int:
    """Number of tensors that an image of this format comes in."""
    return len(PLANES.get(color, (Plane(0),)))


def _scaled(length: Dimension, factor: tuple[int, int]) -> Dimension:
    numerator, divisor = factor
    if factor == (1, 1):
        return length
    if length.is_dynamic:
        return Dimension.dynamic()
    return Dimension.static(length.get_length() * numerator // divisor)


def plane_shape(image: PartialShape, layout: Layout, plane: Plane) -> PartialShape:
    """Shape of one plane of an image.

    Raises RuntimeError when the layout does not name height, width and channels.
    """
    if image.rank.is_dynamic:
        return image
    dimensions = list(image.dims)
    height, width, channels = (
        layout.get_index_by_name(n) % len(dimensions) for n in ("H", "W", "C")
    )
    dimensions[height] = _scaled(dimensions[height], plane.height)
    dimensions[width] = _scaled(dimensions[width], plane.width)
    dimensions[channels] = Dimension.static(plane.channels)
    return PartialShape.of(dimensions)
