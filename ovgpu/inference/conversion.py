"""From what users pass as inputs to tensors, and back: which arrays are shared, which copied, what is cast."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from ovgpu.graph.element_type import Type
from ovgpu.graph.tensor import Tensor
from ovgpu.inference.ports import PortSlot
from ovgpu.inference.remote import RemoteTensor

Array = npt.NDArray[Any]

#: Device types of DLPack that CUDA kernels can read: CUDA memory and managed memory.
DLPACK_CUDA = (2, 13)

_ARRAY_LIKE = (np.ndarray, int, float, complex, np.number, np.bool_, str, bytes)


def as_array(value: Any) -> Array | None:
    """An array, scalar or object with ``__array__`` as an ndarray; None for anything else."""
    if isinstance(value, _ARRAY_LIKE) or hasattr(value, "__array__"):
        return np.asarray(value)
    return None


def exports_device_memory(value: Any) -> bool:
    """Whether an object offers memory that numpy cannot read: of a CUDA device, by DLPack or its array interface."""
    device = getattr(value, "__dlpack_device__", None)
    if device is not None:
        return int(device()[0]) in DLPACK_CUDA
    return hasattr(value, "__cuda_array_interface__")


def copy_into(tensor: Tensor, slot: PortSlot, array: Array) -> None:
    """Copy ``array`` into ``tensor``, cast to the port's type; the tensor takes the array's shape.

    Raises:
        RuntimeError: the port does not take the shape (the tensor is left as it was).
        ValueError: values cannot be cast, or the type is narrower than a byte.
    """
    if slot.type.bitwidth < 8:
        raise ValueError(
            f"could not broadcast input array from shape {array.shape} into shape {tensor._view.shape}: "
            f"an array cannot feed input '{slot.name}' of type {slot.type.to_string()}, pass a Tensor over packed bytes"
        )
    if array.shape != tensor.dims:
        if not slot.accepts(array.shape):
            raise slot.refusal_of_array(array.shape)
        tensor.set_shape(array.shape)
    if slot.type is Type.string:
        tensor.bytes_data = array
        return
    target = tensor._view
    if array.dtype != target.dtype:
        # Types that numpy lacks show as bit patterns; numbers of other types are converted by value.
        target, array = _common_view(tensor, array)
    np.copyto(target, array, casting="unsafe")


def shared_or_cast(slot: PortSlot, array: Array) -> Tensor:
    """A tensor over ``array``'s memory where that is possible, else over a converted copy.

    Shared are writable C-contiguous arrays of exactly the port's dtype; bf16 and strings are always copied.
    Raises RuntimeError when the port does not take the shape, or is of a packed type; ValueError for text that is no
    number.
    """
    if slot.type.bitwidth < 8:
        tensor = Tensor(array)
        slot.check_input(tensor)
        return tensor
    if array.dtype.kind in "SU" and slot.type is not Type.string:
        array = array.astype(slot.dtype)  # numbers in text; a ValueError tells about other text
    if not slot.accepts(array.shape):
        raise slot.refusal_of_tensor(array.shape)
    if array.dtype == slot.dtype and slot.type is not Type.bf16 and slot.type is not Type.string:
        flags = array.flags
        if flags.c_contiguous and flags.writeable:
            return Tensor.over(array, slot.type)
    tensor = Tensor.empty(slot.type, array.shape)
    copy_into(tensor, slot, array)
    return tensor


def _common_view(tensor: Tensor, array: Array) -> tuple[Array, Array]:
    """Views of target and source between which ``np.copyto`` does what is meant."""
    target = tensor._view
    element_type = tensor.element_type
    if element_type.host_dtype == target.dtype:
        return target, array
    host = tensor.host_array()
    if array.dtype == host.dtype or array.dtype.kind == "f":
        # float16 never gets here for bf16: it is the dtype in which users see bf16 bits.
        return host, array
    if element_type is Type.bf16 and array.dtype == np.uint16:
        return target.view(np.uint16), array
    if element_type is Type.bf16:
        return host, array
    return target, array  # integers for float8: bit patterns


def result_array(tensor: Tensor, share: bool, decode_strings: bool) -> Any:
    """An output as users get it: a view of the tensor (``share``) or a copy; strings are always copied.

    An output in device memory is the tensor itself: it stays there until somebody copies it.
    """
    if isinstance(tensor, RemoteTensor):
        return tensor
    if tensor.element_type is Type.string:
        if share:
            warnings.warn(
                "Result of a string type will be copied to OVDict!", RuntimeWarning, stacklevel=4
            )
        return tensor.str_data if decode_strings else tensor.bytes_data
    view = tensor._view
    return view[...] if share else np.array(view, order="C", copy=True)
