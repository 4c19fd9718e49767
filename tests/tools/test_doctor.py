"""``ovgpu doctor``."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import numpy as np
import pytest

import ovgpu as ov
from ovgpu.tools import doctor
from tests.tools.conftest import Command


def test_what_is_here(ovgpu: Command) -> None:
    status, out, _ = ovgpu("doctor")
    assert status == 0
    assert out.startswith(f"ovgpu      {ov.get_version()}, Python ")
    assert f"numpy      {np.__version__}" in out
    assert "CPU" in next(line for line in out.splitlines() if line.startswith("devices"))
    for device in ov.Core().available_devices:
        assert f"  {device:8} " in out


def test_without_optional_packages(ovgpu: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each missing package is named with its purpose and the command that installs it."""
    version = importlib.metadata.version

    def hidden(name: str) -> str:
        if name.startswith("cupy") or name in ("onnx", "pillow", "nvtx"):
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", hidden)
    status, out, _ = ovgpu("doctor")
    assert status == 0
    assert "pip install 'ovgpu[cuda12]'" in out
    assert "pip install 'ovgpu[onnx]'" in out
    assert "pip install 'ovgpu[image]'" in out


@pytest.mark.parametrize(("devices", "status"), [(["CPU"], 1), (["CPU", "GPU"], 0)])
def test_strict(
    devices: list[str], status: int, ovgpu: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Core:
        available_devices = devices

        def get_property(self, device: str, name: str) -> Any:
            return f"a {device}"

    monkeypatch.setattr(doctor.ov, "Core", Core)
    found, out, _ = ovgpu("doctor", "--strict")
    assert found == status
    assert ("AUTO runs on the CPU" in out) is (status == 1)
    assert ovgpu("doctor")[0] == 0
