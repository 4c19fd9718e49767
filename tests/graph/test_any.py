"""Values of run-time information, their maps, and operation type info against OpenVINO's."""

from __future__ import annotations

import numpy as np
import openvino
import pytest
from both_packages import OPENVINO, OVGPU, assert_same, outcome
from hypothesis import given
from hypothesis import strategies as st

from ovgpu.graph.any import OVAny, RTMap, to_text
from ovgpu.graph.element_type import Type
from ovgpu.graph.type_info import DiscreteTypeInfo
from ovgpu.properties import hint

VALUES = """1|0|-3|2**40|1.7|0.1|-2.5|1e16|True|False|'abc'|'1'|'1.7'|'-5'|'+5'|'1e3'|'inf'|'YES'|'NO'|'True'|'off'|'y'
'1 2 3'|''|' 5'|'5x'|'1,2'|[1, 2]|[1.5]|['a', 'b']|{'a': 1}|(1, 2)|b'x'|Type.f32|np.float64(1.5)""".replace(
    "\n", "|"
).split("|")
TYPES = ["int", "float", "str", "bool", "dict", "list", "Type"]

EXPRESSIONS = """
OVAny()
OVAny([1.5, 2])
OVAny([1, 'a'])
OVAny([['a']])
OVAny(np.array([1])).value
OVAny(np.int64(3)).value
OVAny(np.float32(3)).value
OVAny(properties.hint.Priority.LOW).value
OVAny(Dimension(2)).value
OVAny(OVAny(3)).value
OVAny(None).value
OVAny({'a': {'b': 1}}).value
OVAny(1).get()
OVAny([1, 2])[0]
OVAny([1, 2])[5]
OVAny('abc')[0]
OVAny({'a': 1})['a']
OVAny({'a': 1})['z']
OVAny(1)[0]
len(OVAny([1, 2]))
len(OVAny('abc'))
len(OVAny(1))
hash(OVAny(1))
hash(OVAny('a')) == hash('a')
list(OVAny([1, 2]))
int(OVAny(1))
OVAny([1]) + [2]
OVAny({'a': 1}).items()
setattr(OVAny(1), 'value', 2)
OVAny({'a': 1}).__setitem__('a', [1])
(lambda a: (a.set('x'), a.value))(OVAny(1))
repr(OVAny(3)), str(OVAny('x'))
OVAny('1 2').aslist()
OVAny([1, 2]).aslist()
OVAny('1').aslist(dict)
RTMap()
bool(RTMap()), len(RTMap())
(lambda m: (m.__setitem__('b', 3), m.__setitem__('a', 'x'), list(m), list(m.keys()), list(m.values())))(RTMap())
(lambda m: (m.__setitem__('b', 3), [(k, v.value) for k, v in m.items()], 'b' in m, 'c' in m, bool(m)))(RTMap())
(lambda m: (m.__setitem__('b', 3), m.__delitem__('b'), len(m)))(RTMap())
RTMap()['missing'].value
3 in RTMap()
RTMap() == RTMap()
DiscreteTypeInfo('a', 'b')
DiscreteTypeInfo(1, 'b')
DiscreteTypeInfo(name='a', version_id='c')
DiscreteTypeInfo('a', 'b').name, DiscreteTypeInfo('a', 'b').version_id, DiscreteTypeInfo('a', 'b').parent
DiscreteTypeInfo('a', 'b') == 3
DiscreteTypeInfo('a', 'b') < 3
hash(DiscreteTypeInfo('a', 'b'))
setattr(DiscreteTypeInfo('a', 'b'), 'name', 'c')
DiscreteTypeInfo('a', 'b').hash() == DiscreteTypeInfo('a', 'b').hash()
DiscreteTypeInfo('a', 'b').hash() == DiscreteTypeInfo('a', 'c').hash()
""".strip().splitlines()


def kind_of_failure(text: str) -> str:
    """OpenVINO's conversion errors name C++ types; only that, and how, it fails is compared."""
    return text.split(":")[0] if text.startswith("raises RuntimeError") else text


@pytest.mark.parametrize("value", VALUES)
def test_values_like_openvino(value):
    assert_same(f"OVAny({value}).value")
    for dtype in TYPES:
        for method in ("astype", "aslist"):
            expression = f"OVAny({value}).{method}({dtype})"
            assert kind_of_failure(outcome(expression, OVGPU)) == kind_of_failure(
                outcome(expression, OPENVINO)
            ), expression


@pytest.mark.parametrize(
    "value", ["1", "1.0", "True", "'1'", "[1]", "[1.0]", "{'a': 1}", "Type.f32"]
)
def test_equality_like_openvino(value):
    for other in ["1", "1.0", "True", "'1'", "[2]", "[1]", "{'a': 1}", "Type.f32", "3"]:
        if {value, other} != {"[1.0]", "[1]"}:  # Python's lists of equal numbers are equal
            assert_same(
                f"OVAny({value}) == {other}, OVAny({value}) == OVAny({other}), OVAny({value}) != {other}"
            )


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_like_openvino(expression):
    assert_same(expression)


names = st.sampled_from(["Add", "Relu", "a"])
versions = st.sampled_from(["opset1", "opset13", "util"])


@given(names, versions, names, versions)
@pytest.mark.parametrize("relation", ["==", "!=", "<", "<=", ">", ">="])
def test_type_info_order_like_openvino(relation, name, version, other_name, other_version):
    assert_same(
        f"DiscreteTypeInfo(a, b) {relation} DiscreteTypeInfo(c, d)",
        a=name,
        b=version,
        c=other_name,
        d=other_version,
    )


def test_type_info_prints_its_parent_as_openvino_does():
    theirs = openvino.op.Parameter(openvino.Type.f32, openvino.PartialShape([1])).get_type_info()
    ours = DiscreteTypeInfo("Parameter", "opset1", DiscreteTypeInfo("Op", "util"))
    assert repr(ours) == repr(theirs)
    assert ours.parent is not None
    assert repr(ours.parent) == repr(theirs.parent)


def test_empty_lists_and_truth_values():
    # The same expressions end OpenVINO's process or raise errors about missing attributes.
    assert OVAny([]).value == []
    assert not OVAny([])
    assert not OVAny(0)
    assert OVAny(False).value is False
    assert OVAny(None) == None  # noqa: E711 (the comparison is what is tested)


def test_items_can_be_set():
    value = OVAny({"a": 1})
    value["a"] = 2
    assert value.value == {"a": 2}


def test_a_list_is_copied():
    source = [1, 2]
    value = OVAny(source)
    source.append(3)
    assert value.value == [1, 2]


def test_arrays_compare():
    assert OVAny(np.array([1, 2])) == np.array([1, 2])
    assert OVAny(np.array([1, 2])) != np.array([1, 3])


def test_map_of_any_values():
    info = RTMap()
    info["nested"] = {"x": {"a": [1, 2]}}
    info["any"] = OVAny(1.5)
    nested = info["nested"]
    assert isinstance(nested["x"]["a"], OVAny)
    assert nested["x"]["a"].value == [1, 2]
    assert info.get("any").value == 1.5
    assert info.get("missing", 7) == 7
    assert "missing" not in info
    with pytest.raises(KeyError):
        del info["missing"]
    with pytest.raises(TypeError):
        info[3] = "a"


def test_nested_info_of_models_like_openvino():
    parameter = openvino.op.Parameter(openvino.Type.f32, openvino.PartialShape([1]))
    model = openvino.Model([parameter], [parameter], "m")
    model.set_rt_info({"y": {"z": 1}, "l": [1, 2]}, "cfg")
    info = RTMap()
    info["cfg"] = {"y": {"z": 1}, "l": [1, 2]}
    ours, theirs = info["cfg"], model.rt_info["cfg"]
    assert (type(ours), ours.keys()) == (type(theirs), theirs.keys())
    assert ours["y"]["z"].value == theirs["y"]["z"].value
    assert ours["l"].value == theirs["l"].value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "YES"),
        ([True, False], "1 0"),
        (1.0, "1"),
        (1e-7, "1e-07"),
        (1 / 3, "0.3333333333333333"),
        (float("inf"), "inf"),
        ({"b": "d", "a": {"c": [1, 2]}}, "{a:{c:1 2},b:d}"),
        (Type.bf16, "bf16"),
        (hint.Priority.HIGH, "HIGH"),
        (None, ""),
        (OVAny(3), "3"),
    ],
)
def test_text_of_values(value, text):
    assert to_text(value) == text


@given(st.floats())
def test_text_of_floats_reads_back(value):
    back = OVAny(to_text(value)).astype(float)
    assert back == value or (np.isnan(back) and np.isnan(value))
