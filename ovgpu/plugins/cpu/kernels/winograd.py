"""3x3 convolutions with stride 1 by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray, 2015).

Tiles of 6x6 inputs give 4x4 outputs with 36 multiplications instead of 144. Input and output transforms are products
with Kronecker squares of the small transform matrices, so everything heavy is a matrix product. Float32 only: the
error is about 1e-5 of the largest output.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ovgpu.plugins.cpu.kernels.windows import (
    Carver,
    Epilogue,
    Geometry,
    aligned,
    bind_padding,
    row_blocks,
)
from ovgpu.plugins.cpu.registry import Step

_INPUT = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    np.float64,
)
_FILTER = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)
_OUTPUT = np.array(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], np.float64
)

INPUT_TRANSFORM = np.kron(_INPUT, _INPUT).astype(np.float32)
OUTPUT_TRANSFORM = np.kron(_OUTPUT, _OUTPUT).astype(np.float32)

#: Channels and sizes for which this form was measured to be faster than im2col.
CHANNELS = range(16, 513)
LEAST_SIZE = 14
#: Bytes of one block of transformed tiles: two of them stay in the second-level cache's reach.
BLOCK_BYTES = 2 << 20


def suits(geometry: Geometry, channels: int, filters: int, dtype: np.dtype) -> bool:
    """Whether to compute a convolution of this size in this way."""
    return (
        dtype == np.float32
        and geometry.kernel == (3, 3)
        and geometry.strides == geometry.dilations == (1, 1)
        and channels in CHANNELS
        and filters in CHANNELS
        and min(geometry.counts) >= LEAST_SIZE
    )


def transform_filters(filters: np.ndarray) -> np.ndarray:
    """``[K, C, 3, 3]`` filters as ``[36, C, K]`` float32."""
    wide = np.einsum(
        "ia,jb,kcab->ijck", _FILTER, _FILTER, filters.astype(np.float64), optimize=True
    )
    return np.ascontiguousarray(wide.reshape(36, *wide.shape[2:]).astype(np.float32))


def scratch_bytes(batch: int, counts: tuple[int, int], channels: int, filters: int) -> int:
    """Bytes of scratch that :func:`bind` takes."""
    tiles = [-(-n // 4) for n in counts]
    padded = batch * (4 * tiles[0] + 2) * (4 * tiles[1] + 2) * channels * 4
    row = 36 * 4 * tiles[1] * max(channels, filters)
    block = max(min(batch * tiles[0] * row, BLOCK_BYTES), row)
    return aligned(padded) + 2 * aligned(block)


def bind(
    source: np.ndarray,
    filters: Callable[[], np.ndarray],
    out: np.ndarray,
    geometry: Geometry,
    area: np.ndarray,
    epilogue: Epilogue | None,
) -> Step:
    """A step computing ``out`` ``(N, H, W, K)`` from ``source`` ``(N, H, W, C)``.

    ``filters`` yields the transformed filters; ``epilogue`` gets blocks ``(..., K)`` of results to change in place.
    """
    batch, channels, count = source.shape[0], source.shape[-1], out.shape[-1]
    rows, columns = (-(-n // 4) for n in geometry.counts)
    carver = Carver(area)
    padded = carver.take((batch, 4 * rows + 2, 4 * columns + 2, channels), source.dtype)
    pad = bind_padding(source, padded, geometry.before)
    sn, sh, sw, sc = padded.strides
    tiles = as_strided(
        padded,
        (6, 6, batch, rows, columns, channels),
        (sh, sw, sn, 4 * sh, 4 * sw, sc),
        writeable=False,
    )
    row_bytes = 36 * 4 * columns * max(channels, count)
    blocks = row_blocks(batch, rows, row_bytes, BLOCK_BYTES)
    widest = max((n.stop - n.start) * (r.stop - r.start) for n, r in blocks) * columns
    first = carver.take((36 * widest * max(channels, count),), source.dtype)
    second = carver.take((36 * widest * max(channels, count),), source.dtype)
    jobs = [_block(tiles, first, second, n, r, out) for n, r in blocks]

    def run() -> None:
        pad()
        kernels = filters()
        for (
            gather,
            gathered,
            transformed,
            products,
            batched,
            flat_products,
            results,
            copies,
        ) in jobs:
            np.copyto(gathered, gather)
            np.matmul(INPUT_TRANSFORM, gathered.reshape(36, -1), transformed)
            np.matmul(batched, kernels, products)
            np.matmul(OUTPUT_TRANSFORM, flat_products, results)
            if epilogue is not None:
                epilogue(results.reshape(-1, count))
            for target, result in copies:
                np.copyto(target, result)

    return run


def _block(
    tiles: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    images: slice,
    rows: slice,
    out: np.ndarray,
) -> tuple:
    """All views that the step needs for one block of tiles.

    The two buffers take turns: gathered tiles, transformed tiles, products, results.
    """
    gather = tiles[:, :, images, rows]
    channels, count = gather.shape[-1], out.shape[-1]
    spots = gather.shape[2] * gather.shape[3] * gather.shape[4]
    gathered = first[: gather.size].reshape(gather.shape)
    transformed = second[: gather.size].reshape(36, -1)
    products = first[: 36 * spots * count].reshape(36, spots, count)
    results = second[: 16 * spots * count].reshape(16, -1)
    shaped = results.reshape(4, 4, *gather.shape[2:5], count)
    target = out[images, 4 * rows.start : 4 * rows.stop]
    copies = []
    for i in range(4):
        for j in range(4):
            place = target[:, i::4, j::4]
            copies.append((place, shaped[i, j][:, : place.shape[1], : place.shape[2]]))
    return (
        gather,
        gathered,
        transformed,
        products,
        transformed.reshape(36, spots, channels),
        products.reshape(36, -1),
        results,
        copies,
    )
