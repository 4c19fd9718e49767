"""One inference at a time on a compiled model, synchronous or asynchronous."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ovgpu.graph.arguments import as_int64, incompatible_arguments
from ovgpu.graph.port import ConstOutput, Output
from ovgpu.graph.tensor import Tensor
from ovgpu.inference.conversion import as_array, copy_into, result_array, shared_or_cast
from ovgpu.inference.ov_dict import OVDict
from ovgpu.inference.ports import PortSlot, checked_index, out_of_range
from ovgpu.inference.request_errors import callback_error_text, inference_error
from ovgpu.inference.variable_state import VariableState

if TYPE_CHECKING:
    from ovgpu.execution.profiling import ProfilingInfo
    from ovgpu.inference.compiled_model import CompiledModel


class _Run:
    """One asynchronous inference: a lock that is held until it has ended, and its error text."""

    __slots__ = ("cause", "done", "error")

    def __init__(self) -> None:
        self.done = threading.Lock()
        self.done.acquire()
        self.error: str | None = None
        self.cause: BaseException | None = None

    def raise_error(self) -> None:
        if self.error is not None:
            raise RuntimeError(self.error) from self.cause


class InferRequest:
    """The inputs, outputs and variables of one inference.

    Created by :meth:`CompiledModel.create_infer_request`. While an inference runs, methods that touch its tensors
    raise ``RuntimeError: Infer Request is busy``.
    """

    def __init__(self, other: InferRequest) -> None:
        """Share the state of another request: both names stand for the same inference."""
        if not isinstance(other, InferRequest):
            raise incompatible_arguments(
                "__init__", ["ovgpu.InferRequest(other: ovgpu.InferRequest)"], (other,)
            )
        self.__dict__ = other.__dict__

    @classmethod
    def _create(cls, compiled: CompiledModel) -> InferRequest:
        request = cls.__new__(cls)
        request._compiled = compiled
        request._ports = compiled._ports
        request._job = compiled._plugin_model.create_job()
        request._inputs = [Tensor.empty(s.type, s.default_dims) for s in compiled._ports.inputs]
        request._outputs = [Tensor.empty(s.type, s.default_dims) for s in compiled._ports.outputs]
        request._displaced = {}
        request._batches = {}
        request._busy = threading.Lock()
        request._run = None
        request._callback = None
        request._userdata = None
        request._started = request._ended = 0
        return request

    _compiled: CompiledModel
    _inputs: list[Tensor]
    _outputs: list[Tensor]
    #: The request's own tensors of inputs whose place an array shared by ``share_inputs`` has taken.
    _displaced: dict[int, Tensor]
    #: Tensors per image of a batched input, joined when an inference starts.
    _batches: dict[int, list[Tensor]]
    #: Held while an inference runs.
    _busy: threading.Lock
    _run: _Run | None
    _callback: Callable[[Any], Any] | None

    # ---- inference ----
    def infer(
        self,
        inputs: Any = None,
        share_inputs: bool = False,
        share_outputs: bool = False,
        *,
        decode_strings: bool = True,
    ) -> OVDict:
        """Infer and return the results.

        Args:
            inputs: a dict by input index, tensor name or port; a list or tuple by position; one array or Tensor for a
                model with one input. Inputs that are left out keep their data; None keeps all.
            share_inputs: use the memory of arrays where possible, instead of copying.
            share_outputs: return views, which the next inference overwrites, instead of copies.
            decode_strings: return ``str`` instead of ``bytes`` arrays for string outputs.

        Raises:
            RuntimeError: the request is busy, an input is unknown or does not fit, or the inference failed.
            TypeError: a key or value is of a type that cannot be an input.
        """
        if not self._busy.acquire(False):
            raise RuntimeError("Infer Request is busy")
        try:
            if inputs is not None:
                self._bind(inputs, share_inputs)
            self._prepare()
            self._started = time.perf_counter_ns()
            self._job.run(self._inputs, self._outputs)
            self._ended = time.perf_counter_ns()
            self._run = _FINISHED
            return self._collect(share_outputs, decode_strings)
        finally:
            self._busy.release()

    def start_async(
        self, inputs: Any = None, userdata: Any = None, share_inputs: bool = False
    ) -> None:
        """Start an inference and return. ``userdata`` replaces that of the callback, unless it is None.

        Raises as :meth:`infer`; errors of the inference itself are raised by :meth:`wait`.
        """
        if not self._busy.acquire(False):
            raise RuntimeError("Infer Request is busy")
        run = _Run()
        try:
            if inputs is not None:
                self._bind(inputs, share_inputs)
            if userdata is not None:
                self._userdata = userdata
            self._launch(lambda error: self._finish(run, error))
        except BaseException:
            self._busy.release()
            raise
        self._run = run

    def _launch(self, on_done: Callable[[BaseException | None], None]) -> None:
        """Start the job; the caller holds ``_busy`` and ``on_done`` releases it."""
        self._prepare()
        self._started = time.perf_counter_ns()
        self._ended = 0
        self._job.start(self._inputs, self._outputs, on_done)

    def _finish(self, run: _Run, error: BaseException | None) -> None:
        self._ended = time.perf_counter_ns()
        callback, userdata = self._callback, self._userdata
        # Idle before the callback, which may read results and start the next inference.
        self._busy.release()
        if error is not None:
            run.error, run.cause = inference_error(error), error
        elif callback is not None:
            try:
                callback(userdata)
            except BaseException as raised:
                run.error, run.cause = callback_error_text(raised), raised
        run.done.release()

    def wait(self) -> None:
        """Wait for the inference started last, its callback included. Returns at once when there is none.

        Raises RuntimeError with the inference's or the callback's error, at every call until the next start.
        """
        run = self._run
        if run is not None:
            run.done.acquire()
            run.done.release()
            run.raise_error()

    def wait_for(self, timeout: int) -> bool:
        """Wait up to ``timeout`` milliseconds; return whether the inference has ended (False when none started).

        Raises as :meth:`wait`; RuntimeError for a negative timeout; TypeError for one that is not an integer.
        """
        milliseconds = as_int64(timeout)
        if milliseconds is None:
            raise incompatible_arguments(
                "wait_for",
                [
                    "(self: ovgpu.InferRequest, timeout: typing.SupportsInt | typing.SupportsIndex) -> bool"
                ],
                (self, timeout),
            )
        if milliseconds < 0:
            raise RuntimeError("Timeout can't be less than 0 for InferRequest::wait().")
        run = self._run
        if run is None:
            return False
        if not run.done.acquire(timeout=min(milliseconds / 1000, threading.TIMEOUT_MAX)):
            return False
        run.done.release()
        run.raise_error()
        return True

    def cancel(self) -> None:
        """Ask a running inference to stop; waiting for it then raises RuntimeError. No effect on an idle request."""
        if self._busy.locked():
            self._job.cancel()

    def set_callback(self, callback: Callable[[Any], Any], userdata: Any) -> None:
        """Call ``callback(userdata)`` on a worker thread after each asynchronous inference that succeeded.

        An exception of the callback is raised by :meth:`wait`.
        """
        if not callable(callback):
            raise incompatible_arguments(
                "set_callback",
                [
                    "(self: ovgpu.InferRequest, callback: collections.abc.Callable, userdata: object) -> None"
                ],
                (self, callback, userdata),
            )
        self._check_idle()
        self._callback = callback
        self._userdata = userdata

    @property
    def userdata(self) -> Any:
        """What the callback gets."""
        return self._userdata

    @property
    def latency(self) -> float:
        """Milliseconds of the last inference; 0.0 before the first and while one runs."""
        return (self._ended - self._started) / 1e6 if self._ended else 0.0

    def _check_idle(self) -> None:
        if self._busy.locked():
            raise RuntimeError("Infer Request is busy")

    # ---- binding of inputs ----
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
            if as_array(inputs) is None and not isinstance(inputs, Tensor):
                raise TypeError(f"Incompatible inputs of type: {type(inputs)}")
            self._bind_value(self._single_input(), None, inputs, share)

    def _bind_sequence(self, values: Sequence[Any], share: bool) -> None:
        slots = self._ports.inputs
        for index, value in enumerate(values):
            if index >= len(slots):
                raise RuntimeError(out_of_range(index, len(slots)))
            self._bind_value(slots[index], index, value, share)

    def _single_input(self) -> PortSlot:
        if len(self._ports.inputs) != 1:
            raise RuntimeError(
                "get_input_tensor() must be called on a function with exactly one parameter."
            )
        return self._ports.inputs[0]

    def _slot_of_key(self, key: Any, share: bool) -> PortSlot:
        """The input of an unusual key; raises what a wrong one raises."""
        if isinstance(key, int):
            if 0 <= key < len(self._ports.inputs):
                return self._ports.inputs[key]
            if key < 0:
                checked_index("get_input_tensor", _GET_INPUT_TENSOR, self, key)
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

    def _set_input(self, slot: PortSlot, tensor: Tensor) -> None:
        slot.check_input(tensor)
        self._inputs[slot.index] = tensor
        self._displaced.pop(slot.index, None)
        self._batches.pop(slot.index, None)

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

    # ---- tensors ----
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
        overloads = _GET_INPUT_TENSOR if kind == "input" else _GET_OUTPUT_TENSOR
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

    # ---- information ----
    @property
    def model_inputs(self) -> list[ConstOutput]:
        """Input ports of the compiled model."""
        return self._compiled.inputs

    @property
    def model_outputs(self) -> list[ConstOutput]:
        """Output ports of the compiled model."""
        return self._compiled.outputs

    def get_compiled_model(self) -> CompiledModel:
        """The compiled model that created this request."""
        return self._compiled

    def get_profiling_info(self) -> list[ProfilingInfo]:
        """Times per node of the last inference; all zero unless the model was compiled with ``PERF_COUNT``."""
        self._check_idle()
        return self._job.profiling()

    @property
    def profiling_info(self) -> list[ProfilingInfo]:
        """As :meth:`get_profiling_info`."""
        return self.get_profiling_info()

    def query_state(self) -> list[VariableState]:
        """The variables of this request."""
        self._check_idle()
        return [VariableState._over(state) for state in self._job.states]

    def reset_state(self) -> None:
        """Return all variables to their initial values."""
        self._check_idle()
        for state in self._job.states:
            state.reset()

    def __repr__(self) -> str:
        return self._compiled._described("InferRequest")


def _checked_tensor(value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(f"Unable to cast {type(value)} object to ov::Tensor")
    return value


#: Stands for a synchronous inference, which is over when it can be waited for.
_FINISHED = _Run()
_FINISHED.done.release()

_GET_INPUT_TENSOR = [
    "(self: ovgpu.InferRequest, index: typing.SupportsInt | typing.SupportsIndex) -> ovgpu.Tensor",
    "(self: ovgpu.InferRequest) -> ovgpu.Tensor",
]
_GET_OUTPUT_TENSOR = _GET_INPUT_TENSOR
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
