"""Factories of Parameter, Constant and Result."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from ovgpu.graph.constant_data import host_storage, host_values, type_of_array
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.special import Constant, Parameter, Result
from ovgpu.graph.tensor import Tensor
from ovgpu.ops.factory import as_output, custom_factory

_log = logging.getLogger(__name__)
_NOT_SHARED = "Memory sharing is disabled by default. Set shared_memory=False to hide this warning."


def _element_type(dtype: Any) -> Any:
    """Type from a Type or numpy dtype; Python's int and float mean 32 bits here."""
    if isinstance(dtype, Type):
        return dtype
    if dtype is int:
        return Type.i32
    if dtype is float:
        return Type.f32
    return dtype if isinstance(dtype, str) or dtype is None else Type(dtype)


@custom_factory("parameter", 1)
def parameter(shape: Any, dtype: Any = np.float32, name: str | None = None) -> Parameter:
    """An input of a model.

    Args:
        shape: list, tuple, str, Shape or PartialShape.
        dtype: Type or numpy dtype.
        name: friendly name.

    Raises TypeError for other types.
    """
    node = Parameter(_element_type(dtype), PartialShape(shape))
    if name is not None:
        node.friendly_name = name
    return node


@custom_factory("constant", 1)
def constant_1(value: Any, dtype: Any = None, name: str | None = None) -> Constant:
    """A tensor that is part of the model; see :func:`constant`."""
    return _constant(value, dtype, name, None)


constant_1.__name__ = constant_1.__qualname__ = "constant"


@custom_factory("constant", 13)
def constant(
    value: Any = None,
    dtype: Any = None,
    name: str | None = None,
    *,
    shared_memory: bool | None = None,
    tensor: Tensor | None = None,
) -> Constant:
    """A tensor that is part of the model.

    Args:
        value: number, list or numpy array; or a Tensor, whose memory is shared by default.
        dtype: Type or numpy dtype to convert the numbers to; int and float mean 32 bits.
        name: friendly name.
        shared_memory: use the memory of ``value`` itself, which must be an array in C order of the right dtype.

    Raises:
        TypeError: ``value`` is nothing of these.
        RuntimeError: a number is out of the range of ``dtype``, or the memory cannot be shared.
    """
    return _constant(value if tensor is None else tensor, dtype, name, shared_memory)


def _constant(source: Any, dtype: Any, name: str | None, shared_memory: bool | None) -> Constant:
    if isinstance(source, Tensor):
        if isinstance(dtype, bool):  # constant(tensor, shared_memory)
            shared_memory, dtype = dtype, None
        if dtype is not None:
            raise TypeError("The necessary overload for constant was not found")
        node = Constant(source, shared_memory is not False)
    else:
        node = _from_numbers(source, _element_type(dtype), bool(shared_memory))
    if name is not None:
        node.friendly_name = name
    return node


def _from_numbers(value: Any, element_type: Any, shared_memory: bool) -> Constant:
    known = isinstance(value, (bool, int, float, np.generic, np.ndarray, list))
    if not known or isinstance(value, (str, bytes)) or isinstance(element_type, str):
        raise TypeError("The necessary overload for constant was not found")
    array = np.asarray(value)
    if shared_memory and not isinstance(value, np.ndarray):
        _log.warning("Converting scalar to corresponding type of %s. %s", array.dtype, _NOT_SHARED)
        shared_memory = False
    if element_type is None or array.dtype.kind in "SU" or type_of_array(array) is element_type:
        return Constant(array, shared_memory)
    if element_type is Type.dynamic:
        raise IndexError("A constant needs an element type, got dynamic")
    if shared_memory:
        what = "packed type of" if element_type.bitwidth < 8 else "converted values of"
        _log.warning("Constant initialized with %s %s. %s", what, element_type, _NOT_SHARED)
    _, shape, storage, _ = host_storage(element_type, host_values(array, element_type))
    return Constant._over(element_type, shape, storage)


@custom_factory("result", 1)
def result(data: Any, name: str | None = None) -> Result:
    """An output of a model.

    Args:
        data: node, output, number or array.
        name: friendly name.
    """
    node = Result(as_output(data))
    if name is not None:
        node.friendly_name = name
    return node
