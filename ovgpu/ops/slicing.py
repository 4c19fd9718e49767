"""Operations that cut a box out of a tensor, or write into one: Slice, StridedSlice, SliceScatter."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ovgpu.graph.dimension import Dimension, make
from ovgpu.graph.interval import Interval
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.common import check_integer, check_rank, element_count, merge_types, normalize_axes
from ovgpu.ops.declaration import check, op
from ovgpu.ops.value_rules import moving

#: Stands for a missing upper bound where plain integers are needed; larger than any tensor dimension.
_ENDLESS = 1 << 62
#: Stands for a limit before the first element, whatever the size.
_BEFORE = -(1 << 63)


# ---- lengths of slices
def python_slice(size: int, start: int | None, stop: int | None, step: int) -> slice:
    """``start:stop:step`` of OpenVINO along an axis of ``size`` as a Python slice.

    They differ in one point: where Python finds nothing when it steps backwards from before the first element,
    OpenVINO (and ONNX) begin at the first element.
    """
    if step < 0 and start is not None and start < -size:
        start = 0
    # numpy takes limits as C ssize_t and clips them, but its own arithmetic on the extreme value overflows.
    return slice(start, None if stop is None else max(stop, -_ENDLESS), step)


def slice_length(size: int, start: int, stop: int, step: int) -> int:
    """Number of indices that ``start:stop:step`` selects from ``size``."""
    if step < 0 and start < -size:
        start = 0
    return len(range(*slice(start, stop, step).indices(size)))


def sliced_dimension(
    size: Dimension, start: Interval | None, stop: Interval | None, step: int | None
) -> Dimension:
    """Every length that ``start:stop:step`` may select from ``size``. None: nothing is known about that limit."""
    least, most = size.interval()
    if start is None or stop is None or step is None:
        return Dimension.static(0) if most == 0 else make(0, most)
    if least == most and start.is_point and stop.is_point:
        return Dimension.static(slice_length(least, int(start.lower), int(stop.lower), step))
    # The length is piecewise linear in each argument, so its extremes lie at the ends of the intervals and where the
    # pieces meet: where a limit changes its sign and where it meets the other one or the end of the dimension.
    starts, stops = _candidates(start), _candidates(stop)
    longest = _ENDLESS if most < 0 else most
    sizes = {least, longest}
    for a, b in itertools.product(starts, stops):
        for point in (abs(a), abs(b), abs(a) + abs(b)):
            sizes.update(n for n in (point - 1, point, point + 1) if least <= n <= longest)
    lengths = [slice_length(n, a, b, step) for n in sizes for a in starts for b in stops]
    low, high = min(lengths), max(lengths)
    if high > _ENDLESS // (4 * abs(step)):
        high = -1
    if (low, high) == (least, most) and (low, high) != (0, -1):
        return size  # with its symbol; OpenVINO keeps that of a whole axis unless nothing is known about its size
    return make(low, high)


def _candidates(limit: Interval) -> list[int]:
    low = _BEFORE if limit.lower < -_ENDLESS else int(limit.lower)
    high = _ENDLESS if limit.upper > _ENDLESS else int(limit.upper)
    return sorted({low, high} | ({-1, 0} if low < 0 <= high else set()))


def _limits(value: Value) -> Sequence[Interval | None] | None:
    """The limits given by a 1-D input: intervals, or None for all of them when nothing is known."""
    known = value.intervals
    if known is not None:
        return list(known.reshape(-1))
    count = element_count(value)
    return None if count is None else [None] * count


# ---- Slice, SliceScatter
def slice_index(
    shape: Sequence[int], start: Any, stop: Any, step: Any, axes: Any | None
) -> tuple[slice, ...]:
    """The index expression of Slice-8 for exact limits."""
    rank = len(shape)
    index = [slice(None)] * rank
    positions = range(len(start)) if axes is None else normalize_axes(axes, rank, "Slice")
    for position, a, b, s in zip(positions, start, stop, step, strict=True):
        index[position] = python_slice(shape[position], int(a), int(b), int(s))
    return tuple(index)


def _slice_values(
    data: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    step: np.ndarray,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    return data[slice_index(data.shape, start, stop, step, axes)]


def _slice_shape(
    data: Value, start: Value, stop: Value, step: Value, axes: Value | None
) -> PartialShape:
    for name, value in (("start", start), ("stop", stop), ("step", step), ("axes", axes)):
        check_integer(value, f"Slice: '{name}'")
        check_rank(value, (1,), f"Slice: '{name}' input must be a 1D tensor; it")
    for value in (start, stop, step):
        if data.rank is not None and value.rank is not None:
            check(
                value.dims[0].get_min_length() <= data.rank,
                "Slice input dim size of 'start', 'stop' and 'step' can't be bigger than `data` rank.",
            )
    counts = {element_count(v) for v in (start, stop, step, axes) if v is not None} - {None}
    check(
        len(counts) <= 1,
        "Slice: 'start', 'stop', 'step' and 'axes' must have the same number of elements",
    )
    steps = step.ints()
    check(steps is None or 0 not in steps, "Slice: Step must be non-zero")
    if data.rank is None:
        return data.shape
    starts, stops, listed = _limits(start), _limits(stop), None if axes is None else axes.ints()
    count = next(iter(counts), None)
    if (axes is not None and listed is None) or (axes is None and count is None):
        return PartialShape.of([sliced_dimension(d, None, None, None) for d in data.dims])
    assert count is not None
    positions = list(range(count)) if listed is None else normalize_axes(listed, data.rank, "Slice")
    check(len(set(positions)) == len(positions), "Slice values in `axes` input must be unique.")
    result = list(data.dims)
    for i, position in enumerate(positions):
        result[position] = sliced_dimension(
            data.dims[position],
            None if starts is None else starts[i],
            None if stops is None else stops[i],
            None if steps is None else steps[i],
        )
    return PartialShape.of(result)


@op(
    "Slice",
    "8",
    factory="slice(data, start, stop, step, axes=None)",
    values=moving(1, _slice_values),
)
def slice_(data: Value, start: Value, stop: Value, step: Value, axes: Value | None = None) -> Value:
    """Slice-8: ``start:stop:step`` along each of ``axes`` (default: the first ones), with Python's rules for negative
    and too large limits."""
    return Value(data.type, _slice_shape(data, start, stop, step, axes))


def _slice_scatter_values(
    data: np.ndarray,
    updates: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    step: np.ndarray,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    result = data.copy()
    result[slice_index(data.shape, start, stop, step, axes)] = updates
    return result


@op("SliceScatter", "15", factory="slice_scatter(data, updates, start, stop, step, axes=None)",
    values=moving(2, _slice_scatter_values))  # fmt: skip
def slice_scatter(
    data: Value, updates: Value, start: Value, stop: Value, step: Value, axes: Value | None = None
) -> Value:
    """SliceScatter-15: ``data`` with the elements that Slice would select replaced by ``updates``."""
    output_type = merge_types("SliceScatter", data, updates)
    expected = _slice_shape(data, start, stop, step, axes)
    check(
        updates.shape.compatible(expected),
        f"SliceScatter updates {updates.shape} are not compatible with expected slice shape {expected}",
    )
    if data.rank is None and updates.rank is not None:
        return Value(output_type, PartialShape.dynamic(updates.rank))
    return Value(output_type, data.shape)


# ---- StridedSlice
class Masks:
    """The mask attributes of StridedSlice, padded with zeros to ``count`` entries."""

    def __init__(
        self,
        count: int,
        begin_mask: Iterable[int],
        end_mask: Iterable[int],
        new_axis_mask: Iterable[int],
        shrink_axis_mask: Iterable[int],
        ellipsis_mask: Iterable[int],
    ) -> None:
        def padded(mask: Iterable[int]) -> list[int]:
            given = list(mask)
            return given[:count] + [0] * (count - len(given))

        self.begin = padded(begin_mask)
        self.end = padded(end_mask)
        self.new_axis = padded(new_axis_mask)
        self.shrink = padded(shrink_axis_mask)
        self.ellipsis = padded(ellipsis_mask)


def strided_slice_index(
    shape: Sequence[int],
    begin: np.ndarray,
    end: np.ndarray,
    strides: np.ndarray | None,
    **masks: Any,
) -> tuple[Any, ...]:
    """The numpy index expression of StridedSlice for exact limits."""
    begins, ends = [int(x) for x in begin.reshape(-1)], [int(x) for x in end.reshape(-1)]
    steps = [1] * len(begins) if strides is None else [int(x) for x in strides.reshape(-1)]
    m = Masks(len(begins), **masks)
    index: list[Any] = []
    axis = 0
    for i, (a, b, s) in enumerate(zip(begins, ends, steps, strict=True)):
        if m.ellipsis[i]:
            index.append(Ellipsis)
            taken = sum(not (m.new_axis[j] or m.ellipsis[j]) for j in range(i + 1, len(begins)))
            axis = len(shape) - taken
        elif m.new_axis[i]:
            index.append(np.newaxis)
        else:
            first = None if m.begin[i] else a
            if m.shrink[i]:
                size = shape[axis]
                check(
                    size > 0, f"StridedSlice: axis {axis} of {list(shape)} has no element to take"
                )
                at = (0 if s > 0 else -1) if first is None else first
                index.append(min(max(at + size if at < 0 else at, 0), max(size - 1, 0)))
            else:
                index.append(python_slice(shape[axis], first, None if m.end[i] else b, s))
            axis += 1
    return tuple(index)


def _strided_slice_values(
    data: np.ndarray,
    begin: np.ndarray,
    end: np.ndarray,
    strides: np.ndarray | None = None,
    **masks: Any,
) -> np.ndarray:
    # The ellipsis keeps the result of a full shrink an array.
    index = strided_slice_index(data.shape, begin, end, strides, **masks)
    return np.asarray(data[index if Ellipsis in index else (*index, Ellipsis)])


@op("StridedSlice", "1", values=moving(1, _strided_slice_values),
    factory="strided_slice(data, begin, end, strides, begin_mask, end_mask, new_axis_mask=None, "
            "shrink_axis_mask=None, ellipsis_mask=None)")  # fmt: skip
def strided_slice(
    data: Value,
    begin: Value,
    end: Value,
    strides: Value | None = None,
    *,
    begin_mask: list[int],
    end_mask: list[int],
    new_axis_mask: list[int] = [],
    shrink_axis_mask: list[int] = [],
    ellipsis_mask: list[int] = [],
) -> Value:
    """StridedSlice-1: ``begin:end:strides`` along the first axes.

    The masks have an entry for each slice. 1 says: in ``begin_mask``/``end_mask`` that the limit is ignored, in
    ``new_axis_mask`` that a dimension of 1 is inserted, in ``shrink_axis_mask`` that only index ``begin`` is taken and
    the axis dropped, in ``ellipsis_mask`` (once) that all axes without a slice of their own stand here.
    """
    for name, value in (("begin", begin), ("end", end), ("strides", strides)):
        check_integer(value, f"StridedSlice: '{name}'")
        check_rank(value, (1,), f"StridedSlice: '{name}' input must be 1D; it")
    given = [begin_mask, end_mask, new_axis_mask, shrink_axis_mask, ellipsis_mask]
    check(
        all(x in (0, 1) for mask in given for x in mask),
        "All masks of StridedSlice must have be 0 or 1",
    )
    check(sum(ellipsis_mask) <= 1, "At most one ellipsis is allowed.")
    if data.rank is None:
        return Value(data.type, data.shape)
    counts = {element_count(v) for v in (begin, end, strides) if v is not None} - {None}
    check(
        len(counts) <= 1,
        "StridedSlice: 'begin', 'end' and 'strides' must have the same number of elements",
    )
    count = next(iter(counts), max(map(len, given)))
    assert count is not None
    masks = Masks(count, *given)
    own = sum(not (n or e) for n, e in zip(masks.new_axis, masks.ellipsis, strict=True))
    check(own <= data.rank, f"StridedSlice: {own} slices for an input of rank {data.rank}")
    nothing: Sequence[Interval | None] = [None] * count
    begins, ends = _limits(begin) or nothing, _limits(end) or nothing
    steps: Sequence[int | None] | None = [1] * count if strides is None else strides.ints()
    check(steps is None or 0 not in steps, "StridedSlice: Stride must not be zero")
    steps = steps or [None] * count
    result: list[Dimension] = []
    axis = 0
    for i in range(count):
        if masks.ellipsis[i]:
            rest = data.rank - axis - sum(not masks.new_axis[j] for j in range(i + 1, count))
            result += data.dims[axis : axis + rest]
            axis += rest
        elif masks.new_axis[i]:
            result.append(Dimension.static(1))
        else:
            if not masks.shrink[i]:
                step = steps[i]
                backwards = step is not None and step < 0
                first = _point(_ENDLESS if backwards else 0) if masks.begin[i] else begins[i]
                last = _point(_BEFORE if backwards else _ENDLESS) if masks.end[i] else ends[i]
                result.append(sliced_dimension(data.dims[axis], first, last, step))
            axis += 1
    return Value(data.type, PartialShape.of([*result, *data.dims[axis:]]))


def _point(limit: int) -> Interval:
    return Interval(limit, limit)
