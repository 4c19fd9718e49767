"""Matrix products as data: operands with strides and batches, and what happens to results before they are stored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.lower.tiles import product_scratch
from ovgpu.plugins.gpu.registry import Lowering
from ovgpu.plugins.gpu.variants import STORAGE_MACROS, knows_activations, variant


@dataclass(frozen=True, slots=True)
class Epilogue:
    """What happens to results before they are stored.

    Attributes:
        bias: device address of the summands, 0 for none.
        bias_axis: which results get one of their own: "column", "row", or "" when there is one for all.
        activations: names of a chain, as in MatMulBiasActivation.
        parameters: of all its steps, one after the other.
        residual: device address of a tensor like the result that is added before the activations, 0 for none.
        wide_bias: the summands are f32, whatever results are stored in.
        gated: the second operand holds the columns of two matrices, and the activated product with the first is
            multiplied by the product with the second.
    """

    bias: int = 0
    bias_axis: Literal["", "row", "column"] = ""
    activations: tuple[str, ...] = ()
    parameters: tuple[float, ...] = ()
    residual: int = 0
    wide_bias: bool = False
    gated: bool = False

    def text(self, file: str, storage: Type, macros: Sequence[str] = ()) -> str:
        """What compiles ``file`` with this epilogue."""
        wanted = {
            "WITH_RESIDUAL": self.residual,
            "WIDE_BIAS": self.wide_bias,
            "GATED": self.gated,
        }
        macros = [*macros, *(name for name, value in wanted.items() if value)]
        return variant(file, storage, self.activations, self.parameters, macros)


@dataclass(frozen=True, slots=True)
class Product:
    """``out[batch, m, n] = sum over k of a[batch, m, k] b[batch, k, n]``; strides in elements, ``out`` dense.

    Attributes:
        a_row, a_k, b_column, b_k: strides; one of each pair is 1.
        batch: sizes of the batch dimensions, with the strides of both operands (0 where one is repeated).
    """

    storage: Type
    m: int
    n: int
    k: int
    a: int
    b: int
    out: int
    a_row: int
    a_k: int
    b_column: int
    b_k: int
    batch: tuple[int, ...] = ()
    a_batch: tuple[int, ...] = ()
    b_batch: tuple[int, ...] = ()
    epilogue: Epilogue = field(default_factory=Epilogue)

    @property
    def count(self) -> int:
        """Number of results."""
        return math.prod(self.batch) * self.m * self.n

    @property
    def scratch_bytes(self) -> int:
        """Bytes of scratch memory that it may use."""
        return product_scratch(self.m, self.n, math.prod(self.batch))

    def simplified(self) -> Product:
        """The same product with as few batch dimensions as possible, and a single column as a single row."""
        made = _merge_batch(self)
        rows_follow = made.a_k == 1 and made.a_row == made.k
        by_rows = made.epilogue.bias_axis == "row"
        if (
            rows_follow
            and not by_rows
            and made.a_batch == (made.m * made.k,)
            and made.b_batch == (0,)
        ):
            made = replace(made, m=made.m * made.batch[0], batch=(), a_batch=(), b_batch=())
        if made.n == 1 and made.m > 1 and not made.epilogue.gated:
            axis = made.epilogue.bias_axis
            made = replace(
                made,
                m=1,
                n=made.m,
                a=made.b,
                b=made.a,
                a_row=made.b_column,
                a_k=made.b_k,
                b_column=made.a_row,
                b_k=made.a_k,
                a_batch=made.b_batch,
                b_batch=made.a_batch,
                epilogue=replace(made.epilogue, bias_axis="column" if axis == "row" else ""),
            )
        return made


def _merge_batch(product: Product) -> Product:
    """Drop batch dimensions of size 1 and merge neighbours that both operands walk through evenly."""
    merged: list[list[int]] = []
    for size, a, b in zip(product.batch, product.a_batch, product.b_batch, strict=True):
        if size == 1:
            continue
        if merged and merged[-1][1] == a * size and merged[-1][2] == b * size:
            merged[-1] = [merged[-1][0] * size, a, b]
        else:
            merged.append([size, a, b])
    sizes, a_strides, b_strides = (tuple(row[i] for row in merged) for i in range(3))
    return replace(product, batch=sizes, a_batch=a_strides, b_batch=b_strides)


def lowered_epilogue(op: Lowering, bias_axis: Literal["row", "column"] = "column") -> Epilogue:
    """Bias (third input), residual (fourth) and activations of an operation that a fusion made."""
    bias = op.inputs[2] if len(op.inputs) > 2 else None
    residual = op.inputs[3] if len(op.inputs) > 3 else None
    if residual is not None and residual.shape != op.outputs[0].shape:
        raise RuntimeError(
            f"{op.node.get_friendly_name()}: {list(residual.shape)} is added to a result of shape "
            f"{list(op.outputs[0].shape)}, which must be equal"
        )
    return Epilogue(
        bias.address if bias else 0,
        bias_axis if bias and bias.size > 1 else "",
        tuple(op.attributes.get("activations", ())),
        tuple(op.attributes.get("activation_parameters", ())),
        residual.address if residual else 0,
        wide_bias=bias is not None and bias.storage is not op.outputs[0].storage,
        gated=op.attributes.get("gated", False),
    )


def takes_types(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    """Whether all tensors are of one type that the tiled kernels know, and all activations have formulas."""
    element_type = outputs[0].type
    activations = node.attributes.get("activations", ())
    return (
        element_type in STORAGE_MACROS
        and all(value.type is element_type for value in inputs)
        and knows_activations(activations)
        and not (element_type is Type.i32 and activations)
    )
