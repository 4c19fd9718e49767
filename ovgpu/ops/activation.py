"""Activation functions."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from ovgpu.graph.interval import Interval
from ovgpu.graph.node import Node
from ovgpu.graph.special import Constant
from ovgpu.graph.value import Value
from ovgpu.ops.broadcasting import check_real, single_rule
from ovgpu.ops.declaration import check, op
from ovgpu.ops.elementwise import declare_unary
from ovgpu.ops.factory import as_output, custom_factory
from ovgpu.ops.registry import registry

Approximation = Literal["ERF", "TANH"]

_POSITIVE_PART = single_rule(lambda x: np.maximum(x, x.dtype.type(0)), lambda x: x.maximum(0))

declare_unary("Relu", "1", "relu(node)", "max(x, 0)", _POSITIVE_PART)
declare_unary("Sigmoid", "1", "sigmoid(data)", "1 / (1 + e^-x)")
declare_unary("HSwish", "4", "hswish(data)", "x min(max(x + 3, 0), 6) / 6")
declare_unary("HSigmoid", "5", "hsigmoid(data)", "min(max(x + 3, 0), 6) / 6")
declare_unary("Mish", "4", "mish(data)", "x tanh(ln(1 + e^x))", real=True)
declare_unary("SoftPlus", "4", "softplus(data)", "ln(1 + e^x)", real=True)
declare_unary("SoftSign", "9", "softsign(node)", "x / (1 + |x|)", real=True)
declare_unary("Gelu", "2", "gelu(node)", "x times the normal distribution function of x", real=True)


@op("Gelu", "7", factory="gelu(data, approximation_mode)")
def gelu_7(data: Value, *, approximation_mode: Approximation = "ERF") -> Value:
    """Gelu-7: x times the normal distribution function of x, exact (``ERF``) or by the tanh formula (``TANH``)."""
    check_real(data.type, "Gelu")
    return Value(data.type, data.shape)


def _clamp_values(data: Value, *, min: float, max: float) -> Any:
    low, high = min, max
    if data.type.is_integral():
        low, high = (
            math.ceil(low) if low > -math.inf else low,
            math.floor(high) if high < math.inf else high,
        )
    return single_rule(
        lambda x: (
            np.clip(x, low, high)
            if x.dtype.kind == "f"
            else np.clip(x.astype(np.float64), low, high)
        ),
        lambda x: x.maximum(low).minimum(high) if isinstance(x, Interval) else None,
    )(data)


@op("Clamp", "1", factory="clamp(data, min_value, max_value)",
    python_names={"min_value": "min", "max_value": "max"}, values=_clamp_values)  # fmt: skip
def clamp(data: Value, *, min: float, max: float) -> Value:
    """Clamp-1: every element limited to [min, max], of which integers take ceil(min) and floor(max)."""
    check(data.type.is_integral_number() or data.type.is_real(), "Clamp takes numbers, got boolean")
    check(min <= max, f"Attribute 'min' must be less or equal than 'max'. Got: {min} and {max}")
    return Value(data.type, data.shape)


@op("Elu", "1", factory="elu(data, alpha)")
def elu(data: Value, *, alpha: float) -> Value:
    """Elu-1: x where x >= 0, alpha (e^x - 1) elsewhere."""
    return Value(data.type, data.shape)


@op(
    "Selu", "1", factory="selu(data, alpha, lambda_value)", python_names={"lambda_value": "lambda_"}
)
def selu(data: Value, alpha: Value, lambda_: Value) -> Value:
    """Selu-1: lambda x where x > 0, lambda alpha (e^x - 1) elsewhere. ``alpha`` and ``lambda`` hold one number each."""
    for value in (alpha, lambda_):
        check(
            value.type.merge(data.type) is not None,
            "Selu takes data, alpha and lambda of one element type",
        )
    merged = data.type.merge(alpha.type) or data.type
    check_real(merged, "Selu")
    return Value(merged, data.shape)


@op("HardSigmoid", "1", factory="hard_sigmoid(data, alpha, beta)")
def hard_sigmoid(data: Value, alpha: Value, beta: Value) -> Value:
    """HardSigmoid-1: alpha x + beta limited to [0, 1]. ``alpha`` and ``beta`` are scalars."""
    for name, value in (("alpha", alpha), ("beta", beta)):
        check(
            value.type.merge(data.type) is not None,
            f"HardSigmoid takes data and {name} of one element type",
        )
        check(value.rank in (None, 0), f"HardSigmoid takes a scalar {name}, got {value.shape}")
    return Value(data.type.merge(alpha.type) or data.type, data.shape)


@op("PRelu", "1", factory="prelu(data, slope)", ir_names=("PReLU",))
def prelu(data: Value, slope: Value) -> Value:
    """PRelu-1: x where x >= 0, slope x elsewhere.

    A 1-D ``slope`` as long as dimension 1 of the data goes along that dimension; else it broadcasts as in numpy.
    """
    return Value(data.type, data.shape)


@op("Swish", "4", factory="")
def swish(data: Value, beta: Value | None = None) -> Value:
    """Swish-4: x / (1 + e^(-beta x)). ``beta`` is a scalar, 1 when absent."""
    if beta is not None:
        check(
            data.type.merge(beta.type) is not None, "Swish takes data and beta of one element type"
        )
        check(
            beta.rank in (None, 0),
            f"Swish input with beta must be scalar but it has rank: {beta.rank}",
        )
    check_real(data.type, "Swish")
    return Value(data.type, data.shape)


@custom_factory("swish", 4)
def _swish_factory(data: Any, beta: Any = None, name: str | None = None) -> Node:
    """Swish-4: x / (1 + e^(-beta x)). ``beta`` is a scalar, 1 when absent."""
    source = as_output(data)
    if beta is None:
        one = np.ones((), source.value.type.host_dtype)
        beta = Constant.from_host(source.value.type, one)
    declaration = registry.find("Swish", 4)
    assert declaration is not None
    node = Node(declaration, [source, as_output(beta)])
    if name is not None:
        node.friendly_name = name
    return node
