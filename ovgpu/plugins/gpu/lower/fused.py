"""Clusters of elementwise operations: one generated kernel each (:mod:`ovgpu.plugins.gpu.fusion` makes them)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import OpDeclaration
from ovgpu.ops.fused import ClusterStep, cluster_values
from ovgpu.plugins.gpu import broadcasting, codegen
from ovgpu.plugins.gpu.codegen import Expression
from ovgpu.plugins.gpu.encoder import Encoder
from ovgpu.plugins.gpu.lower.elementwise import (
    COMPARISONS,
    aligned_operands,
    describe,
    is_factor,
    operand_inputs,
    takes_strides,
)
from ovgpu.plugins.gpu.registry import DeviceTensor, Lowering, lowers

_SHARED_STORAGE = (Type.f16, Type.bf16, Type.f32)


class StepNode:
    """A step of a cluster, with what :func:`describe` and :func:`align` ask of a node."""

    def __init__(self, step: ClusterStep, values: Sequence[Value], result: int) -> None:
        self.declaration: OpDeclaration = step.declaration
        self.attributes = step.attributes
        self._operands = [values[i] for i in step.operands]
        self._result = values[result]

    def get_input_size(self) -> int:
        return len(self._operands)

    def get_input_partial_shape(self, index: int) -> PartialShape:
        return self._operands[index].shape

    def get_output_element_type(self, index: int) -> Type:
        return self._result.type


def _storage(tensors: Sequence[DeviceTensor]) -> Type:
    """How the tensors of this cluster store f16, bf16 and f32; constants may be stored wider."""
    stored = (t.storage for t in tensors if t.type in _SHARED_STORAGE and not t.constant)
    return next(stored, Type.f32)


def _stays_wide(node: Node, index: int, shape: tuple[int, ...]) -> bool:
    steps: Sequence[ClusterStep] = node.attributes["steps"]
    compared = (s for s in steps if s.declaration.name in COMPARISONS)
    return is_factor(shape) and not any(index in step.operands for step in compared)


@lowers(
    "ElementwiseCluster",
    version="ovgpu",
    strided_inputs=range(codegen.MAX_TENSORS),
    strides_fit=takes_strides,
    wide_inputs=_stays_wide,
)
def lower_cluster(encoder: Encoder, op: Lowering) -> None:
    """One kernel; its text depends on the operations and their types alone."""
    inputs = [op.input(i) for i in range(len(op.inputs))]
    steps: Sequence[ClusterStep] = op.attributes["steps"]
    values = cluster_values(steps, [Value(t.type, PartialShape.of(t.shape)) for t in inputs])
    floats = _storage([*op.outputs, *inputs])
    shapes = [v.shape.static_tuple() or () for v in values]
    rank = len(op.outputs[0].shape)
    aligned: dict[int, tuple[int, ...]] = {}
    expressions = []
    for result, step in enumerate(steps, len(inputs)):
        node: Any = StepNode(step, values, result)
        description = describe(node)
        assert description is not None
        operands = tuple(step.operands[i] for i in operand_inputs(node, description))
        lined_up = aligned_operands(node, [shapes[i] for i in operands], shapes[result])
        for operand, shape in zip(operands, lined_up, strict=True):
            if operand < len(inputs):
                aligned.setdefault(operand, (1,) * (rank - len(shape)) + tuple(shape))
        element_type = values[result].type
        stored = floats if element_type in _SHARED_STORAGE else element_type
        expressions.append(Expression(description.formula, stored, operands, description.literals))
    kernel = codegen.emit(
        tuple(expressions), tuple(t.storage for t in inputs), tuple(op.attributes["results"])
    )
    pairs = [(tensor, aligned[i]) for i, tensor in enumerate(inputs)]
    broadcasting.launch(encoder, kernel, pairs, op.outputs)
