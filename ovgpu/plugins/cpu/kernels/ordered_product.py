"""Matrix products whose sums run over the inner axis in order, one fused multiply-add after the other.

BLAS is free to add in any order, and its kernels for the edges of a matrix often do. The results differ in the last
bit, which matters only where they are rounded to a few levels right after.
"""

from __future__ import annotations

from functools import cache

import numpy as np

#: Rows of one product where BLAS does not add in order: so few go through its plainest kernel, but not through GEMV.
_FEW_ROWS = 2


def ordered_matmul(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """``out = a @ b`` for ``a`` ``(..., M, K)`` and ``b`` ``(K, N)`` in float32, summed in order where BLAS allows.

    Inner axes beyond the block size of the BLAS (some hundred) are summed block by block all the same.
    """
    rows = a.shape[-2]
    if rows <= _FEW_ROWS + 1 or _adds_in_order():
        np.matmul(a, b, out)
        return
    if a.ndim > 2:
        for part, target in zip(a, out):
            ordered_matmul(part, b, target)
        return
    # An odd row joins the last pair: alone it would go through GEMV, which adds in another order.
    paired = rows - rows % _FEW_ROWS - (_FEW_ROWS if rows % _FEW_ROWS else 0)
    pairs = a[:paired].reshape(-1, _FEW_ROWS, a.shape[1])
    np.matmul(pairs, b, out[:paired].reshape(-1, _FEW_ROWS, out.shape[1]))
    if paired < rows:
        np.matmul(a[paired:], b, out[paired:])


@cache
def _adds_in_order() -> bool:
    """Whether this BLAS adds in order for matrices whose sizes divide evenly, found by one small product."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((48, 40), np.float32)
    b = rng.standard_normal((40, 64), np.float32)
    total = np.zeros((48, 64), np.float32)
    for k in range(40):
        total = (total + np.multiply.outer(a[:, k], b[k], dtype=np.float64)).astype(np.float32)
    return bool((a @ b == total).all())
