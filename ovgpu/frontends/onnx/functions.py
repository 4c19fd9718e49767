"""Functions: operators that are defined by a graph of other operators.

A model brings its own, and ONNX defines many of its operators so. Both are inlined. Operators whose translator covers
only the usual forms raise :class:`~ovgpu.frontends.onnx.translation.NotCovered`; the rest goes through the definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ovgpu.frontends.onnx.translation import ELEMENT_TYPES, Bound
from ovgpu.graph.port import Output

if TYPE_CHECKING:
    from onnx import AttributeProto, FunctionProto, NodeProto, TypeProto

    from ovgpu.frontends.onnx.graph_translation import GraphTranslator

#: How deep functions may call each other; ONNX forbids recursion, a broken file does not know.
MAX_DEPTH = 64


def _schema(domain: str, name: str, opset: int) -> Any:
    import onnx

    try:
        return onnx.defs.get_schema(name, opset, domain)
    except onnx.defs.SchemaError:
        return None


def has_definition(domain: str, name: str, opset: int) -> bool:
    """Whether ONNX defines the operator by other operators."""
    schema = _schema(domain, name, opset)
    return schema is not None and (schema.has_function or schema.has_context_dependent_function)


def definition(
    node: NodeProto, domain: str, opset: int, inputs: Iterable[Bound]
) -> FunctionProto | None:
    """ONNX's definition of an operator for inputs of these types, or None."""
    import onnx

    schema = _schema(domain, node.op_type, opset)
    if schema is None:
        return None
    fitting = [v for v in schema.function_opset_versions if v <= opset]
    if fitting:
        content = schema.get_function_with_opset_version(max(fitting))
    elif schema.has_context_dependent_function:
        version = max(v for v in schema.context_dependent_function_opset_versions if v <= opset)
        types = [_type_proto(value).SerializeToString() for value in inputs]
        content = schema.get_context_dependent_function_with_opset_version(
            version, node.SerializeToString(), types
        )
    else:
        return None
    function = onnx.FunctionProto.FromString(content)
    for name, attribute in schema.attributes.items():
        if attribute.default_value.name:
            given = function.attribute_proto.add()
            given.CopyFrom(attribute.default_value)
            given.name = name
    return function if function.node else None


def _type_proto(value: Bound) -> TypeProto:
    """Type and shape of a value as ONNX writes them; nothing for an input that is left out."""
    import onnx

    proto = onnx.TypeProto()
    if not isinstance(value, Output):
        return proto
    codes = {own: code for code, own in ELEMENT_TYPES.items()}
    proto.tensor_type.elem_type = codes.get(value.value.type, 0)
    if value.value.rank is not None:
        proto.tensor_type.shape.SetInParent()
        for dimension in value.value.dims:
            added = proto.tensor_type.shape.dim.add()
            if dimension.is_static:
                added.dim_value = dimension.get_length()
    return proto


def inline(scope: GraphTranslator, node: NodeProto, function: FunctionProto) -> None:
    """Translate the operators of a function in place of the operator that calls it.

    Raises RuntimeError when functions call each other without end.
    """
    if scope.depth >= MAX_DEPTH:
        raise RuntimeError(f"The ONNX function '{node.op_type}' calls itself")
    inner = scope.nested(node.name or next(filter(None, node.output), node.op_type))
    for position, formal in enumerate(function.input):
        actual = node.input[position] if position < len(node.input) else ""
        inner.bind(formal, scope.optional_value(actual))
    given = {a.name: a for a in function.attribute_proto} | {a.name: a for a in node.attribute}
    model = scope.model
    opsets = dict(model.opsets)
    model.set_opsets(function.opset_import)
    try:
        for template in bound(function.node, given):
            inner.translate_node(template)
    finally:
        model.opsets = opsets
    for formal, name in zip(function.output, node.output):
        if name:
            scope.define_alias(name, inner.value(formal))


def bound(nodes: Iterable[NodeProto], given: Mapping[str, AttributeProto]) -> Iterable[NodeProto]:
    """Operators of a function body, or of a graph in it, with the caller's attributes put in."""
    import onnx

    for template in nodes:
        made = onnx.NodeProto()
        made.CopyFrom(template)
        del made.attribute[:]
        for attribute in template.attribute:
            source: AttributeProto | None = attribute
            if attribute.ref_attr_name:
                source = given.get(attribute.ref_attr_name)
            if source is None:
                continue
            copied = made.attribute.add()
            copied.CopyFrom(source)
            copied.name = attribute.name
            for graph in [copied.g] if copied.HasField("g") else copied.graphs:
                body = list(bound(graph.node, given))
                del graph.node[:]
                graph.node.extend(body)
        yield made
