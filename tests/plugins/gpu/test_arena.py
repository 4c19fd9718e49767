"""The memory between operations: where blocks grow and move, and what that tells planners."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ovgpu.execution.memory import Lifetime
from ovgpu.plugins.gpu import arena as arenas
from ovgpu.plugins.gpu.arena import Arena
from ovgpu.plugins.gpu.staging import Replan


@pytest.fixture
def context() -> Any:
    """Memory that is never touched: the block allocated as number n begins at n MiB."""
    allocated: list[int] = []

    def allocate(nbytes: int) -> SimpleNamespace:
        allocated.append(nbytes)
        return SimpleNamespace(ptr=len(allocated) << 20)

    return SimpleNamespace(allocate=allocate, allocated=allocated)


def test_blocks_move_when_they_grow(context):
    arena, moves = Arena(context), []

    def place(depth: int, *sizes: int) -> list[int]:
        lifetimes = [Lifetime(n, 0, 1) for n in sizes]
        return arena.place(depth, lifetimes, lambda: moves.append(arena.nbytes))

    first = place(0, 512, 256)
    assert {address >> 20 for address in first} == {1}
    assert len(set(first)) == 2
    assert place(0, 256) == [1 << 20]  # there is room
    assert [address >> 20 for address in place(1, 256)] == [2]
    with pytest.raises(Replan):
        place(0, 1280)
    assert moves == [1024]  # before the old block went
    assert context.allocated == [768, 256, 2048]
    assert place(0, 2048) == [3 << 20]
    assert (arena.nbytes, arena.allocations) == (2048 + 256, 3)
    arena.release()
    assert arena.nbytes == 0
    assert place(0, 1280) == [4 << 20]  # no plan knows the old one


def test_capacities_do_not_shrink(context):
    arena = Arena(context)
    assert [arena.capacity(3, n) for n in (300, 200, 1000)] == [512, 512, 1024]
    assert arena.capacity(4, 200) == 256


def test_layouts_are_limited(context, monkeypatch):
    monkeypatch.setattr(arenas, "MAX_LAYOUTS", 2)
    planned = []
    plan = arenas.plan_memory
    monkeypatch.setattr(arenas, "plan_memory", lambda x: planned.append(len(x)) or plan(x))
    arena = Arena(context)
    arena.place(0, [Lifetime(1 << 16, 0, 0)], lambda: None)
    for count in (1, 2, 1, 2):
        arena.place(0, [Lifetime(256, 0, 0)] * count, lambda: None)
    assert planned == [1, 1, 2]
    arena.forget_old_layouts()
    arena.place(0, [Lifetime(256, 0, 0)], lambda: None)
    assert planned == [1, 1, 2, 1]
