"""Operations on feature maps of images: GridSample, ReorgYolo, RegionYolo."""

from __future__ import annotations

from typing import Any, Literal

from ovgpu.graph import dimension as dims
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import check, op
from ovgpu.ops.factory import as_output, custom_factory


def divided(size: Dimension, divisor: int) -> Dimension:
    """``size / divisor`` where only multiples of ``divisor`` are allowed."""
    low, high = size.interval()
    return Dimension(-(-low // divisor), -1 if high < 0 else high // divisor)


@op("GridSample", "9", factory="")
def grid_sample(data: Value, grid: Value, *, align_corners: bool = False,
                mode: Literal["bilinear", "bicubic", "nearest"] = "bilinear",
                padding_mode: Literal["zeros", "border", "reflection"] = "zeros") -> Value:  # fmt: skip
    """GridSample-9: ``data`` ``[N, C, H, W]`` read at ``grid`` ``[N, H_out, W_out, 2]`` of (x, y) in [-1, 1]."""
    check(data.rank in (None, 4), "The supported shape of the input data tensor is 4D.")
    check(grid.rank in (None, 4), "The supported shape of the grid tensor is 4D.")
    batch = channels = height = width = Dimension.dynamic()
    if data.rank is not None:
        batch, channels = data.dims[:2]
    if grid.rank is not None:
        check(dims.merge(grid.dims[3], Dimension.static(2)) is not None,
              "The last dimension of grid tensor's shape has to be equal to 2.")  # fmt: skip
        merged = dims.merge(batch, grid.dims[0])
        check(merged is not None, "The batch dimension in the input data tensor's shape doesn't match the batch "
              "dimension in the grid tensor's shape.")  # fmt: skip
        assert merged is not None
        batch, height, width = merged, grid.dims[1], grid.dims[2]
    return Value(data.type, PartialShape.of([batch, channels, height, width]))


@custom_factory("grid_sample", 9)
def grid_sample_factory(data: Any, grid: Any, attributes: dict, name: str | None = None) -> Node:
    """GridSample-9 with a dictionary of attributes: ``align_corners``, ``mode``, ``padding_mode``."""
    node = make_node("GridSample", [as_output(data), as_output(grid)], 9, **attributes)
    if name is not None:
        node.friendly_name = name
    return node


@op(
    "ReorgYolo",
    "2",
    factory="reorg_yolo(input, stride)",
    python_names={"input": "data", "stride": "stride"},
)
def reorg_yolo(data: Value, *, stride: list[int]) -> Value:
    """ReorgYolo-2: blocks of ``stride`` x ``stride`` pixels become channels (YOLO v2)."""
    check(len(stride) > 0, "Stride attribute is required.")
    if data.rank is None:
        return Value(data.type, PartialShape.dynamic())
    check(data.rank == 4, "[N, C, H, W] input shape is required.")
    step = stride[0]
    batch, channels, height, width = data.dims
    check(channels.is_dynamic or channels.get_length() >= step * step,
          "stride^2 should be less than or equal to the number of channels.")  # fmt: skip
    for size in (height, width):
        check(
            size.is_dynamic or size.get_length() % step == 0,
            "Input H and W should be divisible by stride.",
        )
    spatial = [divided(size, step) for size in (height, width)]
    return Value(data.type, PartialShape.of([batch, dims.mul(channels, step * step), *spatial]))


@op("RegionYolo", "1",
    factory="region_yolo(input, coords, classes, num, do_softmax, mask, axis, end_axis, anchors=None)",
    python_names={"input": "data"})  # fmt: skip
def region_yolo(data: Value, *, anchors: list[float] = [], axis: int, coords: int, classes: int, end_axis: int,
                num: int, do_softmax: bool = True, mask: list[int] = []) -> Value:  # fmt: skip
    """RegionYolo-1: coordinates and class scores of YOLO's anchor boxes brought into [0, 1]."""
    if data.rank is None:
        return Value(data.type, PartialShape.dynamic())
    check(data.rank == 4, "Input must be a tensor of rank 4.")
    if not do_softmax:
        channels = Dimension.static((classes + coords + 1) * len(mask))
        return Value(data.type, PartialShape.of([data.dims[0], channels, *data.dims[2:]]))
    first = axis + data.rank if axis < 0 else axis
    last = end_axis + data.rank if end_axis < 0 else end_axis
    check(
        0 <= first <= last < data.rank,
        f"RegionYolo: axis {axis} and end_axis {end_axis} do not fit the data",
    )
    flat = Dimension.static(1)
    for size in data.dims[first : last + 1]:
        flat = dims.mul(flat, size)
    return Value(data.type, PartialShape.of([*data.dims[:first], flat, *data.dims[last + 1 :]]))
