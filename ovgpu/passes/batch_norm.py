"""BatchNormInference with constant statistics becomes a multiplication and an addition, which other passes fold."""

from __future__ import annotations

import numpy as np

from ovgpu.graph.model import Model
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant
from ovgpu.passes.graph_editing import constant_array, replace_by


def decompose_batch_norm(model: Model) -> None:
    """Rewrite (x - mean) / sqrt(variance + epsilon) * gamma + beta as x * scale + shift."""
    for node in model.get_ordered_ops():
        if node.get_type_name() != "BatchNormInference":
            continue
        data, others = _operands(node)
        arrays = [constant_array(o) for o in others]
        rank = data.value.rank
        if rank is None or any(a is None for a in arrays):
            continue
        gamma, beta, mean, variance = (np.asarray(a, np.float64) for a in arrays)
        scale = gamma / np.sqrt(variance + node.attributes["epsilon"])
        shift = beta - mean * scale
        shape = (1, -1) + (1,) * (rank - 2)
        factors = [
            Constant.from_host(data.value.type, v.reshape(shape).astype(data.value.type.host_dtype))
            for v in (scale, shift)
        ]
        product = make_node("Multiply", [data, factors[0]])
        total = make_node("Add", [product, factors[1]])
        replace_by(node, total, [node])


def _operands(node: Node) -> tuple[Output, list[Output]]:
    """Data first, then gamma, beta, mean, variance: version 1 has gamma and beta before the data."""
    values = node.input_values()
    if node.get_type_info().version_id == "opset1":
        return values[2], [values[0], values[1], values[3], values[4]]
    return values[0], values[1:]
