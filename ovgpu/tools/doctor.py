"""Tell what is installed, which devices work here, and what to do about the rest."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import platform
import sys

import ovgpu as ov

#: Distribution, what it is for, and how to get it.
OPTIONAL = (
    ("onnx", "reading ONNX models", "pip install 'ovgpu[onnx]'"),
    ("pillow", "reading images", "pip install 'ovgpu[image]'"),
    ("nvtx", "ranges for NVIDIA Nsight", "pip install nvtx"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--strict", action="store_true", help="exit status 1 when no GPU is usable")


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cuda_lines() -> list[str]:
    cupy = next((d for d in ("cupy-cuda12x", "cupy-cuda13x", "cupy") if _version(d)), None)
    if cupy is None:
        return [
            "CuPy       missing   needed for NVIDIA GPUs: pip install 'ovgpu[cuda12]' (or 'ovgpu[cuda13]')"
        ]
    lines = [f"CuPy       {_version(cupy)}   ({cupy})"]
    try:
        from cupy.cuda import runtime
    except ImportError as error:
        return [*lines, f"CuPy cannot be imported: {error}"]
    try:
        driver, toolkit = runtime.driverGetVersion(), runtime.runtimeGetVersion()
        versions = [f"{v // 1000}.{v % 1000 // 10}" for v in (driver, toolkit)]
        lines.append(f"CUDA       driver API {versions[0]}, runtime {versions[1]}")
        if driver == 0:
            lines.append(
                "           no NVIDIA driver was found: install one from your distribution or from nvidia.com"
            )
        for index in range(runtime.getDeviceCount()):
            found = runtime.getDeviceProperties(index)
            memory = found["totalGlobalMem"] / 2**30
            lines.append(
                f"GPU.{index}      {found['name'].decode()}, compute capability "
                f"{found['major']}.{found['minor']}, {memory:.1f} GiB"
            )
    except Exception as error:  # any CUDA error: the doctor's task is to show it, not to fail
        lines.append(f"           CUDA reports: {error}")
    return lines


def run(arguments: argparse.Namespace) -> int:
    print(
        f"ovgpu      {ov.get_version()}, Python {platform.python_version()}, {platform.platform()}"
    )
    for name in ("numpy", "ml_dtypes", "threadpoolctl"):
        print(f"{name:10} {_version(name) or 'missing   needed: reinstall ovgpu'}")
    for name, purpose, how in OPTIONAL:
        version = _version(name)
        print(f"{name:10} {version}" if version else f"{name:10} missing   for {purpose}: {how}")
    for line in _cuda_lines():
        print(line)
    core = ov.Core()
    devices = core.available_devices
    print(f"devices    {', '.join(devices)}")
    for device in devices:
        print(f"  {device:8} {core.get_property(device, 'FULL_DEVICE_NAME')}")
    gpu = any(d.startswith("GPU") for d in devices)
    if not gpu:
        print("  GPU      not usable here; AUTO runs on the CPU")
    return 1 if arguments.strict and not gpu else 0


if __name__ == "__main__":
    sys.exit(run(argparse.Namespace(strict=False)))
