"""Recurrent cells and sequences against OpenVINO."""

from __future__ import annotations

import numpy as np
import pytest
from ops.differential import cases, const, data

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
STATES = {"rnn": 1, "gru": 1, "lstm": 2}
FUNCTIONS = {
    "rnn": [["tanh"], ["relu"]],
    "gru": [["sigmoid", "tanh"], ["tanh", "relu"]],
    "lstm": [["sigmoid", "tanh", "tanh"], ["sigmoid", "relu", "tanh"]],
}


def _weights(seed: int, *shape: int):
    return const(np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32))


def _cells(kind: str, opset: int, dtype: str = "f32", **attributes):
    rows, hidden, inputs, batch = GATES[kind] * 5, 5, 4, 3
    bias = rows + hidden if attributes.get("linear_before_reset") else rows
    states = [data([batch, hidden], dtype, -1, 1) for _ in range(STATES[kind])]
    weights = [_weights(1, rows, inputs), _weights(2, rows, hidden), _weights(3, bias)]
    attributes.setdefault("activations", FUNCTIONS[kind][0])
    if kind == "rnn":
        attributes |= {"activations_alpha": [], "activations_beta": []}
    yield from cases(f"{kind}_cell", data([batch, inputs]), *states, *weights, hidden, opset=opset, rtol=1e-4,
                     atol=1e-5, **attributes)  # fmt: skip


def _sequences(kind: str, direction: str, lengths: list[int], **attributes):
    rows, hidden, inputs, time, batch = GATES[kind] * 5, 5, 4, 6, 3
    directions = 2 if direction == "bidirectional" else 1
    bias = rows + hidden if attributes.get("linear_before_reset") else rows
    states = [data([batch, directions, hidden], "f32", -1, 1) for _ in range(STATES[kind])]
    weights = [
        _weights(1, directions, rows, inputs),
        _weights(2, directions, rows, hidden),
        _weights(3, directions, bias),
    ]
    steps = data([batch], "i32", values=lengths)
    yield from cases(f"{kind}_sequence", data([batch, time, inputs]), *states, steps, *weights, hidden, direction,
                     opset=5, rtol=1e-4, atol=1e-5, **attributes)  # fmt: skip


def _all():
    for kind, opset in (("rnn", 3), ("gru", 3), ("lstm", 1), ("lstm", 4)):
        for functions in FUNCTIONS[kind]:
            yield from _cells(kind, opset, activations=functions)
        yield from _cells(kind, opset, clip=0.4)
    yield from _cells("gru", 3, linear_before_reset=True)
    for kind in GATES:
        for direction in ("forward", "reverse", "bidirectional"):
            for lengths in ([6, 6, 6], [6, 2, 4]):
                yield from _sequences(kind, direction, lengths)
        yield from _sequences(kind, "bidirectional", [6, 6, 6], clip=0.5)
    yield from _sequences("gru", "bidirectional", [6, 2, 4], linear_before_reset=True)


@pytest.mark.parametrize("case", list(_all()), ids=str)
def test_against_openvino(case):
    case.check()
