"""Passes that change a model wherever a pattern matches."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

from ovgpu.graph.arguments import incompatible_arguments
from ovgpu.graph.model import Model
from ovgpu.graph.node import Node
from ovgpu.graph.subgraph import SubgraphNode
from ovgpu.passes.base import ModelPass, PassBase
from ovgpu.passes.matcher import Matcher

Callback = Callable[[Matcher], Any]


class MatcherPass(PassBase):
    """A pattern and what to do where it matches.

    ``MatcherPass(matcher, callback)``, or a subclass that calls :meth:`register_matcher` in its constructor. The
    callback gets the matcher and returns whether it changed the model.
    """

    def __init__(self, matcher: Matcher | None = None, callback: Callback | None = None) -> None:
        self._matcher: Matcher | None = None
        self._new_nodes: list[Node] = []
        if matcher is not None or callback is not None:
            self.register_matcher(matcher, callback)  # type: ignore[arg-type]

    def register_matcher(self, matcher: Matcher, callback: Callback) -> None:
        """Set pattern and callback. The pass takes the matcher's name."""
        if not isinstance(matcher, Matcher) or not callable(callback):
            raise incompatible_arguments(
                "register_matcher",
                [
                    "(matcher: ovgpu.passes.Matcher, callback: Callable[[ovgpu.passes.Matcher], bool])"
                ],
                (self, matcher, callback),
            )
        self._matcher, self._callback = matcher, callback
        self.set_name(matcher.get_name())

    def register_new_node(self, node: Node) -> Node:
        """Let the patterns be tried on ``node``, which the callback made, as well; returns it."""
        self._new_nodes.append(node)
        return node

    def apply(self, node: Node) -> bool:
        """Try the pattern on one node; True when the callback changed something."""
        if self._matcher is None:
            raise RuntimeError(f"{self.get_name()} has no matcher; call register_matcher first")
        return self._matcher.match(node) and bool(self._callback(self._matcher))

    def take_new_nodes(self) -> list[Node]:
        """Nodes registered since the last call."""
        nodes, self._new_nodes = self._new_nodes, []
        return nodes


class GraphRewrite(ModelPass):
    """Tries several MatcherPasses on every node in one walk, producers first; the first that changes a node wins."""

    def __init__(self) -> None:
        self._matchers: list[MatcherPass] = []

    def add_matcher(self, transformation: MatcherPass) -> MatcherPass:
        """Append a MatcherPass and return it."""
        if not isinstance(transformation, MatcherPass):
            raise incompatible_arguments(
                "add_matcher",
                ["(transformation: ovgpu.passes.MatcherPass)"],
                (self, transformation),
            )
        self._matchers.append(transformation)
        return transformation

    def _order(self, model: Model) -> list[Node]:
        return model.get_ordered_ops()

    def run_on_model(self, model: Model) -> bool:
        """Walk over the model, the bodies of control flow included. True when something changed."""
        # Weak references: what a rewrite has cut out of the graph is gone when its turn would come.
        queue = deque(weakref.ref(node) for node in self._order(model))
        changed = False
        while queue:
            node = queue.popleft()()
            if node is None:
                continue
            if isinstance(node, SubgraphNode):
                for body in node.body_models():
                    changed |= self.run_on_model(body)
            for matcher in self._matchers:
                applied = matcher.apply(node)
                queue.extendleft(weakref.ref(n) for n in reversed(matcher.take_new_nodes()))
                if applied:
                    changed = True
                    break
        return changed


class BackwardGraphRewrite(GraphRewrite):
    """As GraphRewrite, consumers first."""

    def _order(self, model: Model) -> list[Node]:
        return model.get_ordered_ops()[::-1]
