"""Reductions over axes, and CumSum."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.interval import Interval
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import check, op
from ovgpu.ops.elementwise import alias


def normal_axes(axes: list[int], rank: int, name: str) -> tuple[int, ...]:
    """Axes counted from the front, sorted, each once. Raises OpError for one that the rank does not have."""
    for axis in axes:
        check(
            -rank <= axis < max(rank, 1), f"{name}: axis {axis} is out of the tensor's rank {rank}"
        )
    return tuple(sorted({axis % rank for axis in axes})) if rank else ()


def reduced_shape(data: Value, axes: Value, keep_dims: bool, name: str) -> PartialShape:
    """Shape of a reduction; of unknown rank when the axes are not known and go away."""
    check(
        axes.type.is_integral_number(),
        f"Element type of axes input must be integer. Got: {axes.type.to_string()}",
    )
    check(
        axes.rank in (None, 0, 1), f"{name}: axes must be a scalar or 1-D tensor, got {axes.shape}"
    )
    wanted = axes.ints()
    if data.rank is None:
        return PartialShape.dynamic()
    if wanted is None:
        if keep_dims:
            return PartialShape.dynamic(data.rank)
        sizes = axes.shape.static_tuple()  # distinct axes are assumed, as in OpenVINO
        return PartialShape.dynamic(-1 if sizes is None else max(data.rank - math.prod(sizes), 0))
    gone = normal_axes(wanted, data.rank, name)
    if keep_dims:
        return PartialShape.of(
            [Dimension.static(1) if i in gone else d for i, d in enumerate(data.dims)]
        )
    return PartialShape.of([d for i, d in enumerate(data.dims) if i not in gone])


def _reduce_rule(combine: np.ufunc | Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Value rule of a reduction by a function of two numbers or intervals."""
    pairwise = combine if isinstance(combine, np.ufunc) else np.frompyfunc(combine, 2, 1)

    def rule(data: Value, axes: Value, *, keep_dims: bool) -> Any:
        wanted, elements = axes.ints(), data.elements
        if wanted is None or elements is None or elements.size == 0:
            return None
        reduced: Any = elements
        for axis in reversed(normal_axes(wanted, elements.ndim, "Reduce")):
            # Small integers wrap round, as on devices; numpy would add them up in wider ones.
            dtype = elements.dtype if isinstance(combine, np.ufunc) else None
            reduced = pairwise.reduce(reduced, axis=axis, keepdims=keep_dims, dtype=dtype)
        # A Python function yields objects even for numbers, which must not be taken for intervals.
        result = np.empty(np.shape(reduced), elements.dtype)
        result[...] = reduced
        return result

    return rule


def _lesser(a: Any, b: Any) -> Any:
    return a.minimum(b) if isinstance(a, Interval) else min(a, b)


def _greater(a: Any, b: Any) -> Any:
    return a.maximum(b) if isinstance(a, Interval) else max(a, b)


def _declare_reduction(
    name: str,
    opset: str,
    factory: str,
    formula: str,
    values: Callable[..., Any] | None = None,
    logical: bool = False,
) -> None:
    def infer(data: Value, axes: Value, *, keep_dims: bool = False) -> Value:
        if logical:
            check(
                data.type in (Type.boolean, Type.dynamic),
                f"Element type of data input must be boolean. Got: {data.type.to_string()}",
            )
        else:
            check(
                data.type is not Type.boolean,
                "Element type of data input must be numeric. Got: boolean",
            )
        return Value(data.type, reduced_shape(data, axes, keep_dims, name))

    infer.__doc__ = f"""{name}-{opset}: {formula} of the elements along ``axes``.

    ``axes`` counts from the back when negative; no axes leave every element by itself. ``keep_dims`` keeps the reduced
    dimensions with length 1."""
    op(
        name,
        opset,
        factory=f"{factory}(node, reduction_axes, keep_dims=False)",
        python_names={"node": "data", "reduction_axes": "axes"},
        values=values,
    )(infer)


_declare_reduction("ReduceSum", "1", "reduce_sum", "sum", _reduce_rule(np.add))
_declare_reduction("ReduceProd", "1", "reduce_prod", "product", _reduce_rule(np.multiply))
_declare_reduction("ReduceMin", "1", "reduce_min", "minimum", _reduce_rule(_lesser))
_declare_reduction("ReduceMax", "1", "reduce_max", "maximum", _reduce_rule(_greater))
_declare_reduction("ReduceMean", "1", "reduce_mean", "mean")
_declare_reduction("ReduceL1", "4", "reduce_l1", "sum of absolute values")
_declare_reduction("ReduceL2", "4", "reduce_l2", "square root of the sum of squares")
_declare_reduction(
    "ReduceLogicalAnd",
    "1",
    "reduce_logical_and",
    "conjunction",
    _reduce_rule(_lesser),
    logical=True,
)
_declare_reduction(
    "ReduceLogicalOr", "1", "reduce_logical_or", "disjunction", _reduce_rule(_greater), logical=True
)


@op(
    "CumSum",
    "3",
    factory="cum_sum(arg, axis, exclusive=False, reverse=False)",
    python_names={"arg": "data"},
)
def cum_sum(data: Value, axis: Value, *, exclusive: bool = False, reverse: bool = False) -> Value:
    """CumSum-3: sums of all elements up to each one along ``axis`` (a scalar).

    ``exclusive`` leaves the element itself out; ``reverse`` sums from the end.
    """
    check(
        axis.type in (Type.i32, Type.i64),
        f"axis element type must be either i64 or i32 but got ({axis.type.to_string()}).",
    )
    return Value(data.type, data.shape)


alias("cumsum", "CumSum", 3)
