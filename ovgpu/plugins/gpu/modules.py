"""Compiling CUDA sources: files of ``kernels/`` and generated text, once per device, cached on disk by CuPy."""

from __future__ import annotations

import re
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import ovgpu
from ovgpu.plugins.gpu.device import cupy

#: Options of every compilation. Fused multiply-add stays on; fast approximations of functions stay off.
OPTIONS = ("-std=c++17", "--fmad=true")

_INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"\s*$', re.MULTILINE)


@lru_cache(maxsize=1)
def kernel_folder() -> Path:
    """Where the ``.cu`` and ``.cuh`` files lie: inside an installed package, or beside it in a source tree."""
    package = Path(ovgpu.__file__).parent
    for folder in (package / "_kernels", package.parent / "kernels"):
        if folder.is_dir():
            return folder
    raise RuntimeError(
        f"The CUDA sources of ovgpu are missing: neither {package / '_kernels'} nor ../kernels exists"
    )


@lru_cache(maxsize=64)
def read_source(name: str) -> str:
    """A source file with its own ``#include "..."`` lines expanded, each header once."""
    return _expand(_text(name), set())


@lru_cache(maxsize=1024)
def expand_generated(text: str) -> str:
    """Generated text with its ``#include "..."`` of files in ``kernels/`` expanded, each header once."""
    return _expand(text, set())


def _text(name: str) -> str:
    return (kernel_folder() / name).read_text(encoding="utf-8")


def _expand(text: str, seen: set[str]) -> str:
    """Expanded here and not by the compiler, so that CuPy's cache key (the text) changes when a header does."""

    def replace(match: re.Match[str]) -> str:
        header = match.group(1)
        if header in seen:
            return ""
        seen.add(header)
        return _expand(_text(header), seen)

    return _INCLUDE.sub(replace, text)


class ModuleCache:
    """Compiled functions of one device. Compilation happens at model compile time, never while inferring."""

    def __init__(self, device_index: int) -> None:
        self._device_index = device_index
        self._modules: dict[str, Any] = {}
        self._functions: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        #: How many sources were compiled or loaded, for tests and statistics.
        self.compilations = 0

    def function(self, source: str, name: str) -> Any:
        """The function ``name`` (extern "C") of a file of ``kernels/`` or of generated CUDA text.

        Args:
            source: a file name that ends in ``.cu``, or the text itself.
            name: function name.
        """
        key = (source, name)
        found = self._functions.get(key)
        if found is not None:
            return found
        with self._lock:
            module = self._modules.get(source)
            if module is None:
                text = read_source(source) if source.endswith(".cu") else expand_generated(source)
                with cupy().cuda.Device(self._device_index):
                    module = cupy().RawModule(code=text, options=OPTIONS, backend="nvrtc")
                    module.compile()
                self._modules[source] = module
                self.compilations += 1
            with cupy().cuda.Device(self._device_index):
                function = self._functions[key] = module.get_function(name)
        return function
