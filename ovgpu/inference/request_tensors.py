"""The tensors of a request: reading and replacing them by index, name or port."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ovgpu.graph.arguments import as_int64, incompatible_arguments
from ovgpu.graph.port import ConstOutput, Output
from ovgpu.graph.tensor import Tensor
from ovgpu.inference.conversion import result_array
from ovgpu.inference.ov_dict import OVDict
from ovgpu.inference.ports import PortSlot, PortTable, checked_index, out_of_range


class RequestTensors:
    """What :class:`~ovgpu.InferRequest` does with its tensors. All methods are refused while an inference runs."""

    _ports: PortTable
    _inputs: list[Tensor]
    _outputs: list[Tensor]
    #: The request's own tensors of inputs whose place an array shared by ``share_inputs`` has taken.
    _displaced: dict[int, Tensor]
    #: Tensors per image of a batched input, joined when an inference starts.
    _batches: dict[int, list[Tensor]]
    #: Held while an inference runs.
    _busy: threading.Lock

    def _init_tensors(self, ports: PortTable) -> None:
        self._ports = ports
        self._inputs = [Tensor.empty(slot.type, slot.default_dims) for slot in ports.inputs]
        self._outputs = [Tensor.empty(slot.type, slot.default_dims) for slot in ports.outputs]
        self._displaced = {}
        self._batches = {}
        self._busy = threading.Lock()

    def _check_idle(self) -> None:
        if self._busy.locked():
            raise RuntimeError("Infer Request is busy")

    def get_tensor(self, name_or_port: str | ConstOutput | Output) -> Tensor:
        """The tensor of an input or output, by tensor name or port (also of the original model)."""
        if not isinstance(name_or_port, str | ConstOutput | Output):
            raise incompatible_arguments("get_tensor", _GET_TENSOR, (self, name_or_port))
        self._check_idle()
        slot, is_input = self._ports.find(name_or_port)
        return (self._inputs if is_input else self._outputs)[slot.index]

    def set_tensor(self, name_or_port: str | ConstOutput | Output, tensor: Tensor) -> None:
        """Use ``tensor``'s memory as an input or output. Raises RuntimeError when type or shape do not fit."""
        if not isinstance(name_or_port, str | ConstOutput | Output) or not isinstance(
            tensor, Tensor
        ):
            raise incompatible_arguments("set_tensor", _SET_TENSOR, (self, name_or_port, tensor))
        self._check_idle()
        slot, is_input = self._ports.find(name_or_port)
        if is_input:
            self._set_input(slot, tensor)
        else:
            self._set_output(slot, tensor)

    def _set_output(self, slot: PortSlot, tensor: Tensor) -> None:
        slot.check_output(tensor)
        self._outputs[slot.index] = tensor

    def get_input_tensor(self, index: int | None = None) -> Tensor:
        """The tensor of an input; without an index, of the only one."""
        return self._indexed("input", self._ports.inputs, self._inputs, index)

    def get_output_tensor(self, index: int | None = None) -> Tensor:
        """The tensor of an output; without an index, of the only one."""
        return self._indexed("output", self._ports.outputs, self._outputs, index)

    def _indexed(
        self, kind: str, slots: list[PortSlot], tensors: list[Tensor], index: int | None
    ) -> Tensor:
        self._check_idle()
        if index is None:
            if len(slots) != 1:
                what = "parameter" if kind == "input" else "result"
                raise RuntimeError(
                    f"get_{kind}_tensor() must be called on a function with exactly one {what}."
                )
            return tensors[0]
        overloads = GET_INPUT_TENSOR if kind == "input" else _GET_OUTPUT_TENSOR
        number = checked_index(f"get_{kind}_tensor", overloads, self, index)
        if number >= len(tensors):
            raise RuntimeError(out_of_range(number, len(tensors)))
        return tensors[number]

    def set_input_tensor(self, *args: Any, **kwargs: Any) -> None:
        """``set_input_tensor([index,] tensor)``: use ``tensor``'s memory as an input.

        Raises RuntimeError when there is no such input or type or shape do not fit.
        """
        slot, tensor = self._slot_argument("input", self._ports.inputs, args, kwargs)
        self._set_input(slot, tensor)

    def set_output_tensor(self, *args: Any, **kwargs: Any) -> None:
        """``set_output_tensor([index,] tensor)``: let the inference write into ``tensor``'s memory.

        For an output of dynamic shape the tensor is resized to each result; shared memory must be large enough.
        Raises RuntimeError when there is no such output or type or shape do not fit.
        """
        slot, tensor = self._slot_argument("output", self._ports.outputs, args, kwargs)
        self._set_output(slot, tensor)

    def _slot_argument(
        self, kind: str, slots: list[PortSlot], args: tuple, kwargs: dict[str, Any]
    ) -> tuple[PortSlot, Tensor]:
        names = ("index", "tensor") if len(args) + len(kwargs) == 2 else ("tensor",)
        bound = dict(zip(names, args)) | kwargs
        tensor = bound.get("tensor")
        index = as_int64(bound.get("index", 0))
        if set(bound) != set(names) or not isinstance(tensor, Tensor) or index is None or index < 0:
            raise incompatible_arguments(
                f"set_{kind}_tensor",
                [
                    "(self: ovgpu.InferRequest, index: typing.SupportsInt, tensor: ovgpu.Tensor) -> None",
                    "(self: ovgpu.InferRequest, tensor: ovgpu.Tensor) -> None",
                ],
                (self, *args),
                **kwargs,
            )
        self._check_idle()
        if "index" not in bound and len(slots) != 1:
            what = "parameter" if kind == "input" else "result"
            raise RuntimeError(
                f"set_{kind}_tensor() must be called on a function with exactly one {what}."
            )
        if index >= len(slots):
            raise RuntimeError(
                f"{kind.capitalize()} port for index {index} was not found! "
                f"The model has only {len(slots)} {kind}s."
            )
        return slots[index], tensor

    def set_tensors(self, *args: Any) -> None:
        """``set_tensors(dict)`` by index, name or port; ``set_tensors(name_or_port, tensors)`` for a batch.

        Raises RuntimeError when something is not found or does not fit.
        """
        self._check_idle()
        if len(args) == 2:
            slot, is_input = self._ports.find(args[0])
            if not is_input:
                raise RuntimeError("set_tensors takes a list of tensors for an input only")
            self._set_batch(slot, args[1])
            return
        if len(args) != 1 or not isinstance(args[0], dict):
            raise TypeError("incompatible function arguments!")
        for key, value in args[0].items():
            tensor = _checked_tensor(value)
            if isinstance(key, int):
                self.set_input_tensor(key, tensor)
            elif isinstance(key, str | ConstOutput | Output):
                self.set_tensor(key, tensor)
            else:
                raise TypeError("incompatible function arguments!")

    def set_input_tensors(self, *args: Any) -> None:
        """``set_input_tensors(dict)`` by index; ``set_input_tensors([index,] tensors)`` for a batch of tensors.

        A batch is joined along the layout's N when an inference starts; one tensor is used as it is.
        """
        self._check_idle()
        if len(args) == 1 and isinstance(args[0], dict):
            self._set_by_index(args[0], self.set_input_tensor)
        elif len(args) == 1:
            self._set_batch(self._single_input(), args[0])
        elif len(args) == 2:
            index = checked_index(
                "set_input_tensors", ["(idx: int, tensors: list) -> None"], self, args[0]
            )
            self._set_batch(self._ports.inputs[index], args[1])
        else:
            raise TypeError("incompatible function arguments!")

    def set_output_tensors(self, outputs: dict[int, Tensor]) -> None:
        """Set several outputs by index."""
        self._check_idle()
        if not isinstance(outputs, dict):
            raise TypeError("incompatible function arguments!")
        self._set_by_index(outputs, self.set_output_tensor)

    @staticmethod
    def _set_by_index(tensors: dict[int, Tensor], setter: Callable[[int, Tensor], None]) -> None:
        if not all(isinstance(key, int) for key in tensors):
            raise TypeError("incompatible function arguments!")
        for key, value in tensors.items():
            setter(key, _checked_tensor(value))

    def _set_batch(self, slot: PortSlot, tensors: Sequence[Tensor]) -> None:
        batch = [_checked_tensor(t) for t in tensors]
        if len(batch) == 1:
            self._set_input(slot, batch[0])
            return
        layout = getattr(slot.port.get_node(), "layout", None)
        if layout is None or not layout.has_name("N"):
            raise RuntimeError(
                "set_input_tensors/set_tensors can be used only for inputs with N(batch) dimension 'layout' "
                f"defined. Current layout is {layout if layout is not None else '[...]'}"
            )
        if layout.get_index_by_name("N") != 0:
            raise RuntimeError(
                "set_input_tensors/set_tensors can be used only for inputs with N(batch) dimension first, "
                f"layout is {layout}"
            )
        for tensor in batch:
            if tensor.element_type is not slot.type or tensor.dims[:1] != (1,):
                raise RuntimeError(
                    f"A batch for input '{slot.name}' takes tensors of type {slot.type.to_string()} and batch 1, "
                    f"got {tensor}"
                )
        dims = (len(batch), *batch[0].dims[1:])
        if any(t.dims != batch[0].dims for t in batch) or not slot.accepts(dims):
            raise slot.refusal_of_tensor(dims)
        self._batches[slot.index] = batch

    @property
    def input_tensors(self) -> list[Tensor]:
        """The input tensors in the model's order."""
        self._check_idle()
        return list(self._inputs)

    @property
    def output_tensors(self) -> list[Tensor]:
        """The output tensors in the model's order."""
        self._check_idle()
        return list(self._outputs)

    @property
    def results(self) -> OVDict:
        """Copies of the outputs of the last inference."""
        self._check_idle()
        return self._collect(False, True)

    def _set_input(self, slot: PortSlot, tensor: Tensor) -> None:
        slot.check_input(tensor)
        self._inputs[slot.index] = tensor
        self._displaced.pop(slot.index, None)
        self._batches.pop(slot.index, None)

    def _single_input(self) -> PortSlot:
        if len(self._ports.inputs) != 1:
            raise RuntimeError(
                "get_input_tensor() must be called on a function with exactly one parameter."
            )
        return self._ports.inputs[0]

    def _prepare(self) -> None:
        """Make the inputs ready: join batches and see that no one resized a tensor to a wrong shape."""
        for index, tensors in self._batches.items():
            joined = np.concatenate([t.host_array() for t in tensors])
            self._inputs[index] = Tensor.from_host(joined, tensors[0].element_type)
        for slot, tensor in zip(self._ports.inputs, self._inputs):
            dims = tensor._dims
            if dims != slot.static_dims and not slot.accepts(dims):
                raise slot.refusal_of_array(dims)

    def _collect(self, share: bool, decode_strings: bool) -> OVDict:
        return OVDict(
            {
                slot.port: result_array(tensor, share, decode_strings)
                for slot, tensor in zip(self._ports.outputs, self._outputs)
            }
        )


def _checked_tensor(value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(f"Unable to cast {type(value)} object to ov::Tensor")
    return value


GET_INPUT_TENSOR = [
    "(self: ovgpu.InferRequest, index: typing.SupportsInt | typing.SupportsIndex) -> ovgpu.Tensor",
    "(self: ovgpu.InferRequest) -> ovgpu.Tensor",
]
_GET_OUTPUT_TENSOR = GET_INPUT_TENSOR
_GET_TENSOR = [
    "(self: ovgpu.InferRequest, name: str) -> ovgpu.Tensor",
    "(self: ovgpu.InferRequest, port: ovgpu.ConstOutput) -> ovgpu.Tensor",
    "(self: ovgpu.InferRequest, port: ovgpu.Output) -> ovgpu.Tensor",
]
_SET_TENSOR = [
    "(self: ovgpu.InferRequest, name: str, tensor: ovgpu.Tensor) -> None",
    "(self: ovgpu.InferRequest, port: ovgpu.ConstOutput, tensor: ovgpu.Tensor) -> None",
    "(self: ovgpu.InferRequest, port: ovgpu.Output, tensor: ovgpu.Tensor) -> None",
]
