"""Layers with their bias and activation in one step, packed weights, and clusters of elementwise operations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ovgpu.graph.element_conversion import convert_elements
from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.special import Parameter
from ovgpu.graph.value import Value
from ovgpu.plugins.cpu.evaluate import evaluate
from ovgpu.plugins.cpu.kernels.convolution import bind_convolution, convolution_scratch
from ovgpu.plugins.cpu.kernels.epilogue import CHUNK, Activation, activation_of, make_epilogue
from ovgpu.plugins.cpu.kernels.matmul import bind_product
from ovgpu.plugins.cpu.kernels.windows import run_all
from ovgpu.plugins.cpu.registry import Call, Step, binder


def _scratch(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> int:
    return convolution_scratch(node, inputs, outputs)


@binder(
    "ConvolutionBiasActivation",
    "GroupConvolutionBiasActivation",
    layout="channels_last",
    scratch=_scratch,
)
def bind_fused_convolution(call: Call) -> Step:
    bias, residual = [*call.inputs[2:], None, None][:2]
    activation = activation_of(
        call.attributes["activations"], call.attributes["activation_parameters"]
    )
    if residual is None:
        return bind_convolution(call, bias, activation)
    return run_all([bind_convolution(call, bias), _finish(call.outputs[0], residual, activation)])


def _finish(out: np.ndarray, residual: np.ndarray, activation: Activation | None) -> Step:
    """Add a residual and activate; devices whose fusions ask for it do that in their own kernels."""

    def run() -> None:
        result = np.add(out, residual)
        if activation is not None:
            activation(result)
        np.copyto(out, result)

    return run


@binder("MatMulBiasActivation")
def bind_fused_matmul(call: Call) -> Step:
    bias, residual = [*call.inputs[2:], None, None][:2]
    activation = activation_of(
        call.attributes["activations"], call.attributes["activation_parameters"]
    )
    if residual is not None or call.attributes["gated"]:
        return _bind_product_with_residual(call, bias, residual, activation)
    multiply, result = bind_product(call)
    epilogue = make_epilogue(bias, activation)
    if epilogue is None or not result.size:
        return multiply
    rows = result.reshape(-1, result.shape[-1])
    # A few rows at a time, so that they are still in the cache when the activation reads them.
    count = max(1, CHUNK // rows.shape[1])
    blocks = [rows[start : start + count] for start in range(0, len(rows), count)]

    def run() -> None:
        multiply()
        for block in blocks:
            epilogue(block)

    return run


def _bind_product_with_residual(
    call: Call, bias: np.ndarray | None, residual: np.ndarray | None, activation: Activation | None
) -> Step:
    """Step by step, gated ones too; fusions for this device make neither."""
    a, b = call.inputs[:2]
    assert a is not None
    assert b is not None
    left = a.swapaxes(-1, -2) if call.attributes["transpose_a"] and a.ndim > 1 else a
    right = b.swapaxes(-1, -2) if call.attributes["transpose_b"] and b.ndim > 1 else b
    out = call.outputs[0]

    def run() -> None:
        result = np.matmul(left, right)
        if bias is not None:
            result += bias
        if residual is not None:
            result = result + residual
        np.copyto(
            out,
            _gate(result, activation)
            if call.attributes["gated"]
            else _activated(result, activation),
        )

    return run


def _activated(x: np.ndarray, activation: Activation | None) -> np.ndarray:
    if activation is not None:
        activation(x)
    return x


def _gate(product: np.ndarray, activation: Activation | None) -> np.ndarray:
    """activation(first half of the columns) * second half."""
    first, second = np.split(product, 2, axis=-1)
    return _activated(np.ascontiguousarray(first), activation) * second


@binder("LayerNorm", in_place=True)
def bind_layer_norm(call: Call) -> Step:
    x, gamma, beta = call.inputs
    assert x is not None
    assert gamma is not None
    assert beta is not None
    out = call.outputs[0]
    size = x.shape[-1]
    if not x.size:
        return lambda: None
    row = np.empty((*x.shape[:-1], 1), out.dtype)
    moments = row[..., 0]
    axes = "abcdefgh"[: x.ndim]
    squares = f"{axes},{axes}->{axes[:-1]}"
    count, epsilon = out.dtype.type(size), out.dtype.type(call.attributes["epsilon"])

    def run() -> None:
        np.add.reduce(x, axis=-1, keepdims=True, out=row)
        np.divide(row, count, row)
        np.subtract(x, row, out)
        np.einsum(squares, out, out, out=moments)
        np.divide(row, count, row)
        np.add(row, epsilon, row)
        np.sqrt(row, row)
        np.divide(out, row, out)
        np.multiply(out, gamma, out)
        np.add(out, beta, out)

    return run


def _unpacked(
    codes: np.ndarray, kind: Type, scale: np.ndarray, zero_point: np.ndarray | None
) -> np.ndarray:
    """The numbers (codes - zero_point) * scale as [O, I], for scales [O, groups]."""
    numbers = convert_elements(codes.reshape(*scale.shape, -1), kind, Type.f32)
    if zero_point is not None:
        numbers = numbers - zero_point[..., None].astype(np.float32)
    return (numbers * scale[..., None].astype(np.float32)).reshape(len(codes), -1)


@binder("CompressedMatMul")
def bind_compressed_matmul(call: Call) -> Step:
    data, weights, scale = call.inputs[:3]
    rest = dict(zip(call.attributes["operands"], call.inputs[3:]))
    zero_point, bias, residual = (rest.get(n) for n in ("zero_point", "bias", "residual"))
    activation = activation_of(
        call.attributes["activations"], call.attributes["activation_parameters"]
    )
    assert data is not None
    assert weights is not None
    assert scale is not None
    out = call.outputs[0]

    def unpack() -> np.ndarray:
        """Weights as [I, O]."""
        kind = call.node.input_value(1).value.type
        numbers = _unpacked(weights, kind, scale, zero_point)
        return np.ascontiguousarray(numbers.T.astype(out.dtype))

    constant = call.prepared("unpacked", unpack) if all(call.constant[1:]) else None

    def run() -> None:
        weights = unpack() if constant is None else constant
        if call.attributes["gated"]:
            np.copyto(out, _gate(np.matmul(data, weights), activation))
            return
        if residual is None:
            np.matmul(data, weights, out)
        else:
            np.copyto(out, np.matmul(data, weights) + residual)
        if bias is not None:
            np.add(out, bias, out)
        if activation is not None:
            activation(out)

    return run


@binder("CompressedGather")
def bind_compressed_gather(call: Call) -> Step:
    codes, indices, scale, zero_point = (*call.inputs, None)[:4]
    assert codes is not None
    assert indices is not None
    assert scale is not None
    out, kind = call.outputs[0], call.node.input_value(0).value.type
    dense = codes.reshape(len(codes), -1)

    def run() -> None:
        places = np.where(indices < 0, indices + len(codes), indices).reshape(-1)
        inside = (places >= 0) & (places < len(codes))
        rows = np.where(inside, places, 0)
        zeros = None if zero_point is None else zero_point[rows]
        numbers = _unpacked(dense[rows], kind, scale[rows], zeros)
        numbers[~inside] = 0
        np.copyto(out, numbers.reshape(out.shape), casting="unsafe")

    return run


# ---- clusters of elementwise operations -----------------------------------------------------------------------------
@binder("ElementwiseCluster", version="ovgpu")
def bind_cluster(call: Call) -> Step:
    """One operation after the other: only devices that compute a cluster at once gain by it."""
    arrays = [a for a in call.inputs if a is not None]
    values: list[Node] = [
        Parameter(node_output.get_element_type(), PartialShape.of(a.shape))
        for node_output, a in zip(call.node.input_values(), arrays, strict=True)
    ]
    first = len(values)
    for step in call.attributes["steps"]:
        operands = [values[i].output(0) for i in step.operands]
        values.append(Node(step.declaration, operands, step.attributes))

    def run() -> None:
        results = list(arrays)
        for node, step in zip(values[first:], call.attributes["steps"], strict=True):
            operands = [results[i] for i in step.operands]
            results += evaluate(node, operands, exact=False)
        for out, number in zip(call.outputs, call.attributes["results"], strict=True):
            np.copyto(out, results[number], casting="unsafe")

    return run
