"""The simulated cuBLAS through CuPy, and cuBLASLt through ctypes, against numpy."""

from __future__ import annotations

import ctypes
import itertools

import ml_dtypes
import numpy as np
import pytest
from cudasim import cublaslt
from cudasim.cublaslt import CublasLt, LtError

pytestmark = pytest.mark.gpu_sim


@pytest.fixture
def cp():
    import cupy

    return cupy


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(0)


# ---------------------------------------------------------------- cuBLAS through CuPy
@pytest.mark.parametrize("dtype", ["f", "d", "e"])
@pytest.mark.parametrize(("m", "k", "n"), [(1, 1, 1), (5, 7, 3), (33, 64, 65), (128, 200, 1)])
def test_matmul(cp, rng, dtype, m, k, n):
    a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
    expected = a.astype("d") @ b.astype("d")
    tolerance = {"f": 1e-5, "d": 1e-12, "e": 2e-2}[dtype]
    for left, right in itertools.product(
        (cp.asarray(a), cp.asfortranarray(cp.asarray(a))), (cp.asarray(b),)
    ):
        np.testing.assert_allclose(
            (left @ right).get(), expected, rtol=tolerance, atol=tolerance * k
        )


@pytest.mark.parametrize("dtype", ["f", "d", "e"])
def test_batched_matmul_einsum_tensordot(cp, rng, dtype):
    a = rng.standard_normal((4, 3, 5)).astype(dtype)
    b = rng.standard_normal((4, 5, 6)).astype(dtype)
    x, y = cp.asarray(a), cp.asarray(b)
    tolerance = {"f": 1e-5, "d": 1e-12, "e": 3e-2}[dtype]
    compare = {"rtol": tolerance, "atol": tolerance * 5}
    expected = a.astype("d") @ b.astype("d")
    np.testing.assert_allclose((x @ y).get(), expected, **compare)
    np.testing.assert_allclose(cp.einsum("bij,bjk->bik", x, y).get(), expected, **compare)
    product = np.tensordot(a.astype("d"), b.astype("d"), axes=([0, 2], [0, 1]))
    np.testing.assert_allclose(cp.tensordot(x, y, axes=([0, 2], [0, 1])).get(), product, **compare)


@pytest.mark.parametrize("dtype", ["f", "d"])
def test_vectors(cp, rng, dtype):
    a, v, w = (rng.standard_normal(shape).astype(dtype) for shape in ((6, 4), (4,), (6,)))
    x, p, q = cp.asarray(a), cp.asarray(v), cp.asarray(w)
    np.testing.assert_allclose(cp.dot(p, p).get(), v @ v, rtol=1e-5)
    np.testing.assert_allclose((x @ p).get(), a @ v, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose((q @ x).get(), w @ a, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(cp.outer(q, p).get(), np.outer(w, v), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["f", "d"])
def test_level_1_and_2_functions(cp, rng, dtype):
    from cupy import cublas

    host = rng.standard_normal(50).astype(dtype)
    x, y = cp.asarray(host), cp.asarray(host[::-1].copy())
    np.testing.assert_allclose(cublas.nrm2(x).get(), np.linalg.norm(host), rtol=1e-5)
    np.testing.assert_allclose(cublas.asum(x).get(), np.abs(host).sum(), rtol=1e-5)
    np.testing.assert_allclose(cublas.dot(x, y).get(), host @ host[::-1], rtol=1e-4)
    cublas.axpy(2.0, x, y)
    np.testing.assert_allclose(y.get(), host[::-1] + 2 * host, rtol=1e-5)
    cublas.scal(3.0, x)
    np.testing.assert_allclose(x.get(), 3 * host, rtol=1e-6)
    a = cp.asarray(rng.standard_normal((5, 50)).astype(dtype), order="F")
    out = cp.zeros(5, dtype)
    cublas.gemv("N", 1.0, a, x, 0.0, out)
    np.testing.assert_allclose(out.get(), a.get() @ x.get(), rtol=1e-4, atol=1e-5)


def test_cublas_runs_in_stream_order(cp, cudasim):
    cudasim.set_policy("lazy")
    a = cp.ones((8, 8), "f")
    stream = cp.cuda.Stream(non_blocking=True)
    cp.cuda.Device().synchronize()
    with stream, cudasim.counting() as grown:
        b = a @ a
        assert cudasim.peek(b.data.ptr, 4) != np.float32(8).tobytes()
        stream.synchronize()
    assert cudasim.peek(b.data.ptr, 4) == np.float32(8).tobytes()
    assert grown["library_calls"] == 1


def test_missing_cublas_function_is_loud(cp, gpu_problems):
    with pytest.raises(cp.cuda.cublas.CUBLASError, match="NOT_SUPPORTED"):
        cp.cuda.cublas.isamax(cp.cuda.device.get_cublas_handle(), 4, cp.ones(4, "f").data.ptr, 1, 0)
    assert "cublasIsamax_v2 is not simulated" in gpu_problems.sticky_reason()


# ---------------------------------------------------------------- cuBLASLt
DTYPES = {
    "f32": (np.dtype("f"), cublaslt.R_32F, 1e-5),
    "f16": (np.dtype("e"), cublaslt.R_16F, 4e-3),
    "bf16": (np.dtype(ml_dtypes.bfloat16), cublaslt.R_16BF, 3e-2),
}


@pytest.fixture
def lt(cp):
    cp.cuda.Device().synchronize()
    return CublasLt()


def upload(cp, array):
    """Bytes on the device: CuPy need not know the dtype."""
    return cp.asarray(np.ascontiguousarray(array).view(np.uint8).ravel())


def column_major(matrix):
    return np.ascontiguousarray(matrix.T)


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def run_lt(
    cp,
    lt,
    a,
    b,
    c,
    *,
    dtype,
    out="same",
    epilogue="default",
    bias=None,
    transa=0,
    transb=0,
    alpha=1.0,
    beta=0.0,
    order=0,
    compute=cublaslt.COMPUTE_32F,
    workspace=0,
    stream=0,
):
    """D (m, n) as float64. a, b, c: numpy arrays as the product needs them, before transposition."""
    kind, code, _ = DTYPES[dtype]
    out_kind, out_code, _ = DTYPES[dtype if out == "same" else out]
    m, n = c.shape
    arrange = column_major if order == 0 else np.ascontiguousarray
    stored = [x.T if t else x for x, t in ((a, transa), (b, transb))]
    device = [upload(cp, arrange(x).astype(kind)) for x in stored]
    device_c = upload(cp, arrange(c).astype(out_kind))
    device_d = cp.full(m * n * out_kind.itemsize, 0xFF, np.uint8)
    attributes = {"transa": transa, "transb": transb, "epilogue": epilogue}
    if bias is not None:
        device_bias = upload(cp, bias.astype(out_kind))
        attributes["bias"] = device_bias.data.ptr
    desc = lt.desc(compute, cublaslt.R_32F, **attributes)
    layouts = [lt.layout(code, *x.shape, x.shape[order], order) for x in stored]
    out_layout = lt.layout(out_code, m, n, (m, n)[order], order)
    found = lt.heuristic(desc, *layouts, out_layout, out_layout, workspace=workspace)
    space = cp.zeros(max(found[0].workspace, 1), np.uint8)
    cp.cuda.Device().synchronize()
    lt.matmul(
        desc,
        ctypes.c_float(alpha),
        (device[0].data.ptr, layouts[0]),
        (device[1].data.ptr, layouts[1]),
        ctypes.c_float(beta),
        (device_c.data.ptr, out_layout),
        (device_d.data.ptr, out_layout),
        found[0],
        (space.data.ptr, found[0].workspace),
        stream,
    )
    result = device_d.get().view(out_kind).astype("d")
    return result.reshape(n, m).T if order == 0 else result.reshape(m, n)


def reference(a, b, c, dtype, alpha=1.0, beta=0.0, bias=None, epilogue="default"):
    def rounded(x):
        return x.astype(DTYPES[dtype][0]).astype("d")

    d = alpha * (rounded(a) @ rounded(b)) + beta * rounded(c)
    if bias is not None:
        d = d + rounded(bias)[:, None]
    if epilogue.startswith("relu"):
        return np.maximum(d, 0)
    return gelu(d) if epilogue.startswith("gelu") else d


@pytest.mark.parametrize("epilogue", list(cublaslt.EPILOGUE))
@pytest.mark.parametrize("dtype", list(DTYPES))
def test_lt_epilogues(cp, lt, rng, dtype, epilogue):
    m, n, k = 24, 17, 40
    a, b, c = (rng.standard_normal(s) for s in ((m, k), (k, n), (m, n)))
    bias = rng.standard_normal(m) if "bias" in epilogue else None
    got = run_lt(cp, lt, a, b, c, dtype=dtype, epilogue=epilogue, bias=bias, alpha=0.5, beta=2.0)
    want = reference(a, b, c, dtype, 0.5, 2.0, bias, epilogue)
    np.testing.assert_allclose(got, want, rtol=DTYPES[dtype][2], atol=DTYPES[dtype][2] * 8)


@pytest.mark.parametrize(("transa", "transb", "order"), list(itertools.product((0, 1), repeat=3)))
def test_lt_transpositions_and_orders(cp, lt, rng, transa, transb, order):
    a, b, c = (rng.standard_normal(s) for s in ((6, 10), (10, 7), (6, 7)))
    got = run_lt(cp, lt, a, b, c, dtype="f32", transa=transa, transb=transb, order=order, beta=1.0)
    np.testing.assert_allclose(got, reference(a, b, c, "f32", beta=1.0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
def test_lt_float_output_of_half_inputs(cp, lt, rng, dtype):
    a, b = rng.standard_normal((8, 300)), rng.standard_normal((300, 5))
    got = run_lt(cp, lt, a, b, np.zeros((8, 5)), dtype=dtype, out="f32")
    np.testing.assert_allclose(got, reference(a, b, np.zeros((8, 5)), dtype), rtol=1e-5, atol=1e-4)


def test_lt_does_not_read_c_when_beta_is_zero(cp, lt, rng):
    a, b = rng.standard_normal((4, 4)), rng.standard_normal((4, 4))
    got = run_lt(cp, lt, a, b, np.full((4, 4), np.nan), dtype="f32")
    np.testing.assert_allclose(got, reference(a, b, np.zeros((4, 4)), "f32"), rtol=1e-5, atol=1e-6)


def test_lt_tf32_rounds_its_inputs(cp, lt):
    a = np.full((4, 4), 1 + 2.0**-12)
    got = run_lt(cp, lt, a, np.eye(4), np.zeros((4, 4)), dtype="f32", compute=cublaslt.COMPUTE_TF32)
    assert (got == 1).all()


def int8_product(cp, lt, out, m=8, n=5, k=12):
    rng = np.random.default_rng(1)
    a, b = (rng.integers(-128, 128, s, dtype=np.int8) for s in ((m, k), (k, n)))
    exact = a.astype(np.int64) @ b.astype(np.int64)
    scale = cublaslt.R_32I if out == "i" else cublaslt.R_32F
    code = cublaslt.R_32I if out == "i" else cublaslt.R_8I
    desc = lt.desc(cublaslt.COMPUTE_32I, scale, transa=1)
    layouts = [lt.layout(cublaslt.R_8I, k, m, k), lt.layout(cublaslt.R_8I, k, n, k)]
    layout_d = lt.layout(code, m, n, m)
    x, y = upload(cp, a), upload(cp, column_major(b))
    d = cp.zeros(m * n, out)
    cp.cuda.Device().synchronize()
    number = ctypes.c_int32 if out == "i" else ctypes.c_float
    lt.matmul(
        desc,
        number(1) if out == "i" else number(0.01),
        (x.data.ptr, layouts[0]),
        (y.data.ptr, layouts[1]),
        number(0),
        (d.data.ptr, layout_d),
        (d.data.ptr, layout_d),
    )
    return d.get().reshape(n, m).T, exact


def test_lt_int8(cp, lt):
    got, exact = int8_product(cp, lt, "i")
    assert (got == exact).all()
    got, exact = int8_product(cp, lt, "b")
    assert (got == np.clip(np.rint(exact * np.float32(0.01).astype("d")), -128, 127)).all()
    with pytest.raises(LtError, match="NOT_SUPPORTED"):
        int8_product(cp, lt, "i", m=7)


def test_lt_strided_batches_with_one_shared_operand(cp, lt, rng):
    a, b = rng.standard_normal((3, 4, 6)).astype("f"), rng.standard_normal((6, 5)).astype("f")
    x = cp.asarray(np.stack([column_major(m) for m in a]))
    y, d = cp.asarray(column_major(b)), cp.zeros((3, 5, 4), "f")
    cp.cuda.Device().synchronize()
    desc = lt.desc(cublaslt.COMPUTE_32F, cublaslt.R_32F)
    la = lt.layout(cublaslt.R_32F, 4, 6, 4, batch=3, stride=24)
    lb = lt.layout(cublaslt.R_32F, 6, 5, 6, batch=3, stride=0)
    ld = lt.layout(cublaslt.R_32F, 4, 5, 4, batch=3, stride=20)
    one, zero = ctypes.c_float(1), ctypes.c_float(0)
    lt.matmul(
        desc, one, (x.data.ptr, la), (y.data.ptr, lb), zero, (d.data.ptr, ld), (d.data.ptr, ld)
    )
    np.testing.assert_allclose(d.get().transpose(0, 2, 1), a @ b, rtol=1e-5, atol=1e-5)


class TestWorkspace:
    def problem(self, cp, lt):
        desc = lt.desc(cublaslt.COMPUTE_32F, cublaslt.R_32F)
        a, b, d = cp.ones((1024, 8), "f"), cp.ones((4, 1024), "f"), cp.zeros((4, 8), "f")
        layouts = [
            lt.layout(cublaslt.R_32F, *s) for s in ((8, 1024, 8), (1024, 4, 1024), (8, 4, 8))
        ]
        cp.cuda.Device().synchronize()
        return desc, (a, b, d), layouts

    def run(self, lt, desc, arrays, layouts, *rest):
        a, b, d = ((x.data.ptr, layout) for x, layout in zip(arrays, layouts, strict=True))
        lt.matmul(desc, ctypes.c_float(1), a, b, ctypes.c_float(0), d, d, *rest)

    def test_heuristic_respects_the_limit(self, cp, lt):
        desc, _, (la, lb, ld) = self.problem(cp, lt)
        with_space = lt.heuristic(desc, la, lb, ld, ld, workspace=1 << 20)
        assert [r.workspace > 0 for r in with_space] == [True, False]
        assert [r.workspace for r in lt.heuristic(desc, la, lb, ld, ld, workspace=0)] == [0]
        assert len(lt.heuristic(desc, la, lb, ld, ld, workspace=1 << 20, requested=1)) == 1

    def test_workspace_is_overwritten(self, cp, lt):
        desc, arrays, layouts = self.problem(cp, lt)
        best = lt.heuristic(desc, *layouts, layouts[2], workspace=1 << 20)[0]
        space = cp.zeros(best.workspace, np.uint8)
        self.run(lt, desc, arrays, layouts, best, (space.data.ptr, best.workspace))
        assert (arrays[2].get() == 1024).all()
        assert space.get().all()

    def test_too_small_or_misaligned_workspace(self, cp, lt):
        desc, arrays, layouts = self.problem(cp, lt)
        best = lt.heuristic(desc, *layouts, layouts[2], workspace=1 << 20)[0]
        space = cp.zeros(best.workspace + 256, np.uint8)
        for given in (
            (space.data.ptr, best.workspace - 1),
            (space.data.ptr + 16, best.workspace),
            (0, best.workspace),
        ):
            with pytest.raises(LtError, match="INVALID_VALUE"):
                self.run(lt, desc, arrays, layouts, best, given)

    def test_matmul_is_captured_and_counts_as_a_kernel(self, cp, lt, cudasim):
        desc, arrays, layouts = self.problem(cp, lt)
        stream = cp.cuda.Stream(non_blocking=True)
        stream.begin_capture()
        self.run(lt, desc, arrays, layouts, None, (0, 0), stream.ptr)
        graph = stream.end_capture()
        assert not arrays[2].get().any()
        graph.launch(stream)
        stream.synchronize()
        assert (arrays[2].get() == 1024).all()


def test_lt_refuses_what_does_not_fit(cp, lt):
    layout = lt.layout
    desc = lt.desc(cublaslt.COMPUTE_32F, cublaslt.R_32F)
    f = cublaslt.R_32F
    good = layout(f, 4, 6, 4), layout(f, 6, 5, 6), layout(f, 4, 5, 4)
    assert lt.heuristic(desc, *good, good[2])
    for bad in (
        (layout(f, 4, 7, 4), good[1], good[2]),  # inner dimensions
        (layout(f, 4, 6, 3), good[1], good[2]),  # leading dimension
        (good[0], good[1], layout(f, 5, 5, 5)),  # output shape
    ):
        with pytest.raises(LtError, match="INVALID_VALUE"):
            lt.heuristic(desc, *bad, bad[2])
    mixed = layout(cublaslt.R_16F, 6, 5, 6)
    with pytest.raises(LtError, match="NOT_SUPPORTED"):
        lt.heuristic(desc, good[0], mixed, good[2], good[2])
    with pytest.raises(LtError, match="INVALID_VALUE"):
        lt.set("MatmulDesc", desc, cublaslt.DESC_BIAS_POINTER, ctypes.c_int32(0))


def test_lt_outside_of_memory_loses_the_device(cp, lt, gpu_problems):
    layout = lt.layout(cublaslt.R_32F, 64, 64, 64)
    a = cp.zeros(64 * 64 * 8, "f")
    small = cp.cuda.memory._malloc(64)
    cp.cuda.Device().synchronize()
    one = ctypes.c_float(1)
    d = (small.ptr, layout)
    desc = lt.desc(cublaslt.COMPUTE_32F, cublaslt.R_32F)
    lt.matmul(desc, one, (a.data.ptr, layout), (a.data.ptr, layout), ctypes.c_float(0), d, d)
    with pytest.raises(cp.cuda.runtime.CUDARuntimeError, match="IllegalAddress"):
        cp.cuda.Device().synchronize()
    assert "matrix D" in gpu_problems.sticky_reason()
    gpu_problems.reset()


def test_without_openblas_the_loop_gives_the_same(cp, lt, rng):
    from cudasim import install

    gemm = ctypes.CDLL("libcudasim_gemm.so")
    a, b, c = (rng.standard_normal(s) for s in ((30, 100), (100, 20), (30, 20)))
    try:
        gemm.cudasim_set_blas(None, None, 0)
        for transa, transb in itertools.product((0, 1), (0, 1)):
            got = run_lt(cp, lt, a, b, c, dtype="f32", transa=transa, transb=transb)
            np.testing.assert_allclose(got, reference(a, b, c, "f32"), rtol=1e-4, atol=1e-4)
    finally:
        install._set_blas(gemm)
