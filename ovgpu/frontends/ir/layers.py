"""One ``<layer>`` of an IR file, as plain data."""

from __future__ import annotations

import re
from typing import NoReturn
from xml.etree.ElementTree import Element

_COMMA = re.compile(r"(?<!\\),")


class Layer:
    """A layer before it becomes a node.

    Attributes:
        id, name, type, version: as in the file.
        data: attributes of the operation, as text.
        inputs: input port elements in their order.
        outputs: output port elements in their order.
        sources: for each connected input port id, the layer id and port id that feed it.
        element: the XML element.
    """

    __slots__ = (
        "data",
        "element",
        "id",
        "inputs",
        "name",
        "outputs",
        "rt_info",
        "sources",
        "type",
        "version",
    )

    def __init__(self, element: Element) -> None:
        attributes = element.attrib
        try:
            self.id = attributes["id"]
            self.type = attributes["type"]
        except KeyError as error:
            raise RuntimeError(
                f"A <layer> of the model lacks the attribute {error}: {attributes}"
            ) from error
        self.name = attributes.get("name", "")
        self.version = attributes.get("version", "opset1")
        self.element = element
        self.data: dict[str, str] = {}
        self.inputs: list[Element] = []
        self.outputs: list[Element] = []
        self.rt_info: Element | None = None
        self.sources: dict[str, tuple[str, str]] = {}
        for child in element:
            tag = child.tag
            if tag == "output":
                self.outputs = child.findall("port")
            elif tag == "input":
                self.inputs = child.findall("port")
            elif tag == "data":
                self.data = child.attrib
            elif tag == "rt_info":
                self.rt_info = child

    def required(self, name: str) -> str:
        """The attribute ``name`` of ``<data>``; raises RuntimeError when it is missing."""
        try:
            return self.data[name]
        except KeyError:
            self.fail(f"the attribute '{name}' is missing")

    def integer(self, name: str) -> int:
        """The attribute ``name`` as an integer; raises RuntimeError when it is none."""
        text = self.required(name)
        try:
            return int(text)
        except ValueError:
            self.fail(f"the attribute '{name}' must be an integer, got {text!r}")

    def port_position(self, port_id: str, ports: list[Element], kind: str) -> int:
        """Position of the port with this id; raises RuntimeError when there is none."""
        for position, port in enumerate(ports):
            if port.get("id") == port_id:
                return position
        raise RuntimeError(f"Can not find {kind} port with id {port_id} in layer {self.name}")

    def fail(self, reason: str | Exception) -> NoReturn:
        """Raise RuntimeError with a sentence that names this layer."""
        cause = reason if isinstance(reason, Exception) else None
        raise RuntimeError(
            f"Layer '{self.name}' ({self.version}::{self.type}, id {self.id}): {reason}"
        ) from cause


def connect(layers: dict[str, Layer], edges: Element | None) -> None:
    """Fill in the sources of all layers. Raises RuntimeError for edges from or to layers that do not exist."""
    for edge in edges if edges is not None else ():
        try:
            source, source_port, target, target_port = (
                edge.attrib[k] for k in ("from-layer", "from-port", "to-layer", "to-port")
            )
        except KeyError as error:
            raise RuntimeError(
                f"An <edge> of the model lacks the attribute {error}: {edge.attrib}"
            ) from error
        if source not in layers or target not in layers:
            missing = source if source not in layers else target
            other = layers.get(target if source not in layers else source)
            beside = f" (layer '{other.name}')" if other is not None else ""
            raise RuntimeError(
                f"The edge from layer {source} to layer {target}{beside} is dangling: there is no layer {missing}"
            )
        layers[target].sources[target_port] = (source, source_port)


def build_order(layers: dict[str, Layer]) -> list[Layer]:
    """All layers, producers before consumers. Raises RuntimeError on a cycle."""
    done: set[str] = set()
    for layer in layers.values():  # files are usually written in this order
        if any(source not in done for source, _ in layer.sources.values()):
            break
        done.add(layer.id)
    else:
        return list(layers.values())
    done.clear()
    active: set[str] = set()
    order: list[Layer] = []
    for root in layers.values():
        if root.id in done:
            continue
        stack = [(root, iter(root.sources.values()))]
        active.add(root.id)
        while stack:
            layer, sources = stack[-1]
            for source, _ in sources:
                if source in active:
                    layers[source].fail("the graph has a cycle through this layer")
                if source not in done:
                    active.add(source)
                    stack.append((layers[source], iter(layers[source].sources.values())))
                    break
            else:
                stack.pop()
                active.discard(layer.id)
                done.add(layer.id)
                order.append(layer)
    return order


def split_names(text: str) -> set[str]:
    r"""Tensor names from an attribute: separated by commas, a comma within a name is written ``\,``."""
    if "," not in text:
        return {text} if text else set()
    return {name.replace("\\,", ",") for name in _COMMA.split(text) if name}


def join_names(names: set[str]) -> str:
    """The inverse of :func:`split_names`, in alphabetical order."""
    return ",".join(name.replace(",", "\\,") for name in sorted(names))
