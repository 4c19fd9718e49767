"""Random numbers."""

from __future__ import annotations

from typing import Literal

from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import check, op

Alignment = Literal["tensorflow", "pytorch"]


def _shape_from(sizes: Value) -> PartialShape:
    """The shape whose dimensions are the elements of ``sizes``."""
    dims = sizes.as_dims()
    if dims is not None:
        return PartialShape.of(dims)
    lengths = sizes.shape.static_tuple()
    return PartialShape.dynamic(lengths[0] if lengths else -1)


@op(
    "RandomUniform",
    "8",
    factory="random_uniform(output_shape, min_val, max_val, output_type, global_seed=0, op_seed=0, "
    "alignment='tensorflow')",
    python_names={"output_shape": "shape"},
)
def random_uniform(
    shape: Value,
    min_val: Value,
    max_val: Value,
    *,
    output_type: Type,
    op_seed: int = 0,
    global_seed: int = 0,
    alignment: Alignment = "tensorflow",
) -> Value:
    """RandomUniform-8: numbers of [min_val, max_val), equally likely.

    The seeds make the same numbers as TensorFlow (Philox 4x32-10) or PyTorch (MT19937) does, as ``alignment`` says;
    two seeds of 0 make different ones each time.

    Args:
        shape: 1-D i32 or i64 shape of the output.
        min_val: scalar or [1] of ``output_type``.
        max_val: scalar or [1] of ``output_type``.
    """
    check(
        shape.type in (Type.i32, Type.i64, Type.dynamic),
        f"Type of the input should be i32 or i64, got {shape.type.to_string()}",
    )
    check(shape.rank in (None, 1), f"RandomUniform takes a 1-D shape, got {shape.shape}")
    for name, limit in (("min", min_val), ("max", max_val)):
        single = limit.rank in (None, 0) or (
            limit.rank == 1 and limit.dims[0].compatible(Dimension.static(1))
        )
        check(
            single,
            f"'{name}_val' should be a scalar or 1D tensor with 1 element, got {limit.shape}",
        )
        check(
            limit.type is output_type,
            f"'{name}_val' should have the same type as 'output_type'. Got {limit.type.to_string()} "
            f"and {output_type.to_string()}",
        )
    check(
        output_type.is_real() or output_type in (Type.i32, Type.i64),
        f"Unsupported type of RandomUniform: {output_type.to_string()}",
    )
    low, high = min_val.scalar(), max_val.scalar()
    if low is not None and high is not None:
        check(
            low < high,
            f"Min value must be less than max value. Got min value: {low}, max value: {high}",
        )
    return Value(output_type, _shape_from(shape))


@op(
    "Multinomial",
    "13",
    factory="multinomial(probs, num_samples, convert_type, with_replacement, log_probs, global_seed=0, op_seed=0)",
)
def multinomial(
    probs: Value,
    num_samples: Value,
    *,
    convert_type: Type,
    with_replacement: bool,
    log_probs: bool,
    global_seed: int = 0,
    op_seed: int = 0,
) -> Value:
    """Multinomial-13: for each row of ``probs`` indices of classes, drawn with these probabilities.

    Args:
        probs: [batch, classes]; need not add up to 1. Their logarithms with ``log_probs``.
        num_samples: scalar or [1] integer.
    """
    check(
        probs.type.is_real() or probs.type is Type.dynamic,
        f"Expected floating point type as element type for the 'probs' input. Got: {probs.type.to_string()}",
    )
    check(
        num_samples.type.is_integral_number(), "Expected integer type for the 'num_samples' input."
    )
    check(
        convert_type in (Type.i32, Type.i64),
        f"Multinomial yields i32 or i64, not {convert_type.to_string()}",
    )
    check(probs.rank in (None, 2), "Input probabilities must be a 2D tensor.")
    single = num_samples.rank in (None, 0) or (
        num_samples.rank == 1 and num_samples.dims[0].compatible(Dimension.static(1))
    )
    check(single, "Number of samples must be a scalar or one element 1D tensor.")
    if probs.rank is None:
        return Value(convert_type, PartialShape.dynamic())
    counts, batch = num_samples.as_dims(), probs.dims[0]
    return Value(
        convert_type, PartialShape.of([batch, counts[0] if counts else Dimension.dynamic()])
    )
