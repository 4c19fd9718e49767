"""Tensors in host memory: what users pass to and get from inference, and what Constants hold."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ovgpu.graph import string_data
from ovgpu.graph.arguments import dims_of, incompatible_arguments
from ovgpu.graph.element_type import Type
from ovgpu.graph.packing import pack_codes, sign_extend, unpack_codes
from ovgpu.graph.shape import Shape, Strides

Array = npt.NDArray[Any]
Dims = tuple[int, ...]


class Tensor:
    """A typed n-dimensional array in host memory.

    Constructors:

    * ``Tensor(array, shared_memory=False)``: a C-ordered copy, or a view of the array's memory.
    * ``Tensor(array, shape, type=Type.dynamic)``: the array's memory read as ``shape`` and ``type``; always shared.
    * ``Tensor(list)``: numbers become i64 or f64, text becomes strings.
    * ``Tensor(type, shape)``: memory that is not initialised; ``type`` is a :class:`Type` or a numpy dtype.
    * ``Tensor(port)``, ``Tensor(port, array)``: type and shape of a model's port, optionally over shared memory.
    * ``Tensor(image)``: a PIL image.
    * ``Tensor(tensor, begin, end)``: a region of another tensor, sharing its memory.

    Types narrower than a byte are stored packed (see :mod:`ovgpu.graph.packing`); ``data`` then shows the packed bytes.

    Raises:
        TypeError: the arguments fit none of the constructors.
        RuntimeError: the array cannot be shared or its dtype has no element type.
        ValueError: the array to share is read-only.
    """

    __slots__ = ("__weakref__", "_dims", "_host", "_limits", "_owning", "_store", "_type", "_view")

    _type: Type
    _dims: Dims
    #: Contiguous 1-d storage with the whole capacity; None for a region of another tensor.
    _store: Array | None
    #: What ``data`` shows: shaped by ``_dims``, or 1-d packed bytes.
    _view: Array
    #: ``_view`` as ``Type.host_dtype``, made on first use.
    _host: Array | None
    #: Regions only: the view of the whole region, of which ``set_shape`` shows the leading part.
    _limits: Array | None
    _owning: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        from ovgpu.graph.tensor_construction import construct

        construct(self, args, kwargs)

    # ---- internal constructors ----
    @classmethod
    def empty(cls, element_type: Type, dims: Sequence[int]) -> Tensor:
        """An owning tensor with memory that is not initialised."""
        tensor = cls.__new__(cls)
        tensor._allocate(element_type, tuple(dims))
        return tensor

    @classmethod
    def over(cls, array: Array, element_type: Type | None = None) -> Tensor:
        """A non-owning tensor over a C-contiguous ``array`` of a byte-size type, without any check.

        ``array`` may also have the type's ``host_dtype`` (bfloat16 and float8 arrays of ml_dtypes).
        """
        tensor = cls.__new__(cls)
        if element_type is None:
            element_type = Type(array.dtype)
        dtype = element_type.to_dtype()
        shown = array if array.dtype == dtype else array.view(dtype)
        tensor._adopt(element_type, array.shape, shown.reshape(-1), owning=False)
        return tensor

    @classmethod
    def from_host(cls, array: Array, element_type: Type) -> Tensor:
        """An owning tensor filled from one value per element in ``element_type.host_dtype``."""
        tensor = cls.empty(element_type, array.shape)
        tensor.assign_host(array)
        return tensor

    def _allocate(self, element_type: Type, dims: Dims) -> None:
        if element_type is Type.dynamic:
            raise RuntimeError("A tensor needs a static element type, got dynamic")
        self._adopt(element_type, dims, _new_store(element_type, dims), owning=True)

    def _adopt(self, element_type: Type, dims: Dims, store: Array, owning: bool) -> None:
        self._type = element_type
        self._owning = owning
        self._store = store
        self._limits = None
        self._show(dims)

    def _adopt_region(self, element_type: Type, region: Array) -> None:
        self._type = element_type
        self._owning = False
        self._store = None
        self._limits = region
        self._dims = region.shape
        self._view = region
        self._host = None

    def _show(self, dims: Dims) -> None:
        assert self._store is not None
        self._dims = dims
        self._host = None
        units = _store_units(self._type, dims)
        view = self._store if self._store.size == units else self._store[:units]
        self._view = view if self._type.bitwidth < 8 else view.reshape(dims)

    # ---- values ----
    @property
    def data(self) -> Array:
        """A view of the memory. Types below 8 bits show a 1-d array of packed bytes, bf16 shows as float16 bits and
        float8 types as uint8. Strings are copied to ``bytes`` with a RuntimeWarning."""
        if self._type is Type.string:
            warnings.warn(
                "Data of string type will be copied! Please use dedicated properties `str_data` and `bytes_data` to "
                "avoid confusion while accessing Tensor's contents.",
                RuntimeWarning,
                stacklevel=2,
            )
            return self.bytes_data
        # A new view each time: changing its shape in place must not change the tensor's.
        return self._view[...] if self._view.ndim else self._view.reshape(())

    def host_array(self) -> Array:
        """The values with dtype ``Type.host_dtype``, one array element per tensor element.

        A view of the memory for types of whole bytes, an unpacked copy for narrower ones; strings are an object array
        of ``bytes`` (UTF-8).
        """
        if self._host is not None:
            return self._host
        element_type = self._type
        if element_type.bitwidth < 8:
            # Not kept: the packed bytes may change under us through `data`.
            codes: Array = unpack_codes(
                self._view.view(np.uint8), element_type.bitwidth, math.prod(self._dims)
            )
            if element_type is Type.i4:
                codes = sign_extend(codes, 4)
            return codes.view(element_type.host_dtype).reshape(self._dims)
        dtype = element_type.host_dtype
        self._host = self._view if self._view.dtype == dtype else self._view.view(dtype)
        return self._host

    def assign_host(self, array: Array) -> None:
        """Store values given as :meth:`host_array` returns them, resizing the tensor to the array's shape.

        Raises RuntimeError when the tensor cannot take the shape.
        """
        if array.shape != self._dims:
            self.set_shape(array.shape)
        if self._type.bitwidth < 8:
            packed = pack_codes(np.asarray(array).view(np.uint8), self._type.bitwidth)
            self._view[...] = packed.view(self._view.dtype)
        else:
            np.copyto(self.host_array(), array, casting="unsafe")

    @property
    def bytes_data(self) -> Array:
        """Strings as a numpy array of fixed-width ``bytes``, a copy. Assignable from a list or an array."""
        return string_data.as_bytes(self._string_view())

    @bytes_data.setter
    def bytes_data(self, value: Any) -> None:
        string_data.fill(self._string_view(), value)

    @property
    def str_data(self) -> Array:
        """Strings as a numpy array of fixed-width ``str``, a copy; invalid UTF-8 becomes U+FFFD. Assignable."""
        return string_data.as_str(self._string_view())

    @str_data.setter
    def str_data(self, value: Any) -> None:
        string_data.fill(self._string_view(), value)

    def _string_view(self) -> Array:
        if self._type is not Type.string:
            raise RuntimeError("Tensor's type must be a string!")
        return self._view

    # ---- type and shape ----
    @property
    def element_type(self) -> Type:
        """Type of the elements."""
        return self._type

    def get_element_type(self) -> Type:
        """Type of the elements."""
        return self._type

    @property
    def dims(self) -> Dims:
        """The shape as a plain tuple."""
        return self._dims

    @property
    def shape(self) -> Shape:
        """The shape; assigning is :meth:`set_shape`."""
        return Shape(self._dims)

    @shape.setter
    def shape(self, shape: Iterable[int]) -> None:
        self.set_shape(shape)

    def get_shape(self) -> Shape:
        """The shape."""
        return Shape(self._dims)

    def set_shape(self, shape: Iterable[int]) -> None:
        """Change the shape; the contents are undefined afterwards.

        A tensor that owns its memory allocates when it grows. A tensor over shared memory takes any shape that fits
        in it, a region any shape within the region.

        Raises:
            RuntimeError: the memory is shared and too small.
            TypeError: ``shape`` is not a sequence of non-negative integers.
        """
        dims = shape if type(shape) is tuple and _all_dims(shape) else _as_dims(self, shape)
        if dims == self._dims:
            return
        if self._limits is not None:
            self._show_region(dims)
            return
        assert self._store is not None
        if _store_units(self._type, dims) > self._store.size:
            if not self._owning:
                raise RuntimeError(f"Could set new shape: {Shape(dims)}")
            self._store = _new_store(self._type, dims)
        self._show(dims)

    def _show_region(self, dims: Dims) -> None:
        assert self._limits is not None
        limits = self._limits.shape
        if len(dims) != len(limits) or any(d > limit for d, limit in zip(dims, limits)):
            raise RuntimeError(f"Could set new shape: {Shape(dims)} in a region of {Shape(limits)}")
        self._dims = dims
        self._host = None
        self._view = self._limits[tuple(slice(0, d) for d in dims)]

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self._dims)

    def get_size(self) -> int:
        """Number of elements."""
        return math.prod(self._dims)

    @property
    def byte_size(self) -> int:
        """Bytes of the elements; a string counts 32."""
        return self._type.storage_bytes(math.prod(self._dims))

    def get_byte_size(self) -> int:
        """Bytes of the elements; a string counts 32."""
        return self.byte_size

    @property
    def strides(self) -> Strides:
        """Bytes between neighbours along each axis. Raises RuntimeError for types below 8 bits."""
        if self._type.bitwidth < 8:
            raise RuntimeError(
                "Could not get strides for types with bitwidths less then 8 bit. Tensor type: "
                + self._type.to_string()
            )
        if self._limits is not None:
            steps: list[int] = list(self._view.strides)
            if self._type is Type.string:
                steps = [s // self._view.itemsize * self._type.size for s in steps]
            return Strides(steps)
        steps, step = [], self._type.size
        for dim in reversed(self._dims):
            steps.append(step)
            step *= dim
        if self.size == 0:  # numpy's convention, which a division of byte counts would not meet
            return Strides(list(self._view.strides))
        return Strides(steps[::-1])

    def get_strides(self) -> Strides:
        """Bytes between neighbours along each axis. Raises RuntimeError for types below 8 bits."""
        return self.strides

    def is_continuous(self) -> bool:
        """Whether the elements lie in memory without gaps, in C order."""
        return self._view.flags.c_contiguous

    # ---- copies ----
    def copy_from(self, source: Tensor | Array | list) -> None:
        """Copy another tensor's values; this tensor takes the source's shape.

        Raises:
            RuntimeError: the element types differ or this tensor cannot take the shape.
            TypeError: ``source`` is no tensor, array or list.
        """
        if not isinstance(source, Tensor):
            if not isinstance(source, np.ndarray | list):
                raise incompatible_arguments("copy_from", _COPY_FROM, (self, source))
            source = Tensor(source)
        source.copy_to(self)

    def copy_to(self, target_tensor: Tensor) -> None:
        """Copy this tensor's values; the target takes this tensor's shape. Raises as :meth:`copy_from`."""
        if not isinstance(target_tensor, Tensor):
            raise incompatible_arguments("copy_to", _COPY_TO, (self, target_tensor))
        target_tensor._receive(self)

    def _receive(self, source: Tensor) -> None:
        if source._type is not self._type:
            raise RuntimeError(
                "Tensor element types are not equal. "
                f"(src: {source._type.to_string()} != dst: {self._type.to_string()})"
            )
        if source._dims != self._dims:
            self.set_shape(source._dims)
        np.copyto(self._view, source._view)

    # ---- for other libraries ----
    def __dlpack__(self, **kwargs: Any) -> Any:
        """Share the memory by DLPack: ``numpy.from_dlpack(tensor)``, ``torch.from_dlpack(tensor)``.

        Raises BufferError for types that DLPack consumers know no elements of: strings, bf16, and below 16 bits all but
        integers of 8 bits and booleans.
        """
        if self._view.dtype != self._type.host_dtype or self._type.bitwidth < 8:
            raise BufferError(f"Tensors of type {self._type.to_string()} have no DLPack form")
        return self._view.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        """Host memory, as DLPack numbers it."""
        return (1, 0)

    def __copy__(self) -> Tensor:
        copied = Tensor.empty(self._type, self._dims)
        np.copyto(copied._view, self._view)
        return copied

    def __deepcopy__(self, memo: dict) -> Tensor:
        return self.__copy__()

    def __repr__(self) -> str:
        return f"<Tensor: shape{Shape(self._dims)} type: {self._type.to_string()}>"


_COPY_FROM = [
    "(self: ovgpu.Tensor, source_tensor: ovgpu.Tensor) -> None",
    "(self: ovgpu.Tensor, source: numpy.ndarray) -> None",
    "(self: ovgpu.Tensor, source: list) -> None",
]
_COPY_TO = ["(self: ovgpu.Tensor, target_tensor: ovgpu.Tensor) -> None"]
_SET_SHAPE = [
    "(self: ovgpu.Tensor, arg0: ovgpu.Shape) -> None",
    "(self: ovgpu.Tensor, arg0: collections.abc.Sequence[typing.SupportsInt]) -> None",
]


def _store_units(element_type: Type, dims: Dims) -> int:
    """Elements of the 1-d storage: bytes for packed types, else tensor elements."""
    count = math.prod(dims)
    return element_type.storage_bytes(count) if element_type.bitwidth < 8 else count


def _new_store(element_type: Type, dims: Dims) -> Array:
    if element_type is Type.string:
        return np.full(math.prod(dims), b"", dtype=object)
    units = _store_units(element_type, dims)
    try:
        return np.empty(units, element_type.to_dtype())
    except (MemoryError, ValueError) as error:
        size = element_type.storage_bytes(math.prod(dims))
        raise MemoryError(
            f"Cannot allocate {size} bytes for a tensor of shape {list(dims)}"
        ) from error


def _all_dims(shape: tuple) -> bool:
    return all(type(d) is int and d >= 0 for d in shape)


def _as_dims(tensor: Tensor, shape: Any) -> Dims:
    """``shape`` as a tuple of ints; raises the TypeError of ``set_shape``."""
    dims = dims_of(shape)
    if dims is None:
        raise incompatible_arguments("set_shape", _SET_SHAPE, (tensor, shape))
    return dims
