"""Products of matrices by cuBLASLt."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu import cublaslt
from ovgpu.plugins.gpu.encoder import Encoder
from tests.plugins.gpu.lowering_check import compare, numbers

PRECISIONS = pytest.mark.parametrize(
    "precision", [Type.f32, Type.f16, Type.bf16], ids=["f32", "f16", "bf16"]
)


@pytest.fixture
def names(monkeypatch):
    """Names of the library calls and launches that are encoded from now on."""
    seen: list[str] = []
    enqueue, launch = Encoder.enqueue, Encoder.launch

    def note_call(self, name, *arguments, **keywords):
        seen.append(name)
        enqueue(self, name, *arguments, **keywords)

    def note_launch(self, source, function, *arguments, **keywords):
        seen.append(function)
        launch(self, source, function, *arguments, **keywords)

    monkeypatch.setattr(Encoder, "enqueue", note_call)
    monkeypatch.setattr(Encoder, "launch", note_launch)
    return seen


@pytest.mark.gpu_sim
@PRECISIONS
@pytest.mark.parametrize("transposed", ["", "a", "b", "ab"])
def test_shapes(transposed, precision, names):
    flags = {"transpose_a": "a" in transposed, "transpose_b": "b" in transposed}
    shapes = [((40, 36), (36, 44)), ((2, 3, 20, 24), (2, 3, 24, 12)), ((3, 17, 9), (9, 31))]
    shapes += [((5, 20, 8), (5, 8, 16)), ((20, 16), (3, 16, 8))]
    for a, b in shapes:
        arrays = [numbers(a, 1), numbers(b, 2)]
        for index, letter in enumerate("ab"):
            if letter in transposed:
                arrays[index] = np.ascontiguousarray(arrays[index].swapaxes(-1, -2))
        compare("MatMul", arrays, precision=precision, **flags)
    assert names == ["cublasLtMatmul"] * len(shapes)


@pytest.mark.gpu_sim
@PRECISIONS
def test_epilogues(precision, names):
    arrays = [numbers((24, 20), 1), numbers((20, 40), 2), numbers((40,), 3)]
    for activations in ([], ["relu"], ["gelu_tanh"]):
        for count in (2, 3):
            fused = {"activations": activations, "activation_parameters": []}
            compare("MatMulBiasActivation", arrays[:count], "ovgpu", precision, **fused)
    assert names == ["cublasLtMatmul"] * 6
    # What the library has no epilogue for.
    compare("MatMulBiasActivation", arrays, "ovgpu", precision, activations=["gelu"])
    assert names[-1].startswith("matmul_")


@pytest.mark.gpu_sim
def test_algorithms_are_remembered(monkeypatch):
    asked = []
    ask = cublaslt.CublasLt._ask
    monkeypatch.setattr(
        cublaslt.CublasLt, "_ask", lambda self, *rest: asked.append(1) or ask(self, *rest)
    )
    for _ in range(3):
        compare("MatMul", [numbers((33, 21)), numbers((21, 19))])
    assert len(asked) <= 1


@pytest.mark.gpu_sim
def test_a_refusal_falls_back(monkeypatch, names):
    monkeypatch.setattr(cublaslt.CublasLt, "_ask", lambda self, *rest: None)
    monkeypatch.setattr(cublaslt.CublasLt, "_instances", {})
    compare("MatMul", [numbers((34, 21)), numbers((21, 19))])
    assert names[0] == "matmul_32x32"


@pytest.mark.gpu_sim
def test_without_the_library(monkeypatch, names):
    monkeypatch.setattr(cublaslt, "_load", lambda: None)
    monkeypatch.setattr(cublaslt.CublasLt, "_instances", {})
    compare("MatMul", [numbers((34, 21)), numbers((21, 19))])
    assert names[0] == "matmul_32x32"


@pytest.mark.gpu_sim
def test_part_of_a_graph():
    """A call in a captured stream; addresses stay."""
    import cupy

    a, b, out = (cupy.asarray(numbers(s, i)) for i, s in enumerate(((16, 8), (8, 12), (16, 12))))
    matrices = [
        cublaslt.Matrix(x.data.ptr, x.shape[1], x.shape[0], x.shape[1]) for x in (b, a, out)
    ]
    library = cublaslt.CublasLt.current()
    assert library is not None
    enqueue = library.prepare(cublaslt.LtProduct(Type.f32, *matrices), 0, 0)
    cupy.cuda.Device().synchronize()
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        enqueue(stream.ptr)
        graph = stream.end_capture()
        graph.launch(stream)
        stream.synchronize()
    np.testing.assert_allclose(cupy.asnumpy(out), cupy.asnumpy(a) @ cupy.asnumpy(b), atol=1e-5)
