"""Constants whose data is made when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ovgpu.graph.custom_op import Op as Op
from ovgpu.graph.element_type import Type as Type
from ovgpu.graph.partial_shape import PartialShape as PartialShape
from ovgpu.graph.port import Output
from ovgpu.graph.shape import Shape as Shape
from ovgpu.graph.tensor import Tensor as Tensor
from ovgpu.graph.tensor_vector import TensorVector as TensorVector
from ovgpu.graph.type_info import DiscreteTypeInfo


class PostponedConstant(Op):
    """A constant of known type and shape; ``maker`` returns its data as a Tensor when it is evaluated.

    Args:
        element_type: of the data.
        shape: of the data.
        maker: called without arguments at each evaluation.
        name: friendly name.
    """

    class_type_info = DiscreteTypeInfo("PostponedConstant", "util")

    def __init__(
        self, element_type: Type, shape: Shape, maker: Callable[[], Tensor], name: str | None = None
    ) -> None:
        super().__init__(self)
        self._element_type = element_type
        self._constant_shape = Shape(shape)
        self._maker = maker
        if name is not None:
            self.friendly_name = name
        self.constructor_validate_and_infer_types()

    def validate_and_infer_types(self) -> None:
        """One output of the given type and shape."""
        self.set_output_type(0, self._element_type, PartialShape(list(self._constant_shape)))

    def clone_with_new_inputs(self, new_inputs: Sequence[Output]) -> PostponedConstant:
        """Another constant of the same maker."""
        return PostponedConstant(
            self._element_type, self._constant_shape, self._maker, self.friendly_name
        )

    def evaluate(self, outputs: TensorVector, _: Sequence[Tensor]) -> bool:  # type: ignore[override]
        """Fill the output from the maker. Raises RuntimeError when it returns another type or shape."""
        made = self._maker()
        if made.element_type is not self._element_type or made.shape != self._constant_shape:
            raise RuntimeError(
                f"{self.friendly_name}: the maker returned {made}, expected {self._element_type.to_string()}"
                f"{self._constant_shape}"
            )
        outputs[0].copy_from(made)
        return True

    def has_evaluate(self) -> bool:
        """Always."""
        return True


def make_postponed_constant(
    element_type: Type, shape: Shape, maker: Callable[[], Tensor], name: str | None = None
) -> Op:
    """A node that :class:`PostponedConstant` describes."""
    return PostponedConstant(element_type, shape, maker, name)
