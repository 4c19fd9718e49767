"""Time loading IR files of about 100 MB, side by side with OpenVINO.

    python benchmarks/load_time.py [--rounds 20] [--processes 5]

*fresh*: everything up to a compiled model in a process of its own: import, ``Core()``, ``read_model``,
``compile_model`` on CPU; median over processes. *warm*: later calls, interleaved with OpenVINO's in one process.
Both are process CPU time, which a busy machine disturbs little, and wall-clock time. One thread; the files lie in the
page cache.
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
CONFIG = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}

#: Prints the CPU and wall-clock milliseconds of each stage.
_FRESH = """
import importlib, json, sys, time
clocks = [(time.process_time(), time.perf_counter())]
def done():
    clocks.append((time.process_time(), time.perf_counter()))
core = importlib.import_module(sys.argv[1]).Core(); done()
model = core.read_model(sys.argv[2]); done()
compiled = core.compile_model(model, "CPU", json.loads(sys.argv[3])); done()
print(json.dumps([[1000 * (b - a) for a, b in zip(*pair)] for pair in zip(clocks, clocks[1:])]))
"""
STAGES = ("import, Core()", "read_model", "compile_model")

Clocks = tuple[float, float]  # CPU and wall-clock milliseconds


def median(samples: list[Clocks]) -> Clocks:
    cpu, wall = zip(*samples, strict=True)
    return statistics.median(cpu), statistics.median(wall)


def fresh(path: Path, processes: int) -> dict[str, dict[str, Clocks]]:
    """Medians by stage, and of all stages together, for each package."""
    samples: dict[str, list[list[Clocks]]] = {p: [] for p in PACKAGES}
    # Installed packages have bytecode: a source tree must be allowed to write it, by the run that warms up.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    for index in range(processes + 1):
        for package in PACKAGES:
            command = [sys.executable, "-c", _FRESH, package, str(path), json.dumps(CONFIG)]
            output = subprocess.run(
                command, capture_output=True, text=True, check=True, env=environment
            ).stdout
            stages = json.loads(output)
            total = tuple(map(sum, zip(*stages, strict=True)))
            if index:
                samples[package].append([*map(tuple, stages), total])
    names = (*STAGES, "all of these")
    return {
        name: {p: median([run[i] for run in samples[p]]) for p in PACKAGES}
        for i, name in enumerate(names)
    }


def warm(calls: dict[str, Callable[[], Any]], rounds: int, warming: int = 2) -> dict[str, Clocks]:
    """Medians of the calls, made in random order, again and again in this process."""
    samples: dict[str, list[Clocks]] = {name: [] for name in calls}
    for index in range(rounds + warming):
        for name in random.sample(list(calls), len(calls)):
            cpu, wall = time.process_time(), time.perf_counter()
            result = calls[name]()
            clocks = (time.process_time() - cpu) * 1000, (time.perf_counter() - wall) * 1000
            del result  # freeing the graph is not part of loading it
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


def show(what: str, clocks: dict[str, Clocks]) -> None:
    mine, theirs = (clocks[p] for p in PACKAGES)
    print(
        f"  {what:28} {mine[0]:9.1f} {theirs[0]:9.1f} {mine[0] / theirs[0]:6.2f}"
        f" {mine[1]:11.1f} {theirs[1]:9.1f} {mine[1] / theirs[1]:6.2f}",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--processes", type=int, default=5)
    arguments = parser.parse_args()
    import openvino

    import ovgpu

    cores = {"ovgpu": ovgpu.Core(), "openvino": openvino.Core()}
    print(
        f"{'':30} {'CPU ms':>9} {'openvino':>9} {'ratio':>6} {'wall ms':>11} {'openvino':>9}  ratio"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, path in write_models(Path(folder)).items():
            size = path.with_suffix(".bin").stat().st_size / 1e6
            operations = len(cores["ovgpu"].read_model(path).get_ops())
            print(f"{name}: {size:.0f} MB, {operations} nodes")
            for stage, clocks in fresh(path, arguments.processes).items():
                show(f"fresh: {stage}", clocks)
            reading = {p: lambda c=c, path=path: c.read_model(path) for p, c in cores.items()}
            show("warm: read_model", warm(reading, arguments.rounds))
            loading = {
                p: lambda c=c, path=path: c.compile_model(path, "CPU", CONFIG)
                for p, c in cores.items()
            }
            show("warm: read and compile", warm(loading, max(arguments.rounds // 4, 1), 1))
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(main())
