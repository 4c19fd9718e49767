"""Products of matrices by the project's own kernels."""

from __future__ import annotations

import numpy as np
import pytest

import ovgpu as ov
from ovgpu import opset16 as ops
from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.cublaslt import CublasLt
from tests.plugins.gpu.lowering_check import compare, numbers


@pytest.fixture(autouse=True)
def no_library(monkeypatch):
    """Without cuBLASLt, as on a machine where it is not installed."""
    monkeypatch.setattr(CublasLt, "current", classmethod(lambda cls: None))


SHAPES = [
    # a few rows: a walk over the weights
    ((1, 64), (64, 40)),
    ((3, 33), (33, 70)),
    ((2, 5, 48), (48, 17)),
    ((64,), (64, 10)),
    ((7, 64), (64,)),
    ((20,), (20,)),
    # tiles, with and without aligned groups of four
    ((40, 36), (36, 44)),
    ((33, 17), (17, 35)),
    ((2, 3, 20, 24), (2, 1, 24, 12)),
    ((4, 1, 9, 5), (3, 5, 31)),
    ((100, 7), (7, 1)),
    ((1, 1), (1, 1)),
    ((0, 8), (8, 4)),
    ((5, 0), (0, 4)),
]


def _stored(array: np.ndarray, transposed: bool) -> np.ndarray:
    return np.ascontiguousarray(array.swapaxes(-1, -2)) if transposed and array.ndim > 1 else array


@pytest.mark.gpu_sim(check=True)
@pytest.mark.parametrize("precision", [Type.f32, Type.f16], ids=["f32", "f16"])
@pytest.mark.parametrize("transposed", ["", "a", "b", "ab"])
def test_shapes_and_transpositions(transposed, precision):
    for a, b in SHAPES:
        flags = "a" in transposed, "b" in transposed
        arrays = [_stored(numbers(a, 1), flags[0]), _stored(numbers(b, 2), flags[1])]
        compare("MatMul", arrays, precision=precision, transpose_a=flags[0], transpose_b=flags[1])


@pytest.mark.gpu_sim
@pytest.mark.parametrize("precision", [Type.f32, Type.f16, Type.bf16], ids=["f32", "f16", "bf16"])
@pytest.mark.parametrize(
    "shapes", [((260, 72), (72, 200)), ((64, 1500), (1500, 40))], ids=["tiles", "slices"]
)
def test_large(shapes, precision):
    for flags in ((False, False), (True, True)):
        arrays = [
            _stored(numbers(s, i), f) for i, (s, f) in enumerate(zip(shapes, flags, strict=True))
        ]
        compare("MatMul", arrays, precision=precision, transpose_a=flags[0], transpose_b=flags[1])


@pytest.mark.gpu_sim
def test_every_tile(monkeypatch):
    from ovgpu.plugins.gpu.lower import tiles

    for edge in (32, 64, 128):
        monkeypatch.setattr(
            tiles,
            "choose_tile",
            lambda m, n, batch, _, edge=edge: (edge, -(-m // edge) * -(-n // edge) * batch),
        )
        for a, b in (((150, 35), (35, 133)), ((128, 64), (64, 132))):
            compare("MatMul", [numbers(a), numbers(b)], transpose_a=False, transpose_b=False)


@pytest.mark.gpu_sim(arch=[75, 90], check=True)
@pytest.mark.parametrize("edge", [64, 128])
def test_tensor_cores(monkeypatch, edge, cudasim):
    """All transpositions, loads of 16 bytes and sizes that do not allow them; slices of a long inner dimension."""
    from ovgpu.plugins.gpu.lower import tiles

    def choose(m, n, batch, _):
        return edge, -(-m // edge) * -(-n // edge) * batch

    monkeypatch.setattr(tiles, "choose_tile", choose)
    cases = [
        (((150, 35), (35, 133)), (False, False)),
        (((150, 40), (40, 136)), (False, True)),
        (((136, 64), (64, 132)), (True, False)),
        (((128, 72), (72, 136)), (True, True)),
        (((9, 700), (700, 24)), (False, True)),
        (((9, 704), (704, 24)), (False, False)),
    ]
    for shapes, flags in cases:
        arrays = [
            _stored(numbers(s, i), f) for i, (s, f) in enumerate(zip(shapes, flags, strict=True))
        ]
        with cudasim.launches() as log:
            compare(
                "MatMul",
                arrays,
                precision=Type.f16,
                tolerance=4e-3,
                transpose_a=flags[0],
                transpose_b=flags[1],
            )
        assert any(f"matmul_tensor_{edge}x{edge}" in str(entry) for entry in log)


@pytest.mark.gpu_sim(check=True)
@pytest.mark.parametrize("precision", [Type.f32, Type.f16], ids=["f32", "f16"])
def test_slices_are_added_up_in_the_same_launch(precision, cudasim, monkeypatch):
    """Whichever block of a tile comes last: the results are the same to the bit."""
    cases = [
        ([numbers((33, 1056), 1), numbers((42, 1056), 2), numbers((42,), 3)], []),
        ([numbers((2, 20, 512), 1), numbers((2, 30, 512), 2), numbers((30,), 3)], []),
    ]
    if precision is Type.f32:
        cases.append(([*cases[0][0], numbers((33, 42), 4)], ["gelu"]))
    for arrays, activations in cases:
        results = []
        for seed in range(1, 5):  # orders of blocks
            cudasim.configure_checks(seed=seed)
            with cudasim.launches() as log:
                results += compare(
                    "MatMulBiasActivation",
                    arrays,
                    "ovgpu",
                    precision,
                    transpose_b=True,
                    activations=activations,
                )
            (launch,) = log
            assert launch.grid[1] > 1
        for result in results[1:]:
            np.testing.assert_array_equal(result, results[0])


@pytest.mark.gpu_sim(policy=["lazy", "random:1", "random:2"], check=[False, True])
@pytest.mark.parametrize("graphs", [False, True])
def test_slices_of_two_jobs_at_once(graphs, cudasim, monkeypatch):
    """Tickets are a job's own, and back at zero for the next launch."""
    x, first, second = (
        ops.parameter([33, 512], np.float32),
        numbers((512, 256), 1),
        numbers((256, 40), 2),
    )
    hidden = ops.relu(ops.matmul(x, first, False, False))
    model = ov.Model([ops.matmul(hidden, second, False, False)], [x], "sliced")
    config = {"INFERENCE_PRECISION_HINT": "f32", "OVGPU_CUDA_GRAPHS": graphs}
    compiled = ov.compile_model(model, "GPU", config)
    requests = [compiled.create_infer_request() for _ in range(2)]
    with cudasim.launches() as log:
        requests[0].infer([numbers((33, 512))])
    assert [launch.grid[1] for launch in log] == [2, 2]
    for seed in range(4):
        data = numbers((33, 512), seed)
        for request in requests:
            request.start_async([data])
        for request in requests:
            request.wait()
        results = [request.get_output_tensor().data for request in requests]
        expected = np.maximum(data @ first, 0) @ second
        np.testing.assert_allclose(results[0], expected, rtol=0, atol=2e-5 * np.abs(expected).max())
        np.testing.assert_array_equal(results[1], results[0])


@pytest.mark.gpu_sim
def test_integers_wrap():
    rng = np.random.default_rng(0)
    for shape in ((3, 40), (50, 40)):
        arrays = [rng.integers(-(2**31), 2**31, s).astype(np.int32) for s in (shape, (40, 12))]
        compare("MatMul", arrays, transpose_a=False, transpose_b=False)


CHAINS = [
    (["relu"], []),
    (["sigmoid"], []),
    (["tanh"], []),
    (["hsigmoid"], []),
    (["swish"], []),
    (["hswish"], []),
    (["gelu"], []),
    (["gelu_tanh"], []),
    (["softplus"], []),
    (["mish"], []),
    (["leaky_relu", "shift", "scale"], [0.1, 1.5, 2]),
    (["elu", "clamp"], [0.7, -0.25, float("inf")]),
    (["hard_sigmoid", "relu"], [0.2, 0.5]),
]


@pytest.mark.gpu_sim
@pytest.mark.parametrize(("activations", "parameters"), CHAINS, ids=lambda x: "-".join(map(str, x)))
def test_bias_and_activations(activations, parameters):
    for shape in ((2, 24), (33, 24)):
        arrays = [numbers(shape, 1), numbers((24, 21), 2), numbers((21,), 3)]
        compare(
            "MatMulBiasActivation",
            arrays,
            "ovgpu",
            activations=activations,
            activation_parameters=parameters,
        )


@pytest.mark.gpu_sim
def test_bias_with_slices_and_batches():
    arrays = [numbers((16, 1024), 1), numbers((48, 1024), 2), numbers((48,), 3)]
    compare("MatMulBiasActivation", arrays, "ovgpu", transpose_b=True, activations=["relu"])
    arrays = [numbers((2, 3, 10, 16), 1), numbers((2, 1, 16, 8), 2), numbers((8,), 3)]
    compare("MatMulBiasActivation", arrays, "ovgpu", activations=["tanh"])
