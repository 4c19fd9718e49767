"""Random numbers on host arrays."""

from __future__ import annotations

import secrets

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.plugins.cpu.kernels.random_generators import (
    mersenne_words,
    philox_words,
    uniform,
    words_per_number,
)
from ovgpu.plugins.cpu.registry import Call, Step, binder, kernel

#: Philox blocks that TensorFlow reserves for each number, so that the next call starts behind them.
_RESERVED_BLOCKS = 256


@binder("RandomUniform", native=True)
def bind_random_uniform(call: Call) -> Step:
    low, high = call.inputs[1], call.inputs[2]
    assert low is not None
    assert high is not None
    out, attributes = call.outputs[0], call.attributes
    element_type, alignment = attributes["output_type"], attributes["alignment"]
    key, counter = attributes["global_seed"], attributes["op_seed"]

    def step() -> None:
        limits = low.reshape(-1)[0].item(), high.reshape(-1)[0].item()
        count = out.size * words_per_number(element_type, limits[1], alignment)
        if key == 0 and counter == 0:
            words = philox_words(secrets.randbits(64), secrets.randbits(64), 0, count)
        elif alignment == "pytorch":
            words = mersenne_words(key, count)
        else:
            first = call.shared.get("next_block", 0)
            call.shared["next_block"] = first + out.size * _RESERVED_BLOCKS
            words = philox_words(key, counter, first, count)
        np.copyto(out, uniform(words, element_type, *limits, alignment).reshape(out.shape))

    return step


@kernel("Multinomial")
def multinomial(
    probs: np.ndarray,
    num_samples: np.ndarray,
    *,
    with_replacement: bool,
    log_probs: bool,
    global_seed: int,
    op_seed: int,
    out_shape: tuple[int, int],
) -> np.ndarray:
    weights = probs.astype(np.float64)
    if log_probs:
        weights = np.exp(weights)
    count = out_shape[0] * out_shape[1]
    if global_seed == 0 and op_seed == 0:
        global_seed, op_seed = secrets.randbits(64), secrets.randbits(64)
    drawn = uniform(
        philox_words(global_seed, op_seed, 0, 2 * count), Type.f64, 0.0, 1.0, "tensorflow"
    )
    drawn = drawn.reshape(out_shape)
    if with_replacement:
        cumulative = np.cumsum(weights, axis=1)
        cumulative /= cumulative[:, -1:]
        return np.sum(cumulative[:, None, :] < drawn[:, :, None], axis=2)
    result = np.empty(out_shape, np.int64)
    rows = np.arange(out_shape[0])
    for sample in range(out_shape[1]):  # each draw changes the probabilities of the next
        cumulative = np.cumsum(weights, axis=1)
        chosen = np.sum(cumulative < drawn[:, sample, None] * cumulative[:, -1:], axis=1)
        result[:, sample] = chosen
        weights[rows, chosen] = 0
    return result
