"""Classes that calls return or raise but that have no place in the public package."""

from __future__ import annotations

from ovgpu._pyovgpu import op as op
from ovgpu.graph.custom_op import AttributeVisitor as AttributeVisitor
from ovgpu.graph.port import DescriptorTensor as DescriptorTensor
from ovgpu.inference.extension import ConversionExtensionBase as ConversionExtensionBase
from ovgpu.inference.variable_state import VariableState as VariableState
from ovgpu.utils.node_factory import NodeFactory as NodeFactory


class GeneralFailure(RuntimeError):
    """A model could not be read."""


class InitializationFailure(GeneralFailure):
    """A reader could not start."""


class NotImplementedFailure(GeneralFailure):
    """A reader does not offer what was asked."""


class OpConversionFailure(GeneralFailure):
    """An operation of a model file has no counterpart."""


class OpValidationFailure(GeneralFailure):
    """An operation of a model file has wrong inputs or attributes."""


class Iterator:
    """Iterates over any iterable; for code that names the class."""

    def __init__(self, iterable: object) -> None:
        self._iterator = iter(iterable)  # type: ignore[call-overload]

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> object:
        return next(self._iterator)
