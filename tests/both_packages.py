"""Evaluate the same expression with ovgpu and with the real OpenVINO, and compare what comes out.

An outcome is the result's printed form, or the exception's type and its sentence. What cannot be equal is
normalised: module names, and the lines about C++ source files that precede OpenVINO's sentences.
"""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import numpy as np
import openvino
import openvino.properties
from hypothesis import settings

import ovgpu.layout_helpers
import ovgpu.properties
from ovgpu.graph import any as any_module
from ovgpu.graph import dimension, element_type, layout, partial_shape, shape, symbol, type_info

# Times of single examples say nothing on a busy machine.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

_COMMON = {"np": np, "copy": copy, "pickle": pickle}
_MODULES = (any_module, dimension, element_type, layout, partial_shape, shape, symbol, type_info)
_CLASSES = [
    "AxisSet",
    "AxisVector",
    "Coordinate",
    "CoordinateDiff",
    "Dimension",
    "DiscreteTypeInfo",
    "Layout",
    "OVAny",
    "PartialShape",
    "RTMap",
    "Shape",
    "Strides",
    "Symbol",
    "Type",
]


def _ours(name: str) -> Any:
    return next(vars(module)[name] for module in _MODULES if name in vars(module))


OVGPU = _COMMON | {name: _ours(name) for name in _CLASSES}
OVGPU |= {"properties": ovgpu.properties, "layout_helpers": ovgpu.layout_helpers}
OPENVINO = _COMMON | {name: getattr(openvino, name) for name in _CLASSES}
OPENVINO |= {"properties": openvino.properties, "layout_helpers": openvino.layout_helpers}

_SOURCE_LINE = re.compile(r"^(Exception from |Check '.*' failed at )\S+:\d+:?$\n?", re.MULTILINE)
_PACKAGE = re.compile(r"\bopenvino(\._pyopenvino)?\b")
_MODULE = re.compile(r"\bovgpu\.(\w+\.)*(?=[A-Z])")
_ADDRESS = re.compile(r" object at 0x[0-9a-f]+")
_SETTER = re.compile(
    r"property '\w+' of "
)  # CPython names the property of a class written in Python


def normalised(text: str) -> str:
    """`text` without the names of modules, addresses and C++ source lines."""
    text = _SOURCE_LINE.sub("", text)
    text = _ADDRESS.sub("", _MODULE.sub("", _PACKAGE.sub("ovgpu", text)))
    return _SETTER.sub("property of ", text).strip()


def outcome(expression: str, names: dict[str, Any], **values: Any) -> str:
    """What `expression` gives: the result's type and printed form, or the exception's."""
    try:
        result = eval(expression, {**names, **values})
        return normalised(f"{type(result).__name__} {result!r}")
    except Exception as error:
        return f"raises {type(error).__name__}: {normalised(str(error))}".strip()


def assert_same(expression: str, **values: Any) -> None:
    """Both packages give the same outcome for `expression`, in which `values` may occur by name."""
    ours, theirs = outcome(expression, OVGPU, **values), outcome(expression, OPENVINO, **values)
    if theirs == "raises RuntimeError:":  # failed checks of C++ without a sentence of their own
        ours = ours[: len(theirs)]
    assert ours == theirs, f"{expression} with {values}\novgpu:    {ours}\nopenvino: {theirs}"
