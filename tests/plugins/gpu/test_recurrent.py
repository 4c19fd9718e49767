"""Recurrent operations on the device."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.encoder import Encoder
from tests.plugins.gpu.lowering_check import compare, numbers

PRECISIONS = pytest.mark.parametrize("precision", [Type.f32, Type.f16], ids=["f32", "f16"])
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def _arrays(kind, batch=3, inputs=5, hidden=9, time=0, directions=1, lengths=None, bias_gates=0):
    """Inputs of a cell (time 0) or a sequence."""
    gates = GATES[kind]
    lead = () if time == 0 else (directions,)
    state = (batch, *lead, hidden)
    arrays = [numbers((batch, inputs) if time == 0 else (batch, time, inputs), 1)]
    arrays += [numbers(state, 2 + i) for i in range(2 if kind == "LSTM" else 1)]
    if time:
        arrays.append(np.array(lengths if lengths is not None else [time] * batch, np.int32))
    arrays += [
        numbers((*lead, gates * hidden, inputs), 4, 0.5),
        numbers((*lead, gates * hidden, hidden), 5, 0.5),
    ]
    return [*arrays, numbers((*lead, (bias_gates or gates) * hidden), 6)]


@pytest.mark.gpu_sim(check=True)
@PRECISIONS
@pytest.mark.parametrize("hidden", [9, 12, 40])
def test_cells(hidden, precision):
    """Rows of the recurrence matrix are read by elements (9, in f16 12) or by 16 bytes."""
    sizes = {"batch": 6, "hidden": hidden}
    compare("RNNCell", _arrays("RNN", **sizes), 3, precision, hidden_size=hidden)
    compare("LSTMCell", _arrays("LSTM", **sizes), 4, precision, hidden_size=hidden)
    compare("GRUCell", _arrays("GRU", **sizes), 3, precision, hidden_size=hidden)
    linear = {"hidden_size": hidden, "linear_before_reset": True}
    compare("GRUCell", _arrays("GRU", **sizes, bias_gates=4), 3, precision, **linear)


@pytest.mark.gpu_sim(check=True)
@PRECISIONS
@pytest.mark.parametrize("hidden", [264, 267])
def test_long_rows(hidden, precision):
    """A lane reads several parts of a row."""
    arrays = _arrays("RNN", batch=2, hidden=hidden)
    arrays[3] *= 0.2
    compare("RNNCell", arrays, 3, precision, hidden_size=hidden)


@pytest.mark.gpu_sim(check=True)
@PRECISIONS
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("hidden", [9, 16])
def test_sequences(hidden, direction, precision):
    directions = 2 if direction == "bidirectional" else 1
    for lengths in (None, [4, 0, 2, 4, 3]):
        sizes = {"batch": 5, "hidden": hidden, "time": 4}
        sizes |= {"directions": directions, "lengths": lengths}
        common = {"hidden_size": hidden, "direction": direction}
        compare("RNNSequence", _arrays("RNN", **sizes), 5, precision, **common)
        compare("LSTMSequence", _arrays("LSTM", **sizes), 5, precision, **common)
        compare("GRUSequence", _arrays("GRU", **sizes), 5, precision, **common)
        linear = {**common, "linear_before_reset": True}
        compare("GRUSequence", _arrays("GRU", **sizes, bias_gates=4), 5, precision, **linear)


@pytest.mark.gpu_sim
def test_activations_and_clipping():
    special = {
        "hidden_size": 9,
        "clip": 0.4,
        "activations": ["hardsigmoid", "relu", "tanh"],
        "activations_alpha": [0.3],
        "activations_beta": [0.4],
    }
    compare("LSTMCell", _arrays("LSTM"), 4, **special)
    compare("GRUCell", _arrays("GRU"), 3, **{**special, "activations": ["relu", "hardsigmoid"]})


@pytest.mark.gpu_sim
def test_first_version_of_lstm():
    for weights_format in ("fico", "icof", "iofc"):
        arrays = [*_arrays("LSTM"), numbers((27,), 8)]
        for coupled in (False, True):
            attributes = {"weights_format": weights_format, "input_forget": coupled}
            compare("LSTMCell", arrays, 1, hidden_size=9, **attributes)


@pytest.mark.gpu_sim
def test_launches_of_a_step(cudasim):
    def launches(time):
        with cudasim.launches() as log:
            compare(
                "LSTMSequence", _arrays("LSTM", time=time), 5, hidden_size=9, direction="forward"
            )
        return len(log)

    assert launches(6) - launches(3) == 3


@pytest.mark.gpu_sim
def test_which_rows_are_read_by_16_bytes(monkeypatch):
    seen, launch = [], Encoder.launch

    def spy(self, source, function, grid, block, arguments, *more):
        if function == "rnn_step":
            seen.append(int(arguments[-1]["recurrence_vector"][0]))
        launch(self, source, function, grid, block, arguments, *more)

    monkeypatch.setattr(Encoder, "launch", spy)
    for precision in (Type.f32, Type.f16):
        for hidden in (9, 12, 16):
            compare("RNNCell", _arrays("RNN", hidden=hidden), 3, precision, hidden_size=hidden)
    assert seen == [0, 1, 1, 0, 0, 1]
