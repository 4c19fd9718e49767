"""Bounds of shapes that are computed in the model, against OpenVINO's."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import openvino as ov
import pytest

import ovgpu
from ovgpu.graph.special import Parameter

#: name -> (module of factories, i64 tensor of three sizes) -> i64 tensor of sizes.
SUBGRAPHS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda o, s: o.add(s, np.array([1, 2, 3])),
    "subtract": lambda o, s: o.subtract(s, np.array([1, 0, 0])),
    "multiply": lambda o, s: o.multiply(s, np.array([2, 1, 3])),
    "product of sizes": lambda o, s: o.multiply(s, s),
    "divide": lambda o, s: o.divide(s, np.array([2, 3, 1])),
    "maximum": lambda o, s: o.maximum(s, np.array([4])),
    "minimum": lambda o, s: o.minimum(s, np.array([4])),
    "ceiling of a half": lambda o, s: o.convert(
        o.ceiling(o.divide(o.convert(s, "f32"), np.float32(2))), "i64"
    ),
    "floor of a scaled size": lambda o, s: o.convert(
        o.floor(o.multiply(o.convert(s, "f32"), np.float32(1.5))), "i64"
    ),
    "absolute": lambda o, s: o.absolute(o.subtract(s, np.array([3]))),
    "negative": lambda o, s: o.negative(o.negative(s)),
    "relu": lambda o, s: o.relu(o.subtract(s, np.array([2]))),
    "clamp": lambda o, s: o.clamp(s, 2, 5),
    "i32": lambda o, s: o.convert(o.convert(s, "i32"), "i64"),
    "select": lambda o, s: o.select(np.array([True, False, True]), s, np.array([7, 8, 9])),
    "select by a comparison": lambda o, s: o.select(o.equal(s, np.array([0])), np.array([1]), s),
    "sum": lambda o, s: o.reduce_sum(s, np.array([0]), keep_dims=True),
    "product": lambda o, s: o.reduce_prod(s, np.array([0]), keep_dims=True),
    "largest": lambda o, s: o.reduce_max(s, np.array([0]), keep_dims=True),
    "smallest": lambda o, s: o.reduce_min(s, np.array([0]), keep_dims=True),
    "floor_mod": lambda o, s: o.floor_mod(s, np.array([4])),
    "mod": lambda o, s: o.mod(s, np.array([4])),
    "power": lambda o, s: o.power(s, np.array([2])),
}

SHAPES = {
    "static": ("2,6,5", [[2, 6, 5]]),
    "bounded": ("1..4,2..6,3", [[1, 2, 3], [4, 6, 3], [2, 5, 3], [3, 3, 3]]),
    "one side": ("2..,4,..8", [[2, 4, 1], [2, 4, 8], [40, 4, 3]]),
    "unknown": ("?,?,4", [[1, 1, 4], [3, 30, 4], [7, 2, 4]]),
}

#: Where OpenVINO's bounds leave out sizes that occur: |s - 3| of s in 1..4 may be 0, the remainder of 2 by 4 is 2.
UNSOUND = {"absolute", "floor_mod"}


def _infer(package: Any, parameter: Any, name: str, shape: Any) -> Any:
    opset = import_module(f"{package.__name__}.opset16")
    x = parameter(package.Type.f32, package.PartialShape(shape))
    sizes = SUBGRAPHS[name](opset, opset.shape_of(x, "i64"))
    return opset.broadcast(np.float32(1), sizes).get_output_partial_shape(0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", SUBGRAPHS)
def test_bounds(name: str, shape: str) -> None:
    """Not wider than OpenVINO's bounds, and no size that occurs is outside."""
    bounds, samples = SHAPES[shape]
    mine = _infer(ovgpu, Parameter, name, bounds)
    theirs = ovgpu.PartialShape(str(_infer(ov, ov.op.Parameter, name, bounds)).strip("[]"))
    assert name in UNSOUND or theirs.relaxes(mine), f"{mine} is wider than {theirs}"
    for sample in samples:
        exact = _infer(ovgpu, Parameter, name, sample)
        assert exact.is_static
        assert str(exact) == str(_infer(ov, ov.op.Parameter, name, sample))
        assert mine.relaxes(exact), f"{exact}, of input {sample}, is outside {mine}"


def _exact(name: str) -> Any:
    """A tensor that follows from the sizes 100, 100, 3, in cases that numpy's functions do not take as they are."""
    opset = import_module("ovgpu.opset16")
    x = Parameter(ovgpu.Type.f32, ovgpu.PartialShape([100, 100, 3]))
    sizes, first = opset.shape_of(x, "i64"), np.array([0])
    if name == "small integers wrap round":
        return opset.reduce_sum(opset.convert(sizes, "i8"), first, keep_dims=False)
    if name == "their products too":
        return opset.reduce_prod(opset.convert(sizes, "u8"), first, keep_dims=True)
    if name == "no elements":
        none = opset.slice(sizes, np.array([3]), np.array([9]), np.array([1]))
        return opset.reshape(none, np.array([0, -1]), False)
    flags = opset.less(x, np.float32(0))
    chosen = opset.gather(opset.reduce_logical_or(flags, np.array([2])), np.array([0, 1]), first)
    return opset.select(opset.reshape(chosen, np.array([200, 1]), False), sizes, sizes)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("small integers wrap round", np.array(203 - 256, np.int8)),
        ("their products too", np.array([30000 % 256], np.uint8)),
        ("no elements", np.zeros((0, 1), np.int64)),
        ("chosen by unknown data", np.array([[100, 100, 3]] * 200)),
    ],
)
def test_known_elements(name: str, expected: np.ndarray) -> None:
    known = _exact(name).output(0).value.known
    assert (known.shape, known.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(known, expected)


def test_bounds_in_small_integers() -> None:
    """What does not fit wraps round: exact numbers become others, bounds become those of the type."""
    opset = import_module("ovgpu.opset16")
    x = Parameter(ovgpu.Type.f32, ovgpu.PartialShape("1..1000,?,2..9"))
    sizes = opset.concat([opset.shape_of(x, "i64"), np.array([-1, 300])], 0)
    small = opset.convert(sizes, "u8").output(0).value.intervals
    bounds = [(each.lower, each.upper) for each in small]
    assert bounds == [(0, 255), (0, 255), (2, 9), (255, 255), (44, 44)]
