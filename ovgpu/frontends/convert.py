"""``convert_model``: a model from a file, with the shapes, types and outputs that the caller wants."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ovgpu.graph.custom_op import custom_operations, operation_name, operations_of
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.model import Model
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import Output
from ovgpu.graph.shape import Shape
from ovgpu.graph.special import Parameter, Result


def convert_model(
    input_model: Any,
    input: Any = None,
    output: Any = None,
    example_input: Any = None,
    extension: Any = None,
    verbose: bool = False,
    share_weights: bool = True,
    dynamo: bool = False,
) -> Model:
    """A model from a file or from memory.

    Args:
        input_model: path of an ``.onnx`` or ``.xml`` file; or the content of one as bytes or BytesIO; or an
            ``onnx.ModelProto``.
        input: names, shapes and types of inputs: one, or a list of them in the order of the model's inputs. Each is a
            name, a shape (list of int and Dimension, PartialShape), a type (Type or numpy's), or a tuple of these. A
            dict has names as keys.
        output: name or names of the tensors that become the outputs; operations that only others need are left out.
        example_input: taken for compatibility; files say what their inputs are.
        extension: Op subclasses, or an Extension, or a list of these: operations of the file written in Python.
        verbose: print what was read.
        share_weights: taken for compatibility; weights are mapped from their files.
        dynamo: taken for compatibility.

    Raises:
        RuntimeError: the file does not exist or cannot be read, or an input or output is not in the model.
        TypeError: ``input_model`` is an object of a framework, or ``input`` has another form.
    """
    from ovgpu.frontends import read_model

    for entry in extension if isinstance(extension, Iterable) else [extension]:
        for kind in operations_of(entry):
            custom_operations[operation_name(kind)] = kind
    model = read_model(_source(input_model))
    if output is not None:
        model = _cut(model, [output] if isinstance(output, str) else list(output))
    if input is not None:
        _set_inputs(model, _requests(input))
    if verbose:
        print(model)
    return model


def _source(model: Any) -> Any:
    """What ``read_model`` takes."""
    if isinstance(model, list | tuple) and len(model) == 1:
        model = model[0]
    if isinstance(model, str | os.PathLike):
        if not Path(model).exists():
            raise RuntimeError(
                'The value for parameter "input_model" must be existing file/directory, but '
                f'"{os.fspath(model)}" does not exist.'
            )
        return model
    if isinstance(model, bytes | io.BytesIO):
        return model
    if type(model).__name__ == "ModelProto" and hasattr(model, "SerializeToString"):
        return model.SerializeToString()
    raise TypeError(
        f"Unknown model type: {type(model)}. Objects of frameworks are not converted: export the model to ONNX and "
        "give the path of the file"
    )


# ---- outputs ----------------------------------------------------------------------------------------------------
def _cut(model: Model, names: list[str]) -> Model:
    """The part of a model that computes the tensors of these names."""
    found: dict[str, Output] = {}
    for node in model.get_ordered_ops():
        for port in node.outputs():
            if not isinstance(node, Result):
                found |= dict.fromkeys(port.tensor._names, port)
        if len(node.outputs()) == 1 and not isinstance(node, Result):
            found.setdefault(node.friendly_name, node.output(0))
    missing = [name for name in names if name not in found]
    if missing:
        raise RuntimeError(f"No node with name {', '.join(missing)}")
    results = [Result(found[name]) for name in names]
    needed, open_nodes = set(), [found[name].node for name in names]
    while open_nodes:
        node = open_nodes.pop()
        if id(node) not in needed:
            needed.add(id(node))
            open_nodes += [source.node for source in node.input_values()]
    parameters = [p for p in model.get_parameters() if id(p) in needed]
    return Model(results, parameters, model.friendly_name)


# ---- inputs -----------------------------------------------------------------------------------------------------
class _Request(NamedTuple):
    """What is wanted of one input."""

    name: str | None
    shape: PartialShape | None
    type: Type | None


def _is_shape(value: Any) -> bool:
    if isinstance(value, PartialShape | Shape):
        return True
    # A type in a sequence makes it the description of one input: np.float32 is no dimension.
    return isinstance(value, list | tuple) and all(
        isinstance(d, int | np.integer | Dimension) and not isinstance(d, bool) for d in value
    )


def _as_type(value: Any) -> Type | None:
    if isinstance(value, Type):
        return value
    if isinstance(value, np.dtype) or (
        isinstance(value, type) and issubclass(value, np.generic | int | float | bool)
    ):
        return Type(value)
    return None


def _request(value: Any) -> _Request:
    """One description. Raises TypeError for anything else."""
    if _is_shape(value):
        return _Request(None, PartialShape(value), None)
    if isinstance(value, str):
        return _Request(value, None, None)
    dtype = _as_type(value)
    if dtype is not None:
        return _Request(None, None, dtype)
    if isinstance(value, tuple) and len(value) <= 3:
        name = shape = wanted = None
        for part in value:
            one = _request(part) if not isinstance(part, tuple) or _is_shape(part) else None
            if one is None:
                break
            name, shape, wanted = one.name or name, one.shape or shape, one.type or wanted
        else:
            return _Request(name, shape, wanted)
    raise TypeError(
        "Incorrect input parameters provided. Expected tuple with input name, input type or input shape. "
        f"Got unknown object: {value}"
    )


def _requests(value: Any) -> list[_Request]:
    if isinstance(value, Mapping):
        requests = []
        for name, described in value.items():
            one = _Request(None, None, None) if described is None else _request(described)
            requests.append(one._replace(name=name))
        return requests
    if isinstance(value, list) and not _is_shape(value):
        return [_request(entry) for entry in value]
    several = isinstance(value, tuple) and not _is_shape(value) and all(map(_is_shape, value))
    return [_request(entry) for entry in value] if several else [_request(value)]


def _set_inputs(model: Model, requests: list[_Request]) -> None:
    parameters = model.get_parameters()
    if len(requests) > len(parameters):
        raise RuntimeError(f"{len(requests)} inputs are described, the model has {len(parameters)}")
    for position, request in enumerate(requests):
        parameter = parameters[position]
        if request.name is not None:
            parameter = _named(parameters, request.name)
        if request.type is not None:
            parameter.set_element_type(request.type)
        if request.shape is not None:
            parameter.set_partial_shape(request.shape)
    model.validate_nodes_and_infer_types()


def _named(parameters: list[Parameter], name: str) -> Parameter:
    for parameter in parameters:
        if name == parameter.friendly_name or name in parameter.output(0).tensor._names:
            return parameter
    raise RuntimeError(f"No node with name {name}")
