"""Static gate: kernels compiled for real architectures, without a device or a simulation.

NVRTC makes PTX for every architecture, ptxas machine code of it and reports registers, spills and shared memory,
nvdisasm gives the instructions. ``gate_budgets.py`` says what is compiled and what is allowed. From ``tests/``::

    python -m cudasim.gate                 # all kernels of the project; exit status 1 if a budget is broken
    python -m cudasim.gate matmul.cu       # one entry of the table; kernels without a budget get one suggested
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import fnmatch
import functools
import hashlib
import inspect as inspect_module
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cudasim import build, nvrtc

if TYPE_CHECKING:
    from cudasim.gate_budgets import Budget

ARCHITECTURES = ("75", "80", "86", "89", "90", "100", "120")

#: One of each generation of instructions: what is compiled for further element types, which change no control flow.
GENERATIONS = ("75", "80", "90", "120")

#: Texts of an entry that are compiled for all architectures; those behind them are compiled for GENERATIONS.
LEADING_TEXTS = 2

#: Architectures with the instructions of another one: these are disassembled there.
_SAME_INSTRUCTIONS = {"86": "80", "89": "80"}


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

    def __str__(self) -> str:
        return (
            f"{self.kernel:<44}{self.arch:>5}{self.registers:>6}{self.spill_bytes:>7}"
            f"{self.shared_bytes:>8}{self.loads_16:>7}{self.stores_16:>7}{self.tensor_core:>6}"
        )


HEADER = (
    f"{'kernel':<44}{'sm':>5}{'regs':>6}{'spill':>7}{'smem':>8}{'ldg16':>7}{'stg16':>7}{'mma':>6}"
)


def _tool(name: str, package: str) -> str:
    path = build.nvidia_tool(name)
    if not path:
        raise ToolMissing(f"{name} not found: pip install {package}")
    return path


@functools.cache
def _versions() -> str:
    """What facts depend on beside the source: in the key of the cache."""
    tools = [
        _tool("ptxas", "nvidia-cuda-nvcc-cu12"),
        _tool("nvdisasm", "nvidia-cuda-nvdisasm"),
    ]
    done = [subprocess.run([t, "--version"], capture_output=True, text=True) for t in tools]
    reading = "".join(inspect_module.getsource(f) for f in (Facts, ptxas, disassemble))
    return repr((nvrtc.version(), [d.stdout for d in done], reading))


def ptxas(ptx: bytes, arch: str) -> tuple[dict[str, Facts], bytes]:
    """Registers, spills and memory of each kernel, and the cubin. RuntimeError with ptxas' words if it refuses."""
    with tempfile.TemporaryDirectory() as folder:
        source, cubin = pathlib.Path(folder) / "kernel.ptx", pathlib.Path(folder) / "kernel.cubin"
        source.write_bytes(ptx)
        tool = _tool("ptxas", "nvidia-cuda-nvcc-cu12")
        command = [tool, "-v", f"-arch=sm_{arch}", str(source), "-o", str(cubin)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"ptxas -arch=sm_{arch}:\n{done.stderr.strip()}")
        machine_code = cubin.read_bytes()
    found: dict[str, Facts] = {}
    current: Facts | None = None
    for line in done.stderr.splitlines():
        if match := re.search(r"Compiling entry function '(\w+)'", line):
            current = found[match[1]] = Facts(match[1], arch)
        elif "Function properties for" in line:
            # of a device function: its lines are not the kernel's
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
    return found, machine_code


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


def _inspect_one(source: str, arch: str, options: Sequence[str], disassembled: bool) -> list[Facts]:
    key = hashlib.sha256(
        repr((_versions(), source, arch, tuple(options), disassembled)).encode()
    ).hexdigest()
    cached = build.cache_dir() / "gate" / f"{key[:24]}.json"
    if cached.exists():
        entries = json.loads(cached.read_text())
        return [Facts(**e | {"opcodes": collections.Counter(e["opcodes"])}) for e in entries]
    facts, cubin = ptxas(nvrtc.compile_cuda(source, arch, options=options), arch)
    if disassembled:
        opcodes = disassemble(cubin)
        for name, row in facts.items():
            row.opcodes = opcodes[name]
    cached.parent.mkdir(exist_ok=True)
    temporary = cached.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps([vars(row) for row in facts.values()]))
    os.replace(temporary, cached)
    return list(facts.values())


def inspect_all(jobs: Sequence[tuple[str, str]], options: Sequence[str]) -> list[Facts]:
    """Facts of every ``__global__`` function of each (source, architecture), cached on disk."""
    wanted = set(jobs)
    # once, before the threads: parsing Python in several at a time fails on Python 3.11
    _versions()

    def one(job: tuple[str, str]) -> list[Facts]:
        source, arch = job
        return _inspect_one(
            source, arch, options, (source, _SAME_INSTRUCTIONS.get(arch)) not in wanted
        )

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(jobs, pool.map(one, jobs), strict=True))
    for source, arch in jobs:
        twin = found.get((source, _SAME_INSTRUCTIONS.get(arch, "")))
        if twin is not None:
            for row, other in zip(found[source, arch], twin, strict=True):
                row.opcodes = other.opcodes
    return [row for rows in found.values() for row in rows]


def inspect(
    source: str, archs: Iterable[str] = ARCHITECTURES, options: Sequence[str] = ("--std=c++17",)
) -> list[Facts]:
    """Facts of every ``__global__`` function of a CUDA source on each architecture, cached on disk."""
    return inspect_all([(source, arch) for arch in archs], options)


def inspect_file(name: str, archs: Iterable[str] = ARCHITECTURES) -> list[Facts]:
    """Facts of an entry of ``gate_budgets.FILES``, each of its texts compiled as the GPU plugin does it."""
    from cudasim.gate_budgets import FILES

    from ovgpu.plugins.gpu.modules import OPTIONS, expand_generated, read_source

    jobs = []
    archs = list(archs)
    for position, text in enumerate(FILES[name].texts()):
        source = read_source(text) if text.endswith(".cu") else expand_generated(text)
        chosen = archs if position < LEADING_TEXTS else [a for a in archs if a in GENERATIONS]
        jobs += [(source, arch) for arch in chosen]
    return inspect_all(jobs, OPTIONS)


def _suggestion(kernel: str, rows: Iterable[Facts]) -> str:
    """The line of the table that the facts of a kernel keep, registers rounded up to a multiple of 8."""
    rows = [row for row in rows if row.kernel == kernel]
    limits = {"registers": max(-(-row.registers // 8) * 8 for row in rows)}
    for name, choose in (
        ("shared_bytes", max), ("loads_16", min), ("stores_16", min), ("tensor_core", min),
    ):  # fmt: skip
        if value := choose(getattr(row, name) for row in rows):
            limits[name] = value
    return f'"{kernel}": Budget({", ".join(f"{n}={v}" for n, v in limits.items())})'


def broken_budgets(rows: Iterable[Facts], budgets: Mapping[str, Budget]) -> list[str]:
    """Where facts exceed what is allowed, which kernels have no budget and which budgets no kernel: sentences.

    The keys of ``budgets`` are names of kernels or patterns (``copy_*``); the first that matches counts.
    """
    rows = list(rows)
    keys = {
        row.kernel: next((key for key in budgets if fnmatch.fnmatchcase(row.kernel, key)), None)
        for row in rows
    }
    found = [
        f"{kernel} has no budget in gate_budgets.py; as it is now: {_suggestion(kernel, rows)}"
        for kernel, key in keys.items()
        if key is None
    ]
    found += [f"no kernel is called {key}" for key in budgets if key not in keys.values()]
    for row in rows:
        if (key := keys[row.kernel]) is not None:
            found += [f"sm_{row.arch} {row.kernel}: {s}" for s in budgets[key].broken(row)]
    return list(dict.fromkeys(found))


def main() -> int:
    from cudasim.gate_budgets import FILES
    from cudasim.gate_sources import files_of_kernels

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="entries of gate_budgets.FILES; default: all")
    parser.add_argument("--arch", action="append", help="75, 80 ...; default: all")
    arguments = parser.parse_args()
    missing = [] if arguments.files else sorted(files_of_kernels() - FILES.keys())
    broken = [f"{name} has no entry in gate_budgets.FILES" for name in missing]
    print(HEADER)
    for name in arguments.files or FILES:
        rows = inspect_file(name, arguments.arch or ARCHITECTURES)
        print("\n".join(map(str, rows)), flush=True)
        broken += [f"{name}: {s}" for s in broken_budgets(rows, FILES[name].kernels)]
    for sentence in broken:
        print(f"gate: {sentence}", file=sys.stderr)
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
