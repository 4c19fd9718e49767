"""Operations that users define in Python run on the CPU by their ``evaluate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from ovgpu.graph.custom_op import Op
from ovgpu.graph.tensor import Tensor
from ovgpu.graph.tensor_vector import TensorVector

if TYPE_CHECKING:
    from ovgpu.plugins.cpu.registry import Call, Step


def bind_python_operation(call: Call) -> Step:
    """A step that hands copies of the inputs to ``evaluate`` and stores what it wrote."""
    node = cast(Op, call.node)
    input_types = [node.get_input_element_type(i) for i in range(node.get_input_size())]
    output_types = [node.get_output_element_type(i) for i in range(node.get_output_size())]

    def step() -> None:
        inputs = [
            Tensor.from_host(np.asarray(array, element_type.host_dtype), element_type)
            for array, element_type in zip(call.inputs, input_types, strict=True)
        ]
        outputs = TensorVector(
            Tensor.empty(element_type, array.shape)
            for array, element_type in zip(call.outputs, output_types, strict=True)
        )
        if not node.evaluate(outputs, inputs):
            raise RuntimeError(f"evaluate of {node.get_friendly_name()} returned False")
        for array, tensor in zip(call.outputs, outputs, strict=True):
            np.copyto(array, tensor.host_array(), casting="unsafe")

    return step
