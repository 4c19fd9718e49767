"""Variables that grow by a few rows with each inference become caches, which are extended where they lie.

Exporters write the keys and values of attention as ReadValue -> [Gather of the beams] -> Concat -> Assign.
"""

from __future__ import annotations

from ovgpu.graph.model import Model
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.port import Output
from ovgpu.graph.state import Assign, ReadValue
from ovgpu.passes.graph_editing import constant_array, replace_by


def fuse_caches(model: Model) -> None:
    """Replace the Concat that extends a variable by KeyValueCache."""
    assigns: dict[str, list[Assign]] = {}
    for node in model.get_ordered_ops():
        if isinstance(node, Assign):
            assigns.setdefault(node.variable_id, []).append(node)
    for found in assigns.values():
        if len(found) == 1:
            _fuse(found[0])


def _fuse(assign: Assign) -> None:
    concat = assign.input_value(0).node
    rank = concat.output(0).value.rank
    if concat.get_type_name() != "Concat" or concat.get_input_size() != 2 or not rank:
        return
    axis = concat.attributes["axis"] % rank
    past, update = concat.input_value(0), concat.input_value(1)
    if axis == 0 or not past.value.type.is_real() or past.value.type is not update.value.type:
        return
    fused: list[Node] = []
    beams: list[Output] = []
    if past.node.get_type_name() == "Gather":
        gather = past.node
        data, order, gathered = gather.input_values()
        number = constant_array(gathered)
        if (
            number is None
            or number.size != 1
            or int(number.reshape(-1)[0]) not in (0, -rank)
            or gather.attributes.get("batch_dims", 0) != 0
            or order.value.rank != 1
        ):
            return
        past, beams, fused = data, [order], [gather]
    if not isinstance(past.node, ReadValue) or past.node.variable_id != assign.variable_id:
        return
    made = make_node(
        "KeyValueCache",
        [past, update, *beams],
        "ovgpu",
        axis=axis,
        variable_id=assign.variable_id,
    )
    replace_by(concat, made, [*fused, concat])
