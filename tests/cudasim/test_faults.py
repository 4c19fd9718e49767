"""Injected faults, lost devices, counters and the no-op mode."""

from __future__ import annotations

import numpy as np
import pytest
from cudasim.sync_programs import N, Setting

pytestmark = [
    pytest.mark.gpu_sim,
    # CuPy frees memory of a lost device in a destructor, which cannot raise
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def s():
    import cupy

    return Setting(cupy)


@pytest.fixture
def error():
    import cupy

    return cupy.cuda.runtime.CUDARuntimeError


@pytest.mark.parametrize("nth", [1, 2, 5])
def test_nth_malloc_fails_once(s, error, gpu_problems, nth):
    runtime = s.cp.cuda.runtime
    gpu_problems.inject_fault("malloc", nth, gpu_problems.MEMORY_ALLOCATION)
    pointers = []
    for call in range(1, 7):
        if call == nth:
            with pytest.raises(error, match="MemoryAllocation"):
                runtime.malloc(64)
        else:
            pointers.append(runtime.malloc(64))
    for p in pointers:
        runtime.free(p)


def test_host_allocation_fails(s, error, gpu_problems):
    gpu_problems.inject_fault("host_alloc", 1, gpu_problems.MEMORY_ALLOCATION)
    with pytest.raises(error, match="MemoryAllocation"):
        s.cp.cuda.runtime.hostAlloc(64, 0)


def test_nth_launch_fails(s, gpu_problems):
    gpu_problems.inject_fault("launch", 2, gpu_problems.LAUNCH_FAILURE)
    s.add(s.a, s.b, 1, s.s1)
    with pytest.raises(s.cp.cuda.driver.CUDADriverError, match="LAUNCH_FAILED"):
        s.add(s.a, s.b, 2, s.s1)
    assert (s.result(s.b, s.s1) == 1).all()


def test_copy_fails(s, error, gpu_problems):
    gpu_problems.inject_fault("copy", 1, gpu_problems.LAUNCH_FAILURE)
    with pytest.raises(error, match="LaunchFailure"):
        s.a.set(s.host_in, stream=s.s1)
    s.a.set(s.host_in, stream=s.s1)


@pytest.mark.parametrize("what", ["stream", "event", "device"])
def test_synchronisation_fails(s, error, gpu_problems, what):
    event = s.event(s.s1)
    wait = {
        "stream": s.s1.synchronize,
        "event": event.synchronize,
        "device": s.cp.cuda.Device().synchronize,
    }[what]
    gpu_problems.inject_fault("synchronize", 1, gpu_problems.LAUNCH_FAILURE)
    with pytest.raises(error, match="LaunchFailure"):
        wait()
    wait()


def test_graph_launch_fails(s, error, gpu_problems):
    s.s1.begin_capture()
    s.add(s.a, s.b, 1, s.s1)
    graph = s.s1.end_capture()
    gpu_problems.inject_fault("graph_launch", 1, gpu_problems.MEMORY_ALLOCATION)
    with pytest.raises(error, match="MemoryAllocation"):
        graph.launch(s.s1)
    graph.launch(s.s1)
    assert (s.result(s.b, s.s1) == 1).all()


def test_sticky_fault_loses_the_device(s, error, gpu_problems):
    gpu_problems.inject_fault("synchronize", 1, gpu_problems.ILLEGAL_ADDRESS, sticky=True)
    for _ in range(3):
        with pytest.raises(error, match="IllegalAddress"):
            s.s1.synchronize()
    with pytest.raises(error, match="IllegalAddress"):
        s.cp.cuda.runtime.malloc(64)
    with pytest.raises(s.cp.cuda.driver.CUDADriverError, match="ILLEGAL_ADDRESS"):
        s.add(s.a, s.b, 1, s.s1)


def test_lost_device_drops_its_work_and_the_other_goes_on(s, error, gpu_problems):
    s.add(s.a, s.b, 1, s.s1)
    gpu_problems.lose_device(0)
    with pytest.raises(error, match="ECCUncorrectable"):
        s.s1.synchronize()
    with s.cp.cuda.Device(1):
        assert int(s.cp.arange(10).sum()) == 45
    gpu_problems.reset()
    assert not s.result(s.b, s.s1).any()
    assert gpu_problems.sticky_reason() == ""


def test_kernel_fault_is_sticky_and_reported_at_the_next_wait(s, error, gpu_problems):
    wild = s.cp.RawKernel('extern "C" __global__ void wild(float* p) { p[1 << 28] = 1; }', "wild")
    wild((1,), (1,), (s.a,), stream=s.s1)
    s.add(s.a, s.b, 1, s.s1)
    with pytest.raises(error, match="IllegalAddress"):
        s.s1.synchronize()
    assert "kernel wild" in gpu_problems.sticky_reason()


def test_launch_limits(s):
    failure = s.cp.cuda.driver.CUDADriverError
    for grid, block in (((1,), (1025,)), ((1,), (1, 1, 65)), ((1, 65536), (1,))):
        with pytest.raises(failure, match="INVALID_VALUE"):
            s.kernel(grid, block, (s.a, s.b, np.float32(1), np.int32(0)))
    with pytest.raises(failure, match="INVALID_VALUE"):
        s.kernel((1,), (1,), (s.a, s.b, np.float32(1), np.int32(0)), shared_mem=50_000)
    s.kernel.max_dynamic_shared_size_bytes = 50_000
    s.kernel((1,), (1,), (s.a, s.b, np.float32(1), np.int32(0)), shared_mem=50_000)
    with pytest.raises(failure, match="INVALID_VALUE"):
        s.kernel.max_dynamic_shared_size_bytes = 1 << 20
    s.kernel.max_dynamic_shared_size_bytes = 48 << 10
    bounded = s.cp.RawKernel('extern "C" __global__ void __launch_bounds__(64) b() {}', "b")
    bounded((1,), (64,), ())
    with pytest.raises(failure, match="INVALID_VALUE"):
        bounded((1,), (65,), ())


def test_second_inference_makes_no_allocation_one_graph_launch_one_synchronisation(s, cudasim):
    s.s1.begin_capture()
    s.upload(s.a, s.host_in, s.s1)
    s.add(s.a, s.b, 1, s.s1)
    s.download(s.b, s.host_out, s.s1)
    graph = s.s1.end_capture()
    with cudasim.counting() as grown:
        graph.launch(s.s1)
        s.s1.synchronize()
    expected = {
        "mallocs": 0,
        "graph_launches": 1,
        "synchronizes": 1,
        "launches": 0,
        "kernels_compiled": 0,
    }
    assert {name: grown[name] for name in expected} == expected


def test_copy_counters(s, cudasim):
    with cudasim.counting() as grown:
        s.a.set(s.host_in, stream=s.s1)
        s.b.data.copy_from_device_async(s.a.data, s.a.nbytes, s.s1)
        s.b.get(stream=s.s1, out=s.host_out, blocking=False)
        s.b.data.memset_async(0, 100, s.s1)
    counted = {
        n: grown[n] for n in ("copies_h2d", "copies_d2d", "copies_d2h", "memsets", "synchronizes")
    }
    assert counted == {
        "copies_h2d": 1,
        "copies_d2d": 1,
        "copies_d2h": 1,
        "memsets": 1,
        "synchronizes": 0,
    }
    assert (grown["bytes_h2d"], grown["bytes_d2d"], grown["bytes_d2h"]) == (4 * N,) * 3
    assert grown["bytes_memset"] == 100


def test_launch_log(s, cudasim):
    with cudasim.launches() as log:
        s.add(s.a, s.b, 1, s.s1)
        s.kernel(
            (3, 2), (32, 2), (s.a, s.b, np.float32(1), np.int32(64)), shared_mem=256, stream=s.s2
        )
        s.cp.cuda.Device().synchronize()
    first, second = log
    assert (first.kernel, first.grid, first.block) == ("add", (1, 1, 1), (N, 1, 1))
    assert (first.bytes_read, first.bytes_written, first.executed) == (4 * N, 4 * N, True)
    assert (second.grid, second.block, second.dynamic_shared) == ((3, 2, 1), (32, 2, 1), 256)
    assert first.stream != second.stream


@pytest.mark.gpu_sim(check=[True])
def test_traffic_counts_each_sector_once(s, cudasim):
    """``add`` reads and writes in place, so that what it writes has been read; a second launch starts at zero."""
    cudasim.configure_checks(cudasim.CHECK_TRAFFIC)
    with cudasim.launches() as log:
        for _ in range(2):
            s.add(s.a, s.b, 1, s.s1)
        s.cp.cuda.Device().synchronize()
    cudasim.configure_checks()
    for launch in log:
        assert (launch.distinct_read, launch.distinct_written) == (4 * N, 4 * N)


def test_no_op_mode_records_and_does_not_execute(s, cudasim):
    with cudasim.launches() as log, cudasim.recording_only():
        s.add(s.a, s.b, 1, s.s1)
        x = s.cp.ones((8, 8), "f") @ s.cp.ones((8, 8), "f")
        s.cp.cuda.Device().synchronize()
        del x
    assert {launch.kernel for launch in log} >= {"add"}
    assert not any(launch.executed for launch in log)
    assert not s.result(s.b, s.s1).any()
