"""What translators of ONNX operators work with: the operator, its inputs as graph outputs, and its attributes.

A translator is a function registered for an operator (and the first opset from which it holds)::

    @translates("LeakyRelu")
    def leaky_relu(op: OnnxOp) -> Output:
        return op.make("prelu", op.input(0), op.constant_like(0, op.attribute("alpha", 0.01)))

It returns one output, or a tuple of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant
from ovgpu.ops.factory import opset_factory

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TensorProto

    from ovgpu.frontends.onnx.graph_translation import GraphTranslator

#: The opset whose operations translators make.
OPSET = 16

Translator = Callable[["OnnxOp"], "Output | Sequence | tuple[Output | None, ...]"]

_T = TypeVar("_T", bound=Translator)

_translators: dict[tuple[str, str], list[tuple[int, Translator]]] = {}
#: Translators of users, by domain and name.
_replacements: dict[tuple[str, str], Translator] = {}

#: ONNX element types (TensorProto.DataType) as ours.
ELEMENT_TYPES = {
    1: Type.f32,
    2: Type.u8,
    3: Type.i8,
    4: Type.u16,
    5: Type.i16,
    6: Type.i32,
    7: Type.i64,
    8: Type.string,
    9: Type.boolean,
    10: Type.f16,
    11: Type.f64,
    12: Type.u32,
    13: Type.u64,
    16: Type.bf16,
    17: Type.f8e4m3,
    19: Type.f8e5m2,
    21: Type.u4,
    22: Type.i4,
    23: Type.f4e2m1,
    24: Type.f8e8m0,
    25: Type.u2,
}


def translates(*names: str, since: int = 1, domain: str = "") -> Callable[[_T], _T]:
    """Register a translator for ONNX operators from opset ``since`` on."""

    def register(function: _T) -> _T:
        for name in names:
            versions = _translators.setdefault((domain, name), [])
            versions.append((since, function))
            versions.sort(key=lambda entry: entry[0])
        return function

    return register


def replace_translator(name: str, function: Translator, domain: str = "") -> None:
    """Let ``function`` translate an operator in every opset, in place of what is registered."""
    _replacements[domain, name] = function


def find_translator(domain: str, name: str, opset: int) -> Translator | None:
    """The newest translator for an operator that holds in ``opset``, or the one that replaces all."""
    if (domain, name) in _replacements:
        return _replacements[domain, name]
    fitting = [f for since, f in _translators.get((domain, name), []) if since <= opset]
    return fitting[-1] if fitting else None


def supported_operators() -> list[str]:
    """Names of all operators, with their domain where it is not ONNX's own."""
    return sorted(f"{domain}.{name}" if domain else name for domain, name in _translators)


def make(name: str, *arguments: Any, **keywords: Any) -> Output:
    """Build a node with the Python factory ``name``; returns its first output."""
    return make_node(name, *arguments, **keywords).output(0)


def make_node(name: str, *arguments: Any, **keywords: Any) -> Node:
    """Build a node with the Python factory ``name``."""
    factory = opset_factory(OPSET, name)
    if factory is None:
        raise RuntimeError(f"the operation '{name}' is not available")
    return factory(*arguments, **keywords)


def constant(value: Any, dtype: Type | None = None) -> Output:
    """A constant; Python ints become i64, floats f32 unless ``dtype`` says otherwise."""
    array = np.asarray(value)
    if dtype is None:
        if array.dtype == np.float64 and not isinstance(value, np.ndarray):
            array = array.astype(np.float32)
        dtype = Type(array.dtype)
    return Constant.from_host(dtype, array.astype(dtype.host_dtype)).output(0)


def known(output: Output) -> np.ndarray | None:
    """Elements of an output when they are known while reading, else None."""
    return output.value.known


class NotCovered(RuntimeError):
    """Raised by a translator for a form of its operator that only ONNX's own definition covers."""


class Sequence(list[Output]):
    """A sequence of tensors during translation."""


#: What a name of an ONNX graph stands for: a value, a sequence of values, or nothing when an input is left out.
Bound = Output | Sequence | None


class OnnxOp:
    """One ONNX operator during translation."""

    def __init__(
        self, proto: NodeProto, inputs: Iterable[Bound], graph: GraphTranslator, opset: int
    ) -> None:
        self.proto = proto
        self.inputs = list(inputs)
        self.graph = graph
        self.opset = opset
        self._attributes = {a.name: a for a in proto.attribute}

    @property
    def name(self) -> str:
        """Operator name, for instance ``Conv``."""
        return self.proto.op_type

    @property
    def output_count(self) -> int:
        return len(self.proto.output)

    def wants(self, index: int) -> bool:
        """Whether the model uses output ``index``."""
        return index < len(self.proto.output) and bool(self.proto.output[index])

    def input(self, index: int) -> Output:
        """Input ``index``. Raises RuntimeError when the model leaves it out."""
        found = self.optional(index)
        if found is None:
            raise RuntimeError(f"input {index} is missing")
        return found

    def optional(self, index: int) -> Output | None:
        """Input ``index``, or None when the model leaves it out. Raises RuntimeError for a sequence."""
        found = self.inputs[index] if index < len(self.inputs) else None
        if isinstance(found, Sequence):
            raise RuntimeError(f"input {index} is a sequence")
        return found

    def rank(self, index: int = 0) -> int:
        """Rank of input ``index``. Raises RuntimeError when it is not known."""
        rank = self.input(index).value.rank
        if rank is None:
            raise RuntimeError(f"the rank of input {index} is not known")
        return rank

    def type(self, index: int = 0) -> Type:
        return self.input(index).value.type

    def known(self, index: int) -> np.ndarray:
        """Elements of input ``index``. Raises RuntimeError when they are computed only at run time."""
        elements = known(self.input(index))
        if elements is None:
            raise RuntimeError(f"input {index} must be known when the model is read")
        return elements

    def has(self, name: str) -> bool:
        """Whether the attribute is given."""
        return name in self._attributes

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute as int, float, str, list or array; ``default`` when it is not given."""
        proto = self._attributes.get(name)
        if proto is None:
            return default
        import onnx

        kind = proto.type
        kinds = onnx.AttributeProto
        if kind == kinds.GRAPH:
            return proto.g
        if kind == kinds.TENSOR:
            return self.graph.tensor(proto.t)
        value = onnx.helper.get_attribute_value(proto)
        if isinstance(value, bytes):
            return value.decode("utf-8")
        if kind == kinds.STRINGS:
            return [v.decode("utf-8") for v in value]
        return list(value) if kind in (kinds.INTS, kinds.FLOATS) else value

    def body(self, name: str) -> GraphProto:
        """A graph attribute. Raises RuntimeError when it is missing."""
        proto = self.attribute(name)
        if proto is None:
            raise RuntimeError(f"the attribute '{name}' is missing")
        return proto

    def tensor_attribute(self, name: str) -> TensorProto | None:
        proto = self._attributes.get(name)
        return None if proto is None else proto.t

    # ---- building ---------------------------------------------------------------------------------------------------
    make = staticmethod(make)
    make_node = staticmethod(make_node)
    constant = staticmethod(constant)

    def constant_like(self, index: int, value: Any) -> Output:
        """A constant of the type of input ``index``."""
        return constant(value, self.type(index))

    def axes(self, index: int, name: str = "axes") -> Output | None:
        """Axes given as an attribute (older opsets) or as input ``index``; None when not given."""
        given = self.attribute(name)
        if given is not None:
            return constant(np.array(given, np.int64))
        return self.optional(index)


def scalar(value: Any, dtype: Type) -> Output:
    """A 0-D constant."""
    return constant(np.array(value), dtype)


def add(a: Output, b: Output) -> Output:
    return make("add", a, b)


def multiply(a: Output, b: Output) -> Output:
    return make("multiply", a, b)


def shape_of(x: Output) -> Output:
    """Shape as a 1-D i64 tensor."""
    return make("shape_of", x, "i64")


def size_of(x: Output, axis: int) -> Output:
    """One dimension as a 1-D i64 tensor of one element."""
    return make("gather", shape_of(x), constant([axis]), constant(0))


def convert(x: Output, dtype: Type) -> Output:
    """``x`` in another type; itself when it has the type already."""
    return x if x.value.type is dtype else make("convert", x, dtype)
