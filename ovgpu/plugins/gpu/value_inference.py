"""What planning finds out about the outputs of instructions: their shapes, and elements that follow from shapes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ovgpu.execution.program import Instruction
from ovgpu.graph.element_type import Type
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
        #: What says how instructions infer: equal operations have the same.
        self._operations = [_operation(k, i) for k, i in enumerate(compiled.program.instructions)]

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
                self._operations[index],
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


def _operation(index: int, instruction: Instruction) -> Hashable:
    """Equal for instructions that infer the same from the same inputs."""
    attributes = dict(instruction.node.attributes)
    attributes.pop(
        "variable_id", None
    )  # which variable a cache belongs to has nothing to do with its sizes
    try:
        key = (
            id(instruction.node.declaration),
            tuple([(k, _frozen(v)) for k, v in attributes.items()]),
        )
        hash(key)
    except TypeError:
        return index
    return key


def _frozen(value: Any) -> Any:
    """An attribute as something that can be hashed. Raises TypeError when it cannot be."""
    if isinstance(value, (list, tuple)):
        return tuple([_frozen(v) for v in value])
    if isinstance(value, (bool, int, float, str, Type, np.generic)) or value is None:
        return type(value), value
    raise TypeError(type(value))
