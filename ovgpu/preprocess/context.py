"""What preprocessing steps work on: the tensors made so far and what is known about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ovgpu.graph.element_type import Type
from ovgpu.graph.layout import Layout
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import Output
from ovgpu.preprocess.formats import ColorFormat, color_text


@dataclass
class Context:
    """State between two steps.

    Attributes:
        ports: the data; several for images in planes.
        layout: of the data, empty when unknown.
        color: of the data.
        target_shape, target_type, target_layout: what the model (for outputs: the user) wants in the end.
    """

    ports: list[Output]
    layout: Layout
    color: ColorFormat = ColorFormat.UNDEFINED
    target_shape: PartialShape = field(default_factory=PartialShape.dynamic)
    target_type: Type = Type.dynamic
    target_layout: Layout = field(default_factory=Layout)

    @property
    def port(self) -> Output:
        """The first (for most images the only) tensor."""
        return self.ports[0]

    @port.setter
    def port(self, port: Output) -> None:
        self.ports = [port]

    def single(self, refusal: str) -> Output:
        """The only tensor. Raises RuntimeError with ``refusal`` when the image is in planes."""
        if len(self.ports) != 1:
            raise RuntimeError(refusal)
        return self.ports[0]

    def describe(self) -> str:
        """Shape, layout, type and color as printed."""
        color = "" if self.color is ColorFormat.UNDEFINED else f", {color_text(self.color)}"
        port = self.port
        return f"({describe(port.partial_shape, self.layout, port.element_type)}{color}"


def describe(shape: PartialShape, layout: Layout, element_type: Type) -> str:
    """Shape, layout and type as printed, for instance ``[1,3,8,8], [N,C,H,W], f32``."""
    name = "<no layout>" if layout.empty else layout.to_string()
    return f"{shape}, {name}, {element_type.to_string()}"


@dataclass
class Step:
    """One recorded action and its printed name.

    ``order`` (of a transposition) and ``layout`` (of a layout conversion) let the shape that a user's tensor must have
    be found from the model's.
    """

    name: str
    apply: Callable[[Context], None]
    order: Sequence[int] | None = None
    layout: Layout | None = None


def run_steps(steps: Sequence[Step], context: Context, lines: list[str]) -> None:
    """Apply ``steps`` and append a description of each to ``lines``, of a failing one as far as it came.

    Raises what the step raises.
    """
    for step in steps:
        before = f"      {step.name}: {context.describe()}"
        try:
            step.apply(context)
        except Exception:
            lines.append(before)
            raise
        lines.append(f"{before}) -> {context.describe()})\n")
