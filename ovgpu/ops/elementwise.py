"""Elementwise arithmetic and activations."""

from __future__ import annotations

import operator
from typing import Literal

from ovgpu.graph.interval import Interval
from ovgpu.graph.partial_shape import PartialShape, broadcast_numpy
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import check, op
from ovgpu.ops.value_rules import each_pair, on_arrays

AutoBroadcast = Literal["none", "numpy", "pdpd"]


def broadcast_shapes(a: PartialShape, b: PartialShape, auto_broadcast: str) -> PartialShape:
    """Shape of an elementwise result. Raises OpError when the shapes do not fit."""
    if auto_broadcast == "none":
        from ovgpu.graph.partial_shape import merge

        merged = merge(a, b)
    else:
        merged = broadcast_numpy(a, b)
    check(merged is not None, f"Argument shapes are inconsistent: {a} and {b}")
    assert merged is not None
    return merged


def same_types(a: Value, b: Value) -> None:
    """Check that two arguments have one element type."""
    check(
        a.type.merge(b.type) is not None,
        "Arguments do not have the same element type "
        f"(arg0 element type: {a.type.to_string()}, arg1 element type: {b.type.to_string()}).",
    )


def _binary(a: Value, b: Value, auto_broadcast: str) -> Value:
    same_types(a, b)
    return Value(a.type.merge(b.type) or a.type, broadcast_shapes(a.shape, b.shape, auto_broadcast))


@op("Add", "1", factory="add(left_node, right_node, auto_broadcast='NUMPY')",
    python_names={"left_node": "a", "right_node": "b"},
    values=on_arrays(lambda a, b, *, auto_broadcast: a + b))  # fmt: skip
def add(a: Value, b: Value, *, auto_broadcast: Literal["none", "numpy", "pdpd"] = "numpy") -> Value:
    """Add-1: a + b."""
    return _binary(a, b, auto_broadcast)


@op("Maximum", "1", factory="maximum(left_node, right_node, auto_broadcast='NUMPY')",
    python_names={"left_node": "a", "right_node": "b"},
    values=on_arrays(lambda a, b, *, auto_broadcast: each_pair(Interval.maximum)(a, b)
                     if a.dtype == object else __import__("numpy").maximum(a, b)))  # fmt: skip
def maximum(a: Value, b: Value, *, auto_broadcast: Literal["none", "numpy", "pdpd"] = "numpy") -> Value:
    """Maximum-1: the larger of a and b."""
    return _binary(a, b, auto_broadcast)


@op("Relu", "1", factory="relu(node)", python_names={"node": "data"}, ir_names=("ReLU",))
def relu(data: Value) -> Value:
    """ReLU-1: max(x, 0)."""
    return Value(data.type, data.shape)


__all__ = ["add", "broadcast_shapes", "operator", "same_types"]
