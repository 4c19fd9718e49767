"""Symbols: marks that say of dynamic dimensions that they are equal, whatever their value."""

from __future__ import annotations


class Symbol:
    """An anonymous mark of a dimension. Two dimensions with equal symbols have equal lengths.

    Symbols are nodes of a union-find forest: `symbol.unite(other)` makes both, and all that
    were equal to either, equal from then on. Every symbol is true; a dimension without one has
    `None`.
    """

    __slots__ = ("_parent",)

    def __init__(self) -> None:
        self._parent: Symbol = self

    def root(self) -> Symbol:
        """The representative of all symbols equal to this one."""
        node = self
        while node._parent is not node:
            # Halving the path keeps chains short without a second walk.
            node._parent = node._parent._parent
            node = node._parent
        return node

    def unite(self, other: Symbol) -> None:
        """Make this symbol and `other` equal, for good."""
        other.root()._parent = self.root()

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Symbol) and self.root() is other.root()

    def __hash__(self) -> int:
        # Equal symbols must hash alike, so the hash of a symbol changes when it is united.
        return id(self.root())
