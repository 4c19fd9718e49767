"""Recognises weights of 1 to 8 bits, so that they stay packed in device memory.

In a model they are constants that a chain of operations makes into numbers: Constant -> Convert ->
[Subtract(zero point)] -> Multiply(scale) -> [Reshape] -> [Convert] -> MatMul.
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

#: Types of packed weights that kernels/compressed_matmul.cu unpacks.
PACKED_TYPES = frozenset(
    {Type.u1, Type.u2, Type.u3, Type.u4, Type.i4, Type.nf4, Type.u6, Type.u8, Type.i8}
)


@dataclass(slots=True)
class _Weights:
    """Packed weights of a product: codes [O, ...], scale and zero point [O, groups]."""

    codes: Constant
    scale: np.ndarray
    zero_point: np.ndarray | None


def keep_weights_packed(model: Model) -> None:
    """Replace products with decompressed weights by CompressedMatMul. Runs before constants are folded."""
    for node in model.get_ordered_ops():
        if node.get_type_name() != "MatMul":
            continue
        if node.attributes["transpose_a"] or not node.attributes["transpose_b"]:
            continue
        data = node.input_value(0)
        if data.value.rank in (None, 1) or not data.value.type.is_real():
            continue
        weights = _find_weights(node.input_value(1))
        if weights is None:
            continue
        # Zero points are small whole numbers: every float type holds them exactly.
        inputs = [data, weights.codes.output(0), _constant(weights.scale)]
        if weights.zero_point is not None:
            inputs.append(_constant(weights.zero_point))
        replace_by(node, make_node("CompressedMatMul", inputs, "ovgpu"), [node])


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


def _find_weights(output: Output) -> _Weights | None:
    """The packed weights that ``output`` [O, I] is made of, or None."""
    sizes = output.value.shape.static_tuple()
    if sizes is None or len(sizes) != 2:
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
        shape = codes.host_array().shape
        groups = _groups(shape, sizes)
        if groups is None:
            continue
        scales = _per_group(scale, shape, groups)
        zeros = None if zero_point is None else _per_group(zero_point, shape, groups)
        if scales is None or (zero_point is not None and zeros is None):
            continue
        return _Weights(codes, scales, zeros)
    return None


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
    if not shape or shape[0] != sizes[0] or math.prod(shape) != math.prod(sizes):
        return None
    return {2: 1, 3: shape[1] if len(shape) == 3 else 0}.get(len(shape))


def _per_group(array: np.ndarray, shape: tuple[int, ...], groups: int) -> np.ndarray | None:
    """``array``, which broadcasts to ``shape`` without varying inside a group, as [O, groups]; else None."""
    if array.ndim > len(shape) or (array.ndim and array.shape[-1] != 1):
        return None
    whole = np.broadcast_to(array, (*shape[:-1], 1)) if _broadcasts(array, shape) else None
    return None if whole is None else whole.reshape(shape[0], groups)


def _broadcasts(array: np.ndarray, shape: tuple[int, ...]) -> bool:
    padded = (1,) * (len(shape) - array.ndim) + array.shape
    return all(n in (1, size) for n, size in zip(padded, (*shape[:-1], 1), strict=True))
