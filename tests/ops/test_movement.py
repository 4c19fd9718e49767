"""Transpose, Concat, Split, Tile, Broadcast, Reverse, Roll against the real OpenVINO."""

from __future__ import annotations

import numpy as np
import pytest

import ovgpu.opset16 as opset
from ovgpu.graph.element_type import Type
from ovgpu.graph.node import make_node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.special import Constant, Parameter
from ovgpu.plugins.cpu.evaluate import evaluate

from .differential import Case, cases, const, data

MOVED = "f32 f16 bf16 f64 i8 i32 i64 u8 u16 boolean i4 u4 f8e4m3"

#: VariadicSplit is left out where the axis is bounded: OpenVINO forgets the bound of the part of -1, we keep it.
UNBOUNDED = ["dynamic", "rank", "first rank", "batch", "first input"]

CASES = [
    *cases("identity", data([2, 3], "T"), T="f32 i64 boolean"),
    *cases("transpose", data([2, 3, 4], "T"), const([2, 0, 1]), T=MOVED),
    *cases("transpose", data([2, 3, 4]), const([], "i64")),
    *cases("transpose", data([2, 0, 4]), const([1, 0, 2], "i32")),
    *cases("transpose", data([]), const([], "i64")),
    *cases("concat", [data([2, 3], "T"), data([2, 1], "T"), data([2, 4], "T")], -1, T=MOVED),
    *cases("concat", [data([2, 3]), data([4, 3])], 0),
    *cases("concat", [data([2, 0, 2]), data([2, 3, 2])], 1),
    *cases("concat", [data([2, 3])], 1),
    *cases("concat", [data([3], "i64"), const([1, 2])], 0),
    *cases("split", data([2, 6, 4], "T"), const(1), 3, T="f32 f16 i64 boolean u4"),
    *cases("split", data([2, 6, 4]), const(-1, "i32"), 2),
    *cases("split", data([7]), const(0), 7),
    *cases(
        "variadic_split",
        data([2, 6, 4], "T"),
        const(1),
        const([1, 3, 2]),
        T="f32 f16 i64",
        relax=UNBOUNDED,
    ),
    *cases("variadic_split", data([2, 6, 4]), const(-2), const([1, -1, 2], "i32"), relax=UNBOUNDED),
    *cases("variadic_split", data([4]), const(0), const([4, 0]), relax=UNBOUNDED),
    *cases("tile", data([2, 3], "T"), const([2, 1]), T=MOVED),
    *cases("tile", data([2, 3]), const([3])),
    *cases("tile", data([2, 3]), const([2, 1, 3], "i32")),
    *cases("tile", data([2, 3]), const([0, 2])),
    *cases("tile", data([]), const([2, 2])),
    *cases("tile", data([0, 3]), const([2, 2])),
    *cases("broadcast", data([3, 1], "T"), const([2, 3, 4]), T=MOVED, opset=1),
    *cases("broadcast", data([3, 1]), const([2, 3, 4], "i32")),
    *cases("broadcast", data([]), const([2, 3])),
    *cases("broadcast", data([1, 1]), const([0, 3])),
    *cases(
        "broadcast", data([3], "T"), const([2, 3, 4]), const([1]), "EXPLICIT", T="f32 i32", opset=3
    ),
    *cases("broadcast", data([2, 4]), const([2, 3, 4]), const([0, 2]), "EXPLICIT", opset=3),
    *cases(
        "broadcast",
        data([2, 4]),
        const([2, 3, 4]),
        const([0, 2]),
        "EXPLICIT",
        opset=1,
        attributes=False,
    ),
    *cases("broadcast", data([3, 1]), const([2, 1, 4]), broadcast_spec="BIDIRECTIONAL"),
    *cases("broadcast", data([5, 3, 1]), const([3, 4]), broadcast_spec="BIDIRECTIONAL"),
    *cases(
        "reverse_sequence", data([3, 5, 2], "T"), const([2, 5, 0]), 0, 1, T="f32 f16 i32 boolean"
    ),
    *cases("reverse_sequence", data([5, 2, 3]), data([3], "i32", values=[1, 4, 5]), -1, 0),
    *cases("roll", data([3, 4], "T"), const([1, -2]), const([0, 1]), T="f32 f16 i64 boolean"),
    *cases(
        "roll", data([3, 4]), const(5), const([1, -2], "i32"), values=False
    ),  # OpenVINO infers, cannot compute
    *cases("roll", data([3, 4]), const(5), const(-1, "i32")),
    *cases("roll", data([3, 4]), const([1, 2]), const([1, 1])),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case: Case) -> None:
    case.check()


REFUSED = [
    *cases("transpose", data([2, 3]), const([0, 0])),
    *cases("transpose", data([2, 3]), const([-1, 0])),
    *cases("transpose", data([2, 3]), const([0, 1, 2])),
    *cases("concat", [data([2, 3]), data([3, 4])], 1),
    *cases("concat", [data([2]), data([2])], 1),
    *cases("concat", [data([2]), data([2], "i32")], 0),
    *cases("split", data([2, 4]), const(1), 3),
    *cases("variadic_split", data([2, 4]), const(1), const([1, 2])),
    *cases("variadic_split", data([2, 4]), const(1), const([-1, -1])),
    *cases("broadcast", data([3]), const([2, 4])),
    *cases("broadcast", data([2, 3]), const([3])),
    *cases("broadcast", data([3]), const([2, 4]), broadcast_spec="BIDIRECTIONAL"),
    *cases("broadcast", data([4, 3]), const([2, 3, 4]), const([2, 1]), "EXPLICIT"),
    *cases("reverse_sequence", data([3, 5]), const([2, 5]), 0, 1),
    *cases("roll", data([3, 4]), const([1, 2]), const([1])),
    *cases("roll", data([3, 4]), const([1]), const([5])),
]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused(case: Case) -> None:
    case.check_refused()


def test_variadic_split_keeps_the_bound_of_the_rest() -> None:
    whole = Parameter(Type.f32, PartialShape("5..9"))
    split = opset.variadic_split(whole, np.int64(0), np.array([2, -1]))
    assert [str(o.partial_shape) for o in split.outputs()] == ["[2]", "[3..7]"]


@pytest.mark.parametrize(("mode", "axes"), [("index", [0, 2]), ("mask", [True, False, True])])
def test_reverse(mode: str, axes: list[int]) -> None:  # it has no factory, only IR files have it
    x = np.arange(12, dtype=np.int32).reshape(2, 3, 2)
    inputs = [Constant(x), Constant(np.array(axes))]
    node = make_node("Reverse", inputs, 1, mode=mode)
    (out,) = evaluate(node, [c.host_array() for c in inputs])
    np.testing.assert_array_equal(out, x[::-1, :, ::-1])
    assert str(node.get_output_partial_shape(0)) == "[2,3,2]"


def test_reverse_refuses_a_short_mask() -> None:
    with pytest.raises(RuntimeError, match="flag for each axis"):
        make_node(
            "Reverse", [Constant(np.zeros((2, 3))), Constant(np.array([True]))], 1, mode="mask"
        )
