"""Time ``Core.read_model`` of IR files of about 100 MB, side by side with OpenVINO.

    python benchmarks/load_time.py [--rounds 40] [--processes 7] [--compile]

*first*: the first call in a process of its own, after the package was imported and a Core made, median over processes.
*warm*: later calls, interleaved with OpenVINO's in one process, median over rounds. Both are process CPU time, which a
busy machine disturbs little, and wall-clock time; the files lie in the page cache.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # before numpy loads its BLAS
    os.environ[_name] = "1"

PACKAGES = ("ovgpu", "openvino")

#: One call in a fresh process; prints CPU and wall-clock milliseconds of the import and of the call.
_FRESH = """
import importlib, json, sys, time
def clocks():
    return time.process_time() * 1000, time.perf_counter() * 1000
start = clocks()
core = importlib.import_module(sys.argv[1]).Core()
middle = clocks()
model = core.read_model(sys.argv[2])
end = clocks()
print(json.dumps([b - a for a, b in zip(middle, end)] + [b - a for a, b in zip(start, middle)]))
"""

Clocks = tuple[float, float]  # CPU and wall-clock milliseconds


def timed(call: Callable[[], Any]) -> Clocks:
    cpu, wall = time.process_time(), time.perf_counter()
    result = call()
    clocks = (time.process_time() - cpu) * 1000, (time.perf_counter() - wall) * 1000
    del result  # freeing the graph is not part of reading it
    return clocks


def median(samples: list[Clocks]) -> Clocks:
    cpu, wall = zip(*samples, strict=True)
    return statistics.median(cpu), statistics.median(wall)


def first_calls(path: Path, processes: int) -> dict[str, Clocks]:
    """Reading ``path`` for the first time in a process, for each package."""
    samples: dict[str, list[Clocks]] = {p: [] for p in PACKAGES}
    for _ in range(processes):
        for package in PACKAGES:
            command = [sys.executable, "-c", _FRESH, package, str(path)]
            output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            cpu, wall, *_ = json.loads(output)
            samples[package].append((cpu, wall))
    return {p: median(s) for p, s in samples.items()}


def warm_calls(
    calls: dict[str, Callable[[], Any]], rounds: int, warming: int = 3
) -> dict[str, Clocks]:
    """The calls in random order, again and again in this process."""
    samples: dict[str, list[Clocks]] = {name: [] for name in calls}
    for index in range(rounds + warming):
        for name in random.sample(list(calls), len(calls)):
            clocks = timed(calls[name])
            if index >= warming:
                samples[name].append(clocks)
    return {name: median(s) for name, s in samples.items()}


def write_models(folder: Path) -> dict[str, Path]:
    import models

    import ovgpu as ov

    built = {
        "resnet50": models.resnet50(),
        "bert_24_layers": models.bert(layers=24, hidden=288, heads=12),
    }
    paths = {}
    for name, model in built.items():
        paths[name] = folder / f"{name}.xml"
        ov.save_model(model, paths[name], compress_to_fp16=False)
    return paths


def show(name: str, what: str, clocks: dict[str, Clocks]) -> None:
    mine, theirs = (clocks[p] for p in PACKAGES)
    print(
        f"{name:16} {what:16} {mine[0]:9.1f} {theirs[0]:9.1f} {mine[0] / theirs[0]:6.2f}"
        f" {mine[1]:11.1f} {theirs[1]:9.1f} {mine[1] / theirs[1]:6.2f}",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--processes", type=int, default=7)
    parser.add_argument("--compile", action="store_true", help="time compile_model on CPU as well")
    arguments = parser.parse_args()
    import openvino

    import ovgpu

    cores = {"ovgpu": ovgpu.Core(), "openvino": openvino.Core()}
    print(
        f"{'':33} {'CPU ms':>9} {'openvino':>9} {'ratio':>6} {'wall ms':>11} {'openvino':>9} ratio"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, path in write_models(Path(folder)).items():
            size = path.with_suffix(".bin").stat().st_size / 1e6
            operations = len(cores["ovgpu"].read_model(path).get_ops())
            print(f"{name}: {size:.0f} MB, {operations} nodes")
            show(name, "first read_model", first_calls(path, arguments.processes))
            reading = {p: lambda c=c, path=path: c.read_model(path) for p, c in cores.items()}
            show(name, "warm read_model", warm_calls(reading, arguments.rounds))
            if arguments.compile:
                models = {p: c.read_model(path) for p, c in cores.items()}
                compiling = {
                    p: lambda c=c, m=models[p]: c.compile_model(m, "CPU") for p, c in cores.items()
                }
                show(name, "compile_model", warm_calls(compiling, 5, 1))
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(main())
