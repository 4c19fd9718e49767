"""The engine alone, driven from Python: modules of PTX or CUDA C++, arrays, launches. No CuPy, no runtime.

For tests of the translator, the engine and the checkers::

    bench = Bench(check=CHECK_ALL, seed=7)
    module = bench.module(cuda="extern \\"C\\" __global__ void k(float* x) { x[threadIdx.x] *= 2; }")
    x = bench.array(numpy.arange(32, dtype="f4"))
    bench.launch(module, "k", 1, 32, x)
    x.get()
"""

from __future__ import annotations

import ctypes
import functools
import mmap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from cudasim import build, kernel_builder, nvrtc

CHECK_BOUNDS, CHECK_INITIALISED, CHECK_RACES, CHECK_ALL = 1, 2, 4, 7

_BASE, _SPAN, _DISTANCE = 0x200000000000, 0x020000000000, 0x100000000000
# the upper half of each device's addresses: the runtime hands out the lower half
_next_address = [_BASE + d * _SPAN + _SPAN // 2 for d in range(2)]


class _Dim3(ctypes.Structure):
    _fields_ = [("x", ctypes.c_uint32), ("y", ctypes.c_uint32), ("z", ctypes.c_uint32)]


class _Options(ctypes.Structure):
    _fields_ = [("seed", ctypes.c_uint64), ("check", ctypes.c_uint), ("preempt", ctypes.c_uint)]


class _Kernel(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("thread", ctypes.c_void_p),
        ("params", ctypes.c_void_p),
        ("param_count", ctypes.c_uint32),
        ("param_bytes", ctypes.c_uint32),
        ("shared", ctypes.c_void_p),
        ("shared_count", ctypes.c_uint32),
        ("shared_bytes", ctypes.c_uint32),
        ("dynamic_offset", ctypes.c_uint32),
        ("max_threads", ctypes.c_uint32),
        ("min_blocks", ctypes.c_uint32),
    ]


class _Variable(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("bytes", ctypes.c_uint64),
        ("alignment", ctypes.c_uint32),
        ("is_constant", ctypes.c_uint32),
        ("initial", ctypes.c_void_p),
    ]


class _Image(ctypes.Structure):
    _fields_ = [
        ("abi", ctypes.c_uint32),
        ("checked", ctypes.c_uint32),
        ("kernels", ctypes.POINTER(_Kernel)),
        ("kernel_count", ctypes.c_uint32),
        ("variables", ctypes.POINTER(_Variable)),
        ("variable_count", ctypes.c_uint32),
    ]


class _Launch(ctypes.Structure):
    _fields_ = [
        ("kernel", ctypes.POINTER(_Kernel)),
        ("grid", _Dim3),
        ("block", _Dim3),
        ("dynamic_shared", ctypes.c_uint32),
        ("params", ctypes.c_void_p),
        ("variables", ctypes.c_void_p),
        ("device", ctypes.c_int),
    ]


class Statistics(ctypes.Structure):
    _fields_ = [
        ("bytes_read", ctypes.c_uint64),
        ("bytes_written", ctypes.c_uint64),
        ("threads", ctypes.c_uint64),
        ("switches", ctypes.c_uint64),
    ]


@functools.cache
def engine() -> ctypes.CDLL:
    name = "libcudasim_engine.so"
    library = ctypes.CDLL(str(build.build()[name]), mode=ctypes.RTLD_GLOBAL)
    library.cudasim_reserve.restype = ctypes.c_char_p
    library.cudasim_reports.restype = ctypes.c_char_p
    library.cudasim_image_open.restype = ctypes.POINTER(_Image)
    library.cudasim_image_kernel.restype = ctypes.POINTER(_Kernel)
    if error := library.cudasim_reserve():
        raise RuntimeError(error.decode())
    return library


@dataclass
class DeviceArray:
    """Device memory; the backing store is mapped page-wise, bounds are exact."""

    address: int
    shape: tuple[int, ...]
    dtype: numpy.dtype

    @property
    def nbytes(self) -> int:
        return int(numpy.prod(self.shape)) * self.dtype.itemsize

    @property
    def backing(self) -> numpy.ndarray:
        memory = (ctypes.c_char * max(self.nbytes, 1)).from_address(self.address + _DISTANCE)
        count = int(numpy.prod(self.shape))
        return numpy.frombuffer(memory, self.dtype, count).reshape(self.shape)

    def get(self) -> numpy.ndarray:
        return self.backing.copy()


@dataclass
class Module:
    image: ctypes.POINTER(_Image)  # type: ignore[valid-type]
    addresses: ctypes.Array
    variables: dict[str, DeviceArray]


class Bench:
    """One configuration of the engine. check: CHECK_* bits; seed: 0 in order, else shuffled."""

    def __init__(self, *, check: int = 0, seed: int = 0, preempt: int = 0, arch: str = "86"):
        self.check, self.seed, self.preempt, self.arch = check, seed, preempt, arch
        self.engine = engine()
        self._configure()
        self.live: list[int] = []

    def _configure(self) -> None:
        options = _Options(self.seed, self.check, self.preempt)
        self.engine.cudasim_configure(ctypes.byref(options))

    # ------------------------------------------------------------------ memory
    def empty(self, shape, dtype, *, device: int = 0) -> DeviceArray:
        """Uninitialised memory, filled with 0xFF as the runtime does."""
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        array = DeviceArray(_next_address[device], shape, numpy.dtype(dtype))
        _next_address[device] += (
            array.nbytes // 65536 + 2
        ) * 65536  # never used twice, never adjacent
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        pages = (array.nbytes + mmap.PAGESIZE) // mmap.PAGESIZE * mmap.PAGESIZE
        fixed = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x10
        protection = mmap.PROT_READ | mmap.PROT_WRITE
        where = ctypes.c_void_p(array.address + _DISTANCE)
        if (
            libc.mmap(where, ctypes.c_size_t(pages), protection, fixed, -1, ctypes.c_long(0))
            != where.value
        ):
            raise MemoryError("backing store")
        ctypes.memset(where, 0xFF, array.nbytes)
        self._configure()
        self.engine.cudasim_bounds_add(
            ctypes.c_uint64(array.address), ctypes.c_size_t(array.nbytes)
        )
        self.live.append(array.address)
        return array

    def array(self, values, *, device: int = 0) -> DeviceArray:
        values = numpy.ascontiguousarray(values)
        array = self.empty(values.shape, values.dtype, device=device)
        array.backing[...] = values
        self.engine.cudasim_mark_written(
            ctypes.c_uint64(array.address), ctypes.c_size_t(array.nbytes)
        )
        return array

    def close(self) -> None:
        for address in self.live:
            self.engine.cudasim_bounds_del(ctypes.c_uint64(address))
        self.live.clear()

    # ------------------------------------------------------------------ modules and launches
    def module(self, *, ptx: str | None = None, cuda: str | None = None) -> Module:
        if ptx is None:
            assert cuda is not None
            ptx = nvrtc.compile_cuda(cuda, self.arch).decode()
        path = kernel_builder.build_image(ptx, checked=bool(self.check))
        error = ctypes.c_char_p()
        image = self.engine.cudasim_image_open(str(path).encode(), ctypes.byref(error))
        if not image:
            raise RuntimeError(error.value)
        count = image.contents.variable_count
        addresses, variables = (ctypes.c_uint64 * max(count, 1))(), {}
        for i in range(count):
            variable = image.contents.variables[i]
            memory = self.empty(variable.bytes, "u1")
            addresses[i] = memory.address
            variables[variable.name.decode()] = memory
        self.engine.cudasim_image_initialise(image, addresses)
        return Module(image, addresses, variables)

    def launch(
        self,
        module: Module,
        name: str,
        grid: int | Sequence[int],
        block: int | Sequence[int],
        *arguments: DeviceArray | numpy.generic,
        shared: int = 0,
        device: int = 0,
    ) -> Statistics:
        """Run a kernel; arguments are device arrays and numpy scalars. Reports pile up in ``reports()``."""
        kernel = self.engine.cudasim_image_kernel(module.image, name.encode())
        if not kernel:
            raise KeyError(name)
        values = [numpy.uint64(a.address) if isinstance(a, DeviceArray) else a for a in arguments]
        if len(values) != kernel.contents.param_count:
            raise TypeError(f"{name} takes {kernel.contents.param_count} arguments")
        cells = [numpy.atleast_1d(v) for v in values]
        pointers = (ctypes.c_void_p * max(len(cells), 1))(*[c.ctypes.data for c in cells])
        params = ctypes.create_string_buffer(kernel.contents.param_bytes + 16)
        self.engine.cudasim_pack_params(kernel, pointers, params)
        statistics = Statistics()
        launch = _Launch(
            kernel, _dim3(grid), _dim3(block), shared, ctypes.addressof(params),
            ctypes.addressof(module.addresses), device,
        )  # fmt: skip
        self._configure()
        self.engine.cudasim_run(ctypes.byref(launch), ctypes.byref(statistics))
        return statistics

    def reports(self) -> str:
        """The reports since the last call."""
        text = self.engine.cudasim_reports().decode(errors="replace")
        self.engine.cudasim_clear_reports()
        return text


def _dim3(size: int | Sequence[int]) -> _Dim3:
    sizes = [size] if isinstance(size, int) else list(size)
    return _Dim3(*[*sizes, 1, 1, 1][:3])
