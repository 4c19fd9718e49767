"""Small questions and edits that fusions share."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ovgpu.graph.any import OVAny
from ovgpu.graph.node import Node
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant, Result


def only_consumer(output: Output) -> Node | None:
    """The node that alone reads ``output``; None when several do, or a Result does."""
    targets = list(output.node._target_inputs(output.index))
    if len(targets) != 1 or isinstance(targets[0].get_node(), Result):
        return None
    return targets[0].get_node()


def constant_array(output: Output) -> np.ndarray | None:
    """Elements of an output that is a constant, else None."""
    node = output.node
    return node.host_array() if isinstance(node, Constant) else None


def other_operand(node: Node, operand: Output) -> tuple[int, Output] | None:
    """Index and source of the input of a binary node that is not ``operand``; None when both are."""
    first, second = node.input_value(0), node.input_value(1)
    if first == operand and second != operand:
        return 1, second
    if second == operand and first != operand:
        return 0, first
    return None


def per_channel(array: np.ndarray, rank: int, axis: int, size: int) -> np.ndarray | None:
    """``array`` as a vector of ``size`` when, broadcast to ``rank``, it varies along ``axis`` only; else None."""
    if array.ndim > rank:
        return None
    shape = (1,) * (rank - array.ndim) + array.shape
    if any(n != 1 for i, n in enumerate(shape) if i != axis) or shape[axis] not in (1, size):
        return None
    return np.broadcast_to(array.reshape(-1), (size,))


def replace_by(old: Node, new: Node, fused: Iterable[Node]) -> None:
    """Put ``new`` in the place of ``old``; it takes its name, and remembers the names of all fused nodes."""
    new.friendly_name = old.get_friendly_name()
    names = list(dict.fromkeys(n for node in fused for n in fused_names(node)))
    new.rt_info["fused_names"] = OVAny(",".join(names))
    for index, output in enumerate(old.outputs()):
        output.replace(new.output(index))


def feeds_quantization(node: Node) -> bool:
    """Whether a FakeQuantize reads the result, where the last bit decides between two levels.

    Sums are then rounded as in OpenVINO's kernels: one fused multiply-add after the other, by tap and input channel.
    """
    readers = [reader.get_node() for reader in node.output(0).get_target_inputs()]
    names = {reader.get_type_name() for reader in readers}
    for reader in readers:  # a cluster is made of several operations
        names.update(step.declaration.name for step in reader.attributes.get("steps", ()))
    return "FakeQuantize" in names


def fused_names(node: Node) -> list[str]:
    """Names of the layers of the original model that ``node`` stands for."""
    if "fused_names" in node.rt_info:
        stored = node.rt_info["fused_names"]
        return str(getattr(stored, "value", stored)).split(",")
    return [node.get_friendly_name()]
