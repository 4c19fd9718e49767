"""RNN, GRU and LSTM cells and sequences on host arrays.

A sequence multiplies all time steps with the input weights in one product; only the recurrent product remains inside
the loop over time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ovgpu.graph.node import Node
from ovgpu.plugins.cpu.registry import Call, Step, binder

Function = Callable[[np.ndarray], np.ndarray]

#: Gates of the other weight formats, as positions of f, i, c, o in them.
_FORMATS = {
    name: [name.index(gate) for gate in "fico"] for name in ("fico", "icof", "ifco", "ifoc", "iofc")
}


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Logistic function in place, by tanh: no overflow, and numpy has fast tanh."""
    np.multiply(x, x.dtype.type(0.5), x)
    np.tanh(x, x)
    np.multiply(x, x.dtype.type(0.5), x)
    np.add(x, x.dtype.type(0.5), x)
    return x


def _functions(attributes: dict[str, Any]) -> list[Function]:
    """The node's activation functions; each works in place and returns its argument."""

    def parameter(name: str, index: int, default: float) -> float:
        values = attributes[name]
        return values[index] if index < len(values) else default

    made = []
    for index, name in enumerate(attributes["activations"]):
        alpha_beta = (
            parameter("activations_alpha", index, 0.2),
            parameter("activations_beta", index, 0.5),
        )
        made.append(_function(name.lower(), *alpha_beta))
    return made


def _function(name: str, alpha: float, beta: float) -> Function:
    if name == "sigmoid":
        return sigmoid
    if name == "tanh":
        return lambda x: np.tanh(x, x)
    if name == "relu":
        return lambda x: np.maximum(x, x.dtype.type(0), out=x)
    if name == "hardsigmoid":
        return lambda x: np.clip(x * x.dtype.type(alpha) + x.dtype.type(beta), 0, 1, x)
    raise RuntimeError(f"Unknown activation function of a recurrent operation: {name!r}")


class _Cell:
    """One direction of one recurrent operation: its weights and its step function.

    ``gates`` maps inputs ``(rows, input)`` to ``X W' + b`` ``(rows, gates * hidden)``; ``step`` advances the states in
    place from one such row block.
    """

    def __init__(self, attributes: dict[str, Any], weights: np.ndarray, recurrence: np.ndarray,
                 bias: np.ndarray | None, peepholes: np.ndarray | None) -> None:  # fmt: skip
        self.attributes = attributes
        self.hidden = recurrence.shape[-1]
        self.clip = attributes["clip"]
        self.functions = _functions(attributes)
        self.weights = np.ascontiguousarray(weights.T)
        self.recurrence = np.ascontiguousarray(recurrence.T)
        self.bias = np.zeros(weights.shape[0], weights.dtype) if bias is None else bias
        self.peepholes = peepholes

    def gates(self, data: np.ndarray) -> np.ndarray:
        result = data @ self.weights
        result += self.bias
        return result

    def clipped(self, x: np.ndarray) -> np.ndarray:
        return np.clip(x, -self.clip, self.clip, x) if self.clip > 0 else x

    def step(self, gates: np.ndarray, states: list[np.ndarray]) -> None:
        raise NotImplementedError


class _RNN(_Cell):
    def step(self, gates: np.ndarray, states: list[np.ndarray]) -> None:
        (hidden,) = states
        total = hidden @ self.recurrence
        total += gates
        np.copyto(hidden, self.functions[0](self.clipped(total)))


class _GRU(_Cell):
    def __init__(self, attributes: dict[str, Any], weights: np.ndarray, recurrence: np.ndarray,
                 bias: np.ndarray | None, peepholes: np.ndarray | None) -> None:  # fmt: skip
        self.reset_bias: np.ndarray | None = None
        size = recurrence.shape[-1]
        if attributes["linear_before_reset"] and bias is not None:
            bias, self.reset_bias = bias[: 3 * size], bias[3 * size :]
        super().__init__(attributes, weights, recurrence, bias, peepholes)
        self.gate_recurrence = np.ascontiguousarray(self.recurrence[:, : 2 * size])
        self.state_recurrence = np.ascontiguousarray(self.recurrence[:, 2 * size :])

    def step(self, gates: np.ndarray, states: list[np.ndarray]) -> None:
        (hidden,) = states
        size = self.hidden
        first, second = self.functions
        both = hidden @ self.gate_recurrence
        both += gates[:, : 2 * size]
        first(self.clipped(both))
        update, reset = both[:, :size], both[:, size:]
        if self.attributes["linear_before_reset"]:
            candidate = hidden @ self.state_recurrence
            if self.reset_bias is not None:
                candidate += self.reset_bias
            candidate *= reset
        else:
            candidate = (reset * hidden) @ self.state_recurrence
        candidate += gates[:, 2 * size :]
        second(self.clipped(candidate))
        hidden -= candidate  # (1 - z) h~ + z h  =  h~ + z (h - h~)
        hidden *= update
        hidden += candidate


class _LSTM(_Cell):
    def __init__(self, attributes: dict[str, Any], weights: np.ndarray, recurrence: np.ndarray,
                 bias: np.ndarray | None, peepholes: np.ndarray | None) -> None:  # fmt: skip
        order = _FORMATS[attributes.get("weights_format", "fico")]

        def sort(rows: np.ndarray) -> np.ndarray:
            return rows.reshape(4, -1, *rows.shape[1:])[order].reshape(rows.shape)

        super().__init__(
            attributes,
            sort(weights),
            sort(recurrence),
            None if bias is None else sort(bias),
            peepholes,
        )
        self.coupled = attributes.get("input_forget", False)

    def step(self, gates: np.ndarray, states: list[np.ndarray]) -> None:
        hidden, cell = states
        size = self.hidden
        first, second, third = self.functions
        total = hidden @ self.recurrence
        total += gates
        forget, enter, candidate, leave = (total[:, i * size : (i + 1) * size] for i in range(4))
        if self.peepholes is not None:
            forget += self.peepholes[:size] * cell
            enter += self.peepholes[size : 2 * size] * cell
        if self.peepholes is None and not self.coupled and first is sigmoid:
            self.clipped(total)
            first(total[:, : 2 * size])
        else:
            first(self.clipped(enter))
            first(self.clipped(forget))
            if self.coupled:
                np.subtract(1, enter, forget)
        second(self.clipped(candidate))
        cell *= forget
        enter *= candidate
        cell += enter
        if self.peepholes is not None:
            leave += self.peepholes[2 * size :] * cell
        first(self.clipped(leave))
        np.copyto(hidden, cell)
        third(hidden)
        hidden *= leave


_CELLS: dict[str, type[_Cell]] = {"RNN": _RNN, "GRU": _GRU, "LSTM": _LSTM}


def _kind(node: Node) -> tuple[type[_Cell], int]:
    """Cell class and number of states."""
    name = node.get_type_name().removesuffix("Cell").removesuffix("Sequence")
    return _CELLS[name], 2 if name == "LSTM" else 1


def _rest(inputs: Sequence[np.ndarray | None], first: int) -> list[np.ndarray | None]:
    """W, R, B and P from input ``first`` on, None where absent."""
    return [*inputs[first:], *([None] * 4)][:4]


@binder("RNNCell", "GRUCell", "LSTMCell")
def cell(call: Call) -> Step:
    kind, count = _kind(call.node)
    data = call.inputs[0]
    states = [s for s in call.inputs[1 : 1 + count] if s is not None]
    weights = _rest(call.inputs, 1 + count)
    if all(call.constant[1 + count :]):
        prepared = call.prepared("cell", lambda: kind(call.attributes, *weights))  # type: ignore[arg-type]
        make = lambda: prepared  # noqa: E731
    else:
        make = lambda: kind(call.attributes, *weights)  # type: ignore[arg-type]  # noqa: E731

    def run() -> None:
        for out, state in zip(call.outputs, states, strict=True):
            np.copyto(out, state)
        made = make()
        made.step(made.gates(data), call.outputs)

    return run


@binder("RNNSequence", "GRUSequence", "LSTMSequence")
def sequence(call: Call) -> Step:
    kind, count = _kind(call.node)
    data, states, lengths = call.inputs[0], call.inputs[1 : 1 + count], call.inputs[1 + count]
    assert data is not None
    assert lengths is not None
    weights = _rest(call.inputs, 2 + count)
    direction = call.attributes["direction"]
    constant = all(call.constant[2 + count :])
    reversals = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]

    def make(index: int) -> _Cell:
        parts = [None if w is None else w[index] for w in weights]
        return kind(call.attributes, *parts)  # type: ignore[arg-type]

    def prepared(index: int) -> _Cell:
        return call.prepared(f"direction {index}", lambda: make(index)) if constant else make(index)

    def run() -> None:
        for index, backwards in enumerate(reversals):
            initial = [np.ascontiguousarray(s[:, index]) for s in states if s is not None]
            outputs, last = run_direction(prepared(index), data, initial, lengths, backwards)
            np.copyto(call.outputs[0][:, index], outputs)
            for out, state in zip(call.outputs[1:], last, strict=True):
                np.copyto(out[:, index], state)

    return run


def run_direction(
    cell: _Cell, data: np.ndarray, initial: list[np.ndarray], lengths: np.ndarray, backwards: bool
) -> tuple[np.ndarray, list[np.ndarray]]:
    """All hidden states ``(batch, time, hidden)`` of one direction, zero past each length, and the last states."""
    batch, time = data.shape[:2]
    rows = np.arange(batch)[:, None]
    whole = bool((lengths >= time).all())
    order = np.arange(time)
    if backwards:
        order = time - 1 - order if whole else np.maximum(lengths[:, None] - 1 - order, 0)
    moved = data if not backwards else data[:, order] if whole else data[rows, order]
    by_time = np.ascontiguousarray(moved.swapaxes(0, 1))
    gates = cell.gates(by_time.reshape(-1, data.shape[2])).reshape(time, batch, -1)
    result = np.zeros((time, batch, cell.hidden), data.dtype)
    states = [s.copy() for s in initial]
    for moment in range(time):
        if whole:
            cell.step(gates[moment], states)
            result[moment] = states[0]
            continue
        going = lengths > moment
        if not going.any():
            break
        advanced = [s[going] for s in states]
        cell.step(gates[moment][going], advanced)
        for state, new in zip(states, advanced, strict=True):
            state[going] = new
        result[moment, going] = advanced[0]
    outputs = result.swapaxes(0, 1)
    if backwards and whole:
        outputs = outputs[:, ::-1]
    elif backwards:
        inside = np.arange(time) < lengths[:, None]
        outputs = np.where(inside[..., None], outputs[rows, order], outputs.dtype.type(0))
    return outputs, states
