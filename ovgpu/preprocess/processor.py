"""PrePostProcessor: preprocessing and postprocessing built into a model."""

from __future__ import annotations

from typing import Any

from ovgpu.graph.arguments import as_int64, incompatible_arguments
from ovgpu.graph.model import Model
from ovgpu.graph.port import Output
from ovgpu.preprocess.infos import InputInfo, OutputInfo
from ovgpu.preprocess.inputs import InputBuild
from ovgpu.preprocess.outputs import OutputBuild


class PrePostProcessor:
    """Records what tensors the user has and what shall happen to them, and builds it into the model.

    Args:
        model: the model; :meth:`build` edits it in place.
    """

    def __init__(self, model: Model) -> None:
        if not isinstance(model, Model):
            raise incompatible_arguments(
                "__init__", ["PrePostProcessor(model: ovgpu.Model)"], (model,)
            )
        self._model = model
        self._inputs = [InputInfo() for _ in model.get_parameters()]
        self._outputs = [OutputInfo() for _ in model.get_results()]

    def input(self, key: int | str | None = None) -> InputInfo:
        """The input with this index or tensor name; without a key, the only one.

        Raises RuntimeError when there is none.
        """
        return self._inputs[self._index(key, "input", self._model.inputs)]

    def output(self, key: int | str | None = None) -> OutputInfo:
        """The output with this index or tensor name; without a key, the only one.

        Raises RuntimeError when there is none.
        """
        return self._outputs[self._index(key, "output", self._model.outputs)]

    def _index(self, key: Any, kind: str, ports: list[Output]) -> int:
        if key is None:
            if len(ports) != 1:
                raise RuntimeError(
                    f"PrePostProcessor::{kind}() - Model must have exactly one {kind}, got {len(ports)}"
                )
            return 0
        if isinstance(key, str):
            for index, port in enumerate(ports):
                if key in port.tensor._names:
                    return index
            raise RuntimeError(f"Model doesn't have {kind} with name {key}")
        position = as_int64(key)
        if position is None or position < 0:
            raise incompatible_arguments(
                kind, ["(tensor_name: str)", "(input_index: int)"], (self, key)
            )
        if position >= len(ports):
            raise RuntimeError(
                f"PrePostProcessor::{kind}(size_t) - Model doesn't have {kind} with index {position}. Total number of "
                f"inputs is {len(ports)}"
            )
        return position

    def build(self) -> Model:
        """Put the steps into the model and return it. The model is unchanged when this raises.

        Raises RuntimeError when a step does not fit what it is applied to.
        """
        model = self._model
        builds = [
            InputBuild(info, parameter)
            for info, parameter in zip(self._inputs, model.get_parameters(), strict=True)
        ]
        sources = [build.run() for build in builds]
        undo: list[tuple[Any, Output]] = []
        old_parameters, parameters = model.get_parameters(), []
        try:
            for old, build, source in zip(old_parameters, builds, sources, strict=True):
                for target in old.output(0).target_inputs:
                    undo.append((target, old.output(0)))
                    target.replace_source_output(source)
                parameters.extend(build.parameters)
            model._parameters = parameters
            model.validate_nodes_and_infer_types()
            self._build_outputs(undo)
            model.validate_nodes_and_infer_types()
        except Exception:
            for target, source in reversed(undo):
                target.replace_source_output(source)
            model._parameters = old_parameters
            model.validate_nodes_and_infer_types()
            raise
        self._inputs = [InputInfo() for _ in model.get_parameters()]
        self._outputs = [OutputInfo() for _ in model.get_results()]
        return model

    def _build_outputs(self, undo: list[tuple[Any, Output]]) -> None:
        results = self._model.get_results()
        built = [
            OutputBuild(info, result).run()
            for info, result in zip(self._outputs, results, strict=True)
        ]
        for result, (port, layout) in zip(results, built, strict=True):
            source = result.input_value(0)
            if port != source:
                undo.append((result.input(0), source))
                port.node.friendly_name = f"{source.node.get_friendly_name()}.{source.index}"
                port.tensor.set_names(source.tensor._names)
                source.tensor.set_names(set())
                result.input(0).replace_source_output(port)
            if not layout.empty:
                result.set_layout(layout)

    def __str__(self) -> str:
        lines: list[str] = []
        try:
            for info, parameter in zip(self._inputs, self._model.get_parameters(), strict=True):
                InputBuild(info, parameter).report(lines)
            for out, result in zip(self._outputs, self._model.get_results(), strict=True):
                OutputBuild(out, result).report(lines)
        except RuntimeError as error:
            lines.append(f"\nError occurred: {error}\n")
        return "".join(lines)

    def __repr__(self) -> str:
        return f"<PrePostProcessor: {self}>"
