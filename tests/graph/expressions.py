"""Small graphs in both packages, and what an expression about them gives."""

from __future__ import annotations

import copy
import importlib
import re
from typing import Any

import numpy as np
from both_packages import normalised


def environment(package: str) -> dict[str, Any]:
    """Names for expressions: ``m`` (x → r → res, one dynamic dimension) and ``m2`` (a + b = s, split by sp)."""
    ov = importlib.import_module(package)
    ops = importlib.import_module(f"{package}.opset13")
    x = ops.parameter([-1, 3], np.float32, name="x")
    r = ops.relu(x, name="r")
    res = ops.result(r, name="res")
    a = ops.parameter([2, 3], np.float32, name="a")
    b = ops.parameter([2, 3], np.float32, name="b")
    s = ops.add(a, b, name="s")
    sp = ops.split(s, 0, 2)
    sp.friendly_name = "sp"
    names = ("Type", "PartialShape", "Layout", "Dimension", "Shape", "Symbol", "Tensor")
    return {
        **{name: getattr(ov, name) for name in names},
        "ov": ov,
        "ops": ops,
        "np": np,
        "copy": copy,
        "lh": ov.layout_helpers,
        "x": x,
        "r": r,
        "res": res,
        "a": a,
        "b": b,
        "s": s,
        "sp": sp,
        "m": ov.Model([res], [x], "mymodel"),
        "m2": ov.Model([sp.output(0), sp.output(1)], [a, b], "two"),
    }


def _without_counters(text: str) -> str:
    text = re.sub(r"\bModel\d+", "ModelN", normalised(text))
    return re.sub(r"\b([A-Z][A-Za-z]+)_\d+", r"\1_N", text)


def outcome(line: str, package: str) -> str:
    """Type and printed form of the last expression of ``line`` (after statements, separated by ``;;``), or the error.

    Of errors that list C++ overloads or that operations word, only the kind is kept.
    """
    *statements, expression = (part.strip() for part in line.split(";;"))
    names = environment(package)
    try:
        for statement in statements:
            exec(statement, names)
        result = eval(expression, names)
        return _without_counters(f"{type(result).__name__} {result!r}")
    except Exception as error:
        text = _without_counters(str(error))
        if isinstance(error, TypeError):
            text = "incompatible arguments" if "expected" not in text else text
        return f"{type(error).__name__}: {text.partition(' (opset')[0].partition(' () ->')[0]}"


def assert_same(line: str) -> None:
    ours, theirs = outcome(line, "ovgpu"), outcome(line, "openvino")
    assert ours == theirs, f"{line}\novgpu:    {ours}\nopenvino: {theirs}"
