"""Reading and writing through the package's own names, and what stays in memory afterwards."""

from __future__ import annotations

import gc
import inspect
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openvino as ov
import pytest

import ovgpu
from tests.frontends.openvino_models import INPUTS, MODELS


@pytest.fixture
def no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("name", ["save_model", "serialize"])
def test_signatures(name: str) -> None:
    ours = inspect.signature(getattr(ovgpu, name)).parameters
    documented = {
        "save_model": ["model", "output_model", "compress_to_fp16"],
        "serialize": ["model", "xml_path", "bin_path", "version"],
    }
    assert list(ours) == documented[name]


@pytest.mark.parametrize("name", INPUTS)
def test_there_and_back_and_inferred(name: str, tmp_path: Path) -> None:
    """OpenVINO writes, we read and write, we read and infer: the numbers are OpenVINO's."""
    theirs = MODELS[name]()
    ov.save_model(theirs, tmp_path / "theirs.xml", compress_to_fp16=False)
    core = ovgpu.Core()
    ovgpu.save_model(
        core.read_model(tmp_path / "theirs.xml"), tmp_path / "ours.xml", compress_to_fp16=False
    )
    compiled = core.compile_model(tmp_path / "ours.xml", "CPU")
    made = compiled(dict(enumerate(INPUTS[name])))
    reference = ov.compile_model(theirs, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    expected = reference(dict(enumerate(INPUTS[name])))
    for index in range(len(compiled.outputs)):
        np.testing.assert_allclose(made[index], expected[index], rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("name", MODELS)
def test_models_free_themselves(name: str, tmp_path: Path) -> None:
    """Without a garbage collection: a program that reads models all day keeps no weights mapped."""
    ov.serialize(MODELS[name](), tmp_path / "model.xml")
    model = ovgpu.Core().read_model(tmp_path / "model.xml")
    clone = model.clone()
    nodes = [weakref.ref(n) for m in (model, clone) for n in m.get_ordered_ops()]
    ovgpu.save_model(model, tmp_path / "copy.xml")
    del model
    assert sum(n() is not None for n in nodes) == len(nodes) // 2
    del clone
    assert not any(n() is not None for n in nodes)
