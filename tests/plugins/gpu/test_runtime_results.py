"""Whole models on the device give what they give on the CPU, whatever the schedule of the streams."""

from __future__ import annotations

import numpy as np
import pytest
from plugins.gpu.runtime_models import (
    CASES,
    accumulated,
    appended,
    assert_same,
    compile_gpu,
    cpu_request,
    dense,
    parameter,
    reals,
)

import ovgpu as ov
from ovgpu import opset16 as ops

pytestmark = pytest.mark.gpu_sim


@pytest.mark.gpu_sim(policy=["lazy", "random:1"])
@pytest.mark.parametrize(("name", "build", "inputs"), CASES, ids=[c[0] for c in CASES])
def test_same_as_cpu(name, build, inputs):
    model = build()
    expected, actual = cpu_request(model), compile_gpu(model).create_infer_request()
    for values in [*inputs, *inputs]:
        assert_same(actual.infer(values), expected.infer(values))


@pytest.mark.parametrize(("precision", "tolerance"), [("f16", 1e-2), ("bf16", 6e-2)])
@pytest.mark.parametrize(("name", "build", "inputs"), CASES, ids=[c[0] for c in CASES])
def test_half_precision(name, build, inputs, precision, tolerance):
    model = build()
    expected = cpu_request(model)
    actual = compile_gpu(model, {"INFERENCE_PRECISION_HINT": precision}).create_infer_request()
    for values in inputs:
        assert_same(actual.infer(values), expected.infer(values), tolerance)


@pytest.mark.gpu_sim(check=True)
@pytest.mark.parametrize(("name", "build", "inputs"), CASES, ids=[c[0] for c in CASES])
def test_checked(name, build, inputs):
    request = compile_gpu(build()).create_infer_request()
    for values in [*inputs, *inputs]:
        request.infer(values)


def test_results_that_nothing_reads():
    """They have places too: an operation on the host writes all its results."""
    x = parameter([-1])
    unique = ops.unique(x)
    model = ov.Model([unique.output(0), ops.relu(unique.output(3))], [x], "unread")
    request, reference = compile_gpu(model).create_infer_request(), cpu_request(model)
    for seed in range(2):
        values = [np.round(reals(6000, seed=seed), 2)]
        assert_same(request.infer(values), reference.infer(values))


def test_axes_from_an_input():
    """What was read at a boundary is known to the operations behind it."""
    x, axes = parameter([-1, 3, 4]), parameter([1], np.int64, "axes")
    model = ov.Model([ops.reduce_sum(ops.relu(x), axes, False)], [x, axes], "axes")
    request, reference = compile_gpu(model).create_infer_request(), cpu_request(model)
    for axis in (0, 1, 2, 1):
        values = [reals(5, 3, 4), np.array([axis])]
        assert_same(request.infer(values), reference.infer(values))


def test_sizes_chosen_by_data():
    """Both alternatives are the same sizes: the result is known while planning, in the shape of the condition."""
    x = parameter([-1, 8, 3])
    negative = ops.less(ops.reduce_min(x, ops.constant(np.array([1, 2])), True), np.float32(-1.5))
    sizes = ops.shape_of(x)
    model = ov.Model([ops.select(negative, sizes, sizes), negative], [x], "chosen sizes")
    request, reference = compile_gpu(model).create_infer_request(), cpu_request(model)
    for rows in (4, 1, 4):
        assert_same(request.infer([reals(rows, 8, 3)]), reference.infer([reals(rows, 8, 3)]))


def test_sizes_in_small_integers_and_none_at_all():
    x = parameter([-1, 100])
    sizes = ops.shape_of(x)
    total = ops.reduce_sum(ops.convert(sizes, "i8"), ops.constant(np.array([0])), False)
    one, two, target = (ops.constant(np.array(n)) for n in ([1], [2], [0, -1]))
    empty = ops.reshape(ops.slice(sizes, two, two, one), target, False)
    model = ov.Model([total, empty], [x], "small integers")
    request, reference = compile_gpu(model).create_infer_request(), cpu_request(model)
    for rows in (100, 3):
        assert_same(request.infer([reals(rows, 100)]), reference.infer([reals(rows, 100)]))


def test_errors_name_the_operation():
    """When sizes do not go together: those of inputs, and those that an input says."""
    x, y, parts = parameter([-1], name="x"), parameter([-1], name="y"), parameter([2], np.int64)
    both, split = ops.add(x, y), ops.variadic_split(x, ops.constant(np.int64(0)), parts)
    turned = ops.reshape(y, parts, False)
    for node, name in ((both, "both"), (split, "parts"), (turned, "turned")):
        node.set_friendly_name(name)
        model = ov.Model([node.output(0)], [x, y, parts], "refused")
        request, reference = compile_gpu(model).create_infer_request(), cpu_request(model)
        with pytest.raises(RuntimeError, match=rf"^GPU\.0: '{name}' failed: .*[Ss]"):
            request.infer([reals(3), reals(4), np.array([1, 1])])
        values = [reals(4), reals(4, seed=1), np.array([2, 2])]
        assert_same(request.infer(values), reference.infer(values))


def test_states_are_read_set_and_reset():
    model = appended()
    expected, actual = cpu_request(model), compile_gpu(model).create_infer_request()
    for request in (expected, actual):
        request.infer([reals(2, 3)])
        request.infer([reals(1, 3, seed=1)])
    (want,), (got,) = expected.query_state(), actual.query_state()
    np.testing.assert_array_equal(got.state.data, want.state.data)
    for request in (expected, actual):
        (state,) = request.query_state()
        state.state = ov.Tensor(
            reals(40, 3, seed=2)
        )  # larger than the buffers: plans are made anew
    assert_same(actual.infer([reals(1, 3)]), expected.infer([reals(1, 3)]))
    for request in (expected, actual):
        request.reset_state()
    for rows in (2, 1, 2):
        assert_same(actual.infer([reals(rows, 3)]), expected.infer([reals(rows, 3)]))


def test_states_after_known_plans():
    """A plan that is used again writes the variable's size again."""
    model = appended()
    expected, actual = cpu_request(model), compile_gpu(model).create_infer_request()
    for _ in range(4):
        for request in (expected, actual):
            request.reset_state()
        for rows in (1, 1, 2, 1):
            assert_same(actual.infer([reals(rows, 3)]), expected.infer([reals(rows, 3)]))


def test_requests_have_their_own_variables():
    compiled = compile_gpu(accumulated())
    first, second = compiled.create_infer_request(), compiled.create_infer_request()
    ones = np.ones((2, 3), np.float32)
    for step in range(1, 4):
        assert first.infer([ones])[0][0, 0] == 10 + step
    assert second.infer([ones])[0][0, 0] == 11


def test_device_names_and_errors():
    core = ov.Core()
    assert [d for d in core.available_devices if d.startswith("GPU")] == ["GPU.0", "GPU.1"]
    for index in (0, 1):
        compiled = core.compile_model(dense([2, 8]), f"GPU.{index}")
        assert compiled.get_property("EXECUTION_DEVICES") == [f"GPU.{index}"]
        assert_same(compiled([reals(2, 8)]), cpu_request(dense([2, 8])).infer([reals(2, 8)]), 2e-2)
    with pytest.raises(RuntimeError, match=r"GPU\.7.*GPU\.0, GPU\.1"):
        core.compile_model(dense([2, 8]), "GPU.7")
    with pytest.raises(RuntimeError):
        core.compile_model(dense([2, 8]), "GPU.x")


def test_export_and_import():
    from io import BytesIO

    model, values = dense([(1, 6), 8]), [reals(3, 8)]
    compiled = compile_gpu(model)
    blob = BytesIO()
    compiled.export_model(blob)
    imported = ov.Core().import_model(blob.getvalue(), "GPU.1")
    assert imported.get_property("EXECUTION_DEVICES") == ["GPU.1"]
    assert imported.get_property("INFERENCE_PRECISION_HINT") == ov.Type.f32
    assert_same(imported(values), compiled(values))
    with pytest.raises(RuntimeError):
        ov.Core().import_model(b"not a blob", "GPU")


def test_cache(tmp_path):
    core = ov.Core()
    core.set_property({"CACHE_DIR": str(tmp_path)})
    path = tmp_path / "model.xml"
    ov.save_model(dense([2, 8]), path, compress_to_fp16=False)
    first = core.compile_model(path, "GPU")
    second = core.compile_model(path, "GPU")
    assert not first.get_property("LOADED_FROM_CACHE")
    assert second.get_property("LOADED_FROM_CACHE")
    assert_same(second([reals(2, 8)]), first([reals(2, 8)]))


def test_profiling_names_the_tier():
    from plugins.gpu.runtime_models import through_host

    compiled = compile_gpu(through_host(), {"PERF_COUNT": True})
    request = compiled.create_infer_request()
    for _ in range(3):
        request.infer([reals(3, 4)])
    infos = {i.node_type: i for i in request.get_profiling_info()}
    executed = [i for i in infos.values() if i.status == ov.ProfilingInfo.Status.EXECUTED]
    assert executed
    assert all(i.exec_type.startswith(("cuda_f32", "host_f32")) for i in infos.values())
    host = [i for i in executed if i.exec_type == "host_f32"]
    assert all(i.real_time.total_seconds() > 0 for i in host)
    assert compiled.get_property("OVGPU_CUDA_GRAPH_COUNT") == 0


def test_strings_stay_on_the_host():
    from ovgpu import opset15 as ops
    from ovgpu.graph.special import Parameter

    x = Parameter(ov.Type.string, [-1])
    parts = ops.string_tensor_unpack(x)
    model = ov.Model([x, *(parts.output(i) for i in range(3))], [x], "strings")
    request, reference = compile_gpu(model).create_infer_request(), cpu_request(model)
    for words in (["a", "bc"], ["def"], ["a", "bc"], ["xyz", "q"]):
        actual, expected = request.infer([np.array(words)]), reference.infer([np.array(words)])
        for got, want in zip(actual.to_tuple(), expected.to_tuple(), strict=True):
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    "name", ["u1", "u2", "u4", "i4", "nf4", "f8e4m3", "bf16", "f64", "boolean"]
)
def test_input_types(name):
    from ovgpu import opset16 as ops
    from ovgpu.graph.special import Parameter

    x = Parameter(getattr(ov.Type, name), [2, 6])
    model = ov.Model([ops.add(ops.convert(x, "f32"), np.float32(1)), x], [x], name)
    tensor = ov.Tensor(x.get_element_type(), ov.Shape([2, 6]))
    values = np.arange(tensor.data.size).reshape(tensor.data.shape)
    tensor.data[...] = values.astype(tensor.data.dtype)
    request, reference = compile_gpu(model).create_infer_request(), cpu_request(model)
    for _ in range(3):
        assert_same(request.infer([tensor]), reference.infer([tensor]))
