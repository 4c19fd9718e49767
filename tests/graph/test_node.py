"""Nodes, constants and operators: every line runs with ovgpu and with OpenVINO and must give the same."""

from __future__ import annotations

import pytest

from .expressions import assert_same

LINES = """
x
r
sp
s
ops.constant(np.float32([1,2,3,4]))
res
r.get_type_name()
r.get_type_info()
r.type_info
r.get_name()
r.name
r.friendly_name
r.get_friendly_name()
r.set_friendly_name('q');; r
r.friendly_name='q';; r
r.set_friendly_name(5)
r.get_attributes()
sp.get_attributes()
x.get_attributes()
ops.softmax(x,1).get_attributes()
ops.softmax(x,1).get_axis()
sm=ops.softmax(x,1);; sm.set_axis(0);; sm.get_axis()
r.get_nope()
r.nope
ops.softmax(x,1).set_nope(1)
sm=ops.softmax(x,1);; sm.set_attribute('axis',0);; sm.get_attributes()
r.get_instance_id() == r.get_instance_id()
r.get_input_size()
r.get_output_size()
sp.get_output_size()
r.inputs()
r.outputs()
s.inputs()
sp.outputs()
r.input(0)
r.input(5)
r.output(0)
r.output(5)
r.output(-1)
r.input(-1)
r.output('a')
r.input_value(0)
r.input_value(4)
s.input_values()
r.get_element_type()
sp.get_element_type()
r.element_type
x.element_type
x.get_element_type()
r.shape
s.shape
s.get_output_shape(0)
r.get_output_shape(0)
r.get_output_partial_shape(0)
s.get_output_shape(3)
sp.get_output_element_type(1)
sp.get_output_element_type(4)
s.get_input_element_type(1)
s.get_input_element_type(5)
s.get_input_partial_shape(0)
s.get_input_shape(0)
r.get_input_shape(0)
s.get_input_tensor(0)
s.get_output_tensor(0)
s.get_output_tensor(3)
s.get_rt_info()
s.rt_info
s.rt_info['a']='b';; s.get_rt_info()['a'].value
s.set_rt_info('q','k');; s.rt_info['k'].value
s.get_rt_info()['a']=1;; s.rt_info['a'].value
r == r
r == s
r != r
hash(r)==hash(r)
{r:1}[r]
m.get_ordered_ops()[1] == r
s + 1
s + 1.0
x + 1.0
x + np.float32(1)
x + np.float32([1,2,3])
1.0 + x
np.float32([1,2,3]) + x
1.0 - x
2.0 * x
2.0 / x
x - 1.0
x * 1.0
x / 1.0
x + x
-x
x ** 2
x @ x
x > 1
x < x
x[0]
x == 1
abs(x)
x += 1.0;; x
len(x)
bool(x)
iter(x)
x + 'a'
x + [1.0,2.0,3.0]
x + (1.0,2.0,3.0)
x + True
x + np.array(1)
np.add(x,np.float32([1,2,3]))
np.exp(x)
ops.relu('a')
ops.relu(5)
ops.relu(1.5).get_element_type()
ops.add(x,1).get_type_name()
ops.add(x,np.float32(1))
ops.add(x,1.0)
ops.add(1,2).get_element_type()
ops.add(x,[1.0,2.0,3.0])
ops.add(x,'5')
ops.relu([1.0,2.0]).get_element_type()
ops.parameter([1,3])
ops.parameter('1,3')
ops.parameter('?,3',Type.i32)
ops.parameter([1,3],'f32')
ops.parameter([1,3],dtype=float)
ops.parameter(PartialShape([1,-1]),dtype=np.float16)
ops.parameter([(1,5),-1],dtype=bool)
ops.parameter((1,3),dtype=np.uint8)
ops.parameter(Shape([1,3]))
ops.parameter(5)
ops.parameter([])
ops.parameter('...')
ops.parameter([1],name='q').friendly_name
ops.matmul(a,b)
ops.matmul(a,b,False,True)
ops.matmul(a,b,False)
ops.matmul(a,b,False,False)
ops.convert(x,'f16')
ops.convert(x,'f16').get_element_type()
ops.convert(x,Type.i8).get_element_type()
ops.convert(x,np.int32).get_element_type()
ops.split(a,0,3)
ops.split(a,5,2)
ops.add(a,ops.parameter([4]))
ops.constant(5)
ops.constant(5).data
ops.constant(5.0)
ops.constant(True)
ops.constant([1,2])
ops.constant([1,2]).data
ops.constant([1,2],dtype=np.float32).data
ops.constant([1.5,2],Type.f16).data
ops.constant(np.float32([1,2]))
ops.constant(np.float32([1,2]),Type.i32).data
ops.constant(np.float32([1,2]),name='c1')
ops.constant(np.float32([1,2])).get_value_strings()
ops.constant([1,2,3]).get_vector()
ops.constant([1,2,3]).get_byte_size()
ops.constant([1,2,3]).get_data(dtype=np.float32)
ops.constant([1,2,3]).strides
ops.constant([1,2,3]).get_tensor_view()
ops.constant([1,2,3]).shape
ops.constant([1,2,3]).get_attributes()
ops.constant([[1,2],[3]])
ops.constant(None)
ops.constant(np.int32([1,2])).data.flags.writeable
c=ops.constant(np.int32([1,2]));; c.data[0]=5;; c.data
n=np.int32([1,2]);; c=ops.constant(n,shared_memory=True);; n[0]=7;; c.data
n=np.int32([1,2]);; c=ops.constant(n);; n[0]=7;; c.data
ov.op.Constant(Type.f32,Shape([2]),[1.0,2.0]).data
ov.op.Constant(Type.f32,Shape([2]),[1.0]).data
ov.op.Constant(np.float32([1,2]))
ov.op.Constant(ov.Tensor(np.float32([1,2])))
ov.op.Constant(ov.Tensor(np.float32([1,2]))).data
ov.op.Constant(5)
ov.op.Parameter(Type.f32,PartialShape([1,-1]))
ov.op.Parameter(Type.f32,Shape([1,2]))
ov.op.Parameter('f32',Shape([1,2]))
p=ov.op.Parameter(Type.f32,Shape([1,2]));; p.partial_shape=PartialShape([3]);; [p.partial_shape,p.get_partial_shape()]
p=ov.op.Parameter(Type.f32,Shape([1,2]));; p.element_type=Type.i8;; p.element_type
ov.op.Result(x.output(0))
ov.op.Result(5)
res.get_output_element_type(0)
res.get_output_partial_shape(0)
res.get_layout()
s.set_argument(0,b.output(0));; s.input_values()
s.set_arguments([a,a]);; s.input_values()
s.set_arguments([a.output(0)]);; s.input_values()
s.validate_and_infer_types()
r.constructor_validate_and_infer_types()
x.set_partial_shape(PartialShape([5,3]));; r.validate_and_infer_types();; r
t=ov.Tensor(np.zeros((2,3),np.float32));; i=ov.Tensor(np.ones((2,3),np.float32));; s.evaluate([t],[i,i]);; t.data
t=ov.Tensor(np.zeros((2,3),np.float32));; i=ov.Tensor(np.ones((2,3),np.float32));; s.evaluate([t],[i,i])
r.get_output_names()
copy.copy(r)
copy.deepcopy(r)
repr(r) == str(r)
isinstance(r, ov.Node)
isinstance(x, ov.Node)
type(x).__name__
type(r).__name__
type(ops.constant(1)).__name__
type(res).__name__
type(ops.result(x)).__name__
type(ops.lstm_cell).__name__
ops.relu.__name__
x.get_shape()
a.get_shape()
a.get_partial_shape()
r.get_partial_shape()
ov.Node()
ops.softmax(x,axis=5)
ops.reshape(a,[3,2],False)
ops.reshape(a,np.array([3,-1]),special_zero=False)
ops.concat([a,b],0)
ops.concat([a,b],axis=1)
ops.concat((a,b),1)
ops.reduce_mean(a,[1],True)
ops.reduce_mean(a,np.array([0,1]))
ops.transpose(a,[1,0])
ops.clamp(a,0,6)
ops.clamp(a,0.0,6.0).get_attributes()
ops.gather(a,[0],1)
ops.strided_slice(a,[0,0],[1,1],[1,1],[0,0],[0,0])
ops.add(a,b,auto_broadcast='none')
ops.add(a,b,name='my').friendly_name
ops.add(a,1.0,name='my').input_values()[1].get_node().friendly_name
""".strip().splitlines()


@pytest.mark.parametrize("line", LINES)
def test_same_as_openvino(line: str) -> None:
    assert_same(line)
