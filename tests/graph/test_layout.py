"""Layouts and their helpers against OpenVINO's."""

from __future__ import annotations

import copy
import pickle
import re

import openvino
import openvino.opset13 as openvino_ops
import pytest
from both_packages import assert_same, outcome
from hypothesis import assume, given
from hypothesis import strategies as st

import ovgpu
import ovgpu.opset13 as ovgpu_ops
from ovgpu.graph import special
from ovgpu.graph.layout import Layout
from ovgpu.graph.partial_shape import PartialShape

TEXTS = """|NCHW|nchw|N??C|[time,?,c]|N...C|...C|...|N...|[...]|[N,...,C]|[n, c ,h]|[N,,C]|[]|[N|N]|NN|N...C...
[N,...,...]|N*C|[N,*]|[N C]| NCHW |N C|N.C|N..C|????|?|[?]|[N,?,?]|1234|[a_b,c1]|_|__|[_a]|**SCALAR**|**scalar**
[**SCALAR**]|[BATCH,CHANNELS,HEIGHT,WIDTH]|BATCH|[DEPTH,N]|[n,batch]|[batch,c]|[channel]|[LENGTH]|[N,]|[,N]|[ ]|N..|..|.
[N,..]|[1a]|[?,?]|NCHW...|...NC|[..., N]|[ ... ]|[N , ... ]|[[N]]|[?a]|[N;C]|[*]|scalar""".replace(
    "\n", "|"
).split("|")

USES = """
Layout()
Layout(3)
Layout(None)
Layout(Layout('NC'))
Layout('N', 'C')
Layout(layout_str='NC')
Layout(text='NC')
Layout.scalar()
str(Layout.scalar())
Layout('NCHW') == 'NCHW'
Layout('NCHW') == 'nchw'
Layout('NCHW') == '[N,C,H,W]'
Layout('NCHW') == Layout('nchw')
Layout('NCHW') == 'Q*'
Layout('NCHW') != 'NCHW'
Layout('NCHW') != Layout('NC')
Layout('NCHW') == 3
Layout('[batch,c]') == 'NC'
Layout() == '...'
hash(Layout('NC'))
Layout('NCHW').has_name('n')
Layout('NCHW').has_name('?')
Layout('NCHW').has_name('...')
Layout('[batch,c]').has_name('N')
Layout('N').has_name('batch')
Layout('NCHW').get_index_by_name('c')
Layout('NCHW').get_index_by_name('q')
Layout('N...HC').get_index_by_name('H')
Layout('...C').get_index_by_name('C')
Layout('N?C').get_index_by_name('?')
Layout('[batch]').get_index_by_name('N')
Layout.scalar().get_index_by_name('N')
Layout('N?...C').to_string()
setattr(Layout('NC'), 'x', 1)
setattr(Layout('NC'), 'empty', 1)
layout_helpers.has_batch('N')
layout_helpers.batch_idx(3)
layout_helpers.get_layout(3)
layout_helpers.set_layout(3, Layout('NC'))
""".strip().splitlines()

HELPERS = [
    f"{prefix}{name}{suffix}"
    for name in ("batch", "channels", "depth", "height", "width")
    for prefix, suffix in (("has_", ""), ("", "_idx"))
]


@pytest.mark.parametrize("text", TEXTS)
def test_texts_like_openvino(text):
    assert_same("Layout(text)", text=text)
    assert_same("Layout(text).empty", text=text)


@given(st.text("NCHnc?.[], _*", max_size=8))
def test_any_text_like_openvino(text):
    inner = text.strip(" ")
    # Both refuse what breaks the rules about "...", but say so in different words: see below.
    assume("." not in inner or re.fullmatch(r"[^.\[\],]*\.\.\.[^.\[\],]*", inner))
    assert_same("Layout(text)", text=text)


@pytest.mark.parametrize("text", ["[n...]", "[N...,C]", "N....C", "[N,...C]", "[N,....]", "...."])
def test_misplaced_dots_are_refused(text):
    with pytest.raises(RuntimeError):
        Layout(text)
    with pytest.raises(RuntimeError):
        openvino.Layout(text)


def test_letters_of_other_scripts_are_refused():
    with pytest.raises(RuntimeError, match="Layout name is invalid"):
        Layout("Né")


@pytest.mark.parametrize("expression", USES)
def test_like_openvino(expression):
    assert_same(expression)


@pytest.mark.parametrize("helper", HELPERS)
@pytest.mark.parametrize("layout", ["NCDHW", "[batch,channels]", "...HW", "N?", "", "[depth]"])
def test_helpers_like_openvino(helper, layout):
    assert_same(f"layout_helpers.{helper}(Layout(text))", text=layout)


@pytest.mark.parametrize("layout", ["NC", "N...", "...", "N?C...W", "**SCALAR**", "???"])
@pytest.mark.parametrize("shape", [[], [1], [1, 2], [1, 2, 3, 4]])
def test_fit_like_openvino(layout, shape):
    parameter = openvino_ops.parameter(shape)
    try:
        parameter.set_layout(openvino.Layout(layout))
        expected = True
    except RuntimeError:
        expected = False
    assert Layout(layout).fits(PartialShape(shape)) == expected
    assert Layout(layout).fits(PartialShape.dynamic())


PORT_STEPS = """
helpers.get_layout(model.input(0))
helpers.set_layout(model.input(0), package.Layout('NCHW'))
helpers.set_layout(model.input(0), package.Layout.scalar())
helpers.set_layout(model.input(0), 'NC')
helpers.set_layout(model.input(0), package.Layout('NC'))
helpers.get_layout(model.input(0))
model.get_parameters()[0].layout
model.get_parameters()[0].get_layout()
sorted(model.input(0).get_rt_info())
helpers.get_layout(model.output(0))
helpers.set_layout(model.output(0), package.Layout('N...'))
helpers.get_layout(model.output(0))
model.get_results()[0].layout
helpers.get_layout(model.get_parameters()[0].output(0))
helpers.set_layout(model.get_results()[0].input(0).get_source_output(), package.Layout('NC'))
helpers.get_layout(model.get_results()[0].input(0).get_source_output())
helpers.set_layout(model.input(0), package.Layout())
helpers.get_layout(model.input(0))
sorted(model.input(0).get_rt_info())
""".strip().splitlines()


def test_layouts_of_ports_like_openvino():
    def history(package, ops, nodes):
        parameter = nodes.Parameter(package.Type.f32, package.PartialShape([-1, 3]))
        parameter.set_friendly_name("x")
        result = nodes.Result(ops.relu(parameter).output(0))
        names = {"model": package.Model([result], [parameter], "m"), "package": package}
        return [outcome(step, names | {"helpers": package.layout_helpers}) for step in PORT_STEPS]

    ours, theirs = history(ovgpu, ovgpu_ops, special), history(openvino, openvino_ops, openvino.op)
    for step, mine, other in zip(PORT_STEPS, ours, theirs, strict=True):
        assert mine == other, step


def test_names_of_dimensions():
    assert Layout("N?...C").names(5) == ("N", None, None, None, "C")
    assert Layout("NC").names(2) == ("N", "C")
    with pytest.raises(ValueError, match="rank 3"):
        Layout("NC").names(3)


@pytest.mark.parametrize("text", ["NCHW", "N...C", "", "**SCALAR**", "[time,?]"])
def test_copies_are_equal(text):
    layout = Layout(text)
    assert copy.deepcopy(layout) == layout
    assert pickle.loads(pickle.dumps(layout)) == layout
