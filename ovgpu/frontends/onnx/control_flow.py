"""If, Loop and Scan: bodies become models; what they read from outside becomes an invariant input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ovgpu.frontends.onnx.graph_translation import GraphTranslator
from ovgpu.frontends.onnx.translation import OnnxOp, constant, known, make, translates
from ovgpu.graph.element_type import Type
from ovgpu.graph.model import Model
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import Output
from ovgpu.graph.special import Parameter, Result

if TYPE_CHECKING:
    from onnx import GraphProto


#: What a body's input holds where the body does not say it.
Hints = list[tuple[Type, PartialShape]]


def _body(
    op: OnnxOp, graph: GraphProto, hints: Hints | None = None
) -> tuple[GraphTranslator, list[Result]]:
    outer = op.graph
    named = dict(zip((info.name for info in graph.input), hints or ()))
    translator = GraphTranslator(
        outer.model, graph, outer.visible(), outer.prefix, outer.depth, named
    )
    translator.translate()
    results = [Result(translator.value(info.name)) for info in graph.output]
    return translator, results


def _loop_body(
    op: OnnxOp, graph: GraphProto, carried: list[Output]
) -> tuple[GraphTranslator, list[Result]]:
    """The body of a Loop, on shapes that hold in every iteration.

    Bodies often do not say the shapes of carried values, and many operators cannot be translated without a rank. What
    flows in first is the guess; where the body returns something else it is widened until it holds.
    """
    fixed: Hints = [(Type.i64, PartialShape([])), (Type.boolean, PartialShape([]))]
    shapes = [value.partial_shape for value in carried]
    while True:
        types = [value.value.type for value in carried]
        translator, results = _body(op, graph, [*fixed, *zip(types, shapes, strict=True)])
        returned = [r.input_value(0).partial_shape for r in results[1 : 1 + len(carried)]]
        widened = [_union(a, b) for a, b in zip(shapes, returned, strict=True)]
        if widened == shapes or all(
            info.type.tensor_type.HasField("shape") for info in graph.input[2:]
        ):
            return translator, results
        shapes = widened


def _union(known: PartialShape, returned: PartialShape) -> PartialShape:
    """The narrowest shape of dynamic dimensions that holds both."""
    if known.rank.is_dynamic or returned.rank.is_dynamic or len(known) != len(returned):
        return PartialShape.dynamic()
    return PartialShape([a if a == b else -1 for a, b in zip(known, returned)])


def _model(
    translator: GraphTranslator, results: list[Result], extra: list[Parameter] | None = None
) -> Model:
    parameters = [*translator.parameters, *translator.captured.values(), *(extra or [])]
    return Model(results, translator.sinks, parameters, translator.graph.name)


def _branch(op: OnnxOp, graph: GraphProto) -> tuple[Output, ...]:
    """The branch that is always taken, in place of the If. The other one may not even fit the shapes."""
    outer = op.graph
    inner = outer.branch(graph)
    for tensor in graph.initializer:
        inner.bind(tensor.name, inner._constant(tensor))
    for node in graph.node:
        inner.translate_node(node)
    return tuple(inner.value(info.name) for info in graph.output)


@translates("If")
def if_(op: OnnxOp) -> tuple[Output, ...]:
    from ovgpu.op import if_op

    condition = op.input(0)
    exact = known(condition)
    if exact is not None and exact.size == 1:
        return _branch(op, op.body("then_branch" if exact.item() else "else_branch"))
    if condition.value.rank not in (0, None):
        condition = make("reshape", condition, constant(np.empty(0, np.int64)), False)
    node = if_op(condition)
    bodies = [_body(op, op.body(name)) for name in ("then_branch", "else_branch")]
    models = [_model(*body) for body in bodies]
    node.set_then_body(models[0])
    node.set_else_body(models[1])
    names = dict.fromkeys(name for translator, _ in bodies for name in translator.captured)
    for name in names:
        node.set_input(
            op.graph.value(name), *(translator.captured.get(name) for translator, _ in bodies)
        )
    return tuple(
        node.set_output(then_result, else_result)
        for then_result, else_result in zip(bodies[0][1], bodies[1][1], strict=True)
    )


@translates("Loop")
def loop(op: OnnxOp) -> tuple[Output, ...]:
    from ovgpu.op import loop as loop_op

    trips, condition = op.optional(0), op.optional(1)
    trips = (
        constant(np.int64(-1))
        if trips is None
        else make("reshape", trips, constant(np.empty(0, np.int64)), False)
    )
    condition = constant(True) if condition is None else condition
    if condition.value.rank not in (0, None):
        condition = make("reshape", condition, constant(np.empty(0, np.int64)), False)
    graph = op.body("body")
    translator, results = _loop_body(op, graph, [op.input(i) for i in range(2, len(op.inputs))])
    node = loop_op(trips, condition)
    model = _model(translator, results)
    node.set_function(model)
    node.set_special_body_ports([0, 0])
    carried = len(op.inputs) - 2
    # The condition parameter of the body is fed back like every carried value.
    node.set_merged_input(translator.parameters[1], condition, results[0].input_value(0))
    for index in range(carried):
        source = op.input(2 + index)
        node.set_merged_input(
            translator.parameters[2 + index], source, results[1 + index].input_value(0)
        )
    for name, parameter in translator.captured.items():
        node.set_invariant_input(parameter, op.graph.value(name))
    outputs = [node.get_iter_value(results[1 + i].input_value(0), -1) for i in range(carried)]
    for result in results[1 + carried :]:
        stacked = make("unsqueeze", result.input_value(0), constant([0]))
        outputs.append(_concatenated(node, model, result, stacked, 0))
    return tuple(outputs)


def _concatenated(
    node: Any, model: Model, result: Result, value: Output, axis: int, stride: int = 1
) -> Output:
    """Collect ``value`` of every iteration along ``axis``."""
    result.input(0).replace_source_output(value)
    model.validate_nodes_and_infer_types()
    start, end = (0, -1) if stride > 0 else (-1, 0)
    return node.get_concatenated_slices(value, start, stride, 1, end, axis)


def _scan_hints(op: OnnxOp, states: int, axes: list[int]) -> Hints:
    """States as they are, scanned inputs without the scanned axis."""
    hints = []
    for index in range(len(op.inputs)):
        value = op.input(index)
        shape = value.partial_shape
        if index >= states and shape.rank.is_static:
            axis = axes[index - states] % len(shape)
            shape = PartialShape([d for i, d in enumerate(shape) if i != axis])
        hints.append((value.value.type, shape))
    return hints


@translates("Scan", since=9)
def scan(op: OnnxOp) -> tuple[Output, ...]:
    from ovgpu.op import tensor_iterator

    count = op.attribute("num_scan_inputs")
    states = len(op.inputs) - count
    axes = op.attribute("scan_input_axes", [0] * count)
    directions = op.attribute("scan_input_directions", [0] * count)
    graph = op.body("body")
    translator, results = _body(op, graph, _scan_hints(op, states, axes))
    node = tensor_iterator()
    scanned = []
    for index, parameter in enumerate(translator.parameters[states:]):
        # The body sees one slice without the scanned axis; a slice of ours keeps it with size 1.
        source = op.input(states + index)
        rank = source.value.rank
        axis = axes[index] % rank if rank is not None else axes[index]
        dims = list(source.value.dims)
        dims[axis] = type(dims[axis]).static(1)
        outer = Parameter(source.value.type, source.partial_shape.of(dims))
        outer.friendly_name = parameter.friendly_name
        parameter.output(0).replace(make("squeeze", outer.output(0), constant([axis])))
        scanned.append((outer, source, axis, directions[index]))
    translator.parameters[states:] = [outer for outer, *_ in scanned]
    model = _model(translator, results)
    node.set_body(model)
    for index in range(states):
        node.set_merged_input(
            translator.parameters[index], op.input(index), results[index].input_value(0)
        )
    for outer, source, axis, backwards in scanned:
        start, stride, end = (-1, -1, 0) if backwards else (0, 1, -1)
        node.set_sliced_input(outer, source, start, stride, 1, end, axis)
    for name, parameter in translator.captured.items():
        node.set_invariant_input(parameter, op.graph.value(name))
    outputs = [node.get_iter_value(results[i].input_value(0), -1) for i in range(states)]
    out_axes = op.attribute("scan_output_axes", [0] * (len(results) - states))
    out_directions = op.attribute("scan_output_directions", [0] * (len(results) - states))
    for result, axis, backwards in zip(results[states:], out_axes, out_directions, strict=True):
        rank = result.input_value(0).value.rank
        position = axis if axis >= 0 or rank is None else axis + rank + 1
        value = make("unsqueeze", result.input_value(0), constant([position]))
        outputs.append(_concatenated(node, model, result, value, position, -1 if backwards else 1))
    return tuple(outputs)
