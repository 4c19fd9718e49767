"""From what was said about an output to nodes, and the printed report."""

from __future__ import annotations

from ovgpu.graph.element_type import Type
from ovgpu.graph.layout import Layout
from ovgpu.graph.port import Output
from ovgpu.graph.special import Result
from ovgpu.preprocess.context import Context, Step, describe, run_steps
from ovgpu.preprocess.infos import OutputInfo
from ovgpu.preprocess.steps import conversion_step, layout_step


class OutputBuild:
    """What is added between a model's output and its Result."""

    def __init__(self, info: OutputInfo, result: Result) -> None:
        self._info = info
        self._source: Output = result.input_value(0)
        self._model_layout = (
            result.get_layout() if info._model._layout.empty else info._model._layout
        )
        self._name = min(result.output(0).tensor._names, default=result.get_friendly_name())
        self.context = Context(
            [self._source],
            self._model_layout,
            target_type=info._tensor._type or Type.dynamic,
            target_layout=info._tensor._layout,
        )

    def _implicit_steps(self) -> list[Step]:
        steps, context, tensor = [], self.context, self._info._tensor
        if tensor._type is not None and context.port.element_type is not tensor._type:
            steps.append(Step(*conversion_step(tensor._type)))
        if not tensor._layout.empty and context.layout != tensor._layout:
            steps.append(Step(*layout_step(tensor._layout)))
        return steps

    def run(self) -> tuple[Output, Layout]:
        """Apply all steps; the port that the Result shall read, and its layout."""
        run_steps(self._info._steps._steps, self.context, [])
        run_steps(self._implicit_steps(), self.context, [])
        return self.context.port, self.context.layout

    def report(self, lines: list[str]) -> None:
        """Append the printed form to ``lines``: nothing when nothing happens to the output.

        Raises RuntimeError when a step fails; the lines then end with that step.
        """
        context, source, steps = self.context, self._source, self._info._steps._steps
        model = describe(source.partial_shape, self._model_layout, source.element_type)
        start = len(lines)
        lines.append(f'Output "{self._name}":\n    Model\'s data tensor: {model}\n')
        if steps:
            lines.append(f"    Post-processing steps ({len(steps)}):\n")
            run_steps(steps, context, lines)
        implicit = self._implicit_steps()
        if implicit:
            lines.append(f"    Post-processing implicit steps ({len(implicit)}):\n")
            run_steps(implicit, context, lines)
        port = context.port
        given = describe(port.partial_shape, context.layout, port.element_type)
        lines.append(f"    User's output tensor: {given}\n")
        if not (steps or implicit):
            del lines[start:]
