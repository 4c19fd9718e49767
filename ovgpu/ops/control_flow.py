"""If, Loop, TensorIterator: operations whose bodies are models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ovgpu.graph.dimension import Dimension, make, mul
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.subgraph import If, Loop, TensorIterator
from ovgpu.graph.subgraph_descriptions import (
    ConcatOutputDescription,
    MergedInputDescription,
    SliceInputDescription,
)
from ovgpu.graph.value import Value
from ovgpu.ops.declaration import check, op
from ovgpu.ops.factory import custom_factory

if TYPE_CHECKING:
    from ovgpu.graph.model import Model


@dataclass
class BodyInference:
    """What inference over a repeated body found."""

    outputs: tuple[Value, ...]
    #: What each parameter of the body gets, in the form that covers every iteration.
    parameters: list[Value]
    #: Fewest and most iterations (None: unbounded).
    iterations: tuple[int, int | None]


def infer_body(body: Model, parameters: Sequence[Value]) -> list[Value]:
    """Values of the results of ``body`` for the values of its parameters. The body itself stays as it is."""
    values: dict[tuple[int, int], Value] = {
        (id(node), 0): value for node, value in zip(body.get_parameters(), parameters, strict=True)
    }
    for node in body.get_ordered_ops():
        if (id(node), 0) in values:
            continue
        sources = node.input_values()
        if node.get_type_name() == "Result":
            outputs: Sequence[Value] = [values[id(sources[0].node), sources[0].index]]
        elif sources:
            inputs: list[Value | None] = [values[id(s.node), s.index] for s in sources]
            outputs = node.declaration.infer_values(inputs, node.attributes)
        else:
            outputs = [d.value for d in node._outputs]
        for index, value in enumerate(outputs):
            values[id(node), index] = value
    return [values[id(r), 0] for r in body.get_results()]


# ---- If ------------------------------------------------------------------------------------------
@op("If", "8", factory="", node_class=If)
def if_(
    cond: Value,
    *inputs: Value,
    then_body: Any = None,
    else_body: Any = None,
    input_descriptions: Any = None,
    output_descriptions: Any = None,
) -> tuple[Value, ...]:
    """If-8: the outputs of ``then_body`` where ``cond`` (one boolean) holds, else those of ``else_body``."""
    check(
        cond.type.compatible(Type.boolean),
        f"If takes a boolean condition, not {cond.type.to_string()}",
    )
    sizes = cond.shape.static_tuple()
    check(
        sizes is None or sizes in ((), (1,)),
        f"If takes a condition of one element, not of shape {cond.shape}",
    )
    known = cond.scalar()
    branches: list[list[Value] | None] = []
    for index, body in enumerate((then_body, else_body)):
        if known is not None and bool(known) != (index == 0):
            branches.append(None)
            continue
        results = infer_body(
            body, branch_parameters(body, (cond, *inputs), input_descriptions[index])
        )
        outputs = {d.output_index: results[d.body_value_index] for d in output_descriptions[index]}
        branches.append([outputs[i] for i in range(len(outputs))])
    then_values, else_values = branches
    if then_values is None or else_values is None:
        return tuple(then_values or else_values or ())
    check(
        len(then_values) == len(else_values), "The branches of If have different numbers of outputs"
    )
    return tuple(
        _either(i, a, b) for i, (a, b) in enumerate(zip(then_values, else_values, strict=True))
    )


def branch_parameters(
    body: Model, inputs: Sequence[Value], descriptions: Sequence[Any]
) -> list[Value]:
    """Values of the parameters of one branch of If."""
    parameters = [p._outputs[0].value for p in body.get_parameters()]
    for description in descriptions:
        parameters[description.body_parameter_index] = inputs[description.input_index]
    return parameters


def _either(index: int, a: Value, b: Value) -> Value:
    """What is known of a value that is one of two."""
    merged = a.type.merge(b.type)
    check(
        merged is not None,
        f"Output {index} of If is {a.type.to_string()} in the then_body, {b.type.to_string()} in the else_body",
    )
    assert merged is not None
    if a.rank is None or a.rank != b.rank:
        return Value(merged, PartialShape.dynamic())
    return Value(
        merged, PartialShape.of([_hull(x, y) for x, y in zip(a.dims, b.dims, strict=True)])
    )


def _hull(a: Dimension, b: Dimension) -> Dimension:
    if a.has_symbol() and b.has_symbol() and a.get_symbol() == b.get_symbol():
        return a
    (low_a, high_a), (low_b, high_b) = a.interval(), b.interval()
    return make(min(low_a, low_b), -1 if high_a < 0 or high_b < 0 else max(high_a, high_b))


# ---- Loop and TensorIterator ---------------------------------------------------------------------
@op("TensorIterator", "1", factory="", node_class=TensorIterator)
def tensor_iterator(
    *inputs: Value,
    body: Any = None,
    input_descriptions: Any = None,
    output_descriptions: Any = None,
) -> tuple[Value, ...]:
    """TensorIterator-1: the body for every slice of the sliced inputs."""
    return infer_tensor_iterator(inputs, body, input_descriptions, output_descriptions).outputs


@op("Loop", "5", factory="", node_class=Loop)
def loop(
    trip_count: Value,
    execution_condition: Value,
    *inputs: Value,
    body: Any = None,
    input_descriptions: Any = None,
    output_descriptions: Any = None,
    special_body_ports: Any = None,
) -> tuple[Value, ...]:
    """Loop-5: the body up to ``trip_count`` times (-1: without limit) while its condition holds."""
    everything = (trip_count, execution_condition, *inputs)
    return infer_loop(
        everything, body, input_descriptions, output_descriptions, special_body_ports
    ).outputs


def infer_tensor_iterator(
    inputs: Sequence[Value],
    body: Model,
    input_descriptions: Sequence[Any],
    output_descriptions: Sequence[Any],
) -> BodyInference:
    """Outputs, body parameters and number of iterations of a TensorIterator."""
    slices = [d for d in input_descriptions if isinstance(d, SliceInputDescription)]
    counts = [_slice_count(inputs[d.input_index], d) for d in slices]
    if not slices:
        ranges = [d for d in output_descriptions if isinstance(d, ConcatOutputDescription)]
        counts = [(n, n) for n in (slice_count_between(d) for d in ranges) if n is not None]
    low = max((least for least, _ in counts), default=0)
    high = min((most for _, most in counts if most is not None), default=None)
    parameters, results = _infer_repeated(inputs, body, input_descriptions)
    outputs = _outputs(results, output_descriptions, low, high, {})
    return BodyInference(outputs, parameters, (low, high))


def infer_loop(
    inputs: Sequence[Value],
    body: Model,
    input_descriptions: Sequence[Any],
    output_descriptions: Sequence[Any],
    special_body_ports: Sequence[int],
) -> BodyInference:
    """Outputs, body parameters and number of iterations of a Loop."""
    trip_count, condition = inputs[0], inputs[1]
    check(
        trip_count.type.is_integral_number(),
        f"Loop takes an integer trip count, not {trip_count.type.to_string()}",
    )
    check(condition.type.compatible(Type.boolean), "Loop takes a boolean execution condition")
    body_condition_index = special_body_ports[1]
    results_of_body = body.get_results()
    check(
        0 <= body_condition_index < len(results_of_body),
        f"The body of Loop must have a condition among its {len(results_of_body)} results, "
        f"index {body_condition_index} is none",
    )
    parameters, results = _infer_repeated(inputs, body, input_descriptions)
    low, high = _trip_range(trip_count, condition, results[body_condition_index])
    initial = {
        d.body_value_index: inputs[d.input_index]
        for d in input_descriptions
        if isinstance(d, MergedInputDescription)
    }
    outputs = _outputs(results, output_descriptions, low, high, initial)
    return BodyInference(outputs, parameters, (low, high))


def _trip_range(
    trip_count: Value, condition: Value, body_condition: Value
) -> tuple[int, int | None]:
    starts, continues = condition.scalar(), body_condition.scalar()
    if starts is not None and not starts:
        return 0, 0
    intervals = trip_count.intervals
    high: int | None = None
    low = 0
    if intervals is not None and intervals.size == 1:
        interval = intervals.reshape(-1)[0]
        if interval.lower >= 0:
            low = int(interval.lower)
            high = None if interval.upper == float("inf") else int(interval.upper)
        elif interval.is_point:
            low = 1  # -1: as long as the condition holds
    if continues is not None and not continues:
        low, high = min(low, 1), 1 if high is None else min(high, 1)
    elif continues is None:
        low = min(low, 1)
    return (low if starts else 0), high


def _slice_count(value: Value, description: SliceInputDescription) -> tuple[int, int | None]:
    """Fewest and most slices of one input."""
    if value.rank is None:
        return 0, None
    check(
        -value.rank <= description.axis < value.rank,
        f"No axis {description.axis} to slice in {value.shape}",
    )
    low, high = value.dims[description.axis].interval()
    if low == high:
        count = slice_count(low, description)
        return count, count
    if description.start in (0, -1) and description.end in (0, -1):
        return low // description.part_size, None if high < 0 else high // description.part_size
    return 0, None


def slice_count(size: int, description: Any) -> int:
    """Number of slices of an axis of ``size`` elements."""
    if size == 0:
        return 0
    start = description.start + size if description.start < 0 else description.start
    end = description.end + size if description.end < 0 else description.end
    check(
        0 <= start < size and 0 <= end < size,
        f"Slices from {start} to {end} exceed the axis of size {size}",
    )
    return (abs(end - start) + 1) // description.part_size


def slice_count_between(description: Any) -> int | None:
    """Number of slices between ``start`` and ``end`` when that does not depend on the size of the axis."""
    if (description.start < 0) != (description.end < 0):
        return None
    return (abs(description.end - description.start) + 1) // description.part_size


def _infer_repeated(
    inputs: Sequence[Value], body: Model, descriptions: Sequence[Any]
) -> tuple[list[Value], list[Value]]:
    """Values of the body's parameters and results that hold for every iteration."""
    parameters = [p._outputs[0].value for p in body.get_parameters()]
    merged = [d for d in descriptions if isinstance(d, MergedInputDescription)]
    for description in descriptions:
        value = inputs[description.input_index]
        if isinstance(description, SliceInputDescription):
            value = Value(value.type, _slice_shape(value.shape, description))
        elif isinstance(description, MergedInputDescription):
            value = Value(value.type, value.shape)
        parameters[description.body_parameter_index] = value
    while True:
        results = infer_body(body, parameters)
        stable = True
        for description in merged:
            given = parameters[description.body_parameter_index]
            made = results[description.body_value_index]
            check(
                given.type.compatible(made.type),
                f"A value carried between iterations is {given.type.to_string()} at first and "
                f"{made.type.to_string()} after one iteration",
            )
            relaxed = _relaxed(given.shape, made.shape)
            if relaxed is not given.shape:
                parameters[description.body_parameter_index] = Value(given.type, relaxed)
                stable = False
        if stable:  # every round makes at least one dimension unknown, so this ends
            return parameters, results


def _slice_shape(shape: PartialShape, description: SliceInputDescription) -> PartialShape:
    if shape.rank_length is None:
        return shape
    check(
        -len(shape.dims) <= description.axis < len(shape.dims),
        f"No axis {description.axis} to slice in {shape}",
    )
    dims = list(shape.dims)
    dims[description.axis] = Dimension.static(description.part_size)
    return PartialShape.of(dims)


def _relaxed(given: PartialShape, made: PartialShape) -> PartialShape:
    """``given``, with the dimensions unknown that an iteration changes; the same object when it changes none."""
    if given.rank_length is None:
        return given
    if given.rank_length != made.rank_length:
        return PartialShape.dynamic()
    dims, changed = [], False
    for a, b in zip(given.dims, made.dims, strict=True):
        keep = a.interval() == b.interval() or a.interval() == (0, -1)
        dims.append(a if keep else Dimension.dynamic())
        changed |= not keep
    return PartialShape.of(dims) if changed else given


def _outputs(
    results: Sequence[Value],
    descriptions: Sequence[Any],
    low: int,
    high: int | None,
    initial: dict[int, Value],
) -> tuple[Value, ...]:
    """Values of the outputs after ``low`` to ``high`` iterations; ``initial``: the carried values before them."""
    outputs: dict[int, Value] = {}
    for description in descriptions:
        value = results[description.body_value_index]
        shape = value.shape
        if isinstance(description, ConcatOutputDescription):
            if shape.rank_length is not None:
                rank = len(shape.dims)
                check(
                    -rank <= description.axis < rank,
                    f"No axis {description.axis} to concatenate along in {shape}",
                )
                dims = list(shape.dims)
                count = make(low, -1 if high is None else high)
                dims[description.axis] = mul(dims[description.axis], count)
                shape = PartialShape.of(dims)
        elif low == 0 and description.body_value_index in initial:
            before = initial[description.body_value_index]
            shape = (
                before.shape
                if high == 0
                else _either(description.output_index, before, value).shape
            )
        outputs[description.output_index] = Value(value.type, shape)
    check(
        outputs.keys() == set(range(len(outputs))),
        f"Outputs {sorted(outputs)} of the loop are not numbered without gaps",
    )
    return tuple(outputs[i] for i in range(len(outputs)))


# The factories are the classes themselves, as in OpenVINO: their inputs and bodies are set afterwards.
custom_factory("if_op", 8)(If)
custom_factory("loop", 5)(Loop)
custom_factory("tensor_iterator", 1)(TensorIterator)
