"""Computing single nodes and whole graphs eagerly: for constant folding, ``Node.evaluate`` and ``Model.evaluate``.

This is the readable executor; inference requests run the planned one (:mod:`ovgpu.plugins.cpu.plan`) with the same
kernels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ovgpu.execution.program import Program
from ovgpu.graph.element_type import Type
from ovgpu.graph.model import topological_order
from ovgpu.graph.node import Node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.special import Constant, Parameter, Result
from ovgpu.graph.state import Assign, ReadValue
from ovgpu.graph.subgraph import SubgraphNode
from ovgpu.graph.value import Value
from ovgpu.plugins.cpu.registry import SMALL_FLOATS, Call, Kernel, find_kernel, keyword_arguments

if TYPE_CHECKING:
    from ovgpu.graph.model import Model

Arrays = Sequence["np.ndarray | None"]


class MissingKernel(RuntimeError):
    """The CPU has no kernel for an operation."""

    def __init__(self, node: Node) -> None:
        info = node.get_type_info()
        super().__init__(
            f"The CPU has no kernel for {info.version_id}::{info.name} (layer '{node.get_friendly_name()}')"
        )


def required_kernel(node: Node) -> Kernel:
    """The kernel of a node. Raises MissingKernel when the CPU has none."""
    kernel = find_kernel(node)
    if kernel is None:
        raise MissingKernel(node)
    return kernel


def host_program(model: Model) -> Program:
    """The program of a lowered model whose operations, or those that a device leaves to it, the CPU runs.

    Raises MissingKernel for an operation that the CPU cannot run.
    """
    return Program(model, required_kernel, compute_dtype)


def widen(array: np.ndarray | None) -> np.ndarray | None:
    """``array`` as float32 when it holds one of the small float types."""
    if array is not None and array.dtype.kind in "fV" and array.dtype.itemsize < 4:
        return array.astype(np.float32)
    return array


def known_value(value: Value, array: np.ndarray) -> Value:
    """A static Value of the type of ``value`` with all elements known."""
    return Value(value.type, PartialShape.of(array.shape), array)


def infer_outputs(node: Node, arrays: Arrays) -> tuple[Value, ...]:
    """Output values of ``node`` for concrete inputs; shapes that depend on data stay dynamic."""
    sources = node.input_values()
    inputs = [
        known_value(source.value, array)
        for source, array in zip(sources, arrays, strict=True)
        if array is not None
    ]
    return node.declaration.infer_values(list(inputs), node.attributes)


def compute(
    node: Node, kernel: Kernel, arrays: Arrays, outputs: Sequence[Value], exact: bool = True
) -> list[np.ndarray]:
    """Run ``kernel`` on ``arrays`` and return fresh arrays in the host dtypes of the outputs.

    With ``exact=False`` tensors of f16 and bf16 are float32 and are not rounded, as in plans.
    """
    if kernel.compute is None and kernel.bind is None and kernel.view is not None:
        parameters = _view_keywords(kernel)
        result = kernel.view(*arrays, **keyword_arguments(parameters, node, outputs))
        if result is None:
            raise RuntimeError(
                f"{node.get_friendly_name()}: the operation has only a view kernel, which refused"
            )
        views = result if isinstance(result, (tuple, list)) else (result,)
        return [_as_host(r, v, exact) for r, v in zip(views, outputs, strict=True)]
    if kernel.compute is None:
        return _run_binder(node, kernel, arrays, outputs, exact)
    inputs = arrays if kernel.native else [widen(a) for a in arrays]
    keywords = kernel.arguments(node, outputs)
    if kernel.takes_out:
        shape = outputs[0].shape.static_tuple()
        assert shape is not None, (
            f"{node.get_friendly_name()}: a kernel with `out` needs a static shape"
        )
        wide = not kernel.native and outputs[0].type in SMALL_FLOATS
        out = np.empty(shape, np.float32 if wide else _dtype(outputs[0], exact))
        kernel.compute(*inputs, out=out, **keywords)
        return [_as_host(out, outputs[0], exact)]
    result = kernel.compute(*inputs, **keywords)
    results = result if isinstance(result, (tuple, list)) else (result,)
    return [_as_host(r, v, exact) for r, v in zip(results, outputs, strict=True)]


def _view_keywords(kernel: Kernel) -> tuple[str, ...]:
    from ovgpu.plugins.cpu.registry import _keywords

    assert kernel.view is not None
    return _keywords(kernel.view)


def compute_dtype(element_type: Type) -> np.dtype[Any]:
    """The dtype in which plans hold a tensor: f16 and bf16 are computed in float32."""
    return (
        np.dtype(np.float32) if element_type in (Type.f16, Type.bf16) else element_type.host_dtype
    )


def _dtype(value: Value, exact: bool) -> np.dtype[Any]:
    return value.type.host_dtype if exact else compute_dtype(value.type)


def _as_host(array: Any, value: Value, exact: bool = True) -> np.ndarray:
    array = np.asarray(array)
    dtype = _dtype(value, exact)
    if array.dtype != dtype:
        with np.errstate(all="ignore"):
            array = array.astype(dtype)
    return array


def _run_binder(
    node: Node, kernel: Kernel, arrays: Arrays, outputs: Sequence[Value], exact: bool
) -> list[np.ndarray]:
    assert kernel.bind is not None
    inputs = list(arrays) if kernel.native else [widen(a) for a in arrays]
    wide = [not kernel.native and v.type in SMALL_FLOATS for v in outputs]
    results = [
        np.empty(v.shape.static_tuple() or (), np.float32 if w else _dtype(v, exact))
        for v, w in zip(outputs, wide, strict=True)
    ]
    input_values = [
        known_value(s.value, a)
        for s, a in zip(node.input_values(), arrays, strict=True)
        if a is not None
    ]
    scratch = (
        np.empty(kernel.scratch(node, input_values, outputs), np.uint8) if kernel.scratch else None
    )
    constant = [isinstance(s.node, Constant) for s in node.input_values()]
    kernel.bind(Call(node, inputs, results, constant, {}, scratch))()
    return [_as_host(r, v, exact) for r, v in zip(results, outputs, strict=True)]


def evaluate(
    node: Node, arrays: Arrays, exact: bool = True, outputs: Sequence[Value] | None = None
) -> list[np.ndarray]:
    """Compute one node on host arrays. ``exact=False``: see :func:`compute`.

    ``outputs`` are values of the outputs with static shapes, for who knows them already: they are inferred else, which
    also checks what follows from the elements of the inputs.

    Raises MissingKernel when the CPU cannot, RuntimeError when the inputs do not fit the operation.
    """
    if isinstance(node, SubgraphNode):
        from ovgpu.plugins.cpu.subgraph import evaluate_subgraph

        return evaluate_subgraph(node, [a for a in arrays if a is not None])
    if isinstance(node, (ReadValue, Assign)):
        return [_as_host(arrays[0], node._outputs[0].value) if arrays else _zeros(node)]
    kernel = required_kernel(node)
    with np.errstate(all="ignore"):
        return compute(node, kernel, arrays, outputs or infer_outputs(node, arrays), exact)


def _zeros(node: Node) -> np.ndarray:
    """What a variable without an initial value holds at first; unknown dimensions are as small as they may be."""
    value = node._outputs[0].value
    return np.zeros([d.get_min_length() for d in value.dims], value.type.host_dtype)


def evaluate_graph(results: Sequence[Node], feeds: Mapping[Node, np.ndarray]) -> list[np.ndarray]:
    """Compute the inputs of ``results`` (Result nodes) from arrays for the parameters."""
    computed: dict[tuple[int, int], np.ndarray] = {(id(p), 0): a for p, a in feeds.items()}
    for node in topological_order(results):
        if isinstance(node, Result) or (id(node), 0) in computed:
            continue
        if isinstance(node, Parameter):
            raise RuntimeError(f"No data for the parameter '{node.get_friendly_name()}'")
        if isinstance(node, Constant):
            computed[id(node), 0] = node.host_array()
            continue
        arrays = [computed[id(s.node), s.index] for s in node.input_values()]
        for index, array in enumerate(evaluate(node, arrays)):
            computed[id(node), index] = array
    sources = [r.input_value(0) for r in results]
    return [computed[id(s.node), s.index] for s in sources]


def evaluate_node(node: Node, output_tensors: Any, input_tensors: Any) -> bool:
    """``Node.evaluate``: fill ``output_tensors`` (resized as needed); False when there is no kernel."""
    try:
        results = evaluate(node, [t.host_array() for t in input_tensors])
    except MissingKernel:
        return False
    for tensor, array in zip(output_tensors, results, strict=True):
        tensor.assign_host(array)
    return True


def evaluate_model(model: Model, output_tensors: Any, input_tensors: Any) -> bool:
    """``Model.evaluate``: compute the model on tensors, outputs resized as needed."""
    feeds: dict[Node, np.ndarray] = {
        p: t.host_array() for p, t in zip(model.get_parameters(), input_tensors, strict=True)
    }
    for tensor, array in zip(
        output_tensors, evaluate_graph(model.get_results(), feeds), strict=True
    ):
        tensor.assign_host(array)
    return True
