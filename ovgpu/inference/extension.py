"""Extensions: sets of operations that users add to the model readers."""

from __future__ import annotations

from typing import Any

from ovgpu.graph.custom_op import Op, custom_operations, operation_name, operations_of


class Extension:
    """Base class of extensions; ``operations`` lists the Op subclasses that one brings."""

    operations: tuple[type[Op], ...] = ()

    def register(self) -> None:
        """Called when the extension is added; for those that bring more than operations."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class ConversionExtensionBase(Extension):
    """Base class of extensions that convert operations of a model file by a function."""


class OpExtension(Extension):
    """An extension of one operation.

    Args:
        arg0: a subclass of :class:`~ovgpu.Op`.
    """

    def __init__(self, arg0: type[Op]) -> None:
        if not (isinstance(arg0, type) and issubclass(arg0, Op)):
            raise TypeError(f"OpExtension takes a subclass of Op, got {arg0!r}")
        self.operations = (arg0,)


def register_extension(extension: Any) -> None:
    """Make the operations of an Extension, or one Op subclass, known to the readers.

    Raises TypeError for anything else.
    """
    if not isinstance(extension, Extension) and not (
        isinstance(extension, type) and issubclass(extension, Op)
    ):
        raise TypeError(f"Expected an Op subclass or an Extension, got {extension!r}")
    if isinstance(extension, Extension):
        extension.register()
    for kind in operations_of(extension):
        custom_operations[operation_name(kind)] = kind
