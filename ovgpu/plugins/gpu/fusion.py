"""Clusters of elementwise operations, each of which becomes one kernel.

Nodes are visited from the results backwards. Each one that is elementwise gathers elementwise producers, as long as
the cluster can be computed at once: no path leads out of it and back in. A producer that others need too is gathered
when it has the cluster's shape; its result is then written beside that of the cluster.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from ovgpu.graph.any import OVAny
from ovgpu.graph.model import Model
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.port import Output
from ovgpu.graph.special import Constant
from ovgpu.ops.fused import ClusterStep
from ovgpu.passes.graph_editing import fused_names
from ovgpu.plugins.gpu.broadcasting import MAX_RANK
from ovgpu.plugins.gpu.codegen import MAX_TENSORS, PACKED_NAMES
from ovgpu.plugins.gpu.lower.elementwise import describe, quantizes_convolution, types_fit

#: Most operations of a cluster: beyond, registers run out and texts take long to compile.
MAX_STEPS = 24

#: Operations whose operands after the first need not line up at the last dimension; only the first may come from the
#: cluster.
_ALIGNED_OTHERWISE = frozenset({"PRelu", "BatchNormInference", "Selu", "HardSigmoid", "Swish"})


def fuse_elementwise(model: Model) -> bool:
    """Replace clusters of two and more elementwise nodes of ``model``; say whether there were any."""
    order = model.get_ordered_ops()
    graph = _Graph(order)
    changed = False
    for root in reversed(order):
        if root in graph.candidates:
            cluster = graph.grow(root)
            if len(cluster) > 1:
                graph.contract(cluster)
                _replace([node for node in order if node in cluster])
                changed = True
    return changed


def _lines_up_otherwise(node: Node) -> bool:
    return (
        node.declaration.name in _ALIGNED_OTHERWISE
        or node.attributes.get("auto_broadcast") == "pdpd"
    )


def _is_candidate(node: Node) -> bool:
    """Whether a generated kernel can compute the node, whatever the shapes of a run are."""
    if node.get_output_size() != 1 or node.declaration.name == "ConvertLike":
        return False
    if node.declaration.name == "FakeQuantize" and quantizes_convolution(node):
        return False  # it must know its neighbour
    description = describe(node)
    if description is None:
        return False
    output = node.output(0).value
    inputs = [source.value for source in node.input_values()]
    if output.rank is None or output.rank > MAX_RANK:
        return False
    if any(v.type in PACKED_NAMES and v.shape.is_dynamic for v in inputs):
        return False
    if not types_fit(description, inputs, [output]):
        return False
    # Shape arithmetic stays on the host.
    return output.type.is_real() or output.elements is None


class _Graph:
    """Which nodes may be gathered, and who comes before whom."""

    def __init__(self, order: list[Node]) -> None:
        self.order = order
        self.bit = {node: 1 << index for index, node in enumerate(order)}
        self.ancestors: dict[Node, int] = {}
        self.candidates: set[Node] = set()
        self.marks: dict[tuple[Node, int], tuple[Hashable, ...]] = {}
        constant: set[Node] = set()
        for node in order:
            sources = node._ordering_sources()
            known = 0
            for source in sources:
                known |= self.bit.get(source, 0) | self.ancestors.get(source, 0)
            self.ancestors[node] = known
            if isinstance(node, Constant) or (sources and constant.issuperset(sources)):
                constant.add(node)  # weights: prepared once, or multiplied packed
            elif _is_candidate(node):
                self.candidates.add(node)
        self.elementwise = frozenset(self.candidates)
        for node in order:  # in order, so that no recursion gets deep
            if node in self.elementwise:
                self._marks(node.output(0))

    def grow(self, root: Node) -> set[Node]:
        """The cluster that ends at ``root``."""
        cluster = {root}
        waiting = [root]
        while waiting and len(cluster) < MAX_STEPS:
            for producer in dict.fromkeys(_producers(waiting.pop())):
                if producer in cluster or producer not in self.candidates:
                    continue
                grown = cluster | {producer}
                if len(grown) > MAX_STEPS or _tensor_count(grown) > MAX_TENSORS:
                    continue
                if self._may_join(producer, grown, root):
                    cluster = grown
                    waiting.append(producer)
        return cluster

    def _may_join(self, producer: Node, grown: set[Node], root: Node) -> bool:
        outside = False
        for consumer in producer.output(0).get_target_inputs():
            node = consumer.get_node()
            if node not in grown:
                outside = True
            elif consumer.get_index() > 0 and _lines_up_otherwise(node):
                return False
        if not outside:
            return _not_smaller(producer, root) or producer.declaration.name == "Convert"
        same_shape = self._marks(producer.output(0)) == self._marks(root.output(0))
        return same_shape and self._computed_at_once(grown)

    def _marks(self, output: Output) -> tuple[Hashable, ...]:
        """Something for each dimension; equal ones are equal in every run.

        Without symbols too: a dynamic dimension that meets only ones when it is broadcast stays itself.
        """
        node = output.node
        known = self.marks.get((node, output.index))
        if known is not None:
            return known
        marks: list[Hashable] = []
        operands = []
        if node in self.elementwise and not _lines_up_otherwise(node):
            operands = [self._marks(source) for source in node.input_values()]
        dims = output.value.shape.dims
        for axis, dim in enumerate(dims):
            symbol = dim.get_symbol()
            if dim.is_static:
                marks.append(dim.get_length())
            elif symbol is not None:
                marks.append(symbol)
            else:
                from_end = len(dims) - axis
                met = {m[-from_end] for m in operands if len(m) >= from_end} - {1}
                marks.append(met.pop() if len(met) == 1 else (id(node), output.index, axis))
        self.marks[node, output.index] = tuple(marks)
        return tuple(marks)

    def _computed_at_once(self, cluster: set[Node]) -> bool:
        """Whether no path leads out of the cluster and back in."""
        before = 0
        for node in cluster:
            before |= self.ancestors[node]
        for node in cluster:
            for consumer in node.output(0).get_target_inputs():
                reader = consumer.get_node()
                if reader not in cluster and before & self.bit.get(reader, 0):
                    return False
        return True

    def contract(self, cluster: set[Node]) -> None:
        """From now on the nodes of the cluster come at the same time."""
        self.candidates -= cluster
        members = before = 0
        for node in cluster:
            members |= self.bit[node]
            before |= self.ancestors[node]
        for node, known in self.ancestors.items():
            if known & members or node in cluster:
                self.ancestors[node] = known | before | members


def _producers(node: Node) -> Iterator[Node]:
    return (source.node for source in node.input_values())


def _tensor_count(cluster: set[Node]) -> int:
    """Inputs and outputs of the kernel, at most."""
    inputs = {
        _slot(node, position, source)
        for node in cluster
        for position, source in enumerate(node.input_values())
        if source.node not in cluster
    }
    outputs = [node for node in cluster if _has_reader_outside(node, cluster)]
    return len(inputs) + len(outputs)


def _has_reader_outside(node: Node, cluster: set[Node]) -> bool:
    return any(t.get_node() not in cluster for t in node.output(0).get_target_inputs())


def _not_smaller(producer: Node, root: Node) -> bool:
    """Whether computing the producer for each element of the root computes nothing repeatedly, as far as is known."""
    ours, theirs = producer.output(0).value.shape.dims, root.output(0).value.shape.dims
    return len(ours) == len(theirs) and all(
        not (a.is_static and a.get_length() == 1) or (b.is_static and b.get_length() == 1)
        for a, b in zip(ours, theirs, strict=True)
    )


def _replace(cluster: list[Node]) -> None:
    """Put an ElementwiseCluster in the place of the nodes, which are in order."""
    members = set(cluster)
    inputs: list[Output] = []
    numbers: dict[tuple[Node, int, int], int] = {}
    for node in cluster:
        for position, source in enumerate(node.input_values()):
            key = _slot(node, position, source)
            if source.node not in members and key not in numbers:
                numbers[key] = len(inputs)
                inputs.append(source)
    place = {node: len(inputs) + index for index, node in enumerate(cluster)}
    steps = []
    for node in cluster:
        operands = tuple(
            place[source.node] if source.node in members else numbers[_slot(node, position, source)]
            for position, source in enumerate(node.input_values())
        )
        steps.append(ClusterStep(node.declaration, dict(node.attributes), operands))
    leaving = [node for node in cluster if _has_reader_outside(node, members)]
    made = make_node(
        "ElementwiseCluster",
        inputs,
        "ovgpu",
        steps=tuple(steps),
        results=[place[n] for n in leaving],
    )
    made.friendly_name = leaving[-1].get_friendly_name()
    names = dict.fromkeys(name for node in cluster for name in fused_names(node))
    made.rt_info["fused_names"] = OVAny(",".join(names))
    for index, node in enumerate(leaving):
        node.output(0).replace(made.output(index))


def _slot(node: Node, position: int, source: Output) -> tuple[Node, int, int]:
    """What makes an input of the cluster: operands that line up otherwise have one of their own."""
    own = id(node) * 8 + position if position and _lines_up_otherwise(node) else 0
    return source.node, source.index, own
