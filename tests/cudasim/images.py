"""What the driver asks for when a module is loaded: the kernel image of its PTX."""

from __future__ import annotations

import pathlib
import sys
import time

from cudasim import kernel_builder

checked = False  # modules loaded from now on are built with checkers
failures: list[str] = []  # why modules could not be translated
seconds = 0.0  # spent in translator, compiler and cache


def image_path(ptx: str) -> pathlib.Path | None:
    """Path of the image of a module; None, a message and an entry in `failures` if there can be none."""
    global seconds
    start = time.perf_counter()
    try:
        return kernel_builder.build_image(ptx, checked=checked)
    except Exception as error:  # called from the driver: it reports INVALID_PTX, the reason is here
        failures.append(str(error))
        print(f"cudasim: {type(error).__name__}: {error}", file=sys.stderr)
        return None
    finally:
        seconds += time.perf_counter() - start
