"""Resize and Upsample.

Usual forms become Interpolate. What it does not offer (antialiasing by ONNX's kernels, excluded borders, crops, aspect
ratios, fractional sizes with aligned corners) is resized one axis after the other by a matrix of weights, which is
computed in the graph and folded to a constant when the sizes are known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ovgpu.frontends.onnx.attention import positions
from ovgpu.frontends.onnx.translation import (
    OnnxOp,
    add,
    constant,
    convert,
    known,
    make,
    multiply,
    size_of,
    translates,
)
from ovgpu.graph.element_type import Type
from ovgpu.graph.port import Output

#: Coordinate transformations of Interpolate.
_OFFERED = ("half_pixel", "pytorch_half_pixel", "asymmetric", "tf_half_pixel_for_nn")


@translates("Upsample")
def upsample(op: OnnxOp) -> Output:
    scales = (
        constant(np.array(op.attribute("scales"), np.float32)) if op.has("scales") else op.input(1)
    )
    mode = {"nearest": "nearest", "linear": "linear_onnx", "bilinear": "linear_onnx"}[
        op.attribute("mode", "nearest")
    ]
    return _interpolate(op, None, scales, None, mode, "asymmetric", "floor")


@translates("Resize", since=10)
def resize_10(op: OnnxOp) -> Output:
    mode = "nearest" if op.attribute("mode", "nearest") == "nearest" else "linear_onnx"
    return _interpolate(op, None, op.input(1), None, mode, "asymmetric", "floor")


@translates("Resize", since=11)
def resize(op: OnnxOp) -> Output:
    modes = {"nearest": "nearest", "linear": "linear_onnx", "cubic": "cubic"}
    mode = modes[op.attribute("mode", "nearest")]
    transform = op.attribute("coordinate_transformation_mode", "half_pixel")
    scales, sizes = op.optional(2), op.optional(3)
    if scales is not None and scales.value.shape.static_tuple() == (0,):
        scales = None
    if scales is None and sizes is None:
        raise RuntimeError("neither sizes nor scales are given")
    rank = op.rank(0)
    axes = op.attribute("axes")
    plain = (
        not op.attribute("exclude_outside", 0)
        and not op.attribute("antialias", 0)
        and op.attribute("keep_aspect_ratio_policy", "stretch") == "stretch"
    )
    aligned = transform == "align_corners" and (
        sizes is not None or _whole_sizes(op.input(0), scales, axes)
    )
    if not plain or not (transform in _OFFERED or aligned):
        return _resize_by_weights(op, scales, sizes)
    if mode == "linear_onnx" and rank not in (2, 3, 4, 5):
        mode = "linear"
    nearest = op.attribute("nearest_mode", "round_prefer_floor")
    return _interpolate(
        op, sizes, scales, axes, mode, transform, nearest, op.attribute("cubic_coeff_a", -0.75)
    )


def _whole_sizes(data: Output, scales: Output | None, axes: list[int] | None) -> bool:
    """Whether every size times its scale is known to be whole: ONNX aligns corners of fractional sizes."""
    exact = None if scales is None else known(scales)
    if exact is None:
        return False
    dims = data.value.dims
    for position, scale in zip(axes or range(len(dims)), exact.tolist(), strict=True):
        size = dims[position].get_length() if dims[position].is_static else 1
        if abs(size * scale - round(size * scale)) > 1e-4:
            return False
    return True


def _interpolate(
    op: OnnxOp,
    sizes: Output | None,
    scales: Output | None,
    axes: list[int] | None,
    mode: str,
    transform: str,
    nearest: str,
    cubic: float = -0.75,
) -> Output:
    data, rank = op.input(0), op.rank(0)
    positions_ = list(range(rank)) if axes is None else [a % rank for a in axes]
    by = "sizes" if sizes is not None else "scales"
    given = sizes if sizes is not None else scales
    assert given is not None
    if axes is None and mode != "nearest":
        # Leave out axes that keep their size: linear modes work on two or three axes.
        kept = _changing_axes(data, given, by, rank)
        if kept != positions_:
            given = make("gather", given, constant(np.array(kept, np.int64)), constant(0))
            positions_ = kept
    pads = [0] * rank
    return make(
        "interpolate",
        data,
        given,
        mode,
        by,
        pads,
        pads,
        transform,
        nearest,
        False,
        cubic,
        constant(np.array(positions_, np.int64)),
    )


def _changing_axes(data: Output, given: Output, by: str, rank: int) -> list[int]:
    exact = known(given)
    if exact is None:
        return list(range(2, rank)) if rank > 2 else list(range(rank))
    if by == "scales":
        kept = [a for a in range(rank) if exact[a] != 1.0]
    else:
        dims = data.value.dims
        kept = [
            a for a in range(rank) if not (dims[a].is_static and dims[a].get_length() == exact[a])
        ]
    if rank > 2 and all(a >= 2 for a in kept):
        return list(range(2, rank))
    return kept or list(range(rank))


# ---- by matrices of weights -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Axis:
    """One resized axis; every value is a 1-D tensor of one element."""

    #: Size before, as f32.
    size: Output
    #: Whole size after, as i64.
    result: Output
    #: Size after as ONNX's formulas take it: not rounded, f32.
    exact: Output
    scale: Output


def _f32(value: float) -> Output:
    return constant([value], Type.f32)


def _resize_by_weights(op: OnnxOp, scales: Output | None, sizes: Output | None) -> Output:
    data, rank = op.input(0), op.rank(0)
    axes = [a % rank for a in op.attribute("axes", list(range(rank)))]
    described = _axes(op, axes, scales, sizes)
    x = convert(data, Type.f32)
    nearest = op.attribute("mode", "nearest") == "nearest"
    unchanged = None if scales is None else known(scales)
    crop = op.attribute("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize"
    outside: Output | None = None
    for number, (position, axis) in enumerate(zip(axes, described, strict=True)):
        if unchanged is not None and unchanged[number] == 1 and not crop:
            continue
        at = _coordinates(op, axis, number, len(axes))
        if nearest:
            x = make("gather", x, _nearest(op, at, axis), constant(position))
        else:
            x = _along(x, _weights(op, at, axis), position, rank)
        if crop:
            last = make("subtract", axis.size, _f32(1))
            out = make("logical_or", make("less", at, _f32(0)), make("greater", at, last))
            shape = [1] * rank
            shape[position] = -1
            out = make("reshape", out, constant(shape), False)
            outside = out if outside is None else make("logical_or", outside, out)
    if outside is not None:
        x = make("select", outside, _f32(op.attribute("extrapolation_value", 0.0)), x)
    return convert(x, data.value.type)


def _axes(op: OnnxOp, axes: list[int], scales: Output | None, sizes: Output | None) -> list[_Axis]:
    before = [convert(size_of(op.input(0), a), Type.f32) for a in axes]

    def part(values: Output, number: int) -> Output:
        return make("gather", values, constant([number]), constant(0))

    if sizes is None:
        assert scales is not None
        factors = [convert(part(scales, i), Type.f32) for i in range(len(axes))]
        exact = [multiply(s, f) for s, f in zip(before, factors, strict=True)]
        after = [convert(make("floor", e), Type.i64) for e in exact]
        return [_Axis(*a) for a in zip(before, after, exact, factors, strict=True)]
    wanted = [convert(part(sizes, i), Type.f32) for i in range(len(axes))]
    factors = [make("divide", w, s) for w, s in zip(wanted, before, strict=True)]
    policy = op.attribute("keep_aspect_ratio_policy", "stretch")
    if policy != "stretch":
        # One factor for all axes: the picture fits into the sizes, or covers them.
        together = make("concat", factors, 0)
        name = "reduce_min" if policy == "not_larger" else "reduce_max"
        factors = [make(name, together, constant([0]), True)] * len(axes)
        wanted = [
            make("floor", add(multiply(f, s), _f32(0.5)))
            for f, s in zip(factors, before, strict=True)
        ]
    after = [convert(w, Type.i64) for w in wanted]
    exact = [multiply(s, f) for s, f in zip(before, factors, strict=True)]
    return [_Axis(*a) for a in zip(before, after, exact, factors, strict=True)]


def _coordinates(op: OnnxOp, axis: _Axis, number: int, count: int) -> Output:
    """Where each result lies on the axis before, [result] as f32."""
    transform = op.attribute("coordinate_transformation_mode", "half_pixel")
    x = convert(positions(axis.result), Type.f32)
    one, half = _f32(1), _f32(0.5)
    centred = make("subtract", make("divide", add(x, half), axis.scale), half)
    last = make("subtract", axis.size, one)
    single = make("equal", axis.exact, one)
    # A single result has no spacing; any divisor will do for what is not selected.
    spacing = make("select", single, one, make("subtract", axis.exact, one))
    if transform == "half_pixel":
        return centred
    if transform == "half_pixel_symmetric":
        adjustment = make("divide", convert(axis.result, Type.f32), axis.exact)
        centre = multiply(axis.size, half)
        return add(centred, multiply(centre, make("subtract", one, adjustment)))
    if transform == "pytorch_half_pixel":
        return make("select", single, _f32(-0.5), centred)
    if transform == "align_corners":
        return make("select", single, _f32(0), make("divide", multiply(x, last), spacing))
    if transform == "asymmetric":
        return make("divide", x, axis.scale)
    if transform == "tf_half_pixel_for_nn":
        return make("divide", add(x, half), axis.scale)
    if transform != "tf_crop_and_resize":
        raise RuntimeError(f"the coordinate transformation '{transform}' is not known")
    roi = convert(op.input(1), Type.f32)
    start, end = (
        make("gather", roi, constant([number + side * count]), constant(0)) for side in (0, 1)
    )
    width = multiply(make("subtract", end, start), last)
    middle = multiply(width, half)
    steps = make("select", single, middle, make("divide", multiply(x, width), spacing))
    return add(steps, multiply(start, last))


def _nearest(op: OnnxOp, at: Output, axis: _Axis) -> Output:
    mode = op.attribute("nearest_mode", "round_prefer_floor")
    half = _f32(0.5)
    rounded = {
        "round_prefer_floor": lambda: make("ceiling", make("subtract", at, half)),
        "round_prefer_ceil": lambda: make("floor", add(at, half)),
        "floor": lambda: make("floor", at),
        "ceil": lambda: make("ceiling", at),
    }[mode]()
    bounded = make("minimum", rounded, make("subtract", axis.size, _f32(1)))
    return convert(make("maximum", bounded, _f32(0)), Type.i64)


def _weights(op: OnnxOp, at: Output, axis: _Axis) -> Output:
    """[result, size]: what each element before contributes to each result."""
    cubic = op.attribute("mode") == "cubic"
    support = 2.0 if cubic else 1.0
    antialias = bool(op.attribute("antialias", 0))
    squeeze = make("minimum", axis.scale, _f32(1)) if antialias else _f32(1)
    # Taps outside the axis belong to its first and last element.
    margin = add(
        convert(make("ceiling", make("divide", _f32(support), squeeze)), Type.i64), constant([1])
    )
    size = convert(axis.size, Type.i64)
    taps = make("subtract", positions(add(size, multiply(margin, constant([2])))), margin)
    places = make("unsqueeze", convert(taps, Type.f32), constant([0]))
    distance = make("subtract", make("unsqueeze", at, constant([1])), places)
    distance = make("absolute", multiply(distance, squeeze))
    weights = _cubic(distance, op.attribute("cubic_coeff_a", -0.75)) if cubic else _linear(distance)
    if op.attribute("exclude_outside", 0):
        inside = make(
            "logical_and",
            make("greater_equal", places, _f32(0)),
            make("less", places, axis.size),
        )
        weights = make("select", inside, weights, _f32(0))
    total = make("reduce_sum", weights, constant([1]), True)
    weights = make("divide", weights, total)
    last = make("subtract", size, constant([1]))
    owner = make(
        "unsqueeze", make("maximum", make("minimum", taps, last), constant([0])), constant([1])
    )
    fold = make("equal", owner, make("unsqueeze", positions(size), constant([0])))
    return make("matmul", weights, convert(fold, Type.f32), False, False)


def _linear(distance: Output) -> Output:
    return make("maximum", make("subtract", _f32(1), distance), _f32(0))


def _cubic(distance: Output, a: float) -> Output:
    """Keys' kernel: ((a + 2) d - (a + 3)) d² + 1 up to 1, a (((d - 5) d + 8) d - 4) up to 2."""
    near = make("subtract", multiply(distance, _f32(a + 2)), _f32(a + 3))
    near = add(multiply(near, multiply(distance, distance)), _f32(1))
    far = make("subtract", distance, _f32(5))
    far = add(multiply(far, distance), _f32(8))
    far = multiply(make("subtract", multiply(far, distance), _f32(4)), _f32(a))
    beyond = make("select", make("less", distance, _f32(2)), far, _f32(0))
    return make("select", make("less_equal", distance, _f32(1)), near, beyond)


def _along(x: Output, weights: Output, position: int, rank: int) -> Output:
    """``x`` multiplied by ``weights`` along one axis."""
    if position == rank - 1:
        return make("matmul", x, weights, False, True)
    order = [a for a in range(rank) if a != position] + [position]
    moved = make("transpose", x, constant(np.array(order, np.int64)))
    product = make("matmul", moved, weights, False, True)
    return make("transpose", product, constant(np.argsort(order).astype(np.int64)))
