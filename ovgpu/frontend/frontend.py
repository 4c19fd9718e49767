"""FrontEndManager, FrontEnd and InputModel."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ovgpu._pyovgpu import GeneralFailure, InitializationFailure
from ovgpu.frontend.place import Place
from ovgpu.frontends import read_model
from ovgpu.graph.arguments import incompatible_arguments
from ovgpu.graph.element_type import Type
from ovgpu.graph.model import Model
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.inference.extension import register_extension

#: Name of each reader and the suffix of its files.
_READERS = {"onnx": ".onnx", "ir": ".xml"}


class InputModel:
    """A model that was loaded and can still be changed before :meth:`FrontEnd.convert`."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def get_inputs(self) -> list[Place]:
        """Where the model is fed."""
        return [Place(port, False) for port in self.model.inputs]

    def get_outputs(self) -> list[Place]:
        """What the model hands out."""
        return [Place(port, True) for port in self.model.outputs]

    def get_place_by_tensor_name(self, tensor_name: str) -> Place | None:
        """The input, output or inner tensor of this name, None when there is none."""
        for place in [*self.get_inputs(), *self.get_outputs()]:
            if tensor_name in place.port.tensor._names:
                return place
        for node in self.model.get_ordered_ops():
            for port in node.outputs():
                if tensor_name in port.tensor._names:
                    return Place(port, False)
        return None

    def get_partial_shape(self, place: Place) -> PartialShape:
        return place.port.partial_shape

    def set_partial_shape(self, place: Place, shape: PartialShape) -> None:
        """Change the shape of an input. Raises RuntimeError for other places and for shapes that do not fit."""
        self.model.reshape({place.port: PartialShape(shape)})

    def get_element_type(self, place: Place) -> Type:
        return place.port.element_type

    def set_element_type(self, place: Place, type: Type) -> None:
        """Change the element type of an input. Raises GeneralFailure for other places."""
        node = place.port.node
        if not place.is_input():
            raise GeneralFailure("Only inputs can be given another element type")
        node.set_element_type(type)
        self.model.validate_nodes_and_infer_types()

    def __repr__(self) -> str:
        return "<InputModel>"


class FrontEnd:
    """One reader. FrontEndManager makes them."""

    def __init__(self, name: str) -> None:
        if name not in _READERS:
            raise InitializationFailure(
                f"FrontEnd API failed with InitializationFailure:\nFrontEnd for Framework {name} is not found"
            )
        self._name = name

    def get_name(self) -> str:
        """``onnx`` or ``ir``."""
        return self._name

    def supported(self, model: Any) -> bool:
        """Whether this reader reads such a file. Raises GeneralFailure when the file does not exist."""
        if not isinstance(model, (str, os.PathLike)):
            return isinstance(model, (bytes, io.BytesIO))
        path = Path(model)
        if not path.exists():
            raise GeneralFailure(
                f'FrontEnd API failed with GeneralFailure:\n{self._name}: Could not open the file: "{model}"'
            )
        return path.suffix == _READERS[self._name]

    def load(self, path: Any, weights: Any = None) -> InputModel:
        """Read a file, or its content as bytes or BytesIO. Raises GeneralFailure when that fails."""
        try:
            return InputModel(read_model(path, weights))
        except RuntimeError as error:
            raise GeneralFailure(str(error)) from error

    def convert(self, model: InputModel) -> Model:
        """The model with all changes made."""
        if not isinstance(model, InputModel):
            raise incompatible_arguments(
                "convert",
                ["(self: ovgpu.frontend.FrontEnd, model: ovgpu.frontend.InputModel)"],
                (model,),
            )
        return model.model

    def add_extension(self, extension: Any) -> None:
        """Add an extension, or a list of them; see ``Core.add_extension``."""
        for item in extension if isinstance(extension, Sequence) else [extension]:
            register_extension(item)

    def __repr__(self) -> str:
        return f"<FrontEnd '{self._name}'>"


class FrontEndManager:
    """Knows the readers."""

    def get_available_front_ends(self) -> list[str]:
        """Names of the readers."""
        return list(_READERS)

    def load_by_framework(self, framework: str) -> FrontEnd:
        """The reader of this name. Raises InitializationFailure for an unknown one."""
        if not isinstance(framework, str):
            raise incompatible_arguments(
                "load_by_framework",
                ["(self: ovgpu.frontend.FrontEndManager, framework: str)"],
                (framework,),
            )
        return FrontEnd(framework)

    def load_by_model(self, model: Any) -> FrontEnd | None:
        """The reader of a file, None when there is none. Raises GeneralFailure when the file does not exist."""
        if not isinstance(model, (str, os.PathLike)):
            return None
        suffix = Path(model).suffix
        for name, known in _READERS.items():
            if suffix == known:
                reader = FrontEnd(name)
                return reader if reader.supported(model) else None
        return None

    def __repr__(self) -> str:
        return "<FrontEndManager>"
