"""What needs a real GPU, in one command: the GPU tests, ceilings of the device, models beside other runtimes.

    python benchmarks/hardware.py [--skip-tests] [--rounds 50] [--model FILE.onnx ...]

Prints the device, its measured ceilings (copy bandwidth, products of large matrices) and one table. Other runtimes
take part when they are installed: onnxruntime-gpu for ONNX files (those of the packages nudenet and rapidocr-
onnxruntime are taken when installed), torch and torchvision for networks of the same shape. Exits with status 2
without a GPU, 1 when tests fail.

Profiles, with NVTX ranges of models, requests and operations (domain ``ovgpu``; eager runs only, so graphs off):

    nsys profile -t cuda,nvtx python benchmarks/hardware.py --skip-tests --no-graphs
    ncu --set basic -k regex:. -c 200 python benchmarks/hardware.py --skip-tests --no-graphs --rounds 1
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import ovgpu as ov

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
import models

#: Files of models inside packages that may be installed.
PACKAGED = (("nudenet", "320n.onnx"), ("rapidocr_onnxruntime", "models/ch_PP-OCRv4_det_infer.onnx"))

Row = tuple[str, str, float]


def no_gpu(simulated_allowed: bool) -> str | None:
    """Why nothing can be measured here, or None."""
    from ovgpu.plugins.gpu.device import usable_devices

    indices, reason = usable_devices()
    if not indices:
        return reason
    if "cudasim.device" in sys.modules and not simulated_allowed:
        return "the device is simulated"
    return None


def milliseconds(call: Callable[[], object], rounds: int) -> float:
    """Median wall-clock time of a call that returns when its results are there; three calls warm up."""
    for _ in range(3):
        call()
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * 1e3


def print_device(size: int, rounds: int) -> None:
    """Name, and what the device reaches with the simplest kernels."""
    import cupy

    from ovgpu.plugins.gpu.device import device_info

    info = device_info(0)
    print(f"{info.name}, compute capability {info.capability}, {info.memory_bytes / 2**30:.0f} GiB")

    def ended(call: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            call()
            cupy.cuda.Device().synchronize()

        return run

    source = cupy.ones(size * size * 16, np.float32)
    target = cupy.empty_like(source)
    took = milliseconds(ended(lambda: cupy.copyto(target, source)), rounds)
    print(f"copy: {2 * source.nbytes / took / 1e6:,.0f} GB/s")
    for dtype in (np.float32, np.float16):
        a = cupy.ones((size, size), dtype)
        took = milliseconds(ended(lambda a=a: a @ a), rounds)
        print(f"product, {np.dtype(dtype).name}: {2 * size**3 / took / 1e9:,.1f} TFLOP/s")


def time_ovgpu(name: str, model: Any, rounds: int, graphs: bool) -> list[Row]:
    """A model in both precisions, with inputs on the host."""
    rows = []
    for precision in ("f32", "f16"):
        config = {"INFERENCE_PRECISION_HINT": precision, "OVGPU_CUDA_GRAPHS": graphs}
        request = ov.compile_model(model, "GPU", config).create_infer_request()
        feeds = [_values(p.shape, p.element_type.to_dtype()) for p in request.model_inputs]
        took = milliseconds(lambda r=request, f=feeds: r.infer(f, share_outputs=True), rounds)
        rows.append((name, f"ovgpu {precision}", took))
    return rows


def _values(shape: Any, dtype: Any) -> np.ndarray:
    return np.random.default_rng(0).random(tuple(shape)).astype(dtype)


def time_onnxruntime(name: str, path: Path, shape: list[int], rounds: int) -> list[Row]:
    """The same file in ONNX Runtime with its CUDA provider; no row when that is not installed."""
    if importlib.util.find_spec("onnxruntime") is None:
        return []
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return []
    session = onnxruntime.InferenceSession(str(path), providers=["CUDAExecutionProvider"])
    feed = {session.get_inputs()[0].name: _values(shape, np.float32)}
    return [(name, "onnxruntime f32", milliseconds(lambda: session.run(None, feed), rounds))]


def time_torch(name: str, rounds: int) -> list[Row]:
    """A network of the same shape in PyTorch; no row when it is not installed or sees no GPU."""
    if importlib.util.find_spec("torch") is None:
        return []
    import torch

    if not torch.cuda.is_available():
        return []
    if name == "bert":
        layer = torch.nn.TransformerEncoderLayer(768, 12, 3072, activation="gelu", batch_first=True)
        network, shape = torch.nn.TransformerEncoder(layer, 12), (1, 128, 768)
    elif importlib.util.find_spec("torchvision") is not None:
        import torchvision

        network, shape = torchvision.models.resnet50(), (1, 3, 224, 224)
    else:
        return []
    rows = []
    for label, dtype in (("f32", torch.float32), ("f16", torch.float16)):
        on_device = network.eval().to("cuda", dtype)
        host = torch.rand(shape, dtype=dtype)

        def run(on_device: Any = on_device, host: Any = host) -> Any:
            with torch.inference_mode():
                return on_device(host.cuda()).cpu()

        rows.append((name, f"torch {label}", milliseconds(run, rounds)))
    return rows


def packaged_models(given: list[str]) -> list[Path]:
    """ONNX files to time: those named, and those of installed packages."""
    found = [Path(name) for name in given]
    for package, name in PACKAGED:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.submodule_search_locations:
            path = Path(next(iter(spec.submodule_search_locations)), name)
            found += [path] if path.exists() else []
    return found


def time_file(path: Path, rounds: int, graphs: bool) -> list[Row]:
    """An ONNX image model with one input; dynamic sizes become a batch of one 320 x 320 image."""
    model = ov.Core().read_model(path)
    rank = (1, 3, 320, 320)
    shape = [
        d.get_length() if d.is_static else rank[i]
        for i, d in enumerate(model.input().partial_shape)
    ]
    model.reshape(shape)
    name = path.stem
    return time_ovgpu(name, model, rounds, graphs) + time_onnxruntime(name, path, shape, rounds)


def print_table(rows: list[Row]) -> None:
    """One line per model and runtime."""
    print(f"\n{'model':32}{'runtime':20}{'ms':>10}")
    for name, runtime, took in rows:
        print(f"{name:32}{runtime:20}{took:10.3f}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Tests and timings on a real GPU.")
    parser.add_argument("--skip-tests", action="store_true")
    parser.add_argument("--no-graphs", action="store_true", help="run eagerly, for profilers")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--model", action="append", default=[], help="an ONNX file with one input")
    parser.add_argument(
        "--simulated", action="store_true", help="check this script itself, with tiny models"
    )
    arguments = parser.parse_args()
    reason = no_gpu(arguments.simulated)
    if reason is not None:
        print(f"Nothing was measured, there is no GPU: {reason}", file=sys.stderr)
        return 2
    graphs, rounds = not arguments.no_graphs, arguments.rounds
    print_device(64 if arguments.simulated else 4096, rounds)
    status = 0
    if not arguments.skip_tests:
        command = [sys.executable, "-m", "pytest", "-m", "gpu_sim", "tests"]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
    if arguments.simulated:
        print_table(time_ovgpu("tiny_chain", models.tiny_chain(2), rounds, graphs))
        return int(status != 0)
    rows = time_ovgpu("resnet50", models.resnet50(), rounds, graphs) + time_torch(
        "resnet50", rounds
    )
    rows += time_ovgpu("bert", models.bert(), rounds, graphs) + time_torch("bert", rounds)
    for path in packaged_models(arguments.model):
        rows += time_file(path, rounds, graphs)
    print_table(rows)
    return int(status != 0)


if __name__ == "__main__":
    sys.exit(main())
