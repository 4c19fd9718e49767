"""Launches of whole networks, counted without executing them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import ovgpu as ov

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
import models


@pytest.mark.gpu_sim
@pytest.mark.parametrize("precision", ["f32", "f16"])
@pytest.mark.parametrize("size", [32, 224])
def test_resnet50(size, precision, cudasim):
    """53 convolutions, the two poolings, the product and the softmax: one launch each."""
    config = {"INFERENCE_PRECISION_HINT": precision, "OVGPU_CUDA_GRAPHS": False}
    with cudasim.recording_only():
        request = ov.compile_model(models.resnet50(size=size), "GPU", config).create_infer_request()
        with cudasim.launches() as log:
            request.infer([np.ones((1, 3, size, size), np.float32)])
    assert len(log) == 57


def per_layer(build, feeds) -> int:
    """Launches that one more layer takes, in the last of the inferences."""
    counts = []
    for layers in (1, 2):
        config = {"INFERENCE_PRECISION_HINT": "f32", "OVGPU_CUDA_GRAPHS": False}
        request = ov.compile_model(build(layers), "GPU", config).create_infer_request()
        for feed in feeds:
            counted = len(request_launches(request, feed))
        counts.append(counted)
    return counts[1] - counts[0]


def request_launches(request, feed) -> list:
    from cudasim import device

    with device.launches() as log:
        request.infer(feed)
    return log


@pytest.mark.gpu_sim
def test_bert(cudasim):
    """Query, key and value; attention; the product behind it; two products; two normalisations."""
    with cudasim.recording_only():
        feeds = [[np.ones((1, 32, 64), np.float32)]]
        build = lambda n: models.bert(n, hidden=64, heads=4, sequence=32)  # noqa: E731
        assert per_layer(build, feeds) == 7


@pytest.mark.gpu_sim
@pytest.mark.parametrize("group", [0, 64])
def test_llama_decodes_a_token(group, cudasim):
    """Normalisation, query with key and value, their embedding into the cache, attention, the product behind it;
    normalisation, the gated product, the product behind it."""
    prompt = [np.arange(5)[None], np.arange(5)[None], np.zeros(1, np.int32)]
    token = [np.array([[7]]), np.array([[5]]), np.zeros(1, np.int32)]
    with cudasim.recording_only():
        assert per_layer(lambda n: models.llama(n, group=group), [prompt, token]) == 8
