"""Pooling over windows of the spatial axes, with fixed or adaptive windows."""

from __future__ import annotations

from collections.abc import Sequence

from ovgpu.graph import dimension as dims
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import check, op
from ovgpu.ops.window import AutoPad, Rounding, check_spatial_attributes, filled, output_dimension


def _pooled_shape(data: Value, kernel: list[int], strides: list[int], dilations: list[int], pads_begin: list[int],
                  pads_end: list[int], rounding_type: str, auto_pad: str) -> PartialShape:  # fmt: skip
    """Shape of a pooled tensor: batch and channels of the data, one window count per spatial axis."""
    rank = len(kernel)
    check(rank > 0, "Pooling needs a kernel")
    check_spatial_attributes("Pooling", rank, strides=strides, dilations=dilations, pads_begin=pads_begin,
                             pads_end=pads_end)  # fmt: skip
    check(all(k > 0 for k in kernel), f"Kernel sizes must be positive, got {kernel}")
    if data.rank is None:
        return PartialShape.dynamic(rank + 2)
    check(3 <= data.rank <= 5, f"Expected a 3D, 4D or 5D tensor for the input. Got: {data.shape}")
    check(data.rank == rank + 2,
          f"Expected kernel size to be equal to input size - 2. Got: {rank} and {data.rank}")  # fmt: skip
    steps, gaps = filled(strides, rank, 1), filled(dilations, rank, 1)
    pads = list(zip(filled(pads_begin, rank, 0), filled(pads_end, rank, 0), strict=True))
    spatial = [
        _pooled_dimension(size, kernel[i], steps[i], gaps[i], pads[i], auto_pad, i, rounding_type)
        for i, size in enumerate(data.dims[2:])
    ]
    return PartialShape.of([*data.dims[:2], *spatial])


def _pooled_dimension(size: Dimension, kernel: int, stride: int, dilation: int, pads: tuple[int, int], auto_pad: str,
                      axis: int, rounding_type: str) -> Dimension:  # fmt: skip
    if auto_pad in ("same_upper", "same_lower") and size.is_dynamic:
        return Dimension.dynamic()
    return output_dimension(
        size, Dimension.static(kernel), stride, dilation, pads, auto_pad, axis, rounding_type
    )


@op("MaxPool", "1",
    factory="max_pool(data, strides, pads_begin, pads_end, kernel_shape, rounding_type='floor', "
            "auto_pad=None)",
    python_names={"kernel_shape": "kernel"})  # fmt: skip
def max_pool_1(data: Value, *, strides: list[int], pads_begin: list[int], pads_end: list[int], kernel: list[int],
               rounding_type: Rounding = "floor", auto_pad: AutoPad = "explicit") -> Value:  # fmt: skip
    """MaxPool-1: the largest element of every window of ``[N, C, spatial...]``."""
    shape = _pooled_shape(data, kernel, strides, [], pads_begin, pads_end, rounding_type, auto_pad)
    return Value(data.type, shape)


def _max_pool_with_indices(
    data: Value, shape: PartialShape, index_element_type: Type, axis: int
) -> tuple[Value, Value]:
    check(index_element_type in (Type.i32, Type.i64), "The index element type must be i32 or i64")
    rank = data.rank
    check(rank is None or -rank <= axis < rank, f"Axis {axis} out of the tensor rank range")
    return Value(data.type, shape), Value(index_element_type, shape)


@op("MaxPool", "8",
    factory="max_pool(data, strides, dilations, pads_begin, pads_end, kernel_shape, "
            "rounding_type='floor', auto_pad=None, index_element_type='i64', axis=0)",
    python_names={"kernel_shape": "kernel"})  # fmt: skip
def max_pool_8(data: Value, *, strides: list[int], dilations: list[int] = [], pads_begin: list[int],
               pads_end: list[int], kernel: list[int], rounding_type: Rounding = "floor",
               auto_pad: AutoPad = "explicit", index_element_type: Type = Type.i64,
               axis: int = 0) -> tuple[Value, Value]:  # fmt: skip
    """MaxPool-8: largest elements and their positions in the data flattened from ``axis`` on."""
    shape = _pooled_shape(
        data, kernel, strides, dilations, pads_begin, pads_end, rounding_type, auto_pad
    )
    return _max_pool_with_indices(data, shape, index_element_type, axis)


@op("MaxPool", "14",
    factory="max_pool(data, strides, dilations, pads_begin, pads_end, kernel_shape, "
            "rounding_type='floor', auto_pad=None, index_element_type='i64', axis=0)",
    python_names={"kernel_shape": "kernel"})  # fmt: skip
def max_pool_14(data: Value, *, strides: list[int], dilations: list[int] = [], pads_begin: list[int],
                pads_end: list[int], kernel: list[int], rounding_type: Rounding = "floor",
                auto_pad: AutoPad = "explicit", index_element_type: Type = Type.i64,
                axis: int = 0) -> tuple[Value, Value]:  # fmt: skip
    """MaxPool-14: as MaxPool-8, with ``ceil_torch`` rounding, which drops windows that start in the end padding."""
    shape = _pooled_shape(
        data, kernel, strides, dilations, pads_begin, pads_end, rounding_type, auto_pad
    )
    return _max_pool_with_indices(data, shape, index_element_type, axis)


@op("AvgPool", "1",
    factory="avg_pool(data_batch, strides, pads_begin, pads_end, kernel_shape, exclude_pad, "
            "rounding_type='floor', auto_pad=None)",
    python_names={"kernel_shape": "kernel", "data_batch": "data"},
    attribute_names={"exclude_pad": "exclude-pad"})  # fmt: skip
def avg_pool_1(data: Value, *, kernel: list[int], strides: list[int], pads_begin: list[int], pads_end: list[int],
               exclude_pad: bool = True, auto_pad: AutoPad = "explicit",
                rounding_type: Rounding = "floor") -> Value:  # fmt: skip
    """AvgPool-1: the mean of every window; padding counts as zeros unless ``exclude_pad``."""
    shape = _pooled_shape(data, kernel, strides, [], pads_begin, pads_end, rounding_type, auto_pad)
    return Value(data.type, shape)


@op("AvgPool", "14",
    factory="avg_pool(data_batch, strides, pads_begin, pads_end, kernel_shape, exclude_pad, "
            "rounding_type='floor', auto_pad=None)",
    python_names={"kernel_shape": "kernel", "data_batch": "data"},
    attribute_names={"exclude_pad": "exclude-pad"})  # fmt: skip
def avg_pool_14(data: Value, *, kernel: list[int], strides: list[int], pads_begin: list[int], pads_end: list[int],
                exclude_pad: bool = True, auto_pad: AutoPad = "explicit",
                rounding_type: Rounding = "floor") -> Value:  # fmt: skip
    """AvgPool-14: as AvgPool-1, with ``ceil_torch`` rounding."""
    shape = _pooled_shape(data, kernel, strides, [], pads_begin, pads_end, rounding_type, auto_pad)
    return Value(data.type, shape)


@op("AvgPool", "16",
    factory="avg_pool(data_batch, strides, pads_begin, pads_end, kernel_shape, exclude_pad, "
            "rounding_type='floor', auto_pad=None, dilations=None)",
    python_names={"kernel_shape": "kernel", "data_batch": "data"},
    attribute_names={"exclude_pad": "exclude-pad"})  # fmt: skip
def avg_pool_16(data: Value, *, kernel: list[int], strides: list[int], pads_begin: list[int], pads_end: list[int],
                exclude_pad: bool = True, auto_pad: AutoPad = "explicit", rounding_type: Rounding = "floor",
                dilations: list[int] = []) -> Value:  # fmt: skip
    """AvgPool-16: as AvgPool-14, with dilated windows."""
    shape = _pooled_shape(
        data, kernel, strides, dilations, pads_begin, pads_end, rounding_type, auto_pad
    )
    return Value(data.type, shape)


def _adaptive_shape(data: Value, output_shape: Value) -> PartialShape:
    """Batch and channels of the data, spatial sizes from ``output_shape``."""
    check(output_shape.rank in (None, 1), "Rank of `output_shape` must be 1.")
    if data.rank is None:
        return PartialShape.dynamic()
    check(3 <= data.rank <= 5, f"Expected a 3D, 4D or 5D tensor for the input. Got: {data.shape}")
    wanted: Sequence[Dimension] | None = output_shape.as_dims()
    rank = data.rank - 2
    if wanted is None:
        count = output_shape.dims[0] if output_shape.rank == 1 else Dimension.dynamic()
        check(dims.merge(count, Dimension.static(rank)) is not None,
              "Number of spatial dimensions is not compatible with input data rank")  # fmt: skip
        wanted = [Dimension.dynamic() for _ in range(rank)]
    check(
        len(wanted) == rank, "Number of spatial dimensions is not compatible with input data rank"
    )
    return PartialShape.of([*data.dims[:2], *wanted])


@op("AdaptiveAvgPool", "8", factory="adaptive_avg_pool(data, output_shape)")
def adaptive_avg_pool(data: Value, output_shape: Value) -> Value:
    """AdaptiveAvgPool-8: means of windows that divide each spatial axis into ``output_shape`` parts."""
    return Value(data.type, _adaptive_shape(data, output_shape))


@op("AdaptiveMaxPool", "8",
    factory="adaptive_max_pool(data, output_shape, index_element_type='i64')")  # fmt: skip
def adaptive_max_pool(data: Value, output_shape: Value, *,
                      index_element_type: Type = Type.i64) -> tuple[Value, Value]:  # fmt: skip
    """AdaptiveMaxPool-8: largest elements of such windows, and their positions in the flattened spatial axes."""
    check(index_element_type in (Type.i32, Type.i64), "Index element type must be i32 or i64")
    shape = _adaptive_shape(data, output_shape)
    return Value(data.type, shape), Value(index_element_type, shape)
