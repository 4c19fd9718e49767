"""Run models on thousands of random shapes inside their bounds and show that memory stays flat.

    python benchmarks/dynamic_memory.py [--runs 10000] [--only cnn,encoder] [--device CPU]

For each model: resident memory after 200 runs and after all, the blocks allocated for the arena after the first
inference and after all, and the CPU time per run. Exits with 1 when blocks were added after the first inference or
resident memory grew by more than ``--allowed`` MiB.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # before numpy loads its BLAS
    os.environ[_name] = "1"

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import ovgpu as ov
from ovgpu import opset13 as ops

sys.path.insert(0, str(Path(__file__).parent))
import models
from ranges import marked

#: Runs after which everything that is made once is there.
SETTLED = 200

Bounds = list[tuple[int, int]]


def cnn() -> tuple[ov.Model, Bounds]:
    """Convolutions, pooling, a resize to the input's size and a skip: f32 [1..2, 3, 16..64, 16..64]."""
    bounds = [(1, 2), (3, 3), (16, 64), (16, 64)]
    random = np.random.default_rng(0)

    def weights(*shape: int) -> np.ndarray:
        return (random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    data = ops.parameter(ov.PartialShape([ov.Dimension(*b) for b in bounds]), np.float32)
    x: Any = ops.relu(ops.convolution(data, weights(8, 3, 3, 3), [1, 1], [1, 1], [1, 1], [1, 1]))
    skip = x
    x = ops.relu(ops.convolution(x, weights(16, 8, 3, 3), [2, 2], [1, 1], [1, 1], [1, 1]))
    x = ops.max_pool(x, [1, 1], [1, 1], [1, 1], [1, 1], [3, 3]).output(0)
    x = ops.convolution(x, weights(8, 16, 1, 1), [1, 1], [0, 0], [0, 0], [1, 1])
    size = ops.slice(ops.shape_of(data), np.array([2]), np.array([4]), np.array([1]), np.array([0]))
    x = ops.interpolate(x, size, "linear", "sizes", axes=np.array([2, 3]))
    x = ops.add(x, skip)
    return ov.Model([ops.reduce_mean(x, np.array([1]), False)], [data], "cnn"), bounds


def encoder() -> tuple[ov.Model, Bounds]:
    """Two layers of BERT's encoder, 64 wide: embeddings f32 [1, 1..96, 64] and a mask f32 [1, 1, 1, 1..96]."""
    return models.bert(2, 64, 4, ov.Dimension(1, 96)), [(1, 96)]


MODELS = {"cnn": cnn, "encoder": encoder}


def resident() -> float:
    """Resident memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def shapes_of(name: str, sizes: list[int]) -> list[list[int]]:
    """Input shapes of a model for sizes drawn between its bounds."""
    return [sizes] if name == "cnn" else [[1, sizes[0], 64], [1, 1, 1, sizes[0]]]


def measure(name: str, device: str, runs: int) -> tuple[float, float, int, int, float]:
    """Resident MiB after 200 runs and at the end, blocks after the first run and at the end, CPU ms per run."""
    model, bounds = MODELS[name]()
    compiled = ov.compile_model(model, device)
    request = compiled.create_infer_request()
    random = np.random.default_rng(1)
    pool = random.standard_normal(1 << 16).astype(np.float32)  # 64 K values: larger than any input

    def run() -> None:
        sizes = [int(random.integers(low, high + 1)) for low, high in bounds]
        feeds = [pool[: np.prod(s)].reshape(s) for s in shapes_of(name, sizes)]
        request.infer(dict(enumerate(feeds)))

    def blocks() -> int:
        return int(compiled.get_property("OVGPU_MEMORY_STATISTICS")["allocations"])

    run()
    first = blocks()
    for _ in range(SETTLED - 1):
        run()
    settled = resident()
    begin = time.process_time()
    with marked(f"{name} {runs} shapes"):
        for _ in range(runs - SETTLED):
            run()
    took = (time.process_time() - begin) / max(runs - SETTLED, 1) * 1000
    return settled, resident(), first, blocks(), took


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--only", default=",".join(MODELS), help="comma-separated names")
    parser.add_argument("--device", default="CPU")
    parser.add_argument("--allowed", type=float, default=4.0, help="MiB of growth that are noise")
    arguments = parser.parse_args()
    print(
        f"{'model':10} {'runs':>7} {'MiB at 200':>11} {'at the end':>11} {'blocks at 1':>12} {'at the end':>11}"
        f" {'CPU ms/run':>11}"
    )
    flat = True
    for name in arguments.only.split(","):
        settled, final, first, last, took = measure(name, arguments.device, arguments.runs)
        print(
            f"{name:10} {arguments.runs:7} {settled:11.1f} {final:11.1f} {first:12} {last:11} {took:11.2f}",
            flush=True,
        )
        flat = flat and last == first and final - settled <= arguments.allowed
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
