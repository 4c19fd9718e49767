"""NVRTC without CuPy and without a device: CUDA C++ text -> PTX or cubin. Results are cached on disk."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
from collections.abc import Sequence

from cudasim import build


class CompileError(RuntimeError):
    """NVRTC refused the source; the text is its log."""


@functools.cache
def library() -> ctypes.CDLL:
    for root in build.nvidia_roots():
        for path in sorted(root.glob("*/lib/libnvrtc.so.*")):
            if "builtins" not in path.name and "alt" not in path.name:
                return ctypes.CDLL(str(path))
    raise build.BuildError("NVRTC not found: pip install nvidia-cuda-nvrtc-cu12")


@functools.cache
def version() -> tuple[int, int]:
    major, minor = ctypes.c_int(), ctypes.c_int()
    library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    return major.value, minor.value


def _fetch(program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    getattr(library(), f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    getattr(library(), f"nvrtcGet{what}")(program, text)
    return text.raw


def compile_cuda(
    source: str, arch: str, *, cubin: bool = False, options: Sequence[str] = ("--std=c++17",)
) -> bytes:
    """PTX text (``arch`` "80" -> compute_80), or a cubin (sm_80). CompileError carries NVRTC's log."""
    flags = [f"-arch={'sm' if cubin else 'compute'}_{arch}", *options]
    flags += [f"-I{d}" for d in build.include_dirs()]
    key = hashlib.sha256(repr((version(), flags, source)).encode()).hexdigest()[:24]
    folder = build.cache_dir() / "nvrtc"
    cached = folder / f"{key}.{'cubin' if cubin else 'ptx'}"
    if cached.exists():
        return cached.read_bytes()
    nvrtc, program = library(), ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None)
    try:
        arguments = (ctypes.c_char_p * len(flags))(*[f.encode() for f in flags])
        if nvrtc.nvrtcCompileProgram(program, len(flags), arguments):
            raise CompileError(_fetch(program, "ProgramLog").rstrip(b"\0").decode())
        result = _fetch(program, "CUBIN" if cubin else "PTX")
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    result = result if cubin else result.rstrip(b"\0")
    folder.mkdir(exist_ok=True)
    temporary = cached.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(result)
    os.replace(temporary, cached)
    return result
