"""Models: every line runs with ovgpu and with OpenVINO and must give the same."""

from __future__ import annotations

import pytest

from .expressions import assert_same

LINES = """
m
m2
str(m)
m.inputs
m.outputs
m.name
m.friendly_name
m.get_name()
m.get_friendly_name()
ov.Model([res],[x]).friendly_name
m.clone().friendly_name
m.clone()
copy.copy(m)
copy.deepcopy(m)
m.set_friendly_name('q');; m.friendly_name
m.__enter__();; m.__exit__(None,None,None);; m
m.__enter__();; m.__exit__(None,None,None);; m.name
m.__enter__();; m.__exit__(None,None,None);; m.inputs
m.input('nope')
m.output('nope')
m.input(3)
m.output(3)
m.input(-1)
m.input(1.5)
m.input('x')
m.input(0)
m.output()
m2.input()
m2.output()
m2.input(1)
m2.output(1)
m.foo
m.get_foo()
m.parameters
m.results
m.get_parameters()
m.get_results()
m.get_result()
m.result
m2.get_result()
m.sinks
m.get_sinks()
m.variables
m.get_variables()
m.get_ordered_ops()
m.is_dynamic()
m2.is_dynamic()
m.dynamic
m.get_output_size()
m2.get_output_size()
m2.get_output_op(1)
m2.get_output_op(5)
m2.get_output_element_type(0)
m.get_output_partial_shape(0)
m2.get_output_shape(0)
m.get_output_shape(0)
m2.get_output_shape(9)
m.get_parameter_index(x)
m.get_parameter_index(a)
m.get_result_index(res)
m.get_result_index(res.output(0))
m.get_result_index(r.output(0))
m.get_result_index(m.output())
m2.get_result_index(sp.output(1))
m.get_result_index(a.output(0))
m.get_sink_index(r)
m.get_variable_by_id('q')
x.output(0).names
m.input().names
m.output().names
m.input().get_names()
m.input().any_name
m.input().get_any_name()
res.output(0).names
r.output(0).names
m2.outputs[0].names
ops.parameter([1],np.float32,name='pp').output(0).names
ops.relu(x).output(0).names
ops.parameter([1],np.float32,name='pp').output(0).any_name
ops.relu(x).output(0).get_any_name()
p=ops.parameter([1],np.float32);; mm=ov.Model([ops.relu(p)],[p]);; [mm.input().names,mm.output().names]
m.input().set_names({'q','w'});; sorted(m.input().names)
m.input().set_names({'q'});; m.input('x')
m.input().set_names({'q'});; m.input('q')
m.input().add_names({'q'});; sorted(m.input().names)
m.input().tensor.set_names({'q'});; m.input().names
m.input().tensor.add_names({'q'});; sorted(m.input().names)
m.input().get_tensor().names
m.input().set_names('abc');; sorted(m.input().names)
m.input().set_names(['abc','d']);; sorted(m.input().names)
m.input().set_names({1})
m.output().set_names({'rr'});; r.output(0).names
p=ops.parameter([1],np.float32);; q=ops.relu(p);; q.output(0).set_names({'n'});; ov.Model([q],[p]).output().names
p=ops.parameter([1],np.float32);; m.add_parameters([p]);; [i.names for i in m.inputs]
m.add_results([ops.result(ops.exp(r))]);; [i.names for i in m.outputs]
p=ops.parameter([-1,3],np.float32,name='new');; m.replace_parameter(0,p);; [m.input().names, m.get_ordered_ops()]
p=ops.parameter([-1,3],np.float32,name='new');; m.replace_parameter(4,p)
m.add_outputs('x')
m.add_outputs('zz')
m.add_outputs(('r',0))
m.add_outputs(('r',1))
m.add_outputs(('nope',0))
m.add_outputs(r.output(0))
m.add_outputs(res.output(0))
m.add_outputs(['x'])
m.add_outputs(['x',('r',0)]);; m.outputs
m.add_outputs(5)
m.add_outputs([5])
m.add_outputs('x');; m
m2.add_outputs(('s',0));; m2
m2.add_outputs(('s',0))[0].names
m.remove_result(res);; m.outputs
m.remove_parameter(x);; m.inputs
m.remove_parameter(a);; m.inputs
m.remove_result(ops.result(r));; m.outputs
m.reshape([5,3]);; m
m.reshape((5,3));; m
m.reshape('5,3');; m
m.reshape('[5..6,3]');; m
m.reshape(PartialShape([5,3]));; m
m.reshape({0:[5,3]});; m
m.reshape({'x':'?,3'});; m
m.reshape({x.output(0):(7,3)});; m
m.reshape({m.input():PartialShape([1,2])});; m
m.reshape({m.input():Shape([1,2])})
m.reshape({1.5:[1,2]})
m.reshape({7:[1,2]})
m.reshape({'nope':[1,2]})
m.reshape({});; m
m2.reshape([1,2])
m2.reshape({'a':[4,3],'b':[4,3]});; m2
m2.reshape({'a':[5,4]})
m.reshape([(1,5),3]);; m
m.reshape([Dimension(2,4),'3']);; m
m.reshape([1.5,3])
m.reshape({r.output(0):[1,3]})
m.reshape({a.output(0):[1,3]})
m.reshape([5,3],{'q':[1]});; m
m.reshape([5,3],variables_shapes={'q':[1]});; m
m.reshape(partial_shape=[5,3]);; m
ov.Model([r],[x],'n')
ov.Model(r,[x],'n')
ov.Model(res,[x],'n')
ov.Model([r.output(0)],[x],'n')
ov.Model([res],[],[x],'n')
ov.Model([res],parameters=[x],name='n')
ov.Model(results=[res],parameters=[x],name='n')
ov.Model(results=[res],sinks=[],parameters=[x],name='n')
ov.Model(5)
ov.Model()
ov.Model([res],[x],5)
ov.Model([res],[r])
ov.Model([res],[])
ov.Model([res],[a])
ov.Model([5],[x])
ov.Model([],[x])
ov.Model([res],[x,x])
ov.Model([res,res],[x])
ov.Model([r,r],[x])
ov.Model(m)
m == m
m == m.clone()
hash(m) == hash(m)
m.set_rt_info('v','k');; m.get_rt_info('k')
m.set_rt_info('v','k');; m.get_rt_info('k').value
m.set_rt_info('v','k');; m.get_rt_info('k') == 'v'
m.set_rt_info(5,['a','b']);; m.get_rt_info(['a','b']).value
m.set_rt_info(5,['a','b']);; m.get_rt_info(['a','b']).astype(int)
m.set_rt_info(5,['a','b','c']);; m.get_rt_info(['a','b','c']).astype(str)
m.set_rt_info(5,['a','b']);; m.rt_info['a']
m.set_rt_info(5,['a','b']);; m.rt_info['a']['b']
m.set_rt_info(5,['a','b']);; m.get_rt_info('a')
m.set_rt_info(5,['a','b']);; m.get_rt_info('a').value
m.get_rt_info('nope')
m.get_rt_info(['a','nope'])
m.has_rt_info('nope')
m.set_rt_info(5,['a','b']);; m.has_rt_info(['a','b'])
m.set_rt_info(5,['a','b']);; m.has_rt_info(['a','c'])
m.set_rt_info(5,['a','b']);; m.has_rt_info('a')
m.set_rt_info([1,2],'l');; m.get_rt_info('l').value
m.set_rt_info([1,2],'l');; m.get_rt_info('l').aslist(int)
m.set_rt_info([1,2],'l');; m.get_rt_info('l')[1]
m.set_rt_info({'q':1},'d');; m.get_rt_info('d').value
m.set_rt_info(Type.f32,'d');; m.get_rt_info('d').value
m.get_rt_info()
len(m.get_rt_info())
m.rt_info
m.rt_info['a']='b';; m.get_rt_info('a').value
m.set_rt_info(1.5,'f');; m.get_rt_info('f').value
m.set_rt_info(True,'f');; m.get_rt_info('f').astype(bool)
ov.get_batch(m)
ov.set_batch(m,5)
x.set_layout(Layout('NC'));; ov.get_batch(m)
x.set_layout(Layout('NC'));; ov.set_batch(m,5);; m
x.set_layout(Layout('NC'));; ov.set_batch(m,Dimension(2,3));; m
x.set_layout(Layout('NC'));; ov.set_batch(m);; m
x.set_layout(Layout('NC'));; ov.set_batch(m,(1,2))
x.set_layout(Layout('NC'));; ov.set_batch(m,'5')
x.set_layout(Layout('CN'));; ov.get_batch(m)
a.set_layout(Layout('NC'));; ov.get_batch(m2)
a.set_layout(Layout('NC'));; b.set_layout(Layout('CN'));; ov.get_batch(m2)
ov.get_batch(m2)
x.set_layout('NC')
x.layout='NC'
x.layout=Layout('NC');; [x.layout, x.get_layout(), m.input().get_rt_info()['layout_0']]
x.set_layout(Layout('NCHW'))
res.set_layout(Layout('NC'));; res.layout
res.set_layout(Layout('NCHW'))
x.layout
lh.get_layout(m.input())
lh.set_layout(m.input(),Layout('NC'));; lh.get_layout(m.input())
t=ov.Tensor(np.zeros((0,),np.float32));; m.evaluate([t],[ov.Tensor(np.float32([[-1,2,3]]))]);; t.data
m.evaluate([ov.Tensor(np.zeros((2,3),np.float32))],[ov.Tensor(np.float32([[-1,2,3]]))])
m.validate_nodes_and_infer_types()
m.add_sinks([]);; m.sinks
m.add_variables([]);; m.variables
isinstance(m.inputs[0], type(m.outputs[0]))
m.get_rt_info(5)
m.input(key=0)
m.input(tensor_name='x')
m.input(index=0)
m.output(tensor_name='res')
m.output(index=0)
""".strip().splitlines()


@pytest.mark.parametrize("line", LINES)
def test_same_as_openvino(line: str) -> None:
    assert_same(line)
