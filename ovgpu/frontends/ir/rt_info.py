"""Run-time information in IR files: attributes of layers and ports, and the tree that belongs to the model.

A layer's or port's attribute is stored under ``name_version``, for instance ``decompression_0`` or ``layout_0``.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement

from ovgpu.graph.any import OVAny, RTMap, to_text
from ovgpu.graph.element_type import Type
from ovgpu.graph.layout import Layout

_VERSIONED = re.compile(r"(.+)_(\d+)")
_XML_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def read_attributes(element: Element, target: RTMap) -> None:
    """Put the attributes of a layer's or port's ``<rt_info>`` into ``target``."""
    for attribute in element.iterfind("attribute"):
        values = dict(attribute.attrib)
        name, version = values.pop("name", ""), values.pop("version", "0")
        if name:
            target[f"{name}_{version}"] = _value(name, values)


def _value(name: str, values: dict[str, str]) -> object:
    if name == "layout":
        return Layout(values.get("layout", ""))
    text = values.get("value", "")
    if name == "old_api_map_order":
        return [int(x) for x in text.split(",") if x.strip()]
    if name == "old_api_map_element_type":
        return Type.from_name(text)
    return values if values.keys() - {"value"} else text


def write_attributes(parent: Element, source: RTMap | None) -> None:
    """Add an ``<rt_info>`` with the versioned attributes of ``source`` to ``parent``, if there are any."""
    found = (
        [(m, source[m.string]) for m in map(_VERSIONED.fullmatch, source or ()) if m]
        if source
        else []
    )
    if not found:
        return
    element = SubElement(parent, "rt_info")
    for match, item in found:
        name, version = match.groups()
        attribute = SubElement(element, "attribute", name=name, version=version)
        value = item.value if isinstance(item, OVAny) else item
        if isinstance(value, Layout):
            attribute.set("layout", str(value))
        elif isinstance(value, dict):
            for key, part in value.items():
                attribute.set(key, to_text(part))
        elif isinstance(value, (list, tuple)):
            attribute.set("value", ", ".join(map(to_text, value)))
        elif value not in ("", None, True):
            attribute.set("value", to_text(value))


def read_model_info(element: Element) -> dict[str, object]:
    """The model's own ``<rt_info>``: text by name, dicts where it is nested."""
    info: dict[str, object] = {}
    for child in element:
        name = child.get("name", child.tag) if child.tag == "info" else child.tag
        info[name] = child.get("value", "") if len(child) == 0 else read_model_info(child)
    return info


def write_model_info(parent: Element, info: dict[str, object]) -> None:
    """Add names and values (nested dicts become nested elements) to ``parent``."""
    for name in sorted(info):
        value = info[name]
        value = value.value if isinstance(value, OVAny) else value
        if _XML_NAME.fullmatch(name) and name != "info":
            child = SubElement(parent, name)
        else:
            child = SubElement(parent, "info", name=name)
        if isinstance(value, dict):
            write_model_info(child, value)
        else:
            child.set("value", to_text(value))
