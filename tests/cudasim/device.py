"""The simulated device as tests see it: policies, counters, faults, traces, reports.

One module, one machine: the state lies in the loaded libraries. ``install.install()`` fills it in.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
from collections.abc import Iterator

LAZY, EAGER, RANDOM = 0, 1, 2
POLICIES = {"lazy": LAZY, "eager": EAGER, "random": RANDOM}
# What inject_fault() can make fail, in the order of runtime.h.
FAULT_POINTS = ("malloc", "host_alloc", "launch", "copy", "synchronize", "graph_launch")

# cudaError_t values that faults are usually given
MEMORY_ALLOCATION = 2
ILLEGAL_ADDRESS = 700
LAUNCH_FAILURE = 719
DEVICE_UNAVAILABLE = 46
ECC_UNCORRECTABLE = 214

architecture = 86  # compute capability, 10 * major + minor
runtime: ctypes.CDLL  # libcuda.so.1, the simulated runtime and driver
engine: ctypes.CDLL  # libcudasim_engine.so


class Options(ctypes.Structure):
    """cudasim_options of engine.h."""

    _fields_ = [("seed", ctypes.c_uint64), ("check", ctypes.c_uint), ("preempt", ctypes.c_uint)]


CHECK_BOUNDS, CHECK_INITIALISED, CHECK_RACES, CHECK_ALL = 1, 2, 4, 7
CHECK_TRAFFIC = 8  # traffic.h


@dataclasses.dataclass(frozen=True)
class Launch:
    """One kernel launch or library call, in the order of the calls."""

    kernel: str
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    dynamic_shared: int
    device: int
    stream: int  # number of the stream; negative: a legacy default stream
    executed: bool
    bytes_read: int  # requested by loads from global memory
    bytes_written: int
    #: Bytes of the 32-byte sectors that it touches, each once; 0 unless CHECK_TRAFFIC is on for a checked image.
    distinct_read: int = 0
    distinct_written: int = 0


def bind(runtime_library: ctypes.CDLL, engine_library: ctypes.CDLL) -> None:
    """Declare the control functions of the loaded libraries."""
    global runtime, engine
    runtime, engine = runtime_library, engine_library
    u64, size, pointer = ctypes.c_uint64, ctypes.c_size_t, ctypes.c_void_p
    for name, arguments, result in (
        ("set_policy", [ctypes.c_int, u64], None),
        ("set_compute_capability", [ctypes.c_int], None),
        ("set_memory_limit", [ctypes.c_int, size], None),
        ("set_execute_kernels", [ctypes.c_int], None),
        ("set_checking", [ctypes.c_int], None),
        ("get_execute_kernels", [], ctypes.c_int),
        ("finish", [], None),
        ("reset", [], None),
        ("sticky_reason", [ctypes.c_int], ctypes.c_char_p),
        ("counters", [], ctypes.c_char_p),
        ("reset_counters", [], None),
        ("inject_fault", [ctypes.c_int, u64, ctypes.c_int, ctypes.c_int], ctypes.c_int),
        ("lose_device", [ctypes.c_int, ctypes.c_int], None),
        ("set_slow_stream", [pointer, ctypes.c_int], ctypes.c_int),
        ("trace", [ctypes.c_int], None),
        ("get_trace", [], ctypes.c_char_p),
        ("log_launches", [ctypes.c_int], None),
        ("get_launches", [], ctypes.c_char_p),
        ("peek", [pointer, u64, size], ctypes.c_int),
        ("sub_range_add", [u64, size, pointer], ctypes.c_int),
        ("sub_range_remove", [u64, pointer], ctypes.c_int),
        ("unsupported", [ctypes.c_char_p], None),
    ):
        function = getattr(runtime, f"cudasim_{name}")
        function.argtypes, function.restype = arguments, result
    engine.cudasim_reports.restype = ctypes.c_char_p
    engine.cudasim_report_count.restype = ctypes.c_uint
    engine.cudasim_configure.argtypes = [ctypes.POINTER(Options)]


def parse_policy(text: str) -> tuple[str, int]:
    """``"lazy"``, ``"eager"``, ``"random"`` or ``"random:SEED"`` -> policy, seed."""
    name, _, seed = text.lower().partition(":")
    if name not in POLICIES or (seed and name != "random"):
        raise ValueError(f"policy {text!r}: expected lazy, eager, random or random:SEED")
    return name, int(seed or 1)


def set_policy(policy: str = "lazy", seed: int | None = None) -> None:
    """When enqueued work runs: only when somebody waits for it, at once, or at random moments."""
    name, own_seed = parse_policy(policy)
    runtime.cudasim_set_policy(POLICIES[name], own_seed if seed is None else seed)


def configure_checks(check: int = CHECK_ALL, seed: int = 0, preempt: int = 0) -> None:
    """What checked kernel images look at (CHECK_* bits); seed 0: threads and blocks in order."""
    engine.cudasim_configure(ctypes.byref(Options(seed, check, preempt)))
    runtime.cudasim_set_checking(int(bool(check)))


def set_architecture(arch: int) -> None:
    """Compute capability of the devices and of kernels compiled from now on, e.g. 90."""
    global architecture
    architecture = arch
    runtime.cudasim_set_compute_capability(arch)


def set_memory_limit(nbytes: int, device: int = 0) -> None:
    """Total memory of a device."""
    runtime.cudasim_set_memory_limit(device, nbytes)


def reset() -> None:
    """Finish pending work, forget errors, faults, traces and reports. Between tests."""
    runtime.cudasim_reset()
    engine.cudasim_clear_reports()


def finish() -> None:
    """Run everything that is pending on all devices; no error is raised."""
    runtime.cudasim_finish()


def reports() -> str:
    """What the checkers found, a line each; empty: nothing."""
    return engine.cudasim_reports().decode()


def sticky_reason(device: int = 0) -> str:
    """Why every call on the device fails; empty: it does not."""
    return runtime.cudasim_sticky_reason(device).decode()


def counters() -> dict[str, int]:
    """All counters since reset_counters(); the names are in runtime.h."""
    lines = runtime.cudasim_counters().decode().splitlines()
    return {name: int(value) for name, value in (line.split() for line in lines)}


def reset_counters() -> None:
    """Start counting at 0; what is live stays live and is the new peak."""
    runtime.cudasim_reset_counters()


@contextlib.contextmanager
def counting() -> Iterator[dict[str, int]]:
    """A dict that holds, after the block, what each counter grew by in it."""
    before = counters()
    grown: dict[str, int] = {}
    yield grown
    grown.update((name, value - before[name]) for name, value in counters().items())


def inject_fault(
    point: str, nth: int = 1, error: int = LAUNCH_FAILURE, sticky: bool = False
) -> None:
    """Make the nth call from now fail.

    Args:
        point: one of FAULT_POINTS.
        nth: 1 is the next call; 0 removes the fault.
        error: the cudaError_t that the call returns.
        sticky: the device is lost with it: every later call returns the error until reset().
    """
    runtime.cudasim_inject_fault(FAULT_POINTS.index(point), nth, error, int(sticky))


def lose_device(device: int = 0, error: int = ECC_UNCORRECTABLE) -> None:
    """The device fails now: every later call returns the error until reset()."""
    runtime.cudasim_lose_device(device, error)


def set_slow_stream(stream: int, slow: bool = True) -> None:
    """A slow stream (its handle) does nothing before somebody waits for it, whatever the policy."""
    if runtime.cudasim_set_slow_stream(stream, int(slow)):
        raise ValueError(f"no stream {stream:#x}")


@contextlib.contextmanager
def launches() -> Iterator[list[Launch]]:
    """A list that holds, after the block, the launches made in it (kernels, GEMMs, sorts)."""
    found: list[Launch] = []
    runtime.cudasim_log_launches(1)
    try:
        yield found
    finally:
        for line in runtime.cudasim_get_launches().decode().splitlines():
            kernel, *rest = line.split("\t")
            n = [int(x) for x in rest]
            grid, block = (n[0], n[1], n[2]), (n[3], n[4], n[5])
            found.append(Launch(kernel, grid, block, n[6], n[7], n[8], bool(n[9]), *n[10:14]))
        runtime.cudasim_log_launches(0)


@contextlib.contextmanager
def recording_only() -> Iterator[None]:
    """Kernels and library calls enqueued and run in the block are recorded, not executed (host cost)."""
    before = runtime.cudasim_get_execute_kernels()
    runtime.cudasim_set_execute_kernels(0)
    try:
        yield
    finally:
        runtime.cudasim_set_execute_kernels(before)


@contextlib.contextmanager
def trace() -> Iterator[list[str]]:
    """A list that holds, after the block, every operation in the order of enqueueing and running."""
    lines: list[str] = []
    runtime.cudasim_trace(1)
    try:
        yield lines
    finally:
        lines += runtime.cudasim_get_trace().decode().splitlines()
        runtime.cudasim_trace(0)


def add_sub_range(pointer: int, nbytes: int, stream: int = 0) -> None:
    """Declare a part of an allocation as in use; the rest is then out of bounds for checked kernels.

    Takes effect in stream order. A part that is declared counts as uninitialised.

    Raises:
        ValueError: the part does not lie in one allocation, or the stream captures.
    """
    if runtime.cudasim_sub_range_add(pointer, nbytes, stream):
        raise ValueError(f"{nbytes} bytes at {pointer:#x} are not part of one allocation")


def remove_sub_range(pointer: int, stream: int = 0) -> None:
    """Withdraw a part; with the last one the whole allocation is valid again."""
    if runtime.cudasim_sub_range_remove(pointer, stream):
        raise ValueError(f"no stream {stream:#x}")


def peek(pointer: int, nbytes: int) -> bytes:
    """Device memory as it is now, without waiting for anything."""
    data = ctypes.create_string_buffer(nbytes)
    if runtime.cudasim_peek(data, pointer, nbytes):
        raise ValueError(f"{nbytes} bytes at {pointer:#x} are not part of one allocation")
    return data.raw
