"""Operators whose output size depends on data, and random generators."""

from __future__ import annotations

import numpy as np

from ovgpu.frontends.onnx.translation import (
    ELEMENT_TYPES,
    OnnxOp,
    constant,
    convert,
    make,
    make_node,
    shape_of,
    translates,
)
from ovgpu.graph.element_type import Type
from ovgpu.graph.port import Output


@translates("NonZero")
def non_zero(op: OnnxOp) -> Output:
    return make("non_zero", op.input(0), "i64")


@translates("TopK")
def top_k(op: OnnxOp) -> tuple[Output, ...]:
    k = constant(op.attribute("k")) if op.has("k") else op.input(1)
    if k.value.rank == 1:
        k = make("squeeze", k, constant([0]))
    mode = "max" if op.attribute("largest", 1) else "min"
    sort = "value" if op.attribute("sorted", 1) else "none"
    node = make_node("topk", op.input(0), k, op.attribute("axis", -1), mode, sort, "i64", True)
    return tuple(node.outputs())


@translates("Unique")
def unique(op: OnnxOp) -> tuple[Output, ...]:
    axis = constant(op.attribute("axis")) if op.has("axis") else None
    node = make_node("unique", op.input(0), axis, bool(op.attribute("sorted", 1)), "i64", "i64")
    return tuple(node.outputs())


@translates("NonMaxSuppression")
def non_max_suppression(op: OnnxOp) -> Output:
    def number(index: int, default: object) -> Output:
        given = op.optional(index)
        if given is None:
            return constant(default)
        return make("squeeze", given, constant([0])) if given.value.rank == 1 else given

    encoding = "center" if op.attribute("center_point_box", 0) else "corner"
    node = make_node(
        "non_max_suppression",
        op.input(0),
        op.input(1),
        convert(number(2, np.int64(0)), Type.i64),
        number(3, np.float32(0)),
        number(4, np.float32(-np.inf)),
        box_encoding=encoding,
        sort_result_descending=False,
        output_type="i64",
    )
    return node.output(0)


def _seed(op: OnnxOp) -> int:
    return int(op.attribute("seed", 0) or 0)


@translates("RandomUniform", "RandomUniformLike", "RandomNormal", "RandomNormalLike")
def random_numbers(op: OnnxOp) -> Output:
    like = op.name.endswith("Like")
    sizes = shape_of(op.input(0)) if like else constant(np.array(op.attribute("shape"), np.int64))
    default = op.type(0) if like else Type.f32
    dtype = ELEMENT_TYPES[op.attribute("dtype")] if op.has("dtype") else default
    if "Uniform" in op.name:
        low, high = op.attribute("low", 0.0), op.attribute("high", 1.0)
        return make(
            "random_uniform",
            sizes,
            constant(low, dtype),
            constant(high, dtype),
            dtype,
            _seed(op),
            0,
        )
    # Box-Muller: two uniform numbers in (0, 1] make a normal one.
    first = make(
        "random_uniform", sizes, constant(1e-7, dtype), constant(1.0, dtype), dtype, _seed(op), 0
    )
    second = make(
        "random_uniform",
        sizes,
        constant(0.0, dtype),
        constant(2 * np.pi, dtype),
        dtype,
        _seed(op),
        1,
    )
    radius = make("sqrt", make("multiply", make("log", first), constant(-2.0, dtype)))
    normal = make("multiply", radius, make("cos", second))
    scaled = make("multiply", normal, constant(op.attribute("scale", 1.0), dtype))
    return make("add", scaled, constant(op.attribute("mean", 0.0), dtype))


@translates("Bernoulli")
def bernoulli(op: OnnxOp) -> Output:
    dtype = ELEMENT_TYPES[op.attribute("dtype")] if op.has("dtype") else op.type(0)
    work = op.type(0)
    drawn = make(
        "random_uniform",
        shape_of(op.input(0)),
        constant(0.0, work),
        constant(1.0, work),
        work,
        _seed(op),
        0,
    )
    return make("convert", make("less", drawn, op.input(0)), dtype)


@translates("DFT")
def dft(op: OnnxOp) -> Output:
    return _dft(op, op.attribute("axis", 1))


@translates("DFT", since=20)
def dft_20(op: OnnxOp) -> Output:
    axis = op.optional(2)
    return _dft(op, -2 if axis is None else axis)


def _dft(op: OnnxOp, axis: int | Output) -> Output:
    """``axis`` counts the last dimension, which holds real and imaginary parts; the operations leave it out."""
    data, rank = op.input(0), op.rank(0)
    if isinstance(axis, int):
        axes = constant([axis % rank])
    else:
        given = make("reshape", convert(axis, Type.i64), constant([1]), False)
        axes = make("floor_mod", given, constant([rank]))
    last = data.value.dims[-1]
    length = op.optional(1)
    sizes = None if length is None else make("reshape", length, constant([1]), False)
    inverse, one_sided = bool(op.attribute("inverse", 0)), bool(op.attribute("onesided", 0))
    real = last.is_static and last.get_length() == 1
    if one_sided and not inverse:
        flat = make("squeeze", data, constant([-1])) if real else data
        return make("rdft", flat, axes, sizes)
    if one_sided and inverse:
        return make("unsqueeze", make("irdft", data, axes, sizes), constant([-1]))
    if real:
        data = make("concat", [data, make("multiply", data, op.constant_like(0, 0))], -1)
    return make("idft" if inverse else "dft", data, axes, sizes)


@translates("STFT")
def stft(op: OnnxOp) -> Output:
    signal, step, window, length = op.input(0), op.input(1), op.optional(2), op.optional(3)
    if op.rank(0) == 3:
        signal = make("squeeze", signal, constant([-1]))
    if length is None:
        assert window is not None
        length = make("squeeze", shape_of(window), constant([0]))
    if window is None:
        window = make(
            "broadcast", op.constant_like(0, 1), make("reshape", length, constant([1]), False)
        )
    if not op.attribute("onesided", 1):
        raise RuntimeError("two-sided spectra are not supported")
    return make("stft", signal, window, convert(length, Type.i64), convert(step, Type.i64), False)
