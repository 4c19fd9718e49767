"""Static gate: kernels compiled for real architectures, without a device or a simulation.

NVRTC makes PTX and cubin for every architecture, ptxas reports registers, spills and shared memory, nvdisasm gives
the instructions. ``gate_budgets.py`` says what is allowed.

    python -m cudasim.gate kernels/*.cu          # table of facts, exit status 1 if a budget is broken
"""

from __future__ import annotations

import argparse
import collections
import pathlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cudasim import build, nvrtc

ARCHITECTURES = ("75", "80", "86", "89", "90", "100", "120")


class ToolMissing(RuntimeError):
    """ptxas or nvdisasm is not installed."""


@dataclass
class Facts:
    """What ptxas and the disassembler say of one kernel on one architecture."""

    kernel: str
    arch: str
    registers: int = 0
    spill_bytes: int = 0
    shared_bytes: int = 0
    stack_bytes: int = 0
    opcodes: collections.Counter[str] = field(default_factory=collections.Counter)

    def count(self, pattern: str) -> int:
        """Instructions whose opcode with modifiers matches, e.g. r"LDG.*\\.128"."""
        return sum(n for opcode, n in self.opcodes.items() if re.match(pattern, opcode))

    @property
    def loads_16(self) -> int:
        """16-byte loads from global memory, plain and asynchronous."""
        return self.count(r"(LDG|LDGSTS)\..*128")

    @property
    def stores_16(self) -> int:
        return self.count(r"STG\..*128")

    @property
    def shared_16(self) -> int:
        """16-byte accesses of shared memory, ldmatrix included."""
        return self.count(r"(LDS|STS)\..*128|LDSM")

    @property
    def tensor_core(self) -> int:
        return self.count(r"(HMMA|IMMA|DMMA|QMMA|OMMA|HGMMA|UTC.MMA)")


def _tool(name: str, package: str) -> str:
    path = build.nvidia_tool(name)
    if not path:
        raise ToolMissing(f"{name} not found: pip install {package}")
    return path


def ptxas(ptx: bytes, arch: str) -> dict[str, Facts]:
    """Registers, spills and memory of each kernel. RuntimeError with ptxas' words if it refuses."""
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "kernel.ptx"
        source.write_bytes(ptx)
        tool = _tool("ptxas", "nvidia-cuda-nvcc-cu12")
        command = [tool, "-v", f"-arch=sm_{arch}", str(source), "-o", f"{folder}/kernel.cubin"]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"ptxas -arch=sm_{arch}:\n{done.stderr.strip()}")
    found: dict[str, Facts] = {}
    current: Facts | None = None
    for line in done.stderr.splitlines():
        if match := re.search(r"Compiling entry function '(\w+)'", line):
            current = found[match[1]] = Facts(match[1], arch)
        elif (
            "Function properties for" in line
        ):  # of a device function: its lines are not the kernel's
            name = line.split()[-1]
            current = found.get(name, Facts(name, arch))
        elif current and (
            match := re.search(r"(\d+) bytes stack frame, (\d+).* (\d+) bytes spill loads", line)
        ):
            current.stack_bytes = int(match[1])
            current.spill_bytes = int(match[2]) + int(match[3])
        elif match := re.search(r"Used (\d+) registers", line):
            entry = list(found.values())[-1]
            entry.registers = int(match[1])
            if shared := re.search(r"(\d+) bytes smem", line):
                entry.shared_bytes = int(shared[1])
    return found


def disassemble(cubin: bytes) -> dict[str, collections.Counter[str]]:
    """Opcodes of each kernel with their modifiers, counted."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "kernel.cubin"
        path.write_bytes(cubin)
        command = [_tool("nvdisasm", "nvidia-cuda-nvdisasm"), "-c", str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"nvdisasm: {done.stderr.strip()}")
    found: dict[str, collections.Counter[str]] = {}
    current: collections.Counter[str] | None = None
    for line in done.stdout.splitlines():
        if match := re.match(r"\s*\.text\.(\w+):", line):
            current = found[match[1]] = collections.Counter()
        elif current is not None and (
            match := re.search(r"\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]+)", line)
        ):
            current[match[1]] += 1
    return found


def inspect(
    source: str, archs: Iterable[str] = ARCHITECTURES, options: Sequence[str] = ("--std=c++17",)
) -> list[Facts]:
    """Facts of every ``__global__`` function of a CUDA source on each architecture."""
    rows = []
    for arch in archs:
        facts = ptxas(nvrtc.compile_cuda(source, arch, options=options), arch)
        opcodes = disassemble(nvrtc.compile_cuda(source, arch, cubin=True, options=options))
        for name, row in facts.items():
            row.opcodes = opcodes.get(name, collections.Counter())
            rows.append(row)
    return rows


def broken_budgets(rows: Iterable[Facts]) -> list[str]:
    """Where facts exceed what gate_budgets.py allows, one sentence each."""
    from cudasim.gate_budgets import budget_for

    return [
        f"sm_{row.arch} {row.kernel}: {sentence}"
        for row in rows
        for sentence in budget_for(row.kernel).broken(row)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+", type=pathlib.Path)
    parser.add_argument("--arch", action="append", help="75, 80 ...; default: all")
    parser.add_argument("--include", "-I", action="append", default=[], help="include folders")
    arguments = parser.parse_args()
    options = ["--std=c++17", *[f"-I{d}" for d in arguments.include]]
    broken: list[str] = []
    print(
        f"{'kernel':<32}{'sm':>5}{'regs':>6}{'spill':>7}{'smem':>8}{'ldg16':>7}{'stg16':>7}{'mma':>6}"
    )
    for path in arguments.sources:
        rows = inspect(path.read_text(), arguments.arch or ARCHITECTURES, options)
        for row in rows:
            print(
                f"{row.kernel:<32}{row.arch:>5}{row.registers:>6}{row.spill_bytes:>7}{row.shared_bytes:>8}"
                f"{row.loads_16:>7}{row.stores_16:>7}{row.tensor_core:>6}"
            )
        broken += broken_budgets(rows)
    for sentence in broken:
        print(f"over budget: {sentence}", file=sys.stderr)
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
