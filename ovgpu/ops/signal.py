"""Fourier transforms. Complex tensors have a last dimension of size 2: real and imaginary parts."""

from __future__ import annotations

from collections.abc import Sequence

from ovgpu.graph import dimension as dims
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import check, op

_TWO = Dimension.static(2)


def _check_axes(data: Value, axes: Value, signal_size: Value | None, is_complex: bool) -> None:
    check(axes.rank in (None, 1), "Axes input must be 1D tensor.")
    check(
        axes.type.is_integral_number(),
        f"Axes element type must be integer, got {axes.type.to_string()}",
    )
    if signal_size is not None:
        check(signal_size.rank in (None, 1), "Signal size input must be 1D tensor.")
        if axes.rank == 1 and signal_size.rank == 1:
            check(dims.merge(axes.dims[0], signal_size.dims[0]) is not None,
                  "Sizes of inputs 'axes' and 'signal_size' must be equal.")  # fmt: skip
    if data.rank is None:
        return
    least = 2 if is_complex else 1
    check(data.rank >= least, f"The input rank must be greater or equal to {least}.")
    if is_complex:
        check(
            dims.merge(data.dims[-1], _TWO) is not None,
            "The last dimension of input data must be 2.",
        )


def real_axes(axes: Sequence[int], rank: int) -> list[int]:
    """Axes counted from the front, where ``rank`` leaves the complex dimension out."""
    return [a + rank if a < 0 else a for a in axes]


def _known_axes(axes: Value, rank: int) -> list[int] | None:
    given = axes.ints()
    if given is None:
        return None
    result = real_axes(given, rank)
    check(
        all(0 <= a < rank for a in result),
        f"Axes of a Fourier transform must lie in [{-rank}, {rank - 1}]: {given}",
    )
    check(len(set(result)) == len(result), "Each axis must be unique.")
    return result


def _resize(shape: list[Dimension], axes: list[int], signal_size: Value | None) -> None:
    """Put the requested sizes into ``shape``; -1 leaves an axis as it is."""
    if signal_size is None:
        return
    sizes = signal_size.ints()
    for index, axis in enumerate(axes):
        if sizes is None:
            shape[axis] = Dimension.dynamic()
        elif sizes[index] != -1:
            shape[axis] = Dimension.static(sizes[index])


def _complex_to_complex(data: Value, axes: Value, signal_size: Value | None) -> Value:
    _check_axes(data, axes, signal_size, is_complex=True)
    if data.rank is None:
        return Value(data.type, PartialShape.dynamic())
    chosen = _known_axes(axes, data.rank - 1)
    if chosen is None:
        return Value(
            data.type, PartialShape.of([*PartialShape.dynamic(data.rank - 1).dims, data.dims[-1]])
        )
    shape = list(data.dims)
    _resize(shape, chosen, signal_size)
    return Value(data.type, PartialShape.of(shape))


@op("DFT", "7", factory="dft(data, axes, signal_size=None)")
def dft(data: Value, axes: Value, signal_size: Value | None = None) -> Value:
    """DFT-7: discrete Fourier transform along ``axes``, of data cut or padded with zeros to ``signal_size``."""
    return _complex_to_complex(data, axes, signal_size)


@op("IDFT", "7", factory="idft(data, axes, signal_size=None)")
def idft(data: Value, axes: Value, signal_size: Value | None = None) -> Value:
    """IDFT-7: inverse of DFT."""
    return _complex_to_complex(data, axes, signal_size)


@op("RDFT", "9", factory="rdft(data, axes, signal_size=None)")
def rdft(data: Value, axes: Value, signal_size: Value | None = None) -> Value:
    """RDFT-9: transform of real data; the last of ``axes`` keeps its ``size // 2 + 1`` non-redundant values."""
    _check_axes(data, axes, signal_size, is_complex=False)
    if data.rank is None:
        return Value(data.type, PartialShape.dynamic())
    chosen = _known_axes(axes, data.rank)
    if chosen is None:
        return Value(data.type, PartialShape.of([*PartialShape.dynamic(data.rank).dims, _TWO]))
    shape = list(data.dims)
    _resize(shape, chosen, signal_size)
    if chosen:
        low, high = shape[chosen[-1]].interval()
        known = high >= 0 or low > 0
        last = Dimension(low // 2 + 1, -1 if high < 0 else high // 2 + 1) if known else Dimension()
        shape[chosen[-1]] = last
    return Value(data.type, PartialShape.of([*shape, _TWO]))


@op("IRDFT", "9", factory="irdft(data, axes, signal_size=None)")
def irdft(data: Value, axes: Value, signal_size: Value | None = None) -> Value:
    """IRDFT-9: inverse of RDFT; without ``signal_size`` the last of ``axes`` gets ``2 * (size - 1)`` elements."""
    _check_axes(data, axes, signal_size, is_complex=True)
    if data.rank is None:
        return Value(data.type, PartialShape.dynamic())
    chosen = _known_axes(axes, data.rank - 1)
    if chosen is None:
        return Value(data.type, PartialShape.dynamic(data.rank - 1))
    shape = list(data.dims[:-1])
    if chosen:
        last = chosen[-1]
        sizes = None if signal_size is None else signal_size.ints()
        if signal_size is None or (sizes is not None and sizes[-1] == -1):
            shape[last] = dims.mul(dims.sub(shape[last], 1), 2)
    _resize(shape, chosen, signal_size)
    return Value(data.type, PartialShape.of(shape))


@op("STFT", "15", factory="stft(data, window, frame_size, frame_step, transpose_frames)")
def stft(
    data: Value, window: Value, frame_size: Value, frame_step: Value, *, transpose_frames: bool
) -> Value:
    """STFT-15: transforms of windowed frames of ``data`` ``[signal]`` or ``[batch, signal]``.

    The result is ``[(batch,) frames, frame_size // 2 + 1, 2]``; ``transpose_frames`` exchanges the first two.
    """
    check(data.rank in (None, 1, 2), "The shape of data must be 1D or 2D.")
    check(window.rank in (None, 1), "The shape of window must be 1D [window_size].")
    check(
        frame_size.rank in (None, 0) and frame_step.rank in (None, 0),
        "frame_size and frame_step must be scalars.",
    )
    if data.rank is None:
        return Value(data.type, PartialShape.dynamic())
    size, step = frame_size.scalar(), frame_step.scalar()
    lead = [] if data.rank == 1 else [data.dims[0]]
    frames = frequencies = Dimension.dynamic()
    if size is not None and step is not None:
        check(size > 0 and step > 0, "Frame size and step must be greater than zero.")
        signal = data.dims[-1]
        check(signal.is_dynamic or size <= signal.get_length(),
              f"Provided frame size is {size} but must be in range [1, {signal.to_string()}].")  # fmt: skip
        frequencies = Dimension.static(size // 2 + 1)
        frames = dims.add(dims.floordiv(dims.sub(signal, size), step), 1)
    both = [frequencies, frames] if transpose_frames else [frames, frequencies]
    return Value(data.type, PartialShape.of([*lead, *both, _TWO]))


@op(
    "ISTFT",
    "16",
    factory="istft(data, window, frame_size, frame_step, center, normalized, signal_length=None)",
)
def istft(data: Value, window: Value, frame_size: Value, frame_step: Value, signal_length: Value | None = None, *,
          center: bool, normalized: bool) -> Value:  # fmt: skip
    """ISTFT-16: the signal whose frames have the transforms ``data`` ``[(batch,) frequencies, frames, 2]``.

    ``center``: frames were centred, so half a frame is cut off at both ends; ``normalized``: transforms were divided
    by the square root of the frame size; ``signal_length`` cuts or pads the result.
    """
    check(data.rank in (None, 3, 4), "The shape of data must be 3D or 4D.")
    check(window.rank in (None, 1), "The shape of window must be 1D [window_size].")
    if data.rank is None:
        return Value(data.type, PartialShape.dynamic())
    lead = [] if data.rank == 3 else [data.dims[0]]
    length = Dimension.dynamic()
    size, step = frame_size.scalar(), frame_step.scalar()
    if signal_length is not None:
        wanted = signal_length.scalar()
        length = Dimension.dynamic() if wanted is None else Dimension.static(wanted)
    elif size is not None and step is not None:
        check(size > 0 and step > 0, "Frame size and step must be greater than zero.")
        reached = dims.mul(dims.sub(data.dims[-2], 1), step)
        length = dims.add(reached, size - 2 * (size // 2) if center else size)
    return Value(data.type, PartialShape.of([*lead, length]))
