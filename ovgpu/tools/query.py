"""Tell which device runs each operation of a model, and which operations none runs."""

from __future__ import annotations

import argparse
from collections import Counter

import ovgpu as ov


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="path of an .xml (IR) or .onnx file")
    parser.add_argument("--device", "-d", default="CPU", help="CPU, GPU ... (default CPU)")
    parser.add_argument(
        "--all", action="store_true", help="list every layer, not only a count by type"
    )


def run(arguments: argparse.Namespace) -> int:
    core = ov.Core()
    model = core.read_model(arguments.model)
    # The GPU also says which operations run on the host.
    tiers = "OVGPU_QUERY_TIERS" in core.get_property(arguments.device, "SUPPORTED_PROPERTIES")
    placed = core.query_model(
        model, arguments.device, {"OVGPU_QUERY_TIERS": True} if tiers else None
    )
    count: Counter[tuple[str, str]] = Counter()
    missing = []
    for node in model.get_ordered_ops():
        name, kind = node.get_friendly_name(), node.get_type_info()
        device = placed.get(name)
        label = f"{kind.version_id}::{kind.name}"
        count[(label, device or "none")] += 1
        if device is None:
            missing.append(f"{name} ({label})")
        if arguments.all:
            print(f"{device or 'none':8} {label:40} {name}")
    if not arguments.all:
        for (label, device), number in sorted(count.items()):
            print(f"{number:5} {label:40} {device}")
    total = sum(count.values())
    print(f"{total - len(missing)} of {total} operations run on {arguments.device}")
    if missing:
        print("not supported: " + ", ".join(missing[:20]) + (" ..." if len(missing) > 20 else ""))
    return 1 if missing else 0
