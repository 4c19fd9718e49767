"""What an inference costs the host on the GPU device: planning, eager runs, graph replay, and new tokens of a decoder.

    python tests/cudasim/run.py benchmarks/gpu_host_cost.py [--layers 12] [--rounds 200] [--profile]
    python benchmarks/gpu_host_cost.py      # on a real device

On the simulated device kernels are recorded and not executed, so the times are those of the host's Python, of CuPy
and of the simulation's bookkeeping (about 2 µs for a launch); they say nothing about a GPU. On a real device the
times include waiting for the kernels.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import pstats
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import ovgpu as ov

sys.path.insert(0, str(Path(__file__).parent))
import models


def recording() -> contextlib.AbstractContextManager[None]:
    """On the simulated device: kernels are recorded only. Elsewhere: nothing."""
    device = sys.modules.get("cudasim.device")
    return device.recording_only() if device is not None else contextlib.nullcontext()


def microseconds(call: Callable[[], object], rounds: int) -> float:
    """Median time of a call."""
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter_ns()
        call()
        taken.append(time.perf_counter_ns() - begun)
    return statistics.median(taken) / 1e3


@contextlib.contextmanager
def profiled(wanted: bool) -> Iterator[None]:
    """Print the functions that take most of the time of the block."""
    profile = cProfile.Profile()
    if wanted:
        profile.enable()
    yield
    if wanted:
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(15)


def main() -> None:
    parser = argparse.ArgumentParser(description="Host cost per inference on the GPU device.")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()

    if not any(name.startswith("GPU") for name in ov.Core().available_devices):
        sys.exit(
            "There is no usable GPU here; run it on the simulated device as its description says."
        )
    simulated = "cudasim.device" in sys.modules
    print("device:", "simulated, kernels are not executed" if simulated else "real")
    # Narrow layers: the records are those of BERT-base, and the weights do not take minutes to make.
    model = models.bert(layers=arguments.layers, hidden=64, heads=4, sequence=32)
    inputs = [np.ones(p.shape, p.element_type.to_dtype()) for p in model.inputs]
    with recording():
        for graphs in (False, True):
            begun = time.perf_counter()
            compiled = ov.compile_model(model, "GPU", {"OVGPU_CUDA_GRAPHS": graphs})
            request = compiled.create_infer_request()
            first = time.perf_counter()
            for _ in range(3):
                request.infer(inputs)
            count = len(_records(request))
            with profiled(arguments.profile):
                took = microseconds(
                    lambda r=request: r.infer(inputs, share_outputs=True), arguments.rounds
                )
            print(f"{'graph replay' if graphs else 'eager'}: {took:.0f} us per inference, {count} records"
                  + ("" if graphs else f", {took / max(count, 1):.1f} us per record")
                  + f" (compilation {first - begun:.2f} s)")  # fmt: skip
        decode(arguments)


def decode(arguments: argparse.Namespace) -> None:
    """A decoder with caches: every token is a new shape, whose plan is made of the one before."""
    model = models.llama(layers=arguments.layers, hidden=64, heads=4, kv_heads=2, intermediate=96)
    request = ov.compile_model(model, "GPU").create_infer_request()
    past = 0

    def token(count: int = 1) -> None:
        nonlocal past
        positions = np.arange(past, past + count)[None]
        request.infer([np.zeros((1, count), np.int64), positions, np.zeros(1, np.int32)])
        past += count

    token(8)
    for _ in range(5):
        token()
    with profiled(arguments.profile):
        took = microseconds(token, arguments.rounds)
    count = len(_records(request))
    print(
        f"decoding: {took:.0f} us per token, {took / arguments.layers:.0f} us per layer, {count} records"
    )


def _records(request: ov.InferRequest) -> list[str]:
    """Names of the records of the plan used last, the first segment and what follows."""
    segment = next(reversed(request._job.executor._roots.values()))
    names = [record.name for record in segment.records]
    while segment.children:
        segment = next(reversed(segment.children.values()))
        names += [record.name for record in segment.records]
    host = [name for name in names if name.endswith(":host")]
    if host:
        print(f"{len(host)} operations run on the host:", *sorted({n.split("_")[0] for n in host}))
    return names


if __name__ == "__main__":
    main()
