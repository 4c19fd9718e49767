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
