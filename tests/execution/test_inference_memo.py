"""Values that are equal are one object, and inference is asked once for the same ones."""

from __future__ import annotations

import numpy as np

import ovgpu as ov
from ovgpu import opset16 as ops
from ovgpu.execution.inference_memo import InferenceMemo, operations_of
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.plugins.cpu.evaluate import host_program


def plain(*shape: int) -> Value:
    return Value(Type.f32, PartialShape.of(shape))


def test_equal_values_are_one_object():
    memo = InferenceMemo(range(3))
    first = memo.unify([plain(2, 4)])[0]
    assert memo.unify([plain(2, 4)])[0] is first
    assert memo.unify([plain(2, 5)])[0] is not first
    assert memo.unify([Value(Type.f16, PartialShape.of((2, 4)))])[0] is not first
    known = Value(Type.i64, PartialShape.of([2]), np.array([1, 2]))
    assert memo.unify([known])[0] is known
    again = Value(Type.i64, PartialShape.of([2]), np.array([1, 2]))
    assert memo.unify([again])[0] is known
    other = Value(Type.i64, PartialShape.of([2]), np.array([1, 3]))
    assert memo.unify([other])[0] is other


def test_inference_is_asked_once_for_the_same_inputs():
    memo, asked = InferenceMemo(range(3)), []

    def compute():
        asked.append(1)
        return (plain(2),)

    a, b = plain(1), plain(1)
    first = memo.infer(0, [a], compute)
    assert memo.infer(0, [a], compute) is first
    assert len(asked) == 1
    memo.infer(0, [b], compute)  # equal, and another object
    memo.infer(1, [a], compute)
    assert len(asked) == 3
    assert memo.infer(2, [a], lambda: None) is None


def layers() -> ov.Model:
    """Two equal layers, and one that differs in an attribute."""
    x = ops.parameter([-1, 8], np.float32)
    y = x
    for axis in (1, 1, 0):
        y = ops.softmax(ops.multiply(y, ops.constant(np.full((1, 8), 2, np.float32))), axis)
    return ov.Model([y], [x], "layers")


def test_equal_layers_ask_once():
    program = host_program(layers())
    memo, asked = InferenceMemo(operations_of(program)), []
    values = memo.constants(program)
    values[program.inputs[0]] = memo.value(Type.f32, (3, 8))
    for index, instruction in enumerate(program.instructions):
        inputs, node = [values[n] for n in instruction.inputs], instruction.node

        def compute(inputs=inputs, node=node):
            asked.append(node.get_type_name())
            return node.declaration.infer_values(list(inputs), node.attributes)

        outputs = memo.infer(index, inputs, compute)
        values.update(zip(instruction.outputs, outputs, strict=True))
    assert sorted(asked) == ["Multiply", "Softmax", "Softmax"]


def test_small_constants_that_are_equal_are_one_value():
    program = host_program(layers())
    memo = InferenceMemo(operations_of(program))
    constants = memo.constants(program)
    assert len(constants) == 3
    assert len({id(v) for v in constants.values()}) == 1
