"""Reductions, softmax and arg-max operators."""

from __future__ import annotations

import numpy as np

from ovgpu.frontends.onnx.translation import OnnxOp, constant, make, shape_of, translates
from ovgpu.graph.element_type import Type
from ovgpu.graph.port import Output

_REDUCTIONS = {
    "ReduceL1": "reduce_l1",
    "ReduceL2": "reduce_l2",
    "ReduceMax": "reduce_max",
    "ReduceMean": "reduce_mean",
    "ReduceMin": "reduce_min",
    "ReduceProd": "reduce_prod",
    "ReduceSum": "reduce_sum",
}


def _all_axes(data: Output) -> Output:
    rank = data.value.rank
    if rank is not None:
        return constant(np.arange(rank, dtype=np.int64))
    count = make("squeeze", shape_of(shape_of(data)), constant([0]))
    return make("range", constant(0), count, constant(1), "i64")


def reduced(op: OnnxOp, name: str, data: Output) -> Output:
    """``data`` reduced by the operation ``name`` as the operator's axes and keepdims say."""
    axes = op.axes(1)
    empty = axes is not None and axes.value.shape.static_tuple() == (0,)
    if axes is None or empty:
        if op.attribute("noop_with_empty_axes", 0):
            return data
        axes = _all_axes(data)
    if data.value.type is Type.boolean:
        name = {"reduce_max": "reduce_logical_or", "reduce_min": "reduce_logical_and"}.get(
            name, name
        )
    return make(name, data, axes, bool(op.attribute("keepdims", 1)))


@translates(*_REDUCTIONS)
def reduction(op: OnnxOp) -> Output:
    return reduced(op, _REDUCTIONS[op.name], op.input(0))


@translates("ReduceSumSquare")
def reduce_sum_square(op: OnnxOp) -> Output:
    data = op.input(0)
    return reduced(op, "reduce_sum", make("multiply", data, data))


@translates("ReduceLogSum")
def reduce_log_sum(op: OnnxOp) -> Output:
    return make("log", reduced(op, "reduce_sum", op.input(0)))


@translates("ReduceLogSumExp")
def reduce_log_sum_exp(op: OnnxOp) -> Output:
    """log(sum(exp(x))) computed as max + log(sum(exp(x - max))), which cannot overflow."""
    data = op.input(0)
    axes = op.axes(1)
    empty = axes is None or axes.value.shape.static_tuple() == (0,)
    if empty and op.attribute("noop_with_empty_axes", 0):
        return data
    axes = _all_axes(data) if empty else axes
    largest = make("reduce_max", data, axes, True)
    total = make("reduce_sum", make("exp", make("subtract", data, largest)), axes, True)
    result = make("add", make("log", total), largest)
    return result if op.attribute("keepdims", 1) else make("squeeze", result, axes)


@translates("Softmax", "LogSoftmax", since=13)
def softmax(op: OnnxOp) -> Output:
    name = "softmax" if op.name == "Softmax" else "log_softmax"
    return make(name, op.input(0), op.attribute("axis", -1))


@translates("Softmax", "LogSoftmax")
def softmax_2d(op: OnnxOp) -> Output:
    """Before opset 13 everything from ``axis`` on is one axis."""
    data, axis = op.input(0), op.attribute("axis", 1)
    name = "softmax" if op.name == "Softmax" else "log_softmax"
    rank = data.value.rank
    if rank is not None and axis % max(rank, 1) == rank - 1:
        return make(name, data, rank - 1)
    return make("reshape", make(name, flattened(data, axis), 1), shape_of(data), False)


def flattened(data: Output, axis: int) -> Output:
    """``data`` as a matrix: axes before ``axis`` become rows, the others columns."""
    rank = data.value.rank
    if axis < 0 and rank is not None:
        axis += rank
    if axis == 0:
        return make("reshape", data, constant([1, -1]), False)
    if axis == 1 and rank is not None and rank >= 1:
        return make("reshape", data, constant([0, -1]), True)
    sizes = make(
        "slice", shape_of(data), constant([0]), constant([axis]), constant([1]), constant([0])
    )
    rows = make("reduce_prod", sizes, constant([0]), True)
    return make("reshape", data, make("concat", [rows, constant([-1])], 0), False)


@translates("Flatten")
def flatten(op: OnnxOp) -> Output:
    return flattened(op.input(0), op.attribute("axis", 1))


@translates("Hardmax", since=13)
def hardmax(op: OnnxOp) -> Output:
    return _hardmax(op.input(0), op.attribute("axis", -1))


@translates("Hardmax")
def hardmax_2d(op: OnnxOp) -> Output:
    data = op.input(0)
    return make(
        "reshape", _hardmax(flattened(data, op.attribute("axis", 1)), 1), shape_of(data), False
    )


def _hardmax(data: Output, axis: int) -> Output:
    depth = make("gather", shape_of(data), constant(axis), constant(0))
    best = make("topk", data, constant(1), axis, "max", "none", "i64").node.output(1)
    one, zero = constant(1, data.value.type), constant(0, data.value.type)
    return make("one_hot", make("squeeze", best, constant([axis])), depth, one, zero, axis)


@translates("ArgMax", "ArgMin")
def arg_extreme(op: OnnxOp) -> Output:
    data, axis = op.input(0), op.attribute("axis", 0)
    mode = "max" if op.name == "ArgMax" else "min"
    if op.attribute("select_last_index", 0):
        flipped = _reversed(data, axis)
        found = make("topk", flipped, constant(1), axis, mode, "none", "i64", True).node.output(1)
        size = make("gather", shape_of(data), constant(axis), constant(0))
        index = make("subtract", make("subtract", size, constant(1)), found)
    else:
        index = make("topk", data, constant(1), axis, mode, "none", "i64", True).node.output(1)
    return index if op.attribute("keepdims", 1) else make("squeeze", index, constant([axis]))


def _reversed(data: Output, axis: int) -> Output:
    lowest = np.iinfo(np.int64).min
    return make(
        "slice",
        data,
        constant([-1]),
        constant(np.array([lowest])),
        constant([-1]),
        constant([axis]),
    )


@translates("LpNormalization")
def lp_normalization(op: OnnxOp) -> Output:
    data, axis = op.input(0), op.attribute("axis", -1)
    name = "reduce_l1" if op.attribute("p", 2) == 1 else "reduce_l2"
    norm = make(name, data, constant([axis]), True)
    # A slice of zeros stays zero.
    nothing = make("equal", norm, op.constant_like(0, 0))
    return make("divide", data, make("select", nothing, op.constant_like(0, 1), norm))


@translates("MeanVarianceNormalization")
def mean_variance_normalization(op: OnnxOp) -> Output:
    axes = constant(np.array(op.attribute("axes", [0, 2, 3]), np.int64))
    return make("mvn", op.input(0), axes, True, 1e-9, "outside_sqrt")


@translates("Einsum")
def einsum(op: OnnxOp) -> Output:
    return make("einsum", [op.input(i) for i in range(len(op.inputs))], op.attribute("equation"))


@translates("Size")
def size(op: OnnxOp) -> Output:
    return make("reduce_prod", shape_of(op.input(0)), constant([0]), False)
