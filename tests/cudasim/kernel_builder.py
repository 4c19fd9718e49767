"""PTX text -> a kernel image (shared object) on disk, cached by what it is made of."""

from __future__ import annotations

import functools
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from cudasim import build, ptx_to_c
from cudasim.ptx_parser import PtxError

__all__ = ["CompilerMissing", "PtxError", "build_image"]

HERE = pathlib.Path(__file__).resolve().parent
# -ffp-contract=off: a multiplication and an addition stay two roundings. -fwrapv: integers wrap.
FLAGS = [
    *("-std=gnu11", "-O1", "-w", "-fPIC", "-shared", "-mf16c", "-mfma", "-mpopcnt", "-mlzcnt"),
    *(
        "-ffp-contract=off",
        "-fwrapv",
        "-fno-strict-aliasing",
        "-fno-math-errno",
        "-fno-trapping-math",
    ),
    *("-fno-tree-vectorize", "-fno-semantic-interposition", "-Wl,-Bsymbolic"),
]


class CompilerMissing(RuntimeError):
    """No C compiler was found; kernels cannot be simulated."""


@functools.cache
def compiler() -> str:
    """The C compiler: $CC, gcc, cc or g++ (which accepts -x c)."""
    for name in (os.environ.get("CC"), "gcc", "cc", "g++"):
        if name and (found := shutil.which(name)):
            return found
    raise CompilerMissing(
        "the simulated CUDA device compiles kernels with gcc or g++ (12 or newer), and none was found: "
        "install one (Debian: apt install g++) or set CC"
    )


@functools.cache
def translator_hash() -> bytes:
    """Changes whenever the translator, the prelude or the contract does."""
    names = sorted(
        p
        for p in HERE.iterdir()
        if p.name.startswith("ptx_") or p.name in ("engine.h", "device_address.h")
    )
    digest = hashlib.sha1(repr(FLAGS).encode())
    for path in names:
        if path.is_file():
            digest.update(path.name.encode() + path.read_bytes())
    return digest.digest()


def build_image(ptx: str, *, checked: bool = False) -> pathlib.Path:
    """Path of the image made from a module's PTX. Beside it lie the PTX and the C source.

    Raises PtxError if the PTX holds something unknown, CompilerMissing without a C compiler.
    """
    ptx = ptx.rstrip("\0")
    digest = hashlib.sha1(translator_hash() + ptx.encode() + bytes([checked]))
    name = f"{digest.hexdigest()[:20]}{'.checked' if checked else ''}"
    folder = build.cache_dir() / "images"
    image = folder / f"{name}.so"
    if image.exists():
        return image
    source = ptx_to_c.translate(ptx, checked)
    cc = compiler()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name.split('.')[0]}.ptx").write_text(ptx)
    with tempfile.TemporaryDirectory(
        dir=folder
    ) as scratch:  # then renamed: safe with parallel runs
        c_file, so_file = pathlib.Path(scratch) / f"{name}.c", pathlib.Path(scratch) / f"{name}.so"
        c_file.write_text(source)
        command = [cc, *FLAGS, f"-I{HERE}", "-x", "c", str(c_file), "-o", str(so_file), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            (folder / f"{name}.c").write_text(source)
            raise PtxError(
                f"translated kernel does not compile ({folder / name}.c):\n{done.stderr[:2000]}"
            )
        os.replace(c_file, folder / f"{name}.c")
        os.replace(so_file, image)
    return image
