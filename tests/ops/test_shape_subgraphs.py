"""Element values in subgraphs that compute shapes: bounds and symbols against the real OpenVINO.

Each case builds the same small graph with both packages on an input of shape [2..5, 3..7, ?, 4] whose dynamic
dimensions have symbols; what the subgraph yields becomes the shape of a Broadcast, whose inferred output is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import openvino as ov
import pytest

from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.special import Constant, Parameter
from ovgpu.graph.symbol import Symbol

Dims = list[int | tuple[int, int]]

INPUT: Dims = [(2, 5), (3, 7), -1, 4]
END = 2**31 - 1


class Package:
    """The functions of one package that the cases use: factories of opset15 as ``op``, constants and parameters."""

    def __init__(self, mine: bool) -> None:
        self.mine = mine
        self.op = import_module("ovgpu.opset15" if mine else "openvino.opset15")

    def const(self, values: Any, dtype: Any = np.int64) -> Any:
        array = np.array(values, dtype)
        return Constant(array) if self.mine else ov.op.Constant(array)

    def parameter(self, dims: Dims) -> Any:
        dimension, symbol = (Dimension, Symbol) if self.mine else (ov.Dimension, ov.Symbol)
        made = [dimension(*d) if isinstance(d, tuple) else dimension(d) for d in dims]
        for d in made:
            if d.is_dynamic:
                d.set_symbol(symbol())
        if self.mine:
            return Parameter(Type.f32, PartialShape(made))
        return ov.op.Parameter(ov.Type.f32, ov.PartialShape(made))

    def dims_of(self, data: Any) -> Callable[..., Any]:
        """``dims_of(x)(0, 2)``: dimensions 0 and 2 of x as a 1-D tensor."""
        shape = self.op.shape_of(data)
        return lambda *index: self.op.gather(shape, self.const(index), self.const(0))


MINE, THEIRS = Package(True), Package(False)


def described(node: Any) -> str:
    """The partial shape of a node's output, with equal letters for equal symbols: ``[2..5 a, ?, 4]``."""
    output = node.output(0) if hasattr(node, "output") else node
    shape = output.get_partial_shape()
    if shape.rank.is_dynamic:
        return "[...]"
    symbols: list[Any] = []
    shown = []
    for d in shape:
        text = d.to_string()
        if d.is_dynamic and d.has_symbol():
            symbol = d.get_symbol()
            number = next((i for i, s in enumerate(symbols) if s == symbol), len(symbols))
            symbols += [symbol] if number == len(symbols) else []
            text += " " + "abcdefgh"[number]
        shown.append(text)
    return f"[{', '.join(shown)}]"


Subgraph = Callable[[Package, Any, Any, Callable[..., Any]], Any]

#: (package, input, ShapeOf of the input, dimensions of the input by number) -> a 1-D integer tensor.
SAME: dict[str, Subgraph] = {
    "ShapeOf": lambda p, x, shape, dim: shape,
    "ShapeOf i32": lambda p, x, shape, dim: p.op.shape_of(x, "i32"),
    "ShapeOf of Slice": lambda p, x, shape, dim: p.op.shape_of(
        p.op.slice(x, p.const([1]), p.const([END]), p.const([1]), p.const([1]))
    ),
    "Gather": lambda p, x, shape, dim: dim(-1, 1),
    "Gather 2-D": lambda p, x, shape, dim: p.op.reshape(
        p.op.gather(shape, p.const([[0, 1], [2, 3]]), p.const(0)), p.const([4]), False
    ),
    "Concat": lambda p, x, shape, dim: p.op.concat([dim(0), p.const([3]), dim(1)], 0),
    "Concat twice": lambda p, x, shape, dim: p.op.concat([shape, dim(0)], 0),
    "StridedSlice": lambda p, x, shape, dim: p.op.strided_slice(
        shape, p.const([1]), p.const([3]), p.const([1]), [0], [0]
    ),
    "StridedSlice to the end": lambda p, x, shape, dim: p.op.strided_slice(
        shape, p.const([1]), p.const([0]), p.const([1]), [0], [1]
    ),
    "StridedSlice backwards": lambda p, x, shape, dim: p.op.strided_slice(
        shape, p.const([0]), p.const([0]), p.const([-1]), [1], [1]
    ),
    "StridedSlice of one": lambda p, x, shape, dim: p.op.unsqueeze(
        p.op.strided_slice(shape, p.const([1]), p.const([2]), p.const([1]), [0], [0], [], [1]),
        p.const(0),
    ),
    "Slice": lambda p, x, shape, dim: p.op.slice(shape, p.const([0]), p.const([2]), p.const([1])),
    "Slice from the end": lambda p, x, shape, dim: p.op.slice(
        shape, p.const([-2]), p.const([END]), p.const([1]), p.const([0])
    ),
    "Squeeze, Unsqueeze": lambda p, x, shape, dim: p.op.unsqueeze(
        p.op.squeeze(dim(1), p.const([0])), p.const([0])
    ),
    "Squeeze without axes": lambda p, x, shape, dim: p.op.unsqueeze(
        p.op.squeeze(dim(1)), p.const([0])
    ),
    "Reshape": lambda p, x, shape, dim: p.op.reshape(
        p.op.reshape(shape, p.const([2, 2]), False), p.const([-1]), False
    ),
    "Transpose": lambda p, x, shape, dim: p.op.reshape(
        p.op.transpose(p.op.reshape(shape, p.const([2, 2]), False), p.const([1, 0])),
        p.const([-1]),
        False,
    ),
    "Split": lambda p, x, shape, dim: p.op.split(shape, p.const(0), 2).output(1),
    "VariadicSplit": lambda p, x, shape, dim: p.op.variadic_split(
        shape, p.const(0), p.const([1, -1])
    ).output(1),
    "Tile": lambda p, x, shape, dim: p.op.tile(dim(0), p.const([3])),
    "Broadcast": lambda p, x, shape, dim: p.op.broadcast(dim(0), p.const([3])),
    "Pad": lambda p, x, shape, dim: p.op.pad(
        dim(0, 1), p.const([1]), p.const([0]), "constant", p.const(6)
    ),
    "ScatterUpdate": lambda p, x, shape, dim: p.op.scatter_update(
        shape, p.const([2]), p.const([9]), p.const(0)
    ),
    "ScatterUpdate of a dimension": lambda p, x, shape, dim: p.op.scatter_update(
        p.const([1, 2, 3]), p.const([2]), dim(0), p.const(0)
    ),
    "ScatterNDUpdate": lambda p, x, shape, dim: p.op.scatter_nd_update(
        shape, p.const([[2]]), p.const([9])
    ),
    "ScatterElementsUpdate": lambda p, x, shape, dim: p.op.scatter_elements_update(
        shape, p.const([2]), p.const([9]), p.const(0)
    ),
    "OneHot": lambda p, x, shape, dim: p.op.one_hot(
        p.const(1), p.const(3), p.const(5), p.const(2), 0
    ),
    "NonZero": lambda p, x, shape, dim: p.op.reshape(p.op.non_zero(shape), p.const([-1]), False),
    "Range": lambda p, x, shape, dim: p.op.range(p.const(2), p.const(5), p.const(1), "i64"),
    "TopK": lambda p, x, shape, dim: p.op.topk(dim(0, 1), p.const(1), 0, "max", "value").output(0),
}

#: Subgraphs of which OpenVINO knows less; the second item is what we infer.
TIGHTER: dict[str, tuple[Subgraph, str]] = {
    "GatherElements": (
        lambda p, x, shape, dim: p.op.gather_elements(shape, p.const([1, 0]), 0),
        "[3..7 a, 2..5 b]",
    ),
    "GatherND": (
        lambda p, x, shape, dim: p.op.gather_nd(shape, p.const([[1], [0]])),
        "[3..7 a, 2..5 b]",
    ),
    "Roll": (
        lambda p, x, shape, dim: p.op.roll(shape, p.const([1]), p.const([0])),
        "[4, 2..5 a, 3..7 b, ? c]",
    ),
    "SliceScatter": (
        lambda p, x, shape, dim: p.op.slice_scatter(
            shape, p.const([9]), p.const([1]), p.const([2]), p.const([1])
        ),
        "[2..5 a, 9, ? b, 4]",
    ),
}


def inferred(package: Package, subgraph: Subgraph) -> Any:
    x = package.parameter(INPUT)
    target = subgraph(package, x, package.op.shape_of(x), package.dims_of(x))
    return package.op.broadcast(package.const(1, np.float32), target)


@pytest.mark.parametrize("name", SAME)
def test_values_are_kept_as_openvino_keeps_them(name: str) -> None:
    assert described(inferred(MINE, SAME[name])) == described(inferred(THEIRS, SAME[name]))


@pytest.mark.parametrize("name", TIGHTER)
def test_values_that_only_we_keep(name: str) -> None:
    subgraph, expected = TIGHTER[name]
    mine, theirs = inferred(MINE, subgraph), inferred(THEIRS, subgraph)
    assert described(mine) == expected
    looser = PartialShape(theirs.output(0).get_partial_shape().to_string())
    assert looser.relaxes(mine.output(0).get_partial_shape())


# ---- whole patterns of models
def split_heads(p: Package) -> Any:
    x = p.parameter([(1, 4), (1, 128), 64])
    dim = p.dims_of(x)
    heads = p.op.reshape(x, p.op.concat([dim(0), dim(1), p.const([8, 8])], 0), False)
    return p.op.transpose(heads, p.const([0, 2, 1, 3]))


def flatten(p: Package) -> Any:
    x = p.parameter([(1, 4), 32, (1, 8), -1])
    return p.op.reshape(x, p.op.concat([p.dims_of(x)(0), p.const([-1])], 0), False)


def flatten_bounded(p: Package) -> Any:
    x = p.parameter([(1, 4), 32, (1, 8), (2, 3)])
    return p.op.reshape(x, p.op.concat([p.dims_of(x)(0), p.const([32, -1])], 0), False)


def flatten_by_product(p: Package) -> Any:
    x = p.parameter([(1, 4), 32, (1, 8), (2, 3)])
    dim = p.dims_of(x)
    rest = p.op.reduce_prod(dim(1, 2, 3), p.const([0]), True)
    return p.op.reshape(x, p.op.concat([dim(0), rest], 0), False)


def merge_and_restore(p: Package) -> Any:
    x = p.parameter([(1, 4), (1, 9), 32])
    dim = p.dims_of(x)
    merged = p.op.reshape(x, p.const([-1, 32]), False)
    return p.op.reshape(merged, p.op.concat([dim(0), dim(1), p.const([32])], 0), False)


def key_value_cache(p: Package) -> Any:
    past, new = p.parameter([(1, 4), 8, (0, 100), 16]), p.parameter([(1, 4), 8, (1, 10), 16])
    together = p.op.concat([past, new], 2)
    return p.op.broadcast(p.const(0, np.float32), p.dims_of(together)(0, 2, 2))


def resize_twofold(p: Package) -> Any:
    x = p.parameter([1, 3, (8, 64), (8, 32)])
    sizes = p.op.slice(p.op.shape_of(x), p.const([2]), p.const([4]), p.const([1]))
    return p.op.interpolate(
        x, p.op.multiply(sizes, p.const([2])), "nearest", "sizes", axes=p.const([2, 3])
    )


def expand_to_shape(p: Package) -> Any:
    x = p.parameter([(1, 4), 1, (2, 3)])
    return p.op.broadcast(p.parameter([1, 5, 1]), p.op.shape_of(x), broadcast_spec="BIDIRECTIONAL")


def tile_by_dims(p: Package) -> Any:
    return p.op.tile(p.parameter([3, 1]), p.op.shape_of(p.parameter([(1, 4), (2, 3)])))


def slice_to_length(p: Package) -> Any:
    dim = p.dims_of(p.parameter([(1, 4), (2, 8)]))
    return p.op.slice(p.parameter([10, 512]), p.const([0]), dim(1), p.const([1]), p.const([1]))


def last_token(p: Package) -> Any:
    x = p.parameter([(1, 4), (2, 8)])
    length = p.dims_of(x)(1)
    return p.op.slice(x, p.op.subtract(length, p.const([1])), length, p.const([1]), p.const([1]))


def causal_mask(p: Package) -> Any:
    length = p.dims_of(p.parameter([(1, 4), (2, 8)]))(1)
    end = p.op.concat([p.const([0, 0]), length, length], 0)
    mask = p.parameter([1, 1, 512, 512])
    return p.op.strided_slice(
        mask, p.const([0] * 4), end, p.const([1] * 4), [1, 1, 0, 0], [1, 1, 0, 0]
    )


PATTERNS = [
    split_heads,
    flatten,
    flatten_bounded,
    flatten_by_product,
    merge_and_restore,
    key_value_cache,
    resize_twofold,
    expand_to_shape,
    tile_by_dims,
    slice_to_length,
    last_token,
    causal_mask,
]


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda f: f.__name__)
def test_pattern(pattern: Callable[[Package], Any]) -> None:
    assert described(pattern(MINE)) == described(pattern(THEIRS))


def test_range_keeps_the_bound_of_its_limit() -> None:
    # OpenVINO leaves the length open; the bound lets memory be planned.
    dim = MINE.dims_of(MINE.parameter(INPUT))
    limit = MINE.op.squeeze(dim(0), MINE.const(0))
    assert described(MINE.op.range(MINE.const(0), limit, MINE.const(1), "i64")) == "[2..5]"
    assert described(MINE.op.range(limit, MINE.const(0), MINE.const(-2), "i64")) == "[1..3]"
