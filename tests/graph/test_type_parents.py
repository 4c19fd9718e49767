"""Every operation says of itself what OpenVINO's says."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino.opset16
import pytest

import ovgpu.opset16

UNARY = [
    *("abs", "acos", "asin", "atan", "ceiling", "cos", "erf", "exp", "floor", "log"),
    *("negative", "relu", "sigmoid", "sign", "sqrt", "tanh"),
]
BINARY = [
    *("add", "divide", "maximum", "minimum", "mod", "multiply", "power", "subtract"),
    *("equal", "less", "squared_difference"),
]
REDUCTIONS = ["reduce_l1", "reduce_max", "reduce_mean", "reduce_sum"]


def _type_info(ops: Any, name: str) -> str:
    x = ops.parameter([2, 4], np.float32)
    second = [] if name in UNARY else [ops.constant(np.array([1]))] if name in REDUCTIONS else [x]
    return repr(getattr(ops, name)(x, *second).get_type_info())


@pytest.mark.parametrize("name", [*UNARY, *BINARY, *REDUCTIONS])
def test_elementwise_operations_and_reductions(name: str) -> None:
    assert _type_info(ovgpu.opset16, name) == _type_info(openvino.opset16, name)


@pytest.mark.parametrize(
    "expression",
    [
        "ops.matmul(x, x, False, True)",
        "ops.gather(x, [0], 1)",
        "ops.topk(x, 1, 1, 'max', 'value')",
        "ops.shape_of(x)",
        "ops.broadcast(x, [2, 4])",
        "ops.softmax(x, 1)",
        "ops.logical_and(b, b)",
        "ops.reduce_logical_or(b, [0])",
        "ops.scatter_nd_update(x, [[0]], np.ones((1, 4), np.float32))",
        "ops.constant(1)",
        "x",
        "ops.result(x)",
    ],
)
def test_others(expression: str) -> None:
    def shown(ops: Any) -> str:
        names = {"x": ops.parameter([2, 4], np.float32), "b": ops.parameter([2, 4], bool)}
        return repr(eval(expression, {**names, "ops": ops, "np": np}).get_type_info())

    assert shown(ovgpu.opset16) == shown(openvino.opset16)
