"""Nodes whose computation is described by models: If, Loop, TensorIterator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ovgpu.graph.model import Model
from ovgpu.graph.node import Node
from ovgpu.graph.port import Output
from ovgpu.graph.special import Parameter, Result
from ovgpu.graph.subgraph_descriptions import (
    BodyOutputDescription,
    ConcatOutputDescription,
    InputDescription,
    InvariantInputDescription,
    MergedInputDescription,
    OutputDescription,
    SliceInputDescription,
)
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import OpDeclaration, OpError
from ovgpu.ops.registry import registry

if TYPE_CHECKING:
    from ovgpu.ops.control_flow import BodyInference


def parameter_index(body: Model, parameter: Parameter) -> int:
    """Position of ``parameter`` among the inputs of ``body``. Raises RuntimeError when it is none of them."""
    for index, candidate in enumerate(body.get_parameters()):
        if candidate is parameter:
            return index
    raise RuntimeError(f"'{parameter.get_friendly_name()}' is not a parameter of the body")


def result_index(body: Model, value: Output | Node) -> int:
    """Position of the result that hands out ``value`` (the result itself or what feeds it). Raises RuntimeError."""
    output = value.output(0) if isinstance(value, Node) else value
    for index, result in enumerate(body.get_results()):
        if output.node is result or result.input_value(0) == output:
            return index
    raise RuntimeError(f"'{output.node.get_friendly_name()}' is not a result of the body")


class SubgraphNode(Node):
    """What If, Loop and TensorIterator share. Bodies and descriptions are attributes of the node."""

    _operation: str
    _python_name: str
    _body_attributes: tuple[str, ...] = ("body",)

    def __init__(self, *args: Any) -> None:
        if args and isinstance(args[0], OpDeclaration):
            super().__init__(*args)
            return
        declaration = registry.find(self._operation)
        assert declaration is not None
        super().__init__(
            declaration, [a if isinstance(a, Output) else a.output(0) for a in args], {}
        )

    def body_models(self) -> list[Model]:
        """The bodies in their order (If: then_body, else_body)."""
        return [
            self.attributes[name]
            for name in self._body_attributes
            if self.attributes[name] is not None
        ]

    def get_attributes(self) -> dict[str, Any]:
        return {}

    def _is_complete(self) -> bool:
        return len(self.body_models()) == len(self._body_attributes)

    def validate_and_infer_types(self) -> None:
        """Infer the outputs, and the types and shapes inside of the bodies. Without a body there are no outputs yet."""
        if not self._is_complete():
            return
        try:
            outputs, parameters = self._infer([slot.source.value for slot in self._input_slots])
            for body, values in zip(self.body_models(), parameters, strict=True):
                _adapt_body(body, values)
        except RuntimeError as error:
            raise OpError(self._validation_message(error)) from error
        self._set_values(outputs)

    def _infer(self, inputs: list[Value]) -> tuple[Sequence[Value], list[list[Value]]]:
        """Values of the outputs, and of the parameters of every body."""
        raise NotImplementedError

    def _append_input(self, value: Output | Node) -> int:
        position = self.get_input_size()
        self.set_argument(position, value if isinstance(value, Output) else value.output(0))
        return position

    def __repr__(self) -> str:
        return super().__repr__().replace(f"<{self.get_type_name()}:", f"<{self._python_name}:", 1)


def _adapt_body(body: Model, values: Sequence[Value]) -> None:
    """Give the parameters of ``body`` types and shapes, and infer the rest when they are new."""
    changed = False
    for parameter, value in zip(body.get_parameters(), values, strict=True):
        if parameter._type is not value.type or not _same_shape(
            parameter._partial_shape, value.shape
        ):
            parameter.set_element_type(value.type)
            parameter.set_partial_shape(value.shape)
            changed = True
    if changed:
        body.validate_nodes_and_infer_types()


def _same_shape(a: Any, b: Any) -> bool:
    if a.rank_length is None or a.rank_length != b.rank_length:
        return a.rank_length == b.rank_length
    return all(
        x.interval() == y.interval() and x.get_symbol() == y.get_symbol()
        for x, y in zip(a.dims, b.dims, strict=True)
    )


class If(SubgraphNode):
    """Runs one of two bodies.

    ``If(execution_condition)``, then :meth:`set_then_body`, :meth:`set_else_body`, :meth:`set_input` for each value
    that the bodies read, and :meth:`set_output` for each output.
    """

    _operation = "If"
    _python_name = "if_op"
    _body_attributes = ("then_body", "else_body")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        for name in ("input_descriptions", "output_descriptions"):
            if self.attributes[name] is None:
                self.attributes[name] = [[], []]

    def get_then_body(self) -> Model:
        return self.attributes["then_body"]

    def get_else_body(self) -> Model:
        return self.attributes["else_body"]

    def set_then_body(self, body: Model) -> None:
        self.attributes["then_body"] = _checked_body(body)

    def set_else_body(self, body: Model) -> None:
        self.attributes["else_body"] = _checked_body(body)

    def get_function(self, index: int) -> Model:
        """Body 0 (then) or 1 (else)."""
        return self.attributes[self._body_attributes[index]]

    def set_function(self, index: int, func: Model) -> None:
        self.attributes[self._body_attributes[index]] = _checked_body(func)

    def set_input(
        self, value: Output, then_parameter: Parameter | None, else_parameter: Parameter | None
    ) -> None:
        """Feed ``value`` to a parameter of each body; None where a body does not read it."""
        position = self._append_input(value)
        for index, parameter in enumerate((then_parameter, else_parameter)):
            if parameter is not None:
                number = parameter_index(self.get_function(index), parameter)
                self.attributes["input_descriptions"][index].append(
                    InvariantInputDescription(position, number)
                )

    def set_output(self, then_result: Result, else_result: Result) -> Output:
        """Make a new output from one result of each body."""
        descriptions = self.attributes["output_descriptions"]
        position = len(descriptions[0])
        for index, result in enumerate((then_result, else_result)):
            number = result_index(self.get_function(index), result)
            descriptions[index].append(BodyOutputDescription(number, position, -1))
        self.validate_and_infer_types()
        return self.output(position)

    def get_input_descriptions(self, index: int) -> list[InputDescription]:
        """How body ``index`` is fed."""
        return list(self.attributes["input_descriptions"][index])

    def get_output_descriptions(self, index: int) -> list[OutputDescription]:
        """How body ``index`` makes the outputs."""
        return list(self.attributes["output_descriptions"][index])

    def set_input_descriptions(self, index: int, inputs: list[InputDescription]) -> None:
        self.attributes["input_descriptions"][index] = list(inputs)

    def set_output_descriptions(self, index: int, outputs: list[OutputDescription]) -> None:
        self.attributes["output_descriptions"][index] = list(outputs)

    def _is_complete(self) -> bool:
        return super()._is_complete() and bool(self.attributes["output_descriptions"])

    def _infer(self, inputs: list[Value]) -> tuple[Sequence[Value], list[list[Value]]]:
        from ovgpu.ops.control_flow import branch_parameters

        outputs = self._declaration.infer_values(list(inputs), self.attributes)
        parameters = [
            branch_parameters(body, inputs, descriptions)
            for body, descriptions in zip(
                self.body_models(), self.attributes["input_descriptions"], strict=True
            )
        ]
        return outputs, parameters


class _RepeatedNode(SubgraphNode):
    """What Loop and TensorIterator share."""

    def __init__(self, *args: Any) -> None:
        self._iterations = -1
        super().__init__(*args)
        for name in ("input_descriptions", "output_descriptions"):
            if self.attributes[name] is None:
                self.attributes[name] = []

    def get_function(self) -> Model:
        """The body."""
        return self.attributes["body"]

    def set_function(self, func: Model) -> None:
        self.attributes["body"] = _checked_body(func)

    def get_num_iterations(self) -> int:
        """Number of iterations, -1 when it is not known."""
        return self._iterations

    def set_sliced_input(
        self,
        parameter: Parameter,
        value: Output,
        start: int,
        stride: int,
        part_size: int,
        end: int,
        axis: int,
    ) -> None:
        """Feed ``parameter`` with the slices of ``value`` along ``axis``, one for each iteration."""
        self._add_input(
            SliceInputDescription, parameter, value, start, stride, part_size, end, axis
        )

    def set_merged_input(
        self, body_parameter: Parameter, initial_value: Output, successive_value: Output
    ) -> None:
        """Feed ``body_parameter`` with ``initial_value`` first and then with a result of the body."""
        number = result_index(self.get_function(), successive_value)
        self._add_input(MergedInputDescription, body_parameter, initial_value, number)

    def set_invariant_input(self, body_parameter: Parameter, value: Output) -> None:
        """Feed ``body_parameter`` with the same ``value`` in every iteration."""
        self._add_input(InvariantInputDescription, body_parameter, value)

    def _add_input(self, kind: Any, parameter: Parameter, value: Output, *numbers: int) -> None:
        number = parameter_index(self.get_function(), parameter)
        self.attributes["input_descriptions"].append(
            kind(self._append_input(value), number, *numbers)
        )

    def get_iter_value(self, body_value: Output, iteration: int = -1) -> Output:
        """A new output: a result of the body in one iteration, -1 for the last."""
        return self._add_output(BodyOutputDescription, body_value, iteration)

    def get_concatenated_slices(
        self, value: Output, start: int, stride: int, part_size: int, end: int, axis: int
    ) -> Output:
        """A new output: a result of the body, concatenated over all iterations along ``axis``."""
        return self._add_output(ConcatOutputDescription, value, start, stride, part_size, end, axis)

    def _add_output(self, kind: Any, value: Output, *numbers: int) -> Output:
        descriptions = self.attributes["output_descriptions"]
        position = len(descriptions)
        descriptions.append(kind(result_index(self.get_function(), value), position, *numbers))
        self.validate_and_infer_types()
        return self.output(position)

    def get_input_descriptions(self) -> list[InputDescription]:
        return list(self.attributes["input_descriptions"])

    def get_output_descriptions(self) -> list[OutputDescription]:
        return list(self.attributes["output_descriptions"])

    def set_input_descriptions(self, inputs: list[InputDescription]) -> None:
        self.attributes["input_descriptions"] = list(inputs)

    def set_output_descriptions(self, outputs: list[OutputDescription]) -> None:
        self.attributes["output_descriptions"] = list(outputs)

    def _is_complete(self) -> bool:
        return super()._is_complete() and self.attributes["output_descriptions"] is not None

    def _infer(self, inputs: list[Value]) -> tuple[Sequence[Value], list[list[Value]]]:
        inferred = self._infer_iterations(inputs)
        low, high = inferred.iterations
        self._iterations = low if low == high else -1
        return inferred.outputs, [inferred.parameters]

    def _infer_iterations(self, inputs: list[Value]) -> BodyInference:
        raise NotImplementedError


class TensorIterator(_RepeatedNode):
    """Runs a body over the slices of its inputs."""

    _operation = "TensorIterator"
    _python_name = "tensor_iterator"

    def get_body(self) -> Model:
        return self.attributes["body"]

    def set_body(self, body: Model) -> None:
        self.attributes["body"] = _checked_body(body)

    def _infer_iterations(self, inputs: list[Value]) -> BodyInference:
        from ovgpu.ops.control_flow import infer_tensor_iterator

        a = self.attributes
        return infer_tensor_iterator(
            inputs, a["body"], a["input_descriptions"], a["output_descriptions"]
        )


class Loop(_RepeatedNode):
    """Runs a body a number of times, as long as a condition holds. ``Loop(trip_count, execution_condition)``.

    :meth:`set_special_body_ports` takes the index of the body's parameter that receives the number of the iteration
    (-1: none) and the index of the result that says whether to go on.
    """

    _operation = "Loop"
    _python_name = "loop"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        if self.attributes["special_body_ports"] is None:
            self.attributes["special_body_ports"] = [-1, -1]

    def get_special_body_ports(self) -> list[int]:
        return list(self.attributes["special_body_ports"])

    def set_special_body_ports(self, special_body_ports: list[int]) -> None:
        current_iteration, condition = special_body_ports
        self.attributes["special_body_ports"] = [int(current_iteration), int(condition)]

    def _is_complete(self) -> bool:
        return super()._is_complete() and self.attributes["special_body_ports"] is not None

    def _infer_iterations(self, inputs: list[Value]) -> BodyInference:
        from ovgpu.ops.control_flow import infer_loop

        a = self.attributes
        return infer_loop(
            inputs,
            a["body"],
            a["input_descriptions"],
            a["output_descriptions"],
            a["special_body_ports"],
        )


def _checked_body(body: Any) -> Model:
    if not isinstance(body, Model):
        raise TypeError(f"A body is a Model, not {type(body).__name__}")
    return body
