"""``ovgpu query``."""

from __future__ import annotations

from pathlib import Path

import pytest

import ovgpu as ov
from ovgpu.graph.node import make_node
from ovgpu.ops.declaration import op
from tests.tools.conftest import Command


def test_counts(ovgpu: Command, model_path: Path) -> None:
    status, out, _ = ovgpu("query", model_path, "-d", "CPU")
    assert status == 0
    lines = [line.split() for line in out.splitlines()]
    assert ["1", "opset1::MatMul", "CPU"] in lines
    assert ["2", "opset1::Parameter", "CPU"] in lines
    assert out.splitlines()[-1] == "7 of 7 operations run on CPU"


def test_every_layer(ovgpu: Command, model_path: Path) -> None:
    status, out, _ = ovgpu("query", model_path, "--all")
    assert status == 0
    assert "CPU      opset1::MatMul                           product" in out


@pytest.mark.gpu_sim
def test_tiers_of_the_gpu(ovgpu: Command, model_path: Path) -> None:
    status, out, _ = ovgpu("query", model_path, "-d", "GPU")
    assert status == 0
    lines = [line.split() for line in out.splitlines()]
    assert ["1", "opset1::MatMul", "GPU.0:cuda"] in lines
    assert ["2", "opset1::Parameter", "GPU.0"] in lines


@op("ForNobody", factory="", domain="no_device")
def for_nobody(data: ov.graph.value.Value) -> ov.graph.value.Value:
    """An operation that no device has a kernel for."""
    return data


def test_what_nobody_runs(
    ovgpu: Command, monkeypatch: pytest.MonkeyPatch, single_path: Path
) -> None:
    x = ov.opset13.parameter([2], ov.Type.f32, name="x")
    model = ov.Model([make_node("ForNobody", [x], "no_device")], [x], "odd")
    model.get_results()[0].input_value(0).get_node().set_friendly_name("strange")
    monkeypatch.setattr(ov.Core, "read_model", lambda self, path: model)
    status, out, _ = ovgpu("query", single_path)
    assert status == 1
    assert "2 of 3 operations run on CPU" in out
    assert "not supported: strange (no_device::ForNobody)" in out
