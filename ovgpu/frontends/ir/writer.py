"""Writing OpenVINO IR, versions 10 and 11."""

from __future__ import annotations

import contextlib
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from ovgpu.frontends.ir.layers import join_names
from ovgpu.frontends.ir.rt_info import write_attributes, write_model_info
from ovgpu.frontends.ir.subgraphs import write_if_maps, write_loop_maps
from ovgpu.frontends.ir.weights import pack_strings
from ovgpu.graph.custom_op import Op
from ovgpu.graph.element_type import Type
from ovgpu.graph.model import Model
from ovgpu.graph.node import Node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import DescriptorTensor
from ovgpu.graph.special import Constant, Parameter, Result
from ovgpu.graph.state import Assign
from ovgpu.graph.subgraph import If, SubgraphNode

#: Spellings of files where they differ from the names of the operations.
_TYPE_NAMES = {"Constant": "Const", "Relu": "ReLU", "Softmax": "SoftMax", "PRelu": "PReLU"}
#: Large constants start at such offsets, so that they can be used where they are mapped.
_ALIGNMENT = 64


def write_ir(
    model: Model, xml_path: Path, bin_path: Path, version: int, info: dict[str, Any]
) -> None:
    """Write ``model`` to two files. Both are complete before they replace files that were there.

    Args:
        version: 10 or 11.
        info: run-time information of the model, written beside its own.

    Raises RuntimeError when a file cannot be written.
    """
    with _replacing(bin_path) as bin_file:
        xml = _write_net(model, bin_file, version, info)
        with _replacing(xml_path) as xml_file:
            xml_file.write(xml)


def to_bytes(model: Model) -> tuple[bytes, bytes]:
    """``model`` as the contents of an ``.xml`` and a ``.bin`` file (IR 11)."""
    weights = io.BytesIO()
    xml = _write_net(model, weights, 11, {})
    return xml, weights.getvalue()


def _write_net(model: Model, weights: BinaryIO, version: int, info: dict[str, Any]) -> bytes:
    """Write the weights; returns the XML."""
    net = Element("net", name=model.get_friendly_name(), version=str(version))
    GraphWriter(WeightsWriter(weights), version).write(model, net)
    own = {k: v for k, v in model.rt_info.items() if k not in info and k != "version"}
    rt_info = net[-1]
    write_model_info(rt_info, info)
    write_model_info(rt_info, own)
    ElementTree.indent(net, "\t")
    return b'<?xml version="1.0"?>\n' + ElementTree.tostring(net, encoding="utf-8") + b"\n"


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of ``path`` when all went well.

    The model that is written may be mapped from the very file; cutting that one off would take its data away.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        file = open(temporary, "wb")  # noqa: SIM115 - closed below, before it is renamed
    except OSError as error:
        raise RuntimeError(
            f'Can\'t open {path.suffix[1:]} file: "{path}" ({error.strerror})'
        ) from error
    try:
        with file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class WeightsWriter:
    """Appends constants to a ``.bin`` file; equal ones are written once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = 0
        self._written: dict[tuple[int, int], list[tuple[np.ndarray, int]]] = {}

    def add(self, constant: Constant) -> tuple[int, int]:
        """Offset and size of the constant's data."""
        storage = constant._storage
        if constant.get_element_type() is Type.string:
            data = np.frombuffer(pack_strings(storage), np.uint8)
        else:
            data = np.ascontiguousarray(storage).reshape(-1).view(np.uint8)
        if not data.size:  # OpenVINO wants constants without elements to point at something, too
            data = np.zeros(1, np.uint8)
        key = (data.size, zlib.crc32(data.data))
        known = self._written.setdefault(key, [])
        for other, offset in known:
            if np.array_equal(other, data):
                return offset, data.size
        padding = -self._size % (_ALIGNMENT if data.size >= _ALIGNMENT else 8)
        self._file.write(b"\0" * padding)
        offset = self._size + padding
        self._file.write(data.data)
        self._size = offset + data.size
        known.append((data, offset))
        return offset, data.size


class GraphWriter:
    """Writes the layers and edges of a model or of one body."""

    def __init__(self, weights: WeightsWriter, version: int) -> None:
        self._weights = weights
        self._version = version
        self._ids: dict[int, int] = {}

    def write(self, model: Model, element: Element) -> None:
        """Fill a ``<net>`` or ``<body>``."""
        nodes = _layer_order(model)
        self._ids = {id(node): number for number, node in enumerate(nodes)}
        layers = SubElement(element, "layers")
        edges = SubElement(element, "edges")
        for node in nodes:
            self._write_layer(node, layers)
            for index, source in enumerate(node.input_values()):
                SubElement(
                    edges,
                    "edge",
                    {
                        "from-layer": str(self._ids[id(source.node)]),
                        "from-port": str(source.node.get_input_size() + source.index),
                        "to-layer": str(self._ids[id(node)]),
                        "to-port": str(index),
                    },
                )
        SubElement(element, "rt_info")

    def layer_ids(self, nodes: list[Any]) -> list[int]:
        """Layer ids of some nodes of the model that was written."""
        return [self._ids[id(node)] for node in nodes]

    def _write_layer(self, node: Node, layers: Element) -> None:
        info = node.get_type_info()
        layer = SubElement(
            layers,
            "layer",
            id=str(self._ids[id(node)]),
            name=node.get_friendly_name(),
            type=_TYPE_NAMES.get(info.name, info.name),
            version=info.version_id,
        )
        if isinstance(node, Result) and self._version > 10:
            layer.set("output_names", join_names(node._outputs[0]._names))
        data = self._data(node)
        if data:
            SubElement(layer, "data", data)
        if self._version > 10:
            write_attributes(layer, node._rt_info)
        bodies = self._write_bodies(node, layer)
        self._write_ports(node, layer)
        layer.extend(bodies)

    def _write_ports(self, node: Node, layer: Element) -> None:
        count = node.get_input_size()
        if count:
            inputs = SubElement(layer, "input")
            for index, source in enumerate(node.input_values()):
                port = _write_port(inputs, index, source.tensor)
                if self._version > 10:
                    write_attributes(port, node._port_rt_info.get(index))
        if node._outputs and not isinstance(node, Result):
            outputs = SubElement(layer, "output")
            for index, tensor in enumerate(node._outputs):
                port = _write_port(outputs, count + index, tensor)
                if tensor._names:
                    port.set("names", join_names(tensor._names))
                if self._version > 10:
                    write_attributes(port, tensor._rt_info)

    def _data(self, node: Node) -> dict[str, str]:
        if isinstance(node, Constant):
            offset, size = self._weights.add(node)
            return {
                "element_type": node.get_element_type().to_string(),
                "shape": ", ".join(map(str, node._shape)),
                "offset": str(offset),
                "size": str(size),
            }
        if isinstance(node, Parameter):
            return {
                "shape": _text(node._partial_shape),
                "element_type": node.get_element_type().to_string(),
            }
        if isinstance(node, SubgraphNode):
            return {}
        spelled = node.declaration.attribute_names
        # Operations written in Python show their attributes themselves.
        attributes = node.get_attributes() if isinstance(node, Op) else node.attributes
        return {
            spelled.get(name, name): _text(value)
            for name, value in (attributes or {}).items()
            if value is not None
        }

    def _write_bodies(self, node: Node, layer: Element) -> list[Element]:
        """Add the port maps of a node with bodies, and return its bodies."""
        if not isinstance(node, SubgraphNode):
            return []
        elements = []
        ids = []
        for tag, model in zip(node._body_attributes, node.body_models(), strict=True):
            element = Element(tag)
            writer = GraphWriter(self._weights, self._version)
            writer.write(model, element)
            elements.append(element)
            ids.append(
                (writer.layer_ids(model.get_parameters()), writer.layer_ids(model.get_results()))
            )
        if isinstance(node, If):
            write_if_maps(node, layer, ids)
        else:
            write_loop_maps(node, layer, *ids[0])
        return elements


def _layer_order(model: Model) -> list[Node]:
    """Parameters, everything else in the order of execution, sinks, results: readers take their order from the file."""
    parameters, sinks, results = model.get_parameters(), model.get_sinks(), model.get_results()
    placed = {id(node) for node in (*parameters, *sinks, *results)}
    middle = [node for node in model.get_ordered_ops() if id(node) not in placed]
    stray = [node for node in middle if isinstance(node, Assign)]  # only results read them
    return [*parameters, *(n for n in middle if n not in stray), *stray, *sinks, *results]


def _write_port(parent: Element, number: int, tensor: DescriptorTensor) -> Element:
    value = tensor.value
    port = SubElement(parent, "port", id=str(number), precision=value.type.precision)
    if value.rank is not None:  # an unknown rank has no dimensions, like that of a scalar
        for dimension in value.dims:
            SubElement(port, "dim").text = (
                str(dimension.get_length()) if dimension.is_static else "-1"
            )
    return port


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Type):
        return value.to_string()
    if isinstance(value, PartialShape):
        return (
            str(value).removeprefix("[").removesuffix("]")
            if value.rank_length is not None
            else "..."
        )
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
