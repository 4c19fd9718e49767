"""Conditions on what a pattern matches."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ovgpu.graph.arguments import incompatible_arguments
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.port import Output

#: Names that ``shape_matches`` gave to dimensions, and what they stand for.
Symbols = dict[str, Any]


class Predicate:
    """A condition on an output: ``Predicate()`` (always true), ``Predicate(f)`` with ``f(output)`` or
    ``f(symbols, output)``.

    ``symbols`` maps the names of dimensions (see :func:`shape_matches`) to their lengths.
    """

    def __init__(self, predicate: Callable[..., bool] | None = None) -> None:
        if predicate is not None and not callable(predicate):
            raise incompatible_arguments(
                "__init__",
                [
                    "ovgpu.passes.Predicate()",
                    "ovgpu.passes.Predicate(predicate: Callable[[ovgpu.Output], bool])",
                    "ovgpu.passes.Predicate(predicate: Callable[[Mapping, ovgpu.Output], bool])",
                ],
                (predicate,),
            )
        self._function = predicate
        self._takes_symbols = predicate is not None and _parameter_count(predicate) == 2

    def holds(self, output: Output, symbols: Symbols) -> bool:
        """Whether the condition is true of ``output``; it may add to ``symbols``."""
        if self._function is None:
            return True
        if self._takes_symbols:
            return bool(self._function(symbols, output))
        return bool(self._function(output))


def _parameter_count(function: Callable[..., Any]) -> int:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # built in C
        return 1
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is p.empty for p in parameters)


def consumers_count(arg0: int) -> Predicate:
    """The output feeds this many inputs."""
    return Predicate(lambda output: len(output.target_inputs) == arg0)


def has_static_dim(arg0: int) -> Predicate:
    """The dimension at this position is known."""
    return has_static_dims([arg0])


def has_static_dims(arg0: Sequence[int]) -> Predicate:
    """The dimensions at these positions are known."""

    def known(output: Output) -> bool:
        dims = output.value.shape.dims if output.value.rank is not None else ()
        return all(i < len(dims) and dims[i].is_static for i in arg0)

    return Predicate(known)


def has_static_rank() -> Predicate:
    """The number of dimensions is known."""
    return Predicate(lambda output: output.value.rank is not None)


def has_static_shape() -> Predicate:
    """All dimensions are known."""
    return Predicate(lambda output: output.value.is_static)


def rank_equals(arg0: Dimension) -> Predicate:
    """The rank fits this dimension."""
    if not isinstance(arg0, Dimension):
        raise incompatible_arguments("rank_equals", ["(arg0: ovgpu.Dimension)"], (arg0,))
    return Predicate(lambda output: output.partial_shape.rank.compatible(arg0))


def type_matches(arg0: Type) -> Predicate:
    """The element type is this one."""
    return type_matches_any([arg0])


def type_matches_any(arg0: Sequence[Type]) -> Predicate:
    """The element type is one of these."""
    return Predicate(lambda output: output.element_type in arg0)


def attrs_match(arg0: Mapping[str, Any]) -> Predicate:
    """The node's attributes have these values. Raises RuntimeError when there is nothing to compare."""
    if not arg0:
        raise RuntimeError("Please remove trivial attribute matching check")
    expected = dict(arg0)

    def equal(output: Output) -> bool:
        attributes = output.node.get_attributes()
        return all(k in attributes and _same(attributes[k], v) for k, v in expected.items())

    return Predicate(equal)


def _same(value: Any, expected: Any) -> bool:
    if isinstance(expected, Type):
        expected = expected.to_string()
    if isinstance(value, (list, tuple)) or isinstance(expected, (list, tuple)):
        return list(value) == list(expected)
    if isinstance(value, str) and isinstance(expected, str):
        return value.lower() == expected.lower()
    return bool(value == expected)


def shape_matches(arg0: str) -> Predicate:
    """The shape is of the form ``[a,?,3,...]``.

    A number is that length, ``?`` any dimension, a name one length wherever it occurs in the whole pattern, and a name
    followed by ``...`` (or ``...`` alone) any number of dimensions.
    """
    text = arg0.strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    parts = [p.strip() for p in text.split(",") if p.strip()]
    dotted = [i for i, p in enumerate(parts) if p.endswith("...")]
    if len(dotted) > 1:
        raise RuntimeError(f"Only one `...` is allowed in a shape pattern: {arg0}")

    def fits(symbols: Symbols, output: Output) -> bool:
        if output.value.rank is None:
            return parts == ["..."]
        dims = list(output.value.shape.dims)
        if dotted:
            before, after = dotted[0], len(parts) - dotted[0] - 1
            if len(dims) < before + after:
                return False
            middle = dims[before : len(dims) - after]
            name = parts[before].removesuffix("...")
            if name and not _bind(symbols, name, middle):
                return False
            dims = dims[:before] + dims[len(dims) - after :]
            names = parts[:before] + parts[before + 1 :]
        else:
            names = parts
        return len(dims) == len(names) and all(
            _fits_dimension(symbols, name, d) for name, d in zip(names, dims, strict=True)
        )

    return Predicate(fits)


def _fits_dimension(symbols: Symbols, name: str, dimension: Dimension) -> bool:
    if name == "?":
        return True
    if name.lstrip("-").isdigit():
        return dimension.is_static and dimension.get_length() == int(name)
    return _bind(
        symbols, name, dimension.get_length() if dimension.is_static else dimension.get_symbol()
    )


def _bind(symbols: Symbols, name: str, value: Any) -> bool:
    """Let ``name`` stand for ``value``; False when it stands for something else already or nothing is known."""
    if value is None:
        return False
    return bool(symbols.setdefault(name, value) == value)
