"""The data of Constant nodes: from the forms that its constructor takes, and in the forms that users get."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ovgpu.graph import string_data
from ovgpu.graph.arguments import dims_of, incompatible_arguments
from ovgpu.graph.element_conversion import NF4_NUMBERS, convert_elements
from ovgpu.graph.element_type import Type
from ovgpu.graph.packing import pack_codes
from ovgpu.graph.shape import Shape
from ovgpu.graph.tensor import Tensor

if TYPE_CHECKING:
    from ovgpu.graph.special import Constant

Array = npt.NDArray[Any]
#: Element type, shape, storage (packed bytes, or an array of the shape in the host dtype), object to keep alive.
Storage = tuple[Type, tuple[int, ...], Array, Any]

_OVERLOADS = [
    "ovgpu.op.Constant(array: numpy.ndarray, shared_memory: bool = False)",
    "ovgpu.op.Constant(tensor: ovgpu.Tensor, shared_memory: bool = True)",
    "ovgpu.op.Constant(arg0: ovgpu.Type, arg1: ovgpu.Shape, arg2: collections.abc.Sequence)",
]
_NOT_SHAREABLE = "SHARED MEMORY MODE FOR THIS CONSTANT IS NOT APPLICABLE! "
#: Types that refuse numbers that they cannot hold; the others cut bits off or become infinite.
_CHECKED = frozenset({Type.u2, Type.u3, Type.u4, Type.u6, Type.i4, Type.f8e4m3, Type.f8e5m2})


def constant_storage(*args: Any, **kwargs: Any) -> Storage:
    """The data of a Constant from the arguments of its constructor.

    Raises:
        TypeError: the arguments fit none of the constructors.
        RuntimeError: the array cannot be shared, its dtype has no element type, or the number of values is wrong.
        ValueError: the array to share is read-only.
    """
    names: tuple[str, ...] = ()
    if args and len(args) <= 2:
        names = ("shared_memory",)[len(args) - 1 :]
    if not args and len(kwargs) <= 2:
        source = kwargs.get("array", kwargs.get("tensor"))
        args, names = (source,), ("shared_memory",)
        kwargs = {k: v for k, v in kwargs.items() if k not in ("array", "tensor")}
    if len(args) in (1, 2) and kwargs.keys() <= set(names):
        shared = args[1] if len(args) == 2 else kwargs.get("shared_memory")
        if isinstance(args[0], np.ndarray) and isinstance(shared, (bool, type(None))):
            return array_storage(args[0], bool(shared))
        if isinstance(args[0], Tensor) and isinstance(shared, (bool, type(None))):
            return tensor_storage(args[0], shared is not False)
    if len(args) == 3 and not kwargs and isinstance(args[0], Type):
        dims = dims_of(args[1])
        if dims is not None and isinstance(args[2], (list, tuple, np.ndarray)):
            return _values_storage(args[0], dims, args[2])
    raise incompatible_arguments("__init__", _OVERLOADS, args, **kwargs)


def type_of_array(array: Array) -> Type:
    """Element type of a numpy array; those of ml_dtypes (bfloat16, float8) are known too.

    Raises RuntimeError when there is none.
    """
    if array.dtype.isbuiltin != 1:  # not numpy's own
        for candidate in (Type.bf16, Type.f8e4m3, Type.f8e5m2, Type.f8e8m0, Type.f4e2m1):
            if array.dtype == candidate.host_dtype:
                return candidate
    return Type(array.dtype)


def array_storage(array: Array, shared_memory: bool) -> Storage:
    """Storage from an array: a copy in C order, or its own memory. Raises as :func:`constant_storage`."""
    element_type = type_of_array(array)
    if element_type is Type.string:
        if shared_memory:
            raise RuntimeError(_NOT_SHAREABLE + "String types can be only copied.")
        return element_type, array.shape, string_data.encode(array), None
    if shared_memory:
        if not array.flags.c_contiguous:
            raise RuntimeError(_NOT_SHAREABLE + "Passed numpy array must be C contiguous.")
        if not array.dtype.isnative:
            raise RuntimeError(
                _NOT_SHAREABLE + "Passed numpy array must have the native byte order."
            )
        if not array.flags.writeable:
            raise ValueError("array is not writeable")
    else:
        array = np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
    return host_storage(element_type, array)


def host_storage(element_type: Type, array: Array) -> Storage:
    """Storage over an array in the host dtype of ``element_type``."""
    storage = array
    if element_type.bitwidth < 8:
        storage = pack_codes(
            np.ascontiguousarray(array).reshape(-1).view(np.uint8), element_type.bitwidth
        )
    return element_type, array.shape, storage, None


def tensor_storage(tensor: Tensor, shared_memory: bool) -> Storage:
    """Storage from a tensor: its own memory (strings excepted) or a copy."""
    element_type = tensor.get_element_type()
    if element_type.bitwidth < 8:
        storage = tensor.data.view(np.uint8)
    else:
        storage = tensor.host_array()
        if not storage.flags.c_contiguous:
            shared_memory = False
    if not shared_memory or element_type is Type.string:
        return element_type, tensor.dims, storage.copy(), None
    return element_type, tensor.dims, storage, tensor


def _values_storage(
    element_type: Type, dims: tuple[int, ...], values: Sequence[Any] | Array
) -> Storage:
    if element_type is Type.dynamic:
        raise RuntimeError("A constant needs an element type, got dynamic")
    array = np.asarray(values)
    if element_type is Type.string:
        array = string_data.encode(array if array.size else array.astype("U1"))
    elif array.dtype.kind not in "biuf":
        raise incompatible_arguments("__init__", _OVERLOADS, (element_type, dims, values))
    array = array.reshape(-1)
    count = math.prod(dims)
    if array.size not in (1, count):
        raise RuntimeError(
            f"Did not get the expected number of literals for a constant of shape {Shape(dims)} "
            f"(got {array.size}, expected {'' if count == 1 else '1 or '}{count})."
        )
    host = array if element_type is Type.string else host_values(array, element_type)
    return host_storage(element_type, np.broadcast_to(host, (count,)).reshape(dims).copy())


def host_values(array: Array, element_type: Type) -> Array:
    """Numbers in the host dtype of ``element_type``. Integers are codes where the type is nf4.

    Raises RuntimeError for numbers out of the range of the types below 8 bits and of f8.
    """
    source = type_of_array(array)
    if element_type in _CHECKED:
        _check_range(array, element_type)
    if element_type is Type.u1:
        return (array != 0).astype(np.uint8)
    if element_type is Type.nf4 and not source.is_real():
        return array.astype(np.uint8) & np.uint8(0xF)
    return convert_elements(array, source, element_type)


def _check_range(array: Array, element_type: Type) -> None:
    if element_type.is_real():
        limit = 448.0 if element_type is Type.f8e4m3 else 57344.0
        low, high = -limit, limit
    else:
        bits = element_type.bitwidth
        low, high = (-8, 7) if element_type is Type.i4 else (0, (1 << bits) - 1)
        array = np.trunc(array)
    outside = (array < low) | (array > high)
    if np.any(outside):
        value = array[outside].reshape(-1)[0]
        raise RuntimeError(f"{value} assigned value out of range for {element_type.to_string()}")


# ---- what users get ------------------------------------------------------------------------------
def tensor_view(constant: Constant) -> Tensor:
    """A tensor over the constant's memory; strings are copied."""
    element_type, storage = constant.get_element_type(), constant._storage
    if element_type is Type.string:
        return Tensor.from_host(storage, element_type)
    if element_type.bitwidth < 8:
        return Tensor(storage, list(constant._shape), element_type)
    return Tensor.over(storage, element_type)


def public_array(constant: Constant) -> Array:
    """A read-only view of the stored data: packed bytes below 8 bits, bf16 as float16 bits, f8 as uint8."""
    element_type, storage = constant.get_element_type(), constant._storage
    if element_type is Type.string:
        return string_data.as_bytes(storage)
    data = storage.view(element_type.to_dtype())
    data.flags.writeable = False
    return data


def converted_data(constant: Constant, dtype: Any, copy: bool) -> Array:
    """The data as :func:`public_array` shows it, or one number for each element in another ``dtype``.

    Raises TypeError when numpy does not know ``dtype``.
    """
    element_type = constant.get_element_type()
    wanted = None if dtype is None else np.dtype(dtype)
    if wanted is None or (wanted == element_type.to_dtype() and element_type is not Type.string):
        data = public_array(constant)
        return data.copy() if copy else data
    if element_type is Type.string:
        strings = string_data.as_str if wanted.kind == "U" else string_data.as_bytes
        return strings(constant._storage)
    array = constant.host_array()
    if element_type is Type.nf4 and wanted.kind == "f":
        array = np.asarray(NF4_NUMBERS[array])
    if wanted.kind in "biuf":
        return np.asarray(convert_elements(array, type_of_array(array), Type(wanted)))
    return array.astype(wanted)


def value_vector(constant: Constant) -> Array:
    """All values in one dimension. Raises RuntimeError for types that numpy cannot hold, and for i4."""
    element_type = constant.get_element_type()
    array = constant.host_array()
    if element_type in (Type.nf4, Type.i4, Type.string) or array.dtype.isbuiltin != 1:
        raise RuntimeError("Unsupported data type!")
    flat = array.reshape(-1)
    return flat.astype(np.int8) if element_type is Type.boolean else flat


def value_strings(constant: Constant) -> list[str]:
    """The values as text: numbers with six digits at most, nf4 as codes."""
    element_type = constant.get_element_type()
    array = constant.host_array().reshape(-1)
    if element_type is Type.string:
        return [s.decode("utf-8", "replace") for s in array]
    if element_type.is_real():
        return [_number_text(x) for x in array.astype(np.float64).tolist()]
    return [str(int(x)) for x in array]


def _number_text(value: float) -> str:
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    return f"{value:g}"
