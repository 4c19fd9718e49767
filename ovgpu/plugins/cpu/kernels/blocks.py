"""SpaceToDepth, DepthToSpace, ShuffleChannels, BatchToSpace, SpaceToBatch, Col2Im and patches on host arrays.

Most are reshape, transpose, reshape: one copy, from a strided view of the input into the output.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ovgpu.ops.blocks import col2im_steps
from ovgpu.plugins.cpu.registry import kernel


@kernel("SpaceToDepth", native=True)
def space_to_depth(x: np.ndarray, *, mode: str, block_size: int, out: np.ndarray) -> None:
    count = x.ndim - 2
    batch, _, *small = out.shape
    split = x.reshape(batch, x.shape[1], *(n for d in small for n in (d, block_size)))
    blocks, places = [3 + 2 * i for i in range(count)], [2 + 2 * i for i in range(count)]
    order = [0, *blocks, 1, *places] if mode == "blocks_first" else [0, 1, *blocks, *places]
    moved = split.transpose(order)
    np.copyto(out, moved.reshape(out.shape))


@kernel("DepthToSpace", native=True)
def depth_to_space(x: np.ndarray, *, mode: str, block_size: int, out: np.ndarray) -> None:
    count = x.ndim - 2
    batch, depth = out.shape[:2]
    blocks = (block_size,) * count
    if mode == "blocks_first":
        split = x.reshape(batch, *blocks, depth, *x.shape[2:])
        order = [0, count + 1]
        order += [n for i in range(count) for n in (count + 2 + i, 1 + i)]
    else:
        split = x.reshape(batch, depth, *blocks, *x.shape[2:])
        order = [0, 1]
        order += [n for i in range(count) for n in (count + 2 + i, 2 + i)]
    moved = split.transpose(order)
    np.copyto(out.reshape(moved.shape, copy=False), moved)


@kernel("ShuffleChannels", native=True)
def shuffle_channels(x: np.ndarray, *, axis: int, group: int, out: np.ndarray) -> None:
    position = axis % x.ndim
    before, after = x.shape[:position], x.shape[position + 1 :]
    size = x.shape[position]
    split = x.reshape(*before, group, size // group, *after)
    target = out.reshape(*before, size // group, group, *after, copy=False)
    np.copyto(target, split.swapaxes(position, position + 1))


@kernel("BatchToSpace", native=True)
def batch_to_space(
    x: np.ndarray,
    block_shape: np.ndarray,
    crops_begin: np.ndarray,
    crops_end: np.ndarray,
    *,
    out: np.ndarray,
) -> None:
    blocks = [int(n) for n in block_shape.reshape(-1)]
    rank = x.ndim
    batch = out.shape[0]
    split = x.reshape(*blocks[1:], batch, *x.shape[1:])
    order = [rank - 1] + [n for i in range(rank - 1) for n in (rank + i, i)]
    spread = split.transpose(order).reshape(
        batch, *(n * b for n, b in zip(x.shape[1:], blocks[1:], strict=True))
    )
    begins = crops_begin.reshape(-1)
    np.copyto(
        out,
        spread[tuple(slice(int(a), int(a) + n) for a, n in zip(begins, out.shape, strict=True))],
    )


@kernel("SpaceToBatch", native=True)
def space_to_batch(
    x: np.ndarray,
    block_shape: np.ndarray,
    pads_begin: np.ndarray,
    pads_end: np.ndarray,
    *,
    out: np.ndarray,
) -> None:
    blocks = [int(n) for n in block_shape.reshape(-1)]
    rank = x.ndim
    before, after = [int(n) for n in pads_begin.reshape(-1)], [int(n) for n in pads_end.reshape(-1)]
    if any(before) or any(after):
        padded = np.zeros(
            [n + a + b for n, a, b in zip(x.shape, before, after, strict=True)], x.dtype
        )
        padded[tuple(slice(a, a + n) for a, n in zip(before, x.shape, strict=True))] = x
        x = padded
    sizes: list[int] = [x.shape[0]]
    for n, b in zip(x.shape[1:], blocks[1:], strict=True):
        sizes += [n // b, b]
    order = [2 + 2 * i for i in range(rank - 1)] + [0] + [1 + 2 * i for i in range(rank - 1)]
    moved = x.reshape(sizes).transpose(order)
    np.copyto(out.reshape(moved.shape, copy=False), moved)


@kernel("Col2Im")
def col2im(
    x: np.ndarray,
    output_size: np.ndarray,
    kernel_size: np.ndarray,
    *,
    strides: list[int],
    dilations: list[int],
    pads_begin: list[int],
    pads_end: list[int],
    out_shape: tuple[int, ...],
) -> np.ndarray:
    image, kernel_shape = [int(n) for n in output_size], [int(n) for n in kernel_size]
    rows, columns = col2im_steps(image, kernel_shape, strides, dilations, pads_begin, pads_end)
    channels = out_shape[-3]
    blocks = x.reshape(-1, channels, *kernel_shape, rows, columns)
    height, width = (image[i] + pads_begin[i] + pads_end[i] for i in range(2))
    padded = np.zeros((len(blocks), channels, height, width), x.dtype)
    for i in range(kernel_shape[0]):  # blocks overlap, so each kernel position is added as a whole
        for j in range(kernel_shape[1]):
            top, left = i * dilations[0], j * dilations[1]
            down = slice(top, top + (rows - 1) * strides[0] + 1, strides[0])
            right = slice(left, left + (columns - 1) * strides[1] + 1, strides[1])
            padded[:, :, down, right] += blocks[:, :, i, j]
    top, left = pads_begin
    return padded[:, :, top : top + image[0], left : left + image[1]].reshape(out_shape)


@kernel("ExtractImagePatches", native=True)
def extract_image_patches(
    x: np.ndarray,
    *,
    sizes: list[int],
    strides: list[int],
    rates: list[int],
    auto_pad: str,
    out: np.ndarray,
) -> None:
    batch, channels = x.shape[:2]
    places = out.shape[2:]
    spans = [(k - 1) * r + 1 for k, r in zip(sizes, rates, strict=True)]
    before = [0, 0]
    needed = [max((p - 1) * s + span, 0) for p, s, span in zip(places, strides, spans, strict=True)]
    if auto_pad != "valid":
        missing = [max(n - size, 0) for n, size in zip(needed, x.shape[2:], strict=True)]
        before = [m // 2 if auto_pad == "same_upper" else -(-m // 2) for m in missing]
    shape = [max(n, size + a) for n, size, a in zip(needed, x.shape[2:], before, strict=True)]
    if shape != list(x.shape[2:]):
        padded = np.zeros((batch, channels, *shape), x.dtype)
        padded[:, :, before[0] : before[0] + x.shape[2], before[1] : before[1] + x.shape[3]] = x
        x = padded
    step: Any = x.strides
    windows = np.lib.stride_tricks.as_strided(
        x,
        (batch, *sizes, channels, *places),
        (
            step[0],
            step[2] * rates[0],
            step[3] * rates[1],
            step[1],
            step[2] * strides[0],
            step[3] * strides[1],
        ),
        writeable=False,
    )
    np.copyto(out.reshape(windows.shape, copy=False), windows)
