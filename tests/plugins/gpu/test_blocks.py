"""Blocks that move between axes on the device: exact."""

from __future__ import annotations

import numpy as np
import pytest

from tests.plugins.gpu.lowering_check import compare, i64, values


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("mode", ["blocks_first", "depth_first"])
def test_space_and_depth(mode):
    for shape in [(2, 3, 4, 6), (1, 5, 8), (1, 2, 2, 4, 6)]:
        compare("SpaceToDepth", [values(shape)], mode=mode, block_size=2)
    for shape in [(2, 12, 4, 3), (1, 6, 8), (1, 16, 2, 3, 2)]:
        compare("DepthToSpace", [values(shape)], mode=mode, block_size=2)
    compare("ShuffleChannels", [values((2, 12, 3, 3), np.float16)], axis=1, group=3)


@pytest.mark.gpu_sim(check=[False, True])
def test_space_and_batch():
    for shape, blocks, low, high in [
        ((12, 4, 3), (1, 2, 3), (0, 0, 0), (0, 0, 0)),
        ((12, 4, 3), (1, 2, 3), (0, 1, 2), (0, 2, 1)),
        ((8, 2, 3, 4), (1, 1, 2, 4), (0, 0, 1, 3), (0, 1, 0, 6)),
    ]:
        arrays = [values(shape), i64(*blocks), i64(*low), i64(*high)]
        compare("BatchToSpace", arrays, constant=[1, 2, 3])
    for shape, blocks, low, high in [
        ((2, 4, 6), (1, 2, 3), (0, 0, 0), (0, 0, 0)),
        ((2, 3, 5), (1, 2, 3), (0, 1, 2), (0, 0, 2)),
        ((1, 2, 3, 7), (1, 1, 2, 4), (0, 0, 1, 5), (0, 0, 0, 0)),
    ]:
        arrays = [values(shape), i64(*blocks), i64(*low), i64(*high)]
        compare("SpaceToBatch", arrays, constant=[1, 2, 3])
