"""Who runs which operation: said by query_model before compiling, and by profiles and properties afterwards."""

from __future__ import annotations

import numpy as np
import pytest
from plugins.gpu.runtime_models import (
    chosen,
    compile_gpu,
    cpu_request,
    dense,
    flattened,
    found,
    parameter,
    reals,
    rng,
)

import ovgpu as ov
from ovgpu import opset16 as ops

pytestmark = pytest.mark.gpu_sim

TIERS = {"OVGPU_QUERY_TIERS": True}


def mixed() -> ov.Model:
    """A product by the library, kernels of ours, and two operations for the host, one of which has a kernel."""
    x, axis = parameter([40, 32]), parameter([], np.int64, "axis")
    product = ops.matmul(x, ops.constant(reals(32, 48)), False, False)
    product.set_friendly_name("product")
    total = ops.cum_sum(product, axis)  # its kernel wants to know the axis beforehand
    total.set_friendly_name("total")
    wide = ops.exp(ops.multiply(total, ops.constant(np.float32(1e-3))))
    wide.set_friendly_name("wide")
    sizes = ops.shape_of(wide, "i64")
    sizes.set_friendly_name("sizes")
    values = ops.reduce_prod(wide, ops.constant(np.array([0], np.int64)), False)
    values.set_friendly_name("values")
    return ov.Model([values, ops.add(sizes, np.int64(1))], [x, axis], "mixed")


def unique() -> ov.Model:
    """An operation for the host whose results' size is known only when it has run."""
    x = parameter([-1])
    found = ops.unique(ops.relu(x))
    return ov.Model([ops.exp(found.output(0))], [x], "unique")


def tier_of(infos, name: str) -> str:
    (info,) = [i for i in infos if i.node_name == name]
    return info.exec_type.partition("_")[0]


def test_query_before_compiling():
    core, model = ov.Core(), mixed()
    names = {node.get_friendly_name() for node in model.get_ordered_ops()}
    assert core.query_model(model, "GPU") == dict.fromkeys(names, "GPU.0")
    placed = core.query_model(model, "GPU.1", TIERS)
    assert set(placed) == names
    assert placed["x"] == "GPU.1"  # nothing to do
    assert placed["product"] == placed["values"] == placed["wide"] == "GPU.1:cuda"
    assert placed["total"] == "GPU.1:host"
    assert placed["sizes"] == "GPU.1"  # known when compiling


def test_query_of_dynamic_models():
    core = ov.Core()

    def tiers(model: ov.Model) -> dict[str, str]:
        placed = core.query_model(model, "GPU", TIERS)
        return {
            node.get_type_name(): placed[node.get_friendly_name()].removeprefix("GPU.0").strip(":")
            for node in model.get_ordered_ops()
        }

    assert tiers(flattened([-1, -1, 3]))["ShapeOf"] == "plan"
    assert tiers(flattened([-1, -1, 3]))["Exp"] == "cuda"
    assert tiers(found())["NonZero"] == "cuda"
    assert tiers(unique())["Unique"] == "host"
    assert tiers(unique())["Exp"] == "cuda"
    assert tiers(chosen())["If"] == "host"
    assert set(tiers(dense([(1, 6), 8])).values()) == {"", "cuda"}


def test_profile_of_an_inference():
    """A profile names the library, and the host also where a kernel refused what the plan has."""
    model = mixed()
    compiled = compile_gpu(model, {"PERF_COUNT": True})
    request = compiled.create_infer_request()
    inputs = [reals(40, 32), np.array(1, np.int64)]
    request.infer(inputs)
    infos = request.get_profiling_info()
    assert tier_of(infos, "product") == "library"
    assert tier_of(infos, "total") == "host"
    assert tier_of(infos, "values") == "cuda"
    executed = {i.node_name for i in infos if i.status == ov.ProfilingInfo.Status.EXECUTED}
    assert {"product", "total", "values"} <= executed
    assert compiled.get_property("OVGPU_HOST_OPERATIONS") == ["total"]
    (want, *_) = cpu_request(model).infer(inputs).to_tuple()
    np.testing.assert_allclose(request.results.to_tuple()[0], want, 1e-4)


def test_profile_of_an_operation_at_a_boundary():
    """What runs on the host between two plans is measured too."""
    request = compile_gpu(unique(), {"PERF_COUNT": True}).create_infer_request()
    request.infer([reals(6000)])  # few elements would be known while planning
    (info,) = [i for i in request.get_profiling_info() if i.node_type == "Unique"]
    assert info.exec_type == "host_f32"
    assert info.status == ov.ProfilingInfo.Status.EXECUTED
    assert info.real_time.total_seconds() > 0


def test_integers_of_a_host_operation():
    """The host's part of a plan computes with the model's types."""
    x, axis = parameter([-1, 4], np.int64), parameter([], np.int32, "axis")
    model = ov.Model([ops.cum_sum(ops.add(x, np.int64(1 << 40)), axis)], [x, axis], "integers")
    values = [rng().integers(-9, 9, (3, 4)), np.array(0, np.int32)]
    request = compile_gpu(model).create_infer_request()
    for _ in range(3):
        np.testing.assert_array_equal(request.infer(values)[0], cpu_request(model).infer(values)[0])


def test_results_of_a_host_operation_have_the_planned_sizes():
    """An axis that comes as data leaves the shape of the updates unchecked, on the host as on the CPU device."""
    parameters = [
        parameter([3, 4]),
        parameter([2], np.int32),
        parameter([3, 4]),
        parameter([1], np.int32, "axis"),
    ]
    model = ov.Model([ops.scatter_update(*parameters)], parameters, "scatter")
    feeds = [reals(3, 4), np.array([2, 0], np.int32), reals(3, 4), np.array([1], np.int32)]
    got = compile_gpu(model).create_infer_request().infer(feeds)[0]
    np.testing.assert_array_equal(got, cpu_request(model).infer(feeds)[0])
    assert (got != feeds[0]).any()
