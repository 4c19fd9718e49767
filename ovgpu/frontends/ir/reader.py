"""Reading OpenVINO IR, versions 10 and 11: the XML becomes a graph whose constants point into the weights."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from ovgpu.frontends.ir.layers import Layer, build_order, connect, split_names
from ovgpu.frontends.ir.rt_info import read_attributes, read_model_info
from ovgpu.frontends.ir.weights import Weights, read_constant
from ovgpu.frontends.ir.xml_input import parse_xml
from ovgpu.graph.custom_op import create_operation, custom_operations
from ovgpu.graph.element_type import Type
from ovgpu.graph.model import Model
from ovgpu.graph.node import Node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import DescriptorTensor, Output
from ovgpu.graph.special import Parameter, Result
from ovgpu.graph.state import Assign, ReadValue
from ovgpu.graph.variable import Variable, VariableInfo
from ovgpu.ops.declaration import OpDeclaration
from ovgpu.ops.registry import registry

#: Operation sets that files may name.
_LAST_OPSET = 17
#: Methods of the reader that make nodes of special kinds. By name: bound methods kept by the reader itself would be a
#: cycle, and the graph would live until the next garbage collection.
_MAKERS = {
    "Parameter": "_parameter",
    "Const": "_constant",
    "Constant": "_constant",
    "Result": "_result",
    "ReadValue": "_state",
    "Assign": "_state",
    "If": "_subgraph",
    "Loop": "_subgraph",
    "TensorIterator": "_subgraph",
}


def read_ir(xml: bytes, weights: Weights) -> Model:
    """The model in ``xml``, over ``weights``.

    Raises RuntimeError with a sentence that names the layer when the file is malformed, the weights do not fit, or an
    operation is unknown.
    """
    with _no_collection():
        net = parse_xml(xml)
        version = net.get("version", "")
        if net.tag != "net" or version not in ("10", "11"):
            raise RuntimeError(
                "Unable to read the model. Please check if the model format is supported and model is correct. "
                f'Expected <net version="10"> or "11", found <{net.tag} version="{version}">'
            )
        reader = GraphReader(weights, {})
        try:
            model = reader.read(net, net.get("name", ""))
        except RecursionError:
            raise RuntimeError(
                "The bodies of the model's loops and conditions are nested too deeply"
            ) from None
        del net, reader  # now, so that nothing is left of them to be looked through
    if version == "10":
        from ovgpu.frontends.ir.version10 import update_version_10

        update_version_10(model)
    model.rt_info["version"] = int(version)
    return model


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Suspend the cyclic garbage collector: a graph makes many objects and no garbage, and collections that look for
    some would take longer than reading."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            # Enabling alone would start a collection of everything that was made meanwhile. The graph is there to
            # stay, so it joins the oldest generation unseen; a process that froze objects itself keeps them frozen.
            if gc.get_freeze_count() == 0:
                gc.freeze()
                gc.unfreeze()
            gc.enable()


class GraphReader:
    """Builds the graph of a model or of one body.

    Args:
        weights: bytes for the constants.
        variables: the variables found so far, by id: bodies share those of the model.
    """

    def __init__(self, weights: Weights, variables: dict[str, Variable]) -> None:
        self.weights = weights
        self.variables = variables
        self.layers: dict[str, Layer] = {}
        #: Output ports of the nodes by layer id and port id.
        self._ports: dict[tuple[str, str], Output] = {}
        self._declarations: dict[tuple[str, str], OpDeclaration] = {}
        self.parameters: dict[str, Parameter] = {}
        self.results: dict[str, Result] = {}
        self._sinks: dict[str, Node] = {}

    def read(self, element: Element, name: str) -> Model:
        """The model in a ``<net>`` or ``<body>``."""
        for child in element.iterfind("layers/layer"):
            layer = Layer(child)
            if layer.id in self.layers:
                layer.fail(f"the id is also that of layer '{self.layers[layer.id].name}'")
            self.layers[layer.id] = layer
        connect(self.layers, element.find("edges"))
        for layer in build_order(self.layers):
            self._read_layer(layer)
        # Layer order, not the order of creation, is that of inputs and outputs.
        parameters = [self.parameters[i] for i in self.layers if i in self.parameters]
        results = [self.results[i] for i in self.layers if i in self.results]
        sinks = [self._sinks[i] for i in self.layers if i in self._sinks]
        ports: list[Node] = [*parameters, *results]
        unnamed = [p._outputs[0] for p in ports if not p._outputs[0]._names]
        variables = {n.variable_id: n.variable for n in sinks if isinstance(n, Assign)}
        model = Model.__new__(Model)
        model._build(results, sinks, parameters, list(variables.values()), name)
        for descriptor in unnamed:  # a file says exactly which tensors have names
            descriptor.set_names(set())
        for info in element.iterfind("rt_info"):
            for key, value in read_model_info(info).items():
                model.rt_info[key] = value
        return model

    # ---- layers -----------------------------------------------------------------------------------------------------
    def _read_layer(self, layer: Layer) -> None:
        inputs = self._inputs(layer)
        try:
            node = getattr(self, _MAKERS.get(layer.type, "_operation"))(layer, inputs)
        except RecursionError:
            raise
        except (ValueError, TypeError, OverflowError) as error:
            layer.fail(error)
        except RuntimeError as error:
            if f"'{layer.name}'" in str(error):
                raise
            layer.fail(error)
        node._friendly_name = layer.name or None
        if layer.rt_info is not None:
            read_attributes(layer.rt_info, node.rt_info)
        for index, port in enumerate(layer.inputs):
            for info in port.iterfind("rt_info"):
                read_attributes(info, node._input_rt_info(index))
        self._register_outputs(layer, node)

    def _register_outputs(self, layer: Layer, node: Node) -> None:
        descriptors: list[DescriptorTensor] = node._outputs
        if len(layer.outputs) > len(descriptors):
            layer.fail(
                f"the file gives it {len(layer.outputs)} outputs, the operation has {len(descriptors)}"
            )
        for index, port in enumerate(layer.outputs):
            attributes = port.attrib
            self._ports[layer.id, attributes.get("id", str(index))] = Output(node, index)
            names = attributes.get("names")
            if names:
                descriptors[index]._names |= split_names(names)
            if len(port) and port[-1].tag == "rt_info":
                read_attributes(port[-1], descriptors[index].rt_info)

    def _inputs(self, layer: Layer) -> list[Output]:
        sources = layer.sources
        inputs = []
        for position, port in enumerate(layer.inputs):
            source = sources.get(port.attrib.get("id", ""))
            if source is None:
                layer.fail(f"its input {position} is not connected")
            output = self._ports.get(source)
            if output is None:
                producer = self.layers[source[0]]
                raise RuntimeError(
                    f"Can not find output port with id {source[1]} in layer {producer.name}, which layer "
                    f"'{layer.name}' reads"
                )
            inputs.append(output)
        if len(sources) != len(inputs):
            known = {port.get("id") for port in layer.inputs}
            stray = next(p for p in sources if p not in known)
            raise RuntimeError(f"Can not find input port with id {stray} in layer {layer.name}")
        return inputs

    # ---- nodes ------------------------------------------------------------------------------------------------------
    def _parameter(self, layer: Layer, inputs: list[Output]) -> Node:
        parameter = Parameter(
            Type.from_name(layer.required("element_type")), _shape(layer.required("shape"))
        )
        self.parameters[layer.id] = parameter
        return parameter

    def _constant(self, layer: Layer, inputs: list[Output]) -> Node:
        data = layer.data
        text = layer.required("shape")
        shape = [int(d) for d in text.split(",")] if text.strip() else []
        element_type = Type.from_name(layer.required("element_type"))
        if element_type is Type.dynamic:
            layer.fail("a constant needs an element type")
        if "offset" not in data or "size" not in data:
            layer.fail("a constant needs an offset and a size in the weights")
        return read_constant(
            self.weights, element_type, shape, layer.integer("offset"), layer.integer("size")
        )

    def _result(self, layer: Layer, inputs: list[Output]) -> Node:
        if len(inputs) != 1:
            layer.fail(f"a Result takes one input, it has {len(inputs)}")
        result = Result(inputs[0])
        result._outputs[0]._names |= split_names(layer.element.get("output_names", ""))
        self.results[layer.id] = result
        return result

    def _state(self, layer: Layer, inputs: list[Output]) -> Node:
        node = self._operation(layer, inputs)
        assert isinstance(node, (ReadValue, Assign))
        shared = self.variables.setdefault(node.variable_id, node.variable)
        if shared is not node.variable:
            if isinstance(node, ReadValue):  # the ReadValue knows type and shape
                shared.update(node.variable.info)
            node.variable = shared
        if isinstance(node, Assign):
            self._sinks[layer.id] = node
            info = shared.info
            if info.data_type is Type.dynamic:
                source = inputs[0]
                shared.update(
                    VariableInfo(source.partial_shape, source.element_type, info.variable_id)
                )
        return node

    def _operation(self, layer: Layer, inputs: list[Output]) -> Node:
        custom = custom_operations.get(layer.type)
        if custom is not None and registry.find(layer.type, layer.version) is None:
            return create_operation(custom, inputs, layer.data)
        declaration = self.declaration(layer)
        known = declaration.file_attributes
        # Other attributes are those of other versions and of tools; they are ignored, as in OpenVINO.
        attributes: dict[str, Any] = {n: value for n, value in layer.data.items() if n in known}
        return (declaration.node_class or Node)(declaration, inputs, attributes)

    def declaration(self, layer: Layer) -> OpDeclaration:
        """Declaration of the layer's operation; raises RuntimeError for an unknown one."""
        key = (layer.type, layer.version)
        found = self._declarations.get(key)
        if found is None:
            number = layer.version.removeprefix("opset")
            if number != layer.version and not (
                number.isdigit() and 1 <= int(number) <= _LAST_OPSET
            ):
                raise RuntimeError(
                    f"Cannot create {layer.type} layer {layer.name} id:{layer.id} from unsupported opset: "
                    f"{layer.version}"
                )
            found = registry.find(layer.type, layer.version)
            if found is None:
                raise RuntimeError(
                    f"Opset {layer.version} doesn't contain the operation with type: {layer.type} "
                    f"(layer '{layer.name}', id {layer.id})"
                )
            self._declarations[key] = found
        return found

    def _subgraph(self, layer: Layer, inputs: list[Output]) -> Node:
        from ovgpu.frontends.ir.subgraphs import read_subgraph

        return read_subgraph(self, layer, inputs)


def _shape(text: str) -> PartialShape:
    return PartialShape(text) if text.strip() else PartialShape([])
