"""String tensors: packing, unpacking, and strings that move through other operations."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu import opset16
from ovgpu.graph.element_type import Type
from ovgpu.graph.special import Constant
from ovgpu.plugins.cpu.evaluate import evaluate

from .differential import Case, cases, const, data

TEXT = np.frombuffer("ab, grün, 日本".encode(), np.uint8)

CASES = [
    *cases(
        "string_tensor_pack",
        data([2, 2], "i32", values=[0, 4, 2, 11]),
        data([2, 2], "i32", values=[2, 9, 2, 17]),
        const(TEXT, "u8"),
    ),
    *cases("string_tensor_pack", data([0], "i64"), data([0], "i64"), const([], "u8"), values=False),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case: Case) -> None:
    case.check()


REFUSED = [
    *cases("string_tensor_pack", data([2]), data([2]), const(TEXT, "u8")),
    *cases("string_tensor_pack", data([2], "i32"), data([3], "i32"), const(TEXT, "u8")),
    *cases("string_tensor_pack", data([2], "i32"), data([2], "i32"), const([1], "i8")),
    *cases("string_tensor_unpack", data([2])),
]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused(case: Case) -> None:
    case.check_refused()


def strings(*texts: bytes) -> Constant:
    array = np.empty(len(texts), object)
    array[:] = texts
    return Constant.from_host(Type.string, array)


def computed(node: object) -> list[list]:
    return [a.tolist() for a in evaluate(node, [v.node.host_array() for v in node.input_values()])]  # type: ignore


def test_unpack() -> None:
    node = opset16.string_tensor_unpack(strings(b"ab", b"", "ü".encode()))
    assert [str(o.partial_shape) for o in node.outputs()] == ["[3]", "[3]", "[4]"]
    assert computed(node) == [[0, 2, 2], [2, 2, 4], list(b"ab\xc3\xbc")]


def test_strings_move_like_other_elements() -> None:
    words = strings(b"one", b"two", b"three")
    assert computed(opset16.gather(words, np.array([2, 0]), np.int64(0))) == [[b"three", b"one"]]
    assert computed(opset16.concat([words, strings(b"x")], 0)) == [[b"one", b"two", b"three", b"x"]]
    assert computed(opset16.reshape(words, np.array([3, 1]), False)) == [
        [[b"one"], [b"two"], [b"three"]]
    ]
    assert computed(opset16.slice(words, np.array([2]), np.array([-4]), np.array([-1]))) == [
        [b"three", b"two", b"one"]
    ]
    assert computed(opset16.tile(words, np.array([2]))) == [[b"one", b"two", b"three"] * 2]
    assert computed(opset16.pad(words, np.array([1]), np.array([0]), "constant")) == [
        [b"", b"one", b"two", b"three"]
    ]
    assert computed(opset16.split(words, np.int64(0), 3)) == [[b"one"], [b"two"], [b"three"]]
