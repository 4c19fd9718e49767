"""Control flow on the CPU: running the bodies of If, Loop and TensorIterator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ovgpu.graph.node import Node
from ovgpu.graph.subgraph import If, Loop, TensorIterator
from ovgpu.graph.subgraph_descriptions import (
    BodyOutputDescription,
    ConcatOutputDescription,
    MergedInputDescription,
    OutputDescription,
    SliceInputDescription,
)
from ovgpu.ops.control_flow import slice_count, slice_count_between

Arrays = Sequence[np.ndarray]
#: Runs body number ``index`` on one array for each of its parameters and returns one for each result. The results
#: belong to the body and may be overwritten by its next run.
RunBody = Callable[[int, Arrays], Sequence[np.ndarray]]


def evaluate_subgraph(node: Node, arrays: Arrays) -> list[np.ndarray]:
    """The outputs of a node with bodies, computed eagerly."""
    from ovgpu.plugins.cpu.evaluate import evaluate_graph

    assert isinstance(node, (If, Loop, TensorIterator))
    bodies = node.body_models()

    def run_body(index: int, feeds: Arrays) -> list[np.ndarray]:
        body = bodies[index]
        return evaluate_graph(
            body.get_results(), dict(zip(body.get_parameters(), feeds, strict=True))
        )

    return run_subgraph(node, arrays, run_body)


def run_subgraph(node: Node, arrays: Arrays, run_body: RunBody) -> list[np.ndarray]:
    """The outputs of a node with bodies.

    Args:
        node: an If, Loop or TensorIterator.
        arrays: its inputs.
        run_body: runs one of its bodies.

    Raises RuntimeError when the inputs do not fit the operation.
    """
    if isinstance(node, If):
        return _run_if(node, arrays, run_body)
    if isinstance(node, Loop):
        return _run_loop(node, arrays, run_body)
    assert isinstance(node, TensorIterator), node.get_type_name()
    return _run_tensor_iterator(node, arrays, run_body)


def _run_if(node: If, arrays: Arrays, run_body: RunBody) -> list[np.ndarray]:
    index = 0 if bool(arrays[0].reshape(-1)[0]) else 1
    feeds = _no_feeds(node.body_models()[index])
    for description in node.get_input_descriptions(index):
        feeds[description.body_parameter_index] = arrays[description.input_index]
    results = run_body(index, feeds)
    descriptions = sorted(node.get_output_descriptions(index), key=lambda d: d.output_index)
    return [np.array(results[d.body_value_index]) for d in descriptions]


def _no_feeds(body: Any) -> list[np.ndarray]:
    """A placeholder for every parameter, for those that nothing feeds because nothing reads them."""
    return [np.zeros((), p.get_element_type().host_dtype) for p in body.get_parameters()]


class _Iteration:
    """Inputs and outputs of a body that runs several times."""

    def __init__(self, node: Loop | TensorIterator, arrays: Arrays, run_body: RunBody) -> None:
        self._arrays = arrays
        self._run_body = run_body
        self._node = node
        self._feeds = _no_feeds(node.get_function())
        inputs = node.get_input_descriptions()
        self._slices = [d for d in inputs if isinstance(d, SliceInputDescription)]
        self._merged = [d for d in inputs if isinstance(d, MergedInputDescription)]
        for description in inputs:
            if not isinstance(description, SliceInputDescription):
                self._feeds[description.body_parameter_index] = arrays[description.input_index]
        outputs = node.get_output_descriptions()
        self._collected: dict[int, list[np.ndarray]] = {
            d.output_index: [] for d in outputs if isinstance(d, ConcatOutputDescription)
        }
        self._kept: dict[int, np.ndarray] = {}
        self._outputs = outputs

    def run(self, number: int, iteration: np.ndarray | None, special: int) -> Sequence[np.ndarray]:
        """Run iteration ``number`` (from 0) and return the results of the body."""
        for description in self._slices:
            self._feeds[description.body_parameter_index] = _slice(
                self._arrays[description.input_index], description, number
            )
        if iteration is not None:
            self._feeds[special] = iteration
        results = self._run_body(0, self._feeds)
        for output in self._outputs:
            value = results[output.body_value_index]
            if isinstance(output, ConcatOutputDescription):
                self._collected[output.output_index].append(np.array(value))
            elif not isinstance(output, BodyOutputDescription) or output.iteration == -1:
                self._kept[output.output_index] = value
            elif output.iteration == number:
                self._kept[output.output_index] = np.array(value)
        # All at once: a body may exchange two carried values.
        carried = [np.array(results[d.body_value_index]) for d in self._merged]
        for merged, value in zip(self._merged, carried, strict=True):
            self._feeds[merged.body_parameter_index] = value
        return results

    def outputs(self) -> list[np.ndarray]:
        """The outputs after the last iteration."""
        made: dict[int, np.ndarray] = {}
        for output in self._outputs:
            index = output.output_index
            if isinstance(output, ConcatOutputDescription):
                parts = self._collected[index]
                if output.stride < 0:
                    parts = parts[::-1]
                made[index] = (
                    np.concatenate(parts, axis=output.axis) if parts else self._empty(output)
                )
            elif index in self._kept:
                made[index] = np.array(self._kept[index])
            else:
                made[index] = self._initial(output)
        return [made[i] for i in range(len(made))]

    def _initial(self, output: OutputDescription) -> np.ndarray:
        """Value of a carried output before the first iteration; zeros for one that is not carried."""
        for description in self._merged:
            if description.body_value_index == output.body_value_index:
                return np.array(self._arrays[description.input_index])
        return self._empty(output)

    def _empty(self, output: OutputDescription) -> np.ndarray:
        """What an output is after no iteration: no slices; other dimensions as inferred, unknown ones 0."""
        value = (
            self._node.get_function().get_results()[output.body_value_index].input_value(0).value
        )
        shape = [] if value.rank is None else [d.get_min_length() for d in value.dims]
        if isinstance(output, ConcatOutputDescription):
            shape = shape or [0]
            shape[output.axis] = 0
        return np.zeros(shape, value.type.host_dtype)


def _slice(array: np.ndarray, description: SliceInputDescription, number: int) -> np.ndarray:
    """Part ``number`` of a sliced input, a view."""
    size, part = array.shape[description.axis], description.part_size
    start = description.start + size if description.start < 0 else description.start
    # A negative stride starts at the last part and goes down.
    begin = start + number * part if description.stride > 0 else start + 1 - (number + 1) * part
    if begin < 0 or begin + part > size:
        raise RuntimeError(
            f"Iteration {number} slices {begin} to {begin + part} of an axis of {size} elements"
        )
    index = [slice(None)] * array.ndim
    index[description.axis] = slice(begin, begin + part)
    return array[tuple(index)]


def _run_tensor_iterator(
    node: TensorIterator, arrays: Arrays, run_body: RunBody
) -> list[np.ndarray]:
    counts = [
        slice_count(arrays[d.input_index].shape[d.axis], d)
        for d in node.get_input_descriptions()
        if isinstance(d, SliceInputDescription)
    ]
    if not counts:
        concatenated = [
            d for d in node.get_output_descriptions() if isinstance(d, ConcatOutputDescription)
        ]
        counts = [n for n in map(slice_count_between, concatenated) if n is not None] or [1]
    iteration = _Iteration(node, arrays, run_body)
    for number in range(min(counts)):
        iteration.run(number, None, -1)
    return iteration.outputs()


def _run_loop(node: Loop, arrays: Arrays, run_body: RunBody) -> list[np.ndarray]:
    trip_count = int(arrays[0].reshape(-1)[0])
    goes_on = bool(arrays[1].reshape(-1)[0])
    current, condition = node.get_special_body_ports()
    counter: np.ndarray | None = None
    iteration = _Iteration(node, arrays, run_body)
    number = 0
    while goes_on and (trip_count < 0 or number < trip_count):
        if current >= 0:
            parameter = node.get_function().get_parameters()[current]
            shape = parameter._partial_shape.static_tuple() or ()
            counter = np.full(shape, number, parameter.get_element_type().host_dtype)
        results = iteration.run(number, counter, current)
        goes_on = bool(results[condition].reshape(-1)[0])
        number += 1
    return iteration.outputs()
