"""Recurrent cells and sequences: RNN, GRU and LSTM.

Cells compute one time step: ``X`` ``[batch, input]``, states ``[batch, hidden]``. Sequences compute all steps of one or
two directions: ``X`` ``[batch, time, input]``, states ``[batch, directions, hidden]``, lengths ``[batch]``. Weights
``W`` ``[gates * hidden, input]``, ``R`` ``[gates * hidden, hidden]`` and biases ``B`` have a leading direction axis in
sequences. Gates lie in the order f, i, c, o (LSTM) and z, r, h (GRU).
"""

from __future__ import annotations

from typing import Literal

from ovgpu.graph import dimension as dims
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import check, op

Direction = Literal["forward", "reverse", "bidirectional"]
WeightsFormat = Literal["fico", "icof", "ifco", "ifoc", "iofc"]

_NAMES = {"X": "data", "W": "weights", "R": "recurrence", "B": "bias"}
_CELL_TAIL = "activations=None, activations_alpha=None, activations_beta=None, clip=0.0"


def _merged(name: str, *candidates: tuple[Value | None, int]) -> Dimension:
    """One dimension that several inputs share, given as (input, axis). Raises OpError when they disagree."""
    result = Dimension.dynamic()
    for value, axis in candidates:
        if value is None or value.rank is None:
            continue
        merged = dims.merge(result, value.dims[axis])
        check(merged is not None, f"Dimension `{name}` is not matched between inputs.")
        assert merged is not None
        result = merged
    return result


def _check_ranks(*expected: tuple[str, Value | None, int]) -> None:
    for name, value, rank in expected:
        check(value is None or value.rank in (None, rank),
              f"Rank of input {name} is expected to be {rank}, got {value and value.shape}")  # fmt: skip


def _check_types(data: Value, *others: Value | None) -> None:
    check(all(o is None or data.type.merge(o.type) is not None for o in others),
          "Element types for inputs do not match.")  # fmt: skip


def _check_rows(weights: Value, axis: int, rows: Dimension, name: str) -> None:
    if weights.rank is not None:
        check(dims.merge(weights.dims[axis], rows) is not None,
              f"Dimension {axis} of {name} input shape is required to be compatible with {rows.to_string()}. "
              f"Got shape: {weights.shape}")  # fmt: skip


def _cell(data: Value, states: list[Value], weights: Value, recurrence: Value, bias: Value | None, gates: int,
          bias_gates: int, hidden_size: int) -> tuple[Value, ...]:  # fmt: skip
    """The new states of one step."""
    _check_ranks(("X", data, 2), *(("state", s, 2) for s in states), ("W", weights, 2), ("R", recurrence, 2),
                 ("B", bias, 1))  # fmt: skip
    _check_types(data, *states, weights, recurrence, bias)
    batch = _merged("batch_size", (data, 0), *((s, 0) for s in states))
    hidden = _merged("hidden_size", *((s, 1) for s in states), (recurrence, 1))
    size = dims.merge(hidden, Dimension.static(hidden_size))
    check(
        size is not None,
        f"Dimension `hidden_size` ({hidden.to_string()}) differs from the attribute {hidden_size}",
    )
    size = Dimension.static(hidden_size)
    _check_rows(weights, 0, dims.mul(size, gates), "W")
    _check_rows(recurrence, 0, dims.mul(size, gates), "R")
    if bias is not None:
        _check_rows(bias, 0, dims.mul(size, bias_gates), "B")
    shape = PartialShape.of([batch, size])
    return tuple(Value(data.type, shape) for _ in states)


def _sequence(data: Value, states: list[Value], lengths: Value, weights: Value, recurrence: Value, bias: Value,
              gates: int, bias_gates: int, hidden_size: int, direction: str) -> tuple[Value, ...]:  # fmt: skip
    """All outputs ``[batch, directions, time, hidden]`` and the last states."""
    _check_ranks(("X", data, 3), *(("state", s, 3) for s in states), ("sequence_lengths", lengths, 1),
                 ("W", weights, 3), ("R", recurrence, 3), ("B", bias, 2))  # fmt: skip
    _check_types(data, *states, weights, recurrence, bias)
    batch = _merged("batch_size", (data, 0), *((s, 0) for s in states), (lengths, 0))
    directions = Dimension.static(2 if direction == "bidirectional" else 1)
    shared = _merged(
        "num_directions", *((s, 1) for s in states), (weights, 0), (recurrence, 0), (bias, 0)
    )
    check(dims.merge(shared, directions) is not None,
          "Dimension `num_directions` doesn't match to other inputs or `direction` attribute.")  # fmt: skip
    hidden = _merged("hidden_size", *((s, 2) for s in states), (recurrence, 2))
    size = Dimension.static(hidden_size)
    check(dims.merge(hidden, size) is not None,
          f"Dimension `hidden_size` ({hidden.to_string()}) differs from the attribute {hidden_size}")  # fmt: skip
    for name, value, rows in (
        ("W", weights, gates),
        ("R", recurrence, gates),
        ("B", bias, bias_gates),
    ):
        _check_rows(value, 1, dims.mul(size, rows), name)
    time = Dimension.dynamic() if data.rank is None else data.dims[1]
    last = Value(data.type, PartialShape.of([batch, directions, size]))
    outputs = Value(data.type, PartialShape.of([batch, directions, time, size]))
    return (outputs, *(Value(data.type, last.shape) for _ in states))


@op("RNNCell", "1", factory="rnn_cell(X, initial_hidden_state, W, R, B, hidden_size, activations, activations_alpha, "
    "activations_beta, clip=0.0)", factory_opset=3, python_names=_NAMES)  # fmt: skip
def rnn_cell(data: Value, initial_hidden_state: Value, weights: Value, recurrence: Value, bias: Value | None = None, *,
             hidden_size: int, activations: list[str] = ["tanh"], activations_alpha: list[float] = [],
             activations_beta: list[float] = [], clip: float = 0.0) -> tuple[Value, ...]:  # fmt: skip
    """RNNCell-1: ``f(X W' + H R' + B)``."""
    return _cell(data, [initial_hidden_state], weights, recurrence, bias, 1, 1, hidden_size)


@op("RNNSequence", "5", python_names=_NAMES, factory="rnn_sequence(X, initial_hidden_state, sequence_lengths, W, R, B, "
    f"hidden_size, direction, {_CELL_TAIL})")  # fmt: skip
def rnn_sequence(data: Value, initial_hidden_state: Value, sequence_lengths: Value, weights: Value, recurrence: Value,
                 bias: Value, *, direction: Direction, hidden_size: int, activations: list[str] = ["tanh"],
                 activations_alpha: list[float] = [], activations_beta: list[float] = [],
                 clip: float = 0.0) -> tuple[Value, ...]:  # fmt: skip
    """RNNSequence-5: RNNCell over time."""
    return _sequence(data, [initial_hidden_state], sequence_lengths, weights, recurrence, bias, 1, 1, hidden_size,
                     direction)  # fmt: skip


@op("GRUCell", "3", python_names=_NAMES,
    factory=f"gru_cell(X, initial_hidden_state, W, R, B, hidden_size, {_CELL_TAIL}, "
            "linear_before_reset=False)")  # fmt: skip
def gru_cell(data: Value, initial_hidden_state: Value, weights: Value, recurrence: Value, bias: Value | None = None, *,
             linear_before_reset: bool = False, hidden_size: int, activations: list[str] = ["sigmoid", "tanh"],
             activations_alpha: list[float] = [], activations_beta: list[float] = [],
             clip: float = 0.0) -> tuple[Value, ...]:  # fmt: skip
    """GRUCell-3 (Cho et al., 2014); ``linear_before_reset`` applies the reset gate after the product with R, and
    then ``B`` has a fourth part, added before the reset."""
    return _cell(data, [initial_hidden_state], weights, recurrence, bias, 3, 4 if linear_before_reset else 3,
                 hidden_size)  # fmt: skip


@op("GRUSequence", "5", python_names=_NAMES, factory="gru_sequence(X, initial_hidden_state, sequence_lengths, W, R, B, "
    f"hidden_size, direction, {_CELL_TAIL}, linear_before_reset=False)")  # fmt: skip
def gru_sequence(data: Value, initial_hidden_state: Value, sequence_lengths: Value, weights: Value, recurrence: Value,
                 bias: Value, *, direction: Direction, linear_before_reset: bool = False, hidden_size: int,
                 activations: list[str] = ["sigmoid", "tanh"], activations_alpha: list[float] = [],
                 activations_beta: list[float] = [], clip: float = 0.0) -> tuple[Value, ...]:  # fmt: skip
    """GRUSequence-5: GRUCell over time."""
    return _sequence(data, [initial_hidden_state], sequence_lengths, weights, recurrence, bias, 3,
                     4 if linear_before_reset else 3, hidden_size, direction)  # fmt: skip


@op("LSTMCell", "1", python_names=_NAMES,
    factory=f"lstm_cell(X, initial_hidden_state, initial_cell_state, W, R, B, hidden_size, {_CELL_TAIL})")  # fmt: skip
def lstm_cell_1(data: Value, initial_hidden_state: Value, initial_cell_state: Value, weights: Value, recurrence: Value,
                bias: Value | None = None, peepholes: Value | None = None, *, hidden_size: int,
                activations: list[str] = ["sigmoid", "tanh", "tanh"], activations_alpha: list[float] = [],
                activations_beta: list[float] = [], clip: float = 0.0, input_forget: bool = False,
                weights_format: WeightsFormat = "fico") -> tuple[Value, ...]:  # fmt: skip
    """LSTMCell-1: with peepholes, coupled input and forget gates, and other orders of the gates."""
    return _cell(
        data,
        [initial_hidden_state, initial_cell_state],
        weights,
        recurrence,
        bias,
        4,
        4,
        hidden_size,
    )


@op("LSTMCell", "4", python_names=_NAMES,
    factory=f"lstm_cell(X, initial_hidden_state, initial_cell_state, W, R, B, hidden_size, {_CELL_TAIL})")  # fmt: skip
def lstm_cell_4(data: Value, initial_hidden_state: Value, initial_cell_state: Value, weights: Value, recurrence: Value,
                bias: Value | None = None, *, hidden_size: int,
                activations: list[str] = ["sigmoid", "tanh", "tanh"], activations_alpha: list[float] = [],
                activations_beta: list[float] = [], clip: float = 0.0) -> tuple[Value, ...]:  # fmt: skip
    """LSTMCell-4 (Hochreiter and Schmidhuber, 1997): the new hidden state and the new cell state."""
    return _cell(
        data,
        [initial_hidden_state, initial_cell_state],
        weights,
        recurrence,
        bias,
        4,
        4,
        hidden_size,
    )


@op("LSTMSequence", "1", factory="")
def lstm_sequence_1(data: Value, initial_hidden_state: Value, initial_cell_state: Value, sequence_lengths: Value,
                    weights: Value, recurrence: Value, bias: Value, peepholes: Value | None = None, *,
                    hidden_size: int, activations: list[str] = ["sigmoid", "tanh", "tanh"],
                    activations_alpha: list[float] = [], activations_beta: list[float] = [], clip: float = 0.0,
                    direction: Direction, input_forget: bool = False,
                    weights_format: WeightsFormat = "fico") -> tuple[Value, ...]:  # fmt: skip
    """LSTMSequence-1: LSTMCell-1 over time. Found in old IR files only."""
    return _sequence(data, [initial_hidden_state, initial_cell_state], sequence_lengths, weights, recurrence, bias, 4,
                     4, hidden_size, direction)  # fmt: skip


@op("LSTMSequence", "5", python_names=_NAMES, factory="lstm_sequence(X, initial_hidden_state, initial_cell_state, "
    f"sequence_lengths, W, R, B, hidden_size, direction, {_CELL_TAIL})")  # fmt: skip
def lstm_sequence_5(data: Value, initial_hidden_state: Value, initial_cell_state: Value, sequence_lengths: Value,
                    weights: Value, recurrence: Value, bias: Value, *, direction: Direction, hidden_size: int,
                    activations: list[str] = ["sigmoid", "tanh", "tanh"], activations_alpha: list[float] = [],
                    activations_beta: list[float] = [], clip: float = 0.0) -> tuple[Value, ...]:  # fmt: skip
    """LSTMSequence-5: LSTMCell over time: all hidden states, the last one and the last cell state."""
    return _sequence(data, [initial_hidden_state, initial_cell_state], sequence_lengths, weights, recurrence, bias, 4,
                     4, hidden_size, direction)  # fmt: skip
