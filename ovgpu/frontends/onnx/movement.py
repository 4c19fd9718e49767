"""Operators that move, copy or generate data."""

from __future__ import annotations

import numpy as np

from ovgpu.frontends.onnx.attention import positions
from ovgpu.frontends.onnx.translation import (
    OnnxOp,
    add,
    constant,
    convert,
    known,
    make,
    make_node,
    shape_of,
    size_of,
    translates,
)
from ovgpu.graph.element_type import Type
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant


@translates("Shape")
def shape(op: OnnxOp) -> Output:
    sizes = shape_of(op.input(0))
    start, end = op.attribute("start", 0), op.attribute("end")
    if start == 0 and end is None:
        return sizes
    stop = np.iinfo(np.int64).max if end is None else end
    return make(
        "slice", sizes, constant([start]), constant(np.array([stop])), constant([1]), constant([0])
    )


@translates("Reshape")
def reshape(op: OnnxOp) -> Output:
    pattern = (
        constant(np.array(op.attribute("shape"), np.int64)) if op.has("shape") else op.input(1)
    )
    return make("reshape", op.input(0), pattern, not op.attribute("allowzero", 0))


@translates("Transpose")
def transpose(op: OnnxOp) -> Output:
    order = op.attribute("perm")
    if order is None:
        order = list(range(op.rank(0)))[::-1]
    return make("transpose", op.input(0), constant(np.array(order, np.int64)))


@translates("Squeeze")
def squeeze(op: OnnxOp) -> Output:
    axes = op.axes(1)
    return make("squeeze", op.input(0)) if axes is None else make("squeeze", op.input(0), axes)


@translates("Unsqueeze")
def unsqueeze(op: OnnxOp) -> Output:
    axes = op.axes(1)
    if axes is None:
        raise RuntimeError("axes are missing")
    return make("unsqueeze", op.input(0), axes)


@translates("Concat")
def concat(op: OnnxOp) -> Output:
    parts = [op.input(i) for i in range(len(op.inputs))]
    return make("concat", parts, op.attribute("axis", 1))


@translates("Split")
def split(op: OnnxOp) -> tuple[Output, ...]:
    axis = constant(op.attribute("axis", 0))
    lengths = (
        constant(np.array(op.attribute("split"), np.int64)) if op.has("split") else op.optional(1)
    )
    data, count = op.input(0), op.attribute("num_outputs", op.output_count)
    if lengths is None:
        dimension = (
            data.value.dims[op.attribute("axis", 0)] if data.value.rank is not None else None
        )
        if dimension is not None and dimension.is_static and dimension.get_length() % count:
            size = -(-dimension.get_length() // count)  # the last part is smaller
            parts = [size] * (count - 1) + [dimension.get_length() - size * (count - 1)]
            lengths = constant(np.array(parts, np.int64))
        elif op.has("num_outputs") and dimension is not None and dimension.is_dynamic:
            lengths = _uneven(size_of(data, op.attribute("axis", 0)), count)
        else:
            return tuple(make_node("split", data, axis, count).outputs())
    if lengths.value.shape.static_tuple() is None:  # the operator says how many there are
        lengths = make("reshape", lengths, constant([op.output_count]), False)
    return tuple(make_node("variadic_split", data, axis, lengths).outputs())


def _uneven(size: Output, count: int) -> Output:
    """Lengths of ``count`` parts, all as long as the first but the last, which may be shorter."""
    part = make("divide", add(size, constant([count - 1])), constant([count]))
    last = make("subtract", size, make("multiply", part, constant([count - 1])))
    return make("concat", [part] * (count - 1) + [last], 0)


@translates("Slice")
def slice_by_attributes(op: OnnxOp) -> Output:
    starts, ends = op.attribute("starts"), op.attribute("ends")
    axes = op.attribute("axes", list(range(len(starts))))
    arrays = [constant(np.array(v, np.int64)) for v in (starts, ends, [1] * len(starts), axes)]
    return make("slice", op.input(0), *arrays)


@translates("Slice", since=10)
def slice_by_inputs(op: OnnxOp) -> Output:
    starts, ends = op.input(1), op.input(2)
    count = starts.value.shape.static_tuple()
    axes, steps, dtype = op.optional(3), op.optional(4), starts.value.type
    if count is None:
        many = size_of(starts, 0)
        steps = make("broadcast", constant(1, dtype), many) if steps is None else steps
        axes = convert(positions(many), dtype) if axes is None else axes
        return make("slice", op.input(0), starts, ends, steps, axes)
    if steps is None:
        steps = constant([1] * count[0], dtype)
    if axes is None:
        axes = constant(list(range(count[0])), dtype)
    return make("slice", op.input(0), starts, ends, steps, axes)


@translates("Gather")
def gather(op: OnnxOp) -> Output:
    return make("gather", op.input(0), op.input(1), constant(op.attribute("axis", 0)))


@translates("GatherElements")
def gather_elements(op: OnnxOp) -> Output:
    return make("gather_elements", op.input(0), op.input(1), op.attribute("axis", 0))


@translates("GatherND")
def gather_nd(op: OnnxOp) -> Output:
    return make("gather_nd", op.input(0), op.input(1), op.attribute("batch_dims", 0))


@translates("Scatter", "ScatterElements")
def scatter_elements(op: OnnxOp) -> Output:
    reduction = {"add": "sum", "mul": "prod"}.get(
        op.attribute("reduction", "none"), op.attribute("reduction", "none")
    )
    axis = constant(op.attribute("axis", 0))
    return make("scatter_elements_update", op.input(0), op.input(1), op.input(2), axis, reduction)


@translates("ScatterND")
def scatter_nd(op: OnnxOp) -> Output:
    reduction = {"add": "sum", "mul": "prod"}.get(
        op.attribute("reduction", "none"), op.attribute("reduction", "none")
    )
    return make("scatter_nd_update", op.input(0), op.input(1), op.input(2), reduction)


@translates("Tile")
def tile(op: OnnxOp) -> Output:
    return make("tile", op.input(0), op.input(1))


@translates("Expand")
def expand(op: OnnxOp) -> Output:
    return make("broadcast", op.input(0), op.input(1), None, "bidirectional")


@translates("Pad")
def pad(op: OnnxOp) -> Output:
    data, mode = op.input(0), op.attribute("mode", "constant")
    rank = op.rank(0)
    if op.has("pads"):
        pads = constant(np.array(op.attribute("pads"), np.int64))
        value: Output | None = op.constant_like(0, op.attribute("value", 0.0))
    else:
        pads, value = op.input(1), op.optional(2)
    axes = op.optional(3)
    if axes is not None:
        pads = _spread_pads(op, pads, axes, rank)
    begin = make("slice", pads, constant([0]), constant([rank]), constant([1]), constant([0]))
    end = make("slice", pads, constant([rank]), constant([2 * rank]), constant([1]), constant([0]))
    if mode == "wrap":
        return _wrap(op, data, pads, rank)
    if mode == "constant":
        fill = op.constant_like(0, 0) if value is None else value
        if fill.value.rank == 1:
            fill = make("squeeze", fill, constant([0]))
        return make("pad", data, begin, end, "constant", fill)
    return make("pad", data, begin, end, mode)


def _spread_pads(op: OnnxOp, pads: Output, axes: Output, rank: int) -> Output:
    """Pads of some axes as pads of all."""
    positive = make("floor_mod", convert(axes, Type.i64), constant([rank]))
    indices = make("concat", [positive, add(positive, constant([rank]))], 0)
    zeros = constant(np.zeros(2 * rank, np.int64))
    columns = make("unsqueeze", indices, constant([1]))
    return make("scatter_nd_update", zeros, columns, convert(pads, Type.i64))


def _wrap(op: OnnxOp, data: Output, pads: Output, rank: int) -> Output:
    """Every padded axis gathered from itself, going around."""
    amounts = known(pads)
    for axis in range(rank):
        if amounts is not None and not amounts[axis] and not amounts[axis + rank]:
            continue
        before, after = (
            make("gather", pads, constant([i]), constant(0)) for i in (axis, axis + rank)
        )
        size = size_of(data, axis)
        index = positions(add(add(size, before), after))
        index = make("floor_mod", make("subtract", index, before), size)
        data = make("gather", data, index, constant(axis))
    return data


@translates("DepthToSpace")
def depth_to_space(op: OnnxOp) -> Output:
    mode = "blocks_first" if op.attribute("mode", "DCR") == "DCR" else "depth_first"
    return make("depth_to_space", op.input(0), mode, op.attribute("blocksize"))


@translates("SpaceToDepth")
def space_to_depth(op: OnnxOp) -> Output:
    mode = "blocks_first" if op.attribute("mode", "DCR") == "DCR" else "depth_first"
    return make("space_to_depth", op.input(0), mode, op.attribute("blocksize"))


@translates("ConstantOfShape")
def constant_of_shape(op: OnnxOp) -> Output:
    value = op.attribute("value")
    fill = constant(np.float32(0)) if value is None else constant(np.asarray(value).reshape(()))
    sizes = op.input(0)
    if sizes.value.shape.static_tuple() == (0,):
        return Constant.from_host(fill.value.type, fill.node.host_array().reshape(())).output(0)
    return make("broadcast", fill, sizes)


@translates("Range")
def range_(op: OnnxOp) -> Output:
    ends = [op.input(i) for i in range(3)]
    ends = [make("squeeze", e, constant([0])) if e.value.rank == 1 else e for e in ends]
    return make("range", *ends, op.type(0))


@translates("EyeLike")
def eye_like(op: OnnxOp) -> Output:
    from ovgpu.frontends.onnx.translation import ELEMENT_TYPES

    sizes = shape_of(op.input(0))
    rows = make("gather", sizes, constant(0), constant(0))
    columns = make("gather", sizes, constant(1), constant(0))
    dtype = ELEMENT_TYPES[op.attribute("dtype")] if op.has("dtype") else op.type(0)
    return make("eye", rows, columns, constant(op.attribute("k", 0)), dtype)


@translates("OneHot")
def one_hot(op: OnnxOp) -> Output:
    values = op.input(2)
    off = make("gather", values, constant(0), constant(0))
    on = make("gather", values, constant(1), constant(0))
    depth = op.input(1)
    if depth.value.rank == 1:
        depth = make("squeeze", depth, constant([0]))
    depth = convert(depth, Type.i64)
    indices = convert(op.input(0), Type.i64)
    if not _non_negative(indices):  # these count from the end in ONNX
        negative = make("less", indices, constant(0))
        indices = make("select", negative, add(indices, depth), indices)
    return make("one_hot", indices, depth, on, off, op.attribute("axis", -1))


def _non_negative(indices: Output) -> bool:
    exact = known(indices)
    return exact is not None and bool((exact >= 0).all())


@translates("Trilu")
def trilu(op: OnnxOp) -> Output:
    """Zero above or below a diagonal, as a comparison of row and column numbers."""
    data, upper = op.input(0), bool(op.attribute("upper", 1))
    sizes = shape_of(data)
    height = make("gather", sizes, constant(-2), constant(0))
    width = make("gather", sizes, constant(-1), constant(0))
    rows = make("unsqueeze", make("range", constant(0), height, constant(1), "i64"), constant([1]))
    columns = make(
        "unsqueeze", make("range", constant(0), width, constant(1), "i64"), constant([0])
    )
    k = op.optional(1)
    if k is not None:
        rows = make("add", rows, make("reshape", convert(k, Type.i64), constant([1, 1]), False))
    keep = make("greater_equal" if upper else "less_equal", columns, rows)
    return make(
        "select", keep, data, constant(False if op.type(0) is Type.boolean else 0, op.type(0))
    )


@translates("ReverseSequence")
def reverse_sequence(op: OnnxOp) -> Output:
    return make(
        "reverse_sequence",
        op.input(0),
        op.input(1),
        op.attribute("batch_axis", 1),
        op.attribute("time_axis", 0),
    )


@translates("Compress")
def compress(op: OnnxOp) -> Output:
    data = op.input(0)
    axis = op.attribute("axis")
    if axis is None:
        data, axis = make("reshape", data, constant([-1]), False), 0
    where = make("squeeze", make("non_zero", op.input(1), "i64"), constant([0]))
    return make("gather", data, where, constant(axis))


@translates("CenterCropPad")
def center_crop_pad(op: OnnxOp) -> Output:
    data = op.input(0)
    axes = op.attribute("axes", list(range(op.rank(0))))
    for position, axis in enumerate(axes):
        wanted = make("gather", op.input(1), constant([position]), constant(0))
        size = make("gather", shape_of(data), constant([axis]), constant(0))
        zero = constant([0])
        surplus = make("maximum", make("subtract", size, wanted), zero)
        start = make_node("divide", surplus, constant([2])).output(0)
        data = make(
            "slice",
            data,
            start,
            make("add", start, make("minimum", size, wanted)),
            constant([1]),
            constant([axis]),
        )
        lack = make("maximum", make("subtract", wanted, size), zero)
        before = make("divide", lack, constant([2]))
        axis_index = constant([[axis % op.rank(0)]])
        zeros = constant(np.zeros(op.rank(0), np.int64))
        begin = make("scatter_nd_update", zeros, axis_index, before)
        end = make("scatter_nd_update", zeros, axis_index, make("subtract", lack, before))
        data = make("pad", data, begin, end, "constant", constant(0, op.type(0)))
    return data
