"""Products of matrices: MatMul, Einsum, Inverse, GroupedMatMul."""

from __future__ import annotations

import string

from ovgpu.graph import dimension as dimensions
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape, broadcast_numpy, merge
from ovgpu.graph.value import Value
from ovgpu.ops.broadcasting import check_real, same_types
from ovgpu.ops.declaration import OpError, check, op


@op("MatMul", "1", factory="matmul(data_a, data_b, transpose_a, transpose_b)",
    python_names={"data_a": "a", "data_b": "b"})  # fmt: skip
def matmul(a: Value, b: Value, *, transpose_a: bool = False, transpose_b: bool = False) -> Value:
    """MatMul-1: products of the matrices in the last two dimensions, with broadcasting of the others.

    A 1-D ``a`` is a row and a 1-D ``b`` a column, whatever the transpose flags say; their extra dimension is not in
    the result.

    Args:
        a: [..., M, K], or [..., K, M] with ``transpose_a``.
        b: [..., K, N], or [..., N, K] with ``transpose_b``.
    """
    element_type = same_types(a, b)
    check(a.rank != 0 and b.rank != 0, "Scalars are not supported as MatMul inputs.")
    if a.rank is None or b.rank is None:
        return Value(element_type, PartialShape.dynamic())
    left, right = list(a.dims), list(b.dims)
    if transpose_a and len(left) > 1:
        left[-2:] = left[:-3:-1]
    if transpose_b and len(right) > 1:
        right[-2:] = right[:-3:-1]
    inner = left[-1], right[-2 if len(right) > 1 else -1]
    check(
        dimensions.merge(*inner) is not None,
        "Incompatible MatMul matrix dimension. First input dimension={} and second input dimension={}",
        *inner,
    )
    batch = broadcast_numpy(PartialShape.of(left[:-2]), PartialShape.of(right[:-2]))
    check(batch is not None, "Incompatible MatMul batch dimensions: {} and {}", a.shape, b.shape)
    assert batch is not None
    rows = left[-2:-1]
    columns = right[-1:] if len(right) > 1 else []
    return Value(element_type, PartialShape.of([*batch.dims, *rows, *columns]))


# ---- Einsum ---------------------------------------------------------------------------------------------------------
def parse_equation(equation: str, count: int) -> tuple[list[str], str]:
    """Subscripts of each input and of the output, without spaces; ``...`` stays.

    Without ``->`` the output has all labels that occur once, sorted, after the ellipsis. Raises OpError.
    """
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    subscripts = inputs.split(",")
    check(len(subscripts) == count, f"Einsum: equation {equation!r} is not for {count} inputs")
    for subscript in subscripts:
        labels = subscript.replace("...", "", 1)
        check(
            all(c in string.ascii_letters for c in labels),
            f"Einsum: {subscript!r} may hold letters and one ellipsis only",
        )
    everything = "".join(subscripts).replace("...", "")
    if not arrow:
        output = "".join(sorted(c for c in set(everything) if everything.count(c) == 1))
        output = ("..." if "..." in inputs else "") + output
    check(
        set(output.replace("...", "")) <= set(everything),
        f"Einsum: {output!r} has labels that no input has",
    )
    return subscripts, output


def _label_dims(subscript: str, value: Value) -> list[tuple[str, PartialShape]]:
    """Each label of a subscript with its dimension; the ellipsis, as ``.``, takes what is left."""
    labels = subscript.replace("...", ".")
    if value.rank is None:
        unknown = {label: PartialShape.dynamic(-1 if label == "." else 1) for label in labels}
        return [(label, unknown[label]) for label in labels]
    extra = value.rank - len(labels.replace(".", ""))
    check(
        extra == 0 or (extra > 0 and "." in labels),
        f"Einsum: {subscript!r} does not fit the shape {value.shape}",
    )
    found: list[tuple[str, PartialShape]] = []
    position = 0
    for label in labels:
        size = extra if label == "." else 1
        found.append((label, PartialShape.of(value.dims[position : position + size])))
        position += size
    return found


@op("Einsum", "7", factory="einsum(inputs, equation)")
def einsum(*inputs: Value, equation: str) -> Value:
    """Einsum-7: sums of products of elements, by labels of dimensions as in numpy's ``einsum``.

    ``equation`` such as ``"bij,bjk->bik"``: a letter per dimension, ``...`` for further dimensions that broadcast.
    """
    element_type = inputs[0].type
    for value in inputs[1:]:
        element_type = same_types(Value(element_type, value.shape), value)
    check(element_type is not Type.boolean, "Einsum takes numbers, got boolean")
    subscripts, output = parse_equation(equation, len(inputs))
    sizes: dict[str, PartialShape] = {}
    for subscript, value in zip(subscripts, inputs, strict=True):
        shapes: dict[str, PartialShape] = {}
        for label, dims in _label_dims(subscript, value):
            merged = merge(shapes.get(label, dims), dims)  # twice in one input: a diagonal
            check(merged is not None, f"Einsum: the dimensions of label {label!r} differ")
            assert merged is not None
            shapes[label] = merged
        for label, shape in shapes.items():
            merged = broadcast_numpy(sizes[label], shape) if label in sizes else shape
            check(
                merged is not None,
                f"Einsum: label {label!r} stands for {sizes.get(label)} and {shape}",
            )
            assert merged is not None
            sizes[label] = merged
    if "..." in output and sizes["."].rank_length is None:
        return Value(element_type, PartialShape.dynamic())
    result: list[Dimension] = []
    for label in output.replace("...", "."):
        result.extend(sizes[label].dims)
    return Value(element_type, PartialShape.of(result))


# ---- Inverse --------------------------------------------------------------------------------------------------------
@op("Inverse", "14", factory="inverse(data, adjoint=False)")
def inverse(data: Value, *, adjoint: bool = False) -> Value:
    """Inverse-14: the inverse of each square matrix in the last two dimensions; of its adjoint (for real numbers the
    transposed matrix) with ``adjoint``."""
    check_real(data.type, "Inverse")
    if data.rank is not None:
        check(data.rank >= 2, f"Inverse takes at least 2 dimensions, got {data.shape}")
        rows, columns = data.dims[-2:]
        check(rows.compatible(columns), f"Inverse takes square matrices, got {data.shape}")
    return Value(data.type, data.shape)


# ---- GroupedMatMul --------------------------------------------------------------------------------------------------
@op("GroupedMatMul", "17", factory="grouped_matmul(mat_a, mat_b, offsets=None)",
    python_names={"mat_a": "a", "mat_b": "b"})  # fmt: skip
def grouped_matmul(a: Value, b: Value, offsets: Value | None = None) -> Value:
    """GroupedMatMul-17: each group of rows times the transposed weights of its group.

    Args:
        a: [tokens, K] with ``offsets``, or [groups, M, K] without.
        b: [groups, N, K] weights.
        offsets: [groups], i32 or i64: for each group the row after its last one.
    """
    element_type = same_types(a, b)
    if offsets is not None:
        check(
            offsets.type in (Type.i32, Type.i64, Type.dynamic),
            f"GroupedMatMul takes i32 or i64 offsets, got {offsets.type.to_string()}",
        )
    if a.rank is None or b.rank is None:
        return Value(element_type, PartialShape.dynamic())
    if (a.rank, b.rank) not in ((2, 3), (3, 3)):
        raise OpError(
            f"GroupedMatMul unsupported combination: mat_a {a.rank}D x mat_b {b.rank}D. Supported: 2Dx3D, 3Dx3D."
        )
    check(a.rank == 3 or offsets is not None, "GroupedMatMul 2Dx3D needs offsets")
    check(
        a.dims[-1].compatible(b.dims[2]),
        f"GroupedMatMul: inner dimension mismatch mat_a: {a.dims[-1]}, mat_b: {b.dims[2]}",
    )
    if a.rank == 2:
        return Value(element_type, PartialShape.of([a.dims[0], b.dims[1]]))
    groups = dimensions.merge(a.dims[0], b.dims[0])
    check(
        groups is not None, f"GroupedMatMul: numbers of groups differ: {a.dims[0]} and {b.dims[0]}"
    )
    assert groups is not None
    return Value(element_type, PartialShape.of([groups, a.dims[1], b.dims[1]]))
