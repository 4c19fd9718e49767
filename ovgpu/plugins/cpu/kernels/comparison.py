"""Comparisons and logical operations on host arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ovgpu.plugins.cpu.kernels.elementwise import aligned, bind_pair
from ovgpu.plugins.cpu.registry import Call, Step, binder


def _bind_comparison(ufunc: Callable[..., Any]) -> Callable[[Call], Step]:
    def bind(call: Call) -> Step:
        # Files may hold booleans other than 0 and 1; they are compared as the bytes that they are.
        a, b = (x.view(np.uint8) if x.dtype == bool else x for x in aligned(call))
        return partial(ufunc, a, b, call.outputs[0])

    return bind


_COMPARISONS: dict[str, Callable[..., Any]] = {
    "Equal": np.equal,
    "NotEqual": np.not_equal,
    "Less": np.less,
    "LessEqual": np.less_equal,
    "Greater": np.greater,
    "GreaterEqual": np.greater_equal,
}
for _name, _function in _COMPARISONS.items():
    binder(_name, layout="same")(_bind_comparison(_function))

_LOGICAL: dict[str, Callable[..., Any]] = {
    "LogicalAnd": np.logical_and,
    "LogicalOr": np.logical_or,
    "LogicalXor": np.logical_xor,
    "Xor": np.logical_xor,
}
for _name, _function in _LOGICAL.items():
    binder(_name, layout="same")(bind_pair(_function))


def _bind_test(test: Callable[..., Any]) -> Callable[[Call], Step]:
    # A number's LogicalNot has the number's type, hence the cast.
    return lambda call: partial(test, call.inputs[0], out=call.outputs[0], casting="unsafe")


_TESTS: dict[str, Callable[..., Any]] = {
    "LogicalNot": np.logical_not,
    "IsNaN": np.isnan,
    "IsFinite": np.isfinite,
}
for _name, _function in _TESTS.items():
    binder(_name, layout="same")(_bind_test(_function))


@binder("IsInf", layout="same")
def bind_is_inf(call: Call) -> Step:
    x, out = call.inputs[0], call.outputs[0]
    assert x is not None
    signs = call.attributes["detect_negative"], call.attributes["detect_positive"]
    if signs == (True, True):
        return partial(np.isinf, x, out)
    if signs == (False, False):
        return lambda: out.fill(False)
    infinity = x.dtype.type(np.inf if signs[1] else -np.inf)
    return partial(np.equal, x, infinity, out)
