"""Products of matrices on host arrays: everything goes to the BLAS behind ``np.matmul``."""

from __future__ import annotations

from functools import partial

import numpy as np

from ovgpu.plugins.cpu.registry import Call, Step, binder, kernel


def _reshaped_view(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """``array`` in another shape over the same memory, or None where its strides do not allow that."""
    try:
        return array.reshape(shape, copy=False)
    except ValueError:
        return None


def bind_product(call: Call) -> tuple[Step, np.ndarray]:
    """The step that multiplies the first two inputs, and the output as it writes it (a matrix where it can)."""
    a, b = call.inputs[:2]
    assert a is not None
    assert b is not None
    out = call.outputs[0]
    if call.attributes["transpose_a"] and a.ndim > 1:
        a = a.swapaxes(-1, -2)
    if b.ndim > 1:
        if call.attributes["transpose_b"]:
            b = b.swapaxes(-1, -2)
        if call.constant[1] and not b.flags.c_contiguous:
            # BLAS reads weights in K x N order 7 to 15 % faster, 2.5 times for few rows.
            weights = b
            b = call.prepared("weights", lambda: np.ascontiguousarray(weights))
    assert b is not None
    rows, columns = a.shape[-1], b.shape[-1]
    if b.ndim == 2 and a.ndim > 2:
        # One large product instead of one for each matrix of the batch.
        folded, target = (
            _reshaped_view(a, (-1, rows)) if a.size else None,
            _reshaped_view(out, (-1, columns)),
        )
        if folded is not None and target is not None:
            return partial(np.matmul, folded, b, target), target
    if not rows:
        return partial(out.fill, 0), out  # a sum over nothing, which BLAS need not write
    return partial(np.matmul, a, b, out), out


@binder("MatMul")
def bind_matmul(call: Call) -> Step:
    return bind_product(call)[0]


@kernel("Einsum")
def einsum(*inputs: np.ndarray, equation: str, out: np.ndarray) -> None:
    np.copyto(out, np.einsum(equation.replace(" ", ""), *inputs, optimize=len(inputs) > 1))


@kernel("Inverse")
def inverse(x: np.ndarray, *, adjoint: bool) -> np.ndarray:
    wide = x.astype(np.float64)  # elimination loses digits; the matrices are small
    if adjoint:
        wide = wide.swapaxes(-1, -2)
    determinant = np.linalg.det(wide)
    singular = determinant == 0
    if singular.any():
        wide = np.where(singular[..., None, None], np.eye(x.shape[-1]), wide)
    result = np.linalg.inv(wide)
    return np.where(singular[..., None, None], np.nan, result) if singular.any() else result


@kernel("GroupedMatMul")
def grouped_matmul(
    a: np.ndarray, b: np.ndarray, offsets: np.ndarray | None = None, *, out: np.ndarray
) -> None:
    transposed = b.swapaxes(-1, -2)
    if a.ndim == 3:
        np.matmul(a, transposed, out)
        return
    assert offsets is not None
    out[...] = 0  # rows after the last group
    start = 0
    for weights, end in zip(transposed, offsets.tolist(), strict=False):
        np.matmul(a[start:end], weights, out[start:end])
        start = end
