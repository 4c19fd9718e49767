"""Running passes in order."""

from __future__ import annotations

from typing import Any

from ovgpu.graph.arguments import incompatible_arguments
from ovgpu.graph.model import Model
from ovgpu.passes.base import ModelPass, PassBase
from ovgpu.passes.rewrite import GraphRewrite, MatcherPass


class Manager:
    """A list of passes that is run on models."""

    def __init__(self) -> None:
        self._passes: list[PassBase] = []
        self._validates = True

    def register_pass(self, *args: Any, **kwargs: Any) -> PassBase:
        """Append a pass (a ModelPass or a MatcherPass object) and return it. Raises TypeError for anything else."""
        given = [*args, *kwargs.values()]
        if (
            len(given) != 1
            or not isinstance(given[0], PassBase)
            or set(kwargs) - {"transformation"}
        ):
            raise incompatible_arguments(
                "register_pass",
                ["(self: ovgpu.passes.Manager, transformation: ovgpu.passes.PassBase)"],
                (self, *args),
                **kwargs,
            )
        self._passes.append(given[0])
        return given[0]

    def set_per_pass_validation(self, new_state: bool) -> None:
        """Whether types and shapes are inferred anew after each pass that changed the model (by default: yes)."""
        self._validates = bool(new_state)

    def run_passes(self, model: Model) -> None:
        """Run all passes in the order of registration. What a pass raises goes through unchanged.

        Raises TypeError for anything but a model.
        """
        if not isinstance(model, Model):
            raise TypeError(
                "Incompatible `model` argument. Please provide a valid openvino.Model instance."
            )
        for item in self._passes:
            if isinstance(item, MatcherPass):
                runner: ModelPass = GraphRewrite()
                runner.add_matcher(item)  # type: ignore[attr-defined]
            else:
                assert isinstance(item, ModelPass)
                runner = item
            if runner.run_on_model(model) and self._validates:
                model.validate_nodes_and_infer_types()

    def __repr__(self) -> str:
        return "<Manager>"
