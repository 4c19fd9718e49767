"""A sum that is scaled afterwards becomes a mean, which stays in the range of its elements.

Exporters write the mean over many elements as ``ReduceSum(x) * (1 / n)``. Where results are kept in f16 between
operations, the sum overflows at 65504 while the mean would be small.
"""

from __future__ import annotations

import math

import numpy as np

from ovgpu.graph.model import Model
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant
from ovgpu.passes.graph_editing import constant_array, only_consumer, other_operand, replace_by


def restore_means(model: Model) -> bool:
    """Replace ``ReduceSum(x) * c`` for a number ``c`` below 1 by ``ReduceMean(x) * (c * n)``.

    ``n`` is the number of elements of a sum, which must be known. Returns whether there were any.
    """
    changed = False
    for node in model.get_ordered_ops():
        if node.get_type_name() == "ReduceSum":
            changed |= _restore(node)
    return changed


def _restore(total: Node) -> bool:
    output = total.output(0)
    scaled = only_consumer(output)
    count = _count(total)
    if scaled is None or count is None or not output.value.type.is_real():
        return False
    factor = _factor(scaled, output)
    if factor is None or not 0 < abs(factor) < 1:
        return False
    mean = make_node("ReduceMean", total.input_values(), **total.attributes)
    rest = factor * count
    element_type = output.value.type
    if math.isclose(rest, 1, rel_tol=1e-6):
        replace_by(scaled, mean, [total, scaled])
        return True
    mean.friendly_name = total.get_friendly_name()
    number = Constant.from_host(element_type, np.array(rest, element_type.host_dtype))
    replace_by(scaled, make_node("Multiply", [mean, number]), [total, scaled])
    return True


def _count(total: Node) -> int | None:
    """Elements of each sum, when they are known and there are any."""
    axes, data = constant_array(total.input_value(1)), total.input_value(0).value
    if axes is None or data.rank is None:
        return None
    dims = [data.dims[int(axis)] for axis in axes.reshape(-1)]
    if not dims or any(d.is_dynamic for d in dims):
        return None
    return math.prod(d.get_length() for d in dims) or None


def _factor(scaled: Node, total: Output) -> float | None:
    """The number that a node multiplies ``total`` by without changing its shape."""
    name = scaled.get_type_name()
    found = other_operand(scaled, total) if name in ("Multiply", "Divide") else None
    array = None if found is None else constant_array(found[1])
    if found is None or array is None or array.size != 1 or array.ndim > (total.value.rank or 0):
        return None
    value = float(array.reshape(-1)[0])
    if name == "Multiply":
        return value
    return 1 / value if found[0] == 1 and value else None
