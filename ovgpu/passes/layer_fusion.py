"""Convolutions and matrix products take over what follows them: scales, biases and activations.

Scales by constants disappear into the weights, additions of constants become the layer's bias, and an activation is
applied while the results are in the cache. The fused operations are declared in :mod:`ovgpu.ops.fused`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ovgpu.graph.model import Model
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant
from ovgpu.passes.graph_editing import (
    constant_array,
    only_consumer,
    other_operand,
    per_channel,
    replace_by,
)

#: Activations without parameters, by operation.
_PLAIN = {
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "HSwish": "hswish",
    "HSigmoid": "hsigmoid",
    "Mish": "mish",
    "SoftPlus": "softplus",
}


@dataclass
class _Layer:
    """A layer with constant weights and what was found after it."""

    node: Node
    filters: np.ndarray
    #: Axis of the output that the bias belongs to, and its size.
    axis: int
    channels: int
    rank: int
    scale: np.ndarray | None = None
    bias: np.ndarray | None = None
    activations: list[str] = field(default_factory=list)
    parameters: list[float] = field(default_factory=list)
    fused: list[Node] = field(default_factory=list)

    def activate(self, name: str, *parameters: float) -> None:
        """Append one step of the activation."""
        self.activations.append(name)
        self.parameters += parameters

    @property
    def last(self) -> Node:
        return self.fused[-1]


def fuse_layers(model: Model) -> None:
    """Fuse every convolution and matrix product of constant weights with its followers."""
    for node in model.get_ordered_ops():
        layer = _layer_of(node)
        if layer is None:
            continue
        layer.fused.append(node)
        while _absorb(layer):
            pass
        if len(layer.fused) > 1:
            replace_by(layer.last, _build(layer), layer.fused)
    model.validate_nodes_and_infer_types()


def _layer_of(node: Node) -> _Layer | None:
    name = node.get_type_name()
    if name not in ("Convolution", "GroupConvolution", "MatMul"):
        return None
    out = node.output(0).value
    filters = constant_array(node.input_value(1))
    if filters is None or filters.dtype not in (np.float32, np.float16) or out.rank is None:
        return None
    if node.input_value(0).value.type is not out.type or not out.type.is_real():
        return None
    if name == "MatMul":
        data = node.input_value(0).value
        if filters.ndim != 2 or data.rank is None or data.rank < 2:
            return None
        channels = filters.shape[0 if node.attributes["transpose_b"] else 1]
        return _Layer(node, filters, out.rank - 1, channels, out.rank)
    channels = filters.shape[0] * filters.shape[1] if name.startswith("Group") else filters.shape[0]
    return _Layer(node, filters, 1, channels, out.rank)


def _absorb(layer: _Layer) -> bool:
    """Take over the next node if it can be fused."""
    output = layer.last.output(0)
    follower = only_consumer(output)
    if follower is None:
        return False
    if follower.get_type_name() not in ("Add", "Subtract", "Multiply", "Divide"):
        return _absorb_activation(layer, follower)
    if layer.activations:
        return _absorb_scalar(layer, output, follower)
    return _absorb_constant(layer, output, follower)


def _absorb_scalar(layer: _Layer, output: Output, follower: Node) -> bool:
    """After an activation: a multiplication or an addition of one number."""
    found = other_operand(follower, output)
    array = None if found is None else constant_array(found[1])
    name = follower.get_type_name()
    if found is None or array is None or array.size != 1 or array.ndim > layer.rank:
        return False
    value = float(array.reshape(-1)[0])
    if name in ("Subtract", "Divide"):
        if found[0] == 0 or (name == "Divide" and value == 0):
            return False
        value = -value if name == "Subtract" else 1 / value
    layer.activate("shift" if name in ("Add", "Subtract") else "scale", value)
    layer.fused.append(follower)
    return True


def _absorb_constant(layer: _Layer, output: Output, follower: Node) -> bool:
    found = other_operand(follower, output)
    array = None if found is None else constant_array(found[1])
    if found is None or array is None or array.size == 0:
        return False
    index, name = found[0], follower.get_type_name()
    vector = per_channel(array, layer.rank, layer.axis, layer.channels)
    if vector is None or follower.output(0).value.type is not output.value.type:
        return False
    if name in ("Subtract", "Divide") and index == 0:  # constant - x, constant / x
        return False
    vector = vector.astype(np.float64)
    if name in ("Add", "Subtract"):
        shift = vector if name == "Add" else -vector
        layer.bias = shift if layer.bias is None else layer.bias + shift
    else:
        factor = vector if name == "Multiply" else 1.0 / vector
        if not np.isfinite(factor).all():
            return False
        layer.scale = factor if layer.scale is None else layer.scale * factor
        layer.bias = None if layer.bias is None else layer.bias * factor
    layer.fused.append(follower)
    return True


def _absorb_activation(layer: _Layer, follower: Node) -> bool:
    found = activation_step(follower)
    if found is None:
        return False
    layer.activate(found[0], *found[1])
    layer.fused.append(follower)
    return True


def activation_step(node: Node) -> tuple[str, list[float]] | None:
    """Name and parameters of the activation that a node computes of its first input; None when it is another kind."""
    name = node.get_type_name()
    attributes: dict[str, Any] = node.attributes
    if name in _PLAIN:
        return _PLAIN[name], []
    if name == "Clamp":
        return "clamp", [attributes["min"], attributes["max"]]
    if name == "Elu":
        return "elu", [attributes["alpha"]]
    if name == "Gelu":
        tanh = str(attributes.get("approximation_mode", "erf")).lower() == "tanh"
        return "gelu_tanh" if tanh else "gelu", []
    if name == "Swish":
        beta = np.float32(1) if node.get_input_size() == 1 else constant_array(node.input_value(1))
        return ("swish", []) if beta is not None and beta.size == 1 and float(beta) == 1 else None
    if name in ("PRelu", "HardSigmoid"):
        values = [constant_array(s) for s in node.input_values()[1:]]
        if any(v is None or v.size != 1 for v in values):
            return None
        numbers = [float(v.reshape(-1)[0]) for v in values if v is not None]
        return "leaky_relu" if name == "PRelu" else "hard_sigmoid", numbers
    return None


def _build(layer: _Layer) -> Node:
    """The fused node."""
    node = layer.node
    filters = layer.filters
    if layer.scale is not None:
        filters = (filters * _filter_scale(layer)).astype(filters.dtype)
    element_type = node.output(0).value.type
    weights = node.input_value(1)
    if layer.scale is not None:
        weights = Constant.from_host(weights.value.type, filters).output(0)
    inputs: list[Output] = [node.input_value(0), weights]
    if layer.bias is not None:
        bias = layer.bias.astype(element_type.host_dtype)
        inputs.append(Constant.from_host(element_type, np.ascontiguousarray(bias)).output(0))
    return make_node(
        f"{node.get_type_name()}BiasActivation",
        inputs,
        "ovgpu",
        **node.attributes,
        activations=layer.activations,
        activation_parameters=layer.parameters,
    )


def _filter_scale(layer: _Layer) -> np.ndarray:
    assert layer.scale is not None
    filters, scale = layer.filters, layer.scale
    if layer.node.get_type_name() == "MatMul":
        return scale[:, None] if layer.node.attributes["transpose_b"] else scale
    if layer.node.get_type_name() == "GroupConvolution":
        return scale.reshape(filters.shape[0], filters.shape[1], *(1,) * (filters.ndim - 2))
    return scale.reshape(-1, *(1,) * (filters.ndim - 1))
