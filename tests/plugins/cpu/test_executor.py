"""Plans and their execution: shapes, views, memory, data-dependent sizes, variables, errors, cancellation."""

import threading
import time

import numpy as np
import pytest

import ovgpu as ov
from ovgpu import opset13 as ops
from ovgpu.plugins.cpu.evaluate import host_program
from ovgpu.plugins.cpu.executor import Executor
from ovgpu.plugins.plugin import InferenceCancelled


def executor_of(results, parameters) -> Executor:
    return Executor(host_program(ov.Model(results, parameters, "test")))


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def test_shapes_inside_bounds_share_one_block():
    x = ops.parameter([(1, 8), (1, 64), 4], np.float32)
    y = ops.relu(ops.add(ops.sigmoid(x), x))
    executor = executor_of([y], [x])
    generator = np.random.default_rng(1)
    sizes = set()
    for _ in range(300):
        data = random(int(generator.integers(1, 9)), int(generator.integers(1, 65)), 4)
        (result,) = executor.run([data])
        np.testing.assert_allclose(result, np.maximum(1 / (1 + np.exp(-data)) + data, 0), rtol=1e-5)
        sizes.add(executor.arena_bytes)
    assert executor.allocations == 1
    assert len(sizes) == 1


def test_unbounded_shapes_grow_by_powers_of_two():
    x = ops.parameter([-1, 3], np.float32)
    executor = executor_of([ops.relu(x)], [x])
    for n in [*range(1, 200), *range(200, 0, -1)]:
        data = random(n, 3)
        np.testing.assert_array_equal(executor.run([data])[0], np.maximum(data, 0))
    assert executor.allocations <= 10


def test_same_shape_plans_nothing(monkeypatch):
    x = ops.parameter([-1, 3], np.float32)
    executor = executor_of([ops.relu(x)], [x])
    executor.run([random(2, 3)])
    monkeypatch.setattr(
        "ovgpu.plugins.cpu.executor.plan_segment", lambda *_: pytest.fail("planned")
    )
    executor.run([random(2, 3)])


def test_views_and_outputs_of_views():
    x = ops.parameter([2, 3, 4], np.float32)
    flat = ops.reshape(x, np.array([6, 4]), False)
    turned = ops.transpose(flat, np.array([1, 0]))
    executor = executor_of([turned, flat, ops.relu(turned)], [x])
    data = random(2, 3, 4)
    results = executor.run([data])
    np.testing.assert_array_equal(results[0], data.reshape(6, 4).T)
    np.testing.assert_array_equal(results[1], data.reshape(6, 4))
    np.testing.assert_array_equal(results[2], np.maximum(data.reshape(6, 4).T, 0))


def test_in_place_does_not_destroy_what_is_read_later():
    x = ops.parameter([4, 4], np.float32)
    a = ops.relu(x)
    b = ops.add(a, np.float32(1))
    c = ops.add(a, b)  # reads `a` after `b` was made
    executor = executor_of([c, x], [x])
    data = random(4, 4)
    total, same = executor.run([data])
    np.testing.assert_allclose(total, 2 * np.maximum(data, 0) + 1, rtol=1e-6)
    np.testing.assert_array_equal(same, data)


def test_empty_and_scalar_tensors():
    x = ops.parameter([-1, 3], np.float32)
    executor = executor_of([ops.add(ops.relu(x), np.float32(1))], [x])
    assert executor.run([random(0, 3)])[0].shape == (0, 3)
    y = ops.parameter([], np.float32)
    assert executor_of([ops.relu(y)], [y]).run([np.ones((), np.float32)])[0].shape == ()


def test_shape_that_depends_on_an_input_value():
    x = ops.parameter([2, 6], np.float32)
    pattern = ops.parameter([2], np.int64)
    executor = executor_of([ops.relu(ops.reshape(x, pattern, False))], [x, pattern])
    data = random(2, 6)
    for shape in ([3, 4], [4, -1], [3, 4], [12, 1]):
        (result,) = executor.run([data, np.array(shape)])
        np.testing.assert_array_equal(result, np.maximum(data.reshape(shape), 0))


def test_size_that_depends_on_data():
    x = ops.parameter([-1], np.float32)
    where = ops.non_zero(ops.greater(x, np.float32(0)), "i64")
    picked = ops.gather(x, ops.squeeze(where, np.array([0])), np.array(0))
    executor = executor_of([ops.add(picked, picked)], [x])
    for seed in range(20):
        data = np.random.default_rng(seed).standard_normal(seed).astype(np.float32)
        np.testing.assert_array_equal(executor.run([data])[0], 2 * data[data > 0])


def test_failing_step_names_the_layer_and_the_next_run_is_right():
    x = ops.parameter([2, 6], np.float32, name="x")
    pattern = ops.parameter([2], np.int64)
    made = ops.reshape(x, pattern, False, name="remould")
    executor = executor_of([made], [x, pattern])
    with pytest.raises(RuntimeError, match="Reshape"):
        executor.run([random(2, 6), np.array([5, 5])])
    assert executor.run([random(2, 6), np.array([3, 4])])[0].shape == (3, 4)


def test_cancel():
    x = ops.parameter([256, 256], np.float32)
    y = x
    for _ in range(4000):
        y = ops.relu(y)
    executor = executor_of([y], [x])
    executor.run([random(256, 256)])
    errors = []

    def run():
        try:
            executor.run([random(256, 256)])
        except InferenceCancelled as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.005)
    executor.cancelled = True
    thread.join()
    assert len(errors) == 1
    executor.cancelled = False  # the job above does this when the next inference begins
    executor.run([random(256, 256)])


def test_release_memory():
    x = ops.parameter([8, 8], np.float32)
    executor = executor_of([ops.relu(x)], [x])
    first = executor.run([random(8, 8)])[0].copy()
    executor.release_memory()
    assert executor.arena_bytes == 0
    np.testing.assert_array_equal(executor.run([random(8, 8)])[0], first)


def test_compiled_model_reports_its_memory():
    x = ops.parameter([(1, 16), 8], np.float32)
    model = ov.Model([ops.matmul(x, random(8, 4), False, False)], [x])
    compiled = ov.compile_model(model, "CPU")
    request = compiled.create_infer_request()
    request.infer([random(3, 8)])
    before = compiled.get_property("OVGPU_MEMORY_STATISTICS")
    request.infer([random(16, 8)])
    after = compiled.get_property("OVGPU_MEMORY_STATISTICS")
    assert before == after
    assert before["weights"] >= 8 * 4 * 4
    assert before["arena"] > 0
    assert before["jobs"] == 1
