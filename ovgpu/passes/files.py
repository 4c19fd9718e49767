"""Passes that write a model to files."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from ovgpu.enumeration import Enumeration
from ovgpu.graph.model import Model
from ovgpu.graph.node import Node
from ovgpu.graph.special import Constant
from ovgpu.passes.base import ModelPass


class Version(Enumeration):
    """Versions of the IR format."""

    UNSPECIFIED = 0
    IR_V10 = 10
    IR_V11 = 11


class Serialize(ModelPass):
    """Writes the model as OpenVINO IR.

    Args:
        path_to_xml, path_to_bin: the two files.
        version: a Version or its name; by default the newest.
    """

    def __init__(
        self,
        path_to_xml: str | os.PathLike[str],
        path_to_bin: str | os.PathLike[str],
        version: Version | str | None = None,
    ) -> None:
        if isinstance(version, str):
            if version not in Version.__members__:
                raise RuntimeError(f"Invoked with wrong version: {version}")
            version = Version[version]
        self._paths = Path(path_to_xml), Path(path_to_bin)
        self._version = Version.UNSPECIFIED if version is None else version

    def run_on_model(self, model: Model) -> bool:
        from ovgpu.frontends import serialize

        serialize(model, *self._paths, self._version.name)
        return False


NodeModifier = Callable[[Node, list[str]], None]


class VisualizeTree(ModelPass):
    """Draws the graph with Graphviz.

    Args:
        file_name: a ``.dot`` file, or a picture (``.svg``, ``.png``); a picture is drawn from ``<file_name>.dot``,
            which stays beside it, when the program ``dot`` is installed.
        nm: called with each node and the list of its Graphviz attributes, which it may change.
        dot_only: write only the ``.dot`` file.
    """

    def __init__(
        self,
        file_name: str | os.PathLike[str],
        nm: NodeModifier | None = None,
        dot_only: bool = False,
    ) -> None:
        self._path = Path(file_name)
        self._modifier = nm
        self._dot_only = dot_only

    def run_on_model(self, model: Model) -> bool:
        is_dot = self._path.suffix == ".dot"
        dot = self._path if is_dot else Path(f"{self._path}.dot")
        dot.write_text(self._text(model), encoding="utf-8")
        program = None if is_dot or self._dot_only else shutil.which("dot")
        if program is not None:
            picture = self._path.suffix.lstrip(".")
            subprocess.run([program, f"-T{picture}", str(dot), "-o", str(self._path)], check=True)
        return False

    def _text(self, model: Model) -> str:
        lines = ["digraph ngraph", "{"]
        for node in model.get_ordered_ops():
            attributes = _attributes(node)
            if self._modifier is not None:
                self._modifier(node, attributes)
            lines.append(f"    {node.get_name()} [{' '.join(attributes)}]")
            for port in node.inputs():
                source = port.get_source_output()
                lines.append(
                    f'    {source.node.get_name()} -> {node.get_name()} [label="{source.index}:{port.get_index()}"]'
                )
        return "\n".join([*lines, "}", ""])


def _attributes(node: Node) -> list[str]:
    outputs = ", ".join(f"{o.element_type.to_string()}{o.partial_shape}" for o in node.outputs())
    label = f"{node.get_type_name()}\\n{node.get_friendly_name()}\\n{outputs}".replace('"', "'")
    shape = "ellipse" if isinstance(node, Constant) else "box"
    return [f"shape={shape}", f'label="{label}"']
