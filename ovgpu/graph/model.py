"""A model: results, parameters, sinks, variables, and everything that lies between them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ovgpu.graph.any import RTMap
from ovgpu.graph.model_arguments import (
    parse_model_arguments,
    parse_reshape,
    port_key,
    reshape_arguments,
)
from ovgpu.graph.model_editing import ModelEditing
from ovgpu.graph.node import Node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import ConstOutput, Output
from ovgpu.graph.special import Parameter, Result
from ovgpu.graph.state import Assign, ReadValue

if TYPE_CHECKING:
    from ovgpu.graph.variable import Variable

_model_ids = itertools.count(1)


def topological_order(roots: Iterable[Node]) -> list[Node]:
    """All nodes from which ``roots`` can be reached, producers first. Raises RuntimeError on a cycle."""
    done: set[int] = set()
    active: set[int] = set()
    order: list[Node] = []
    for root in roots:
        if id(root) in done:
            continue
        stack: list[tuple[Node, Iterator[Node]]] = [(root, iter(root._ordering_sources()))]
        active.add(id(root))
        while stack:
            node, sources = stack[-1]
            for source in sources:
                if id(source) in done:
                    continue
                if id(source) in active:
                    raise RuntimeError(
                        f"The graph has a cycle through '{source.get_friendly_name()}' ({source.get_type_name()})"
                    )
                active.add(id(source))
                stack.append((source, iter(source._ordering_sources())))
                break
            else:
                stack.pop()
                active.discard(id(node))
                done.add(id(node))
                order.append(node)
    return order


class Model(ModelEditing):
    """A graph with named inputs and outputs.

    Args:
        results: what the model computes: Result nodes, other nodes or outputs (a Result is added), a list or one.
        sinks: optional nodes that must run although nothing reads them (Assign).
        parameters: the inputs, in order.
        variables: optional variables of ReadValue/Assign pairs; found by themselves when not given.
        name: friendly name.

    Raises TypeError for other arguments and RuntimeError when a parameter that is used is not listed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if len(args) == 1 and isinstance(args[0], Model) and not kwargs:
            self.__dict__ = args[0].__dict__  # another handle to the same graph
            return
        results, sinks, parameters, variables, name = parse_model_arguments(args, kwargs)
        self._build(results, sinks, parameters, variables, name)

    def _build(
        self,
        results: Sequence[Result],
        sinks: Sequence[Node],
        parameters: Sequence[Parameter],
        variables: Sequence[Variable] | None,
        name: str,
    ) -> None:
        self._unique_name = f"Model{next(_model_ids)}"
        self._friendly_name = name
        self._results = list(results)
        self._sinks = list(sinks)
        self._parameters = list(parameters)
        self._rt_info = RTMap()
        self._lock = threading.RLock()
        self._variables = list(variables) if variables is not None else []
        order = self.get_ordered_ops()
        self._check_parameters(order)
        self._collect_variables(order)
        ports: list[Node] = [*self._parameters, *self._results]
        for port in ports:
            descriptor = port._outputs[0]
            if not descriptor._names:
                descriptor._names = {port.get_friendly_name()}

    def _check_parameters(self, order: Sequence[Node]) -> None:
        known = {id(p) for p in self._parameters}
        for node in order:
            if isinstance(node, Parameter) and id(node) not in known:
                value = node._outputs[0].value
                raise RuntimeError(
                    "Model references undeclared parameters: opset1::Parameter "
                    f"{node.get_friendly_name()} () -> ({value.type.to_string()}{value.shape})"
                )

    def _collect_variables(self, order: Sequence[Node]) -> None:
        by_id = {v.info.variable_id: v for v in self._variables}
        for node in order:
            if isinstance(node, (ReadValue, Assign)):
                # Assign("id") makes a variable of its own, which is the one that ReadValue("id") has.
                variable = by_id.setdefault(node.variable_id, node.variable)
                if node.variable is not variable:
                    node.variable = variable
        self._variables = list(by_id.values())

    # ---- nodes ------------------------------------------------------------------------------------------------------
    def get_ordered_ops(self) -> list[Node]:
        """All nodes, producers before consumers."""
        order = topological_order([*self._results, *self._sinks])
        seen = {id(n) for n in order}
        unused = [p for p in self._parameters if id(p) not in seen]
        return [*unused, *order]

    def get_ops(self) -> list[Node]:
        """All nodes."""
        return self.get_ordered_ops()

    def validate_nodes_and_infer_types(self) -> None:
        """Recompute all types and shapes after the graph was edited."""
        order = self.get_ordered_ops()
        self._check_parameters(order)
        for node in order:
            node.validate_and_infer_types()

    @property
    def parameters(self) -> list[Parameter]:
        return list(self._parameters)

    def get_parameters(self) -> list[Parameter]:
        return list(self._parameters)

    @property
    def results(self) -> list[Result]:
        return list(self._results)

    def get_results(self) -> list[Result]:
        return list(self._results)

    @property
    def sinks(self) -> list[Node]:
        return list(self._sinks)

    def get_sinks(self) -> list[Node]:
        return list(self._sinks)

    @property
    def variables(self) -> list[Variable]:
        """The variables of ReadValue/Assign pairs."""
        return list(self._variables)

    def get_variables(self) -> list[Variable]:
        return list(self._variables)

    # ---- ports ------------------------------------------------------------------------------------------------------
    @property
    def inputs(self) -> list[Output]:
        return [p.output(0) for p in self._parameters]

    @property
    def outputs(self) -> list[Output]:
        return [r.output(0) for r in self._results]

    def _find_port(self, ports: list[Output], kind: str, key: int | str | None) -> Output:
        if key is None:
            if len(ports) != 1:
                noun = "parameter" if kind == "input" else "result"
                raise RuntimeError(f"{kind}() must be called on a Model with exactly one {noun}.")
            return ports[0]
        if isinstance(key, str):
            for port in ports:
                if key in port.tensor._names:
                    return port
            raise RuntimeError(f"{kind.capitalize()} for tensor name '{key}' is not found.")
        if key >= len(ports):
            raise IndexError(
                f"vector::_M_range_check: __n (which is {key}) >= this->size() (which is {len(ports)})"
            )
        return ports[key]

    def input(self, *key: int | str, **named: int | str) -> Output:
        """The input with this ``index`` or ``tensor_name``; without either, the only one.

        Raises RuntimeError for an unknown name, IndexError for an index beyond the last input.
        """
        return self._find_port(self.inputs, "input", port_key("input", key, named))

    def output(self, *key: int | str, **named: int | str) -> Output:
        """The output with this ``index`` or ``tensor_name``; without either, the only one.

        Raises RuntimeError for an unknown name, IndexError for an index beyond the last output.
        """
        return self._find_port(self.outputs, "output", port_key("output", key, named))

    # ---- names ------------------------------------------------------------------------------------------------------
    def get_name(self) -> str:
        """Unique name within the process."""
        return self._unique_name

    @property
    def name(self) -> str:
        return self._unique_name

    def get_friendly_name(self) -> str:
        return self._friendly_name or self._unique_name

    def set_friendly_name(self, name: str) -> None:
        self._friendly_name = str(name)

    @property
    def friendly_name(self) -> str:
        return self.get_friendly_name()

    @friendly_name.setter
    def friendly_name(self, name: str) -> None:
        self.set_friendly_name(name)

    # ---- shapes -----------------------------------------------------------------------------------------------------
    def is_dynamic(self) -> bool:
        """Whether any output of any node has an unknown dimension."""
        return any(
            d.value.shape.is_dynamic for node in self.get_ordered_ops() for d in node._outputs
        )

    @property
    def dynamic(self) -> bool:
        return self.is_dynamic()

    def reshape(self, *args: Any, **kwargs: Any) -> None:
        """``reshape(partial_shapes, variables_shapes={})``: change input shapes and infer everything anew.

        When that fails, the old shapes are restored.

        Args:
            partial_shapes: for a single input a PartialShape, list, tuple or str; else a dict from port, index or
                name to such.
            variables_shapes: shapes of variables by id.
        """
        partial_shapes, variables_shapes = reshape_arguments(args, kwargs)
        new_shapes = parse_reshape(self, partial_shapes)
        variables = {v.info.variable_id: v for v in self._variables}
        new_variables = {
            variables[k]: PartialShape(s) for k, s in variables_shapes.items() if k in variables
        }
        old_shapes = [(p, p._partial_shape) for p in self._parameters]
        old_variables = [(v, v.info.data_shape) for v in new_variables]
        try:
            for parameter, shape in new_shapes:
                parameter.set_partial_shape(shape)
            for variable, shape in new_variables.items():
                variable.set_shape(shape)
            self.validate_nodes_and_infer_types()
        except Exception:
            for parameter, shape in old_shapes:
                parameter.set_partial_shape(shape)
            for variable, shape in old_variables:
                variable.set_shape(shape)
            self.validate_nodes_and_infer_types()
            raise

    # ---- information ------------------------------------------------------------------------------------------------
    @property
    def rt_info(self) -> RTMap:
        return self._rt_info

    def clone(self) -> Model:
        """An independent copy of the graph; constants share their memory."""
        from ovgpu.graph.clone import clone_model

        return clone_model(self)

    def __copy__(self) -> Model:
        raise TypeError("Cannot copy 'openvino.Model'. Please, use deepcopy instead.")

    def __deepcopy__(self, memo: dict[int, Any]) -> Model:
        return self.clone()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        """Let go of the graph; the object is of no use afterwards."""
        self.__dict__.clear()

    def __getattr__(self, name: str) -> Any:
        # Only reached when normal look-up fails.
        if "_results" not in self.__dict__ and not name.startswith("__"):
            raise AttributeError(
                f"'Model' object has no attribute '{name}' or attribute is no longer accessible."
            )
        raise AttributeError(f"'openvino._pyopenvino.Model' object has no attribute '{name}'")

    def __repr__(self) -> str:
        if "_results" not in self.__dict__:
            return "None"
        return f"<Model: '{self.get_friendly_name()}'\n{ports_text(self.inputs, self.outputs)}>"


def ports_text(inputs: Iterable[Any], outputs: Iterable[Any]) -> str:
    """The two lists of ports as models, compiled models and requests print them."""

    def line(port: Any) -> str:
        return repr(ConstOutput(port.node, port.index))

    first = ",\n".join(map(line, inputs))
    second = ",\n".join(map(line, outputs))
    return f"inputs[\n{first}\n]\noutputs[\n{second}\n]"
