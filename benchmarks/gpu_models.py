"""Models on the GPU device beside the CPU device: errors in each precision, launches, what runs on the host, memory.

    python tests/cudasim/run.py benchmarks/gpu_models.py FOLDER [NAME ...] [--precision f32 f16]
    python benchmarks/gpu_models.py FOLDER ...       # on a real device

FOLDER holds models (``.xml``, ``.onnx``, also in folders below). Inputs are those of the first case in
``ref/NAME.npz``, where that is (arrays ``c0.s{step}.in.{input name}``: one inference for each step, with the variables
that the one before left); else random, and dynamic dimensions become small. Two errors of the worst output are printed,
both against the CPU device in f32: ``largest``, the largest difference relative to the largest value, and ``norm``, the
norm of the differences relative to that of the values. A sigmoid near its steepest point makes a large difference of a
small one, in single elements: compare with the same network on the CPU whose weights alone were rounded to f16. ``inf``
says that a selection (NonMaxSuppression) took another number of elements. Records and host work, which synchronises,
are those of all plans.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import ovgpu as ov


def feeds_of(model: ov.Model, size: int) -> list[np.ndarray]:
    """Random inputs; unknown batches are 1, other unknown dimensions ``size`` or what their bounds allow."""
    random = np.random.default_rng(0)
    feeds = []
    for port in model.inputs:
        shape = []
        for axis, dim in enumerate(port.partial_shape):
            wanted = 1 if axis == 0 else size
            high = dim.get_max_length()
            low = dim.get_min_length()
            shape.append(max(low, min(wanted, high) if high >= 0 else wanted))
        dtype = port.element_type.to_dtype()
        if dtype.kind == "f":
            feeds.append(random.standard_normal(shape).astype(dtype))
        else:
            mask = any("mask" in name for name in port.names)
            feeds.append(np.ones(shape, dtype) if mask else np.zeros(shape, dtype))
    return feeds


def stored_feeds(path: Path) -> list[dict[str, np.ndarray]]:
    """Inputs by name for each step of the first case."""
    steps: dict[int, dict[str, np.ndarray]] = {}
    with np.load(path) as arrays:
        for key in arrays.files:
            case, step, kind, name = key.split(".", 3)
            if case == "c0" and kind == "in":
                steps.setdefault(int(step[1:]), {})[name] = arrays[key]
    return [feed for _, feed in sorted(steps.items())]


def errors_of(actual: Any, expected: Any) -> tuple[float, float]:
    """Largest difference relative to the largest value, and norm of the differences relative to that of the values."""
    largest = norm = 0.0
    for a, b in zip(actual.to_tuple(), expected.to_tuple(), strict=True):
        if a.shape != b.shape or (b.dtype.kind == "f" and not np.isfinite([a, b]).all()):
            return float("inf"), float("inf")
        if b.size and b.dtype.kind == "f":
            wanted = b.astype("f8").reshape(-1)
            difference = a.astype("f8").reshape(-1) - wanted
            largest = max(largest, np.abs(difference).max() / (np.abs(wanted).max() or 1.0))
            norm = max(norm, np.linalg.norm(difference) / (np.linalg.norm(wanted) or 1.0))
    return largest, norm


def records_of(request: Any) -> list[Any]:
    """Records of all plans of a request, those behind boundaries too."""
    found: list[Any] = []
    waiting = list(request._job.executor._roots.values())
    while waiting:
        segment = waiting.pop()
        found += segment.records
        waiting += segment.children.values()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Models on the GPU device beside the CPU device.")
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "names", nargs="*", help="names of files without their endings; default: all"
    )
    parser.add_argument("--precision", nargs="+", default=["f32", "f16"])
    parser.add_argument("--size", type=int, default=32, help="of dimensions that are dynamic")
    arguments = parser.parse_args()
    core = ov.Core()
    if not any(name.startswith("GPU") for name in core.available_devices):
        print("There is no usable GPU here; see the description.", file=sys.stderr)
        return 2
    print("device:", "simulated" if "cudasim.device" in sys.modules else "real")
    print(
        f"{'model':30}{'':5}{'largest':>10}{'norm':>10}{'records':>9}{'host':>6}{'weights':>12}{'arena':>12}{'s':>8}"
    )
    status = 0
    for path in sorted([*arguments.folder.rglob("*.xml"), *arguments.folder.rglob("*.onnx")]):
        if arguments.names and path.stem not in arguments.names:
            continue
        model = core.read_model(path)
        stored = arguments.folder / "ref" / f"{path.stem}.npz"
        feeds: list[Any] = (
            stored_feeds(stored) if stored.exists() else [feeds_of(model, arguments.size)]
        )
        reference = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        on_cpu = reference.create_infer_request()
        expected = [on_cpu.infer(feed, share_outputs=False) for feed in feeds]
        for precision in arguments.precision:
            begun = time.perf_counter()
            config = {"INFERENCE_PRECISION_HINT": precision, "OVGPU_CUDA_GRAPHS": False}
            try:
                compiled = core.compile_model(model, "GPU", config)
                request = compiled.create_infer_request()
                pairs = zip(feeds, expected, strict=True)
                errors = [errors_of(request.infer(feed), want) for feed, want in pairs]
            except RuntimeError as failure:
                print(f"{path.stem:30}{precision:5} {str(failure).splitlines()[0][:80]}")
                status = 1
                continue
            records = records_of(request)
            largest, norm = np.max(errors, axis=0)
            memory = compiled.get_property("OVGPU_MEMORY_STATISTICS")
            host = sum(not record.capturable for record in records)
            print(
                f"{path.stem:30}{precision:5}{largest:10.1e}{norm:10.1e}{len(records):9}{host:6}{memory['weights']:12,}"
                f"{memory['arena']:12,}{time.perf_counter() - begun:8.1f}",
                flush=True,
            )
    return status


if __name__ == "__main__":
    sys.exit(main())
