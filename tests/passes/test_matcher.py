"""Patterns: every line runs with ovgpu and with OpenVINO and must print the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino
import openvino.opset13
import openvino.passes
import pytest
from both_packages import normalised

import ovgpu
import ovgpu.opset13
import ovgpu.passes

_EXPRESSIONS = """
AnyInput()
AnyInput(lambda o: True)
WrapType('opset13.Relu')
WrapType('opset13::Relu', AnyInput(), lambda o: True)
WrapType(['opset13.Relu', 'opset1.Add'], [AnyInput()])
WrapType('opset13.Relu', AnyInput().output(0))
WrapType('nope')
WrapType('opset13.Nope')
WrapType('opset99.Relu')
WrapType('Relu')
Or([AnyInput(), AnyInput()])
Optional(['opset13.Relu'], [AnyInput()], lambda o: True)
Matcher(AnyInput(), 'name').get_name()
AnyInput().output(0)
match(WrapType('opset13.Relu'), relu)
match(WrapType('opset13.Relu'), relu.output(0))
match(WrapType('opset13.Relu'), add)
match(WrapType('opset13.Add', [WrapType('opset13.Relu', AnyInput()), AnyInput()]), add)
match(WrapType('opset13.Add', [AnyInput(), WrapType('opset13.Relu', AnyInput())]), add)
match(WrapType('opset13.Subtract', [AnyInput(), WrapType('opset13.Relu', AnyInput())]), minus)
match(WrapType('opset13.Subtract', [WrapType('opset13.Relu', AnyInput()), AnyInput()]), minus)
match(WrapType('opset1.Add', [AnyInput()]), add)
match(WrapType('opset1.Add', lambda o: o.get_node().friendly_name == 'add'), add)
match(WrapType('opset1.Add', lambda o: False), add)
match(AnyInput(), add)
match(AnyInput(lambda o: False), add)
match(Or([WrapType('opset1.Relu'), WrapType('opset1.Add')]), add)
match(Or([WrapType('opset1.Relu'), WrapType('opset1.Exp')]), add)
match(WrapType('opset1.Add', [Optional(['opset1.Relu'], AnyInput()), AnyInput()]), add)
match(WrapType('opset1.Add', [Optional(['opset1.Abs'], AnyInput()), AnyInput()]), add)
match(Optional(['opset1.Abs']), add)
match(Optional(['opset1.Add']), add)
match(ops.relu(AnyInput()), relu)
match(ops.exp(AnyInput()), relu)
match(WrapType('opset1.Softmax'), softmax)
match(WrapType('opset13.Softmax'), softmax)
match(WrapType('opset8.Softmax', AnyInput(), attrs_match({'axis': 1})), softmax)
match(WrapType('opset8.Softmax', AnyInput(), attrs_match({'axis': 0})), softmax)
match(WrapType('opset1.Relu', consumers_count(2)), relu)
match(WrapType('opset1.Relu', consumers_count(1)), relu)
match(WrapType('opset1.Relu', type_matches(Type.f32)), relu)
match(WrapType('opset1.Relu', type_matches(Type.i32)), relu)
match(WrapType('opset1.Relu', type_matches_any([Type.i32, Type.f32])), relu)
match(WrapType('opset1.Relu', has_static_shape()), relu)
match(WrapType('opset1.Relu', has_static_shape()), loose)
match(WrapType('opset1.Relu', has_static_dim(0)), loose)
match(WrapType('opset1.Relu', has_static_dim(1)), loose)
match(WrapType('opset1.Relu', has_static_dims([0, 1])), relu)
match(WrapType('opset1.Relu', has_static_rank()), loose)
match(WrapType('opset1.Relu', rank_equals(Dimension(2))), relu)
match(WrapType('opset1.Relu', rank_equals(Dimension(3))), relu)
match(WrapType('opset1.Relu', Predicate()), relu)
match(WrapType('opset1.Relu', Predicate(lambda o: False)), relu)
match(WrapType('opset1.Relu', shape_matches('[1,3]')), relu)
match(WrapType('opset1.Relu', shape_matches('1,3')), relu)
match(WrapType('opset1.Relu', shape_matches('[a,b]')), relu)
match(WrapType('opset1.Relu', shape_matches('[a,a]')), relu)
match(WrapType('opset1.Relu', shape_matches('[?,3]')), relu)
match(WrapType('opset1.Relu', shape_matches('[?,4]')), relu)
match(WrapType('opset1.Relu', shape_matches('...,3')), relu)
match(WrapType('opset1.Relu', shape_matches('[1,...]')), relu)
match(WrapType('opset1.Relu', shape_matches('[1,3,...]')), relu)
match(WrapType('opset1.Relu', shape_matches('[1,2,3,...]')), relu)
found(WrapType('opset13.Add', [WrapType('opset13.Relu', AnyInput()), AnyInput()]), add)
found(Or([WrapType('opset13.Exp'), WrapType('opset13.Add', [AnyInput(), AnyInput()])]), add)
symbols(WrapType('opset1.Relu', shape_matches('[a,b]')), relu)
symbols(AnyInput(), relu)
rank_equals(2)
register(5)
register('ConstantFolding')
register(GraphRewrite())
Manager().run_passes(5)
Manager()
ConstantFolding()
ConvertFP32ToFP16()
LowLatency2()
MakeStateful({'a': 'b'})
Serialize('a.xml', 'a.bin')
VisualizeTree('a.svg')
GraphRewrite()
BackwardGraphRewrite()
Version.IR_V10
""".strip().splitlines()


def _names(package: Any) -> dict[str, Any]:
    """The package's passes, a small graph, and functions that show what a matcher finds."""
    ops, passes = package.opset13, package.passes
    x = ops.parameter([1, 3], np.float32, name="x")
    relu = ops.relu(x, name="relu")
    add = ops.add(relu, ops.constant(np.float32([1, 2, 3]), name="three"), name="add")
    loose = ops.relu(ops.parameter([-1, 3], np.float32, name="loose"))

    def matcher(pattern: Any, node: Any) -> Any:
        result = passes.Matcher(pattern, "test")
        assert result.match(node)
        return result

    def found(pattern: Any, node: Any) -> list[str]:
        result = matcher(pattern, node)
        nodes = [n.get_friendly_name() for n in result.get_match_nodes()]
        values = [v.get_node().get_friendly_name() for v in result.get_match_values()]
        by_pattern = result.get_pattern_value_map().items()
        pairs = sorted(f"{p!r}: {v.get_node().get_friendly_name()}" for p, v in by_pattern)
        return [result.get_match_root().get_friendly_name(), *nodes, *values, *pairs]

    return {
        **{name: getattr(passes, name) for name in ovgpu.passes.__all__},
        "Type": package.Type,
        "Dimension": package.Dimension,
        "ops": ops,
        "relu": relu,
        "add": add,
        "loose": loose,
        "minus": ops.subtract(relu, x, name="minus"),
        "softmax": ops.softmax(x, 1),
        "match": lambda pattern, node: passes.Matcher(pattern, "test").match(node),
        "found": found,
        "symbols": lambda pattern, node: dict(matcher(pattern, node).get_symbols()),
        "register": lambda item: passes.Manager().register_pass(item),
    }


OURS, THEIRS = _names(ovgpu), _names(openvino)


def _outcome(expression: str, names: dict[str, Any]) -> str:
    try:
        return normalised(repr(eval(expression, names)))
    except TypeError:
        return "TypeError"  # the list of overloads is worded differently
    except Exception as error:
        return f"{type(error).__name__}: {normalised(str(error))}"


@pytest.mark.parametrize("expression", _EXPRESSIONS)
def test_same_as_openvino(expression: str) -> None:
    assert _outcome(expression, OURS) == _outcome(expression, THEIRS)


def test_attributes_to_compare_are_needed() -> None:
    with pytest.raises(RuntimeError, match="trivial attribute"):
        ovgpu.passes.attrs_match({})


def test_a_predicate_may_take_symbols() -> None:
    seen = {}

    def remember(symbols: dict[str, Any], output: ovgpu.Output) -> bool:
        seen.update(symbols)
        return True

    shaped = ovgpu.passes.AnyInput(ovgpu.passes.shape_matches("[batch,3]"))
    pattern = ovgpu.passes.Or(
        [ovgpu.passes.WrapType("opset13.Relu", shaped, ovgpu.passes.Predicate(remember))]
    )
    assert ovgpu.passes.Matcher(pattern, "test").match(OURS["relu"])
    assert seen == {}  # the root is looked at before its inputs
