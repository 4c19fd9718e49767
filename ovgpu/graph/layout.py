"""Layouts: what the dimensions of a tensor mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ovgpu.graph.arguments import incompatible_arguments
from ovgpu.graph.partial_shape import PartialShape

_ALIASES = {
    "B": "N",
    "BATCH": "N",
    "CHANNELS": "C",
    "CHANNEL": "C",
    "DEPTH": "D",
    "HEIGHT": "H",
    "WIDTH": "W",
}
_SCALAR = "**SCALAR**"
_DOTS = "..."


class Layout:
    """The names of a tensor's dimensions.

    `Layout("NCHW")` names each by a letter; `"[batch, channels, ?]"` by words. `?` is a dimension
    without a name, `...` any number of them (at most once). Names are case-insensitive, and the
    usual words stand for their letters: `batch` for `N`, `channel(s)` `C`, `depth` `D`, `height`
    `H`, `width` `W`. `Layout()` says nothing about the dimensions.

    Raises:
        RuntimeError: the text is no layout, or a name occurs twice.
    """

    __slots__ = ("_back", "_front", "_positions", "_scalar")
    __hash__ = None  # type: ignore[assignment]

    _front: tuple[str, ...]  # names from the first dimension on ("?": none) up to "..."
    _back: tuple[str, ...] | None  # those after "...", None when there is no "..."
    _positions: dict[str, int]  # negative when counted from the last dimension
    _scalar: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if set(kwargs) == {"layout_str"} and not args:
            args, kwargs = (kwargs["layout_str"],), {}
        text = args[0] if args else _DOTS
        if kwargs or len(args) > 1 or not isinstance(text, str):
            signatures = ["ovgpu.Layout()", "ovgpu.Layout(layout_str: str)"]
            raise incompatible_arguments("__init__", signatures, args, **kwargs)
        text = text.strip(" ") if text else _DOTS
        self._scalar = text == _SCALAR
        self._positions = {}
        front, back = ([], None) if self._scalar else _split(text)
        self._front = self._place(front, 0)
        self._back = None if back is None else self._place(back, -len(back))

    def _place(self, names: Iterable[str], start: int) -> tuple[str, ...]:
        """Check the names and note their positions, from `start` on; gives their canonical forms."""
        placed = []
        for position, text in enumerate(names, start):
            name = _checked(text)
            if name in self._positions:
                raise RuntimeError(f"Dimension ({name}) is defined multiple times in layout")
            if name != "?":
                self._positions[name] = position
            placed.append(name)
        return tuple(placed)

    @staticmethod
    def scalar() -> Layout:
        """The layout of a tensor without dimensions."""
        return Layout(_SCALAR)

    @property
    def empty(self) -> bool:
        """Whether the layout says nothing about the dimensions."""
        return not self._front and self._back == ()

    @property
    def is_scalar(self) -> bool:
        """Whether this is the layout of a tensor without dimensions."""
        return self._scalar

    def has_name(self, dimension_name: str) -> bool:
        """Whether a dimension has this name."""
        return _canonical(dimension_name) in self._positions

    def get_index_by_name(self, dimension_name: str) -> int:
        """The position of a dimension; negative, from the end, when it comes after `...`.

        Raises:
            RuntimeError: no dimension has this name.
        """
        position = self._positions.get(_canonical(dimension_name))
        if position is None:
            raise RuntimeError(f"{dimension_name} dimension index is not defined")
        return position

    def names(self, rank: int) -> tuple[str | None, ...]:
        """The names of the dimensions of a tensor of this rank, None for one without.

        Raises:
            ValueError: the layout does not fit tensors of this rank.
        """
        if not self.fits_rank(rank):
            raise ValueError(f"Layout {self} does not fit rank {rank}")
        back = self._back or ()
        between = ("?",) * (rank - len(self._front) - len(back))
        return tuple(None if name == "?" else name for name in (*self._front, *between, *back))

    def fits_rank(self, rank: int) -> bool:
        """Whether a tensor of this rank can have this layout."""
        if self._back is None:
            return rank == len(self._front)
        return rank >= len(self._front) + len(self._back)

    def fits(self, shape: PartialShape) -> bool:
        """Whether a tensor of this shape can have this layout; of dynamic rank: yes."""
        return shape.rank_length is None or self.fits_rank(shape.rank_length)

    def to_string(self) -> str:
        """For instance `"[N,C,...]"`."""
        if self._scalar:
            return _SCALAR
        middle = () if self._back is None else (_DOTS,)
        return f"[{','.join((*self._front, *middle, *(self._back or ())))}]"

    __str__ = to_string

    def __repr__(self) -> str:
        return f"<Layout: {self.to_string()}>"

    def __eq__(self, other: object) -> bool:
        """Equal dimensions; a string is a layout."""
        if isinstance(other, str):
            other = Layout(other)
        if not isinstance(other, Layout):
            return NotImplemented
        return (self._scalar, self._front, self._back) == (
            other._scalar,
            other._front,
            other._back,
        )

    def __copy__(self) -> Layout:
        return self

    def __deepcopy__(self, memo: dict) -> Layout:
        return self

    def __reduce__(self) -> tuple:
        return Layout, (self.to_string(),)


def _canonical(name: str) -> str:
    name = name.upper()
    return _ALIASES.get(name, name)


def _split(text: str) -> tuple[Sequence[str], Sequence[str] | None]:
    """The names before and after `...`; None for the latter when there is no `...`."""
    if text and not (text.startswith("[") and text.endswith("]") and len(text) > 1):
        front, dots, back = text.partition(_DOTS)
        if "." in back:
            raise RuntimeError("Multiple ... are not allowed")
        if "." in front:
            raise RuntimeError("Undefined number of dimensions shall have ...")
        return front, back if dots else None
    if text in ("", "[]"):
        raise RuntimeError("Cannot parse ov::Layout from an empty string")
    words = [word.strip(" ") for word in text[1:-1].split(",")]
    if len(words) > 1 and not words[-1]:
        words.pop()  # one comma may follow the last name
    if _DOTS not in words:
        return words, None
    at = words.index(_DOTS)
    return words[:at], words[at + 1 :]


def _checked(name: str) -> str:
    """The canonical form of a dimension's name.

    Raises:
        RuntimeError: it is no name.
    """
    if name == "?":
        return name
    if not name:
        raise RuntimeError("Layout dimension name can't be empty")
    if not (name.isascii() and name.replace("_", "a").isalnum()):
        raise RuntimeError(
            f"Layout name is invalid ({name}). Only english letters, digits and _ is allowed"
        )
    if not name.strip("_"):
        raise RuntimeError(
            f"Layout name is invalid ({name}). Name shall have alphanumeric characters"
        )
    return _canonical(name)
