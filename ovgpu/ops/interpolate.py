"""Interpolate: resampling along chosen axes."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from ovgpu.exceptions import UserInputError
from ovgpu.graph import dimension as dims
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import check, op
from ovgpu.ops.factory import as_output, custom_factory

ShapeMode = Literal["sizes", "scales"]
CoordinateMode = Literal[
    "half_pixel", "pytorch_half_pixel", "asymmetric", "tf_half_pixel_for_nn", "align_corners"
]
NearestMode = Literal["round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple"]
Mode4 = Literal["nearest", "linear", "linear_onnx", "cubic"]
Mode11 = Literal["nearest", "linear", "linear_onnx", "cubic", "bilinear_pillow", "bicubic_pillow"]
Mode1 = Literal["nearest", "linear", "cubic", "area"]


def scaled_size(size: int, scale: float) -> int:
    """Output size of an axis that is scaled, computed in float32 as the reference does."""
    return math.floor(np.float32(size) * np.float32(scale))


def _scaled(dimension: Dimension, scale: float) -> Dimension:
    if scale == 1:
        return dimension
    low, high = dimension.interval()
    return Dimension(scaled_size(low, scale), -1 if high < 0 else scaled_size(high, scale))


def pad_list(pads: list[int], rank: int) -> list[int]:
    """One padding per axis: missing ones are 0, surplus ones are ignored."""
    return [*pads, *([0] * rank)][:rank]


def _padded(data: Value, pads_begin: list[int], pads_end: list[int]) -> list[Dimension]:
    rank = len(data.dims)
    begin, end = pad_list(pads_begin, rank), pad_list(pads_end, rank)
    return [dims.add(d, b + e) for d, b, e in zip(data.dims, begin, end, strict=True)]


def _axes(data: Value, axes: Value | None) -> list[int] | None:
    """Axes to resample, None when they are not known yet."""
    rank = len(data.dims)
    if axes is None:
        return list(range(rank))
    known = axes.ints()
    check(
        known is None or all(0 <= a < rank for a in known),
        f"All axes values should less than input rank: {rank}",
    )
    check(known is None or len(set(known)) == len(known), "All axes values should be unique.")
    return known


def _check_count(values: np.ndarray | None, count: int, name: str) -> None:
    check(values is None or values.size >= count,
          f"The number of elements in the '{name}' input does not match the number of axes {count}")  # fmt: skip


def _resized(data: Value, axes: Value | None, sizes: Value | None, scales: Value | None, pads_begin: list[int],
             pads_end: list[int]) -> PartialShape:  # fmt: skip
    """Output shape; exactly one of ``sizes`` and ``scales`` is given."""
    for value in (sizes, scales, axes):
        check(
            value is None or value.rank in (None, 1),
            "Sizes, scales and axes of Interpolate are 1-D",
        )
    if data.rank is None:
        return PartialShape.dynamic()
    result = _padded(data, pads_begin, pads_end)
    chosen = _axes(data, axes)
    if chosen is None:
        return PartialShape.dynamic(len(result))
    if sizes is not None:
        wanted = sizes.as_dims()
        _check_count(sizes.elements, len(chosen), "sizes")
        for index, axis in enumerate(chosen):
            result[axis] = Dimension.dynamic() if wanted is None else wanted[index]
    if scales is not None:
        factors = scales.known
        _check_count(factors, len(chosen), "scales")
        for index, axis in enumerate(chosen):
            factor = None if factors is None else float(factors.reshape(-1)[index])
            result[axis] = Dimension.dynamic() if factor is None else _scaled(result[axis], factor)
    return PartialShape.of(result)


@op("Interpolate", "1", factory="")
def interpolate_1(data: Value, output_shape: Value, *, align_corners: bool = True, antialias: bool = False,
                  axes: list[int], mode: Mode1, pads_begin: list[int] = [],
                  pads_end: list[int] = []) -> Value:  # fmt: skip
    """Interpolate-1: resampling of ``axes`` to the sizes ``output_shape``."""
    if data.rank is None:
        return Value(data.type, PartialShape.dynamic())
    check(
        all(a < data.rank for a in axes),
        f"All axes values should less than input rank: {data.rank}",
    )
    result = _padded(data, pads_begin, pads_end)
    wanted = output_shape.as_dims()
    _check_count(output_shape.elements, len(axes), "target_spatial_shape")
    for index, axis in enumerate(sorted(axes)):
        result[axis] = Dimension.dynamic() if wanted is None else wanted[index]
    return Value(data.type, PartialShape.of(result))


@op("Interpolate", "4", factory="")
def interpolate_4(data: Value, output_shape: Value, scales: Value, axes: Value | None = None, *, mode: Mode4,
                  shape_calculation_mode: ShapeMode, coordinate_transformation_mode: CoordinateMode = "half_pixel",
                  nearest_mode: NearestMode = "round_prefer_floor", antialias: bool = False,
                  pads_begin: list[int] = [], pads_end: list[int] = [],
                   cube_coeff: float = -0.75) -> Value:  # fmt: skip
    """Interpolate-4: ``axes`` resampled to ``output_shape`` or by ``scales``, with a choice of coordinates."""
    by_sizes = shape_calculation_mode == "sizes"
    shape = _resized(
        data,
        axes,
        output_shape if by_sizes else None,
        None if by_sizes else scales,
        pads_begin,
        pads_end,
    )
    return Value(data.type, shape)


@op("Interpolate", "11", factory="")
def interpolate_11(data: Value, scales_or_sizes: Value, axes: Value | None = None, *, mode: Mode11,
                   shape_calculation_mode: ShapeMode, coordinate_transformation_mode: CoordinateMode = "half_pixel",
                   nearest_mode: NearestMode = "round_prefer_floor", antialias: bool = False,
                   pads_begin: list[int] = [], pads_end: list[int] = [],
                   cube_coeff: float = -0.75) -> Value:  # fmt: skip
    """Interpolate-11: as Interpolate-4 with one input for sizes or scales, and Pillow's antialiased modes."""
    by_sizes = shape_calculation_mode == "sizes"
    check(by_sizes == scales_or_sizes.type.is_integral_number(),
          "The element type of `scales_or_sizes` must be an integer type for sizes, a float for scales")  # fmt: skip
    check(
        by_sizes or scales_or_sizes.type.is_real(),
        "The scales of Interpolate must be of a float type",
    )
    sizes, scales = (scales_or_sizes, None) if by_sizes else (None, scales_or_sizes)
    return Value(data.type, _resized(data, axes, sizes, scales, pads_begin, pads_end))


@custom_factory("interpolate", 1)
def interpolate_attrs(image: Any, output_shape: Any, attrs: dict, name: str | None = None) -> Node:
    """Interpolate-1 from a dictionary of attributes: ``axes`` and ``mode``, optionally ``align_corners``,
    ``antialias``, ``pads_begin`` and ``pads_end``."""
    missing = [key for key in ("axes", "mode") if key not in attrs]
    if missing:
        raise UserInputError(f"Interpolate: the attribute '{missing[0]}' is required")
    node = make_node("Interpolate", [as_output(image), as_output(output_shape)], 1, **attrs)
    if name is not None:
        node.friendly_name = name
    return node


@custom_factory("interpolate", 10)
def interpolate_with_scales(
    image: Any, output_shape: Any, scales: Any, mode: str, shape_calculation_mode: str,
    pads_begin: list[int] | None = None, pads_end: list[int] | None = None,
    coordinate_transformation_mode: str = "half_pixel", nearest_mode: str = "round_prefer_floor",
    antialias: bool = False, cube_coeff: float = -0.75, axes: Any = None, name: str | None = None,
) -> Node:  # fmt: skip
    """Interpolate-4; see :func:`interpolate_4`."""
    inputs = [image, output_shape, scales, *([] if axes is None else [axes])]
    return _make(4, inputs, mode, shape_calculation_mode, pads_begin, pads_end, coordinate_transformation_mode,
                 nearest_mode, antialias, cube_coeff, name)  # fmt: skip


@custom_factory("interpolate", 11)
def interpolate(
    image: Any, scales_or_sizes: Any, mode: str, shape_calculation_mode: str, pads_begin: list[int] | None = None,
    pads_end: list[int] | None = None, coordinate_transformation_mode: str = "half_pixel",
    nearest_mode: str = "round_prefer_floor", antialias: bool = False, cube_coeff: float = -0.75, axes: Any = None,
    name: str | None = None,
) -> Node:  # fmt: skip
    """Interpolate-11; see :func:`interpolate_11`."""
    inputs = [image, scales_or_sizes, *([] if axes is None else [axes])]
    return _make(11, inputs, mode, shape_calculation_mode, pads_begin, pads_end, coordinate_transformation_mode,
                 nearest_mode, antialias, cube_coeff, name)  # fmt: skip


def _make(opset: int, inputs: list[Any], mode: str, shape_calculation_mode: str, pads_begin: list[int] | None,
          pads_end: list[int] | None, coordinate_transformation_mode: str, nearest_mode: str, antialias: bool,
          cube_coeff: float, name: str | None) -> Node:  # fmt: skip
    node = make_node(
        "Interpolate",
        [as_output(i) for i in inputs],
        opset,
        mode=mode,
        shape_calculation_mode=shape_calculation_mode,
        coordinate_transformation_mode=coordinate_transformation_mode,
        nearest_mode=nearest_mode,
        antialias=antialias,
        pads_begin=pads_begin or [],
        pads_end=pads_end or [],
        cube_coeff=cube_coeff,
    )
    if name is not None:
        node.friendly_name = name
    return node
