"""Which reader gets what, and what is refused."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from ovgpu.frontends import read_model, save_model
from ovgpu.frontends.convert import convert_model
from ovgpu.graph.model import Model


@pytest.mark.parametrize("model", [5, None, 1.5, [], object()])
def test_other_objects(model: Any) -> None:
    with pytest.raises(TypeError, match="isn't supported as 'model' argument"):
        read_model(model)


def test_other_weights() -> None:
    with pytest.raises(TypeError, match="Weights are a path, a Tensor"):
        read_model('<net version="11"/>', 5)


@pytest.mark.parametrize(
    ("name", "reader"), [("a.xml", "ir"), ("a.onnx", "onnx"), ("a.bin", "ir"), ("a", "ir")]
)
def test_missing_files(name: str, reader: str, tmp_path: Path) -> None:
    for path in (tmp_path / name, str(tmp_path / name)):
        with pytest.raises(RuntimeError, match=f'{reader}: Could not open the file: ".*{name}"'):
            read_model(path)


@pytest.mark.parametrize("suffix", [".bin", ".foo", ".xml"])
def test_files_of_unknown_content(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    for content in (b"junk" * 10, b"", b"\0" * 100):
        path.write_bytes(content)
        with pytest.raises(RuntimeError, match=f'model format: "{suffix}" is supported'):
            read_model(path)


@pytest.mark.parametrize("content", [b"", b"junk", io.BytesIO(b""), io.BytesIO(b"junk")])
def test_content_of_no_format(content: Any) -> None:
    with pytest.raises(RuntimeError, match="Unable to read the model"):
        read_model(content)


def test_an_ir_file_may_have_any_name(tmp_path: Path) -> None:
    import numpy as np

    import ovgpu.opset13 as ops

    x = ops.parameter([2], np.float32, name="x")
    save_model(Model([ops.result(ops.relu(x))], [x], "named"), tmp_path / "model.xml")
    (tmp_path / "model.xml").rename(tmp_path / "model.net")
    assert read_model(tmp_path / "model.net").get_friendly_name() == "named"
    assert convert_model(tmp_path / "model.net", verbose=False).get_friendly_name() == "named"


def test_onnx_files_without_the_onnx_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.onnx").write_bytes(b"content")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(RuntimeError, match=r"pip install 'ovgpu\[onnx\]'"):
        read_model(tmp_path / "model.onnx")
