"""Layers with bodies (If, Loop, TensorIterator): port maps and back edges, read and written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, SubElement

from ovgpu.graph.node import Node
from ovgpu.graph.subgraph_descriptions import (
    BodyOutputDescription,
    ConcatOutputDescription,
    InvariantInputDescription,
    MergedInputDescription,
    SliceInputDescription,
)

if TYPE_CHECKING:
    from ovgpu.frontends.ir.layers import Layer
    from ovgpu.frontends.ir.reader import GraphReader
    from ovgpu.graph.model import Model
    from ovgpu.graph.port import Output

_SLICE_FIELDS = ("start", "end", "stride", "part_size")


class _Body:
    """A body and where its layers stand among its parameters and results."""

    def __init__(self, reader: GraphReader, layer: Layer, tag: str) -> None:
        from ovgpu.frontends.ir.reader import GraphReader

        element = layer.element.find(tag)
        if element is None:
            layer.fail(f"the <{tag}> is missing")
        inner = GraphReader(reader.weights, reader.variables)
        self.layer = layer
        self.model: Model = inner.read(element, element.get("name", ""))
        self._parameters = {
            i: n for n, i in enumerate(i for i in inner.layers if i in inner.parameters)
        }
        self._results = {i: n for n, i in enumerate(i for i in inner.layers if i in inner.results)}

    def parameter(self, layer_id: str) -> int:
        if layer_id not in self._parameters:
            self.layer.fail(f"layer {layer_id} of its body is no Parameter")
        return self._parameters[layer_id]

    def result(self, layer_id: str) -> int:
        if layer_id not in self._results:
            self.layer.fail(f"layer {layer_id} of its body is no Result")
        return self._results[layer_id]


def read_subgraph(reader: GraphReader, layer: Layer, inputs: list[Output]) -> Node:
    """The node of a layer with bodies. Raises RuntimeError when its port map does not fit."""
    attributes = _read_if(reader, layer) if layer.type == "If" else _read_repeated(reader, layer)
    declaration = reader.declaration(layer)
    assert declaration.node_class is not None
    return declaration.node_class(declaration, inputs, attributes)


def _read_if(reader: GraphReader, layer: Layer) -> dict[str, Any]:
    bodies = [_Body(reader, layer, tag) for tag in ("then_body", "else_body")]
    inputs: list[list[Any]] = [[], []]
    outputs: list[list[Any]] = [[], []]
    for index, (body, tag) in enumerate(
        zip(bodies, ("then_port_map", "else_port_map"), strict=True)
    ):
        for entry in _entries(layer, tag, "input"):
            position = _external(layer, entry, layer.inputs, "input")
            inputs[index].append(
                InvariantInputDescription(position, body.parameter(_internal(layer, entry)))
            )
        for entry in _entries(layer, tag, "output"):
            position = _external(layer, entry, layer.outputs, "output")
            outputs[index].append(
                BodyOutputDescription(body.result(_internal(layer, entry)), position, -1)
            )
    return {
        "then_body": bodies[0].model,
        "else_body": bodies[1].model,
        "input_descriptions": inputs,
        "output_descriptions": outputs,
    }


def _read_repeated(reader: GraphReader, layer: Layer) -> dict[str, Any]:
    body = _Body(reader, layer, "body")
    successors = {
        e.get("to-layer", ""): e.get("from-layer", "")
        for e in layer.element.iterfind("back_edges/edge")
    }
    special = [-1, -1]
    inputs: list[Any] = []
    outputs: list[Any] = []
    for entry in _entries(layer, "port_map", "input"):
        layer_id = _internal(layer, entry)
        parameter = body.parameter(layer_id)
        if entry.get("purpose") == "current_iteration":
            special[0] = parameter
        if entry.get("external_port_id") == "-1":
            continue
        position = _external(layer, entry, layer.inputs, "input")
        if "axis" in entry.attrib:
            inputs.append(SliceInputDescription(position, parameter, **_slice(layer, entry)))
        elif layer_id in successors:
            inputs.append(
                MergedInputDescription(position, parameter, body.result(successors[layer_id]))
            )
        else:
            inputs.append(InvariantInputDescription(position, parameter))
    for entry in _entries(layer, "port_map", "output"):
        result = body.result(_internal(layer, entry))
        if entry.get("purpose") == "execution_condition":
            special[1] = result
        if entry.get("external_port_id") == "-1":
            continue
        position = _external(layer, entry, layer.outputs, "output")
        if "axis" in entry.attrib:
            outputs.append(ConcatOutputDescription(result, position, **_slice(layer, entry)))
        else:
            outputs.append(BodyOutputDescription(result, position, -1))
    attributes = {"body": body.model, "input_descriptions": inputs, "output_descriptions": outputs}
    return attributes | {"special_body_ports": special} if layer.type == "Loop" else attributes


def _entries(layer: Layer, tag: str, kind: str) -> list[Element]:
    found = layer.element.find(tag)
    if found is None:
        layer.fail(f"the <{tag}> is missing")
    return found.findall(kind)


def _internal(layer: Layer, entry: Element) -> str:
    layer_id = entry.get("internal_layer_id")
    if layer_id is None:
        layer.fail("an entry of its port map lacks the internal_layer_id")
    return layer_id


def _external(layer: Layer, entry: Element, ports: list[Element], kind: str) -> int:
    return layer.port_position(entry.get("external_port_id", ""), ports, kind)


def _slice(layer: Layer, entry: Element) -> dict[str, int]:
    defaults = {"start": 0, "end": -1, "stride": 1, "part_size": 1}
    try:
        values = {name: int(entry.get(name, defaults[name])) for name in _SLICE_FIELDS}
        values["axis"] = int(entry.attrib["axis"])
    except ValueError as error:
        layer.fail(error)
    if values["part_size"] < 1:
        layer.fail(f"slices need a part_size of at least 1, not {values['part_size']}")
    return values


# ---- writing -------------------------------------------------------------------------------------
def write_if_maps(node: Node, element: Element, ids: list[tuple[list[int], list[int]]]) -> None:
    """Add the port maps of an If; ``ids`` are the layer ids of each body's parameters and results."""
    count = node.get_input_size()
    for index in (1, 0):  # OpenVINO's order
        port_map = SubElement(element, ("then_port_map", "else_port_map")[index])
        parameters, results = ids[index]
        for entry in node.attributes["input_descriptions"][index]:
            _entry(port_map, "input", entry.input_index, parameters[entry.body_parameter_index])
        for entry in node.attributes["output_descriptions"][index]:
            _entry(port_map, "output", count + entry.output_index, results[entry.body_value_index])


def write_loop_maps(
    node: Node, element: Element, parameters: list[int], results: list[int]
) -> None:
    """Add port map and back edges of a Loop or TensorIterator."""
    count = node.get_input_size()
    port_map = SubElement(element, "port_map")
    back_edges = []
    for entry in node.attributes["input_descriptions"]:
        target = parameters[entry.body_parameter_index]
        written = _entry(port_map, "input", entry.input_index, target)
        if isinstance(entry, SliceInputDescription):
            _write_slice(written, entry)
        elif isinstance(entry, MergedInputDescription):
            back_edges.append((results[entry.body_value_index], target))
    for entry in node.attributes["output_descriptions"]:
        written = _entry(
            port_map, "output", count + entry.output_index, results[entry.body_value_index]
        )
        if isinstance(entry, ConcatOutputDescription):
            _write_slice(written, entry)
    special = node.attributes.get("special_body_ports")
    if special is not None:
        if special[0] >= 0:
            _entry(port_map, "input", -1, parameters[special[0]]).set(
                "purpose", "current_iteration"
            )
        if special[1] >= 0:
            _entry(port_map, "output", -1, results[special[1]]).set(
                "purpose", "execution_condition"
            )
    if back_edges:
        parent = SubElement(element, "back_edges")
        for source, target in back_edges:
            SubElement(parent, "edge", {"from-layer": str(source), "to-layer": str(target)})


def _entry(parent: Element, kind: str, external: int, internal: int) -> Element:
    return SubElement(parent, kind, external_port_id=str(external), internal_layer_id=str(internal))


def _write_slice(element: Element, description: Any) -> None:
    for name in ("axis", *_SLICE_FIELDS):
        element.set(name, str(getattr(description, name)))
