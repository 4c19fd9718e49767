"""A thin ctypes face of cuBLASLt for tests; works on NVIDIA's library just as well."""

from __future__ import annotations

import ctypes
from typing import Any

R_32F, R_64F, R_16F, R_8I, R_32I, R_16BF = 0, 1, 2, 3, 10, 14  # cudaDataType_t
COMPUTE_16F, COMPUTE_32F, COMPUTE_64F, COMPUTE_32I, COMPUTE_TF32 = 64, 68, 70, 72, 77
EPILOGUE = {"default": 1, "relu": 2, "bias": 4, "relu_bias": 6, "gelu": 32, "gelu_bias": 36}
DESC_TRANSA, DESC_TRANSB, DESC_EPILOGUE, DESC_BIAS_POINTER = 3, 4, 7, 8
LAYOUT_ORDER, LAYOUT_BATCH_COUNT, LAYOUT_BATCH_STRIDE = 1, 5, 6
PREF_MAX_WORKSPACE_BYTES = 1
STATUS = {0: "SUCCESS", 7: "INVALID_VALUE", 13: "EXECUTION_FAILED", 15: "NOT_SUPPORTED"}


class HeuristicResult(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t."""

    _fields_ = [
        ("algo", ctypes.c_uint64 * 8),
        ("workspace", ctypes.c_size_t),
        ("state", ctypes.c_int),
        ("waves", ctypes.c_float),
        ("reserved", ctypes.c_int * 4),
    ]


class LtError(RuntimeError):
    """A cuBLASLt call returned another status than success."""


class CublasLt:
    """One handle and the calls that a matmul needs."""

    def __init__(self) -> None:
        self.library = ctypes.CDLL("libcublasLt.so.12")
        self.handle = ctypes.c_void_p()
        self.call("cublasLtCreate", ctypes.byref(self.handle))

    def call(self, name: str, *arguments: Any) -> None:
        status = getattr(self.library, name)(*arguments)
        if status:
            raise LtError(f"{name}: {STATUS.get(status, status)}")

    def desc(self, compute: int, scale: int, **attributes: Any) -> ctypes.c_void_p:
        """cublasLtMatmulDesc_t; attributes: transa, transb, epilogue (name), bias (device pointer)."""
        made = ctypes.c_void_p()
        self.call("cublasLtMatmulDescCreate", ctypes.byref(made), compute, scale)
        kinds: dict[str, tuple[int, Any]] = {
            "transa": (DESC_TRANSA, ctypes.c_int32),
            "transb": (DESC_TRANSB, ctypes.c_int32),
            "epilogue": (DESC_EPILOGUE, ctypes.c_uint32),
            "bias": (DESC_BIAS_POINTER, ctypes.c_uint64),
        }
        for name, value in attributes.items():
            number, kind = kinds[name]
            self.set(
                "MatmulDesc", made, number, kind(EPILOGUE[value] if name == "epilogue" else value)
            )
        return made

    def layout(
        self,
        dtype: int,
        rows: int,
        columns: int,
        ld: int,
        order: int = 0,
        batch: int = 1,
        stride: int = 0,
    ) -> ctypes.c_void_p:
        made = ctypes.c_void_p()
        sizes = ctypes.c_uint64(rows), ctypes.c_uint64(columns), ctypes.c_int64(ld)
        self.call("cublasLtMatrixLayoutCreate", ctypes.byref(made), dtype, *sizes)
        self.set("MatrixLayout", made, LAYOUT_ORDER, ctypes.c_int32(order))
        self.set("MatrixLayout", made, LAYOUT_BATCH_COUNT, ctypes.c_int32(batch))
        self.set("MatrixLayout", made, LAYOUT_BATCH_STRIDE, ctypes.c_int64(stride))
        return made

    def set(self, kind: str, thing: ctypes.c_void_p, attribute: int, value: Any) -> None:
        size = ctypes.c_size_t(ctypes.sizeof(value))
        self.call(f"cublasLt{kind}SetAttribute", thing, attribute, ctypes.byref(value), size)

    def heuristic(
        self, desc: Any, a: Any, b: Any, c: Any, d: Any, workspace: int = 0, requested: int = 8
    ) -> list[HeuristicResult]:
        preference = ctypes.c_void_p()
        self.call("cublasLtMatmulPreferenceCreate", ctypes.byref(preference))
        self.set(
            "MatmulPreference", preference, PREF_MAX_WORKSPACE_BYTES, ctypes.c_uint64(workspace)
        )
        results = (HeuristicResult * requested)()
        returned = ctypes.c_int()
        things = (
            self.handle,
            desc,
            a,
            b,
            c,
            d,
            preference,
            requested,
            results,
            ctypes.byref(returned),
        )
        try:
            self.call("cublasLtMatmulAlgoGetHeuristic", *things)
        finally:
            self.library.cublasLtMatmulPreferenceDestroy(preference)
        return list(results[: returned.value])

    def matmul(
        self,
        desc: Any,
        alpha: Any,
        a: tuple[int, Any],
        b: tuple[int, Any],
        beta: Any,
        c: tuple[int, Any],
        d: tuple[int, Any],
        algorithm: HeuristicResult | None = None,
        workspace: tuple[int, int] = (0, 0),
        stream: int = 0,
    ) -> None:
        """Matrices are (device pointer, layout), alpha and beta ctypes values of the scale type."""
        matrices = [x for p, layout in (a, b) for x in (ctypes.c_void_p(p), layout)]
        outputs = [x for p, layout in (c, d) for x in (ctypes.c_void_p(p), layout)]
        self.call(
            "cublasLtMatmul",
            self.handle,
            desc,
            ctypes.byref(alpha),
            *matrices,
            ctypes.byref(beta),
            *outputs,
            ctypes.byref(algorithm) if algorithm else None,
            ctypes.c_void_p(workspace[0]),
            ctypes.c_size_t(workspace[1]),
            ctypes.c_void_p(stream),
        )
