"""Operations that count their results on the device: data stays there, only the number is read back."""

from __future__ import annotations

import numpy as np
import pytest
from plugins.gpu.runtime_models import (
    assert_same,
    compile_gpu,
    cpu_request,
    found,
    parameter,
    reals,
)

import ovgpu as ov
from ovgpu import opset1, opset3, opset4, opset5, opset9
from ovgpu import opset16 as ops

pytestmark = pytest.mark.gpu_sim

ZERO, ONE = np.int64(0), np.int64(1)


def selected_boxes(images=1, classes=2, count=(1, 60), limit=7, opset=opset9) -> ov.Model:
    """Boxes gathered by the indices that NonMaxSuppression selects, and its own results."""
    boxes = parameter([images, count, 4], name="boxes")
    scores = parameter([images, classes, count], name="scores")
    numbers = [np.int64(limit), np.float32(0.4), np.float32(0.1)]
    found = opset.non_max_suppression(boxes, scores, *[ops.constant(n) for n in numbers])
    places = ops.gather(found.output(0), ops.constant(np.array([0, 2])), ops.constant(ONE))
    chosen = ops.multiply(ops.gather_nd(boxes, places), ops.constant(np.float32(2)))
    return ov.Model([chosen, *found.outputs()], [boxes, scores], "boxes")


def chained() -> ov.Model:
    """Two counts after each other, and the number of boxes as a size."""
    x = parameter([(0, 90)])
    at = ops.squeeze(ops.non_zero(ops.greater(x, ops.constant(np.float32(0)))), ops.constant(ZERO))
    values = ops.gather(x, at, ops.constant(ZERO))
    large = ops.non_zero(ops.greater(values, ops.constant(np.float32(0.5))), "i32")
    return ov.Model([ops.exp(values), large, ops.shape_of(large)], [x], "chained")


def detections(images, classes, count, seed=0):
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 5, (images, count, 2)) / 2
    boxes = np.concatenate([low, low + rng.integers(1, 5, (images, count, 2)) / 4], -1)
    scores = rng.integers(0, 17, (images, classes, count)) / 16
    return [boxes.astype(np.float32), scores.astype(np.float32)]


def host_operations(compiled) -> list[str]:
    return compiled.get_property("OVGPU_HOST_OPERATIONS")


def check(model: ov.Model, cases, **config) -> ov.CompiledModel:
    """Compare with the CPU, each case several times: planned, captured, replayed."""
    compiled = compile_gpu(model, config)
    request, reference = compiled.create_infer_request(), cpu_request(model)
    for _ in range(3):
        for values in cases:
            assert_same(request.infer(values), reference.infer(values))
    assert host_operations(compiled) == []
    return compiled


@pytest.mark.parametrize("graphs", [True, False])
@pytest.mark.parametrize("opset", [opset5, opset9])
def test_boxes_are_gathered_by_selected_indices(opset, graphs):
    cases = [detections(1, 2, n, n) for n in (40, 1, 60, 40, 7)]
    check(selected_boxes(opset=opset), cases, OVGPU_CUDA_GRAPHS=graphs)


@pytest.mark.gpu_sim(policy=["lazy", "random:3"], check=True)
@pytest.mark.parametrize("count", [50, (1, 50), -1])
def test_bounds(count):
    cases = [detections(2, 3, n, n) for n in ((50, 50) if count == 50 else (50, 3, 20))]
    check(selected_boxes(2, 3, count), cases)


def test_unknown_sizes_of_everything():
    cases = [detections(*shape) for shape in ((1, 2, 9), (3, 1, 30), (2, 2, 200), (1, 2, 9))]
    check(selected_boxes(-1, -1, -1), cases)


def test_profile_names_the_device():
    compiled = check(selected_boxes(), [detections(1, 2, 30)], PERF_COUNT=True)
    request = compiled.create_infer_request()
    request.infer(detections(1, 2, 30))
    (info,) = [i for i in request.profiling_info if i.node_type == "NonMaxSuppression"]
    assert info.exec_type == "cuda_f32"
    assert info.real_time.total_seconds() > 0


def test_nothing_selected():
    boxes, scores = detections(1, 2, 30)
    check(selected_boxes(), [[boxes, scores * 0], [boxes, scores], [boxes[:, :1], scores[..., :1]]])


@pytest.mark.gpu_sim(policy=["lazy", "random:5"])
def test_counts_after_each_other():
    cases = [[reals(n, seed=n)] for n in (90, 5, 33, 0, 1)]
    check(chained(), [*cases, [-np.ones(20, np.float32)], [np.ones(90, np.float32)]])


def test_numbers_from_inputs():
    """The largest number of boxes is an input: nothing bounds the results but the number of boxes."""
    boxes, scores = parameter([1, -1, 4], name="boxes"), parameter([1, 2, -1], name="scores")
    limit, overlap = parameter([], np.int64, "limit"), parameter([], name="overlap")
    least = ops.constant(np.float32(0.2))
    made = opset9.non_max_suppression(boxes, scores, limit, overlap, least)
    model = ov.Model([*made.outputs()], [boxes, scores, limit, overlap], "numbers")
    cases = [
        [*detections(1, 2, n, n), np.array(most), np.array(iou, np.float32)]
        for n, most, iou in ((30, 5, 0.5), (30, 0, 0.5), (9, 100, 0.9), (30, 5, 0.1))
    ]
    check(model, cases)


@pytest.mark.parametrize("opset", [opset1, opset3, opset4])
def test_fixed_numbers_of_rows(opset):
    """The first versions fill rows that are left over with -1, which is no boundary at all."""
    boxes, scores = parameter([2, (1, 40), 4]), parameter([2, 3, (1, 40)])
    numbers = [np.int64(6), np.float32(0.4), np.float32(0.5)]
    made = opset.non_max_suppression(boxes, scores, *[ops.constant(n) for n in numbers])
    model = ov.Model([ops.add(made, ops.constant(ONE))], [boxes, scores], "fixed")
    check(model, [detections(2, 3, n, n) for n in (40, 2, 15)])


def test_scalar():
    x = parameter([])
    check(
        ov.Model([ops.non_zero(x)], [x], "scalar"),
        [[np.float32(0)], [np.float32(3)], [np.float32(0)]],
    )


def test_half_precision():
    model = selected_boxes()
    values = detections(1, 2, 40)
    compiled = ov.Core().compile_model(model, "GPU", {"INFERENCE_PRECISION_HINT": "f16"})
    request = compiled.create_infer_request()
    assert_same(request.infer(values), cpu_request(model).infer(values), 1e-3)
    assert host_operations(compiled) == []


def test_data_stays_on_the_device(cudasim):
    """The count is all that comes back at the boundary: 4 bytes, besides the results of the model."""
    x = parameter([3000])
    values = ops.gather(
        x,
        ops.squeeze(ops.non_zero(ops.greater(x, ops.constant(np.float32(0)))), ops.constant(ZERO)),
        ops.constant(ZERO),
    )
    total = ops.reduce_sum(values, ops.constant(np.array([0])), True)
    request = compile_gpu(
        ov.Model([total], [x], "total"), {"OVGPU_CUDA_GRAPHS": False}
    ).create_infer_request()
    data = [reals(3000)]
    request.infer(data)
    with cudasim.counting() as grown:
        request.infer(data)
    assert (grown["copies_d2h"], grown["bytes_d2h"]) == (2, 4 + 4)
    assert (grown["copies_h2d"], grown["bytes_h2d"]) == (1, data[0].nbytes)
    assert grown["synchronizes"] == 2


def test_only_what_decides_is_read(cudasim):
    """The number of rows of the first versions follows from an input: 8 bytes, the first time too."""
    boxes, scores = parameter([1, 500, 4]), parameter([1, 2, 500])
    limit = parameter([], np.int64)
    numbers = [ops.constant(np.float32(n)) for n in (0.4, 0.1)]
    made = opset3.non_max_suppression(boxes, scores, limit, *numbers)
    model = ov.Model([made], [boxes, scores, limit], "limit")
    compiled = compile_gpu(model)
    request = compiled.create_infer_request()
    values = [*detections(1, 2, 500), np.int64(9)]
    with cudasim.counting() as grown:
        actual = request.infer(values)
    assert_same(actual, cpu_request(model).infer(values))
    assert grown["bytes_d2h"] == 8 + actual[0].nbytes
    assert host_operations(compiled) == []


def test_known_counts_cost_two_graphs(cudasim):
    request = compile_gpu(found()).create_infer_request()
    values = [np.array([1, -1, 2, 3, -4], np.float32)]
    for _ in range(3):
        request.infer(values)
    with cudasim.counting() as grown:
        request.infer(values)
    for name in ("mallocs", "host_allocs", "kernels_compiled", "launches", "copies_d2h"):
        assert grown[name] == 0, name
    assert (grown["graph_launches"], grown["synchronizes"]) == (2, 2)


@pytest.mark.parametrize("model", [selected_boxes, chained])
def test_new_counts_allocate_and_compile_nothing(cudasim, model):
    """Inside the bounds all memory was planned for the most that can be selected, when the model was compiled."""
    compiled = compile_gpu(model())
    request = compiled.create_infer_request()
    rng = np.random.default_rng(1)
    with cudasim.counting() as grown:
        for seed in range(30):
            n = int(rng.integers(1, 60))
            values = detections(1, 2, n, seed) if model is selected_boxes else [reals(n, seed=seed)]
            request.infer(values)
    assert (grown["mallocs"], grown["host_allocs"], grown["kernels_compiled"]) == (0, 0, 0)
    assert host_operations(compiled) == []


def test_continuations_are_capped(monkeypatch):
    from ovgpu.plugins.gpu import boundaries

    monkeypatch.setattr(boundaries, "MAX_PLANS", 3)
    cases = [[np.arange(-9, n, dtype=np.float32)] for n in range(1, 8)]
    compiled = check(found(), cases)
    assert compiled.get_property("OVGPU_CUDA_GRAPH_COUNT") <= 3 * len(cases) + len(cases)


def test_types_without_a_kernel_run_on_the_host():
    """Boxes in f64 are suppressed by the CPU."""
    boxes, scores = (parameter([1, *s], np.float64) for s in ((-1, 4), (2, -1)))
    numbers = [np.int64(5), np.float64(0.4), np.float64(0.1)]
    made = opset9.non_max_suppression(boxes, scores, *[ops.constant(n) for n in numbers])
    model = ov.Model([made.output(0)], [boxes, scores], "f64")
    compiled = compile_gpu(model)
    values = [a.astype(np.float64) for a in detections(1, 2, 20)]
    request = compiled.create_infer_request()
    assert_same(request.infer(values), cpu_request(model).infer(values))
    assert host_operations(compiled) == [made.get_friendly_name()]


def test_counts_that_constants_decide():
    """Planned ahead is the largest count, which what follows cannot take: only the true one fits."""
    x = parameter([200])
    at = ops.non_zero(ops.greater(x, ops.constant(np.float32(0))))
    joined = ops.concat([at, ops.constant(np.arange(300).reshape(3, 100))], 0)
    model = ov.Model([joined, ops.negative(joined)], [x], "joined")
    values = np.float32([1] * 100 + [-1] * 100)
    check(model, [[values], [np.roll(values, 50)]])
