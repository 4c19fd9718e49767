"""From a torchvision transform to preprocessing steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.layout import Layout
from ovgpu.graph.model import Model
from ovgpu.preprocess.formats import ColorFormat, PaddingMode, ResizeAlgorithm
from ovgpu.preprocess.processor import PrePostProcessor
from ovgpu.preprocess.steps import PreProcessSteps


class PreprocessConverter:
    """Builds torchvision transforms into a model.

    Args:
        model: the model; it is edited in place.
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    @staticmethod
    def from_torchvision(
        model: Model, transform: Callable, input_example: Any, input_name: str | None = None
    ) -> Model:
        """Put ``transform`` before an input of ``model``, so that it takes what the transform takes.

        Args:
            model: a model with inputs in the layout NCHW.
            transform: one of Resize, CenterCrop, Normalize, ConvertImageDtype, ToTensor, PILToTensor, Pad, or a
                Compose or Sequential of them.
            input_example: an image as the transform takes it: a PIL image, an array or a tensor.
            input_name: name of the input; by default the only one.

        Raises:
            ImportError: torchvision is not installed.
            ValueError: a transform has no counterpart; its name is given.
        """
        try:
            import torchvision  # type: ignore[import-not-found]  # noqa: F401
        except ImportError as error:
            raise ImportError(
                "from_torchvision needs torchvision; install it with: pip install torchvision"
            ) from error
        return _Conversion(model, input_example, input_name).run(_listed(transform))


def _listed(transform: Any) -> list[Any]:
    """The transforms that a Compose or Sequential is made of."""
    parts = getattr(transform, "transforms", None)
    if parts is None and type(transform).__name__ == "Sequential":
        parts = list(transform)
    return [transform] if parts is None else [leaf for part in parts for leaf in _listed(part)]


def _pair(value: Any) -> tuple[int, int]:
    """Height and width from one number or two."""
    numbers = [int(v) for v in np.ravel(value)]
    return (numbers[0], numbers[-1])


class _Conversion:
    """Walks over the transforms and records steps, keeping track of layout, type and size."""

    def __init__(self, model: Model, example: Any, name: str | None) -> None:
        self._processor = PrePostProcessor(model)
        self._info = self._processor.input(name) if name else self._processor.input()
        self._info.model().set_layout(Layout("NCHW"))
        array = np.asarray(example)
        # PIL images and uint8 arrays come as height, width, channels; tensors with the channels first.
        self._channels_last = not hasattr(example, "detach")
        if array.ndim == 3:
            array = array[None]
        self._shape = list(array.shape)
        layout = "NHWC" if self._channels_last else "NCHW"
        tensor = self._info.tensor().set_layout(Layout(layout)).set_shape(self._shape)
        tensor.set_element_type(Type(array.dtype))
        self._is_integer = array.dtype.kind in "iu"
        if array.dtype == np.uint8 and self._channels_last:
            tensor.set_color_format(ColorFormat.RGB)

    @property
    def _steps(self) -> PreProcessSteps:
        return self._info.preprocess()

    @property
    def _axes(self) -> tuple[int, int]:
        return (1, 2) if self._channels_last else (2, 3)

    def run(self, transforms: list[Any]) -> Model:
        for transform in transforms:
            name = type(transform).__name__
            convert = getattr(self, f"_{name}", None)
            if convert is None:
                raise ValueError(
                    f"The torchvision transform {name} has no counterpart in preprocessing"
                )
            convert(transform)
        return self._processor.build()

    def _Resize(self, transform: Any) -> None:  # noqa: N802 - methods are named as the transforms
        height, width = (self._shape[a] for a in self._axes)
        size = [int(v) for v in np.ravel(transform.size)]
        if len(size) == 1:  # the shorter side; the other keeps the proportions
            short, long = sorted((height, width))
            other = int(size[0] * long / short)
            size = [size[0], other] if height <= width else [other, size[0]]
        mode = str(getattr(transform.interpolation, "value", transform.interpolation)).lower()
        algorithms = {
            "nearest": ResizeAlgorithm.RESIZE_NEAREST,
            "bilinear": ResizeAlgorithm.RESIZE_BILINEAR_PILLOW,
            "bicubic": ResizeAlgorithm.RESIZE_BICUBIC_PILLOW,
        }
        if mode not in algorithms:
            raise ValueError(
                f"Resize with the interpolation {mode} has no counterpart in preprocessing"
            )
        self._steps.resize(algorithms[mode], *size)
        for axis, length in zip(self._axes, size, strict=True):
            self._shape[axis] = length

    def _CenterCrop(self, transform: Any) -> None:  # noqa: N802
        begin, end = [0] * 4, list(self._shape)
        for axis, length in zip(self._axes, _pair(transform.size), strict=True):
            if length > self._shape[axis]:
                raise ValueError("CenterCrop beyond the image has no counterpart in preprocessing")
            begin[axis] = round((self._shape[axis] - length) / 2)
            end[axis] = begin[axis] + length
            self._shape[axis] = length
        self._steps.crop(begin, end)

    def _Pad(self, transform: Any) -> None:  # noqa: N802
        modes = {
            "constant": PaddingMode.CONSTANT,
            "reflect": PaddingMode.REFLECT,
            "symmetric": PaddingMode.SYMMETRIC,
        }
        if transform.padding_mode not in modes:
            raise ValueError(f"Pad {transform.padding_mode} has no counterpart in preprocessing")
        padding = [int(v) for v in np.ravel(transform.padding)]
        left, top, right, bottom = (padding * 4)[:4] if len(padding) < 4 else padding
        begin, end = [0] * 4, [0] * 4
        for axis, (before, after) in zip(self._axes, ((top, bottom), (left, right)), strict=True):
            begin[axis], end[axis] = before, after
            self._shape[axis] += before + after
        self._to_float(1.0)
        self._steps.pad(
            begin, end, float(np.ravel(transform.fill)[0]), modes[transform.padding_mode]
        )

    def _Normalize(self, transform: Any) -> None:  # noqa: N802
        self._steps.mean([float(v) for v in transform.mean])
        self._steps.scale([float(v) for v in transform.std])

    def _ToTensor(self, transform: Any) -> None:  # noqa: N802
        self._PILToTensor(transform)
        self._to_float(255.0)

    def _PILToTensor(self, transform: Any) -> None:  # noqa: N802
        if self._channels_last:
            self._steps.convert_layout(Layout("NCHW"))
            n, h, w, c = self._shape
            self._shape, self._channels_last = [n, c, h, w], False

    def _ConvertImageDtype(self, transform: Any) -> None:  # noqa: N802
        name = str(transform.dtype).rpartition(".")[2]
        if name not in ("float32", "float"):
            raise ValueError(f"ConvertImageDtype to {name} has no counterpart in preprocessing")
        self._to_float(255.0)

    def _to_float(self, largest: float) -> None:
        if self._is_integer:
            self._steps.convert_element_type(Type.f32)
            if largest != 1.0:
                self._steps.scale(largest)
            self._is_integer = False
