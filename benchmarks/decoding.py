"""Time the tokens of a decoder with caches on one thread, side by side with OpenVINO (f32) in one process.

    python benchmarks/decoding.py [--layers 12] [--hidden 256] [--prompt 8] [--tokens 100]

Every token is a shape that was not there before: the past is one longer. Both runtimes get the same IR and take turns,
token by token. The figure is process CPU time per token (median), which a busy machine disturbs less than wall-clock
time.
Narrow layers show what a plan for a new length costs, wide ones the arithmetic. Ranges for NVIDIA Nsight Systems are
emitted when the package nvtx is installed: ``nsys profile -t nvtx python benchmarks/decoding.py``.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # before numpy loads its BLAS
    os.environ[_name] = "1"

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import openvino

import ovgpu as ov

sys.path.insert(0, str(Path(__file__).parent))
import models
from ranges import marked


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU time per token, beside OpenVINO.")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--prompt", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=100)
    arguments = parser.parse_args()

    hidden = arguments.hidden
    model = models.llama(
        layers=arguments.layers, hidden=hidden, heads=4, kv_heads=2, intermediate=3 * hidden
    )
    config = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    exact = {"KV_CACHE_PRECISION": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.xml")
        ov.save_model(model, path, compress_to_fp16=False)
        requests = [
            package.Core().compile_model(path, "CPU", config | extra).create_infer_request()
            for package, extra in ((ov, {}), (openvino, exact))
        ]
    taken: tuple[list[float], list[float]] = ([], [])
    past, worst = 0, 0.0
    for count in [arguments.prompt] + [1] * arguments.tokens:
        feed = [
            np.full((1, count), past % 1000),
            np.arange(past, past + count)[None],
            np.zeros(1, np.int32),
        ]
        results = []
        for request, times in zip(requests, taken, strict=True):
            begun = time.process_time_ns()
            with marked("token"):
                results.append(request.infer(feed)[0].copy())
            times.append((time.process_time_ns() - begun) / 1e6)
        past += count
        worst = max(worst, float(np.abs(results[0] - results[1]).max() / np.abs(results[1]).max()))
    ours, theirs = (statistics.median(times[6:]) for times in taken)
    print(f"{arguments.layers} layers of {hidden}: {ours:.2f} ms per token")
    print(f"OpenVINO: {theirs:.2f} ms, ratio {ours / theirs:.2f}")
    print(f"largest difference {worst:.1e} of the largest value")


if __name__ == "__main__":
    main()
