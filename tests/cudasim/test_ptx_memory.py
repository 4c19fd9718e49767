"""Loads, stores, atomics, cp.async, address spaces, module variables, calls."""

from __future__ import annotations

import struct

import ml_dtypes
import numpy
import pytest
from cudasim.bench import CHECK_ALL, Bench
from cudasim.ptx_parser import PtxError, type_bytes

HEADER = ".version 8.8\n.target sm_90\n.address_size 64\n"


@pytest.fixture(params=[0, CHECK_ALL], ids=["fast", "checked"])
def bench(request):
    found = Bench(check=request.param, seed=11 if request.param else 0)
    yield found
    assert found.reports() == ""
    found.close()


def test_loads_and_stores_of_every_width(bench):
    data = numpy.arange(64, dtype="u1") * 3 + 120
    body = []
    moves = [("u8", "b32", 1), ("s8", "b32", 1), ("u16", "b32", 2), ("s16", "b32", 2)]
    for i, (t, register, _) in enumerate(moves):  # narrow loads extend by their sign
        body.append(
            f"{{ .reg .{register} v; ld.global.{t} v, [%in+{4 * i}]; st.global.u32 [%out+{4 * i}], v; }}"
        )
    vectors = [
        "v2.u8",
        "v4.u8",
        "v2.u16",
        "v4.u16",
        "v2.u32",
        "v4.u32",
        "v2.f32",
        "v4.f32",
        "v2.u64",
        "v2.f64",
    ]
    vectors += ["v4.u64", "v8.f32"]
    position = 64
    for vector in vectors:
        count, t = int(vector[1]), vector[3:]
        size = type_bytes(t)
        kind = t if t[0] == "f" else f"b{max(16, 8 * size)}"
        names = ", ".join(f"%v{i}" for i in range(count))
        body.append(
            f"{{ .reg .{kind} %v<{count}>; ld.global.{vector} {{{names}}}, [%in];"
            f" st.global.{vector} [%out+{position}], {{{names}}}; }}"
        )
        position += 64
    ptx = (
        HEADER
        + f"""
.visible .entry k(.param .u64 a, .param .u64 b) {{
.reg .b64 %in, %out;
ld.param.u64 %in, [a];
ld.param.u64 %out, [b];
{chr(10).join(body)}
ret; }}"""
    )
    module = bench.module(ptx=ptx)
    out = bench.array(numpy.zeros(position, "u1"))
    statistics = bench.launch(module, "k", 1, 1, bench.array(data), out)
    got = out.get()
    wanted = [int(data[4 * i : 4 * i + n].view(f"{t[0].replace('s', 'i')}{n}")[0])
              for i, (t, _, n) in enumerate(moves)]  # fmt: skip
    assert got[:16].view("i4").tolist() == wanted
    total = 1 + 1 + 2 + 2
    for i, vector in enumerate(vectors):
        n = int(vector[1]) * type_bytes(vector[3:])
        assert (got[64 * (i + 1) : 64 * (i + 1) + n] == data[:n]).all(), vector
        total += n
    assert statistics.bytes_read == total


ATOMIC = {
    "add": lambda o, x, y: o + x,
    "min": lambda o, x, y: min(o, x),
    "max": lambda o, x, y: max(o, x),
    "and": lambda o, x, y: o & x,
    "or": lambda o, x, y: o | x,
    "xor": lambda o, x, y: o ^ x,
    "exch": lambda o, x, y: x,
    "cas": lambda o, x, y: y if o == x else o,
    "inc": lambda o, x, y: 0 if o >= x else o + 1,
    "dec": lambda o, x, y: x if o == 0 or o > x else o - 1,
}
ATOMIC_TYPES = [
    *[("add", t) for t in ("u32", "s32", "u64", "s64", "f32", "f64")],
    *[(op, t) for op in ("min", "max") for t in ("u32", "s32", "u64", "s64")],
    *[(op, t) for op in ("and", "or", "xor") for t in ("b32", "b64")],
    *[("exch", t) for t in ("b32", "b64")],
    *[("cas", t) for t in ("b16", "b32", "b64")],
    ("inc", "u32"),
    ("dec", "u32"),
]
SEMANTICS = ("", ".relaxed.gpu", ".acq_rel.sys", ".release.cta", ".acquire.gpu")


@pytest.mark.parametrize("space", ["global", "shared", "generic"])
def test_integer_and_float_atomics(bench, space):
    """Each old value comes back, the new one is in memory; red leaves the same memory."""
    from cudasim.opcodes import NUMPY

    rng = numpy.random.default_rng(0)
    body, wanted, inputs = [], [], bytearray()
    suffix = "" if space == "generic" else f".{space}"
    for number, (op, t) in enumerate(ATOMIC_TYPES):
        size, n = type_bytes(t), 8 * type_bytes(t)
        dtype = numpy.dtype(NUMPY[t])
        if t[0] == "f":
            old, x, y = (float(v) for v in rng.integers(-100, 100, 3) / 8)
        else:
            corners = [0, 1, 5, 2 ** (n - 1), 2**n - 1, 6]
            old, x, y = (int(rng.choice(numpy.array(corners, "u8"))) for _ in range(3))
            old, x, y = (int(numpy.array(v, f"u{size}").view(dtype)) for v in (old, x, y))
            if op == "cas" and number % 2:
                x = old
        new = ATOMIC[op](old, x, y)
        record = b"".join(numpy.array([v]).astype(dtype).tobytes().ljust(8) for v in (old, x, y))
        inputs += record
        kind = t if t[0] == "f" else f"b{n}"
        semantics = SEMANTICS[number % len(SEMANTICS)]
        third = ", y" if op == "cas" else ""
        at = 24 * number
        red = "" if op in ("exch", "cas") else f"red{semantics}{suffix}.{op}.{t} [m], x;"
        place = {"global": f"add.u64 m, %out, {at + 16};", "shared": "mov.u64 m, buffer;",
                 "generic": "mov.u64 m, buffer; cvta.shared.u64 m, m;"}[space]  # fmt: skip
        body.append(f"""{{ .reg .{kind} o, x, y, r; .reg .b64 m; {place}
            ld.global.{kind} o, [%in+{at}]; ld.global.{kind} x, [%in+{at + 8}]; ld.global.{kind} y, [%in+{at + 16}];
            st{suffix}.{kind} [m], o;
            atom{semantics}{suffix}.{op}.{t} r, [m], x{third};
            st.global.{kind} [%out+{at}], r;
            ld{suffix}.{kind} r, [m]; st.global.{kind} [%out+{at + 8}], r;
            st{suffix}.{kind} [m], o; {red}
            ld{suffix}.{kind} r, [m]; st.global.{kind} [%out+{at + 16}], r; }}""")
        after_red = old if op in ("exch", "cas") else new
        wanted.append((op, t, dtype, old, new, after_red))
    ptx = (
        HEADER
        + f"""
.visible .entry k(.param .u64 a, .param .u64 b) {{
.reg .b64 %in, %out;
.shared .align 8 .b8 buffer[8];
ld.param.u64 %in, [a];
ld.param.u64 %out, [b];
{chr(10).join(body)}
ret; }}"""
    )
    out = bench.array(numpy.zeros(24 * len(ATOMIC_TYPES), "u1"))
    bench.launch(bench.module(ptx=ptx), "k", 1, 1, bench.array(numpy.frombuffer(inputs, "u1")), out)
    raw = out.get().tobytes()
    for number, (op, t, dtype, *values) in enumerate(wanted):
        for i, value in enumerate(values):
            at = 24 * number + 8 * i
            got = numpy.frombuffer(raw[at : at + dtype.itemsize], dtype)[0]
            with numpy.errstate(over="ignore"):
                assert got == numpy.array(value % 2**64 if t[0] != "f" else value).astype(dtype), (
                    op,
                    t,
                    i,
                )


@pytest.mark.parametrize("t", ["f16", "bf16", "f16x2", "bf16x2"])
def test_half_atomics(bench, t):
    dtype = numpy.dtype("f2") if t.startswith("f16") else numpy.dtype(ml_dtypes.bfloat16)
    pair = t.endswith("x2")
    kind = "b32" if pair else "b16"
    ptx = (
        HEADER
        + f"""
.visible .entry k(.param .u64 a, .param .u64 b) {{
.reg .b64 %in, %out; .reg .{kind} %x, %r;
ld.param.u64 %in, [a]; ld.param.u64 %out, [b];
ld.global.{kind} %x, [%in];
atom.global.add.noftz.{t} %r, [%out], %x;
atom.global.add.noftz.{t} %r, [%out], %x;
red.relaxed.gpu.global.add.noftz.{t} [%out], %r;
ret; }}"""
    )
    start, x = numpy.array([1.5, -2.25], dtype), numpy.array([0.25, 3.0], dtype)
    out = bench.array(start.view("u2"))
    bench.launch(bench.module(ptx=ptx), "k", 1, 1, bench.array(x.view("u2")), out)
    wanted = start + x + x + (start + x)
    got = out.get().view(dtype)
    assert got[0] == wanted[0]
    assert got[1] == (wanted[1] if pair else start[1])


def test_local_constant_and_generic_memory(bench):
    source = """
__constant__ float table[8] = {1, 2, 4, 8, 16, 32, 64, 128};
__device__ int counter = 40;
__device__ int* where = &counter;
__device__ float sums[4];
__device__ __noinline__ float pick(const float* p, int i) { return p[i]; }  // generic pointer
extern "C" __global__ void k(float* out, const int* index, int n) {
  __shared__ float s[32];
  float local[8];
  int t = threadIdx.x;
  for (int i = 0; i < 8; i++) local[i] = table[i] * (t + 1);
  s[t] = t * 100.f;
  __syncthreads();
  out[t] = pick(local, index[t]) + pick(s, 31 - t) + pick(table, index[t]) + pick(out + 64, t);
  if (t == 0) atomicAdd(where, 2);
  sums[t & 3] = 0; // four threads... all write the same value: made race-free below
}
"""
    source = source.replace("sums[t & 3] = 0; // four threads... all write the same value: made race-free below",
                            "if (t < 4) sums[t] = t;")  # fmt: skip
    module = bench.module(cuda=source)
    index = numpy.arange(32, dtype="i4") % 8
    out = bench.array(numpy.arange(96, dtype="f4"))
    bench.launch(module, "k", 1, 32, out, bench.array(index), numpy.int32(3))
    t, table = numpy.arange(32), 2.0 ** numpy.arange(8)
    wanted = table[index] * (t + 1) + (31 - t) * 100 + table[index] + 64 + t
    assert (out.get()[:32] == wanted).all()
    assert module.variables["counter"].get().view("i4")[0] == 42
    assert module.variables["sums"].get().view("f4").tolist() == [0, 1, 2, 3]
    (address,) = struct.unpack("<Q", module.variables["where"].get().tobytes())
    assert address == module.variables["counter"].address


def test_functions_and_recursion(bench):
    source = """
struct Pair { double a; int b; };
__device__ __noinline__ Pair both(double x, int n) { return {x * n, n + 1}; }
__device__ __noinline__ int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
struct Shape { __device__ virtual float area(float x) const = 0; };
struct Square : Shape { __device__ float area(float x) const override { return x * x; } };
struct Circle : Shape { __device__ float area(float x) const override { return 3 * x * x; } };
extern "C" __global__ void k(double* out, int* numbers, float* areas) {
  int t = threadIdx.x;
  Pair p = both(1.5, t);
  out[t] = p.a + p.b;
  numbers[t] = fibonacci(t % 12);
  Square square; Circle circle;
  const Shape* shape = t % 2 ? (const Shape*)&square : &circle;
  areas[t] = shape->area(t);
}
extern "C" __global__ void sine(double* x) { x[threadIdx.x] = sin(x[threadIdx.x]); }
"""
    module = bench.module(cuda=source)
    out, numbers, areas = bench.empty(32, "f8"), bench.empty(32, "i4"), bench.empty(32, "f4")
    bench.launch(module, "k", 1, 32, out, numbers, areas)
    t = numpy.arange(32)
    assert (out.get() == 1.5 * t + t + 1).all()
    fibonacci = [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89]
    assert numbers.get().tolist() == [fibonacci[i % 12] for i in range(32)]
    assert (areas.get() == numpy.where(t % 2, t * t, 3 * t * t)).all()
    x = numpy.concatenate([numpy.linspace(-5, 5, 28), [1e5, 1e15, 1e300, 0.0]])
    device_x = bench.array(x)
    bench.launch(module, "sine", 1, 32, device_x)  # large arguments take the slow path, a .func
    numpy.testing.assert_allclose(device_x.get(), numpy.sin(x), rtol=1e-14, atol=1e-15)


def test_switch_and_printf(bench, capfd):
    source = r"""
extern "C" __global__ void k(int* out, int n) {
  int t = threadIdx.x, v = 0;
  switch (t) { case 0: v = 5; break; case 1: v = n; break; case 2: v = n * n; break;
               case 3: v = -1; break; case 4: v = n / 3; break; case 5: v = 77; break; case 6: out[31] = 9; }
  out[t] = v;
  if (t == 3) printf("%d %s %.2f %5lld|%%\n", v, "text", 1.25, 1234567890123ll);
}"""
    out = bench.array(numpy.zeros(32, "i4"))
    bench.launch(bench.module(cuda=source), "k", 1, 8, out, numpy.int32(10))
    assert out.get()[:8].tolist() == [5, 10, 100, -1, 3, 77, 0, 0]
    assert out.get()[31] == 9
    assert capfd.readouterr().out == "-1 text 1.25 1234567890123|%\n"


CP_ASYNC = """
__device__ __forceinline__ unsigned at(const void* p) { return (unsigned)__cvta_generic_to_shared(p); }
extern "C" __global__ void k(const float4* in, float4* out, int n) {
  __shared__ float4 ring[2][32];
  int t = threadIdx.x;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" :: "r"(at(&ring[0][t])), "l"(in + t));
  asm volatile("cp.async.commit_group;");
  for (int i = 0; i < n; i++) {
    if (i + 1 < n) {
      int bytes = i + 2 == n ? 8 : 16;  // the last tile is half empty: the rest is filled with zeros
      asm volatile("cp.async.ca.shared.global.L2::128B [%0], [%1], 16, %2;"
                   :: "r"(at(&ring[(i + 1) & 1][t])), "l"(in + (i + 1) * 32 + t), "r"(bytes));
    }
    asm volatile("cp.async.commit_group;");
    asm volatile("cp.async.wait_group 1;");
    __syncthreads();
    out[i * 32 + t] = ring[i & 1][31 - t];
    __syncthreads();
  }
}
"""


def test_asynchronous_copies(bench):
    n = 5
    data = numpy.random.default_rng(0).standard_normal((n, 32, 4)).astype("f4")
    out = bench.empty((n, 32, 4), "f4")
    statistics = bench.launch(
        bench.module(cuda=CP_ASYNC), "k", 1, 32, bench.array(data), out, numpy.int32(n)
    )
    wanted = data[:, ::-1].copy()
    wanted[-1, :, 2:] = 0
    assert (out.get() == wanted).all()
    assert statistics.bytes_read == data.nbytes - 32 * 8
    assert statistics.bytes_written == data.nbytes


def test_asynchronous_copy_happens_at_the_wait():
    """Code that reads before the wait sees what was there before."""
    source = CP_ASYNC.replace("cp.async.wait_group 1;", "cp.async.wait_group 4;")
    bench = Bench()
    data = numpy.ones((1, 32, 4), "f4")
    out = bench.empty((1, 32, 4), "f4")
    bench.launch(bench.module(cuda=source), "k", 1, 32, bench.array(data), out, numpy.int32(1))
    assert numpy.isnan(out.get()).all()
    bench.close()


def test_address_spaces(bench):
    ptx = (
        HEADER
        + """
.global .align 4 .u32 variable;
.visible .entry k(.param .u64 b) {
.reg .b64 %out, %g, %s, %l; .reg .pred %p; .reg .b32 %r;
.shared .align 4 .b8 array[16];
.local .align 4 .b8 depot[16];
ld.param.u64 %out, [b];
mov.u64 %g, variable; cvta.global.u64 %g, %g;
mov.u64 %s, array; cvta.shared.u64 %s, %s;
mov.u64 %l, depot; cvta.local.u64 %l, %l;
"""
        + "\n".join(
            f"isspacep.{space} %p, %{r}; selp.b32 %r, 1, 0, %p; st.global.u32 [%out+{4 * (3 * i + j)}], %r;"
            for i, space in enumerate(("global", "shared", "local"))
            for j, r in enumerate("gsl")
        )
        + "\nret; }"
    )
    out = bench.empty(9, "u4")
    bench.launch(bench.module(ptx=ptx), "k", 1, 1, out)
    assert (out.get().reshape(3, 3) == numpy.eye(3)).all()


@pytest.mark.parametrize(
    "instruction",
    [
        "tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [%r1], 32;",
        "wgmma.fence.sync.aligned;",
        "add.rn.sat.s32 %r1, %r1, %r1;",
        "ld.global.b32.unknown %r1, [%rd1];",
        "mma.sync.aligned.m16n8k16.row.row.f32.f16.f16.f32 {%r1}, {%r1}, {%r1}, {%r1};",
        "atom.global.add.u16 %r1, [%rd1], %r1;",
        "cvt.f16.f32 %r1, %r1;",
        "shfl.down.b32 %r1, %r1, 1, 31;",
        "mov.u32 %r1, %unknown;",
    ],
)
def test_unknown_instructions_are_refused_by_name(instruction):
    ptx = (
        HEADER + ".visible .entry k() { .reg .b32 %r1; .reg .b64 %rd1;\n" + instruction + "\nret; }"
    )
    with pytest.raises(PtxError, match="PTX line 5") as error:
        Bench().module(ptx=ptx)
    assert instruction.split()[0].rstrip(";") in str(error.value)


def test_missing_compiler_is_named(monkeypatch):
    from cudasim import kernel_builder

    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    kernel_builder.compiler.cache_clear()
    with pytest.raises(kernel_builder.CompilerMissing, match="install"):
        kernel_builder.build_image(HEADER + f".visible .entry k() {{ ret; }} // {id(object())}")
    kernel_builder.compiler.cache_clear()
