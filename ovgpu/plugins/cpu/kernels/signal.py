"""Fourier transforms on host arrays, by numpy.fft."""

from __future__ import annotations

import numpy as np

from ovgpu.ops.signal import real_axes
from ovgpu.plugins.cpu.registry import kernel


def _to_complex(data: np.ndarray) -> np.ndarray:
    return data[..., 0] + data.dtype.type(1) * 1j * data[..., 1]


def _to_pairs(values: np.ndarray) -> np.ndarray:
    return np.stack([values.real, values.imag], -1)


def _sizes(shape: tuple[int, ...], axes: list[int], signal_size: np.ndarray | None) -> list[int]:
    """Transform length of each axis."""
    given = [-1] * len(axes) if signal_size is None else [int(n) for n in signal_size.reshape(-1)]
    return [shape[a] if n == -1 else n for a, n in zip(axes, given, strict=True)]


@kernel("DFT")
def dft(data: np.ndarray, axes: np.ndarray, signal_size: np.ndarray | None = None) -> np.ndarray:
    chosen = real_axes(axes.reshape(-1).tolist(), data.ndim - 1)
    values = _to_complex(data)
    return _to_pairs(np.fft.fftn(values, _sizes(values.shape, chosen, signal_size), chosen))


@kernel("IDFT")
def idft(data: np.ndarray, axes: np.ndarray, signal_size: np.ndarray | None = None) -> np.ndarray:
    chosen = real_axes(axes.reshape(-1).tolist(), data.ndim - 1)
    values = _to_complex(data)
    return _to_pairs(np.fft.ifftn(values, _sizes(values.shape, chosen, signal_size), chosen))


@kernel("RDFT")
def rdft(data: np.ndarray, axes: np.ndarray, signal_size: np.ndarray | None = None) -> np.ndarray:
    chosen = real_axes(axes.reshape(-1).tolist(), data.ndim)
    return _to_pairs(np.fft.rfftn(data, _sizes(data.shape, chosen, signal_size), chosen))


@kernel("IRDFT")
def irdft(data: np.ndarray, axes: np.ndarray, signal_size: np.ndarray | None = None) -> np.ndarray:
    chosen = real_axes(axes.reshape(-1).tolist(), data.ndim - 1)
    values = _to_complex(data)
    sizes = _sizes(values.shape, chosen, signal_size)
    if chosen and (signal_size is None or int(signal_size.reshape(-1)[-1]) == -1):
        sizes[-1] = 2 * (values.shape[chosen[-1]] - 1)
    return np.fft.irfftn(values, sizes, chosen)


def _centered_window(window: np.ndarray, size: int) -> np.ndarray:
    """``window`` in the middle of ``size`` elements."""
    before = (size - window.size) // 2
    return np.pad(window, (before, size - window.size - before))


@kernel("STFT")
def stft(
    data: np.ndarray,
    window: np.ndarray,
    frame_size: np.ndarray,
    frame_step: np.ndarray,
    *,
    transpose_frames: bool,
) -> np.ndarray:
    size, step = int(frame_size), int(frame_step)
    frames = np.lib.stride_tricks.sliding_window_view(data, size, -1)[..., ::step, :]
    values = np.fft.rfft(frames * _centered_window(window, size))
    return _to_pairs(values.swapaxes(-1, -2) if transpose_frames else values)


@kernel("ISTFT")
def istft(
    data: np.ndarray,
    window: np.ndarray,
    frame_size: np.ndarray,
    frame_step: np.ndarray,
    signal_length: np.ndarray | None = None,
    *,
    center: bool,
    normalized: bool,
) -> np.ndarray:
    size, step = int(frame_size), int(frame_step)
    weights = _centered_window(window, size)
    frames = np.fft.irfft(_to_complex(data).swapaxes(-1, -2), size)
    if normalized:
        frames = frames * frames.dtype.type(np.sqrt(size))
    count = frames.shape[-2]
    total = (count - 1) * step + size
    signal = np.zeros((*frames.shape[:-2], total), data.dtype)
    power = np.zeros(total, data.dtype)
    for index in range(count):
        place = slice(index * step, index * step + size)
        signal[..., place] += frames[..., index, :] * weights
        power[place] += weights * weights
    np.divide(signal, power, out=signal, where=power > np.finfo(data.dtype).tiny)
    margin = size // 2 if center else 0
    length = total - 2 * margin
    if signal_length is not None:
        length = int(signal_length.reshape(-1)[0])
        end = max(margin + length - total, 0)
        signal = np.pad(signal, [*[(0, 0)] * (signal.ndim - 1), (0, end)])
    return signal[..., margin : margin + length]
