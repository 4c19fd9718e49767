"""Every call of CUDA fails once, from compiling to the results: errors say what failed, and the next try works."""

from __future__ import annotations

import gc
import re

import numpy as np
import pytest
from plugins.gpu.runtime_models import (
    accumulated,
    assert_same,
    compile_gpu,
    cpu_request,
    dense,
    found,
    reals,
    through_host,
)

pytestmark = [
    pytest.mark.gpu_sim,
    # CuPy frees memory of a lost device in a destructor, which cannot raise
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

MODELS = {
    "dense": (lambda: dense([(1, 6), 8]), [reals(4, 8)]),
    "host": (through_host, [reals(3, 4)]),
    "found": (found, [reals(600)]),  # so many that the operation runs at a boundary
    "variable": (accumulated, [reals(2, 3)]),
}

#: Counters of the calls at which a fault of each kind may strike.
CALLS = {
    "malloc": ("mallocs",),
    "host_alloc": ("host_allocs",),
    "launch": ("launches", "library_calls"),
    "copy": ("copies_h2d", "copies_d2h", "copies_d2d"),
    "synchronize": ("synchronizes",),
    "graph_launch": ("graph_launches",),
}

#: What the text of an error names, by the kind of the call that failed.
NAMED = {
    "malloc": "memory",
    "host_alloc": "pinned host memory",
    "launch": "failed",
    "copy": r"uploading the weights of '\w+'|copying .* bytes|'[^']+:copy'|planning",
    "synchronize": r"waiting for the device|copying .* bytes to the host|uploading the weights|planning",
    "graph_launch": "replaying the CUDA graph",
}


def forget_pools() -> None:
    """So that each try allocates again."""
    import cupy

    gc.collect()
    cupy.get_default_memory_pool().free_all_blocks()
    cupy.get_default_pinned_memory_pool().free_all_blocks()


def compile_and_infer(model, values, runs: int):
    request = compile_gpu(model).create_infer_request()
    return [request.infer(values) for _ in range(runs)]


def attempt(model, values, runs: int):
    """The results, or None and the text of the error."""
    try:
        return compile_and_infer(model, values, runs), ""
    except RuntimeError as error:
        return None, str(error)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("point", CALLS)
def test_every_call_fails_once(gpu_problems, point, name):
    """The nth call fails, for every n that occurs until the second result, which is that of a replayed graph."""
    build, values = MODELS[name]
    model = build()
    reference = cpu_request(model)
    expected = [reference.infer(values) for _ in range(2)]
    compile_and_infer(model, values, 2)  # kernels are loaded once
    forget_pools()
    with gpu_problems.counting() as grown:
        compile_and_infer(model, values, 2)
    count = sum(grown[counter] for counter in CALLS[point])
    code = gpu_problems.MEMORY_ALLOCATION if "alloc" in point else gpu_problems.LAUNCH_FAILURE
    raised = 0
    for nth in range(1, count + 1):
        forget_pools()
        gpu_problems.inject_fault(point, nth, code)
        results, text = attempt(model, values, 2)
        if results is None:
            raised += 1
            assert re.search(r"GPU\.0\b", text), text
            assert re.search(NAMED[point], text), text
        else:
            for got, want in zip(results, expected, strict=True):
                assert_same(got, want)
        gpu_problems.inject_fault(point, 0)
        for got, want in zip(compile_and_infer(model, values, 2), expected, strict=True):
            assert_same(got, want)
    if point in ("synchronize", "graph_launch"):
        assert raised == count
    elif point in ("launch", "copy"):
        # A graph whose capture fails is not made, and the segment runs eagerly.
        assert raised >= count // 2


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("point", CALLS)
def test_every_call_loses_the_device(gpu_problems, point, name):
    """The nth call fails and the device is lost with it, for every n: the error says so, and so do all later ones."""
    build, values = MODELS[name]
    model = build()
    expected = cpu_request(model).infer(values)
    compile_and_infer(model, values, 2)
    forget_pools()
    with gpu_problems.counting() as grown:
        compile_and_infer(model, values, 2)
    count = sum(grown[counter] for counter in CALLS[point])
    for nth in range(1, count + 1):
        forget_pools()
        gpu_problems.inject_fault(point, nth, gpu_problems.ILLEGAL_ADDRESS, sticky=True)
        results, text = attempt(model, values, 2)
        assert results is None
        assert re.search(r"GPU\.0\b", text), text
        with pytest.raises(RuntimeError, match=r"GPU\.0\b"):
            compile_gpu(model)
        gc.collect()
        gpu_problems.reset()
        assert_same(compile_and_infer(model, values, 1)[0], expected)


@pytest.mark.parametrize("shape", [[4, 8], [(1, 6), 8]], ids=["static", "bounded"])
def test_failures_while_planning_are_noticed(gpu_problems, shape):
    """Bounds that are impossible together are left to inferences, failures of CUDA are not."""
    forget_pools()
    gpu_problems.inject_fault("host_alloc", 1, gpu_problems.ILLEGAL_ADDRESS, sticky=True)
    with pytest.raises(RuntimeError, match=r"GPU\.0: allocating 256 bytes of pinned host memory"):
        compile_gpu(dense(shape))


@pytest.mark.parametrize("name", ["dense", "host"])
def test_memory_ends_at_every_allocation(gpu_problems, name):
    """From the nth allocation on there is no memory left: the error says how much was asked for, and nothing leaks."""
    build, values = MODELS[name]
    model = build()
    expected = cpu_request(model).infer(values)
    compile_and_infer(model, values, 1)
    forget_pools()
    before = gpu_problems.counters()["bytes_live"]
    limit, failures = before, 0
    try:
        while True:
            gpu_problems.set_memory_limit(limit)
            results, text = attempt(model, values, 1)
            if results is not None:
                assert_same(results[0], expected)
                break
            failures += 1
            assert re.search(r"GPU\.0 has not enough memory: [\d,]+ bytes were asked for", text)
            forget_pools()
            assert gpu_problems.counters()["bytes_live"] == before
            limit += 512  # the pool's unit
            assert limit < before + (1 << 16)
    finally:
        gpu_problems.set_memory_limit(1 << 30)
    assert failures >= 2


def test_a_variable_that_cannot_be_reached(gpu_problems):
    """Reading and writing a variable's value from outside."""
    request = compile_gpu(accumulated()).create_infer_request()
    ones = np.ones((2, 3), np.float32)
    request.infer([ones])
    (state,) = request.query_state()
    value = state.state
    gpu_problems.inject_fault("copy", 1, gpu_problems.LAUNCH_FAILURE)
    with pytest.raises(RuntimeError, match=r"GPU\.0: reading the variable 'sum' failed"):
        _ = state.state
    gpu_problems.inject_fault("copy", 1, gpu_problems.LAUNCH_FAILURE)
    with pytest.raises(RuntimeError, match=r"GPU\.0: writing the variable 'sum' failed"):
        state.state = value
    assert request.infer([ones])[0][0, 0] == 12
