"""Which lowering function turns which operation into records, and what it works with."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Container, Sequence
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
    "shape",
    "slicing",
    "blocks",
    "reduction",
    "matmul",
    "compressed",
    "compressed_gather",
    "convolution",
    "pooling",
    "normalization",
    "gather_scatter",
    "embedding",
    "attention",
    "rotary",
    "recurrent",
    "image",
    "sorting",
    "nms",
)


@dataclass(slots=True)
class DeviceTensor:
    """A tensor in device memory: dense and C-ordered, or a view with strides for lowerings that declare to take it.

    Attributes:
        address: device address (0 for a tensor without elements and for one that is only known on the host).
        shape: sizes.
        type: element type as stored: f16 tensors of a model are stored as ``storage`` says.
        storage: element type in device memory. Types below 8 bits are packed as in :class:`ovgpu.Tensor`.
        known: elements when they are known while planning (constants below 4096 elements, shape arithmetic), else None.
        constant: whether the tensor never changes (weights): work on it may be done once.
        strides: in elements, for every dimension; None for a dense tensor. Never negative, 0 along repeated dimensions.
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
        """Bytes of the elements in device memory; strings have none there."""
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
        count: for operations with ``counted`` outputs, whose sizes depend on data: address of a 32-bit number that the
            device stores, how many elements it selected. The outputs have their largest sizes then, and the results
            lie at their start as dense as if they had their true ones. 0 where the outputs' sizes are known.
    """

    node: Node
    inputs: Sequence[DeviceTensor | None]
    outputs: Sequence[DeviceTensor]
    shared: dict[str, Any] = field(default_factory=dict)
    scratch: int = 0
    count: int = 0

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
#: Whether a constant of this shape at this input is read in f32 where f16 or bf16 is stored: few numbers, used often.
WideInputs = Callable[[Node, int, tuple[int, ...]], bool]
#: Outputs of an operation whose sizes depend on data, for static inputs: when it selects so many elements, or for None
#: the largest there can be. The result is None when the device cannot count them; then the host computes.
CountedOutputs = Callable[[Node, Sequence[Value], int | None], Sequence[Value] | None]
#: The outputs of a rearrangement as views of its first input (``strided.place_of``), or None when they are none.
ViewFunction = Callable[[Lowering], Sequence[np.ndarray] | None]
#: Whether a lowering takes the tensor with these strides as its input (or output) of this index.
StridesFit = Callable[[Lowering, int, DeviceTensor], bool]


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
    #: Says which views of the first input the outputs are; such an operation takes its first input strided.
    view: ViewFunction | None = None
    #: Inputs that may be strided views, where ``strides_fit`` agrees.
    strided_inputs: Container[int] = ()
    #: Whether outputs may be strided views, where ``output_fits`` agrees.
    strided_outputs: bool = False
    strides_fit: StridesFit | None = None
    output_fits: StridesFit | None = None
    #: Where outputs' sizes depend on data, they stay on the device, and only the number of elements is read back.
    counted: CountedOutputs | None = None
    #: Says which constants stay f32; the lowering looks at the storage of its inputs then.
    wide_inputs: WideInputs | None = None

    def takes(
        self,
        node: Node,
        inputs: Sequence[Value],
        outputs: Sequence[Value],
        is_known: Callable[[int], bool],
    ) -> bool:
        """Whether it lowers the operation for these (static) values; ``is_known`` says of which inputs planning knows
        the elements. What it does not take runs on the host."""
        if self.alias:
            return True
        if any(i < len(inputs) and not is_known(i) for i in self.known_inputs):
            return False
        return self.accepts is None or self.accepts(node, inputs, outputs)

    def takes_strided(self, op: Lowering, index: int, tensor: DeviceTensor) -> bool:
        """Whether input ``index`` may be ``tensor``, which is a view with strides."""
        fits = index in self.strided_inputs or (self.view is not None and index == 0)
        return fits and (self.strides_fit is None or self.strides_fit(op, index, tensor))

    def gives_strided(self, op: Lowering, index: int, tensor: DeviceTensor) -> bool:
        """Whether output ``index`` may be ``tensor``, which is a view with strides."""
        fits = self.strided_outputs
        return fits and (self.output_fits is None or self.output_fits(op, index, tensor))


_kernels: dict[tuple[str, str | None], DeviceKernel] = {}


def lowers(
    *names: str,
    version: str | None = None,
    accepts: Accepts | None = None,
    scratch: Scratch | None = None,
    known_inputs: tuple[int, ...] = (),
    view: ViewFunction | None = None,
    strided_inputs: Container[int] = (),
    strided_outputs: bool = False,
    strides_fit: StridesFit | None = None,
    output_fits: StridesFit | None = None,
    counted: CountedOutputs | None = None,
    wide_inputs: WideInputs | None = None,
) -> Callable[[LowerFunction], LowerFunction]:
    """Register a lowering function. It is called for operations with at least one output that has elements.

    Args:
        names: operations it serves.
        version: only this version (``opset8``), or all that have none of their own.
        accepts: says whether it takes these shapes, types and attributes; None takes all floats, integers and boolean.
        scratch: bytes of scratch memory for these shapes; must not shrink when a dimension grows.
        known_inputs: indices of inputs whose elements must be known when planning.
        view: gives the outputs as views of the first input, which may itself be strided then. Where all readers of an
            output take such a view nothing is copied; the lowering copies the others, and skips outputs that are in
            place (``encode_copies`` does).
        strided_inputs: indices of inputs that may have strides, if ``strides_fit`` says so.
        strided_outputs: whether outputs may have strides, if ``output_fits`` says so.
        strides_fit, output_fits: called with the operation, the index and the tensor.
        counted: outputs whose sizes depend on data, from the number of selected elements. The lowering is called with
            the largest outputs and ``op.count``; where inference knows their sizes, it is called with those and none.
        wide_inputs: which constants stay f32 when tensors are stored in f16 or bf16.
    """

    def register(function: LowerFunction) -> LowerFunction:
        for name in names:
            if (name, version) in _kernels:
                raise ValueError(f"two lowerings for {name} {version or ''}")
            _kernels[name, version] = DeviceKernel(
                function,
                accepts,
                scratch,
                False,
                known_inputs,
                view,
                strided_inputs,
                strided_outputs,
                strides_fit,
                output_fits,
                counted,
                wide_inputs,
            )
        return function

    return register


def aliases(*names: str, view: ViewFunction) -> Callable[[LowerFunction], LowerFunction]:
    """Register operations whose output is the first input's memory in another shape.

    The function lowers those whose input has strides that the output's shape does not allow.
    """

    def register(function: LowerFunction) -> LowerFunction:
        for name in names:
            _kernels[name, None] = DeviceKernel(function, alias=True, view=view)
        return function

    return register


_loaded = False


def load_lowerings() -> None:
    """Import all modules of ``lower/`` once."""
    global _loaded
    if not _loaded:
        _loaded = True
        for family in FAMILIES:
            importlib.import_module(f"ovgpu.plugins.gpu.lower.{family}")


def find_lowering(node: Node) -> DeviceKernel | None:
    """The lowering for a node, or None when it runs on the host."""
    load_lowerings()
    declaration = node.declaration
    return _kernels.get((declaration.name, declaration.version)) or _kernels.get(
        (declaration.name, None)
    )
