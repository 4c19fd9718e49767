"""Helpers of the graph-building API, under the names that scripts import."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from ovgpu.package_utils import classproperty as classproperty
from ovgpu.package_utils import deprecated as deprecated
from ovgpu.package_utils import deprecatedclassproperty as deprecatedclassproperty
from ovgpu.package_utils import get_cmake_path as get_cmake_path
from ovgpu.utils.graph_editing import replace_node as replace_node
from ovgpu.utils.graph_editing import replace_output_update_name as replace_output_update_name

if TYPE_CHECKING:
    import numpy as np

    from ovgpu.utils.postponed_constant import make_postponed_constant as make_postponed_constant


def numpy_to_c(arg0: np.ndarray) -> Any:
    """A PyCapsule over the address of an array's data, for libraries that take pointers. The array must outlive it."""
    make_capsule = ctypes.pythonapi.PyCapsule_New
    make_capsule.restype = ctypes.py_object
    make_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    return make_capsule(arg0.ctypes.data, None, None)


def __getattr__(name: str) -> Any:
    # These need the operations, which importing the package should not load.
    if name == "make_postponed_constant":
        from ovgpu.utils.postponed_constant import make_postponed_constant

        return make_postponed_constant
    raise AttributeError(f"module 'ovgpu.utils' has no attribute '{name}'")
