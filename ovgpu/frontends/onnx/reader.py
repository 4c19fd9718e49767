"""From an ONNX file to a Model: parsing, the modules of translators, and what holds for the whole file."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovgpu.frontends.onnx.functions import MAX_DEPTH, has_definition
from ovgpu.frontends.onnx.graph_translation import GraphTranslator, domain_of
from ovgpu.frontends.onnx.translation import find_translator
from ovgpu.graph.custom_op import custom_operations
from ovgpu.graph.model import Model
from ovgpu.graph.special import Constant, Parameter, Result

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, OperatorSetIdProto

#: Modules that register translators.
_TRANSLATORS = (
    "arithmetic",
    "attention",
    "control_flow",
    "movement",
    "network",
    "normalization",
    "quantization",
    "recurrent",
    "reduction",
    "resize",
    "selection",
    "sequences",
    "contrib",
    "contrib_attention",
    "contrib_quantization",
)


def _onnx() -> Any:
    try:
        return importlib.import_module("onnx")
    except ImportError:
        raise RuntimeError(
            "Reading ONNX models needs the package onnx: pip install 'ovgpu[onnx]'"
        ) from None


def is_onnx(data: bytes) -> bool:
    """Whether bytes look like an ONNX model: a protobuf message that starts with the field ir_version."""
    return data[:1] == b"\x08" and b"<" not in data[:2]


def read_onnx(source: str | os.PathLike[str] | bytes) -> Model:
    """Read a model from a path or from its bytes.

    Raises RuntimeError for a file that is no ONNX model, lacks external data, or has operators without a translation;
    all such operators are named at once.
    """
    onnx = _onnx()
    for name in _TRANSLATORS:
        importlib.import_module(f"ovgpu.frontends.onnx.{name}")
    folder = ""
    try:
        if isinstance(source, bytes):
            proto = onnx.load_model_from_string(source)
        else:
            folder = str(Path(source).parent)
            proto = onnx.load(str(source), load_external_data=False)
    except OSError as error:
        raise RuntimeError(
            f'FrontEnd API failed with GeneralFailure:\nonnx: Could not open the file: "{source!s}"'
        ) from error
    except Exception as error:  # protobuf raises its own types
        raise RuntimeError(f"The ONNX model cannot be parsed: {error}") from error
    if not proto.HasField("graph"):
        raise RuntimeError("The ONNX model holds no graph")
    try:
        return ModelTranslator(proto, folder).translate()
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        # What the translation takes for granted, a damaged file does not hold.
        raise RuntimeError(f"The ONNX model is malformed: {error}") from error


class ModelTranslator:
    """Facts of a whole file: opsets, functions, where external data lies."""

    def __init__(self, proto: ModelProto, folder: str) -> None:
        self.proto = proto
        self.folder = folder
        self.opsets = {"": 1}
        self.set_opsets(proto.opset_import)
        self.functions = {(f.domain, f.name): f for f in proto.functions}

    def opset(self, domain: str) -> int:
        """The version of a domain that operators are written for."""
        return self.opsets.get(domain, 1)

    def set_opsets(self, imports: Iterable[OperatorSetIdProto]) -> None:
        """Take the versions that a model or a function imports; the others stay as they are."""
        given = {"" if e.domain == "ai.onnx" else e.domain: e.version for e in imports}
        self.opsets = self.opsets | given

    def translate(self) -> Model:
        graph = self.proto.graph
        self._check_operators(graph)
        translator = GraphTranslator(self, graph, {})
        translator.translate()
        results = []
        for info in graph.output:
            output = translator.value(info.name)
            if (
                isinstance(output.node, (Parameter, Constant))
                or info.name not in output.tensor._names
            ):
                output.tensor.add_names({info.name})
            result = Result(output)
            result.friendly_name = f"{info.name}/sink_port_0"
            results.append(result)
        model = Model(results, translator.sinks, translator.parameters, graph.name or "")
        for entry in self.proto.metadata_props:
            model.set_rt_info(entry.value, ["framework", entry.key])
        return model

    def _check_operators(self, graph: GraphProto) -> None:
        missing: set[str] = set()
        self._collect_missing(graph.node, missing)
        if missing:
            listed = ", ".join(sorted(missing))
            raise RuntimeError(
                "Model wasn't fully converted.\nSummary:\n"
                f"-- No conversion rule found for operations: {listed}"
            )

    def _collect_missing(self, nodes: Any, missing: set[str], depth: int = 0) -> None:
        for node in nodes:
            domain = domain_of(node)
            if (node.domain, node.op_type) in self.functions:
                if depth > MAX_DEPTH:
                    raise RuntimeError(f"The ONNX function '{node.op_type}' calls itself")
                body = self.functions[node.domain, node.op_type].node
                self._collect_missing(body, missing, depth + 1)
            elif not self._is_known(domain, node.op_type):
                standard = f"{node.op_type}-{self.opset(domain)}"
                missing.add(f"{domain}.{node.op_type}" if domain else standard)
            for attribute in node.attribute:
                for body in [attribute.g, *attribute.graphs]:
                    self._collect_missing(body.node, missing)

    def _is_known(self, domain: str, name: str) -> bool:
        opset = self.opset(domain)
        return (
            find_translator(domain, name, opset) is not None
            or name in custom_operations
            or has_definition(domain, name, opset)
        )
