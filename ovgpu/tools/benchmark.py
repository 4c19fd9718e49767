"""Measure latency and throughput of a model, in the manner of OpenVINO's benchmark_app."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import ovgpu as ov
from ovgpu.tools.inputs import concrete_shape, generate, load_arrays, parse_named, port_name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="path of an .xml (IR) or .onnx file")
    parser.add_argument("-d", "--device", default="CPU", help="CPU, GPU, AUTO ... (default CPU)")
    parser.add_argument(
        "-hint", "--perf_hint", default="latency", choices=("latency", "throughput", "none")
    )
    parser.add_argument(
        "-api",
        "--api_type",
        default=None,
        choices=("sync", "async"),
        help="default: async, sync for the latency hint",
    )
    parser.add_argument(
        "-niter", "--number_iterations", type=int, help="iterations (default: as many as fit in -t)"
    )
    parser.add_argument(
        "-t", "--time", type=float, default=10.0, help="seconds to run when -niter is not given"
    )
    parser.add_argument(
        "-nireq",
        "--number_infer_requests",
        type=int,
        default=0,
        help="requests (default: what the device says)",
    )
    parser.add_argument(
        "-shape",
        default="",
        help="reshape inputs before compiling: [1,3,?,?] or name[1..8,128],other[1]",
    )
    parser.add_argument("-data_shape", default="", help="shape of the data for dynamic inputs")
    parser.add_argument(
        "-i",
        "--input",
        action="append",
        default=[],
        metavar="NAME=FILE.npy",
        help="data instead of random numbers",
    )
    parser.add_argument("-nstreams", "--number_streams", default=None, help="NUM_STREAMS")
    parser.add_argument(
        "-infer_precision", default=None, help="INFERENCE_PRECISION_HINT: f32, f16, bf16"
    )
    parser.add_argument(
        "-pc", "--perf_counts", action="store_true", help="print times of each layer"
    )
    parser.add_argument("-report", metavar="FILE.json", help="store the figures")
    parser.add_argument("-no_progress", action="store_true", help="no progress bar")


@dataclass
class Report:
    """What was measured. Times are in milliseconds, throughput in inferences a second."""

    model: str
    devices: list[str]
    read_ms: float
    compile_ms: float
    first_ms: float
    iterations: int
    requests: int
    total_ms: float
    median_ms: float
    average_ms: float
    min_ms: float
    max_ms: float
    throughput: float


class Progress:
    """A bar on standard error, drawn only on terminals."""

    def __init__(self, enabled: bool, width: int = 40) -> None:
        self._enabled = enabled and sys.stderr.isatty()
        self._width = width
        self._shown = -1

    def update(self, share: float) -> None:
        filled = int(min(share, 1.0) * self._width)
        if self._enabled and filled != self._shown:
            self._shown = filled
            sys.stderr.write(
                f"\r[{'#' * filled}{'.' * (self._width - filled)}] {min(share, 1.0):4.0%}"
            )
            sys.stderr.flush()

    def close(self) -> None:
        if self._enabled:
            sys.stderr.write("\n")


class _Limit:
    """When to stop: after a number of iterations, or a time."""

    def __init__(self, iterations: int | None, seconds: float) -> None:
        self.iterations = iterations
        self.seconds = seconds
        self.begin = time.perf_counter()

    def share(self, done: int) -> float:
        if self.iterations:
            return done / self.iterations
        return (time.perf_counter() - self.begin) / self.seconds


def _config(arguments: argparse.Namespace) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if arguments.perf_hint != "none":
        config["PERFORMANCE_HINT"] = arguments.perf_hint.upper()
    if arguments.number_streams is not None:
        config["NUM_STREAMS"] = arguments.number_streams
    if arguments.infer_precision is not None:
        config["INFERENCE_PRECISION_HINT"] = arguments.infer_precision
    if arguments.perf_counts:
        config["PERF_COUNT"] = True
    return config


def _milliseconds(begin: float) -> float:
    return (time.perf_counter() - begin) * 1000


def _feeds(arguments: argparse.Namespace, compiled: ov.CompiledModel) -> dict[int, Any]:
    random = np.random.default_rng(0)
    arrays = load_arrays(arguments.input, compiled.inputs)
    shapes = parse_named(arguments.data_shape, compiled.inputs) if arguments.data_shape else {}
    feeds: dict[int, Any] = {}
    for index, port in enumerate(compiled.inputs):
        given = next(
            (a for n, a in arrays.items() if n in port.names or n == port_name(port)), None
        )
        if given is not None:
            feeds[index] = ov.Tensor(
                np.ascontiguousarray(given.astype(port.element_type.to_dtype()))
            )
        else:
            feeds[index] = generate(port, concrete_shape(port, shapes.get(port_name(port))), random)
    return feeds


def _measure_sync(request: Any, limit: _Limit, progress: Progress) -> list[float]:
    latencies: list[float] = []
    while (share := limit.share(len(latencies))) < 1.0:
        progress.update(share)
        begin = time.perf_counter()
        request.infer()
        latencies.append(_milliseconds(begin))
    return latencies


def _measure_async(queue: ov.AsyncInferQueue, limit: _Limit, progress: Progress) -> list[float]:
    latencies: list[float] = []
    queue.set_callback(lambda request, _: latencies.append(request.latency))
    started = 0
    while (share := limit.share(started)) < 1.0:
        progress.update(share)
        queue.start_async()
        started += 1
    queue.wait_all()
    return latencies


def measure(arguments: argparse.Namespace) -> tuple[Report, Any]:
    """Compile and measure; returns the report and the request (for its profile)."""
    core = ov.Core()
    begin = time.perf_counter()
    model = core.read_model(arguments.model)
    read_ms = _milliseconds(begin)
    if arguments.shape:
        model.reshape(parse_named(arguments.shape, model.inputs))
    begin = time.perf_counter()
    compiled = core.compile_model(model, arguments.device, _config(arguments))
    compile_ms = _milliseconds(begin)
    feeds = _feeds(arguments, compiled)
    api = arguments.api_type or ("sync" if arguments.perf_hint == "latency" else "async")
    if api == "sync":
        requests = [compiled.create_infer_request()]
        queue = None
    else:
        queue = ov.AsyncInferQueue(compiled, arguments.number_infer_requests)
        requests = list(queue)
    for request in requests:
        for index, tensor in feeds.items():
            request.set_input_tensor(index, tensor)
    begin = time.perf_counter()
    requests[0].infer()
    first_ms = _milliseconds(begin)
    for request in requests[1:]:
        request.infer()
    progress = Progress(not arguments.no_progress)
    limit = _Limit(arguments.number_iterations, arguments.time)
    begin = time.perf_counter()
    latencies = (
        _measure_sync(requests[0], limit, progress)
        if queue is None
        else _measure_async(queue, limit, progress)
    )
    total_ms = _milliseconds(begin)
    progress.close()
    figures = np.array(latencies)
    report = Report(
        str(arguments.model),
        list(compiled.get_property("EXECUTION_DEVICES")),
        read_ms,
        compile_ms,
        first_ms,
        len(latencies),
        len(requests),
        total_ms,
        float(np.median(figures)),
        float(figures.mean()),
        float(figures.min()),
        float(figures.max()),
        len(latencies) / total_ms * 1000,
    )
    return report, requests[0]


def _print_profile(request: Any) -> None:
    by_type: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    print(f"\n{'layer':48} {'type':24} {'ms':>9}")
    for info in request.get_profiling_info():
        milliseconds = info.real_time.total_seconds() * 1000
        by_type[info.node_type][0] += milliseconds
        by_type[info.node_type][1] += 1
        print(f"{info.node_name[:48]:48} {info.node_type[:24]:24} {milliseconds:9.3f}")
    total = sum(t for t, _ in by_type.values()) or 1.0
    print(f"\n{'type':24} {'count':>6} {'ms':>9} {'share':>7}")
    for kind, (milliseconds, count) in sorted(by_type.items(), key=lambda item: -item[1][0]):
        print(f"{kind:24} {count:6.0f} {milliseconds:9.3f} {milliseconds / total:7.1%}")


def run(arguments: argparse.Namespace) -> int:
    report, request = measure(arguments)
    if arguments.perf_counts:
        _print_profile(request)
    print(f"model        {report.model}")
    print(f"device       {', '.join(report.devices)}, {report.requests} request(s)")
    print(f"read         {report.read_ms:.1f} ms")
    print(f"compile      {report.compile_ms:.1f} ms")
    print(f"first        {report.first_ms:.2f} ms")
    print(f"iterations   {report.iterations} in {report.total_ms:.0f} ms")
    print(
        f"latency      median {report.median_ms:.3f} ms, average {report.average_ms:.3f}, "
        f"min {report.min_ms:.3f}, max {report.max_ms:.3f}"
    )
    print(f"throughput   {report.throughput:.2f} inferences/s")
    if arguments.report:
        Path(arguments.report).write_text(json.dumps(asdict(report), indent=2) + "\n")
    return 0
