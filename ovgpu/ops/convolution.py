"""Convolutions: plain, grouped, transposed, binary and deformable.

Data is ``[N, C_in, spatial...]``; filters are ``[C_out, C_in, kernel...]``, with a leading group dimension in the
grouped forms and input channels first in the transposed ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ovgpu.graph import dimension as dims
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import check, op
from ovgpu.ops.window import (
    AutoPad,
    check_spatial_attributes,
    extent_dimension,
    filled,
    output_dimension,
)


def _spatial_rank(
    data: Value, filters: Value, offset: int, *attributes: Sequence[int]
) -> int | None:
    """Number of spatial axes from whichever of data, filters and attributes tells it."""
    if filters.rank is not None:
        return filters.rank - offset
    if data.rank is not None:
        return data.rank - 2
    return next((len(a) for a in attributes if a), None)


def _unknown(count: int) -> tuple[Dimension, ...]:
    return tuple(Dimension.dynamic() for _ in range(count))


def _dims_or_unknown(value: Value, rank: int) -> tuple[Dimension, ...]:
    return value.dims if value.rank is not None else _unknown(rank)


def _check_operands(data: Value, filters: Value, offset: int, name: str) -> None:
    check(
        data.type.merge(filters.type) is not None,
        "Element types for data batch and filters do not match (data batch element type: {}, "
        "filters element type: {}).",
        data.type.to_string(),
        filters.type.to_string(),
    )
    check(
        data.rank is None or filters.rank is None or data.rank - 2 == filters.rank - offset,
        "Data batch and filters rank do not match (data batch shape: {}, filters shape: {}).",
        data.shape,
        filters.shape,
    )
    check(
        data.rank is None or 3 <= data.rank <= 5,
        "{}: expected a 3D, 4D or 5D tensor for the input. Got: {}",
        name,
        data.shape,
    )


def _check_channels(channels: Dimension, expected: Dimension) -> None:
    check(
        dims.merge(channels, expected) is not None,
        "Data batch channel count ({}) does not match filter input channel count ({}).",
        channels,
        expected,
    )


def _windows(
    data_dims: Sequence[Dimension],
    kernel: Sequence[Dimension],
    strides: Sequence[int],
    pads_begin: Sequence[int],
    pads_end: Sequence[int],
    dilations: Sequence[int],
    auto_pad: str,
) -> list[Dimension]:
    """Output dimensions of all spatial axes."""
    rank = len(kernel)
    check_spatial_attributes(
        "Convolution",
        rank,
        strides=strides,
        pads_begin=pads_begin,
        pads_end=pads_end,
        dilations=dilations,
    )
    pads = list(zip(filled(pads_begin, rank, 0), filled(pads_end, rank, 0), strict=True))
    steps, gaps = filled(strides, rank, 1), filled(dilations, rank, 1)
    return [
        output_dimension(size, k, steps[axis], gaps[axis], pads[axis], auto_pad, axis)
        for axis, (size, k) in enumerate(zip(data_dims, kernel, strict=True))
    ]


def _convolution(data: Value, filters: Value, name: str, strides: list[int], pads_begin: list[int],
                 pads_end: list[int], dilations: list[int], auto_pad: str) -> Value:  # fmt: skip
    _check_operands(data, filters, 2, name)
    rank = _spatial_rank(data, filters, 2, strides, pads_begin, dilations)
    element_type = data.type.merge(filters.type) or data.type
    if rank is None:
        return Value(element_type, PartialShape.dynamic())
    data_dims = _dims_or_unknown(data, rank + 2)
    filter_dims = _dims_or_unknown(filters, rank + 2)
    _check_channels(data_dims[1], filter_dims[1])
    spatial = _windows(
        data_dims[2:], filter_dims[2:], strides, pads_begin, pads_end, dilations, auto_pad
    )
    return Value(element_type, PartialShape.of([data_dims[0], filter_dims[0], *spatial]))


@op("Convolution", "1",
    factory="convolution(data, filters, strides, pads_begin, pads_end, dilations, "
            "auto_pad='EXPLICIT')")  # fmt: skip
def convolution(data: Value, filters: Value, *, strides: list[int], dilations: list[int], pads_begin: list[int],
                pads_end: list[int], auto_pad: AutoPad = "explicit") -> Value:  # fmt: skip
    """Convolution-1: cross-correlation of ``data`` ``[N, C_in, spatial...]`` with ``filters``
    ``[C_out, C_in, kernel...]``; 1, 2 or 3 spatial dimensions."""
    return _convolution(
        data, filters, "Convolution", strides, pads_begin, pads_end, dilations, auto_pad
    )


@op("BinaryConvolution", "1",
    factory="binary_convolution(data, filters, strides, pads_begin, pads_end, dilations, mode, "
            "pad_value, auto_pad='EXPLICIT')")  # fmt: skip
def binary_convolution(data: Value, filters: Value, *, strides: list[int], pads_begin: list[int], pads_end: list[int],
                       dilations: list[int], mode: Literal["xnor-popcount"], pad_value: float,
                       auto_pad: AutoPad = "explicit") -> Value:  # fmt: skip
    """BinaryConvolution-1: convolution of bits that stand for -1 and 1; padding has the bit ``pad_value``.

    ``filters`` may be u1; the result has the type of ``data``.
    """
    check(
        data.type.is_real() or data.type.is_integral(), "Data batch element type must be numeric."
    )
    plain = Value(data.type, filters.shape)
    return _convolution(
        data, plain, "BinaryConvolution", strides, pads_begin, pads_end, dilations, auto_pad
    )


def _groups(filter_dims: Sequence[Dimension], channels: Dimension) -> Dimension:
    """Number of groups: given by the filters, else by the channels when each group has a known number of them."""
    groups, per_group = filter_dims[0], filter_dims[2]
    if (
        groups.is_dynamic
        and channels.is_static
        and per_group.is_static
        and per_group.get_length() > 0
    ):
        return Dimension.static(channels.get_length() // per_group.get_length())
    return groups


@op("GroupConvolution", "1",
    factory="group_convolution(data, filters, strides, pads_begin, pads_end, dilations, "
            "auto_pad='EXPLICIT')")  # fmt: skip
def group_convolution(data: Value, filters: Value, *, strides: list[int], pads_begin: list[int], pads_end: list[int],
                      dilations: list[int], auto_pad: AutoPad = "explicit") -> Value:  # fmt: skip
    """GroupConvolution-1: ``filters`` ``[G, C_out/G, C_in/G, kernel...]`` applied to G slices of the channels."""
    _check_operands(data, filters, 3, "GroupConvolution")
    rank = _spatial_rank(data, filters, 3, strides, pads_begin, dilations)
    element_type = data.type.merge(filters.type) or data.type
    if rank is None:
        return Value(element_type, PartialShape.dynamic())
    data_dims = _dims_or_unknown(data, rank + 2)
    filter_dims = _dims_or_unknown(filters, rank + 3)
    if filters.rank is not None:
        expected = dims.mul(filter_dims[0], filter_dims[2])
        check(dims.merge(data_dims[1], expected) is not None,
              f"Input channels dimension of data batch ({data_dims[1].to_string()}) is incompatible with filters "
              f"({filters.shape})")  # fmt: skip
    spatial = _windows(
        data_dims[2:], filter_dims[3:], strides, pads_begin, pads_end, dilations, auto_pad
    )
    channels = dims.mul(_groups(filter_dims, data_dims[1]), filter_dims[1])
    return Value(element_type, PartialShape.of([data_dims[0], channels, *spatial]))


def _transposed_dimension(size: Dimension, kernel: Dimension, stride: int, dilation: int, pads: tuple[int, int],
                          output_padding: int) -> Dimension:  # fmt: skip
    """``(size - 1) * stride + window - pads + output_padding``."""
    check(stride > 0, f"Strides must be positive, got {stride}")
    reached = dims.add(dims.mul(dims.sub(size, 1), stride), extent_dimension(kernel, dilation))
    return dims.add(reached, output_padding - sum(pads))


def _transposed_spatial(data_dims: Sequence[Dimension], kernel: Sequence[Dimension], output_shape: Value | None,
                        strides: list[int], pads_begin: list[int], pads_end: list[int], dilations: list[int],
                        auto_pad: str, output_padding: list[int]) -> list[Dimension]:  # fmt: skip
    rank = len(kernel)
    check_spatial_attributes("ConvolutionBackpropData", rank, strides=strides, pads_begin=pads_begin,
                             pads_end=pads_end, dilations=dilations, output_padding=output_padding)  # fmt: skip
    if output_shape is not None:
        check(
            output_shape.type.is_integral_number(),
            "Element type for output shape should be of integer type ",
        )
        wanted = output_shape.as_dims()
        check(wanted is None or len(wanted) == rank,
              f"Output shape should be specified only and for all spatial dimensions, which are {rank}.")  # fmt: skip
        return list(_unknown(rank)) if wanted is None else list(wanted)
    explicit = auto_pad == "explicit"
    before = filled(pads_begin, rank, 0) if explicit else [0] * rank
    after = filled(pads_end, rank, 0) if explicit else [0] * rank
    steps, gaps, extra = (
        filled(strides, rank, 1),
        filled(dilations, rank, 1),
        filled(output_padding, rank, 0),
    )
    return [
        _transposed_dimension(size, k, steps[i], gaps[i], (before[i], after[i]), extra[i])
        for i, (size, k) in enumerate(zip(data_dims, kernel, strict=True))
    ]


@op("ConvolutionBackpropData", "1",
    factory="convolution_backprop_data(data, filters, strides, output_shape=None, "
            "pads_begin=None, pads_end=None, dilations=None, auto_pad=None, output_padding=None)")  # fmt: skip
def convolution_backprop_data(data: Value, filters: Value, output_shape: Value | None = None, *,
                              strides: list[int], dilations: list[int] = [], pads_begin: list[int] = [],
                              pads_end: list[int] = [], auto_pad: AutoPad = "explicit",
                              output_padding: list[int] = []) -> Value:  # fmt: skip
    """ConvolutionBackpropData-1 (transposed convolution): ``filters`` are ``[C_in, C_out, kernel...]``.

    ``output_shape`` gives the spatial dimensions of the result; without it each is
    ``stride * (size - 1) + dilation * (kernel - 1) + 1 - pads + output_padding``.
    """
    _check_operands(data, filters, 2, "ConvolutionBackpropData")
    rank = _spatial_rank(data, filters, 2, strides, pads_begin, dilations)
    element_type = data.type.merge(filters.type) or data.type
    if rank is None:
        return Value(element_type, PartialShape.dynamic())
    data_dims = _dims_or_unknown(data, rank + 2)
    filter_dims = _dims_or_unknown(filters, rank + 2)
    _check_channels(data_dims[1], filter_dims[0])
    spatial = _transposed_spatial(data_dims[2:], filter_dims[2:], output_shape, strides, pads_begin, pads_end,
                                  dilations, auto_pad, output_padding)  # fmt: skip
    return Value(element_type, PartialShape.of([data_dims[0], filter_dims[1], *spatial]))


@op("GroupConvolutionBackpropData", "1",
    factory="group_convolution_backprop_data(data, filters, strides, output_shape=None, "
            "pads_begin=None, pads_end=None, dilations=None, auto_pad='EXPLICIT', output_padding=None)")  # fmt: skip
def group_convolution_backprop_data(data: Value, filters: Value, output_shape: Value | None = None, *,
                                    strides: list[int], pads_begin: list[int] = [], pads_end: list[int] = [],
                                    dilations: list[int] = [], auto_pad: AutoPad = "explicit",
                                    output_padding: list[int] = []) -> Value:  # fmt: skip
    """GroupConvolutionBackpropData-1: transposed convolution with ``filters`` ``[G, C_in/G, C_out/G, kernel...]``."""
    _check_operands(data, filters, 3, "GroupConvolutionBackpropData")
    rank = _spatial_rank(data, filters, 3, strides, pads_begin, dilations)
    element_type = data.type.merge(filters.type) or data.type
    if rank is None:
        return Value(element_type, PartialShape.dynamic())
    data_dims = _dims_or_unknown(data, rank + 2)
    filter_dims = _dims_or_unknown(filters, rank + 3)
    if filters.rank is not None:
        _check_channels(data_dims[1], dims.mul(filter_dims[0], filter_dims[1]))
    groups = _groups((filter_dims[0], filter_dims[2], filter_dims[1]), data_dims[1])
    spatial = _transposed_spatial(data_dims[2:], filter_dims[3:], output_shape, strides, pads_begin, pads_end,
                                  dilations, auto_pad, output_padding)  # fmt: skip
    return Value(
        element_type, PartialShape.of([data_dims[0], dims.mul(groups, filter_dims[2]), *spatial])
    )


def _deformable(data: Value, offsets: Value, filters: Value, mask: Value | None, strides: list[int],
                pads_begin: list[int], pads_end: list[int], dilations: list[int], auto_pad: str, group: int,
                deformable_group: int) -> Value:  # fmt: skip
    for value in (data, offsets, filters):
        check(value.rank in (None, 4), f"DeformableConvolution takes 4D tensors, got {value.shape}")
    check(group > 0, "Attribute 'group' must be any value starting from 1. Got: " + str(group))
    check(deformable_group > 0,
          "Attribute 'deformable_group' must be any value starting from 1. Got: " + str(deformable_group))  # fmt: skip
    element_type = data.type.merge(filters.type)
    check(element_type is not None and data.type.merge(offsets.type) is not None,
          f"Element types of inputs do not match. Got: data ({data.type.to_string()}), "
          f"offsets ({offsets.type.to_string()}) and filters ({filters.type.to_string()})")  # fmt: skip
    data_dims, filter_dims = _dims_or_unknown(data, 4), _dims_or_unknown(filters, 4)
    offset_dims = _dims_or_unknown(offsets, 4)
    _check_channels(data_dims[1], dims.mul(filter_dims[1], group))
    kernel_size = dims.mul(filter_dims[2], filter_dims[3])
    for name, points, per_point in (("offsets", offsets, 2), ("mask", mask, 1)):
        if points is not None and points.rank == 4:
            check(dims.merge(points.dims[1], dims.mul(kernel_size, per_point * deformable_group)) is not None,
                  f"The channels dimension of {name} input is not compatible with filters and "
                  f"'deformable group' attribute: {points.shape}")  # fmt: skip
    spatial = _windows(
        data_dims[2:], filter_dims[2:], strides, pads_begin, pads_end, dilations, auto_pad
    )
    for axis in (2, 3):
        merged = dims.merge(spatial[axis - 2], offset_dims[axis])
        check(
            merged is not None,
            f"Spatial dimensions of offsets ({offsets.shape}) must be those of the result",
        )
    batch = dims.merge(data_dims[0], offset_dims[0])
    check(batch is not None, "Data batch size and offsets batch size must be equal")
    return Value(
        element_type or data.type,
        PartialShape.of([data_dims[0] if batch is None else batch, filter_dims[0], *spatial]),
    )


@op("DeformableConvolution", "1",
    factory="deformable_convolution(data, deformable_values, filters, strides, pads_begin, pads_end, "
            "dilations, auto_pad='EXPLICIT', group=1, deformable_group=1)",
    python_names={"deformable_values": "offsets"})  # fmt: skip
def deformable_convolution_1(data: Value, offsets: Value, filters: Value, *, strides: list[int], dilations: list[int],
                             pads_begin: list[int], pads_end: list[int], auto_pad: AutoPad = "explicit",
                             group: int = 1, deformable_group: int = 1) -> Value:  # fmt: skip
    """DeformableConvolution-1: convolution whose sampling points are moved by ``offsets``
    ``[N, 2 * deformable_group * kernel_h * kernel_w, H_out, W_out]`` (Dai et al., 2017)."""
    return _deformable(data, offsets, filters, None, strides, pads_begin, pads_end, dilations, auto_pad, group,
                       deformable_group)  # fmt: skip


@op("DeformableConvolution", "8",
    factory="deformable_convolution(data, offsets, filters, strides, pads_begin, pads_end, dilations,"
            " mask=None, auto_pad='EXPLICIT', group=1, deformable_group=1, "
            "bilinear_interpolation_pad=False)")  # fmt: skip
def deformable_convolution_8(data: Value, offsets: Value, filters: Value, mask: Value | None = None, *,
                             bilinear_interpolation_pad: bool = False, strides: list[int], dilations: list[int],
                             pads_begin: list[int], pads_end: list[int], auto_pad: AutoPad = "explicit",
                             group: int = 1, deformable_group: int = 1) -> Value:  # fmt: skip
    """DeformableConvolution-8: with a ``mask`` ``[N, deformable_group * kernel_h * kernel_w, H_out, W_out]`` that
    scales every sample (version 2 of the paper), and a choice of how samples at the border are interpolated."""
    return _deformable(data, offsets, filters, mask, strides, pads_begin, pads_end, dilations, auto_pad, group,
                       deformable_group)  # fmt: skip
