"""Partial shapes against OpenVINO's."""

from __future__ import annotations

import copy

import numpy as np
import openvino
import openvino.opset13 as openvino_ops
import pytest
from both_packages import OPENVINO, OVGPU, assert_same, outcome
from hypothesis import given
from hypothesis import strategies as st

from ovgpu.graph import partial_shape as partial_shapes
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.symbol import Symbol

CONSTRUCTIONS = """
PartialShape()
PartialShape([])
PartialShape('')
PartialShape('[]')
PartialShape('...')
PartialShape('[...]')
PartialShape(' [ 1 , 2 ] ')
PartialShape('[?,3,1..10]')
PartialShape('?,3,1..10,..5,6..')
PartialShape('1,2,')
PartialShape(',1')
PartialShape('1,,2')
PartialShape('[1,2')
PartialShape('1,2]')
PartialShape('1 2')
PartialShape('[[1]]')
PartialShape('...,3')
PartialShape('a')
PartialShape([1, '?', (1, 3), [1, 4], Dimension(2)])
PartialShape([-1, 3, (1, 10), Dimension(5, -1), '2..3'])
PartialShape([(1,)])
PartialShape([()])
PartialShape([[]])
PartialShape([(1, 2, 3)])
PartialShape([(1, 2.0)])
PartialShape([('1', 2)])
PartialShape([(Dimension(1), Dimension(3))])
PartialShape([None])
PartialShape([1.0])
PartialShape([np.int64(3)])
PartialShape([True])
PartialShape([(-1, 5)])
PartialShape([(0, -1)])
PartialShape([(5, 1)])
PartialShape([-2])
PartialShape(['a'])
PartialShape(['1,2'])
PartialShape(3)
PartialShape(1, 2)
PartialShape(np.array([1, 2]))
PartialShape(range(3))
PartialShape({1, 2})
PartialShape(None)
PartialShape(Dimension(3))
PartialShape(Shape([1, 2]))
PartialShape(PartialShape([1, -1]))
PartialShape((1, 2))
PartialShape(shape='1')
PartialShape(value='1')
PartialShape.dynamic()
PartialShape.dynamic(3)
PartialShape.dynamic(0)
PartialShape.dynamic(Dimension(2))
PartialShape.dynamic(Dimension(2, 5))
PartialShape.dynamic(-1)
PartialShape.dynamic(rank=2)
PartialShape.dynamic('a')
""".strip().splitlines()

USES = """
p[0]
p[-1]
p[5]
p[1:]
p[::-1]
p[::0]
p['a']
p[True]
p[1.0]
p[np.int64(0)]
len(p)
list(p)
tuple(p)
bool(p)
np.array(p)
1 in p
hash(p)
p + p
p.rank
p.is_static
p.is_dynamic
p.all_non_negative
p.to_shape()
p.get_shape()
p.get_min_shape()
p.get_max_shape()
p.get_dimension(0)
p.get_dimension(5)
p.get_dimension(-1)
p.to_string()
str(p)
copy.copy(p)
copy.deepcopy(p)
p == [1, 2]
p == (1, 2)
p != [1, 2]
p != [1, 3]
p == [1]
p == Shape([1, 2])
Shape([1, 2]) == p
p == '1,2'
p == 3
p == p
p == PartialShape([1, 2])
p.compatible([1, 2])
p.relaxes(3)
p.refines(None)
p.same_scheme('1')
p.__setitem__(0, 5) or p
p.__setitem__(1, Dimension(1, 3)) or p
p.__setitem__(0, -1) or p
p.__setitem__(0, np.int64(3)) or p
p.__setitem__(-1, 3)
p.__setitem__(5, 3)
p.__setitem__(0, (1, 2))
p.__setitem__(0, '?')
p.__setitem__(0, 2.5)
p.__setitem__(slice(0, 1), 3)
setattr(p, 'rank', 3)
setattr(p, 'other', 3)
""".strip().splitlines()

SHAPES = [
    "PartialShape([1, 2])",
    "PartialShape([1, -1, (2, 5)])",
    "PartialShape([])",
    "PartialShape.dynamic()",
]

length = st.one_of(st.integers(-1, 6), st.tuples(st.integers(0, 3), st.integers(3, 6)))
dims = st.one_of(st.none(), st.lists(length, max_size=3))


@pytest.mark.parametrize("expression", CONSTRUCTIONS)
def test_construction_like_openvino(expression):
    assert_same(expression)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("shape", SHAPES)
def test_use_like_openvino(shape, use):
    assert_same(f"(lambda p: {use})({shape})")


@given(dims, dims)
def test_relations_like_openvino(a, b):
    make = "(PartialShape.dynamic() if {0} is None else PartialShape({0}))"
    for relation in ("compatible", "relaxes", "refines", "same_scheme", "__eq__"):
        assert_same(f"{make.format('a')}.{relation}({make.format('b')})", a=a, b=b)


@pytest.mark.parametrize("index", [-3, -100, 2, 100])
def test_out_of_range_index(index):
    with pytest.raises(RuntimeError, match="Accessing out-of-range dimension"):
        _ = PartialShape([1, 2])[index]


@pytest.mark.parametrize("value", [2**63, 2**70])
def test_lengths_past_int64_are_refused(value):
    with pytest.raises(TypeError):
        PartialShape([value])


def make(values):
    return PartialShape.dynamic() if values is None else PartialShape(values)


@given(dims, dims)
def test_broadcast_like_openvino(a, b):
    merged = partial_shapes.broadcast_numpy(make(a), make(b))
    parameters = [
        openvino_ops.parameter(
            openvino.PartialShape.dynamic() if x is None else openvino.PartialShape(x), np.float32
        )
        for x in (a, b)
    ]
    try:
        expected = str(openvino_ops.add(*parameters).get_output_partial_shape(0))
    except RuntimeError:
        expected = None
    assert (None if merged is None else str(merged)) == expected


@given(dims, dims)
def test_merge_holds_the_common_shapes(a, b):
    merged = partial_shapes.merge(make(a), make(b))
    assert (merged is not None) == make(a).compatible(make(b))
    if merged is not None:
        assert merged.refines(make(a))
        assert merged.refines(make(b))


def test_fast_access():
    shape = PartialShape.of([2, -1, Dimension(1, 8)])
    assert str(shape) == "[2,?,1..8]"
    assert shape.rank_length == 3
    assert shape.static_tuple() is None
    assert shape.upper_bound_tuple() == (2, -1, 8)
    assert [str(dim) for dim in shape.dims] == ["2", "?", "1..8"]
    assert PartialShape.of([2, 3]).static_tuple() == (2, 3)
    dynamic = PartialShape.dynamic()
    assert (dynamic.rank_length, dynamic.static_tuple(), dynamic.upper_bound_tuple()) == (
        None,
        None,
        None,
    )
    with pytest.raises(RuntimeError):
        _ = dynamic.dims


SYMBOL_USES = """
[mark(s[0]), s[0].has_symbol()]
[[mark(d) for d in s], s[0].has_symbol()]
[mark(s.get_dimension(0)), s[0].has_symbol()]
[[mark(d) for d in s], copy.copy(s)[0].has_symbol(), copy.deepcopy(s)[0].has_symbol(), s[0:1][0].has_symbol()]
[[mark(d) for d in s], PartialShape(s)[0].has_symbol(), PartialShape(list(s))[0].has_symbol()]
""".strip().splitlines()


@pytest.mark.parametrize("use", SYMBOL_USES)
def test_symbols_reach_the_shape_as_in_openvino(use):
    def marked(names):
        symbol = names["Symbol"]()
        return outcome(
            f"(lambda s: {use})(PartialShape([4, 5]))",
            names,
            mark=lambda dimension: dimension.set_symbol(symbol),
        )

    assert marked(OVGPU) == marked(OPENVINO)


def test_marking_one_shape_leaves_others_alone():
    first, second = PartialShape.of([4, 5]), PartialShape.of([4, 5])
    for dim in first:
        dim.set_symbol(Symbol())
    assert not second[0].has_symbol()
    assert not Dimension.static(4).has_symbol()


def test_a_shape_does_not_change_with_its_copy():
    shape = PartialShape([1, 2])
    other = copy.copy(shape)
    other[0] = 7
    assert (str(shape), str(other)) == ("[1,2]", "[7,2]")
