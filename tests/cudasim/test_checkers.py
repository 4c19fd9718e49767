"""The checkers: every seeded bug is reported for what it is, and no correct kernel is."""

from __future__ import annotations

import functools
import pathlib

import numpy
import pytest
from cudasim.bench import CHECK_ALL, Bench, Module

KERNELS = pathlib.Path(__file__).parent / "kernels"
SEEDS = range(21)  # the natural order of threads, and 20 random ones


def floats(n: int) -> numpy.ndarray:
    return numpy.random.default_rng(0).standard_normal(n).astype("f4")


def ints(n: int) -> numpy.ndarray:
    return numpy.random.default_rng(0).integers(1, 100, n).astype("i4")


# kernel -> (grid, block, arguments before n, n, text of the report); a tuple (count, dtype) is an
# uninitialised array
BUGS = {
    "bound_off_by_one": (2, 64, (floats(100), (100, "f4")), 100, "out-of-bounds global read"),
    "read_before_begin": (1, 64, (floats(64), (64, "f4")), 64, "out-of-bounds global read"),
    "vector_tail": (1, 32, (floats(126), (126, "f4")), 126, "out-of-bounds global read"),
    "misaligned_vector": (1, 8, (floats(64), (64, "f4")), 64, "misaligned 16-byte read"),
    "negative_stride": (1, 32, (floats(31), (32, "f4")), 31, "out-of-bounds global read"),
    "shared_overrun": (1, 64, (floats(64), (64, "f4")), 64, "shared memory overrun"),
    "runs_into_neighbour": (1, 32, (floats(32), (32, "f4")), 32, "shared memory overrun"),
    "dynamic_too_small": (1, 64, (floats(64), (64, "f4")), 64, "shared memory overrun"),
    "local_overrun": (1, 4, (floats(8), (4, "f4")), 4, "out-of-bounds local access"),
    "reads_unwritten_shared": (1, 64, ((64, "f4"),), 64, "uninitialised shared memory"),
    "accumulates_into_garbage": (1, 64, (floats(64), (64, "f4")), 64, "uninitialised global memory"),
    "missing_barrier": (1, 256, (floats(256), (256, "f4")), 256, "shared-memory race"),
    "missing_second_barrier": (1, 64, (floats(64), (64, "f4")), 64, "shared-memory race: write after read"),
    "missing_syncwarp": (1, 32, (floats(32), (1, "f4")), 32, "shared-memory race"),
    "syncwarp_for_two_warps": (1, 64, (floats(64), (64, "f4")), 64, "shared-memory race"),
    "byte_race": (1, 32, (floats(1), (32, "u1")), 32, "shared-memory race: write after write"),
    "plain_write_against_atomic": (1, 64, (ints(64), (1, "i4")), 64, "shared-memory race"),
    "result_read_before_barrier": (1, 64, (ints(64), (1, "i4")), 64, "plain read against an atomic"),
    "counted_barrier_too_small": (1, 96, (floats(96), (96, "f4")), 96, "shared-memory race"),
    "async_without_wait": (1, 32, (floats(128), (128, "f4")), 32, "cp.async into it is in flight"),
    "async_waits_for_the_wrong_group": (1, 32, (floats(128), (128, "f4")), 32, "in flight"),
    "async_overwrites_what_is_read": (1, 64, (floats(256), (256, "f4")), 64, "race: write after read"),
    "histogram_without_atomic": (1, 64, (ints(64), numpy.zeros(4, "i4")), 64, "global-memory race"),
    "blocks_write_the_same": (2, 32, (floats(32), (32, "f4")), 32, "race: write after write by block"),
    "overlapping_halves": (1, 32, (floats(1), (33, "u2")), 32, "global-memory race: write after write"),
    "last_block_without_fence": (8, 32, (floats(8), numpy.zeros(10, "f4")), 8, "read after write by block"),
    "divergent_barrier": (1, 32, ((32, "f4"),), 32, "divergent barrier"),
    "barrier_that_some_never_reach": (1, 64, ((64, "f4"),), 64, "deadlock"),
    "shuffle_from_exited_lane": (1, 32, ((32, "f4"),), 32, "shuffle reads lane 20"),
    "mask_without_caller": (1, 32, ((32, "f4"),), 32, "which its mask 0000ffff does not name"),
    "mma_by_half_a_warp": (1, 32, ((32, "f4"),), 32, "mma needs all 32 lanes"),
    "failed_assertion": (1, 32, ((32, "f4"),), 32, "trap executed"),
}  # fmt: skip


def sum_of_blocks(x, y):
    return [*x, x.sum()]


CORRECT = {
    "guarded_bound": (2, 64, (floats(100), (100, "f4")), 100, lambda x: x),
    "vectors_with_tail": (1, 32, (floats(126), (126, "f4")), 126, lambda x: x),
    "reverse_through_shared": (1, 256, (floats(256), (256, "f4")), 256, lambda x: x[::-1]),
    "loop_with_two_barriers": (1, 64, (floats(64), (64, "f4")), 64, lambda x: 3 * x[::-1] + 3),
    "double_buffer_with_one_barrier": (1, 64, (floats(64), (64, "f4")), 64, lambda x: 5 * x[::-1] + 10),
    "tree_with_syncwarp": (1, 32, (floats(32), (1, "f4")), 32, lambda x: x.sum()),
    "each_warp_its_own_part": (1, 128, (floats(128), (128, "f4")), 128,
                               lambda x: x.reshape(4, 32)[:, ::-1].ravel()),
    "bytes_of_one_word": (1, 64, (floats(1), (64, "u1")), 64, lambda x: numpy.full(64, 63)),
    "histogram_in_shared": (1, 64, (ints(64), numpy.zeros(4, "i4")), 64, lambda x: numpy.bincount(x & 3)),
    "histogram_in_global": (1, 64, (ints(64), numpy.zeros(4, "i4")), 64, lambda x: numpy.bincount(x & 3)),
    "maximum_by_compare_and_swap": (1, 64, (floats(64), numpy.zeros(1, "f4")), 64, lambda x: x.max()),
    "lock_in_shared": (1, 64, (floats(64), (1, "f4")), 64, lambda x: x.sum()),
    "last_block_sums": (8, 32, (floats(8), numpy.zeros(10, "f4")), 8, None),
    "early_exit_before_barrier": (1, 64, (floats(32), (20, "f4")), 20, lambda x: x[:20][::-1]),
    "uniform_branch_with_barrier": (1, 64, (floats(64), (64, "f4")), 64, lambda x: x[::-1] + 1),
    "block_sum_by_shuffles": (1, 128, (floats(128), (1, "f4")), 128, lambda x: x.sum()),
    "shuffle_in_half_a_warp": (1, 32, (floats(32), (20, "f4")), 20, lambda x: numpy.append(x[1:20], 0)),
    "async_pipeline": (1, 32, (floats(4 * 32 * 3), (4 * 32 * 3, "f4")), 3,
                       lambda x: x.reshape(3, 32, 4)[:, ::-1].ravel()),
    "transposed_tile": (1, 64, (floats(256), (256, "f4")), 256, lambda x: x.reshape(16, 16).T.ravel()),
    "local_window": (1, 4, (floats(8), (4, "f4")), 4, lambda x: x[:4] + x[0]),
    "atomics_of_halves": (2, 32, (floats(1), numpy.zeros(2, "f2")), 2, lambda x: [32, 32]),
    "flag_within_a_block": (1, 64, (floats(1), (1, "f4")), 1, lambda x: x),
}  # fmt: skip
SHARED = {"transposed_tile": 16 * 17 * 4, "dynamic_too_small": 32 * 4}


@functools.cache
def module(name: str, arch: str, checked: bool) -> Module:
    bench = Bench(check=CHECK_ALL if checked else 0, arch=arch)
    return bench.module(cuda=(KERNELS / f"{name}.cu").read_text())


def run(bench: Bench, source: str, name: str, grid, block, arguments, n: int):
    arrays = [
        bench.array(a) if isinstance(a, numpy.ndarray) else bench.empty(*a) for a in arguments
    ]
    kernels = module(source, bench.arch, bool(bench.check))
    bench.launch(kernels, name, grid, block, *arrays, numpy.int32(n), shared=SHARED.get(name, 0))
    result = arrays[-1].get()
    reports = bench.reports()
    bench.close()
    return result, reports


@pytest.mark.parametrize("name", BUGS)
def test_seeded_bug_is_found(name):
    grid, block, arguments, n, text = BUGS[name]
    for seed in SEEDS:
        _, reports = run(
            Bench(check=CHECK_ALL, seed=seed), "seeded_bugs", name, grid, block, arguments, n
        )
        assert text in reports, (seed, reports or "no report")
        assert reports.startswith(f"[{name} block(")


@pytest.mark.parametrize("arch", ["80", "120"])
@pytest.mark.parametrize("name", CORRECT)
def test_correct_kernel_is_clean(name, arch):
    grid, block, arguments, n, reference = CORRECT[name]
    x = arguments[0]
    wanted = [*x, x.sum()] if reference is None else reference(x)
    variants = [Bench(arch=arch)]
    variants += [
        Bench(check=CHECK_ALL, seed=s, preempt=p, arch=arch) for s in SEEDS for p in (0, 5)
    ]
    for bench in variants:
        result, reports = run(bench, "correct", name, grid, block, arguments, n)
        assert reports == ""
        numpy.testing.assert_allclose(result[: numpy.size(wanted)], wanted, rtol=1e-4, atol=1e-5)


def test_every_kernel_of_the_files_is_used():
    for source, table in (("seeded_bugs", BUGS), ("correct", CORRECT)):
        image = module(source, "80", True).image.contents
        names = {image.kernels[i].name.decode() for i in range(image.kernel_count)}
        separate = {"waits_for_another_block", "dereferences_host_pointer"}  # tested below
        assert names - separate == set(table)


def test_waiting_for_another_block_ends_in_a_report():
    bench = Bench()
    y = bench.array(numpy.zeros(1, "i4"))
    bench.launch(
        module("seeded_bugs", "86", False), "waits_for_another_block", 2, 1, y, numpy.int32(1)
    )
    assert "live-lock" in bench.reports()
    bench.close()


@pytest.mark.parametrize("check", [0, CHECK_ALL])
def test_host_pointer(check):
    bench = Bench(check=check)
    host = numpy.zeros(32, "f4")
    y = bench.empty(32, "f4")
    kernels = module("seeded_bugs", "86", bool(check))
    arguments = numpy.uint64(host.ctypes.data), y, numpy.int32(1)
    bench.launch(kernels, "dereferences_host_pointer", 1, 32, *arguments)
    assert "no device memory (a host pointer?)" in bench.reports()
    bench.close()


def test_wrong_device():
    bench = Bench(check=CHECK_ALL)
    x, y = bench.array(floats(32), device=1), bench.empty(32, "f4")
    kernels = module("correct", "86", True)
    bench.launch(kernels, "guarded_bound", 1, 32, x, y, numpy.int32(32))
    assert "memory of device 1 by a kernel on device 0" in bench.reports()
    bench.close()


def test_wild_access_of_an_unchecked_kernel_ends_the_launch():
    """The fault is caught, the process goes on."""
    bench = Bench()
    x = bench.empty(16, "f4")
    kernels = module("seeded_bugs", "86", False)
    bench.launch(kernels, "bound_off_by_one", 64, 256, x, x, numpy.int32(1 << 20))
    assert "illegal access to device address" in bench.reports()
    numpy.testing.assert_equal(
        run(bench, "correct", "guarded_bound", *CORRECT["guarded_bound"][:4])[1], ""
    )


def test_sub_ranges_of_an_arena():
    """A sub-allocator declares its tensors: running from one into the gap before the next is found."""
    import ctypes

    bench = Bench(check=CHECK_ALL)
    arena = bench.array(numpy.zeros(256, "f4"))
    for offset in (0, 512):
        bench.engine.cudasim_bounds_add(
            ctypes.c_uint64(arena.address + offset), ctypes.c_size_t(400)
        )
        bench.engine.cudasim_mark_written(
            ctypes.c_uint64(arena.address + offset), ctypes.c_size_t(400)
        )
    kernels = module("correct", "86", True)
    first = numpy.uint64(arena.address)
    second = numpy.uint64(arena.address + 512)
    bench.launch(kernels, "guarded_bound", 1, 128, first, second, numpy.int32(100))
    assert bench.reports() == ""
    bench.launch(kernels, "guarded_bound", 1, 128, first, second, numpy.int32(101))
    assert "past the end of a 400-byte sub-range" in bench.reports()
    bench.engine.cudasim_bounds_del_sub(ctypes.c_uint64(arena.address))
    bench.launch(kernels, "guarded_bound", 1, 128, first, second, numpy.int32(1))
    assert "below the first sub-range" in bench.reports()
    bench.close()
