"""Axes of reductions."""

from __future__ import annotations

from collections.abc import Iterable

from ovgpu.graph.node import Node as Node


def get_reduction_axes(node: Node, reduction_axes: Iterable[int] | None) -> Iterable[int]:
    """The axes as a set; None means all axes of the node's output."""
    if reduction_axes is None:
        return set(range(len(node.shape)))
    return reduction_axes if isinstance(reduction_axes, set) else set(reduction_axes)
