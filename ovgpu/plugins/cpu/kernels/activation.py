"""Activation functions on host arrays, with as few passes over memory as numpy allows."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from ovgpu.plugins.cpu.kernels.elementwise import real_function
from ovgpu.plugins.cpu.kernels.special_functions import erf
from ovgpu.plugins.cpu.registry import Call, Step, binder

# Operands are arrays without dimensions: numbers, numpy's too, are converted at each call, and `out` given by position
# saves a third of a call (maximum and minimum deprecate that). float32 ones keep float64 arrays float64.
_ZERO, _HALF, _ONE, _TWO, _THREE, _SIX = (np.array(x, np.float32) for x in (0, 0.5, 1, 2, 3, 6))
_MISH_LIMIT = np.array(
    20, np.float32
)  # tanh(ln(1 + e^x)) is 1 in float32 above, and e^(2x) would overflow
_SQRT_HALF = np.array(math.sqrt(0.5))
_SQRT_TWO_BY_PI = np.array(math.sqrt(2 / math.pi))


@binder("Relu", layout="same", in_place=True)
def bind_relu(call: Call) -> Step:
    x = call.inputs[0]
    assert x is not None
    return partial(np.maximum, x, np.zeros((), x.dtype), out=call.outputs[0])


@binder("Clamp", layout="same", in_place=True)
def bind_clamp(call: Call) -> Step:
    x, out = call.inputs[0], call.outputs[0]
    assert x is not None
    low, high = call.attributes["min"], call.attributes["max"]
    if out.dtype.kind != "f":
        limits = np.iinfo(out.dtype)
        low = math.ceil(min(max(low, limits.min), limits.max))
        high = math.floor(min(max(high, limits.min), limits.max))
    return partial(np.clip, x, out.dtype.type(low), out.dtype.type(high), out)


@real_function("Sigmoid", in_place=True)
def sigmoid(x: np.ndarray, *, out: np.ndarray) -> None:
    np.negative(x, out)
    np.exp(out, out)
    np.add(out, _ONE, out)
    np.reciprocal(out, out)


@real_function("Swish")
def swish(x: np.ndarray, beta: np.ndarray | None = None, *, out: np.ndarray) -> None:
    if beta is None:
        np.negative(x, out)
    else:
        np.multiply(x, -beta, out)
    np.exp(out, out)
    np.add(out, _ONE, out)
    np.divide(x, out, out)


@real_function("HSwish")
def hswish(x: np.ndarray, *, out: np.ndarray) -> None:
    hsigmoid(x, out=out)
    np.multiply(out, x, out)


@real_function("HSigmoid", in_place=True)
def hsigmoid(x: np.ndarray, *, out: np.ndarray) -> None:
    np.add(x, _THREE, out)
    np.clip(out, _ZERO, _SIX, out)
    np.divide(out, _SIX, out)


@real_function("HardSigmoid", in_place=True)
def hard_sigmoid(x: np.ndarray, alpha: np.ndarray, beta: np.ndarray, *, out: np.ndarray) -> None:
    np.multiply(x, alpha, out)
    np.add(out, beta, out)
    np.clip(out, _ZERO, _ONE, out)


@real_function("Mish")
def mish(x: np.ndarray, *, out: np.ndarray) -> None:
    # tanh(ln(1 + e)) = n / (n + 2) with n = e (e + 2): one exponential instead of three transcendental functions.
    np.minimum(x, _MISH_LIMIT, out=out)
    np.exp(out, out)
    n = out * (out + _TWO)
    np.add(n, _TWO, out)
    np.divide(n, out, out)
    np.multiply(out, x, out)


@real_function("SoftPlus", temporaries=1)
def softplus(x: np.ndarray, positive: np.ndarray, *, out: np.ndarray) -> None:
    np.maximum(x, _ZERO, out=positive)
    np.abs(x, out)
    np.negative(out, out)
    np.exp(out, out)
    np.log1p(out, out)
    np.add(out, positive, out)


@real_function("SoftSign")
def softsign(x: np.ndarray, *, out: np.ndarray) -> None:
    np.abs(x, out)
    np.add(out, _ONE, out)
    np.divide(x, out, out)


def _exponential_below_zero(x: np.ndarray, alpha: np.ndarray | float, out: np.ndarray) -> None:
    """x where x > 0, alpha (e^x - 1) elsewhere."""
    np.minimum(x, _ZERO, out=out)
    np.expm1(out, out)
    np.multiply(out, alpha, out)
    np.copyto(out, x, where=x > _ZERO)


@real_function("Elu")
def elu(x: np.ndarray, *, out: np.ndarray, alpha: float) -> None:
    _exponential_below_zero(x, alpha, out)


@real_function("Selu")
def selu(x: np.ndarray, alpha: np.ndarray, lambda_: np.ndarray, *, out: np.ndarray) -> None:
    _exponential_below_zero(x, alpha.reshape(()), out)
    np.multiply(out, lambda_.reshape(()), out)


@real_function("PRelu", temporaries=1)
def prelu(x: np.ndarray, slope: np.ndarray, negative: np.ndarray, *, out: np.ndarray) -> None:
    if slope.ndim == 1 and x.ndim > 1 and slope.size != 1 and slope.size == x.shape[1]:
        slope = slope.reshape([-1 if axis == 1 else 1 for axis in range(x.ndim)])
    elif slope.ndim > x.ndim:  # one slope for a scalar
        slope = slope.reshape(x.shape)
    np.minimum(x, _ZERO, out=negative)
    np.multiply(negative, slope, negative)
    np.maximum(x, _ZERO, out=out)
    np.add(out, negative, out)


@real_function("Gelu", temporaries=3)
def gelu(
    x: np.ndarray,
    scaled: np.ndarray,
    square: np.ndarray,
    divisor: np.ndarray,
    *,
    out: np.ndarray,
    approximation_mode: str = "ERF",
) -> None:
    if approximation_mode == "TANH":
        _gelu_tanh(x, out)
        return
    np.multiply(x, scaled.dtype.type(_SQRT_HALF), scaled)
    erf(scaled, square, divisor, out=out)
    np.add(out, _ONE, out)
    np.multiply(out, _HALF, out)
    np.multiply(out, x, out)


def _gelu_tanh(x: np.ndarray, out: np.ndarray) -> None:
    dtype = out.dtype.type
    np.square(x, out)
    np.multiply(out, dtype(0.044715 * _SQRT_TWO_BY_PI), out)
    np.add(out, dtype(_SQRT_TWO_BY_PI), out)
    np.multiply(out, x, out)
    np.tanh(out, out)
    np.add(out, _ONE, out)
    np.multiply(out, _HALF, out)
    np.multiply(out, x, out)
