"""Turning inputs and outputs, or the states of recurrent nodes, into variables of the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np

from ovgpu.graph.arguments import incompatible_arguments
from ovgpu.graph.model import Model
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant, Parameter, Result
from ovgpu.graph.state import Assign, ReadValue
from ovgpu.graph.subgraph import Loop, TensorIterator
from ovgpu.graph.subgraph_descriptions import (
    MergedInputDescription,
    SliceInputDescription,
)
from ovgpu.graph.variable import Variable, VariableInfo
from ovgpu.passes.base import ModelPass

#: Recurrent operations with their own loop: input and output positions of their states.
_SEQUENCE_STATES = {
    "LSTMSequence": ((1, 1), (2, 2)),
    "GRUSequence": ((1, 1),),
    "RNNSequence": ((1, 1),),
}

Pairs = Sequence[tuple[Parameter, Result]] | Mapping[str, str]


class MakeStateful(ModelPass):
    """Replaces inputs and the outputs that feed them back by variables.

    ``MakeStateful([(parameter, result), ...])`` or ``MakeStateful({input name: output name, ...})``. The variable is
    called after both, and starts with zeros.
    """

    def __init__(self, pairs_to_replace: Pairs | None = None, **names: Any) -> None:
        pairs = names.pop("param_res_names", pairs_to_replace)
        if names or not _are_pairs(pairs):
            raise incompatible_arguments(
                "__init__",
                [
                    "ovgpu.passes.MakeStateful(pairs_to_replace: Sequence[tuple[Parameter, Result]])",
                    "ovgpu.passes.MakeStateful(param_res_names: Mapping[str, str])",
                ],
                (pairs,),
            )
        self._pairs = cast(Pairs, pairs)

    def run_on_model(self, model: Model) -> bool:
        """Raises RuntimeError when a name is not that of an input or output."""
        for parameter, result, name in self._found(model):
            value = parameter._outputs[0].value
            variable = Variable(VariableInfo(value.shape, value.type, name))
            read = ReadValue(variable)
            parameter.output(0).replace(read.output(0))
            assign = Assign(result.input_value(0), variable)
            model.remove_parameter(parameter)
            model.remove_result(result)
            model.add_sinks([assign])
        return bool(self._pairs)

    def _found(self, model: Model) -> Iterator[tuple[Parameter, Result, str]]:
        if not isinstance(self._pairs, Mapping):
            for parameter, result in self._pairs:
                yield parameter, result, parameter.get_friendly_name() + result.get_friendly_name()
            return
        for parameter_name, result_name in self._pairs.items():
            yield (
                cast(Parameter, _named(model.get_parameters(), parameter_name, "Parameters")),
                cast(Result, _named(model.get_results(), result_name, "Results")),
                parameter_name + result_name,
            )


def _are_pairs(pairs: Any) -> bool:
    if isinstance(pairs, Mapping):
        return all(isinstance(k, str) and isinstance(v, str) for k, v in pairs.items())
    return isinstance(pairs, (list, tuple)) and all(
        isinstance(p, tuple)
        and len(p) == 2
        and isinstance(p[0], Parameter)
        and isinstance(p[1], Result)
        for p in pairs
    )


def _named(nodes: Sequence[Node], name: str, kind: str) -> Node:
    for node in nodes:
        if name in node.output(0).tensor._names:
            return node
    raise RuntimeError(
        f"The tensor name {name} is not associated with any of {kind} in the network."
    )


class LowLatency2(ModelPass):
    """Keeps the states of TensorIterator, Loop and the recurrent sequences between inferences.

    Nodes that run their body once are replaced by the body, so that a long sequence can be fed one step at a time.

    Args:
        use_const_initializer: start with zeros; otherwise with what was fed to the state so far.
    """

    def __init__(self, use_const_initializer: bool = True) -> None:
        self._zeros = bool(use_const_initializer)

    def run_on_model(self, model: Model) -> bool:
        changed = False
        for node in model.get_ordered_ops():
            if isinstance(node, (TensorIterator, Loop)):
                changed |= self._keep_body_states(model, node)
                if node.get_num_iterations() == 1:
                    _run_once(node)
                    changed = True
            else:
                states = _SEQUENCE_STATES.get(node.get_type_name(), ())
                for index, (position, output) in enumerate(states):
                    name = f"{node.get_friendly_name()}/variable_{index}"
                    self._keep(model, node, position, node.output(output), name)
                    changed = True
        if changed:
            model.validate_nodes_and_infer_types()
        return changed

    def _keep_body_states(self, model: Model, node: TensorIterator | Loop) -> bool:
        body, changed = node.get_function(), False
        for index, description in enumerate(node.get_input_descriptions()):
            if not isinstance(description, MergedInputDescription):
                continue
            parameter = body.get_parameters()[description.body_parameter_index]
            source = body.get_results()[description.body_value_index].input_value(0)
            final = node.get_iter_value(source, -1)
            name = f"{node.get_friendly_name()}/{parameter.get_friendly_name()}/variable_{index}"
            self._keep(model, node, description.input_index, final, name)
            changed = True
        return changed

    def _keep(self, model: Model, node: Node, position: int, state: Output, name: str) -> None:
        """Read input ``position`` of ``node`` from a variable, and store ``state`` in it."""
        initial = node.input_value(position)
        variable = Variable(VariableInfo(initial.partial_shape, initial.element_type, name))
        if self._zeros:
            zero = Constant.from_host(
                initial.element_type, np.zeros(1, initial.element_type.host_dtype)
            )
            shape = make_node("ShapeOf", [initial], 3)
            initial = make_node("Broadcast", [zero, shape], 3).output(0)
        node.input(position).replace_source_output(ReadValue(initial, variable).output(0))
        model.add_sinks([Assign(state, variable)])


def _run_once(node: TensorIterator | Loop) -> None:
    """Put the body of a node with one iteration in its place."""
    body = node.get_function()
    parameters, results = body.get_parameters(), body.get_results()
    for description in node.get_input_descriptions():
        source = node.input_value(description.input_index)
        if isinstance(description, SliceInputDescription):
            source = _only_slice(source, description)
        _feed(parameters[description.body_parameter_index], source)
    if isinstance(node, Loop):
        counter = node.get_special_body_ports()[0]
        if counter >= 0:
            parameter = parameters[counter]
            shape = parameter.get_partial_shape().static_tuple() or ()
            dtype = parameter.element_type.host_dtype
            _feed(
                parameter,
                Constant.from_host(parameter.element_type, np.zeros(shape, dtype)).output(0),
            )
    for given in node.get_output_descriptions():
        result = results[given.body_value_index]
        value = result.input_value(0)
        value.tensor.set_names(value.tensor.names - {result.get_friendly_name()})
        node.output(given.output_index).replace(value)


def _feed(parameter: Parameter, source: Output) -> None:
    for target in parameter.output(0).target_inputs:
        target.replace_source_output(source)


def _only_slice(source: Output, description: SliceInputDescription) -> Output:
    """The slice of the first iteration; the whole tensor when it is all of it."""
    axis = description.axis
    dimension = source.partial_shape.dims[axis]
    if dimension.is_static and dimension.get_length() == abs(description.part_size):
        return source
    start, size = description.start, abs(description.part_size)
    if description.stride < 0:
        start = start - size + 1
    end = start + size if start + size != 0 else np.iinfo(np.int64).max
    numbers = [Constant(np.array([v], dtype=np.int64)) for v in (start, end, 1, axis)]
    return make_node("Slice", [source, *numbers], 8).output(0)
