"""Input data for command-line tools: shapes given as text, .npy files, and generated data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import ovgpu as ov


def parse_named(text: str, ports: Sequence[Any]) -> dict[str, str]:
    """``"a[1,3],b[2]"`` or, for a single input, ``"[1,3]"`` -> text by input name.

    Raises ValueError when the text has another form or names an unknown input.
    """
    known = [port_name(p) for p in ports]
    entries = re.findall(r"\s*([^\[\],]*)\s*(\[[^\]]*\])\s*,?", text)
    if not entries or "".join(n + s for n, s in entries).replace(" ", "") != re.sub(
        r"\],", "]", text
    ).replace(" ", ""):
        raise ValueError(
            f"cannot read {text!r}; write [1,3,224,224], or name[1,3],other[1,8] for several inputs"
        )
    named = {}
    for name, shape in entries:
        if not name and len(ports) != 1:
            raise ValueError(f"the model has {len(ports)} inputs, so name each: {', '.join(known)}")
        port = next(
            (p for p in ports if not name or name in p.names or name == p.node.get_friendly_name()),
            None,
        )
        if port is None:
            raise ValueError(f"no input is named {name!r}; the model has {', '.join(known)}")
        named[port_name(port)] = shape
    return named


def port_name(port: Any) -> str:
    """A name of a port for people."""
    names = port.names
    return min(names) if names else port.node.get_friendly_name()


def concrete_shape(port: Any, given: str | None) -> list[int]:
    """The shape of data for ``port``: ``given``, or the port's own when it is static.

    Raises ValueError for a dynamic port without a given shape.
    """
    if given is not None:
        shape = ov.PartialShape(given)
        if shape.is_dynamic:
            raise ValueError(f"the data shape {given} of '{port_name(port)}' must be static")
        if not port.partial_shape.compatible(shape):
            raise ValueError(
                f"the shape {given} does not fit the input '{port_name(port)}' {port.partial_shape}"
            )
        return list(shape.to_shape())
    if port.partial_shape.is_dynamic:
        raise ValueError(
            f"the input '{port_name(port)}' has the dynamic shape {port.partial_shape}: give -data_shape (or -shape)"
        )
    return list(port.shape)


def generate(port: Any, shape: Sequence[int], random: np.random.Generator) -> ov.Tensor:
    """Random data in a sensible range for the port's type."""
    dtype = port.element_type.host_dtype
    tensor = ov.Tensor(port.element_type, ov.Shape(list(shape)))
    if port.element_type is ov.Type.string:
        tensor.str_data = np.full(tuple(shape), "text")
    elif port.element_type is ov.Type.boolean:
        tensor.assign_host(random.integers(0, 2, shape).astype(bool))
    elif port.element_type.is_real():
        tensor.assign_host(random.random(shape, np.float32).astype(dtype))
    else:
        high = 2 ** min(port.element_type.bitwidth - int(port.element_type.is_signed()), 7)
        tensor.assign_host(random.integers(0, high, shape).astype(dtype))
    return tensor


def load_arrays(pairs: Sequence[str], ports: Sequence[Any]) -> Mapping[str, np.ndarray]:
    """``["name=file.npy"]`` (the name may be left out for a single input) -> arrays by input name."""
    arrays = {}
    for pair in pairs:
        name, separator, file = pair.rpartition("=")
        if not separator and len(ports) != 1:
            raise ValueError(
                f"write NAME={pair}: the model has {', '.join(port_name(p) for p in ports)}"
            )
        path = Path(file)
        if not path.exists():
            raise ValueError(f"no such file: {file}")
        key = name or port_name(ports[0])
        if not any(key in p.names or key == port_name(p) for p in ports):
            raise ValueError(
                f"no input is named {key!r}; the model has {', '.join(port_name(p) for p in ports)}"
            )
        arrays[key] = np.load(path, allow_pickle=False)
    return arrays
