"""The graph as the CPU executes it, for ``CompiledModel.get_runtime_model``."""

from __future__ import annotations

from ovgpu.execution.program import Program
from ovgpu.graph.any import OVAny
from ovgpu.graph.model import Model
from ovgpu.graph.node import Node
from ovgpu.graph.port import Output
from ovgpu.graph.special import Parameter, Result
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import OpDeclaration


class ExecutionNode(Node):
    """One executed instruction (or a constant) with its measurements in ``rt_info``."""

    def __init__(self, sources: list[Output], values: list[Value]) -> None:
        self._values_given = values
        super().__init__(_DECLARATION, sources, {})

    def validate_and_infer_types(self) -> None:
        self._set_values(self._values_given)


def _infer(*inputs: Value) -> tuple[Value, ...]:
    """A node of the executed graph."""
    return inputs


_DECLARATION = OpDeclaration("ExecutionNode", 1, _infer, factory="", domain="ExecutionGraph")


def build_runtime_model(program: Program) -> Model:
    """A model of Parameter, ExecutionNode and Result nodes; it describes and cannot be compiled."""
    made: dict[int, Output] = {}
    parameters = []
    for number, port in zip(program.inputs, program.model.inputs, strict=True):
        value = program.tensors[number].value
        parameter = Parameter(value.type, value.shape)
        _describe(parameter, port.node.get_friendly_name(), "Parameter", [value], 0)
        parameters.append(parameter)
        made[number] = parameter.output(0)
    for number, info in enumerate(program.tensors):
        if info.constant is not None:
            node = ExecutionNode([], [info.value])
            _describe(node, f"Constant_{number}", "Const", [info.value], 0)
            made[number] = node.output(0)
    for order, instruction in enumerate(program.instructions, start=len(parameters)):
        values = [program.tensors[n].value for n in instruction.outputs]
        node = ExecutionNode([made[n] for n in instruction.inputs], values)
        _describe(
            node,
            instruction.name,
            instruction.node.get_type_name(),
            values,
            order,
            _origin(instruction.node),
        )
        made.update(zip(instruction.outputs, node.outputs(), strict=True))
    results = []
    last = len(program.instructions)
    for number, given in zip(program.outputs, program.model.get_results(), strict=True):
        result = Result(made[number])
        _describe(
            result, given.get_friendly_name(), "Result", [program.tensors[number].value], last
        )
        results.append(result)
    return Model(results, parameters, program.model.get_friendly_name())


def _origin(node: Node) -> str:
    """Names of the layers that were fused into ``node``, joined by commas."""
    if "fused_names" in node.rt_info:
        return str(node.rt_info["fused_names"].value)
    return node.get_friendly_name()


def _describe(
    node: Node,
    name: str,
    layer_type: str,
    values: list[Value],
    order: int,
    original: str | None = None,
) -> None:
    node.set_friendly_name(name)
    precision = values[0].type.to_string() if values else "undef"
    facts = {
        "execOrder": str(order),
        "execTimeMcs": "not_executed",
        "layerType": layer_type,
        "originalLayersNames": original if original is not None else name,
        "outputLayouts": ",".join("abcdefgh"[: v.rank or 0] or "x" for v in values),
        "outputPrecisions": ",".join(v.type.to_string().upper() for v in values),
        "primitiveType": f"numpy_{precision}",
        "runtimePrecision": precision,
    }
    for key, value in facts.items():
        node.rt_info[key] = OVAny(value)
