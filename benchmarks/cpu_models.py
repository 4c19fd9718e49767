"""Time whole models on one thread, side by side with OpenVINO (f32) in one process.

    python benchmarks/cpu_models.py [--rounds 30] [--only resnet50,bert] [--model FILE --shape 1,3,640,640]

Both runtimes get the same IR and preset inputs; their runs are interleaved in random order. The figure is process CPU
time per inference (median), which a busy machine disturbs less than wall-clock time. Ranges for NVIDIA Nsight Systems
are emitted when the package nvtx is installed: ``nsys profile -t nvtx python benchmarks/cpu_models.py``.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # before numpy loads its BLAS
    os.environ[_name] = "1"

import argparse
import importlib.util
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino

import ovgpu as ov

sys.path.insert(0, str(Path(__file__).parent))
import models
from ranges import marked

#: Ratio to OpenVINO that each model should reach.
GOALS = {
    "resnet50": 1.5,
    "bert": 1.4,
    "nudenet_yolov8n": 2.5,
    "ppocr_v4_det": 2.5,
    "tiny_chain": 4.0,
}


def package_file(package: str, *parts: str) -> Path | None:
    """A file inside an installed package, or None when it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(next(iter(spec.submodule_search_locations)), *parts)
    return path if path.exists() else None


def candidates() -> dict[str, tuple[Callable[[], ov.Model | Path] | None, list[list[int]] | None]]:
    """Name -> (builder or file, input shapes)."""
    nudenet = package_file("nudenet", "320n.onnx")
    det = package_file("rapidocr_onnxruntime", "models", "ch_PP-OCRv4_det_infer.onnx")
    return {
        "resnet50": (models.resnet50, None),
        "bert": (models.bert, None),
        "nudenet_yolov8n": ((lambda: nudenet) if nudenet else None, [[1, 3, 320, 320]]),
        "ppocr_v4_det": ((lambda: det) if det else None, [[1, 3, 320, 320]]),
        "tiny_chain": (models.tiny_chain, None),
    }


def compare(
    name: str, path: Path, shapes: list[list[int]] | None, rounds: int
) -> tuple[float, float, float]:
    """CPU milliseconds of ovgpu and of OpenVINO, and the largest difference relative to the largest value."""
    config = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": 1,
        "PERFORMANCE_HINT": "LATENCY",
    }
    requests = []
    for package in (ov, openvino):
        core = package.Core()
        model = core.read_model(path)
        if shapes is not None:
            model.reshape({i: package.PartialShape(s) for i, s in enumerate(shapes)})
        extra = {"DYNAMIC_QUANTIZATION_GROUP_SIZE": 0} if package is openvino else {}
        requests.append(
            core.compile_model(model, "CPU", {**config, **extra}).create_infer_request()
        )
    generator = np.random.default_rng(0)
    for index, port in enumerate(requests[0].model_inputs):
        data = generator.random(list(port.shape), np.float32)
        for package, request in zip((ov, openvino), requests, strict=True):
            request.set_input_tensor(index, package.Tensor(data.copy()))
    for request in requests:
        for _ in range(3):
            request.infer()
    worst = 0.0
    for mine, theirs in zip(requests[0].output_tensors, requests[1].output_tensors, strict=True):
        scale = float(np.abs(theirs.data).max()) or 1.0
        worst = max(worst, float(np.abs(mine.data - theirs.data).max()) / scale)
    times: list[list[float]] = [[], []]
    order = [0, 1]
    for _ in range(rounds):
        random.shuffle(order)
        for which in order:
            with marked(f"{name} {('ovgpu', 'openvino')[which]}"):
                begin = time.process_time()
                requests[which].infer()
                times[which].append((time.process_time() - begin) * 1000)
    return statistics.median(times[0]), statistics.median(times[1]), worst


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--only", default="", help="comma-separated names")
    parser.add_argument("--model", help="a model file of your own")
    parser.add_argument(
        "--shape", action="append", help="its input shapes, one option for each input: 1,3,640,640"
    )
    arguments = parser.parse_args()
    chosen = candidates()
    if arguments.model:
        given = (
            [[int(n) for n in s.split(",")] for s in arguments.shape] if arguments.shape else None
        )
        chosen = {Path(arguments.model).stem: (lambda: Path(arguments.model), given)}
    elif arguments.only:
        chosen = {n: chosen[n] for n in arguments.only.split(",")}
    print(
        f"{'model':20} {'ovgpu ms':>10} {'openvino ms':>12} {'ratio':>7} {'goal':>6} {'difference':>11}"
    )
    for name, (build, shapes) in chosen.items():
        if build is None:
            print(f"{name:20} not measured: the package that carries it is not installed")
            continue
        with tempfile.TemporaryDirectory() as folder:
            made = build()
            path = made if isinstance(made, Path) else Path(folder, f"{name}.xml")
            if not isinstance(made, Path):
                ov.save_model(made, path, compress_to_fp16=False)
            mine, theirs, worst = compare(name, path, shapes, arguments.rounds)
        goal = f"{GOALS[name]:.1f}" if name in GOALS else ""
        print(
            f"{name:20} {mine:10.2f} {theirs:12.2f} {mine / theirs:7.2f} {goal:>6} {worst:11.1e}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
