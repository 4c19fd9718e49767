"""What shape inference knows about an output, and setters for descriptors of tensors."""

from __future__ import annotations

from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.port import DescriptorTensor, Output
from ovgpu.graph.tensor import Tensor
from ovgpu.graph.value import Value, dimension_of


def evaluate_as_partial_shape(output: Output, partial_shape: PartialShape) -> bool:
    """Read an output that holds a shape, for instance of ShapeOf, as far as it is known.

    Args:
        output: a 1-d integer output.
        partial_shape: receives the shape.

    Returns whether anything is known; ``partial_shape`` is unchanged when not.
    """
    intervals = output.value.intervals
    if intervals is None or intervals.ndim != 1:
        return False
    known = PartialShape([dimension_of(interval) for interval in intervals])
    partial_shape._dims = known._dims
    return True


def evaluate_both_bounds(output: Output) -> tuple[Tensor, Tensor]:
    """The smallest and the largest possible elements of an output.

    Raises RuntimeError when nothing is known about them.
    """
    lower, upper = output.tensor.get_lower_value(), output.tensor.get_upper_value()
    if lower is None or upper is None:
        raise RuntimeError("Tensor was not initialized: the bounds of the output are not known")
    return lower, upper


def set_element_type(tensor: DescriptorTensor, element_type: Type) -> None:
    """Change the element type of a descriptor, until its node is validated again."""
    tensor.value = Value(element_type, tensor.value.shape)


def set_tensor_type(
    tensor: DescriptorTensor, element_type: Type, partial_shape: PartialShape
) -> None:
    """Change element type and shape of a descriptor, until its node is validated again."""
    tensor.value = Value(element_type, PartialShape(partial_shape))
