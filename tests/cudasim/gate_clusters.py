"""Clusters whose generated kernels the static gate compiles: one of each kind that ``fuse_elementwise`` makes.

Each function below builds a graph; the GPU plugin's own pass fuses it and its own lowering writes the text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from cudasim.gate_sources import at_once, renamed

import ovgpu as ov
from ovgpu import opset13 as ops
from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.special import Parameter
from ovgpu.plugins.gpu.codegen import MAX_TENSORS
from ovgpu.plugins.gpu.context import storage_type
from ovgpu.plugins.gpu.fusion import MAX_STEPS, fuse_elementwise
from ovgpu.plugins.gpu.lower.fused import lower_cluster
from ovgpu.plugins.gpu.registry import DeviceTensor, Lowering

#: Nodes whose values leave the graph.
Graph = Callable[[], Sequence[Node]]

SHAPE = [2, 64, 128]


def real(shape: Sequence[int] = SHAPE, element_type: Type = Type.f32) -> Node:
    return ops.parameter(list(shape), element_type)


# ---- graphs -------------------------------------------------------------------------------------------------------
def scale_and_shift() -> Sequence[Node]:
    """Operands broadcast along the last dimension and others."""
    return [ops.relu(ops.add(ops.multiply(real(), real([128])), real([64, 1])))]


def gated() -> Sequence[Node]:
    x = real()
    return [ops.multiply(ops.multiply(x, ops.sigmoid(x)), real())]


def residual() -> Sequence[Node]:
    """The sum goes on beside what is computed of it."""
    total = ops.add(real(), ops.add(real(), real([128])))
    return [total, ops.gelu(total, "erf")]


def four_results() -> Sequence[Node]:
    x = ops.add(real(), real())
    y = ops.tanh(x)
    z = ops.exp(ops.multiply(y, real([128])))
    return [x, y, z, ops.subtract(z, x)]


def mask() -> Sequence[Node]:
    """Comparisons of positions choose between numbers."""
    rows, columns = (ops.parameter(shape, np.int64) for shape in ([64, 1], [128]))
    near = ops.less(ops.subtract(rows, columns), np.int64(32))
    seen = ops.logical_and(ops.greater_equal(rows, columns), near)
    return [
        ops.select(
            ops.logical_and(seen, ops.parameter([128], bool)), real([64, 128]), np.float32(-1e9)
        )
    ]


def booleans() -> Sequence[Node]:
    a, b, c = (ops.parameter(SHAPE, bool) for _ in range(3))
    return [ops.logical_or(ops.logical_not(a), ops.logical_xor(b, c))]


def integers() -> Sequence[Node]:
    x, y = (ops.parameter(SHAPE, np.int32) for _ in range(2))
    return [ops.maximum(ops.mod(ops.add(ops.multiply(x, y), np.int32(7)), np.int32(13)), y)]


def doubles() -> Sequence[Node]:
    x = real(element_type=Type.f64)
    return [ops.sqrt(ops.add(ops.multiply(x, x), np.float64(1)))]


def widths() -> Sequence[Node]:
    """One, four and eight bytes an element."""
    x = ops.convert(ops.parameter(SHAPE, np.uint8), Type.f32)
    return [ops.convert(ops.round(ops.multiply(x, real()), "half_to_even"), Type.i64)]


def quantised() -> Sequence[Node]:
    limits = [ops.constant(np.float32([[[low]]])) for low in (-1, 1, 0, 255)]
    x = ops.fake_quantize(ops.add(real(), real([64, 1])), *limits, 256)
    return [ops.convert(x, Type.u8)]


def channels() -> Sequence[Node]:
    """Operands that belong to dimension 1."""
    x = ops.batch_norm_inference(real(), *(real([64]) for _ in range(4)), 1e-5)
    return [ops.prelu(ops.multiply(x, np.float32(0.5)), real([64]))]


def unpacked(element_type: Type) -> Graph:
    """Packed numbers, their zero points and scales."""

    def graph() -> Sequence[Node]:
        shape = [64, 4, 32]
        codes = ops.convert(ops.parameter(shape, element_type), Type.f32)
        return [ops.multiply(ops.subtract(codes, real([64, 4, 1])), real([64, 4, 1]))]

    return graph


def most_steps() -> Sequence[Node]:
    """MAX_STEPS operations, those that need most registers among them."""
    x, y, z = real(), real(), real([128])
    for index in range(MAX_STEPS // 8):
        x = ops.multiply(ops.tanh(ops.add(x, y)), ops.exp(ops.multiply(x, z)))
        x = ops.add(ops.sigmoid(x), np.float32(index))
        x = ops.erf(x) if index % 2 else ops.softplus(x)
    return [x]


def most_inputs() -> Sequence[Node]:
    total = real()
    for _ in range(MAX_TENSORS - 2):
        total = ops.add(total, real())
    return [total]


def most_results() -> Sequence[Node]:
    values = [real(), real()]
    while len(values) < MAX_TENSORS:
        values.append(ops.add(*values[-2:]))
    return values[2:]


GRAPHS: dict[str, Graph] = {
    graph.__name__: graph
    for graph in (
        scale_and_shift, gated, residual, four_results, mask, booleans, integers, doubles, widths,
        quantised, channels, most_steps, most_inputs, most_results,
    )
} | {f"unpacked_{t.to_string()}": unpacked(t) for t in (Type.u4, Type.u3, Type.nf4, Type.f8e4m3)}  # fmt: skip


# ---- texts --------------------------------------------------------------------------------------------------------
class _TextOnly:
    """An encoder that keeps what a lowering launches."""

    def __init__(self) -> None:
        self.launched: list[tuple[str, str]] = []

    def launch(self, source: str, name: str, *rest: Any) -> None:
        self.launched.append((source, name))


def _on_device(output: Any, precision: Type) -> DeviceTensor:
    shape = output.value.shape.static_tuple()
    storage = storage_type(output.value.type, precision)
    return DeviceTensor(1 << 20, shape, output.value.type, storage)


def _parameters(results: Sequence[Node]) -> list[Parameter]:
    seen: dict[Node, None] = {}
    waiting = list(results)
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen[node] = None
            waiting += [source.node for source in node.input_values()]
    return [node for node in seen if isinstance(node, Parameter)]


def fused(name: str) -> Node:
    """The cluster that the GPU plugin makes of a graph. AssertionError if there are several, or it lacks a result."""
    leaving = GRAPHS[name]()
    # What leaves the cluster goes to operations that are none of its own.
    results = [ops.result(ops.reduce_max(value, np.int64([0]), False)) for value in leaving[:-1]]
    results.append(ops.result(leaving[-1]))
    model = ov.Model(results, _parameters(results), name)
    fuse_elementwise(model)
    cluster, *others = (
        n for n in model.get_ordered_ops() if n.get_type_name() == "ElementwiseCluster"
    )
    if others or cluster.get_output_size() != len(leaving):
        raise AssertionError(f"{name} does not become one kernel with {len(leaving)} results")
    return cluster


def cluster_text(name: str, precision: Type) -> str:
    """The text that the plugin generates for the cluster of a graph; its kernels are called ``cluster_NAME...``."""
    cluster = fused(name)
    encoder: Any = _TextOnly()
    inputs = [_on_device(source, precision) for source in cluster.input_values()]
    outputs = [_on_device(output, precision) for output in cluster.outputs()]
    lower_cluster(encoder, Lowering(cluster, inputs, outputs))
    ((source, function),) = encoder.launched
    return renamed(source, function, f"cluster_{name}")


def clusters() -> Sequence[str]:
    """A text for each precision, with the kernels of all graphs."""
    return [
        at_once(cluster_text(name, precision) for name in GRAPHS)
        for precision in (Type.f32, Type.f16, Type.bf16)
    ]
