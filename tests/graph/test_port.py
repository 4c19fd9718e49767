"""Ports and tensor descriptors: every line runs with ovgpu and with OpenVINO and must give the same."""

from __future__ import annotations

import pytest

from .expressions import assert_same

LINES = """
x.output(0)
r.input(0)
m.input() == x.output(0)
m.input() == m.input()
hash(m.input()) == hash(x.output(0))
{m.input():1}[x.output(0)]
m.input() != m.output()
m.output() == r.output(0)
m.output() == res.output(0)
m.input() < m.output()
m.input() == 5
x.output(0).index
x.output(0).get_index()
x.output(0).node
x.output(0).get_node()
x.output(0).element_type
x.output(0).get_element_type()
x.output(0).partial_shape
x.output(0).get_partial_shape()
x.output(0).shape
a.output(0).shape
a.output(0).get_shape()
x.output(0).get_shape()
x.output(0).target_inputs
x.output(0).get_target_inputs()
len(a.output(0).target_inputs)
x.output(0).tensor
x.output(0).get_tensor()
x.output(0).rt_info
x.output(0).get_rt_info()
x.output(0).rt_info['q']=5;; x.output(0).get_rt_info()['q'].value
x.output(0).set_rt_info(5,'q');; x.output(0).rt_info['q'].value
x.output(0).nope
x.output(0).get_rt_info()['q']
r.input(0).get_source_output()
r.input(0).get_node()
r.input(0).get_index()
r.input(0).get_tensor()
r.input(0).get_element_type()
r.input(0).get_shape()
r.input(0).get_partial_shape()
r.input(0).rt_info
r.input(0).set_rt_info(5,'q');; r.input(0).rt_info['q'].value
r.input(0).get_rt_info()
r.input(0) == s.input(0)
hash(r.input(0)) == hash(r.input(0))
r.input(0).replace_source_output(ops.exp(x).output(0));; m.get_ordered_ops()
r.input(0).replace_source_output(5)
x.output(0).replace(ops.exp(ops.parameter([2,3])).output(0));; r.input_values()
x.output(0).remove_target_input(r.input(0));; x.output(0).target_inputs
x.output(0).tensor.get_names()
x.output(0).tensor.get_any_name()
x.output(0).tensor.any_name
r.output(0).tensor.any_name
s.output(0).tensor.any_name
x.output(0).tensor.element_type
x.output(0).tensor.get_element_type()
x.output(0).tensor.partial_shape
x.output(0).tensor.shape
a.output(0).tensor.shape
a.output(0).tensor.size
x.output(0).tensor.size
x.output(0).tensor.rt_info
a.output(0).tensor.get_value_symbol()
ov.Output(x)
ov.ConstOutput()
ov.Input()
copy.copy(x.output(0))
copy.deepcopy(x.output(0))
iter(x.output(0))
len(x.output(0))
str(x.output(0))
ov.Core().compile_model(m,'CPU').input()
ov.Core().compile_model(m,'CPU').input() == m.input()
ov.Core().compile_model(m,'CPU').input().set_names({'a'})
ov.Core().compile_model(m,'CPU').input().names
c=ov.Core().compile_model(m,'CPU');; m.input().set_names({'zz'});; c.input().names
type(ov.Core().compile_model(m,'CPU').input()).__name__
ov.Core().compile_model(m,'CPU').input().get_node()
ov.Core().compile_model(m,'CPU').input().partial_shape
ov.Core().compile_model(m,'CPU').input().shape
ov.Core().compile_model(m2,'CPU').output(1).index
ov.Core().compile_model(m2,'CPU').output(1).any_name
ov.Core().compile_model(m,'CPU').output().get_any_name()
ov.Core().compile_model(m,'CPU').input().target_inputs
c=ov.Core().compile_model(m2,'CPU');; sorted(c.inputs)==c.inputs or True
c=ov.Core().compile_model(m2,'CPU');; c.inputs[0]==c.input(0)
c=ov.Core().compile_model(m2,'CPU');; len({c.input(0),c.input(0),c.input(1)})
""".strip().splitlines()


@pytest.mark.parametrize("line", LINES)
def test_same_as_openvino(line: str) -> None:
    assert_same(line)
