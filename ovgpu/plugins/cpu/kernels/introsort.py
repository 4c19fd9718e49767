"""Introspective sort with the moves of libstdc++'s ``std::sort``.

A comparison that is no strict weak order, such as one with a tolerance, leaves the result to the algorithm: which
elements meet, and in which direction they are asked. OpenVINO's CPU device sorts detections this way, so the same
order needs the same moves: quicksort around the median of three until 16 elements are left in each part, heap sort
where it went too deep, and one insertion sort over everything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
Less = Callable[[T, T], bool]

#: Parts up to this size are left to the insertion sort.
_SMALL = 16


def introsort(items: list[T], less: Less[T]) -> None:
    """Sort ``items`` in place by ``less(a, b)``: whether a belongs before b.

    With a comparison that contradicts itself C++ may run past the ends of the range; here it stops there.
    """
    count = len(items)
    _split(items, 0, count, 2 * (count.bit_length() - 1), less)
    _insert_all(items, less)


def _split(items: list[T], first: int, last: int, depth: int, less: Less[T]) -> None:
    """Quicksort of ``items[first:last]`` down to small parts; heap sort after ``depth`` levels."""
    while last - first > _SMALL:
        if depth == 0:
            _heap_sort(items, first, last - first, less)
            return
        depth -= 1
        middle = _median(items, first + 1, first + (last - first) // 2, last - 1, less)
        items[first], items[middle] = items[middle], items[first]
        cut = _partition(items, first, last, less)
        _split(items, cut, last, depth, less)
        last = cut


def _median(items: list[T], a: int, b: int, c: int, less: Less[T]) -> int:
    """Which of three positions holds the element in the middle, by the questions that ``std::sort`` asks."""
    if less(items[a], items[b]):
        if less(items[b], items[c]):
            return b
        return c if less(items[a], items[c]) else a
    if less(items[a], items[c]):
        return a
    return c if less(items[b], items[c]) else b


def _partition(items: list[T], first: int, last: int, less: Less[T]) -> int:
    """Bring what belongs before the pivot ``items[first]`` to the front; the start of the second part.

    A comparison that contradicts itself lets the search from the left leave the part, as in C++, up to the last item.
    """
    pivot, left, right = items[first], first + 1, last
    end = len(items) - 1
    while True:
        while left < end and less(items[left], pivot):
            left += 1
        right -= 1
        while less(pivot, items[right]):  # ends at the pivot itself
            right -= 1
        if left >= right:
            return left
        items[left], items[right] = items[right], items[left]
        left += 1


def _insert_all(items: list[T], less: Less[T]) -> None:
    """Insertion sort; only the first elements are compared with the very first one before they move."""
    for position in range(1, len(items)):
        item = items[position]
        target = position
        if position < _SMALL and less(item, items[0]):
            target = 0
        else:
            while target > 0 and less(item, items[target - 1]):
                target -= 1
        if target < position:
            items[target + 1 : position + 1] = items[target:position]
            items[target] = item


def _sift(items: list[T], base: int, hole: int, count: int, item: T, less: Less[T]) -> None:
    """Move a hole of the heap ``items[base : base + count]`` down to a leaf, then ``item`` up from there."""
    top = hole
    while (child := 2 * hole + 2) < count:
        if less(items[base + child], items[base + child - 1]):
            child -= 1
        items[base + hole] = items[base + child]
        hole = child
    if child == count:  # a last inner node with one child
        items[base + hole] = items[base + child - 1]
        hole = child - 1
    while hole > top and less(items[base + (hole - 1) // 2], item):
        parent = (hole - 1) // 2
        items[base + hole] = items[base + parent]
        hole = parent
    items[base + hole] = item


def _heap_sort(items: list[T], base: int, count: int, less: Less[T]) -> None:
    for parent in range(count // 2 - 1, -1, -1):
        _sift(items, base, parent, count, items[base + parent], less)
    for size in range(count - 1, 0, -1):
        item = items[base + size]
        items[base + size] = items[base]
        _sift(items, base, 0, size, item, less)
