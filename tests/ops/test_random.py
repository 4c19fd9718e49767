"""Random numbers against OpenVINO and the examples of the specification."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.graph.element_type import Type
from ovgpu.plugins.cpu.kernels.random_generators import mersenne_words, philox_words, uniform
from tests.ops.differential import Case, cases, const, data, run_mine

CASES: list[Case] = []
for alignment in ("tensorflow", "pytorch"):
    for name in ("f32", "f64", "f16", "bf16", "i32", "i64"):
        CASES += cases(
            "random_uniform", data([2], "i64", values=[3, 5]), const(2, name), const(10, name), name, 80, 100,
            alignment, oracle="evaluate", rtol=1e-6, relax=(),
        )  # fmt: skip
    CASES += cases(
        "random_uniform",
        const([7]),
        const(2),
        data([], "i64", values=10**12),
        "i64",
        80,
        100,
        alignment,
        values=False,
    )
CASES += cases(
    "random_uniform", data([2], "i64"), data([]), data([1]), "f32", values=False, relax=("rank",)
)
for replacement in (True, False):
    # OpenVINO's CPU device draws with a generator of its own: the values are tested below.
    CASES += cases(
        "multinomial",
        data([2, 6]),
        const([4], "i32"),
        "i32",
        replacement,
        False,
        3,
        5,
        values=False,
    )
    CASES += cases(
        "multinomial", data([2, 6]), data([], "i64"), "i64", replacement, True, 3, 5, values=False
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case: Case) -> None:
    case.check()


REFUSED = [
    *cases("random_uniform", const([2, 3]), const(2.0), const(1.0), "f32"),
    *cases("random_uniform", const([2, 3]), const(2), const(3), "f32"),
    *cases("random_uniform", const([2.0]), const(2), const(3), "i64"),
    *cases("random_uniform", const([2]), const(2, "u8"), const(3, "u8"), "u8"),
    *cases("multinomial", data([6]), const(4), "i64", True, True),
    *cases("multinomial", data([2, 6], "i32"), const(4), "i64", True, True),
]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused_by_both(case: Case) -> None:
    case.check_refused()


def test_examples_of_the_specification() -> None:
    numbers = uniform(philox_words(150, 10, 0, 9), Type.f32, 0, 1, "tensorflow")
    np.testing.assert_allclose(
        numbers[:4], [0.7011236, 0.30539632, 0.93931055, 0.9456035], rtol=1e-6
    )
    numbers = uniform(philox_words(80, 100, 0, 8), Type.f64, 2, 10, "tensorflow")
    np.testing.assert_allclose(numbers, [5.65927959, 4.23122376, 2.67008206, 2.36423758], rtol=1e-8)
    numbers = uniform(philox_words(80, 100, 0, 6), Type.i32, 50, 100, "tensorflow")
    assert numbers.tolist() == [65, 70, 56, 59, 82, 92]


def test_mersenne_twister_of_the_paper() -> None:
    """The 10,000th word of the default seed is known (C++ standard, [rand.predef])."""
    assert mersenne_words(5489, 10_000)[-1] == 4123659995


def test_runs_continue_the_sequence_and_unseeded_ones_differ() -> None:
    from ovgpu.plugins.cpu.registry import Call, find_kernel

    def draw(seed: int) -> list[list[float]]:
        (case,) = cases("random_uniform", const([4]), const(0.0), const(1.0), "f32", seed, seed)
        node = case.build_mine().node
        inputs = [source.node.host_array() for source in node.input_values()]
        out = np.empty(4, np.float32)
        kernel = find_kernel(node)
        assert kernel is not None
        assert kernel.bind is not None
        step = kernel.bind(Call(node, inputs, [out], [True] * 3, {}))
        drawn = []
        for _ in range(2):
            step()
            drawn.append(out.tolist())
        return drawn

    first, second = draw(7)
    assert first != second
    assert draw(7) == [first, second]
    assert draw(0) != draw(0)


@pytest.mark.parametrize("logarithms", [False, True])
def test_multinomial_draws_with_the_given_probabilities(logarithms: bool) -> None:
    weights = np.array([[1.0, 2.0, 0.0, 5.0], [0.0, 3.0, 3.0, 0.0]], np.float32)
    given = np.log(np.maximum(weights, 1e-30)) if logarithms else weights
    (case,) = cases("multinomial", data([2, 4]), const(20_000), "i32", True, logarithms, 11, 13)
    built = case.build_mine()
    (result,) = run_mine(built.node, built.parameters, [given])
    counts = np.stack([np.bincount(row, minlength=4) for row in result]) / 20_000
    np.testing.assert_allclose(counts, weights / weights.sum(1, keepdims=True), atol=0.02)


def test_multinomial_without_replacement_draws_each_class_once() -> None:
    (case,) = cases(
        "multinomial", data([50, 5], low=0.1, high=1), const(5), "i64", False, False, 11, 13
    )
    built = case.build_mine()
    (result,) = run_mine(built.node, built.parameters, case.draw())
    np.testing.assert_array_equal(np.sort(result, axis=1), np.tile(np.arange(5), (50, 1)))
    assert len(np.unique(result[:, 0])) > 1
