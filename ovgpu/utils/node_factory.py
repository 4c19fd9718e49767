"""Nodes by the name of their operation."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ovgpu.exceptions import UserInputError as UserInputError
from ovgpu.graph.node import Node as Node
from ovgpu.graph.node import make_node
from ovgpu.graph.port import Output as Output
from ovgpu.inference.extension import Extension as Extension
from ovgpu.inference.extension import register_extension

DEFAULT_OPSET = "opset13"


class NodeFactory:
    """Creates nodes of one opset.

    Args:
        opset_version: for instance ``"opset13"``.
    """

    def __init__(self, opset_version: str = DEFAULT_OPSET) -> None:
        self._opset = opset_version

    def create(
        self,
        op_type_name: str,
        arguments: list[Node | Output] | None = None,
        attributes: dict[str, Any] | None = None,
    ) -> Node:
        """A node of the operation.

        Args:
            op_type_name: as in IR files, for instance ``"MatMul"``.
            arguments: the inputs.
            attributes: by name; those left out take their defaults.

        Raises RuntimeError for an unknown operation and for wrong inputs or attributes.
        """
        from ovgpu.ops.registry import registry

        declaration = registry.find(op_type_name, self._opset)
        if declaration is None:
            raise RuntimeError(f"Couldn't create operation: {op_type_name}")
        if arguments is None and attributes is None:
            if declaration.node_class is None:
                raise RuntimeError(
                    f"{op_type_name} is created with its inputs: there is no unconnected form of it"
                )
            return declaration.node_class()  # type: ignore[call-arg]
        return make_node(op_type_name, list(arguments or []), self._opset, **(attributes or {}))

    def add_extension(self, extension: Path | str | Extension | Iterable[Extension]) -> None:
        """Make operations of an extension known; as ``Core.add_extension``."""
        if isinstance(extension, str | Path):
            raise RuntimeError(
                f"Cannot add extension: {extension} holds operations compiled for another runtime"
            )
        for one in extension if isinstance(extension, Iterable) else [extension]:
            register_extension(one)

    def __repr__(self) -> str:
        return f"<NodeFactory: {self._opset}>"
