"""Normalisations and softmax on host arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.ops.reduction import normal_axes
from ovgpu.plugins.cpu.kernels.elementwise import temporary
from ovgpu.plugins.cpu.registry import Call, Step, binder, kernel


# ---- softmax --------------------------------------------------------------------------------------------------------
def _rounded(x: np.ndarray, axis: int, out: np.ndarray, logarithm: bool) -> None:
    """Softmax of integers: computed in float64, rounded to the nearest."""
    wide = x.astype(np.float64)
    shifted = wide - wide.max(axis=axis, keepdims=True)
    total = np.exp(shifted).sum(axis=axis, keepdims=True)
    result = shifted - np.log(total) if logarithm else np.exp(shifted) / total
    np.copyto(out, np.rint(result), casting="unsafe")


@binder("Softmax", in_place=True)
def bind_softmax(call: Call) -> Step:
    x, out = call.inputs[0], call.outputs[0]
    assert x is not None
    axis = call.attributes["axis"]
    if not x.size:
        return lambda: None
    if out.dtype.kind != "f":
        return lambda: _rounded(x, axis, out, logarithm=False)
    # Bound once: the extreme, then the sum, of each row.
    row = np.empty([1 if i == axis % x.ndim else n for i, n in enumerate(x.shape)], out.dtype)
    add_up = row_sum(out, axis, row)

    def step() -> None:
        np.maximum.reduce(x, axis=axis, keepdims=True, out=row)
        np.subtract(x, row, out)
        np.exp(out, out)
        add_up()
        np.divide(out, row, out)

    return step


def row_sum(x: np.ndarray, axis: int, out: np.ndarray) -> Step:
    """Step that sums ``x`` along ``axis`` into ``out``, in which that dimension has length 1."""
    if axis % x.ndim == x.ndim - 1 and x.flags.c_contiguous:
        # BLAS sums the rows of a matrix in half the time of np.add.
        ones = np.ones((x.shape[-1], 1), x.dtype)
        return partial(np.matmul, x.reshape(-1, x.shape[-1]), ones, out.reshape(-1, 1))
    return partial(np.add.reduce, x, axis=axis, keepdims=True, out=out)


@kernel("LogSoftmax", in_place=True)
def log_softmax(x: np.ndarray, *, axis: int, out: np.ndarray) -> None:
    if not x.size:
        return
    if out.dtype.kind != "f":
        _rounded(x, axis, out, logarithm=True)
        return
    np.subtract(x, x.max(axis=axis, keepdims=True), out)
    np.subtract(out, np.log(np.exp(out).sum(axis=axis, keepdims=True)), out)


# ---- batch normalisation --------------------------------------------------------------------------------------------
def _batch_norm(
    x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, variance: np.ndarray,
    epsilon: float, out: np.ndarray,
) -> None:  # fmt: skip
    channels = [-1 if axis == 1 else 1 for axis in range(x.ndim)]
    scale = gamma / np.sqrt(variance + variance.dtype.type(epsilon))
    shift = beta - mean * scale
    np.multiply(x, scale.reshape(channels), out)
    np.add(out, shift.reshape(channels), out)


@kernel("BatchNormInference", version="opset1", layout="same", in_place=True)
def batch_norm_1(
    gamma: np.ndarray, beta: np.ndarray, x: np.ndarray, mean: np.ndarray, variance: np.ndarray, *,
    epsilon: float, out: np.ndarray,
) -> None:  # fmt: skip
    _batch_norm(x, gamma, beta, mean, variance, epsilon, out)


@kernel("BatchNormInference", version="opset5", layout="same", in_place=True)
def batch_norm_5(
    x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, variance: np.ndarray, *,
    epsilon: float, out: np.ndarray,
) -> None:  # fmt: skip
    _batch_norm(x, gamma, beta, mean, variance, epsilon, out)


# ---- mean and variance ----------------------------------------------------------------------------------------------
def mean_variance_axes(node: Node, axes: np.ndarray | None, rank: int) -> tuple[int, ...]:
    """The dimensions over which an MVN of any version averages."""
    attributes = node.attributes
    if axes is not None:
        return normal_axes(axes.reshape(-1).tolist(), rank, "MVN")
    if attributes["reduction_axes"] is not None:
        return normal_axes(attributes["reduction_axes"], rank, "MVN")
    return tuple(range(1 if attributes["across_channels"] else 2, rank))


def _like_output(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> int:
    """Scratch for one array like the output, in float32 at least."""
    elements = math.prod(outputs[0].shape.static_tuple() or ())
    return elements * max(4, outputs[0].type.host_dtype.itemsize)


@binder("MVN", scratch=_like_output)
def bind_mvn(call: Call) -> Step:
    x, out = call.inputs[0], call.outputs[0]
    assert x is not None
    given = call.inputs[1] if len(call.inputs) > 1 else None
    inside = call.attributes.get("eps_mode", "OUTSIDE_SQRT") == "INSIDE_SQRT"
    scaled, epsilon = call.attributes["normalize_variance"], call.attributes["eps"]
    if out.dtype.kind != "f":
        return lambda: _mvn_of_integers(
            x, mean_variance_axes(call.node, given, x.ndim), scaled, epsilon, inside, out
        )
    normalize = _Deviation(out.dtype, epsilon, inside) if scaled else None
    if given is not None and not call.constant[1]:
        squares = temporary(call.scratch, out)
        return lambda: _centre(
            x, mean_variance_axes(call.node, given, x.ndim), squares, normalize, out
        )
    axes = mean_variance_axes(call.node, given, x.ndim)
    trailing = axes == tuple(range(x.ndim - len(axes), x.ndim)) and bool(axes)
    if trailing and x.size and x.flags.c_contiguous and out.flags.c_contiguous:
        width = math.prod(x.shape[axes[0] :])
        return _bind_rows(x.reshape(-1, width), normalize, out.reshape(-1, width))
    return partial(_centre, x, axes, temporary(call.scratch, out), normalize, out)


class _Deviation:
    """Turns variances into reciprocal deviations, in place."""

    def __init__(self, dtype: np.dtype, epsilon: float, inside: bool) -> None:
        self.epsilon = dtype.type(epsilon)
        self.inside = inside

    def __call__(self, variance: np.ndarray) -> None:
        if self.inside:
            np.add(variance, self.epsilon, variance)
        np.sqrt(variance, variance)
        if not self.inside:
            np.add(variance, self.epsilon, variance)
        np.reciprocal(variance, variance)


def _bind_rows(x: np.ndarray, normalize: _Deviation | None, out: np.ndarray) -> Step:
    """Mean and variance of the rows of a matrix, which products with vectors compute fastest."""
    rows, width = x.shape
    average = np.full((width, 1), 1 / width, out.dtype)
    inverse_width = out.dtype.type(1 / width)
    row = np.empty((rows, 1), out.dtype)
    flat_row = row.reshape(rows)

    def step() -> None:
        np.matmul(x, average, row)
        np.subtract(x, row, out)
        if normalize is not None:
            np.vecdot(out, out, flat_row)
            np.multiply(row, inverse_width, row)
            normalize(row)
            np.multiply(out, row, out)

    return step


def _centre(
    x: np.ndarray,
    axes: tuple[int, ...],
    squares: np.ndarray,
    normalize: _Deviation | None,
    out: np.ndarray,
) -> None:
    row = np.mean(x, axis=axes, keepdims=True)
    np.subtract(x, row, out)
    if normalize is not None:
        np.multiply(out, out, squares)
        np.mean(squares, axis=axes, keepdims=True, out=row)
        normalize(row)
        np.multiply(out, row, out)


def _mvn_of_integers(
    x: np.ndarray,
    axes: tuple[int, ...],
    scaled: bool,
    epsilon: float,
    inside: bool,
    out: np.ndarray,
) -> None:
    result = x - np.mean(x, axis=axes, keepdims=True, dtype=np.float64)
    if scaled:
        variance = np.mean(np.square(result), axis=axes, keepdims=True)
        result /= np.sqrt(variance + epsilon) if inside else np.sqrt(variance) + epsilon
    np.copyto(out, np.trunc(result), casting="unsafe")


@kernel("NormalizeL2")
def normalize_l2(
    x: np.ndarray, axes: np.ndarray, *, eps: float, eps_mode: str, out: np.ndarray
) -> None:
    over = normal_axes(axes.reshape(-1).tolist(), x.ndim, "NormalizeL2")
    if not over:
        np.not_equal(x, 0, out=out, casting="unsafe")
        return
    total = np.sum(np.square(x, dtype=np.result_type(x, np.float32)), axis=over, keepdims=True)
    limit = total.dtype.type(eps)
    norm = np.sqrt(np.maximum(total, limit) if eps_mode == "max" else total + limit)
    np.divide(x, norm, out=out, casting="unsafe")


@kernel("LRN")
def lrn(
    x: np.ndarray,
    axes: np.ndarray,
    *,
    alpha: float,
    beta: float,
    bias: float,
    size: int,
    out: np.ndarray,
) -> None:
    over = normal_axes(axes.reshape(-1).tolist(), x.ndim, "LRN")
    total = np.square(x, dtype=np.result_type(x, np.float32))
    for axis in over:  # the window of a box is separable
        before = (size - 1) // 2
        padded = np.pad(
            total, [(before, size - 1 - before) if i == axis else (0, 0) for i in range(x.ndim)]
        )
        total = np.lib.stride_tricks.sliding_window_view(padded, size, axis=axis).sum(axis=-1)
    scale = alpha / size ** len(over)
    np.divide(x, np.power(bias + scale * total, beta), out=out, casting="unsafe")


@kernel("GroupNormalization")
def group_normalization(
    x: np.ndarray,
    scale: np.ndarray,
    bias: np.ndarray,
    *,
    num_groups: int,
    epsilon: float,
    out: np.ndarray,
) -> None:
    if not x.size:
        return
    grouped = x.reshape(x.shape[0], num_groups, -1)
    centred = grouped - grouped.mean(axis=2, keepdims=True)
    variance = np.square(centred).mean(axis=2, keepdims=True)
    centred /= np.sqrt(variance + variance.dtype.type(epsilon))
    channels = [-1 if axis == 1 else 1 for axis in range(x.ndim)]
    np.multiply(centred.reshape(x.shape), scale.reshape(channels), out)
    np.add(out, bias.reshape(channels), out)


@kernel("GRN")
def grn(x: np.ndarray, *, bias: float, out: np.ndarray) -> None:
    total = np.sum(np.square(x, dtype=np.result_type(x, np.float32)), axis=1, keepdims=True)
    np.divide(x, np.sqrt(total + total.dtype.type(bias)), out=out, casting="unsafe")


@kernel("RMS")
def rms(x: np.ndarray, gamma: np.ndarray | None = None, *, epsilon: float) -> np.ndarray:
    mean_square = np.mean(np.square(x), axis=-1, keepdims=True)
    result = x / np.sqrt(mean_square + mean_square.dtype.type(epsilon))
    return result if gamma is None else result * gamma
