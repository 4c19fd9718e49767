"""Questions about the usual dimensions of a layout, and the layouts of model ports."""

from __future__ import annotations

from typing import Any

from ovgpu.graph.arguments import incompatible_arguments
from ovgpu.graph.layout import Layout
from ovgpu.graph.port import ConstOutput, Output
from ovgpu.graph.special import Parameter, Result, port_layout


def _checked(function: str, layout: Layout, result: str) -> Layout:
    if not isinstance(layout, Layout):
        signature = f"(layout: ovgpu.Layout) -> {result}"
        raise incompatible_arguments(function, [signature], (layout,))
    return layout


def has_batch(layout: Layout) -> bool:
    """Whether the layout has a batch dimension, `N`."""
    return _checked("has_batch", layout, "bool").has_name("N")


def batch_idx(layout: Layout) -> int:
    """The position of `N`, negative when counted from the end. Raises RuntimeError without one."""
    return _checked("batch_idx", layout, "int").get_index_by_name("N")


def has_channels(layout: Layout) -> bool:
    """Whether the layout has a channels dimension, `C`."""
    return _checked("has_channels", layout, "bool").has_name("C")


def channels_idx(layout: Layout) -> int:
    """The position of `C`, negative when counted from the end. Raises RuntimeError without one."""
    return _checked("channels_idx", layout, "int").get_index_by_name("C")


def has_depth(layout: Layout) -> bool:
    """Whether the layout has a depth dimension, `D`."""
    return _checked("has_depth", layout, "bool").has_name("D")


def depth_idx(layout: Layout) -> int:
    """The position of `D`, negative when counted from the end. Raises RuntimeError without one."""
    return _checked("depth_idx", layout, "int").get_index_by_name("D")


def has_height(layout: Layout) -> bool:
    """Whether the layout has a height dimension, `H`."""
    return _checked("has_height", layout, "bool").has_name("H")


def height_idx(layout: Layout) -> int:
    """The position of `H`, negative when counted from the end. Raises RuntimeError without one."""
    return _checked("height_idx", layout, "int").get_index_by_name("H")


def has_width(layout: Layout) -> bool:
    """Whether the layout has a width dimension, `W`."""
    return _checked("has_width", layout, "bool").has_name("W")


def width_idx(layout: Layout) -> int:
    """The position of `W`, negative when counted from the end. Raises RuntimeError without one."""
    return _checked("width_idx", layout, "int").get_index_by_name("W")


def get_layout(port: Output | ConstOutput) -> Layout:
    """The layout of an input or output of a model; the empty layout when none was set.

    Raises:
        TypeError: `port` is no port.
    """
    if not isinstance(port, (Output, ConstOutput)):
        signatures = [
            "(port: ovgpu.Output) -> ovgpu.Layout",
            "(port: ovgpu.ConstOutput) -> ovgpu.Layout",
        ]
        raise incompatible_arguments("get_layout", signatures, (port,))
    return port_layout(port)


def set_layout(port: Output, layout: Layout) -> None:
    """Say what the dimensions of an input or output of a model are; the empty layout unsays it.

    Raises:
        TypeError: `port` is no port or `layout` no layout.
        RuntimeError: the port is that of another operation than Parameter and Result, or the
            layout does not fit its shape.
    """
    if not (isinstance(port, Output) and isinstance(layout, Layout)):
        signature = "(port: ovgpu.Output, layout: ovgpu.Layout) -> None"
        raise incompatible_arguments("set_layout", [signature], (port, layout))
    node: Any = port.get_node()
    if not isinstance(node, (Parameter, Result)):
        raise RuntimeError("Layout can be set only for Parameter and Result operations.")
    node.set_layout(layout)
