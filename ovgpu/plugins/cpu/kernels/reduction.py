"""Reductions and cumulative sums on host arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ovgpu.ops.reduction import normal_axes
from ovgpu.plugins.cpu.registry import Call, Step, binder, kernel

#: ``reduce(x, axes, keep_dims, out)``
Reduce = Callable[[np.ndarray, tuple[int, ...], bool, np.ndarray], Any]


def _reduction(name: str) -> Callable[[Reduce], Reduce]:
    """Register a reduction; constant axes are read once, others at every run."""

    def register(reduce: Reduce) -> Reduce:
        def bind(call: Call) -> Step:
            x, axes = call.inputs
            assert x is not None
            assert axes is not None
            keep, out = call.attributes["keep_dims"], call.outputs[0]

            def current_axes() -> tuple[int, ...]:
                return normal_axes(axes.reshape(-1).tolist(), x.ndim, name)

            if call.constant[1]:
                return partial(reduce, x, current_axes(), keep, out)
            return lambda: reduce(x, current_axes(), keep, out)

        binder(name)(bind)
        return reduce

    return register


@_reduction("ReduceSum")
def reduce_sum(x: np.ndarray, axes: tuple[int, ...], keep_dims: bool, out: np.ndarray) -> None:
    np.add.reduce(x, axis=axes, out=out, keepdims=keep_dims, dtype=out.dtype)


@_reduction("ReduceProd")
def reduce_prod(x: np.ndarray, axes: tuple[int, ...], keep_dims: bool, out: np.ndarray) -> None:
    np.multiply.reduce(x, axis=axes, out=out, keepdims=keep_dims, dtype=out.dtype)


def _limits(dtype: np.dtype) -> tuple[Any, Any]:
    """The least and the greatest number: results of reducing nothing."""
    if dtype.kind == "f":
        return -np.inf, np.inf
    return np.iinfo(dtype).min, np.iinfo(dtype).max


@_reduction("ReduceMax")
def reduce_max(x: np.ndarray, axes: tuple[int, ...], keep_dims: bool, out: np.ndarray) -> None:
    initial = {} if x.size else {"initial": _limits(x.dtype)[0]}
    np.maximum.reduce(x, axis=axes, out=out, keepdims=keep_dims, **initial)


@_reduction("ReduceMin")
def reduce_min(x: np.ndarray, axes: tuple[int, ...], keep_dims: bool, out: np.ndarray) -> None:
    initial = {} if x.size else {"initial": _limits(x.dtype)[1]}
    np.minimum.reduce(x, axis=axes, out=out, keepdims=keep_dims, **initial)


@_reduction("ReduceMean")
def reduce_mean(x: np.ndarray, axes: tuple[int, ...], keep_dims: bool, out: np.ndarray) -> None:
    count = x.size // max(out.size, 1)
    if out.dtype.kind == "f":
        np.add.reduce(x, axis=axes, out=out, keepdims=keep_dims)
        if count:
            np.divide(out, out.dtype.type(count), out)
        return
    total = np.sum(x, axis=axes, keepdims=keep_dims, dtype=np.float64)
    np.copyto(out, np.trunc(total / max(count, 1)), casting="unsafe")


@_reduction("ReduceL1")
def reduce_l1(x: np.ndarray, axes: tuple[int, ...], keep_dims: bool, out: np.ndarray) -> None:
    np.add.reduce(np.abs(x), axis=axes, out=out, keepdims=keep_dims, dtype=out.dtype)


@_reduction("ReduceL2")
def reduce_l2(x: np.ndarray, axes: tuple[int, ...], keep_dims: bool, out: np.ndarray) -> None:
    if out.dtype.kind == "f":
        np.add.reduce(np.square(x), axis=axes, out=out, keepdims=keep_dims)
        np.sqrt(out, out)
        return
    total = np.sum(np.square(x.astype(np.float64)), axis=axes, keepdims=keep_dims)
    np.copyto(out, np.rint(np.sqrt(total)), casting="unsafe")


@_reduction("ReduceLogicalAnd")
def reduce_and(x: np.ndarray, axes: tuple[int, ...], keep_dims: bool, out: np.ndarray) -> None:
    np.logical_and.reduce(x, axis=axes, out=out, keepdims=keep_dims)


@_reduction("ReduceLogicalOr")
def reduce_or(x: np.ndarray, axes: tuple[int, ...], keep_dims: bool, out: np.ndarray) -> None:
    np.logical_or.reduce(x, axis=axes, out=out, keepdims=keep_dims)


@kernel("CumSum")
def cum_sum(
    x: np.ndarray, axis: np.ndarray, *, exclusive: bool, reverse: bool, out: np.ndarray
) -> None:
    (along,) = normal_axes(axis.reshape(-1).tolist(), x.ndim, "CumSum")
    source, target = np.moveaxis(x, along, 0), np.moveaxis(out, along, 0)
    if reverse:
        source, target = source[::-1], target[::-1]
    if exclusive:
        target[:1] = 0
        source, target = source[:-1], target[1:]
    np.cumsum(source, axis=0, out=target, dtype=out.dtype)
