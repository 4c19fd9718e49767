"""LSTM, GRU and RNN."""

from __future__ import annotations

import numpy as np

from ovgpu.frontends.onnx.translation import OnnxOp, constant, make, make_node, shape_of, translates
from ovgpu.graph.node import Node
from ovgpu.graph.port import Output


class _Sequence:
    """Inputs that the three operators share, in the order that our sequences take: batch first."""

    def __init__(self, op: OnnxOp, gates: int, order: list[int]) -> None:
        self.op = op
        self.hidden = op.attribute("hidden_size")
        self.direction = op.attribute("direction", "forward")
        self.directions = 2 if self.direction == "bidirectional" else 1
        self.batch_first = bool(op.attribute("layout", 0))
        data = op.input(0)
        self.data = data if self.batch_first else make("transpose", data, constant([1, 0, 2]))
        self.batch = make("gather", shape_of(self.data), constant([0]), constant(0))
        self.gates, self.order = gates, order
        self.weights = self._reordered(op.input(1))
        self.recurrent = self._reordered(op.input(2))
        self.bias = op.optional(3)
        self.lengths = op.optional(4)
        if self.lengths is None:
            length = make("gather", shape_of(self.data), constant([1]), constant(0))
            self.lengths = make("broadcast", length, self.batch)

    def _reordered(self, weights: Output) -> Output:
        """Weights [directions, gates * hidden, ...] with the gates in our order."""
        if self.order == list(range(self.gates)):
            return weights
        parts = make_node("split", weights, constant(1), self.gates).outputs()
        return make("concat", [parts[i] for i in self.order], 1)

    def halves(self) -> tuple[Output, Output] | None:
        """Biases of input and recurrence, [directions, gates * hidden] each, gates in our order."""
        if self.bias is None:
            return None
        first, second = make_node("split", self.bias, constant(1), 2).outputs()
        return self._reordered(first), self._reordered(second)

    def summed_bias(self) -> Output:
        halves = self.halves()
        if halves is None:
            zeros = np.zeros((self.directions, self.gates * self.hidden))
            return constant(zeros, self.op.type(1))
        return make("add", *halves)

    def state(self, index: int) -> Output:
        """Initial state [batch, directions, hidden]."""
        given = self.op.optional(index)
        if given is not None:
            return given if self.batch_first else make("transpose", given, constant([1, 0, 2]))
        shape = make("concat", [self.batch, constant([self.directions, self.hidden])], 0)
        return make("broadcast", constant(0, self.op.type(0)), shape)

    def activations(self, defaults: list[str]) -> dict[str, object]:
        """Activation attributes; both directions must agree."""
        names = [n.lower() for n in self.op.attribute("activations", [])]
        count = len(defaults)
        if names and names[:count] * (len(names) // count) != names:
            raise RuntimeError("directions with different activations are not supported")
        unknown = set(names) - {"sigmoid", "tanh", "relu"}
        if unknown:
            raise RuntimeError(f"the activation {', '.join(sorted(unknown))} is not supported")
        return {
            "activations": names[:count] or defaults,
            "clip": float(self.op.attribute("clip", 0.0) or 0.0),
        }

    def outputs(self, node: Node) -> tuple[Output, ...]:
        """All outputs in ONNX's order of axes."""
        y = node.output(0)  # [batch, directions, time, hidden]
        states = [node.output(i) for i in range(1, node.get_output_size())]
        if self.batch_first:
            return (make("transpose", y, constant([0, 2, 1, 3])), *states)
        return (
            make("transpose", y, constant([2, 1, 0, 3])),
            *(make("transpose", s, constant([1, 0, 2])) for s in states),
        )


@translates("LSTM")
def lstm(op: OnnxOp) -> tuple[Output, ...]:
    if op.optional(7) is not None:
        peephole = op.input(7).value.known
        if peephole is None or peephole.any():
            raise RuntimeError("peepholes are not supported")
    if op.attribute("input_forget", 0):
        raise RuntimeError("coupled input and forget gates are not supported")
    sequence = _Sequence(op, 4, [2, 0, 3, 1])  # ONNX has i o f c, ours f i c o
    node = make_node(
        "lstm_sequence",
        sequence.data,
        sequence.state(5),
        sequence.state(6),
        sequence.lengths,
        sequence.weights,
        sequence.recurrent,
        sequence.summed_bias(),
        sequence.hidden,
        sequence.direction,
        **sequence.activations(["sigmoid", "tanh", "tanh"]),
    )
    return sequence.outputs(node)


@translates("GRU")
def gru(op: OnnxOp) -> tuple[Output, ...]:
    sequence = _Sequence(op, 3, [0, 1, 2])
    before_reset = bool(op.attribute("linear_before_reset", 0))
    halves = sequence.halves()
    if before_reset:
        if halves is None:
            bias = constant(np.zeros((sequence.directions, 4 * sequence.hidden)), op.type(1))
        else:
            # update and reset biases are summed; the hidden ones stay apart
            first = make_node("split", halves[0], constant(1), 3).outputs()
            second = make_node("split", halves[1], constant(1), 3).outputs()
            pairs = [make("add", first[i], second[i]) for i in (0, 1)]
            bias = make("concat", [*pairs, first[2], second[2]], 1)
    else:
        bias = sequence.summed_bias()
    node = make_node(
        "gru_sequence",
        sequence.data,
        sequence.state(5),
        sequence.lengths,
        sequence.weights,
        sequence.recurrent,
        bias,
        sequence.hidden,
        sequence.direction,
        linear_before_reset=before_reset,
        **sequence.activations(["sigmoid", "tanh"]),
    )
    return sequence.outputs(node)


@translates("RNN")
def rnn(op: OnnxOp) -> tuple[Output, ...]:
    sequence = _Sequence(op, 1, [0])
    node = make_node(
        "rnn_sequence",
        sequence.data,
        sequence.state(5),
        sequence.lengths,
        sequence.weights,
        sequence.recurrent,
        sequence.summed_bias(),
        sequence.hidden,
        sequence.direction,
        **sequence.activations(["tanh"]),
    )
    return sequence.outputs(node)
