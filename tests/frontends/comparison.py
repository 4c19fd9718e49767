"""Comparing graphs of both packages node by node."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov

#: Inference here may know more (bounds of loops), never something else.
Shape = Any


def describe(model: Any) -> list[tuple[Any, ...]]:
    """All nodes of a model of either package, with what a file must keep."""
    return [
        (
            node.get_type_name(),
            node.get_type_info().version_id,
            node.get_friendly_name(),
            [sorted(output.get_names()) for output in node.outputs()],
            [output.get_element_type().to_string() for output in node.outputs()],
            [(v.get_node().get_friendly_name(), v.get_index()) for v in node.input_values()],
        )
        for node in sorted(model.get_ordered_ops(), key=lambda n: n.get_friendly_name())
    ]


def attributes(model: Any) -> dict[str, dict[str, Any]]:
    """Attributes of all nodes by friendly name, as text."""
    return {
        node.get_friendly_name(): {
            k: str(v).replace(" ", "") for k, v in node.get_attributes().items()
        }
        for node in model.get_ordered_ops()
        if node.get_type_name() != "Constant"
    }


def stored_bytes(node: Any) -> np.ndarray:
    """Bytes of a constant of either package."""
    return np.ascontiguousarray(node.data).reshape(-1).view(np.uint8)


def run_openvino(model: ov.Model, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Results of the real OpenVINO in f32."""
    compiled = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled.create_infer_request().infer(dict(enumerate(inputs)))
    return [results[i] for i in range(len(compiled.outputs))]
