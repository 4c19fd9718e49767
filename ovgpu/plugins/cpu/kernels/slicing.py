"""Slice, StridedSlice, SliceScatter and Pad on host arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ovgpu.ops.padding import pad_array
from ovgpu.ops.slicing import slice_index, strided_slice_index
from ovgpu.plugins.cpu.registry import kernel, view


@view("Slice")
def slice_view(
    x: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    step: np.ndarray,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    return x[slice_index(x.shape, start, stop, step, axes)]


@kernel("Slice", native=True)
def slice_copy(
    x: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    step: np.ndarray,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    return slice_view(x, start, stop, step, axes)


@kernel("SliceScatter", native=True)
def slice_scatter(
    x: np.ndarray,
    updates: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    step: np.ndarray,
    axes: np.ndarray | None = None,
    *,
    out: np.ndarray,
) -> None:
    np.copyto(out, x)
    out[slice_index(x.shape, start, stop, step, axes)] = updates


def _strided(
    x: np.ndarray, begin: np.ndarray, end: np.ndarray, strides: np.ndarray | None, **masks: Any
) -> np.ndarray:
    index = strided_slice_index(x.shape, begin, end, strides, **masks)
    return x[
        index if Ellipsis in index else (*index, Ellipsis)
    ]  # with an ellipsis numpy returns a view, never a scalar


@view("StridedSlice")
def strided_slice_view(
    x: np.ndarray,
    begin: np.ndarray,
    end: np.ndarray,
    strides: np.ndarray | None = None,
    *,
    begin_mask: list[int],
    end_mask: list[int],
    new_axis_mask: list[int],
    shrink_axis_mask: list[int],
    ellipsis_mask: list[int],
) -> np.ndarray:
    return _strided(
        x,
        begin,
        end,
        strides,
        begin_mask=begin_mask,
        end_mask=end_mask,
        new_axis_mask=new_axis_mask,
        shrink_axis_mask=shrink_axis_mask,
        ellipsis_mask=ellipsis_mask,
    )


kernel("StridedSlice", native=True)(strided_slice_view)


@kernel("Pad", native=True, layout="same")
def pad(
    x: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    value: np.ndarray | None = None,
    *,
    pad_mode: str,
    out: np.ndarray,
) -> None:
    pad_array(x, before, after, value, pad_mode=pad_mode, out=out)
