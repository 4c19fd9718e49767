"""Device and pinned memory, copies, two devices."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = [
    pytest.mark.gpu_sim(policy=["lazy", "random:5"]),
    # CuPy frees memory of a lost device in a destructor, which cannot raise
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def cp():
    import cupy

    return cupy


def test_fresh_memory_is_poisoned(cp, cudasim):
    memory = cp.cuda.memory._malloc(4096)
    values = cp.ndarray(1024, "f", memory)
    assert np.isnan(values.get()).all()


def test_freed_addresses_are_not_used_again(cp, cudasim):
    runtime = cp.cuda.runtime
    first = runtime.malloc(100)
    runtime.free(first)
    second = runtime.malloc(100)
    assert second != first
    assert second % 256 == 0
    with pytest.raises(runtime.CUDARuntimeError, match="InvalidValue"):
        runtime.free(first)
    with pytest.raises(runtime.CUDARuntimeError, match="InvalidValue"):
        runtime.memcpy(first, second, 100, runtime.memcpyDeviceToDevice)
    runtime.free(second)


@pytest.mark.parametrize("size", [1, 255, 256, 4096, 5000, 1 << 20])
def test_copies_stay_inside_the_allocation(cp, size):
    runtime = cp.cuda.runtime
    host = np.random.default_rng(0).integers(0, 255, size, dtype=np.uint8)
    back = np.zeros_like(host)
    p = runtime.malloc(size)
    runtime.memcpy(p, host.ctypes.data, size, runtime.memcpyHostToDevice)
    runtime.memcpy(back.ctypes.data, p, size, runtime.memcpyDeviceToHost)
    assert (back == host).all()
    with pytest.raises(runtime.CUDARuntimeError, match="InvalidValue"):
        runtime.memcpy(back.ctypes.data, p + 1, size, runtime.memcpyDeviceToHost)
    runtime.free(p)


def test_kind_must_fit_the_pointers(cp):
    runtime = cp.cuda.runtime
    host = np.zeros(16, np.uint8)
    p = runtime.malloc(16)
    for to, source, kind in (
        (p, host.ctypes.data, runtime.memcpyDeviceToHost),
        (host.ctypes.data, p, runtime.memcpyHostToDevice),
        (p, host.ctypes.data, runtime.memcpyDeviceToDevice),
    ):
        with pytest.raises(runtime.CUDARuntimeError, match="InvalidValue"):
            runtime.memcpy(to, source, 16, kind)
    runtime.memcpy(p, host.ctypes.data, 16, runtime.memcpyDefault)
    runtime.free(p)


def test_copy_2d(cp):
    runtime = cp.cuda.runtime
    host = np.arange(6 * 10, dtype=np.uint8).reshape(6, 10)
    device = cp.zeros((6, 16), np.uint8)
    runtime.memcpy2D(device.data.ptr, 16, host.ctypes.data, 10, 10, 6, runtime.memcpyHostToDevice)
    assert (device.get()[:, :10] == host).all()
    assert not device.get()[:, 10:].any()


def test_memory_limit_and_counters(cp, cudasim):
    runtime = cp.cuda.runtime
    free, total = runtime.memGetInfo()
    assert total == 1 << 30
    with cudasim.counting() as grown:
        p = runtime.malloc(1 << 20)
        assert runtime.memGetInfo()[0] == free - (1 << 20)
        with pytest.raises(runtime.CUDARuntimeError, match="MemoryAllocation"):
            runtime.malloc(1 << 30)
        runtime.free(p)
    assert (grown["mallocs"], grown["frees"], grown["bytes_live"]) == (1, 1, 0)
    assert cudasim.counters()["bytes_peak"] >= 1 << 20


def test_pool_limit_and_out_of_memory(cp):
    pool = cp.get_default_memory_pool()
    pool.free_all_blocks()
    pool.set_limit(size=8 << 20)
    try:
        a = cp.zeros(1 << 20, "f")
        with pytest.raises(cp.cuda.memory.OutOfMemoryError, match="limit"):
            cp.zeros(2 << 20, "f")
        del a
    finally:
        pool.set_limit(size=0)
    with pytest.raises(cp.cuda.memory.OutOfMemoryError):
        cp.empty(1 << 31, np.uint8)
    assert int(cp.arange(4).sum()) == 6  # still usable


def test_pinned_memory_is_reachable_from_kernels(cp):
    pinned = cp.cuda.alloc_pinned_memory(400)
    host = np.frombuffer(pinned, "f", 100)
    host[:] = 3
    kernel = cp.RawKernel(
        'extern "C" __global__ void twice(float* p) { p[threadIdx.x] *= 2; }', "twice"
    )
    kernel((1,), (100,), (np.uint64(host.ctypes.data),))
    cp.cuda.runtime.deviceSynchronize()
    assert (host == 6).all()


def test_registered_host_memory(cp):
    runtime = cp.cuda.runtime
    host = np.arange(1000, dtype="f")
    runtime.hostRegister(host.ctypes.data, host.nbytes, 0)
    assert runtime.pointerGetAttributes(host.ctypes.data).type == runtime.memoryTypeHost
    with pytest.raises(runtime.CUDARuntimeError, match="AlreadyRegistered"):
        runtime.hostRegister(host.ctypes.data, host.nbytes, 0)
    runtime.hostUnregister(host.ctypes.data)
    with pytest.raises(runtime.CUDARuntimeError, match="NotRegistered"):
        runtime.hostUnregister(host.ctypes.data)


def test_module_variables(cp, gpu_policy):
    module = cp.RawModule(  # CuPy keeps modules by their text, and this one's variables change
        code=f"// {gpu_policy}"
        + """
        __constant__ float weights[4] = {1, 2, 3, 4};
        __device__ int calls = 5;
        extern "C" __global__ void apply(float* y) { y[threadIdx.x] = weights[threadIdx.x]; atomicAdd(&calls, 1); }
        """
    )
    weights = module.get_global("weights")
    calls = module.get_global("calls")
    y = cp.zeros(4, "f")
    apply = module.get_function("apply")
    apply((1,), (4,), (y,))
    assert y.get().tolist() == [1, 2, 3, 4]
    assert cp.ndarray(1, "i", calls).get()[0] == 9
    cp.ndarray(4, "f", weights).set(np.array([5, 6, 7, 8], "f"))
    apply((1,), (4,), (y,))
    assert y.get().tolist() == [5, 6, 7, 8]
    with pytest.raises(cp.cuda.driver.CUDADriverError, match="NOT_FOUND"):
        module.get_global("missing")


class TestTwoDevices:
    def test_memory_belongs_to_its_device(self, cp):
        with cp.cuda.Device(1):
            a = cp.arange(1000)
            assert int(a.sum()) == 499500
        assert a.device.id == 1
        assert cp.cuda.runtime.pointerGetAttributes(a.data.ptr).device == 1

    def test_peer_copy(self, cp, cudasim):
        a = cp.arange(1000)
        with cudasim.counting() as grown, cp.cuda.Device(1):
            b = cp.empty(1000, a.dtype)
            cp.cuda.runtime.memcpyPeer(b.data.ptr, 1, a.data.ptr, 0, a.nbytes)
            assert (b.get() == np.arange(1000)).all()
        assert (grown["copies_peer"], grown["bytes_peer"]) == (1, 8000)
        with pytest.raises(cp.cuda.runtime.CUDARuntimeError, match="InvalidValue"):
            cp.cuda.runtime.memcpyPeer(b.data.ptr, 0, a.data.ptr, 1, 8)

    def test_stream_of_the_other_device_is_refused(self, cp):
        with cp.cuda.Device(1):
            other = cp.cuda.Stream(non_blocking=True)
        kernel = cp.RawKernel('extern "C" __global__ void nothing() {}', "nothing")
        with pytest.raises(cp.cuda.driver.CUDADriverError, match="INVALID_HANDLE"):
            kernel((1,), (1,), (), stream=other)
        event = cp.cuda.Event()
        with pytest.raises(cp.cuda.runtime.CUDARuntimeError, match="InvalidResourceHandle"):
            cp.cuda.runtime.eventRecord(event.ptr, other.ptr)

    def test_event_orders_streams_of_two_devices(self, cp):
        with cp.cuda.Device(1):
            s1 = cp.cuda.Stream(non_blocking=True)
            b = cp.zeros(100, "f")
            cp.cuda.Device().synchronize()
        s0, event = cp.cuda.Stream(non_blocking=True), cp.cuda.Event()
        a = cp.zeros(100, "f")
        cp.cuda.Device().synchronize()
        with s0:
            a += 1
            event.record(s0)
        with cp.cuda.Device(1), s1:
            s1.wait_event(event)
            cp.cuda.runtime.memcpyPeerAsync(b.data.ptr, 1, a.data.ptr, 0, a.nbytes, s1.ptr)
            s1.synchronize()
            assert (b.get() == 1).all()

    @pytest.mark.gpu_sim(check=True)
    def test_kernel_on_memory_of_the_other_device(self, cp, gpu_problems):
        with cp.cuda.Device(1):
            a = cp.zeros(32, "f")
            cp.cuda.Device().synchronize()
        kernel = cp.RawKernel(
            'extern "C" __global__ void put(float* p) { p[threadIdx.x] = 1; }', "put"
        )
        kernel((1,), (32,), (np.uint64(a.data.ptr),))
        with pytest.raises(cp.cuda.runtime.CUDARuntimeError, match="IllegalAddress"):
            cp.cuda.Device().synchronize()
        assert "device 1" in gpu_problems.reports()


FILL = (
    'extern "C" __global__ void fill(float* p, int n) { int i = threadIdx.x; if (i < n) p[i] = 1; }'
)


@pytest.mark.gpu_sim(check=True)
def test_overrun_from_one_tensor_of_an_arena_into_the_next(cp, gpu_problems):
    arena = cp.cuda.memory._malloc(4096)
    for start in (0, 512):
        gpu_problems.add_sub_range(arena.ptr + start, 400)
    fill = cp.RawKernel(FILL, "fill")
    fill((1,), (128,), (np.uint64(arena.ptr), np.int32(100)))
    cp.cuda.Device().synchronize()
    assert not gpu_problems.reports()
    fill((1,), (128,), (np.uint64(arena.ptr), np.int32(101)))
    with pytest.raises(cp.cuda.runtime.CUDARuntimeError, match="IllegalAddress"):
        cp.cuda.Device().synchronize()
    assert gpu_problems.reports()
    gpu_problems.reset()
    gpu_problems.remove_sub_range(arena.ptr)
    gpu_problems.remove_sub_range(arena.ptr + 512)
    fill((1,), (128,), (np.uint64(arena.ptr), np.int32(128)))
    cp.cuda.Device().synchronize()
    assert not gpu_problems.reports()


def test_overrun_is_found_without_checkers_too(cp, gpu_problems):
    memory = cp.cuda.memory._malloc(4096)
    fill = cp.RawKernel(FILL, "fill")
    fill((1,), (128,), (np.uint64(memory.ptr + 4096 - 256), np.int32(65)))
    with pytest.raises(cp.cuda.runtime.CUDARuntimeError, match="IllegalAddress"):
        cp.cuda.Device().synchronize()
    assert "past the end" in gpu_problems.reports()
