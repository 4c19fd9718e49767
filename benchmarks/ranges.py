"""NVTX ranges that cost nothing when the package nvtx is missing."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

try:
    import nvtx
except ImportError:
    nvtx = None


def marked(name: str) -> AbstractContextManager[object]:
    """A range named ``name`` in the domain ``ovgpu``."""
    return nullcontext() if nvtx is None else nvtx.annotate(name, domain="ovgpu")
