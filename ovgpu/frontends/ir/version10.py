"""What distinguishes models of IR version 10: operation names serve as tensor names, and types at the border are those
of the old inference API."""

from __future__ import annotations

from ovgpu.graph.element_type import Type
from ovgpu.graph.model import Model
from ovgpu.graph.node import make_node
from ovgpu.graph.port import Output
from ovgpu.graph.special import Result

_INTEGERS = frozenset({Type.i64, Type.u64, Type.i32, Type.u32})


def update_version_10(model: Model) -> None:
    """Name inputs and outputs after their operations and give them the types of the old API.

    Inputs of f16 become f32; outputs become i32 (64 and 32 bit integers) or f32. Conversions are inserted.
    """
    for result in model.get_results():
        source = result.input_value(0)
        names = source.names | {_operation_name(source)}
        wanted = Type.i32 if source.element_type in _INTEGERS else Type.f32
        if source.element_type is not wanted and source.element_type is not Type.string:
            source.set_names(source.names - names)
            converted = _convert(source, wanted)
            converted.node.set_friendly_name(source.node.get_friendly_name())
            result.input(0).replace_source_output(converted)
            source = converted
        source.add_names(names)
    for parameter in model.get_parameters():
        parameter.output(0).add_names({parameter.get_friendly_name()})
        if parameter.get_element_type() is Type.f16:
            targets = parameter.output(0).target_inputs
            parameter.set_element_type(Type.f32)
            parameter.validate_and_infer_types()
            converted = _convert(parameter.output(0), Type.f16)
            for target in targets:
                if not isinstance(target.get_node(), Result):
                    target.replace_source_output(converted)
    model.validate_nodes_and_infer_types()


def _operation_name(source: Output) -> str:
    name = source.node.get_friendly_name()
    return name if source.node.get_output_size() == 1 else f"{name}.{source.index}"


def _convert(source: Output, wanted: Type) -> Output:
    return make_node("Convert", [source], destination_type=wanted).output(0)
