"""Launches and bytes of one inference on the GPU device, by network.

    python tests/cudasim/run.py benchmarks/gpu_launches.py [--records] [--only bert]

Counted on the simulated device, whose log says for each launch what it reads and writes in global memory. The
networks have the structure of the real ones and fewer channels, so that they are simulated in seconds. The minimum of
bytes is: each weight, input and output once, and each tensor between two launches written once and read once by each
launch that takes it.
"""

from __future__ import annotations

import argparse
import collections
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import ovgpu as ov

sys.path.insert(0, str(Path(__file__).parent))
import models

#: Most launches that each network may take, by layer where it has layers (the rest of it comes on top).
TARGETS = {"resnet50": 60, "bert": 9, "llama": 8, "llama u4": 8}


def ones(model: ov.Model, shape: tuple[int, ...]) -> list[np.ndarray]:
    return [
        np.ones(shape if p.partial_shape.is_dynamic else p.shape, p.element_type.to_dtype())
        for p in model.inputs
    ]


def records_of(request: Any) -> list[str]:
    """Names of the records of the plan that ran last, with those of the segments behind boundaries."""
    segment = next(reversed(request._job.executor._roots.values()))
    names = [record.name for record in segment.records]
    while segment.children:
        segment = next(reversed(segment.children.values()))
        names += [record.name for record in segment.records]
    return names


def count(model: ov.Model, feeds: list[list[np.ndarray]]) -> tuple[list[Any], list[str]]:
    """Launches of the inference with the last of ``feeds``, and its records."""
    from cudasim import device

    config = {"INFERENCE_PRECISION_HINT": "f32", "OVGPU_CUDA_GRAPHS": False}
    request = ov.compile_model(model, "GPU", config).create_infer_request()
    for feed in feeds[:-1]:
        request.infer(feed)
    with device.launches() as log:
        request.infer(feeds[-1])
    return log, records_of(request)


def decoding(model: ov.Model, tokens: int) -> list[list[np.ndarray]]:
    """A prompt of five tokens, then one token at a time."""
    feeds = [[np.arange(5)[None], np.arange(5)[None], np.zeros(1, np.int32)]]
    return feeds + [
        [np.array([[7]]), np.array([[5 + i]]), np.zeros(1, np.int32)] for i in range(tokens)
    ]


def bert_feeds(model: ov.Model) -> list[list[np.ndarray]]:
    return [[np.ones(p.shape, np.float32) for p in model.inputs]] * 2


def networks() -> dict[
    str, tuple[int, Callable[[int], ov.Model], Callable[[ov.Model], list[list[np.ndarray]]]]
]:
    """By name: number of layers (0: no repeated ones), the model of that many layers, its inputs."""
    return {
        "resnet50": (0, lambda _: models.resnet50(size=32), bert_feeds),
        "bert": (3, lambda n: models.bert(n, hidden=64, heads=4, sequence=32), bert_feeds),
        "llama": (3, lambda n: models.llama(n), lambda m: decoding(m, 2)),
        "llama u4": (3, lambda n: models.llama(n, group=64), lambda m: decoding(m, 2)),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Launches and bytes per inference, simulated.")
    parser.add_argument("--records", action="store_true", help="print what is launched")
    parser.add_argument("--only", help="one network")
    arguments = parser.parse_args()
    if "cudasim.device" not in sys.modules:
        print("Run it on the simulated device, as its description says.", file=sys.stderr)
        return 2
    print(
        f"{'network':12}{'launches':>10}{'per layer':>11}{'target':>8}{'MB read':>10}{'MB written':>12}"
    )
    for name, (layers, build, feeds) in networks().items():
        if arguments.only not in (None, name):
            continue
        model = build(max(layers, 1))
        log, names = count(model, feeds(model))
        per_layer = float("nan")
        if layers:
            shorter = build(layers - 1)
            per_layer = len(log) - len(count(shorter, feeds(shorter))[0])
        read, written = (
            sum(getattr(x, f) for x in log) / 1e6 for f in ("bytes_read", "bytes_written")
        )
        print(
            f"{name:12}{len(log):10}{per_layer:11.0f}{TARGETS[name]:8}{read:10.2f}{written:12.2f}",
            flush=True,
        )
        if arguments.records:
            print(*(f"    {n}" for n in names), sep="\n")
            for kernel, times in collections.Counter(x.kernel for x in log).most_common():
                print(f"  {times:4} {kernel}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
