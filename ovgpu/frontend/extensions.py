"""Conversion of single ONNX operators by functions of the user."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ovgpu._pyovgpu import GeneralFailure
from ovgpu.graph.node import Node
from ovgpu.graph.port import Output
from ovgpu.inference.extension import ConversionExtensionBase

if TYPE_CHECKING:
    from ovgpu.frontends.onnx.translation import OnnxOp

Converter = Callable[["NodeContext"], "Sequence[Output | Node] | Output | Node"]

_REQUIRED = object()


class NodeContext:
    """What a converter sees of the operator in the model file."""

    def __init__(self, op: OnnxOp) -> None:
        self._op = op

    def get_op_type(self) -> str:
        """Name of the operator."""
        return self._op.name

    def get_input_size(self) -> int:
        """Number of inputs."""
        return len(self._op.inputs)

    def get_input(self, index: int) -> Output:
        """What feeds input ``index``."""
        return self._op.input(index)

    def has_attribute(self, name: str) -> bool:
        return self._op.has(name)

    def get_attribute(self, name: str, default_value: Any = _REQUIRED, dtype: Any = None) -> Any:
        """Value of an attribute; ``default_value`` when the operator has none.

        Raises GeneralFailure when there is neither.
        """
        if not self._op.has(name):
            if default_value is _REQUIRED:
                raise GeneralFailure(f"The operator {self.get_op_type()} has no attribute {name}")
            return default_value
        return self._op.attribute(name)

    def get_values_from_const_input(
        self, index: int, default_value: Any = None, dtype: Any = None
    ) -> Any:
        """Elements of an input that is constant, as an array; ``default_value`` where there is no such input."""
        if index >= self.get_input_size():
            return default_value
        values = self._op.known(index)
        return values if dtype is None else values.astype(dtype)


class ConversionExtension(ConversionExtensionBase):
    """Lets a function convert an ONNX operator, in place of the reader's own conversion.

    Args:
        op_type: name of the operator.
        converter: gets a NodeContext and returns the outputs (a list, or one output or node).
        domain: domain of the operator, by default that of ONNX.
    """

    def __init__(self, op_type: str, converter: Converter, domain: str = "") -> None:
        if not callable(converter):
            raise TypeError(f"A converter is a function, not {type(converter).__name__}")
        self._op_type, self._converter, self._domain = op_type, converter, domain

    def register(self) -> None:
        from ovgpu.frontends.onnx.translation import replace_translator

        replace_translator(self._op_type, self._convert, self._domain)

    def _convert(self, op: OnnxOp) -> tuple[Output, ...]:
        result = self._converter(NodeContext(op))
        items: Sequence[Any] = result if isinstance(result, (list, tuple)) else [result]
        outputs: list[Output] = []
        for item in items:
            outputs += item.outputs() if isinstance(item, Node) else [item]
        return tuple(outputs)
