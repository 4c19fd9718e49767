"""What planning finds out about the outputs of instructions: their shapes, and elements that follow from shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ovgpu.execution.program import Instruction
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.memo import PlanMemo
from ovgpu.plugins.gpu.variables import variable_of

if TYPE_CHECKING:
    from ovgpu.plugins.gpu.compiled import CompiledGpu
    from ovgpu.plugins.gpu.state import DeviceState


class ValueInference:
    """For one job: shapes of variables depend on what it has run before."""

    def __init__(
        self, compiled: CompiledGpu, memo: PlanMemo, states: Mapping[str, DeviceState]
    ) -> None:
        self._compiled = compiled
        self._memo = memo
        self._states = states

    def outputs(self, index: int, values: Mapping[int, Value]) -> tuple[Value, ...] | None:
        """Output values of one instruction for the values known while planning; None when data is needed."""
        instruction = self._compiled.program.instructions[index]
        name = instruction.node.get_type_name()
        if name == "ReadValue":
            return (self._variable(instruction, values),)
        if name == "Assign":
            return (values[instruction.inputs[0]],)
        if instruction.bodies:
            return None
        inputs = [values[n] for n in instruction.inputs]
        node = instruction.node
        try:
            return self._memo.infer(
                index,
                inputs,
                lambda: node.declaration.infer_values([*inputs], node.attributes),
            )
        except RuntimeError as error:
            raise RuntimeError(f"'{instruction.name}' failed: {error}") from error

    def _variable(self, instruction: Instruction, values: Mapping[int, Value]) -> Value:
        """What a ReadValue yields: the variable's value, or its initial one."""
        state = self._states[variable_of(instruction)]
        if state.shape is None and instruction.inputs:
            return Value(state.type, values[instruction.inputs[0]].shape)
        sizes = state.shape if state.shape is not None else state.smallest_shape
        return self._memo.value(state.type, sizes)

    def counted_outputs(
        self, instruction: Instruction, values: Mapping[int, Value], count: int | None
    ) -> Sequence[Value] | None:
        """Output values of an instruction that selects ``count`` elements, or for None the largest there can be.

        None when it has no lowering that counts them.
        """
        kernel = self._compiled.lowering(instruction)
        if kernel is None or kernel.counted is None:
            return None
        inputs = [values[n] for n in instruction.inputs]
        outputs = kernel.counted(instruction.node, inputs, count)
        return None if outputs is None else self._memo.unify(outputs)
