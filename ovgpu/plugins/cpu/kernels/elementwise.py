"""Elementwise arithmetic on host arrays.

Most operations are one numpy ufunc, bound once to its arrays: the step of a plan is then a single C call. Results of
real functions of integers (the square root of an i32 tensor) are rounded to the nearest integer, those of a few are
truncated, as in OpenVINO.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.ops.broadcasting import align_pdpd
from ovgpu.ops.elementwise import power, round_half_away, truncated_divide
from ovgpu.plugins.cpu.kernels.special_functions import erf, erf_inverse
from ovgpu.plugins.cpu.registry import Call, Step, binder, kernel, view

#: Computes ``formula(x, *temporaries, out=out, **attributes)``.
Formula = Callable[..., Any]


def aligned(call: Call) -> list[np.ndarray]:
    """The inputs, reshaped so that numpy broadcasting does what ``auto_broadcast`` says."""
    arrays = [a for a in call.inputs if a is not None]
    if call.attributes.get("auto_broadcast") == "pdpd":
        rank, axis = call.outputs[0].ndim, call.attributes["auto_broadcast_axis"]
        arrays = [align_pdpd(a, rank, axis) if a.ndim < rank else a for a in arrays]
    return arrays


def bind_pair(ufunc: Callable[..., Any]) -> Callable[[Call], Step]:
    """Binder of a binary operation that one ufunc computes."""

    def bind(call: Call) -> Step:
        a, b = aligned(call)
        if ufunc in (np.maximum, np.minimum):  # numpy means to give a third operand another meaning
            return partial(ufunc, a, b, out=call.outputs[0])
        return partial(ufunc, a, b, call.outputs[0])

    return bind


_BINARY: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "Subtract": np.subtract,
    "Multiply": np.multiply,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "Mod": np.fmod,
    "FloorMod": np.remainder,
    "BitwiseAnd": np.bitwise_and,
    "BitwiseOr": np.bitwise_or,
    "BitwiseXor": np.bitwise_xor,
    "BitwiseLeftShift": np.left_shift,
    "BitwiseRightShift": np.right_shift,
}
for _name, _function in _BINARY.items():
    binder(_name, layout="same", in_place=True)(bind_pair(_function))


@binder("Divide", layout="same", in_place=True)
def bind_divide(call: Call) -> Step:
    a, b = aligned(call)
    out = call.outputs[0]
    if out.dtype.kind == "f":
        return partial(np.divide, a, b, out)
    if call.attributes["m_pythondiv"]:
        return partial(np.floor_divide, a, b, out)
    return lambda: np.copyto(out, truncated_divide(a, b))


@binder("Power", layout="same", in_place=True)
def bind_power(call: Call) -> Step:
    a, b = aligned(call)
    out = call.outputs[0]
    if out.dtype.kind != "f":
        return lambda: np.copyto(out, power(a, b))
    if call.constant[1] and b.size == 1 and a.shape == out.shape:
        special = {2.0: np.square, 0.5: np.sqrt, 1.0: np.positive, -1.0: np.reciprocal}.get(
            b.item()
        )
        if special is not None:  # np.power itself takes ten times as long
            return partial(special, a, out=out)
    return partial(np.power, a, b, out)


@binder("SquaredDifference", layout="same", in_place=True)
def bind_squared_difference(call: Call) -> Step:
    a, b = aligned(call)
    out = call.outputs[0]

    def step() -> None:
        np.subtract(a, b, out)
        np.square(out, out)

    return step


# ---- unary operations -----------------------------------------------------------------------------------------------
def _exact(ufunc: Callable[..., Any]) -> Callable[[Call], Step]:
    """Binder of a unary operation that maps integers to integers."""
    return lambda call: partial(ufunc, call.inputs[0], call.outputs[0])


_UNARY: dict[str, Callable[..., Any]] = {
    "Abs": np.absolute,
    "Negative": np.negative,
    "Sign": np.sign,
    "Floor": np.floor,
    "Ceiling": np.ceil,
    "BitwiseNot": np.invert,
}
for _name, _function in _UNARY.items():
    binder(_name, layout="same", in_place=True)(_exact(_function))


def temporary(buffer: np.ndarray, like: np.ndarray, index: int = 0) -> np.ndarray:
    """Array number ``index`` of the shape, dtype and memory order of ``like`` in a byte buffer."""
    start = index * like.nbytes
    flat = buffer[start : start + like.nbytes].view(like.dtype)
    order = sorted(range(like.ndim), key=lambda axis: -abs(like.strides[axis]))
    made = flat.reshape([like.shape[axis] for axis in order])
    return made.transpose(np.argsort(order)) if like.ndim else made


def _scratch_bytes(count: int) -> Callable[[Node, Sequence[Value], Sequence[Value]], int]:
    def size(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> int:
        elements = math.prod(outputs[0].shape.static_tuple() or ())
        return count * elements * max(4, outputs[0].type.host_dtype.itemsize)

    return size


def real_function(
    *names: str,
    version: str | None = None,
    temporaries: int = 0,
    in_place: bool = False,
    to_integer: Callable[[np.ndarray], np.ndarray] = np.rint,
) -> Callable[[Formula], Formula]:
    """Register ``formula(x, *others, *temporaries, out, **attributes)`` as the kernel of an elementwise real function.

    Integers are computed in float64 and made integers again by ``to_integer``.

    Args:
        names: operations.
        version: as for :func:`~ovgpu.plugins.cpu.registry.binder`.
        temporaries: how many arrays like the output the formula needs besides ``out``.
        in_place: the formula never reads ``x`` after writing to ``out``.
    """

    def register(formula: Formula) -> Formula:
        def bind(call: Call) -> Step:
            x, *others = (a for a in call.inputs if a is not None)
            out = call.outputs[0]
            attributes = call.attributes
            if out.dtype.kind != "f":
                return partial(
                    _of_integers, formula, [x, *others], out, temporaries, attributes, to_integer
                )
            arrays = [temporary(call.scratch, out, i) for i in range(temporaries)]
            return partial(formula, x, *others, *arrays, out=out, **attributes)

        scratch = _scratch_bytes(temporaries) if temporaries else None
        binder(*names, version=version, layout="same", in_place=in_place, scratch=scratch)(bind)
        return formula

    return register


def _of_integers(
    formula: Formula,
    inputs: list[np.ndarray],
    out: np.ndarray,
    temporaries: int,
    attributes: dict[str, Any],
    to_integer: Callable[[np.ndarray], np.ndarray],
) -> None:
    wide = [a.astype(np.float64) for a in inputs]
    result = np.empty(out.shape)
    formula(*wide, *(np.empty(out.shape) for _ in range(temporaries)), out=result, **attributes)
    whole = to_integer(result)
    with np.errstate(all="ignore"):
        signed = whole.astype(
            np.int64
        )  # then cut to the width: -0.8 is all ones as an unsigned number
    np.copyto(out, signed, casting="unsafe")


_ROUNDED: dict[str, Callable[..., Any]] = {
    "Sqrt": np.sqrt,
    "Cos": np.cos,
    "Tan": np.tan,
    "Acos": np.arccos,
    "Atan": np.arctan,
    "Sinh": np.sinh,
    "Cosh": np.cosh,
    "Tanh": np.tanh,
    "Asinh": np.arcsinh,
    "Acosh": np.arccosh,
}
for _name, _function in _ROUNDED.items():
    real_function(_name, in_place=True)(_function)

_TRUNCATED: dict[str, Callable[..., Any]] = {
    "Exp": np.exp,
    "Log": np.log,
    "Sin": np.sin,
    "Asin": np.arcsin,
}
for _name, _function in _TRUNCATED.items():
    real_function(_name, in_place=True, to_integer=np.trunc)(_function)


@binder("Atanh", layout="same", in_place=True)
def bind_atanh(call: Call) -> Step:
    x, out = call.inputs[0], call.outputs[0]
    assert x is not None
    if out.dtype.kind == "f":
        return partial(np.arctanh, x, out)
    # Infinite from 1 on, so integers get the ends of their range.
    limits = np.iinfo(out.dtype)
    low, zero, high = (out.dtype.type(v) for v in (limits.min, 0, limits.max))
    return lambda: np.copyto(out, np.where(x > 0, high, np.where(x < 0, low, zero)))


real_function("Erf", temporaries=2)(erf)
real_function("ErfInv")(erf_inverse)


@real_function("Round")
def round_(x: np.ndarray, *, out: np.ndarray, mode: str) -> None:
    if mode == "half_to_even":
        np.rint(x, out)
    else:
        np.copyto(out, round_half_away(x))


# ---- Identity and Select --------------------------------------------------------------------------------------------
@view("Identity")
def identity_view(x: np.ndarray) -> np.ndarray:
    return x


@kernel("Identity", native=True)
def identity(x: np.ndarray, *, out: np.ndarray) -> None:
    np.copyto(out, x)


@binder("Select", layout="same", native=True)
def bind_select(call: Call) -> Step:
    condition, then, otherwise = aligned(call)
    out = call.outputs[0]

    def step() -> None:
        np.copyto(out, otherwise)
        np.copyto(out, then, where=condition)

    return step
