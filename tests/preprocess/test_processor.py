"""What the comparison with OpenVINO leaves out: lifetimes, failed builds, wrong arguments, spellings of layouts."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ovgpu as ov
import ovgpu.opset13 as ops
from ovgpu.preprocess import ColorFormat, PaddingMode, PrePostProcessor, ResizeAlgorithm


def _model() -> ov.Model:
    parameter = ops.parameter([1, 3, 8, 8], np.float32, name="x")
    return ov.Model([ops.relu(parameter)], [parameter], "m")


def test_parts_outlive_the_processor() -> None:
    tensor = PrePostProcessor(_model()).input().tensor()
    gc.collect()
    assert tensor.set_element_type(ov.Type.u8) is tensor


def test_layouts_may_be_texts() -> None:
    p = PrePostProcessor(_model())
    p.input().tensor().set_layout("NHWC")
    p.input().model().set_layout("NCHW")
    assert p.build().input().partial_shape == [1, 8, 8, 3]


def test_the_same_part_every_time() -> None:
    p = PrePostProcessor(_model())
    assert p.input("x").tensor() is p.input(0).tensor()
    assert p.output().postprocess() is p.output(0).postprocess()


def test_a_failed_build_leaves_the_model_as_it_was() -> None:
    model = _model()
    before = str(model)
    p = PrePostProcessor(model)
    p.input().tensor().set_element_type(ov.Type.u8)
    p.output().postprocess().convert_element_type()
    with pytest.raises(RuntimeError, match="Can't convert to dynamic"):
        p.build()
    assert str(model) == before
    assert [n.get_type_name() for n in model.get_ordered_ops()] == ["Parameter", "Relu", "Result"]


def test_a_custom_step_must_return_an_output() -> None:
    p = PrePostProcessor(_model())
    p.input().preprocess().custom(lambda output: ops.abs(output))
    with pytest.raises(RuntimeError, match="custom_preprocess_function"):
        p.build()


def test_memory_type_is_kept_with_the_input() -> None:
    p = PrePostProcessor(_model())
    p.input().tensor().set_memory_type("GPU_SURFACE")
    assert p.build().input().rt_info["memory_type_0"] == "GPU_SURFACE"


@pytest.mark.parametrize(
    "call",
    [
        lambda p: p.input(1.5),
        lambda p: p.input().tensor().set_element_type("u8"),
        lambda p: p.input().tensor().set_shape("1,3"),
        lambda p: p.input().tensor().set_layout(3),
        lambda p: p.input().tensor().set_color_format(5),
        lambda p: p.input().preprocess().convert_color("RGB"),
        lambda p: p.input().preprocess().resize("linear"),
        lambda p: p.input().preprocess().mean("1"),
        lambda p: p.input().preprocess().pad([0], [0], None, PaddingMode.CONSTANT),
        lambda p: p.input().preprocess().convert_layout([1.5]),
        lambda p: p.input().preprocess().custom(3),
        lambda p: PrePostProcessor(3),
    ],
)
def test_wrong_arguments(call: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match="incompatible"):
        call(PrePostProcessor(_model()))


def test_enumerations_print_as_openvino_does() -> None:
    assert repr(ColorFormat.RGB) == "<ColorFormat.RGB: 5>"
    assert str(PaddingMode.SYMMETRIC) == "PaddingMode.SYMMETRIC"
    assert int(ResizeAlgorithm.RESIZE_BICUBIC_PILLOW) == 4
