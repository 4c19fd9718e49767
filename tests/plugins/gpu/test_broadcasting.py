"""Generated kernels walk through broadcast tensors of all shapes and sizes."""

from __future__ import annotations

import pytest

from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu import broadcasting
from ovgpu.plugins.gpu.broadcasting import merge_dimensions
from tests.plugins.gpu.lowering_check import compare, numbers

SHAPES = [
    ((), ()),
    ((1,), (1,)),
    ((5,), ()),
    ((1024,), (1024,)),
    ((1027,), (1027,)),  # whole vectors and a tail
    ((2, 3, 16), (16,)),
    ((2, 3, 16), (3, 1)),
    ((2, 3, 5), (3, 1)),
    ((7, 1), (1, 9)),
    ((1, 8, 1), (4, 1, 8)),
    ((4, 1, 8, 1, 8), (1, 3, 1, 2, 8)),
    ((2, 1, 2, 1, 2, 1), (1, 3, 1, 3, 1, 3)),
    ((0, 4), (4,)),
    ((3, 0), (1, 1)),
    ((1, 1, 64), (1, 1, 1, 1, 1, 1, 64)),
]


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("precision", [Type.f32, Type.f16, Type.bf16], ids=lambda t: t.to_string())
def test_broadcasting(precision):
    for left, right in SHAPES:
        compare("Subtract", [numbers(left), numbers(right, 1)], precision=precision)
        compare("Subtract", [numbers(right), numbers(left, 1)], precision=precision)


@pytest.mark.gpu_sim
def test_pdpd_broadcasting():
    a, b = numbers((2, 3, 4, 5)), numbers((3, 4), 1)
    compare("Add", [a, b], auto_broadcast="pdpd", auto_broadcast_axis=1)
    compare("Add", [a, numbers((5,))], auto_broadcast="pdpd", auto_broadcast_axis=-1)
    compare("Equal", [a, numbers((2,))], auto_broadcast="pdpd", auto_broadcast_axis=0)


def test_dimensions_merge():
    assert merge_dimensions((2, 3, 4), [(2, 3, 4), (2, 3, 4)]) == ([24], [[1], [1]])
    assert merge_dimensions((2, 3, 4), [(2, 3, 4), (1, 1, 4)]) == ([6, 4], [[4, 1], [0, 1]])
    assert merge_dimensions((2, 3, 4), [(2, 3, 4), (1, 3, 1)]) == (
        [2, 3, 4],
        [[12, 4, 1], [0, 1, 0]],
    )
    assert merge_dimensions((2, 1, 4), [(2, 1, 4)]) == ([8], [[1]])
    assert merge_dimensions((1, 1), [(1, 1)]) == ([1], [[0]])


@pytest.mark.gpu_sim
def test_large_tensors_take_several_launches(monkeypatch):
    monkeypatch.setattr(broadcasting, "LARGEST_LAUNCH", 100)
    compare("Add", [numbers((500,)), numbers((500,), 1)])
    compare("Add", [numbers((7, 3, 40)), numbers((3, 1), 1)])
    compare("Add", [numbers((2, 1, 201)), numbers((3, 1), 1)])
