"""The static gate, and the kernels that it and the benchmark of the engine use."""

from __future__ import annotations

import pathlib
import re

import numpy
import pytest
from cudasim import gate, gate_budgets, gate_clusters, gate_sources, nvrtc
from cudasim.bench import Bench
from cudasim.gate_budgets import Budget

from ovgpu.plugins.gpu.codegen import MAX_TENSORS
from ovgpu.plugins.gpu.fusion import MAX_STEPS

HERE = pathlib.Path(__file__).parent
SOURCE = (HERE / "kernels" / "gate.cu").read_text()


@pytest.fixture(scope="module")
def rows():
    return gate.inspect(SOURCE)


def test_facts_of_every_architecture(rows):
    assert {r.arch for r in rows} == set(gate.ARCHITECTURES)
    by_name = {(r.kernel, r.arch): r for r in rows}
    for arch in gate.ARCHITECTURES:
        vectors, scalars = by_name["gate_copy_vectors", arch], by_name["gate_copy_scalars", arch]
        assert (vectors.loads_16, vectors.stores_16) == (1, 1)
        assert (scalars.loads_16, scalars.stores_16) == (0, 0)
        assert scalars.count(r"LDG") == 1
        assert by_name["gate_matrix_product", arch].tensor_core == (0 if arch == "75" else 1)
        reserved = 1024 if int(arch) >= 90 else 0  # the system's own part
        assert by_name["gate_shared_tile", arch].shared_bytes - 2 * 16 * 17 * 4 in (0, reserved)
        assert 0 < scalars.registers < 64


LIMITS = {
    "gate_copy_vectors": Budget(registers=32, loads_16=1, stores_16=1),
    "gate_copy_scalars": Budget(registers=32),
    "gate_matrix_product": Budget(registers=48, tensor_core={"75": 0, "*": 1}),
    "gate_dequantise_u4": Budget(registers=64, loads_16=1, stores_16=4),
    "gate_shared_*": Budget(registers=40, shared_bytes=2 * 16 * 17 * 4 + 1024),
}


def test_budgets_hold(rows):
    assert gate.broken_budgets(rows, LIMITS) == []


def test_broken_budgets_are_named(rows):
    strict = LIMITS | {"gate_copy_vectors": Budget(registers=1, loads_16=2)}
    broken = gate.broken_budgets((r for r in rows if r.arch == "90"), strict)
    assert len(broken) == 2
    assert broken[0].startswith("sm_90 gate_copy_vectors: registers ")
    assert "loads_16 1, expected at least 2" in broken[1]


def test_kernels_without_budget_and_budgets_without_kernel_are_named(rows):
    others = {key: budget for key, budget in LIMITS.items() if key != "gate_copy_vectors"}
    (missing,) = gate.broken_budgets(rows, others)
    assert re.fullmatch(
        r"gate_copy_vectors has no budget in gate_budgets.py; as it is now: "
        r'"gate_copy_vectors": Budget\(registers=\d+, loads_16=1, stores_16=1\)',
        missing,
    )
    assert gate.broken_budgets(rows, LIMITS | {"gone": Budget(8)}) == ["no kernel is called gone"]


def test_spills_are_seen():
    source = """
extern "C" __global__ void __launch_bounds__(1024, 2) crowded(const double* x, double* y) {
  double v[64];
  for (int i = 0; i < 64; i++) v[i] = x[i * 1024 + threadIdx.x];
  for (int r = 0; r < 3; r++)
    for (int i = 0; i < 64; i++) v[i] = v[i] * v[(i * 7 + r) % 64] + v[(i + 13) % 64];
  for (int i = 0; i < 64; i++) y[i * 1024 + threadIdx.x] = v[i];
}"""
    (row,) = gate.inspect(source, ["80"])
    assert row.spill_bytes > 0
    (sentence,) = gate.broken_budgets([row], {"crowded": Budget(255)})
    assert sentence == f"sm_80 crowded: spills {row.spill_bytes} bytes, which no kernel may"


def test_errors_of_the_compiler_are_passed_on():
    with pytest.raises(nvrtc.CompileError, match="undefined_name"):
        nvrtc.compile_cuda('extern "C" __global__ void k(float* x) { *x = undefined_name; }', "80")


def test_every_file_of_kernels_has_an_entry():
    assert sorted(gate_sources.files_of_kernels() - gate_budgets.FILES.keys()) == []


def test_the_largest_clusters_are_among_those_compiled():
    steps = gate_clusters.fused("most_steps").attributes["steps"]
    assert len(steps) == MAX_STEPS
    for name in ("most_inputs", "most_results"):
        cluster = gate_clusters.fused(name)
        assert cluster.get_input_size() + cluster.get_output_size() == MAX_TENSORS


@pytest.mark.parametrize("name", gate_budgets.FILES)
def test_the_projects_kernels_keep_their_budgets(name):
    """Every source in kernels/ and every family of generated ones, on every architecture."""
    rows = gate.inspect_file(name)
    assert {row.arch for row in rows} == set(gate.ARCHITECTURES)
    assert gate.broken_budgets(rows, gate_budgets.FILES[name].kernels) == []


# ---- the kernels that benchmarks/simulated_device.py times compute what they say
def test_dequantisation():
    bench = Bench()
    module = bench.module(cuda=SOURCE)
    groups = 1 << 10
    rng = numpy.random.default_rng(0)
    packed = rng.integers(0, 256, (groups, 16), dtype="u1")
    scale = rng.standard_normal(groups).astype("f2")
    zero = rng.integers(0, 256, groups // 2, dtype="u1")
    out = bench.empty((groups, 32), "f2")
    arguments = bench.array(packed), bench.array(scale), bench.array(zero), out, numpy.int32(groups)
    bench.launch(module, "gate_dequantise_u4", groups // 128, 128, *arguments)
    nibbles = numpy.stack([packed & 15, packed >> 4], -1).reshape(groups, 32).astype("i4")
    zeros = numpy.stack([zero & 15, zero >> 4], -1).reshape(groups, 1).astype("i4")
    assert (out.get() == (nibbles - zeros).astype("f2") * scale[:, None]).all()
    bench.close()


def test_matrix_product_in_shared_memory():
    bench = Bench()
    module = bench.module(cuda=SOURCE)
    m, n, k = 50, 40, 30
    rng = numpy.random.default_rng(0)
    a, b = rng.standard_normal((m, k)).astype("f4"), rng.standard_normal((k, n)).astype("f4")
    c = bench.empty((m, n), "f4")
    arguments = bench.array(a), bench.array(b), c, *(numpy.int32(x) for x in (m, n, k))
    bench.launch(module, "gate_shared_tile", (-(-n // 16), -(-m // 16)), (16, 16), *arguments)
    numpy.testing.assert_allclose(c.get(), a @ b, rtol=1e-4, atol=1e-4)
    bench.close()
