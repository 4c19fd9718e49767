"""Turning a tensor of one layout into another: the permutation, the nodes, and the effect on shapes and layouts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ovgpu.graph.layout import Layout
from ovgpu.graph.node import make_node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant


def _matched(
    source: Sequence[str | None], target: Sequence[str | None], what: Layout
) -> list[int | None]:
    """For each dimension of ``target`` the one of ``source``; None where the source has none.

    Dimensions without a name are taken in order from what no name claims.
    """
    claimed = {name: i for i, name in enumerate(source) if name is not None and name in target}
    free = iter([i for i, name in enumerate(source) if claimed.get(name or "") != i])
    result: list[int | None] = []
    for name in target:
        if name in claimed and name is not None:
            result.append(claimed[name])
        elif name is None or None in source:
            result.append(next(free, None))
        else:
            result.append(None)
    if len(source) >= len(target) and None in result:
        name = next(n for n in source if n is None or n not in target)
        raise RuntimeError(f"Dimension name '{name}' is not found in layout: {what}")
    return result


def tensor_shape(model_shape: PartialShape, model: Layout, tensor: Layout) -> PartialShape:
    """The shape of a user's tensor that becomes ``model_shape``; the tensor may lack dimensions of the model.

    Raises RuntimeError when the layouts have nothing to do with each other.
    """
    if model.empty or tensor.empty or model == tensor or model_shape.rank_length is None:
        return model_shape
    rank = model_shape.rank_length
    tensor_rank = rank if tensor.fits_rank(rank) else len(_fixed_names(tensor))
    if tensor_rank > rank or not model.fits_rank(rank):
        raise RuntimeError(
            f"Conversion is not supported for layouts with different sizes, {model} <-> {tensor}"
        )
    order = _matched(model.names(rank), tensor.names(tensor_rank), tensor)
    return PartialShape.of([model_shape.dims[i] for i in order if i is not None])


def _fixed_names(layout: Layout) -> tuple[str, ...]:
    return tuple(n for n in layout.to_string().strip("[]").split(",") if n not in ("", "..."))


def convert(source: Output, layout: Layout, target: Layout) -> Output:
    """Nodes that bring ``source`` from ``layout`` to ``target``: Unsqueeze where dimensions lack, then Transpose.

    Raises RuntimeError when the source has dimensions that the target does not know.
    """
    if layout.empty or target.empty or layout == target:
        return source
    rank = source.partial_shape.rank_length
    if rank is None:
        rank = len(_fixed_names(layout if "..." not in layout.to_string() else target))
    target_rank = rank if target.fits_rank(rank) else len(_fixed_names(target))
    if target_rank < rank or not layout.fits_rank(rank):
        raise RuntimeError(
            f"Conversion is not supported for layouts with different sizes, {layout} <-> {target}"
        )
    names, wanted = layout.names(rank), target.names(target_rank)
    missing = target_rank - rank
    if missing:
        absent = [n for n in wanted if n is None or n not in names][:missing]
        axes = Constant(np.arange(missing, dtype=np.int64))
        source = make_node("Unsqueeze", [source, axes.output(0)], 1).output(0)
        names = (*absent, *names)
    order = _matched(names, wanted, target)
    permutation = [i for i in order if i is not None]
    in_order = permutation == sorted(permutation)
    return source if in_order else transpose(source, permutation)


def transpose(source: Output, order: Sequence[int]) -> Output:
    """Reorder the dimensions."""
    constant = Constant(np.asarray(order, dtype=np.int64))
    return make_node("Transpose", [source, constant.output(0)], 1).output(0)


def permuted_layout(layout: Layout, order: Sequence[int]) -> Layout:
    """The layout of a tensor after a Transpose with ``order``."""
    if layout.empty:
        return layout
    names = layout.names(len(order))
    return Layout(f"[{','.join(names[i] or '?' for i in order)}]")


def check_order(order: Sequence[int]) -> None:
    """Raise RuntimeError unless ``order`` is a permutation."""
    seen: set[int] = set()
    for axis in order:
        if not 0 <= axis < len(order):
            raise RuntimeError(f"Convert dimension {axis} is out of bounds.")
        if axis in seen:
            raise RuntimeError(
                f"Convert layout: dimension {axis} is used more than once in convert arguments"
            )
        seen.add(axis)
