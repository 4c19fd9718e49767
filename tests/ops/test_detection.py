"""Prior boxes and DetectionOutput against OpenVINO."""

from __future__ import annotations

import numpy as np
import pytest
from ops.differential import cases, const, data

RNG = np.random.default_rng(11)
PRIORS, CLASSES = 12, 4
BOXES = np.sort(RNG.uniform(0, 1, (PRIORS, 2, 2)), 1).reshape(-1)
PROPOSALS = np.stack([BOXES, np.full(BOXES.size, 0.1)])[None]
SCORES = RNG.permutation(2 * PRIORS * CLASSES) / (2 * PRIORS * CLASSES)
CENTER = "caffe.PriorBoxParameter.CENTER_SIZE"


def _floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def _prior_boxes():
    sizes = const([3, 4]), const([30, 50])
    choices = [
        {
            "min_size": _floats(4, 8),
            "max_size": _floats(9),
            "aspect_ratio": _floats(2, 3),
            "flip": True,
        },
        {
            "min_size": _floats(4),
            "max_size": _floats(9),
            "aspect_ratio": _floats(1, 2),
            "step": 7.0,
            "clip": True,
        },
        {"fixed_size": _floats(8, 12), "density": _floats(2, 1), "aspect_ratio": _floats(2)},
        {"fixed_size": _floats(8, 12), "density": _floats(2, 1), "fixed_ratio": _floats(0.5)},
        {
            "min_size": _floats(0.2),
            "aspect_ratio": _floats(2),
            "scale_all_sizes": False,
            "variance": _floats(1, 2, 3, 4),
        },
    ]
    for attributes in choices:
        for opset in (1, 8):
            yield from cases("prior_box", *sizes, {"offset": 0.5, **attributes}, opset=opset, attributes=False,
                             rtol=1e-4, atol=1e-5)  # fmt: skip
    yield from cases("prior_box", data([2], "i64", values=[3, 4]), const([30, 50]), {"offset": 0.5, **choices[0]},
                     opset=8, values=False, attributes=False)  # fmt: skip
    yield from cases("prior_box_clustered", *sizes, {"width": _floats(4, 8), "height": _floats(5, 9), "offset": 0.5},
                     opset=1, attributes=False, rtol=1e-4, atol=1e-5)  # fmt: skip


def _detections():
    predictions = data([2, PRIORS * 4], low=-1, high=1), data([2, PRIORS * CLASSES], values=SCORES)
    base = {"keep_top_k": np.array([10]), "nms_threshold": np.float32(0.4), "normalized": True}
    choices = [
        {},
        {"code_type": CENTER, "confidence_threshold": np.float32(0.4), "background_label_id": 1},
        {"code_type": CENTER, "top_k": 5, "clip_before_nms": True},
        {"clip_after_nms": True, "variance_encoded_in_target": True, "code_type": CENTER},
    ]
    for choice in choices:
        rows = 1 if "variance_encoded_in_target" in choice else 2
        priors = data([1, rows, PRIORS * 4], values=PROPOSALS[:, :rows])
        for opset in (1, 8):
            attributes = {**base, **choice, **({"num_classes": CLASSES} if opset == 1 else {})}
            yield from cases("detection_output", *predictions, priors, attributes, opset=opset,
                             attributes=False, relax=("batch",), rtol=1e-3, atol=1e-4)  # fmt: skip


@pytest.mark.parametrize("case", [*_prior_boxes(), *_detections()], ids=str)
def test_against_openvino(case):
    case.check()
