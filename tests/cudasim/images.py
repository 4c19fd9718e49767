"""PTX text -> kernel image (a shared library of translated kernels), cached on disk by content."""

from __future__ import annotations

import hashlib
import os
import pathlib
import subprocess
import sys
import time

from cudasim import build, ptx_to_c

CC = os.environ.get("CC", "gcc")
# -ffp-contract=off: PTX says itself where a multiplication and an addition are fused.
CC_FLAGS = ["-O1", "-w", "-fPIC", "-shared", "-mf16c", "-mfma", "-ffp-contract=off", "-fno-strict-aliasing"]

checked = False  # build images with checkers from now on
failures: list[tuple[str, str]] = []  # (hash of the PTX, message) of modules that could not be translated
compiled = 0  # images that were not in the cache
seconds = 0.0  # spent in translator and compiler


def _version() -> bytes:
    """What images depend on besides the PTX."""
    parts = sorted([*build.HERE.glob("ptx_*.py"), *build.HERE.glob("*.h")])
    return b"".join(p.name.encode() + p.read_bytes() for p in parts)


def image_path(ptx: str) -> pathlib.Path | None:
    """Path of the image of a module; None (and an entry in `failures`) if it cannot be translated.

    The PTX and the C text stay beside the image under the same name.
    """
    global compiled, seconds
    start = time.perf_counter()
    text = repr((CC, CC_FLAGS, checked)).encode() + _version() + ptx.encode()
    name = hashlib.sha256(text).hexdigest()[:20]
    folder = build.cache_dir() / "images"
    image = folder / f"{name}.so"
    if image.exists():
        return image
    try:
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.ptx").write_text(ptx)
        source = folder / f"{name}.c"
        source.write_text(ptx_to_c.translate(ptx, checked))
        temporary = folder / f"{name}.{os.getpid()}.tmp"
        command = [CC, *CC_FLAGS, f"-I{build.HERE}", str(source), "-o", str(temporary), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        os.replace(temporary, image)
    except Exception as error:  # the driver reports INVALID_PTX; here is the reason
        failures.append((name, str(error)))
        print(f"cudasim: PTX module {folder / name}.ptx: {error}", file=sys.stderr)
        return None
    compiled += 1
    seconds += time.perf_counter() - start
    return image
