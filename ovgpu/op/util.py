"""Variables, and the connections between loops or conditions and their bodies."""

from ovgpu.graph.subgraph_descriptions import (
    BodyOutputDescription,
    ConcatOutputDescription,
    InputDescription,
    InvariantInputDescription,
    MergedInputDescription,
    OutputDescription,
    SliceInputDescription,
)
from ovgpu.graph.variable import Variable, VariableInfo

__all__ = [
    "BodyOutputDescription",
    "ConcatOutputDescription",
    "InputDescription",
    "InvariantInputDescription",
    "MergedInputDescription",
    "OutputDescription",
    "SliceInputDescription",
    "Variable",
    "VariableInfo",
]
