"""Ports of nodes (Output, ConstOutput, Input) and the tensor descriptors behind outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ovgpu.graph.any import OVAny, RTMap
from ovgpu.graph.arguments import incompatible_arguments
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.shape import Shape
from ovgpu.graph.symbol import Symbol
from ovgpu.graph.value import Value, interval_of

if TYPE_CHECKING:
    from ovgpu.graph.node import Node
    from ovgpu.graph.tensor import Tensor


class DescriptorTensor:
    """Names, type, shape and known bounds of the data that one output produces."""

    __slots__ = ("__weakref__", "_bounds", "_names", "_rt_info", "value")

    def __init__(self, value: Value) -> None:
        self._names: set[str] = set()
        self._rt_info: RTMap | None = None
        self._bounds: dict[str, Any] | None = None  # set by hand; rare, so made when needed
        self.value = value

    @property
    def names(self) -> set[str]:
        """The tensor's names (a copy)."""
        return set(self._names)

    def get_names(self) -> set[str]:
        return set(self._names)

    def set_names(self, names: Iterable[str]) -> None:
        """Replace the names."""
        self._names = _name_set(names)

    def add_names(self, names: Iterable[str]) -> None:
        self._names |= _name_set(names)

    @property
    def any_name(self) -> str:
        """One of the names (the first in alphabetical order). Raises RuntimeError when there is none."""
        if not self._names:
            raise RuntimeError("Attempt to get a name for a Tensor without names")
        return min(self._names)

    def get_any_name(self) -> str:
        return self.any_name

    @property
    def element_type(self) -> Type:
        return self.value.type

    def get_element_type(self) -> Type:
        return self.value.type

    @property
    def partial_shape(self) -> PartialShape:
        return PartialShape(self.value.shape)

    def get_partial_shape(self) -> PartialShape:
        return PartialShape(self.value.shape)

    @property
    def shape(self) -> Shape:
        """The shape; raises RuntimeError when it is dynamic."""
        return self.value.shape.to_shape()

    def get_shape(self) -> Shape:
        return self.shape

    @property
    def size(self) -> int:
        """Bytes of the tensor's data; raises RuntimeError when the shape is dynamic."""
        return self.value.type.storage_bytes(int(np.prod(list(self.shape), dtype=np.int64)))

    @property
    def rt_info(self) -> RTMap:
        if self._rt_info is None:
            self._rt_info = RTMap()
        return self._rt_info

    def get_rt_info(self) -> RTMap:
        return self.rt_info

    def _bound(self, name: str) -> Tensor | None:
        from ovgpu.graph.tensor import Tensor

        if self._bounds is not None and name in self._bounds:
            return self._bounds[name]
        intervals = self.value.intervals
        if intervals is None:
            return None
        limits = np.iinfo(np.int64)
        flat = [min(max(getattr(x, name), limits.min), limits.max) for x in intervals.reshape(-1)]
        array = np.array(flat).reshape(intervals.shape).astype(self.value.type.host_dtype)
        return Tensor(array)

    def get_lower_value(self) -> Tensor | None:
        """Smallest possible elements, or None when nothing is known."""
        return self._bound("lower")

    def get_upper_value(self) -> Tensor | None:
        """Largest possible elements (the type's maximum where unbounded), or None when nothing is known."""
        return self._bound("upper")

    def set_lower_value(self, lower_bound: Tensor) -> None:
        self._set_bound("lower", lower_bound)

    def set_upper_value(self, upper_bound: Tensor) -> None:
        self._set_bound("upper", upper_bound)

    def get_value_symbol(self) -> list[Symbol]:
        """Symbols of the elements; an empty list when none is known."""
        if self._bounds is not None and "symbol" in self._bounds:
            return list(self._bounds["symbol"])
        intervals = self.value.intervals
        if intervals is None or all(x.symbol is None for x in intervals.reshape(-1)):
            return []
        return [x.symbol if x.symbol is not None else Symbol() for x in intervals.reshape(-1)]

    def set_value_symbol(self, value_symbol: Iterable[Symbol]) -> None:
        self._set_bound("symbol", list(value_symbol))

    def _set_bound(self, name: str, value: Any) -> None:
        if self._bounds is None:
            self._bounds = {}
        self._bounds[name] = value

    def __repr__(self) -> str:
        names = ", ".join(sorted(self._names))
        return f"<DescriptorTensor: names[{names}] shape{self.value.shape} type: {self.value.type.to_string()}>"


def _name_set(names: Iterable[str]) -> set[str]:
    if not isinstance(names, (set, frozenset)) or not all(isinstance(n, str) for n in names):
        raise incompatible_arguments("set_names", ["(self, names: set[str]) -> None"], (names,))
    return set(names)


class _Port:
    """What Output and ConstOutput share: a handle to output ``index`` of ``node``."""

    __slots__ = ("_index", "_node")

    def __init__(self, node: Node, index: int) -> None:
        self._node = node
        self._index = index

    @property
    def value(self) -> Value:
        """Inference facts of the tensor (internal)."""
        return self._node._outputs[self._index].value

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, _Port)
        return self._node is other._node and self._index == other._index

    def __hash__(self) -> int:
        return hash((id(self._node), self._index))

    def _key(self) -> tuple[int, int]:
        return (self._node.get_instance_id(), self._index)

    def __lt__(self, other: _Port) -> bool:
        return self._key() < other._key() if isinstance(other, _Port) else NotImplemented

    def __le__(self, other: _Port) -> bool:
        return self._key() <= other._key() if isinstance(other, _Port) else NotImplemented

    def __gt__(self, other: _Port) -> bool:
        return self._key() > other._key() if isinstance(other, _Port) else NotImplemented

    def __ge__(self, other: _Port) -> bool:
        return self._key() >= other._key() if isinstance(other, _Port) else NotImplemented

    def __copy__(self) -> Any:
        return type(self)(self._node, self._index)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        raise TypeError(f"Cannot deepcopy 'openvino.{type(self).__name__}' object.")

    @property
    def node(self) -> Node:
        return self._node

    def get_node(self) -> Node:
        return self._node

    @property
    def index(self) -> int:
        return self._index

    def get_index(self) -> int:
        return self._index

    @property
    def tensor(self) -> DescriptorTensor:
        return self._node._outputs[self._index]

    def get_tensor(self) -> DescriptorTensor:
        return self.tensor

    @property
    def names(self) -> set[str]:
        return self.tensor.names

    def get_names(self) -> set[str]:
        return self.tensor.names

    @property
    def any_name(self) -> str:
        return self.tensor.any_name

    def get_any_name(self) -> str:
        return self.tensor.any_name

    @property
    def element_type(self) -> Type:
        return self.value.type

    def get_element_type(self) -> Type:
        return self.value.type

    @property
    def partial_shape(self) -> PartialShape:
        return PartialShape(self.value.shape)

    def get_partial_shape(self) -> PartialShape:
        return PartialShape(self.value.shape)

    @property
    def shape(self) -> Shape:
        """The static shape; raises RuntimeError when it is dynamic."""
        return self.value.shape.to_shape()

    def get_shape(self) -> Shape:
        return self.shape

    @property
    def target_inputs(self) -> set[Input]:
        """The inputs that this output feeds."""
        return set(self._node._target_inputs(self._index))

    def get_target_inputs(self) -> set[Input]:
        return self.target_inputs

    @property
    def rt_info(self) -> RTMap:
        return self.tensor.rt_info

    def get_rt_info(self) -> RTMap:
        return self.tensor.rt_info

    def __repr__(self) -> str:
        names = ", ".join(sorted(self.tensor._names))
        value = self.value
        return f"<{type(self).__name__}: names[{names}] shape{value.shape} type: {value.type.to_string()}>"


class ConstOutput(_Port):
    """A read-only output port: what compiled models show."""

    __slots__ = ()


class Output(_Port):
    """An output port of a node."""

    __slots__ = ()

    def set_names(self, names: set[str]) -> None:
        """Replace the names of the tensor."""
        self.tensor.set_names(names)

    def add_names(self, names: set[str]) -> None:
        self.tensor.add_names(names)

    def set_rt_info(self, value: Any, key: str) -> None:
        self.tensor.rt_info[key] = value if isinstance(value, OVAny) else OVAny(value)

    def remove_target_input(self, target_input: Input) -> None:
        """Disconnect one consumer."""
        target_input._node._input_slots[target_input._index].disconnect()

    def replace(self, replacement: Output) -> None:
        """Let every consumer of this output read ``replacement`` instead; names move along."""
        for target in list(self._node._target_inputs(self._index)):
            target.replace_source_output(replacement)
        replacement.tensor.add_names(self.tensor._names)

    def __iter__(self) -> Iterator[Any]:
        raise TypeError("'Output' object is not iterable")


class Input:
    """An input port of a node."""

    __slots__ = ("_index", "_node")

    def __init__(self, node: Node, index: int) -> None:
        self._node = node
        self._index = index

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Input):
            return NotImplemented
        return self._node is other._node and self._index == other._index

    def __hash__(self) -> int:
        return hash((id(self._node), self._index, "input"))

    def get_node(self) -> Node:
        return self._node

    def get_index(self) -> int:
        return self._index

    def get_source_output(self) -> Output:
        """The output that feeds this input."""
        return self._node._input_slots[self._index].source

    def get_tensor(self) -> DescriptorTensor:
        return self.get_source_output().tensor

    def get_element_type(self) -> Type:
        return self.get_source_output().value.type

    def get_partial_shape(self) -> PartialShape:
        return self.get_source_output().partial_shape

    def get_shape(self) -> Shape:
        return self.get_source_output().shape

    def replace_source_output(self, new_source_output: Output) -> None:
        """Feed this input from another output. Call ``validate_nodes_and_infer_types`` on the model afterwards."""
        if not isinstance(new_source_output, Output):
            raise incompatible_arguments(
                "replace_source_output",
                ["(self: ovgpu.Input, new_source_output: ovgpu.Output)"],
                (self, new_source_output),
            )
        slot = self._node._input_slots[self._index]
        slot.disconnect()
        slot.connect(new_source_output)
        self._node._source_changed(self._index)

    @property
    def rt_info(self) -> RTMap:
        return self._node._input_rt_info(self._index)

    def get_rt_info(self) -> RTMap:
        return self.rt_info

    def set_rt_info(self, value: Any, key: str) -> None:
        self.rt_info[key] = value if isinstance(value, OVAny) else OVAny(value)

    def __repr__(self) -> str:
        value = self.get_source_output().value
        return f"<Input: shape{value.shape} type: {value.type.to_string()}>"


def dims_as_intervals(shape: PartialShape) -> np.ndarray:
    """The dimensions of a shape of known rank as a 1-D array of intervals (what ShapeOf yields)."""
    result = np.empty(len(shape.dims), dtype=object)
    for i, dimension in enumerate(shape.dims):
        result[i] = interval_of(dimension)
    return result
