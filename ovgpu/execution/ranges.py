"""NVTX ranges in the domain ``ovgpu``: what Nsight Systems shows as model, request and operation.

Without the package ``nvtx``, or outside a profiler, they cost a function call.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

try:
    import nvtx
except ImportError:  # an optional package, part of the extras cuda12 and cuda13
    nvtx = None


@lru_cache(maxsize=1)
def _domain() -> Any:
    return None if nvtx is None else nvtx.get_domain("ovgpu")


@lru_cache(maxsize=4096)
def _attributes(name: str, category: str) -> Any:
    return _domain().get_event_attributes(message=name, category=category)


def push_range(name: str, category: str) -> None:
    """Open a range on this thread; ``category`` is ``model``, ``request`` or ``op``."""
    if nvtx is not None:
        _domain().push_range(_attributes(name, category))


def pop_range() -> None:
    """Close the range opened last on this thread."""
    if nvtx is not None:
        _domain().pop_range()


@contextmanager
def marked(name: str, category: str) -> Iterator[None]:
    """A range around a block."""
    push_range(name, category)
    try:
        yield
    finally:
        pop_range()
