"""What a layer does to a block of its results: bias and activation, in place while the block is in the cache.

Activations that need the argument twice, such as x * sigmoid(x), take a small buffer of the running thread, one chunk
at a time, so that nothing leaves the cache.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence

import numpy as np

from ovgpu.plugins.cpu.kernels.special_functions import erf, normal_distribution
from ovgpu.plugins.cpu.kernels.windows import Epilogue

Activation = Callable[[np.ndarray], None]

#: Elements of one chunk: a float32 chunk and its buffer stay in a second-level cache of 1 MB.
CHUNK = 1 << 16

#: Computes ``x`` in place with buffers of the same shape.
_InPlace = Callable[..., None]

_ZERO, _HALF, _ONE, _THREE, _SIX = (np.array(x, np.float32) for x in (0, 0.5, 1, 3, 6))
_SIXTH = np.array(1 / 6, np.float32)
_GELU_CUBIC = np.array(0.044715, np.float32)
_SQRT_TWO_BY_PI = np.array(math.sqrt(2 / math.pi), np.float32)


def make_epilogue(bias: np.ndarray | None, activation: Activation | None) -> Epilogue | None:
    """What to do with a block ``(..., channels)`` of results, in place; None for nothing."""
    if bias is None:
        return activation
    if activation is None:
        return lambda block: np.add(block, bias, block)

    def finish(block: np.ndarray) -> None:
        np.add(block, bias, block)
        activation(block)

    return finish


class _Buffers(threading.local):
    """Chunks of the running thread, by count and type."""

    def __init__(self) -> None:
        self.arrays: dict[tuple[int, np.dtype], np.ndarray] = {}

    def take(self, count: int, dtype: np.dtype) -> np.ndarray:
        array = self.arrays.get((count, dtype))
        if array is None:
            array = self.arrays[count, dtype] = np.empty((count, CHUNK), dtype)
        return array


_buffers = _Buffers()


def _chunked(function: _InPlace, buffers: int = 1) -> Activation:
    """Apply ``function(x, *buffers)`` to a contiguous block chunk by chunk."""

    def apply(block: np.ndarray) -> None:
        flat = block.reshape(-1)
        chunks = _buffers.take(buffers, flat.dtype)
        for start in range(0, flat.size, CHUNK):
            part = flat[start : start + CHUNK]
            function(part, *chunks[:, : part.size])

    return apply


def _sigmoid_into(x: np.ndarray, out: np.ndarray) -> None:
    np.negative(x, out)
    np.exp(out, out)
    np.add(out, _ONE, out)
    np.reciprocal(out, out)


def _sigmoid(block: np.ndarray) -> None:
    _sigmoid_into(block, block)


def _swish(x: np.ndarray, buffer: np.ndarray) -> None:
    np.negative(x, buffer)
    np.exp(buffer, buffer)
    np.add(buffer, _ONE, buffer)
    np.divide(x, buffer, x)


def _hsigmoid(block: np.ndarray) -> None:
    np.add(block, _THREE, block)
    np.clip(block, _ZERO, _SIX, block)
    np.divide(block, _SIX, block)


def _hswish(x: np.ndarray, buffer: np.ndarray) -> None:
    # x / 6 + 1 / 2 has the roundings of OpenVINO's convolutions; min(max(0, x + 3), 6) / 6 differs in the last bit.
    np.multiply(x, _SIXTH, buffer)
    np.add(buffer, _HALF, buffer)
    np.clip(buffer, _ZERO, _ONE, buffer)
    np.multiply(x, buffer, x)


def _gelu(x: np.ndarray, square: np.ndarray, divisor: np.ndarray, result: np.ndarray) -> None:
    if x.dtype == np.float32:
        normal_distribution(x, square, divisor, out=result)
    else:
        np.multiply(x, math.sqrt(0.5), square)
        erf(square, square, divisor, out=result)
        np.add(result, 1, result)
        np.multiply(result, 0.5, result)
    np.multiply(x, result, x)


def _gelu_tanh(x: np.ndarray, buffer: np.ndarray) -> None:
    np.multiply(x, x, buffer)
    np.multiply(buffer, _GELU_CUBIC, buffer)
    np.add(buffer, _ONE, buffer)
    np.multiply(buffer, x, buffer)
    np.multiply(buffer, _SQRT_TWO_BY_PI, buffer)
    np.tanh(buffer, buffer)
    np.add(buffer, _ONE, buffer)
    np.multiply(buffer, _HALF, buffer)
    np.multiply(x, buffer, x)


def _softplus(x: np.ndarray, buffer: np.ndarray) -> None:
    np.logaddexp(x, x.dtype.type(0), x)


def _mish(x: np.ndarray, buffer: np.ndarray) -> None:
    np.logaddexp(x, x.dtype.type(0), buffer)
    np.tanh(buffer, buffer)
    np.multiply(x, buffer, x)


def _leaky_relu(slope: float) -> Activation:
    def function(x: np.ndarray, buffer: np.ndarray) -> None:
        np.minimum(x, _ZERO, out=buffer)
        np.multiply(buffer, x.dtype.type(slope), buffer)
        np.maximum(x, _ZERO, out=x)
        np.add(x, buffer, x)

    return _chunked(function)


def _elu(alpha: float) -> Activation:
    def function(x: np.ndarray, buffer: np.ndarray) -> None:
        np.minimum(x, _ZERO, out=buffer)
        np.expm1(buffer, buffer)
        np.multiply(buffer, x.dtype.type(alpha), buffer)
        np.maximum(x, _ZERO, out=x)
        np.add(x, buffer, x)

    return _chunked(function)


def _hard_sigmoid(alpha: float, beta: float) -> Activation:
    def apply(block: np.ndarray) -> None:
        np.multiply(block, block.dtype.type(alpha), block)
        np.add(block, block.dtype.type(beta), block)
        np.clip(block, _ZERO, _ONE, block)

    return apply


def _clamp(low: float, high: float) -> Activation:
    def apply(block: np.ndarray) -> None:
        np.clip(block, block.dtype.type(low), block.dtype.type(high), block)

    return apply


def _relu(block: np.ndarray) -> None:
    np.maximum(block, _ZERO, out=block)


def _tanh(block: np.ndarray) -> None:
    np.tanh(block, block)


_PLAIN: dict[str, Activation] = {
    "relu": _relu,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "hsigmoid": _hsigmoid,
    "swish": _chunked(_swish),
    "hswish": _chunked(_hswish),
    "gelu": _chunked(_gelu, 3),
    "gelu_tanh": _chunked(_gelu_tanh),
    "softplus": _chunked(_softplus),
    "mish": _chunked(_mish),
}


def _scale(factor: float) -> Activation:
    return lambda block: np.multiply(block, block.dtype.type(factor), block)


def _shift(summand: float) -> Activation:
    return lambda block: np.add(block, block.dtype.type(summand), block)


#: Activations with parameters, and how many.
_WITH_PARAMETERS: dict[str, tuple[Callable[..., Activation], int]] = {
    "leaky_relu": (_leaky_relu, 1),
    "elu": (_elu, 1),
    "hard_sigmoid": (_hard_sigmoid, 2),
    "clamp": (_clamp, 2),
    "scale": (_scale, 1),
    "shift": (_shift, 1),
}


def activation_of(names: Sequence[str], parameters: Sequence[float]) -> Activation | None:
    """A chain of activations as one function that changes a contiguous block in place; None for an empty chain.

    ``parameters`` holds those of all steps, one after the other. Raises KeyError for an unknown name.
    """
    chain: list[Activation] = []
    rest = list(parameters)
    for name in names:
        if name in _PLAIN:
            chain.append(_PLAIN[name])
            continue
        make, count = _WITH_PARAMETERS[name]
        chain.append(make(*rest[:count]))
        rest = rest[count:]
    if len(chain) < 2:
        return chain[0] if chain else None

    def apply(block: np.ndarray) -> None:
        for step in chain:
            step(block)

    return apply
