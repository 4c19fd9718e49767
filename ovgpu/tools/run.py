"""Run a model once on .npy files (or generated data) and print a summary of each output, or store them."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import ovgpu as ov
from ovgpu.tools.inputs import concrete_shape, generate, load_arrays, parse_named, port_name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="path of an .xml (IR) or .onnx file")
    parser.add_argument(
        "--input",
        "-i",
        action="append",
        default=[],
        metavar="NAME=FILE.npy",
        help="data for an input",
    )
    parser.add_argument(
        "--shape",
        default="",
        help="shape of generated data for inputs without a file: name[1,3,8,8]",
    )
    parser.add_argument(
        "--device", "-d", default="AUTO", help="CPU, GPU, GPU.1, AUTO ... (default AUTO)"
    )
    parser.add_argument(
        "--output", "-o", metavar="FOLDER", help="store each output as FOLDER/NAME.npy"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of generated data")


def run(arguments: argparse.Namespace) -> int:
    core = ov.Core()
    model = core.read_model(arguments.model)
    compiled = core.compile_model(model, arguments.device)
    arrays = dict(load_arrays(arguments.input, compiled.inputs))
    shapes = parse_named(arguments.shape, compiled.inputs) if arguments.shape else {}
    random = np.random.default_rng(arguments.seed)
    feeds: dict[int, object] = {}
    for index, port in enumerate(compiled.inputs):
        given = next(
            (a for n, a in arrays.items() if n in port.names or n == port_name(port)), None
        )
        if given is None:
            feeds[index] = generate(port, concrete_shape(port, shapes.get(port_name(port))), random)
            print(f"input  {port_name(port)}: generated {list(feeds[index].shape)}")  # type: ignore[attr-defined]
        else:
            feeds[index] = given
    results = compiled(feeds)
    folder = Path(arguments.output) if arguments.output else None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    for index, port in enumerate(compiled.outputs):
        array = np.asarray(results[port])
        print(
            f"output {port_name(port)}: {port.element_type.to_string()}{list(array.shape)}  {summary(array)}"
        )
        if folder is not None:
            name = port_name(port).replace("/", "_").replace(":", "_") or f"output{index}"
            np.save(folder / f"{name}.npy", array)
    return 0


def summary(array: np.ndarray) -> str:
    """What a person wants to know about an array: all of it when small, else its range and its largest elements."""
    if array.size <= 8 or array.dtype.kind not in "biuf":
        return np.array2string(array, threshold=8, precision=5)
    values = array.astype(np.float64)
    top = np.argsort(values.reshape(-1))[::-1][:5]
    best = ", ".join(f"{i}: {values.reshape(-1)[i]:.4g}" for i in top)
    return (
        f"min {values.min():.4g} mean {values.mean():.4g} max {values.max():.4g}; largest at {best}"
    )
