"""Random graphs: small models of all kinds of operations, with inputs for several sets of sizes.

Each tensor carries its elements for every set of sizes and two variants of them, so that only operations that are
possible are added. Floats that are small multiples of 1/64 are exact in any order of operations: those that jump
(Floor, TopK, comparisons) read no others, so that the devices' roundings do not decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import ovgpu as ov
from ovgpu import opset13 as ops
from ovgpu.plugins.cpu.evaluate import evaluate

#: Elements of a tensor.
LARGEST = 16384

_SIGNED = (np.int32, np.int64, np.int8, np.int16)


class Impossible(Exception):
    """An operation does not fit; another one is tried."""


@dataclass
class Made:
    """A tensor: its port and its elements in each case.

    ``exact``: real elements are multiples of 1/64 that any order of operations gives.
    """

    port: Any
    arrays: list[np.ndarray]
    exact: bool = True

    @property
    def rank(self) -> int:
        return self.arrays[0].ndim

    @property
    def dtype(self) -> np.dtype:
        return self.arrays[0].dtype

    @property
    def real(self) -> bool:
        return self.dtype == np.float32

    @property
    def integer(self) -> bool:
        return self.dtype.kind in "iu"

    def size(self, axis: int) -> int | None:
        """Size of an axis if it is the same in all cases."""
        sizes = {a.shape[axis] for a in self.arrays}
        return sizes.pop() if len(sizes) == 1 else None

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        return [a.shape for a in self.arrays]


def i64(*values: int) -> Any:
    """A constant vector."""
    return ops.constant(np.array(values, np.int64))


def scalar(value: Any, dtype: Any = np.int64) -> Any:
    """A constant number."""
    return ops.constant(np.array(value, dtype))


class Builder:
    """A model that is being made, from random numbers of a seed.

    Attributes:
        mode: ``static``, or how dynamic dimensions are declared.
        sets: number of the sets of sizes that the inputs take.
        data: by set, by variant (two, with other elements), by input: an array.
        text: a line for each operation, to read when something is wrong.
    """

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.seed = seed
        self.mode = str(self.pick(["static", "bounded", "unbounded", "mixed"]))
        self.sets = 1 if self.mode == "static" else 4
        #: Each set of sizes with each variant of elements.
        self.cases = range(2 * self.sets)
        self.pool: list[Made] = []
        self.parameters: list[Any] = []
        self.sinks: list[Any] = []
        self.text: list[str] = []
        #: Outputs that are no operands: what variables hold is not known here.
        self.forced: list[Made] = []
        #: Small numbers that are inputs.
        self.counters: list[Made] = []
        self.model: Any = None
        zero = self.chance(0.12)
        self.sizes: dict[str, list[int]] = {}
        for name in "ab":
            first = self.integers(1, 6)
            sizes = [
                first,
                first + self.integers(1, 4),
                self.integers(1, 5),
                first + self.integers(4, 12),
            ]
            if zero and name == "a":
                sizes[self.integers(0, 3)] = 0
            self.sizes[name] = sizes[: self.sets]
        self.data: list[list[list[np.ndarray]]] = [[[], []] for _ in range(self.sets)]

    # ---- chance -----------------------------------------------------------------------------------------------------
    def integers(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def pick(self, items: Sequence[Any]) -> Any:
        if not len(items):
            raise Impossible
        return items[self.integers(0, len(items) - 1)]

    def take(self, test: Callable[[Made], bool] = lambda _: True) -> Made:
        """A tensor of the pool, rather one of the last."""
        found = [m for m in self.pool if test(m)]
        if self.chance(0.6):
            found = found[-4:]
        return self.pick(found)

    def real(self, rank: int = 0) -> Made:
        return self.take(lambda m: m.real and m.rank >= rank)

    def any(self, rank: int = 0) -> Made:
        return self.take(lambda m: m.rank >= rank)

    def axis(self, m: Made) -> int:
        return self.pick(range(m.rank))

    def signed(self, axis: int, rank: int) -> int:
        return axis - rank if self.chance(0.4) else axis

    # ---- making -----------------------------------------------------------------------------------------------------
    def elements(self, shape: Sequence[int], dtype: Any) -> np.ndarray:
        return np.asarray(self._elements(shape, dtype))

    def _elements(self, shape: Sequence[int], dtype: Any) -> np.ndarray:
        rng = self.rng
        if np.dtype(dtype).kind == "b":
            return rng.random(tuple(shape)) < 0.5
        if np.dtype(dtype).kind == "u":
            return rng.integers(0, 9, tuple(shape)).astype(dtype)
        if dtype in _SIGNED:
            return rng.integers(-5, 6, tuple(shape)).astype(dtype)
        return (rng.integers(-12, 13, tuple(shape)) / 4).astype(dtype)

    def constant(self, shape: Sequence[int], dtype: Any = np.float32) -> Any:
        if dtype == np.float32 and self.chance(0.2):
            return ops.convert(ops.constant(self.elements(shape, np.float16)), "f32")
        return ops.constant(self.elements(shape, dtype))

    def parameter(self, dims: Sequence[int | str], dtype: Any, sampler: Any = None) -> Made:
        """An input; dimensions are numbers, or names of sizes that differ between the sets."""
        shape = []
        for d in dims:
            if isinstance(d, int):
                shape.append(ov.Dimension(d))
            else:
                sizes = self.sizes[d]
                kind = self.pick(["bounded", "unbounded"]) if self.mode == "mixed" else self.mode
                if kind == "static":
                    shape.append(ov.Dimension(sizes[0]))
                elif kind == "bounded":
                    shape.append(ov.Dimension(min(sizes), max(sizes) + self.integers(0, 2)))
                else:
                    shape.append(ov.Dimension(-1))
        made = ops.parameter(ov.PartialShape(shape), dtype)
        made.set_friendly_name(f"p{len(self.parameters)}")
        self.parameters.append(made)
        for number in range(self.sets):
            for variant in range(2):
                sizes = [d if isinstance(d, int) else self.sizes[d][number] for d in dims]
                if sampler is None:
                    value = self.elements(sizes, dtype)
                else:
                    value = np.asarray(sampler(), dtype)
                self.data[number][variant].append(value)
        m = Made(made.output(0), [values[-1] for variants in self.data for values in variants])
        self.text.append(
            f"{made.get_friendly_name()}: Parameter {shape} {np.dtype(dtype)} {m.shapes}"
        )
        self.pool.append(m)
        return m

    def add(
        self, node: Any, exact: bool | None = None, limit: float = 1e4, keep: Any = None
    ) -> Made:
        """Put the outputs of a node into the pool. Raises Impossible for what it refuses, and large results."""
        made = self.evaluated(node)
        for m in made:
            for array in m.arrays:
                if array.size > LARGEST:
                    raise Impossible
                if array.dtype.kind == "f" and array.size and not np.abs(array).max() < limit:
                    raise Impossible
            if sum(a.size for a in m.arrays) == 0 and self.chance(0.8):
                raise Impossible
            if m.real:
                m.exact = (exact is not False) and all(is_exact(a) for a in m.arrays)
        self.describe(node, made)
        chosen = made if keep is None else [made[i] for i in keep]
        self.pool += chosen
        return chosen[0]

    def describe(self, node: Any, made: list[Made]) -> None:
        self.text.append(describe(node) + f" -> {[(m.shapes, str(m.dtype)) for m in made]}")

    def evaluated(self, node: Any) -> list[Made]:
        """The outputs of a node, with elements computed by the CPU's kernels from those in the pool."""
        node = node.get_node() if hasattr(node, "get_node") else node
        cache: dict[Any, list[list[np.ndarray]]] = {}
        for m in self.pool:
            n = m.port.get_node()
            cache.setdefault(id(n), [[None] * n.get_output_size() for _ in self.cases])
            for number in self.cases:
                cache[id(n)][number][m.port.get_index()] = m.arrays[number]

        def compute(n: Any) -> list[list[np.ndarray]]:
            if id(n) in cache:
                return cache[id(n)]
            if n.get_type_name() == "Constant":
                value = [[n.data] for _ in self.cases]
            else:
                sources = [(v.get_node(), v.get_index()) for v in n.input_values()]
                of = [compute(s) for s, _ in sources]
                value = []
                for number in self.cases:
                    arrays = [o[number][i] for o, (_, i) in zip(of, sources, strict=True)]
                    if any(a is None for a in arrays):
                        raise Impossible
                    if n.get_type_name() == "ReadValue":
                        value.append([arrays[0]])
                    else:
                        with np.errstate(all="ignore"):
                            value.append([np.asarray(a) for a in evaluate(n, arrays)])
            cache[id(n)] = value
            return value

        try:
            value = compute(node)
        except Impossible:
            raise
        except RuntimeError as error:
            raise Impossible(str(error)) from error
        return [
            Made(node.output(i), [value[number][i] for number in self.cases])
            for i in range(node.get_output_size())
        ]


def describe(node: Any) -> str:
    """An operation with its operands and attributes, on a line."""

    def source(value: Any) -> str:
        made = value.get_node()
        if made.get_type_name() == "Constant":
            data = made.data
            few = data.size <= 6
            return f"{data.dtype}{data.reshape(-1).tolist() if few else list(data.shape)}"
        return f"{made.get_friendly_name()}.{value.get_index()}"

    node = node.get_node() if hasattr(node, "get_node") else node
    operands = ", ".join(source(v) for v in node.input_values())
    return (
        f"{node.get_friendly_name()} = {node.get_type_name()}({operands}) {node.get_attributes()}"
    )


def is_exact(array: np.ndarray) -> bool:
    return bool(np.all(np.abs(array) < 2048) and np.all(array * 64 == np.round(array * 64)))


def fits(x: Sequence[int], y: Sequence[int]) -> bool:
    """Whether two shapes broadcast."""
    return all(i == j or i == 1 or j == 1 for i, j in zip(x[::-1], y[::-1]))


def largest(m: Made) -> float:
    """The largest magnitude of the elements."""
    return max((float(np.abs(a).max()) for a in m.arrays if a.size), default=0.0)
