"""Operators of the domain com.microsoft against ONNX Runtime, one operator a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

import ovgpu as ov

_RNG = np.random.default_rng(7)


def normal(*shape: int) -> np.ndarray:
    return _RNG.standard_normal(shape).astype(np.float32)


def integers(low: int, high: int, *shape: int, dtype: Any = np.int32) -> np.ndarray:
    return _RNG.integers(low, high, shape).astype(dtype)


def u8(*shape: int) -> np.ndarray:
    return integers(0, 256, *shape, dtype=np.uint8)


F32 = np.float32


def model_of(
    name: str,
    inputs: list[np.ndarray | None],
    outputs: int,
    constants: tuple[int, ...] = (),
    **attributes: Any,
) -> onnx.ModelProto:
    """A model of one operator; inputs at the positions ``constants`` are initializers."""
    names = [f"x{i}" if x is not None else "" for i, x in enumerate(inputs)]
    results = [f"y{i}" if outputs >> i & 1 else "" for i in range(outputs.bit_length())]
    node = helper.make_node(name, names, results, domain="com.microsoft", **attributes)
    given = [(n, i, x) for i, (n, x) in enumerate(zip(names, inputs)) if x is not None]
    return helper.make_model(
        helper.make_graph(
            [node],
            "one",
            [
                helper.make_tensor_value_info(
                    n, helper.np_dtype_to_tensor_dtype(x.dtype), list(x.shape)
                )
                for n, i, x in given
                if i not in constants
            ],
            [onnx.ValueInfoProto(name=r) for r in results if r],
            [onnx.numpy_helper.from_array(x, n) for n, i, x in given if i in constants],
        ),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)],
        ir_version=10,
    )


def check(
    name: str,
    inputs: list[np.ndarray | None],
    outputs: int = 1,
    constants: tuple[int, ...] = (),
    steps: float = 0,
    compared: int = 9,
    **attributes: Any,
) -> None:
    """Compare one operator's wanted outputs (bits of ``outputs``); quantised ones may differ by ``steps``."""
    proto = model_of(name, inputs, outputs, constants, **attributes)
    feeds = {f"x{i}": x for i, x in enumerate(inputs) if x is not None and i not in constants}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    expected = session.run(None, feeds)
    model = ov.Core().read_model(proto.SerializeToString())
    results = ov.Core().compile_model(model, "CPU")(feeds)
    for index, wanted in enumerate(expected[:compared]):
        got = results[index]
        assert got.dtype == wanted.dtype
        assert got.shape == wanted.shape
        tolerance = {"rtol": 2e-4, "atol": 2e-4} if steps == 0 else {"rtol": 0, "atol": steps}
        np.testing.assert_allclose(got.astype(np.float64), wanted.astype(np.float64), **tolerance)


_X = normal(2, 5, 16)
_ACTIVATIONS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "Gelu": ([_X], {}),
    "FastGelu": ([_X, normal(16)], {}),
    "BiasGelu": ([_X, normal(16)], {}),
    "QuickGelu": ([_X], {"alpha": 1.5}),
    "FusedMatMul": ([normal(2, 4, 3), normal(2, 5, 4)], {"transA": 1, "transB": 1, "alpha": 0.5}),
    "TransposeMatMul": ([normal(3, 4), normal(5, 4)], {"transB": 1}),
    "FusedGemm": ([normal(3, 4), normal(4, 5), normal(5)], {"activation": "Relu"}),
    "FusedConv": (
        [normal(1, 3, 8, 8), normal(4, 3, 3, 3), normal(4), normal(1, 4, 8, 8)],
        {"pads": [1, 1, 1, 1], "activation": "Relu", "kernel_shape": [3, 3]},
    ),
    "Inverse": ([normal(2, 3, 3)], {}),
    "ExpandDims": ([normal(2, 3), np.array(1, np.int32)], {}),
}


@pytest.mark.parametrize("name", _ACTIVATIONS)
def test_activations_and_products(name: str) -> None:
    inputs, attributes = _ACTIVATIONS[name]
    constants = (1,) if name == "ExpandDims" else ()
    check(name, inputs, constants=constants, **attributes)


@pytest.mark.parametrize("beta", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_skip_layer_normalization(beta: bool, bias: bool) -> None:
    extra = [normal(16) if beta else None, normal(16) if bias else None]
    check("SkipLayerNormalization", [_X, normal(2, 5, 16), normal(16), *extra], 0b1001)


@pytest.mark.parametrize("bias", [True, False])
def test_skip_rms_normalization(bias: bool) -> None:
    inputs = [_X, normal(2, 5, 16), normal(16), normal(16) if bias else None]
    check("SkipSimplifiedLayerNormalization", inputs, 0b1001, epsilon=1e-5)


@pytest.mark.parametrize("mask", [True, False])
def test_embed_layer_normalization(mask: bool) -> None:
    tables = [normal(20, 16), normal(9, 16), normal(2, 16)]
    inputs = [integers(0, 20, 2, 5), integers(0, 2, 2, 5), *tables, normal(16), normal(16)]
    padding = [np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32)] if mask else []
    check("EmbedLayerNormalization", [*inputs, *padding], 0b11)


# ---- attention --------------------------------------------------------------------------------------------------
_PADDING = {
    "none": lambda: None,
    "lengths": lambda: np.array([5, 3], np.int32),
    "rows": lambda: np.array([[1] * 5, [1, 1, 1, 0, 0]], np.int32),
    "squares": lambda: np.tril(np.ones((2, 5, 5), np.int32)),
}


@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("padding", _PADDING)
def test_attention(padding: str, causal: int) -> None:
    inputs = [_X, normal(16, 48), normal(48), _PADDING[padding]()]
    check("Attention", inputs, num_heads=4, unidirectional=causal)


def test_attention_with_past() -> None:
    inputs = [_X, normal(16, 48), normal(48), None, normal(2, 2, 4, 3, 4)]
    check("Attention", inputs, 0b11, num_heads=4, unidirectional=1)


def test_attention_with_bias_and_sizes() -> None:
    inputs = [_X, normal(16, 40), normal(40), None, None, normal(2, 4, 5, 5)]
    check("Attention", inputs, num_heads=4, qkv_hidden_sizes=[16, 16, 8], scale=0.3)


def test_quantized_attention() -> None:
    scales = [np.array(0.02, F32), np.array(0.01, F32)]
    zeros = [np.array(120, np.uint8), np.array(128, np.uint8)]
    inputs = [u8(2, 5, 16), u8(16, 48), normal(48), *scales, None, *zeros]
    check("QAttention", inputs, num_heads=4)


_HEADS: dict[str, Callable[[], list[Any]]] = {
    "separate": lambda: [normal(2, 5, 16), normal(2, 7, 16), normal(2, 7, 16)],
    "biases": lambda: [normal(2, 5, 16), normal(2, 7, 16), normal(2, 7, 16), normal(48)],
    "projected": lambda: [normal(2, 5, 16), normal(2, 4, 7, 4), normal(2, 4, 7, 4)],
    "padding": lambda: [
        *(normal(2, 5, 16), normal(2, 7, 16), normal(2, 7, 16), None),
        np.array([[1] * 7, [1] * 4 + [0] * 3], np.int32),
    ],
    "scores": lambda: [
        *(normal(2, 5, 16), normal(2, 7, 16), normal(2, 7, 16), None, None),
        normal(2, 4, 5, 7),
    ],
}


@pytest.mark.parametrize("form", _HEADS)
def test_multi_head_attention(form: str) -> None:
    check("MultiHeadAttention", _HEADS[form](), num_heads=4)


def infer(name: str, inputs: list[Any], **attributes: Any) -> np.ndarray:
    proto = model_of(name, inputs, 1, **attributes)
    compiled = ov.Core().compile_model(ov.Core().read_model(proto.SerializeToString()), "CPU")
    return compiled({f"x{i}": x for i, x in enumerate(inputs) if x is not None})[0]


def test_packed_heads_are_the_separate_ones() -> None:
    """ONNX Runtime computes packed forms on GPUs only."""
    query, key, value = (normal(2, 5, 16) for _ in range(3))
    separate = infer("MultiHeadAttention", [query, key, value], num_heads=4)
    split = [x.reshape(2, 5, 4, 4) for x in (query, key, value)]
    every = infer("MultiHeadAttention", [np.stack(split, 3)], num_heads=4)
    pairs = infer("MultiHeadAttention", [query, np.stack(split[1:], 3)], num_heads=4)
    np.testing.assert_array_equal(every, separate)
    np.testing.assert_array_equal(pairs, separate)


@pytest.mark.parametrize("causal", [0, 1])
def test_multi_head_attention_with_past(causal: int) -> None:
    new = [normal(2, 3, 16) for _ in range(3)]
    past = [normal(2, 4, 6, 4) for _ in range(2)]
    inputs = [*new, None, None, None, *past]
    check("MultiHeadAttention", inputs, 0b111, num_heads=4, unidirectional=causal)


_TABLE = np.outer(np.arange(32), 2.0 ** -np.arange(8)).astype(F32)


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("form", ["offset", "ids", "four", "part"])
def test_rotary_embedding(form: str, interleaved: int) -> None:
    data = normal(2, 4, 5, 8) if form == "four" else normal(2, 5, 32)
    ids = np.array([3], np.int64) if form == "offset" else integers(0, 32, 2, 5, dtype=np.int64)
    width = 2 if form == "part" else 4
    tables = [np.cos(_TABLE[:, :width]), np.sin(_TABLE[:, :width])]
    part = {"num_heads": 4, "rotary_embedding_dim": 4} if form == "part" else {}
    check("RotaryEmbedding", [data, ids, *tables], interleaved=interleaved, **part)


@pytest.mark.parametrize("rotary", [0, 1])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("past", ["prompt", "decode", "ragged", "window"])
def test_group_query_attention(past: str, packed: bool, rotary: int) -> None:
    length = 6 if past == "prompt" else 1
    before = 0 if past == "prompt" else 7
    lasts = {"ragged": [4, 7]}.get(past, [before + length - 1] * 2)
    query, key, value = normal(2, length, 64), normal(2, length, 32), normal(2, length, 32)
    if packed:
        query, key, value = np.concatenate([query, key, value], -1), None, None
    cache = [normal(2, 2, before, 16) for _ in range(2)]
    tables = [np.cos(_TABLE), np.sin(_TABLE)] if rotary else []
    inputs = [
        *(query, key, value, *cache),
        np.array(lasts, np.int32),
        np.array(max(lasts) + 1, np.int32),
        *tables,
    ]
    window = {"local_window_size": 3} if past == "window" else {}
    heads = {"num_heads": 4, "kv_num_heads": 2}
    # Rows that are shorter than the cache hold anything behind; only the result is compared there.
    count = 1 if past == "ragged" else 3
    attributes = {**heads, **window, "do_rotary": rotary}
    check("GroupQueryAttention", inputs, 0b111, compared=count, **attributes)


# ---- quantised --------------------------------------------------------------------------------------------------
def scale(value: float) -> np.ndarray:
    return np.array(value, F32)


def zero(value: int) -> np.ndarray:
    return np.array(value, np.uint8)


_QUANTIZED: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "QLinearAdd": (
        [u8(2, 8), scale(0.02), zero(100), u8(2, 8), scale(0.03), zero(120), scale(0.05), zero(3)],
        {},
    ),
    "QLinearMul": (
        [u8(2, 8), scale(0.02), zero(100), u8(2, 8), scale(0.03), zero(120), scale(0.05), zero(9)],
        {},
    ),
    "QLinearLeakyRelu": ([u8(2, 8), scale(0.02), zero(99), scale(0.03), zero(9)], {"alpha": 0.2}),
    "QLinearSigmoid": ([u8(2, 8), scale(0.02), zero(99), scale(0.004), zero(0)], {}),
    "QLinearGlobalAveragePool": (
        [u8(1, 3, 4, 4), scale(0.02), zero(99), scale(0.01), zero(90)],
        {},
    ),
    "QLinearAveragePool": (
        [u8(1, 3, 6, 6), scale(0.02), zero(99), scale(0.01), zero(90)],
        {"kernel_shape": [2, 2], "strides": [2, 2]},
    ),
    "QLinearSoftmax": (
        [u8(2, 8), scale(0.02), zero(99), scale(1 / 256), zero(0)],
        {"axis": 1, "opset": 13},
    ),
    "QLinearConcat": (
        [scale(0.05), zero(3), u8(2, 3), scale(0.02), zero(7), u8(2, 4), scale(0.04), zero(1)],
        {"axis": 1},
    ),
    "QGemm": (
        [
            *(u8(3, 8), scale(0.02), zero(100), u8(8, 4), scale(0.01), zero(90)),
            integers(-50, 50, 4),
            scale(0.05),
            zero(110),
        ],
        {},
    ),
}


@pytest.mark.parametrize("name", _QUANTIZED)
def test_quantized(name: str) -> None:
    inputs, attributes = _QUANTIZED[name]
    constants = tuple(i for i, x in enumerate(inputs) if x.ndim == 0)
    check(name, inputs, constants=constants, steps=1, **attributes)


def test_products_of_integers() -> None:
    right = u8(8, 4)
    check("DynamicQuantizeMatMul", [normal(3, 8), right, scale(0.01), zero(99), normal(4)])
    sides = [u8(3, 8), right, scale(0.02), scale(0.01), zero(9), zero(99), normal(4)]
    check("MatMulIntegerToFloat", sides)


# ONNX Runtime computes real zero points for 4 bits only.
@pytest.mark.parametrize(
    ("bits", "points"), [(4, "real"), *((b, p) for b in (2, 4, 8) for p in ("none", "packed"))]
)
@pytest.mark.parametrize("columns", [64, 80])
def test_weights_of_few_bits(columns: int, points: str, bits: int) -> None:
    rows, block = 6, 32
    blocks = -(-columns // block)
    weights = u8(rows, blocks, block * bits // 8)
    scales = np.abs(normal(rows, blocks)) / 16
    zeros = {
        "none": lambda: None,
        "packed": lambda: u8(rows, -(-blocks * bits // 8)),
        "real": lambda: integers(0, 1 << bits, rows, blocks, dtype=F32),
    }[points]()
    inputs = [normal(3, columns), weights, scales.reshape(rows, blocks), zeros]
    check(
        "MatMulNBits", inputs, constants=(1, 2, 3), K=columns, N=rows, bits=bits, block_size=block
    )


def test_forms_that_are_not_supported_are_refused() -> None:
    inputs = [_X, normal(16, 48), normal(48)]
    proto = model_of("Attention", inputs, 1, num_heads=4, do_rotary=1)
    with pytest.raises(RuntimeError, match="Attention 'y0' cannot be converted: do_rotary"):
        ov.Core().read_model(proto.SerializeToString())


def test_a_decoder_of_dynamic_lengths() -> None:
    """One model, a prompt and then tokens one by one: each step's cache is the next one's past."""
    inputs = [
        *(normal(1, 1, 64), normal(1, 1, 32), normal(1, 1, 32)),
        *(normal(1, 2, 1, 16), normal(1, 2, 1, 16)),
        np.array([0], np.int32),
        np.array(1, np.int32),
        np.cos(_TABLE),
        np.sin(_TABLE),
    ]
    proto = model_of(
        *("GroupQueryAttention", inputs, 0b111, (7, 8)), num_heads=4, kv_num_heads=2, do_rotary=1
    )
    for position, axes in {0: (0, 1), 1: (0, 1), 2: (0, 1), 3: (0, 2), 4: (0, 2), 5: (0,)}.items():
        for axis in axes:
            dim = proto.graph.input[position].type.tensor_type.shape.dim[axis]
            dim.dim_param = f"d{position}_{axis}"
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    compiled = ov.Core().compile_model(ov.Core().read_model(proto.SerializeToString()), "CPU")
    cache = [normal(2, 2, 0, 16)] * 2
    total = 0
    for length in (6, 1, 1, 1):
        total += length
        values = [normal(2, length, 64), normal(2, length, 32), normal(2, length, 32), *cache]
        values += [np.full(2, total - 1, np.int32), np.array(total, np.int32)]
        feeds = {f"x{i}": value for i, value in enumerate(values)}
        wanted = session.run(None, feeds)
        results = compiled(feeds)
        for index, expected in enumerate(wanted):
            np.testing.assert_allclose(results[index], expected, rtol=2e-4, atol=2e-4)
        cache = [np.array(results[1]), np.array(results[2])]
