"""Lowerings compared with the CPU's kernels, one operation at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.special import Constant, Parameter
from ovgpu.plugins.cpu.evaluate import evaluate as evaluate_on_cpu
from ovgpu.plugins.gpu.evaluate import evaluate as evaluate_on_gpu

#: Relative tolerance in each precision.
TOLERANCE = {Type.f32: 2e-5, Type.f16: 2e-2, Type.bf16: 6e-2}


def numbers(shape: Sequence[int], seed: int = 0, scale: float = 1.0) -> np.ndarray:
    """Normally distributed f32 numbers."""
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def values(shape: Sequence[int], dtype: Any = np.float32, seed: int = 0) -> np.ndarray:
    """Whole numbers that i8 and f16 hold exactly."""
    return np.random.default_rng(seed).integers(-100, 100, shape).astype(dtype)


def i64(*elements: int) -> np.ndarray:
    return np.array(elements, np.int64)


def build(
    name: str,
    arrays: Sequence[np.ndarray],
    opset: int | str,
    constant: Sequence[int] = (),
    types: dict[int, Type] | None = None,
    **attributes: Any,
) -> Node:
    """A node on parameters of the shapes of ``arrays``; those at the positions ``constant`` are constants."""
    inputs = []
    for position, array in enumerate(arrays):
        element_type = (types or {}).get(position) or Type(array.dtype)
        if position in constant:
            inputs.append(Constant.from_host(element_type, array))
        else:
            inputs.append(Parameter(element_type, PartialShape.of(array.shape)))
    return make_node(name, inputs, opset, **attributes)


def compare(
    name: str,
    arrays: Sequence[np.ndarray],
    opset: int | str = 16,
    precision: Type = Type.f32,
    constant: Sequence[int] = (),
    types: dict[int, Type] | None = None,
    outputs: Sequence[int] | None = None,
    tolerance: float | None = None,
    **attributes: Any,
) -> list[np.ndarray]:
    """Compute an operation with its lowering and with the CPU's kernel; the results must agree.

    Tolerances are relative to the largest expected magnitude. ``outputs`` chooses those to compare.
    """
    node = build(name, arrays, opset, constant, types, **attributes)
    expected = evaluate_on_cpu(node, arrays)
    actual = evaluate_on_gpu(node, arrays, precision=precision)
    for index in range(len(expected)) if outputs is None else outputs:
        want, got = expected[index], actual[index]
        assert got.shape == want.shape
        assert got.dtype == want.dtype
        if want.dtype.kind in "iub":
            np.testing.assert_array_equal(got, want)
            continue
        finite = want[np.isfinite(want)]
        size = float(np.abs(finite).max(initial=0.0)) or 1.0
        limit = (TOLERANCE[precision] if tolerance is None else tolerance) * size
        np.testing.assert_allclose(got, want, rtol=0, atol=limit, err_msg=f"output {index}")
    return actual
