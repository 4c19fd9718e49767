"""Small helpers for package authors: deprecations, class properties, lazy modules."""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any


def get_cmake_path() -> str:
    """The folder with the package's CMake files: always `""`, as the package has no C++ API."""
    folder = Path(__file__).parent / "cmake"
    return str(folder) if folder.is_dir() else ""


def _warn_deprecated(name: str, version: str, message: str, stacklevel: int) -> None:
    removal = f" and will be removed in version {version}" if version else ""
    note = f". {message}" if message else ""
    warnings.warn(
        f"{name} is deprecated{removal}{note}", DeprecationWarning, stacklevel=stacklevel + 1
    )


def deprecated(
    name: Any = None, version: str = "", message: str = "", stacklevel: int = 2
) -> Callable[..., Any]:
    """A decorator: every call of the function warns (DeprecationWarning) that it is deprecated.

    Args:
        name: how the warning calls the function; its own name when not given.
        version: the version that will not have it any more.
        message: why, and what to use instead.
        stacklevel: as of `warnings.warn`; 2 is the caller.
    """

    def decorator(wrapped: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(wrapped)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            _warn_deprecated(name or wrapped.__name__, version, message, stacklevel)
            return wrapped(*args, **kwargs)

        return wrapper

    return decorator


class _ClassProperty:
    """A property of a class, read through the class or an instance."""

    def __init__(self, read: Callable[[type], Any]) -> None:
        self._read = read

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self._read(type(instance) if owner is None else owner)


def classproperty(func: Callable[[type], Any]) -> _ClassProperty:
    """A decorator: the function of the class becomes a property of it."""
    return _ClassProperty(func)


def deprecatedclassproperty(
    name: Any = None, version: str = "", message: str = "", stacklevel: int = 2
) -> Callable[[Callable[[type], Any]], _ClassProperty]:
    """A decorator: as `classproperty`, and every read warns as `deprecated` does."""

    def decorator(wrapped: Callable[[type], Any]) -> _ClassProperty:
        def read(owner: type) -> Any:
            # One frame more than in `deprecated`: the descriptor's __get__.
            _warn_deprecated(name or wrapped.__name__, version, message, stacklevel + 1)
            return wrapped(owner)

        return _ClassProperty(read)

    return decorator


class LazyLoader:
    """A module that is imported when an attribute of it is first read or set.

    Raises:
        ModuleNotFoundError: on that first access, when there is no such module.
    """

    def __init__(self, module_name: str) -> None:
        object.__setattr__(self, "_module_name", module_name)

    def _load(self) -> ModuleType:
        return importlib.import_module(object.__getattribute__(self, "_module_name"))

    def __getattr__(self, item: str) -> Any:
        return getattr(self._load(), item)

    def __repr__(self) -> str:
        return f"<LazyLoader for module '{self._module_name}'>"
