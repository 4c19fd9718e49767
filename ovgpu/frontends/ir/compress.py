"""Halving weights when a model is saved: constants of f32 and f64 become f16, with a Convert back to their type."""

from __future__ import annotations

import numpy as np

from ovgpu.graph.element_conversion import convert_elements
from ovgpu.graph.element_type import Type
from ovgpu.graph.model import Model
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.special import Constant
from ovgpu.graph.subgraph import SubgraphNode

_LARGEST = 65504.0
_SMALLEST = 2.0**-24
#: A constant stays as it is when at least this share of its elements lies outside of f16.
_TOLERATED = 0.75


def compress_to_f16(model: Model) -> None:
    """Replace the real constants of ``model`` and of its bodies, in place.

    What f16 cannot hold becomes its largest number. Left alone are single numbers that f16 does not hold exactly (a
    small epsilon saves nothing and decides much), constants most of whose elements are outside of f16, the scales of
    Interpolate, and whole models that are quantized already.
    """
    nodes = model.get_ordered_ops()
    if any(_is_quantization(node) for node in nodes):
        return
    for node in nodes:
        if isinstance(node, SubgraphNode):
            for body in node.body_models():
                compress_to_f16(body)
        elif isinstance(node, Constant) and _is_worth_it(node):
            _compress(node)


def _is_quantization(node: Node) -> bool:
    """Whether ``node`` belongs to quantized activations or weights."""
    if node.get_type_name() == "FakeQuantize":
        return True
    if node.get_type_name() != "Convert" or not node.get_element_type().is_real():
        return False
    source = node.input_value(0)
    if not isinstance(source.node, Constant) or source.element_type.bitwidth > 8:
        return False
    users = [target.get_node() for target in node.output(0).target_inputs]
    return any(
        user.get_type_name() in ("Multiply", "Subtract")
        and all(_is_constant(v.node) for v in user.input_values())
        for user in users
    )


def _is_constant(node: Node) -> bool:
    """Whether ``node`` is a constant, converted perhaps."""
    return isinstance(node, Constant) or (
        node.get_type_name() == "Convert" and isinstance(node.input_value(0).node, Constant)
    )


def _is_worth_it(constant: Constant) -> bool:
    if constant.get_element_type() not in (Type.f32, Type.f64):
        return False
    array = constant.host_array()
    if array.size == 1:
        return bool(array.item() == convert_elements(array, Type.f64, Type.f16).item())
    if any(
        target.get_node().get_type_name() == "Interpolate" and target.get_index() > 0
        for target in constant.output(0).target_inputs
    ):
        return False
    magnitude = np.abs(array)
    outside = (magnitude > _LARGEST) | ((magnitude < _SMALLEST) & (magnitude > 0))
    return array.size == 0 or int(np.count_nonzero(outside)) < _TOLERATED * array.size


def _compress(constant: Constant) -> None:
    source = constant.get_element_type()
    values = np.clip(constant.host_array(), -_LARGEST, _LARGEST)  # NaN stays NaN
    compressed = Constant.from_host(Type.f16, convert_elements(values, source, Type.f16))
    name = constant.get_friendly_name()
    compressed.set_friendly_name(f"{name}_compressed")
    convert = make_node("Convert", [compressed], destination_type=source)
    convert.set_friendly_name(name)
    convert.rt_info["decompression_0"] = ""
    constant.output(0).replace(convert.output(0))
