"""Convert an ONNX model to IR (.xml and .bin), weights in f16 unless told otherwise."""

from __future__ import annotations

import argparse
from pathlib import Path

import ovgpu as ov


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="path of an .onnx (or .xml) file")
    parser.add_argument(
        "--output", "-o", help="path of the .xml to write (default: beside the model)"
    )
    parser.add_argument(
        "--input-shape", default="", help="new input shapes: name[1,3,224,224] or name[1..8,3,?,?]"
    )
    parser.add_argument(
        "--keep-f32", action="store_true", help="do not compress f32 weights to f16"
    )


def run(arguments: argparse.Namespace) -> int:
    from ovgpu.tools.inputs import parse_named

    model = ov.convert_model(arguments.model)
    if arguments.input_shape:
        model.reshape(parse_named(arguments.input_shape, model.inputs))
    target = (
        Path(arguments.output) if arguments.output else Path(arguments.model).with_suffix(".xml")
    )
    ov.save_model(model, target, compress_to_fp16=not arguments.keep_f32)
    size = target.with_suffix(".bin").stat().st_size
    print(f"wrote {target} and {target.with_suffix('.bin').name} ({size:,} bytes)")
    print(model)
    return 0
