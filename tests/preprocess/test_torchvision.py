"""Torchvision transforms, with stand-ins of the same attributes (torchvision itself is no test dependency)."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import ovgpu as ov
import ovgpu.opset13 as ops
from ovgpu.preprocess.torchvision import PreprocessConverter


def _transform(name: str, **attributes: Any) -> Any:
    return type(name, (SimpleNamespace,), {})(**attributes)


def _model(height: int, width: int) -> ov.Model:
    parameter = ops.parameter([1, 3, height, width], np.float32, name="x")
    return ov.Model([ops.relu(parameter)], [parameter])


@pytest.fixture
def torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))


def test_without_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(ImportError, match="pip install torchvision"):
        PreprocessConverter.from_torchvision(
            _model(4, 4), _transform("ToTensor"), np.zeros((4, 4, 3))
        )


@pytest.mark.usefixtures("torchvision")
def test_the_usual_chain() -> None:
    image = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    chain = _transform(
        "Compose",
        transforms=[
            _transform("CenterCrop", size=(10, 12)),
            _transform("ToTensor"),
            _transform("Normalize", mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0)),
        ],
    )
    model = PreprocessConverter.from_torchvision(_model(10, 12), chain, image)
    assert model.input().get_element_type() == ov.Type.u8
    result = ov.Core().compile_model(model, "CPU")(image[None])[0]
    cropped = image[5:15, 9:21].transpose(2, 0, 1).astype(np.float32) / 255
    mean, std = (np.float32(v).reshape(3, 1, 1) for v in ((0.1, 0.2, 0.3), (0.5, 0.25, 2.0)))
    np.testing.assert_allclose(result[0], np.maximum((cropped - mean) / std, 0), atol=1e-5)


@pytest.mark.usefixtures("torchvision")
def test_resize_keeps_proportions_and_pad_adds_a_border() -> None:
    image = np.full((20, 30, 3), 51, np.uint8)
    chain = _transform(
        "Compose",
        transforms=[
            _transform("Resize", size=10, interpolation="bilinear"),
            _transform("ToTensor"),
            _transform("Pad", padding=2, fill=0, padding_mode="constant"),
        ],
    )
    model = PreprocessConverter.from_torchvision(_model(14, 19), chain, image)
    result = ov.Core().compile_model(model, "CPU")(image[None])[0]
    expected = np.zeros((1, 3, 14, 19), np.float32)
    expected[:, :, 2:-2, 2:-2] = 0.2
    np.testing.assert_allclose(result, expected, atol=1e-6)


@pytest.mark.usefixtures("torchvision")
def test_unknown_transforms_are_named() -> None:
    with pytest.raises(ValueError, match="RandomErasing"):
        PreprocessConverter.from_torchvision(
            _model(4, 4), _transform("RandomErasing"), np.zeros((4, 4, 3), np.uint8)
        )
