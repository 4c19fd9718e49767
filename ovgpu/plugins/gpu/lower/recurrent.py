"""RNN, GRU and LSTM cells and sequences: one product for all inputs, then one launch for each time step.

A GRU whose reset gate comes before the product takes two launches a step: the product needs all of the gate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.encoder import Encoder, blocks_for
from ovgpu.plugins.gpu.lower.product import Product
from ovgpu.plugins.gpu.lower.product_kernels import encode_product
from ovgpu.plugins.gpu.lower.tiles import product_scratch
from ovgpu.plugins.gpu.registry import DeviceTensor, Lowering, lowers
from ovgpu.plugins.gpu.variants import float_literal, variant

#: Batch rows that one warp computes together (``ROWS`` of kernels/recurrent.cu), and warps of a block.
ROWS, WARPS = 4, 8

_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}

#: Activations and their formulas in kernels/epilogue.cuh; alpha and beta where they have them.
_FORMULAS = {
    "sigmoid": "act_sigmoid(x)",
    "tanh": "act_tanh(x)",
    "relu": "act_relu(x)",
    "hardsigmoid": "act_hard_sigmoid(x, {alpha}, {beta})",
}

#: Memory of a kernel argument ``RecurrentShape``.
_SHAPE = np.dtype(
    [
        ("batch", "i4"),
        ("time", "i4"),
        ("hidden", "i4"),
        ("directions", "i4"),
        ("step", "i4"),
        ("backwards", "i4"),
        ("lengths_bytes", "i4"),
        ("coupled", "i4"),
        ("recurrence_vector", "i4"),
        ("order", "i4", 4),
    ]
)


def _kind(node: Node) -> tuple[str, bool]:
    """Kind of the cell, and whether the operation is a sequence."""
    name = node.get_type_name()
    return name.removesuffix("Cell").removesuffix("Sequence"), name.endswith("Sequence")


def _accepts(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    element_type = outputs[0].type
    kind, sequence = _kind(node)
    lengths = 2 + (kind == "LSTM") if sequence else -1
    return (
        element_type in (Type.f32, Type.f16, Type.bf16)
        and all(v.type is element_type for i, v in enumerate(inputs) if i != lengths)
        and all(name.lower() in _FORMULAS for name in node.attributes["activations"])
    )


def _sizes(node: Node, data: Sequence[int], states: Sequence[int]) -> tuple[int, int, int, int]:
    """Batch, time steps, hidden units and directions."""
    if not _kind(node)[1]:
        return data[0], 1, states[1], 1
    return data[0], data[1], states[2], states[1]


def _parts(node: Node, sizes: tuple[int, int, int, int]) -> dict[str, int]:
    """Bytes of each part of the scratch memory."""
    batch, time, hidden, directions = sizes
    states = directions * batch * hidden * 4
    rows, columns = batch * time, hidden * _GATES[_kind(node)[0]]
    gates = directions * rows * columns * 4
    parts = {"gates": gates, "states": states, "next": states, "cells": states}
    parts |= {"updates": states, "reset": states}
    parts["product"] = product_scratch(rows, columns, directions)
    return {name: -(-nbytes // 256) * 256 for name, nbytes in parts.items()}


def _scratch(node: Node, inputs: Sequence[Value], outputs: Sequence[Value]) -> int:
    data, states = inputs[0].upper_sizes, inputs[1].upper_sizes
    assert data is not None
    assert states is not None
    return sum(_parts(node, _sizes(node, data, states)).values())


def _macros(attributes: dict[str, Any]) -> list[str]:
    """Definitions of F1, F2, F3 and CLIP."""
    macros = []

    def parameter(name: str, index: int, default: float) -> str:
        values = attributes[name]
        return float_literal(values[index] if index < len(values) else default)

    names = attributes["activations"]
    for index in range(3):
        position = min(index, len(names) - 1)
        text = _FORMULAS[names[position].lower()].format(
            alpha=parameter("activations_alpha", position, 0.2),
            beta=parameter("activations_beta", position, 0.5),
        )
        macros.append(f"F{index + 1}(x) {text}")
    if attributes["clip"] > 0:
        limit = float_literal(attributes["clip"])
        macros.append(f"CLIP(x) act_clamp(x, -{limit}, {limit})")
    return macros


@lowers(
    "RNNCell",
    "GRUCell",
    "LSTMCell",
    "RNNSequence",
    "GRUSequence",
    "LSTMSequence",
    accepts=_accepts,
    scratch=_scratch,
)
def lower_recurrent(encoder: Encoder, op: Lowering) -> None:
    kind, sequence = _kind(op.node)
    state_count = 2 if kind == "LSTM" else 1
    data, initial = op.input(0), [op.input(1 + i) for i in range(state_count)]
    rest = list(op.inputs[1 + state_count :])
    lengths = rest.pop(0) if sequence else None
    weights, recurrence, bias, peepholes = [*rest, None, None][:4]
    assert weights is not None
    assert recurrence is not None
    sizes = _sizes(op.node, data.shape, initial[0].shape)
    batch, time, hidden, directions = sizes
    if not batch * hidden:
        return
    places, address = {}, op.scratch
    for name, nbytes in _parts(op.node, sizes).items():
        places[name] = address
        address += nbytes
    storage, gates = data.storage, _GATES[kind]
    _encode_gates(encoder, data, weights, places, sizes, gates)
    source = variant("recurrent.cu", storage, macros=_macros(op.attributes))
    state_sizes = [np.int32(n) for n in (batch, directions, hidden)]
    blocks = blocks_for(batch * directions * hidden)
    for tensor, name in zip(initial, ("states", "cells"), strict=False):
        arguments = [tensor.pointer, np.uint64(places[name]), *state_sizes]
        encoder.launch(source, "states_in", blocks, 256, arguments)

    direction = op.attributes.get("direction", "forward")
    formats = op.attributes.get("weights_format", "fico")
    shape = np.zeros(1, _SHAPE)
    values = {
        "batch": batch,
        "time": time,
        "hidden": hidden,
        "directions": directions,
        "backwards": {"forward": 0, "reverse": 1, "bidirectional": 2}[direction],
        "lengths_bytes": lengths.storage.size if lengths is not None else 0,
        "coupled": bool(op.attributes.get("input_forget", False)),
        # rows of R and states (f32, in scratch memory) begin at multiples of 16 bytes
        "recurrence_vector": hidden * storage.size % 16 == 0
        and all(address % 16 == 0 for address in (recurrence.address, op.scratch)),
    }
    for name, number in values.items():
        shape[name] = number
    shape["order"] = [formats.index(gate) for gate in "fico"]
    outputs = op.outputs[0].address if sequence else 0
    addresses = {
        **places,
        "recurrence": recurrence.address,
        "bias": bias.address if bias else 0,
        "peepholes": peepholes.address if peepholes else 0,
        "lengths": lengths.address if lengths else 0,
        "outputs": outputs,
    }
    grid = (-(-hidden // WARPS), -(-batch // ROWS), directions)
    for step in range(time):
        shape["step"] = step
        linear = bool(op.attributes.get("linear_before_reset", False))
        for function, names in _launches(kind, linear):
            pointers = [np.uint64(addresses[name]) for name in names.split()]
            encoder.launch(source, function, grid, 32 * WARPS, [*pointers, shape.copy()])
        addresses["states"], addresses["next"] = addresses["next"], addresses["states"]
    last = op.outputs[1:] if sequence else op.outputs
    for tensor, name in zip(last, ("states", "cells"), strict=False):
        arguments = [np.uint64(addresses[name]), tensor.pointer, *state_sizes]
        encoder.launch(source, "states_out", blocks, 256, arguments)


def _launches(kind: str, linear: bool) -> list[tuple[str, str]]:
    """Kernels of one step, with the names of their pointers."""
    common = "gates recurrence bias"
    if kind == "RNN":
        return [("rnn_step", f"{common} lengths states next outputs")]
    if kind == "LSTM":
        return [("lstm_step", f"{common} peepholes lengths states next cells outputs")]
    if linear:
        return [("gru_linear_step", f"{common} lengths states next outputs")]
    return [
        ("gru_gates", f"{common} lengths states updates reset"),
        ("gru_candidates", f"{common} lengths states next updates reset outputs"),
    ]


def _encode_gates(
    encoder: Encoder,
    data: DeviceTensor,
    weights: DeviceTensor,
    places: dict[str, int],
    sizes: tuple[int, int, int, int],
    gates: int,
) -> None:
    """Products of the inputs of all steps with W, for each direction: [directions, batch, time, gates * hidden]."""
    batch, time, hidden, directions = sizes
    inputs = data.shape[-1]
    product = Product(
        data.storage,
        batch * time,
        gates * hidden,
        inputs,
        data.address,
        weights.address,
        places["gates"],
        inputs,
        1,
        inputs,
        1,
        (directions,),
        (0,),
        (math.prod(weights.shape[-2:]),),
    )
    encode_product(encoder, product, places["product"])
