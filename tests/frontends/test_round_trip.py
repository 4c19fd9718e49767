"""Whole models written here and computed by the real OpenVINO: the same numbers as from their source."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest

import ovgpu as ov
from tests.frontends.comparison import run_openvino

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import models

pytestmark = pytest.mark.slow

OCR = "rapidocr_onnxruntime"
#: Trained models and input shapes they run with.
TRAINED = {
    "ch_ppocr_mobile_v2.0_cls_infer": [[1, 3, 48, 192], [2, 3, 48, 100]],
    "ch_PP-OCRv4_rec_infer": [[1, 3, 48, 320], [1, 3, 48, 97]],
    "ch_PP-OCRv4_det_infer": [[1, 3, 96, 160], [1, 3, 64, 64]],
}
#: Networks of the benchmarks, small enough to run twice.
GENERATED: dict[str, Callable[[], ov.Model]] = {
    "resnet50": lambda: models.resnet50(size=96),
    "bert": lambda: models.bert(2, 96, 4, ov.Dimension(1, 40)),
    "tiny_chain": models.tiny_chain,
}


def trained(name: str) -> Path:
    spec = importlib.util.find_spec(OCR)
    if spec is None or spec.origin is None:
        pytest.fail("needs its models: pip install --no-deps rapidocr-onnxruntime==1.4.4")
    return Path(spec.origin).parent / "models" / f"{name}.onnx"


def random_inputs(ports: Any, sequence: int = 23) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    shapes = [[d.min_length if d.is_static else sequence for d in p.partial_shape] for p in ports]
    return [random.standard_normal(shape).astype(np.float32) for shape in shapes]


def assert_same(mine: list[np.ndarray], theirs: list[np.ndarray], tolerance: float) -> None:
    assert len(mine) == len(theirs) > 0
    for a, b in zip(mine, theirs, strict=True):
        assert a.shape == b.shape
        scale = max(float(np.abs(b).max()), 1e-6)
        np.testing.assert_allclose(a / scale, b / scale, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", TRAINED)
def test_trained_model(name: str, tmp_path: Path) -> None:
    path = trained(name)
    ov.save_model(ov.Core().read_model(path), tmp_path / "f32.xml", compress_to_fp16=False)
    ov.save_model(ov.convert_model(path), tmp_path / "f16.xml")
    core = openvino.Core()
    source, full, half = (
        core.read_model(p) for p in (path, tmp_path / "f32.xml", tmp_path / "f16.xml")
    )
    assert (tmp_path / "f16.bin").stat().st_size < 0.6 * (tmp_path / "f32.bin").stat().st_size
    assert [str(p.partial_shape) for p in full.inputs] == [
        str(p.partial_shape) for p in source.inputs
    ]
    for shape in TRAINED[name]:
        inputs = [np.random.default_rng(1).random(shape, np.float32)]
        expected = run_openvino(source, inputs)
        assert_same(run_openvino(full, inputs), expected, 1e-4)
        assert_same(run_openvino(half, inputs), expected, 2e-2)
        own = ov.compile_model(ov.Core().read_model(tmp_path / "f32.xml"), "CPU")(inputs)
        assert_same([own[i] for i in range(len(expected))], expected, 1e-3)


@pytest.mark.parametrize("name", GENERATED)
def test_generated_model(name: str, tmp_path: Path) -> None:
    model = GENERATED[name]()
    inputs = random_inputs(model.inputs)
    results = ov.compile_model(model, "CPU")(inputs)
    mine = [results[i] for i in range(len(model.outputs))]
    ov.save_model(model, tmp_path / "f32.xml", compress_to_fp16=False)
    written = openvino.Core().read_model(tmp_path / "f32.xml")
    assert_same(mine, run_openvino(written, inputs), 1e-4)
    # The reverse: what OpenVINO writes is read and computed here.
    openvino.save_model(written, tmp_path / "theirs.xml", compress_to_fp16=True)
    theirs = openvino.Core().read_model(tmp_path / "theirs.xml")
    read = ov.compile_model(ov.Core().read_model(tmp_path / "theirs.xml"), "CPU")(inputs)
    assert_same([read[i] for i in range(len(mine))], run_openvino(theirs, inputs), 1e-4)
