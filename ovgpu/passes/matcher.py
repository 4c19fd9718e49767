"""Comparing a pattern with a part of a model."""

from __future__ import annotations

from itertools import permutations

from ovgpu.graph.arguments import incompatible_arguments
from ovgpu.graph.node import Node
from ovgpu.graph.port import Output
from ovgpu.passes.pattern import AnyInput, Optional, Or, PatternNode, WrapType
from ovgpu.passes.predicates import Symbols

#: Operations whose two inputs a pattern may have in either order.
COMMUTATIVE = frozenset(
    (
        *("Add", "Multiply", "Maximum", "Minimum", "SquaredDifference", "Equal", "NotEqual"),
        *("LogicalAnd", "LogicalOr", "LogicalXor", "BitwiseAnd", "BitwiseOr", "BitwiseXor"),
    )
)


class _State:
    """What was matched so far; copied before a choice that may have to be taken back."""

    def __init__(self) -> None:
        self.values: dict[Node, Output] = {}
        self.matched: list[Output] = []
        self.symbols: Symbols = {}

    def copy(self) -> _State:
        other = _State()
        other.values, other.matched = dict(self.values), list(self.matched)
        other.symbols = dict(self.symbols)
        return other

    def take(self, other: _State) -> None:
        self.values, self.matched, self.symbols = other.values, other.matched, other.symbols


class Matcher:
    """Finds a pattern in a model.

    Args:
        node: the last node of the pattern (or its output); its inputs are patterns too.
        name: name of the pass that uses the matcher.
    """

    def __init__(self, node: Node | Output, name: str) -> None:
        if not isinstance(node, (Node, Output)) or not isinstance(name, str):
            raise incompatible_arguments(
                "__init__",
                [
                    "ovgpu.passes.Matcher(node: ovgpu.Node, name: str)",
                    "ovgpu.passes.Matcher(output: ovgpu.Output, name: str)",
                ],
                (node, name),
            )
        self._pattern = node if isinstance(node, Output) else node.output(0)
        self._name = name
        self._state = _State()

    def match(self, value: Node | Output) -> bool:
        """Whether the pattern ends in ``value``. For a node, any of its outputs may match.

        When it does, the ``get_match_...`` methods tell what was found.
        """
        outputs = [value] if isinstance(value, Output) else value.outputs()
        for output in outputs:
            state = _State()
            if _match(self._pattern, output, state):
                self._state = state
                return True
        self._state = _State()
        return False

    def get_name(self) -> str:
        return self._name

    def get_match_root(self) -> Node:
        """The node that the last node of the pattern stands for."""
        return self.get_match_value().node

    def get_match_value(self) -> Output:
        """The output that the last node of the pattern stands for. Raises RuntimeError when nothing matched."""
        if not self._state.matched:
            raise RuntimeError("The matcher has not matched anything")
        return self._state.matched[0]

    def get_match_nodes(self) -> list[Node]:
        """The nodes of the model that take part, the last one first."""
        return list(dict.fromkeys(output.node for output in self._state.matched))

    def get_match_values(self) -> list[Output]:
        """The outputs of the model that take part, the last one first."""
        return list(self._state.matched)

    def get_pattern_value_map(self) -> dict[Node, Output]:
        """For each node of the pattern the output that it stands for."""
        return dict(self._state.values)

    def get_symbols(self) -> Symbols:
        """Names from ``shape_matches`` and what they stand for."""
        return dict(self._state.symbols)


def _match(pattern: Output, value: Output, state: _State) -> bool:
    node = pattern.node
    if node in state.values:
        return state.values[node] == value
    if isinstance(node, Or):
        return _match_any(node, node.input_values(), value, state)
    if isinstance(node, Optional):
        return _match_optional(node, value, state)
    if isinstance(node, PatternNode):
        if isinstance(node, WrapType) and not node.fits_type(value.node):
            return False
        if not node.predicate.holds(value, state.symbols):
            return False
        state.values[node] = value
        state.matched.append(value)
        return isinstance(node, AnyInput) or _match_inputs(node, value.node, state)
    if node.declaration is not value.node.declaration or pattern.index != value.index:
        return False
    state.values[node] = value
    state.matched.append(value)
    return _match_inputs(node, value.node, state)


def _match_any(node: Node, branches: list[Output], value: Output, state: _State) -> bool:
    for branch in branches:
        attempt = state.copy()
        if _match(branch, value, attempt):
            attempt.values[node] = value
            state.take(attempt)
            return True
    return False


def _match_optional(node: Optional, value: Output, state: _State) -> bool:
    attempt = state.copy()
    inputs = node.input_values()
    if node.fits_type(value.node) and node.predicate.holds(value, attempt.symbols):
        attempt.values[node] = value
        attempt.matched.append(value)
        if _match_inputs(node, value.node, attempt):
            state.take(attempt)
            return True
    return bool(inputs) and _match(inputs[0], value, state)


def _match_inputs(pattern: Node, node: Node, state: _State) -> bool:
    wanted, given = pattern.input_values(), node.input_values()
    if not wanted and isinstance(pattern, PatternNode):
        return True
    if len(wanted) != len(given):
        return False
    commutes = len(wanted) == 2 and node.get_type_name() in COMMUTATIVE
    for order in permutations(given) if commutes else [tuple(given)]:
        attempt = state.copy()
        if all(_match(p, v, attempt) for p, v in zip(wanted, order, strict=True)):
            state.take(attempt)
            return True
    return False
