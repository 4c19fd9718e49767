"""Backend cases that are out of scope, each with its reason. A listed case that passes fails the suite."""

from __future__ import annotations

import re

from onnx import TensorProto
from onnx.backend.test.case.test_case import TestCase

#: Operators, by domain where it is not ONNX's own.
OPERATORS = {
    "ai.onnx.preview.training.Adagrad": "training",
    "ai.onnx.preview.training.Adam": "training",
    "ai.onnx.preview.training.Gradient": "training",
    "ai.onnx.preview.training.Momentum": "training",
}

#: Input and output types that OpenVINO's type system does not have.
TYPES = {
    TensorProto.FLOAT8E4M3FNUZ: "no element type f8e4m3fnuz",
    TensorProto.FLOAT8E5M2FNUZ: "no element type f8e5m2fnuz",
    TensorProto.INT2: "no element type i2",
    TensorProto.COMPLEX64: "no complex element types",
    TensorProto.COMPLEX128: "no complex element types",
}

#: Names of single cases, as patterns for the whole name.
CASES: dict[str, str] = {}


def reason(case: TestCase) -> str:
    """Why a case is out of scope, or ''."""
    for pattern, why in CASES.items():
        if re.fullmatch(pattern, case.name):
            return why
    if case.model is None:
        return ""
    for node in case.model.graph.node:
        name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        if name in OPERATORS:
            return OPERATORS[name]
        for attribute in node.attribute:
            if attribute.name in ("to", "output_dtype") and attribute.i in TYPES:
                return TYPES[attribute.i]
    for info in [*case.model.graph.input, *case.model.graph.output]:
        kind = info.type.WhichOneof("value")
        if kind != "tensor_type":
            return f"values that are no tensors ({kind})"
        if info.type.tensor_type.elem_type in TYPES:
            return TYPES[info.type.tensor_type.elem_type]
    return ""
