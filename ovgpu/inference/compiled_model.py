"""A model compiled for a device."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

from ovgpu.graph.arguments import as_uint64, incompatible_arguments
from ovgpu.graph.model import ports_text
from ovgpu.graph.port import ConstOutput
from ovgpu.inference.infer_request import InferRequest
from ovgpu.inference.ports import PortTable

if TYPE_CHECKING:
    from ovgpu.graph.model import Model
    from ovgpu.inference.ov_dict import OVDict
    from ovgpu.inference.variable_state import VariableState
    from ovgpu.plugins.plugin import CompiledPlugin


class CompiledModel:
    """A model compiled by :meth:`Core.compile_model`; immutable, to be used from any thread.

    Calling it infers on one hidden request: from several threads, create a request each.
    """

    def __init__(self, other: CompiledModel, weights: bytes | None = None) -> None:
        if not isinstance(other, CompiledModel):
            raise incompatible_arguments(
                "__init__", ["ovgpu.CompiledModel(other: ovgpu.CompiledModel)"], (other,)
            )
        self.__dict__ = other.__dict__

    @classmethod
    def _create(
        cls, plugin_model: CompiledPlugin, loaded_from_cache: bool | None = None
    ) -> CompiledModel:
        compiled = cls.__new__(cls)
        compiled._plugin_model = plugin_model
        compiled._ports = PortTable(plugin_model.inputs, plugin_model.outputs)
        compiled._loaded_from_cache = loaded_from_cache
        compiled._hidden_request = None
        compiled._creation = threading.Lock()
        return compiled

    _plugin_model: CompiledPlugin
    _ports: PortTable
    #: None: the plugin knows (devices made of others).
    _loaded_from_cache: bool | None
    _hidden_request: InferRequest | None
    #: Held while the hidden request is made.
    _creation: threading.Lock

    # ---- inference ----
    def __call__(
        self,
        inputs: Any = None,
        share_inputs: bool = True,
        share_outputs: bool = False,
        *,
        decode_strings: bool = True,
    ) -> OVDict:
        """Infer on the hidden request; arguments, results and errors as :meth:`InferRequest.infer`."""
        request = self._hidden_request
        if request is None:
            request = self._request()
        return request.infer(inputs, share_inputs, share_outputs, decode_strings=decode_strings)

    def _request(self) -> InferRequest:
        """The hidden request, made on first use."""
        with self._creation:
            if self._hidden_request is None:
                # It belongs to a twin of this object: two objects that hold each other would keep their memory until
                # the garbage collector comes by.
                twin = CompiledModel.__new__(CompiledModel)
                twin.__dict__.update(self.__dict__)
                self._hidden_request = twin.create_infer_request()
            return self._hidden_request

    def create_infer_request(self) -> InferRequest:
        """A new request with its own tensors and variables."""
        return InferRequest._create(self)

    def infer_new_request(self, inputs: Any = None) -> OVDict:
        """Infer on a new request, copying the inputs."""
        return self.create_infer_request().infer(inputs)

    def query_state(self) -> list[VariableState]:
        """The variables of the hidden request."""
        return self._request().query_state()

    def reset_state(self) -> None:
        """Return the variables of the hidden request to their initial values."""
        self._request().reset_state()

    # ---- ports ----
    @property
    def inputs(self) -> list[ConstOutput]:
        """The input ports."""
        return [slot.port for slot in self._ports.inputs]

    @property
    def outputs(self) -> list[ConstOutput]:
        """The output ports."""
        return [slot.port for slot in self._ports.outputs]

    def input(self, key: int | str | None = None) -> ConstOutput:
        """An input port by index or tensor name; without arguments, the only one. Raises RuntimeError."""
        return self._port("input", self.inputs, key)

    def output(self, key: int | str | None = None) -> ConstOutput:
        """An output port by index or tensor name; without arguments, the only one. Raises RuntimeError."""
        return self._port("output", self.outputs, key)

    def _port(self, kind: str, ports: list[ConstOutput], key: int | str | None) -> ConstOutput:
        if key is None:
            if len(ports) != 1:
                what = "parameter" if kind == "input" else "result"
                raise RuntimeError(
                    f"CompiledModel::{kind}() must be called on a compiled model with exactly one {what}."
                )
            return ports[0]
        if isinstance(key, str):
            for port in ports:
                if key in port.names:
                    return port
            raise RuntimeError(f"{kind.capitalize()} for tensor name '{key}' is not found.")
        index = as_uint64(key)
        if index is None:
            raise incompatible_arguments(
                kind,
                [
                    "(self: ovgpu.CompiledModel) -> ovgpu.ConstOutput",
                    "(self: ovgpu.CompiledModel, index: typing.SupportsInt) -> ovgpu.ConstOutput",
                    "(self: ovgpu.CompiledModel, tensor_name: str) -> ovgpu.ConstOutput",
                ],
                (self, key),
            )
        if index >= len(ports):
            raise RuntimeError(f"Cannot get {kind} for index: {index} {kind}s size is {len(ports)}")
        return ports[index]

    # ---- properties and files ----
    def get_property(self, property: str) -> Any:
        """Value of a property by name. Raises RuntimeError for an unknown one."""
        name = str(property)
        if name == "LOADED_FROM_CACHE" and self._loaded_from_cache is not None:
            return self._loaded_from_cache
        return self._plugin_model.get_property(name)

    def set_property(self, properties: Mapping[str, Any] | tuple[str, Any]) -> None:
        """Change properties of the compiled model, for devices that allow it.

        Raises RuntimeError: most properties are fixed by compilation.
        """
        if not isinstance(properties, Mapping | tuple):
            raise incompatible_arguments(
                "set_property",
                [
                    "(self: ovgpu.CompiledModel, properties: collections.abc.Mapping[str, object]) -> None",
                    "(self: ovgpu.CompiledModel, property: tuple[str, object]) -> None",
                ],
                (self, properties),
            )
        raise RuntimeError(
            "Not Implemented:\nIt's not possible to set property of an already compiled model. "
            "Set property to Core::compile_model during compilation"
        )

    def get_runtime_model(self) -> Model:
        """The graph as the device executes it, with ``rt_info`` about layers, precisions and times."""
        return self._plugin_model.runtime_model()

    def export_model(self, model_stream: BytesIO | None = None) -> BytesIO | None:
        """Write the compiled model to a stream, or to a new one that is returned (at position 0).

        Raises TypeError for anything but BytesIO, RuntimeError when the device cannot export.
        """
        if model_stream is not None and not isinstance(model_stream, BytesIO):
            raise TypeError(
                "CompiledModel.export_model(model_stream) incompatible function argument: `model_stream` must be an "
                f"io.BytesIO object but {type(model_stream)} provided"
            )
        stream = BytesIO() if model_stream is None else model_stream
        self._plugin_model.export_model(stream)
        if model_stream is not None:
            return None
        stream.seek(0)
        return stream

    def release_memory(self) -> None:
        """Free the memory that is only needed while inferring; the next inference allocates it again."""
        self._plugin_model.release_memory()

    def __repr__(self) -> str:
        return self._described("CompiledModel")

    def _described(self, title: str) -> str:
        return f"<{title}:\n{ports_text(self.inputs, self.outputs)}>"
