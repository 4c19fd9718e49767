"""The overloads of :class:`ovgpu.graph.tensor.Tensor`'s constructor."""

from __future__ import annotations

import builtins
import math
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ovgpu.graph import string_data
from ovgpu.graph.arguments import dims_of, incompatible_arguments
from ovgpu.graph.element_type import Type
from ovgpu.graph.tensor import Array, Dims, Tensor

_OVERLOADS = [
    "ovgpu.Tensor(array: numpy.ndarray, shared_memory: bool = False)",
    "ovgpu.Tensor(array: numpy.ndarray, shape: ovgpu.Shape, type: ovgpu.Type = <Type: 'dynamic'>)",
    "ovgpu.Tensor(array: numpy.ndarray, shape: collections.abc.Sequence[int], type: ovgpu.Type = <Type: 'dynamic'>)",
    "ovgpu.Tensor(list: list)",
    "ovgpu.Tensor(type: ovgpu.Type | numpy.dtype | object, shape: ovgpu.Shape | collections.abc.Sequence[int])",
    "ovgpu.Tensor(port: ovgpu.Output | ovgpu.ConstOutput)",
    "ovgpu.Tensor(port: ovgpu.Output | ovgpu.ConstOutput, array: numpy.ndarray)",
    "ovgpu.Tensor(image: PIL.Image.Image)",
    "ovgpu.Tensor(other: ovgpu.Tensor, begin: ovgpu.Coordinate, end: ovgpu.Coordinate)",
]
_NOT_SHAREABLE = "SHARED MEMORY MODE FOR THIS TENSOR IS NOT APPLICABLE! "


def construct(tensor: Tensor, args: tuple, kwargs: dict[str, Any]) -> None:
    """Fill a new ``tensor`` from the arguments of its constructor. Raises as documented there."""
    if len(args) == 1 and not kwargs and type(args[0]) is np.ndarray:
        _from_array(tensor, args[0])
        return
    for names, matches, build in _FORMS:
        bound = _bind(names, args, kwargs)
        if bound is not None and matches(**bound):
            build(tensor, **bound)
            return
    raise incompatible_arguments("__init__", _OVERLOADS, args, **kwargs)


def _bind(names: tuple[str, ...], args: tuple, kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """Arguments by name, or None when ``names`` (a trailing ``?`` marks an optional one) cannot take them."""
    plain = [name.rstrip("?") for name in names]
    if len(args) > len(names) or any(key not in plain[len(args) :] for key in kwargs):
        return None
    bound = dict(zip(plain, args)) | kwargs
    missing = any(p not in bound and not n.endswith("?") for n, p in zip(names, plain))
    return None if missing else bound


def _is_port(value: Any) -> bool:
    from ovgpu.graph.port import ConstOutput, Output

    return isinstance(value, Output | ConstOutput)


def _is_image(value: Any) -> bool:
    # An image can only exist when its module is loaded, so Pillow itself is never imported here.
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(value, pillow.Image)


def _is_type(value: Any) -> bool:
    if isinstance(value, Type | np.dtype | type):
        return True
    return isinstance(value, str) and np.dtype(value) is not None


def _from_array(tensor: Tensor, array: Array, shared_memory: bool = False) -> None:
    element_type = Type(array.dtype)
    if shared_memory:
        if element_type is Type.string:
            raise RuntimeError(_NOT_SHAREABLE + "String types can be only copied.")
        if not array.flags.c_contiguous:
            raise RuntimeError(_NOT_SHAREABLE + "Passed numpy array must be C contiguous.")
        if not array.dtype.isnative:
            raise RuntimeError(
                _NOT_SHAREABLE + "Passed numpy array must have the native byte order."
            )
        if not array.flags.writeable:
            raise ValueError("array is not writeable")
        tensor._adopt(element_type, array.shape, array.reshape(-1), owning=False)
        return
    if element_type is Type.string:
        store = string_data.encode(array)
    else:
        # `array` first in C order, and in the native byte order: a big-endian array keeps its values.
        store = np.array(array, dtype=array.dtype.newbyteorder("="), order="C", copy=True)
    tensor._adopt(element_type, array.shape, store.reshape(-1), owning=True)


def _from_list(tensor: Tensor, list: list) -> None:
    _from_array(tensor, np.array(list))


def _over_array(tensor: Tensor, array: Array, shape: Any, type: Type = Type.dynamic) -> None:
    element_type = Type(array.dtype) if type is Type.dynamic else type
    dims = dims_of(shape)
    assert dims is not None
    tensor._adopt(element_type, dims, _reinterpret(array, element_type, dims), owning=False)


def _reinterpret(array: Array, element_type: Type, dims: Dims) -> Array:
    """The array's memory as 1-d storage of ``element_type``, for at least ``dims``."""
    if not array.flags.c_contiguous:
        raise RuntimeError(_NOT_SHAREABLE + "Passed numpy array must be C contiguous.")
    if element_type is Type.string or array.dtype.kind in "SUO":
        raise RuntimeError(_NOT_SHAREABLE + "String types can be only copied.")
    needed = element_type.storage_bytes(math.prod(dims))
    if array.nbytes < needed:
        raise RuntimeError(
            f"A tensor of shape {list(dims)} and type {element_type.to_string()} takes {needed} bytes, "
            f"the array has {array.nbytes}"
        )
    raw = array.reshape(-1).view(np.uint8)
    dtype = element_type.to_dtype()
    return raw[: raw.size // dtype.itemsize * dtype.itemsize].view(dtype)


def _allocate(tensor: Tensor, type: Any, shape: Any) -> None:
    element_type = type if isinstance(type, Type) else Type(type)
    dims = dims_of(shape)
    assert dims is not None
    tensor._allocate(element_type, dims)


def _from_port(tensor: Tensor, port: Any, array: Array | None = None) -> None:
    partial_shape = port.partial_shape
    dims = (0,) if partial_shape.is_dynamic else tuple(partial_shape.to_shape())
    element_type = port.element_type
    if array is None:
        tensor._allocate(element_type, dims)
        return
    if Type(array.dtype) is not element_type:
        warnings.warn(
            "Type of the array and the port are different. Data is going to be casted.",
            RuntimeWarning,
            stacklevel=4,
        )
    if math.prod(dims) > array.size:
        raise RuntimeError("Shape of the port exceeds shape of the array.")
    if math.prod(dims) < array.size:
        warnings.warn(
            "Shape of the port is smaller than shape of the array. Passed data will be cropped.",
            RuntimeWarning,
            stacklevel=4,
        )
    tensor._adopt(element_type, dims, _reinterpret(array, element_type, dims), owning=False)


def _from_image(tensor: Tensor, image: Any) -> None:
    _from_array(tensor, np.array(image))


def _from_region(tensor: Tensor, other: Tensor, begin: Any, end: Any) -> None:
    first, last = dims_of(begin), dims_of(end)
    assert first is not None
    assert last is not None
    if other.element_type.bitwidth < 8:
        raise RuntimeError(
            "Could not get strides for types with bitwidths less then 8 bit. Tensor type: "
            + other.element_type.to_string()
        )
    dims = other.dims
    if len(first) != len(dims) or len(last) != len(dims):
        raise RuntimeError(
            f"A region of a tensor of rank {len(dims)} needs {len(dims)} coordinates"
        )
    if any(b > e or e > d for b, e, d in zip(first, last, dims)):
        raise RuntimeError(
            f"Region {list(first)}..{list(last)} exceeds the tensor's shape {list(dims)}"
        )
    region = other._view[tuple(slice(b, e) for b, e in zip(first, last))]
    tensor._adopt_region(other.element_type, region)


_Form = tuple[tuple[str, ...], Callable[..., bool], Callable[..., None]]
_FORMS: list[_Form] = [
    (
        ("array", "shared_memory?"),
        lambda array, shared_memory=False: (
            isinstance(array, np.ndarray) and isinstance(shared_memory, bool)
        ),
        _from_array,
    ),
    (
        ("array", "shape", "type?"),
        lambda array, shape, type=Type.f32: (
            isinstance(array, np.ndarray) and dims_of(shape) is not None and isinstance(type, Type)
        ),
        _over_array,
    ),
    (("list",), lambda list: isinstance(list, builtins.list), _from_list),
    (
        ("type", "shape"),
        lambda type, shape: _is_type(type) and dims_of(shape) is not None,
        _allocate,
    ),
    (
        ("other", "begin", "end"),
        lambda other, begin, end: (
            isinstance(other, Tensor) and dims_of(begin) is not None and dims_of(end) is not None
        ),
        _from_region,
    ),
    (("port",), lambda port: _is_port(port), _from_port),
    (
        ("port", "array"),
        lambda port, array: _is_port(port) and isinstance(array, np.ndarray),
        _from_port,
    ),
    (("image",), lambda image: _is_image(image), _from_image),
]
