"""The table of operations: their declarations by name and opset, and the modules that make them."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ovgpu.graph.node import Node
    from ovgpu.ops.declaration import OpDeclaration

#: Modules that declare operations; imported together at the first look-up, so that ``import ovgpu`` stays quick.
FAMILIES = (
    "special",
    "elementwise",
    "activation",
    "comparison",
    "conversion",
    "reduction",
    "matmul",
    "convolution",
    "transposed_convolution",
    "special_convolution",
    "pooling",
    "normalization",
    "movement",
    "concat_split",
    "shape",
    "slicing",
    "padding",
    "blocks",
    "gather",
    "gather_scatter",
    "attention",
    "recurrent",
    "control_flow",
    "state",
    "image",
    "interpolate",
    "roi",
    "color",
    "detection",
    "nms",
    "multiclass_nms",
    "proposal",
    "detectron",
    "quantization",
    "sorting",
    "ctc",
    "random",
    "signal",
    "strings",
    "embedding",
    "fused",
)


class Registry:
    """All declarations, by operation name and opset."""

    def __init__(self) -> None:
        self._by_name: dict[str, list[OpDeclaration]] = {}
        self._ir_names: dict[str, str] = {}
        self.custom_factories: dict[tuple[int, str], Callable[..., Node]] = {}
        self._loaded = False

    def add(self, declaration: OpDeclaration) -> None:
        versions = self._by_name.setdefault(declaration.name, [])
        if any(d.version == declaration.version for d in versions):
            raise ValueError(f"{declaration!r} is declared twice")
        versions.append(declaration)
        versions.sort(key=lambda d: d.opset)
        for name in (declaration.name, *declaration.ir_names):
            self._ir_names[name.lower()] = declaration.name

    def load(self) -> None:
        """Import every family module once."""
        if not self._loaded:
            self._loaded = True
            for family in FAMILIES:
                module = f"ovgpu.ops.{family}"
                if importlib.util.find_spec(module) is not None:
                    importlib.import_module(module)

    def names(self) -> list[str]:
        """Names of all operations, sorted."""
        self.load()
        return sorted(self._by_name)

    def declarations(self) -> list[OpDeclaration]:
        """Every version of every operation."""
        self.load()
        return [d for name in self.names() for d in self._by_name[name]]

    def find(self, name: str, opset: int | str = 16) -> OpDeclaration | None:
        """The newest version of ``name`` that belongs to ``opset`` (a number, or a version such as ``opset8``).

        ``name`` may be the operation's type name or a spelling used in IR files, in any case.
        """
        self.load()
        canonical = self._ir_names.get(name.lower())
        if canonical is None:
            return None
        versions = self._by_name[canonical]
        if isinstance(opset, str) and not opset.removeprefix("opset").isdigit():
            return next((d for d in versions if d.version == opset), None)
        number = int(str(opset).removeprefix("opset"))
        fitting = [
            d
            for d in versions
            if d.domain == "opset" and d.opset <= number and (d.until is None or number < d.until)
        ]
        return fitting[-1] if fitting else None


registry = Registry()
