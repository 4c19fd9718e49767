"""How fast the simulated CUDA device executes kernels (``tests/cudasim``): what bounds the size of models in tests.

    python tests/cudasim/run.py benchmarks/simulated_device.py

Processor time of this process, the best of several runs. The targets are what the project's tests need; they say
nothing about a GPU.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cupy
import numpy as np

CUDASIM = Path(__file__).resolve().parent.parent / "tests" / "cudasim"
SOURCE = (CUDASIM / "kernels" / "gate.cu").read_text()


def best_of(runs: int, function: Callable[[], object]) -> float:
    """Shortest time in seconds of this process's processor: others on the machine do not count."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def dequantisation(bench: Any, checked: int) -> float:
    """Elements per second of u4 -> f16 with a scale and a zero point per group of 32."""
    groups = 1 << (12 if checked else 15)
    rng = np.random.default_rng(0)
    packed = bench.array(rng.integers(0, 256, (groups, 16), dtype="u1"))
    scale = bench.array(rng.standard_normal(groups).astype("f2"))
    zero = bench.array(rng.integers(0, 256, groups // 2, dtype="u1"))
    out = bench.empty((groups, 32), "f2")
    module = bench.module(cuda=SOURCE)
    arguments = packed, scale, zero, out, np.int32(groups)
    seconds = best_of(
        5, lambda: bench.launch(module, "gate_dequantise_u4", groups // 128, 128, *arguments)
    )
    return groups * 32 / seconds


def shared_product(bench: Any, checked: int) -> float:
    """Multiply-adds per second of a tiled f32 product in shared memory, two barriers per tile."""
    m, n, k = (64, 64, 64) if checked else (130, 140, 150)
    rng = np.random.default_rng(0)
    a = bench.array(rng.standard_normal((m, k)).astype("f4"))
    b = bench.array(rng.standard_normal((k, n)).astype("f4"))
    c = bench.empty((m, n), "f4")
    module = bench.module(cuda=SOURCE)
    arguments = a, b, c, *(np.int32(x) for x in (m, n, k))
    grid = (-(-n // 16), -(-m // 16))
    seconds = best_of(
        5, lambda: bench.launch(module, "gate_shared_tile", grid, (16, 16), *arguments)
    )
    return m * n * k / seconds


def launch(execute: bool) -> float:
    """Seconds of one launch through CuPy: recorded only, or executed with one block of 256 threads."""
    from cudasim import device

    kernel = cupy.RawKernel(
        'extern "C" __global__ void add(float* x) { x[threadIdx.x] += 1.f; }', "add"
    )
    stream, x = cupy.cuda.Stream(non_blocking=True), cupy.zeros(256, np.float32)

    def many() -> None:
        for _ in range(200):
            kernel((1,), (256,), (x,), stream=stream)
        stream.synchronize()

    many()
    if execute:
        return best_of(5, many) / 200
    with device.recording_only():
        return best_of(5, many) / 200


def main() -> int:
    if "cudasim.device" not in sys.modules:
        print("Run it on the simulated device, as its description says.", file=sys.stderr)
        return 2
    from cudasim.bench import CHECK_ALL, Bench

    print("simulated device, processor time of one core")
    print(f"{'':44}{'plain':>12}{'checked':>12}{'target':>12}")
    for name, measure, unit, target in (
        ("u4 dequantisation, M elements/s", dequantisation, 1e6, "200"),
        ("product in shared memory, M multiply-adds/s", shared_product, 1e6, "50"),
    ):
        figures = []
        for checked in (0, CHECK_ALL):
            bench = Bench(check=checked)
            figures.append(measure(bench, checked) / unit)
            bench.close()
        print(f"{name:44}{figures[0]:12.0f}{figures[1]:12.0f}{target:>12}")
    print(
        f"{'a launch through CuPy, us (recorded only)':44}{launch(False) * 1e6:12.1f}{'':>12}{'50':>12}"
    )
    print(
        f"{'a launch through CuPy, us (256 threads)':44}{launch(True) * 1e6:12.1f}{'':>12}{'50':>12}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
