"""Editing and inspecting models: outputs, parameters, sinks, variables, run-time information, batch, evaluation."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ovgpu.graph.any import OVAny, RTMap
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import ConstOutput, Output
from ovgpu.graph.shape import Shape
from ovgpu.graph.special import Parameter, Result

if TYPE_CHECKING:
    from ovgpu.graph.variable import Variable


def _same(items: Iterable[Any], wanted: Any) -> int:
    """Position of ``wanted`` in ``items`` by identity, -1 when it is not there."""
    return next((i for i, item in enumerate(items) if item is wanted), -1)


class ModelEditing:
    """The part of :class:`~ovgpu.graph.model.Model` that changes a graph or looks things up in it."""

    _results: list[Result]
    _parameters: list[Parameter]
    _sinks: list[Node]
    _variables: list[Variable]
    _rt_info: RTMap

    # ---- outputs ----------------------------------------------------------------------------------------------------
    def add_outputs(self, outputs: Any) -> list[Output]:
        """Add Results for tensors and return their ports. A tensor that is an output already is returned as it is.

        Args:
            outputs: a tensor name, a pair (friendly name of a node, output index), an Output, or a list of these.

        Raises RuntimeError when there is no such tensor, TypeError for anything else.
        """
        if not isinstance(outputs, list):
            return [self._add_output(outputs, "")]
        return [self._add_output(item, f" at index {i}") for i, item in enumerate(outputs)]

    def _add_output(self, item: Any, where: str) -> Output:
        source = self._find_tensor(item, where)
        for result in self._results:
            if result is source.node or result.input_value(0) == source:
                return result.output(0)
        result = Result(source)
        if not source.tensor._names:
            source.tensor.set_names({result.get_friendly_name()})
        self._results.append(result)
        return result.output(0)

    def _find_tensor(self, item: Any, where: str) -> Output:
        if isinstance(item, Output):
            return item
        if isinstance(item, str):
            for node in self.get_ordered_ops():  # type: ignore[attr-defined]
                if isinstance(node, Result):
                    continue
                for output in node.outputs():
                    if item in output.tensor._names:
                        return output
            raise RuntimeError(f"Model::add_output. Tensor name '{item}' was not found.")
        if isinstance(item, tuple) and [type(part) for part in item] == [str, int]:
            name, index = item
            for node in self.get_ordered_ops():  # type: ignore[attr-defined]
                if node.get_friendly_name() == name:
                    size = node.get_output_size()
                    if not 0 <= index < size:
                        raise RuntimeError(
                            f"Cannot add output to port {index} operation {name} has only {size} outputs."
                        )
                    return node.output(index)
            raise RuntimeError(f"Model::add_output. Operation with name '{name}' was not found.")
        raise TypeError(f"Incorrect type of a value to add as output{where}.")

    def get_output_size(self) -> int:
        """Number of outputs."""
        return len(self._results)

    def get_output_op(self, index: int) -> Node:
        """The Result at ``index``."""
        if not 0 <= index < len(self._results):
            raise IndexError(
                f"vector::_M_range_check: __n (which is {index}) >= this->size() (which is {len(self._results)})"
            )
        return self._results[index]

    def get_output_element_type(self, index: int) -> Type:
        return self.get_output_op(index).get_output_element_type(0)

    def get_output_partial_shape(self, index: int) -> PartialShape:
        return self.get_output_op(index).get_output_partial_shape(0)

    def get_output_shape(self, index: int) -> Shape:
        return self.get_output_op(index).get_output_shape(0)

    @property
    def result(self) -> Node:
        """The only Result; raises RuntimeError when there are more."""
        if len(self._results) != 1:
            raise RuntimeError("get_result() must be called on a Model with exactly one result.")
        return self._results[0]

    def get_result(self) -> Node:
        return self.result

    def get_result_index(self, value: Output | ConstOutput | Result) -> int:
        """Position of a Result (or of the Result fed by a port), -1 when it is none of this model's."""
        if isinstance(value, Node):
            return _same(self._results, value)
        for index, result in enumerate(self._results):
            source = result.input_value(0)
            if value.node is result or (value.node is source.node and value.index == source.index):
                return index
        return -1

    def add_results(self, results: Sequence[Result]) -> None:
        """Append Results."""
        self._results.extend(results)
        self._adopt_new_nodes()

    def remove_result(self, result: Result) -> None:
        """Drop a Result; nothing happens when it is none of this model's."""
        self._results = [r for r in self._results if r is not result]

    # ---- parameters -------------------------------------------------------------------------------------------------
    def get_parameter_index(self, parameter: Parameter) -> int:
        """Position of a parameter, -1 when it is none of this model's."""
        return _same(self._parameters, parameter)

    def add_parameters(self, parameters: Sequence[Parameter]) -> None:
        """Append parameters."""
        self._parameters.extend(p for p in parameters if _same(self._parameters, p) < 0)

    def remove_parameter(self, parameter: Parameter) -> None:
        """Drop a parameter from the list; nodes that still read it make the model invalid."""
        self._parameters = [p for p in self._parameters if p is not parameter]

    def replace_parameter(self, parameter_index: int, parameter: Parameter) -> None:
        """Let everything that reads the parameter at ``parameter_index`` read ``parameter`` instead."""
        if not 0 <= parameter_index < len(self._parameters):
            raise RuntimeError(
                f"replace_parameter(): Tried to replace parameter at index {parameter_index} but the Model only has "
                f"{len(self._parameters)} parameters."
            )
        old = self._parameters[parameter_index]
        old.output(0).replace(parameter.output(0))
        self._parameters[parameter_index] = parameter

    # ---- sinks and variables ----------------------------------------------------------------------------------------
    def add_sinks(self, sinks: Sequence[Any]) -> None:
        """Append sinks (Assign nodes)."""
        self._sinks.extend(s.node if isinstance(s, Output) else s for s in sinks)
        self._adopt_new_nodes()

    def remove_sink(self, sink: Any) -> None:
        node = sink.node if isinstance(sink, Output) else sink
        self._sinks = [s for s in self._sinks if s is not node]

    def get_sink_index(self, sink: Any) -> int:
        """Position of a sink, -1 when it is none of this model's."""
        return _same(self._sinks, sink.node if isinstance(sink, (Output, ConstOutput)) else sink)

    def add_variables(self, variables: Sequence[Variable]) -> None:
        self._variables.extend(v for v in variables if _same(self._variables, v) < 0)

    def remove_variable(self, variable: Variable) -> None:
        self._variables = [v for v in self._variables if v is not variable]

    def get_variable_by_id(self, variable_id: str) -> Variable | None:
        """The variable of this id, or None."""
        return next((v for v in self._variables if v.info.variable_id == variable_id), None)

    def _adopt_new_nodes(self) -> None:
        self._collect_variables(self.get_ordered_ops())  # type: ignore[attr-defined]

    # ---- run-time information ---------------------------------------------------------------------------------------
    def get_rt_info(self, path: str | list[str] | None = None) -> Any:
        """All run-time information, or the entry at ``path``. Raises RuntimeError when there is none."""
        if path is None:
            return self._rt_info
        keys = [path] if isinstance(path, str) else list(path)
        found = self._look_up(keys)
        if found is None:
            raise RuntimeError(
                "Cannot get runtime attribute. Path to runtime attribute is incorrect."
            )
        return found

    def has_rt_info(self, path: str | list[str]) -> bool:
        """Whether there is an entry at ``path``."""
        return self._look_up([path] if isinstance(path, str) else list(path)) is not None

    def _look_up(self, keys: Sequence[str]) -> OVAny | None:
        """The stored value at a path, None when there is none; dicts as they were stored."""
        current: Any = self._rt_info._items
        for key in keys:
            if not isinstance(current, dict) or key not in current:
                return None
            found = current[key]
            current = found.value if isinstance(found, OVAny) else found
        return OVAny(current)

    def set_rt_info(self, obj: Any, path: str | list[str]) -> None:
        """Store ``obj`` at ``path``; missing levels are made."""
        keys = [path] if isinstance(path, str) else list(path)
        if len(keys) == 1:
            self._rt_info[keys[0]] = obj if isinstance(obj, OVAny) else OVAny(obj)
            return
        top = self._look_up(keys[:1])
        mapping = top.value if top is not None else None
        tree: dict[str, Any] = dict(mapping) if isinstance(mapping, dict) else {}
        level = tree
        for key in keys[1:-1]:
            inner = level.get(key)
            inner = inner.value if isinstance(inner, OVAny) else inner
            level[key] = dict(inner) if isinstance(inner, dict) else {}
            level = level[key]
        level[keys[-1]] = obj.value if isinstance(obj, OVAny) else obj
        self._rt_info[keys[0]] = OVAny(tree)

    # ---- evaluation -------------------------------------------------------------------------------------------------
    def evaluate(
        self, output_tensors: Any, input_tensors: Any, evaluation_context: Any = None
    ) -> bool:
        """Compute the model on tensors, eagerly on the CPU; outputs are resized. Returns True."""
        from ovgpu.plugins.cpu.evaluate import evaluate_model

        return evaluate_model(self, output_tensors, input_tensors)  # type: ignore[arg-type]


def _batch_positions(model: Any) -> list[tuple[Parameter, int]]:
    found = []
    for parameter in model.get_parameters():
        layout = parameter.get_layout()
        if layout.has_name("N"):
            index = layout.get_index_by_name("N")
            rank = parameter._partial_shape.rank_length
            found.append((parameter, index if index >= 0 or rank is None else index + rank))
    return found


def _input_lines(model: Any) -> list[str]:
    """Name, shape, layout and batch of each input, as error messages list them."""
    lines = []
    positions = {id(p): i for p, i in _batch_positions(model)}
    for index, parameter in enumerate(model.get_parameters()):
        names = ", ".join(sorted(parameter.output(0).names)) or parameter.get_friendly_name()
        batch = "no batch specified"
        if id(parameter) in positions and parameter._partial_shape.rank_length is not None:
            batch = f"batch={parameter._partial_shape.dims[positions[id(parameter)]]}"
        lines.append(
            f"{index}: {{ name='{names}', shape={parameter.partial_shape}, "
            f"layout={parameter.get_layout().to_string()}, {batch} }}"
        )
    return lines


def _no_batch(model: Any, verb: str) -> RuntimeError:
    inputs = "\n".join(_input_lines(model))
    return RuntimeError(
        f"{verb} original batch size fails due to batch is not set in any layout for any input. "
        f"Available inputs:\n{inputs}\n---\nPlease use 'set_layout' API to set layout with batch dimension, e.g. "
        '`Model->get_parameters()[index]->set_layout("NCHW");`'
    )


def get_batch(model: Any) -> Dimension:
    """The batch dimension, from inputs whose layout has N.

    Raises RuntimeError when no layout names a batch, or inputs disagree.
    """
    from ovgpu.graph.dimension import merge

    positions = _batch_positions(model)
    if not positions:
        raise _no_batch(model, "Get")
    batch: Dimension | None = Dimension.dynamic()
    for parameter, index in positions:
        batch = merge(batch, parameter._partial_shape.dims[index]) if batch is not None else None
    if batch is None:
        inputs = "\n".join(_input_lines(model))
        raise RuntimeError(
            f"Get original batch size fails due to conflicting batch values for inputs:\n{inputs}\n---\n"
            "Please ensure that N(Batch) dimension is set correctly for listed parameters"
        )
    return batch


def set_batch(model: Any, dimension: int | Dimension = -1) -> None:
    """Set the batch dimension of every input whose layout has N, and infer shapes anew (-1: any batch).

    Raises TypeError for anything but an int or a Dimension, RuntimeError when no layout names a batch.
    """
    if isinstance(dimension, bool) or not isinstance(dimension, Dimension):
        try:
            dimension = Dimension(operator.index(dimension))
        except TypeError:
            raise TypeError(
                "set_batch(): incompatible function arguments. It takes (model, dimension: Dimension) or "
                f"(model, batch_size: int = -1). Invoked with: {dimension!r}"
            ) from None
    positions = _batch_positions(model)
    if not positions:
        raise _no_batch(model, "Get")
    shapes: dict[Any, PartialShape] = {}
    for parameter, index in positions:
        dims = list(parameter._partial_shape.dims)
        dims[index] = dimension
        shapes[parameter.output(0)] = PartialShape.of(dims)
    try:
        model.reshape(shapes)
    except RuntimeError as error:
        tried = []
        for index, line in enumerate(_input_lines(model)):
            parameter = model.get_parameters()[index]
            new = shapes.get(parameter.output(0), parameter.partial_shape)
            tried += [line, f"{index}: Tried reshape {parameter.partial_shape} to {new}"]
        inputs = "\n".join(tried)
        raise RuntimeError(
            f"Failed to set batch size to {dimension}. Possible reasons are:\n"
            "    1) Ensure that all inputs have valid layout set with batch dimension\n"
            "    2) Check model's documentation if batch size can be set to it at all\n"
            f"Available inputs:\n{inputs}\n---\n{error}"
        ) from error
