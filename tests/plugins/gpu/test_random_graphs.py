"""Random graphs on the device give what they give on the CPU, for sizes that grow, shrink and return.

A failure shows the seed and the graph; ``build(seed)`` makes it again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from plugins.gpu.random_elementwise import (
    binary,
    cluster,
    convert,
    cumulate,
    layer_norm,
    non_zero,
    normalize,
    one_hot,
    ranges,
    reduce,
    select,
    sizes,
    softmax,
    sorting,
    unary,
)
from plugins.gpu.random_graphs import Builder, Impossible
from plugins.gpu.random_layers import (
    attention,
    branches,
    cache,
    compressed,
    convolution,
    growing,
    loops,
    matmul,
    pooling,
    recurrent,
    resize,
    rope,
    variable,
)
from plugins.gpu.random_movement import (
    broadcast,
    concat,
    cut,
    gather,
    pad,
    rearrange,
    reshape,
    scatter,
    split,
    squeeze,
    strided_slice,
    tile,
    transpose,
)
from plugins.gpu.runtime_models import F32

import ovgpu as ov

pytestmark = pytest.mark.gpu_sim

#: How often each operation is tried, compared with the others.
OPERATIONS: dict[Callable[[Builder], None], float] = {
    unary: 4, binary: 6, cluster: 3, convert: 1.5, select: 1.5, reduce: 2, softmax: 1, layer_norm: 1, normalize: 0.7,
    sorting: 1, cumulate: 0.7, one_hot: 0.5, ranges: 0.7, sizes: 1.2, non_zero: 0.5,
    transpose: 2, reshape: 3, squeeze: 1, cut: 2.5, strided_slice: 1.5, split: 2, concat: 3, pad: 1.5, tile: 1,
    broadcast: 1.5, gather: 2, scatter: 1.5, rearrange: 1.5,
    matmul: 2.5, compressed: 1.5, attention: 0.7, rope: 0.7, convolution: 1, pooling: 0.7, recurrent: 0.3, resize: 0.5,
    variable: 0.8, growing: 0.4, cache: 0.7, branches: 0.5, loops: 0.5,
}  # fmt: skip

#: The sets of sizes in turn; each twice, the second time from a CUDA graph.
ORDER = (0, 1, 0, 2, 2, 3, 1, 0, 3)

#: Relative to the largest magnitude of an output, or 1.
TOLERANCE = 5e-5


def build(seed: int) -> Builder:
    """The graph of a seed."""
    b = Builder(seed)
    ranks = [b.pick([0, 1, 2, 2, 3, 3, 4]) for _ in range(b.integers(1, 3))]
    if max(ranks) < 2:
        ranks[0] = 3
    for rank in ranks:
        long = [64, 130, 257] if rank <= 2 else []
        dims = [b.pick(["a", "a", "b", "b", 1, 2, 3, 4, 8, 16, 33, *long]) for _ in range(rank)]
        rare = b.pick([np.int8, np.int16, np.uint16, np.uint32, np.uint64])
        b.parameter(dims, b.pick([np.float32] * 6 + [np.int32, np.int64, bool, np.uint8, rare]))
    operations, weights = list(OPERATIONS), np.array(list(OPERATIONS.values()))
    count = b.pick([3, 6, 9, 12, 18, 25])
    for _ in range(200):
        if not count:
            break
        operation = operations[int(b.rng.choice(len(operations), p=weights / weights.sum()))]
        try:
            operation(b)
        except (Impossible, RuntimeError, IndexError):
            continue
        count -= 1
    made = [m for m in b.pool if m.port.get_node() not in b.parameters]
    ends = [m for m in made if not m.port.get_target_inputs()]
    chosen = [m for m in ends if b.chance(0.85)] or [b.pick(ends or b.pool)]
    chosen += [b.pick(b.pool) for _ in range(b.pick([0, 0, 1, 1, 2]))]  # read inside, or inputs
    if b.chance(0.3):
        b.rng.shuffle(chosen)
    outputs = [m.port for m in (*chosen, *b.forced)]
    b.model = ov.Model(outputs, b.sinks, b.parameters, f"seed {seed}")
    b.text.append(f"outputs: {outputs}")
    return b


def assert_close(got: np.ndarray, want: np.ndarray, what: str) -> None:
    assert (got.shape, got.dtype) == (want.shape, want.dtype), what
    if want.dtype.kind in "iub":
        np.testing.assert_array_equal(got, want, what)
        return
    largest = np.abs(want[np.isfinite(want)]).max(initial=1)
    np.testing.assert_allclose(got, want, 0, TOLERANCE * largest, err_msg=what)


def states_of(request: Any) -> list[Any]:
    return sorted(request.query_state(), key=lambda state: state.name)


def in_another_form(rng: np.random.Generator, array: np.ndarray) -> tuple[Any, np.ndarray]:
    """An input as callers may give it, and the same for the CPU."""
    import cupy

    kind = rng.integers(0, 8)
    if kind == 0 and array.ndim:
        every_other = tuple([slice(None, None, 2)] * array.ndim)
        wide = np.zeros([2 * n for n in array.shape], array.dtype)
        wide[every_other] = array
        return wide[every_other], array
    if kind == 1 and array.ndim:
        return array[::-1].copy()[::-1], array
    if kind == 2 and array.ndim:
        return np.asfortranarray(array), array
    if kind == 3 and array.dtype in (np.float32, np.int64):
        other = array.astype(np.float64 if array.dtype == np.float32 else np.int32)
        return other, other
    if kind == 4:
        return cupy.asarray(array), array
    if kind == 5:
        return cupy.asarray(array.T.copy()).T, array
    if kind == 6:
        return ov.Tensor(np.array(array, order="C")), array
    return array, array


class Pair:
    """The requests of a graph on both devices."""

    def __init__(self, graph: Builder, forms: bool) -> None:
        self.rng = np.random.default_rng(graph.seed)
        self.forms = forms
        core = ov.Core()
        self.cpu, self.gpu = (
            core.compile_model(graph.model, device, F32).create_infer_request()
            for device in ("CPU", "GPU")
        )

    def infer(self, values: list[np.ndarray], where: str) -> bool:
        """Compare an inference; False when both refuse it."""
        given = [in_another_form(self.rng, v) if self.forms else (v, v) for v in values]
        try:
            wanted = self.cpu.infer([v for _, v in given]).to_tuple()
        except RuntimeError:
            # A variable may have another value now: the graph has ended.
            with pytest.raises(RuntimeError):
                self.gpu.infer([v for v, _ in given])
            return False
        wanted = [np.array(w) for w in wanted]
        for index, want in enumerate(wanted):
            if self.forms and self.rng.random() < 0.1:
                tensor = ov.Tensor(ov.Type(want.dtype), ov.Shape(want.shape))
                self.gpu.set_output_tensor(index, tensor)
        kind = self.rng.integers(0, 3) if self.forms else 0
        inputs = [v for v, _ in given]
        if kind == 0:
            got = self.gpu.infer(inputs).to_tuple()
        elif kind == 1:
            got = self.gpu.infer(inputs, share_inputs=True, share_outputs=True).to_tuple()
        else:
            self.gpu.start_async(inputs)
            self.gpu.wait()
            got = [self.gpu.get_output_tensor(i).data for i in range(len(wanted))]
        for index, (g, w) in enumerate(zip(got, wanted, strict=True)):
            assert_close(np.asarray(g), w, f"{where}, output {index}")
        for mine, theirs in zip(states_of(self.gpu), states_of(self.cpu), strict=True):
            assert_close(mine.state.data, theirs.state.data, f"{where}, {mine.name}")
        return True

    def change_variables(self, reset: bool) -> None:
        """Give the variables other values: the initial ones, or random ones."""
        if reset:
            for request in (self.cpu, self.gpu):
                request.reset_state()
            return
        for mine, theirs in zip(states_of(self.gpu), states_of(self.cpu), strict=True):
            value = self.rng.integers(-8, 9, theirs.state.shape).astype(np.float32) / 4
            mine.state, theirs.state = ov.Tensor(value), ov.Tensor(value)


def check(seed: int, forms: bool = False) -> None:
    """Compare the graph of a seed; ``forms``: inputs and outputs as callers may give them."""
    graph = build(seed)
    try:
        pair = Pair(graph, forms)
        for step, number in enumerate(ORDER if graph.sets > 1 else (0, 0)):
            for variant in range(2):
                where = f"step {step}, sizes {number}, variant {variant}"
                if not pair.infer(graph.data[number][variant], where):
                    return
            if step in (3, 5):
                pair.change_variables(reset=step == 3)
    except Exception as error:
        error.add_note("\n".join([f"seed {seed}, {graph.mode}", *graph.text]))
        raise


@pytest.mark.parametrize("seed", range(20))
def test_same_as_cpu(seed):
    check(seed)


@pytest.mark.gpu_sim(policy="random:1")
@pytest.mark.parametrize("seed", range(20, 40))
def test_forms_of_inputs_and_outputs(seed):
    check(seed, forms=True)


@pytest.mark.slow
@pytest.mark.gpu_sim(policy="random:2")
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_many(seed):
    check(seed, forms=seed % 2 == 0)
