"""How many threads BLAS uses while inferences run.

NumPy's matrix products run on the thread pool of its BLAS library, which is one per process. Several streams at a time
share the cores, so each gets its part while any of them runs; the user's own setting is restored afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

_lock = threading.Lock()
_active: list[int] = []
_saved: list[tuple[Any, int]] = []


@lru_cache(maxsize=1)
def _libraries() -> tuple[Any, ...]:
    from threadpoolctl import ThreadpoolController

    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)


@contextmanager
def blas_threads(count: int) -> Iterator[None]:
    """Limit BLAS to ``count`` threads inside the block (0: leave it alone). Overlapping blocks take the smallest."""
    if count <= 0:
        yield
        return
    with _lock:
        if not _active:
            _saved[:] = [(library, library.get_num_threads()) for library in _libraries()]
        _active.append(count)
        _apply()
    try:
        yield
    finally:
        with _lock:
            _active.remove(count)
            _apply()


def _apply() -> None:
    for library, own in _saved:
        wanted = min(_active) if _active else own
        if library.get_num_threads() != wanted:
            library.set_num_threads(wanted)
