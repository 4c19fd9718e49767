"""PTX text -> a kernel image (shared object) on disk, cached by what it is made of."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator

from cudasim import build, ptx_to_c
from cudasim.ptx_parser import PtxError

__all__ = ["CompilerMissing", "PtxError", "build_image", "build_kernel", "build_outline"]

HERE = pathlib.Path(__file__).resolve().parent
ENTRY = re.compile(r"\.entry\b")
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
    return _Module(ptx, checked).image("", [])


def build_outline(ptx: str, *, checked: bool = False) -> pathlib.Path:
    """As :func:`build_image`, but the code of kernels may be left out: :func:`build_kernel` makes it.

    Most of a file of kernels is never launched in a process, and compiling it is most of the time that tests take.
    """
    module = _Module(ptx, checked)
    one = len(ENTRY.findall(ptx)) == 1
    return module.image("", []) if one else module.image(".outline", ["-DCUDASIM_OUTLINE"])


def build_kernel(ptx: str, name: str, *, checked: bool = False) -> pathlib.Path:
    """Path of an image that has the code of the kernel ``name``, of a module that :func:`build_outline` has made.

    Raises as :func:`build_image`.
    """
    macros = ["-DCUDASIM_OUTLINE", f"-D{ptx_to_c.kernel_macro(name)}"]
    digest = hashlib.sha1(name.encode()).hexdigest()[:12]  # names may be too long for files
    return _Module(ptx, checked).image(f".{digest}", macros)


class _Module:
    """Where the files of one module lie."""

    def __init__(self, ptx: str, checked: bool) -> None:
        self.ptx = ptx.rstrip("\0")
        self.checked = checked
        self.folder = build.cache_dir() / "images"
        digest = hashlib.sha1(translator_hash() + self.ptx.encode() + bytes([checked]))
        self.stem = digest.hexdigest()[:20]

    def image(self, suffix: str, macros: list[str]) -> pathlib.Path:
        """The image with these macros, compiled unless it is there."""
        image = self.folder / f"{self.stem}{suffix}{'.checked' if self.checked else ''}.so"
        if not image.exists():
            cc = compiler()
            source = self._source()
            with _new_file(image) as path:
                command = [
                    cc,
                    *FLAGS,
                    *macros,
                    f"-I{HERE}",
                    "-x",
                    "c",
                    str(source),
                    "-o",
                    str(path),
                ]
                done = subprocess.run([*command, "-lm"], capture_output=True, text=True)
                if done.returncode:
                    raise PtxError(
                        f"translated kernel does not compile ({source}):\n{done.stderr[:2000]}"
                    )
        return image

    def _source(self) -> pathlib.Path:
        """The C source, translated unless it is there; the PTX lies beside it."""
        source = self.folder / f"{self.stem}.c"
        if not source.exists():
            text = ptx_to_c.translate(self.ptx, self.checked)
            self.folder.mkdir(parents=True, exist_ok=True)
            for path, content in ((source.with_suffix(".ptx"), self.ptx), (source, text)):
                with _new_file(path) as new:
                    new.write_text(content)
        return source


@contextlib.contextmanager
def _new_file(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Where to write a file that becomes ``path`` when it is complete: safe with parallel runs."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        new = pathlib.Path(folder) / path.name
        yield new
        os.replace(new, path)
