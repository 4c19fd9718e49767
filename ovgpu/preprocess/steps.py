"""The recorded steps before (PreProcessSteps) and after (PostProcessSteps) the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from ovgpu.graph.arguments import as_int64, incompatible_arguments
from ovgpu.graph.element_type import Type
from ovgpu.graph.layout import Layout
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant
from ovgpu.preprocess.color import axis_of, convert_color, reverse_channels
from ovgpu.preprocess.context import Context, Step
from ovgpu.preprocess.formats import ColorFormat, PaddingMode, ResizeAlgorithm, color_text
from ovgpu.preprocess.layout_conversion import check_order, convert, permuted_layout, transpose

_MULTI_PLANE = (
    "for multi-plane input. Suggesting to convert current image to RGB/BGR color format using"
)


def as_layout(value: Any, function: str) -> Layout:
    """A Layout, or the one that a text spells. Raises TypeError for anything else."""
    if isinstance(value, Layout):
        return value
    if isinstance(value, str):
        return Layout(value)
    raise incompatible_arguments(function, ["(layout: ovgpu.Layout)"], (value,))


def checked(value: Any, kind: type, function: str) -> Any:
    """``value`` when it is a ``kind``. Raises TypeError otherwise."""
    if not isinstance(value, kind):
        raise incompatible_arguments(function, [f"(arg0: ovgpu.{kind.__name__})"], (value,))
    return value


def _integers(values: Any, function: str) -> list[int]:
    numbers = [as_int64(v) for v in values] if not isinstance(values, (str, int, float)) else [None]
    found = [n for n in numbers if n is not None]
    if len(found) != len(numbers):
        raise incompatible_arguments(function, ["(arg0: collections.abc.Sequence[int])"], (values,))
    return found


def _floats(values: Any, function: str) -> list[float]:
    items = [values] if isinstance(values, (int, float, np.number)) else values
    try:
        if isinstance(items, str):
            raise TypeError
        return [float(v) for v in items]
    except (TypeError, ValueError):
        raise incompatible_arguments(
            function, ["(value: float)", "(values: collections.abc.Sequence[float])"], (values,)
        ) from None


def _listed(values: Sequence[float]) -> str:
    return ",".join(f"{v:g}" for v in values)


class _Steps:
    """Steps in the order in which they were asked for."""

    def __init__(self) -> None:
        self._steps: list[Step] = []

    def _add(
        self,
        name: str,
        apply: Callable[[Context], None],
        order: Sequence[int] | None = None,
        layout: Layout | None = None,
    ) -> Self:
        self._steps.append(Step(name, apply, order, layout))
        return self

    def convert_element_type(self, type: Type = Type.dynamic) -> Self:
        """Convert to ``type``; by default to what the model (after it: the user's tensor) has.

        Each element is converted as Convert-1 does.
        """
        checked(type, Type, "convert_element_type")
        return self._add(*conversion_step(type))

    def convert_layout(self, dst_layout: Layout | str | Sequence[int] = "", **dims: Any) -> Self:
        """Reorder the dimensions.

        Args:
            dst_layout: the layout to reach (the empty one: that of the model or the user's tensor), or the order of
                dimensions as in ``numpy.transpose``; the keyword ``dims`` takes only the latter.
        """
        order = dims.pop("dims", None)
        if dims:
            raise incompatible_arguments("convert_layout", ["(dims: Sequence[int])"], (), **dims)
        if order is None and isinstance(dst_layout, (Layout, str)):
            return self._add(*layout_step(as_layout(dst_layout, "convert_layout")))
        order = _integers(dst_layout if order is None else order, "convert_layout")

        def reorder(context: Context) -> None:
            port = context.single(f"Can't convert layout {_MULTI_PLANE} 'convert_color'")
            check_order(order)
            context.port = transpose(port, order)
            context.layout = permuted_layout(context.layout, order)

        return self._add(f"convert layout ({','.join(map(str, order))})", reorder, order)

    def custom(self, operation: Callable[[Output], Output]) -> Self:
        """Apply a function of the user's that takes an Output and returns one.

        ``ovgpu.utils.decorators.custom_preprocess_function`` lets it return a Node.
        """

        def run(context: Context) -> None:
            port = context.single(
                f"Can't apply custom preprocessing step {_MULTI_PLANE} 'convert_color'"
            )
            result = operation(port)
            if not isinstance(result, Output):
                raise RuntimeError(
                    f"A custom step must return an Output, not {type(result).__name__}; decorate it with "
                    "custom_preprocess_function to return nodes"
                )
            context.port = result

        if not callable(operation):
            raise incompatible_arguments("custom", ["(operation: Callable)"], (operation,))
        return self._add("custom", run)


def conversion_step(element_type: Type) -> tuple[str, Callable[[Context], None]]:
    """Name and action of a type conversion; ``Type.dynamic`` means the wanted type."""

    def apply(context: Context) -> None:
        wanted = context.target_type if element_type is Type.dynamic else element_type
        if wanted is Type.dynamic:
            raise RuntimeError(
                "Can't convert to dynamic/unknown element type, consider using of InputTensorInfo::set_element_type"
            )
        context.ports = [
            p
            if p.element_type is wanted
            else make_node("Convert", [p], 1, destination_type=wanted).output(0)
            for p in context.ports
        ]

    return f"convert type ({element_type.to_string()})", apply


def layout_step(layout: Layout) -> tuple[str, Callable[[Context], None], None, Layout]:
    """Name and action of a layout conversion; the empty layout means the wanted one."""

    def apply(context: Context) -> None:
        port = context.single(f"Can't convert layout {_MULTI_PLANE} 'convert_color'")
        wanted = context.target_layout if layout.empty else layout
        context.port = convert(port, context.layout, wanted)
        context.layout = wanted

    return f"convert layout {layout}", apply, None, layout


def _channel_constant(context: Context, port: Output, values: Sequence[float]) -> Node:
    """One value for all elements or one for each channel, shaped so that it broadcasts."""
    array = np.array(values, port.element_type.host_dtype)
    if len(values) > 1:
        axis = axis_of(context, "C", "channels")
        shape = port.partial_shape
        if shape.rank_length is not None:
            channels = shape.dims[axis]
            if channels.is_static and channels.get_length() != len(values):
                raise RuntimeError(
                    f"Number of channels and mean/values size mismatch: Channels = {channels}, mean/scale = "
                    f"{len(values)}, shape = {shape}, layout = {context.layout}"
                )
            broadcast = [1] * shape.rank_length
            broadcast[axis] = len(values)
            array = array.reshape(broadcast)
    return Constant.from_host(port.element_type, array)


def _model_length(context: Context, name: str, word: str) -> int:
    layout, shape = context.target_layout, context.target_shape
    if not layout.has_name(name) or shape.rank_length is None:
        raise RuntimeError(f"Model {word} dimension is not known: set the layout of the model")
    dimension = shape.dims[layout.get_index_by_name(name)]
    if dimension.is_dynamic:
        raise RuntimeError(f"Dynamic resize: Model {word} dimension shall be static")
    return dimension.get_length()


class PreProcessSteps(_Steps):
    """What happens to a user's tensor before the model sees it, in the order of the calls."""

    def scale(self, value: float | Sequence[float]) -> PreProcessSteps:
        """Divide by one number, or by one for each channel. The data must be of a float type."""
        values = _floats(value, "scale")

        def divide(context: Context) -> None:
            port = context.single(f"Can't apply scale preprocessing {_MULTI_PLANE} 'convert_color'")
            _require_float(port, "Scale", "scaling")
            with np.errstate(divide="ignore"):
                reciprocal = [float(np.float32(1) / np.float32(v)) for v in values]
            node = make_node("Multiply", [port, _channel_constant(context, port, reciprocal)], 1)
            node.friendly_name = f"Divide_{node.get_instance_id()}"
            context.port = node.output(0)

        return self._add(f"scale ({_listed(values)})", divide)

    def mean(self, value: float | Sequence[float]) -> PreProcessSteps:
        """Subtract one number, or one for each channel. The data must be of a float type."""
        values = _floats(value, "mean")

        def subtract(context: Context) -> None:
            port = context.single(f"Can't apply scale preprocessing {_MULTI_PLANE} 'convert_color'")
            _require_float(port, "Mean", "scaling")
            constant = _channel_constant(context, port, values)
            context.port = make_node("Subtract", [port, constant], 1).output(0)

        return self._add(f"mean ({_listed(values)})", subtract)

    def convert_color(self, dst_format: ColorFormat) -> PreProcessSteps:
        """Bring the image to another color format.

        RGB and BGR to each other and to GRAY; RGBX and BGRX to RGB and BGR; NV12 and I420 to RGB, BGR and GRAY.
        """
        checked(dst_format, ColorFormat, "convert_color")
        return self._add(
            f"convert color ({color_text(dst_format)})",
            lambda context: convert_color(context, dst_format),
        )

    def resize(
        self, alg: ResizeAlgorithm, dst_height: int | None = None, dst_width: int | None = None
    ) -> PreProcessSteps:
        """Resize to a height and width, by default to the model's (Interpolate-11, half-pixel coordinates)."""
        checked(alg, ResizeAlgorithm, "resize")
        size = [] if dst_height is None else _integers([dst_height, dst_width], "resize")

        def interpolate(context: Context) -> None:
            port = context.single(
                "Can't resize multi-plane input. Suggesting to convert current image to RGB/BGR color format using "
                "'PreProcessSteps::convert_color'"
            )
            layout = context.layout
            if not (layout.has_name("H") and layout.has_name("W")):
                raise RuntimeError(
                    "Can't add resize for layout without W/H specified. Use 'set_layout' API to define layout of "
                    "image data, like `NCHW`"
                )
            if size:
                height, width = size
            else:
                width = _model_length(context, "W", "width")
                height = _model_length(context, "H", "height")
            sizes = Constant(np.array([height, width], dtype=np.int64))
            axes = Constant(
                np.array([layout.get_index_by_name("H"), layout.get_index_by_name("W")], np.int64)
            )
            context.port = make_node(
                "Interpolate",
                [port, sizes, axes],
                11,
                mode=alg.mode,
                shape_calculation_mode="sizes",
                pads_begin=[0, 0, 0, 0],
                pads_end=[0, 0, 0, 0],
                # Pillow's own filter; the other cubic is Interpolate's default.
                cube_coeff=-0.5 if alg is ResizeAlgorithm.RESIZE_BICUBIC_PILLOW else -0.75,
            ).output(0)

        text = f"({', '.join(map(str, size))})" if size else "model width/height"
        return self._add(f"resize to {text}", interpolate)

    def crop(self, begin: Sequence[int], end: Sequence[int]) -> PreProcessSteps:
        """Keep ``begin[i]`` (included) to ``end[i]`` (excluded) of each dimension; negative counts from the end."""
        first, last = _integers(begin, "crop"), _integers(end, "crop")
        listed = ",".join(f"[ {', '.join(map(str, limits))} ]" for limits in (first, last))
        name = f"Crop ({listed})"
        if len(first) != len(last):
            raise RuntimeError(
                f"{name} begin/end coordinates must have the same size. Begin size={len(first)}, end size={len(last)}"
            )

        def cut(context: Context) -> None:
            port = context.single(
                "Can't crop multi-plane input. Suggesting to convert current image to RGB/BGR color format using "
                "'PreProcessSteps::convert_color'"
            )
            limits = [
                Constant(np.array(v, dtype=np.int32)) for v in (first, last, [1] * len(first))
            ]
            axes = Constant(np.arange(len(first), dtype=np.int64))
            context.port = make_node("Slice", [port, *limits, axes], 8).output(0)

        return self._add(name, cut)

    def pad(
        self,
        pads_begin: Sequence[int],
        pads_end: Sequence[int],
        value: float | Sequence[float],
        mode: PaddingMode,
    ) -> PreProcessSteps:
        """Add a border of ``pads_begin[i]`` and ``pads_end[i]`` elements to each dimension (Pad-1); negative cuts.

        ``value`` fills it in the mode CONSTANT. The data must be of a float type.
        """
        before, after = _integers(pads_begin, "pad"), _integers(pads_end, "pad")
        values = _floats(value, "pad")
        checked(mode, PaddingMode, "pad")
        fill = {
            PaddingMode.CONSTANT: f"with ({_listed(values)})",
            PaddingMode.REFLECT: "reflected from tensor",
            PaddingMode.SYMMETRIC: "symmetrically added from tensor",
        }[mode]

        def add_border(context: Context) -> None:
            port = context.single(
                "Can't pad multi-plane input. Suggesting to convert current image to RGB/BGR color format using "
                "'PreProcessSteps::convert_color'"
            )
            _require_float(port, "Pad", "padding")
            if len(values) != 1:
                raise RuntimeError(f"pad takes one value to fill with, got {len(values)}")
            filler = Constant.from_host(
                port.element_type, np.array(values[0], port.element_type.host_dtype)
            )
            amounts = [Constant(np.array(v, dtype=np.int64)) for v in (before, after)]
            node = make_node("Pad", [port, *amounts, filler], 1, pad_mode=mode.name.lower())
            context.port = node.output(0)

        begin, end = (",".join(map(str, v)) for v in (before, after))
        return self._add(f"pad(begin ({begin}), end ({end}), {fill})", add_border)

    def reverse_channels(self) -> PreProcessSteps:
        """Reverse the order of the channels; the layout must name them (C)."""
        return self._add("reverse channels", reverse_channels)


def _require_float(port: Output, what: str, doing: str) -> None:
    if not port.element_type.is_real():
        raise RuntimeError(
            f"{what} preprocessing can be applied to 'float' inputs. Consider using of 'convert_element_type' before "
            f"{doing}. Current type is: {port.element_type.to_string()}"
        )


class PostProcessSteps(_Steps):
    """What happens to an output of the model before the user sees it, in the order of the calls."""
