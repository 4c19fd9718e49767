"""Pad: a border around a tensor, or a part cut off."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from ovgpu.graph.dimension import make
from ovgpu.graph.interval import Interval
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value, interval_of
from ovgpu.ops.common import check_integer, check_rank, element_count, merge_types
from ovgpu.ops.declaration import OpError, check, op
from ovgpu.ops.value_rules import moving

PadMode = Literal["constant", "edge", "reflect", "symmetric"]


def padding_index(size: int, before: int, after: int, mode: str) -> np.ndarray:
    """For each position of a padded axis the index it is copied from (modes other than ``constant``)."""
    index = np.arange(-before, size + after)
    if mode == "edge":
        return index.clip(0, size - 1)
    if mode == "reflect":  # the edge itself is not repeated: period 2 * (size - 1)
        period = max(2 * (size - 1), 1)
        index = np.abs(index) % period
        return np.minimum(index, period - index) if size > 1 else np.zeros_like(index)
    index = index % (2 * size)
    return np.minimum(index, 2 * size - 1 - index)


def pad_array(
    data: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    value: Any = None,
    *,
    pad_mode: str,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """``data`` with ``before``/``after`` elements added at each axis (negative: removed), in ``out`` if given."""
    lows, highs = [int(x) for x in before.reshape(-1)], [int(x) for x in after.reshape(-1)]
    if pad_mode == "constant":
        shape = [n + a + b for n, a, b in zip(data.shape, lows, highs, strict=True)]
        fill: Any = 0 if value is None else np.asarray(value).reshape(-1)[0]
        if data.dtype == object:  # strings, or intervals while shapes are inferred
            intervals = data.size and isinstance(data.reshape(-1)[0], Interval)
            fill = Interval.of(fill) if intervals else b"" if value is None else fill
        result = np.empty(shape, data.dtype) if out is None else out
        result[...] = fill
        # The part of the data that is not cropped away, in coordinates of the result and of the data.
        spans = [
            (min(max(a, 0), total), min(max(a + n, 0), total), a)
            for n, a, total in zip(data.shape, lows, shape, strict=True)
        ]
        inner = tuple(slice(first, last) for first, last, _ in spans)
        outer = tuple(slice(first - a, last - a) for first, last, a in spans)
        result[inner] = data[outer]
        return result
    for axis, (a, b) in enumerate(zip(lows, highs, strict=True)):
        if a or b:
            data = np.take(data, padding_index(data.shape[axis], a, b, pad_mode), axis)
    if out is None:
        return data
    np.copyto(out, data)
    return out


def _pad(
    data: Value, pads_begin: Value, pads_end: Value, pad_value: Value | None, pad_mode: str
) -> Value:
    output_type = data.type if pad_value is None else merge_types("Pad", data, pad_value)
    check_rank(pad_value, (0,), "Pad: the padding value")
    for name, value in (("pads_begin", pads_begin), ("pads_end", pads_end)):
        check_integer(value, f"Pad: '{name}'")
        check_rank(value, (1,), f"Pad: '{name}' input must be 1D; it")
    if data.rank is None:
        return Value(output_type, data.shape)
    for name, value in (("pads_begin", pads_begin), ("pads_end", pads_end)):
        count = element_count(value)
        check(
            count in (None, data.rank),
            f"Pad: length of {name} mismatches with rank of input, expect {data.rank}, but got {count}",
        )
    before, after = pads_begin.intervals, pads_end.intervals
    if before is None or after is None:
        return Value(output_type, PartialShape.dynamic(data.rank))
    result = []
    for size, a, b in zip(data.dims, before.reshape(-1), after.reshape(-1), strict=True):
        if size.is_static:
            _check_padding(size.get_length(), a, b, pad_mode)
        if (a + b).is_zero:
            result.append(size)
            continue
        padded = interval_of(size) + a + b
        if padded.upper < 0:
            raise OpError(f"Pad: {size} with pads {a.lower} and {b.lower} is less than nothing")
        lower = int(padded.lower) if padded.lower > 0 else 0  # it may be minus infinity
        result.append(make(lower, -1 if math.isinf(padded.upper) else int(padded.upper)))
    return Value(output_type, PartialShape.of(result))


def _check_padding(size: int, before: Interval, after: Interval, mode: str) -> None:
    most = max(before.lower, after.lower)
    if mode == "edge":
        check(
            size >= 1,
            "EDGE padding mode requires an input of dimension of at least 1 at each spatial axis.",
        )
    elif mode == "reflect":
        check(
            most < size,
            "REFLECT padding mode requires that 'pads_begin[D]' and 'pads_end[D]' must be not greater than "
            "'data_shape[D] - 1'.",
        )
    elif mode == "symmetric":
        check(
            most <= size,
            "SYMMETRIC padding mode requires that 'pads_begin[D]' and 'pads_end[D]' must be not greater than "
            "'data_shape[D]'.",
        )


_PAD_NAMES = {"arg": "data", "arg_pad_value": "pad_value"}
_PAD_FACTORY = "pad(arg, pads_begin, pads_end, pad_mode, arg_pad_value=None)"


@op("Pad", "1", factory=_PAD_FACTORY, python_names=_PAD_NAMES, values=moving(1, pad_array))
def pad_1(
    data: Value,
    pads_begin: Value,
    pads_end: Value,
    pad_value: Value | None = None,
    *,
    pad_mode: PadMode,
) -> Value:
    """Pad-1: ``pads_begin``/``pads_end`` elements added at each axis: ``pad_value`` (default 0), the ``edge`` repeated,
    or the tensor mirrored without (``reflect``) or with (``symmetric``) its edge."""
    return _pad(data, pads_begin, pads_end, pad_value, pad_mode)


@op("Pad", "12", factory=_PAD_FACTORY, python_names=_PAD_NAMES, values=moving(1, pad_array))
def pad_12(
    data: Value,
    pads_begin: Value,
    pads_end: Value,
    pad_value: Value | None = None,
    *,
    pad_mode: PadMode,
) -> Value:
    """Pad-12: as Pad-1; negative numbers remove elements."""
    return _pad(data, pads_begin, pads_end, pad_value, pad_mode)
