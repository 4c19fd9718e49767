"""What plans of different shapes share, and what they must not."""

from __future__ import annotations

import numpy as np
import pytest
from plugins.gpu.runtime_models import F32, assert_same, compile_gpu, cpu_request, parameter, reals

import ovgpu as ov
from ovgpu import opset16 as ops


def two_inputs() -> ov.Model:
    """One half of the work depends on a length, the other does not."""
    x, y = parameter([-1, 8]), parameter([4, 8], name="y")
    weights = ops.constant(reals(8, 8))
    return ov.Model(
        [
            ops.tanh(ops.matmul(x, weights, False, False)),
            ops.softmax(ops.matmul(y, weights, False, False), 1),
        ],
        [x, y],
        "two",
    )


@pytest.mark.gpu_sim
def test_records_are_shared_where_nothing_changed(cudasim):
    """Lengths within one block of memory: the other half keeps its places, and with them its records."""
    request = compile_gpu(two_inputs(), {**F32, "OVGPU_CUDA_GRAPHS": False}).create_infer_request()
    reference = cpu_request(two_inputs())
    for length in (6, 7, 5):
        values = [reals(length, 8, seed=length), reals(4, 8, seed=1)]
        assert_same(request.infer(values), reference.infer(values))
    plans = list(request._job.executor._roots.values())
    kept = [{id(r) for r in plan.records} for plan in plans]
    shared = kept[1] & kept[2]
    assert shared
    names = {r.name for r in plans[2].records if id(r) in shared}
    assert any("softmax" in name.lower() for name in names)
    assert len(shared) < len(kept[2])


@pytest.mark.gpu_sim
def test_known_values_are_looked_at(cudasim):
    """Equal shapes with other known values: records hold the values, and must not be taken for each other."""
    x, count = parameter([-1]), parameter([-1, 3], name="count")
    sizes = ops.shape_of(count, "i64")
    total = ops.gather(sizes, ops.constant(np.int64(0)), ops.constant(np.int64(0)))
    ranged = ops.range(total, ops.add(total, ops.constant(np.int64(4))), np.int64(1), "f32")
    model = ov.Model([ops.multiply(x, ranged)], [x, count], "known")
    request, reference = compile_gpu(model).create_infer_request(), cpu_request(model)
    for rows in (2, 5, 2, 9):
        values = [reals(4, seed=rows), reals(rows, 3)]
        assert_same(request.infer(values), reference.infer(values))
