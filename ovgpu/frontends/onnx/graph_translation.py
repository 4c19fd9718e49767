"""From an ONNX graph to nodes: its initializers, inputs and operators, and the names of their values."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ovgpu.frontends.onnx.functions import definition, inline
from ovgpu.frontends.onnx.translation import (
    ELEMENT_TYPES,
    Bound,
    NotCovered,
    OnnxOp,
    Sequence,
    constant,
    find_translator,
)
from ovgpu.graph.custom_op import create_operation, custom_operations
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant, Parameter

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto

    from ovgpu.frontends.onnx.reader import ModelTranslator


def _custom(op: OnnxOp) -> tuple[Output, ...]:
    """An operation that the user wrote in Python, whatever the domain."""
    attributes = {attribute.name: op.attribute(attribute.name) for attribute in op.proto.attribute}
    inputs = [op.input(i) for i in range(len(op.inputs))]
    return tuple(create_operation(custom_operations[op.name], inputs, attributes).outputs())


def domain_of(node: NodeProto) -> str:
    """The domain of an operator; ONNX's own has two names."""
    return "" if node.domain == "ai.onnx" else node.domain


class GraphTranslator:
    """One graph: the main one, a body that may read values of the graphs around it, or the inside of a function."""

    def __init__(
        self,
        model: ModelTranslator,
        graph: GraphProto,
        outer: Mapping[str, Bound],
        prefix: str = "",
        depth: int = 0,
        hints: Mapping[str, tuple[Type, PartialShape]] | None = None,
    ) -> None:
        self.model = model
        self.graph = graph
        self.outer = outer
        #: Inside functions: what names of operations start with. Names of values there are no tensor names.
        self.prefix = prefix
        self.depth = depth
        #: Types and shapes of inputs that the graph does not declare: bodies leave them to what flows in.
        self.hints = hints or {}
        self.values: MutableMapping[str, Bound] = {}
        self.parameters: list[Parameter] = []
        self.sinks: list[Any] = []
        #: Values of outer graphs that this body reads, with the parameter that stands for each.
        self.captured: dict[str, Parameter] = {}
        self._results = frozenset(info.name for info in graph.output)

    def nested(self, name: str) -> GraphTranslator:
        """The inside of a function called by the operator ``name``: a scope of its own."""
        return GraphTranslator(self.model, self.graph, {}, f"{self.prefix}{name}/", self.depth + 1)

    def branch(self, graph: GraphProto) -> GraphTranslator:
        """A body that runs in place: it sees the values of this graph themselves."""
        prefix = f"{self.prefix}{graph.name}/"
        inner = GraphTranslator(self.model, graph, self.outer, prefix, self.depth)
        inner.values = ChainMap({}, self.values)
        inner.captured = self.captured
        return inner

    # ---- values -----------------------------------------------------------------------------------------------------
    def value(self, name: str) -> Output:
        """The output that carries an ONNX value. Raises RuntimeError for a name that nothing defines."""
        found = self.optional_value(name)
        if found is None:
            raise RuntimeError(
                f"The ONNX graph '{self.graph.name}' reads '{name}', which nothing defines"
            )
        if isinstance(found, Sequence):
            raise RuntimeError(f"'{name}' is a sequence where a tensor is needed")
        return found

    def optional_value(self, name: str) -> Bound:
        """As :meth:`value`; None for an input that is left out, here or by the caller of a function."""
        if not name:
            return None
        if name in self.values:
            return self.values[name]
        if name in self.outer:
            return self._capture(name)
        raise RuntimeError(
            f"The ONNX graph '{self.graph.name}' reads '{name}', which nothing defines"
        )

    def bind(self, name: str, value: Bound) -> None:
        """Let a name of this graph stand for a value of another, or for an input that is left out."""
        self.values[name] = value

    def define_alias(self, name: str, value: Output) -> None:
        """Give the result of an inlined function its name in this graph."""
        self.values[name] = value
        if not self.prefix:
            value.tensor.add_names({name})
            if name in self._results and not isinstance(value.node, (Parameter, Constant)):
                value.node.friendly_name = name

    def visible(self) -> dict[str, Bound]:
        """Everything that a body of this graph can read."""
        return {**self.outer, **self.values}

    def _capture(self, name: str) -> Bound:
        if name in self.captured:  # by a branch that runs in place
            return self.captured[name].output(0)
        source = self.outer[name]
        if isinstance(source, Sequence):
            raise RuntimeError(f"the sequence '{name}' cannot enter the body of a loop or a branch")
        if source is None or isinstance(source.node, Constant):
            self.values[name] = source
            return source
        parameter = Parameter(source.value.type, source.value.shape)
        parameter.friendly_name = name
        self.captured[name] = parameter
        self.values[name] = parameter.output(0)
        return self.values[name]

    # ---- reading ----------------------------------------------------------------------------------------------------
    def translate(self) -> None:
        """Translate initializers, inputs and nodes."""
        for tensor in self.graph.initializer:
            self._define(tensor.name, self._constant(tensor))
        for sparse in self.graph.sparse_initializer:
            self._define(sparse.values.name, constant(self._dense(sparse)))
        for info in self.graph.input:
            if info.name not in self.values:
                self._add_parameter(info)
        for node in self.graph.node:
            self.translate_node(node)

    def _define(self, name: str, output: Output) -> None:
        output.node.friendly_name = self.prefix + name
        if not self.prefix:
            output.tensor.add_names({name})
        self.values[name] = output

    def _add_parameter(self, info: ValueInfoProto) -> None:
        element_type, shape = value_type(info, self.hints.get(info.name))
        parameter = Parameter(element_type, shape)
        self.parameters.append(parameter)
        self._define(info.name, parameter.output(0))

    def translate_node(self, node: NodeProto) -> None:
        """Translate one operator and define its outputs. Raises RuntimeError naming the operator."""
        function = self.model.functions.get((node.domain, node.op_type))
        if function is not None:
            inline(self, node, function)
            return
        domain = domain_of(node)
        opset = self.model.opset(domain)
        translator = find_translator(domain, node.op_type, opset)
        inputs = [self.optional_value(name) for name in node.input]
        label = f"{node.op_type} '{node.name or ', '.join(node.output)}'"
        try:
            if translator is None and node.op_type in custom_operations:
                translator = _custom
            if translator is None:
                raise NotCovered(f"No conversion rule found for operations: {node.op_type}-{opset}")
            results = translator(OnnxOp(node, inputs, self, opset))
        except NotCovered as error:
            body = definition(node, domain, opset, inputs)
            if body is None:
                raise RuntimeError(
                    f"The ONNX operator {label} cannot be converted: {error}"
                ) from error
            inline(self, node, body)
            return
        except (RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
            raise RuntimeError(f"The ONNX operator {label} cannot be converted: {error}") from error
        outputs = results if isinstance(results, tuple) else (results,)
        for name, output in zip(node.output, outputs):
            if name and isinstance(output, Sequence):
                self.values[name] = output
            elif name and isinstance(output, Output):
                self._name_result(node, name, output)

    def _name_result(self, node: NodeProto, name: str, output: Output) -> None:
        self.values[name] = output
        if not isinstance(output.node, (Parameter, Constant)) or not output.node._friendly_name:
            # The operation before an output of the model has the output's name.
            outputs = [n for n in node.output if n in self._results]
            friendly = outputs[-1] if outputs else node.name or name
            output.node.friendly_name = self.prefix + friendly
        if not self.prefix:
            output.tensor.add_names({name})

    # ---- tensors ----------------------------------------------------------------------------------------------------
    def tensor(self, proto: TensorProto) -> np.ndarray:
        """Elements of a tensor, external data included. Raises RuntimeError when its data is missing or short."""
        import onnx

        if proto.data_location == onnx.TensorProto.EXTERNAL:
            return self._external(proto)
        try:
            return onnx.numpy_helper.to_array(proto)
        except Exception as error:
            raise RuntimeError(
                f"The data of the tensor '{proto.name}' cannot be read: {error}"
            ) from error

    def _constant(self, proto: TensorProto) -> Output:
        element_type = ELEMENT_TYPES.get(proto.data_type)
        if element_type is None:
            raise RuntimeError(
                f"The tensor '{proto.name}' has an element type that is not supported ({proto.data_type})"
            )
        array = self.tensor(proto)
        if element_type is Type.string:
            encoded = np.empty(array.shape, object)
            encoded.reshape(-1)[:] = [
                s if isinstance(s, bytes) else str(s).encode() for s in array.reshape(-1)
            ]
            return Constant.from_host(Type.string, encoded).output(0)
        if array.dtype != element_type.host_dtype:
            array = array.astype(element_type.host_dtype)
        return Constant.from_host(element_type, array).output(0)

    def _external(self, proto: TensorProto) -> np.ndarray:
        fields = {entry.key: entry.value for entry in proto.external_data}
        path = Path(self.model.folder, fields.get("location", ""))
        root = Path(self.model.folder or ".").resolve()
        if not path.resolve().is_relative_to(root):
            raise RuntimeError(
                f"The external data of '{proto.name}' lies outside the model's folder: {path}"
            )
        if not path.is_file():
            raise RuntimeError(f"The external data of '{proto.name}' is missing: {path}")
        element_type = ELEMENT_TYPES.get(proto.data_type, Type.dynamic)
        count = int(np.prod(list(proto.dims), dtype=np.int64))
        expected = element_type.storage_bytes(count)
        offset = int(fields.get("offset", 0))
        if (
            offset + expected > path.stat().st_size
            or int(fields.get("length", expected)) != expected
        ):
            raise RuntimeError(
                f"The external data of '{proto.name}' is too short or of the wrong size: "
                f"{expected} bytes expected in {path}"
            )
        raw = (
            np.memmap(path, np.uint8, "r", offset=offset, shape=(expected,))
            if expected
            else np.empty(0, np.uint8)
        )
        return Constant.from_storage(element_type, list(proto.dims), raw).host_array()

    def _dense(self, sparse: Any) -> np.ndarray:
        values, indices = self.tensor(sparse.values), self.tensor(sparse.indices)
        dense = np.zeros(list(sparse.dims), values.dtype)
        if indices.ndim == 1:
            dense.reshape(-1)[indices] = values
        else:
            dense[tuple(indices.T)] = values
        return dense


def value_type(
    info: ValueInfoProto, hint: tuple[Type, PartialShape] | None = None
) -> tuple[Type, PartialShape]:
    """Element type and partial shape of a graph input; symbolic dimensions are dynamic.

    Args:
        info: the input's declaration.
        hint: type and shape to take where the declaration has none.

    Raises:
        RuntimeError: the input is no tensor, or of a type that is not supported.
    """
    tensor = info.type.tensor_type
    if hint is not None and not tensor.elem_type and not info.type.HasField("sequence_type"):
        element_type: Type | None = hint[0]
    else:
        element_type = ELEMENT_TYPES.get(tensor.elem_type)
    if element_type is None:
        kind = info.type.WhichOneof("value")
        raise RuntimeError(
            f"The input '{info.name}' is not a tensor of a supported type ({kind}, {tensor.elem_type})"
        )
    if not tensor.HasField("shape"):
        return element_type, PartialShape.dynamic() if hint is None else hint[1]
    dims = [
        d.dim_value if d.HasField("dim_value") and d.dim_value >= 0 else -1
        for d in tensor.shape.dim
    ]
    return element_type, PartialShape(dims)
