"""Conversion of element types on host arrays."""

from __future__ import annotations

from functools import partial

import numpy as np

from ovgpu.graph.element_conversion import convert_elements, is_plain
from ovgpu.graph.element_type import Type
from ovgpu.plugins.cpu.registry import Call, Step, binder


def _conversion(x: np.ndarray, source: Type, target: Type, out: np.ndarray) -> Step:
    if out.dtype == np.float32 and target in (Type.f16, Type.bf16):
        target = Type.f32  # plans hold these types in float32, unrounded
    if is_plain(source, target):
        return partial(np.copyto, out, x, casting="unsafe")
    return lambda: np.copyto(out, convert_elements(x, source, target))


@binder("Convert", "ConvertLike", native=True, layout="same")
def bind_convert(call: Call) -> Step:
    x = call.inputs[0]
    assert x is not None
    node = call.node
    return _conversion(
        x, node.get_input_element_type(0), node.get_output_element_type(0), call.outputs[0]
    )


@binder("ConvertPromoteTypes", native=True, layout="same")
def bind_convert_promote_types(call: Call) -> Step:
    node, steps = call.node, []
    for index, x in enumerate(call.inputs):
        assert x is not None
        source, target = node.get_input_element_type(index), node.get_output_element_type(index)
        steps.append(_conversion(x, source, target, call.outputs[index]))
    left, right = steps

    def step() -> None:
        left()
        right()

    return step
