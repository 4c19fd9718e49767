"""From what was said about an input to nodes: new parameters, the steps, and the printed report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.layout import Layout
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import Output
from ovgpu.graph.special import Parameter
from ovgpu.preprocess.context import Context, Step, describe, run_steps
from ovgpu.preprocess.formats import PLANES, ColorFormat, color_text, plane_shape
from ovgpu.preprocess.infos import InputInfo
from ovgpu.preprocess.layout_conversion import check_order, permuted_layout, tensor_shape
from ovgpu.preprocess.steps import conversion_step, layout_step

_MODEL_COLORS = (ColorFormat.RGB, ColorFormat.BGR, ColorFormat.GRAY, ColorFormat.UNDEFINED)
_IMAGE = Layout("NHWC")


@dataclass
class _Expected:
    """What the user gives and what the model wants, all defaults resolved."""

    tensor_layout: Layout
    model_layout: Layout
    tensor_type: Type
    shapes: list[PartialShape]


def _resolve(info: InputInfo, parameter: Parameter) -> _Expected:
    tensor, steps = info._tensor, info._steps._steps
    model_layout = parameter.get_layout() if info._model._layout.empty else info._model._layout
    if not info._model._layout.empty:
        _require_fit(parameter, model_layout)
    layout = tensor._layout
    color = tensor._color
    shape = parameter.get_partial_shape()
    if model_layout.empty and not layout.empty:
        model_layout = _layout_after(steps, layout)
    if layout.empty and color is not ColorFormat.UNDEFINED:
        layout = _IMAGE
    if layout.empty:
        layout = model_layout
        for step in reversed(steps):
            if step.order is not None:
                shape, layout = _undo(step.order, shape, layout)
    else:
        shape = tensor_shape(shape, model_layout, layout)
    if tensor._shape is not None:
        shape = tensor._shape
    elif tensor._spatial is not None:
        shape = _with_spatial(shape, layout, tensor._spatial)
    planes = PLANES.get(color)
    shapes = [shape] if planes is None else [plane_shape(shape, layout, p) for p in planes]
    element_type = tensor._type or parameter.get_element_type()
    return _Expected(layout, model_layout, element_type, shapes)


def _require_fit(parameter: Parameter, layout: Layout) -> None:
    shape = parameter.get_partial_shape()
    if not layout.fits(shape):
        described = f"opset1::Parameter {parameter.get_friendly_name()}[0]:{parameter.get_element_type().to_string()}"
        raise RuntimeError(
            f"Can't set layout for Parameter/Result {described}{shape}: layout {layout} is not compatible with "
            f"shape {shape}"
        )


def _layout_after(steps: list[Step], layout: Layout) -> Layout:
    """The layout that the recorded conversions lead to; the model is taken to have it."""
    for step in steps:
        if step.order is not None:
            layout = permuted_layout(layout, step.order)
        elif step.layout is not None and not step.layout.empty:
            layout = step.layout
    return layout


def _undo(axes: Sequence[int], shape: PartialShape, layout: Layout) -> tuple[PartialShape, Layout]:
    """Shape and layout of a tensor before a transposition that leads to these."""
    check_order(axes)
    if shape.rank_length is None:
        return shape, layout
    before = [Dimension.dynamic()] * shape.rank_length
    for new, old in enumerate(axes):
        if new < shape.rank_length and old < shape.rank_length:
            before[old] = shape.dims[new]
    inverse = [int(i) for i in np.argsort(axes)]
    if not layout.empty and len(axes) == shape.rank_length:
        layout = permuted_layout(layout, inverse)
    return PartialShape.of(before), layout


def _with_spatial(shape: PartialShape, layout: Layout, size: tuple[int, int]) -> PartialShape:
    dimensions = list(shape.dims) if shape.rank_length is not None else []
    for name, word, length in (("H", "height", size[0]), ("W", "width", size[1])):
        if not layout.has_name(name):
            raise RuntimeError(f"Layout {layout} doesn't have `{word}` dimension")
        if dimensions:
            dimensions[layout.get_index_by_name(name)] = Dimension(length)
    return PartialShape.of(dimensions) if dimensions else shape


class InputBuild:
    """The new parameters of one input and what becomes of them."""

    def __init__(self, info: InputInfo, parameter: Parameter) -> None:
        self._info = info
        self._old = parameter
        self._expected = expected = _resolve(info, parameter)
        self.parameters = [self._new_parameter(i, s) for i, s in enumerate(expected.shapes)]
        self.context = Context(
            [p.output(0) for p in self.parameters],
            expected.tensor_layout,
            info._tensor._color,
            parameter.get_partial_shape(),
            parameter.get_element_type(),
            expected.model_layout,
        )

    def _new_parameter(self, index: int, shape: PartialShape) -> Parameter:
        tensor, old, expected = self._info._tensor, self._old, self._expected
        parameter = Parameter(expected.tensor_type, shape)
        names = old.output(0).tensor._names
        if len(expected.shapes) == 1:
            parameter.friendly_name = old.get_friendly_name()
            parameter.output(0).tensor.set_names(names)
            for key, value in old.rt_info.items():
                parameter.rt_info[key] = value
        elif tensor._sub_names:
            sub_name = tensor._sub_names[index]
            parameter.friendly_name = f"{old.get_friendly_name()}/{sub_name}"
            parameter.output(0).tensor.set_names({f"{name}/{sub_name}" for name in names})
        if not expected.tensor_layout.empty:
            parameter.set_layout(expected.tensor_layout)
        if tensor._memory_type:
            parameter.output(0).rt_info["memory_type_0"] = tensor._memory_type
        return parameter

    def _implicit_steps(self) -> list[Step]:
        steps, context = [], self.context
        if any(p.element_type is not context.target_type for p in context.ports):
            steps.append(Step(*conversion_step(context.target_type)))
        if not context.target_layout.empty and context.layout != context.target_layout:
            steps.append(Step(*layout_step(context.target_layout)))
        return steps

    def run(self) -> Output:
        """Apply all steps and return what feeds the model.

        Raises RuntimeError when the model cannot take the result.
        """
        context = self.context
        run_steps(self._info._steps._steps, context, [])
        if len(context.ports) != 1:
            raise RuntimeError(
                "Multiple plane input is not allowed as model input. Consider using of convert_color preprocessing "
                f"operation. Current format is '{color_text(context.color)}'"
            )
        run_steps(self._implicit_steps(), context, [])
        if context.color not in _MODEL_COLORS:
            raise RuntimeError(
                "model shall have RGB/BGR/GRAY color format. Consider add 'convert_color' preprocessing operation to "
                f"convert current color format '{color_text(context.color)}'to RGB/BGR/GRAY"
            )
        shape = context.port.partial_shape
        if not shape.compatible(context.target_shape):
            raise RuntimeError(
                f"Resulting shape '{shape}' after preprocessing is not aligned with original parameter's shape: "
                f"{context.target_shape}, input parameter: {self._old.get_friendly_name()}"
            )
        return context.port

    def report(self, lines: list[str]) -> None:
        """Append the printed form to ``lines``: nothing when nothing happens to the input.

        Raises RuntimeError when a step fails; the lines then end with that step.
        """
        context, steps, start = self.context, self._info._steps._steps, len(lines)
        lines.append(self._heading())
        if steps:
            lines.append(f"    Pre-processing steps ({len(steps)}):\n")
            run_steps(steps, context, lines)
        implicit = self._implicit_steps()
        if implicit:
            lines.append(f"    Implicit pre-processing steps ({len(implicit)}):\n")
            run_steps(implicit, context, lines)
        if not steps and not implicit and not self._says_something():
            del lines[start:]

    def _says_something(self) -> bool:
        """Whether the user's tensor differs from the model's in more than what the steps do."""
        tensor, expected, old = self._info._tensor, self._expected, self._old
        return (
            tensor._memory_type is not None
            or tensor._color is not ColorFormat.UNDEFINED
            or expected.tensor_layout != old.get_layout()
            or expected.shapes[0] != old.get_partial_shape()
        )

    def _heading(self) -> str:
        tensor, expected, old = self._info._tensor, self._expected, self._old
        parts = []
        if tensor._color is not ColorFormat.UNDEFINED:
            parts.append(f" (color {color_text(tensor._color)})")
        if tensor._memory_type is not None:
            parts.append(f" memory type={tensor._memory_type}")
        lines = [f'Input "{old.get_friendly_name()}"{"".join(parts)}:']
        described = [
            describe(s, expected.tensor_layout, expected.tensor_type) for s in expected.shapes
        ]
        if len(described) == 1:
            lines.append(f"    User's input tensor: {described[0]}")
        else:
            lines.append(f"    {len(described)} user's tensors expected for each plane:")
            named = len(tensor._sub_names) == len(described)
            for index, text in enumerate(described):
                name = f"{old.get_friendly_name()}/{tensor._sub_names[index]} " if named else ""
                lines.append(f"       {index}: {name}{text}")
        model = describe(old.get_partial_shape(), expected.model_layout, old.get_element_type())
        return "\n".join([*lines, f"    Model's expected tensor: {model}", ""])
