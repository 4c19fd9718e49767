"""What is said about inputs and outputs: about the user's tensor, about the model's, and the steps between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ovgpu.graph.arguments import as_int64, incompatible_arguments
from ovgpu.graph.element_type import Type
from ovgpu.graph.layout import Layout
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.tensor import Tensor
from ovgpu.preprocess.formats import ColorFormat, color_text, plane_count
from ovgpu.preprocess.steps import PostProcessSteps, PreProcessSteps, as_layout, checked


class _TensorInfo:
    """Type and layout of a user's tensor; None and the empty layout where nothing was said."""

    def __init__(self) -> None:
        self._type: Type | None = None
        self._layout = Layout()

    def set_element_type(self, type: Type) -> Any:
        """Say what type the user's tensor has; a conversion is added where the model's differs."""
        self._type = checked(type, Type, "set_element_type")
        return self

    def set_layout(self, layout: Layout | str) -> Any:
        """Say what layout the user's tensor has; a conversion is added where the model's differs."""
        self._layout = as_layout(layout, "set_layout")
        return self


class InputTensorInfo(_TensorInfo):
    """About the tensor that the user gives."""

    def __init__(self) -> None:
        super().__init__()
        self._shape: PartialShape | None = None
        self._spatial: tuple[int, int] | None = None  # (-1, -1): any
        self._color = ColorFormat.UNDEFINED
        self._sub_names: list[str] = []
        self._memory_type: str | None = None

    def set_shape(self, shape: PartialShape | Sequence[int]) -> InputTensorInfo:
        """The shape of the user's tensor. Raises RuntimeError when a spatial shape was set already."""
        known = isinstance(shape, PartialShape) or (
            not isinstance(shape, str) and all(as_int64(d) is not None for d in shape)
        )
        if not known:
            raise incompatible_arguments(
                "set_shape",
                ["(shape: ovgpu.PartialShape)", "(shape: collections.abc.Sequence[int])"],
                (self, shape),
            )
        if self._spatial is not None:
            raise RuntimeError(
                "'set_spatial_static_shape', 'set_spatial_dynamic_shape', 'set_shape/set_from' shall not be used "
                "together"
            )
        self._shape = PartialShape(
            shape if isinstance(shape, PartialShape) else list(map(int, shape))
        )
        return self

    def _set_spatial(self, function: str, height: int, width: int) -> InputTensorInfo:
        if self._shape is not None:
            raise RuntimeError(f"'{function}' and 'set_shape/set_from' shall not be used together")
        self._spatial = (height, width)
        return self

    def set_spatial_static_shape(self, height: int, width: int) -> InputTensorInfo:
        """The height and width of the user's image; its layout must name H and W."""
        return self._set_spatial("set_spatial_static_shape", int(height), int(width))

    def set_spatial_dynamic_shape(self) -> InputTensorInfo:
        """The user's images have any height and width; their layout must name H and W."""
        return self._set_spatial("set_spatial_dynamic_shape", -1, -1)

    def set_from(self, tensor: Tensor | np.ndarray) -> InputTensorInfo:
        """Take type and shape from a tensor or an array."""
        if isinstance(tensor, np.ndarray):
            return self.set_element_type(Type(tensor.dtype)).set_shape(tensor.shape)
        checked(tensor, Tensor, "set_from")
        return self.set_element_type(tensor.element_type).set_shape(list(tensor.shape))

    def set_color_format(
        self,
        format: ColorFormat,
        sub_names: Sequence[str] = (),
    ) -> InputTensorInfo:
        """The color format of the user's image. Formats with several planes take one tensor each.

        Args:
            format: the format.
            sub_names: for several planes their names; the inputs are named ``<input>/<name>``.

        Raises RuntimeError when the number of names is not that of the planes.
        """
        checked(format, ColorFormat, "set_color_format")
        names, planes = list(sub_names), plane_count(format)
        if names and planes == 1:
            raise RuntimeError(
                f"Plane names are not allowed for single plane color format '{color_text(format)}'"
            )
        if names and len(names) != planes:
            raise RuntimeError(
                f"Number of sub-names ({len(names)}) shall match with number of planes for "
                f"'{color_text(format)}' color format ({planes})"
            )
        self._color, self._sub_names = format, names
        return self

    def set_memory_type(self, memory_type: str) -> InputTensorInfo:
        """Where the tensor lives, for devices that ask; kept as run-time information of the input."""
        self._memory_type = checked(memory_type, str, "set_memory_type")
        return self


class OutputTensorInfo(_TensorInfo):
    """About the tensor that the user gets."""


class _ModelInfo:
    def __init__(self) -> None:
        self._layout = Layout()

    def set_layout(self, layout: Layout | str) -> Any:
        """Say what layout the model's own tensor has."""
        self._layout = as_layout(layout, "set_layout")
        return self


class InputModelInfo(_ModelInfo):
    """About an input as the model expects it."""


class OutputModelInfo(_ModelInfo):
    """About an output as the model gives it."""


class InputInfo:
    """One input: the user's tensor, the model's, and the steps from the first to the second."""

    def __init__(self) -> None:
        self._tensor, self._model, self._steps = (
            InputTensorInfo(),
            InputModelInfo(),
            PreProcessSteps(),
        )

    def tensor(self) -> InputTensorInfo:
        return self._tensor

    def preprocess(self) -> PreProcessSteps:
        return self._steps

    def model(self) -> InputModelInfo:
        return self._model


class OutputInfo:
    """One output: the model's tensor, the user's, and the steps from the first to the second."""

    def __init__(self) -> None:
        self._tensor, self._model, self._steps = (
            OutputTensorInfo(),
            OutputModelInfo(),
            PostProcessSteps(),
        )

    def tensor(self) -> OutputTensorInfo:
        return self._tensor

    def postprocess(self) -> PostProcessSteps:
        return self._steps

    def model(self) -> OutputModelInfo:
        return self._model
