"""How the inputs and outputs of If, Loop and TensorIterator are connected with their bodies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ovgpu.graph.type_info import DiscreteTypeInfo


@dataclass(repr=False)
class _Description:
    def copy(self) -> Any:
        return replace(self)

    def get_type_info(self) -> DiscreteTypeInfo:
        return DiscreteTypeInfo(type(self).__name__, "util")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


@dataclass(repr=False)
class InputDescription(_Description):
    """Feeds input ``input_index`` of the node to parameter ``body_parameter_index`` of the body."""

    input_index: int = 0
    body_parameter_index: int = 0


@dataclass(repr=False)
class SliceInputDescription(InputDescription):
    """Every iteration gets the next slice of ``part_size`` along ``axis``.

    Slices lie between ``start`` and ``end`` (both included, negative ones count from the end); a negative ``stride``
    goes from ``start`` downwards.
    """

    start: int = 0
    stride: int = 1
    part_size: int = 1
    end: int = -1
    axis: int = 0


@dataclass(repr=False)
class MergedInputDescription(InputDescription):
    """The first iteration gets the input, every other one result ``body_value_index`` of the iteration before it."""

    body_value_index: int = 0


@dataclass(repr=False)
class InvariantInputDescription(InputDescription):
    """Every iteration gets the whole input."""


@dataclass(repr=False)
class OutputDescription(_Description):
    """Takes output ``output_index`` of the node from result ``body_value_index`` of the body."""

    body_value_index: int = 0
    output_index: int = 0


@dataclass(repr=False)
class BodyOutputDescription(OutputDescription):
    """The value of one iteration, -1 for the last."""

    iteration: int = -1


@dataclass(repr=False)
class ConcatOutputDescription(OutputDescription):
    """The values of all iterations, concatenated along ``axis``, in reverse order for a negative ``stride``."""

    start: int = 0
    stride: int = 1
    part_size: int = 1
    end: int = -1
    axis: int = 0
