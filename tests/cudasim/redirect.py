"""Puts the simulated runtime behind CuPy's table of CUDA runtime functions, in this process's memory.

CuPy's compiled modules reach the CUDA runtime through ``cupy_backends.cuda.api.runtime`` only: Cython offers
its C functions as capsules in ``runtime.__pyx_capi__``, and the other modules take their pointers from there
when they are imported. So the table is changed after that one module is imported and before any other.
NVIDIA's code, which is linked into the module statically, is neither changed nor called.
"""

from __future__ import annotations

import ctypes
import pathlib
import re
import types
from collections.abc import Callable
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent

# Pure helpers that build structs, and getters for textures, which cannot be created: CuPy's own stay.
KEPT = {
    "make_Extent",
    "make_Pos",
    "make_PitchedPtr",
    "getChannelDesc",
    "getTextureObjectResourceDesc",
    "getTextureObjectTextureDesc",
}
# Functions that only Python code calls: not in the table, but in the module.
PYTHON_ONLY = {
    "deviceDisablePeerAccess": "PyObject *(int, int __pyx_skip_dispatch)",
    "ipcCloseMemHandle": "PyObject *(int __pyx_skip_dispatch)",
    "ipcGetEventHandle": "PyObject *(int __pyx_skip_dispatch)",
    "ipcGetMemHandle": "PyObject *(int __pyx_skip_dispatch)",
    "ipcOpenEventHandle": "PyObject *(int __pyx_skip_dispatch)",
    "ipcOpenMemHandle": "PyObject *(int __pyx_skip_dispatch)",
}
_C_TYPES: dict[str, Any] = {
    "int": ctypes.c_int,
    "cudaMemcpyKind": ctypes.c_int,
    "unsigned int": ctypes.c_uint,
    "float": ctypes.c_float,
    "size_t": ctypes.c_size_t,
    "intptr_t": ctypes.c_ssize_t,
    "uintmax_t": ctypes.c_uint64,
    "PyObject *": ctypes.py_object,
}
_kept_alive: list[Any] = []


class RedirectError(RuntimeError):
    """This CuPy is not the one that the simulation was written for; the message says what differs."""


class _OptionalArguments(ctypes.Structure):
    """Cython's struct for one optional argument of type int or unsigned int."""

    _fields_ = [("given", ctypes.c_int), ("value", ctypes.c_int)]


def _capsule_functions() -> tuple[Any, Any]:
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    new = ctypes.pythonapi.PyCapsule_New
    new.restype = ctypes.py_object
    new.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    return name, new


def expected_table() -> dict[str, str]:
    """Function name -> C signature, of the CuPy that this was written for."""
    lines = (HERE / "cupy_table.tsv").read_text().splitlines()
    return dict(line.split("\t", 1) for line in lines if not line.startswith("#"))


def actual_table(runtime: types.ModuleType) -> dict[str, str]:
    """The same, of the imported module."""
    capsule_name, _ = _capsule_functions()
    table = {name: capsule_name(c).decode() for name, c in runtime.__pyx_capi__.items()}
    return {name: signature for name, signature in table.items() if "(" in signature}


def check_table(actual: dict[str, str], expected: dict[str, str], version: str) -> None:
    """Raise RedirectError unless both tables agree: a function left out would call NVIDIA's runtime."""
    different = sorted(
        {n for n in expected if actual.get(n) != expected[n]} | (actual.keys() - expected.keys())
    )
    if different:
        redirected = len(actual) - len([n for n in different if n in actual])
        raise RedirectError(
            f"CuPy {version}: {len(actual)} runtime functions found, {redirected} of the expected "
            f"{len(expected)} can be redirected. Missing, new or changed: {', '.join(different)}. "
            "The simulated device was written for CuPy 14.2: install that, or extend "
            "cupy_table.cpp and cupy_table.tsv."
        )


def _python_function(name: str, signature: str, address: int, original: Any) -> Callable[..., Any]:
    """What Python code calls instead of runtime.<name>: keyword arguments included."""
    result, parameters = re.fullmatch(r"(.*?)\s*\((.*)\)", signature).groups()  # type: ignore[union-attr]
    kinds = [p.strip() for p in parameters.split(",")]
    optional = kinds[-1].startswith("struct")
    kinds = [k for k in kinds if "__pyx" not in k]
    restype = _C_TYPES.get(result, ctypes.py_object)  # else a Python object of a class of CuPy's
    argtypes: list[Any] = [_C_TYPES.get(k, ctypes.py_object) for k in kinds] + [ctypes.c_int]
    if optional:
        argtypes.append(ctypes.POINTER(_OptionalArguments))
    # PYFUNCTYPE keeps the GIL and raises the Python error that the function has set.
    call = ctypes.PYFUNCTYPE(restype, *argtypes)(address)
    documented = re.match(r"\w+\((.*?)\)", (original.__doc__ or "").replace("\n", " "))
    words = documented.group(1).split(",") if documented and documented.group(1) else []
    names = [w.split("=")[0].split()[-1] for w in words]

    def function(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            try:
                args += tuple(kwargs.pop(n) for n in names[len(args) :] if n in kwargs)
            finally:
                if kwargs:
                    raise TypeError(f"{name}() got unexpected keyword arguments {sorted(kwargs)}")
        if not optional:
            return call(*args, 0)
        given = len(args) > len(kinds)
        extra = _OptionalArguments(int(given), int(args[-1]) if given else 0)
        return call(*args[: len(kinds)], 0, ctypes.byref(extra))

    def refuse(*args: Any, **kwargs: Any) -> Any:
        return call(0)

    chosen = refuse if not kinds and names else function
    chosen.__name__ = chosen.__qualname__ = name
    chosen.__doc__ = original.__doc__
    return chosen


def redirect(runtime: types.ModuleType, library: ctypes.CDLL, version: str) -> tuple[int, int]:
    """Fill CuPy's table with the functions of `library` (cupy_table.cpp).

    Args:
        runtime: the module cupy_backends.cuda.api.runtime; no other compiled module of CuPy may be imported.
        library: libcudasim_cupy.so.
        version: CuPy's version, for messages.

    Returns:
        Number of functions in the table, number of them redirected.

    Raises:
        RedirectError: the table is not the expected one, or a function has no counterpart.
    """
    table = getattr(runtime, "__pyx_capi__", None)
    if not table:
        raise RedirectError(
            f"CuPy {version}: 0 runtime functions found (no __pyx_capi__), 0 redirected"
        )
    actual = actual_table(runtime)
    check_table(actual, expected_table(), version)
    missing = [n for n in actual if n not in KEPT and not hasattr(library, f"cupy_table_{n}")]
    if missing:
        raise RedirectError(
            f"CuPy {version}: {len(actual)} runtime functions found, {len(actual) - len(missing)} "
            f"redirected; no simulated counterpart: {', '.join(missing)}"
        )
    initialise = library.cupy_table_initialise
    initialise.argtypes = [ctypes.py_object] * 3
    initialise(runtime.CUDARuntimeError, runtime.PointerAttributes, None)
    _, new_capsule = _capsule_functions()
    redirected = 0
    for name, signature in {**actual, **PYTHON_ONLY}.items():
        if name in KEPT:
            continue
        address = ctypes.cast(getattr(library, f"cupy_table_{name}"), ctypes.c_void_p).value
        assert address is not None
        if name in actual:
            text = ctypes.create_string_buffer(
                signature.encode()
            )  # the capsule only points to its name
            _kept_alive.append(text)
            table[name] = new_capsule(address, ctypes.addressof(text), None)
            redirected += 1
        if hasattr(runtime, name):
            setattr(
                runtime, name, _python_function(name, signature, address, getattr(runtime, name))
            )
    return len(actual), redirected
