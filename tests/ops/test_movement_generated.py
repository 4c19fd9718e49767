"""Generated cases of the operations that move elements, against the real OpenVINO.

Each operation has a function that draws one case; every seed is one test. ``OVGPU_GENERATED_CASES`` sets how many.
Where OpenVINO's CPU device crashes or reads wrong memory (Gather with batch axes of size 1, StridedSlice with new and
shrunk axes) its reference implementation is the oracle.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from .differential import Case, Refused, _attempt, cases, const, data

Rng = np.random.Generator

COUNT = int(os.environ.get("OVGPU_GENERATED_CASES", "10"))
TYPES = ["f32", "f32", "f16", "i32", "i64", "u8", "boolean", "i8", "bf16"]


def shape(rng: Rng, least: int = 1, most: int = 4, sizes: tuple[int, int] = (1, 5)) -> list[int]:
    return rng.integers(*sizes, rng.integers(least, most + 1), endpoint=True).tolist()


def kind(rng: Rng) -> str:
    return str(rng.choice(TYPES))


def index_type(rng: Rng) -> str:
    return str(rng.choice(["i32", "i64"]))


def one(*arguments: Any, **keywords: Any) -> Case:
    return next(cases(*arguments, **keywords))


def signed_axis(rng: Rng, axis: int, rank: int) -> int:
    return axis - rank if rng.random() < 0.5 else axis


def transpose(rng: Rng) -> Case:
    sizes = shape(rng)
    return one(
        "transpose", data(sizes, kind(rng)), const(rng.permutation(len(sizes)), index_type(rng))
    )


def reshape(rng: Rng) -> Case:
    sizes = shape(rng, 1, 4)
    pattern = rng.permutation(sizes).tolist()
    zero = bool(rng.random() < 0.5)
    if zero:
        pattern = [
            0 if p == s and rng.random() < 0.5 else p for p, s in zip(pattern, sizes, strict=True)
        ]
    if rng.random() < 0.6:
        pattern[rng.integers(len(pattern))] = -1
    return one("reshape", data(sizes, kind(rng)), const(pattern, index_type(rng)), zero)


def squeeze(rng: Rng) -> Case:
    sizes = shape(rng, 1, 5, (1, 2))
    ones = [i for i, s in enumerate(sizes) if s == 1]
    axes = [signed_axis(rng, i, len(sizes)) for i in ones if rng.random() < 0.7]
    return one(
        "squeeze",
        data(sizes, kind(rng)),
        const(axes, index_type(rng)),
        opset=int(rng.choice([1, 15])),
    )


def unsqueeze(rng: Rng) -> Case:
    sizes = shape(rng, 0, 3)
    count = int(rng.integers(1, 3))
    rank = len(sizes) + count
    axes = [signed_axis(rng, int(a), rank) for a in rng.permutation(rank)[:count]]
    return one("unsqueeze", data(sizes, kind(rng)), const(axes, index_type(rng)))


def concat(rng: Rng) -> Case:
    sizes, dtype = shape(rng), kind(rng)
    axis = int(rng.integers(len(sizes)))
    parts = []
    for _ in range(rng.integers(1, 4)):
        parts.append(data([*sizes[:axis], int(rng.integers(1, 4)), *sizes[axis + 1 :]], dtype))
    return one("concat", parts, signed_axis(rng, axis, len(sizes)))


def split(rng: Rng) -> Case:
    sizes, count = shape(rng), int(rng.integers(1, 4))
    axis = int(rng.integers(len(sizes)))
    sizes[axis] = count * int(rng.integers(1, 3))
    at = const(signed_axis(rng, axis, len(sizes)), index_type(rng))
    return one("split", data(sizes, kind(rng)), at, count)


def tile(rng: Rng) -> Case:
    repeats = rng.integers(1, 3, rng.integers(1, 4), endpoint=True)
    return one("tile", data(shape(rng, 0, 3), kind(rng)), const(repeats, index_type(rng)))


def broadcast(rng: Rng) -> Case:
    target = shape(rng)
    sizes = [1 if rng.random() < 0.4 else t for t in target[rng.integers(len(target) + 1) :]]
    if rng.random() < 0.5:
        return one("broadcast", data(sizes, kind(rng)), const(target, index_type(rng)), opset=3)
    target = [1 if rng.random() < 0.3 else t for t in target]
    return one(
        "broadcast", data(sizes, kind(rng)), const(target), broadcast_spec="BIDIRECTIONAL", opset=3
    )


def limits(rng: Rng, size: int) -> tuple[int, int, int]:
    """A start, stop and step; about one in six is far out of range."""
    bounds = [int(x) for x in rng.integers(-size - 2, size + 3, 2)]
    for i, far in enumerate((-(2**31) + 1, 2**31 - 1)):
        if rng.random() < 0.15:
            bounds[i] = far
    return bounds[0], bounds[1], int(rng.choice([1, 1, 1, 2, 3, -1, -2]))


def slice_(rng: Rng) -> Case:
    sizes = shape(rng, 1, 4, (1, 7))
    axes = rng.permutation(len(sizes))[: rng.integers(1, len(sizes) + 1)]
    starts, stops, steps = zip(*(limits(rng, sizes[a]) for a in axes), strict=True)
    at = [signed_axis(rng, int(a), len(sizes)) for a in axes]
    return one(
        "slice", data(sizes, kind(rng)), const(starts), const(stops), const(steps), const(at)
    )


def strided_slice(rng: Rng) -> Case:
    sizes = shape(rng, 1, 4, (1, 7))
    count = int(rng.integers(1, len(sizes) + 1))
    begins, ends, steps = map(list, zip(*(limits(rng, s) for s in sizes[:count]), strict=True))
    masks = {
        name: (rng.random(count) < 0.3).astype(int).tolist() for name in ("begin_mask", "end_mask")
    }
    masks["new_axis_mask"] = (rng.random(count) < 0.2).astype(int).tolist()
    shrink = [int(not n and rng.random() < 0.3) for n in masks["new_axis_mask"]]
    ellipsis = [0] * count
    if rng.random() < 0.3:
        ellipsis[rng.integers(count)] = 1
    masks["shrink_axis_mask"] = [s * (1 - e) for s, e in zip(shrink, ellipsis, strict=True)]
    masks["new_axis_mask"] = [
        n * (1 - e) for n, e in zip(masks["new_axis_mask"], ellipsis, strict=True)
    ]
    for i in range(count):  # what a shrunk axis takes must exist
        if masks["shrink_axis_mask"][i]:
            begins[i], ends[i], steps[i] = 0, 1, 1
            masks["begin_mask"][i] = masks["end_mask"][i] = 0
    return one("strided_slice", data(sizes, kind(rng)), const(begins), const(ends), const(steps),
               ellipsis_mask=ellipsis, oracle="evaluate", **masks)  # fmt: skip


def pad(rng: Rng) -> Case:
    sizes, dtype = shape(rng, 1, 4, (2, 5)), kind(rng)
    mode = str(rng.choice(["constant", "edge", "reflect", "symmetric"]))
    before, after = ([int(rng.integers(-1 if s > 2 else 0, s)) for s in sizes] for _ in range(2))
    value = [const(1, dtype)] if mode == "constant" and rng.random() < 0.5 else []
    return one("pad", data(sizes, dtype), const(before), const(after), mode, *value)


def gather(rng: Rng) -> Case:
    sizes = shape(rng)
    batch = int(rng.integers(len(sizes)))
    axis = int(rng.integers(batch, len(sizes)))
    indices = [*sizes[:batch], *shape(rng, 0, 2)]
    size = sizes[axis]
    drawn = data(indices, index_type(rng), -size, size - 1)
    return one(
        "gather",
        data(sizes, kind(rng)),
        drawn,
        const(signed_axis(rng, axis, len(sizes))),
        batch,
        oracle="evaluate",
    )


def gather_elements(rng: Rng) -> Case:
    sizes = shape(rng)
    axis = int(rng.integers(len(sizes)))
    indices = [*sizes[:axis], int(rng.integers(1, 6)), *sizes[axis + 1 :]]
    drawn = data(indices, index_type(rng), -sizes[axis], sizes[axis] - 1)
    return one("gather_elements", data(sizes, kind(rng)), drawn, signed_axis(rng, axis, len(sizes)))


def gather_nd(rng: Rng) -> Case:
    sizes = shape(rng, 1, 4, (2, 4))
    batch = int(rng.integers(len(sizes)))
    length = int(rng.integers(1, len(sizes) - batch + 1))
    drawn = data([*sizes[:batch], *shape(rng, 0, 2), length], index_type(rng), -2, 1)
    return one("gather_nd", data(sizes, kind(rng)), drawn, batch, opset=8)


def roll(rng: Rng) -> Case:
    sizes, count = shape(rng), int(rng.integers(1, 4))
    axes = [signed_axis(rng, int(a), len(sizes)) for a in rng.integers(0, len(sizes), count)]
    return one("roll", data(sizes, kind(rng)), const(rng.integers(-7, 8, count)), const(axes))


def topk(rng: Rng) -> Case:
    sizes = shape(rng)
    axis = int(rng.integers(len(sizes)))
    k = int(rng.integers(1, sizes[axis] + 1))
    distinct = rng.permutation(int(np.prod(sizes)))
    return one("topk", data(sizes, str(rng.choice(["f32", "i32"])), values=distinct), const(k),
               signed_axis(rng, axis, len(sizes)), str(rng.choice(["max", "min"])),
               str(rng.choice(["value", "index"])))  # fmt: skip


OPERATIONS: list[Callable[[Rng], Case]] = [
    transpose, reshape, squeeze, unsqueeze, concat, split, tile, broadcast, slice_, strided_slice, pad, gather,
    gather_elements, gather_nd, roll, topk,
]  # fmt: skip


@pytest.mark.parametrize("seed", range(COUNT))
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda f: f.__name__)
def test_generated(operation: Callable[[Rng], Case], seed: int) -> None:
    case = operation(np.random.default_rng([seed, *operation.__name__.encode()]))
    theirs, mine = _attempt(case.build_theirs), _attempt(case.build_mine)
    assert isinstance(mine, Refused) == isinstance(theirs, Refused), (case, mine, theirs)
    if isinstance(mine, Refused):
        return
    try:
        case.check_static()
        if operation not in (
            slice_,
            strided_slice,
        ):  # our bounds of slices are exact, OpenVINO's not always
            case.check_relaxed("dynamic")
        case.check_relaxed("rank")
    except AssertionError as error:
        raise AssertionError(f"{case}: {error}") from error
