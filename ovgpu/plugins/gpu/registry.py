"""Which lowering function turns which operation into records, and what it works with."""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.value import Value

if TYPE_CHECKING:
    from ovgpu.plugins.gpu.encoder import Encoder

#: Modules of ``lower/``, by operation family.
FAMILIES = (
    "elementwise",
    "fused",
    "movement",
    "reduction",
    "matmul",
    "compressed",
    "convolution",
    "pooling",
    "normalization",
    "gather_scatter",
    "embedding",
    "attention",
    "recurrent",
    "image",
    "sorting",
    "quantization",
    "state",
)


@dataclass(slots=True)
class DeviceTensor:
    """A tensor in device memory: dense and in C order, unless an operation was promised one with strides.

    Attributes:
        address: device address (0 for a tensor without elements and for one that is only known on the host).
        shape: sizes.
        type: element type as stored: f16 tensors of a model are stored as ``storage`` says.
        storage: element type in device memory. Types below 8 bits are packed as in :class:`ovgpu.Tensor`.
        known: elements when they are known while planning (constants below 4096 elements, shape arithmetic), else None.
        constant: whether the tensor never changes (weights): work on it may be done once.
        strides: in elements, when the tensor is part of a larger one; None for a dense tensor.
    """

    address: int
    shape: tuple[int, ...]
    type: Type
    storage: Type
    known: np.ndarray | None = None
    constant: bool = False
    strides: tuple[int, ...] | None = None

    @property
    def steps(self) -> tuple[int, ...]:
        """Stride of each axis, in elements."""
        if self.strides is not None:
            return self.strides
        steps = [1] * len(self.shape)
        for axis in reversed(range(len(self.shape) - 1)):
            steps[axis] = steps[axis + 1] * self.shape[axis + 1]
        return tuple(steps)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes in device memory; strings have none there."""
        if self.storage is Type.string:
            return 0
        return self.storage.storage_bytes(self.size)

    @property
    def pointer(self) -> np.uint64:
        """The address as a kernel argument."""
        return np.uint64(self.address)


@dataclass(slots=True)
class Lowering:
    """One instruction while it is lowered.

    Attributes:
        node: the graph node; ``attributes`` are its attributes.
        inputs: device tensors (None for an absent optional input).
        outputs: device tensors to fill.
        shared: dictionary that lives as long as the compiled model: the place for prepared weights.
        scratch: address of scratch memory of the size that the lowering's ``scratch`` function asked for.
    """

    node: Node
    inputs: Sequence[DeviceTensor | None]
    outputs: Sequence[DeviceTensor]
    shared: dict[str, Any] = field(default_factory=dict)
    scratch: int = 0

    @property
    def attributes(self) -> dict[str, Any]:
        return self.node.attributes

    def input(self, index: int) -> DeviceTensor:
        """Input ``index``, which must be there."""
        found = self.inputs[index]
        assert found is not None
        return found


LowerFunction = Callable[["Encoder", Lowering], None]
#: Whether a lowering takes these (static) inputs and outputs; otherwise the operation runs on the host.
Accepts = Callable[[Node, Sequence[Value], Sequence[Value]], bool]
Scratch = Callable[[Node, Sequence[Value], Sequence[Value]], int]


@dataclass(slots=True)
class DeviceKernel:
    """How one operation is lowered."""

    lower: LowerFunction
    accepts: Accepts | None = None
    scratch: Scratch | None = None
    #: The output is the input's memory in another shape (Reshape, Squeeze ...): nothing runs.
    alias: bool = False
    #: Inputs whose elements must be known while planning (axes, orders); when not, the host computes.
    known_inputs: tuple[int, ...] = ()


_kernels: dict[tuple[str, str | None], DeviceKernel] = {}


def lowers(
    *names: str,
    version: str | None = None,
    accepts: Accepts | None = None,
    scratch: Scratch | None = None,
    known_inputs: tuple[int, ...] = (),
) -> Callable[[LowerFunction], LowerFunction]:
    """Register a lowering function.

    Args:
        names: operations it serves.
        version: only this version (``opset8``), or all that have none of their own.
        accepts: says whether it takes these shapes, types and attributes; None takes all floats, integers and boolean.
        scratch: bytes of scratch memory for these shapes; must not shrink when a dimension grows.
        known_inputs: indices of inputs whose elements must be known when planning.
    """

    def register(function: LowerFunction) -> LowerFunction:
        for name in names:
            if (name, version) in _kernels:
                raise ValueError(f"two lowerings for {name} {version or ''}")
            _kernels[name, version] = DeviceKernel(function, accepts, scratch, False, known_inputs)
        return function

    return register


def aliases(*names: str) -> None:
    """Register operations whose output is the first input's memory in another shape."""

    def nothing(encoder: Encoder, op: Lowering) -> None:
        """The planner made the output an alias."""

    for name in names:
        _kernels[name, None] = DeviceKernel(nothing, alias=True)


_loaded = False


def load_lowerings() -> None:
    """Import all modules of ``lower/`` once."""
    global _loaded
    if not _loaded:
        _loaded = True
        aliases("Reshape", "Squeeze", "Unsqueeze", "Identity")
        for family in FAMILIES:
            module = f"ovgpu.plugins.gpu.lower.{family}"
            if importlib.util.find_spec(module) is not None:
                importlib.import_module(module)


def find_lowering(node: Node) -> DeviceKernel | None:
    """The lowering for a node, or None when it runs on the host."""
    load_lowerings()
    declaration = node.declaration
    return _kernels.get((declaration.name, declaration.version)) or _kernels.get(
        (declaration.name, None)
    )
