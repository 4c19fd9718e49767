"""The pytest plugin, on small test files of its own."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest
from cudasim import plugin

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

KERNELS = """
import cupy, numpy, pytest
FILL = 'extern "C" __global__ void fill(float* p, int n) { if (threadIdx.x < n) p[threadIdx.x] = 1; }'
def fill(array, n):
    cupy.RawKernel(FILL, "fill")((1,), (64,), (array, numpy.int32(n)))
"""


def run(
    tmp_path: pathlib.Path, text: str, *options: str, header: str = KERNELS
) -> subprocess.CompletedProcess[str]:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["cudasim.plugin"]\n')
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {ROOT / 'tests'}\n")
    (tmp_path / "test_it.py").write_text(header + text)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-v",
        "-p",
        "no:cacheprovider",
        *options,
        str(tmp_path),
    ]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)


def test_a_report_fails_the_test_that_caused_it_and_only_that(tmp_path):
    done = run(
        tmp_path,
        """
@pytest.mark.gpu_sim(check=True)
def test_overrun(): fill(cupy.empty(32, "f"), 33)

@pytest.mark.gpu_sim
def test_fine(): assert int(cupy.arange(4).sum()) == 6

@pytest.mark.gpu_sim
def test_not_simulated():
    with pytest.raises(Exception): cupy.cuda.runtime.mallocManaged(4)

def test_without_mark(): pass
""",
    )
    assert "4 passed, 2 errors" in done.stdout, done.stdout  # a test passes, then its teardown errs
    assert "out-of-bounds" in done.stdout
    assert "runtime.mallocManaged is not simulated" in done.stdout


def test_marker_and_options_choose_the_modes(tmp_path):
    text = """
@pytest.mark.gpu_sim(policy=["lazy", "random:2"], arch=[80, 90], check=[False, True])
def test_marker(gpu_policy, gpu_arch, gpu_check):
    assert gpu_policy in ("lazy", "random:2")
    source = 'extern "C" __global__ void k(int* p) { *p = __CUDA_ARCH__; }'
    p = cupy.zeros(1, "i")
    cupy.RawKernel(source, "k")((1,), (1,), (p,))
    assert int(p[0]) == gpu_arch * 10

@pytest.mark.gpu_sim
def test_options(gpu_policy, gpu_arch, gpu_check):
    assert (gpu_policy, gpu_arch, gpu_check) == ("random:9", 120, True)
"""
    options = ["--cudasim-policy", "random:9", "--cudasim-arch", "120", "--cudasim-check", "yes"]
    done = run(tmp_path, text, *options)
    assert "9 passed" in done.stdout, done.stdout
    assert "test_marker[random:2-sm_90-check]" in done.stdout


def test_cupy_is_not_imported_for_other_tests(tmp_path):
    done = run(tmp_path, "def test(): assert 'cupy' not in sys.modules", header="import sys\n")
    assert "1 passed" in done.stdout, done.stdout


def test_on_hardware_each_test_runs_once(monkeypatch):
    monkeypatch.setattr(plugin, "_hardware", True)
    mark = pytest.mark.gpu_sim(policy=["lazy", "random:2"], arch=[80, 90]).mark
    assert [str(mode) for mode in plugin._modes(mark, None)] == ["hardware"]


def test_on_hardware_tests_of_the_simulation_are_deselected(monkeypatch):
    class Item:
        def __init__(self, *fixtures):
            self.fixturenames = fixtures

    deselected = []

    class Hook:
        @staticmethod
        def pytest_deselected(items):
            deselected.extend(items)

    config = type("Config", (), {"hook": Hook})
    items = kept, control = [Item("gpu_mode"), Item("gpu_mode", "cudasim")]
    items = list(items)
    plugin.pytest_collection_modifyitems(config, items)
    assert items == [kept, control]  # simulated: everything runs
    monkeypatch.setattr(plugin, "_hardware", True)
    plugin.pytest_collection_modifyitems(config, items)
    assert (items, deselected) == ([kept], [control])
