"""A lowered model as a flat list of instructions over numbered tensors: what devices plan from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.model import Model
from ovgpu.graph.node import Node
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant, Parameter, Result
from ovgpu.graph.value import Value

#: Tensors whose upper bound is larger than this are planned by the shapes that really occur.
LARGEST_PLANNED_TENSOR = 1 << 31

#: Values with at most this many elements may be shape arithmetic: planning looks at their elements.
LARGEST_SHAPE_VALUE = 256

#: Operations that the executor runs itself, because they need bodies or variables.
SUBGRAPH_OPS = frozenset({"If", "Loop", "TensorIterator"})
STATE_OPS = frozenset({"ReadValue", "Assign"})


@dataclass(slots=True)
class TensorInfo:
    """One tensor of the program."""

    value: Value
    dtype: np.dtype[Any]
    constant: np.ndarray | None = None
    #: Bytes at the upper bounds of the shape; None when there is no (sensible) bound.
    bound: int | None = None

    @property
    def bound_sizes(self) -> tuple[int, ...] | None:
        """Sizes at the upper bounds of the shape; None as for ``bound``."""
        return self.value.upper_sizes if self.bound is not None else None


@dataclass(slots=True)
class Instruction:
    """One node of the program.

    ``kernel`` is what the program's ``find_kernel`` said; None for control flow and variables.
    """

    node: Node
    kernel: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    shared: dict[str, Any] = field(default_factory=dict)
    #: Body programs of control flow.
    bodies: tuple[Program, ...] = ()

    @property
    def name(self) -> str:
        return self.node.get_friendly_name()


def _is_settled(value: Value) -> bool:
    """Whether compilation found out all there is: small tensors may be arithmetic on sizes known only now."""
    shape = value.shape.static_tuple()
    if shape is None:
        return False
    return math.prod(shape) > LARGEST_SHAPE_VALUE or value.known is not None


def upper_bytes(value: Value, dtype: np.dtype[Any]) -> int | None:
    """Bytes of a tensor at its upper bounds, or None when it has none or they are absurd."""
    sizes = value.upper_sizes
    if sizes is None:
        return None
    nbytes = math.prod(sizes) * dtype.itemsize
    return nbytes if nbytes <= LARGEST_PLANNED_TENSOR else None


class Program:
    """Instructions in execution order, tensors, and which of them are inputs and outputs.

    Args:
        model: lowered for the device.
        find_kernel: what runs a node on the host; it raises for a node that cannot run.
        dtype_of: host dtype of tensors of an element type.
    """

    def __init__(
        self,
        model: Model,
        find_kernel: Callable[[Node], Any],
        dtype_of: Callable[[Type], np.dtype[Any]],
    ) -> None:
        self.model = model
        self._find_kernel, self._dtype_of = find_kernel, dtype_of
        self.tensors: list[TensorInfo] = []
        self.instructions: list[Instruction] = []
        self._numbers: dict[tuple[int, int], int] = {}
        self.inputs = [self._add(p.output(0)) for p in model.get_parameters()]
        for node in model.get_ordered_ops():
            self._lower(node)
        self.outputs = [self._numbers[_key(r.input_value(0))] for r in model.get_results()]
        self.last_use = self._last_uses()
        #: For tensors that an instruction makes, which one.
        self.producers = {n: i for i in self.instructions for n in i.outputs}
        #: State of the values that plans start from (shapes of constants never change).
        self.variables = {v.info.variable_id: v for v in model.get_variables()}

    @cached_property
    def settled(self) -> frozenset[int]:
        """Instructions whose results compilation has settled, as far as planning asks: the same in all plans."""
        return frozenset(
            index
            for index, instruction in enumerate(self.instructions)
            if all(_is_settled(self.tensors[n].value) for n in instruction.outputs)
        )

    def _add(self, output: Output) -> int:
        value = output.value
        dtype = self._dtype_of(value.type)
        number = len(self.tensors)
        self.tensors.append(TensorInfo(value, dtype, bound=upper_bytes(value, dtype)))
        self._numbers[_key(output)] = number
        return number

    def _lower(self, node: Node) -> None:
        if isinstance(node, (Parameter, Result)):
            return
        if isinstance(node, Constant):
            number = self._add(node.output(0))
            array = node.host_array()
            self.tensors[number].constant = array.astype(self.tensors[number].dtype, copy=False)
            return
        name = node.get_type_name()
        kernel = None
        bodies: tuple[Program, ...] = ()
        if name in SUBGRAPH_OPS:
            bodies = tuple(
                Program(body, self._find_kernel, self._dtype_of) for body in node.body_models()
            )
        elif name not in STATE_OPS:
            kernel = self._find_kernel(node)
        inputs = tuple(self._numbers[_key(s)] for s in node.input_values())
        outputs = tuple(self._add(o) for o in node.outputs())
        self.instructions.append(Instruction(node, kernel, inputs, outputs, bodies=bodies))

    def _last_uses(self) -> list[int]:
        """For each tensor the last instruction that reads it (-1: none; the end for outputs; 0 at least for inputs)."""
        last = [-1] * len(self.tensors)
        for number in self.inputs:
            last[number] = (
                0  # all inputs are written before anything runs: one that is not read has its place too
            )
        for index, instruction in enumerate(self.instructions):
            for number in (*instruction.inputs, *instruction.outputs):
                last[number] = index
        for number in self.outputs:
            last[number] = len(self.instructions)
        return last


def _key(output: Output) -> tuple[int, int]:
    return (id(output.node), output.index)
