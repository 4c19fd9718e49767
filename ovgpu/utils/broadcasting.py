"""Axes along which a tensor is broadcast."""

from __future__ import annotations

from ovgpu.graph.shape import AxisSet as AxisSet
from ovgpu.utils.types import TensorShape as TensorShape


def get_broadcast_axes(
    output_shape: TensorShape, input_shape: TensorShape, axis: int | None = None
) -> AxisSet:
    """The axes of ``output_shape`` that ``input_shape`` lacks.

    Args:
        output_shape: the shape after broadcasting.
        input_shape: the shape before.
        axis: where the input's first axis lies in the output; its last axes by default.

    Raises IndexError when the input does not fit at ``axis``.
    """
    start = len(output_shape) - len(input_shape) if axis is None else axis
    if start + len(input_shape) > len(output_shape):
        raise IndexError(f"{len(input_shape)} axes at {start} exceed a rank of {len(output_shape)}")
    covered = range(start, start + len(input_shape))
    return AxisSet({i for i in range(len(output_shape)) if i not in covered})
