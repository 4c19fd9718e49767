"""Conversions between Python values, numpy dtypes, element types and nodes."""

from __future__ import annotations

import logging

import numpy as np

from ovgpu.exceptions import OVTypeError as OVTypeError
from ovgpu.graph.element_type import Type as Type
from ovgpu.graph.node import Node as Node
from ovgpu.graph.port import Output as Output
from ovgpu.graph.shape import Shape as Shape
from ovgpu.graph.special import Constant as Constant

log = logging.getLogger(__name__)

TensorShape = list[int]
NumericData = int | float | np.ndarray
NumericType = type | np.dtype
ScalarData = int | float
NodeInput = Node | int | float | np.ndarray

openvino_to_numpy_types_map: list[tuple[Type, type]] = [
    (Type.boolean, bool),
    (Type.boolean, np.bool_),
    (Type.f16, np.float16),
    (Type.f32, np.float32),
    (Type.f64, np.float64),
    (Type.i8, np.int8),
    (Type.i16, np.int16),
    (Type.i32, np.int32),
    (Type.i64, np.int64),
    (Type.u8, np.uint8),
    (Type.u16, np.uint16),
    (Type.u32, np.uint32),
    (Type.u64, np.uint64),
    (Type.bf16, np.uint16),
    (Type.string, str),
    (Type.string, np.str_),
    (Type.string, bytes),
    (Type.string, np.bytes_),
]

openvino_to_numpy_types_str_map: list[tuple[str, type]] = [
    (element_type.to_string(), dtype)
    for element_type, dtype in openvino_to_numpy_types_map
    if element_type is not Type.bf16
]


def get_element_type(data_type: NumericType) -> Type:
    """The element type of a Python or numpy type; ``int`` is i32 and ``float`` f32. Raises OVTypeError."""
    if data_type in (int, float):
        log.warning("Converting %s type of undefined bitwidth to 32 bits.", data_type.__name__)  # type: ignore[union-attr]
        return Type.i32 if data_type is int else Type.f32
    dtype = np.dtype(data_type)
    if dtype.kind in "SU":
        return Type.string
    for element_type, numpy_type in openvino_to_numpy_types_map:
        if dtype == numpy_type:
            return element_type
    raise OVTypeError("Unidentified data type %s", data_type)


def get_element_type_str(data_type: NumericType) -> str:
    """The name of :func:`get_element_type`, for instance ``"f32"``."""
    return get_element_type(data_type).to_string()


def get_dtype(openvino_type: Type) -> np.dtype:
    """The numpy dtype of an element type; bf16 is uint16. Raises OVTypeError for types without one."""
    return np.dtype(get_numpy_ctype(openvino_type))


def get_numpy_ctype(openvino_type: Type) -> type:
    """The numpy scalar type of an element type. Raises OVTypeError for types without one."""
    for element_type, numpy_type in reversed(openvino_to_numpy_types_map):
        if element_type is openvino_type:
            return np.str_ if element_type is Type.string else numpy_type
    raise OVTypeError("Unidentified data type %s", openvino_type)


def get_ndarray(data: NumericData) -> np.ndarray:
    """A number or list as an array; arrays as they are."""
    return data if type(data) is np.ndarray else np.array(data)


def get_shape(data: NumericData) -> TensorShape:
    """The shape of an array, ``[length]`` of a list, ``[]`` of a number."""
    if isinstance(data, np.ndarray):
        return data.shape  # type: ignore[return-value]
    return [len(data)] if isinstance(data, list) else []


def make_constant_node(
    value: NumericData, dtype: NumericType | Type | None = None, *, name: str | None = None
) -> Constant:
    """A Constant of a number or array, in its own type or in ``dtype``."""
    array = get_ndarray(value)
    if isinstance(dtype, Type):
        constant = Constant(dtype, Shape(list(array.shape)), array.reshape(-1).tolist())
    else:
        if array.dtype.kind not in "biuf":
            raise OVTypeError("Unidentified data type %s", array.dtype)
        constant = Constant(array if dtype is None else array.astype(dtype))
    if name:
        constant.set_friendly_name(f"{name}/{constant.get_name()}")
    return constant


def as_node(input_value: NodeInput, name: str | None = None) -> Node | Output:
    """Nodes and outputs as they are, other values as Constants."""
    if isinstance(input_value, Node | Output):
        return input_value
    return make_constant_node(input_value, name=name)


def as_nodes(*input_values: NodeInput, name: str | None = None) -> list[Node | Output]:
    """:func:`as_node` for each argument."""
    return [as_node(value, name=name) for value in input_values]
