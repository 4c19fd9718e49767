"""Shapes, strides, coordinates and axes against OpenVINO's."""

from __future__ import annotations

import copy
import pickle

import pytest
from both_packages import assert_same

from ovgpu.graph.shape import AxisVector, Coordinate, CoordinateDiff, Shape, Strides

CONSTRUCTIONS = """
Shape()
Shape([1, 2])
Shape((1, 2))
Shape('1,2')
Shape(' [1, 2] ')
Shape('')
Shape('[]')
Shape([-1])
Shape([1.0])
Shape(['1'])
Shape([True])
Shape(np.array([1, 2]))
Shape(np.array([1.0]))
Shape(np.array([-1]))
Shape([np.int64(3)])
Shape(range(3))
Shape({1})
Shape(3)
Shape(None)
Shape(Shape([1]))
Shape(PartialShape([1]))
Shape([2**63])
Shape([2**64])
Shape([Dimension(1)])
Shape(1, 2)
Shape(axis_lengths=[1])
Shape(shape='3')
Strides([1, 2])
Strides()
Strides([])
Strides([-1])
Strides(Strides([1]))
Strides('12')
Strides([2**64 - 1])
Strides(axis_strides=[3])
Coordinate([1, 2])
Coordinate(Shape([1, 2]))
Coordinate()
Coordinate(Coordinate([1]))
Coordinate([-1])
CoordinateDiff([1, 2])
CoordinateDiff()
CoordinateDiff(CoordinateDiff([1]))
CoordinateDiff('12')
CoordinateDiff([1.0])
CoordinateDiff(Shape([1]))
CoordinateDiff([2**63 - 1])
AxisSet({2, 1})
AxisSet([3, 1, 1])
AxisSet((1,))
AxisSet(AxisSet([1]))
AxisSet()
AxisSet([])
AxisSet([-1])
AxisSet(axes={1})
AxisVector([2, 1])
AxisVector()
AxisVector([])
AxisVector({1})
AxisVector(AxisVector([1]))
AxisVector([-1])
""".strip().splitlines()

USES = {
    "Shape([1, 2, 3])": """
v[0]; v[-1]; v[1:]; v[::-1]; v['a']; v[True]; v[1.0]; len(v); list(v); tuple(v); bool(v); str(v); v.to_string()
v == [1, 2, 3]; v == (1, 2, 3); v == Shape([1, 2, 3]); v == PartialShape([1, 2, 3]); v == '1,2,3'; v == [1, 2]
v != [1, 2, 3]; v != [1]; v == 3; hash(v); v + v; 1 in v; [1, 2, 3] == v; np.zeros(v).shape; np.array(v)
v == [-1, 2, 3]; v == np.array([1, 2, 3])
v.__setitem__(0, 5) or v; v.__setitem__(-1, 5); v.__setitem__(0, Dimension(2)) or v; v.__setitem__(0, '?')
v.__setitem__(0, 2.5); v.__setitem__(slice(0, 1), 3); setattr(v, 'x', 1)""",
    "Strides([12, 4])": """
v[0]; v[-1]; v[1:]; len(v); list(v); str(v); repr(v); v == [12, 4]; v == (12, 4); v == Strides([12, 4]); v == 3
v == Shape([12, 4]); v != [12, 4]; hash(v); v.__setitem__(0, 5) or v; v.__setitem__(-1, 5); v.__setitem__(0, 2.5)""",
    "Coordinate([1, 2])": """
v[0]; v[-1]; len(v); list(v); str(v); v == [1, 2]; v == Coordinate([1, 2]); v.__setitem__(0, 5) or list(v)""",
    "CoordinateDiff([1, -2])": """
v[0]; v[1]; len(v); list(v); v == [1, -2]; v == CoordinateDiff([1, -2]); v.__setitem__(0, -5) or list(v)""",
    "CoordinateDiff([1, 2])": "v[-1]; v.__setitem__(-1, 5); repr(v)",
    "AxisSet([3, 1])": "list(v); len(v); str(v); 1 in v; 2 in v; v[0]; v == AxisSet([3, 1])",
    "AxisVector([3, 1])": """
list(v); len(v); str(v); v[0]; v[-1]; v == [3, 1]; v == AxisVector([3, 1]); v.__setitem__(0, 5) or v""",
}


@pytest.mark.parametrize("expression", CONSTRUCTIONS)
def test_construction_like_openvino(expression):
    assert_same(expression)


@pytest.mark.parametrize(
    ("vector", "use"),
    [
        (vector, use.strip())
        for vector, uses in USES.items()
        for use in uses.replace("\n", ";").split(";")
        if use.strip()
    ],
)
def test_use_like_openvino(vector, use):
    assert_same(f"(lambda v: {use})({vector})")


@pytest.mark.parametrize("cls", [Shape, Strides, Coordinate, CoordinateDiff, AxisVector])
def test_an_index_past_the_end_raises(cls):
    vector = cls([1, 2])
    with pytest.raises(IndexError):
        _ = vector[2]
    if cls is Shape:
        with pytest.raises(IndexError):
            _ = vector[-3]
    with pytest.raises(IndexError):
        vector[2] = 1
    assert list(vector) == [1, 2]


@pytest.mark.parametrize("cls", [Shape, Strides, Coordinate, AxisVector])
def test_negative_items_are_refused(cls):
    vector = cls([1, 2])
    with pytest.raises(TypeError):
        vector[0] = -1
    assert list(vector) == [1, 2]


def test_differences_are_printed_with_their_sign():
    assert repr(CoordinateDiff([1, -2])) == "<CoordinateDiff: (1, -2)>"


@pytest.mark.parametrize("text", ["1 2", "a", "-1", "1,?", "1..2", "..."])
def test_texts_that_are_no_static_shape_are_refused(text):
    with pytest.raises(RuntimeError, match="Cannot parse dimension"):
        Shape(text)


def test_copies_are_independent():
    shape = Shape([1, 2])
    for clone in (
        copy.copy(shape),
        copy.deepcopy(shape),
        Shape(shape),
        pickle.loads(pickle.dumps(shape)),
    ):
        clone[0] = 9
        assert list(clone) == [9, 2]
    assert list(shape) == [1, 2]
