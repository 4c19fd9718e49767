"""Launches and bytes of one inference on the GPU device, by network.

    python tests/cudasim/run.py benchmarks/gpu_launches.py [--records] [--only bert]

Counted on the simulated device, whose log says for each launch which 32-byte sectors of global memory it reads and
writes: what a device moves when its caches do their work inside a launch. The networks have the structure of the real
ones and fewer channels, so that they are simulated in seconds. The minimum of bytes is: each weight and input that is
needed read once, each output written once, and each tensor between two launches written once and read once, however
many launches read it.
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


def segments_of(request: Any) -> list[Any]:
    """The segments of the plan that ran last."""
    segments = [next(reversed(request._job.executor._roots.values()))]
    while segments[-1].children:
        segments.append(next(reversed(segments[-1].children.values())))
    return segments


def least_bytes(request: Any) -> int:
    """Bytes that the launches of the plan have to move."""
    executor = request._job.executor
    program, total, read = executor.program, 0, set()
    for segment in segments_of(request):
        running = {r.instruction for r in segment.records if r.instruction >= 0}
        for index in running:
            instruction = program.instructions[index]
            written = sum(segment.tensors[n].nbytes for n in instruction.outputs)
            total += written
            for number in instruction.inputs:
                tensor = executor.tensor(segment, number)
                source = _source(program, running, number)
                if source not in read and tensor.known is None:
                    read.add(source)
                    gathers = instruction.node.get_type_name() == "Gather"
                    total += min(tensor.nbytes, written) if gathers else tensor.nbytes
    return total


def _source(program: Any, running: set[int], number: int) -> int:
    """The tensor that ``number`` is another shape of."""
    producer = program.producers.get(number)
    while producer is not None and program.instructions.index(producer) not in running:
        source = producer.inputs[0] if producer.inputs else -1
        if source < 0 or len(producer.outputs) > 1 or producer.node.get_type_name() in _OTHER_BYTES:
            break
        number, producer = source, program.producers.get(source)
    return number


#: Views that are not all of their source.
_OTHER_BYTES = ("Slice", "StridedSlice", "Broadcast", "KeyValueCache", "ReadValue", "Gather")


def count(model: ov.Model, feeds: list[list[np.ndarray]]) -> tuple[list[Any], list[str], int, int]:
    """The inference with the last of ``feeds``: launches, records, bytes moved, and the least bytes."""
    from cudasim import device, install

    assert "GPU.0" in ov.Core().available_devices  # asking for it makes the simulated device
    install.configure(check=True)
    device.configure_checks(device.CHECK_TRAFFIC)

    config = {"INFERENCE_PRECISION_HINT": "f32", "OVGPU_CUDA_GRAPHS": False}
    request = ov.compile_model(model, "GPU", config).create_infer_request()
    for feed in feeds[:-1]:
        request.infer(feed)
    with device.launches() as log, device.counting() as counters:
        request.infer(feeds[-1])
    moved = sum(x.distinct_read + x.distinct_written for x in log) + 2 * counters["bytes_d2d"]
    names = [record.name for segment in segments_of(request) for record in segment.records]
    return log, names, moved, least_bytes(request)


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
        f"{'network':12}{'launches':>10}{'per layer':>11}{'target':>8}{'MB moved':>10}{'least':>8}{'ratio':>7}"
    )
    for name, (layers, build, feeds) in networks().items():
        if arguments.only not in (None, name):
            continue
        model = build(max(layers, 1))
        log, names, moved, least = count(model, feeds(model))
        per_layer = float("nan")
        if layers:
            shorter = build(layers - 1)
            per_layer = len(log) - len(count(shorter, feeds(shorter))[0])
        print(
            f"{name:12}{len(log):10}{per_layer:11.0f}{TARGETS[name]:8}{moved / 1e6:10.2f}{least / 1e6:8.2f}"
            f"{moved / least:7.2f}",
            flush=True,
        )
        if arguments.records:
            print(*(f"    {n}" for n in names), sep="\n")
            for kernel, times in collections.Counter(x.kernel for x in log).most_common():
                own = [x for x in log if x.kernel == kernel]
                read, written = (
                    sum(getattr(x, f"distinct_{way}") for x in own) / 1e6
                    for way in ("read", "written")
                )
                print(f"  {times:4} {kernel:36} {read:8.3f} MB read {written:8.3f} MB written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
