"""Ports of a compiled model as requests use them: checks of types and shapes, and the look-up of keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ovgpu.graph.arguments import incompatible_arguments
from ovgpu.graph.port import ConstOutput, Output
from ovgpu.graph.shape import Shape
from ovgpu.graph.tensor import Dims, Tensor


class PortSlot:
    """One input or output with everything that checks need, taken from the port once."""

    __slots__ = (
        "bounds",
        "default_dims",
        "dtype",
        "index",
        "partial_shape",
        "port",
        "static_dims",
        "type",
    )

    def __init__(self, index: int, port: ConstOutput) -> None:
        self.index = index
        self.port = port
        self.type = port.element_type
        #: dtype of arrays that users pass and get.
        self.dtype = self.type.to_dtype()
        self.partial_shape = port.partial_shape
        #: Smallest and largest length per axis (-1: no bound); None when the rank is dynamic.
        self.bounds: list[tuple[int, int]] | None = None
        #: The only shape, when there is just one.
        self.static_dims: Dims | None = None
        if self.partial_shape.rank.is_static:
            self.bounds = [(d.min_length, d.max_length) for d in self.partial_shape]
            #: Shape of a tensor before the first inference: dynamic dimensions show 0.
            self.default_dims = tuple(low if low == high else 0 for low, high in self.bounds)
            if all(low == high for low, high in self.bounds):
                self.static_dims = self.default_dims
        else:
            self.default_dims = (0,)

    @property
    def name(self) -> str:
        """A name for error messages: one of the tensor's names, or the node's."""
        names = sorted(self.port.names)
        return names[0] if names else self.port.get_node().get_friendly_name()

    def accepts(self, dims: Dims) -> bool:
        """Whether a tensor of this shape fits the port. An empty axis fits any dynamic dimension."""
        if self.static_dims is not None:
            return dims == self.static_dims
        if self.bounds is None:
            return True
        if len(dims) != len(self.bounds):
            return False
        for dim, (low, high) in zip(dims, self.bounds):
            if dim < low:
                if dim or low == high:
                    return False
            elif dim > high >= 0:
                return False
        return True

    def refusal_of_tensor(self, dims: Dims, kind: str = "input") -> RuntimeError:
        """The error for a tensor or shared array of a wrong shape."""
        given = ".".join(map(str, dims))
        what = (
            ("model input", "the tensor")
            if kind == "input"
            else ("model output tensor", "the current tensor")
        )
        return RuntimeError(
            f"Can't set the {kind} tensor with index: {self.index}, because the {what[0]} "
            f"(shape={self.partial_shape}) and {what[1]} (shape=({given})) are incompatible: {kind} '{self.name}'"
        )

    def refusal_of_array(self, dims: Dims) -> RuntimeError:
        """The error for an array of a wrong shape that was to be copied in."""
        if self.static_dims is not None:
            return RuntimeError(
                f"The input tensor size is not equal to the model input type: got {Shape(dims)} expecting "
                f"{self.partial_shape}. Input '{self.name}', index {self.index}."
            )
        described = "?"
        if self.bounds is not None:
            described = ", ".join(_described(low, high) for low, high in self.bounds)
        return RuntimeError(
            f"Can not clone with new dims. Descriptor's shape: {{{described}}} is incompatible with provided "
            f"dimensions: {{{', '.join(map(str, dims))}}}. Input '{self.name}', index {self.index}, takes "
            f"{self.partial_shape}, got {Shape(dims)}."
        )

    def check_input(self, tensor: Tensor) -> None:
        """Raise RuntimeError unless ``tensor`` can be this input."""
        if tensor.element_type is not self.type:
            raise RuntimeError(
                "ParameterMismatch: Failed to set tensor for input with precision: "
                f"{tensor.element_type.to_string()}, since the model input tensor precision is: "
                f"{self.type.to_string()}"
            )
        if not self.accepts(tensor.dims):
            raise self.refusal_of_tensor(tensor.dims)

    def check_output(self, tensor: Tensor) -> None:
        """Raise RuntimeError unless ``tensor`` can be this output. Empty tensors always fit: they are resized."""
        if tensor.element_type is not self.type:
            raise RuntimeError(
                "ParameterMismatch: Failed to set tensor for output with precision: "
                f"{tensor.element_type.to_string()}, if model output tensor precision is: {self.type.to_string()}"
            )
        if tensor.size and not self.accepts(tensor.dims):
            raise self.refusal_of_tensor(tensor.dims, "output")


def _described(low: int, high: int) -> str:
    if low == high:
        return str(low)
    return f"{low} - {'?' if high < 0 else high}"


class PortTable:
    """The inputs and outputs of a compiled model, found by index, tensor name or port."""

    def __init__(self, inputs: Sequence[ConstOutput], outputs: Sequence[ConstOutput]) -> None:
        self.inputs = [PortSlot(i, port) for i, port in enumerate(inputs)]
        self.outputs = [PortSlot(i, port) for i, port in enumerate(outputs)]
        #: Inputs by every key that ``infer`` takes: index, names, port.
        self.input_keys: dict[Any, PortSlot] = {}
        self.output_keys: dict[Any, PortSlot] = {}
        for keys, slots in ((self.input_keys, self.inputs), (self.output_keys, self.outputs)):
            for slot in slots:
                for name in slot.port.names:
                    keys.setdefault(name, slot)
                keys.setdefault(slot.port, slot)
        self.input_keys.update({slot.index: slot for slot in self.inputs})

    def find(self, key: str | ConstOutput | Output) -> tuple[PortSlot, bool]:
        """The slot of a tensor name or port, also a port of the model that was compiled, and whether it is an input.

        Raises RuntimeError when there is none.
        """
        for keys, is_input in ((self.input_keys, True), (self.output_keys, False)):
            slot = keys.get(key)
            if slot is not None:
                return slot, is_input
        if isinstance(key, str):
            raise RuntimeError(f"Port for tensor name {key} was not found.")
        slot_and_kind = self._find_original(key)
        if slot_and_kind is None:
            raise RuntimeError(f"Cannot find tensor for port {key}")
        return slot_and_kind

    def _find_original(self, port: ConstOutput | Output) -> tuple[PortSlot, bool] | None:
        # The compiled model's nodes are copies, so a port of the user's model is recognised by names.
        node = port.get_node()
        kind, name = node.get_type_name(), node.get_friendly_name()
        for slots, is_input in ((self.inputs, True), (self.outputs, False)):
            for slot in slots:
                own = slot.port.get_node()
                if own.get_friendly_name() == name and own.get_type_name() == kind:
                    return slot, is_input
        names = port.names
        for slots, is_input in ((self.inputs, True), (self.outputs, False)):
            for slot in slots:
                if names & slot.port.names:
                    return slot, is_input
        return None


def out_of_range(index: int, size: int) -> str:
    """The sentence for an index beyond a list of ports."""
    return f"vector::_M_range_check: __n (which is {index}) >= this->size() (which is {size})"


def checked_index(function: str, overloads: list[str], owner: Any, index: Any) -> int:
    """``index`` as an int >= 0; raises the TypeError of ``function`` for anything else."""
    from ovgpu.graph.arguments import as_uint64

    number = as_uint64(index)
    if number is None:
        raise incompatible_arguments(function, overloads, (owner, index))
    return number
