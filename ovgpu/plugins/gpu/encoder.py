"""The encoder: the only way to start work on a device.

Lowering functions describe what to do by calling :class:`Encoder` methods; the result is a list of *records*. The same
list is run eagerly, captured into a CUDA graph, timed for profiling and given its NVTX ranges.
"""

from __future__ import annotations

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.device import cupy
from ovgpu.plugins.gpu.modules import ModuleCache

#: Threads of a block where nothing else is said.
THREADS = 256

#: Largest grid in x; kernels loop over what is beyond (grid-stride loops).
LARGEST_GRID = 1 << 20

#: Compute capability from which on tensor cores take a type, in the kernels' instructions.
_TENSOR_CORES_SINCE = {Type.f16: 75, Type.bf16: 80}

Dim = int | tuple[int, ...]


class Record(ABC):
    """One piece of device work, bound to its addresses."""

    __slots__ = ("instruction", "name")

    #: Whether it may be part of a CUDA graph.
    capturable = True
    #: What profiles say who did the work: kernels of ours, a library or the host.
    tier = "cuda"

    def __init__(self, name: str) -> None:
        self.name = name
        self.instruction = -1

    @abstractmethod
    def run(self, stream: int) -> None:
        """Enqueue the work on the stream (a ``cudaStream_t`` as int)."""


class Launch(Record):
    """A kernel launch with all arguments packed beforehand."""

    __slots__ = ("_arguments", "_call", "_function", "_keep", "block", "grid", "shared_bytes")

    def __init__(
        self,
        name: str,
        function: Any,
        grid: Dim,
        block: Dim,
        arguments: Sequence[Any],
        shared_bytes: int,
    ) -> None:
        super().__init__(name)
        self.grid = _three(grid)
        self.block = _three(block)
        self.shared_bytes = shared_bytes
        self._function = function.kernel.ptr if hasattr(function, "kernel") else function.ptr
        memory, pointers = _packed(arguments)
        self._keep = (function, memory, pointers)
        self._arguments = ctypes.addressof(pointers)
        self._call = cupy().cuda.driver.launchKernel

    def run(self, stream: int) -> None:
        self._call(
            self._function, *self.grid, *self.block, self.shared_bytes, stream, self._arguments, 0
        )


class Copy(Record):
    """A copy between two places of device memory."""

    __slots__ = ("_call", "nbytes", "source", "target")

    def __init__(self, name: str, target: int, source: int, nbytes: int) -> None:
        super().__init__(name)
        self.target, self.source, self.nbytes = target, source, nbytes
        self._call = cupy().cuda.runtime.memcpyAsync

    def run(self, stream: int) -> None:
        self._call(
            self.target, self.source, self.nbytes, cupy().cuda.runtime.memcpyDeviceToDevice, stream
        )


class Fill(Record):
    """Sets bytes of device memory."""

    __slots__ = ("_call", "nbytes", "target", "value")

    def __init__(self, name: str, target: int, value: int, nbytes: int) -> None:
        super().__init__(name)
        self.target, self.value, self.nbytes = target, value, nbytes
        self._call = cupy().cuda.runtime.memsetAsync

    def run(self, stream: int) -> None:
        self._call(self.target, self.value, self.nbytes, stream)


class Enqueue(Record):
    """Work of a library (cuBLASLt ...) that takes a stream and may be captured."""

    __slots__ = ("_call", "_keep", "tier")

    def __init__(
        self, name: str, call: Callable[[int], None], keep: Any = None, tier: str = "cuda"
    ) -> None:
        super().__init__(name)
        self.tier = tier
        self._call = call
        self._keep = keep

    def run(self, stream: int) -> None:
        self._call(stream)


class Host(Record):
    """Work on the host between device work; the stream is synchronised before it. Never captured."""

    __slots__ = ("_call",)
    capturable = False
    tier = "host"

    def __init__(self, name: str, call: Callable[[int], None]) -> None:
        super().__init__(name)
        self._call = call

    def run(self, stream: int) -> None:
        self._call(stream)


def _packed(arguments: Sequence[Any]) -> tuple[Any, Any]:
    """Memory with the values of all arguments, and an array of pointers to them, as ``cuLaunchKernel`` takes it."""
    pieces: list[bytes] = []
    offsets: list[int] = []
    total = 0
    for argument in arguments:
        value = argument.tobytes()
        padding = -len(value) % 16
        pieces.append(value + bytes(padding))
        offsets.append(total)
        total += len(value) + padding
    memory = ctypes.create_string_buffer(b"".join(pieces), max(total, 1))
    start = ctypes.addressof(memory)
    pointers = (ctypes.c_void_p * max(len(offsets), 1))(*[start + offset for offset in offsets])
    return memory, pointers


def _three(dim: Dim) -> tuple[int, int, int]:
    values = (dim,) if isinstance(dim, int) else tuple(dim)
    return (*values, 1, 1, 1)[:3]  # type: ignore[return-value]


def blocks_for(count: int, threads: int = THREADS, per_thread: int = 1) -> int:
    """Blocks that cover ``count`` elements, at least one and at most :data:`LARGEST_GRID`."""
    return min(max(1, -(-count // (threads * per_thread))), LARGEST_GRID)


class Encoder:
    """Collects the records of a plan."""

    def __init__(
        self, modules: ModuleCache, architecture: int, multiprocessors: int, tickets: int
    ) -> None:
        self.modules = modules
        #: Compute capability as one number (86), for choosing between kernel variants.
        self.architecture = architecture
        self.multiprocessors = multiprocessors
        #: Address of a 32-bit number for each multiprocessor, where kernels count blocks that have arrived. All are
        #: zero before and after each launch, and only the stream that the records run on uses them.
        self.tickets = tickets
        self.records: list[Record] = []
        self._instruction = -1
        self._label = ""

    def has_tensor_cores(self, storage: Type) -> bool:
        """Whether the device multiplies matrices of this type on tensor cores."""
        since = _TENSOR_CORES_SINCE.get(storage)
        return since is not None and self.architecture >= since

    def begin(self, instruction: int, label: str) -> None:
        """All records until the next call belong to this instruction."""
        self._instruction, self._label = instruction, label

    def take(self) -> list[Record]:
        """The records since the last call, which are the encoder's no more."""
        taken, self.records = self.records, []
        return taken

    def _add(self, record: Record) -> None:
        record.instruction = self._instruction
        self.records.append(record)

    def launch(
        self,
        source: str,
        function: str,
        grid: Dim,
        block: Dim,
        arguments: Sequence[Any],
        shared_bytes: int = 0,
    ) -> None:
        """Launch a kernel.

        Args:
            source: file in ``kernels/`` (``"softmax.cu"``) or generated CUDA text.
            function: name of an ``extern "C" __global__`` function.
            grid: blocks in x, or (x, y, z).
            block: threads in x, or (x, y, z).
            arguments: numpy scalars of exactly the parameter's type (np.int32, np.float32 ...), structured numpy arrays
                of one element for structs by value, and for pointers ``tensor.pointer`` (np.uint64). Python numbers
                are refused: their size is not what a kernel expects.
            shared_bytes: dynamic shared memory.
        """
        for position, argument in enumerate(arguments):
            if not isinstance(argument, (np.generic, np.ndarray)):
                raise TypeError(
                    f"{function}: argument {position} is {type(argument).__name__}; kernels take numpy scalars"
                )
        compiled = self.modules.function(source, function)
        self._add(
            Launch(f"{self._label}:{function}", compiled, grid, block, arguments, shared_bytes)
        )

    def copy(self, target: int, source: int, nbytes: int) -> None:
        """Copy bytes within device memory."""
        if nbytes and int(target) != int(source):
            self._add(Copy(f"{self._label}:copy", int(target), int(source), nbytes))

    def fill(self, target: int, value: int, nbytes: int) -> None:
        """Set every byte to ``value``."""
        if nbytes:
            self._add(Fill(f"{self._label}:fill", int(target), value, nbytes))

    def enqueue(
        self, name: str, call: Callable[[int], None], keep: Any = None, tier: str = "cuda"
    ) -> None:
        """Run ``call(stream)``, which enqueues work there; ``keep`` lives as long as the record.

        ``tier`` is what profiles call it: ``"library"`` for products of cuBLASLt.
        """
        self._add(Enqueue(f"{self._label}:{name}", call, keep, tier))

    def host(self, name: str, call: Callable[[int], None]) -> None:
        """Run ``call(stream)`` on the host; it synchronises the stream itself before it reads device memory."""
        self._add(Host(f"{self._label}:{name}", call))
