"""Operations of random graphs: movements of elements."""

from __future__ import annotations

import numpy as np
from plugins.gpu.random_elementwise import counter
from plugins.gpu.random_graphs import Builder, Impossible, Made, fits, i64, scalar

from ovgpu import opset13 as ops


def transpose(b: Builder) -> None:
    m = b.any(1)
    order = b.rng.permutation(m.rank)
    b.add(ops.transpose(m.port, i64(*(order if b.chance(0.9) else []))))


def reshape(b: Builder) -> None:
    """Another shape: constant, with 0 and -1, or computed from sizes."""
    m = b.any()
    kind = b.integers(0, 6)
    if kind == 0:
        b.add(ops.reshape(m.port, i64(-1), False))
    elif kind == 1 and m.rank >= 2:
        b.add(ops.reshape(m.port, i64(0, -1), True))
    elif kind == 2 and m.rank >= 2:
        last = m.size(m.rank - 1)
        if not last:
            raise Impossible
        b.add(ops.reshape(m.port, i64(-1, last), False))
    elif kind == 3 and m.rank >= 1:
        axis = b.axis(m)
        size = m.size(axis)
        factors = [f for f in range(1, (size or 0) + 1) if size % f == 0]
        f = b.pick(factors)
        target = [0] * axis + [f, size // f] + [-1] * (axis < m.rank - 1)
        b.add(ops.reshape(m.port, i64(*target), True))
    elif kind == 4 and m.rank >= 1:  # sizes computed
        sizes = ops.shape_of(m.port, b.pick(["i64", "i32"]))
        dtype = sizes.get_output_element_type(0).to_dtype().type
        axis = b.axis(m)
        kept = ops.gather(sizes, ops.constant(np.array([axis], dtype)), scalar(0))
        minus = ops.constant(np.array([-1], dtype))
        parts = [kept, minus] if b.chance(0.5) else [minus, kept]
        b.add(ops.reshape(m.port, ops.concat(parts, 0), False))
    elif kind == 5 and m.rank >= 2:  # two sizes multiplied
        sizes = ops.shape_of(m.port, "i64")
        first = ops.gather(sizes, scalar(0), scalar(0))
        second = ops.gather(sizes, scalar(1), scalar(0))
        product = ops.unsqueeze(ops.multiply(first, second), scalar(0))
        b.add(ops.reshape(m.port, ops.concat([product, i64(-1)], 0), False))
    elif kind == 6:
        o = b.take(lambda o: [np.prod(s) for s in o.shapes] == [np.prod(s) for s in m.shapes])
        b.add(ops.reshape(m.port, ops.shape_of(o.port), False))
    else:
        raise Impossible


def squeeze(b: Builder) -> None:
    m = b.any()
    if b.chance(0.5) and m.rank < 5:
        at = b.integers(0, m.rank)
        b.add(ops.unsqueeze(m.port, i64(b.signed(at, m.rank + 1))))
    else:
        ones = [a for a in range(m.rank) if m.size(a) == 1]
        b.add(ops.squeeze(m.port, i64(b.pick(ones))))


def cut(b: Builder) -> None:
    """Slice, with constant bounds or such from an input or a size."""
    m = b.any(1)
    axes = sorted(b.rng.choice(m.rank, b.integers(1, min(2, m.rank)), replace=False).tolist())
    starts, stops, steps = [], [], []
    for _ in axes:
        step = b.pick([1, 1, 1, 2, -1, -2, 3])
        start, stop = b.pick([0, 0, 1, -2, -1, 2]), b.pick([100, 100, -1, 3, 2, 1, 1 << 62])
        if step < 0:
            start, stop = b.pick([-1, 100, 2]), b.pick([-100, 0, -3, -(1 << 62)])
        starts.append(start), stops.append(stop), steps.append(step)
    end = i64(*stops)
    if len(axes) == 1 and steps[0] > 0 and b.chance(0.3):
        if b.chance(0.5):
            end = ops.gather(ops.shape_of(m.port), i64(axes[0]), scalar(0))
            end = ops.subtract(end, i64(1))
        else:
            end = counter(b, 1)
    b.add(
        ops.slice(m.port, i64(*starts), end, i64(*steps), i64(*[b.signed(a, m.rank) for a in axes]))
    )


def strided_slice(b: Builder) -> None:
    """With negative steps and all masks."""
    m = b.any(1)
    n = b.integers(1, m.rank)
    masks = {k: [int(b.chance(0.25)) for _ in range(n)] for k in ("begin_mask", "end_mask")}
    new = [int(b.chance(0.1)) for _ in range(n)]
    shrink = [int(b.chance(0.2)) for _ in range(n)]
    ellipsis = [0] * n
    if b.chance(0.15):
        ellipsis[b.integers(0, n - 1)] = 1
    begin = [b.pick([0, 1, -1, -2, 2]) for _ in range(n)]
    end = [b.pick([100, 3, 2, -1]) for _ in range(n)]
    steps = [b.pick([1, 1, 2, -1]) for _ in range(n)]
    for i in range(n):
        if steps[i] < 0:
            begin[i], end[i] = b.pick([-1, 100]), b.pick([-100, 0])
        if shrink[i]:
            begin[i], steps[i] = 0, 1
    b.add(
        ops.strided_slice(
            m.port,
            i64(*begin),
            i64(*end),
            i64(*steps),
            masks["begin_mask"],
            masks["end_mask"],
            new,
            shrink,
            ellipsis,
        )
    )


def split(b: Builder) -> None:
    m = b.any(1)
    axis = b.axis(m)
    size = m.size(axis)
    if b.chance(0.5):
        if not size:
            raise Impossible
        counts = [n for n in range(1, min(size, 4) + 1) if size % n == 0]
        b.add(ops.split(m.port, scalar(b.signed(axis, m.rank)), b.pick(counts)))
    elif size:
        first = b.integers(0 if b.chance(0.1) else 1, size)
        parts = [first, size - first] if b.chance(0.6) else [-1, b.integers(0, size)]
        b.add(ops.variadic_split(m.port, scalar(axis), i64(*parts)))
    else:
        b.add(ops.variadic_split(m.port, scalar(axis), i64(1, -1)))


def concat(b: Builder) -> None:
    """Tensors of the graph, the same one twice, and constants."""
    m = b.any(1)
    axis = b.axis(m)

    def matches(o: Made) -> bool:
        return (
            o.dtype == m.dtype
            and o.rank == m.rank
            and all(
                all(i == axis or x[i] == y[i] for i in range(m.rank))
                for x, y in zip(o.shapes, m.shapes)
            )
        )

    parts = [b.pick([o for o in b.pool if matches(o)]).port for _ in range(b.integers(0, 2))]
    parts.insert(b.integers(0, len(parts)), m.port)
    sizes = [m.size(a) for a in range(m.rank)]
    if b.chance(0.3) and all(s is not None for i, s in enumerate(sizes) if i != axis):
        sizes[axis] = b.integers(0 if b.chance(0.1) else 1, 3)
        parts.append(b.constant(sizes, m.dtype.type))
    b.add(ops.concat(parts, b.signed(axis, m.rank)))


def pad(b: Builder) -> None:
    """In all modes; a constant may cut off."""
    m = b.any(1)
    mode = b.pick(["constant", "constant", "edge", "reflect", "symmetric"])
    low = 0 if mode != "constant" or b.chance(0.7) else -1
    begin = [b.integers(low, 2) if b.chance(0.6) else 0 for _ in range(m.rank)]
    end = [b.integers(low, 2) if b.chance(0.6) else 0 for _ in range(m.rank)]
    if mode in ("reflect", "symmetric", "edge"):
        for axis in range(m.rank):
            smallest = min(s[axis] for s in m.shapes) - (mode == "reflect")
            if mode == "edge":
                smallest = 9 if smallest else 0
            begin[axis], end[axis] = (
                min(begin[axis], max(smallest, 0)),
                min(end[axis], max(smallest, 0)),
            )
    value = ops.constant(b.elements([], m.dtype.type)) if b.chance(0.5) else None
    args = [m.port, i64(*begin), i64(*end), mode]
    b.add(ops.pad(*args, value) if value is not None and mode == "constant" else ops.pad(*args))


def tile(b: Builder) -> None:
    m = b.any()
    n = b.integers(0, m.rank + 1)
    repeats = [b.pick([1, 1, 2, 3]) for _ in range(n)]
    if n == 1 and b.chance(0.4):
        b.add(ops.tile(m.port, counter(b)))
    else:
        b.add(ops.tile(m.port, i64(*repeats)))


def broadcast(b: Builder) -> None:
    """To constant sizes, to those of another tensor, with explicit axes."""
    m = b.any()
    others = [o for o in b.pool if all(fits(x, y) for x, y in zip(o.shapes, m.shapes))]
    if others and b.chance(0.5):
        o = b.pick(others)
        b.add(
            ops.broadcast(
                m.port, ops.shape_of(o.port, b.pick(["i32", "i64"])), broadcast_spec="BIDIRECTIONAL"
            )
        )
        return
    target = [b.integers(1, 3) if b.chance(0.5) else 1 for _ in range(m.rank + b.integers(0, 1))]
    if b.chance(0.5):
        b.add(ops.broadcast(m.port, i64(*target), broadcast_spec="BIDIRECTIONAL"))
        return
    sizes = [m.size(a) for a in range(m.rank)]
    if any(s is None for s in sizes):
        raise Impossible
    lead = [b.integers(0 if b.chance(0.1) else 1, 3) for _ in range(b.integers(0, 2))]
    if m.rank and b.chance(0.4):  # explicit axes
        full = lead + sizes
        b.add(ops.broadcast(m.port, i64(*full), i64(*range(len(lead), len(full))), "EXPLICIT"))
        return
    b.add(ops.broadcast(m.port, i64(*lead, *[b.integers(1, 3) if s == 1 else s for s in sizes])))


def gather(b: Builder) -> None:
    """Gather, GatherElements and GatherND; indices may be computed."""
    m = b.any(1)
    axis = b.axis(m)
    smallest = min(s[axis] for s in m.shapes)
    if not smallest:
        raise Impossible
    kind = b.integers(0, 4)
    dtype = b.pick([np.int32, np.int64])
    if kind == 0:  # computed indices
        source = b.take(lambda o: o.dtype in (np.int32, np.int64) and o.rank <= 2)
        indices = ops.floor_mod(source.port, ops.constant(np.array(smallest, source.dtype.type)))
        b.add(ops.gather(m.port, indices, scalar(axis)))
        return
    shape = [b.integers(1, 4) for _ in range(b.integers(0, 2))]
    indices = b.rng.integers(-smallest, smallest, shape).astype(dtype)
    if kind == 1 and smallest == m.size(axis):
        full = list(m.arrays[0].shape)
        if any(m.size(a) is None for a in range(m.rank)):
            raise Impossible
        full[axis] = b.integers(1, 4)
        b.add(
            ops.gather_elements(
                m.port, ops.constant(b.rng.integers(-smallest, smallest, full).astype(dtype)), axis
            )
        )
    elif kind == 2:
        last = b.integers(1, m.rank)
        columns = [min(s[i] for s in m.shapes) for i in range(last)]
        if not all(columns):
            raise Impossible
        rows = [b.integers(1, 4) for _ in range(b.integers(0, 2))]
        picked = np.stack([b.rng.integers(-c, c, rows) for c in columns], -1).astype(dtype)
        b.add(ops.gather_nd(m.port, ops.constant(picked), 0))
    elif kind == 3 and m.rank >= 2 and m.size(0):  # batch
        picked = b.rng.integers(-1, 1, [m.size(0), b.integers(1, 3)]).astype(dtype)
        b.add(ops.gather(m.port, ops.constant(picked), scalar(1), 1))
    else:
        b.add(ops.gather(m.port, ops.constant(indices), scalar(b.signed(axis, m.rank))))


def scatter(b: Builder) -> None:
    """At different places, so that the order does not matter."""
    m = b.any(1)
    axis = b.axis(m)
    smallest = min(s[axis] for s in m.shapes)
    sizes = [m.size(a) for a in range(m.rank)]
    if not smallest:
        raise Impossible
    kind = b.integers(0, 2)
    if kind == 0:
        count = b.integers(1, smallest)
        if any(s is None for i, s in enumerate(sizes) if i != axis):
            raise Impossible
        places = b.rng.permutation(smallest)[:count].astype(np.int64)
        shape = [*sizes[:axis], count, *sizes[axis + 1 :]]
        b.add(
            ops.scatter_update(
                m.port, ops.constant(places), b.constant(shape, m.dtype.type), scalar(axis)
            )
        )
    elif kind == 1:
        count = b.integers(1, smallest)
        shape = [b.integers(1, min(s[i] for s in m.shapes) or 1) for i in range(m.rank)]
        if any(not min(s[i] for s in m.shapes) for i in range(m.rank)):
            raise Impossible
        shape[axis] = count
        places = np.argsort(b.rng.random([*shape[:axis], smallest, *shape[axis + 1 :]]), axis).take(
            range(count), axis
        )
        updates = b.constant(shape, m.dtype.type)
        if b.chance(0.5) or m.dtype == bool:
            b.add(ops.scatter_elements_update(m.port, ops.constant(places), updates, scalar(axis)))
        else:
            b.add(
                ops.scatter_elements_update(
                    m.port,
                    ops.constant(places),
                    updates,
                    scalar(axis),
                    b.pick(["sum", "max", "min", "prod"]),
                    b.chance(0.7),
                )
            )
    else:
        rows = b.integers(1, smallest)
        if any(s is None for s in sizes[1:]) or axis:
            raise Impossible
        places = b.rng.permutation(smallest)[:rows].astype(np.int64).reshape(-1, 1)
        b.add(
            ops.scatter_nd_update(
                m.port, ops.constant(places), b.constant([rows, *sizes[1:]], m.dtype.type)
            )
        )


def rearrange(b: Builder) -> None:
    """Rarer movements."""
    m = b.any(1)
    kind = b.integers(0, 5)
    if kind == 0:
        o = b.take(
            lambda o: (
                o.rank == m.rank == 4 and (o.size(2) or 1) % 2 == 0 and (o.size(3) or 1) % 2 == 0
            )
        )
        b.add(ops.space_to_depth(o.port, b.pick(["blocks_first", "depth_first"]), 2))
    elif kind == 1:
        o = b.take(lambda o: o.rank == 4 and (o.size(1) or 1) % 4 == 0)
        b.add(ops.depth_to_space(o.port, b.pick(["blocks_first", "depth_first"]), 2))
    elif kind == 2:
        b.add(ops.roll(m.port, i64(b.integers(-3, 3)), i64(b.axis(m))))
    elif kind == 3 and m.rank >= 2:
        axes = b.rng.permutation(m.rank)[:2]
        lengths = ops.constant(
            np.array([min(s[axes[1]] for s in m.shapes)] * (m.size(int(axes[0])) or 1), np.int64)
        )
        b.add(ops.reverse_sequence(m.port, lengths, int(axes[0]), int(axes[1])))
    elif kind == 4 and m.rank >= 3:
        b.add(ops.shuffle_channels(m.port, b.axis(m), b.pick([1, 2, 3])))
    elif kind == 5 and m.rank == 4:
        b.add(ops.batch_to_space(m.port, i64(1, 1, 1, 1), i64(0, 0, 0, 0), i64(0, 0, 1, 0)))
    else:
        raise Impossible
