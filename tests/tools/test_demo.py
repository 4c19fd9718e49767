"""``ovgpu demo``: a trained model reads text."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ovgpu.tools import demo
from tests.tools.conftest import Command


@pytest.mark.parametrize("text", ["Hello OpenVINO 2026", "0123456789", "The quick brown fox"])
def test_reads_drawn_text(text: str, ovgpu: Command) -> None:
    status, out, err = ovgpu("demo", "-d", "CPU", "--text", text)
    assert (status, err) == (0, "")
    assert f"recognised: {text!r}" in out
    assert "on CPU: input [1, 3, 48, " in out
    assert float(out.rsplit("confidence ", 1)[1].rstrip(")\n")) > 0.9


def test_reads_an_image(ovgpu: Command, tmp_path: Path) -> None:
    demo.draw("Written in a file").save(tmp_path / "line.png")
    status, out, _ = ovgpu("demo", tmp_path / "line.png", "-d", "CPU")
    assert status == 0
    assert "recognised: 'Written in a file'" in out


def test_no_such_image(ovgpu: Command) -> None:
    status, _, err = ovgpu("demo", "nowhere.png", "-d", "CPU")
    assert status == 1
    assert "nowhere.png" in err


@pytest.mark.parametrize(
    ("package", "remedy"),
    [
        (demo.PACKAGE, "pip install --no-deps rapidocr-onnxruntime"),
        ("PIL", "pip install 'ovgpu[image]'"),
    ],
)
def test_what_is_missing_is_said(
    package: str, remedy: str, ovgpu: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec

    def hidden(name: str, *arguments: Any) -> Any:
        return None if name == package else find_spec(name, *arguments)

    monkeypatch.setattr(importlib.util, "find_spec", hidden)
    status, out, err = ovgpu("demo")
    assert (status, out) == (1, "")
    assert remedy in err


def test_decoding() -> None:
    """Repeats collapse, index 0 separates: a a 0 a b b 0 -> "aab"."""
    scores = np.eye(3)[[1, 1, 0, 1, 2, 2, 0]]
    assert demo.decode(scores, ["", "a", "b"]) == ("aab", 1.0)
    assert demo.decode(np.eye(3)[[0, 0]], ["", "a", "b"]) == ("", 0.0)
