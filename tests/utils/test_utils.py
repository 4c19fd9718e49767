"""The helpers of graph building, compared with OpenVINO's of the same names."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ovgpu as ov
from ovgpu.utils import decorators
from ovgpu.utils.node_factory import NodeFactory


class Both:
    """The same module of both packages, and how to make a parameter in each."""

    def __init__(self, package: str) -> None:
        self.ov = importlib.import_module(package)
        self.opset = importlib.import_module(f"{package}.opset13")
        for name in ("types", "input_validation", "broadcasting", "reduction", "node_factory"):
            setattr(self, name, importlib.import_module(f"{package}.utils.{name}"))

    def parameter(self) -> Any:
        return self.opset.parameter([2, 3], np.float32)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


BOTH = [Both("openvino"), Both("ovgpu")]


def plain(value: Any) -> Any:
    """What can be compared across packages."""
    if hasattr(value, "get_element_type"):
        return str(value.get_element_type()), str(value.get_output_partial_shape(0))
    if isinstance(value, BaseException):
        # What Python and OpenVINO say beyond the first sentence is worded by each for itself.
        return type(value).__name__, str(value).replace("ovgpu", "openvino").splitlines()[-1]
    return repr(value)


CALLS: list[Callable[[Any], Any]] = [
    lambda p: p.types.get_element_type(np.float32),
    lambda p: p.types.get_element_type(np.bool_),
    lambda p: p.types.get_element_type(bool),
    lambda p: p.types.get_element_type(int),
    lambda p: p.types.get_element_type(float),
    lambda p: p.types.get_element_type(np.str_),
    lambda p: p.types.get_element_type(np.complex64),
    lambda p: p.types.get_element_type_str(np.int8),
    lambda p: p.types.get_dtype(p.ov.Type.f32),
    lambda p: p.types.get_dtype(p.ov.Type.bf16),
    lambda p: p.types.get_dtype(p.ov.Type.boolean),
    lambda p: p.types.get_dtype(p.ov.Type.string),
    lambda p: p.types.get_dtype(p.ov.Type.u4),
    lambda p: p.types.get_numpy_ctype(p.ov.Type.f32),
    lambda p: p.types.get_ndarray(3),
    lambda p: p.types.get_ndarray([1]),
    lambda p: p.types.get_shape(3),
    lambda p: p.types.get_shape([1, 2]),
    lambda p: p.types.get_shape(np.ones((2, 3))),
    lambda p: p.types.make_constant_node(3),
    lambda p: p.types.make_constant_node(3.5),
    lambda p: p.types.make_constant_node([1, 2], np.float32),
    lambda p: p.types.make_constant_node(3, p.ov.Type.f16),
    lambda p: p.types.as_node(np.ones(2, np.int8)),
    lambda p: p.types.as_nodes(1, 2.0)[1],
    lambda p: p.types.openvino_to_numpy_types_map,
    lambda p: p.types.openvino_to_numpy_types_str_map,
    lambda p: p.input_validation.assert_list_of_ints([1, 2], "m"),
    lambda p: p.input_validation.assert_list_of_ints([1, 2.0], "m"),
    lambda p: p.input_validation.assert_list_of_ints(5, "m"),
    lambda p: p.input_validation.check_valid_attribute("Op", {"a": 1}, "a", np.integer),
    lambda p: p.input_validation.check_valid_attribute("Op", {"a": 1}, "b", np.integer, None, True),
    lambda p: p.input_validation.check_valid_attribute("Op", {"a": 1}, "b", np.integer),
    lambda p: p.input_validation.check_valid_attribute("Op", {"a": 1.5}, "a", np.integer),
    lambda p: p.input_validation.check_valid_attribute(
        "Op", {"a": -1}, "a", np.integer, p.input_validation.is_positive_value
    ),
    lambda p: p.input_validation.check_valid_attribute("Op", {"a": [1, 2]}, "a", np.integer),
    lambda p: p.input_validation.check_valid_attributes(
        "Op", {"a": 1}, [("a", True, np.integer, None)]
    ),
    lambda p: [p.input_validation.is_positive_value(v) for v in (0, 1)],
    lambda p: [p.input_validation.is_non_negative_value(v) for v in (0, -1)],
    lambda p: p.broadcasting.get_broadcast_axes([2, 3, 4], [3, 4]),
    lambda p: p.broadcasting.get_broadcast_axes([2, 3, 4], [2, 3], 0),
    lambda p: p.reduction.get_reduction_axes(p.parameter(), None),
    lambda p: p.reduction.get_reduction_axes(p.parameter(), [1]),
    lambda p: p.reduction.get_reduction_axes(p.parameter(), {0, 1}),
    lambda p: p.node_factory.NodeFactory().create("Relu", [p.parameter()]),
    lambda p: p.node_factory.NodeFactory("opset1").create(
        "Concat", [p.parameter()] * 2, {"axis": 0}
    ),
    lambda p: p.node_factory.NodeFactory().create("Nope", [p.parameter()]),
]


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_as_in_openvino(number: int) -> None:
    outcomes = []
    for package in BOTH:
        try:
            outcomes.append(plain(CALLS[number](package)))
        except Exception as error:
            outcomes.append(plain(error))
    assert outcomes[1] == outcomes[0]


def test_names_of_constants() -> None:
    constant = ov.utils.types.make_constant_node([1, 2], name="q")
    assert constant.get_friendly_name() == f"q/{constant.get_name()}"


# ---- decorators ----
def test_decorated_factories() -> None:
    import ovgpu.opset13 as ops

    @decorators.nameable_op
    def named(x: Any, name: str | None = None) -> Any:
        return ops.relu(x)

    @decorators.unary_op
    def unary(x: Any, name: str | None = None) -> Any:
        return ops.relu(x)

    @decorators.binary_op
    def binary(left: Any, right: Any, name: str | None = None) -> Any:
        return ops.add(left, right)

    x = ops.parameter([2], np.float32)
    assert named(x, name="a").get_friendly_name() == "a"
    assert unary(np.float32([1, 2]), name="b").get_friendly_name() == "b"
    assert binary(x, np.float32(3), name="c").get_friendly_name() == "c"
    assert named(x).get_friendly_name().startswith("Relu_")


def test_custom_preprocess_function() -> None:
    import ovgpu.opset13 as ops

    @decorators.custom_preprocess_function
    def step(output: ov.Output) -> ov.Node:
        return ops.relu(output)

    made = step(ops.parameter([2], np.float32).output(0))
    assert isinstance(made, ov.Output)
    assert made.get_node().get_type_name() == "Relu"


def test_overloading() -> None:
    @decorators.overloading(int)
    def described(value: int) -> str:
        return "int"

    @decorators.overloading(str, int | None)
    def described(value: str, count: int | None = None) -> str:  # noqa: F811
        return "str"

    assert described(1) == "int"
    assert described("a") == "str"
    assert described("a", count=3) == "str"
    with pytest.raises(TypeError, match="The necessary overload for described was not found"):
        described(1.5)
    with pytest.raises(TypeError, match="duplicate registration"):
        described.register((int,), lambda value: "again")


# ---- editing, operations in Python ----
def test_replace_node() -> None:
    import ovgpu.opset13 as ops

    x = ops.parameter([2], np.float32, name="x")
    relu = ops.relu(x)
    model = ov.Model([ops.sigmoid(relu)], [x], "m")
    ov.utils.replace_node(relu, ops.negative(x))
    assert [op.get_type_name() for op in model.get_ordered_ops()] == [
        "Parameter",
        "Negative",
        "Sigmoid",
        "Result",
    ]
    with pytest.raises(RuntimeError, match="with 1 outputs by 2 outputs"):
        ov.utils.replace_node(relu, [x.output(0), x.output(0)])
    with pytest.raises(TypeError):
        ov.utils.replace_node(relu, 5)  # type: ignore[arg-type]


def test_replace_output_update_name() -> None:
    import ovgpu.opset13 as ops

    x = ops.parameter([2], np.float32, name="x")
    relu = ops.relu(x)
    last = ops.sigmoid(relu)
    last.set_friendly_name("last")
    model = ov.Model([last], [x], "m")
    assert not ov.utils.replace_output_update_name(last.output(0), x.output(0))
    assert ov.utils.replace_output_update_name(last.output(0), relu.output(0))
    assert relu.get_friendly_name() == "last"
    assert model.get_results()[0].input_value(0).get_node() is relu


def test_numpy_to_c() -> None:
    assert "capsule object" in repr(ov.utils.numpy_to_c(np.ones(2)))


class Scale(ov.Op):
    """Multiplies by an attribute."""

    class_type_info = ov.DiscreteTypeInfo("Scale", "extension")

    def __init__(self, inputs: Any = None, factor: float = 2.0) -> None:
        super().__init__(self, inputs)
        self._attributes = {"factor": factor}
        if inputs is not None:
            self.constructor_validate_and_infer_types()

    def validate_and_infer_types(self) -> None:
        self.set_output_type(0, self.get_input_element_type(0), self.get_input_partial_shape(0))

    def clone_with_new_inputs(self, new_inputs: Any) -> Scale:
        return Scale(new_inputs, self._attributes["factor"])

    def visit_attributes(self, visitor: Any) -> bool:
        visitor.on_attributes(self._attributes)
        return True

    def evaluate(self, outputs: Any, inputs: Any) -> bool:
        outputs[0].shape = inputs[0].shape
        outputs[0].data[:] = inputs[0].data * self._attributes["factor"]
        return True


def test_operation_in_python() -> None:
    import ovgpu.opset13 as ops

    x = ops.parameter([-1, 2], np.float32)
    scale = Scale([x], 3.0)
    assert repr(scale.get_type_info()) == "<DiscreteTypeInfo: Scale extension>"
    assert scale.get_attributes() == {"factor": 3.0}
    assert scale.has_evaluate()
    model = ov.Model([scale], [x], "m").clone()
    (copied,) = [op for op in model.get_ops() if isinstance(op, Scale)]
    assert copied.get_attributes() == {"factor": 3.0}
    assert str(model.output().partial_shape) == "[?,2]"
    outputs = ov.TensorVector([ov.Tensor(ov.Type.f32, [0])])
    assert copied.evaluate(outputs, [ov.Tensor(np.float32([[1, 2]]))])
    assert outputs[0].data.tolist() == [[3, 6]]


@pytest.mark.parametrize("element_type", [ov.Type.f32, ov.Type.f16, ov.Type.i32])
def test_operation_in_python_on_the_cpu(element_type: ov.Type) -> None:
    import ovgpu.opset13 as ops

    x = ops.parameter([-1, 2], element_type)
    scale = Scale([ops.relu(x)], 3.0)
    compiled = ov.Core().compile_model(ov.Model([ops.add(scale, scale)], [x], "m"), "CPU")
    for rows in (1, 3):
        data = np.array([[1, -2]] * rows, element_type.to_dtype())
        assert compiled(data)[0].tolist() == [[6, 0]] * rows


def test_operation_in_python_that_refuses() -> None:
    class Refuses(Scale):
        def clone_with_new_inputs(self, new_inputs: Any) -> Refuses:
            return Refuses(new_inputs)

        def evaluate(self, outputs: Any, inputs: Any) -> bool:
            return False

    import ovgpu.opset13 as ops

    x = ops.parameter([2], np.float32)
    compiled = ov.Core().compile_model(ov.Model([Refuses([x])], [x], "m"), "CPU")
    with pytest.raises(RuntimeError, match="returned False"):
        compiled(np.float32([1, 2]))


def test_postponed_constant() -> None:
    made = []

    def maker() -> ov.Tensor:
        made.append(1)
        return ov.Tensor(np.float32([1, 2]))

    node = ov.utils.make_postponed_constant(ov.Type.f32, ov.Shape([2]), maker, "late")
    assert (node.get_friendly_name(), str(node.get_output_partial_shape(0)), made) == (
        "late",
        "[2]",
        [],
    )
    outputs = ov.TensorVector([ov.Tensor(ov.Type.f32, [0])])
    assert node.evaluate(outputs, [])
    assert outputs[0].data.tolist() == [1, 2]
    wrong = ov.utils.make_postponed_constant(ov.Type.f32, ov.Shape([3]), maker)
    with pytest.raises(RuntimeError, match=r"expected f32\[3\]"):
        wrong.evaluate(outputs, [])


def test_extensions() -> None:
    from ovgpu.inference.extension import custom_operations

    core = ov.Core()
    for extension in (Scale, ov.OpExtension(Scale), [Scale]):
        custom_operations.pop("Scale", None)
        core.add_extension(extension)
        assert custom_operations["Scale"] is Scale
    NodeFactory().add_extension(ov.OpExtension(Scale))
    for wrong, kind in ((5, TypeError), (int, TypeError), ("library.so", RuntimeError)):
        with pytest.raises(kind):
            core.add_extension(wrong)
    with pytest.raises(TypeError):
        ov.OpExtension(int)  # type: ignore[arg-type]


# ---- what shape inference knows ----
def test_bounds_of_outputs() -> None:
    import ovgpu.opset13 as ops

    x = ops.parameter([ov.Dimension(1, 4), 3], np.float32)
    shape = ops.shape_of(x)
    first = ops.gather(shape, ops.constant([0]), ops.constant(0))
    lower, upper = ov.experimental.evaluate_both_bounds(first.output(0))
    assert (lower.data.tolist(), upper.data.tolist()) == ([1], [4])
    partial_shape = ov.PartialShape.dynamic()
    assert ov.experimental.evaluate_as_partial_shape(shape.output(0), partial_shape)
    assert str(partial_shape) == "[1..4,3]"
    untouched = ov.PartialShape.dynamic()
    assert not ov.experimental.evaluate_as_partial_shape(x.output(0), untouched)
    assert str(untouched) == "[...]"
    with pytest.raises(RuntimeError, match="Tensor was not initialized"):
        ov.experimental.evaluate_both_bounds(x.output(0))


def test_types_of_descriptors() -> None:
    import ovgpu.opset13 as ops

    x = ops.parameter([2], np.float32)
    tensor = x.output(0).tensor
    ov.experimental.set_element_type(tensor, ov.Type.f16)
    assert str(x.output(0)).endswith("shape[2] type: f16>")
    ov.experimental.set_tensor_type(tensor, ov.Type.i32, ov.PartialShape([5]))
    assert str(x.output(0)).endswith("shape[5] type: i32>")
