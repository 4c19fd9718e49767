"""The three nodes that every model has: Parameter, Constant, Result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.layout import Layout
from ovgpu.graph.node import Node, public_attribute
from ovgpu.graph.packing import pack_codes, sign_extend, unpack_codes
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import ConstOutput, DescriptorTensor, Output
from ovgpu.graph.shape import Shape, Strides
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import OpDeclaration
from ovgpu.ops.registry import registry

if TYPE_CHECKING:
    from ovgpu.graph.tensor import Tensor


def _declare(name: str, infer: Any, **options: Any) -> OpDeclaration:
    declaration = OpDeclaration(name, 1, infer, factory="", **options)
    registry.add(declaration)
    return declaration


def _result_infer(data: Value) -> Value:
    """An output of the model."""
    return data


_RESULT = _declare("Result", _result_infer)


def port_layout(port: Output | ConstOutput) -> Layout:
    """The layout attached to the tensor of a port; the empty one when there is none."""
    stored = port.get_rt_info().get("layout_0")
    if stored is None:
        return Layout()
    return stored.value if isinstance(stored.value, Layout) else Layout(str(stored.value))


class _LayoutMixin:
    """Layout of a model port, in the run-time information of its tensor under ``layout_0``."""

    output: Any  # Node.output

    def get_layout(self) -> Layout:
        """The layout; the empty one when none was set."""
        return port_layout(self.output(0))

    def set_layout(self, layout: Layout) -> None:
        """Attach a layout; the empty one takes it away.

        Raises:
            TypeError: for anything but a Layout.
            RuntimeError: the layout does not fit the shape.
        """
        if not isinstance(layout, Layout):
            raise TypeError(f"set_layout takes a Layout, got {type(layout).__name__}")
        port = self.output(0)
        info, value = port.get_rt_info(), port.tensor.value
        if layout.empty:
            if "layout_0" in info:
                del info["layout_0"]
            return
        if not layout.fits(value.shape):
            node = port.get_node()
            described = f"{node.get_type_info().version_id}::{node.get_type_name()} {node.get_friendly_name()}[0]"
            raise RuntimeError(
                f"Can't set layout for Parameter/Result {described}:{value.type.to_string()}{value.shape}: "
                f"layout {layout} is not compatible with shape {value.shape}"
            )
        info["layout_0"] = layout

    @property
    def layout(self) -> Layout:
        return self.get_layout()

    @layout.setter
    def layout(self, layout: Layout) -> None:
        self.set_layout(layout)


class Parameter(_LayoutMixin, Node):
    """An input of the model.

    Args:
        element_type: type of its elements.
        shape: Shape or PartialShape.
    """

    def __init__(
        self, element_type: Type, shape: Shape | PartialShape | Sequence[Any] | str
    ) -> None:
        if not isinstance(element_type, Type):
            raise TypeError(
                f"Parameter takes an element type such as Type.f32, got {element_type!r}"
            )
        self._type = element_type
        self._partial_shape = PartialShape(shape)
        super().__init__(_PARAMETER, [], {})

    def validate_and_infer_types(self) -> None:
        self._set_values([Value(self._type, self._partial_shape)])

    def get_attributes(self) -> dict[str, Any]:
        shape = public_attribute(self._partial_shape)
        return {"shape": shape, "element_type": self._type.to_string()}

    def get_element_type(self) -> Type:
        return self._type

    @property
    def element_type(self) -> Type:
        return self._type

    @element_type.setter
    def element_type(self, element_type: Type) -> None:
        self.set_element_type(element_type)

    def set_element_type(self, element_type: Type) -> None:
        """Change the type; takes effect for consumers with ``Model.validate_nodes_and_infer_types``."""
        self._type = element_type

    def get_partial_shape(self) -> PartialShape:
        return PartialShape(self._partial_shape)

    @property
    def partial_shape(self) -> PartialShape:
        return PartialShape(self._partial_shape)

    @partial_shape.setter
    def partial_shape(self, partial_shape: PartialShape) -> None:
        self.set_partial_shape(partial_shape)

    def set_partial_shape(self, partial_shape: PartialShape) -> None:
        """Change the shape; takes effect with ``Model.validate_nodes_and_infer_types``."""
        self._partial_shape = PartialShape(partial_shape)

    def __repr__(self) -> str:
        # The C++ names of f32 and f64, unlike Type's own texts.
        name = {"f32": "float", "f64": "double"}.get(self._type.to_string(), self._type._c_name)
        return f"<Parameter: '{self.get_friendly_name()}' ({self._partial_shape}, {name})>"


class Result(_LayoutMixin, Node):
    """An output of the model. Its port shares the tensor descriptor (and so the names) of what feeds it."""

    def __init__(self, source: Output | Node) -> None:
        if not isinstance(source, (Output, Node)):
            raise TypeError(f"Result takes an Output, got {type(source).__name__}")
        output = source if isinstance(source, Output) else source.output(0)
        super().__init__(_RESULT, [output], {})

    def validate_and_infer_types(self) -> None:
        if not self._outputs:
            self._set_values([self._input_slots[0].source.value])
        self._outputs[0] = self._input_slots[0].source.tensor

    def _source_changed(self, index: int) -> None:
        self._outputs[0] = self._input_slots[0].source.tensor


class Constant(Node):
    """A tensor that is part of the model.

    Forms: ``Constant(ndarray, shared_memory=False)``, ``Constant(Tensor, shared_memory=True)``,
    ``Constant(Type, Shape, values)`` where ``values`` holds one number for each element, or a single one for all.
    Types below 8 bits are stored packed, first value in the low bits (u1: in the high bit).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        from ovgpu.graph.constant_data import constant_storage

        element_type, shape, storage, owner = constant_storage(*args, **kwargs)
        self._init_storage(element_type, shape, storage, owner)

    def _init_storage(
        self, element_type: Type, shape: tuple[int, ...], storage: np.ndarray, owner: Any
    ) -> None:
        self._type = element_type
        self._shape = shape
        #: Packed bytes (1-D uint8) for types below 8 bits, else an array of the shape in the type's host dtype.
        self._storage = storage
        self._owner = owner
        super().__init__(_CONSTANT, [], {})

    @classmethod
    def from_storage(
        cls, element_type: Type, shape: Sequence[int], storage: np.ndarray, owner: Any = None
    ) -> Constant:
        """A constant over memory laid out as in IR weight files, without a copy.

        Args:
            storage: 1-D uint8 array of exactly ``element_type.storage_bytes(count)`` bytes (may be read-only, for
                instance a memory map), or an object array for strings.
            owner: object to keep alive as long as the constant lives.
        """
        sizes = tuple(int(d) for d in shape)
        if element_type is not Type.string and element_type.bitwidth >= 8:
            expected = element_type.storage_bytes(math.prod(sizes))
            if storage.nbytes != expected:
                raise RuntimeError(
                    f"A constant {element_type.to_string()}{list(sizes)} takes {expected} bytes, got {storage.nbytes}"
                )
            # Files need not align constants. Such arrays are copied when somebody computes with them, not here.
            storage = storage.view(element_type.host_dtype).reshape(sizes)
        return cls._over(element_type, sizes, storage, owner)

    @classmethod
    def _over(
        cls, element_type: Type, shape: tuple[int, ...], storage: np.ndarray, owner: Any = None
    ) -> Constant:
        """A constant over memory in its final form: packed bytes, or an array of the shape in the host dtype."""
        constant = cls.__new__(cls)
        constant._init_storage(element_type, shape, storage, owner)
        return constant

    @classmethod
    def from_host(cls, element_type: Type, array: np.ndarray) -> Constant:
        """A constant from an array in ``element_type.host_dtype`` with one value per element."""
        array = np.ascontiguousarray(array, dtype=element_type.host_dtype).reshape(array.shape)
        storage = array
        if element_type.bitwidth < 8:
            storage = pack_codes(array.reshape(-1).view(np.uint8), element_type.bitwidth)
        return cls._over(element_type, array.shape, storage)

    def host_array(self) -> np.ndarray:
        """The elements in ``Type.host_dtype``, one per array element; a view where the type has whole bytes."""
        if self._type.bitwidth < 8:
            return _unpacked(self._type, self._shape, self._storage)
        if not self._storage.flags.aligned:
            self._storage = self._storage.copy()
        return self._storage

    def validate_and_infer_types(self) -> None:
        if self._outputs:
            return
        value = _ConstantValue(self._type, PartialShape.of(self._shape))
        value.storage = self._storage
        self._set_values([value])

    def get_attributes(self) -> dict[str, Any]:
        return {"element_type": self._type.to_string(), "shape": list(self._shape)}

    def get_element_type(self) -> Type:
        return self._type

    @property
    def tensor_view(self) -> Tensor:
        """A tensor that shares the constant's memory."""
        from ovgpu.graph.constant_data import tensor_view

        return tensor_view(self)

    def get_tensor_view(self) -> Tensor:
        return self.tensor_view

    def get_byte_size(self) -> int:
        """Bytes of the stored data."""
        return self._type.storage_bytes(math.prod(self._shape))

    def get_strides(self) -> Strides:
        return self.tensor_view.get_strides()

    @property
    def strides(self) -> Strides:
        return self.get_strides()

    @property
    def data(self) -> np.ndarray:
        """The stored data: an array of the shape, or packed bytes for types below 8 bits. Do not write to it."""
        from ovgpu.graph.constant_data import public_array

        return public_array(self)

    def get_data(self, *, dtype: Any = None, copy: bool = False) -> np.ndarray:
        """The data, converted to ``dtype`` (one value per element) when it is given."""
        from ovgpu.graph.constant_data import converted_data

        return converted_data(self, dtype, copy)

    def get_vector(self) -> np.ndarray:
        """The values as a 1-D array."""
        from ovgpu.graph.constant_data import value_vector

        return value_vector(self)

    def get_value_strings(self) -> list[str]:
        """The values as text."""
        from ovgpu.graph.constant_data import value_strings

        return value_strings(self)


def _unpacked(element_type: Type, shape: tuple[int, ...], packed: np.ndarray) -> np.ndarray:
    """Elements of a type below 8 bits in its host dtype."""
    codes: np.ndarray = unpack_codes(packed, element_type.bitwidth, math.prod(shape))
    if element_type is Type.i4:
        codes = sign_extend(codes, 4)
    return codes.view(element_type.host_dtype).reshape(shape)


class _ConstantValue(Value):
    """Value of a constant: unpacked only when somebody looks at the elements.

    It holds the memory, not the node, whose output it belongs to: models free themselves without a garbage collection.
    """

    __slots__ = ("storage",)
    storage: np.ndarray

    @property
    def elements(self) -> np.ndarray | None:
        if self._elements is None:
            if self.type.bitwidth < 8:
                self._elements = _unpacked(self.type, self.shape.static_tuple() or (), self.storage)
            else:
                self._elements = self.storage if self.storage.flags.aligned else self.storage.copy()
        return self._elements


_PARAMETER = _declare("Parameter", lambda: None)
_CONSTANT = _declare("Constant", lambda: None, ir_names=("Const",))
_PARAMETER.node_class, _CONSTANT.node_class, _RESULT.node_class = Parameter, Constant, Result


def shared_descriptor(result: Result) -> DescriptorTensor:
    """Descriptor of the tensor that a Result hands out."""
    return result.input_value(0).tensor
