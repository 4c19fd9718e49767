"""What an inference of a known shape costs, counted: no allocation, no compilation, one graph, one synchronisation."""

from __future__ import annotations

import gc

import cupy
import numpy as np
import pytest
from plugins.gpu.runtime_models import (
    accumulated,
    assert_same,
    compile_gpu,
    cpu_request,
    dense,
    flattened,
    reals,
    through_host,
)

pytestmark = pytest.mark.gpu_sim


def statistics(compiled) -> dict[str, int]:
    return compiled.get_property("OVGPU_MEMORY_STATISTICS")


def assert_quiet(grown: dict[str, int]) -> None:
    """Nothing was allocated or compiled, and the host read nothing from the device but by the graph's own copies."""
    for name in ("mallocs", "host_allocs", "kernels_compiled", "copies_h2d", "copies_d2h"):
        assert grown[name] == 0, name
    assert (grown["graph_launches"], grown["synchronizes"], grown["launches"]) == (1, 1, 0)


@pytest.mark.parametrize(
    "shape", [[4, 8], [(1, 6), 8], [-1, 8]], ids=["static", "bounded", "unbounded"]
)
def test_known_shape(cudasim, shape):
    request = compile_gpu(dense(shape)).create_infer_request()
    for _ in range(2):
        request.infer([reals(4, 8)])  # planned, then captured
    for seed in range(3):
        with cudasim.counting() as grown:
            request.infer([reals(4, 8, seed=seed)])
        assert_quiet(grown)


def test_known_shape_async(cudasim):
    request = compile_gpu(dense([4, 8])).create_infer_request()
    for _ in range(2):
        request.infer([reals(4, 8)])
    with cudasim.counting() as grown:
        request.start_async([reals(4, 8)])
        request.wait()
    assert_quiet(grown)


def test_second_inference_is_captured(cudasim):
    request = compile_gpu(dense([4, 8])).create_infer_request()
    request.infer([reals(4, 8)])
    with cudasim.counting() as grown:
        request.infer([reals(4, 8)])
    assert (grown["mallocs"], grown["kernels_compiled"]) == (0, 0)
    assert (grown["graph_launches"], grown["synchronizes"]) == (1, 1)


def test_variables_alternate_between_two_graphs(cudasim):
    compiled = compile_gpu(accumulated())
    request = compiled.create_infer_request()
    for _ in range(6):
        request.infer([np.ones((2, 3), np.float32)])
    with cudasim.counting() as grown:
        assert request.infer([np.ones((2, 3), np.float32)])[0][0, 0] == 17
    assert_quiet(grown)


def test_shape_arithmetic_never_reaches_the_device(cudasim):
    """Sizes are computed while planning: a known shape reads nothing back."""
    request = compile_gpu(flattened([-1, -1, 3])).create_infer_request()
    for _ in range(2):
        request.infer([reals(2, 2, 3)])
    with cudasim.counting() as grown:
        request.infer([reals(2, 2, 3)])
    assert_quiet(grown)


def test_first_inference_inside_bounds_allocates_nothing(cudasim):
    """Compiling a bounded model plans at the bounds; its first inferences find all memory and kernels."""
    request = compile_gpu(dense([(1, 6), 8])).create_infer_request()
    with cudasim.counting() as grown:
        for rows in (3, 1, 6):
            request.infer([reals(rows, 8)])
    assert (grown["mallocs"], grown["host_allocs"], grown["kernels_compiled"]) == (0, 0, 0)


@pytest.mark.parametrize("graphs", [True, False], ids=["graphs", "eager"])
def test_random_shapes_inside_bounds(cudasim, graphs):
    """1,000 shapes: the device's memory is the same from the first on, and none compiles a kernel."""
    bounds = [(1, 9), (1, 70), 8]
    compiled = compile_gpu(dense(bounds), {"OVGPU_CUDA_GRAPHS": graphs})
    request, reference = compiled.create_infer_request(), cpu_request(dense(bounds))
    data = reals(9 * 70 * 8)
    sizes = np.random.default_rng(5).integers(1, (10, 71), (1000, 2))
    held = set()
    with cudasim.counting() as grown:
        for index, (a, b) in enumerate(sizes):
            values = [np.roll(data, index)[: a * b * 8].reshape(a, b, 8)]
            actual = request.infer(values)
            # Not the device's: what earlier tests have left may be collected meanwhile.
            held.add(tuple(statistics(compiled).items()))
            if index % 10 == 0:
                assert_same(actual, reference.infer(values))
    assert len({tuple(s) for s in sizes.tolist()}) > 400
    assert len(held) == 1
    assert (grown["mallocs"], grown["kernels_compiled"], grown["host_allocs"]) == (0, 0, 0)


def test_unbounded_shapes_grow_by_powers_of_two():
    compiled = compile_gpu(dense([-1, 8]))
    request = compiled.create_infer_request()
    for rows in range(1, 200):
        request.infer([reals(rows, 8)])
    grown = statistics(compiled)
    assert grown["allocations"] <= 9  # 1, 2, 4 ... 256 rows
    for rows in range(1, 200, 7):
        request.infer([reals(rows, 8)])
    assert statistics(compiled) == grown


def test_graphs_are_capped():
    compiled = compile_gpu(dense([-1, 8]), {"OVGPU_CUDA_GRAPH_LIMIT": 3})
    request, reference = compiled.create_infer_request(), cpu_request(dense([-1, 8]))
    for rows in (32, 1, 2, 3, 4, 5, 1, 2):
        for seed in range(3):
            values = [reals(rows, 8, seed=seed)]
            assert_same(request.infer(values), reference.infer(values))
        assert compiled.get_property("OVGPU_CUDA_GRAPH_COUNT") <= 3
    assert compiled.get_property("OVGPU_CUDA_GRAPH_COUNT") == 3


@pytest.mark.parametrize("config", [{"OVGPU_CUDA_GRAPHS": False}, {"OVGPU_CUDA_GRAPH_LIMIT": 0}])
def test_graphs_can_be_switched_off(cudasim, config):
    request = compile_gpu(dense([4, 8]), config).create_infer_request()
    with cudasim.counting() as grown:
        for _ in range(3):
            request.infer([reals(4, 8)])
    assert grown["graph_launches"] == 0
    assert grown["launches"] >= 6


def test_release_memory(cudasim):
    # What other tests left behind is freed now: else the memory of this one may be parts of its blocks.
    gc.collect()
    cupy.get_default_memory_pool().free_all_blocks()
    compiled = compile_gpu(dense([-1, 8]))
    request, reference = compiled.create_infer_request(), cpu_request(dense([-1, 8]))
    weights = statistics(compiled)["weights"]
    for _ in range(3):
        request.infer([reals(50, 8)])
    held = cudasim.counters()["bytes_live"]
    compiled.release_memory()
    released = statistics(compiled)
    assert (released["arena"], released["staging"], released["weights"]) == (0, 0, weights)
    assert cudasim.counters()["bytes_live"] < held
    assert compiled.get_property("OVGPU_CUDA_GRAPH_COUNT") == 0
    for rows in (50, 3, 50, 50):
        assert_same(request.infer([reals(rows, 8)]), reference.infer([reals(rows, 8)]))


def test_release_memory_while_requests_run():
    compiled = compile_gpu(dense([-1, 8]))
    requests = [compiled.create_infer_request() for _ in range(3)]
    reference = cpu_request(dense([-1, 8]))
    for request in requests:
        for _ in range(2):
            request.infer([reals(5, 8)])
    for request in requests:
        request.start_async([reals(5, 8)])
    compiled.release_memory()
    for request in requests:
        request.wait()
        assert_same(request.results, reference.infer([reals(5, 8)]))
    assert statistics(compiled)["arenas"] == 0


def test_jobs_that_do_not_fit_are_not_offered(cudasim):
    """The number of streams is lowered to what the device's memory holds, with a warning."""
    cudasim.set_memory_limit(24 << 20)
    try:
        with pytest.warns(RuntimeWarning, match="at once, not 8"):
            compiled = compile_gpu(dense([(1, 1 << 15), 8]), {"NUM_STREAMS": 8})
        assert 1 <= compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS") < 8
    finally:
        cudasim.set_memory_limit(1 << 30)


def test_host_tier_does_not_allocate_device_memory(cudasim):
    request = compile_gpu(through_host()).create_infer_request()
    for _ in range(2):
        request.infer([reals(3, 4)])
    with cudasim.counting() as grown:
        request.infer([reals(3, 4)])
    assert (grown["mallocs"], grown["host_allocs"], grown["kernels_compiled"]) == (0, 0, 0)
