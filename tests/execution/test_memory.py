"""The memory planner: tensors that live at the same time never overlap, and memory is shared where it can be."""

from hypothesis import given
from hypothesis import strategies as st

from ovgpu.execution.memory import Lifetime, align, next_power_of_two, plan_memory


@st.composite
def lifetimes(draw):
    first = draw(st.integers(0, 30))
    return Lifetime(draw(st.integers(0, 5000)), first, first + draw(st.integers(0, 10)))


@given(st.lists(lifetimes(), max_size=40))
def test_no_two_living_tensors_overlap(tensors):
    layout = plan_memory(tensors)
    placed = list(zip(tensors, layout.offsets, strict=True))
    for i, (a, start_a) in enumerate(placed):
        assert start_a % 256 == 0
        assert start_a + a.nbytes <= layout.nbytes or a.nbytes == 0
        for b, start_b in placed[:i]:
            together = a.first <= b.last and b.first <= a.last
            apart = start_a + a.nbytes <= start_b or start_b + b.nbytes <= start_a
            assert not together or apart or a.nbytes == 0 or b.nbytes == 0


@given(st.lists(lifetimes(), min_size=1, max_size=40))
def test_block_is_between_the_peak_and_the_sum(tensors):
    total = sum(align(t.nbytes) for t in tensors)
    peak = max(sum(align(t.nbytes) for t in tensors if t.first <= s <= t.last) for s in range(45))
    assert peak <= plan_memory(tensors).nbytes <= total


def test_chain_needs_two_buffers():
    chain = [Lifetime(1000, i, i + 1) for i in range(50)]
    assert plan_memory(chain).nbytes == 2 * 1024


def test_empty():
    assert plan_memory([]).nbytes == 0


def test_next_power_of_two():
    assert [next_power_of_two(n) for n in (0, 1, 2, 3, 1024, 1025)] == [0, 1, 2, 4, 1024, 2048]
