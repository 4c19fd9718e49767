"""The transformations that conversion tools call by name."""

from __future__ import annotations

import numpy as np

import ovgpu as ov
import ovgpu.opset13 as ops
from ovgpu import _offline_transformations as offline


def _types(model: ov.Model) -> list[str]:
    return [node.get_type_name() for node in model.get_ordered_ops()]


def _model() -> ov.Model:
    x = ops.parameter([1, 64], np.float32, name="x")
    weights = ops.add(ops.constant(np.ones((1, 64), np.float32)), np.float32(1))
    return ov.Model([ops.multiply(x, weights)], [x])


def test_moc_folds_constants_when_asked() -> None:
    model = _model()
    offline.apply_moc_transformations(model, cf=False)
    assert _types(model).count("Add") == 1
    offline.apply_moc_transformations(model, cf=True)
    assert _types(model) == ["Parameter", "Constant", "Multiply", "Result"]


def test_compression_keeps_types() -> None:
    model = _model()
    offline.apply_moc_transformations(model, cf=True)
    offline.compress_model_transformation(model)
    assert _types(model) == ["Parameter", "Constant", "Convert", "Multiply", "Result"]
    assert model.output().get_element_type() == ov.Type.f32


def test_make_stateful() -> None:
    model = _model()
    names = {"x": model.output().any_name}
    offline.apply_make_stateful_transformation(model, param_res_names=names)
    assert not model.inputs
    assert len(model.get_sinks()) == 1


def test_fused_names_are_dropped() -> None:
    model = _model()
    for node in model.get_ordered_ops():
        node.rt_info["fused_names_0"] = "a,b"
        node.rt_info["kept"] = "yes"
    offline.apply_fused_names_cleanup(model)
    assert {tuple(node.rt_info) for node in model.get_ordered_ops()} == {("kept",)}
