"""Root mean square normalisation: its chain of elementary operations becomes one operation.

Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019).
"""

from __future__ import annotations

import numpy as np

from ovgpu.graph.model import Model
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant
from ovgpu.passes.graph_editing import (
    constant_array,
    only_consumer,
    other_operand,
    per_channel,
    replace_by,
)


def fuse_rms_norm(model: Model) -> None:
    """Fuse ``x / sqrt(mean(x^2) + epsilon) * gamma`` over the last axis, the forms that exporters write."""
    for node in model.get_ordered_ops():
        if node.get_type_name() == "ReduceMean":
            _fuse(node)


def _fuse(mean: Node) -> None:
    squared = mean.input_value(0)
    data = _root(squared)
    if data is None or not _over_last_axis(mean):
        return
    summed = _follower(mean, "Add")
    epsilon = None if summed is None else _other_number(summed, mean.output(0))
    if summed is None or epsilon is None:
        return
    fused = [squared.node, mean, summed]
    product = _quotient(summed, data, fused)
    if product is None:
        return
    inputs = [data]
    gamma = _factors(product)
    if gamma is not None:
        fused.append(gamma[0])
        element_type = product.output(0).value.type
        inputs.append(Constant.from_host(element_type, np.ascontiguousarray(gamma[1])).output(0))
    made = make_node("RMS", inputs, "ie_internal_opset", epsilon=epsilon)
    replace_by(fused[-1], made, fused)


def _root(squared: Output) -> Output | None:
    """What ``squared`` is the square of."""
    node = squared.node
    if not squared.value.type.is_real():
        return None
    if node.get_type_name() == "Power" and _number(node.input_value(1)) == 2:
        return node.input_value(0)
    if node.get_type_name() == "Multiply" and node.input_value(0) == node.input_value(1):
        return node.input_value(0)
    return None


def _over_last_axis(mean: Node) -> bool:
    rank, axes = mean.input_value(0).value.rank, constant_array(mean.input_value(1))
    if not mean.attributes["keep_dims"] or rank is None or axes is None or axes.size != 1:
        return False
    return int(axes.reshape(-1)[0]) % rank == rank - 1


def _quotient(summed: Node, data: Output, fused: list[Node]) -> Node | None:
    """The node that divides ``data`` by the root of ``summed``; the nodes on the way are added to ``fused``."""
    root = _follower(summed, "Sqrt")
    if root is None:
        inverse = _follower(summed, "Power")
        if inverse is None or _number(inverse.input_value(1)) != -0.5:
            return None
        fused.append(inverse)
    else:
        fused.append(root)
        quotient = _follower(root, "Divide")
        if quotient is None or quotient.input_value(1) != root.output(0):
            return None
        fused.append(quotient)
        if quotient.input_value(0) == data:
            return quotient
        if _number(quotient.input_value(0)) != 1:
            return None
        inverse = quotient
    product = _follower(inverse, "Multiply")
    found = None if product is None else other_operand(product, inverse.output(0))
    if product is None or found is None or found[1] != data:
        return None
    fused.append(product)
    return product


def _factors(product: Node) -> tuple[Node, np.ndarray] | None:
    """The only consumer of ``product`` and its factors, when it multiplies with a constant along the last axis."""
    follower = _follower(product, "Multiply")
    found = None if follower is None else other_operand(follower, product.output(0))
    array = None if found is None else constant_array(found[1])
    dims = product.output(0).value.dims
    if follower is None or array is None or dims[-1].is_dynamic:
        return None
    vector = per_channel(array, len(dims), len(dims) - 1, dims[-1].get_length())
    return None if vector is None else (follower, vector)


def _follower(node: Node, name: str) -> Node | None:
    """The only consumer of ``node`` when it is a ``name``."""
    found = only_consumer(node.output(0))
    return found if found is not None and found.get_type_name() == name else None


def _number(output: Output) -> float | None:
    """The value of a constant of one element."""
    array = constant_array(output)
    return float(array.reshape(-1)[0]) if array is not None and array.size == 1 else None


def _other_number(node: Node, operand: Output) -> float | None:
    found = other_operand(node, operand)
    return None if found is None else _number(found[1])
