"""Attention as models write it becomes one operation, and so do the rearrangements around it.

Two steps: products with a softmax between them, and ScaledDotProductAttention, become Attention; then Attention reads
its operands, and writes its result, in the order of axes that transpositions would have brought about, and reads heads
that several queries share where repetitions would have copied them.
"""

from __future__ import annotations

import math

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.model import Model
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant
from ovgpu.ops.fused import HEADS_FIRST, LENGTH_FIRST
from ovgpu.passes.graph_editing import constant_array, only_consumer, replace_by

#: Exchanges heads and length.
_EXCHANGE = (0, 2, 1, 3)

#: Largest number of elements of a head that kernels take (kernels/attention.cu).
LARGEST_HEAD = 256


def fuse_attention(model: Model) -> None:
    """Replace attention on 4-D tensors by Attention."""
    for node in model.get_ordered_ops():
        name = node.get_type_name()
        if name == "Softmax":
            _fuse_products(node)
        elif name == "ScaledDotProductAttention":
            _take_over(node)
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Attention":
            _absorb_repetition(node)
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Attention":
            _absorb_transpositions(node)


# ---- products with a softmax between them --------------------------------------------------------------------------
def _fuse_products(softmax: Node) -> None:
    """``softmax(query key^T [* scale] [+ mask]) value`` over the last axis."""
    rank = softmax.output(0).value.rank
    last = only_consumer(softmax.output(0))
    axis = softmax.attributes.get("axis")
    if rank != 4 or axis not in (3, -1) or last is None or last.get_type_name() != "MatMul":
        return
    if last.input_value(0) != softmax.output(0) or _transposes(last) != (False, False):
        return
    fused, scores, mask = [last, softmax], softmax.input_value(0), None
    if scores.node.get_type_name() == "Add" and only_consumer(scores) is softmax:
        found = _operand_of_product(scores.node)
        if found is None or not _mask_fits(found[1], found[0]):
            return
        fused.append(scores.node)
        scores, mask = found
    scale, scores = _without_factor(scores, fused)
    product = scores.node
    if product.get_type_name() != "MatMul" or only_consumer(scores) is not fused[-1]:
        return
    fused.append(product)
    key = _key_of(product)
    if key is None:
        return
    query_scale, query = _without_factor(product.input_value(0), fused)
    made = _make(
        query, key, last.input_value(1), mask, scale * query_scale, last.output(0).value.type
    )
    if made is not None:
        replace_by(last, made, fused[::-1])


def _transposes(product: Node) -> tuple[bool, bool]:
    return bool(product.attributes["transpose_a"]), bool(product.attributes["transpose_b"])


def _operand_of_product(add: Node) -> tuple[Output, Output] | None:
    """The operand of an addition that a product (perhaps with a factor) computes, and the other one."""
    for index in (0, 1):
        source, other = add.input_value(index), add.input_value(1 - index)
        _, inner = _without_factor(source, [])
        if inner.node.get_type_name() == "MatMul" and only_consumer(source) is add:
            return source, other
    return None


def _mask_fits(mask: Output, scores: Output) -> bool:
    """Whether adding ``mask`` leaves the number of heads and keys as it is."""
    value, whole = mask.value, scores.value
    if value.type is not whole.type or value.rank is None or value.rank > 4:
        return False
    dims = [*whole.dims][-value.rank :] if value.rank else []
    for axis, (ours, theirs) in enumerate(zip(value.dims, dims), 4 - value.rank):
        if axis in (1, 3) and ours.is_static and theirs.is_static:
            if ours.get_length() not in (1, theirs.get_length()):
                return False
        elif axis == 1 and not (ours.is_static and ours.get_length() == 1):
            return False
    return True


def _without_factor(output: Output, fused: list[Node]) -> tuple[float, Output]:
    """The factor that ``output`` is multiplied by, if that is all that its source is for, and what is multiplied."""
    node = output.node
    name = node.get_type_name()
    if name not in ("Multiply", "Divide"):
        return 1.0, output
    for index in (1, 0) if name == "Multiply" else (1,):
        array = constant_array(node.input_value(index))
        source = node.input_value(1 - index)
        alone = len(list(output.get_target_inputs())) == 1
        if array is not None and array.size == 1 and array.ndim <= 4 and alone:
            value = float(array.reshape(-1)[0])
            if name == "Divide":
                if value == 0:
                    return 1.0, output
                value = 1 / value
            fused.append(node)
            return value, source
    return 1.0, output


def _key_of(product: Node) -> Output | None:
    """Keys [batch, heads, length, size] of ``query key^T``; None when they are written otherwise."""
    if _transposes(product) == (False, True):
        return product.input_value(1)
    if _transposes(product) != (False, False):
        return None
    turned = product.input_value(1)
    order = _order(turned.node)
    if order == (0, 1, 3, 2):
        return turned.node.input_value(0)
    if order == (0, 2, 3, 1):  # from [batch, length, heads, size]
        return _exchanged(turned.node.input_value(0))
    return None


def _exchanged(source: Output) -> Output:
    """``source`` with the axes of heads and length exchanged."""
    order = Constant.from_host(Type.i64, np.array(_EXCHANGE, np.int64))
    return make_node("Transpose", [source, order]).output(0)


def _order(node: Node) -> tuple[int, ...] | None:
    """The order of a Transpose that is known, else None."""
    if node.get_type_name() != "Transpose":
        return None
    array = constant_array(node.input_value(1))
    return None if array is None else tuple(int(a) for a in array.reshape(-1))


# ---- ScaledDotProductAttention -------------------------------------------------------------------------------------
def _take_over(node: Node) -> None:
    inputs = node.input_values()
    causal = bool(node.attributes["causal"])
    mask = inputs[3] if len(inputs) > 3 and not causal else None
    scale: float | None = None
    if len(inputs) > 4:
        array = constant_array(inputs[4])
        if array is None or array.size != 1:
            return
        scale = float(array.reshape(-1)[0])
    if mask is not None:
        value = mask.value
        if value.rank == 0 and value.type.is_real():
            mask = None  # says that there is none
        elif value.rank in (None, 0, 1) or not _mask_fits_heads(mask, inputs[0]):
            return
    size = inputs[0].value.dims[-1] if inputs[0].value.rank else None
    if scale is None:
        if size is None or size.is_dynamic or size.get_length() == 0:
            return
        scale = 1 / math.sqrt(size.get_length())
    made = _make(
        inputs[0], inputs[1], inputs[2], mask, scale, node.output(0).value.type, causal=causal
    )
    if made is not None:
        replace_by(node, made, [node])


def _mask_fits_heads(mask: Output, query: Output) -> bool:
    """Whether the mask has one matrix for all heads, or as many as there are heads."""
    if mask.value.rank is None or mask.value.rank > 4 or query.value.rank != 4:
        return False
    if mask.value.rank < 3:
        return True
    heads, ours = query.value.dims[1], mask.value.dims[-3]
    return (ours.is_static and ours.get_length() == 1) or (
        ours.is_static and heads.is_static and ours.get_length() == heads.get_length()
    )


def _make(
    query: Output,
    key: Output,
    value: Output,
    mask: Output | None,
    scale: float,
    element_type: Type,
    causal: bool = False,
) -> Node | None:
    """Attention on these operands, or None when its kernels do not take them."""
    operands = (query, key, value)
    if any(o.value.rank != 4 or o.value.type is not element_type for o in operands):
        return None
    heads = [o.value.dims[1] for o in operands]
    sizes = [o.value.dims[3] for o in (query, value)]
    if any(d.is_dynamic for d in (*heads, *sizes)):
        return None
    if any(not 0 < d.get_length() <= LARGEST_HEAD for d in sizes):
        return None
    counts = [d.get_length() for d in heads]
    if counts[1] != counts[2] or not counts[1] or counts[0] % counts[1]:
        return None
    inputs = [*operands, *([mask] if mask is not None else [])]
    return make_node("Attention", inputs, "ovgpu", scale=scale, causal=causal)


# ---- what is around it ---------------------------------------------------------------------------------------------
def _absorb_repetition(node: Node) -> None:
    """Keys and values that are repeated for the heads of a group are read where they are."""
    sources = [_unrepeated(node.input_value(i)) for i in (1, 2)]
    if sources[0] is None or sources[1] is None:
        return
    groups = [s.value.dims[1].get_length() for s in sources if s is not None]
    if groups[0] != groups[1]:
        return
    for index, source in enumerate(sources, 1):
        assert source is not None
        node.input(index).replace_source_output(source)


def _unrepeated(output: Output) -> Output | None:
    """[batch, groups, length, size] that ``output`` repeats along the groups: Unsqueeze, Broadcast, Reshape; or None.

    The repetition keeps batch and length: what it broadcasts to is made of the tensor's own sizes.
    """
    reshape, wide = output.node, None
    if reshape.get_type_name() == "Reshape" and output.value.rank == 4:
        wide = reshape.input_value(0)
    if wide is None or wide.node.get_type_name() != "Broadcast" or wide.value.rank != 5:
        return None
    single = wide.node.input_value(0)
    if single.node.get_type_name() != "Unsqueeze" or single.value.rank != 5:
        return None
    source = single.node.input_value(0)
    axes = constant_array(single.node.input_value(1))
    if axes is None or axes.size != 1 or int(axes.reshape(-1)[0]) not in (2, -3):
        return None
    before, after, made = single.value.dims, wide.value.dims, output.value.dims
    fixed = (before[1], after[1], after[2], made[1], before[4], after[4], made[3])
    if any(d.is_dynamic for d in fixed):
        return None
    groups, wide_groups, each, heads, size, wide_size, made_size = (d.get_length() for d in fixed)
    if groups != wide_groups or groups * each != heads or not size == wide_size == made_size:
        return None
    # Batch and length: broadcast to a constant they might grow, to sizes of the graph they do not.
    for axis in (0, 3):
        if after[axis].is_static and not (
            before[axis].is_static and before[axis].get_length() == after[axis].get_length()
        ):
            return None
    pattern = constant_array(reshape.input_value(1))
    keeps_batch = (
        pattern is not None
        and pattern.size == 4
        and int(pattern.reshape(-1)[0]) == 0
        and reshape.attributes["special_zero"]
    ) or (
        after[0].is_static and made[0].is_static and after[0].get_length() == made[0].get_length()
    )
    return source if keeps_batch else None


def _absorb_transpositions(node: Node) -> None:
    """Operands that were transposed, and a result that will be, keep the order of axes that they have."""
    layouts = list(node.attributes["layouts"])
    sources = node.input_values()
    for index in range(3):
        if _order(sources[index].node) == _EXCHANGE:
            sources[index] = sources[index].node.input_value(0)
            layouts[index] = LENGTH_FIRST if layouts[index] == HEADS_FIRST else HEADS_FIRST
    follower = only_consumer(node.output(0))
    fused = [node]
    if follower is not None and _order(follower) == _EXCHANGE:
        layouts[3] = LENGTH_FIRST if layouts[3] == HEADS_FIRST else HEADS_FIRST
        fused.append(follower)
    if layouts == list(node.attributes["layouts"]):
        return
    made = make_node("Attention", sources, "ovgpu", **{**node.attributes, "layouts": layouts})
    replace_by(fused[-1], made, fused)
