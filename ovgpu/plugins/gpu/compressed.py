"""Recognises weights of 1 to 8 bits, so that they stay packed in device memory.

In a model they are constants that a chain of operations makes into numbers: Constant -> Convert ->
[Subtract(zero point)] -> Multiply(scale) -> [Reshape] -> [Convert] -> MatMul or Gather.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.model import Model
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant
from ovgpu.passes.graph_editing import replace_by

#: Types of packed weights that kernels/weights.cuh unpacks.
PACKED_TYPES = frozenset(
    {
        Type.u1,
        Type.u2,
        Type.u3,
        Type.u4,
        Type.i4,
        Type.nf4,
        Type.f4e2m1,
        Type.u6,
        Type.u8,
        Type.i8,
        Type.f8e4m3,
        Type.f8e5m2,
    }
)


@dataclass(slots=True)
class _Weights:
    """Packed weights of a product: codes [O, ...], scale and zero point [O, groups]."""

    codes: Constant
    scale: np.ndarray
    zero_point: np.ndarray | None

    def inputs(self) -> tuple[Output, Output]:
        """Codes and scale of an operation."""
        return self.codes.output(0), _constant(self.scale)

    def zeros(self) -> list[Output]:
        """The zero point, where there is one. They are small whole numbers: every float type holds them exactly."""
        return [] if self.zero_point is None else [_constant(self.zero_point)]


def keep_weights_packed(model: Model) -> None:
    """Replace products with decompressed weights, and rows taken from them, by CompressedMatMul and CompressedGather.

    Runs before constants are folded.
    """
    for node in model.get_ordered_ops():
        name = node.get_type_name()
        found = None
        if name == "MatMul":
            found = _compressed_product(node)
        elif name == "Gather":
            found = _compressed_rows(node)
        if found is not None:
            replace_by(node, found, [node])


def _compressed_product(node: Node) -> Node | None:
    data = node.input_value(0)
    if node.attributes["transpose_a"] or data.value.rank in (None, 1):
        return None
    if not data.value.type.is_real():
        return None
    weights = _find_weights(node.input_value(1), node.attributes["transpose_b"])
    if weights is None:
        return None
    return make_node("CompressedMatMul", [data, *weights.inputs(), *weights.zeros()], "ovgpu")


def _compressed_rows(node: Node) -> Node | None:
    """An embedding: rows of a table, for each number of a token."""
    output, axis = node.output(0), node.input_value(2).node
    if not isinstance(axis, Constant) or axis.host_array().reshape(-1).tolist() != [0]:
        return None
    if node.attributes.get("batch_dims", 0) or not output.value.type.is_real():
        return None
    weights = _find_weights(node.input_value(0), True)
    if weights is None:
        return None
    codes, scale = weights.inputs()
    inputs = [codes, node.input_value(1), scale, *weights.zeros()]
    return make_node("CompressedGather", inputs, "ovgpu", output_type=output.value.type)


def _constant(array: np.ndarray) -> Output:
    return Constant.from_host(Type.f32, np.ascontiguousarray(array, np.float32)).output(0)


def _skip(output: Output, *names: str) -> Output:
    """The source behind operations of these types."""
    while output.node.get_type_name() in names:
        output = output.node.input_value(0)
    return output


def _numbers(output: Output) -> np.ndarray | None:
    """A constant, perhaps behind conversions, as numbers; codes of nf4 are none."""
    source = _skip(output, "Convert").node
    if not isinstance(source, Constant) or source.get_element_type() is Type.nf4:
        return None
    return source.host_array().astype(np.float32)


def _operands(node: Node) -> list[tuple[Output, Output]]:
    first, second = node.input_value(0), node.input_value(1)
    return [(first, second), (second, first)]


def _find_weights(output: Output, by_row: bool) -> _Weights | None:
    """The packed weights that ``output`` is made of, or None: [O, I], or [I, O] when not ``by_row``."""
    sizes = output.value.shape.static_tuple()
    if sizes is None or len(sizes) != 2 or not math.prod(sizes):
        return None
    multiply = _skip(output, "Convert", "Reshape").node
    if multiply.get_type_name() != "Multiply":
        return None
    for weights, factor in _operands(multiply):
        scale = _numbers(factor)
        found = None if scale is None else _find_codes(weights)
        if scale is None or found is None:
            continue
        codes, zero_point = found
        shape = codes.output(0).value.shape.static_tuple() or ()
        if len(shape) not in (2, 3):
            continue
        # Weights by column are turned round, and all that belongs to them with them.
        order = tuple(range(len(shape))) if by_row else (len(shape) - 1, *range(len(shape) - 1))
        turned = tuple(shape[i] for i in order)
        groups = _groups(turned, sizes if by_row else sizes[::-1])
        if groups is None:
            continue
        scales = _per_group(_turned(scale, order), turned, groups)
        zeros = None
        if zero_point is not None:
            zeros = _per_group(_turned(zero_point, order), turned, groups)
        if scales is None or (zero_point is not None and zeros is None):
            continue
        if not by_row:
            codes = Constant.from_host(
                codes.get_element_type(), codes.host_array().transpose(order)
            )
        return _Weights(codes, scales, zeros)
    return None


def _turned(array: np.ndarray, order: tuple[int, ...]) -> np.ndarray | None:
    """``array``, which broadcasts to weights, with its axes in another order; None when it has more of them."""
    if array.ndim > len(order):
        return None
    return array.reshape((1,) * (len(order) - array.ndim) + array.shape).transpose(order)


def _find_codes(output: Output) -> tuple[Constant, np.ndarray | None] | None:
    """Packed constant and zero point behind a conversion and perhaps a subtraction."""
    zero_point = None
    node = _skip(output, "Convert").node
    if node.get_type_name() == "Subtract":
        zero_point = _numbers(node.input_value(1))
        if zero_point is None:
            return None
        output = node.input_value(0)
    source = _skip(output, "Convert").node
    if not isinstance(source, Constant) or source.get_element_type() not in PACKED_TYPES:
        return None
    return source, zero_point


def _groups(shape: tuple[int, ...], sizes: tuple[int, ...]) -> int | None:
    """Groups of a row when codes of ``shape`` make weights of ``sizes`` [O, I], else None."""
    if shape[0] != sizes[0] or math.prod(shape) != math.prod(sizes):
        return None
    return shape[1] if len(shape) == 3 else 1


def _per_group(array: np.ndarray | None, shape: tuple[int, ...], groups: int) -> np.ndarray | None:
    """``array``, which broadcasts to ``shape`` without varying inside a group, as [O, groups]; else None."""
    if array is None or array.shape[-1] != 1:
        return None
    target = (*shape[:-1], 1)
    if any(n not in (1, size) for n, size in zip(array.shape, target, strict=True)):
        return None
    return np.broadcast_to(array, target).reshape(shape[0], groups)
