"""The table of CPU kernels: which Python function computes which operation.

Three forms, from the most readable to the fastest:

* ``@kernel("Softmax")`` on ``def softmax(x, *, axis)``: takes host arrays and the attributes it names, returns the
  result (a tuple for several outputs). With a keyword ``out`` it writes into a preallocated array instead.
* ``@view("Reshape")`` on ``def reshape(x, shape, *, out_shape)``: returns an array over the same memory (or several
  for several outputs), or None when strides make that impossible (then the operation's ordinary kernel copies).
* ``@binder("Convolution")`` on ``def bind(call) -> step``: called once per plan with all arrays at hand; returns a
  function without arguments that runs every inference. For operations that prepare weights or need scratch memory.

Besides attributes a kernel may name these keywords: ``out_shape`` / ``out_type`` (shape tuple and Type of the first
output), ``out_shapes`` / ``out_types`` (of all), ``out`` (preallocated array of a single output).

Host arrays hold one value per element in ``Type.host_dtype``. Unless registered with ``native=True``, arrays of the
small float types (f16, bf16, f8) are computed in float32 and the results rounded back. Kernels of operations that
only move data should be native.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.value import Value
from ovgpu.ops.registry import FAMILIES

if TYPE_CHECKING:
    from ovgpu.graph.node import Node

Step = Callable[[], None]
Layout = Literal["contiguous", "same", "channels_last"]

#: Keywords that are not attributes of the operation.
SPECIAL_KEYWORDS = frozenset({"out", "out_shape", "out_shapes", "out_type", "out_types"})

SMALL_FLOATS = frozenset({Type.f16, Type.bf16, Type.f8e4m3, Type.f8e5m2, Type.f8e8m0, Type.f4e2m1})


class Call:
    """One node of one plan, as a binder sees it.

    Attributes:
        node: the graph node (attributes, friendly name).
        attributes: the node's attributes.
        inputs: host arrays (None for an absent optional input). Constants are read-only and never change.
        outputs: preallocated arrays to fill, of the inferred shapes.
        constant: for each input, whether it is a constant of the model.
        shared: dictionary that lives as long as the compiled model, shared by all plans and jobs of this node: the
            place for prepared weights.
        scratch: 1-D uint8 array of the size that the kernel's ``scratch`` function asked for; its content does not
            survive the step.
    """

    __slots__ = ("attributes", "constant", "inputs", "node", "outputs", "scratch", "shared")

    def __init__(
        self,
        node: Node,
        inputs: Sequence[np.ndarray | None],
        outputs: Sequence[np.ndarray],
        constant: Sequence[bool],
        shared: dict[str, Any],
        scratch: np.ndarray | None = None,
    ) -> None:
        self.node = node
        self.attributes = node.attributes
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.constant = list(constant)
        self.shared = shared
        self.scratch = scratch if scratch is not None else np.empty(0, np.uint8)

    def prepared(self, key: str, prepare: Callable[[], Any]) -> Any:
        """What ``prepare`` returned the first time, for work on constants that is done once per compiled model."""
        if key not in self.shared:
            self.shared[key] = prepare()
        return self.shared[key]


@dataclass
class Kernel:
    """How one operation (or one version of it) is computed."""

    name: str
    compute: Callable[..., Any] | None = None
    bind: Callable[[Call], Step] | None = None
    view: Callable[..., np.ndarray | tuple[np.ndarray, ...] | None] | None = None
    scratch: Callable[[Node, Sequence[Value], Sequence[Value]], int] | None = None
    native: bool = False
    layout: Layout = "contiguous"
    in_place: bool = False
    keywords: tuple[str, ...] = field(default=())

    def arguments(self, node: Node, outputs: Sequence[Value]) -> dict[str, Any]:
        """Keyword arguments for ``compute``: attributes and what is known about the outputs (``out`` excepted)."""
        return keyword_arguments(self.keywords, node, outputs)

    @property
    def takes_out(self) -> bool:
        return "out" in self.keywords


def keyword_arguments(
    keywords: Sequence[str], node: Node, outputs: Sequence[Value]
) -> dict[str, Any]:
    """The attributes of ``node`` and facts about its outputs that a kernel named in its signature."""
    arguments: dict[str, Any] = {}
    for keyword in keywords:
        if keyword == "out":
            continue
        if keyword == "out_shape":
            arguments[keyword] = outputs[0].shape.static_tuple()
        elif keyword == "out_shapes":
            arguments[keyword] = [v.shape.static_tuple() for v in outputs]
        elif keyword == "out_type":
            arguments[keyword] = outputs[0].type
        elif keyword == "out_types":
            arguments[keyword] = [v.type for v in outputs]
        else:
            arguments[keyword] = node.attributes[keyword]
    return arguments


_kernels: dict[tuple[str, str | None], Kernel] = {}


def _entry(name: str, version: str | None) -> Kernel:
    return _kernels.setdefault((name, version), Kernel(name))


@cache
def _keywords(function: Callable[..., Any]) -> tuple[str, ...]:
    parameters = inspect.signature(function).parameters.values()
    return tuple(p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY)


def kernel(
    *names: str,
    version: str | None = None,
    native: bool = False,
    layout: Layout = "contiguous",
    in_place: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as the kernel of one or several operations.

    Args:
        names: operation names.
        version: serve only this version (``opset8``); None serves all that have no kernel of their own.
        native: do not widen small float types.
        layout: memory order of the output: ``contiguous``, ``same`` as the inputs (elementwise kernels, which work on
            any strides), or ``channels_last``.
        in_place: the output may use the memory of an input of the same shape and type.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            entry = _entry(name, version)
            if entry.compute is not None:
                raise ValueError(f"two kernels for {name} {version or ''}")
            entry.compute = function
            entry.keywords = _keywords(function)
            entry.native, entry.layout, entry.in_place = native, layout, in_place
        return function

    return register


def view(
    *names: str, version: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function that yields the result as a view of its first input (a tuple for several outputs), or
    None when it cannot.

    It gets concrete arrays for all inputs. Stride 0 and overlapping views are fine: consumers only read.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            _entry(name, version).view = function
        return function

    return register


def binder(
    *names: str,
    version: str | None = None,
    layout: Layout = "contiguous",
    in_place: bool = False,
    native: bool = False,
    scratch: Callable[[Node, Sequence[Value], Sequence[Value]], int] | None = None,
) -> Callable[[Callable[[Call], Step]], Callable[[Call], Step]]:
    """Register a function that prepares a step for given arrays; see :class:`Call`.

    ``scratch(node, input values, output values)`` returns the bytes of scratch memory for these (static) shapes; it
    must not shrink when a dimension grows.
    """

    def register(function: Callable[[Call], Step]) -> Callable[[Call], Step]:
        for name in names:
            entry = _entry(name, version)
            entry.bind, entry.scratch = function, scratch
            entry.native, entry.layout, entry.in_place = native, layout, in_place
        return function

    return register


_loaded = False


def load_kernels() -> None:
    """Import all kernel modules once."""
    global _loaded
    if not _loaded:
        _loaded = True
        for family in FAMILIES:
            module = f"ovgpu.plugins.cpu.kernels.{family}"
            if importlib.util.find_spec(module) is not None:
                importlib.import_module(module)


def find_kernel(node: Node) -> Kernel | None:
    """The kernel for ``node``, or None when the CPU has none."""
    load_kernels()
    declaration = node.declaration
    if declaration.domain == "extension":
        from ovgpu.plugins.cpu.python_operation import bind_python_operation

        computes = getattr(node, "has_evaluate", lambda: False)()
        return Kernel(declaration.name, bind=bind_python_operation) if computes else None
    return _kernels.get((declaration.name, declaration.version)) or _kernels.get(
        (declaration.name, None)
    )
