"""What profilers and benchmarks see: NVTX ranges where records run, and the scripts that need a GPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from plugins.gpu.runtime_models import compile_gpu, dense, parameter, reals

import ovgpu as ov
from ovgpu import opset16 as ops
from ovgpu.execution import ranges

ROOT = Path(__file__).resolve().parents[3]


class FakeDomain:
    """Stands for NVTX's domain and notes what is pushed."""

    def __init__(self) -> None:
        self.pushed: list[tuple[str, str]] = []
        self.open = 0

    def get_event_attributes(self, message: str, category: str) -> tuple[str, str]:
        return (category, message)

    def push_range(self, attributes: tuple[str, str]) -> None:
        self.pushed.append(attributes)
        self.open += 1

    def pop_range(self) -> None:
        self.open -= 1


@pytest.fixture
def domain(monkeypatch):
    made = FakeDomain()
    monkeypatch.setattr(ranges, "nvtx", object())
    monkeypatch.setattr(ranges, "_domain", lambda: made)
    ranges._attributes.cache_clear()
    yield made
    assert made.open == 0
    ranges._attributes.cache_clear()


@pytest.mark.gpu_sim
def test_operations_on_the_host_are_named():
    """Those without a lowering, and those that must run for their results' sizes to be known."""
    x = parameter([-1])
    unique = ops.unique(ops.relu(x))
    compiled = compile_gpu(ov.Model([unique.output(0)], [x], "unique"))
    assert compiled.get_property("OVGPU_HOST_OPERATIONS") == []
    request = compiled.create_infer_request()
    request.infer([reals(6000)])  # the results of few elements would be known while planning
    assert compiled.get_property("OVGPU_HOST_OPERATIONS") == [unique.get_friendly_name()]
    assert compile_gpu(dense([4, 8])).get_property("OVGPU_HOST_OPERATIONS") == []


@pytest.mark.gpu_sim
def test_ranges(domain):
    """A range for planning, one for each request, one for each record that runs eagerly, none for those of a graph."""
    request = compile_gpu(dense([4, 8])).create_infer_request()
    assert domain.pushed == [("model", "dense")]
    domain.pushed.clear()
    request.infer([reals(4, 8)])
    (request_range, *operations) = domain.pushed
    assert request_range == ("request", "dense")
    assert len(operations) >= 4
    assert {category for category, _ in operations} == {"op"}
    for _ in range(2):
        domain.pushed.clear()
        request.infer([reals(4, 8)])
        assert domain.pushed == [("request", "dense")]


@pytest.mark.gpu_sim
def test_ranges_close_when_a_record_fails(domain, gpu_problems):
    request = compile_gpu(dense([4, 8])).create_infer_request()
    gpu_problems.inject_fault("launch", 2, gpu_problems.LAUNCH_FAILURE)
    with pytest.raises(RuntimeError, match="failed"):
        request.infer([reals(4, 8)])


def test_without_nvtx(monkeypatch):
    monkeypatch.setattr(ranges, "nvtx", None)
    with ranges.marked("anything", "op"):
        ranges.push_range("inside", "op")
        ranges.pop_range()


def run(*arguments: str, simulated: bool = True) -> subprocess.CompletedProcess[str]:
    prefix = [str(ROOT / "tests/cudasim/run.py")] if simulated else []
    command = [sys.executable, *prefix, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_hardware_benchmark_without_a_gpu():
    """It does not pretend: status 2 and the reason, also on the simulated device."""
    from cudasim.install import real_gpu_count

    if real_gpu_count() == 0:
        ended = run("benchmarks/hardware.py", simulated=False)
        assert ended.returncode == 2
        assert "Nothing was measured, there is no GPU" in ended.stderr
    ended = run("benchmarks/hardware.py")
    assert ended.returncode == 2
    assert "the device is simulated" in ended.stderr


def test_hardware_benchmark_itself():
    ended = run("benchmarks/hardware.py", "--simulated", "--skip-tests", "--rounds", "1")
    assert ended.returncode == 0, ended.stderr
    assert "ovgpu f16" in ended.stdout


def test_host_cost():
    ended = run("benchmarks/gpu_host_cost.py", "--layers", "1", "--rounds", "3")
    assert ended.returncode == 0, ended.stderr
    assert "us per record" in ended.stdout
    assert "graph replay" in ended.stdout
