"""A list that holds tensors only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableSequence
from typing import Any, overload

from ovgpu.graph.tensor import Tensor


class TensorVector(MutableSequence):
    """A list of tensors, as ``Node.evaluate`` and ``InferRequest.set_input_tensors`` take it.

    Raises TypeError for elements of other types.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, tensors: Iterable[Tensor] = ()) -> None:
        self._tensors = [_checked(t) for t in tensors]

    def __len__(self) -> int:
        return len(self._tensors)

    def __bool__(self) -> bool:
        return bool(self._tensors)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._tensors)

    @overload
    def __getitem__(self, index: int) -> Tensor: ...
    @overload
    def __getitem__(self, index: slice) -> TensorVector: ...
    def __getitem__(self, index: int | slice) -> Tensor | TensorVector:
        if isinstance(index, slice):
            return TensorVector(self._tensors[index])
        return self._tensors[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self._tensors[index] = (
            [_checked(t) for t in value] if isinstance(index, slice) else _checked(value)
        )

    def __delitem__(self, index: int | slice) -> None:
        del self._tensors[index]

    def insert(self, index: int, value: Tensor) -> None:
        """Insert before ``index``."""
        self._tensors.insert(index, _checked(value))

    # Named as the class offers them, beyond what MutableSequence mixes in.
    def append(self, value: Tensor) -> None:
        """Add at the end."""
        self._tensors.append(_checked(value))

    def extend(self, values: Iterable[Tensor]) -> None:
        """Add all of ``values`` at the end."""
        self._tensors.extend([_checked(t) for t in values])

    def pop(self, index: int = -1) -> Tensor:
        """Remove and return an element."""
        return self._tensors.pop(index)

    def clear(self) -> None:
        """Remove all elements."""
        self._tensors.clear()


def _checked(value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(f"TensorVector holds tensors, got {type(value).__name__}")
    return value
