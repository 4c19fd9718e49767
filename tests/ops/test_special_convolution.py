"""Binary and deformable convolution against OpenVINO."""

from __future__ import annotations

import numpy as np
import pytest
from ops.differential import cases, const, data

import ovgpu.opset1
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.special import Constant, Parameter, Result
from ovgpu.plugins.cpu.evaluate import evaluate_graph

RNG = np.random.default_rng(3)
TOLERANCE = {"rtol": 1e-3, "atol": 1e-3}


def _deformable():
    filters = const(RNG.uniform(-1, 1, (4, 3, 3, 3)).astype(np.float32))
    grouped = const(RNG.uniform(-1, 1, (4, 2, 2, 2)).astype(np.float32))
    for opset in (1, 8):
        yield from cases("deformable_convolution", data([2, 3, 8, 9]), data([2, 18, 6, 7]), filters, [1, 1], [0, 0],
                         [0, 0], [1, 1], opset=opset, **TOLERANCE)  # fmt: skip
        yield from cases("deformable_convolution", data([2, 3, 8, 9]), data([2, 18, 4, 5]), filters, [2, 2], [1, 2],
                         [1, 2], [1, 2], opset=opset, **TOLERANCE)  # fmt: skip
        yield from cases("deformable_convolution", data([2, 4, 8, 9]), data([2, 16, 7, 8]), grouped, [1, 1], [0, 0],
                         [0, 0], [1, 1], group=2, deformable_group=2, opset=opset, **TOLERANCE)  # fmt: skip
    for pad in (True, False):
        yield from cases("deformable_convolution", data([2, 3, 8, 9]), data([2, 18, 6, 7]), filters, [1, 1], [0, 0],
                         [0, 0], [1, 1], data([2, 9, 6, 7], low=0, high=1), bilinear_interpolation_pad=pad, opset=8,
                         **TOLERANCE)  # fmt: skip


@pytest.mark.parametrize("case", list(_deformable()), ids=str)
def test_against_openvino(case):
    case.check()


def _model(bits: np.ndarray, filters: np.ndarray, pads: list[int], pad_value: float):
    x = Parameter(Type.f32, PartialShape(list(bits.shape)))
    node = ovgpu.opset1.binary_convolution(
        x,
        Constant.from_host(Type.u1, filters),
        [1, 1],
        pads,
        pads,
        [1, 1],
        "xnor-popcount",
        pad_value,
    )
    return evaluate_graph([Result(node.output(0))], {x: bits.astype(np.float32)})[0]


@pytest.mark.parametrize("pad_value", [0.0, 1.0])
def test_binary_convolution_counts_equal_bits(pad_value):
    # OpenVINO's CPU device reads u1 filters in the opposite bit order, so it cannot be the reference.
    bits = RNG.integers(0, 2, (2, 5, 6, 7))
    filters = RNG.integers(0, 2, (4, 5, 3, 3)).astype(np.uint8)
    padded = np.pad(bits, [(0, 0), (0, 0), (1, 1), (1, 1)], constant_values=int(pad_value))
    expected = np.zeros((2, 4, 6, 7))
    for n, k, y, x in np.ndindex(*expected.shape):
        equal = padded[n, :, y : y + 3, x : x + 3] == filters[k]
        expected[n, k, y, x] = 2 * equal.sum() - equal.size
    np.testing.assert_array_equal(_model(bits, filters, [1, 1], pad_value), expected)


@pytest.mark.parametrize(
    "case",
    [
        *cases("binary_convolution", data([2, 5, 7, 8]), const(np.ones((4, 5, 3, 3), np.uint8), "u1"), [1, 1], [1, 1],
               [1, 1], [1, 1], "xnor-popcount", 0.0, values=False),
        *cases("binary_convolution", data([2, 5, 7, 8]), const(np.ones((4, 5, 3, 3), np.uint8), "u1"), [2, 1], [0, 0],
               [0, 0], [1, 1], "xnor-popcount", 1.0, "valid", values=False),
    ],
    ids=str,
)  # fmt: skip
def test_binary_convolution_shapes(case):
    case.check()
