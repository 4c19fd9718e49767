"""Normalisations and softmax."""

from __future__ import annotations

from typing import Literal

from ovgpu.graph import dimension as dimensions
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.broadcasting import check_real
from ovgpu.ops.declaration import check, op
from ovgpu.ops.reduction import normal_axes

EpsilonMode = Literal["INSIDE_SQRT", "OUTSIDE_SQRT"]
EpsilonPlace = Literal["add", "max"]


def check_axis(axis: int, data: Value, name: str) -> None:
    """Check that ``data`` has this axis, which counts from the back when negative."""
    if data.rank is not None:
        check(
            -data.rank <= axis < data.rank,
            "{}: axis ({}) is out of the tensor's rank {}",
            name,
            axis,
            data.rank,
        )


def _check_axes(axes: Value, data: Value, name: str) -> None:
    known = axes.ints()
    if known is not None and data.rank is not None:
        normal_axes(known, data.rank, name)


# ---- softmax --------------------------------------------------------------------------------------------------------
@op("Softmax", "1", factory="softmax(data, axis)")
def softmax_1(data: Value, *, axis: int = 1) -> Value:
    """Softmax-1: e^x divided by the sum of all e^x along ``axis``, which is not negative."""
    check(axis >= 0, f"Softmax-1 takes an axis that is not negative, got {axis}")
    check_axis(axis, data, "Softmax")
    return Value(data.type, data.shape)


@op("Softmax", "8", factory="softmax(data, axis)")
def softmax_8(data: Value, *, axis: int = 1) -> Value:
    """Softmax-8: e^x divided by the sum of all e^x along ``axis``."""
    check_axis(axis, data, "Softmax")
    return Value(data.type, data.shape)


@op("LogSoftmax", "5", factory="log_softmax(data, axis)")
def log_softmax(data: Value, *, axis: int = 1) -> Value:
    """LogSoftmax-5: logarithm of the softmax along ``axis``."""
    check_axis(axis, data, "LogSoftmax")
    return Value(data.type, data.shape)


# ---- batch normalisation --------------------------------------------------------------------------------------------
def _batch_norm(
    data: Value, gamma: Value, beta: Value, mean: Value, variance: Value, epsilon: float
) -> Value:
    element_type = data.type
    for value in (gamma, beta, mean, variance):
        merged = element_type.merge(value.type)
        check(merged is not None, "Input element types do not match.")
        assert merged is not None
        element_type = merged
        check(
            value.rank in (None, 1),
            "BatchNormInference takes 1-D statistics, got {}",
            value.shape,
        )
    check_real(element_type, "BatchNormInference")
    check(
        epsilon >= 0,
        "BatchNormInference takes an epsilon of at least 0, got {}",
        epsilon,
    )
    if data.rank is None:
        return Value(element_type, PartialShape.dynamic())
    check(
        data.rank >= 2,
        "Input argument must have rank of at least 2 (input argument shape: {}).",
        data.shape,
    )
    channels: Dimension | None = data.dims[1]
    for value in (gamma, beta, mean, variance):
        if value.rank is not None and channels is not None:
            channels = dimensions.merge(channels, value.dims[0])
    check(
        channels is not None,
        "BatchNormInference: statistics do not fit the {} channels",
        data.dims[1],
    )
    assert channels is not None
    check(
        not (channels.is_static and channels.get_length() == 0), "Channel count must be at least 1."
    )
    return Value(element_type, PartialShape.of([data.dims[0], channels, *data.dims[2:]]))


@op(
    "BatchNormInference",
    "1",
    factory="batch_norm_inference(data, gamma, beta, mean, variance, epsilon)",
)
def batch_norm_1(
    gamma: Value, beta: Value, data: Value, mean: Value, variance: Value, *, epsilon: float
) -> Value:
    """BatchNormInference-1: (data - mean) / sqrt(variance + epsilon) * gamma + beta, for each channel (dimension 1)."""
    return _batch_norm(data, gamma, beta, mean, variance, epsilon)


@op(
    "BatchNormInference",
    "5",
    factory="batch_norm_inference(data, gamma, beta, mean, variance, epsilon)",
)
def batch_norm_5(
    data: Value, gamma: Value, beta: Value, mean: Value, variance: Value, *, epsilon: float
) -> Value:
    """BatchNormInference-5: (data - mean) / sqrt(variance + epsilon) * gamma + beta, for each channel (dimension 1)."""
    return _batch_norm(data, gamma, beta, mean, variance, epsilon)


# ---- mean and variance ----------------------------------------------------------------------------------------------
@op("MVN", "2", factory="mvn(data, across_channels=False, normalize_variance=False, eps=1e-9)")
def mvn_2(
    data: Value,
    *,
    eps: float = 1e-9,
    across_channels: bool = True,
    normalize_variance: bool = True,
    reduction_axes: list[int] | None = None,
) -> Value:
    """MVN-2: x - mean over the dimensions from 2 on (from 1 with ``across_channels``), divided by
    sqrt(variance) + eps with ``normalize_variance``. ``reduction_axes`` names the dimensions instead."""
    return Value(data.type, data.shape)


@op("MVN", "6", factory="mvn(data, axes, normalize_variance, eps, eps_mode)")
def mvn_6(
    data: Value,
    axes: Value,
    *,
    eps: float,
    normalize_variance: bool,
    eps_mode: EpsilonMode,
) -> Value:
    """MVN-6: x - mean over ``axes``, divided by the deviation with ``normalize_variance``.

    The deviation is sqrt(variance + eps) or sqrt(variance) + eps, as ``eps_mode`` says.
    """
    _check_axes(axes, data, "MVN")
    return Value(data.type, data.shape)


@op("NormalizeL2", "1", factory="normalize_l2(data, axes, eps, eps_mode)")
def normalize_l2(data: Value, axes: Value, *, eps: float, eps_mode: EpsilonPlace) -> Value:
    """NormalizeL2-1: x divided by sqrt(sum of squares over ``axes`` + eps), or of max(sum, eps).

    Without axes each element is divided by itself.
    """
    check(
        axes.type.is_integral_number(),
        f"NormalizeL2 takes integer axes, got {axes.type.to_string()}",
    )
    check(axes.rank in (None, 0, 1), f"NormalizeL2 takes a scalar or 1-D axes, got {axes.shape}")
    _check_axes(axes, data, "NormalizeL2")
    return Value(data.type, data.shape)


@op("LRN", "1", factory="lrn(data, axes, alpha=1, beta=0.5, bias=1, size=5)")
def lrn(data: Value, axes: Value, *, alpha: float, beta: float, bias: float, size: int) -> Value:
    """LRN-1: x / (bias + alpha / size^len(axes) * sum of squares in a window of ``size`` along ``axes``)^beta."""
    check(axes.type.is_integral_number(), f"LRN takes integer axes, got {axes.type.to_string()}")
    check(axes.rank in (None, 1), f"LRN takes 1-D axes, got {axes.shape}")
    _check_axes(axes, data, "LRN")
    return Value(data.type, data.shape)


@op(
    "GroupNormalization",
    "12",
    factory="group_normalization(data, scale, bias, num_groups, epsilon)",
)
def group_normalization(
    data: Value, scale: Value, bias: Value, *, num_groups: int, epsilon: float
) -> Value:
    """GroupNormalization-12: each of ``num_groups`` groups of channels to mean 0 and deviation 1, then scale and bias.

    Args:
        data: [N, C, ...].
        scale: [C].
        bias: [C].
    """
    element_type = data.type.merge(scale.type)
    element_type = None if element_type is None else element_type.merge(bias.type)
    check(
        element_type is not None,
        "GroupNormalization takes data, scale and bias of one element type",
    )
    assert element_type is not None
    check(
        num_groups > 0,
        f"The number of groups needs to be a positive integer value, got {num_groups}",
    )
    check(epsilon > 0, f"GroupNormalization takes a positive epsilon, got {epsilon}")
    for name, value in (("scale", scale), ("bias", bias)):
        check(value.rank in (None, 1), f"The {name} input is required to be 1D, got {value.shape}")
    if data.rank is not None:
        check(data.rank >= 2, "The input tensor is required to be at least 2D.")
        channels = data.dims[1]
        for name, value in (("scale", scale), ("bias", bias)):
            fits = value.rank is None or channels.compatible(value.dims[0])
            check(fits, f"The {name} input must have as many elements as channels: {channels}")
        divides = channels.is_dynamic or channels.get_length() % num_groups == 0
        check(
            divides, "The number of channels needs to be evenly divisible by the number of groups."
        )
    elif scale.rank == 1 and bias.rank == 1:
        check(
            scale.dims[0].compatible(bias.dims[0]),
            "The shapes of both scale and bias inputs don't match.",
        )
    return Value(element_type, data.shape)


@op("GRN", "1", factory="grn(data, bias)")
def grn(data: Value, *, bias: float) -> Value:
    """GRN-1: x divided by sqrt(sum of squares over the channels + bias), for 2 to 4 dimensions."""
    check(
        data.rank in (None, 2, 3, 4),
        f"GRN takes 2, 3 or 4 dimensions, got {data.shape}",
    )
    return Value(data.type, data.shape)


@op("RMS", "1", factory="", domain="ie_internal_opset")
def rms(
    data: Value, gamma: Value | None = None, *, epsilon: float, output_type: Type = Type.dynamic
) -> Value:
    """RMS: x divided by sqrt(mean of squares along the last dimension + epsilon), times ``gamma``."""
    check_real(data.type, "RMS")
    if gamma is not None:
        check_real(gamma.type, "RMS")
    return Value(data.type if output_type is Type.dynamic else output_type, data.shape)
