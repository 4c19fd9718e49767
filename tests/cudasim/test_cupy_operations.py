"""CuPy itself on the simulated device: its generated kernels, and those that users write with it."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.gpu_sim

DTYPES = ["?", "b", "B", "h", "H", "i", "I", "q", "Q", "e", "f", "d", "F", "D"]
REAL = ["b", "B", "h", "H", "i", "I", "q", "Q", "e", "f", "d"]
FLOAT = ["e", "f", "d"]
TOLERANCE = {"e": 4e-3, "f": 3e-6, "d": 1e-13, "F": 3e-6, "D": 1e-13}


@pytest.fixture
def cp():
    import cupy

    return cupy


def sample(dtype, shape, low=-50, high=50):
    generator = np.random.default_rng(7)
    kind = np.dtype(dtype).kind
    if kind == "b":
        return generator.random(shape) < 0.5
    if kind in "ui":
        return generator.integers(0 if kind == "u" else low, high, shape).astype(dtype)
    values = generator.uniform(low, high, shape) / 10
    return (values + 1j * generator.uniform(-5, 5, shape) if kind == "c" else values).astype(dtype)


def check(cp, function, *arrays, exact=False):
    """function(numpy, *arrays) and function(cupy, *device arrays) agree in dtype, shape and values."""
    with np.errstate(all="ignore"):
        want = np.asarray(function(np, *arrays))
    got = cp.asnumpy(function(cp, *(cp.asarray(a) for a in arrays)))
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    if exact or want.dtype.char not in TOLERANCE:
        np.testing.assert_array_equal(got, want)
    else:
        tolerance = TOLERANCE[want.dtype.char]
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


ARITHMETIC = {
    "add": lambda m, a, b: a + b,
    "multiply": lambda m, a, b: a * b,
    "maximum": lambda m, a, b: m.maximum(a, b),
    "equal": lambda m, a, b: a == b,
    "where": lambda m, a, b: m.where(a > b, a, b),
    "broadcast": lambda m, a, b: a[:, None] + b,
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", list(ARITHMETIC))
def test_arithmetic(cp, name, dtype):
    if dtype in "FD" and name in ("maximum", "where"):
        dtype = dtype.lower()  # complex numbers are not ordered in CuPy's kernels
    check(
        cp,
        ARITHMETIC[name],
        sample(dtype, (12,)),
        sample(dtype, (12,) if name == "broadcast" else (3, 12)),
    )


FUNCTIONS = [
    "exp",
    "tanh",
    "sqrt",
    "log1p",
    "sin",
    "cos",
    "arctan",
    "floor",
    "rint",
    "sign",
    "cbrt",
    "expm1",
]


@pytest.mark.parametrize("dtype", FLOAT)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(cp, name, dtype):
    x = np.abs(sample(dtype, (5, 9))) if name in ("sqrt", "log1p") else sample(dtype, (5, 9))
    check(cp, lambda m, a: getattr(m, name)(a), x)


@pytest.mark.parametrize("dtype", ["b", "B", "i", "q", "Q", "f", "d"])
def test_integer_division_and_remainder(cp, dtype):
    divisor = np.array([3, 7, 1, 2], dtype)
    x = sample(dtype, (6, 4))
    check(cp, lambda m, a, b: a // b, x, divisor)
    check(cp, lambda m, a, b: a % b, x, divisor)


@pytest.mark.parametrize("dtype", ["i", "I", "q", "Q", "b", "B"])
def test_bits_and_shifts(cp, dtype):
    a, b = sample(dtype, (40,), 0), np.arange(40).astype(dtype) % 7
    for function in (
        lambda m, x, y: x & y,
        lambda m, x, y: x ^ y,
        lambda m, x, y: x << y,
        lambda m, x, y: x >> y,
    ):
        check(cp, function, a, b)
    check(cp, lambda m, x: ~x, a)


@pytest.mark.parametrize("source", ["?", "b", "B", "i", "q", "e", "f", "d"])
@pytest.mark.parametrize("target", ["?", "b", "B", "i", "q", "e", "f", "d"])
def test_conversions(cp, source, target):
    check(cp, lambda m, a: a.astype(target), np.abs(sample(source, (50,))), exact=True)


@pytest.mark.parametrize("dtype", ["i", "q", "e", "f", "d"])
@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2)])
def test_reductions(cp, dtype, axis):
    x = sample(dtype, (4, 33, 5), -5, 5)
    for name in ("sum", "max", "min", "mean", "prod"):
        if name == "prod":
            x = np.sign(x) + (x == 0)
        if dtype == "e" and name in ("sum", "mean"):
            continue  # the order of additions shows in 10 bits
        check(cp, lambda m, a, n=name: getattr(m, n)(a, axis=axis), x.astype(dtype))


def test_reductions_of_half(cp):
    x = sample("e", (300,))
    assert abs(float(cp.asarray(x).sum(dtype="f")) - float(x.sum(dtype="f"))) < 1e-2


@pytest.mark.parametrize("dtype", ["i", "f", "d"])
def test_arg_reductions_and_logic(cp, dtype):
    x = sample(dtype, (7, 65))
    for axis in (None, 0, 1):
        check(cp, lambda m, a, axis=axis: m.argmax(a, axis=axis), x)
        check(cp, lambda m, a, axis=axis: m.any(a > 30, axis=axis), x)
        check(cp, lambda m, a, axis=axis: m.count_nonzero(a > 0, axis=axis), x)


@pytest.mark.parametrize("dtype", ["i", "q", "f", "d"])
def test_scans(cp, dtype):
    x = sample(dtype, (700,), -5, 5)
    if dtype in "fd":
        x = np.rint(x)
    check(cp, lambda m, a: m.cumsum(a), x)
    check(cp, lambda m, a: m.cumsum(a.reshape(7, 100), axis=1), x)


def test_indexing(cp):
    x = sample("f", (6, 8, 3))
    index = np.array([5, 0, 3, 3])
    check(cp, lambda m, a, i: a[i], x, index)
    check(cp, lambda m, a, i: a[:, i, 1], x, index)
    check(cp, lambda m, a: a[1:5:2, ::-1, ...], x)
    check(cp, lambda m, a: a[a > 1], x)
    check(cp, lambda m, a, i: m.take(a, i, axis=1), x, index)
    check(cp, lambda m, a: m.stack(m.nonzero(a > 2)), x)
    check(cp, lambda m, a, i: m.take_along_axis(a, m.argsort(a, axis=1), axis=1), x, index)

    def put(m, a, i):
        b = a.copy()
        b[i[:3]] = 7
        b[..., 0] += 1
        return b

    check(cp, put, x, index)

    def scatter(m, a, i):
        b = m.zeros(8, "f")
        (m.add.at if m is np else cp.add.at)(b, i, 1.0)
        return b

    check(cp, scatter, x, index)


def test_shapes_and_movement(cp):
    x = sample("f", (4, 6, 5))
    for function in (
        lambda m, a: m.ascontiguousarray(a.transpose(2, 0, 1)),
        lambda m, a: m.concatenate([a, a[:1]], axis=0),
        lambda m, a: m.pad(a, ((1, 2), (0, 0), (3, 1))),
        lambda m, a: m.tile(a, (2, 1, 3)),
        lambda m, a: m.repeat(a, 2, axis=1),
        lambda m, a: m.roll(a, 2, axis=2),
        lambda m, a: m.flip(a, (0, 2)),
        lambda m, a: m.tril(a),
        lambda m, a: m.clip(a, -1, 1),
    ):
        check(cp, function, x)


@pytest.mark.parametrize("dtype", ["?", *REAL, "F"])
def test_sort_argsort_lexsort(cp, dtype):
    x = sample(dtype, (5, 200))
    check(cp, lambda m, a: m.sort(a, axis=1), x)
    check(cp, lambda m, a: m.sort(a, axis=0), x)
    check(cp, lambda m, a: m.argsort(a, axis=1, **({"kind": "stable"} if m is np else {})), x)
    check(cp, lambda m, a: m.lexsort(m.stack([a[0], a[1]])), x)


def test_sort_puts_nan_last(cp):
    x = np.array([3, np.nan, -1, np.inf, 0, np.nan, -np.inf], "f")
    check(cp, lambda m, a: m.sort(a), x)


@pytest.mark.parametrize("dtype", ["i", "f", "d"])
@pytest.mark.parametrize("kth", [0, 17, 99])
def test_partition(cp, dtype, kth):
    x = sample(dtype, (3, 100))
    got = cp.partition(cp.asarray(x), kth, axis=1).get()
    assert (got[:, kth] == np.sort(x, axis=1)[:, kth]).all()
    assert (np.sort(got, axis=1) == np.sort(x, axis=1)).all()
    assert (got[:, :kth] <= got[:, kth : kth + 1]).all()
    order = cp.argpartition(cp.asarray(x), kth, axis=1).get()
    assert (np.take_along_axis(x, order, 1)[:, kth] == np.sort(x, axis=1)[:, kth]).all()


def test_unique_searchsorted_bincount(cp):
    x = sample("i", (300,), 0, 20)
    check(cp, lambda m, a: m.unique(a), x)
    check(cp, lambda m, a: m.bincount(a), x)
    check(cp, lambda m, a: m.searchsorted(m.arange(0, 20, 3), a), x)


def test_linear_algebra_of_arrays(cp):
    a, b = sample("f", (9, 7)), sample("f", (7, 4))
    np.testing.assert_allclose((cp.asarray(a) @ cp.asarray(b)).get(), a @ b, rtol=1e-4, atol=1e-4)
    product = cp.einsum("ij,jk->ki", cp.asarray(a), cp.asarray(b))
    np.testing.assert_allclose(product.get(), (a @ b).T, rtol=1e-4, atol=1e-4)


# ---------------------------------------------------------------- kernels of users
def test_elementwise_kernel(cp):
    kernel = cp.ElementwiseKernel(
        "T x, T y, raw T table", "T z", "z = x * y + table[i % 3]", "my_kernel"
    )
    x, y, table = (sample("f", n) for n in (100, 100, 3))
    got = kernel(*(cp.asarray(a) for a in (x, y, table))).get()
    np.testing.assert_allclose(got, x * y + table[np.arange(100) % 3], rtol=1e-6)


def test_reduction_kernel(cp):
    norm = cp.ReductionKernel("T x", "T y", "x * x", "a + b", "y = sqrt(a)", "0", "l2")
    x = sample("f", (20, 300))
    np.testing.assert_allclose(
        norm(cp.asarray(x), axis=1).get(), np.linalg.norm(x, axis=1), rtol=1e-5
    )
    np.testing.assert_allclose(norm(cp.asarray(x)).get(), np.linalg.norm(x), rtol=1e-5)


def test_fuse(cp):
    @cp.fuse
    def silu(x, y):
        return x / (1 + cp.exp(-x)) * y

    x = sample("f", (50,))
    np.testing.assert_allclose(
        silu(cp.asarray(x), cp.asarray(x)).get(), x / (1 + np.exp(-x)) * x, rtol=1e-5
    )


RAW = r"""
struct Shape { int rows, columns; float scale; };
extern "C" __global__ void scale_rows(const float* x, float* y, Shape s) {
  extern __shared__ float row[];
  for (int i = threadIdx.x; i < s.columns; i += blockDim.x) row[i] = x[blockIdx.x * s.columns + i];
  __syncthreads();
  for (int i = threadIdx.x; i < s.columns; i += blockDim.x)
    y[blockIdx.x * s.columns + i] = row[s.columns - 1 - i] * s.scale;
}
template <typename T> __global__ void twice(T* p) { p[threadIdx.x] *= 2; }
"""


@pytest.mark.gpu_sim(arch=[75, 80, 90, 120], check=[False, True])
def test_raw_module_with_struct_shared_memory_and_template(cp):
    module = cp.RawModule(
        code=RAW, options=("--std=c++17",), name_expressions=["twice<int>", "twice<double>"]
    )
    x = sample("f", (6, 70))
    shape = np.array([(6, 70, 0.5)], dtype=[("rows", "i4"), ("columns", "i4"), ("scale", "f4")])
    y = cp.zeros_like(cp.asarray(x))
    module.get_function("scale_rows")((6,), (32,), (cp.asarray(x), y, shape[0]), shared_mem=280)
    np.testing.assert_array_equal(y.get(), x[:, ::-1] * np.float32(0.5))
    for name, dtype in (("twice<int>", "i"), ("twice<double>", "d")):
        p = cp.arange(32, dtype=dtype)
        module.get_function(name)((1,), (32,), (p,))
        assert (p.get() == 2 * np.arange(32)).all()


def test_kernel_attributes(cp):
    kernel = cp.RawKernel(
        'extern "C" __global__ void __launch_bounds__(128) k(float* p) '
        "{ __shared__ float s[64]; s[threadIdx.x % 64] = p[threadIdx.x]; __syncthreads(); p[0] = s[3]; }",
        "k",
    )
    assert kernel.shared_size_bytes == 256
    assert kernel.max_threads_per_block == 128


def test_source_errors_are_the_compilers(cp):
    with pytest.raises(cp.cuda.compiler.CompileException, match="INFINITY"):
        cp.RawKernel('extern "C" __global__ void k(float* p) { *p = INFINITY; }', "k").compile()


def test_dlpack_and_cuda_array_interface(cp):
    a = cp.arange(10, dtype="f")
    b = cp.from_dlpack(a)
    b += 1
    assert a.get().tolist() == list(range(1, 11))

    class Foreign:
        __cuda_array_interface__ = a.__cuda_array_interface__

    assert cp.asarray(Foreign()).data.ptr == a.data.ptr
    with pytest.raises(TypeError, match="Implicit conversion"):
        np.asarray(a)


@pytest.mark.gpu_sim(check=True)
def test_common_operations_raise_no_false_alarm(cp):
    x = cp.asarray(sample("f", (40, 50)))
    for result in (
        x * 2 + 1,
        x.sum(axis=0),
        x.sum(),
        x.max(axis=1),
        cp.argmax(x, axis=1),
        x[cp.asarray([3, 1])],
        cp.concatenate([x, x]),
        cp.where(x > 0, x, 0),
        cp.ascontiguousarray(x.T),
        x @ x.T,
        cp.sort(x, axis=1),
        cp.exp(x).astype("e"),
    ):
        result.get()
