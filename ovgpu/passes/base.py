"""Base classes of passes."""

from __future__ import annotations

from typing import Any

from ovgpu.graph.model import Model


class PassBase:
    """Something that a Manager can run on a model."""

    _name: str | None = None

    def get_name(self) -> str:
        """The given name, else that of the class."""
        return self._name or type(self).__name__

    def set_name(self, name: str) -> None:
        self._name = str(name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class ModelPass(PassBase):
    """A pass that gets the whole model. Subclasses define :meth:`run_on_model`."""

    def run_on_model(self, model: Model) -> Any:
        """Change ``model`` and return whether it was changed (None counts as unchanged)."""
        raise RuntimeError(
            f"{type(self).__name__} does not define run_on_model: tried to call pure virtual function "
            '"ov::pass::ModelPass::run_on_model"'
        )
