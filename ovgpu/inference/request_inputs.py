"""The inputs that ``infer`` and ``start_async`` take, in all their forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ovgpu.graph.port import ConstOutput
from ovgpu.graph.tensor import Tensor
from ovgpu.inference.conversion import (
    as_array,
    copy_into,
    exports_device_memory,
    shared_or_cast,
)
from ovgpu.inference.ov_dict import OVDict
from ovgpu.inference.ports import PortSlot, checked_index, out_of_range
from ovgpu.inference.request_tensors import GET_INPUT_TENSOR, RequestTensors

if TYPE_CHECKING:
    from ovgpu.plugins.plugin import Job


class RequestInputs(RequestTensors):
    """Binds a dict, a sequence or a single value to the inputs of a request."""

    _job: Job

    def _bind(self, inputs: Any, share: bool) -> None:
        keys = self._ports.input_keys
        if type(inputs) is dict:
            for key, value in inputs.items():
                slot = keys.get(key)
                if slot is None or (type(key) is not int and type(key) is not str):
                    slot = self._slot_of_key(key, share)
                self._bind_value(slot, key, value, share)
        elif isinstance(inputs, OVDict):
            self._bind_sequence(inputs.to_tuple(), share)
        elif isinstance(inputs, Mapping):
            self._bind(dict(inputs), share)
        elif isinstance(inputs, list | tuple):
            if not inputs and isinstance(inputs, list):
                self._bind_value(self._single_input(), None, inputs, share)
            self._bind_sequence(inputs, share)
        else:
            if (
                not isinstance(inputs, Tensor)
                and not exports_device_memory(inputs)
                and as_array(inputs) is None
            ):
                raise TypeError(f"Incompatible inputs of type: {type(inputs)}")
            self._bind_value(self._single_input(), None, inputs, share)

    def _bind_sequence(self, values: Sequence[Any], share: bool) -> None:
        slots = self._ports.inputs
        for index, value in enumerate(values):
            if index >= len(slots):
                raise RuntimeError(out_of_range(index, len(slots)))
            self._bind_value(slots[index], index, value, share)

    def _slot_of_key(self, key: Any, share: bool) -> PortSlot:
        """The input of an unusual key; raises what a wrong one raises."""
        if isinstance(key, int):
            if 0 <= key < len(self._ports.inputs):
                return self._ports.inputs[key]
            if key < 0:
                checked_index("get_input_tensor", GET_INPUT_TENSOR, self, key)
            raise RuntimeError(out_of_range(int(key), len(self._ports.inputs)))
        if isinstance(key, str | ConstOutput):
            slot = self._ports.input_keys.get(key)
            if slot is not None:
                return slot
            if isinstance(key, str):
                raise RuntimeError(f"Port for tensor name {key} was not found.")
            found, is_input = self._ports.find(key)
            if is_input:
                return found
            raise RuntimeError(f"{key} is an output, expected an input")
        if share:
            raise TypeError(f"Unsupported key type: {type(key)} for Tensor under key: {key}")
        raise TypeError(f"Incompatible key type for input: {key}")

    def _bind_value(self, slot: PortSlot, key: Any, value: Any, share: bool) -> None:
        index = slot.index
        if type(value) is np.ndarray and not share and value.ndim:
            own = self._displaced.pop(index, None) if self._displaced else None
            if own is not None:
                self._inputs[index] = own
            copy_into(self._inputs[index], slot, value)
        elif isinstance(value, Tensor):
            self._set_input(slot, value)
            return
        elif isinstance(value, list):
            self._set_input(slot, Tensor(value))
            return
        elif (
            exports_device_memory(value)
            and (tensor := self._job.wrap(value, slot.type)) is not None
        ):
            slot.check_input(tensor)
            self._displaced.setdefault(index, self._inputs[index])
            self._inputs[index] = tensor
        else:
            array = as_array(value)
            if array is None:
                suffix = "" if key is None or share else f" under {key} key!"
                raise TypeError(f"Incompatible inputs of type: {type(value)}{suffix}")
            if share or not array.ndim:
                tensor = shared_or_cast(slot, array)
                self._displaced.setdefault(index, self._inputs[index])
                self._inputs[index] = tensor
            else:
                self._bind_value(slot, key, array, share)
                return
        if self._batches:
            self._batches.pop(index, None)
