"""What the driver asks for: the image of a module's PTX when it is loaded, those of kernels when they are asked for."""

from __future__ import annotations

import pathlib
import sys
import time
from collections.abc import Callable

from cudasim import kernel_builder

checked = False  # modules loaded from now on are built with checkers
failures: list[str] = []  # why modules could not be translated
seconds = 0.0  # spent in translator, compiler and cache


def module_image(ptx: str) -> pathlib.Path | None:
    """Path of the image of a module, which may lack the code of its kernels.

    None, a message and an entry in `failures` if there can be none.
    """
    return _reported(lambda: kernel_builder.build_outline(ptx, checked=checked))


def kernel_image(ptx: str, name: str, with_checkers: bool) -> pathlib.Path | None:
    """Path of an image that has the code of a kernel. None as above."""
    return _reported(lambda: kernel_builder.build_kernel(ptx, name, checked=with_checkers))


def _reported(build: Callable[[], pathlib.Path]) -> pathlib.Path | None:
    global seconds
    start = time.perf_counter()
    try:
        return build()
    except Exception as error:  # called from the driver: it reports INVALID_PTX, the reason is here
        failures.append(str(error))
        print(f"cudasim: {type(error).__name__}: {error}", file=sys.stderr)
        return None
    finally:
        seconds += time.perf_counter() - start
