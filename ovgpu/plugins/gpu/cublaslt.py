"""Products of matrices by NVIDIA's cuBLASLt, called through ctypes.

CuPy wraps no cuBLASLt, and refuses cuBLAS calls while a stream is captured; cuBLASLt takes the stream and its
workspace as arguments, so that its calls can be part of a CUDA graph. Where the library is missing or refuses a
product, the kernels of this project compute it. Names and numbers of constants: ``cublasLt.h`` of CUDA 12.
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.device import cupy

_DATA_TYPES = {Type.f32: 0, Type.f16: 2, Type.bf16: 14}  # cudaDataType_t
_COMPUTE_32F = 68
_TRANSPOSED = 1  # CUBLAS_OP_T
_DESC_TRANSA, _DESC_TRANSB, _DESC_EPILOGUE, _DESC_BIAS_POINTER = 3, 4, 7, 8
_LAYOUT_BATCH_COUNT, _LAYOUT_BATCH_STRIDE = 5, 6
_PREFERENCE_WORKSPACE, _PREFERENCE_ALIGNMENT = 1, (5, 6, 7, 8)  # of A, B, C, D

#: Epilogues by (bias per row, activation); GELU is the form with tanh.
EPILOGUES = {
    (False, ""): 1,
    (False, "relu"): 2,
    (True, ""): 4,
    (True, "relu"): 6,
    (False, "gelu_tanh"): 32,
    (True, "gelu_tanh"): 36,
}


class _HeuristicResult(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t."""

    _fields_ = (
        ("algorithm", ctypes.c_uint64 * 8),
        ("workspace", ctypes.c_size_t),
        ("state", ctypes.c_int),
        ("waves", ctypes.c_float),
        ("reserved", ctypes.c_int * 4),
    )


class Refused(RuntimeError):
    """cuBLASLt does not compute this product."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A column-major matrix, or one of a strided batch.

    Attributes:
        rows, columns: as stored, before a transposition.
        leading: elements from a column to the next.
        stride: elements from a matrix of the batch to the next; 0 repeats the same one.
    """

    address: int
    rows: int
    columns: int
    leading: int
    stride: int = 0
    transposed: bool = False

    @property
    def alignment(self) -> int:
        """Largest power of two up to 256 that divides the address."""
        return min(self.address & -self.address, 256) if self.address else 256


@dataclass(frozen=True, slots=True)
class LtProduct:
    """``out = activation(op(a) op(b) + residual + bias)``, column-major.

    ``bias`` is the address of a number for each row, ``residual`` that of a matrix like ``out``; 0 for none.
    """

    type: Type
    a: Matrix
    b: Matrix
    out: Matrix
    batch: int = 1
    bias: int = 0
    activation: str = ""
    residual: int = 0

    @property
    def summand(self) -> Matrix:
        """The matrix C of the library: the residual, or the result itself, which is then not read."""
        return replace(self.out, address=self.residual) if self.residual else self.out


class CublasLt:
    """The library and its handle on one device."""

    _instances: dict[int, CublasLt | None] = {}  # noqa: RUF012 - a registry, filled by `current`
    _lock = threading.Lock()

    def __init__(self, library: Any) -> None:
        self._library = library
        self._handle = ctypes.c_void_p()
        self._call("cublasLtCreate", ctypes.byref(self._handle))
        self._algorithms: dict[tuple[Any, ...], _HeuristicResult | None] = {}

    @classmethod
    def current(cls) -> CublasLt | None:
        """That of the thread's current device, or None when the library cannot be loaded."""
        device = cupy().cuda.runtime.getDevice()
        with cls._lock:
            if device not in cls._instances:
                library = _load()
                cls._instances[device] = None if library is None else cls(library)
            return cls._instances[device]

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._library, name)(*arguments)
        if status:
            raise Refused(f"{name} returned {status}")

    def _set(self, kind: str, thing: ctypes.c_void_p, attribute: int, value: Any) -> None:
        size = ctypes.c_size_t(ctypes.sizeof(value))
        self._call(f"cublasLt{kind}SetAttribute", thing, attribute, ctypes.byref(value), size)

    def _layout(self, element_type: Type, matrix: Matrix, batch: int) -> ctypes.c_void_p:
        made = ctypes.c_void_p()
        sizes = ctypes.c_uint64(matrix.rows), ctypes.c_uint64(matrix.columns)
        leading = ctypes.c_int64(matrix.leading)
        self._call(
            "cublasLtMatrixLayoutCreate",
            ctypes.byref(made),
            _DATA_TYPES[element_type],
            *sizes,
            leading,
        )
        if batch > 1:
            stride = ctypes.c_int64(matrix.stride)
            self._set("MatrixLayout", made, _LAYOUT_BATCH_COUNT, ctypes.c_int32(batch))
            self._set("MatrixLayout", made, _LAYOUT_BATCH_STRIDE, stride)
        return made

    def _descriptor(self, product: LtProduct) -> ctypes.c_void_p:
        made = ctypes.c_void_p()
        scale = _DATA_TYPES[Type.f32]
        self._call("cublasLtMatmulDescCreate", ctypes.byref(made), _COMPUTE_32F, scale)
        for attribute, matrix in ((_DESC_TRANSA, product.a), (_DESC_TRANSB, product.b)):
            operation = ctypes.c_int32(_TRANSPOSED if matrix.transposed else 0)
            self._set("MatmulDesc", made, attribute, operation)
        epilogue = EPILOGUES[bool(product.bias), product.activation]
        self._set("MatmulDesc", made, _DESC_EPILOGUE, ctypes.c_uint32(epilogue))
        if product.bias:
            bias = ctypes.c_uint64(product.bias)
            self._set("MatmulDesc", made, _DESC_BIAS_POINTER, bias)
        return made

    def _algorithm(
        self, product: LtProduct, things: list[ctypes.c_void_p], workspace: int
    ) -> _HeuristicResult:
        """The heuristic's first choice, remembered for products of the same form."""
        alignments = [m.alignment for m in (product.a, product.b, product.summand, product.out)]
        forms = tuple(
            (m.rows, m.columns, m.leading, m.stride, m.transposed)
            for m in (product.a, product.b, product.out)
        )
        epilogue = bool(product.bias), product.activation, bool(product.residual)
        key = (product.type, forms, product.batch, epilogue, tuple(alignments), workspace)
        if key not in self._algorithms:
            self._algorithms[key] = self._ask(things, alignments, workspace)
        found = self._algorithms[key]
        if found is None:
            raise Refused("the heuristic knows no algorithm")
        return found

    def _ask(
        self, things: list[ctypes.c_void_p], alignments: list[int], workspace: int
    ) -> _HeuristicResult | None:
        preference, returned = ctypes.c_void_p(), ctypes.c_int()
        results = (_HeuristicResult * 1)()
        self._call("cublasLtMatmulPreferenceCreate", ctypes.byref(preference))
        try:
            kind = "MatmulPreference"
            self._set(kind, preference, _PREFERENCE_WORKSPACE, ctypes.c_uint64(workspace))
            for attribute, alignment in zip(_PREFERENCE_ALIGNMENT, alignments, strict=True):
                self._set(kind, preference, attribute, ctypes.c_uint32(alignment))
            self._call(
                "cublasLtMatmulAlgoGetHeuristic",
                self._handle,
                *things,
                preference,
                1,
                results,
                ctypes.byref(returned),
            )
        except Refused:
            return None
        finally:
            self._library.cublasLtMatmulPreferenceDestroy(preference)
        return results[0] if returned.value else None

    def prepare(
        self, product: LtProduct, workspace: int, workspace_bytes: int
    ) -> Callable[[int], None]:
        """A function that enqueues the product on a stream. Raises :class:`Refused`."""
        lists: dict[str, list[ctypes.c_void_p]] = {
            "MatmulDesc": [self._descriptor(product)],
            "MatrixLayout": [],
        }
        matrices = (product.a, product.b, product.out)
        layouts = lists["MatrixLayout"]
        layouts += [self._layout(product.type, m, product.batch) for m in matrices]
        a, b, out = layouts
        things = [lists["MatmulDesc"][0], a, b, out, out]
        try:
            algorithm = self._algorithm(product, things, workspace_bytes)
        except Refused:
            _destroy(self._library, lists)
            raise
        one, beta = ctypes.c_float(1), ctypes.c_float(1 if product.residual else 0)
        addresses = [ctypes.c_void_p(m.address) for m in matrices]
        function = self._library.cublasLtMatmul
        arguments = [
            self._handle,
            things[0],
            ctypes.byref(one),
            addresses[0],
            a,
            addresses[1],
            b,
            ctypes.byref(beta),
            ctypes.c_void_p(product.summand.address),
            out,
            addresses[2],
            out,
            ctypes.byref(algorithm),
            ctypes.c_void_p(workspace),
            ctypes.c_size_t(algorithm.workspace),
        ]

        def enqueue(stream: int) -> None:
            status = function(*arguments, ctypes.c_void_p(stream))
            if status:
                raise RuntimeError(f"cublasLtMatmul returned {status}")

        weakref.finalize(enqueue, _destroy, self._library, lists).atexit = False
        return enqueue


def _destroy(library: Any, lists: dict[str, list[ctypes.c_void_p]]) -> None:
    for kind, things in lists.items():
        for thing in things:
            getattr(library, f"cublasLt{kind}Destroy")(thing)


def _load() -> Any:
    """The library of CuPy's CUDA version, wherever CuPy finds it; None when there is none."""
    major = cupy().cuda.runtime.runtimeGetVersion() // 1000
    name = f"libcublasLt.so.{major}"
    try:
        return ctypes.CDLL(name)
    except OSError:
        pass
    try:
        from cuda.pathfinder import load_nvidia_dynamic_lib

        return ctypes.CDLL(load_nvidia_dynamic_lib("cublasLt").abs_path)
    except Exception:  # the finder has many ways to say that a library is not there
        return None
