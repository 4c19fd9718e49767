"""``ovgpu benchmark``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.tools.conftest import Command


@pytest.mark.parametrize(
    ("arguments", "requests"),
    [
        (["-hint", "latency"], 1),
        (["-hint", "latency", "-api", "async", "-nireq", 3], 3),
        (["-hint", "throughput", "-nireq", 2], 2),
        (["-hint", "none", "-api", "sync"], 1),
        (["-hint", "none", "-nstreams", 2, "-nireq", 2, "-infer_precision", "f32"], 2),
    ],
)
def test_figures(
    arguments: list[object], requests: int, ovgpu: Command, single_path: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    status, out, err = ovgpu("benchmark", single_path, "-niter", 20, "-report", report, *arguments)
    assert (status, err) == (0, "")
    figures = json.loads(report.read_text())
    assert figures["iterations"] == 20
    assert figures["requests"] == requests
    assert figures["devices"] == ["CPU"]
    assert 0 < figures["min_ms"] <= figures["median_ms"] <= figures["max_ms"]
    assert figures["min_ms"] <= figures["average_ms"] <= figures["max_ms"]
    assert figures["throughput"] == pytest.approx(20_000 / figures["total_ms"])
    assert "iterations   20 in" in out
    assert "latency      median" in out
    assert "inferences/s" in out


def test_time_limit(ovgpu: Command, single_path: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    assert ovgpu("benchmark", single_path, "-t", 0.2, "-report", report)[0] == 0
    figures = json.loads(report.read_text())
    assert figures["iterations"] > 1
    assert figures["total_ms"] >= 150


def test_shapes(ovgpu: Command, model_path: Path, tmp_path: Path) -> None:
    assert ovgpu("benchmark", model_path, "-niter", 2, "-data_shape", "a[3,4]")[0] == 0
    assert ovgpu("benchmark", model_path, "-niter", 2, "-shape", "a[2,4]")[0] == 0
    status, _, err = ovgpu("benchmark", model_path, "-niter", 2)
    assert status == 1
    assert "give -data_shape" in err
    status, _, err = ovgpu("benchmark", model_path, "-niter", 2, "-shape", "a[2,7]")
    assert status == 1
    assert "product" in err
    np.save(tmp_path / "a.npy", np.ones((2, 4), np.float32))
    assert ovgpu("benchmark", model_path, "-niter", 2, "-i", f"a={tmp_path / 'a.npy'}")[0] == 0


def test_times_of_layers(ovgpu: Command, model_path: Path) -> None:
    status, out, _ = ovgpu("benchmark", model_path, "-niter", 2, "-data_shape", "a[3,4]", "-pc")
    assert status == 0
    assert "product" in out
    table = out[out.index("share") :]
    assert "Softmax" in table
    shares = [float(line.split()[-1].rstrip("%")) for line in table.splitlines()[1:] if "%" in line]
    assert sum(shares) == pytest.approx(100, abs=1)
