"""Descriptions of the ports of bodies (Loop, TensorIterator, If)."""

from ovgpu.graph.subgraph_descriptions import InputDescription as InputDescription
from ovgpu.graph.subgraph_descriptions import OutputDescription as OutputDescription
