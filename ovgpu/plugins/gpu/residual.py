"""Products and convolutions take over the tensor that is added to their result, and the activation behind the sum.

So a residual connection costs no launch of its own: the tensor is read where results are stored.
"""

from __future__ import annotations

import numpy as np

from ovgpu.graph import dimension as dimensions
from ovgpu.graph.element_type import Type
from ovgpu.graph.model import Model
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant
from ovgpu.graph.symbol import Symbol
from ovgpu.passes.graph_editing import only_consumer, other_operand, replace_by
from ovgpu.passes.layer_fusion import activation_step

#: Operations that store their results through kernels/epilogue.cuh, and what they are called with a residual.
_FUSED = {
    "Convolution": "ConvolutionBiasActivation",
    "GroupConvolution": "GroupConvolutionBiasActivation",
    "MatMul": "MatMulBiasActivation",
    "ConvolutionBiasActivation": "ConvolutionBiasActivation",
    "GroupConvolutionBiasActivation": "GroupConvolutionBiasActivation",
    "MatMulBiasActivation": "MatMulBiasActivation",
    "CompressedMatMul": "CompressedMatMul",
}

_FLOATS = (Type.f32, Type.f16, Type.bf16)


def mark_dimensions(model: Model) -> None:
    """Give every dynamic dimension of the inputs a symbol, so that equal ones are known as such everywhere."""
    for parameter in model.get_parameters():
        shape = parameter.get_partial_shape()
        if shape.rank.is_dynamic or shape.is_static:
            continue
        dims = [
            d
            if d.is_static or d.has_symbol()
            else dimensions.make(d.get_min_length(), d.get_max_length(), Symbol())
            for d in shape.dims
        ]
        parameter.set_partial_shape(PartialShape.of(dims))
    model.validate_nodes_and_infer_types()


def same_shape(one: Output, other: Output) -> bool:
    """Whether two tensors have one shape in every run, as far as is known."""
    first, second = one.value, other.value
    if first.rank is None or first.rank != second.rank:
        return False
    for a, b in zip(first.dims, second.dims, strict=True):
        if a.is_static and b.is_static:
            if a.get_length() != b.get_length():
                return False
        elif a.get_symbol() is None or a.get_symbol() != b.get_symbol():
            return False
    return True


def may_have_same_shape(one: Output, other: Output) -> bool:
    """Whether two tensors may well have one shape: nothing says that they differ, or that one is stretched."""
    first, second = one.value, other.value
    if first.rank is None or first.rank != second.rank:
        return False
    for a, b in zip(first.dims, second.dims, strict=True):
        if a.is_static or b.is_static:
            if a.is_dynamic or b.is_dynamic or a.get_length() != b.get_length():
                return False
        elif not a.compatible(b):
            return False
    return True


def fuse_residuals(model: Model) -> None:
    """Fuse additions of whole tensors into the products and convolutions before them."""
    for node in reversed(model.get_ordered_ops()):
        if node.get_type_name() == "Add":
            _fuse(node)


def _fuse(add: Node) -> None:
    for product in add.input_values():
        found = other_operand(add, product)
        if found is None or not _takes(product, found[1], add):
            continue
        fused = [product.node, add]
        activations: list[str] = []
        parameters: list[float] = []
        follower = only_consumer(add.output(0))
        step = None if follower is None else activation_step(follower)
        if follower is not None and step is not None:
            activations, parameters = [step[0]], step[1]
            fused.append(follower)
        made = _with_residual(product.node, found[1], activations, parameters)
        replace_by(fused[-1], made, fused)
        return


def _takes(product: Output, residual: Output, add: Node) -> bool:
    node = product.node
    name = node.get_type_name()
    return (
        name in _FUSED
        and only_consumer(product) is add
        and not node.attributes.get("activations")
        and product.value.type in _FLOATS
        and residual.value.type is product.value.type
        and (name == "CompressedMatMul" or node.get_input_size() <= 3)
        and "residual" not in node.attributes.get("operands", ())
        and not isinstance(residual.node, Constant)
        # Products compute broadcast sums too, on the host: where shapes are known only when planning, they are tried.
        and (may_have_same_shape if "MatMul" in name else same_shape)(product, residual)
    )


def _with_residual(
    node: Node, residual: Output, activations: list[str], parameters: list[float]
) -> Node:
    attributes = {
        **node.attributes,
        "activations": activations,
        "activation_parameters": parameters,
    }
    inputs = node.input_values()
    if node.get_type_name() == "CompressedMatMul":
        names = list(node.attributes["operands"])[: len(inputs) - 3]
        attributes["operands"] = [*names, "residual"]
        return make_node("CompressedMatMul", [*inputs, residual], "ovgpu", **attributes)
    if len(inputs) == 2:
        inputs.append(_no_bias(node))
    return make_node(_FUSED[node.get_type_name()], [*inputs, residual], "ovgpu", **attributes)


def _no_bias(node: Node) -> Output:
    """Zeros for the bias: inputs are told apart by their places."""
    out = node.output(0).value
    channels = out.dims[-1 if "MatMul" in node.get_type_name() else 1]
    size = channels.get_length() if channels.is_static else 1
    return Constant.from_host(out.type, np.zeros(size, out.type.host_dtype)).output(0)
