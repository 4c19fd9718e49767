"""Embedding bags on the device."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.graph.element_type import Type
from tests.plugins.gpu.lowering_check import compare, numbers


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("precision", [Type.f32, Type.f16])
@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_embedding_bags(precision, index):
    table, indices = numbers((10, 3, 5)), np.array([1, 9, 0, 4, 4, 7], index)
    weights = numbers((6,), 3)
    offsets, default = np.array([0, 2, 2, 3], index), np.array(6, index)
    for more in ([], [default], [default, weights], [np.array(-1, index), weights]):
        compare(
            "EmbeddingBagOffsetsSum",
            [table, indices, offsets, *more],
            "opset3",
            precision=precision,
        )
    compare(
        "EmbeddingBagOffsets",
        [table, indices, offsets, default],
        "opset15",
        precision=precision,
        reduction="mean",
    )
    packed = indices.reshape(2, 3)
    compare("EmbeddingBagPackedSum", [table, packed], "opset3", precision=precision)
    compare(
        "EmbeddingBagPackedSum",
        [table, packed, weights.reshape(2, 3)],
        "opset3",
        precision=precision,
    )
    compare("EmbeddingBagPacked", [table, packed], "opset15", precision=precision, reduction="mean")
    segments, count = np.array([0, 0, 2, 2, 2, 4], index), np.array(6, index)
    for more in ([], [default], [default, weights]):
        arrays = [table, indices, segments, count, *more]
        compare("EmbeddingSegmentsSum", arrays, "opset3", constant=[3], precision=precision)
