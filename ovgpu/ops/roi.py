"""Pooling of regions of interest.

Feature maps are ``[N, C, H, W]``. Regions are rows ``[R, 5]`` of (image, x1, y1, x2, y2), or ``[R, 4]`` with the image
numbers in a separate input.
"""

from __future__ import annotations

from typing import Any, Literal

from ovgpu.graph import dimension as dims
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import check, op
from ovgpu.ops.factory import as_output, custom_factory


def _check_maps(data: Value, rois: Value, columns: int, name: str) -> None:
    check(
        data.rank in (None, 4),
        f"{name}: expected a 4D tensor for the feature maps input. Got: {data.shape}",
    )
    check(
        rois.rank in (None, 2),
        f"{name}: expected a 2D tensor for the ROIs input. Got: {rois.shape}",
    )
    check(
        data.type.merge(rois.type) is not None,
        f"{name}: feature maps and ROIs must have the same element type",
    )
    check(rois.rank is None or dims.merge(rois.dims[1], Dimension.static(columns)) is not None,
          f"{name}: the second dimension of ROIs input should contain {columns} values, got {rois.shape}")  # fmt: skip


def _rows(rois: Value) -> Dimension:
    return Dimension.dynamic() if rois.rank is None else rois.dims[0]


def _channels(data: Value) -> Dimension:
    return Dimension.dynamic() if data.rank is None else data.dims[1]


@op("ROIPooling", "2", factory="")
def roi_pooling(data: Value, rois: Value, *, output_roi: list[int] = [], pooled_h: int | None = None,
                pooled_w: int | None = None, output_size: list[int] | None = None, spatial_scale: float,
                method: Literal["max", "bilinear"] = "max") -> Value:  # fmt: skip
    """ROIPooling-2: the largest element of each bin of a region, or one bilinear sample per bin.

    The size of the result is ``output_roi``; files give ``pooled_h`` and ``pooled_w`` instead.
    """
    _check_maps(data, rois, 5, "ROIPooling")
    size = output_roi or output_size or [pooled_h or 0, pooled_w or 0]
    check(len(size) == 2 and all(n > 0 for n in size),
          f"Output size attribute should have 2 positive values, got {size}")  # fmt: skip
    check(
        spatial_scale > 0, "The spatial scale attribute should be a positive floating point number"
    )
    shape = [_rows(rois), _channels(data), *map(Dimension.static, size)]
    return Value(data.type, PartialShape.of(shape))


@custom_factory("roi_pooling", 2)
def roi_pooling_factory(
    input: Any,
    coords: Any,
    output_roi: list[int] | None = None,
    spatial_scale: float | None = None,
    method: str = "max",
    name: str | None = None,
    *,
    output_size: list[int] | None = None,
) -> Node:
    """ROIPooling-2; ``output_size`` is the old name of ``output_roi``. See :func:`roi_pooling`."""
    if output_roi is None and output_size is None:
        raise AttributeError("roi_pooling needs `output_roi`, the height and width of the result")
    if spatial_scale is None:
        raise AttributeError("roi_pooling needs `spatial_scale`")
    size = list(output_size if output_size is not None else output_roi or [])
    attributes = {
        "output_roi": size,
        "output_size": size,
        "pooled_h": size[0],
        "pooled_w": size[-1],
    }
    node = make_node(
        "ROIPooling",
        [as_output(input), as_output(coords)],
        2,
        spatial_scale=spatial_scale,
        method=method,
        **attributes,
    )
    if name is not None:
        node.friendly_name = name
    return node


@op("PSROIPooling", "1", factory="psroi_pooling(input, coords, output_dim, group_size, spatial_scale, spatial_bins_x, "
    "spatial_bins_y, mode)", python_names={"input": "data", "coords": "rois"})  # fmt: skip
def psroi_pooling(data: Value, rois: Value, *, output_dim: int, group_size: int, spatial_scale: float,
                  mode: Literal["average", "bilinear"] = "average", spatial_bins_x: int = 1,
                  spatial_bins_y: int = 1) -> Value:  # fmt: skip
    """PSROIPooling-1: position-sensitive pooling, each bin from channels of its own (R-FCN, 2016)."""
    _check_maps(data, rois, 5, "PSROIPooling")
    check(output_dim > 0, "Output_dim attribute should be greater than zero")
    check(group_size > 0, "Group_size attribute should be greater than zero")
    bins = group_size * group_size if mode == "average" else spatial_bins_x * spatial_bins_y
    channels = _channels(data)
    check(channels.is_dynamic or channels.get_length() == output_dim * bins,
          f"Number of input's channels must be {output_dim * bins} in {mode} mode, got {channels}")  # fmt: skip
    size = Dimension.static(group_size)
    return Value(
        data.type, PartialShape.of([_rows(rois), Dimension.static(output_dim), size, size])
    )


@op("DeformablePSROIPooling", "1", factory="deformable_psroi_pooling(feature_maps, coords, output_dim, spatial_scale, "
    "group_size=1, mode='bilinear_deformable', spatial_bins_x=1, spatial_bins_y=1, trans_std=1.0, part_size=1, "
    "offsets=None)", python_names={"feature_maps": "data", "coords": "rois"})  # fmt: skip
def deformable_psroi_pooling(data: Value, rois: Value, offsets: Value | None = None, *, output_dim: int,
                             spatial_scale: float, group_size: int = 1, mode: str = "bilinear_deformable",
                             spatial_bins_x: int = 1, spatial_bins_y: int = 1, trans_std: float = 1.0,
                             part_size: int = 1) -> Value:  # fmt: skip
    """DeformablePSROIPooling-1: position-sensitive pooling with bins moved by ``offsets`` (Dai et al., 2017)."""
    _check_maps(data, rois, 5, "DeformablePSROIPooling")
    check(
        offsets is None or offsets.rank in (None, 4), "Third input rank must be compatible with 4"
    )
    check(group_size > 0, "Value of `group_size` attribute has to be greater than 0")
    check(output_dim > 0, "Value of `output_dim` attribute has to be greater than 0")
    size = Dimension.static(group_size)
    return Value(
        data.type, PartialShape.of([_rows(rois), Dimension.static(output_dim), size, size])
    )


def _align(data: Value, rois: Value, batch_indices: Value, columns: int, pooled_h: int, pooled_w: int,
           sampling_ratio: int, spatial_scale: float) -> Value:  # fmt: skip
    _check_maps(data, rois, columns, "ROIAlign")
    check(
        batch_indices.rank in (None, 1),
        f"Expected a 1D tensor for the batch indices. Got: {batch_indices.shape}",
    )
    check(
        batch_indices.type.is_integral_number(),
        "The data type of the batch indices must be an integer type",
    )
    check(
        pooled_h > 0 and pooled_w > 0,
        f"Pooled size attributes should be positive. Got: {pooled_h}, {pooled_w}",
    )
    check(
        sampling_ratio >= 0,
        f"The sampling_ratio attribute should be non-negative. Got: {sampling_ratio}",
    )
    check(
        spatial_scale > 0, f"The spatial_scale attribute should be positive. Got: {spatial_scale}"
    )
    rows = _rows(rois)
    if batch_indices.rank == 1:
        merged = dims.merge(rows, batch_indices.dims[0])
        check(merged is not None, "The first dimension of ROIs and batch indices must be the same")
        rows = rows if merged is None else merged
    return Value(data.type, PartialShape.of([rows, _channels(data), Dimension.static(pooled_h),
                                             Dimension.static(pooled_w)]))  # fmt: skip


@op("ROIAlign", "3",
    factory="roi_align(data, rois, batch_indices, pooled_h, pooled_w, sampling_ratio, "
            "spatial_scale, mode)")  # fmt: skip
def roi_align_3(data: Value, rois: Value, batch_indices: Value, *, pooled_h: int, pooled_w: int, sampling_ratio: int,
                spatial_scale: float, mode: Literal["avg", "max"]) -> Value:  # fmt: skip
    """ROIAlign-3: bilinear samples of each bin, averaged or their maximum (Mask R-CNN, 2017)."""
    return _align(data, rois, batch_indices, 4, pooled_h, pooled_w, sampling_ratio, spatial_scale)


@op("ROIAlign", "9", factory="roi_align(data, rois, batch_indices, pooled_h, pooled_w, sampling_ratio, spatial_scale, "
    "mode, aligned_mode='asymmetric')")  # fmt: skip
def roi_align_9(data: Value, rois: Value, batch_indices: Value, *, pooled_h: int, pooled_w: int, sampling_ratio: int,
                spatial_scale: float, mode: Literal["avg", "max"],
                aligned_mode: Literal["asymmetric", "half_pixel_for_nn", "half_pixel"] = "asymmetric"
                ) -> Value:  # fmt: skip
    """ROIAlign-9: as version 3, with a choice of where pixels are in the coordinates."""
    return _align(data, rois, batch_indices, 4, pooled_h, pooled_w, sampling_ratio, spatial_scale)


@op("ROIAlignRotated", "15", factory="roi_align_rotated(data, rois, batch_indices, pooled_h, pooled_w, "
    "sampling_ratio, spatial_scale, clockwise_mode)")  # fmt: skip
def roi_align_rotated(data: Value, rois: Value, batch_indices: Value, *, pooled_h: int, pooled_w: int,
                      sampling_ratio: int, spatial_scale: float, clockwise_mode: bool) -> Value:  # fmt: skip
    """ROIAlignRotated-15: regions are (centre x, centre y, width, height, angle in radians)."""
    return _align(data, rois, batch_indices, 5, pooled_h, pooled_w, sampling_ratio, spatial_scale)
