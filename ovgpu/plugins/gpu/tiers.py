"""Who will run each operation of a model, as far as that is known before shapes and data are."""

from __future__ import annotations

from collections.abc import Sequence

from ovgpu.graph.element_type import Type
from ovgpu.graph.model import Model
from ovgpu.graph.node import Node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.special import Constant, Parameter, Result
from ovgpu.graph.subgraph import SubgraphNode
from ovgpu.graph.value import Value
from ovgpu.passes.graph_editing import fused_names
from ovgpu.plugins.gpu.lowering import lower_model
from ovgpu.plugins.gpu.registry import find_lowering


def query_tiers(model: Model) -> dict[str, str]:
    """For each operation of ``model`` its tier in the lowered model, by friendly name.

    ``cuda``: kernels or a library on the device; ``host``: numpy, with copies there and back; ``plan``: arithmetic
    on shapes, which never reaches the device. Operations that leave nothing to do (parameters, constants, what is
    folded or absorbed when compiling) are missing.
    """
    tiers: dict[str, str] = {}
    for node in lower_model(model).get_ordered_ops():
        if isinstance(node, (Constant, Parameter, Result)):
            continue
        tier = _tier_of(node)
        for name in fused_names(node):
            if tiers.get(name) != "host":
                tiers[name] = tier
    return tiers


def _tier_of(node: Node) -> str:
    if isinstance(node, SubgraphNode):
        return "host"
    if node.get_type_name() in ("ReadValue", "Assign"):
        return "cuda"
    inputs = [source.value for source in node.input_values()]
    results = [output.value for output in node.outputs()]
    if any(v.type is Type.string for v in (*inputs, *results)):
        return "host"
    if all(v.elements is not None and not v.type.is_real() for v in results):
        return "plan"
    kernel = find_lowering(node)
    if kernel is None:
        return "host"
    largest = _at_bounds(inputs)
    if largest is None:
        return "cuda"
    try:
        outputs = node.declaration.infer_values(list(largest), node.attributes)
    except RuntimeError:
        return "cuda"  # bounds that each are possible need not be possible together
    if not all(v.is_static for v in outputs):
        return "cuda"  # planning reads the data that decide about the shape, and knows them then
    takes = kernel.takes(node, largest, outputs, lambda index: largest[index].known is not None)
    return "cuda" if takes else "host"


def _at_bounds(values: Sequence[Value]) -> list[Value] | None:
    """The values with their largest shapes; None when one has no bound."""
    found = []
    for value in values:
        sizes = value.upper_sizes
        if sizes is None:
            return None
        found.append(value if value.is_static else Value(value.type, PartialShape.of(sizes)))
    return found
