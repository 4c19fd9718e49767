"""The spelling of before 2025: ``ovgpu.runtime.X`` is ``ovgpu.X``, for names and modules alike.

``import ovgpu.runtime.opset12 as ops`` and ``from ovgpu.runtime import Core`` give the very same objects.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_PREFIX = __name__ + "."


class _AliasLoader(Loader):
    """Gives the module of the new spelling under the old one."""

    def __init__(self, real_name: str) -> None:
        self._real_name = real_name
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._real_name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The module has run already; the import system has just replaced its own spec by the alias's.
        module.__spec__ = self._spec


class _AliasFinder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(_PREFIX):
            return None
        real_name = "ovgpu." + fullname.removeprefix(_PREFIX)
        if find_spec(real_name) is None:
            return None
        return ModuleSpec(fullname, _AliasLoader(real_name))


sys.meta_path.insert(0, _AliasFinder())


def __getattr__(name: str) -> Any:
    package = importlib.import_module("ovgpu")
    try:
        return getattr(package, name)
    except AttributeError:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'") from None


def __dir__() -> list[str]:
    return dir(importlib.import_module("ovgpu"))
