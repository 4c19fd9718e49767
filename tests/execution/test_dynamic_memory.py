"""Random shapes inside bounds: no block of memory after the first inference, and resident memory stays flat."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import ovgpu as ov
from ovgpu.plugins.cpu.executor import MAX_PLANS

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import dynamic_memory


@pytest.mark.parametrize("name", dynamic_memory.MODELS)
def test_no_block_after_the_first_inference(name: str) -> None:
    _, _, first, last, _ = dynamic_memory.measure(name, "CPU", 400)
    assert first >= 1
    assert last == first


@pytest.mark.slow
@pytest.mark.parametrize("name", dynamic_memory.MODELS)
def test_memory_stays_flat(name: str) -> None:
    settled, final, first, last, _ = dynamic_memory.measure(name, "CPU", 10_000)
    print(f"{name}: {settled:.1f} MiB after 200 runs, {final:.1f} after 10,000; {last} blocks")
    assert last == first
    assert final - settled < 4


@pytest.mark.parametrize("name", dynamic_memory.MODELS)
def test_plans_are_limited(name: str) -> None:
    """Each new shape is planned once; the least recently used plans go, the results stay right."""
    model, bounds = dynamic_memory.MODELS[name]()
    compiled = ov.compile_model(model, "CPU")
    request = compiled.create_infer_request()
    executor = request._job.executor
    reference = ov.compile_model(model, "CPU")
    low, high = bounds[-1]
    for size in range(low, high + 1):
        sizes = [*(smallest for smallest, _ in bounds[:-1]), size]
        feeds = [np.full(s, 0.5, np.float32) for s in dynamic_memory.shapes_of(name, sizes)]
        result = request.infer(feeds)[0]
        assert len(executor._roots) <= MAX_PLANS
        assert len(executor.layouts) <= 4
        if size % 31 == 0:
            np.testing.assert_array_equal(result, reference(feeds)[0])
    assert len(executor._roots) > 1
