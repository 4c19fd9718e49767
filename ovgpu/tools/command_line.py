"""The ``ovgpu`` command: benchmark, run, query, doctor, convert, demo."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

#: Subcommands: module in this package, and the line that ``--help`` shows.
COMMANDS = {
    "benchmark": "measure latency and throughput of a model",
    "run": "run a model on .npy files and print or store its outputs",
    "query": "tell which device runs each operation of a model",
    "doctor": "tell what is installed, which devices work, and what to do about the rest",
    "convert": "convert an ONNX model to IR (.xml and .bin)",
    "demo": "read a line of text from an image with a trained model",
}


def build_parser() -> argparse.ArgumentParser:
    """The parser with all subcommands."""
    from ovgpu.version import get_version

    parser = argparse.ArgumentParser(
        prog="ovgpu", description="OpenVINO models on NVIDIA GPUs and on any CPU."
    )
    parser.add_argument("--version", action="version", version=f"ovgpu {get_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, line in COMMANDS.items():
        module = importlib.import_module(f"ovgpu.tools.{name}")
        module.add_arguments(commands.add_parser(name, help=line, description=module.__doc__))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand. Errors of a model or device are printed without a traceback; exit status 1."""
    parsed = build_parser().parse_args(arguments)
    module = importlib.import_module(f"ovgpu.tools.{parsed.command}")
    try:
        return module.run(parsed)
    except (RuntimeError, ValueError, TypeError, OSError, IndexError) as error:
        print(f"ovgpu {parsed.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
