"""Activations that frameworks export as arithmetic become the operation they are: Swish, HSwish, HSigmoid, Gelu."""

from __future__ import annotations

import math

import numpy as np

from ovgpu.graph.model import Model
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.port import Output
from ovgpu.passes.graph_editing import constant_array, only_consumer, replace_by


def restore_activations(model: Model) -> None:
    """Replace arithmetic that is a known activation."""
    for node in model.get_ordered_ops():
        name = node.get_type_name()
        if name == "Multiply":
            _restore_swish(node) or _restore_hswish(node) or _restore_gelu(node)
        elif name == "Divide":
            _restore_hswish(node)


def _scalar(output: Output) -> float | None:
    """The number that a constant of one element holds."""
    array = constant_array(output)
    return None if array is None or array.size != 1 else float(array.reshape(-1)[0])


def _with_scalar(node: Node, *names: str) -> tuple[Output, float] | None:
    """Operand and constant of a binary node of one of these names with a one-element constant."""
    if node.get_type_name() not in names:
        return None
    first, second = node.input_value(0), node.input_value(1)
    value = _scalar(second)
    if value is not None:
        return first, value
    value = _scalar(first)
    if value is None or node.get_type_name() in ("Divide", "Subtract"):
        return None
    return second, value


def _close(value: float, wanted: float) -> bool:
    return math.isclose(value, wanted, rel_tol=1e-4)


def _factor(node: Node, wanted: float) -> Output | None:
    """What ``node`` multiplies by ``wanted`` (or divides by its reciprocal)."""
    found = _with_scalar(node, "Multiply", "Divide")
    if found is None:
        return None
    operand, value = found
    divides = node.get_type_name() == "Divide"
    return operand if _close(1 / value if divides and value else value, wanted) else None


def _restore_swish(node: Node) -> bool:
    """x * sigmoid(x)"""
    for index in (0, 1):
        sigmoid, x = node.input_value(index), node.input_value(1 - index)
        if sigmoid.node.get_type_name() == "Sigmoid" and sigmoid.node.input_value(0) == x:
            if only_consumer(sigmoid) is not node:
                return False
            replace_by(node, make_node("Swish", [x]), [sigmoid.node, node])
            return True
    return False


def _relu6_of_shifted(output: Output) -> Output | None:
    """``x`` when ``output`` is min(max(x + 3, 0), 6)."""
    clamp = output.node
    if clamp.get_type_name() != "Clamp" or (clamp.attributes["min"], clamp.attributes["max"]) != (
        0.0,
        6.0,
    ):
        return None
    shifted = clamp.input_value(0)
    found = _with_scalar(shifted.node, "Add")
    alone = only_consumer(shifted) is clamp
    return found[0] if found is not None and alone and _close(found[1], 3.0) else None


def _restore_hswish(node: Node) -> bool:
    """x * relu6(x + 3) / 6 in any order of multiplication and division, or only relu6(x + 3) / 6."""
    sixth = _factor(node, 1 / 6)
    if sixth is not None:
        x = _relu6_of_shifted(sixth)
        if x is not None and only_consumer(sixth) is node:  # relu6(x + 3) / 6
            replace_by(node, make_node("HSigmoid", [x]), [sixth.node, node])
            return True
        product = sixth.node
        if product.get_type_name() != "Multiply" or only_consumer(sixth) is not node:
            return False
        for index in (0, 1):
            x = _relu6_of_shifted(product.input_value(index))
            if x is not None and x == product.input_value(1 - index):
                replace_by(node, make_node("HSwish", [x]), [product, node])
                return True
        return False
    for index in (0, 1):
        gate, x = node.input_value(index), node.input_value(1 - index)
        if gate.node.get_type_name() == "HSigmoid" and gate.node.input_value(0) == x:
            if only_consumer(gate) is not node:
                return False
            replace_by(node, make_node("HSwish", [x]), [gate.node, node])
            return True
    return False


def _restore_gelu(node: Node) -> bool:
    """x * (1 + erf(x / sqrt(2))) * 0.5 in any order of the multiplications."""
    parts = _factors(node)
    numbers = [p for p in parts if isinstance(p, float)]
    outputs = [p for p in parts if not isinstance(p, float)]
    if len(outputs) != 2 or not _close(float(np.prod(numbers)) if numbers else 1.0, 0.5):
        return False
    for index in (0, 1):
        x, bell = outputs[1 - index], outputs[index]
        found = _with_scalar(bell.node, "Add")
        if found is None or not _close(found[1], 1.0) or found[0].node.get_type_name() != "Erf":
            continue
        scaled = found[0].node.input_value(0)
        if _factor(scaled.node, math.sqrt(0.5)) == x:
            replace_by(
                node, make_node("Gelu", [x], approximation_mode="erf"), [found[0].node, node]
            )
            return True
    return False


def _factors(node: Node) -> list[Output | float]:
    """The factors of a product of up to three, constants of one element as numbers."""
    result: list[Output | float] = []
    for source in node.input_values():
        number = _scalar(source)
        if number is not None:
            result.append(number)
        elif source.node.get_type_name() == "Multiply" and only_consumer(source) is node:
            inner = [_scalar(s) for s in source.node.input_values()]
            result += [
                s if n is None else n
                for s, n in zip(source.node.input_values(), inner, strict=True)
            ]
        else:
            result.append(source)
    return result
