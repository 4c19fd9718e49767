"""Argument forms of the Model constructor and of ``Model.reshape``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ovgpu.graph.arguments import as_int64, incompatible_arguments
from ovgpu.graph.node import Node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import ConstOutput, Output
from ovgpu.graph.shape import Shape
from ovgpu.graph.special import Parameter, Result

if TYPE_CHECKING:
    from ovgpu.graph.model import Model
    from ovgpu.graph.variable import Variable

_NAMES = ("results", "sinks", "parameters", "variables", "name")


def _unsupported(args: Sequence[Any]) -> TypeError:
    given = ", ".join(type(a).__name__ for a in args)
    return TypeError(
        "__init__(): incompatible constructor arguments. Model takes (results, parameters, name), "
        "(results, sinks, parameters, name) or (results, sinks, parameters, variables, name), where results is a list "
        f"of Result, Node or Output, or one node. Invoked with: {given}"
    )


def _as_result(item: Any) -> Result:
    if isinstance(item, Result):
        return item
    if isinstance(item, Node):
        return Result(item.output(0))
    if isinstance(item, Output):
        return Result(item)
    raise TypeError(f"a model's results are Result, Node or Output, got {type(item).__name__}")


def _is_list_of(value: Any, kind: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(x, kind) for x in value)


def parse_model_arguments(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[list[Result], list[Node], list[Parameter], list[Variable] | None, str]:
    """Results, sinks, parameters, variables (None: find them) and name from any of the constructor's forms."""
    from ovgpu.graph.variable import Variable

    if "result" in kwargs:
        kwargs = {"results": kwargs["result"], **{k: v for k, v in kwargs.items() if k != "result"}}
    unknown = kwargs.keys() - set(_NAMES)
    if unknown:
        raise _unsupported([*args, *kwargs.values()])
    positional = list(args)
    name = kwargs.get("name", "")
    if positional and isinstance(positional[-1], str):
        name = positional.pop()
    results: Any = kwargs.get("results", positional.pop(0) if positional else None)
    lists = positional
    sinks = kwargs.get("sinks")
    parameters: Any = kwargs.get("parameters")
    variables = kwargs.get("variables")
    if (
        lists
        and variables is None
        and len(lists) > 1
        and lists[-1]
        and _is_list_of(lists[-1], Variable)
    ):
        variables = lists.pop()
    if lists and parameters is None:
        parameters = lists.pop()
    if lists and sinks is None:
        sinks = lists.pop()
    single = isinstance(results, (Node, Output))
    if (
        lists
        or not (single or _is_list_of(results, (Node, Output)))
        or not _is_list_of(parameters, Parameter)
    ):
        raise _unsupported([*args, *kwargs.values()])
    result_list = [results] if single else list(results)
    sink_list = [s.node if isinstance(s, Output) else s for s in (sinks or [])]
    return [_as_result(r) for r in result_list], sink_list, list(parameters), variables, name


def port_key(
    function: str, positional: Sequence[Any], named: Mapping[str, Any]
) -> int | str | None:
    """The index or name that was given to ``Model.input`` or ``Model.output``; None without one."""
    given = [*positional, *named.values()]
    if not given:
        return None
    key = given[0]
    index = None if isinstance(key, str) else as_int64(key)
    fits = key if isinstance(key, str) else index
    if (
        len(given) > 1
        or named.keys() - {"index", "tensor_name"}
        or fits is None
        or (index or 0) < 0
    ):
        overloads = ["(self: ovgpu.Model)", "(index: int)", "(tensor_name: str)"]
        raise incompatible_arguments(function, overloads, positional, **named)
    return fits


def reshape_arguments(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Shapes of the inputs and of the variables, as they were given to ``Model.reshape``."""
    given = dict(zip(("partial_shapes", "variables_shapes"), args, strict=False))
    given |= {"partial_shapes" if k == "partial_shape" else k: v for k, v in kwargs.items()}
    if len(args) > 2 or given.keys() - {"partial_shapes", "variables_shapes"} or not given:
        form = "(self: ovgpu.Model, partial_shapes, variables_shapes: dict = {})"
        raise incompatible_arguments("reshape", [form], args, **kwargs)
    return given["partial_shapes"], given.get("variables_shapes") or {}


def _as_partial_shape(value: Any) -> PartialShape:
    if isinstance(value, PartialShape) or (
        isinstance(value, (str, list, tuple)) and not isinstance(value, Shape)
    ):
        return PartialShape(value)
    raise TypeError(
        f"Incorrect value type {type(value)} to reshape a model, expected values as openvino.PartialShape, "
        "str, list or tuple."
    )


def parse_reshape(model: Model, shapes: Any) -> list[tuple[Parameter, PartialShape]]:
    """Pairs of parameter and new shape from any of the forms that ``Model.reshape`` takes."""
    parameters = model.get_parameters()
    if not isinstance(shapes, dict):
        shape = _as_partial_shape(shapes)
        if len(parameters) != 1:
            raise RuntimeError("must be called on a Model with exactly one parameter.")
        return [(parameters[0], shape)]
    pairs = []
    for key, value in shapes.items():
        if isinstance(key, (int, str)):
            node: Node = model.input(key).node
        elif isinstance(key, (Output, ConstOutput)):
            node = key.node
        else:
            raise TypeError(
                f"Incorrect key type {type(key)} to reshape a model, expected keys as openvino.Output, int or str."
            )
        if not isinstance(node, Parameter) or all(p is not node for p in parameters):
            raise RuntimeError(
                f"PartialShape for port '{node.describe()}' is not used in ov::Model::reshape"
            )
        pairs.append((node, _as_partial_shape(value)))
    return pairs
