"""``ovgpu run``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.tools.conftest import WEIGHTS, Command


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_files_in_files_out(ovgpu: Command, model_path: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    a, b = random.random((3, 4), np.float32), random.random(5, np.float32)
    np.save(tmp_path / "a.npy", a)
    np.save(tmp_path / "b.npy", b)
    status, out, err = ovgpu(
        "run", model_path, "-d", "CPU", "-i", f"a={tmp_path / 'a.npy'}", "-i", f"b={tmp_path / 'b.npy'}",
        "-o", tmp_path / "results",
    )  # fmt: skip
    assert (status, err) == (0, "")
    assert "output scores: f32[3, 5]" in out
    stored = np.load(tmp_path / "results" / "scores.npy")
    np.testing.assert_allclose(stored, softmax(a @ WEIGHTS + b), rtol=1e-5)


def test_generated_data(ovgpu: Command, model_path: Path) -> None:
    status, out, _ = ovgpu("run", model_path, "-d", "CPU", "--shape", "a[2,4]")
    assert status == 0
    assert "input  a: generated [2, 4]" in out
    assert "input  b: generated [5]" in out
    assert "output scores: f32[2, 5]" in out
    again = ovgpu("run", model_path, "-d", "CPU", "--shape", "a[2,4]")[1]
    assert again == out
    other = ovgpu("run", model_path, "-d", "CPU", "--shape", "a[2,4]", "--seed", 1)[1]
    assert other != out


def test_unnamed_file_for_a_single_input(ovgpu: Command, single_path: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[-1, 2, 3], [4, -5, 6]], np.float32))
    status, out, _ = ovgpu("run", single_path, "-d", "CPU", "-i", tmp_path / "x.npy")
    assert status == 0
    assert "[[0. 2. 3.]\n [4. 0. 6.]]" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "dynamic shape"),
        (["--shape", "a[9,4]"], "does not fit"),
        (["--shape", "a[?,4]"], "must be static"),
        (["--shape", "[2,4]"], "name each: a, b"),
        (["--shape", "c[2,4]"], "no input is named 'c'"),
        (["--shape", "a(2,4)"], "cannot read"),
        (["-i", "a=nowhere.npy"], "no such file"),
        (["-i", "nowhere.npy"], "NAME=nowhere.npy"),
        (["-i", "{pickled}"], "allow_pickle"),
        (["-i", "c={good}"], "no input is named 'c'"),
        (["-i", "b={good}", "--shape", "a[2,4]"], "'b'"),
    ],
)
def test_what_is_wrong_is_said(
    arguments: list[str], sentence: str, ovgpu: Command, model_path: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "good.npy", np.ones((2, 4), np.float32))
    np.save(tmp_path / "pickled.npy", np.array([{}], object), allow_pickle=True)
    names = {"good": tmp_path / "good.npy", "pickled": f"a={tmp_path / 'pickled.npy'}"}
    status, _, err = ovgpu("run", model_path, "-d", "CPU", *(a.format(**names) for a in arguments))
    assert status == 1
    assert sentence in err
    assert err.startswith("ovgpu run: ")
