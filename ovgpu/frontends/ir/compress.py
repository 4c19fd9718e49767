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
#: Operations whose inputs from this one on are parameters: limits, scales, thresholds.
_PARAMETERS_FROM = {"FakeQuantize": 1, "HardSigmoid": 1, "Interpolate": 1, "NonMaxSuppression": 2}
#: A constant stays as it is when at least this share of its elements lies outside of f16.
_TOLERATED = 0.75


def compress_to_f16(model: Model) -> None:
    """Replace the real constants of ``model`` and of its bodies, in place.

    What f16 cannot hold becomes its largest number. Left alone are constants most of whose elements are outside of f16,
    parameters such as the limits of FakeQuantize, and small numbers that keep divisors from being 0.
    """
    nodes = model.get_ordered_ops()
    kept = _protected(nodes)
    for node in nodes:
        if isinstance(node, SubgraphNode):
            for body in node.body_models():
                compress_to_f16(body)
        elif (
            isinstance(node, Constant)
            and node.get_element_type() in (Type.f32, Type.f64)
            and node not in kept
            and not _mostly_outside(node.host_array())
        ):
            _compress(node)


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


def _mostly_outside(array: np.ndarray) -> bool:
    magnitude = np.abs(array)
    outside = (magnitude > _LARGEST) | ((magnitude < _SMALLEST) & (magnitude > 0))
    return array.size > 0 and int(np.count_nonzero(outside)) >= _TOLERATED * array.size


def _protected(nodes: list[Node]) -> set[Node]:
    """Constants whose precision decides more than their size."""
    kept: set[Node] = set()
    for node in nodes:
        name = node.get_type_name()
        if name in _PARAMETERS_FROM:
            kept.update(source.node for source in node.input_values()[_PARAMETERS_FROM[name] :])
        elif name == "Divide":
            kept.update(_guards(node.input_value(1).node))
        elif name == "Power" and _is_negative(node.input_value(1).node):
            kept.update(_guards(node.input_value(0).node))
    return kept


def _guards(divisor: Node) -> list[Node]:
    """The constant operands of a divisor like ``sqrt(x + eps)`` or ``max(x, eps)``."""
    if divisor.get_type_name() == "Sqrt":
        divisor = divisor.input_value(0).node
    if divisor.get_type_name() not in ("Add", "Maximum"):
        return []
    return [s.node for s in divisor.input_values() if isinstance(s.node, Constant)]


def _is_negative(node: Node) -> bool:
    return isinstance(node, Constant) and bool(np.all(node.host_array() < 0))
