"""Putting one node in the place of another."""

from __future__ import annotations

from collections.abc import Sequence

from ovgpu.graph.arguments import incompatible_arguments
from ovgpu.graph.node import Node
from ovgpu.graph.port import Output

_REPLACE_NODE = [
    "(target: ovgpu.Node, replacement: ovgpu.Node) -> None",
    "(target: ovgpu.Node, replacement: collections.abc.Sequence[ovgpu.Output]) -> None",
    "(target: ovgpu.Node, replacement: ovgpu.Node, outputs_order: collections.abc.Sequence[int]) -> None",
]


def replace_node(
    target: Node, replacement: Node | Sequence[Output], outputs_order: Sequence[int] | None = None
) -> None:
    """Let all consumers of ``target`` read ``replacement`` instead.

    Args:
        target: the node to take out of the graph.
        replacement: a node, or one output for each of the target's.
        outputs_order: for each output of ``target``, the index of the replacement's output; in order by default.

    Raises:
        TypeError: the arguments are of other types.
        RuntimeError: the numbers of outputs differ.
    """
    if not isinstance(target, Node) or not isinstance(replacement, Node | Sequence):
        raise incompatible_arguments("replace_node", _REPLACE_NODE, (target, replacement))
    if isinstance(replacement, Node):
        order = range(replacement.get_output_size()) if outputs_order is None else outputs_order
        outputs = [replacement.output(i) for i in order]
        if target.get_type_name() == "Result" or replacement.get_type_name() == "Result":
            raise RuntimeError("Result nodes cannot be replaced or replace other nodes")
    else:
        outputs = list(replacement)
    if len(outputs) != target.get_output_size():
        raise RuntimeError(
            f"Cannot replace node {target.get_friendly_name()} with {target.get_output_size()} outputs by "
            f"{len(outputs)} outputs"
        )
    for old, new in zip(target.outputs(), outputs, strict=True):
        old.replace(new)


def replace_output_update_name(output: Output, target_output: Output) -> bool:
    """Let all consumers of ``output`` read ``target_output``, which takes over the name of the node it replaces.

    Returns False, changing nothing, where a model output would lose its name: when ``output`` feeds a Result and
    ``target_output`` belongs to a Parameter or to a node that feeds a Result of its own.
    """
    node, source = output.get_node(), target_output.get_node()
    feeds_result = any(i.get_node().get_type_name() == "Result" for i in output.get_target_inputs())
    if feeds_result:
        if source.get_type_name() == "Parameter" or source.get_output_size() != 1:
            return False
        if any(i.get_node().get_type_name() == "Result" for i in target_output.get_target_inputs()):
            return False
        source.set_friendly_name(node.get_friendly_name())
    output.replace(target_output)
    return True
