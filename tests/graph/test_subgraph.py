"""If, Loop, TensorIterator and variables: building, inference and values, compared with OpenVINO."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov
import openvino.op
import openvino.opset13
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ovgpu
import ovgpu.op
import ovgpu.opset3
import ovgpu.opset13
from ovgpu.plugins.cpu.evaluate import evaluate_graph

F32_CONFIG = {"INFERENCE_PRECISION_HINT": "f32"}


def parameter(package: Any, shape: Any, name: str, dtype: Any = np.float32) -> Any:
    return package.opset13.parameter(package.PartialShape(shape), dtype, name)


def values(package: Any, model: Any, inputs: list[np.ndarray]) -> list[np.ndarray]:
    if package is ovgpu:
        return evaluate_graph(
            model.get_results(), dict(zip(model.get_parameters(), inputs, strict=True))
        )
    compiled = ov.compile_model(model, "CPU", F32_CONFIG)
    results = compiled.create_infer_request().infer(dict(enumerate(inputs)))
    return [results[i] for i in range(len(compiled.outputs))]


# ---- If ------------------------------------------------------------------------------------------
def if_model(package: Any, then_shape: Any, else_shape: Any, condition: bool | None = None) -> Any:
    """relu of one input or sigmoid of another."""
    ops = package.opset13
    chosen = (
        parameter(package, [], "chosen", bool) if condition is None else ops.constant(condition)
    )
    x, y = parameter(package, then_shape, "x"), parameter(package, else_shape, "y")
    a, b = parameter(package, then_shape, "a"), parameter(package, else_shape, "b")
    then_body = package.Model([ops.relu(a)], [a], "then")
    else_body = package.Model([ops.sigmoid(b)], [b], "else")
    node = ops.if_op(chosen)
    node.set_then_body(then_body)
    node.set_else_body(else_body)
    node.set_input(x.output(0), a, None)
    node.set_input(y.output(0), None, b)
    output = node.set_output(then_body.get_results()[0], else_body.get_results()[0])
    inputs = [x, y] if condition is not None else [x, y, chosen]
    return package.Model([ops.result(output, name="out")], inputs, "if")


@pytest.mark.parametrize(
    ("then_shape", "else_shape"),
    [
        ([1, 2], [3, 2]), ([1, 2], [1, 2]), ([1, 2], [1, 2, 3]), ([-1, 2], [3, 2]), ([0, 1], [2, 2]),
        ("...", [2]), ([2], "..."), ([-1, -1], [-1, 3]),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("condition", [None, True, False])
def test_shape_of_if(then_shape: Any, else_shape: Any, condition: bool | None) -> None:
    ours, theirs = (if_model(package, then_shape, else_shape, condition) for package in (ovgpu, ov))
    assert str(ours.outputs[0].partial_shape) == str(theirs.outputs[0].partial_shape)


def test_if_keeps_bounds() -> None:
    model = if_model(ovgpu, [(1, 5), 2], [(3, 9), 2])
    assert str(model.outputs[0].partial_shape) == "[1..9,2]"


def test_branches_of_different_types() -> None:
    for package in (ovgpu, ov):
        ops = package.opset13
        a, b = parameter(package, [1], "a"), parameter(package, [1], "b", np.int32)
        node = ops.if_op(parameter(package, [], "chosen", bool))
        bodies = [package.Model([ops.relu(p)], [p], "body") for p in (a, b)]
        node.set_then_body(bodies[0])
        node.set_else_body(bodies[1])
        node.set_input(parameter(package, [1], "x").output(0), a, None)
        node.set_input(parameter(package, [1], "y", np.int32).output(0), None, b)
        with pytest.raises(RuntimeError, match="then_body"):
            node.set_output(*(body.get_results()[0] for body in bodies))


@pytest.mark.parametrize("chosen", [True, False])
def test_values_of_if(chosen: bool) -> None:
    inputs = [np.array([[-1, 2]], np.float32), np.array([[0.5, -2]], np.float32), np.array(chosen)]
    made, expected = (
        values(package, if_model(package, [1, 2], [1, 2]), inputs) for package in (ovgpu, ov)
    )
    np.testing.assert_allclose(made[0], expected[0], rtol=1e-6)


def test_descriptions_of_if() -> None:
    nodes = []
    for package in (ovgpu, ov):
        model = if_model(package, [1], [1])
        nodes.append(next(n for n in model.get_ordered_ops() if n.get_type_name() == "If"))
    for index in (0, 1):
        described = [
            [(d.input_index, d.body_parameter_index) for d in node.get_input_descriptions(index)]
            + [
                (d.body_value_index, d.output_index, d.iteration)
                for d in node.get_output_descriptions(index)
            ]
            for node in nodes
        ]
        assert described[0] == described[1]
        assert nodes[0].get_function(index) is nodes[0].body_models()[index]
    assert repr(nodes[0]) == repr(nodes[1]).replace(
        nodes[1].get_friendly_name(), nodes[0].get_friendly_name()
    )


# ---- Loop ----------------------------------------------------------------------------------------
def loop_model(
    package: Any,
    trips: int | None,
    starts: bool | None,
    shape: Any,
    *,
    goes_on: bool | None = True,
    grow: Any = None,
) -> tuple[Any, Any]:
    """A loop that doubles its value; ``goes_on=None`` stops it after the iteration number 2."""
    ops = package.opset13
    trip_count = (
        parameter(package, [], "trips", np.int64)
        if trips is None
        else ops.constant(np.int64(trips))
    )
    start = parameter(package, [], "starts", bool) if starts is None else ops.constant(starts)
    initial = parameter(package, shape, "initial")
    number, value = parameter(package, [], "number", np.int64), parameter(package, shape, "value")
    made = {
        None: lambda: ops.add(value, value),
        0: lambda: ops.concat([value, value], 0),
        1: lambda: ops.concat([value, value], 1),
        "rank": lambda: ops.unsqueeze(value, np.int64(0)),
    }[grow]()
    condition = ops.less(number, np.int64(2)) if goes_on is None else ops.constant(goes_on)
    body = package.Model([condition, made], [number, value], "body")
    node = ops.loop(trip_count, start)
    node.set_function(body)
    node.set_special_body_ports([0, 0])
    result = body.get_results()[1].output(0)
    node.set_merged_input(value, initial.output(0), result)
    outputs = [node.get_iter_value(result, -1)]
    if grow is None:
        outputs.append(node.get_concatenated_slices(result, 0, 1, 1, -1, 0))
    inputs = [p for p, free in ((trip_count, trips), (start, starts)) if free is None]
    return package.Model(outputs, [*inputs, initial], "loop"), node


@pytest.mark.parametrize("shape", [[1, 3], [(1, 4), 3], [-1, 3]], ids=str)
@pytest.mark.parametrize("grow", [None, 0, 1, "rank"])
@pytest.mark.parametrize("trips", [4, 1, None, -1])
def test_shape_of_loop(shape: Any, grow: Any, trips: int | None) -> None:
    (ours, node), (theirs, their) = (
        loop_model(package, trips, True, shape, grow=grow) for package in (ovgpu, ov)
    )
    # Bounds of concatenated slices are known here only.
    for mine, other in zip(ours.outputs, theirs.outputs, strict=True):
        assert mine.partial_shape.refines(ovgpu.PartialShape(str(other.partial_shape)))
    assert str(ours.outputs[0].partial_shape) == str(theirs.outputs[0].partial_shape)
    assert node.get_num_iterations() == their.get_num_iterations()
    assert [str(p.partial_shape) for p in node.get_function().inputs] == [
        str(p.partial_shape) for p in their.get_function().inputs
    ]


def test_what_bounds_a_loop() -> None:
    """OpenVINO knows nothing of these outputs; here the arena can be sized for them."""
    shapes = {
        "stops early": loop_model(ovgpu, 4, True, [1, 3], goes_on=None)[0],
        "may not start": loop_model(ovgpu, 4, None, [1, 3])[0],
        "parts are bounded": loop_model(ovgpu, 4, True, [(1, 4), 3])[0],
        "never starts": loop_model(ovgpu, 4, False, [1, 3])[0],
        "runs once": loop_model(ovgpu, -1, True, [1, 3], goes_on=False)[0],
    }
    assert {name: str(m.outputs[1].partial_shape) for name, m in shapes.items()} == {
        "stops early": "[1..4,3]",
        "may not start": "[..4,3]",
        "parts are bounded": "[4..16,3]",
        "never starts": "[0,3]",
        "runs once": "[1,3]",
    }
    assert str(shapes["never starts"].outputs[0].partial_shape) == "[1,3]"


@pytest.mark.parametrize("goes_on", [True, None])
@pytest.mark.parametrize("trips", [1, 2, 5])
def test_values_of_loop(trips: int, goes_on: bool | None) -> None:
    inputs = [np.array(trips), np.array([[1, 2, 3]], np.float32)]
    made, expected = (
        values(package, loop_model(package, None, True, [1, 3], goes_on=goes_on)[0], inputs)
        for package in (ovgpu, ov)
    )
    for mine, their in zip(made, expected, strict=True):
        np.testing.assert_array_equal(mine, their)


def test_a_loop_that_does_not_run_hands_its_value_through() -> None:
    x = np.array([[1, 2, 3]], np.float32)
    last, every = values(
        ovgpu, loop_model(ovgpu, None, None, [1, 3])[0], [np.array(4), np.array(False), x]
    )
    np.testing.assert_array_equal(last, x)
    assert every.shape == (0, 3)


def test_a_growing_loop() -> None:
    made = values(
        ovgpu, loop_model(ovgpu, 3, True, [1, 2], grow=1)[0], [np.array([[1, 2]], np.float32)]
    )
    np.testing.assert_array_equal(made[0], np.array([[1, 2] * 8], np.float32))


def test_a_loop_needs_a_condition_in_its_body() -> None:
    _, node = loop_model(ovgpu, 4, True, [1, 3])
    node.set_special_body_ports([0, 7])
    with pytest.raises(RuntimeError, match="condition among its 2 results"):
        node.validate_and_infer_types()


def test_parameters_and_results_must_belong_to_the_body() -> None:
    _, node = loop_model(ovgpu, 4, True, [1, 3])
    stranger = parameter(ovgpu, [1], "stranger")
    with pytest.raises(RuntimeError, match="'stranger' is not a parameter of the body"):
        node.set_invariant_input(stranger, stranger.output(0))
    with pytest.raises(RuntimeError, match="'stranger' is not a result of the body"):
        node.get_iter_value(stranger.output(0))
    with pytest.raises(TypeError, match="A body is a Model"):
        node.set_function(5)


# ---- TensorIterator ------------------------------------------------------------------------------
def iterator_model(
    package: Any, shape: Any, start: int, stride: int, part: int, end: int
) -> tuple[Any, Any]:
    """The running sum of the slices of an input along axis 1."""
    ops = package.opset13
    x, h = parameter(package, shape, "x"), parameter(package, [2, part], "h")
    piece, state = parameter(package, [2, part], "piece"), parameter(package, [2, part], "state")
    body = package.Model([ops.add(piece, state)], [piece, state], "body")
    node = ops.tensor_iterator()
    node.set_body(body)
    result = body.get_results()[0].output(0)
    node.set_sliced_input(piece, x.output(0), start, stride, part, end, 1)
    node.set_merged_input(state, h.output(0), result)
    outputs = [
        node.get_iter_value(result, -1), node.get_concatenated_slices(result, start, stride, part, end, 1),
    ]  # fmt: skip
    return package.Model(outputs, [x, h], "iterator"), node


SLICES = [(0, 1, 1, -1), (-1, -1, 1, 0), (0, 2, 2, -1), (-1, -2, 2, 0), (0, 3, 3, -1)]


@pytest.mark.parametrize("slices", SLICES, ids=str)
@settings(max_examples=5, deadline=None)
@given(count=st.integers(1, 4))
def test_values_of_tensor_iterator(slices: tuple[int, int, int, int], count: int) -> None:
    part = slices[2]
    x = np.arange(2 * part * count, dtype=np.float32).reshape(2, -1)
    inputs = [x, np.full((2, part), 100, np.float32)]
    made, expected = (
        values(package, iterator_model(package, x.shape, *slices)[0], inputs)
        for package in (ovgpu, ov)
    )
    for mine, their in zip(made, expected, strict=True):
        np.testing.assert_array_equal(mine, their)


@pytest.mark.parametrize("slices", SLICES, ids=str)
@pytest.mark.parametrize("shape", [[2, 6], [2, -1]], ids=str)
def test_shape_of_tensor_iterator(slices: tuple[int, int, int, int], shape: list[int]) -> None:
    (ours, node), (theirs, their) = (
        iterator_model(package, shape, *slices) for package in (ovgpu, ov)
    )
    assert [str(o.partial_shape) for o in ours.outputs] == [
        str(o.partial_shape) for o in theirs.outputs
    ]
    assert node.get_num_iterations() == their.get_num_iterations()


def test_bounds_of_tensor_iterator() -> None:
    model, _ = iterator_model(ovgpu, [2, (2, 8)], 0, 2, 2, -1)
    assert str(model.outputs[1].partial_shape) == "[2,2..8]"


# ---- variables -----------------------------------------------------------------------------------
def variable(package: Any, shape: Any = "?,2") -> Any:
    info = package.op.util.VariableInfo()
    info.data_shape = package.PartialShape(shape)
    info.data_type, info.variable_id = package.Type.f32, "memory"
    return package.op.util.Variable(info)


def test_read_value_and_assign() -> None:
    models = []
    for package in (ovgpu, ov):
        ops = package.opset13
        x = parameter(package, [1, 2], "x")
        memory = variable(package)
        before = package.op.read_value(x, memory)
        after = ops.add(before, x)
        write = package.op.assign(after, memory)
        assert before.get_variable_id() == write.get_variable_id() == "memory"
        assert str(before.output(0).partial_shape) == "[?,2]"
        model = package.Model([ops.result(after)], [write], [x], "stateful")
        assert [v.get_info().variable_id for v in model.get_variables()] == ["memory"]
        assert [s.get_type_name() for s in model.get_sinks()] == ["Assign"]
        models.append(model)
    names = [n.get_type_name() for n in models[0].get_ordered_ops()]
    assert names.index("ReadValue") < names.index("Assign")
    model = models[0]
    model.reshape([3, 2], {"memory": [3, 2]})
    assert str(model.outputs[0].partial_shape) == "[3,2]"
    with pytest.raises(RuntimeError, match="does not fit the shape"):
        model.reshape([3, 2], {"memory": [4, 2]})
    assert str(model.outputs[0].partial_shape) == "[3,2]"


def test_assign_by_name_finds_the_variable_of_its_producers() -> None:
    x = parameter(ovgpu, [1, 2], "x")
    before = ovgpu.opset13.read_value(x, "memory", np.float32, [1, 2])
    write = ovgpu.opset13.assign(ovgpu.opset13.add(before, x), "memory")
    assert write.variable is before.variable


def test_assign_by_name_shares_the_variable_within_a_model() -> None:
    x = parameter(ovgpu, [1, 2], "x")
    before = ovgpu.opset3.read_value(x, "memory")
    write = ovgpu.opset3.assign(x, "memory")
    model = ovgpu.Model([ovgpu.opset13.result(before)], [write], [x], "m")
    assert write.variable is before.variable
    assert len(model.get_variables()) == 1
    order = [n.get_type_name() for n in model.get_ordered_ops()]
    assert order.index("ReadValue") < order.index("Assign")


def test_reading_what_was_just_written_is_no_cycle() -> None:
    x = parameter(ovgpu, [1, 2], "x")
    memory = variable(ovgpu)
    write = ovgpu.op.assign(x, memory)
    after = ovgpu.op.read_value(write, memory)
    model = ovgpu.Model([ovgpu.opset13.result(after)], [write], [x], "m")
    order = [n.get_type_name() for n in model.get_ordered_ops()]
    assert order == ["Parameter", "Assign", "ReadValue", "Result"]


def test_an_initial_value_must_fit_the_variable() -> None:
    for package in (ovgpu, ov):
        with pytest.raises(RuntimeError):
            package.op.read_value(parameter(package, [1, 3], "x"), variable(package))
        with pytest.raises(RuntimeError):
            package.op.read_value(parameter(package, [1, 2], "x", np.int32), variable(package))


def test_a_variable_without_an_initial_value() -> None:
    node = ovgpu.opset13.read_value("memory", np.float32, [2, 3])
    assert str(node.output(0).partial_shape) == "[2,3]"
    assert node.get_input_size() == 0
    assert repr(node).startswith("<read_value: 'ReadValue_")
