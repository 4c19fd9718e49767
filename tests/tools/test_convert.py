"""``ovgpu convert``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
from onnx import TensorProto, helper, numpy_helper

import ovgpu as ov
from tests.tools.conftest import Command

WEIGHTS = np.random.default_rng(0).standard_normal((64, 32)).astype(np.float32)


@pytest.fixture
def onnx_path(tmp_path: Path) -> Path:
    """relu(x @ weights), x: f32 [rows, 64]."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("Relu", ["p"], ["y"])],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 32])],
        [numpy_helper.from_array(WEIGHTS, "w")],
    )
    path = tmp_path / "small.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


@pytest.mark.parametrize(
    ("option", "size", "tolerance"), [([], 2, 1e-2), (["--keep-f32"], 4, 1e-5)]
)
def test_beside_the_model(
    option: list[str], size: int, tolerance: float, ovgpu: Command, onnx_path: Path
) -> None:
    status, out, _ = ovgpu("convert", onnx_path, *option)
    assert status == 0
    assert "small.xml" in out
    weights = onnx_path.with_suffix(".bin").stat().st_size
    assert weights == pytest.approx(size * WEIGHTS.size, abs=64)
    data = np.random.default_rng(1).standard_normal((3, 64)).astype(np.float32)
    for package in (ov, openvino):
        compiled = package.Core().compile_model(
            onnx_path.with_suffix(".xml"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
        )
        np.testing.assert_allclose(
            compiled(data)["y"], np.maximum(data @ WEIGHTS, 0), rtol=tolerance, atol=10 * tolerance
        )


def test_other_place_and_shape(ovgpu: Command, onnx_path: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.xml"
    status, _, _ = ovgpu("convert", onnx_path, "-o", target, "--input-shape", "x[1..8,64]")
    assert status == 0
    assert str(ov.Core().read_model(target).input(0).partial_shape) == "[1..8,64]"
    status, _, err = ovgpu("convert", onnx_path, "-o", target, "--input-shape", "x[1,63]")
    assert status == 1
    assert "64" in err
    assert str(ov.Core().read_model(target).input(0).partial_shape) == "[1..8,64]"
